/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The table of the merge's steps (steps.def) as masks: what has to run again after what.
 */
#ifndef NVMX_SRC_STEPS_H
#define NVMX_SRC_STEPS_H

#include "controls.h"

#define NVMX_STEP(m) (1ull << NVMX_M_##m)

/* What is kept of vmcs01: the rows of cached01.def. */
struct nvmx_vmcs01 {
	uint32_t ctl[NVMX_WORDS];
	uint16_t vpid;             /* 0: none */
	uint64_t proc3, eptp;
	uint64_t cr0_mask, cr4_mask;
	uint32_t exceptions, pf_ec_mask, pf_ec_match;
	uint32_t ple_gap, ple_window;
	uint64_t tsc_offset, tsc_multiplier;
	uint64_t io_bitmap_a, io_bitmap_b;
	uint64_t xss_bitmap, encls_bitmap;
};
enum nvmx_of01 {
#define V(member, FIELD, exists) NVMX_01_##FIELD,
#include "cached01.def"
	NVMX_01_COUNT
};

enum nvmx_pinned { NVMX_PIN_OF_VAPIC, NVMX_PIN_OF_APIC_ACCESS, NVMX_PIN_OF_POSTED_INT, NVMX_PINS };
enum nvmx_fact { NVMX_FACT_PDPTES, NVMX_FACTS };

/* The table, flat: a STEP, then what it reads. */
enum nvmx_edge_kind {
	NVMX_EDGE_STEP,   /* not an edge: enum nvmx_merge, the step that those up to the next STEP are of */
	NVMX_EDGE_12,     /* enum nvmx_row */
	NVMX_EDGE_01,     /* enum nvmx_of01 */
	NVMX_EDGE_AFTER,  /* enum nvmx_merge */
	NVMX_EDGE_PIN,    /* enum nvmx_pinned */
	NVMX_EDGE_FACT,   /* enum nvmx_fact */
	NVMX_EDGE_L1S,
	NVMX_EDGE_L2S,
	NVMX_EDGE_SAID,
	NVMX_EDGE_ALSO12, /* enum nvmx_row; no edge */
	NVMX_EDGE_ALSO01, /* enum nvmx_row; no edge */
	NVMX_EDGE_USES    /* enum nvmx_merge; no edge */
};
struct nvmx_edge {
	uint8_t kind, what;
};
extern const struct nvmx_edge nvmx_edges[];
extern const size_t nvmx_edge_count;

/* The steps to run after a change: all masks are closed over AFTER. */
struct nvmx_step_masks {
	uint64_t of12[NVMX_ROWS];
	struct nvmx_rowset quiet;  /* the fields whose of12 is empty */
	uint64_t of01[NVMX_01_COUNT];
	uint64_t of_pin[NVMX_PINS];
	uint64_t of_fact[NVMX_FACTS];
	uint64_t l1s, l2s;         /* those that such conditions count for, */
	struct nvmx_rowset l1s_rows; /* and the fields that those of l1s make */
	uint64_t said;
};
void nvmx_edges_derive(const struct nvmx_edge *edges, size_t count, struct nvmx_step_masks *masks);

/* All steps there are. */
#define NVMX_STEPS_ALL ((1ull << NVMX_M_STEPS_END) - (1ull << NVMX_M_HOST))

/* The steps that every VM entry of vmcs12 runs, as long as what EACH reads does not change. */
uint64_t nvmx_steps_each(const struct nvmx_step_masks *masks, const struct nvmx_vmcs12 *v12, uint32_t l1s);

#endif
