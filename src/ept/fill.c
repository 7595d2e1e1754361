/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Leaves: from EPT12's entry and the host's translation; the neighbours of one that faulted. */
#include "fill.h"

#define BATCH NVMX_EPT_REFILL

/* The host's rights as bits of an entry that no processor refuses. */
uint64_t nvmx_ept_host_rights(const struct nvmx_ept_fill *f, const struct nvmx_xlate *x)
{
	uint64_t ept = nvmx_caps_get(&f->v->vm->hw, NVMX_MSR_VMX_EPT_VPID_CAP);
	uint64_t rights = x->rights & (NVMX_EPTE_R | NVMX_EPTE_W | NVMX_EPTE_X);

	if (rights & NVMX_EPTE_X)
		rights |= f->r->rules.execute;
	if (!(rights & NVMX_EPTE_R))
		rights &= ept & NVMX_EPT_X_ONLY ? f->r->rules.execute : 0;
	return rights;
}

/*
 * The leaf at `level` for an address that EPT12's leaf entry `entry12` maps to x->hpa.  0 if it would allow nothing.
 * EPT12's rights to a page that is shadowed in parts are in the link to the table of parts.
 */
uint64_t nvmx_ept_make_leaf(const struct nvmx_ept_fill *f, unsigned level, uint64_t entry12, const struct nvmx_xlate *x)
{
	uint64_t hw = nvmx_ept_host_rights(f, x) & (level < f->w.level ? ~0ull : nvmx_ept_rights_of(f->r, entry12, true));
	unsigned memtype = NVMX_EPTE_MEMTYPE(entry12);

	if (!hw)
		return 0;
	hw |= x->hpa & NVMX_EPTE_ADDR & ~(nvmx_ept_size(level) - 1);
	if (level > 1)
		hw |= NVMX_EPTE_LARGE;
	if (x->ignore_pat)
		return hw | (uint64_t)x->memtype << 3 | NVMX_EPTE_IPAT;
	return hw | (uint64_t)nvmx_ept_combine_memtype(memtype, x->memtype) << 3 | (entry12 & NVMX_EPTE_IPAT);
}

/* The level of the largest page that processor, host and EPT12's leaf at `level12` allow. */
unsigned nvmx_ept_leaf_level(const struct nvmx_ept_fill *f, unsigned level12, const struct nvmx_xlate *x, uint64_t gpa1)
{
	uint64_t ept = nvmx_caps_get(&f->v->vm->hw, NVMX_MSR_VMX_EPT_VPID_CAP);
	unsigned level = level12;

	if (level >= 3 && (!(ept & NVMX_EPT_1G) || x->page_shift < 30))
		level = 2;
	if (level == 2 && (!(ept & NVMX_EPT_2M) || x->page_shift < 21))
		level = 1;
	return (x->hpa ^ gpa1) & (nvmx_ept_size(level) - 1) ? 1 : level;
}

/* Whether a page that the host has as x may be used as the one that faulted. */
static bool same_page_kind(const struct nvmx_xlate *x, const struct nvmx_xlate *y)
{
	return !((x->rights ^ y->rights) | (x->memtype ^ y->memtype) | (x->ignore_pat ^ y->ignore_pat));
}

/* Rights, size and memory type of an answer. */
static uint32_t kind_of(const struct nvmx_xlate *x)
{
	uint32_t kind;

	nvmx_memcpy(&kind, &x->rights, sizeof(kind));
	return kind;
}

/* Whether an answer of the host's is one (<nestvmx/host.h>).  Most are of the kind of the first, which has been judged. */
static inline bool sound(const struct nvmx_ept_fill *f, uint64_t gpa1, unsigned access)
{
	uint32_t kind = kind_of(&f->x);

	return !((kind ^ kind_of(&f->first)) | (access & ~kind & 7) | ((f->x.hpa ^ gpa1) & 0xfff) |
		 f->x.hpa >> f->v->vm->hw.maxphyaddr) ||
	       nvmx_xlate_sound(f->v, gpa1, access, &f->x);
}

/* Makes f->x the translation of gpa1; the host is asked only when gpa1 is outside the block of its last answer. */
static inline bool translate(struct nvmx_ept_fill *f, uint64_t gpa1, unsigned access)
{
	int answer;

	if (f->x.page_shift && !((gpa1 ^ f->gpa1) >> f->x.page_shift)) {
		f->x.hpa += gpa1 - f->gpa1;
		f->gpa1 = gpa1;
		return true;
	}
	f->gpa1 = gpa1;
	answer = f->v->ops->translate(f->v->host, gpa1, access, &f->x);
	if (!answer && sound(f, gpa1, access))
		return true;
	f->x.page_shift = 0;
	if (answer == NVMX_NOT_NOW && !(access & NVMX_ACCESS_PEEK))
		nvmx_not_now(f->v, gpa1, access);
	return false;
}

bool nvmx_ept_translate(struct nvmx_ept_fill *f, uint64_t gpa1, unsigned access)
{
	return translate(f, gpa1, access);
}

/*
 * Most neighbours are like the entry that faulted: the same bits beside the address, the same block of the host.  Their
 * leaf comes from EPT12's entry by an addition.
 */
struct shortcut {
	uint64_t like, bits;   /* EPT12's entry under these bits */
	uint64_t block, base;  /* address bits that make the host's block, and what they are in it */
	uint64_t delta;        /* from L1's frame to the host's */
};

static void shortcut_bits(const struct nvmx_ept_fill *f, unsigned level, struct shortcut *s)
{
	s->bits = f->r->rules.pattern | ((nvmx_ept_size(level) - 1) & NVMX_EPTE_ADDR);
	s->like = f->w.entry[f->w.level] & s->bits & ~((nvmx_ept_size(f->w.level) - 1) & NVMX_EPTE_ADDR);
}

/* After a translation: the addition holds for its whole block, if that is more than the entry's page and the host has it as it has
 * the page that faulted. */
static void shortcut_block(const struct nvmx_ept_fill *f, unsigned level, struct shortcut *s)
{
	bool usable = f->x.page_shift > nvmx_ept_shift(level) && same_page_kind(&f->x, &f->first) &&
		      !((f->x.hpa ^ f->gpa1) & (nvmx_ept_size(level) - 1));

	s->block = usable ? -(1ull << f->x.page_shift) : ~0ull;
	s->base = usable ? f->gpa1 & s->block : ~0ull; /* no frame is there */
	s->delta = f->x.hpa - f->gpa1;
}

/* The leaf for a neighbour that EPT12 maps by `entry12` to gpa1; 0: none. */
static uint64_t make_neighbour(struct nvmx_ept_fill *f, unsigned level, uint64_t entry12, uint64_t gpa1, bool alike)
{
	if (!alike && (nvmx_ept_classify(&f->r->rules, entry12, level) != NVMX_EPT_LEAF ||
		       (f->r->rules.ad && !(entry12 & NVMX_EPTE_A))))
		return 0;
	if (!translate(f, gpa1, NVMX_ACCESS_R | NVMX_ACCESS_PEEK))
		return 0;
	if (level > 1 && nvmx_ept_leaf_level(f, level, &f->x, gpa1) != level)
		return 0;
	if (alike && same_page_kind(&f->x, &f->first))
		return (f->x.hpa & NVMX_EPTE_ADDR & ~(nvmx_ept_size(level) - 1)) | f->low;
	return nvmx_ept_make_leaf(f, level, entry12, &f->x);
}

/* Gathers the leaves that empty ones of the next BATCH entries of t, from *next to `end`, may have beside the one that faulted. */
static unsigned gather(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned *next, unsigned end,
		       struct nvmx_ept_leaf leaves[BATCH])
{
	const uint64_t *page12 = t->copy ? f->w.page[t->level] : NULL, *hw = t->hw;
	const uint64_t size = nvmx_ept_size(t->level), whole = f->w.entry[f->w.level] & ~NVMX_EPTE_ADDR;
	struct nvmx_ept_leaf *l = leaves;
	struct shortcut s;
	unsigned i;

	shortcut_bits(f, t->level, &s);
	shortcut_block(f, t->level, &s);
	end = end - *next < BATCH ? end : *next + BATCH;
	for (i = *next; i < end; i++) {
		uint64_t entry12, gpa1;
		bool alike;

		if (nvmx_ept_load(hw + i))
			continue;
		entry12 = page12 ? nvmx_ept_load(page12 + i) : whole | (t->gpa12 + i * size);
		if (!(entry12 & NVMX_EPTE_RIGHTS))
			continue;
		gpa1 = entry12 & NVMX_EPTE_ADDR;
		alike = !((entry12 ^ s.like) & s.bits);
		l->index = (uint16_t)i;
		l->copy = entry12;
		if (alike && (gpa1 & s.block) == s.base) {
			l++->hw = (gpa1 + s.delta) | f->low;
			continue;
		}
		l->hw = make_neighbour(f, t->level, entry12, gpa1 & ~(size - 1), alike);
		l += l->hw != 0;
		shortcut_block(f, t->level, &s);
	}
	*next = i;
	return (unsigned)(l - leaves);
}

/* Of leaves for a table that others fill, too, those that still are to be made. */
static unsigned still_missing(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, struct nvmx_ept_leaf *leaves, unsigned n)
{
	const uint64_t *hw = t->hw, *page12 = f->w.page[t->level];
	struct nvmx_ept_leaf *left = leaves;

	for (const struct nvmx_ept_leaf *l = leaves; l < leaves + n; l++) {
		if (hw[l->index] || (nvmx_ept_load(page12 + l->index) != l->copy && !nvmx_ept_is_newest(f, t, l)))
			continue;
		if (left != l)
			*left = *l;
		left++;
	}
	return (unsigned)(left - leaves);
}

/* If the host has changed its map these leaves are none, but the next ones may be. */
static void put_leaves(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, struct nvmx_ept_leaf *leaves, unsigned n)
{
	bool changed;

	if (!n)
		return;
	nvmx_ept_hold(f->e);
	nvmx_ept_begin(f->e, t);
	changed = nvmx_ept_host_changed(f);
	if (t->shared && !nvmx_ept_is_alone(f, t))
		n = still_missing(f, t, leaves, n);
	if (!changed) {
		nvmx_ept_set_leaves(nvmx_ept_home_of(f->e, t), nvmx_ept_body(t), leaves, n);
		nvmx_ept_has_put(f, t);
		f->v->counters[NVMX_CNT_EPT_FILL] += n;
	}
	nvmx_ept_end(f->e, t);
	nvmx_ept_release(f->e);
	if (changed)
		nvmx_ept_ask_anew(f);
}

/* The first entry of t from i on, before `end`, that is empty where EPT12's is not; `end`: there is none. */
static unsigned first_missing(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, unsigned i, unsigned end)
{
	const uint64_t *page12 = f->w.page[t->level], *hw = t->hw;

	if (!t->copy)
		return i;
	while (i < end && (!(nvmx_ept_load(page12 + i) & NVMX_EPTE_RIGHTS) || nvmx_ept_load(hw + i)))
		i++;
	return i;
}

#define RUN_MIN 8u

/* The run of entries from i on, which is missing, before `end`, whose leaves come from EPT12's by an addition; false: there is none that is worth while. */
static bool find_run(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, unsigned i, unsigned end, struct nvmx_ept_run *run)
{
	const uint64_t *page12 = f->w.page[t->level];
	struct shortcut s;
	uint64_t gpa1;
	unsigned left;

	if (!t->copy || end - i < RUN_MIN)
		return false;
	run->copy = nvmx_ept_load(page12 + i);
	if (nvmx_ept_load(page12 + i + RUN_MIN - 1) != run->copy + (RUN_MIN - 1) * nvmx_ept_size(t->level))
		return false;
	shortcut_bits(f, t->level, &s);
	shortcut_block(f, t->level, &s);
	gpa1 = run->copy & NVMX_EPTE_ADDR;
	if ((run->copy ^ s.like) & s.bits || (gpa1 & s.block) != s.base)
		return false;
	left = NVMX_EPT_BLOCK - ((unsigned)(gpa1 >> nvmx_ept_shift(t->level)) & (NVMX_EPT_BLOCK - 1)); /* the host's block is no smaller */
	run->page12 = page12;
	run->index = i;
	run->n = left < end - i ? left : end - i;
	run->hw = (gpa1 + s.delta) | f->low;
	return true;
}

/* Makes the leaves of the run from *next on; of how many.  EPT12 is read under the lock: what is found there is not out of date. */
static unsigned put_run(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned *next, unsigned end)
{
	struct nvmx_ept_run run;
	unsigned n = 0;
	bool changed;

	if (!find_run(f, t, *next, end, &run))
		return 0;
	nvmx_ept_hold(f->e);
	nvmx_ept_begin(f->e, t);
	changed = nvmx_ept_host_changed(f);
	if (!changed)
		n = nvmx_ept_set_run(nvmx_ept_home_of(f->e, t), nvmx_ept_body(t), &run);
	if (n)
		nvmx_ept_has_put(f, t);
	nvmx_ept_end(f->e, t);
	nvmx_ept_release(f->e);
	if (changed)
		nvmx_ept_ask_anew(f);
	f->v->counters[NVMX_CNT_EPT_FILL] += n;
	*next += n;
	return n;
}

/*
 * Fault-around: fills the entries around the one that faulted; more of them with each fault of the table.  One that
 * follows a present entry looks like a sequence: then those after it, and the width grows faster.  Where nothing was to be filled, L1
 * maps page by page, as L2 comes to them: the next look is a short one again.
 */
void nvmx_ept_fill_around(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned index)
{
	unsigned width = t->around, i = index & ~(width - 1u), grow = 2, filled = 0, end, n;
	struct nvmx_ept_leaf leaves[BATCH];

	if (index && nvmx_ept_load(t->hw + index - 1)) {
		i = index + 1;
		grow = 4;
	}
	end = i + width < 512 ? i + width : 512;
	while ((i = first_missing(f, t, i, end)) < end) {
		n = put_run(f, t, &i, end);
		if (!n) {
			n = gather(f, t, &i, end, leaves);
			put_leaves(f, t, leaves, n);
		}
		filled += n;
	}
	width = filled ? width * grow : NVMX_EPT_AROUND_MIN;
	t->around = (uint16_t)(width < NVMX_EPT_AROUND_MAX ? width : NVMX_EPT_AROUND_MAX);
}

/* Makes the leaves anew that re-validation has just dropped: L2 had used them. */
void nvmx_ept_refill(struct nvmx_ept_fill *f, struct nvmx_ept_table *t)
{
	struct nvmx_ept_leaf leaves[BATCH];
	unsigned k, i, n = 0;

	for (k = 0; k < f->n_dropped; k++) {
		i = f->dropped[k];
		n += gather(f, t, &i, i + 1, leaves + n);
	}
	put_leaves(f, t, leaves, n);
}

