/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What L1 may see of its unit: for each thing that a cache may hold, what it is, and what it was since the last
 * invalidation that covers it has completed.  Nothing else is right.
 */
#ifndef VTD_MODEL_REF_H
#define VTD_MODEL_REF_H

#include "hw.h"

#define REF_ITEMS 12u
struct ref_history {
	struct { uint64_t value, ended; } item[REF_ITEMS]; /* ended 0: it is so now */
	uint8_t n;
	bool anything; /* it was too much to remember */
};

/* From now on it is `value`. */
void ref_set(struct ref_history *r, uint64_t value, uint64_t now);
/* An invalidation that was asked for at `since` is complete.  only: of items with that value; NULL: of all. */
void ref_prune(struct ref_history *r, uint64_t since, const uint64_t *only);
uint64_t ref_now(const struct ref_history *r);

/* A page of L1's: its address and rights; nothing: 0. */
#define REF_PAGE(gpa, rights) ((rights) ? ((gpa) & ~0xfffull) | (rights) : 0)
#define REF_RIGHTS(v) ((unsigned)(v) & 3)

/* Where a device's context-entry leads. */
enum { REF_OFF = 1, REF_BLOCK, REF_PASS, REF_TREE };

/* Addresses that are interrupts, not memory. */
static inline bool ref_interrupts(uint64_t address)
{
	return address >> 20 == 0xfee;
}

/* Second-level tables: what an address is in L1's memory as it is now, if addresses have `width` bits. */
uint64_t ref_walk(struct nvmx_vtd_host *h, uint64_t root, unsigned levels, uint64_t iova, unsigned width, unsigned host_width);

#endif
