/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* EPT violations of L2: L1's to see, the host's to serve, or answered by the shadow. */
#include "fill.h"

#define QUAL_ACCESS 7ull
#define QUAL_LINEAR 0x180ull      /* 7: linear address valid; 8: not the access of a paging-structure entry */
#define QUAL_ADVANCED 0xe00ull    /* 9: user-mode, 10: writable, 11: execute-disable linear address */
#define QUAL_USER NVMX_BIT64(9)
#define QUAL_HAS_X NVMX_BIT64(5)  /* rights that the shadow gave */
#define QUAL_HAS_XU NVMX_BIT64(6)
#define QUAL_KEPT (QUAL_ACCESS | QUAL_LINEAR | NVMX_BIT64(12) | NVMX_BIT64(16)) /* 12: NMI unblocking, 16: asynchronous */

static bool has_advanced_info(const struct nvmx_caps *caps)
{
	return nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP) & NVMX_EPT_ADV_INFO;
}

/*
 * The right of EPT12 that a fetch needs.  Which of the two execute rights that is, is told by bit 9; without advanced information it
 * is the one that the shadow did not give, whose rights are bits 5 and 6 (SDM table 27-7).  If it gave none, one that EPT12 gives
 * may be it: if not, the next violation tells.
 */
static uint64_t fetch_needs(const struct nvmx_ept_fill *f)
{
	if (!(f->r->rules.execute & NVMX_EPTE_XU))
		return NVMX_EPTE_X;
	if (has_advanced_info(&f->v->vm->caps))
		return f->qual & QUAL_USER ? NVMX_EPTE_XU : NVMX_EPTE_X;
	if (f->qual & (QUAL_HAS_X | QUAL_HAS_XU))
		return f->qual & QUAL_HAS_X ? NVMX_EPTE_XU : NVMX_EPTE_X;
	return f->w.rights & NVMX_EPTE_X ? NVMX_EPTE_X : NVMX_EPTE_XU;
}

/* The rights of EPT12 that the access needs. */
static uint64_t rights_needed(const struct nvmx_ept_fill *f)
{
	uint64_t need = f->qual & (NVMX_EPTE_R | NVMX_EPTE_W);

	if (f->qual & NVMX_EPTE_X)
		need |= fetch_needs(f);
	return need;
}

/* What L1 sees of a violation (SDM table 27-7): EPT12's rights, never the shadow's. */
static uint64_t l1_qualification(const struct nvmx_ept_fill *f, uint64_t rights)
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
static enum nvmx_ept_answer judge(struct nvmx_ept_fill *f, bool pml, struct nvmx_ept_fault *out, bool *again)
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
	case NVMX_EPT_FLAGS_NOT_NOW:
		return NVMX_EPT_NOT_NOW;
	default:
		return NVMX_EPT_RETRY;
	}
}

/* Whether a table below t will do on the way to a leaf at `level`: one in common holds nothing but leaves of all vCPUs'. */
static bool may_be_shared(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, unsigned level)
{
	return t->level - 1u == level && level <= NVMX_EPT_SHARED_LEVELS && !f->own_page;
}

/* The table below entry i of t, which stands for EPT12's `entry12`, on the way to a leaf at `level`; found, or made anew. */
static struct nvmx_ept_table *follow(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, unsigned i, uint64_t entry12, unsigned level)
{
	bool parts = t->level <= f->w.level, share = may_be_shared(f, t, level);
	uint64_t gpa12 = parts ? f->w.gpa1 & ~(nvmx_ept_size(t->level) - 1) : entry12 & NVMX_EPTE_ADDR;
	struct nvmx_ept_table *lower;

	if (t->hw[i]) {
		lower = nvmx_ept_relink(f, t, i, entry12);
		if (lower && (share || !lower->shared))
			return lower;
		nvmx_ept_drop(f->e, t, i);
	}
	lower = share && !parts && nvmx_ept_is_sharing(f->e->vm) ? nvmx_ept_share(f->e, f->r, level, gpa12) : NULL;
	if (!lower)
		lower = nvmx_ept_new_table(f->e, t->level - 1u, t->root, gpa12, parts);
	if (lower)
		nvmx_ept_set_link(f->e, t, i, lower, nvmx_ept_link_rights(f, t, entry12), entry12);
	return lower;
}

/* The table that is to hold the leaf for gpa2 at `level`, linked and current. */
static struct nvmx_ept_table *descend(struct nvmx_ept_fill *f, unsigned level)
{
	struct nvmx_ept_table *t = f->r->top;

	while (t && t->level > level) {
		nvmx_ept_look_at(f->e, NVMX_EPT_FOR_DROP);
		NVMX_LOCK_VISIT(1);
		t = follow(f, t, nvmx_ept_index(f->gpa2, t->level), t->copy ? f->w.entry[t->level] : 0, level);
		if (t)
			nvmx_ept_make_current(f, t);
	}
	return t;
}

/* Whether a leaf differs from one that is there in nothing but rights that it has in addition. */
static bool only_adds_rights(const struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaf)
{
	uint64_t was = t->hw[leaf->index] & ~(NVMX_EPTE_A | NVMX_EPTE_D), differs = was ^ leaf->hw;

	return !(differs & ~NVMX_EPTE_RIGHTS) && !(was & differs) &&
	       !(t->copy && (t->copy[leaf->index] ^ leaf->copy) & NVMX_EPTE_ADDR);
}

/* Returns whether the entry was empty. */
static bool put_leaf(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaf)
{
	bool empty = !t->hw[leaf->index];

	if (!empty && only_adds_rights(t, leaf)) {
		nvmx_ept_update_leaf(f->e, t, leaf->index, leaf->hw, leaf->copy);
		return false;
	}
	if (!empty)
		nvmx_ept_drop(f->e, t, leaf->index);
	nvmx_ept_set_leaves(nvmx_ept_home_of(f->e, t), nvmx_ept_body(t), leaf, 1);
	f->v->counters[NVMX_CNT_EPT_FILL]++;
	return empty;
}

/* What a violation that put its leaf into t, or found it there, tells of the next ones. */
static enum nvmx_ept_answer learn(struct nvmx_ept_fill *f, const struct nvmx_ept_table *t)
{
	nvmx_ept_note(f->r, f->gpa2, f->view);
	if (t->level == 1 && t->copy && f->view != NVMX_EPT_WINDOW)
		nvmx_ept_next_tables(f, t);
	return NVMX_EPT_RETRY;
}

/* Whether entry i of t is the leaf that EPT12's `entry12` calls for, with the rights `need`. */
static bool serves(const struct nvmx_ept_fill *f, const struct nvmx_ept_table *t, unsigned i, uint64_t entry12, uint64_t need)
{
	return t->hw[i] && nvmx_ept_is_leaf(t, i) && (t->hw[i] & need) == need && nvmx_ept_still_valid(f->r, t->copy[i], entry12);
}

/* The table below t on the way, linked; NULL: there is none that fits. */
static struct nvmx_ept_table *step(struct nvmx_ept_fill *f, struct nvmx_ept_table *t)
{
	unsigned i = nvmx_ept_index(f->gpa2, t->level);
	uint64_t entry12 = f->w.entry[t->level];

	if (t->hw[i] & NVMX_EPTE_RIGHTS && t->copy[i] == entry12 && !nvmx_ept_is_leaf(t, i))
		return nvmx_ept_lower(t, i);
	return nvmx_ept_relink(f, t, i, entry12);
}

/* The table that holds the leaf for gpa2, linked and current as far as L2 needs it; NULL if the leaf has to be made. */
static struct nvmx_ept_table *find_leaf(struct nvmx_ept_fill *f)
{
	struct nvmx_ept_table *t = f->r->top;
	uint64_t need = rights_needed(f);
	bool found;

	while (t->level > f->w.level) {
		nvmx_ept_look_at(f->e, 1);
		NVMX_LOCK_VISIT(1);
		t = step(f, t);
		if (!t || !t->copy)
			return NULL;
		if (t->level == 1 && t->generation != f->r->generation)
			nvmx_ept_compare(f, t, need);
		else
			nvmx_ept_make_current(f, t);
	}
	nvmx_ept_begin(f->e, t);
	found = serves(f, t, nvmx_ept_index(f->gpa2, t->level), f->w.entry[t->level], need);
	nvmx_ept_end(f->e, t);
	return found ? t : NULL;
}

/*
 * An INVEPT has cut the way to a leaf that is as EPT12 has it: nobody is asked for the translation, for the leaf would not be
 * there had the host taken the frame back.
 */
static struct nvmx_ept_table *restore(struct nvmx_ept_fill *f)
{
	struct nvmx_ept_table *t;

	nvmx_ept_hold(f->e);
	t = find_leaf(f);
	nvmx_ept_release(f->e);
	return t;
}

/* Asks the host for the leaf for gpa2, at level `most` at the highest; its level, or 0: the fault is the host's. */
static unsigned make(struct nvmx_ept_fill *f, unsigned most, struct nvmx_ept_leaf *leaf)
{
	unsigned access = (unsigned)(f->qual & QUAL_ACCESS), level;

	if (!nvmx_ept_translate(f, f->w.gpa1, access)) {
		f->own_page = nvmx_own_apic_page(f->v, f->w.gpa1, access, &f->x);
		if (!f->own_page)
			return 0;
		f->v->not_now = false;
	}
	if (access & ~nvmx_ept_host_rights(f, &f->x))
		return 0;
	f->first = f->x;
	level = nvmx_ept_leaf_level(f, f->w.level, &f->x, f->w.gpa1);
	level = level < most ? level : most;
	leaf->index = (uint16_t)nvmx_ept_index(f->gpa2, level);
	leaf->copy = f->w.entry[f->w.level];
	leaf->hw = nvmx_ept_make_leaf(f, level, leaf->copy, &f->x);
	f->low = leaf->hw & ~NVMX_EPTE_ADDR;
	return leaf->hw ? level : 0;
}

/*
 * The host has changed its map while it was asked.  From now on only what it does to the frames of this one leaf, at `level`,
 * counts: a revocation that comes across them says so.
 */
static void watch(struct nvmx_ept_fill *f, unsigned level)
{
	uint64_t size = nvmx_ept_size(level);

	nvmx_ept_hold(f->e);
	f->e->again.first = f->w.gpa1 & ~(size - 1);
	f->e->again.last = f->w.gpa1 | (size - 1);
	f->e->again.hit = false;
	nvmx_ept_release(f->e);
	f->watched = true;
	nvmx_ept_ask_anew(f);
}

enum put { NOT_PUT, PUT, PUT_INTO_EMPTY, OUTDATED };

static enum put put_into(struct nvmx_ept_fill *f, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaf)
{
	enum put put = NOT_PUT;

	nvmx_ept_look_at(f->e, NVMX_EPT_FOR_DROP);
	nvmx_ept_begin(f->e, t);
	if (!nvmx_ept_is_newest(f, t, leaf))
		put = OUTDATED;
	else if (!(f->watched ? f->e->again.hit : nvmx_ept_host_changed(f)))
		put = put_leaf(f, t, leaf) ? PUT_INTO_EMPTY : PUT;
	if (put == PUT || put == PUT_INTO_EMPTY)
		nvmx_ept_has_put(f, t);
	nvmx_ept_end(f->e, t);
	return put;
}

/* Puts the leaf in place, unless the host has changed its map; NULL: there is no table for it. */
static struct nvmx_ept_table *put(struct nvmx_ept_fill *f, unsigned level, const struct nvmx_ept_leaf *leaf, enum put *done)
{
	struct nvmx_ept_table *t;

	nvmx_ept_hold(f->e);
	t = descend(f, level);
	if (t)
		*done = put_into(f, t, leaf);
	nvmx_ept_release(f->e);
	return t;
}

static enum nvmx_ept_answer fill(struct nvmx_ept_fill *f, struct nvmx_ept_fault *out)
{
	struct nvmx_ept_table *t = f->r->invepted ? restore(f) : NULL;
	unsigned level = f->w.level;
	struct nvmx_ept_leaf leaf;
	enum put done = NOT_PUT;

	if (t)
		return f->compared ? learn(f, t) : NVMX_EPT_RETRY;
	out->gpa1 = f->w.gpa1;
	out->access = (unsigned)(f->qual & QUAL_ACCESS);
	f->own_page = false;
	for (f->watched = false;;) {
		level = make(f, level, &leaf);
		if (!level)
			return f->v->not_now ? NVMX_EPT_NOT_NOW : NVMX_EPT_TO_HOST;
		t = put(f, level, &leaf, &done);
		if (!t)
			return NVMX_EPT_NOMEM;
		if (done == PUT || done == PUT_INTO_EMPTY)
			break;
		if (f->watched || done == OUTDATED) /* this very frame is gone, or L1 has changed the entry */
			return NVMX_EPT_RETRY;
		watch(f, level);
	}
	if (f->n_dropped && f->dropped_of == t)
		nvmx_ept_refill(f, t);
	else if (done == PUT_INTO_EMPTY)
		nvmx_ept_fill_around(f, t, leaf.index);
	return f->compared ? learn(f, t) : NVMX_EPT_RETRY;
}

static enum nvmx_ept_answer answer(struct nvmx_ept_fill *f, uint64_t role12, struct nvmx_ept_fault *out)
{
	enum nvmx_ept_answer a;
	bool again = false;

	/* A walk of 4 levels translates 48 bits (SDM 28.3.2). */
	if (NVMX_EPTP_WALK(role12) == 4 && f->gpa2 >> 48)
		return to_l1(out, NVMX_XR_EPT_VIOLATION, l1_qualification(f, 0));
	nvmx_ept_walk_begin(f->v, &f->r->rules, role12, f->gpa2, &f->w);
	a = f->v->not_now ? NVMX_EPT_NOT_NOW : judge(f, role12 & NVMX_EPT_ROLE_PML, out, &again);
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
	NVMX_NOT_CLEARED struct nvmx_ept_fill f;
	enum nvmx_ept_answer a;

	*out = (struct nvmx_ept_fault){ 0 };
	if (!nvmx_ept_root(v, role12) || !nvmx_ept_stock(v))
		return NVMX_EPT_NOMEM;
	nvmx_ept_fill_begin(&f, v, nvmx_ept_last_root(nvmx_ept_of(v)), gpa2, qual | walk_writes(role12, qual));
	a = answer(&f, role12, out);
	/* The caller may resume L2 at once. */
	return nvmx_ept_root(v, role12) ? a : NVMX_EPT_NOMEM;
}
