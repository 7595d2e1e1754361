// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's memory management: what it takes back of the process's memory, what it asks the age of (MMU notifier, one for a VM), and
 * what it wants of the shadows themselves (shrinker).
 */
#include "nest.h"

#include <linux/shrinker.h>

/*
 * KVM keeps slots in a tree by their place in the process: of each, that part of the range [start, end) which is L1's memory.  Whether
 * one of them is true of `does`.
 */
static bool each_slot_of_range(struct nest_vm *vm, unsigned long start, unsigned long end,
			       bool (*does)(struct nest_vm *vm, gfn_t gfn, gfn_t pages))
{
	struct interval_tree_node *node;
	struct kvm_memslots *slots;
	bool any = false;
	int i;

	for (i = 0; i < NEST_AS(vm->kvm); i++) {
		slots = __kvm_memslots(vm->kvm, i);
		for (node = interval_tree_iter_first(&slots->hva_tree, start, end - 1); node;
		     node = interval_tree_iter_next(node, start, end - 1)) {
			struct kvm_memory_slot *slot = container_of(node, struct kvm_memory_slot, hva_node[slots->node_idx]);
			unsigned long from = max(start, slot->userspace_addr);
			unsigned long to = min(end, slot->userspace_addr + (slot->npages << PAGE_SHIFT));

			any |= does(vm, hva_to_gfn_memslot(from, slot), (to - from + PAGE_SIZE - 1) >> PAGE_SHIFT);
		}
	}
	return any;
}

static bool of_range(struct nest_vm *vm, unsigned long start, unsigned long end,
		     bool (*does)(struct nest_vm *vm, gfn_t gfn, gfn_t pages))
{
	int idx = srcu_read_lock(&nest_walking), slots = srcu_read_lock(&vm->kvm->srcu);
	bool any = each_slot_of_range(vm, start & PAGE_MASK, PAGE_ALIGN(end), does);

	srcu_read_unlock(&vm->kvm->srcu, slots);
	srcu_read_unlock(&nest_walking, idx);
	return any;
}

static bool lose(struct nest_vm *vm, gfn_t gfn, gfn_t pages)
{
	nest_take_back(vm, gfn, pages);
	return true;
}

/*
 * What L2 uses is young, though EPT01, which KVM asks, has no accessed flags of it.  To be old it has to be used no more: what was young
 * is an EPT violation once.
 */
static bool is_used(struct nest_vm *vm, gfn_t gfn, gfn_t pages)
{
	return nvmx_host_uses(vm->lib, gfn_to_gpa(gfn), gfn_to_gpa(pages));
}

static bool age(struct nest_vm *vm, gfn_t gfn, gfn_t pages)
{
	if (!is_used(vm, gfn, pages))
		return false;
	nvmx_host_invalidate(vm->lib, NULL, gfn_to_gpa(gfn), gfn_to_gpa(pages));
	return true;
}

static struct nest_vm *vm_of(struct mmu_notifier *mn)
{
	return container_of(mn, struct nest_vm, notifier);
}

static nest_young clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start, unsigned long end)
{
	return of_range(vm_of(mn), start, end, age);
}

static nest_young test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	return of_range(vm_of(mn), address, address + 1, is_used);
}

static int range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct nest_vm *vm = vm_of(mn);
	int slots = srcu_read_lock(&vm->kvm->srcu);

	atomic_inc(&vm->invalidating);
	atomic64_inc(&vm->invalidations);
	smp_mb__after_atomic();
	if (nest_slots_changed(vm))
		nest_take_back(vm, 0, NEST_ALL_PAGES);
	else
		of_range(vm, range->start, range->end, lose);
	srcu_read_unlock(&vm->kvm->srcu, slots);
	return 0;
}

static void range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct nest_vm *vm = vm_of(mn);
	int idx = srcu_read_lock(&nest_walking);
	struct nest *n;

	for_each_nest(n, vm)
		WRITE_ONCE(n->pins_moved, true);	/* what was pinned since the start may be what was there before */
	srcu_read_unlock(&nest_walking, idx);
	if (atomic_dec_and_test(&vm->invalidating))
		wake_up_all(&vm->invalidated);
}

static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct nest_vm *vm = vm_of(mn);

	atomic64_inc(&vm->invalidations);
	nest_take_back(vm, 0, NEST_ALL_PAGES);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = range_start,
	.invalidate_range_end = range_end,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

/* The kernel registers none while a signal waits, which is no reason for L1 to wait too. */
int nest_space_begin(struct nest_vm *vm)
{
	sigset_t all, before;
	int error;

	vm->notifier.ops = &notifier_ops;
	init_waitqueue_head(&vm->invalidated);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = mmu_notifier_register(&vm->notifier, vm->kvm->mm);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

void nest_space_end(struct nest_vm *vm)
{
	mmu_notifier_unregister(&vm->notifier, vm->kvm->mm);
}

/*
 * --- The shrinker
 *
 * A table's pages are free when none of the vCPUs that have it in common has it any more: all are asked, and each gives what it can
 * before it enters the guest the next time, until enough was given or the last one has come by.
 */

/* Pages that the VM has and was not asked for yet. */
static unsigned long unasked(struct nest_vm *vm, unsigned long most)
{
	long pages = atomic_read(&vm->pages) - atomic_read(&vm->wanted) - (long)(NEST_PAGES_KEPT * vm->users);

	return pages > 0 ? min_t(unsigned long, pages, most) : 0;
}

static unsigned long ask_for(struct nest_vm *vm, unsigned long pages)
{
	struct nest *n;

	pages = unasked(vm, pages);
	if (!pages)
		return 0;
	atomic_add(pages, &vm->wanted);
	list_for_each_entry(n, &vm->nests, beside) {
		atomic_inc(&vm->asked);
		if (xchg(&n->asked, true))
			atomic_dec(&vm->asked);
		nest_remind(n);
	}
	return pages;
}

static unsigned long each_vm(unsigned long most, unsigned long (*does)(struct nest_vm *vm, unsigned long pages))
{
	unsigned long sum = 0;
	struct nest_vm *vm;

	if (!mutex_trylock(&nest_joining))	/* who has it may be waiting for memory */
		return 0;
	list_for_each_entry(vm, &nest_vms, others)
		sum += does(vm, most - sum);
	mutex_unlock(&nest_joining);
	return sum;
}

static unsigned long shrink_count(struct shrinker *shrinker, struct shrink_control *control)
{
	return each_vm(LONG_MAX, unasked);
}

static unsigned long shrink_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	return each_vm(control->nr_to_scan, ask_for) ?: SHRINK_STOP;
}

static struct shrinker *shrinker;

int nest_shrinker_begin(void)
{
	shrinker = nest_shrinker(shrink_count, shrink_scan);
	return shrinker ? 0 : -ENOMEM;
}

void nest_shrinker_end(void)
{
	nest_shrinker_free(shrinker);
}

/* The vCPU, preemption on, between two calls of the library's. */
void nest_give_pages(struct nest *n)
{
	struct nest_vm *vm = n->vm;
	int wanted, given = 0;

	if (likely(!READ_ONCE(n->asked)) || !xchg(&n->asked, false))
		return;
	wanted = atomic_xchg(&vm->wanted, 0);
	if (wanted)
		given = nvmx_give_pages(n->v, wanted);
	n->given += given;
	if (!atomic_dec_and_test(&vm->asked))
		atomic_add(wanted - given, &vm->wanted);
}

/* The vCPU goes. */
void nest_want_no_pages(struct nest *n)
{
	if (n->asked && atomic_dec_and_test(&n->vm->asked))
		atomic_set(&n->vm->wanted, 0);
}
