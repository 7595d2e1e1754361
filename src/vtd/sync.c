/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Walks that bring ranges of a space in line with L1's tables.  Bounded by the budget, they go on where they stopped. */
#include "state.h"

void nvmx_vtd_walker_start(struct nvmx_vtd *u, struct vtd_walker *w, uint64_t first, uint64_t end)
{
	*w = (struct vtd_walker){ .cursor = first, .end = end, .pass = ++u->flat.pass };
}

/* The first table below t that translates anything of [cursor, end). */
static struct vtd_table *next_below(const struct vtd_table *t, const struct vtd_walker *w)
{
	uint64_t t_end = t->base + vtd_span(t), end = t_end < w->end ? t_end : w->end;
	unsigned i = vtd_index(w->cursor, t->level), hi = vtd_index(end - 1, t->level) + 1;

	for (; i < hi && i < t->below_end; i++)
		if (vtd_below(t, i))
			return vtd_below(t, i);
	return NULL;
}

/* The cursor is past t: it, and tables above that end there, or at the guest address width, are complete. */
static void complete(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t)
{
	for (;;) {
		struct vtd_table *parent = t->parent;

		if (t->staged)
			nvmx_vtd_commit(u, w, t);
		if (!parent || (w->cursor < parent->base + vtd_span(parent) && w->cursor < u->limit))
			return;
		t = parent;
	}
}

void nvmx_vtd_walker_step(struct nvmx_vtd *u, struct vtd_space *s, struct vtd_walker *w)
{
	struct vtd_table *t = s->top, *below;

	for (;;) {
		if (t->pass != w->pass) {
			if (!nvmx_vtd_refresh(u, w, t))
				return;
			t->pass = w->pass;
		}
		below = t->level > 1 ? next_below(t, w) : NULL;
		if (!below)
			break;
		if (below->base > w->cursor)
			w->cursor = below->base;
		t = below;
	}
	w->cursor = t->base + vtd_span(t);
	complete(u, w, t);
}

void nvmx_vtd_walker_end(struct nvmx_vtd *u, struct vtd_space *s, struct vtd_walker *w)
{
	if (w->changed_first < w->changed_end)
		nvmx_vtd_flush_add(u, s, w->changed_first, w->changed_end, !w->links_changed);
	w->changed_first = w->changed_end = 0;
	w->links_changed = false;
}

void nvmx_vtd_range_add(struct nvmx_vtd *u, struct vtd_space *s, uint64_t first, uint64_t end)
{
	uint64_t limit = vtd_limit(u, s->levels);

	end = end < limit ? end : limit;
	if (first >= end)
		return;
	for (unsigned i = s->walking; i < s->ranges_n; i++) {
		struct vtd_range *r = &s->ranges[i];

		if (first > r->end || end < r->first)
			continue;
		r->first = first < r->first ? first : r->first;
		r->end = end > r->end ? end : r->end;
		return;
	}
	if (s->ranges_n == RANGES) {
		nvmx_vtd_range_all(u, s);
		return;
	}
	s->ranges[s->ranges_n++] = (struct vtd_range){ first, end };
}

/* A walk that is under way goes on; what L1 has changed behind it is seen by the next. */
void nvmx_vtd_range_all(struct nvmx_vtd *u, struct vtd_space *s)
{
	unsigned n = s->walking;

	s->ranges[n] = (struct vtd_range){ 0, vtd_limit(u, s->levels) };
	s->ranges_n = (uint8_t)(n + 1);
}

/* With ASSIGN_MAP: whether what detached tables have mapped is unmapped, so that something else can be. */
static bool unmapped(struct nvmx_vtd *u)
{
	return !(u->config.flags & NVMX_VTD_ASSIGN_MAP) || nvmx_vtd_reap(u, &u->flat.detached);
}

static bool sync_space(struct nvmx_vtd *u, struct vtd_space *s)
{
	while (s->ranges_n) {
		struct vtd_walker *w = &s->walker;

		if (!s->walking)
			nvmx_vtd_walker_start(u, w, s->ranges[0].first, s->ranges[0].end);
		s->walking = true;
		while (w->cursor < w->end) {
			if (!u->budget || !unmapped(u))
				return false;
			nvmx_vtd_walker_step(u, s, w);
		}
		nvmx_vtd_walker_end(u, s, w);
		s->walking = false;
		s->ranges_n--;
		nvmx_memmove(s->ranges, s->ranges + 1, s->ranges_n * sizeof(*s->ranges));
	}
	return true;
}

bool nvmx_vtd_sync(struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->flat.spaces_end; i++)
		if (u->flat.spaces[i].used && !sync_space(u, &u->flat.spaces[i]))
			return false;
	return unmapped(u);
}
