/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What an INVEPT need not cut off.  A table that was compared with EPT12 while its frame was watched is as EPT12 has it for as long
 * as the watch goes on, and so a link to it stays.  Tables that are not watched are *loose*: the next INVEPT cuts off these alone,
 * if they are few and no watched frame was written, and else whatever is not found to be clean on the way down from the top.
 */
#include "shadow.h"

void nvmx_ept_add_loose(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, const struct nvmx_ept_table *t)
{
	if (r->loose_n && r->loose[r->loose_n - 1u] == t->number)
		return;
	if (!e->watches->at || r->loose_n == NVMX_EPT_LOOSE)
		r->many_loose = true;
	else
		r->loose[r->loose_n++] = t->number;
}

void nvmx_ept_was_quiet(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	if (!e->watches->at)
		return;
	t->quiet += t->quiet < NVMX_EPT_QUIET_MAX;
	if (t->quiet < t->quiet_need || e->want_n == NVMX_WATCH_BATCH)
		return;
	for (unsigned i = 0; i < e->want_n; i++)
		if (e->want[i] == t->gpa12)
			return;
	e->want[e->want_n++] = t->gpa12;
}

/* A watch has ended: the sooner, the longer the table has to be quiet before the next one. */
static void watch_ended(const struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	uint32_t lasted = e->invepts - t->since;

	if (lasted / 4 >= t->quiet_need)
		t->quiet_need = NVMX_EPT_QUIET_MIN;
	else if (t->quiet_need < NVMX_EPT_QUIET_MAX)
		t->quiet_need *= 2;
	t->quiet = 0;
}

void nvmx_ept_compared(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, struct nvmx_ept_table *t, uint64_t word, uint32_t place,
		       bool same)
{
	if (t->word)
		watch_ended(e, t);
	t->word = word;
	t->place = place;
	t->since = e->invepts;
	if (word)
		return;
	nvmx_ept_add_loose(e, r, t);
	if (same)
		nvmx_ept_was_quiet(e, t);
	else
		t->quiet = 0;
}

/* The links of a table that are looked at: those in live[], or all. */
struct links {
	struct nvmx_ept_table *t;
	uint16_t next, end, kept;
	bool listed;
};

static bool begin_links(struct links *l, struct nvmx_ept_table *t, unsigned *left)
{
	*l = (struct links){ .t = t, .next = t->lo, .end = t->hi, .listed = t->live_n <= NVMX_EPT_LIVE };
	if (l->listed) {
		l->next = 0;
		l->end = t->live_n;
	}
	if (l->end - l->next > (int)*left)
		return false;
	*left -= l->end > l->next ? (unsigned)(l->end - l->next) : 0;
	return true;
}

static void end_links(const struct links *l)
{
	l->t->live_n = (uint8_t)(l->kept <= NVMX_EPT_LIVE ? l->kept : NVMX_EPT_LIVE + 1);
}

static bool may_stay(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *lower)
{
	return !lower->copy || (nvmx_ept_is_clean(e, lower) && !lower->window);
}

/* Whether EPT12's entry still leads where the link does; then the copy follows. */
static bool leads_there(const struct nvmx_ept_root *r, struct nvmx_ept_table *t, unsigned i, const uint64_t *page12)
{
	uint64_t is = nvmx_ept_load(page12 + i);

	if (!nvmx_ept_still_valid(r, t->copy[i], is))
		return false;
	t->copy[i] = is;
	return true;
}

/* The next link of l that is made: it stays, or is cut.  Returns the table below if it stays and has links of its own. */
static struct nvmx_ept_table *keep_next(struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r, struct links *l,
					const uint64_t *page12, bool *same)
{
	struct nvmx_ept_table *t = l->t, *lower;
	unsigned i = l->listed ? t->live[l->next] : l->next;
	bool equal;

	nvmx_ept_look_at(e, 1); /* one by one: those of a table come between two of the table above */
	NVMX_LOCK_VISIT(1);
	l->next++;
	if (!(t->hw[i] & NVMX_EPTE_RIGHTS) || nvmx_ept_is_leaf(t, i))
		return NULL;
	lower = nvmx_ept_lower(t, i);
	equal = !page12 || leads_there(r, t, i, page12);
	*same &= equal;
	if (!equal || !may_stay(e, lower)) {
		nvmx_ept_cut_link(t, i);
		return NULL;
	}
	if (l->kept < NVMX_EPT_LIVE)
		t->live[l->kept] = (uint16_t)i;
	l->kept++;
	if (!lower->copy)
		return NULL;
	lower->generation = r->generation;
	return lower->links ? lower : NULL;
}

/* There are too many: this one waits for a violation. */
static void leave_out(const struct nvmx_ept_root *r, struct nvmx_ept_table *t)
{
	t->generation = r->generation - 1;
	nvmx_ept_cut_link(t->parent, t->index);
}

/* Without recursion: the tables on the way down are in links[]. */
bool nvmx_ept_keep_links(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, struct nvmx_ept_table *t, const uint64_t *page12)
{
	struct links links[NVMX_EPT_LEVELS];
	unsigned left = NVMX_EPT_KEEP_MAX, n = 1;
	bool same = true;

	begin_links(&links[0], t, &left);
	while (n) {
		struct links *l = &links[n - 1];
		struct nvmx_ept_table *lower;

		if (l->next >= l->end) {
			end_links(l);
			n--;
			continue;
		}
		lower = keep_next(e, r, l, n == 1 ? page12 : NULL, &same);
		if (lower && begin_links(&links[n], lower, &left))
			n++;
		else if (lower)
			leave_out(r, lower);
	}
	return same;
}

void nvmx_ept_keep(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r, struct nvmx_ept_table *t)
{
	nvmx_ept_close_window(e, t);
	t->generation = r->generation;
	if (t->links)
		nvmx_ept_keep_links(e, r, t, NULL);
}

/* The frames of all that is current are watched, but for these. */
static void cut_loose(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r)
{
	unsigned n = r->loose_n;

	r->loose_n = 0;
	nvmx_ept_look_at(e, n * (1 + NVMX_EPT_IN_WINDOW));
	for (unsigned k = 0; k < n; k++) {
		struct nvmx_ept_table *t = nvmx_ept_table(&e->home, r->loose[k]);

		NVMX_LOCK_VISIT(1);
		if (t->state != NVMX_EPT_T_LINKED || t->root != r->number || !t->copy)
			continue; /* it went, and the record may serve another one */
		nvmx_ept_cut_link(t->parent, t->index); /* first: what is out of reach owes no flush of its own */
		nvmx_ept_end_window(e, t);
		t->generation = r->generation - 1;
	}
}

/* The top table's entries are not compared: all its links are cut, which leaves nothing to compare. */
static void cut_top(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r)
{
	struct nvmx_ept_table *t = r->top;
	uint32_t place = 0;
	uint64_t word = nvmx_ept_word_of(e, t, &place);

	nvmx_ept_cut_links(e, t);
	nvmx_ept_compared(e, r, t, word, place, true);
}

void nvmx_ept_cut_off(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r)
{
	uint64_t writes = __atomic_load_n(&e->watches->writes, __ATOMIC_SEQ_CST);
	bool known = !r->many_loose && r->writes == writes;

	e->invepts++;
	nvmx_ept_look_at_armed(e);
	r->ahead |= r->loose_n || !known;
	if (known) {
		cut_loose(e, r);
	} else {
		r->generation++;
		r->loose_n = 0;
		r->many_loose = false;
		r->writes = writes;
		r->top->generation = r->generation;
		if (nvmx_ept_is_clean(e, r->top))
			nvmx_ept_keep(e, r, r->top);
	}
	if (!nvmx_ept_is_clean(e, r->top))
		cut_top(e, r);
	r->stale = false;
	r->alls = e->invept_alls;
	r->stamp = nvmx_ept_tick(e);
	r->invepted = true;
	r->flush = true;
}
