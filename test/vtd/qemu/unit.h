/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The physical unit's driver: root and context tables, invalidation queue, fault records; and second-level tables. */
#ifndef VTD_QEMU_UNIT_H
#define VTD_QEMU_UNIT_H

#include <stdbool.h>
#include <stdint.h>

/* Host memory: 0x1000000 to 0x8000000 is the host's own, the rest may be given to L1. */
#define POOL_BASE 0x02000000ull
#define POOL_PAGES 0x4000u

/* Pages of the host, last freed first used; what is freed is filled with ones. */
void *pool_alloc(uint64_t *hpa);
void pool_free(uint64_t hpa);
bool pool_live(const void *p);
unsigned pool_used(void);

void unit_start(void);

/* The context-entry of a requester, 0 to clear it.  The caches are flushed, of the domain it had, too. */
void unit_context(uint16_t source_id, uint64_t lo, uint64_t hi);

/* Descriptors, then one wait for all of them. */
void unit_flush_domain(uint16_t did);
void unit_flush_pages(uint16_t did, uint64_t iova, unsigned order, bool leaf_only);
void unit_wait(void);
extern unsigned unit_waits, unit_items;

struct unit_fault {
	uint64_t address;
	uint16_t source_id;
	uint8_t reason;
	bool write;
};
/* Takes one fault record, if there is one. */
bool unit_fault(struct unit_fault *out);

/* Second-level tables made of pool pages. */
void table_map(uint64_t root, unsigned levels, uint64_t iova, uint64_t hpa, unsigned shift, unsigned rights);
void table_free(uint64_t root, unsigned levels);
/* The leaf that translates iova: its shift, and the entry in *entry; 0: there is none. */
unsigned table_look(uint64_t root, unsigned levels, uint64_t iova, uint64_t *entry);

#endif
