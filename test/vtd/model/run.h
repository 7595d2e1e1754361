/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* One seed: a configuration, an L1 that edits its tables and invalidates, devices, and a host that moves frames. */
#ifndef VTD_MODEL_RUN_H
#define VTD_MODEL_RUN_H

#include "ref.h"

enum { /* flags of a run */
	RUN_CALLS = 1,   /* ASSIGN_MAP */
	RUN_WILD = 2,    /* L1 writes what it likes: only safety is judged */
	RUN_LOSSY = 4    /* ops fail, and pages run out: DMA may be refused, but never goes astray */
};

#define TREES 3u
#define IOVAS 64u
#define SIDS 4u               /* the last is an emulated device */
#define EMULATED (SIDS - 1)
#define IRTES 256u
#define HOST_WIDTH 40u

/* Frames of L1's. */
#define F_ROOT 1u
#define F_CONTEXTS 2u
#define F_QUEUE 3u
#define F_STATUS 4u
#define F_IRT 5u
#define F_TABLES 8u           /* up to F_DATA */
#define F_DATA 256u

struct tree {
	uint64_t root;
	uint16_t did;
	uint8_t levels;
	struct ref_page page[IOVAS];
	struct { uint16_t frame; uint64_t since; } limbo[F_DATA]; /* tables unlinked, not yet flushed */
	unsigned limbo_n;
};

enum pending_kind { P_PAGES, P_DOMAIN, P_GLOBAL, P_CONTEXT, P_BUFFER, P_IRTE };
struct pending {
	uint8_t kind, order;
	uint16_t what;        /* domain id; device's number, or SIDS for all; interrupt index */
	uint64_t iova, since;
	uint32_t sequence;    /* the wait that tells; 0: none yet */
};
#define PENDINGS 256u

struct run {
	struct nvmx_vtd_host h;
	struct nvmx_vtd_ops ops;
	struct nvmx_vtd_config config;
	struct nvmx_vtd *u;
	unsigned flags;
	uint64_t seed, step, now;
	bool busy;            /* the library has more to do */
	bool waiting;
	unsigned rounds;

	struct tree tree[TREES];
	struct ref_history context[SIDS];
	uint64_t context_now[SIDS];
	struct ref_history irte[IRTES];
	uint64_t route[IRTES];
	uint16_t free_tables[F_DATA];
	unsigned free_n;
	struct pending pending[PENDINGS];
	unsigned pending_n;
	uint32_t tail, sequence;
	bool registers;       /* invalidates by register: the queue is off */
	bool te, started;
	bool narrow;          /* most goes on in one tree and one area, and rights come and go at all levels */

	uint64_t dmas, dmas_ok, translations, invalidations, edits, changes, faults, interrupts;
};

extern const uint64_t run_iovas[IOVAS];

void run_new(struct run *r);
void run_free(struct run *r);
/* `steps` steps from a seed; false: it failed, and said why. */
bool run_seed(struct run *r, uint64_t seed, unsigned flags, unsigned steps);

/* drive.c: an L1 that does what the specification asks of it. */
uint32_t rnd(struct run *r, uint32_t below);
void run_start(struct run *r);
void run_write(struct run *r, uint32_t offset, unsigned size, uint64_t value);
/* The host changes a frame, and tells; now and then no device-TLB answers.  change: enum hw_change. */
void run_revoke(struct run *r, uint64_t gpa, unsigned change);
void run_replace(struct run *r);   /* run.c: another unit, restored from what this one has saved */
void run_verdict(struct run *r, enum nvmx_vtd_verdict v);
void run_progress(struct run *r);  /* lets the library go on, once */
void run_complete(struct run *r);  /* until it is done */
void drive_step(struct run *r);
void drive_context(struct run *r, unsigned device, uint64_t lo, uint64_t hi, uint64_t is);
void drive_flush_all(struct run *r);
void drive_renew(struct run *r);   /* everything that L1 may see is what is so now */
void drive_edit(struct run *r);
void drive_invalidate(struct run *r);
void drive_queue_put(struct run *r, uint64_t lo, uint64_t hi);

/* judge.c */
void judge_dma(struct run *r, unsigned device, unsigned page);
void judge_translation(struct run *r, unsigned sid, unsigned page);
void judge_interrupt(struct run *r, unsigned index);
void judge_all(struct run *r);
void judge_done(struct run *r);    /* which pending invalidations are complete */
void judge_idle(struct run *r);    /* all of them are */

/* wild.c */
void wild_step(struct run *r);

static inline uint16_t run_source_id(unsigned sid)
{
	return (uint16_t)(8 + 8 * sid);
}

#endif
