/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's or L2's linear memory: a walk of its paging structures (SDM chapter 4) that answers as the processor's own would.
 */
#include "../mem.h"
#include "../ept/entry.h"
#include "../ept/ept.h"
#include "hold.h"
#include "paging.h"

#define PKRS_AD 1u /* of key 0: access disable, write disable */
#define PKRS_WD 2u
#define MAX_LEVELS 5
#define WALKS 8 /* how often a walk starts again because another processor changed an entry under it */

struct paging {
	uint8_t levels;
	uint8_t index_bits;
	uint8_t entry_shift; /* log2 of an entry's size */
};

static const struct paging paging_32bit = { 2, 10, 2 };
static const struct paging paging_pae = { 3, 9, 3 };
static const struct paging paging_4level = { 4, 9, 3 };
static const struct paging paging_5level = { 5, 9, 3 };

struct walk {
	struct nvmx_vcpu *v;
	const struct nvmx_l1 *l1;
	const struct paging *mode;
	uint64_t linear;
	bool write;
	uint64_t reserved; /* bits that are reserved in every entry */
	uint64_t all;      /* AND of all entries: R/W, U/S, accessed */
	unsigned structure_write; /* NVMX_ACCESS_W if L1's EPT takes accesses to L2's paging structures for writes (28.2.4) */
	uint64_t gpa;
	unsigned used;     /* entries used, whose accessed flags matter */
	uint64_t at[MAX_LEVELS], entry[MAX_LEVELS];
};

static const struct paging *paging_mode(const struct nvmx_l1 *l1)
{
	if (l1->ia32e)
		return l1->cr4 & NVMX_CR4_LA57 ? &paging_5level : &paging_4level;
	return l1->cr4 & NVMX_CR4_PAE ? &paging_pae : &paging_32bit;
}

/* Bits reserved at every level (SDM 4.4.2, 4.5.4). */
static uint64_t always_reserved(struct nvmx_vcpu *v, const struct paging *mode)
{
	unsigned width = v->vm->caps.maxphyaddr;
	uint64_t reserved;

	if (mode == &paging_32bit)
		return 0;
	reserved = ~0ull << width & (mode == &paging_pae ? NVMX_BITS(62, 0) : NVMX_BITS(51, 0));
	return nvmx_l1_efer(v) & NVMX_EFER_NXE ? reserved : reserved | NVMX_PTE_NX;
}

/* Whether an entry with PS above the last level maps a page. */
static bool is_leaf(const struct walk *w, unsigned level)
{
	if (w->mode == &paging_32bit)
		return w->l1->cr4 & NVMX_CR4_PSE;
	return level == 2 || (level == 3 && w->mode != &paging_pae);
}

/* Bits that must be 0, beside those that always must, in an entry with PS above the last level (SDM tables 4-4, 4-9,
 * 4-14 to 4-18). */
static uint64_t reserved_with_ps(const struct walk *w, unsigned level, bool leaf)
{
	unsigned width = w->v->vm->caps.maxphyaddr;

	if (w->mode == &paging_32bit) {
		if (!leaf)
			return 0;
		/* A 4-MByte page's address bits 39:32 are in bits 20:13. */
		return width >= 40 ? NVMX_BITS(21, 21) : NVMX_BITS(21, width - 19);
	}
	if (level >= 4)
		return NVMX_PTE_PS;
	if (!leaf)
		return 0;
	return level == 3 ? NVMX_BITS(29, 13) : NVMX_BITS(20, 13);
}

/* Reads an entry, once and whole; what is not RAM reads as ones.  False: not now. */
static inline bool read_entry(struct nvmx_vcpu *v, uint64_t at, bool wide, uint64_t *out)
{
	uint64_t frame = at & ~NVMX_PAGE_MASK, entry;
	char *page = nvmx_map(v, frame, false);

	if (!page) {
		*out = wide ? ~0ull : 0xffffffffu;
		return !v->not_now;
	}
	if (wide)
		entry = __atomic_load_n((const uint64_t *)(const void *)(page + (at & NVMX_PAGE_MASK)), __ATOMIC_RELAXED);
	else
		entry = __atomic_load_n((const uint32_t *)(const void *)(page + (at & NVMX_PAGE_MASK)), __ATOMIC_RELAXED);
	nvmx_unmap(v, frame, page, false);
	*out = entry;
	return true;
}

/* Where L1's EPT has the L2-physical address; what makes that an access to a paging structure is bit 8 of the exit
 * qualification (SDM table 27-7).  0, or -1 and *fault. */
static int to_l1_physical(struct nvmx_vcpu *v, uint64_t linear, unsigned access, bool structure, uint64_t *gpa,
			  struct nvmx_fault *fault)
{
	int error = nvmx_ept_use(v, *gpa, access, gpa, &fault->exit);

	if (!error)
		return 0;
	fault->kind = error < 0 ? NVMX_FAULT_EXIT : NVMX_FAULT_AGAIN;
	fault->linear = linear;
	if (structure)
		fault->exit.qualification &= ~NVMX_BIT64(8);
	return -1;
}

static int page_fault(const struct walk *w, uint32_t error, struct nvmx_fault *fault)
{
	fault->kind = NVMX_FAULT_RAISED;
	fault->vector = NVMX_VECTOR_PF;
	fault->error = error | (w->write ? NVMX_PF_W : 0) | (w->l1->cpl == 3 ? NVMX_PF_U : 0);
	fault->cr2 = w->linear;
	return -1;
}

/* PAE paging uses the PDPTEs that were loaded with CR3 (SDM 4.4.1); with EPT they are in vmcs01. */
static bool read_pdpte(const struct walk *w, uint64_t cr3, uint64_t *entry)
{
	unsigned index = w->linear >> 30 & 3;

	if (!(w->v->vmcs01.ctl[NVMX_WORD_PROC2] & NVMX_PROC2_EPT))
		return read_entry(w->v, (cr3 & NVMX_BITS(31, 5)) + 8ull * index, true, entry);
	*entry = nvmx_vmread(w->v, NVMX_GUEST_PDPTE0 + 2 * index);
	return true;
}

static inline uint64_t leaf_address(uint64_t linear, unsigned shift, uint64_t entry)
{
	uint64_t inside = (1ull << shift) - 1;

	if (shift == 22) /* a 4-MByte page */
		return (entry >> 13 & 0xff) << 32 | (entry & NVMX_BITS(31, 22)) | (linear & inside);
	return (entry & NVMX_BITS(51, 12) & ~inside) | (linear & inside);
}

/* One walk from CR3 to the page: the entries, the rights and the address.  The compiler makes one for each `mode`. */
static inline __attribute__((always_inline)) int walk_from(struct walk *w, const struct paging mode, const bool l2, uint64_t cr3,
							    struct nvmx_fault *fault)
{
	struct nvmx_vcpu *const v = w->v;
	const bool narrow = mode.entry_shift == 2;
	const uint64_t linear = w->linear, mask = (1u << mode.index_bits) - 1;
	unsigned level = mode.levels, shift, used = 0;
	uint64_t table = cr3 & (narrow ? NVMX_BITS(31, 12) : NVMX_BITS(51, 12)), all = ~0ull, entry, at;
	bool leaf;

	if (mode.levels == 3) { /* PAE paging */
		if (!read_pdpte(w, cr3, &entry))
			return -1;
		if (!(entry & NVMX_PTE_P))
			return page_fault(w, 0, fault);
		table = entry & NVMX_BITS(51, 12);
		level--;
	}
	for (shift = 12 + (level - 1) * mode.index_bits;; level--, shift -= mode.index_bits) {
		at = table + ((linear >> shift & mask) << mode.entry_shift);
		w->at[used] = at;
		if (l2 && to_l1_physical(v, linear, NVMX_ACCESS_R | w->structure_write, true, &at, fault))
			return -1;
		if (!read_entry(v, at, !narrow, &entry))
			return -1;
		if ((entry & (w->reserved | NVMX_PTE_P)) != NVMX_PTE_P)
			return page_fault(w, entry & NVMX_PTE_P ? NVMX_PF_P | NVMX_PF_RSVD : 0, fault);
		all &= entry;
		w->entry[used++] = entry;
		if (level == 1)
			break;
		if (entry & NVMX_PTE_PS) {
			leaf = is_leaf(w, level);
			if (entry & reserved_with_ps(w, level, leaf))
				return page_fault(w, NVMX_PF_P | NVMX_PF_RSVD, fault);
			if (leaf)
				break;
		}
		table = entry & NVMX_BITS(51, 12);
	}
	w->all = all;
	w->used = used;
	w->gpa = leaf_address(linear, shift, entry);
	return 0;
}

static int walk_tables(struct walk *w, uint64_t cr3, struct nvmx_fault *fault)
{
	if (w->l1->l2)
		return walk_from(w, *w->mode, true, cr3, fault);
	if (w->mode == &paging_4level)
		return walk_from(w, paging_4level, false, cr3, fault);
	return walk_from(w, *w->mode, false, cr3, fault);
}

/* SDM 4.6.2: the key of a supervisor-mode address, by IA32_PKRS.  That of a user-mode address is for PKRU, which no VMCS holds. */
static bool key_forbids(const struct walk *w)
{
	unsigned key = w->entry[w->used - 1] >> 59 & 15; /* NOLINT: there was no page fault, so it is set */
	uint64_t rights;

	if (!(w->l1->cr4 & NVMX_CR4_PKS) || !w->l1->ia32e || w->all & NVMX_PTE_U)
		return false;
	rights = nvmx_vmread(w->v, NVMX_GUEST_PKRS) >> 2 * key;
	return rights & PKRS_AD || (rights & PKRS_WD && w->write && w->l1->cr0 & NVMX_CR0_WP);
}

/* Sets flags in an entry unless it has changed meanwhile: 1, 0 if it has, -1: not now. */
static int set_flags(struct nvmx_vcpu *v, uint64_t at, bool wide, uint64_t entry, uint64_t flags)
{
	uint64_t frame = at & ~NVMX_PAGE_MASK;
	char *page = nvmx_map(v, frame, true);
	bool done;

	if (!page)
		return v->not_now ? -1 : 1; /* read-only memory keeps what it has */
	if (wide) {
		done = __atomic_compare_exchange_n((uint64_t *)(void *)(page + (at & NVMX_PAGE_MASK)), &entry, entry | flags,
						   false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	} else {
		uint32_t old = (uint32_t)entry;

		done = __atomic_compare_exchange_n((uint32_t *)(void *)(page + (at & NVMX_PAGE_MASK)), &old,
						   old | (uint32_t)flags, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	nvmx_unmap(v, frame, page, done);
	return done;
}

/* SDM 4.8: accessed flags of all entries used, dirty flag of the last for a write.  1, 0 if an entry has changed, or -1 and
 * *fault. */
static int set_accessed(const struct walk *w, struct nvmx_fault *fault)
{
	unsigned last = w->used - 1;
	int done;

	if (w->all & NVMX_PTE_A && (!w->write || w->entry[last] & NVMX_PTE_D))
		return 1;
	for (unsigned i = 0; i <= last; i++) {
		uint64_t flags = NVMX_PTE_A | (i == last && w->write ? NVMX_PTE_D : 0), at = w->at[i];

		if ((w->entry[i] & flags) == flags)
			continue;
		if (w->l1->l2 && to_l1_physical(w->v, w->linear, NVMX_ACCESS_R | NVMX_ACCESS_W, true, &at, fault))
			return -1;
		done = set_flags(w->v, at, w->mode != &paging_32bit, w->entry[i], flags);
		if (done < 1)
			return done;
	}
	return 1;
}

static int translate(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, bool write, uint64_t *gpa,
		     struct nvmx_fault *fault)
{
	struct walk w;
	bool by_key;
	uint64_t cr3;
	int done;

	if (!(l1->cr0 & NVMX_CR0_PG)) {
		*gpa = linear;
		return l1->l2 ? to_l1_physical(v, linear, write ? NVMX_ACCESS_W : NVMX_ACCESS_R, false, gpa, fault) : 0;
	}
	w.v = v;
	w.l1 = l1;
	w.linear = linear;
	w.write = write;
	w.mode = paging_mode(l1);
	w.reserved = always_reserved(v, w.mode);
	w.structure_write = l1->l2 && v->cur->v12->ept_pointer & NVMX_EPTP_AD ? NVMX_ACCESS_W : 0;
	cr3 = nvmx_vmread(v, NVMX_GUEST_CR3);
	for (unsigned i = 0; i < WALKS; i++) {
		if (walk_tables(&w, cr3, fault))
			return -1;
		by_key = key_forbids(&w);
		if (by_key || !nvmx_paging_allows(l1, w.all, write)) /* NOLINT: there was no page fault, so it is set */
			return page_fault(&w, NVMX_PF_P | (by_key ? NVMX_PF_PK : 0), fault);
		done = set_accessed(&w, fault);
		if (done < 0)
			return -1;
		if (done)
			break;
	}
	*gpa = w.gpa; /* NOLINT: as above */
	return l1->l2 ? to_l1_physical(v, linear, write ? NVMX_ACCESS_W : NVMX_ACCESS_R, false, gpa, fault) : 0;
}

struct pieces {
	uint64_t gpa[2];
	uint32_t len[2];
};

static int translate_pieces(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, uint32_t len, bool write,
			    struct pieces *p, struct nvmx_fault *fault)
{
	uint32_t room = 4096 - (uint32_t)(linear & NVMX_PAGE_MASK);
	uint64_t second = linear + room;

	p->len[0] = len < room ? len : room;
	p->len[1] = len - p->len[0];
	if (translate(v, l1, linear, write, &p->gpa[0], fault))
		return -1;
	if (!p->len[1])
		return 0;
	return translate(v, l1, l1->ia32e ? second : (uint32_t)second, write, &p->gpa[1], fault);
}

int nvmx_linear_read(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, void *buf, uint32_t len,
		     struct nvmx_fault *fault)
{
	struct pieces p;
	char *to = buf;

	if (translate_pieces(v, l1, linear, len, false, &p, fault))
		return -1;
	for (unsigned i = 0; i < 2 && p.len[i]; i++) {
		if (nvmx_gpa_read(v, p.gpa[i], to, p.len[i])) {
			if (v->not_now)
				return -1;
			nvmx_memset(to, 0xff, p.len[i]);
		}
		to += p.len[i];
	}
	return 0;
}

int nvmx_linear_write(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, const void *buf, uint32_t len,
		      struct nvmx_fault *fault)
{
	struct pieces p;
	const char *from = buf;

	if (translate_pieces(v, l1, linear, len, true, &p, fault))
		return -1;
	for (unsigned i = 0; i < 2 && p.len[1]; i++) /* both pages, or neither */
		if (!nvmx_hold(v, p.gpa[i], p.len[i], true))
			return -1;
	for (unsigned i = 0; i < 2 && p.len[i]; i++) {
		if (nvmx_gpa_write(v, p.gpa[i], from, p.len[i]) && v->not_now)
			return -1;
		from += p.len[i];
	}
	nvmx_release(v);
	return 0;
}
