/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A virtual unit on the physical one, a driver of L1's for it, and checks that devices make. */
#ifndef VTD_QEMU_BED_H
#define VTD_QEMU_BED_H

#include <stdio.h>
#include <string.h>
#include "host.h"

/* How the host assigns devices, and how L1 learns that it must tell of new mappings. */
enum mode { CACHING, BUFFERED, CALLS, MODES };

/* Counts a check; prints one that fails. */
#define CHECK(condition) bed_check(condition, #condition, __func__, __LINE__)
void bed_check(bool ok, const char *what, const char *function, int line);

struct bed {
	struct nvmx_vtd_host host;
	struct nvmx_vtd_config config;
	struct nvmx_vtd *u;
	enum mode mode;
	/* L1's driver. */
	bool queue_on;
	uint32_t queue_bytes, tail, queued;
	uint32_t sequence;
	uint64_t root, next_table;
	unsigned exits;           /* register accesses */
	unsigned rounds;          /* calls of nvmx_vtd_run that were needed */
};
extern struct bed bed;

/* Starts a unit, no devices in it; bed_configure() may be called with changes first. */
void bed_configure(enum mode mode);
void bed_start(void);
/* Ends it: nothing of the host's may be left in use. */
void bed_end(void);
uint64_t counter(enum nvmx_vtd_counter c);

/* The device is L1's from now on, as source_id. */
void give(unsigned device, uint16_t source_id);
void take_back(unsigned device);

/* ------------------------------------------------------------------------------------------------------- L1's driver */

struct l1_domain {
	uint64_t root;
	unsigned levels;
	uint16_t id;
};
#define RW (NVMX_VTD_R | NVMX_VTD_W)

uint64_t l1_read(uint32_t offset, unsigned size);
void l1_write(uint32_t offset, unsigned size, uint64_t value);
uint64_t l1_page(void); /* a zeroed page for a table */
uint64_t *l1_word(uint64_t gpa);
void l1_command(uint32_t set, uint32_t clear);
/* Root table, queue, translation on. */
void l1_start(void);
void l1_queue_start(uint64_t base, unsigned order);

/* A domain whose page at SCRATCH is the device's workspace (checks need it). */
#define SCRATCH 0x7000000ull
struct l1_domain l1_domain(uint16_t id, unsigned levels);
/* Writes context-entry and root-entry.  type: 0 multi-level, 2 pass-through; flush: and the invalidation. */
void l1_context(unsigned device, uint64_t lo, uint64_t hi);
void l1_assign(unsigned device, const struct l1_domain *d);
/* A started bed, device 0 with source id 10H, and its empty domain, id 5. */
struct l1_domain l1_domain_on(unsigned levels);
void l1_flush_device(unsigned device, uint16_t old_domain);

/* The entry for iova at the level of `shift`; tables are made where there are none. */
uint64_t *l1_entry(const struct l1_domain *d, uint64_t iova, unsigned shift);
void l1_set(const struct l1_domain *d, uint64_t iova, uint64_t gpa, unsigned shift, unsigned rights);
/* As a driver maps: entries, then what the unit asks for after new entries. */
void l1_map(const struct l1_domain *d, uint64_t iova, uint64_t gpa, unsigned shift, unsigned rights);
/* As a driver unmaps in strict mode. */
void l1_unmap(const struct l1_domain *d, uint64_t iova, unsigned shift);

void l1_put(uint64_t lo, uint64_t hi);
void l1_ring(void);                       /* one register write */
bool l1_wait(void);                       /* wait descriptor, ring; false: it does not complete */
void l1_flush_pages(const struct l1_domain *d, uint64_t iova, unsigned order);
void l1_flush_domain(uint16_t id);
void l1_flush_all(void);
void l1_write_buffer(void);

struct l1_fault {
	bool any;
	uint64_t address;
	uint16_t source_id;
	uint8_t reason;
	bool write;
};
/* The oldest fault record of L1's unit; it is cleared. */
struct l1_fault l1_fault(void);

/* -------------------------------------------------------------------------------------------------- what a device sees */

/* DMA of 64 random bytes reaches L1's memory at gpa, in the direction named. */
bool reads(unsigned device, uint64_t iova, uint64_t gpa);
bool writes(unsigned device, uint64_t iova, uint64_t gpa);
/* DMA is refused: the device gets zeros, L1's memory at gpa stays as it is. */
bool no_read(unsigned device, uint64_t iova, uint64_t gpa);
bool no_write(unsigned device, uint64_t iova, uint64_t gpa);
bool both(unsigned device, uint64_t iova, uint64_t gpa);
bool neither(unsigned device, uint64_t iova, uint64_t gpa);
/* The same of the host's memory. */
bool writes_hpa(unsigned device, uint64_t iova, uint64_t hpa);

#endif
