/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Linear and guest-physical addresses, and a TLB that goes stale as a real one does (SDM 4, 28.2, 28.3). */
#include <string.h>
#include "cpu.h"

#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_RSVD 8u
#define PF_I 16u
#define PF_PK 32u
#define PF_SS 64u

#define EPT_XU 0x400u
#define EPT_SUPPRESS_VE NVMX_BIT64(63)

struct access {
	uint64_t linear;
	unsigned want;   /* ACCESS_* of the access itself */
	bool table;      /* it is to a paging-structure entry on the way there */
	bool user;       /* the linear address is a user-mode one (4.6): its fetches are */
	bool no_linear;  /* there is no linear address: loading of PDPTEs */
};

static bool ept_on(const struct fake_cpu *c)
{
	return c->guest && (fake_proc2(c) & NVMX_PROC2_EPT);
}

/* Mode-based execute control for EPT (28.3.3). */
static bool by_mode(const struct fake_cpu *c)
{
	return c->guest && fake_proc2(c) & NVMX_PROC2_MODE_EXEC;
}

static uint64_t frame_mask(const struct fake_cpu *c)
{
	return ((1ull << c->caps->maxphyaddr) - 1) & ~0xfffull;
}

/* EPT misconfiguration (28.2.3.1). */
static bool ept_bad(const struct fake_cpu *c, uint64_t e, unsigned level, bool leaf)
{
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP);
	unsigned memtype = e >> 3 & 7;
	uint64_t reserved = (1ull << 52) - (1ull << c->caps->maxphyaddr);

	bool executes = e & 4 || (by_mode(c) && e & EPT_XU);

	if ((e & 3) == 2 || ((e & 3) == 0 && executes && !(cap & NVMX_EPT_X_ONLY)))
		return true;
	if (leaf && level > 1)
		reserved |= (1ull << (12 + 9 * (level - 1))) - (1ull << 12);
	if (!leaf)
		reserved |= 0x78 | (level >= 4 ? 0x80 : 0);
	if (e & reserved)
		return true;
	return leaf && (memtype == 2 || memtype == 3 || memtype == 7 || (level == 3 && !(cap & NVMX_EPT_1G)) ||
			(level == 2 && !(cap & NVMX_EPT_2M)));
}

/* 25.5.7: a violation that `entry` lets be a #VE in the guest; true: it was. */
static bool becomes_ve(struct fake_cpu *c, uint64_t entry, const struct fake_exit *x)
{
	uint64_t area;

	if (!(fake_proc2(c) & NVMX_PROC2_VE) || entry & EPT_SUPPRESS_VE || !(c->a.cr0 & NVMX_CR0_PE) || c->vectoring)
		return false;
	area = fake_field(c, NVMX_VE_INFO_ADDR);
	if (fake_phys_read(c, area + 4, 4))
		return false;
	fake_phys_write(c, area, x->reason | 0xffffffffull << 32, 8);
	fake_phys_write(c, area + 8, x->qualification, 8);
	fake_phys_write(c, area + 16, x->linear, 8);
	fake_phys_write(c, area + 24, x->physical, 8);
	fake_phys_write(c, area + 32, fake_field(c, NVMX_EPTP_INDEX), 2);
	fake_raise(c, NVMX_VECTOR_VE, false, 0);
	return true;
}

static void ept_exit(struct fake_cpu *c, uint32_t reason, uint64_t gpa, unsigned want, unsigned rights, uint64_t entry,
		     const struct access *a)
{
	struct fake_exit x = { .reason = reason, .linear = a->linear, .physical = gpa, .has_physical = true };

	if (reason == NVMX_XR_EPT_VIOLATION) {
		x.has_linear = !a->no_linear;
		x.qualification = want | rights << 3 | (a->no_linear ? 0 : NVMX_BIT(7)) |
				  (a->no_linear || a->table ? 0 : NVMX_BIT(8));
	}
	fake_tlb_flush(c, true, fake_vpid(c), false, 0, true, a->linear);
	if (reason != NVMX_XR_EPT_VIOLATION || !becomes_ve(c, entry, &x))
		fake_vmexit(c, &x);
}

/* 28.3.6: the page that becomes dirty goes into the page-modification log; false: that was full, and a VM exit was made. */
static bool log_page(struct fake_cpu *c, uint64_t gpa)
{
	const struct fake_exit full = { .reason = NVMX_XR_PML_FULL };
	uint64_t index;

	if (!(fake_proc2(c) & NVMX_PROC2_PML))
		return true;
	index = fake_field(c, NVMX_PML_INDEX);
	if (index > 511) {
		fake_vmexit(c, &full);
		return false;
	}
	fake_phys_write(c, fake_field(c, NVMX_PML_ADDRESS) + 8 * index, gpa & ~0xfffull, 8);
	fake_field_set(c, NVMX_PML_INDEX, (index - 1) & 0xffff);
	return true;
}

/* Guest-physical to host-physical; false: a VM exit was made. */
static bool physical(struct fake_cpu *c, uint64_t gpa, unsigned want, const struct access *a, uint64_t *hpa,
		     unsigned *rights)
{
	uint64_t eptp, table, e = EPT_SUPPRESS_VE;
	unsigned level, shift;
	bool leaf = false, ad, dirties;

	*rights = 7 | ACCESS_XU;
	*hpa = gpa;
	if (!ept_on(c))
		return true;
	eptp = fake_field(c, NVMX_EPT_POINTER);
	ad = eptp & NVMX_BIT(6);
	if (ad && a->table)
		want |= ACCESS_R | ACCESS_W;
	table = eptp & frame_mask(c);
	level = (unsigned)(eptp >> 3 & 7) + 1;
	if (gpa >> (12 + 9 * level))
		*rights = 0;
	for (; *rights && !leaf; level--) {
		uint64_t at;

		shift = 12 + 9 * (level - 1);
		at = table + (gpa >> shift & 511) * 8;
		e = fake_phys_read(c, at, 8);
		leaf = level == 1 || (level <= 3 && (e & 0x80));
		if (!(e & (by_mode(c) ? 7 | EPT_XU : 7))) {
			*rights = 0;
			break;
		}
		if (ept_bad(c, e, level, leaf)) {
			ept_exit(c, NVMX_XR_EPT_MISCONFIG, gpa, want, 0, e, a);
			return false;
		}
		*rights &= (e & 7) | (e & EPT_XU ? ACCESS_XU : 0);
		dirties = ad && leaf && want & ACCESS_W && *rights & ACCESS_W;
		if (dirties && !(e & 0x200) && !log_page(c, gpa))
			return false;
		if (ad)
			fake_phys_write(c, at, e | 0x100 | (dirties ? 0x200 : 0), 8);
		table = e & frame_mask(c);
	}
	if (want & ~(by_mode(c) && a->user && want & ACCESS_X ? *rights >> 1 & ACCESS_X : *rights)) {
		ept_exit(c, NVMX_XR_EPT_VIOLATION, gpa, want, by_mode(c) ? *rights : *rights & 7, e, a);
		return false;
	}
	if (by_mode(c)) /* what is left is the right that counts for this address */
		*rights = (*rights & 3) | (a->user ? *rights >> 1 & ACCESS_X : *rights & ACCESS_X);
	shift = 12 + 9 * level;
	*hpa = (table & ~((1ull << shift) - 1)) | (gpa & ((1ull << shift) - 1));
	return true;
}

struct format {
	unsigned levels, bytes, bits;
	uint64_t root;
};

static bool format(const struct fake_cpu *c, uint64_t linear, struct format *f)
{
	if (c->a.efer & NVMX_EFER_LMA) {
		*f = (struct format){ 4, 8, 9, c->a.cr3 & frame_mask(c) };
	} else if (c->a.cr4 & NVMX_CR4_PAE) {
		uint64_t pdpte = c->a.pdpte[linear >> 30 & 3];

		*f = (struct format){ 2, 8, 9, pdpte & frame_mask(c) };
		return pdpte & 1;
	} else {
		*f = (struct format){ 2, 4, 10, c->a.cr3 & 0xfffff000u };
	}
	return true;
}

static uint64_t reserved_bits(const struct fake_cpu *c, const struct format *f, unsigned level, bool leaf)
{
	uint64_t r = 0;

	if (f->bytes == 4)
		return 0;
	r = (1ull << 52) - (1ull << c->caps->maxphyaddr);
	if (!(c->a.efer & NVMX_EFER_NXE))
		r |= 1ull << 63;
	if (leaf && level > 1)
		r |= (1ull << (12 + f->bits * (level - 1))) - (1ull << 13);
	if (!leaf && level == 4)
		r |= 0x80;
	return r;
}

struct result {
	uint64_t gpa, hpa;
	unsigned rights;
	bool dirty, user;
};

/* 4.6.2: the protection key of a supervisor-mode address forbids the data access, by IA32_PKRS. */
static bool key_forbids(const struct fake_cpu *c, uint64_t leaf, unsigned want)
{
	uint64_t rights = c->a.pkrs >> (leaf >> 59 & 15) * 2 & 3; /* bit 0: no access; bit 1: no write */

	if (!(c->a.cr4 & NVMX_CR4_PKS) || !(c->a.efer & NVMX_EFER_LMA) || want & ACCESS_X)
		return false;
	return rights & 1 || (rights & 2 && want & ACCESS_W && c->a.cr0 & NVMX_CR0_WP);
}

/* 4.6.1: what a shadow stack is on: a page of its mode that the leaf alone makes read-only, and that is dirty. */
static bool is_shadow_stack(uint64_t leaf, bool upper_writable, bool of_mode)
{
	return !(leaf & 2) && leaf & 0x40 && upper_writable && of_mode;
}

/* Walks L's own paging structures; false: a fault or VM exit was raised. */
static bool walk(struct fake_cpu *c, const struct access *a, struct result *r)
{
	bool user = fake_cpl(c) == 3 && !c->supervisor;
	uint32_t error = (a->want & ACCESS_W ? PF_W : 0) | (user ? PF_U : 0);
	struct format f;
	struct access table = *a;
	unsigned rights = 7, level, ignored, shift;
	bool leaf = false, may_user = true, upper_writable = true;
	uint64_t e = 0, at = 0, hpa;

	error |= c->shadow_stack ? PF_SS : 0;
	if ((a->want & ACCESS_X) && (c->a.efer & NVMX_EFER_NXE))
		error |= PF_I;
	table.table = true;
	if (!format(c, a->linear, &f)) {
		fake_page_fault(c, a->linear, error);
		return false;
	}
	for (level = f.levels; !leaf; level--) {
		shift = 12 + f.bits * (level - 1);
		at = f.root + (a->linear >> shift & ((1u << f.bits) - 1)) * f.bytes;
		if (!physical(c, at, ACCESS_R, &table, &hpa, &ignored))
			return false;
		e = fake_phys_read(c, hpa, f.bytes);
		leaf = level == 1 || ((e & 0x80) && (f.bytes == 8 ? level <= 3 : (c->a.cr4 & NVMX_CR4_PSE) != 0));
		if (!(e & 1) || (e & reserved_bits(c, &f, level, leaf))) {
			fake_page_fault(c, a->linear, e & 1 ? error | PF_P | PF_RSVD : error);
			return false;
		}
		rights &= (e & 2 ? 7u : 5u) & (e >> 63 ? 3u : 7u);
		may_user = may_user && (e & 4);
		upper_writable = upper_writable && (leaf || e & 2);
		f.root = f.bytes == 8 ? e & frame_mask(c) : e & 0xfffff000u;
		if (!leaf && !(e & 0x20)) {
			if (!physical(c, at, ACCESS_W, &table, &hpa, &ignored))
				return false;
			fake_phys_write(c, hpa, e | 0x20, f.bytes);
		}
	}
	if (!user && !(c->a.cr0 & NVMX_CR0_WP))
		rights |= ACCESS_W;
	if (c->shadow_stack)
		rights = is_shadow_stack(e, upper_writable, may_user == user) ? ACCESS_R | ACCESS_W : 0;
	if (!may_user && key_forbids(c, e, a->want))
		error |= PF_PK;
	if ((a->want & ~rights) || (user && !may_user) || error & PF_PK) {
		fake_page_fault(c, a->linear, error | PF_P);
		return false;
	}
	r->dirty = (e & 0x40) || (a->want & ACCESS_W);
	if ((e & 0x60) != (r->dirty ? 0x60u : 0x20u)) {
		if (!physical(c, at, ACCESS_W, &table, &hpa, &ignored))
			return false;
		fake_phys_write(c, hpa, e | (r->dirty ? 0x60 : 0x20), f.bytes);
	}
	shift = 12 + f.bits * level;
	r->gpa = (f.root & ~((1ull << shift) - 1)) | (a->linear & ((1ull << shift) - 1));
	r->rights = rights;
	r->user = may_user;
	return true;
}

static bool translate(struct fake_cpu *c, const struct access *a, struct result *r)
{
	struct access final = *a;
	unsigned rights;

	if (c->a.cr0 & NVMX_CR0_PG) {
		if (!walk(c, a, r))
			return false;
	} else {
		*r = (struct result){ .gpa = a->linear & 0xffffffffu, .rights = 7, .dirty = true, .user = true };
	}
	final.user = r->user;
	if (!physical(c, r->gpa, a->want, &final, &r->hpa, &rights))
		return false;
	if (ept_on(c) && (fake_field(c, NVMX_EPT_POINTER) & NVMX_BIT(6)) && !(a->want & ACCESS_W))
		r->dirty = false;
	r->rights &= rights;
	return true;
}

uint16_t fake_vpid(const struct fake_cpu *c)
{
	return c->guest && (fake_proc2(c) & NVMX_PROC2_VPID) ? (uint16_t)fake_field(c, NVMX_VPID) : 0;
}

static struct fake_tlb_entry *slot(struct fake_cpu *c, uint64_t linear)
{
	return &c->tlb[(linear >> 12) % FAKE_TLB];
}

void fake_tlb_flush(struct fake_cpu *c, bool by_vpid, uint16_t vpid, bool by_eptp, uint64_t eptp, bool by_linear,
		    uint64_t linear)
{
	for (unsigned i = 0; i < FAKE_TLB; i++) {
		struct fake_tlb_entry *e = &c->tlb[i];

		if ((!by_vpid || e->vpid == vpid) && (!by_eptp || (e->eptp ^ eptp) >> 12 == 0) &&
		    (!by_linear || (e->linear ^ linear) >> 12 == 0))
			e->rights = 0;
	}
	c->flushes++;
}

static bool linear_to_physical(struct fake_cpu *c, uint64_t linear, unsigned access, uint64_t *hpa)
{
	struct access a = { .linear = linear, .want = access };
	struct fake_tlb_entry *e = slot(c, linear);
	uint64_t mode = (c->a.cr0 & (NVMX_CR0_WP | NVMX_CR0_PG)) | (c->a.efer & NVMX_EFER_NXE) |
			(c->a.cr4 & NVMX_CR4_PKS ? NVMX_CR4_PKS | c->a.pkrs << 32 : 0);
	uint64_t eptp = ept_on(c) ? fake_field(c, NVMX_EPT_POINTER) : 0;
	bool user = fake_cpl(c) == 3 && !c->supervisor;
	struct result r;

	if (!c->shadow_stack && e->rights && (e->linear ^ linear) >> 12 == 0 && e->vpid == fake_vpid(c) && (e->eptp ^ eptp) >> 12 == 0 &&
	    e->user == user && e->mode == mode && !(access & ~e->rights) && (e->dirty || !(access & ACCESS_W))) {
		*hpa = (e->hpa & ~0xfffull) | (linear & 0xfff);
		return true;
	}
	if (!translate(c, &a, &r))
		return false;
	if (!c->shadow_stack) /* whose rights are others */
		*e = (struct fake_tlb_entry){ linear, r.hpa, eptp, fake_vpid(c), (uint8_t)r.rights, r.dirty, user, mode };
	*hpa = r.hpa;
	return true;
}

/* SDM 29.4: an access to the APIC-access page goes to the virtual-APIC page, or exits; true: it has exited. */
static bool apic_access(struct fake_cpu *c, uint64_t linear, unsigned len, unsigned access, uint64_t *hpa)
{
	struct fake_exit x = { .reason = NVMX_XR_APIC_ACCESS, .qualification = linear & 0xfff };

	if (!c->guest || !(fake_proc2(c) & NVMX_PROC2_APIC_ACCESS) || (*hpa ^ fake_field(c, NVMX_APIC_ACCESS_ADDR)) >> 12)
		return false;
	if (fake_apic_virtualizes(c, linear & 0xfff, len, access)) {
		*hpa = fake_apic_address(c, linear & 0xfff);
		c->apic_write = access & ACCESS_W;
		c->apic_offset = linear & 0xfff;
		return false;
	}
	x.qualification |= c->vectoring ? 3 << 12 : access & ACCESS_X ? 2 << 12 : access & ACCESS_W ? 1 << 12 : 0;
	fake_vmexit(c, &x);
	return true;
}

static bool piece(struct fake_cpu *c, uint64_t linear, unsigned len, unsigned access, uint64_t *hpa)
{
	return linear_to_physical(c, linear, access, hpa) && !apic_access(c, linear, len, access, hpa);
}

bool fake_linear(struct fake_cpu *c, uint64_t linear, unsigned access, uint64_t *hpa)
{
	return piece(c, linear, 1, access, hpa);
}

/* Both pages of an access that crosses a page are translated before anything is written. */
static bool both(struct fake_cpu *c, uint64_t linear, unsigned len, unsigned access, uint64_t hpa[2], unsigned *first)
{
	*first = FAKE_PAGE - (unsigned)(linear % FAKE_PAGE);
	if (*first > len)
		*first = len;
	return piece(c, linear, *first, access, &hpa[0]) &&
	       (*first == len || piece(c, linear + *first, len - *first, access, &hpa[1]));
}

bool fake_read(struct fake_cpu *c, uint64_t linear, unsigned len, uint64_t *value)
{
	uint64_t hpa[2];
	unsigned first;

	if (!both(c, linear, len, ACCESS_R, hpa, &first))
		return false;
	*value = fake_phys_read(c, hpa[0], first);
	if (first < len)
		*value |= fake_phys_read(c, hpa[1], len - first) << first * 8;
	return true;
}

bool fake_write(struct fake_cpu *c, uint64_t linear, unsigned len, uint64_t value)
{
	uint64_t hpa[2];
	unsigned first;

	if (!both(c, linear, len, ACCESS_W, hpa, &first))
		return false;
	fake_phys_write(c, hpa[0], value, first);
	if (first < len)
		fake_phys_write(c, hpa[1], value >> first * 8, len - first);
	return true;
}

/* The PDPTEs of a PAE guest (4.4.1), through EPT in a guest; false: a VM exit was made. */
bool fake_read_pdptes(struct fake_cpu *c, uint64_t cr3, uint64_t pdpte[4])
{
	struct access a = { .want = ACCESS_R, .no_linear = true };
	uint64_t hpa;
	unsigned rights;

	for (unsigned i = 0; i < 4; i++) {
		if (!physical(c, (cr3 & 0xffffffe0u) + 8 * i, ACCESS_R, &a, &hpa, &rights))
			return false;
		pdpte[i] = fake_phys_read(c, hpa, 8);
	}
	return true;
}
