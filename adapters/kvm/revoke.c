// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is taken back of L1's memory: with memory slots that go, and the right to write where a log begins.  What the host's memory
 * management takes: space.c.
 */
#include "nest.h"

void nest_take_back(struct nest *n, gfn_t gfn, gfn_t pages)
{
	WRITE_ONCE(n->pins_moved, true);
	nest_lose_frames(n, gfn, gfn + pages - 1);
	nest_watch_lose(n, gfn, gfn + pages - 1);
	nvmx_host_invalidate(n->vm, NULL, gfn_to_gpa(gfn), gfn_to_gpa(pages));
}

#if NEST_SLOT_NOTIFIER

static void flush_slot(struct kvm *kvm, struct kvm_memory_slot *slot, struct kvm_page_track_notifier_node *node)
{
	struct nest *n = container_of(node, struct nest, track);

	atomic64_inc(&n->space->invalidations);
	nest_take_back(n, slot->base_gfn, slot->npages);
}

static void watch_slots(struct nest *n)
{
	n->track.track_flush_slot = flush_slot;
}

#else

/*
 * This kernel tells of a slot when it has gone and its frames may be others' already.  Slots of another generation than the vCPU
 * has seen are a reason to give everything back: the vCPU does so before it looks at a frame for L1 and before it enters L2; a
 * notifier, which cannot know what was mapped by a slot that is gone, does it meanwhile.
 */
static u64 generation(struct nest *n)
{
	return READ_ONCE(__kvm_memslots(nest_vcpu(n)->kvm, 0)->generation);
}

static void watch_slots(struct nest *n)
{
	n->slots_seen = generation(n);
}

bool nest_slots_changed(struct nest *n)
{
	return unlikely(n->slots_seen != generation(n));
}

void nest_follow_slots(struct nest *n)
{
	u64 now = generation(n);

	if (likely(n->slots_seen == now))
		return;
	atomic64_inc(&n->space->invalidations);
	nest_take_back(n, 0, NEST_ALL_PAGES);
	WRITE_ONCE(n->slots_seen, now);
}

#endif

int nest_watch_memory(struct nest *n)
{
	int error = nest_space_join(n);

	if (error)
		return error;
	watch_slots(n);
	error = nest_watch_create(n);
	if (error) {
		nest_space_leave(n);
		nest_space_put(n);
	}
	return error;
}

void nest_unwatch_memory(struct nest *n)
{
	nest_watch_destroy(n);
	nest_space_leave(n);
}

static void protect(struct nest *n, gfn_t gfn, u64 pages)
{
	nvmx_host_write_protect(n->vm, n->v, gfn_to_gpa(gfn), gfn_to_gpa(pages));
}

/* Frames that L2 could write to before their slot had a log are not among those that are known. */
static void protect_slots(struct nest *n, struct kvm_memslots *slots)
{
	struct kvm_memory_slot *slot;
	int bkt;

	kvm_for_each_memslot(slot, bkt, slots) {
		if (kvm_slot_dirty_track_enabled(slot))
			protect(n, slot->base_gfn, slot->npages);
		cond_resched();
	}
	n->protected_in = slots->generation;
}

/*
 * KVM wants to know of the next write to a page of a slot with a log; it does not say which.  What L2 may write to has to be
 * asked for again.
 */
void nest_protect_logged(struct nest *n)
{
	struct kvm_memslots *slots = __kvm_memslots(nest_vcpu(n)->kvm, 0);
	unsigned int i;

	might_sleep();
	if (n->written_n > NEST_WRITTEN || n->protected_in != slots->generation) {
		protect_slots(n, slots);
	} else {
		for (i = 0; i < n->written_n; i++)
			protect(n, n->written[i], 1);
	}
	n->written_n = 0;
}
