/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMCS regions, and the VMX instructions' effect on them (SDM 30.3), written apart from the library's. */
#include <string.h>
#include "cpu.h"

/* Width (bits 14:13), type (11:10) and the low six bits of the index (9:1) of an encoding make a dense key (24.11.2). */
#define KEY(encoding) (((encoding) >> 13 & 3u) << 8 | ((encoding) >> 10 & 3u) << 6 | ((encoding) >> 1 & 63u))

static const uint8_t slot_of_key[1024] = {
#define F(NAME, WHERE, bits) [KEY(NVMX_##NAME)] = FIELD_##NAME + 1,
#include "fields.def"
};
_Static_assert(FIELDS < 255, "a slot's number plus one fits a byte");

enum where { ALWAYS, NEVER, PIN, PROC, PROC2, PROC3, EXIT, ENTRY, MISC, VMFUNC };

static const struct field {
	const char *name;
	uint16_t encoding;
	uint8_t where;
	uint32_t bits;
} fields[FIELDS] = {
#define F(NAME, WHERE, bits) [FIELD_##NAME] = { #NAME, NVMX_##NAME, WHERE, bits },
#include "fields.def"
};

/* The slot of a field, or -1; bit 0, the access to the high half, is not looked at. */
static int find_slot(uint32_t field)
{
	int slot = slot_of_key[KEY(field)] - 1;

	return slot >= 0 && fields[slot].encoding == (field & ~1u) ? slot : -1;
}

const char *fake_field_name(uint32_t field)
{
	int slot = find_slot(field);

	return slot < 0 ? "no field" : fields[slot].name;
}

static unsigned width(uint32_t field)
{
	return field >> 13 & 3; /* 0: 16 bits, 1: 64, 2: 32, 3: natural */
}

static uint64_t cut(uint32_t field, uint64_t value)
{
	return width(field) == 0 ? (uint16_t)value : width(field) == 2 ? (uint32_t)value : value;
}

static struct fake_region *region_at(const struct fake_mem *m, uint64_t addr)
{
	return addr == FAKE_NONE ? NULL : fake_at(m, addr);
}

struct fake_region *fake_region(const struct fake_cpu *c)
{
	return region_at(c->mem, c->vmcs);
}

uint64_t *fake_value(const struct fake_mem *m, uint64_t hpa, uint32_t field)
{
	struct fake_region *r = region_at(m, hpa);
	int slot = find_slot(field);

	FAKE_ASSERT(r && "the VMCS region is memory");
	FAKE_ASSERT(slot >= 0 && "the field is one of the VMCS's");
	return &r->value[slot];
}

bool fake_launched(const struct fake_mem *m, uint64_t hpa)
{
	const struct fake_region *r = region_at(m, hpa);

	FAKE_ASSERT(r && "the VMCS region is memory");
	return r->launched;
}

uint64_t fake_field(const struct fake_cpu *c, uint32_t field)
{
	return *fake_value(c->mem, c->vmcs, field);
}

void fake_field_set(struct fake_cpu *c, uint32_t field, uint64_t value)
{
	*fake_value(c->mem, c->vmcs, field) = cut(field, value);
}

uint64_t fake_proc3(const struct fake_cpu *c)
{
	return fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_TERTIARY ? fake_field(c, NVMX_PROC_CTLS3) : 0;
}

uint32_t fake_proc2(const struct fake_cpu *c)
{
	return fake_field(c, NVMX_PROC_CTLS) & NVMX_PROC_SECONDARY ? (uint32_t)fake_field(c, NVMX_PROC_CTLS2) : 0;
}

static uint32_t revision(const struct fake_cpu *c)
{
	return (uint32_t)nvmx_caps_get(c->caps, NVMX_MSR_VMX_BASIC) & 0x7fffffffu;
}

static bool bad_address(const struct fake_cpu *c, uint64_t addr)
{
	return addr % FAKE_PAGE || addr >> c->caps->maxphyaddr;
}

int fake_vmxon(struct fake_cpu *c, uint64_t addr)
{
	if (bad_address(c, addr) || (uint32_t)fake_phys_read(c, addr, 4) != revision(c))
		return FAKE_VM_INVALID;
	c->vmxon = addr;
	c->vmcs = FAKE_NONE;
	return FAKE_VM_SUCCEED;
}

int fake_vmclear(struct fake_cpu *c, uint64_t addr)
{
	if (bad_address(c, addr))
		return NVMX_VMERR_VMCLEAR_ADDR;
	if (addr == c->vmxon)
		return NVMX_VMERR_VMCLEAR_VMXON_PTR;
	fake_phys_write(c, addr + offsetof(struct fake_region, launched), 0, 4);
	if (addr == c->vmcs)
		c->vmcs = FAKE_NONE;
	return FAKE_VM_SUCCEED;
}

int fake_vmptrld(struct fake_cpu *c, uint64_t addr)
{
	bool shadowing = nvmx_caps_may(c->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_SHADOW_VMCS;
	uint32_t found;

	if (bad_address(c, addr))
		return NVMX_VMERR_VMPTRLD_ADDR;
	if (addr == c->vmxon)
		return NVMX_VMERR_VMPTRLD_VMXON_PTR;
	found = (uint32_t)fake_phys_read(c, addr, 4);
	if ((found & 0x7fffffffu) != revision(c) || (found >> 31 && !shadowing))
		return NVMX_VMERR_VMPTRLD_REVISION;
	c->vmcs = addr;
	return FAKE_VM_SUCCEED;
}

uint64_t fake_new_region(struct fake_cpu *c)
{
	uint64_t hpa = fake_host_page(c->mem);

	if (hpa)
		fake_phys_write(c, hpa, revision(c), 4);
	return hpa;
}

static bool exists(const struct fake_cpu *c, const struct field *f)
{
	static const uint32_t msr[] = {
		[PIN] = NVMX_MSR_VMX_TRUE_PINBASED_CTLS, [PROC] = NVMX_MSR_VMX_TRUE_PROCBASED_CTLS,
		[PROC2] = NVMX_MSR_VMX_PROCBASED_CTLS2, [EXIT] = NVMX_MSR_VMX_TRUE_EXIT_CTLS,
		[ENTRY] = NVMX_MSR_VMX_TRUE_ENTRY_CTLS,
	};

	switch (f->where) {
	case ALWAYS:
		return true;
	case NEVER:
		return false;
	case MISC:
		return NVMX_MISC_CR3_TARGETS(nvmx_caps_get(c->caps, NVMX_MSR_VMX_MISC)) >= f->bits;
	case PROC3:
		return nvmx_caps_get(c->caps, NVMX_MSR_VMX_PROCBASED_CTLS3) & f->bits;
	case VMFUNC:
		return nvmx_caps_get(c->caps, NVMX_MSR_VMX_VMFUNC) & f->bits;
	default:
		return nvmx_caps_may(c->caps, msr[f->where]) & f->bits;
	}
}

/* Bits 63:32 of the encoding must be 0; bit 0 is the high half of a 64-bit field (24.11.2). */
static int find(const struct fake_cpu *c, uint64_t field)
{
	int slot = field >> 32 ? -1 : find_slot((uint32_t)field);

	if (slot < 0 || !exists(c, &fields[slot]))
		return -1;
	return (field & 1) && width((uint32_t)field) != 1 ? -1 : slot;
}

/* In VMX non-root operation the instructions work on the VMCS at the link pointer. */
static struct fake_region *target(const struct fake_cpu *c)
{
	return c->guest ? region_at(c->mem, fake_field(c, NVMX_VMCS_LINK_POINTER)) : fake_region(c);
}

int fake_vmread(struct fake_cpu *c, uint64_t field, uint64_t *value)
{
	struct fake_region *r = target(c);
	int slot = find(c, field);

	if (!r)
		return FAKE_VM_INVALID;
	if (slot < 0)
		return NVMX_VMERR_UNSUPPORTED_FIELD;
	*value = field & 1 ? r->value[slot] >> 32 : r->value[slot];
	return FAKE_VM_SUCCEED;
}

int fake_vmwrite(struct fake_cpu *c, uint64_t field, uint64_t value)
{
	struct fake_region *r = target(c);
	int slot = find(c, field);

	if (!r)
		return FAKE_VM_INVALID;
	if (slot < 0)
		return NVMX_VMERR_UNSUPPORTED_FIELD;
	if ((field >> 10 & 3) == 1 &&
	    !(nvmx_caps_get(c->caps, NVMX_MSR_VMX_MISC) & NVMX_MISC_VMWRITE_RO))
		return NVMX_VMERR_READ_ONLY_FIELD;
	if (field & 1)
		r->value[slot] = (uint32_t)r->value[slot] | value << 32;
	else if (!fake_is_64(c) && width((uint32_t)field) == 1 && !c->native)
		r->value[slot] = (r->value[slot] & ~0xffffffffull) | (uint32_t)value;
	else
		r->value[slot] = cut((uint32_t)field, value);
	return FAKE_VM_SUCCEED;
}

int fake_invept(struct fake_cpu *c, uint64_t type, uint64_t eptp, uint64_t reserved)
{
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP);
	(void)reserved; /* the upper half of the descriptor must be 0, but is not checked */

	if ((type != INV_SINGLE || !(cap & NVMX_EPT_INVEPT_SINGLE)) &&
	    (type != INV_ALL || !(cap & NVMX_EPT_INVEPT_ALL)))
		return NVMX_VMERR_INVALID_OPERAND;
	if (type == INV_SINGLE && (((eptp & 7) != 6 && (eptp & 7) != 0) || eptp >> c->caps->maxphyaddr))
		return NVMX_VMERR_INVALID_OPERAND;
	fake_tlb_flush(c, false, 0, type == INV_SINGLE, eptp, false, 0);
	return FAKE_VM_SUCCEED;
}

static bool canonical(const struct fake_cpu *c, uint64_t linear)
{
	unsigned shift = 64u - c->caps->linear_width;

	return (uint64_t)((int64_t)(linear << shift) >> shift) == linear;
}

int fake_invvpid(struct fake_cpu *c, uint64_t type, uint64_t low, uint64_t linear)
{
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP);
	uint16_t vpid = (uint16_t)low;

	if (type > INV_SINGLE_NON_GLOBAL || !(cap & (NVMX_EPT_INVVPID_ADDR << type)) || low >> 16)
		return NVMX_VMERR_INVALID_OPERAND;
	if (type != INV_ALL && !vpid)
		return NVMX_VMERR_INVALID_OPERAND;
	if (type == INV_ADDRESS && !canonical(c, linear))
		return NVMX_VMERR_INVALID_OPERAND;
	fake_tlb_flush(c, type != INV_ALL, vpid, false, 0, type == INV_ADDRESS, linear);
	return FAKE_VM_SUCCEED;
}
