// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is taken back of L1's memory: by MMU notifiers, with memory slots that go, and the right to write where a log begins.
 */
#include "nest.h"

#define ALL_PAGES (1ull << (52 - PAGE_SHIFT))

static void take_back(struct nest *n, gfn_t gfn, gfn_t pages)
{
	WRITE_ONCE(n->pins_moved, true);
	nest_lose_frames(n, gfn, gfn + pages - 1);
	nest_watch_lose(n, gfn, gfn + pages - 1);
	nvmx_host_invalidate(n->vm, NULL, gfn_to_gpa(gfn), gfn_to_gpa(pages));
}

/* KVM keeps slots in a tree by their place in the process: of each, that part of the range [start, end) which is L1's memory.  Whether
 * one of them is true of `does`. */
static bool each_slot_of_range(struct nest *n, unsigned long start, unsigned long end,
			       bool (*does)(struct nest *n, gfn_t gfn, gfn_t pages))
{
	struct kvm *kvm = nest_vcpu(n)->kvm;
	struct interval_tree_node *node;
	struct kvm_memslots *slots;
	bool any = false;
	int i;

	for (i = 0; i < NEST_AS(kvm); i++) {
		slots = __kvm_memslots(kvm, i);
		for (node = interval_tree_iter_first(&slots->hva_tree, start, end - 1); node;
		     node = interval_tree_iter_next(node, start, end - 1)) {
			struct kvm_memory_slot *slot = container_of(node, struct kvm_memory_slot, hva_node[slots->node_idx]);
			unsigned long from = max(start, slot->userspace_addr);
			unsigned long to = min(end, slot->userspace_addr + (slot->npages << PAGE_SHIFT));

			any |= does(n, hva_to_gfn_memslot(from, slot), (to - from + PAGE_SIZE - 1) >> PAGE_SHIFT);
		}
	}
	return any;
}

static bool lose(struct nest *n, gfn_t gfn, gfn_t pages)
{
	take_back(n, gfn, pages);
	return true;
}

static void take_back_range(struct nest *n, unsigned long start, unsigned long end)
{
	struct kvm *kvm = nest_vcpu(n)->kvm;
	int idx = srcu_read_lock(&kvm->srcu);

	if (nest_slots_changed(n))
		take_back(n, 0, ALL_PAGES);
	each_slot_of_range(n, start, end, lose);
	srcu_read_unlock(&kvm->srcu, idx);
}

/*
 * What L2 uses is young, though EPT01, which KVM asks, has no accessed flags of it.  To be old it has to be used no more: what was young
 * is an EPT violation once.
 */
static bool is_used(struct nest *n, gfn_t gfn, gfn_t pages)
{
	return nvmx_host_uses(n->vm, gfn_to_gpa(gfn), gfn_to_gpa(pages));
}

static bool age(struct nest *n, gfn_t gfn, gfn_t pages)
{
	if (!is_used(n, gfn, pages))
		return false;
	nvmx_host_invalidate(n->vm, NULL, gfn_to_gpa(gfn), gfn_to_gpa(pages));
	return true;
}

static int of_range(struct mmu_notifier *mn, unsigned long start, unsigned long end, bool (*does)(struct nest *n, gfn_t gfn, gfn_t pages))
{
	struct nest *n = container_of(mn, struct nest, notifier);
	struct kvm *kvm = nest_vcpu(n)->kvm;
	int idx = srcu_read_lock(&kvm->srcu);
	bool young = each_slot_of_range(n, start & PAGE_MASK, PAGE_ALIGN(end), does);

	srcu_read_unlock(&kvm->srcu, idx);
	return young;
}

static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start, unsigned long end)
{
	return of_range(mn, start, end, age);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	return of_range(mn, address, address + 1, is_used);
}

static int range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct nest *n = container_of(mn, struct nest, notifier);

	atomic_inc(&n->invalidating);
	atomic64_inc(&n->invalidations);
	smp_mb__after_atomic();
	take_back_range(n, range->start & PAGE_MASK, PAGE_ALIGN(range->end));
	return 0;
}

static void range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct nest *n = container_of(mn, struct nest, notifier);

	WRITE_ONCE(n->pins_moved, true);	/* what was pinned since the start may be what was there before */
	if (atomic_dec_and_test(&n->invalidating))
		wake_up_all(&n->invalidated);
}

static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct nest *n = container_of(mn, struct nest, notifier);

	atomic64_inc(&n->invalidations);
	take_back(n, 0, ALL_PAGES);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

#if NEST_SLOT_NOTIFIER

static void flush_slot(struct kvm *kvm, struct kvm_memory_slot *slot, struct kvm_page_track_notifier_node *node)
{
	struct nest *n = container_of(node, struct nest, track);

	atomic64_inc(&n->invalidations);
	take_back(n, slot->base_gfn, slot->npages);
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
	atomic64_inc(&n->invalidations);
	take_back(n, 0, ALL_PAGES);
	WRITE_ONCE(n->slots_seen, now);
}

#endif

/* The kernel registers none while a signal waits, which is no reason for L1 to wait too. */
static int register_notifier(struct nest *n, struct mm_struct *mm)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = mmu_notifier_register(&n->notifier, mm);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

int nest_watch_memory(struct nest *n)
{
	struct kvm *kvm = nest_vcpu(n)->kvm;
	int error;

	n->notifier.ops = &notifier_ops;
	error = register_notifier(n, kvm->mm);
	if (error)
		return error;
	watch_slots(n);
	error = nest_watch_create(n);
	if (error)
		mmu_notifier_unregister(&n->notifier, kvm->mm);
	return error;
}

void nest_unwatch_memory(struct nest *n)
{
	nest_watch_destroy(n);
	mmu_notifier_unregister(&n->notifier, nest_vcpu(n)->kvm->mm);
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
