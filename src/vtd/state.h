/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The unit's state, and what its parts offer each other.  docs/vtd.md tells how they work together. */
#ifndef NVMX_SRC_VTD_STATE_H
#define NVMX_SRC_VTD_STATE_H

#include "flat.h"

/* cache.c: the context-cache and the IOTLB (6.2). */
struct vtd_context_line {
	struct vtd_context context;
	uint16_t source_id;
	bool valid;
};
struct vtd_tlb_line {
	uint64_t page;     /* iova >> shift */
	uint64_t gpa;      /* of the page */
	uint16_t domain;
	uint8_t rights, shift; /* rights 0: not valid */
	bool snoop;
};
#define CONTEXT_LINES 64u
#define TLB_SETS 128u
#define TLB_WAYS 4u
struct vtd_caches {
	struct vtd_context_line context[CONTEXT_LINES];
	struct vtd_tlb_line tlb[TLB_SETS][TLB_WAYS];
	uint8_t victim[TLB_SETS];
	bool tlb_used;     /* since it was emptied */
};

struct vtd_irte_line {
	uint64_t entry[2];
	uint16_t index;
	bool valid;
};
#define IRTE_LINES 128u

/* A wait descriptor whose invalidations are under way (6.5.2.8). */
struct vtd_wait {
	uint64_t address;
	uint32_t data;
	bool write, interrupt;
};
#define WAITS 64u

/* What L1 is told when everything before is done. */
#define FINISH_CCMD BIT(0)  /* CCMD.ICC clear */
#define FINISH_IOTLB BIT(1) /* IOTLB.IVT clear */
#define FINISH_WBF BIT(2)   /* GSTS.WBFS clear */
#define FINISH_RTPS BIT(3)  /* GSTS.RTPS set */
#define FINISH_TES BIT(4)   /* GSTS.TES as `te` */
#define FINISH_IRTPS BIT(5) /* GSTS.IRTPS set */
#define FINISH_IRES BIT(6)  /* GSTS.IRES and CFIS as `ir` */

struct nvmx_vtd {
	const struct nvmx_vtd_ops *ops; /* the table below: what the host's lacks is NULL there */
	struct nvmx_vtd_ops ops_table;
	struct nvmx_vtd_host *host;
	struct nvmx_vtd_config config;
	uint64_t reg[REGS];
	uint64_t address_mask;   /* bits of L1's physical addresses */
	uint64_t limit;          /* DMA addresses are below it, whatever the table (CAP.MGAW, 3.6) */
	uint64_t root, irta;     /* RTADDR (with TTM) and IRTA as SRTP and SIRTP have latched them */
	uint64_t iva;            /* IVA, which is write-only */
	uint32_t te;             /* GCMD_TE if that is what L1 wants */
	uint32_t ir;             /* the same of GCMD_IRE and GCMD_CFI */
	uint32_t routes_first, routes_end; /* interrupts that the host has yet to hear of; routes_end 0: none */
	uint32_t budget;         /* of the call under way */
	uint64_t head;           /* of the queue: what is taken next; IQH follows when what was taken is done */
	uint8_t finish;          /* FINISH_* */
	uint8_t queue_error;     /* IQEI of a descriptor that L1 is told of when those before it are done */
	bool drain;              /* L1 wants DMA of emulated devices drained */
	bool telling;            /* the host has yet to say that it has followed interrupts_changed */
	uint8_t frcd_next;       /* the fault recording register for the next fault */
	uint8_t waits_n;
	struct vtd_wait waits[WAITS];
	struct vtd_caches caches;
	struct vtd_irte_line irte[IRTE_LINES];
	struct vtd_flat flat;
	uint64_t counter[NVMX_VTD_CNT_COUNT];
};
_Static_assert(sizeof(struct nvmx_vtd) <= NVMX_VTD_SIZE, "NVMX_VTD_SIZE");

static inline void vtd_count(struct nvmx_vtd *u, enum nvmx_vtd_counter c)
{
	u->counter[c]++;
}

static inline void vtd_spend(struct nvmx_vtd *u, uint32_t entries)
{
	u->budget -= entries < u->budget ? entries : u->budget;
}

static inline bool vtd_has(const struct nvmx_vtd *u, uint32_t features)
{
	return (u->config.features & features) == features;
}

/* Addresses that such a table translates are below this. */
static inline uint64_t vtd_limit(const struct nvmx_vtd *u, unsigned levels)
{
	uint64_t limit = BIT64(12 + 9 * levels);

	return limit < u->limit ? limit : u->limit;
}

void nvmx_vtd_trace(struct nvmx_vtd *u, enum nvmx_vtd_event event, uint64_t a, uint64_t b);

/* caps.c */
int nvmx_vtd_check_caps(const struct nvmx_vtd_config *c, struct nvmx_error_info *info);
uint64_t nvmx_vtd_make_cap(const struct nvmx_vtd_config *c);
uint64_t nvmx_vtd_make_ecap(const struct nvmx_vtd_config *c);

/* regs.c */
void nvmx_vtd_regs_reset(struct nvmx_vtd *u);
uint64_t nvmx_vtd_reg_writable(const struct nvmx_vtd *u, enum vtd_reg i);
bool nvmx_vtd_reg_exists(const struct nvmx_vtd *u, enum vtd_reg i);
uint64_t nvmx_vtd_reg_reset(enum vtd_reg i);

/* event.c: the two interrupts of the unit itself (7.3, 6.5.2.8). */
/* The control register or the status was written by software. */
void nvmx_vtd_event_update(struct nvmx_vtd *u, enum vtd_event event);
/* Sets bits of FSTS or ICS, and raises the event. */
void nvmx_vtd_event_status(struct nvmx_vtd *u, enum vtd_event event, uint32_t bits);

/* fault.c */
/* Records a fault (7.2.1).  info: the record's low half; high: its high half without the F bit. */
void nvmx_vtd_fault_record(struct nvmx_vtd *u, uint64_t info, uint64_t high);
/* Software cleared an F bit: PPF and FRI follow. */
void nvmx_vtd_fault_update(struct nvmx_vtd *u);

/* A request of source_id was refused for `fault`: counts it, and records it unless FPD says not to. */
void nvmx_vtd_fault(struct nvmx_vtd *u, uint16_t source_id, enum nvmx_vtd_fault fault, bool fpd, uint64_t info,
		    uint64_t type);

/* cache.c */
struct vtd_context_line *nvmx_vtd_cache_context(struct nvmx_vtd *u, uint16_t source_id);
struct vtd_tlb_line *nvmx_vtd_cache_find(struct nvmx_vtd *u, uint16_t domain, uint64_t iova);
void nvmx_vtd_cache_fill(struct nvmx_vtd *u, uint16_t domain, uint64_t iova, const struct vtd_walk *w);
void nvmx_vtd_cache_reset(struct nvmx_vtd *u);

/* Invalidations, from the queue and from registers; numbers as in both (6.5.1, 6.5.2). */
#define GRANULARITY_GLOBAL 1u
#define GRANULARITY_DOMAIN 2u
#define GRANULARITY_NARROW 3u /* device, or pages */
struct vtd_inv_context {
	uint8_t granularity;
	uint8_t function_mask;
	uint16_t domain, source_id;
};
struct vtd_inv_iotlb {
	uint8_t granularity;
	uint8_t order;
	uint16_t domain;
	uint64_t iova;
};
void nvmx_vtd_cache_inv_context(struct nvmx_vtd *u, const struct vtd_inv_context *inv);
void nvmx_vtd_cache_inv_iotlb(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv);
/* FM (6.5.1.1): which bits of a source id count. */
static inline bool vtd_source_matches(uint16_t a, uint16_t b, unsigned function_mask)
{
	static const uint16_t ignore[] = { 0, 4, 6, 7 };

	return !((a ^ b) & ~ignore[function_mask & 3]);
}

/* inval.c: an invalidation reaches every cache of the unit, and the flattened tables. */
void nvmx_vtd_inv_context(struct nvmx_vtd *u, const struct vtd_inv_context *inv);
void nvmx_vtd_inv_iotlb(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv);
void nvmx_vtd_inv_everything(struct nvmx_vtd *u);

/* command.c: what follows the write of a command register. */
uint32_t nvmx_vtd_commands(const struct nvmx_vtd *u); /* the bits of GCMD that do something */
void nvmx_vtd_gcmd(struct nvmx_vtd *u, uint32_t command);
void nvmx_vtd_ccmd(struct nvmx_vtd *u, uint64_t written, uint64_t before);
void nvmx_vtd_iotlb(struct nvmx_vtd *u, uint64_t written, uint64_t before);
uint16_t nvmx_vtd_domain_id(const struct nvmx_vtd *u, uint64_t domain);
uint64_t nvmx_vtd_guest_address(const struct nvmx_vtd *u, uint64_t address);

/* queue.c: takes descriptors until the ring is empty, an error, or there is no room to note what they ask for. */
void nvmx_vtd_queue_take(struct nvmx_vtd *u);
bool nvmx_vtd_queue_runs(const struct nvmx_vtd *u);
void nvmx_vtd_queue_error(struct nvmx_vtd *u);

/* remap.c: notes that interrupts go elsewhere; nvmx_vtd_tell_routes tells the host, once for all that there are.  false: it
 * has not followed yet. */
void nvmx_vtd_inv_irte(struct nvmx_vtd *u, uint32_t index, uint32_t count);
void nvmx_vtd_inv_irte_all(struct nvmx_vtd *u);
bool nvmx_vtd_tell_routes(struct nvmx_vtd *u);

/* flat.c: what L1 does that assigned devices must follow is noted, then worked off by nvmx_vtd_flat_work.  DONE means that
 * the hardware holds nothing older. */
void nvmx_vtd_flat_follow_all(struct nvmx_vtd *u);
void nvmx_vtd_flat_inv_context(struct nvmx_vtd *u, const struct vtd_inv_context *inv);
void nvmx_vtd_flat_inv_iotlb(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv);
void nvmx_vtd_flat_follow_devices(struct nvmx_vtd *u);
void nvmx_vtd_flat_device_tlb(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, unsigned order);
/* Whether there is room to note what another descriptor asks for. */
bool nvmx_vtd_flat_room(const struct nvmx_vtd *u);
enum nvmx_vtd_verdict nvmx_vtd_flat_work(struct nvmx_vtd *u);
bool nvmx_vtd_flat_idle(const struct nvmx_vtd *u);
bool nvmx_vtd_flat_left(const struct nvmx_vtd *u);
int nvmx_vtd_flat_init(struct nvmx_vtd *u);

/* work.c */
bool nvmx_vtd_idle(const struct nvmx_vtd *u);
enum nvmx_vtd_verdict nvmx_vtd_work(struct nvmx_vtd *u);
enum nvmx_vtd_verdict nvmx_vtd_left(const struct nvmx_vtd *u); /* works nothing off */

#endif
