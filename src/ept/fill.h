/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Making leaves: one walk of EPT12 and the host's translations on their way into a shadow table. */
#ifndef NVMX_SRC_EPT_FILL_H
#define NVMX_SRC_EPT_FILL_H

#include "shadow.h"

/* What L2 sees of a table that was not current. */
enum nvmx_ept_view {
	NVMX_EPT_ALL,
	NVMX_EPT_WINDOW,   /* a window */
	NVMX_EPT_OUTGROWN  /* all, since a window was too small */
};

struct nvmx_ept_fill {
	struct nvmx_vcpu *v;
	struct nvmx_ept_vcpu *e;
	struct nvmx_ept_root *r;
	uint64_t gpa2, qual;
	uint64_t changes;             /* of the host's map before anything was translated */
	struct nvmx_ept_walk w;
	struct nvmx_xlate x;          /* the host's translation of gpa1, and of the block of x.page_shift around it */
	uint64_t gpa1;                /* page_shift is 0 if there is none */
	struct nvmx_xlate first;      /* that of the frame that faulted */
	uint64_t low;                 /* its leaf's bits beside the address */
	uint64_t turns;               /* of the shared table, when leaves were put there; 0: none were */
	bool watched;                 /* not that but e->again tells whether the leaf is out of date */
	bool own_page;                /* the translation is this vCPU's alone */
	bool compared;                /* a table on the way was not current */
	enum nvmx_ept_view view;      /* and so much of the last one was compared */
	const struct nvmx_ept_table *dropped_of; /* the last table that was compared, */
	unsigned n_dropped;           /* and which of its leaves went by that */
	uint16_t dropped[NVMX_EPT_REFILL];
};

static inline uint64_t nvmx_ept_changes(const struct nvmx_vcpu *v)
{
	return __atomic_load_n(&((const struct nvmx_ept *)v->vm->ept)->changes, __ATOMIC_SEQ_CST);
}

/* The start of a fill for gpa2, before the walk. */
static inline void nvmx_ept_fill_begin(struct nvmx_ept_fill *f, struct nvmx_vcpu *v, struct nvmx_ept_root *r,
				       uint64_t gpa2, uint64_t qual)
{
	f->v = v;
	f->e = nvmx_ept_of(v);
	f->r = r;
	f->gpa2 = gpa2;
	f->qual = qual;
	f->x.page_shift = 0;
	f->compared = false;
	f->view = NVMX_EPT_ALL;
	f->n_dropped = 0;
	f->turns = 0;
	f->changes = nvmx_ept_changes(v);
	nvmx_ept_look_at_armed(f->e);
}

static inline bool nvmx_ept_host_changed(const struct nvmx_ept_fill *f)
{
	return nvmx_ept_changes(f->v) != f->changes;
}

/* What was translated before may be out of date; what is translated from now on is not, unless the host changes its map again. */
static inline void nvmx_ept_ask_anew(struct nvmx_ept_fill *f)
{
	f->changes = nvmx_ept_changes(f->v);
	f->x.page_shift = 0;
}

/* A leaf may come into a table that others use only if EPT12 has the entry still: they may have executed INVEPT since it was read.
 * From then on whoever compares the table finds it there. */
static inline bool nvmx_ept_is_newest(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaf)
{
	return !t->shared || nvmx_ept_still_valid(f->r, leaf->copy, nvmx_ept_load(f->w.page[t->level] + leaf->index));
}

/* Leaves were put into t, under its lock. */
static inline void nvmx_ept_has_put(struct nvmx_ept_fill *f, const struct nvmx_ept_table *t)
{
	if (t->shared)
		f->turns = ++t->shared->turns;
}

/* Whether what was read of EPT12 since then need not be read again: nobody else has filled t, or compared it, so that whoever has
 * executed INVEPT will, and a watch by which t may be clean is one that was there before. */
static inline bool nvmx_ept_is_alone(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t)
{
	return f->turns == t->shared->turns;
}

/* EPT12's rights in an entry as far as they are given out: no write before the dirty flag is set. */
static inline uint64_t nvmx_ept_rights_of(const struct nvmx_ept_root *r, uint64_t entry12, bool leaf)
{
	uint64_t rights = entry12 & (NVMX_EPTE_R | NVMX_EPTE_W | r->rules.execute);

	if (leaf && r->rules.ad && !(entry12 & NVMX_EPTE_D))
		rights &= ~NVMX_EPTE_W;
	return rights;
}

/* Makes f->x the translation of gpa1; the host is asked only when gpa1 is outside the block of its last answer. */
bool nvmx_ept_translate(struct nvmx_ept_fill *f, uint64_t gpa1, unsigned access);
/* The host's rights as bits of an entry that no processor refuses. */
uint64_t nvmx_ept_host_rights(const struct nvmx_ept_fill *f, const struct nvmx_xlate *x);
/* The level of the largest page that processor, host and EPT12's leaf at `level12` allow. */
unsigned nvmx_ept_leaf_level(const struct nvmx_ept_fill *f, unsigned level12, const struct nvmx_xlate *x, uint64_t gpa1);
/*
 * The leaf at `level` for an address that EPT12's leaf entry `entry12` maps to x->hpa.  0 if it would allow nothing.
 * EPT12's rights to a page that is shadowed in parts are in the link to the table of parts.
 */
uint64_t nvmx_ept_make_leaf(const struct nvmx_ept_fill *f, unsigned level, uint64_t entry12, const struct nvmx_xlate *x);
/* Fills entries around the one of t that faulted.  Of f, `first` and `low` are what it got. */
void nvmx_ept_fill_around(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned index);
/* Makes the leaves anew that re-validation has just dropped: L2 had used them. */
void nvmx_ept_refill(struct nvmx_ept_fill *f, struct nvmx_ept_table *t);

/* EPT12's rights in an entry that stands for a lower table; in a table of parts there is no EPT12 to ask. */
static inline uint64_t nvmx_ept_link_rights(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, uint64_t entry12)
{
	if (!t->copy)
		return NVMX_EPTE_R | NVMX_EPTE_W | f->r->rules.execute;
	return nvmx_ept_rights_of(f->r, entry12, t->level <= f->w.level);
}

/* relink.c */
/* The table below entry i of t, which stands for EPT12's `entry12`, linked; NULL if there is none that still fits. */
struct nvmx_ept_table *nvmx_ept_relink(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned i, uint64_t entry12);
/* Compares t with EPT12 if that was not done since the last INVEPT, and the host does not know better. */
void nvmx_ept_compare_all(struct nvmx_ept_fill *f, struct nvmx_ept_table *t);
static inline void nvmx_ept_make_current(struct nvmx_ept_fill *f, struct nvmx_ept_table *t)
{
	if (t->copy && t->generation != f->r->generation)
		nvmx_ept_compare_all(f, t);
}
/* L2 has faulted on the way to gpa2 at a table that was not current. */
void nvmx_ept_note(struct nvmx_ept_root *r, uint64_t gpa2, enum nvmx_ept_view view);
/* Compares t, a table of 4-KiB pages that is linked and not current, as far as L2 can be expected to use it: f->view.  A window
 * shows the leaf for f->gpa2, with the rights `need`. */
void nvmx_ept_compare(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, uint64_t need);
/* A fault made t current, a table of 4-KiB pages: if L2 goes through memory in order, those that follow are, too. */
void nvmx_ept_next_tables(struct nvmx_ept_fill *f, const struct nvmx_ept_table *t);

#endif
