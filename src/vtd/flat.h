/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Flattening: L1's second-level tables composed with the host's map of L1's memory, for assigned devices.
 *
 * A space is a tree of tables for one of L1's (domain id, second-level table).  With ASSIGN_TABLES its pages are what the
 * physical unit walks; with ASSIGN_MAP they are the record of what dma_map has mapped.  docs/vtd.md tells the rest.
 */
#ifndef NVMX_SRC_VTD_FLAT_H
#define NVMX_SRC_VTD_FLAT_H

#include "tables.h"

#define DEVICES NVMX_VTD_DEVICES
#define SPACES (2 * DEVICES) /* one in use and one wanted for each device, which gives that up before it wants another */
#define RANGES 12u           /* of one space, noted before they are worked off */
#define FLUSHES 192u
#define DEVICE_FLUSHES DEVICES /* one of each; of those that are not registered no more are taken at a time */
#define EVERYTHING 52u       /* order of a device-TLB flush of everything */

enum vtd_table_state { TABLE_FREE, TABLE_IN_USE };

/* A flattened table.  What stands for a large page of L1's that the host cannot map as one has no copy: a table of parts. */
struct vtd_table {
	uint64_t *hw;
	uint64_t *copy;              /* L1's entries that hw[] was made from; 0 where nothing was made */
	uint64_t *side;              /* above level 1: struct vtd_table * of the table below, or 0 */
	uint64_t hw_hpa, copy_hpa, side_hpa;
	uint64_t base;               /* the first address that it translates */
	uint64_t gpa12;              /* L1's table; with parts the L1 frame of the first entry */
	uint64_t pass;               /* the walk that has compared it with L1's table */
	uint64_t frames;             /* which L1 frames it may map: a bit for each 1/64 of a hash */
	uint64_t link_copy;          /* staged: L1's entry that it stands for */
	struct vtd_table *parent, *next;
	struct vtd_table *old;       /* staged: the table it replaces */
	uint32_t serial;             /* of its space */
	uint16_t index;              /* in the parent */
	uint16_t below_end;          /* no table below from this entry on */
	uint8_t level, space, state;
	uint8_t rights;              /* that the levels above leave */
	bool staged;                 /* complete it first, then let the hardware see it */
	bool snoop;                  /* parts */
	bool interrupts;             /* some of its addresses are in the interrupt range */
	bool incomplete;             /* parts: an entry is missing that could be made */
};
#define TABLE_RECORD 160u
#define TABLES_PER_SLAB (4096u / TABLE_RECORD) /* the first record's place holds the slab's own address and the next */
_Static_assert(sizeof(struct vtd_table) <= TABLE_RECORD, "records of a slab");

struct vtd_range {
	uint64_t first, end;
};

/* A walk over [cursor, end) of a space, which may stop and go on. */
struct vtd_walker {
	uint64_t cursor, end, pass;
	uint64_t changed_first, changed_end; /* what the hardware may hold and is no longer so */
	bool links_changed;
};

struct vtd_space {
	struct vtd_table *top;
	uint64_t *shim;          /* a top table above `top`, where the physical unit has no table of L1's depth */
	uint64_t shim_hpa;
	uint64_t table;          /* L1's */
	uint64_t handle;         /* domain_open's */
	uint32_t serial;
	uint16_t domain;         /* L1's */
	uint8_t levels;
	uint8_t refs;
	uint8_t ranges_n;
	bool used;
	bool live;               /* a device has used it */
	bool walking;            /* `walker` is at ranges[0] */
	bool stale;              /* device-TLBs may hold what its tables no longer map */
	struct vtd_walker walker;
	struct vtd_range ranges[RANGES];
};

struct vtd_target {
	uint8_t kind;            /* enum nvmx_vtd_target_kind */
	uint8_t space;           /* DOMAIN */
	bool device_tlb;
};

struct vtd_device {
	void *device;            /* NULL: free */
	uint16_t source_id;
	uint8_t flags;
	bool dirty;              /* its context-entry is to be read */
	bool pending;            /* `want` is to be attached when its space is complete */
	bool retry;              /* an op failed: try again at L1's next invalidation */
	uint8_t asked, sent;     /* TLB_FOR_*: who wants its device-TLB flushed, and waits for it */
	struct vtd_target now, want;
};

struct vtd_flat {
	uint32_t pages;          /* got from page_alloc and not given back */
	uint32_t serial;
	uint32_t inflight;       /* flushes queued by the host */
	int result;              /* the worst of their results */
	uint16_t suspect;        /* the only device whose device-TLB they flush, or 0 */
	uint64_t pass;
	uint64_t *dummy;
	uint64_t dummy_hpa;
	uint64_t *slabs;
	struct vtd_table *free;
	struct vtd_table *detached; /* not linked any more; the hardware may still walk them, or dma_unmap is due */
	struct vtd_table *dead;     /* to be freed */
	uint32_t flushes_n, device_flushes_n;
	uint32_t faults;         /* since the last tick */
	uint8_t devices_end, spaces_end; /* none is in use from here on */
	bool starved, released;  /* a page was missing; tables have been freed since */
	bool flush_new;          /* the physical unit wants a flush for what was not present, too */
	bool tlbs_sent;          /* some device's `sent` is not 0 */
	bool revoking;           /* the flush under way is one that the host waits for */
	bool unasked;            /* what is under way was for L1 as it was before a reset */
	struct nvmx_vtd_flush flushes[FLUSHES + DEVICE_FLUSHES];
	struct nvmx_vtd_flush device_flushes[DEVICE_FLUSHES];
	struct vtd_device devices[DEVICES];
	struct vtd_space spaces[SPACES];
};

/* Whether anything of [first, first + size), aligned, is in the interrupt range. */
static inline bool vtd_meets_interrupts(uint64_t first, uint64_t size)
{
	return INTERRUPT_RANGE + INTERRUPT_RANGE_SIZE - 1 - first < size + INTERRUPT_RANGE_SIZE - 1;
}

/* Why a device-TLB is flushed. */
#define TLB_FOR_L1 1u
#define TLB_FOR_HOST 2u

static inline uint64_t vtd_span(const struct vtd_table *t)
{
	return BIT64(vtd_shift(t->level) + 9);
}

static inline uint64_t vtd_entry_base(const struct vtd_table *t, unsigned i)
{
	return t->base + ((uint64_t)i << vtd_shift(t->level));
}

static inline struct vtd_table *vtd_below(const struct vtd_table *t, unsigned i)
{
	return t->level > 1 ? (struct vtd_table *)(uintptr_t)t->side[i] : NULL;
}

static inline struct vtd_table *vtd_slab_record(uint64_t *slab, unsigned i)
{
	return (struct vtd_table *)((char *)slab + i * TABLE_RECORD);
}

/* What work costs, in table entries. */
#define COST_TABLE 64u
#define COST_LEAF 8u

/* pool.c: pages within the budget, records. */
uint64_t *nvmx_vtd_page(struct nvmx_vtd *u, uint64_t *hpa);
void nvmx_vtd_page_free(struct nvmx_vtd *u, uint64_t *page, uint64_t hpa);
struct vtd_table *nvmx_vtd_table_new(struct nvmx_vtd *u, unsigned space, unsigned level, uint64_t base, uint64_t gpa12,
				     bool parts);
void nvmx_vtd_detach(struct nvmx_vtd *u, struct vtd_table *t);
/* Frees tables of a list, detached (which unmaps with ASSIGN_MAP) or dead; false: the budget is used up, some are left. */
bool nvmx_vtd_reap(struct nvmx_vtd *u, struct vtd_table **list);
void nvmx_vtd_reap_one(struct nvmx_vtd *u, struct vtd_table **list);
void nvmx_vtd_pool_destroy(struct nvmx_vtd *u);

/* leaf.c: entries of flattened tables. */
/* Brings t's entries in [cursor, end) in line with L1's table.  false: `detached` is to be reaped first, then again. */
bool nvmx_vtd_refresh(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t);
void nvmx_vtd_commit(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t);
/* What a leaf was made from, as it is recorded. */
struct vtd_leaf {
	uint64_t gpa;
	uint8_t rights;
	bool snoop;
};
/* false: entry i is no leaf, or nothing was made from it. */
bool nvmx_vtd_leaf_of(const struct nvmx_vtd *u, const struct vtd_table *t, unsigned i, struct vtd_leaf *l);
/* The value that entry i is to have for a leaf; with ASSIGN_MAP it is mapped, over what was mapped there. */
enum vtd_made { MADE, MADE_PARTS, MADE_NOTHING };
enum vtd_made nvmx_vtd_leaf_make(struct nvmx_vtd *u, struct vtd_table *t, unsigned i, const struct vtd_leaf *l,
				 uint64_t *value);
void nvmx_vtd_leaf_set(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t value,
		       uint64_t gpa);
/* Empties a leaf that could not follow the host; what is staged to replace it stays. */
void nvmx_vtd_leaf_withdraw(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i);
/* A leaf becomes a table of parts: with ASSIGN_TABLES they are what the hardware has, with ASSIGN_MAP all is to be mapped.
 * NULL: there is no page, and nothing has changed. */
struct vtd_table *nvmx_vtd_leaf_split(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i,
				      const struct vtd_leaf *l);
uint64_t nvmx_vtd_frame_bits(uint64_t gpa, uint64_t len);

/* sync.c */
void nvmx_vtd_range_add(struct nvmx_vtd *u, struct vtd_space *s, uint64_t first, uint64_t end);
void nvmx_vtd_range_all(struct nvmx_vtd *u, struct vtd_space *s);
bool nvmx_vtd_sync(struct nvmx_vtd *u);
void nvmx_vtd_walker_start(struct nvmx_vtd *u, struct vtd_walker *w, uint64_t first, uint64_t end);
/* One step of a walk.  With ASSIGN_MAP nothing may be left in `detached` before it. */
void nvmx_vtd_walker_step(struct nvmx_vtd *u, struct vtd_space *s, struct vtd_walker *w);
/* What a walk has changed becomes a flush. */
void nvmx_vtd_walker_end(struct nvmx_vtd *u, struct vtd_space *s, struct vtd_walker *w);

/* flush.c */
void nvmx_vtd_flush_add(struct nvmx_vtd *u, const struct vtd_space *s, uint64_t first, uint64_t end, bool leaf_only);
void nvmx_vtd_flush_device(struct nvmx_vtd *u, struct vtd_device *d, uint64_t iova, unsigned order, unsigned why);
/* The same for a device that the host emulates without telling. */
void nvmx_vtd_flush_source(struct nvmx_vtd *u, const struct nvmx_vtd_flush *f);
/* The domain is closed, the device gone: nothing is to be done for it any more. */
void nvmx_vtd_flush_forget(struct nvmx_vtd *u, uint64_t domain);
void nvmx_vtd_flush_forget_device(struct nvmx_vtd *u, struct vtd_device *d);
/* false: queued. */
bool nvmx_vtd_flush(struct nvmx_vtd *u);
/* L1 has been reset: it hears of nothing that it has asked for until now. */
void nvmx_vtd_flush_reset(struct nvmx_vtd *u);

/* flat.c: the device did not answer; it reaches nothing until L1's next invalidation finds it attached anew. */
void nvmx_vtd_device_block(struct nvmx_vtd *u, struct vtd_device *d);

#endif
