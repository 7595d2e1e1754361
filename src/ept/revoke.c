/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host takes frames of L1 back, or the right to write to them. */
#include "shadow.h"

uint32_t *nvmx_ept_begin_vcpus(struct nvmx_ept *ve)
{
	uint32_t *walkers = &ve->walkers[__atomic_load_n(&ve->walk, __ATOMIC_RELAXED)];

	__atomic_add_fetch(walkers, 1, __ATOMIC_SEQ_CST);
	return walkers;
}

/* A fill that translated before `changed` either sees the count or has its leaf in a chain by now. */
static uint32_t *begin(struct nvmx_ept *ve, bool changed)
{
	if (changed)
		__atomic_add_fetch(&ve->changes, 1, __ATOMIC_SEQ_CST);
	return nvmx_ept_begin_vcpus(ve);
}

/* v flushes all its roots before it runs L2 again. */
static void tell_one(struct nvmx_ept_vcpu *e)
{
	__atomic_add_fetch(&e->moved, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&e->hot.pending, 1, __ATOMIC_SEQ_CST);
}

void nvmx_ept_tell(struct nvmx_ept *ve, uint64_t users)
{
	uint32_t *walkers;

	if (!users)
		return;
	walkers = begin(ve, false);
	for (struct nvmx_vcpu *v = nvmx_ept_first_vcpu(ve); v; v = nvmx_ept_next_vcpu(v))
		if (nvmx_ept_of(v)->bit & users)
			tell_one(nvmx_ept_of(v));
	nvmx_ept_end_vcpus(walkers);
}

/* Whether the vCPU was told and may not have left L2 since. */
static bool is_told(const struct nvmx_ept_vcpu *e)
{
	return __atomic_load_n(&e->moved, __ATOMIC_SEQ_CST) != __atomic_load_n(&e->seen, __ATOMIC_SEQ_CST);
}

#define TOLD_SELF 1u
#define TOLD_OTHERS 2u

/*
 * The same in shared tables, after the vCPUs' own.  What another vCPU has taken from one, since L1 has changed it, is not found here,
 * but who may have cached it was told then, and is kicked if it has not heard yet.
 */
static unsigned lose_shared(struct nvmx_ept *ve, const struct nvmx_vcpu *self, struct nvmx_ept_revocation *r)
{
	unsigned told = 0;
	bool uses;

	r->announce = &ve->kicking;
	r->users = r->spares = 0;
	nvmx_ept_lose_shared(ve, r);
	for (struct nvmx_vcpu *v = nvmx_ept_first_vcpu(ve); v; v = nvmx_ept_next_vcpu(v)) {
		uses = nvmx_ept_of(v)->bit & r->users;
		if (uses)
			tell_one(nvmx_ept_of(v));
		if (v == self)
			told |= is_told(nvmx_ept_of(v)) ? TOLD_SELF : 0;
		else if (uses || is_told(nvmx_ept_of(v)))
			told |= TOLD_OTHERS;
	}
	return told;
}

/*
 * The other vCPUs' flushes are pending in their roots: what keeps them from running on what they have cached is that they leave
 * L2.  Where another revocation is about to see to that for what it has taken, and perhaps this one would have, it is done here
 * as well: to wait for the other is impossible where that one waits for this processor.
 */
static void lose(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t len, enum nvmx_ept_loss loss)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(vm);
	NVMX_NOT_CLEARED struct nvmx_ept_revocation r;
	struct nvmx_host *host = self ? self->host : NULL;
	bool mine = false, others = false, owes;
	struct nvmx_vcpu *v;
	uint32_t *walkers;
	unsigned told;

	if (!len)
		return;
	if (loss == NVMX_EPT_LOSE_ALL && __builtin_expect(ve->watches.at != NULL, 0))
		nvmx_watch_written(vm, gpa, len);
	r.gpa = gpa;
	r.end = gpa + len - 1 < gpa ? ~0ull : gpa + len - 1;
	r.loss = loss;
	r.turns = 0;
	r.found = r.given_up = r.announced = false;
	walkers = begin(ve, true);
	for (v = nvmx_ept_first_vcpu(ve); v; v = nvmx_ept_next_vcpu(v)) {
		r.announce = v == self ? NULL : &ve->kicking;
		owes = nvmx_ept_lose(nvmx_ept_of(v), &r);
		if (v == self)
			mine = owes;
		else
			others |= owes;
		if (!self && (owes || !host))
			host = v->host;
	}
	if (nvmx_ept_is_sharing(ve)) {
		told = lose_shared(ve, self, &r);
		mine |= told & TOLD_SELF;
		others |= told & TOLD_OTHERS;
	}
	nvmx_ept_end_vcpus(walkers);
	if (__atomic_load_n(&ve->kicking, __ATOMIC_SEQ_CST) > r.announced) {
		mine = self && nvmx_ept_of(self)->hot.eptp02;
		others = host != NULL;
	}
	if (self && mine)
		self->ops->flush_ept(self->host, nvmx_ept_of(self)->hot.eptp02, NVMX_FLUSH_ALL);
	if (others && vm->ops->kick_others)
		vm->ops->kick_others(host);
	if (r.announced)
		__atomic_sub_fetch(&ve->kicking, 1, __ATOMIC_SEQ_CST);
}

/* Whether another vCPU may write to the frame by a shared table, or by what it has cached of one. */
static bool protect_shared(struct nvmx_ept *ve, struct nvmx_vcpu *self, struct nvmx_ept_revocation *r)
{
	bool found;

	r->loss = NVMX_EPT_LOSE_WRITE;
	r->spares = nvmx_ept_of(self)->bit;
	found = nvmx_ept_lose_shared(ve, r);
	if (r->users)
		tell_one(nvmx_ept_of(self));
	for (struct nvmx_vcpu *v = nvmx_ept_first_vcpu(ve); v; v = nvmx_ept_next_vcpu(v))
		found |= v != self && is_told(nvmx_ept_of(v));
	return found;
}

#define PROTECT_TURNS 2u /* 512 entries each, with one vCPU's lock or the next one's */

/*
 * The vCPU itself is not in L2, and flushes before it is.  From the others nothing is taken: a revocation that finds the right gone
 * would take it for flushed, and nobody is kicked here.  It is L1 who decides how many entries lead to the frame.
 */
bool nvmx_ept_protect(struct nvmx_vcpu *self, uint64_t gpa, bool first)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(self->vm);
	struct nvmx_ept_revocation r = { .gpa = gpa, .end = gpa | 0xfff, .turns = PROTECT_TURNS };
	uint32_t *walkers = begin(ve, first);
	bool found = false, has;

	for (struct nvmx_vcpu *v = nvmx_ept_first_vcpu(ve); v && !r.given_up; v = nvmx_ept_next_vcpu(v)) {
		r.loss = v == self ? NVMX_EPT_LOSE_WRITE : NVMX_EPT_FIND_WRITE;
		has = nvmx_ept_lose(nvmx_ept_of(v), &r);
		found |= has && v != self;
	}
	if (nvmx_ept_is_sharing(ve) && !r.given_up)
		found |= protect_shared(ve, self, &r);
	nvmx_ept_end_vcpus(walkers);
	return !found && !r.given_up && !__atomic_load_n(&ve->kicking, __ATOMIC_SEQ_CST);
}

void nvmx_ept_unmap(struct nvmx_vcpu *v, uint64_t gpa1)
{
	struct nvmx_ept_revocation r = { .gpa = gpa1, .end = gpa1 | 0xfff, .loss = NVMX_EPT_LOSE_ALL };

	nvmx_ept_lose(nvmx_ept_of(v), &r);
}

/* The vCPU gives its roots up before it runs L2 again; a fill of its that is under way is done again.  Whether L2 can be using one. */
static bool outdate(struct nvmx_ept_vcpu *e)
{
	bool used;

	nvmx_ept_hold(e);
	used = e->hot.role12;
	e->again.hit = true;
	__atomic_store_n(&e->hot.pending, 1, __ATOMIC_RELEASE);
	nvmx_ept_release(e);
	return used;
}

void nvmx_host_changed(struct nvmx_vm *vm, struct nvmx_vcpu *self)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(vm);
	struct nvmx_host *host = self ? self->host : NULL;
	bool others = false, used;
	struct nvmx_vcpu *v;
	uint32_t *walkers;

	__atomic_add_fetch(&ve->epoch, 1, __ATOMIC_SEQ_CST);
	nvmx_ept_watch_nothing(&ve->watches);
	walkers = begin(ve, true);
	for (v = nvmx_ept_first_vcpu(ve); v; v = nvmx_ept_next_vcpu(v)) {
		used = outdate(nvmx_ept_of(v));
		others |= used && v != self;
		if (!self && (used || !host))
			host = v->host;
	}
	nvmx_ept_end_vcpus(walkers);
	if (others && vm->ops->kick_others)
		vm->ops->kick_others(host);
}

bool nvmx_host_uses(struct nvmx_vm *vm, uint64_t gpa, uint64_t length)
{
	struct nvmx_ept_revocation r = { .gpa = gpa, .end = gpa + length - 1 < gpa ? ~0ull : gpa + length - 1,
					 .loss = NVMX_EPT_LOSE_NOTHING };
	struct nvmx_ept *ve = nvmx_ept_of_vm(vm);
	uint32_t *walkers;

	if (!length)
		return false;
	walkers = begin(ve, false);
	for (struct nvmx_vcpu *v = nvmx_ept_first_vcpu(ve); v && !r.found; v = nvmx_ept_next_vcpu(v))
		nvmx_ept_lose(nvmx_ept_of(v), &r);
	if (!r.found && nvmx_ept_is_sharing(ve))
		nvmx_ept_lose_shared(ve, &r);
	nvmx_ept_end_vcpus(walkers);
	return r.found;
}

void nvmx_host_invalidate(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t length)
{
	lose(vm, self, gpa, length, NVMX_EPT_LOSE_ALL);
}

void nvmx_host_write_protect(struct nvmx_vm *vm, struct nvmx_vcpu *self, uint64_t gpa, uint64_t length)
{
	lose(vm, self, gpa, length, NVMX_EPT_LOSE_WRITE);
}
