/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What L1 may see of its unit: for each thing that a cache may hold, what it is, and what it was since the last
 * invalidation that covers it has completed; for a page also what tables lead to that a cache may still have.  Nothing else
 * is right.
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
#define REF_RIGHTS(v) ((unsigned)(v) & 3)

/* Where a device's context-entry leads. */
enum { REF_OFF = 1, REF_BLOCK, REF_PASS, REF_TREE };

/* Addresses that are interrupts, not memory. */
static inline bool ref_interrupts(uint64_t address)
{
	return address >> 20 == 0xfee;
}

struct ref_tables {
	uint64_t root;
	unsigned levels, width, host_width; /* width: of the addresses that they translate */
};

/* A page, and of each level the tables that a paging-structure cache may have for it: address and the rights so far (6.2.5). */
#define REF_LEVELS 4u
struct ref_page {
	struct ref_history is, table[REF_LEVELS];
};

/* L1's tables are others now.  What is below a table that they do not lead to any more may still be reached through it. */
void ref_follow(struct ref_page *p, struct nvmx_vtd_host *h, const struct ref_tables *t, uint64_t iova, uint64_t now);
void ref_prune_page(struct ref_page *p, uint64_t since);

#endif
