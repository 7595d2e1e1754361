/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Entries of flattened tables: made from L1's entry and the host's map, replaced, moved. */
#include "state.h"

static bool by_map(const struct nvmx_vtd *u)
{
	return u->config.flags & NVMX_VTD_ASSIGN_MAP;
}

static struct vtd_space *space_of(struct nvmx_vtd *u, const struct vtd_table *t)
{
	return &u->flat.spaces[t->space];
}

static void store(struct nvmx_vtd *u, struct vtd_table *t, unsigned i, uint64_t value)
{
	__atomic_store_n(t->hw + i, value, __ATOMIC_RELEASE);
	if (u->ops->table_written)
		u->ops->table_written(u->host, t->hw + i, 8);
}

/* Notes that the hardware may hold what entry i was. */
static void changed(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, bool was_present, bool link)
{
	uint64_t first = vtd_entry_base(t, i), end = first + BIT64(vtd_shift(t->level));

	if (by_map(u) || !space_of(u, t)->live || (!was_present && !u->flat.flush_new))
		return;
	space_of(u, t)->stale = true;
	if (w->changed_first >= w->changed_end) {
		w->changed_first = first;
		w->changed_end = end;
	}
	w->changed_first = first < w->changed_first ? first : w->changed_first;
	w->changed_end = end > w->changed_end ? end : w->changed_end;
	w->links_changed |= link;
}

uint64_t nvmx_vtd_frame_bits(uint64_t gpa, uint64_t len)
{
	uint64_t first = gpa >> 21, blocks, bits = 0;

	if (!len)
		return 0;
	blocks = ((gpa + len - 1) >> 21) - first + 1;
	if (blocks >= 64)
		return ~0ull;
	for (uint64_t i = 0; i < blocks; i++)
		bits |= BIT64((first + i) & 63);
	return bits;
}

static inline void set_leaf(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t value, uint64_t gpa)
{
	struct vtd_table *below = vtd_below(t, i);
	uint64_t was = t->hw[i];

	t->frames |= t->level < 3 ? BIT64(gpa >> 21 & 63) : ~0ull;
	if (value == was)
		return;
	store(u, t, i, value);
	changed(u, w, t, i, was, below);
	if (value)
		vtd_count(u, NVMX_VTD_CNT_LEAF);
	vtd_spend(u, COST_LEAF);
	if (below && !below->staged) {
		t->side[i] = 0;
		nvmx_vtd_detach(u, below);
	}
}

static void empty(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, bool link)
{
	store(u, t, i, 0);
	changed(u, w, t, i, true, link);
}

/* What one dma_map has mapped. */
static void unmap(struct nvmx_vtd *u, const struct vtd_table *t, unsigned i)
{
	u->ops->dma_unmap(u->host, space_of(u, t)->handle, vtd_entry_base(t, i), BIT64(vtd_shift(t->level)));
}

/* Empties an entry; a table below is detached with all below it. */
static void clear(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i)
{
	struct vtd_table *below = vtd_below(t, i);

	if (below && below->staged) {
		t->side[i] = (uintptr_t)below->old;
		below->old = NULL;
		nvmx_vtd_detach(u, below);
		below = vtd_below(t, i);
	}
	if (!t->hw[i])
		return;
	empty(u, w, t, i, below);
	if (below) {
		t->side[i] = 0;
		nvmx_vtd_detach(u, below);
	} else if (by_map(u)) {
		unmap(u, t, i);
	}
	vtd_spend(u, COST_LEAF);
}

static bool hardware_large(const struct nvmx_vtd *u, unsigned level)
{
	uint64_t need = level == 1 ? 0 : level == 2 ? CAP_SLLPS_2M : CAP_SLLPS_2M | CAP_SLLPS_1G;

	return !(need & ~u->config.hw_cap);
}

/* The hardware's leaf for L1's frame(s) at gpa.  What is one block, but not aligned in the host's memory, is none here. */
static inline enum vtd_made make_entry(struct nvmx_vtd *u, const struct vtd_table *t, uint64_t gpa, uint64_t rights,
				       bool snoop, uint64_t *value)
{
	struct nvmx_vtd_frame f = { 0 };
	unsigned shift = vtd_shift(t->level);
	uint64_t large = t->level > 1 ? SL_LARGE : 0;

	if (t->level > 1 && !hardware_large(u, t->level))
		return MADE_PARTS;
	if (u->ops->frame(u->host, gpa, &f)) {
		if (t->level > 1)
			return MADE_PARTS;
		vtd_count(u, NVMX_VTD_CNT_DUMMY);
		f.hpa = u->flat.dummy_hpa;
		f.rights = SL_RIGHTS;
	} else if (t->level > 1 && (f.page_shift < shift || f.hpa & (BIT64(shift) - 1))) {
		return MADE_PARTS;
	}
	rights &= f.rights;
	*value = rights ? (f.hpa >> shift << shift) | rights | large | (snoop ? SL_SNOOP : 0) : 0;
	return MADE;
}

/* The same by dma_map, over what was mapped there. */
static enum vtd_made make_mapping(struct nvmx_vtd *u, struct vtd_table *t, unsigned i, uint64_t gpa, uint64_t rights,
			      uint64_t *value)
{
	uint64_t handle = space_of(u, t)->handle, iova = vtd_entry_base(t, i), size = BIT64(vtd_shift(t->level));
	int answer;

	if (t->hw[i]) {
		unmap(u, t, i);
		t->hw[i] = 0;
	}
	*value = 0;
	if (!rights)
		return MADE;
	answer = u->ops->dma_map(u->host, handle, iova, gpa, size, (unsigned)rights);
	if (answer == NVMX_VTD_MAP_FOREIGN && t->level > 1)
		return MADE_PARTS;
	if (answer == NVMX_VTD_MAP_FOREIGN) {
		vtd_count(u, NVMX_VTD_CNT_DUMMY);
		answer = u->ops->dma_map(u->host, handle, iova, NVMX_VTD_DUMMY, size, (unsigned)rights);
	}
	if (answer != NVMX_VTD_MAPPED)
		return MADE_NOTHING;
	*value = gpa | rights;
	return MADE;
}

/* 3.14: requests to the interrupt range are not translated, and a leaf that leads there is at fault.  So neither is made,
 * and a device finds what nvmx_vtd_translate tells. */
static inline bool meets_interrupts(const struct vtd_table *t, unsigned i, uint64_t gpa)
{
	uint64_t size = BIT64(vtd_shift(t->level));

	return vtd_meets_interrupts(gpa, size) || (t->interrupts && vtd_meets_interrupts(vtd_entry_base(t, i), size));
}

static inline enum vtd_made make(struct nvmx_vtd *u, struct vtd_table *t, unsigned i, uint64_t gpa, uint64_t rights,
				 bool snoop, uint64_t *value)
{
	rights &= t->rights;
	if (meets_interrupts(t, i, gpa)) {
		if (t->level > 1)
			return MADE_PARTS;
		rights = 0;
	}
	*value = 0;
	if (by_map(u))
		return make_mapping(u, t, i, gpa, rights, value);
	return rights ? make_entry(u, t, gpa, rights, snoop, value) : MADE;
}

/* So that the next comparison tries again. */
static void forget(struct nvmx_vtd *u, struct vtd_table *t, unsigned i)
{
	if (t->copy)
		t->copy[i] = 0;
	else
		t->incomplete = true;
	vtd_count(u, NVMX_VTD_CNT_UNMAPPED);
	nvmx_vtd_trace(u, NVMX_VTD_EV_NO_PAGE, vtd_entry_base(t, i), space_of(u, t)->domain);
}

static void give_up(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i)
{
	clear(u, w, t, i);
	forget(u, t, i);
}

void nvmx_vtd_leaf_withdraw(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i)
{
	if (t->hw[i]) {
		empty(u, w, t, i, false);
		if (by_map(u))
			unmap(u, t, i);
	}
	forget(u, t, i);
}

static uint64_t link_rights(const struct vtd_table *below, uint64_t e)
{
	return below->copy ? e & SL_RIGHTS : SL_RIGHTS;
}

/* A walk takes in all of a new table: the hardware would see every entry of it, whatever L1 has named. */
static void widen(const struct nvmx_vtd *u, struct vtd_walker *w, const struct vtd_table *below)
{
	uint64_t end = below->base + vtd_span(below);

	end = end < u->limit ? end : u->limit; /* nothing is made behind it: no flush would find it again */
	w->cursor = below->base < w->cursor ? below->base : w->cursor;
	w->end = end > w->end ? end : w->end;
}

static struct vtd_table *table_below(struct nvmx_vtd *u, struct vtd_table *t, unsigned i, uint64_t e, uint64_t gpa, bool parts)
{
	struct vtd_table *made = nvmx_vtd_table_new(u, t->space, t->level - 1u, vtd_entry_base(t, i), gpa, parts);

	if (!made)
		return NULL;
	made->parent = t;
	made->index = (uint16_t)i;
	made->snoop = e & SL_SNOOP;
	made->incomplete = parts;
	if (parts || by_map(u))
		made->rights = (uint8_t)(t->rights & e & SL_RIGHTS);
	if (i >= t->below_end)
		t->below_end = (uint16_t)(i + 1);
	return made;
}

/*
 * A new table below entry i, for L1's table or parts at gpa.  Where the hardware has something, it keeps that until the
 * new table is complete.  false: with ASSIGN_MAP what was there must be unmapped first.
 */
static bool link(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t e, uint64_t gpa,
		 bool parts)
{
	struct vtd_table *below = vtd_below(t, i), *made;

	if (by_map(u)) {
		clear(u, w, t, i);
		if (below) {
			if (t->copy) /* a table of parts has none */
				t->copy[i] = 0;
			return false;
		}
	}
	made = table_below(u, t, i, e, gpa, parts);
	if (!made) {
		give_up(u, w, t, i);
		return true;
	}
	widen(u, w, made);
	t->side[i] = (uintptr_t)made;
	if (t->hw[i]) {
		made->staged = true;
		made->old = below;
		made->link_copy = e;
		return true;
	}
	if (t->copy)
		t->copy[i] = e;
	store(u, t, i, made->hw_hpa | link_rights(made, e));
	changed(u, w, t, i, false, true);
	return true;
}

void nvmx_vtd_commit(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t)
{
	struct vtd_table *p = t->parent;

	store(u, p, t->index, t->hw_hpa | link_rights(t, t->link_copy));
	if (p->copy)
		p->copy[t->index] = t->link_copy;
	changed(u, w, p, t->index, true, true);
	if (t->old)
		nvmx_vtd_detach(u, t->old);
	t->old = NULL;
	t->staged = false;
}

static bool leaf(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t e)
{
	uint64_t gpa = e & u->address_mask, value = 0;

	if (by_map(u) && vtd_below(t, i)) {
		clear(u, w, t, i);
		t->copy[i] = 0;
		return false;
	}
	switch (make(u, t, i, gpa, e & SL_RIGHTS, e & SL_SNOOP, &value)) {
	case MADE_PARTS: return link(u, w, t, i, e, gpa, true);
	case MADE_NOTHING: give_up(u, w, t, i); return true;
	default: break;
	}
	set_leaf(u, w, t, i, value, gpa);
	t->copy[i] = e;
	return true;
}

/* Whether what is below an entry can stay when the entry is e.  With more rights the hardware would see in it what L1 has
 * changed, but never had to invalidate while the entry kept it out of reach: caches hold the rights of a whole path (6.2.5). */
static bool rights_kept(const struct nvmx_vtd *u, const struct vtd_table *t, unsigned i, uint64_t e,
			const struct vtd_table *below)
{
	if (by_map(u))
		return below->rights == (t->rights & e & SL_RIGHTS);
	return !(e & ~t->hw[i] & SL_RIGHTS);
}

/* L1's entry names a table. */
static bool table(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t e)
{
	struct vtd_table *below = vtd_below(t, i);
	uint64_t gpa = e & u->address_mask;

	if (!below || !below->copy || below->gpa12 != gpa || !rights_kept(u, t, i, e, below))
		return link(u, w, t, i, e, gpa, false);
	if ((t->hw[i] ^ e) & SL_RIGHTS && !by_map(u)) {
		store(u, t, i, below->hw_hpa | (e & SL_RIGHTS));
		changed(u, w, t, i, true, true);
	}
	t->copy[i] = e;
	return true;
}

/* L1's entry i is now e, other than it was. */
static bool update(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t e)
{
	struct vtd_table *below = vtd_below(t, i);

	if (below && below->staged) {
		if (below->link_copy == e) {
			widen(u, w, below); /* this walk may be another than the one that has staged it */
			return true;
		}
		t->side[i] = (uintptr_t)below->old;
		below->old = NULL;
		nvmx_vtd_detach(u, below);
		if (t->copy[i] == e)
			return true;
	}
	vtd_count(u, NVMX_VTD_CNT_ENTRY);
	switch (nvmx_vtd_classify(u, e, t->level)) {
	case ENTRY_LEAF: return leaf(u, w, t, i, e);
	case ENTRY_TABLE: return table(u, w, t, i, e);
	default:
		clear(u, w, t, i);
		t->copy[i] = e;
		return true;
	}
}

static uint64_t part_gpa(const struct vtd_table *t, unsigned i)
{
	return t->gpa12 + ((uint64_t)i << vtd_shift(t->level));
}

bool nvmx_vtd_leaf_of(const struct nvmx_vtd *u, const struct vtd_table *t, unsigned i, struct vtd_leaf *l)
{
	const struct vtd_table *below = vtd_below(t, i);

	if (below && (!below->staged || below->old))
		return false;
	if (!t->copy) {
		*l = (struct vtd_leaf){ .gpa = part_gpa(t, i), .rights = t->rights, .snoop = t->snoop };
		return true;
	}
	*l = (struct vtd_leaf){ .gpa = t->copy[i] & u->address_mask, .rights = t->copy[i] & SL_RIGHTS,
				.snoop = t->copy[i] & SL_SNOOP };
	return nvmx_vtd_classify(u, t->copy[i], t->level) == ENTRY_LEAF;
}

enum vtd_made nvmx_vtd_leaf_make(struct nvmx_vtd *u, struct vtd_table *t, unsigned i, const struct vtd_leaf *l,
				 uint64_t *value)
{
	return make(u, t, i, l->gpa, l->rights, l->snoop, value);
}

void nvmx_vtd_leaf_set(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i, uint64_t value,
		       uint64_t gpa)
{
	set_leaf(u, w, t, i, value, gpa);
}

/* As L1's entry would have them. */
static uint64_t attributes(const struct vtd_leaf *l)
{
	return l->rights | (l->snoop ? SL_SNOOP : 0);
}

static void fill_part(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i)
{
	struct vtd_leaf l = { .gpa = part_gpa(t, i), .rights = t->rights, .snoop = t->snoop };
	uint64_t value = 0;

	switch (nvmx_vtd_leaf_make(u, t, i, &l, &value)) {
	case MADE: nvmx_vtd_leaf_set(u, w, t, i, value, l.gpa); break;
	case MADE_PARTS: link(u, w, t, i, attributes(&l), l.gpa, true); break;
	default: give_up(u, w, t, i); break;
	}
}

static void fill_parts(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t)
{
	t->incomplete = false;
	for (unsigned i = 0; i < 512; i++)
		if (!t->hw[i])
			fill_part(u, w, t, i);
}

static bool refresh_entries(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned lo, unsigned hi,
			    const uint64_t *page12)
{
	for (unsigned i = lo; i < hi; i++) {
		uint64_t e = page12 ? __atomic_load_n(page12 + i, __ATOMIC_RELAXED) : 0;

		e = e & SL_RIGHTS ? e : 0;
		if (e != t->copy[i] && !update(u, w, t, i, e))
			return false;
	}
	return true;
}

bool nvmx_vtd_refresh(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t)
{
	uint64_t end = t->base + vtd_span(t) < w->end ? t->base + vtd_span(t) : w->end, *page12;
	unsigned lo = vtd_index(w->cursor, t->level), hi = vtd_index(end - 1, t->level) + 1;
	bool done = true;

	vtd_spend(u, COST_TABLE);
	if (!t->copy) {
		if (t->incomplete)
			fill_parts(u, w, t);
		return true;
	}
	vtd_count(u, NVMX_VTD_CNT_COMPARE);
	page12 = u->ops->map(u->host, t->gpa12, false);
	if (!page12 || nvmx_memcmp(t->copy + lo, page12 + lo, (hi - lo) * 8u) != 0)
		done = refresh_entries(u, w, t, lo, hi, page12);
	if (page12)
		u->ops->unmap(u->host, t->gpa12, page12, false);
	return done;
}

/* Part i of a leaf that the hardware has, as a leaf of its own. */
static uint64_t part_of(uint64_t leaf, const struct vtd_table *parts, unsigned i)
{
	if (!leaf)
		return 0;
	return ((leaf & ADDRESS_BITS) + ((uint64_t)i << vtd_shift(parts->level))) | (leaf & (SL_RIGHTS | SL_SNOOP)) |
	       (parts->level > 1 ? SL_LARGE : 0);
}

struct vtd_table *nvmx_vtd_leaf_split(struct nvmx_vtd *u, struct vtd_walker *w, struct vtd_table *t, unsigned i,
				      const struct vtd_leaf *l)
{
	struct vtd_table *staged = vtd_below(t, i), *parts;
	uint64_t was = t->hw[i];

	parts = table_below(u, t, i, attributes(l), l->gpa, true);
	if (!parts)
		return NULL;
	parts->incomplete = false;
	parts->frames = nvmx_vtd_frame_bits(l->gpa, BIT64(vtd_shift(t->level)));
	if (by_map(u) && was)
		unmap(u, t, i);
	for (unsigned k = 0; !by_map(u) && k < 512; k++)
		parts->hw[k] = part_of(was, parts, k);
	if (u->ops->table_written)
		u->ops->table_written(u->host, parts->hw, 4096);
	if (staged)
		staged->old = parts;
	else
		t->side[i] = (uintptr_t)parts;
	store(u, t, i, parts->hw_hpa | SL_RIGHTS);
	changed(u, w, t, i, was, true);
	return parts;
}
