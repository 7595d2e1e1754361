/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* EPT violations of L2: L1's to see, the host's to serve, or answered by the shadow. */
#include "shadow.h"

#define BATCH NVMX_EPT_REFILL
#define QUAL_ACCESS 7ull
#define QUAL_LINEAR 0x180ull      /* 7: linear address valid; 8: not the access of a paging-structure entry */
#define QUAL_ADVANCED 0xe00ull    /* 9: user-mode, 10: writable, 11: execute-disable linear address */
#define QUAL_USER NVMX_BIT64(9)
#define QUAL_KEPT (QUAL_ACCESS | QUAL_LINEAR | NVMX_BIT64(12) | NVMX_BIT64(16)) /* 12: NMI unblocking, 16: asynchronous */

/* One fault on its way. */
struct fault {
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
	unsigned n_dropped;           /* of the table that gets the leaf, by re-validation */
	uint16_t dropped[NVMX_EPT_REFILL];
};

static bool has_advanced_info(const struct nvmx_caps *caps)
{
	return nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP) & NVMX_EPT_ADV_INFO;
}

/* The rights of EPT12 that the access needs. */
static uint64_t rights_needed(const struct fault *f)
{
	uint64_t need = f->qual & (NVMX_EPTE_R | NVMX_EPTE_W);

	if (f->qual & NVMX_EPTE_X)
		need |= f->r->rules.execute & NVMX_EPTE_XU && f->qual & QUAL_USER ? NVMX_EPTE_XU : NVMX_EPTE_X;
	return need;
}

/* What L1 sees of a violation (SDM table 27-7): EPT12's rights, never the shadow's. */
static uint64_t l1_qualification(const struct fault *f, uint64_t rights)
{
	uint64_t q = f->qual & QUAL_KEPT;

	if (has_advanced_info(&f->v->vm->caps))
		q |= f->qual & QUAL_ADVANCED;
	rights &= NVMX_EPTE_R | NVMX_EPTE_W | f->r->rules.execute;
	return q | (rights & QUAL_ACCESS) << 3 | (rights & NVMX_EPTE_XU ? NVMX_BIT64(6) : 0);
}

static enum nvmx_ept_answer to_l1(struct nvmx_ept_fault *out, uint32_t reason, uint64_t qualification)
{
	out->reason = reason;
	out->qualification = qualification;
	return NVMX_EPT_TO_L1;
}

/* Whether EPT12 allows the access; sets its accessed and dirty flags.  RETRY: go on. */
static enum nvmx_ept_answer judge(struct fault *f, bool pml, struct nvmx_ept_fault *out, bool *again)
{
	uint64_t need = rights_needed(f);

	if (f->w.kind == NVMX_EPT_MISCONFIGURED)
		return to_l1(out, NVMX_XR_EPT_MISCONFIG, 0);
	out->suppress_ve = f->w.entry[f->w.level] >> 63;
	if (f->w.kind == NVMX_EPT_ABSENT || (f->w.rights & need) != need)
		return to_l1(out, NVMX_XR_EPT_VIOLATION, l1_qualification(f, f->w.rights));
	if (!f->r->rules.ad)
		return NVMX_EPT_RETRY;
	switch (nvmx_ept_walk_flags(f->v, &f->w, f->gpa2, f->qual & NVMX_EPTE_W, pml)) {
	case NVMX_EPT_FLAGS_LOG_FULL:
		return to_l1(out, NVMX_XR_PML_FULL, f->qual & NVMX_BIT64(12));
	case NVMX_EPT_FLAGS_AGAIN:
		*again = true;
		return NVMX_EPT_RETRY;
	default:
		return NVMX_EPT_RETRY;
	}
}

/* EPT12's rights in an entry as far as they are given out: no write before the dirty flag is set. */
static uint64_t rights_of(const struct nvmx_ept_root *r, uint64_t entry12, bool leaf)
{
	uint64_t rights = entry12 & (NVMX_EPTE_R | NVMX_EPTE_W | r->rules.execute);

	if (leaf && r->rules.ad && !(entry12 & NVMX_EPTE_D))
		rights &= ~NVMX_EPTE_W;
	return rights;
}

/* The host's rights as bits of an entry that no processor refuses. */
static uint64_t host_rights(const struct fault *f, const struct nvmx_xlate *x)
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
static uint64_t make_leaf(const struct fault *f, unsigned level, uint64_t entry12, const struct nvmx_xlate *x)
{
	uint64_t hw = host_rights(f, x) & (level < f->w.level ? ~0ull : rights_of(f->r, entry12, true));
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
static unsigned leaf_level(const struct fault *f, unsigned level12, const struct nvmx_xlate *x, uint64_t gpa1)
{
	uint64_t ept = nvmx_caps_get(&f->v->vm->hw, NVMX_MSR_VMX_EPT_VPID_CAP);
	unsigned level = level12;

	if (level >= 3 && (!(ept & NVMX_EPT_1G) || x->page_shift < 30))
		level = 2;
	if (level == 2 && (!(ept & NVMX_EPT_2M) || x->page_shift < 21))
		level = 1;
	return (x->hpa ^ gpa1) & (nvmx_ept_size(level) - 1) ? 1 : level;
}

/* The table below entry i of t, which stands for EPT12's `entry12`; found, or made anew. */
static struct nvmx_ept_table *follow(struct fault *f, struct nvmx_ept_table *t, unsigned i, uint64_t entry12)
{
	bool parts = t->level <= f->w.level;
	uint64_t gpa12 = parts ? f->w.gpa1 & ~(nvmx_ept_size(t->level) - 1) : entry12 & NVMX_EPTE_ADDR;
	uint64_t rights = t->copy ? rights_of(f->r, entry12, parts) : NVMX_EPTE_R | NVMX_EPTE_W | f->r->rules.execute;
	struct nvmx_ept_table *lower = NULL;

	if (t->hw[i] && !nvmx_ept_is_leaf(t, i)) {
		lower = nvmx_ept_table(f->e, (uint32_t)t->side[i]);
		/* The leaves of a table of parts have the memory type of EPT12's leaf. */
		if (lower->gpa12 != gpa12 || !lower->copy != parts ||
		    (parts && t->copy && (t->copy[i] ^ entry12) & (7u << 3 | NVMX_EPTE_IPAT)))
			lower = NULL;
	}
	if (!lower) {
		if (t->hw[i]) {
			nvmx_ept_drop(f->e, t, i);
			nvmx_ept_want_flush(f->e, t->root);
		}
		lower = nvmx_ept_new_table(f->e, t->level - 1u, t->root, gpa12, parts);
	}
	if (lower)
		nvmx_ept_set_link(t, i, lower, rights, entry12);
	return lower;
}

/* The table that is to hold the leaf for gpa2 at `level`, linked and current. */
static struct nvmx_ept_table *descend(struct fault *f, unsigned level)
{
	struct nvmx_ept_table *t = nvmx_ept_table(f->e, f->r->top);

	while (t && t->level > level) {
		t = follow(f, t, nvmx_ept_index(f->gpa2, t->level), t->copy ? f->w.entry[t->level] : 0);
		f->n_dropped = 0;
		if (t && t->copy && t->generation != f->r->generation)
			f->n_dropped = nvmx_ept_revalidate(f->e, t, f->r, f->w.page[t->level], f->dropped);
	}
	return t;
}

static bool host_changed(const struct fault *f)
{
	return __atomic_load_n(&nvmx_ept_of_vm(f->v->vm)->changes, __ATOMIC_SEQ_CST) != f->changes;
}

/* Whether a leaf differs from one that is there in nothing but rights that it has in addition. */
static bool only_adds_rights(const struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaf)
{
	uint64_t was = t->hw[leaf->index] & ~(NVMX_EPTE_A | NVMX_EPTE_D), differs = was ^ leaf->hw;

	return !(differs & ~NVMX_EPTE_RIGHTS) && !(was & differs) &&
	       !(t->copy && (t->copy[leaf->index] ^ leaf->copy) & NVMX_EPTE_ADDR);
}

/* Returns whether the entry was empty. */
static bool put_leaf(struct fault *f, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaf)
{
	bool empty = !t->hw[leaf->index];

	if (!empty && only_adds_rights(t, leaf)) {
		nvmx_ept_update_leaf(t, leaf->index, leaf->hw, leaf->copy);
		return false;
	}
	if (!empty) {
		nvmx_ept_drop(f->e, t, leaf->index);
		nvmx_ept_want_flush(f->e, t->root);
	}
	nvmx_ept_set_leaves(f->e, t, leaf, 1);
	f->v->counters[NVMX_CNT_EPT_FILL]++;
	return empty;
}

/* Whether a page that the host has as x may be used as the one that faulted. */
static bool same_page_kind(const struct nvmx_xlate *x, const struct nvmx_xlate *y)
{
	return x->rights == y->rights && x->memtype == y->memtype && x->ignore_pat == y->ignore_pat;
}

/* Makes f->x the translation of gpa1; the host is asked only when gpa1 is outside the block of its last answer. */
static bool translate(struct fault *f, uint64_t gpa1, unsigned access)
{
	if (f->x.page_shift && !((gpa1 ^ f->gpa1) >> f->x.page_shift)) {
		f->x.hpa += gpa1 - f->gpa1;
		f->gpa1 = gpa1;
		return true;
	}
	f->gpa1 = gpa1;
	if (!f->v->ops->translate(f->v->host, gpa1, access, &f->x))
		return true;
	f->x.page_shift = 0;
	return false;
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

static void shortcut_bits(const struct fault *f, unsigned level, struct shortcut *s)
{
	s->bits = f->r->rules.pattern | ((nvmx_ept_size(level) - 1) & NVMX_EPTE_ADDR);
	s->like = f->w.entry[f->w.level] & s->bits & ~((nvmx_ept_size(f->w.level) - 1) & NVMX_EPTE_ADDR);
}

/* After a translation: the addition holds for its whole block if the host has that as it has the page that faulted. */
static void shortcut_block(const struct fault *f, unsigned level, struct shortcut *s)
{
	bool usable = f->x.page_shift >= nvmx_ept_shift(level) && same_page_kind(&f->x, &f->first) &&
		      !((f->x.hpa ^ f->gpa1) & (nvmx_ept_size(level) - 1));

	s->block = usable ? -(1ull << f->x.page_shift) : ~0ull;
	s->base = usable ? f->gpa1 & s->block : ~0ull; /* no frame is there */
	s->delta = f->x.hpa - f->gpa1;
}

/* The leaf for a neighbour that EPT12 maps by `entry12` to gpa1; 0: none. */
static uint64_t make_neighbour(struct fault *f, unsigned level, uint64_t entry12, uint64_t gpa1, bool alike)
{
	if (!alike && (nvmx_ept_classify(&f->r->rules, entry12, level) != NVMX_EPT_LEAF ||
		       (f->r->rules.ad && !(entry12 & NVMX_EPTE_A))))
		return 0;
	if (!translate(f, gpa1, NVMX_ACCESS_R | NVMX_ACCESS_PEEK))
		return 0;
	if (level > 1 && leaf_level(f, level, &f->x, gpa1) != level)
		return 0;
	if (alike && same_page_kind(&f->x, &f->first))
		return (f->x.hpa & NVMX_EPTE_ADDR & ~(nvmx_ept_size(level) - 1)) | f->low;
	return make_leaf(f, level, entry12, &f->x);
}

/* Gathers up to BATCH leaves that empty entries of t from *next to `end` may have beside the one that faulted. */
static unsigned gather(struct fault *f, struct nvmx_ept_table *t, unsigned *next, unsigned end,
		       struct nvmx_ept_leaf leaves[BATCH])
{
	const uint64_t *page12 = t->copy ? f->w.page[t->level] : NULL, *hw = t->hw;
	const uint64_t size = nvmx_ept_size(t->level), whole = f->w.entry[f->w.level] & ~NVMX_EPTE_ADDR;
	struct nvmx_ept_leaf *l = leaves;
	struct shortcut s;
	unsigned i;

	shortcut_bits(f, t->level, &s);
	shortcut_block(f, t->level, &s);
	for (i = *next; i < end && l < leaves + BATCH; i++) {
		uint64_t entry12, gpa1;
		bool alike;

		if (nvmx_ept_load(hw + i))
			continue;
		entry12 = page12 ? nvmx_ept_load(page12 + i) : whole | (t->gpa12 + i * size);
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

static void put_leaves(struct fault *f, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaves, unsigned n)
{
	nvmx_ept_lock(&f->e->lock);
	if (!host_changed(f)) {
		nvmx_ept_set_leaves(f->e, t, leaves, n);
		f->v->counters[NVMX_CNT_EPT_FILL] += n;
	}
	nvmx_ept_unlock(&f->e->lock);
}

/*
 * Fault-around: fills the entries around the one that faulted; more of them with each fault of the table.  One that
 * follows a present entry looks like a sequence: then those after it, and the width grows faster.
 */
static void fill_around(struct fault *f, struct nvmx_ept_table *t, unsigned index)
{
	unsigned width = t->around, i = index & ~(width - 1u), grow = 2, end, n;
	struct nvmx_ept_leaf leaves[BATCH];

	if (index && nvmx_ept_load(t->hw + index - 1)) {
		i = index + 1;
		grow = 4;
	}
	end = i + width < 512 ? i + width : 512;
	t->around = (uint16_t)(width * grow < NVMX_EPT_AROUND_MAX ? width * grow : NVMX_EPT_AROUND_MAX);
	while (i < end) {
		n = gather(f, t, &i, end, leaves);
		put_leaves(f, t, leaves, n);
	}
}

/* Makes the leaves anew that re-validation has just dropped: L2 had used them. */
static void refill(struct fault *f, struct nvmx_ept_table *t)
{
	struct nvmx_ept_leaf leaves[BATCH];
	unsigned k, i, n = 0;

	for (k = 0; k < f->n_dropped; k++) {
		i = f->dropped[k];
		n += gather(f, t, &i, i + 1, leaves + n);
	}
	put_leaves(f, t, leaves, n);
}

static enum nvmx_ept_answer fill(struct fault *f, struct nvmx_ept_fault *out)
{
	unsigned access = (unsigned)(f->qual & QUAL_ACCESS), level;
	struct nvmx_ept_table *t = NULL;
	struct nvmx_ept_leaf leaf;
	bool changed, empty = false;

	out->gpa1 = f->w.gpa1;
	out->access = access;
	if (!translate(f, f->w.gpa1, access) || access & ~host_rights(f, &f->x))
		return NVMX_EPT_TO_HOST;
	f->first = f->x;
	level = leaf_level(f, f->w.level, &f->x, f->w.gpa1);
	leaf.index = (uint16_t)nvmx_ept_index(f->gpa2, level);
	leaf.copy = f->w.entry[f->w.level];
	leaf.hw = make_leaf(f, level, leaf.copy, &f->x);
	f->low = leaf.hw & ~NVMX_EPTE_ADDR;
	if (!leaf.hw)
		return NVMX_EPT_TO_HOST;
	nvmx_ept_lock(&f->e->lock);
	changed = host_changed(f);
	if (!changed) {
		t = descend(f, level);
		if (t)
			empty = put_leaf(f, t, &leaf);
	}
	nvmx_ept_unlock(&f->e->lock);
	if (changed)
		return NVMX_EPT_RETRY;
	if (!t)
		return NVMX_EPT_NOMEM;
	if (f->n_dropped)
		refill(f, t);
	else if (empty)
		fill_around(f, t, leaf.index);
	return NVMX_EPT_RETRY;
}

static enum nvmx_ept_answer answer(struct fault *f, uint64_t role12, struct nvmx_ept_fault *out)
{
	enum nvmx_ept_answer a;
	bool again = false;

	/* A walk of 4 levels translates 48 bits (SDM 28.3.2). */
	if (NVMX_EPTP_WALK(role12) == 4 && f->gpa2 >> 48)
		return to_l1(out, NVMX_XR_EPT_VIOLATION, l1_qualification(f, 0));
	nvmx_ept_walk_begin(f->v, &f->r->rules, role12, f->gpa2, &f->w);
	a = judge(f, role12 & NVMX_EPT_ROLE_PML, out, &again);
	if (a == NVMX_EPT_RETRY && !again)
		a = fill(f, out);
	nvmx_ept_walk_end(f->v, &f->w);
	return a;
}

/* With accessed and dirty flags on, accesses to L2's paging structures are reads and writes (SDM table 27-7). */
static uint64_t walk_writes(uint64_t role12, uint64_t qual)
{
	return role12 & NVMX_EPTP_AD && (qual & QUAL_LINEAR) == NVMX_BIT64(7) ? NVMX_EPTE_R | NVMX_EPTE_W : 0;
}

enum nvmx_ept_answer nvmx_ept_violation(struct nvmx_vcpu *v, uint64_t role12, uint64_t gpa2, uint64_t qual,
					struct nvmx_ept_fault *out)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	struct fault f;
	enum nvmx_ept_answer a;

	*out = (struct nvmx_ept_fault){ 0 };
	if (!nvmx_ept_root(v, role12) || !nvmx_ept_stock(v))
		return NVMX_EPT_NOMEM;
	f.v = v;
	f.e = e;
	f.gpa2 = gpa2;
	f.qual = qual | walk_writes(role12, qual);
	f.x.page_shift = 0;
	f.n_dropped = 0;
	f.r = nvmx_ept_find_root(e, role12);
	f.changes = __atomic_load_n(&nvmx_ept_of_vm(v->vm)->changes, __ATOMIC_SEQ_CST);
	a = answer(&f, role12, out);
	/* The caller may resume L2 at once. */
	return nvmx_ept_root(v, role12) ? a : NVMX_EPT_NOMEM;
}
