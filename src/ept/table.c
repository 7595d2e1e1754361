/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Shadow tables: the tree, its records, detaching, eviction, re-validation. */
#include "shadow.h"

#define EVICT_AT_ONCE 16

bool nvmx_ept_new_slab(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h)
{
	struct nvmx_ept_pages *dir = nvmx_ept_pages(&h->dir);
	uint32_t n = h->slabs / NVMX_EPT_SLABS_OF_DIR;
	uint64_t hpa, *slab;
	uint32_t i;

	if (h->slabs >= h->slabs_max)
		return false;
	if (!dir->va[n])
		dir->va[n] = nvmx_ept_take(e, &dir->hpa[n]);
	slab = nvmx_ept_take(e, &hpa);
	slab[0] = hpa;
	((uint64_t **)dir->va[n])[h->slabs % NVMX_EPT_SLABS_OF_DIR] = slab;
	for (i = NVMX_EPT_PER_SLAB - 1; i > 0; i--) {
		struct nvmx_ept_table *t = nvmx_ept_table(h, h->slabs * NVMX_EPT_NUMBERS + i);

		t->number = h->slabs * NVMX_EPT_NUMBERS + i;
		t->next = h->free_records;
		h->free_records = t->number;
	}
	h->slabs++;
	h->free_n += NVMX_EPT_PER_SLAB - 1;
	return true;
}

struct nvmx_ept_table *nvmx_ept_new_record(struct nvmx_ept_vcpu *e, unsigned level, unsigned root, uint64_t gpa12)
{
	struct nvmx_ept_table *t;

	if (!e->home.free_records && !nvmx_ept_new_slab(e, &e->home))
		return NULL;
	t = nvmx_ept_table(&e->home, e->home.free_records);
	e->home.free_records = t->next;
	e->home.free_n--;
	*t = (struct nvmx_ept_table){
		.number = t->number, .level = (uint8_t)level, .root = (uint16_t)root, .gpa12 = gpa12,
		.lo = 512, .around = NVMX_EPT_AROUND_MIN, .state = NVMX_EPT_T_LINKED,
		.generation = nvmx_ept_root_at(e, root)->generation, .quiet_need = NVMX_EPT_QUIET_MIN, .made = e->made++,
	};
	e->tables++;
	return t;
}

struct nvmx_ept_table *nvmx_ept_new_table(struct nvmx_ept_vcpu *e, unsigned level, unsigned root, uint64_t gpa12,
					  bool parts)
{
	struct nvmx_ept_table *t = nvmx_ept_new_record(e, level, root, gpa12);

	if (!t)
		return NULL;
	t->hw = nvmx_ept_take(e, &t->hw_hpa);
	t->side = nvmx_ept_take(e, &t->side_hpa);
	if (!parts)
		t->copy = nvmx_ept_take(e, &t->copy_hpa);
	if (!parts)
		nvmx_ept_add_loose(e, nvmx_ept_root_at(e, root), t);
	return t;
}

/* Where an entry leads, and how what is there is cached. */
#define TARGET (NVMX_EPTE_ADDR | 0xf8u)

/*
 * Whether the processor may have cached what t's entries lead to, wholly or by a window.  It has nothing of a table that is
 * older than its root's last INVEPT, and what is detached was flushed, or will be, with the entry that led there.
 */
static inline bool may_be_cached(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	if (t->state == NVMX_EPT_T_DETACHED)
		return false;
	return !t->copy || t->generation == nvmx_ept_root_at(e, t->root)->generation || (t->window && nvmx_ept_window_in_use(e, t));
}

bool nvmx_ept_replace(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, uint64_t hw)
{
	uint64_t was = t->hw[i];
	bool less = was & NVMX_EPTE_RIGHTS && ((was & ~hw & NVMX_EPTE_RIGHTS) | ((was ^ hw) & TARGET));

	e->lessened |= less && t->shared;
	less = less && (nvmx_ept_is_leaf(t, i) || may_be_cached(e, nvmx_ept_lower(t, i))) && may_be_cached(e, t);
	if (less)
		nvmx_ept_want_flush(e, t->root);
	nvmx_ept_store(nvmx_ept_body(t), i, hw);
	return less;
}

void nvmx_ept_update_leaf(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, uint64_t hw, uint64_t copy)
{
	if (t->copy)
		t->copy[i] = copy;
	nvmx_ept_replace(e, t, i, hw);
}

static void note_live(struct nvmx_ept_table *t, unsigned i)
{
	if (t->live_n > NVMX_EPT_LIVE) /* there are more */
		return;
	for (unsigned n = 0; n < t->live_n; n++)
		if (t->live[n] == i)
			return;
	if (t->live_n < NVMX_EPT_LIVE)
		t->live[t->live_n] = (uint16_t)i;
	t->live_n++;
}

void nvmx_ept_set_link(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i, struct nvmx_ept_table *lower,
		       uint64_t rights, uint64_t copy)
{
	if (!t->hw[i]) {
		nvmx_ept_widen(t, i);
		t->links++;
		t->side[i] = (uintptr_t)lower;
		lower->parent = t;
		lower->index = (uint16_t)i;
	}
	if (t->copy)
		t->copy[i] = copy;
	if (t->hw[i] & NVMX_EPTE_RIGHTS) {
		nvmx_ept_replace(e, t, i, lower->hw_hpa | rights);
		return;
	}
	note_live(t, i);
	nvmx_ept_store(t, i, lower->hw_hpa | rights);
}

static void detach(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	nvmx_ept_close_window(e, t);
	t->state = NVMX_EPT_T_DETACHED;
	t->next = e->detached;
	e->detached = t->number;
}

static bool drop_leaf(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	bool owes = may_be_cached(e, t);

	if (owes)
		nvmx_ept_want_flush(e, t->root);
	e->lessened |= t->shared != NULL;
	nvmx_ept_empty_leaf(nvmx_ept_home_of(e, t), nvmx_ept_body(t), i);
	return owes;
}

static bool drop_link(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	bool owes = nvmx_ept_replace(e, t, i, 0);

	t->links--;
	detach(e, nvmx_ept_lower(t, i));
	t->side[i] = 0;
	if (t->copy)
		t->copy[i] = 0;
	return owes;
}

bool nvmx_ept_drop(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	if (!t->hw[i])
		return false;
	return nvmx_ept_is_leaf(t, i) ? drop_leaf(e, t, i) : drop_link(e, t, i);
}

void nvmx_ept_detach_top(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *top)
{
	detach(e, top);
}

static void drop_all(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	for (unsigned i = t->lo; i < t->hi; i++) {
		nvmx_ept_look_at(e, NVMX_EPT_FOR_DROP);
		NVMX_LOCK_VISIT(1);
		nvmx_ept_drop(e, t, i);
	}
}

static void take_apart(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	if (t->links) {
		drop_all(e, t);
	} else if (t->leaves) {
		nvmx_ept_look_at(e, (unsigned)(t->hi - t->lo));
		nvmx_ept_clear_leaves(&e->home, t);
	}
	nvmx_ept_give(e, t->hw, t->hw_hpa);
	nvmx_ept_give(e, t->side, t->side_hpa);
	if (t->copy)
		nvmx_ept_give(e, t->copy, t->copy_hpa);
}

bool nvmx_ept_recycle(struct nvmx_ept_vcpu *e)
{
	struct nvmx_ept_table *t;

	if (!e->detached)
		return false;
	t = nvmx_ept_table(&e->home, e->detached);
	e->detached = t->next;
	if (t->shared) {
		nvmx_ept_look_at(e, 512);
		nvmx_ept_unshare(e, t);
	} else {
		take_apart(e, t);
	}
	nvmx_ept_free_record(&e->home, t);
	e->tables--;
	return true;
}

/* Others use its pages. */
static bool has_others(const struct nvmx_ept_table *t)
{
	return t->shared && __atomic_load_n(&t->shared->refs, __ATOMIC_RELAXED) > 1;
}

/* The records in an order that has nothing to do with that in which L2 uses the tables: where it goes round through a few more
 * than there are pages for, most of them are still there. */
static struct nvmx_ept_table *next_victim(struct nvmx_ept_vcpu *e, uint32_t *at, bool any)
{
	struct nvmx_ept_table *t;

	*at = (*at + 1) % (e->home.slabs * NVMX_EPT_PER_SLAB);
	if (*at % NVMX_EPT_PER_SLAB == 0)
		return NULL;
	t = nvmx_ept_table(&e->home, *at / NVMX_EPT_PER_SLAB * NVMX_EPT_NUMBERS + *at % NVMX_EPT_PER_SLAB);
	if (t->state != NVMX_EPT_T_LINKED || t->links || (!any && (e->made - t->made < NVMX_EPT_YOUNG || has_others(t))))
		return NULL;
	return t;
}

static uint32_t random_record(struct nvmx_ept_vcpu *e)
{
	e->random = e->random * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)e->random * (e->home.slabs * NVMX_EPT_PER_SLAB) >> 32);
}

static uint32_t evict_some(struct nvmx_ept_vcpu *e, bool any)
{
	uint32_t records = e->home.slabs * NVMX_EPT_PER_SLAB, at = random_record(e), evicted = 0;

	for (uint32_t left = 2 * records, run = records; left && run && evicted < EVICT_AT_ONCE; left--, run--) {
		struct nvmx_ept_table *t;

		nvmx_ept_look_at(e, NVMX_EPT_FOR_DROP);
		NVMX_LOCK_VISIT(1);
		t = next_victim(e, &at, any);
		if (!t)
			continue;
		nvmx_ept_drop(e, t->parent, t->index);
		evicted++;
		run = records + 1;
		at = random_record(e);
	}
	return evicted;
}

bool nvmx_ept_evict(struct nvmx_ept_vcpu *e)
{
	return evict_some(e, false) || evict_some(e, true) || nvmx_ept_give_up_root(e);
}

void nvmx_ept_cut(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	nvmx_ept_replace(e, t, i, t->hw[i] & ~NVMX_EPTE_RIGHTS);
}

static inline void cut_link(struct nvmx_ept_table *t, unsigned i)
{
	NVMX_LOCK_VISIT(1);
	if (t->hw[i] && !nvmx_ept_is_leaf(t, i))
		nvmx_ept_cut_link(t, i);
}

void nvmx_ept_cut_links(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	unsigned i;

	if (t->live_n > NVMX_EPT_LIVE) {
		nvmx_ept_look_at(e, t->hi - t->lo);
		for (i = t->lo; i < t->hi; i++)
			cut_link(t, i);
	} else {
		nvmx_ept_look_at(e, t->live_n);
		for (i = 0; i < t->live_n; i++)
			cut_link(t, t->live[i]);
	}
	t->live_n = 0;
}

/* The bits in which an entry differs from what it was. */
static uint64_t differs(const uint64_t *was, const uint64_t *is, unsigned i)
{
	return was[i] ^ nvmx_ept_load(is + i);
}

static inline __attribute__((always_inline)) uint64_t eight_differ(const uint64_t *was, const uint64_t *is)
{
	return differs(was, is, 0) | differs(was, is, 1) | differs(was, is, 2) | differs(was, is, 3) |
	       differs(was, is, 4) | differs(was, is, 5) | differs(was, is, 6) | differs(was, is, 7);
}

/* Whether SOME entries are to the bit what they were: what there is most of, so the test is short. */
#define SOME 16u
static bool same_some(const uint64_t *was, const uint64_t *is)
{
	return !eight_differ(was, is) && !eight_differ(was + 8, is + 8); /* | would want more registers than there are */
}

/* SOME entries that are not all what they were: leaves that L1 has changed go, of the others the copy follows. */
static __attribute__((__cold__, __noinline__)) unsigned compare_some(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_root *r,
			      const uint64_t *page12, unsigned i, uint16_t dropped[NVMX_EPT_REFILL], unsigned n)
{
	uint64_t *copy = t->copy, is;

	for (unsigned k = i; k < i + SOME; k++) {
		if (!copy[k] || !nvmx_ept_is_leaf(t, k))
			continue;
		is = nvmx_ept_load(page12 + k);
		if (nvmx_ept_still_valid(r, copy[k], is)) {
			copy[k] = is;
			continue;
		}
		nvmx_ept_drop(e, t, k);
		if (n < NVMX_EPT_REFILL)
			dropped[n++] = (uint16_t)k;
	}
	return n;
}

static unsigned compare_leaves(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_root *r,
			       const uint64_t *page12, uint16_t dropped[NVMX_EPT_REFILL])
{
	const struct nvmx_ept_table *body = nvmx_ept_body(t);
	unsigned i = body->lo & ~(SOME - 1), end = body->leaves ? (body->hi + SOME - 1) & ~(SOME - 1) : i, n = 0;
	const uint64_t *was, *is, *last = t->copy + end;

	if (end != i && !t->shared)
		nvmx_ept_look_at(e, end - i);
	for (was = t->copy + i, is = page12 + i; was < last; was += SOME, is += SOME) {
		NVMX_LOCK_VISIT(SOME);
		if (!same_some(was, is))
			n = compare_some(e, t, r, page12, (unsigned)(was - t->copy), dropped, n);
	}
	return n;
}

static unsigned compare_shared(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_root *r,
			       const uint64_t *page12, uint16_t dropped[NVMX_EPT_REFILL], uint64_t word, uint32_t place)
{
	uint64_t stamp;
	unsigned n;

	nvmx_ept_look_at(e, 512);
	nvmx_ept_begin(e, t);
	stamp = __atomic_load_n(&e->vm->clock, __ATOMIC_SEQ_CST);
	n = compare_leaves(e, t, r, page12, dropped);
	t->shared->stamp = stamp;
	t->shared->turns++;
	if (word) {
		t->shared->word = word;
		t->shared->place = place;
	}
	nvmx_ept_end(e, t);
	return n;
}

unsigned nvmx_ept_revalidate(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, struct nvmx_ept_root *r,
			     const uint64_t *page12, uint16_t dropped[NVMX_EPT_REFILL])
{
	uint32_t place = 0;
	uint64_t word;
	unsigned n;
	bool same = true;

	if (t->shared && nvmx_ept_adopt(e, t, r))
		return 0;
	word = nvmx_ept_word_of(e, t, &place);
	if (t->window) {
		nvmx_ept_look_at(e, NVMX_EPT_IN_WINDOW);
		nvmx_ept_close_window(e, t);
	}
	if (t->links)
		same = nvmx_ept_keep_links(e, r, t, page12);
	n = t->shared ? compare_shared(e, t, r, page12, dropped, word, place) : compare_leaves(e, t, r, page12, dropped);
	t->generation = r->generation; /* what went until now was out of reach */
	nvmx_ept_compared(e, r, t, word, place, same && !n);
	return n;
}
