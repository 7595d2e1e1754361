/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Windows: L2 touches a page of a table that was not compared with EPT12 since the last INVEPT, and perhaps no other one.
 * Then a few of the entries are compared, and a page that holds these alone is linked in place of the table's own.  The
 * table stays old; L2's next violation in it has it compared wholly.
 */
#include "shadow.h"

void nvmx_ept_store_in_window(struct nvmx_ept_table *t, unsigned i, uint64_t hw)
{
	if (t->window[i])
		__atomic_store_n(t->window + i, hw, __ATOMIC_RELEASE);
}

bool nvmx_ept_window_in_use(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	return t->window && e->windows[t->window_number].generation == nvmx_ept_root_at(e, t->root)->generation;
}

/* L2 needed no more until the next INVEPT. */
static void was_enough(struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t, const struct nvmx_ept_window *w)
{
	struct nvmx_ept_root *r = nvmx_ept_root_at(e, t->root);

	if (w->stray && r->whole_next > NVMX_EPT_WHOLE_MIN)
		r->whole_next /= 2;
}

void nvmx_ept_close_window(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	struct nvmx_ept_window *w = &e->windows[t->window_number];
	struct nvmx_ept_table *upper;
	uint64_t link;

	if (!t->window)
		return;
	if (!nvmx_ept_window_in_use(e, t))
		was_enough(e, t, w);
	upper = t->parent;
	link = upper->hw[t->index];
	if ((link & NVMX_EPTE_ADDR) == w->page.hpa)
		nvmx_ept_replace(e, upper, t->index, t->hw_hpa | (link & ~NVMX_EPTE_ADDR));
	NVMX_LOCK_VISIT(NVMX_EPT_IN_WINDOW);
	nvmx_ept_begin(e, t);
	for (uint64_t *entry = t->window + t->window_first, *end = entry + NVMX_EPT_IN_WINDOW; entry < end; entry++)
		*entry = 0;
	nvmx_ept_body(t)->window = NULL;
	nvmx_ept_end(e, t);
	t->window = NULL;
	w->table = NULL;
}

void nvmx_ept_end_window(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	if (!nvmx_ept_window_in_use(e, t))
		return;
	was_enough(e, t, &e->windows[t->window_number]);
	nvmx_ept_close_window(e, t);
}

/* A page that no L2 can reach; NULL: there is none. */
static struct nvmx_ept_window *get(struct nvmx_ept_vcpu *e)
{
	for (unsigned n = 0; n < NVMX_EPT_WINDOWS; n++) {
		struct nvmx_ept_window *w = &e->windows[e->window_next % NVMX_EPT_WINDOWS];
		struct nvmx_ept_table *t = w->table;

		NVMX_LOCK_VISIT(1);
		if (t && nvmx_ept_window_in_use(e, t)) {
			e->window_next++;
			continue;
		}
		if (t)
			nvmx_ept_close_window(e, t);
		if (!w->page.va && e->pool_n)
			w->page.va = nvmx_ept_take(e, &w->page.hpa);
		return w->page.va ? w : NULL;
	}
	return NULL;
}

/* Copies what is as EPT12 has it. */
static void copy_entries(const struct nvmx_ept_table *t, const struct nvmx_ept_root *r, const uint64_t *page12, unsigned first)
{
	const uint64_t *hw = t->hw, *copy = t->copy;
	uint64_t *window = t->window;

	NVMX_LOCK_VISIT(NVMX_EPT_IN_WINDOW);
	for (unsigned k = first; k < first + NVMX_EPT_IN_WINDOW; k++) {
		uint64_t is = nvmx_ept_load(page12 + k);

		if (hw[k] && (is == copy[k] || nvmx_ept_still_valid(r, copy[k], is)))
			window[k] = hw[k];
	}
}

/* Whether a window would show what L2 needs.  Of a shared table there is one at a time. */
static bool is_good(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_root *r, const uint64_t *page12,
		    unsigned i, uint64_t need)
{
	bool good;

	nvmx_ept_begin(e, t);
	good = t->hw[i] && (t->hw[i] & need) == need && nvmx_ept_still_valid(r, t->copy[i], nvmx_ept_load(page12 + i)) &&
	       nvmx_ept_body(t)->window == t->window;
	nvmx_ept_end(e, t);
	return good;
}

static bool show(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_root *r, const uint64_t *page12,
		 unsigned i, struct nvmx_ept_window *w)
{
	struct nvmx_ept_table *body = nvmx_ept_body(t);
	bool mine;

	nvmx_ept_begin(e, t);
	mine = !body->window;
	if (mine) {
		body->window = t->window = w->page.va;
		t->window_number = (uint8_t)(w - e->windows);
		t->window_first = (uint16_t)(i & ~(NVMX_EPT_IN_WINDOW - 1u));
		copy_entries(t, r, page12, t->window_first);
	}
	nvmx_ept_end(e, t);
	return mine;
}

bool nvmx_ept_open_window(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, struct nvmx_ept_root *r,
			  const uint64_t *page12, unsigned i, uint64_t need, bool stray)
{
	struct nvmx_ept_table *upper = t->parent;
	struct nvmx_ept_window *w;

	nvmx_ept_look_at(e, NVMX_EPT_WINDOWS + 3 * NVMX_EPT_IN_WINDOW);
	if (!is_good(e, t, r, page12, i, need))
		return false;
	w = get(e);
	if (!w)
		return false;
	nvmx_ept_close_window(e, t); /* one that L2 had before the last INVEPT */
	if (!show(e, t, r, page12, i, w))
		return false;
	nvmx_ept_store(upper, t->index, w->page.hpa | (upper->hw[t->index] & ~NVMX_EPTE_ADDR));
	w->table = t;
	w->generation = r->generation;
	w->stray = stray;
	e->window_next++;
	nvmx_ept_add_loose(e, r, t);
	nvmx_ept_was_quiet(e, t);
	return true;
}
