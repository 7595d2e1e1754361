/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L1 with 512 pages mapped for L2, which touches them. */
#ifndef EPT_MAPPED_H
#define EPT_MAPPED_H

#include "ept_host.h"

/* L1's frames. */
enum { PML4 = 1, PDPT, PD, PT, PT2, PML4_B, LOG, DATA = 1024 };
#define EPTP (PML4 * 0x1000ull | 3 << 3 | 6)
#define EPTP_B (PML4_B * 0x1000ull | 3 << 3 | 6)
#define TABLE(gfn) ((gfn) * 0x1000ull | 7)
#define PAGE(gfn) ((gfn) * 0x1000ull | WB_LEAF | 7)
#define QUAL(access) ((access) | 0x180ull)

/* 512 pages at gpa2 0, frames from DATA on. */
static inline struct rig *mapped_rig_watching(uint32_t budget, uint32_t watches_n)
{
	struct rig *r = rig_watching(budget, watches_n);

	l1_set(r, PML4, 0, TABLE(PDPT));
	l1_set(r, PML4_B, 0, TABLE(PDPT));
	l1_set(r, PDPT, 0, TABLE(PD));
	l1_set(r, PD, 0, TABLE(PT));
	for (unsigned i = 0; i < 512; i++)
		l1_set(r, PT, i, PAGE(DATA + i));
	r->role = EPTP;
	return r;
}

static inline struct rig *mapped_rig(uint32_t budget)
{
	return mapped_rig_watching(budget, 0);
}

/* L2's access until it succeeds or is somebody else's.  Counts the violations. */
static inline enum nvmx_ept_answer touch(struct rig *r, uint64_t gpa2, unsigned access, unsigned *faults, struct nvmx_ept_fault *f)
{
	uint64_t hpa, qual;
	unsigned rights;

	for (;;) {
		enum nvmx_ept_answer a;

		if (!hw_access(&r->host, nvmx_ept_root(&r->v, r->role), 0, gpa2, access, &hpa, &rights, &qual))
			return NVMX_EPT_RETRY;
		assert_true(++*faults < 100000);
		a = nvmx_ept_violation(&r->v, r->role, gpa2, QUAL(access), f);
		if (a != NVMX_EPT_RETRY)
			return a;
	}
}

static inline unsigned touch_all(struct rig *r)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(touch(r, i << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	return faults;
}

static inline uint64_t where(struct rig *r, uint64_t gpa2, unsigned *rights, unsigned *shift)
{
	uint64_t hpa = 0;

	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), gpa2, &hpa, rights, shift), 0);
	return hpa;
}

#endif
