/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Shadow tables: the tree, its records, detaching, eviction, re-validation. */
#include "shadow.h"

#define EVICT_AT_ONCE 16

/* A page of new records, numbered on from the last ones. */
static bool new_slab(struct nvmx_ept_vcpu *e)
{
	uint64_t hpa, *slab;
	uint32_t i;

	if (e->slabs == NVMX_EPT_SLABS)
		return false;
	slab = nvmx_ept_take(e, &hpa);
	slab[0] = hpa;
	((uint64_t **)e->dir.va)[e->slabs] = slab;
	for (i = NVMX_EPT_PER_SLAB - 1; i > 0; i--) {
		struct nvmx_ept_table *t = nvmx_ept_table(e, e->slabs * NVMX_EPT_PER_SLAB + i);

		t->number = e->slabs * NVMX_EPT_PER_SLAB + i;
		t->next = e->free_records;
		e->free_records = t->number;
	}
	e->slabs++;
	return true;
}

struct nvmx_ept_table *nvmx_ept_new_table(struct nvmx_ept_vcpu *e, unsigned level, unsigned root, uint64_t gpa12,
					  bool parts)
{
	struct nvmx_ept_table *t;

	if (!e->free_records && !new_slab(e))
		return NULL;
	t = nvmx_ept_table(e, e->free_records);
	e->free_records = t->next;
	*t = (struct nvmx_ept_table){
		.number = t->number, .level = (uint8_t)level, .root = (uint8_t)root, .gpa12 = gpa12,
		.lo = 512, .around = NVMX_EPT_AROUND_MIN, .state = NVMX_EPT_T_LINKED,
		.generation = e->roots[root].generation,
	};
	t->hw = nvmx_ept_take(e, &t->hw_hpa);
	t->side = nvmx_ept_take(e, &t->side_hpa);
	if (!parts)
		t->copy = nvmx_ept_take(e, &t->copy_hpa);
	e->tables++;
	return t;
}

/* Where an entry leads, and how what is there is cached. */
#define TARGET (NVMX_EPTE_ADDR | 0xf8u)

/*
 * Whether the processor may have cached what t's entries lead to, wholly or by a window.  It has nothing of a table that is
 * older than its root's last INVEPT, and what is detached was flushed, or will be, with the entry that led there.
 */
static bool may_be_cached(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	if (t->state == NVMX_EPT_T_DETACHED)
		return false;
	return !t->copy || t->generation == e->roots[t->root].generation || nvmx_ept_window_in_use(e, t);
}

bool nvmx_ept_replace(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, uint64_t hw)
{
	uint64_t was = t->hw[i];
	bool less = (was & NVMX_EPTE_RIGHTS && (was & ~hw & NVMX_EPTE_RIGHTS || (was ^ hw) & TARGET)) && may_be_cached(e, t) &&
		    (nvmx_ept_is_leaf(t, i) || may_be_cached(e, nvmx_ept_table(e, (uint32_t)t->side[i])));

	if (less)
		nvmx_ept_want_flush(e, t->root);
	__atomic_store_n(t->hw + i, hw, __ATOMIC_RELEASE);
	if (__builtin_expect(t->window != NULL, 0))
		nvmx_ept_store_in_window(t, i, hw);
	return less;
}

void nvmx_ept_update_leaf(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, uint64_t hw, uint64_t copy)
{
	if (t->copy)
		t->copy[i] = copy;
	nvmx_ept_replace(e, t, i, hw);
}

void nvmx_ept_set_link(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, struct nvmx_ept_table *lower,
		       uint64_t rights, uint64_t copy)
{
	if (!t->hw[i]) {
		nvmx_ept_widen(t, i);
		t->links++;
		t->side[i] = lower->number;
		lower->parent = t->number;
		lower->index = (uint16_t)i;
	}
	if (!(t->hw[i] & NVMX_EPTE_RIGHTS) && t->live_n <= NVMX_EPT_LIVE) {
		if (t->live_n < NVMX_EPT_LIVE)
			t->live[t->live_n] = (uint16_t)i;
		t->live_n++;
	}
	if (t->copy)
		t->copy[i] = copy;
	nvmx_ept_replace(e, t, i, lower->hw_hpa | rights);
}

static void detach(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	nvmx_ept_close_window(e, t);
	t->state = NVMX_EPT_T_DETACHED;
	t->next = e->detached;
	e->detached = t->number;
}

bool nvmx_ept_drop(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	bool leaf = nvmx_ept_is_leaf(t, i), owes;

	if (!t->hw[i])
		return false;
	owes = nvmx_ept_replace(e, t, i, 0);
	if (leaf) {
		nvmx_ept_unchain(e, t, i);
	} else {
		t->links--;
		detach(e, nvmx_ept_table(e, (uint32_t)t->side[i]));
	}
	t->side[i] = 0;
	if (t->copy)
		t->copy[i] = 0;
	return owes;
}

void nvmx_ept_detach_top(struct nvmx_ept_vcpu *e, uint32_t number)
{
	detach(e, nvmx_ept_table(e, number));
}

bool nvmx_ept_recycle(struct nvmx_ept_vcpu *e)
{
	struct nvmx_ept_table *t;
	unsigned i;

	if (!e->detached)
		return false;
	t = nvmx_ept_table(e, e->detached);
	e->detached = t->next;
	for (i = t->lo; i < t->hi; i++)
		nvmx_ept_drop(e, t, i);
	nvmx_ept_give(e, t->hw, t->hw_hpa);
	nvmx_ept_give(e, t->side, t->side_hpa);
	if (t->copy)
		nvmx_ept_give(e, t->copy, t->copy_hpa);
	t->state = NVMX_EPT_T_FREE;
	t->next = e->free_records;
	e->free_records = t->number;
	e->tables--;
	return true;
}

bool nvmx_ept_evict(struct nvmx_ept_vcpu *e)
{
	uint32_t left = e->slabs * NVMX_EPT_PER_SLAB, evicted = 0;

	for (; left && evicted < EVICT_AT_ONCE; left--) {
		struct nvmx_ept_table *t;

		e->hand = (e->hand + 1) % (e->slabs * NVMX_EPT_PER_SLAB);
		if (e->hand % NVMX_EPT_PER_SLAB == 0)
			continue;
		t = nvmx_ept_table(e, e->hand);
		if (t->state != NVMX_EPT_T_LINKED || t->links)
			continue;
		nvmx_ept_drop(e, nvmx_ept_table(e, t->parent), t->index);
		evicted++;
	}
	return evicted;
}

void nvmx_ept_cut(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	nvmx_ept_replace(e, t, i, t->hw[i] & ~NVMX_EPTE_RIGHTS);
}

static void cut_link(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	if (t->hw[i] && !nvmx_ept_is_leaf(t, i))
		nvmx_ept_cut(e, t, i);
}

void nvmx_ept_cut_links(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	unsigned i;

	if (t->live_n > NVMX_EPT_LIVE)
		for (i = t->lo; i < t->hi; i++)
			cut_link(e, t, i);
	else
		for (i = 0; i < t->live_n; i++)
			cut_link(e, t, t->live[i]);
	t->live_n = 0;
}

/* The bits in which an entry differs from what it was. */
static uint64_t differs(const uint64_t *was, const uint64_t *is, unsigned i)
{
	return was[i] ^ nvmx_ept_load(is + i);
}

/* Whether 8 entries, a line of the cache, are to the bit what they were: what there is most of, so the test is short. */
static bool same_eight(const uint64_t *was, const uint64_t *is)
{
	return !(differs(was, is, 0) | differs(was, is, 1) | differs(was, is, 2) | differs(was, is, 3) |
		 differs(was, is, 4) | differs(was, is, 5) | differs(was, is, 6) | differs(was, is, 7));
}

unsigned nvmx_ept_revalidate(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_root *r,
			     const uint64_t *page12, uint16_t dropped[NVMX_EPT_REFILL])
{
	const uint64_t *copy = t->copy;
	unsigned i, k, end = t->leaves ? t->hi : 0, n = 0;

	nvmx_ept_close_window(e, t);
	nvmx_ept_cut_links(e, t);
	for (i = t->lo & ~7u; i < end; i += 8) {
		if (same_eight(copy + i, page12 + i))
			continue;
		for (k = i; k < i + 8; k++) {
			if (!copy[k] || !nvmx_ept_is_leaf(t, k) || nvmx_ept_still_valid(r, copy[k], nvmx_ept_load(page12 + k)))
				continue;
			nvmx_ept_drop(e, t, k);
			if (n < NVMX_EPT_REFILL)
				dropped[n++] = (uint16_t)k;
		}
	}
	t->generation = r->generation; /* what went until now was out of reach */
	return n;
}
