/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The frames of L1's that the host watches for writes (op watch), for all vCPUs of the VM: a hash of frames in the host's
 * memory, 4 places to a line.
 *
 * A place's word names the frame and says whether it is watched; it never is twice the same.  So who has compared a table with
 * EPT12 while its frame was armed, having read the word before, knows by the word alone that nothing was written since.
 */
#ifndef NVMX_SRC_EPT_WATCH_H
#define NVMX_SRC_EPT_WATCH_H

#include "entry.h"

#define NVMX_EPT_WATCH_WAYS 4
#define NVMX_EPT_WATCH_PINS 64         /* counts of frames that are pinned, by hash */
#define NVMX_EPT_WATCH_USED 1ull
#define NVMX_EPT_WATCH_WRITTEN 2ull
#define NVMX_EPT_WATCH_UNARMED (~0ull)  /* a batch that never is armed */

struct nvmx_ept_watch {
	uint64_t word;  /* the frame, USED, WRITTEN; the other bits count the places that were taken */
	uint64_t batch;
};

struct nvmx_ept_watches {
	struct nvmx_ept_watch *at; /* NULL: the host does not watch */
	uint32_t n;
	uint32_t busy;             /* a batch is under way: counts who has to be done with it, its vCPU and the host */
	uint64_t batch;            /* the last one, for whoever has `busy` */
	uint64_t armed;            /* those up to this one are, */
	uint64_t none;             /* but those up to this one are watched no more */
	uint64_t writes;           /* how often a watched frame was written */
	uint32_t claims;           /* places taken */
	uint32_t hand;             /* the way of a full line that gives way next */
	uint32_t pins[NVMX_EPT_WATCH_PINS];
};

static inline struct nvmx_ept_watch *nvmx_ept_watch_line(const struct nvmx_ept_watches *w, uint64_t gpa)
{
	uint64_t frame = gpa >> 12;

	return w->at + ((frame ^ frame >> 16) & (w->n / NVMX_EPT_WATCH_WAYS - 1)) * NVMX_EPT_WATCH_WAYS;
}

static inline uint64_t nvmx_ept_watch_word(const struct nvmx_ept_watch *place)
{
	return __atomic_load_n(&place->word, __ATOMIC_SEQ_CST);
}

/* Whether a word says that the frame at gpa is watched. */
static inline bool nvmx_ept_watch_is_of(uint64_t word, uint64_t gpa)
{
	return (word & NVMX_EPT_WATCH_USED) && !(word & NVMX_EPT_WATCH_WRITTEN) && !((word ^ gpa) & NVMX_EPTE_ADDR);
}

/* The word of the frame at gpa if it is armed by a batch up to `armed`, and *place; 0: it is not. */
static inline uint64_t nvmx_ept_watch_armed_word(const struct nvmx_ept_watches *w, uint64_t armed, uint64_t gpa, uint32_t *place)
{
	const struct nvmx_ept_watch *p = nvmx_ept_watch_line(w, gpa);

	for (const struct nvmx_ept_watch *end = p + NVMX_EPT_WATCH_WAYS; p < end; p++) {
		uint64_t word = nvmx_ept_watch_word(p), batch;

		if (!nvmx_ept_watch_is_of(word, gpa))
			continue;
		batch = __atomic_load_n(&p->batch, __ATOMIC_SEQ_CST);
		*place = (uint32_t)(p - w->at);
		return batch > __atomic_load_n(&w->none, __ATOMIC_SEQ_CST) && batch <= armed ? word : 0;
	}
	return 0;
}

#endif
