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
static uint32_t *head(const struct nvmx_ept_vcpu *e, unsigned level, uint64_t frame)
{
	uint32_t n = (uint32_t)(frame ^ frame >> e->heads_bits ^ (uint64_t)level << 7) & (e->heads_n - 1);

	return (uint32_t *)e->heads[n / 1024].va + n % 1024;
}

static uint64_t *side(struct nvmx_ept_vcpu *e, uint32_t link)
{
	return nvmx_ept_table(e, link >> 9)->side + (link & 511);
}

void nvmx_ept_set_leaves(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, const struct nvmx_ept_leaf *leaves,
			 unsigned n)
{
	uint64_t *const hw = t->hw, *const copy = t->copy, *const sides = t->side;
	const uint32_t number = t->number << 9;
	const unsigned level = t->level;

	if (!n)
		return;
	nvmx_ept_widen(t, leaves[0].index);
	nvmx_ept_widen(t, leaves[n - 1].index);
	e->leaves[level] += n;
	for (const struct nvmx_ept_leaf *l = leaves; l < leaves + n; l++) {
		const unsigned i = l->index;
		uint32_t *h;

		if (copy)
			copy[i] = l->copy;
		h = head(e, level, (copy ? l->copy & NVMX_EPTE_ADDR : t->gpa12 + i * nvmx_ept_size(level)) >> nvmx_ept_shift(level));
		if (*h)
			*side(e, *h) |= number | i;
		sides[i] = (uint64_t)*h << 32;
		*h = number | i;
		__atomic_store_n(hw + i, l->hw, __ATOMIC_RELEASE);
	}
}

void nvmx_ept_unchain(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, unsigned i)
{
	uint32_t next = (uint32_t)(t->side[i] >> 32), prev = (uint32_t)t->side[i];

	if (prev)
		*side(e, prev) = (uint32_t)*side(e, prev) | (uint64_t)next << 32;
	else
		*head(e, t->level, leaf_frame(t, i)) = next;
	if (next)
		*side(e, next) = (*side(e, next) & ~0xffffffffull) | prev;
	e->leaves[t->level]--;
}

/* Drops the leaves of one chain that map a frame of `level` in [first, last]. */
static bool drop_chain(struct nvmx_ept_vcpu *e, uint32_t link, unsigned level, uint64_t first, uint64_t last)
{
	bool dropped = false;

	while (link) {
		struct nvmx_ept_table *t = nvmx_ept_table(e, link >> 9);
		unsigned i = link & 511;
		uint64_t frame = leaf_frame(t, i);

		link = (uint32_t)(t->side[i] >> 32);
		if (t->level != level || frame < first || frame > last)
			continue;
		nvmx_ept_drop(e, t, i);
		nvmx_ept_want_flush(e, t->root);
		dropped = true;
	}
	return dropped;
}

static bool drop_range(struct nvmx_ept_vcpu *e, uint64_t gpa, uint64_t end)
{
	bool dropped = false;

	for (unsigned level = 1; level <= 3; level++) {
		uint64_t first = gpa >> nvmx_ept_shift(level), last = end >> nvmx_ept_shift(level), n;

		if (!e->leaves[level])
			continue;
		if (last - first >= e->heads_n) {
			for (n = 0; n < e->heads_n; n++)
				dropped |= drop_chain(e, ((uint32_t *)e->heads[n / 1024].va)[n % 1024], level, first, last);
		} else {
			for (n = first; n <= last; n++)
				dropped |= drop_chain(e, *head(e, level, n), level, n, n);
		}
	}
	return dropped;
}

void nvmx_host_map_changed(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t len)
{
	nvmx_ept_host_invalidate(vm, self, gpa, len);
}

void nvmx_ept_host_invalidate(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t len)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(vm);
	struct nvmx_host *kick = NULL; /* taken under the lock: the vCPU may be destroyed after it */
	struct nvmx_vcpu *v;
	uint64_t end = gpa + len - 1 < gpa ? ~0ull : gpa + len - 1;
	bool mine = false;

	if (!len)
		return;
	/* A fill that translated before this either sees the count or has its leaf in a chain by now. */
	__atomic_add_fetch(&ve->changes, 1, __ATOMIC_SEQ_CST);
	nvmx_ept_lock(&ve->lock);
	for (v = ve->vcpus; v; v = nvmx_ept_of(v)->next) {
		struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
		bool dropped;

		nvmx_ept_lock(&e->lock);
		dropped = e->heads_n && drop_range(e, gpa, end);
		nvmx_ept_unlock(&e->lock);
		if (dropped && v == self)
			mine = true;
		else if (dropped)
			kick = self ? self->host : v->host;
	}
	nvmx_ept_unlock(&ve->lock);
	if (mine)
		self->ops->flush_ept(self->host, nvmx_ept_of(self)->hot.eptp02, NVMX_FLUSH_ALL);
	if (kick)
		vm->ops->kick_others(kick);
}
