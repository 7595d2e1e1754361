/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The reverse map: every leaf hangs in the chain of the L1 frame that it maps, so that the host can take a frame back.
 * A link of a chain is the leaf's table number << 9 | index.
 */
#include "shadow.h"

static uint64_t leaf_frame(const struct nvmx_ept_table *t, unsigned i)
{
	if (!t->copy)
		return (t->gpa12 >> nvmx_ept_shift(t->level)) + i;
	return (t->copy[i] & NVMX_EPTE_ADDR) >> nvmx_ept_shift(t->level);
}

/* Frames that follow each other have chains that follow each other. */
static inline uint64_t hash(uint32_t bits, unsigned level, uint64_t frame)
{
	return frame ^ frame >> bits ^ (uint64_t)level << 7;
}

static uint32_t *head(const struct nvmx_ept_home *h, unsigned level, uint64_t frame)
{
	return nvmx_ept_head_at(h, (uint32_t)hash(h->heads_bits, level, frame) & (h->heads_n - 1));
}

static uint64_t *used_word(struct nvmx_ept_home *h, uint32_t n)
{
	return (uint64_t *)h->used.va + n / NVMX_EPT_BLOCK / 64;
}

static uint64_t used_bit(uint32_t n)
{
	return 1ull << n / NVMX_EPT_BLOCK % 64;
}

static uint64_t *side(struct nvmx_ept_home *h, uint32_t link)
{
	return nvmx_ept_table(h, link >> 9)->side + (link & 511);
}

/* The table that a link led to: that of the next leaf likely leads there, too. */
struct near {
	uint64_t *sides;
	uint32_t number;
};

static inline __attribute__((always_inline)) uint64_t *near_side(struct nvmx_ept_home *h, struct near *near, uint32_t link)
{
	if (link >> 9 != near->number) {
		near->number = link >> 9;
		near->sides = nvmx_ept_table(h, near->number)->side;
	}
	return near->sides + (link & 511);
}

/* The chain heads of a block, in which a frame led to one: the next frame likely has its there, too. */
struct near_heads {
	uint64_t frame;         /* the block's first; no frame to begin with */
	uint32_t *heads;
	unsigned flip;          /* bits in which a head's place differs from its frame's */
};
#define NO_HEADS (struct near_heads){ .frame = 1ull << 63 } /* none is near that */

static inline void find_heads(struct nvmx_ept_home *h, struct near_heads *near, unsigned level, uint64_t frame)
{
	uint32_t bucket = (uint32_t)hash(h->heads_bits, level, frame) & (h->heads_n - 1);

	near->frame = frame & ~(NVMX_EPT_BLOCK - 1ull);
	near->heads = nvmx_ept_head_at(h, bucket & ~(NVMX_EPT_BLOCK - 1u));
	near->flip = (unsigned)(bucket ^ frame) & (NVMX_EPT_BLOCK - 1);
}

static inline __attribute__((always_inline)) uint32_t *near_head(const struct near_heads *near, uint64_t frame)
{
	return near->heads + (((unsigned)frame & (NVMX_EPT_BLOCK - 1)) ^ near->flip);
}

static inline void set_next(uint64_t *side, uint32_t next)
{
	*side = (uint32_t)*side | (uint64_t)next << 32;
}

static inline void set_previous(uint64_t *side, uint32_t previous)
{
	*side ^= (uint32_t)*side ^ previous;
}

/* The chains of a block are going to be used. */
static void use_heads(struct nvmx_ept_home *h, struct near_heads *near, unsigned level, uint64_t frame)
{
	uint32_t bucket = (uint32_t)hash(h->heads_bits, level, frame) & (h->heads_n - 1);

	find_heads(h, near, level, frame);
	*used_word(h, bucket) |= used_bit(bucket);
}

static inline __attribute__((always_inline)) void set_leaves(struct nvmx_ept_home *h, struct nvmx_ept_table *t, uint64_t *copy,
							     unsigned level, const struct nvmx_ept_leaf *leaves, unsigned n)
{
	uint64_t *const hw = t->hw, *const sides = t->side;
	const uint32_t number = t->number << 9;
	struct near near = { sides, t->number };
	struct near_heads heads = NO_HEADS;

	for (const struct nvmx_ept_leaf *l = leaves; l < leaves + n; l++) {
		const unsigned i = l->index;
		uint32_t *at, first;
		uint64_t frame;

		if (copy)
			copy[i] = l->copy;
		frame = (copy ? l->copy & NVMX_EPTE_ADDR : t->gpa12 + i * nvmx_ept_size(level)) >> nvmx_ept_shift(level);
		if (frame - heads.frame >= NVMX_EPT_BLOCK)
			use_heads(h, &heads, level, frame);
		at = near_head(&heads, frame);
		first = *at;
		if (first)
			*near_side(h, &near, first) |= number | i;
		sides[i] = (uint64_t)first << 32;
		*at = number | i;
		__atomic_store_n(hw + i, l->hw, __ATOMIC_RELEASE);
	}
}

void nvmx_ept_set_leaves(struct nvmx_ept_home *h, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaves,
			 unsigned n)
{
	if (!n)
		return;
	nvmx_ept_widen(t, leaves[0].index);
	if (n > 1)
		nvmx_ept_widen(t, leaves[n - 1].index);
	h->leaves[t->level] += n;
	t->leaves = (uint16_t)(t->leaves + n);
	NVMX_LOCK_VISIT(n);
	if (t->level == 1 && t->copy) /* nearly all */
		set_leaves(h, t, t->copy, 1, leaves, n);
	else
		set_leaves(h, t, t->copy, t->level, leaves, n);
}

/* The entries of a run; how many.  `beyond`: they are outside [lo, hi), and so empty. */
static inline __attribute__((always_inline)) unsigned put_run(struct nvmx_ept_table *t, const struct nvmx_ept_run *run, bool beyond)
{
	const uint64_t *const page12 = run->page12, size = nvmx_ept_size(t->level), to_hw = run->hw - run->copy;
	uint64_t *const hws = t->hw, *const copies = t->copy, copy = run->copy;
	const uint64_t end = run->index + run->n;
	uint64_t i = run->index;

	for (; i < end && nvmx_ept_load(page12 + i) == copy && (beyond || !hws[i]); i++) {
		copies[i] = copy;
		__atomic_store_n(hws + i, copy + to_hw, __ATOMIC_RELEASE);
		copy += size;
	}
	return (unsigned)i - run->index;
}

/* Chains leaves [i, end) of t, in a loop of its own: with the other's there would be more values than registers.  `frame`: the first
 * one's, in its block. */
static inline __attribute__((always_inline)) void chain_run(struct nvmx_ept_home *h, struct nvmx_ept_table *t, unsigned i, unsigned end,
							    const struct near_heads *heads, uint64_t frame)
{
	uint64_t *const sides = t->side, link = t->number << 9 | i;
	struct near near = { sides, t->number };

	for (uint64_t *side = sides + i; side < sides + end; side++, frame++, link++) {
		uint32_t *head = heads->heads + (frame ^ heads->flip);
		uint64_t first = *head;

		if (first)
			*near_side(h, &near, (uint32_t)first) |= link;
		*head = (uint32_t)link;
		*side = first << 32;
	}
}

unsigned nvmx_ept_set_run(struct nvmx_ept_home *h, struct nvmx_ept_table *t, const struct nvmx_ept_run *run)
{
	uint64_t frame = (run->copy & NVMX_EPTE_ADDR) >> nvmx_ept_shift(t->level);
	struct near_heads heads;
	unsigned n;

	n = run->index >= t->hi ? put_run(t, run, true) : put_run(t, run, false);
	if (!n)
		return 0;
	use_heads(h, &heads, t->level, frame);
	chain_run(h, t, run->index, run->index + n, &heads, frame & (NVMX_EPT_BLOCK - 1));
	nvmx_ept_widen(t, run->index);
	nvmx_ept_widen(t, run->index + n - 1);
	h->leaves[t->level] += n;
	t->leaves = (uint16_t)(t->leaves + n);
	NVMX_LOCK_VISIT(n);
	return n;
}

/* Revocations that stand at a leaf go on with the one behind it. */
static void move_cursors(struct nvmx_ept_home *h, uint32_t link, uint32_t next)
{
	for (struct nvmx_ept_cursor *c = h->cursors; c; c = c->next)
		if (c->link == link)
			c->link = next;
}

void nvmx_ept_empty_leaf(struct nvmx_ept_home *h, struct nvmx_ept_table *t, unsigned i)
{
	uint64_t *links;
	uint32_t next, previous;

	nvmx_ept_store(t, i, 0);
	links = t->side + i;
	next = (uint32_t)(*links >> 32);
	previous = (uint32_t)*links;
	if (__builtin_expect(h->cursors != NULL, 0))
		move_cursors(h, t->number << 9 | i, next);
	if (previous)
		set_next(side(h, previous), next);
	else
		*head(h, t->level, leaf_frame(t, i)) = next;
	if (next)
		set_previous(side(h, next), previous);
	*links = 0;
	if (t->copy)
		t->copy[i] = 0;
	h->leaves[t->level]--;
	t->leaves--;
}

/* The lock is held throughout: no revocation comes to stand at a leaf meanwhile. */
void nvmx_ept_clear_leaves(struct nvmx_ept_home *h, struct nvmx_ept_table *t)
{
	uint64_t *const hw = t->hw, *const copy = t->copy, *const sides = t->side;
	struct near before = { sides, t->number }, after = before;
	struct near_heads heads = NO_HEADS;
	const bool cursors = h->cursors != NULL;

	if (!t->leaves) /* a table of links alone, which may be of a level that has no leaves */
		return;
	for (unsigned i = t->lo, end = t->hi; i < end; i++) {
		const uint32_t next = (uint32_t)(sides[i] >> 32), previous = (uint32_t)sides[i];
		uint64_t frame;

		NVMX_LOCK_VISIT(1);
		if (!hw[i])
			continue;
		if (__builtin_expect(cursors, 0))
			move_cursors(h, t->number << 9 | i, next);
		if (previous) {
			set_next(near_side(h, &before, previous), next);
		} else {
			frame = leaf_frame(t, i);
			if (frame - heads.frame >= NVMX_EPT_BLOCK)
				find_heads(h, &heads, t->level, frame);
			*near_head(&heads, frame) = next;
		}
		if (next)
			set_previous(near_side(h, &after, next), previous);
		hw[i] = sides[i] = 0;
		if (copy)
			copy[i] = 0;
	}
	h->leaves[t->level] -= t->leaves;
	t->leaves = 0;
}

/* A revocation on its way through the chains. */
struct search {
	struct nvmx_ept_home *h;
	struct nvmx_ept_vcpu *e;   /* whose tables they are; NULL: the VM's */
	struct nvmx_ept_revocation *r;
	struct nvmx_ept_cursor at; /* link: the next leaf */
	bool owes;
};

static __attribute__((noinline)) void give_way(struct search *s)
{
	struct nvmx_ept_home *h = s->h;
	struct nvmx_ept_cursor **p;

	s->at.next = h->cursors;
	h->cursors = &s->at;
	nvmx_ept_release_home(h);
	nvmx_ept_hold_home(h);
	for (p = &h->cursors; *p != &s->at;)
		p = &(*p)->next;
	*p = s->at.next;
	if (s->r->given_up || (s->r->turns && !--s->r->turns)) {
		s->r->given_up = true;
		s->at.link = 0;
	}
}

/* Before a head or a leaf is looked at; false: the lock was given back, and s->at may have moved.  What is not reached yet cannot be
 * made anew from what the host had. */
static inline bool look_at_one(struct search *s)
{
	if (__builtin_expect(s->h->held >= NVMX_EPT_HELD_MAX, 0)) {
		give_way(s);
		return false;
	}
	s->h->held++;
	NVMX_LOCK_VISIT(1);
	return true;
}

/* The write right of a leaf that others than `spares` use is only found. */
static bool only_finds(const struct search *s, const struct nvmx_ept_table *t)
{
	return s->r->loss == NVMX_EPT_FIND_WRITE || (!s->e && s->r->spares && nvmx_ept_users_but(t, s->r->spares));
}

/* Who finds the entry as it will be finds this, too. */
static inline void announce(struct nvmx_ept_revocation *r)
{
	if (!r->announce || r->announced)
		return;
	__atomic_add_fetch(r->announce, 1, __ATOMIC_SEQ_CST);
	r->announced = true;
}

static void take_from_body(struct search *s, struct nvmx_ept_table *t, unsigned i, uint64_t left)
{
	s->r->users |= t->users;
	nvmx_ept_take_shared(s->h, t, i, left);
}

static void take_all(struct search *s, struct nvmx_ept_table *t, unsigned i)
{
	announce(s->r);
	if (s->e)
		s->owes |= nvmx_ept_drop(s->e, t, i);
	else
		take_from_body(s, t, i, 0);
}

static void take_write(struct search *s, struct nvmx_ept_table *t, unsigned i)
{
	uint64_t left = t->hw[i] & ~NVMX_EPTE_W;

	announce(s->r);
	if (s->e)
		s->owes |= nvmx_ept_replace(s->e, t, i, left);
	else
		take_from_body(s, t, i, left);
}

static void take_from(struct search *s, struct nvmx_ept_table *t, unsigned i)
{
	struct nvmx_ept_revocation *r = s->r;

	r->found = true;
	if (r->loss == NVMX_EPT_LOSE_ALL) {
		take_all(s, t, i);
		return;
	}
	if (r->loss == NVMX_EPT_LOSE_NOTHING || !(t->hw[i] & NVMX_EPTE_W))
		return;
	if (only_finds(s, t)) {
		s->owes = true;
		return;
	}
	take_write(s, t, i);
}

/* The leaves from s->at on that map a frame of `level` in [first, last]. */
static inline __attribute__((always_inline)) void search_chain(struct search *s, unsigned level, uint64_t first, uint64_t last)
{
	while (s->at.link) {
		struct nvmx_ept_table *t;
		uint64_t frame;
		unsigned i;

		if (!look_at_one(s))
			continue;
		t = nvmx_ept_table(s->h, s->at.link >> 9);
		i = s->at.link & 511;
		frame = leaf_frame(t, i);
		s->at.link = (uint32_t)(t->side[i] >> 32);
		if (t->level == level && frame - first <= last - first)
			take_from(s, t, i);
	}
}

/* Whether all chains of a block, which begins with head n, are empty; that they have become so is found here. */
static bool is_block_empty(struct search *s, uint32_t n)
{
	const uint64_t *heads = (const uint64_t *)(const void *)nvmx_ept_head_at(s->h, n);
	uint64_t *used = used_word(s->h, n);

	if (!(*used & used_bit(n)))
		return true;
	if (s->h->held > NVMX_EPT_HELD_MAX - NVMX_EPT_BLOCK / 2)
		give_way(s);
	s->h->held += NVMX_EPT_BLOCK / 2;
	for (unsigned i = 0; i < NVMX_EPT_BLOCK / 2; i++) {
		NVMX_LOCK_VISIT(1);
		if (heads[i])
			return false;
	}
	*used &= ~used_bit(n);
	return true;
}

/* All chains: there are fewer than frames in the range. */
static __attribute__((noinline)) void search_all(struct search *s, unsigned level, uint64_t first, uint64_t last)
{
	for (uint32_t n = 0; n < s->h->heads_n && s->h->leaves[level];) {
		if (!look_at_one(s))
			continue;
		if (n % NVMX_EPT_BLOCK == 0 && is_block_empty(s, n)) {
			n += NVMX_EPT_BLOCK;
			continue;
		}
		s->at.link = *nvmx_ept_head_at(s->h, n++);
		search_chain(s, level, first, last);
	}
}

/* Frames that follow each other from one at such a boundary on have the chains of a block. */
static __attribute__((noinline)) bool is_unused_from(struct search *s, unsigned level, uint64_t n)
{
	return is_block_empty(s, (uint32_t)hash(s->h->heads_bits, level, n) & (s->h->heads_n - 1) & ~(NVMX_EPT_BLOCK - 1u));
}

static inline __attribute__((always_inline)) void search_level(struct search *s, unsigned level, uint64_t first, uint64_t last)
{
	uint64_t n = first;

	if (last - first >= s->h->heads_n) {
		search_all(s, level, first, last);
		return;
	}
	do {
		if (!look_at_one(s))
			continue;
		if (n % NVMX_EPT_BLOCK == 0 && last - n >= NVMX_EPT_BLOCK - 1 && is_unused_from(s, level, n)) {
			n += NVMX_EPT_BLOCK;
			continue;
		}
		s->at.link = *head(s->h, level, n);
		search_chain(s, level, n, n);
		n++;
	} while (n <= last && s->h->leaves[level]);
}

static inline __attribute__((always_inline)) void search_range(struct search *s, unsigned level)
{
	search_level(s, level, s->r->gpa >> nvmx_ept_shift(level), s->r->end >> nvmx_ept_shift(level));
}

static __attribute__((noinline)) void search_large(struct search *s)
{
	for (unsigned level = 2; level <= 3; level++)
		if (s->h->leaves[level])
			search_range(s, level);
}

/* A fill that makes the first leaf of a level from now on knows of the change. */
static inline __attribute__((always_inline)) void search_levels(struct search *s)
{
	if (s->h->leaves[1])
		search_range(s, 1);
	if (s->h->leaves[2] | s->h->leaves[3])
		search_large(s);
}

bool nvmx_ept_lose(struct nvmx_ept_vcpu *e, struct nvmx_ept_revocation *r)
{
	struct search s = { .h = &e->home, .e = e, .r = r };

	nvmx_ept_hold(e);
	if (r->gpa <= e->again.last && r->end >= e->again.first && r->loss != NVMX_EPT_LOSE_NOTHING)
		e->again.hit = true;
	search_levels(&s);
	nvmx_ept_release(e);
	return s.owes;
}

bool nvmx_ept_lose_shared(struct nvmx_ept *ve, struct nvmx_ept_revocation *r)
{
	bool owes = false;

	for (struct nvmx_ept_home *h = ve->shared; h < ve->shared + NVMX_EPT_HOMES; h++) {
		struct search s = { .h = h, .r = r };

		nvmx_ept_hold_home(h);
		search_levels(&s);
		nvmx_ept_release_home(h);
		owes |= s.owes;
	}
	return owes;
}
