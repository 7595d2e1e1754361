/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * INVEPT of a range: the entries on the way to it are compared with EPT12 at once, so that what did not change stays in
 * use.  Where a link did change it is cut, and the tables below it on the way are made old: they are compared when they
 * are linked again.
 */
#include "shadow.h"

struct range {
	struct nvmx_ept_vcpu *e;
	struct nvmx_ept_root *r;
	struct nvmx_ept_walk w;
	uint64_t gpa, end; /* in one table of 4-KiB pages */
	bool old;          /* what is below is not reachable, or not any more */
};

static bool same(const struct range *g, const struct nvmx_ept_table *t, unsigned i, uint64_t is)
{
	return nvmx_ept_still_valid(g->r, t->copy[i], is);
}

static void compare_leaves(struct range *g, struct nvmx_ept_table *t)
{
	const uint64_t *page12 = g->w.page[1]; /* NULL: L1 has no RAM there any more */

	const unsigned first = nvmx_ept_index(g->gpa, 1), last = nvmx_ept_index(g->end, 1);

	nvmx_ept_look_at(g->e, last - first + 1);
	nvmx_ept_begin(g->e, t);
	for (unsigned i = first; i <= last; i++) {
		NVMX_LOCK_VISIT(1);
		if (!t->copy[i] || same(g, t, i, page12 ? nvmx_ept_load(page12 + i) : ~0ull))
			continue;
		nvmx_ept_drop(g->e, t, i);
	}
	nvmx_ept_end(g->e, t);
}

/* The entry of t on the way, if it is reachable: the next table, or NULL. */
NVMX_HOT struct nvmx_ept_table *compare_entry(struct range *g, struct nvmx_ept_table *t)
{
	unsigned i = nvmx_ept_index(g->gpa, t->level);
	bool leaf = nvmx_ept_is_leaf(t, i), good;

	NVMX_LOCK_VISIT(1);
	if (!t->hw[i])
		return NULL;
	if (!g->old) {
		good = same(g, t, i, g->w.entry[t->level]);
		if (!good && leaf)
			nvmx_ept_drop(g->e, t, i);
		else if (!good)
			nvmx_ept_cut(g->e, t, i);
		g->old = !good || !(t->hw[i] & NVMX_EPTE_RIGHTS);
	}
	return leaf ? NULL : nvmx_ept_lower(t, i);
}

/* Of a table in common, which has leaves alone. */
static void compare_shared(struct range *g, struct nvmx_ept_table *t)
{
	nvmx_ept_begin(g->e, t);
	compare_entry(g, t);
	nvmx_ept_end(g->e, t);
}

/* Down from the top, as far as tables stand for L1's: a table of parts stands for an entry that was compared. */
static void compare_path(struct range *g)
{
	struct nvmx_ept_table *t = g->r->top;

	nvmx_ept_look_at(g->e, NVMX_EPT_LEVELS);
	while (t && t->copy && t->level > 1 && !t->shared) {
		t = compare_entry(g, t);
		if (t && g->old)
			t->generation = g->r->generation - 1;
	}
	if (!t || !t->copy || g->old)
		return;
	if (t->level > 1)
		compare_shared(g, t);
	else
		compare_leaves(g, t);
}

static void compare_root(struct nvmx_vcpu *v, struct nvmx_ept_root *r, uint64_t gpa2, uint64_t end)
{
	const uint64_t size = nvmx_ept_size(2), last = (nvmx_ept_size(NVMX_EPTP_WALK(r->role12) + 1)) - 1;
	struct range g = { .e = nvmx_ept_of(v), .r = r, .gpa = gpa2 };

	for (; g.gpa <= end && g.gpa <= last; g.gpa = (g.gpa | (size - 1)) + 1) {
		g.end = (g.gpa | (size - 1)) < end ? g.gpa | (size - 1) : end;
		g.old = false;
		nvmx_ept_walk_begin(v, &r->rules, r->role12, g.gpa, &g.w);
		nvmx_ept_hold(g.e);
		r->stamp = nvmx_ept_tick(g.e);
		compare_path(&g);
		nvmx_ept_release(g.e);
		nvmx_ept_walk_end(v, &g.w);
		v->not_now = false; /* what could not be read has been taken for changed */
		if (g.end == ~0ull)
			break;
	}
}

void nvmx_ept_invept_range(struct nvmx_vcpu *v, uint64_t eptp12, uint64_t gpa2, uint64_t end)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	if ((end >> 21) - (gpa2 >> 21) >= NVMX_EPT_TABLES_AT_ONCE) {
		nvmx_ept_invept(v, NVMX_FLUSH_SINGLE, eptp12);
		return;
	}
	for (struct nvmx_ept_root *r = nvmx_ept_first_root(e, eptp12); r; r = nvmx_ept_next_root(e, r))
		if (!nvmx_ept_is_stale(e, r) && !((r->role12 ^ eptp12) & NVMX_EPTE_ADDR))
			compare_root(v, r, gpa2, end);
}
