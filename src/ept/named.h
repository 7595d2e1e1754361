/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Guest-physical ranges that L1 has named to all of its vCPUs at once: what waits for one of them until it enters L2.  Pure. */
#ifndef NVMX_SRC_EPT_NAMED_H
#define NVMX_SRC_EPT_NAMED_H

#include <stdbool.h>
#include <stdint.h>

#define NVMX_EPT_NAMED 8 /* ranges that are kept apart */

struct nvmx_ept_range {
	uint64_t space;          /* address of L1's top table */
	uint64_t gpa, end;       /* of L2, the last one included; 0 and ~0: all of the space */
};

struct nvmx_ept_named {
	uint32_t n;
	bool all;                /* there were more spaces than places: all of all spaces */
	struct nvmx_ept_range range[NVMX_EPT_NAMED];
};

static inline bool nvmx_ept_touch(const struct nvmx_ept_range *a, const struct nvmx_ept_range *b)
{
	return a->space == b->space && (!a->gpa || a->gpa - 1 <= b->end) && (!b->gpa || b->gpa - 1 <= a->end);
}

/* Takes out what touches r, which grows by it. */
static inline void nvmx_ept_absorb(struct nvmx_ept_named *to, struct nvmx_ept_range *r)
{
	for (uint32_t i = to->n; i-- > 0;) {
		if (!nvmx_ept_touch(&to->range[i], r))
			continue;
		r->gpa = to->range[i].gpa < r->gpa ? to->range[i].gpa : r->gpa;
		r->end = to->range[i].end > r->end ? to->range[i].end : r->end;
		to->range[i] = to->range[--to->n];
	}
}

/* Where there is no place for one more, all of its space is named; where that has none, all spaces are. */
static inline void nvmx_ept_name(struct nvmx_ept_named *to, const struct nvmx_ept_range *range)
{
	struct nvmx_ept_range r = *range;

	nvmx_ept_absorb(to, &r);
	if (to->n == NVMX_EPT_NAMED) {
		r.gpa = 0;
		r.end = ~0ull;
		nvmx_ept_absorb(to, &r);
	}
	if (to->n == NVMX_EPT_NAMED)
		to->all = true;
	else
		to->range[to->n++] = r;
}

#endif
