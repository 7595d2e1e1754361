/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host that embeds the library: L1's memory, its devices, and the ops. */
#ifndef VTD_QEMU_HOST_H
#define VTD_QEMU_HOST_H

#include <nestvmx/vtd.h>
#include "machine.h"
#include "unit.h"

/*
 * L1's memory, in pieces that lie in the host's as they can be mapped:
 *	0           64 MiB   single frames, no two of them neighbours
 *	SPACE_2M    64 MiB   blocks of 2 MiB, no two of them neighbours
 *	SPACE_1G    1 GiB    one block
 * Nothing else is L1's RAM.
 */
#define SPACE_4K 0x02000000ull /* the part of it that is not used for L1's structures */
#define SPACE_2M 0x04000000ull
#define SPACE_1G 0x40000000ull
#define SPACE_END 0x80000000ull
#define NO_RAM 0x08000000ull   /* and on, up to SPACE_1G */
#define SPARE 0x30000000ull    /* hpa: 64 MiB to move frames of L1's to */

struct device {
	unsigned n;
	uint16_t l1_source_id;
	struct nvmx_vtd_target target;
};

#define HOST_DOMAINS 64u
struct host_domain {
	bool open;
	uint8_t levels;
	uint16_t did;
	uint64_t root;
};

struct nvmx_vtd_host {
	struct nvmx_vtd *u;
	struct device device[DEVICES];
	struct host_domain domain[HOST_DOMAINS];
	uint64_t *p2m;        /* by frame: hpa | rights << 6 | shift; 0: not RAM */
	uint64_t identity;    /* root of the host's own table for L1 */
	uint64_t dummy;       /* with ASSIGN_MAP */
	unsigned maps, domains, identities;
	unsigned flushes;     /* calls of flush */
	unsigned foreign;     /* dma_map of what is not RAM */
	unsigned interrupts;  /* of the unit to L1 */
	uint64_t interrupt_address;
	uint32_t interrupt_data;
	unsigned spurious;    /* physical faults of devices that are L1's */
	bool storm;           /* the last of them was one too many */
	bool queue_flushes;   /* answer NVMX_VTD_FLUSH_QUEUED */
	unsigned domain_limit;
	unsigned faults;      /* physical ones */
	unsigned broken;      /* ops called against their protocol */
};

extern const struct nvmx_vtd_ops host_ops;

/* L1's memory as it is at the start; no device is L1's. */
void host_reset(struct nvmx_vtd_host *h);
void host_free(struct nvmx_vtd_host *h);

/* L1's memory at gpa, NULL if it is not RAM. */
void *host_gpa(struct nvmx_vtd_host *h, uint64_t gpa);
uint64_t host_hpa(const struct nvmx_vtd_host *h, uint64_t gpa);
/* Moves pages of 4 KiB of L1's at gpa to hpa (0: away), changes their rights, and tells the library. */
enum nvmx_vtd_verdict host_move(struct nvmx_vtd_host *h, uint64_t gpa, uint64_t hpa, unsigned pages, unsigned rights);

/* Hands physical faults to the library. */
void host_faults(struct nvmx_vtd_host *h);

#endif
