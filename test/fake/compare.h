/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Runs a machine bare and nested and compares what the guests saw. */
#ifndef NVMX_FAKE_COMPARE_H
#define NVMX_FAKE_COMPARE_H

#include "host.h"

/* The kinds of host that run every script. */
enum fake_kind {
	FAKE_PASSES_THROUGH, /* external interrupts and NMIs are L1's */
	FAKE_OWNS_EVENTS,
	FAKE_EMULATES,       /* and the timer, CR accesses, re-injection and the wait for a SIPI */
	FAKE_PAGES,          /* owns events, parks at every return, cannot sleep or allocate, has pageable memory: "not now" */
	FAKE_KINDS
};
void fake_as(struct fake_machine *m, enum fake_kind kind);

/* Whether the two runs are the same; prints the first difference with `verbose`. */
bool fake_same(const struct fake_machine *m, bool verbose);
/* The results of the last fake_same(). */
extern struct fake_result fake_bare, fake_nested;

/* What the n-th VMREAD of a field gave in a run that had one; how often an event (its interruption information) was delivered. */
uint64_t fake_seen(const struct fake_result *of, uint32_t field, unsigned n);
unsigned fake_delivered(const struct fake_result *of, uint32_t info);

#endif
