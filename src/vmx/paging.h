/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's paging structures (SDM chapter 4): bits and rights, and the walk that nearly every operand takes.  linear.c has the whole. */
#ifndef NVMX_SRC_PAGING_H
#define NVMX_SRC_PAGING_H

#include "l1.h"

#define NVMX_PTE_P NVMX_BIT64(0)
#define NVMX_PTE_W NVMX_BIT64(1)
#define NVMX_PTE_U NVMX_BIT64(2)
#define NVMX_PTE_A NVMX_BIT64(5)
#define NVMX_PTE_D NVMX_BIT64(6)
#define NVMX_PTE_PS NVMX_BIT64(7)
#define NVMX_PTE_NX NVMX_BIT64(63)
#define NVMX_RFLAGS_AC NVMX_BIT64(18)
#define NVMX_PAGE_MASK 0xfffull
#define NVMX_BITS(high, low) ((~0ull >> (63 - (high))) & (~0ull << (low)))

/* SDM 4.6.1: explicit data accesses.  `all`: the AND of the entries used. */
NVMX_HOT bool nvmx_paging_allows(const struct nvmx_l1 *l1, uint64_t all, bool write)
{
	bool user_page = all & NVMX_PTE_U;

	if (l1->cpl == 3)
		return user_page && (!write || all & NVMX_PTE_W);
	if (user_page && l1->cr4 & NVMX_CR4_SMAP && !(l1->rflags & NVMX_RFLAGS_AC))
		return false;
	return !write || all & NVMX_PTE_W || !(l1->cr0 & NVMX_CR0_WP);
}

/* What the plain walk needs is not mapped. */
static inline void nvmx_plain_missing(struct nvmx_vcpu *v, uint64_t frame, const void *page)
{
	if (page)
		nvmx_not_now(v, frame, NVMX_ACCESS_R);
}

/* An entry of the plain walk, which has been used before and has none of the bits `odd`; else 0. */
NVMX_HOT uint64_t nvmx_plain_entry(struct nvmx_vcpu *v, uint64_t table, uint64_t index, uint64_t odd)
{
	uint64_t frame = table & NVMX_BITS(51, 12), entry;
	uint64_t *page = nvmx_map_frame(v, frame, false);

	if (!nvmx_is_mapped(page)) {
		nvmx_plain_missing(v, frame, page);
		return 0;
	}
	entry = __atomic_load_n(page + (index & 0x1ff), __ATOMIC_RELAXED);
	nvmx_unmap_frame(v, frame, page, false);
	return (entry & (odd | NVMX_PTE_P | NVMX_PTE_A)) == (NVMX_PTE_P | NVMX_PTE_A) ? entry : 0;
}

/* Bytes of the page of 2^shift bytes that the walk has ended at.  `all`: the AND of the entries used. */
NVMX_HOT bool nvmx_plain_leaf(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, unsigned shift, uint64_t all, uint64_t last,
			 void *buf, uint32_t len)
{
	uint64_t gpa = (last & NVMX_BITS(51, shift)) | (linear & NVMX_BITS(shift - 1, 0)), frame = gpa & ~NVMX_PAGE_MASK;
	char *page;

	if (last & NVMX_BITS(shift - 1, 12) & ~NVMX_BIT64(12) || !nvmx_paging_allows(l1, all, false))
		return false;
	page = nvmx_map_frame(v, frame, false);
	if (!nvmx_is_mapped(page)) {
		nvmx_plain_missing(v, frame, page);
		return false;
	}
	if (len == 16)
		nvmx_memcpy(buf, page + (gpa & NVMX_PAGE_MASK), 16);
	else if (len == 8)
		nvmx_memcpy(buf, page + (gpa & NVMX_PAGE_MASK), 8);
	else
		nvmx_memcpy(buf, page + (gpa & NVMX_PAGE_MASK), len);
	nvmx_unmap_frame(v, frame, page, false);
	return true;
}

/*
 * How nearly every operand is read, a descriptor or a pointer: of L1's in 64-bit mode, with 4-level paging, where each entry has been
 * used before and is as it should be.  False: it is not so, and the walk that knows all the rules does it; or the host says "not now",
 * and v->not_now is set.
 */
NVMX_HOT bool nvmx_plain_read(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, void *buf, uint32_t len)
{
	uint64_t odd = ~0ull << v->vm->caps.maxphyaddr & NVMX_BITS(51, 0), all = NVMX_PTE_U, entry;

	if (!l1->code64 || l1->l2 || l1->cr4 & (NVMX_CR4_LA57 | NVMX_CR4_PKS) || v->held_n)
		return false;
	if (!(nvmx_l1_efer(v) & NVMX_EFER_NXE))
		odd |= NVMX_PTE_NX;
	entry = nvmx_plain_entry(v, nvmx_vmread(v, NVMX_GUEST_CR3), linear >> 39, odd | NVMX_PTE_PS);
	if (!entry)
		return false;
	all &= entry;
	entry = nvmx_plain_entry(v, entry, linear >> 30, odd);
	if (!entry)
		return false;
	all &= entry;
	if (entry & NVMX_PTE_PS)
		return nvmx_plain_leaf(v, l1, linear, 30, all, entry, buf, len);
	entry = nvmx_plain_entry(v, entry, linear >> 21, odd);
	if (!entry)
		return false;
	all &= entry;
	if (entry & NVMX_PTE_PS)
		return nvmx_plain_leaf(v, l1, linear, 21, all, entry, buf, len);
	entry = nvmx_plain_entry(v, entry, linear >> 12, odd);
	return entry && nvmx_plain_leaf(v, l1, linear, 12, all & entry, entry, buf, len);
}

#endif
