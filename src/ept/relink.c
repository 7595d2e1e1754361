/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Links that an INVEPT has cut are made again when what is below was compared with EPT12: on L2's way to a fault; for the
 * tables behind one that L2 goes through in order; and, at L1's VM entry, for the few tables that L2 has used time and again.
 */
#include "fill.h"

struct nvmx_ept_table *nvmx_ept_relink(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned i, uint64_t entry12)
{
	bool parts = t->level <= f->w.level;
	uint64_t gpa12 = parts ? f->w.gpa1 & ~(nvmx_ept_size(t->level) - 1) : entry12 & NVMX_EPTE_ADDR;
	struct nvmx_ept_table *lower;

	if (!t->hw[i] || nvmx_ept_is_leaf(t, i))
		return NULL;
	lower = nvmx_ept_lower(t, i);
	/* The leaves of a table of parts have the memory type of EPT12's leaf. */
	if (lower->gpa12 != gpa12 || !lower->copy != parts ||
	    (parts && t->copy && (t->copy[i] ^ entry12) & (7u << 3 | NVMX_EPTE_IPAT)))
		return NULL;
	nvmx_ept_set_link(f->e, t, i, lower, nvmx_ept_link_rights(f, t, entry12), entry12);
	return lower;
}

void nvmx_ept_compare_all(struct nvmx_ept_fill *f, struct nvmx_ept_table *t)
{
	f->compared = true;
	if (nvmx_ept_is_clean(f->e, t)) {
		nvmx_ept_keep(f->e, f->r, t);
		return;
	}
	f->dropped_of = t;
	f->n_dropped = nvmx_ept_revalidate(f->e, t, f->r, f->w.page[t->level], f->dropped);
}

/* Whether the processor would follow EPT12's entry without setting a flag in it. */
static bool used_before(const struct nvmx_ept_root *r, uint64_t entry12)
{
	return !r->rules.ad || entry12 & NVMX_EPTE_A;
}

/* Links entry k of t again, which stands for f->w.page[2]. */
static void next_table(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned k)
{
	uint64_t entry12 = nvmx_ept_load(f->w.page[2] + k), hw = nvmx_ept_load(t->hw + k), gpa12 = entry12 & NVMX_EPTE_ADDR;
	uint16_t dropped[NVMX_EPT_REFILL];
	struct nvmx_ept_table *lower;
	const uint64_t *page;

	if (!hw || hw & (NVMX_EPTE_LARGE | NVMX_EPTE_RIGHTS) || !used_before(f->r, entry12) ||
	    nvmx_ept_kind_of(&f->r->rules, entry12, 2) != NVMX_EPT_TABLE)
		return;
	lower = nvmx_ept_lower(t, k);
	if (!lower->copy || lower->gpa12 != gpa12)
		return;
	page = nvmx_map_at_hand(f->v, gpa12);
	if (!page)
		return;
	nvmx_ept_hold(f->e);
	nvmx_ept_set_link(f->e, t, k, lower, nvmx_ept_rights_of(f->r, entry12, false), entry12);
	if (lower->generation != f->r->generation) {
		if (nvmx_ept_is_clean(f->e, lower))
			nvmx_ept_keep(f->e, f->r, lower);
		else
			nvmx_ept_revalidate(f->e, lower, f->r, page, dropped);
	}
	nvmx_ept_release(f->e);
	nvmx_unmap_frame(f->v, gpa12, (void *)(uintptr_t)page, false);
}

void nvmx_ept_next_tables(struct nvmx_ept_fill *f, const struct nvmx_ept_table *t)
{
	struct nvmx_ept_table *upper = t->parent;
	unsigned i = t->index, k;
	uint64_t before = i ? nvmx_ept_load(upper->hw + i - 1) : 0;

	if (!(before & NVMX_EPTE_RIGHTS))
		upper->next_tables = 0;
	else if (upper->next_tables < NVMX_EPT_NEXT_TABLES)
		upper->next_tables = upper->next_tables ? upper->next_tables * 2 : 1;
	for (k = i + 1; k <= i + upper->next_tables && k < 512; k++)
		next_table(f, upper, k);
}

static bool is_of(const struct nvmx_ept_recent *p, uint64_t gpa2)
{
	return p->trust && !((p->gpa2 ^ gpa2) >> nvmx_ept_shift(2));
}

/* A guess that was right is trusted for twice as long as before, and a first one not at all. */
void nvmx_ept_note(struct nvmx_ept_root *r, uint64_t gpa2, enum nvmx_ept_view view)
{
	struct nvmx_ept_recent *p, *place = NULL;

	for (p = r->recent; p < r->recent + NVMX_EPT_RECENT; p++) {
		if (is_of(p, gpa2)) {
			p->gpa2 = gpa2;
			p->whole = view != NVMX_EPT_WINDOW;
			if (view == NVMX_EPT_OUTGROWN) /* the same INVEPT has shown it already */
				return;
			if (!p->left && p->trust < NVMX_EPT_TRUST_MAX)
				p->trust *= 2;
			p->left = p->left ? p->left : p->trust / 2;
			p->asked = false;
			return;
		}
		if (!p->left && (!place || p->trust < place->trust))
			place = p;
	}
	if (place && view != NVMX_EPT_OUTGROWN)
		*place = (struct nvmx_ept_recent){ .gpa2 = gpa2, .trust = 1, .whole = view != NVMX_EPT_WINDOW };
}

static const struct nvmx_ept_recent *recent_of(const struct nvmx_ept_root *r, uint64_t gpa2)
{
	for (const struct nvmx_ept_recent *p = r->recent; p < r->recent + NVMX_EPT_RECENT; p++)
		if (is_of(p, gpa2))
			return p;
	return NULL;
}

/* Whether the table before t is in use: L2 goes through memory in order. */
static bool in_order(const struct nvmx_ept_table *t)
{
	return t->index && nvmx_ept_load(t->parent->hw + t->index - 1) & NVMX_EPTE_RIGHTS;
}

/* Where L2 comes time and again, a violation has become rare: a window is tried.  So it is where L2 strays, unless the last
 * ones were too small. */
static bool is_enough(struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, const struct nvmx_ept_recent *recent)
{
	if (in_order(t))
		return false;
	if (recent)
		return recent->trust > 1;
	if (!f->r->whole_left)
		return true;
	f->r->whole_left--;
	return false;
}

static void outgrown(struct nvmx_ept_root *r, const struct nvmx_ept_window *w)
{
	if (!w->stray)
		return;
	r->whole_left = r->whole_next;
	if (r->whole_next < NVMX_EPT_WHOLE_MAX)
		r->whole_next *= 2;
}

/* After one comparison, if that is due, the host knows it. */
static bool is_watched(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	uint32_t place;

	return nvmx_ept_is_clean(e, t) || nvmx_ept_word_of(e, t, &place);
}

void nvmx_ept_compare(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, uint64_t need)
{
	const struct nvmx_ept_recent *recent = recent_of(f->r, f->gpa2);

	if (is_watched(f->e, t) || (t->shared && nvmx_ept_adopt(f->e, t, f->r))) {
		nvmx_ept_make_current(f, t);
		f->compared = true;
		return;
	}
	if (nvmx_ept_window_in_use(f->e, t)) {
		f->view = NVMX_EPT_OUTGROWN;
		outgrown(f->r, &f->e->windows[t->window_number]);
	} else if (is_enough(f, t, recent) && nvmx_ept_open_window(f->e, t, f->r, f->w.page[1], nvmx_ept_index(f->gpa2, 1),
								   need, !recent)) {
		f->view = NVMX_EPT_WINDOW;
		f->compared = true;
		return;
	}
	nvmx_ept_make_current(f, t);
}

/* The table that holds the leaf for f->gpa2, linked again and current as far as there is no doubt; or NULL. */
static struct nvmx_ept_table *bring(struct nvmx_ept_fill *f)
{
	struct nvmx_ept_table *t = f->r->top;

	while (t && t->level > 1) {
		uint64_t entry12 = f->w.entry[t->level];

		if (t->level == f->w.level && (f->w.kind != NVMX_EPT_LEAF || nvmx_ept_is_leaf(t, nvmx_ept_index(f->gpa2, t->level))))
			return f->w.kind == NVMX_EPT_LEAF ? t : NULL;
		if (!used_before(f->r, entry12) || (t->level > f->w.level && !f->w.page[t->level - 1]))
			return NULL;
		t = nvmx_ept_relink(f, t, nvmx_ept_index(f->gpa2, t->level), entry12);
		if (!t || !t->copy)
			return NULL;
		nvmx_ept_make_current(f, t);
	}
	return t;
}

/* As after a fault at f->gpa2, whose translation is the pattern for those of its neighbours. */
static void refill(struct nvmx_ept_fill *f, struct nvmx_ept_table *t)
{
	uint64_t entry12 = f->w.entry[f->w.level];

	if (f->w.kind != NVMX_EPT_LEAF || t->level != f->w.level || !used_before(f->r, entry12) ||
	    !nvmx_ept_translate(f, f->w.gpa1, NVMX_ACCESS_R | NVMX_ACCESS_PEEK) ||
	    nvmx_ept_leaf_level(f, f->w.level, &f->x, f->w.gpa1) != t->level)
		return;
	f->first = f->x;
	f->low = nvmx_ept_make_leaf(f, t->level, entry12, &f->x) & ~NVMX_EPTE_ADDR;
	if (f->low)
		nvmx_ept_refill(f, t);
}

/* Whether to guess that L2 will use it; if not, a violation has to show before the next INVEPT that it does. */
static bool guess(struct nvmx_ept_recent *p)
{
	if (p->left) {
		p->left--;
		return true;
	}
	if (p->asked)
		p->trust = 0;
	p->asked = true;
	return false;
}

/* A way through EPT12 as far as it is what it was when the shadow was made; its pages stay mapped for the next one. */
struct way {
	struct nvmx_ept_table *t[NVMX_EPT_LEVELS];
	uint64_t *page[NVMX_EPT_LEVELS];
	unsigned n;
};

static void leave_way(struct nvmx_vcpu *v, struct way *w, unsigned n)
{
	while (w->n > n) {
		w->n--;
		nvmx_unmap_frame(v, w->t[w->n]->gpa12, w->page[w->n], false);
	}
}

static bool step(struct nvmx_vcpu *v, struct way *w, unsigned n, struct nvmx_ept_table *t)
{
	if (n < w->n && w->t[n] == t)
		return true;
	leave_way(v, w, n);
	w->t[n] = t;
	w->page[n] = nvmx_map_at_hand(v, t->gpa12);
	w->n += w->page[n] != NULL;
	return w->page[n];
}

/* The tables on the way to gpa2.  False if L1 has changed an entry above the last one, or a flag in it: then EPT12 is walked anew. */
static bool same_way(struct nvmx_ept_fill *f, struct way *w)
{
	struct nvmx_ept_table *t = f->r->top;

	/* Without the lock: a link, and what belongs to it, is changed by nobody else; a leaf may just go. */
	for (unsigned n = 0, i; step(f->v, w, n, t); n++) {
		uint64_t hw;

		i = nvmx_ept_index(f->gpa2, t->level);
		hw = nvmx_ept_load(t->hw + i);
		if (t->level == 1 || hw & NVMX_EPTE_LARGE) {
			leave_way(f->v, w, n + 1);
			return true;
		}
		if (!hw || nvmx_ept_load(w->page[n] + i) != t->copy[i])
			break;
		t = nvmx_ept_lower(t, i);
		if (!t->copy)
			break;
	}
	return false;
}

/* A window, where that was enough of the table the last time. */
static bool look_into(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, const uint64_t *page12)
{
	return t->generation != f->r->generation && !nvmx_ept_window_in_use(f->e, t) &&
	       nvmx_ept_open_window(f->e, t, f->r, page12, nvmx_ept_index(f->gpa2, 1), 0, false);
}

/* Whether L2 gets to what the shadow has at gpa2 as it is. */
static bool is_linked(const struct nvmx_ept_root *r, uint64_t gpa2)
{
	const struct nvmx_ept_table *t = r->top;

	while (t->level > 1) {
		unsigned i = nvmx_ept_index(gpa2, t->level);
		uint64_t hw = nvmx_ept_load(t->hw + i);

		if (!(hw & NVMX_EPTE_RIGHTS))
			return false;
		if (hw & NVMX_EPTE_LARGE)
			return true;
		t = nvmx_ept_lower(t, i);
		if (!t->copy)
			return true;
	}
	return t->generation == r->generation;
}

/* Compares and links what is on the way. */
static void make_way(struct nvmx_ept_fill *f, const struct way *w, bool whole)
{
	for (unsigned n = 0; n < w->n; n++) {
		struct nvmx_ept_table *t = w->t[n];
		unsigned i = nvmx_ept_index(f->gpa2, t->level);

		f->w.page[t->level] = w->page[n];
		if (whole || t->level > 1 || is_watched(f->e, t) || !look_into(f, t, w->page[n]))
			nvmx_ept_make_current(f, t);
		if (n + 1 < w->n && !(t->hw[i] & NVMX_EPTE_RIGHTS))
			nvmx_ept_set_link(f->e, t, i, w->t[n + 1], nvmx_ept_rights_of(f->r, t->copy[i], false), t->copy[i]);
	}
}

static void walk_anew(struct nvmx_ept_fill *f, uint64_t role12)
{
	struct nvmx_ept_table *t;

	nvmx_ept_walk_begin(f->v, &f->r->rules, role12, f->gpa2, &f->w);
	nvmx_ept_hold(f->e);
	t = bring(f);
	nvmx_ept_release(f->e);
	if (t && f->n_dropped && f->dropped_of == t)
		refill(f, t);
	nvmx_ept_walk_end(f->v, &f->w);
	f->v->not_now = false; /* it was a guess */
}

void nvmx_ept_ahead_slow(struct nvmx_vcpu *v, uint64_t role12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	struct nvmx_ept_root *r = nvmx_ept_last_root(e);
	struct nvmx_ept_recent *p;
	NVMX_NOT_CLEARED struct nvmx_ept_fill f;
	NVMX_NOT_CLEARED struct way w;
	bool same;

	e->hot.ahead = false;
	if (!r->ahead)
		return;
	r->ahead = false;
	w.n = 0;
	for (p = r->recent; p < r->recent + NVMX_EPT_RECENT; p++) {
		if (!p->trust || is_linked(r, p->gpa2) || !guess(p))
			continue;
		nvmx_ept_fill_begin(&f, v, r, p->gpa2, 0);
		same = same_way(&f, &w);
		if (same) {
			nvmx_ept_hold(e);
			make_way(&f, &w, p->whole);
			nvmx_ept_release(e);
		}
		if (!same || (f.n_dropped && f.dropped_of == w.t[w.n - 1])) {
			leave_way(v, &w, 0);
			walk_anew(&f, role12);
		}
	}
	leave_way(v, &w, 0);
}
