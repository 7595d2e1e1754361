/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A strict IOMMU and the host that owns it.  The hardware caches all that it may, for as long as it may, and looks at the
 * tables at the worst moments: within every op.  It knows nothing that it was not told: a table entry is not seen before
 * `table_written` where page walks do not snoop, and a cached one not forgotten before it is flushed.
 */
#ifndef VTD_MODEL_HW_H
#define VTD_MODEL_HW_H

#include <nestvmx/vtd.h>

/* L1's memory: 8 MiB that is backed, the second and fourth 2 MiB of it one block each; and 1 GiB that is one block. */
#define RAM_FRAMES 2048u
#define BIG_GPA 0x40000000ull
#define BIG_FRAMES 0x40000u
#define GPA_END (BIG_GPA + ((uint64_t)BIG_FRAMES << 12))
#define SPARES 256u

#define POOL_PAGES 4096u
#define HW_DEVICES 3u
#define HW_DOMAINS 12u
#define TLB_LINES 96u
#define PSC_LINES 48u
#define QUEUED 512u

#define OWNER_NONE (~0ull)
#define OWNER_DUMMY (~1ull)

struct hw_config {
	bool coherent, caches_not_present, page_flush, has_2m, has_1g, four_levels_only, device_tlb;
	uint8_t mamv;
};

struct hw_domain {
	bool open;
	uint8_t levels;
	uint64_t root;
	uint64_t serial; /* what the hardware's caches are tagged with */
};

struct hw_line { /* of the IOTLB, of a device-TLB, or of the paging-structure cache */
	bool valid, present;
	uint8_t shift, rights;
	uint8_t device;
	uint64_t domain, page, hpa;
};

struct hw_mapping { /* ASSIGN_MAP */
	uint64_t domain, iova, gpa, len;
	uint64_t made;
	uint32_t next;   /* 1 + index of the next in its bucket */
	uint8_t rights;  /* 0: free */
};
#define MAPPINGS 65536u
#define BUCKETS 16384u
struct hw_mappings {
	struct hw_mapping of[MAPPINGS];
	uint32_t bucket[BUCKETS], free[MAPPINGS];
	unsigned frees, used, fresh;
};

struct hw_device {
	uint16_t source_id;
	bool has_tlb;
	bool muted;                   /* its TLB has not answered, and it has not been attached since */
	struct nvmx_vtd_target target;
};

struct nvmx_vtd_host {
	struct hw_config config;
	uint64_t random;
	bool speculating;
	bool failed;
	const char *why;

	uint64_t (*ram)[512];         /* RAM_FRAMES + SPARES frames of the host's */
	uint64_t *owner;              /* of these: frame of L1's, or OWNER_NONE */
	uint64_t *p2m;                /* hpa | rights << 6 | shift; 0: not RAM */
	uint64_t *moved;              /* when the host last changed it */
	uint16_t spare[RAM_FRAMES + SPARES];
	unsigned spares;
	uint64_t now;

	uint64_t (*pool)[512], (*view)[512];
	uint8_t *live;
	uint16_t *free;
	unsigned frees, used;
	uint64_t dummy;

	struct hw_domain domain[HW_DOMAINS];
	struct hw_device device[HW_DEVICES];
	struct hw_line tlb[TLB_LINES], psc[PSC_LINES], device_tlb[TLB_LINES];
	struct hw_mappings *mappings;
	struct nvmx_vtd_flush queued[QUEUED];
	unsigned queued_n;

	const uint64_t *iovas;        /* where it looks */
	unsigned iovas_n;
	bool delay_flushes;
	bool mute;                    /* no device-TLB answers */
	bool told;                    /* interrupts_changed was called, and the host has not followed */
	bool routes_later;
	uint8_t width;                /* that the unit was given */
	unsigned fail_page, fail_domain, fail_attach; /* one in so many calls fails; 0: none */
	unsigned maps;
	unsigned interrupts;
	uint64_t route_valid[8];      /* interrupt routes that the host keeps: a bit per index */
	uint64_t speculated, walks, flush_items;
};

void hw_new(struct nvmx_vtd_host *h);
void hw_free(struct nvmx_vtd_host *h);
/* As new; the memory is kept. */
void hw_reset(struct nvmx_vtd_host *h, const struct hw_config *config, uint64_t seed);
void hw_ops(struct nvmx_vtd_ops *ops);
uint64_t hw_cap(const struct hw_config *c);
uint64_t hw_ecap(const struct hw_config *c);

uint32_t hw_random(struct nvmx_vtd_host *h, uint32_t below);
void hw_fail(struct nvmx_vtd_host *h, const char *why);

struct hw_result {
	bool ok;
	uint64_t owner; /* of the frame reached: gpa, or OWNER_DUMMY */
};
struct hw_result hw_dma(struct nvmx_vtd_host *h, unsigned device, uint64_t iova, bool write);
/* Performs what `flush` has queued. */
void hw_flush_queued(struct nvmx_vtd_host *h);

uint64_t *hw_word(struct nvmx_vtd_host *h, uint64_t gpa);
bool hw_is_ram(const struct nvmx_vtd_host *h, uint64_t gpa);
unsigned hw_rights(const struct nvmx_vtd_host *h, uint64_t gpa);
/* Moves, takes or gives back a frame, or changes its rights.  The library is to be told by the caller. */
enum hw_change { HW_MOVE, HW_TAKE, HW_RIGHTS };
void hw_change(struct nvmx_vtd_host *h, uint64_t gpa, enum hw_change change);
/* No table and no cache names a frame that is not L1's, and every table is a live page. */
void hw_audit(struct nvmx_vtd_host *h);

#endif
