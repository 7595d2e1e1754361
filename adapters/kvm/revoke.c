// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is taken back of L1's memory: with memory slots that go, and the right to write where a log begins.  What the host's memory
 * management takes: space.c.
 */
#include "nest.h"

/* From all vCPUs.  Whom the library kicks stays in the list meanwhile. */
void nest_take_back(struct nest_vm *vm, gfn_t gfn, gfn_t pages)
{
	int idx = srcu_read_lock(&nest_walking);
	struct nest *n;

	for_each_nest(n, vm) {
		WRITE_ONCE(n->pins_moved, true);
		nest_lose_frames(n, gfn, gfn + pages - 1);
	}
	nest_watch_lose(vm, gfn, gfn + pages - 1);
	nvmx_host_invalidate(vm->lib, NULL, gfn_to_gpa(gfn), gfn_to_gpa(pages));
	srcu_read_unlock(&nest_walking, idx);
}

#if NEST_SLOT_NOTIFIER

static void flush_slot(struct kvm *kvm, struct kvm_memory_slot *slot, struct kvm_page_track_notifier_node *node)
{
	struct nest_vm *vm = container_of(node, struct nest_vm, track);

	atomic64_inc(&vm->invalidations);
	nest_take_back(vm, slot->base_gfn, slot->npages);
}

void nest_watch_slots(struct nest_vm *vm)
{
	vm->track.track_flush_slot = flush_slot;
}

#else

/*
 * This kernel tells of a slot when it has gone and its frames may be others' already.  Slots of another generation than was seen are
 * a reason to give everything back: the first vCPU that sees them does so for all, and each waits for that before it looks at a frame
 * for L1 and before it enters L2; a notifier, which cannot know what was mapped by a slot that is gone, does it meanwhile.
 */
static u64 generation(const struct nest_vm *vm)
{
	return READ_ONCE(__kvm_memslots(vm->kvm, 0)->generation);
}

void nest_watch_slots(struct nest_vm *vm)
{
	int idx = srcu_read_lock(&vm->kvm->srcu);

	vm->slots_seen = generation(vm);
	srcu_read_unlock(&vm->kvm->srcu, idx);
}

bool nest_slots_changed(const struct nest_vm *vm)
{
	return unlikely(smp_load_acquire(&vm->slots_seen) != generation(vm));
}

void nest_follow_slots(struct nest *n)
{
	struct nest_vm *vm = n->vm;
	u64 now;

	if (likely(!nest_slots_changed(vm)))
		return;
	mutex_lock(&vm->following);
	now = generation(vm);
	if (vm->slots_seen != now) {
		atomic64_inc(&vm->invalidations);
		nest_take_back(vm, 0, NEST_ALL_PAGES);
		smp_store_release(&vm->slots_seen, now);
	}
	mutex_unlock(&vm->following);
}

#endif

/* An L2 is about to get the right to write to a frame of a slot with a log. */
void nest_may_write(struct nest_vm *vm, gfn_t gfn)
{
	spin_lock(&vm->written_lock);
	if (vm->written_n < NEST_WRITTEN)
		vm->written[vm->written_n] = gfn;
	if (vm->written_n <= NEST_WRITTEN)
		vm->written_n++;
	spin_unlock(&vm->written_lock);
}

static void protect(struct nest *n, gfn_t gfn, u64 pages)
{
	nvmx_host_write_protect(n->vm->lib, n->v, gfn_to_gpa(gfn), gfn_to_gpa(pages));
}

/* Frames that an L2 could write to before their slot had a log are not among those that are known. */
static void protect_slots(struct nest *n, struct kvm_memslots *slots)
{
	struct kvm_memory_slot *slot;
	int bkt;

	kvm_for_each_memslot(slot, bkt, slots) {
		if (kvm_slot_dirty_track_enabled(slot))
			protect(n, slot->base_gfn, slot->npages);
		cond_resched();
	}
	n->vm->protected_in = slots->generation;
}

/* The frames that are known so far, into protecting[]; more than NEST_WRITTEN: not all are. */
static unsigned int take_written(struct nest_vm *vm)
{
	unsigned int count;

	spin_lock(&vm->written_lock);
	count = vm->written_n;
	memcpy(vm->protecting, vm->written, min(count, NEST_WRITTEN) * sizeof(*vm->written));
	vm->written_n = 0;
	spin_unlock(&vm->written_lock);
	return count;
}

/*
 * KVM wants to know of the next write to a page of a slot with a log; it does not say which.  What an L2 may write to has to be asked
 * for again.  KVM asks all vCPUs, and they have tables in common: the first one that serves the request takes the right from all, and
 * no other enters L2 before that is done.
 */
void nest_protect_logged(struct nest *n)
{
	struct kvm_memslots *slots = __kvm_memslots(nest_vcpu(n)->kvm, 0);
	struct nest_vm *vm = n->vm;
	unsigned int i, count;

	might_sleep();
	mutex_lock(&vm->following);
	count = take_written(vm);
	if (count > NEST_WRITTEN || vm->protected_in != slots->generation) {
		protect_slots(n, slots);
	} else {
		for (i = 0; i < count; i++)
			protect(n, vm->protecting[i], 1);
	}
	mutex_unlock(&vm->following);
}
