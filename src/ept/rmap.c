/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The reverse map: every leaf hangs in the chain of the L1 frame that it maps, so that the host can take a frame back.
 * A link of a chain is the leaf's table number << 9 | index.
 */
#include "shadow.h"

static uint64_t leaf_frame(const struct nvmx_ept_table *t, unsigned i)
{
	if (!t->copy)
		return (t->gpa12 >> nvmx_ept_shift(t->level)) + i;
	return (t->copy[i] & NVMX_EPTE_ADDR) >> nvmx_ept_shift(t->level);
}

/* Frames that follow each other have chains that follow each other. */
static uint32_t *head(const struct nvmx_ept_vcpu *e, unsigned level, uint64_t frame)
{
	uint32_t n = (uint32_t)(frame ^ frame >> e->heads_bits ^ (uint64_t)level << 7) & (e->heads_n - 1);

	return (uint32_t *)e->heads[n / 1024].va + n % 1024;
}

static uint64_t *side(struct nvmx_ept_vcpu *e, uint32_t link)
{
	return nvmx_ept_table(e, link >> 9)->side + (link & 511);
}

void nvmx_ept_set_leaves(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaves,
			 unsigned n)
{
	uint64_t *const hw = t->hw, *const copy = t->copy, *const sides = t->side;
	const uint32_t number = t->number << 9;
	const unsigned level = t->level;

	if (!n)
		return;
	nvmx_ept_widen(t, leaves[0].index);
	nvmx_ept_widen(t, leaves[n - 1].index);
	e->leaves[level] += n;
	t->leaves = (uint16_t)(t->leaves + n);
	for (const struct nvmx_ept_leaf *l = leaves; l < leaves + n; l++) {
		const unsigned i = l->index;
		uint32_t *h;

		if (copy)
			copy[i] = l->copy;
		h = head(e, level, (copy ? l->copy & NVMX_EPTE_ADDR : t->gpa12 + i * nvmx_ept_size(level)) >> nvmx_ept_shift(level));
		if (*h)
			*side(e, *h) |= number | i;
		sides[i] = (uint64_t)*h << 32;
		*h = number | i;
		__atomic_store_n(hw + i, l->hw, __ATOMIC_RELEASE);
	}
}

void nvmx_ept_unchain(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	uint32_t next = (uint32_t)(t->side[i] >> 32), prev = (uint32_t)t->side[i];

	if (prev)
		*side(e, prev) = (uint32_t)*side(e, prev) | (uint64_t)next << 32;
	else
		*head(e, t->level, leaf_frame(t, i)) = next;
	if (next)
		*side(e, next) = (*side(e, next) & ~0xffffffffull) | prev;
	e->leaves[t->level]--;
	t->leaves--;
}

/* Takes rights from the leaves of one chain that map a frame of `level` in [first, last]. */
static bool lose_chain(struct nvmx_ept_vcpu *e, uint32_t link, unsigned level, uint64_t first, uint64_t last,
		       enum nvmx_ept_loss loss)
{
	bool lost = false;

	while (link) {
		struct nvmx_ept_table *t = nvmx_ept_table(e, link >> 9);
		unsigned i = link & 511;
		uint64_t frame = leaf_frame(t, i);

		link = (uint32_t)(t->side[i] >> 32);
		if (t->level != level || frame < first || frame > last)
			continue;
		if (loss == NVMX_EPT_LOSE_ALL)
			lost |= nvmx_ept_drop(e, t, i);
		else if (t->hw[i] & NVMX_EPTE_W)
			lost |= nvmx_ept_replace(e, t, i, t->hw[i] & ~NVMX_EPTE_W);
	}
	return lost;
}

#define HEADS_AT_ONCE 512u

/* The lock is given back now and then: what was not reached yet cannot be made anew from what the host had. */
static bool lose_level(struct nvmx_ept_vcpu *e, unsigned level, uint64_t first, uint64_t last, enum nvmx_ept_loss loss)
{
	bool every = last - first >= e->heads_n, lost = false;
	uint64_t n = every ? 0 : first, end = every ? e->heads_n - 1 : last, stop;

	do {
		stop = end - n < HEADS_AT_ONCE ? end : n + HEADS_AT_ONCE - 1;
		nvmx_ept_lock(&e->lock);
		if (!e->leaves[level])
			stop = end;
		else if (every)
			for (; n <= stop; n++)
				lost |= lose_chain(e, ((uint32_t *)e->heads[n / 1024].va)[n % 1024], level, first, last, loss);
		else
			for (; n <= stop; n++)
				lost |= lose_chain(e, *head(e, level, n), level, n, n, loss);
		nvmx_ept_unlock(&e->lock);
	} while (stop != end);
	return lost;
}

bool nvmx_ept_lose(struct nvmx_ept_vcpu *e, uint64_t gpa, uint64_t end, enum nvmx_ept_loss loss)
{
	bool lost = false, any[4];

	nvmx_ept_lock(&e->lock);
	for (unsigned level = 1; level <= 3; level++)
		any[level] = e->leaves[level];
	nvmx_ept_unlock(&e->lock);
	/* A fill that makes the first leaf of a level from now on knows of the change. */
	for (unsigned level = 1; level <= 3; level++)
		if (any[level])
			lost |= lose_level(e, level, gpa >> nvmx_ept_shift(level), end >> nvmx_ept_shift(level), loss);
	return lost;
}
