/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The books of nvmx_checked_ops(): what the library holds of its host's.
 */
#ifndef NVMX_SRC_LEDGER_H
#define NVMX_SRC_LEDGER_H

#include <nestvmx/checked.h>

#define NVMX_LEDGER_NO_VMCS (~0ull)

void nvmx_ledger_broke(struct nvmx_ledger *l, unsigned promise, const char *op, uint64_t found, uint64_t about);

/* Whether hpa is that of a frame below the processor's width. */
static inline bool nvmx_ledger_frame(const struct nvmx_ledger *l, uint64_t hpa)
{
	return !(hpa & 0xfff) && !(hpa >> l->maxphyaddr);
}

/* The library's page at hpa, or NULL.  What it holds is the vCPU's that got it, the place in the books all of theirs. */
struct nvmx_ledger_page *nvmx_ledger_page(struct nvmx_ledger *l, uint64_t hpa);
/* Whether pages are followed at all: without, none can be found missing. */
bool nvmx_ledger_follows(const struct nvmx_ledger *l);
/* The host gives a page; false: the library has it already. */
bool nvmx_ledger_add(struct nvmx_ledger *l, uint64_t hpa, void *page);
/* The library gives one back; false: it is none that it has.  *vmcs: it is an active VMCS. */
bool nvmx_ledger_remove(struct nvmx_ledger *l, uint64_t hpa, const void *page, bool *vmcs);
/* A batch of watches begins; returns the last one's number. */
uint64_t nvmx_ledger_batch(struct nvmx_ledger *l, uint64_t batch);
/* The first pin of L1's frame at gpa, from the one numbered *i on; false: no more. */
bool nvmx_ledger_pinned(const struct nvmx_ledger *l, uint64_t gpa, unsigned *i);

#endif
