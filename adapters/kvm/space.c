// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's memory management and the vCPUs of a KVM VM: what it takes back of the process's memory, what it asks the age of (MMU
 * notifier, one for the VM), and what it wants of the shadows themselves (shrinker).
 */
#include "nest.h"

#include <linux/shrinker.h>

/* Who comes and goes; a notifier and the shrinker, which must not wait for them, walk the lists otherwise. */
static DEFINE_MUTEX(joining);
static LIST_HEAD(spaces);
DEFINE_STATIC_SRCU(walking);	/* a vCPU that goes waits for the notifiers that look at it */

#define for_each_nest(n, space) list_for_each_entry_srcu(n, &(space)->nests, beside, srcu_read_lock_held(&walking))

/*
 * KVM keeps slots in a tree by their place in the process: of each, that part of the range [start, end) which is L1's memory, for each
 * vCPU.  Whether one of them is true of `does`.
 */
static bool each_slot_of_range(struct nest_space *space, unsigned long start, unsigned long end,
			       bool (*does)(struct nest *n, gfn_t gfn, gfn_t pages))
{
	struct interval_tree_node *node;
	struct kvm_memslots *slots;
	bool any = false;
	struct nest *n;
	int i;

	for (i = 0; i < NEST_AS(space->kvm); i++) {
		slots = __kvm_memslots(space->kvm, i);
		for (node = interval_tree_iter_first(&slots->hva_tree, start, end - 1); node;
		     node = interval_tree_iter_next(node, start, end - 1)) {
			struct kvm_memory_slot *slot = container_of(node, struct kvm_memory_slot, hva_node[slots->node_idx]);
			unsigned long from = max(start, slot->userspace_addr);
			unsigned long to = min(end, slot->userspace_addr + (slot->npages << PAGE_SHIFT));

			for_each_nest(n, space)
				any |= does(n, hva_to_gfn_memslot(from, slot), (to - from + PAGE_SIZE - 1) >> PAGE_SHIFT);
		}
	}
	return any;
}

static bool of_range(struct nest_space *space, unsigned long start, unsigned long end, bool (*does)(struct nest *n, gfn_t gfn, gfn_t pages))
{
	int idx = srcu_read_lock(&walking), slots = srcu_read_lock(&space->kvm->srcu);
	bool any = each_slot_of_range(space, start & PAGE_MASK, PAGE_ALIGN(end), does);

	srcu_read_unlock(&space->kvm->srcu, slots);
	srcu_read_unlock(&walking, idx);
	return any;
}

static bool lose(struct nest *n, gfn_t gfn, gfn_t pages)
{
	nest_take_back(n, gfn, pages);
	return true;
}

/* Of the vCPUs for which `holds`. */
static void lose_all(struct nest_space *space, bool (*holds)(struct nest *n))
{
	int idx = srcu_read_lock(&walking), slots = srcu_read_lock(&space->kvm->srcu);
	struct nest *n;

	for_each_nest(n, space)
		if (!holds || holds(n))
			nest_take_back(n, 0, NEST_ALL_PAGES);
	srcu_read_unlock(&space->kvm->srcu, slots);
	srcu_read_unlock(&walking, idx);
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

static struct nest_space *space_of(struct mmu_notifier *mn)
{
	return container_of(mn, struct nest_space, notifier);
}

static int clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start, unsigned long end)
{
	return of_range(space_of(mn), start, end, age);
}

static int test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	return of_range(space_of(mn), address, address + 1, is_used);
}

static int range_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct nest_space *space = space_of(mn);

	atomic_inc(&space->invalidating);
	atomic64_inc(&space->invalidations);
	smp_mb__after_atomic();
	lose_all(space, nest_slots_changed);
	of_range(space, range->start, range->end, lose);
	return 0;
}

static void range_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct nest_space *space = space_of(mn);
	int idx = srcu_read_lock(&walking);
	struct nest *n;

	for_each_nest(n, space)
		WRITE_ONCE(n->pins_moved, true);	/* what was pinned since the start may be what was there before */
	srcu_read_unlock(&walking, idx);
	if (atomic_dec_and_test(&space->invalidating))
		wake_up_all(&space->invalidated);
}

static void release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct nest_space *space = space_of(mn);

	atomic64_inc(&space->invalidations);
	lose_all(space, NULL);
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
static int register_notifier(struct nest_space *space)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = mmu_notifier_register(&space->notifier, space->kvm->mm);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

static struct nest_space *new_space(struct kvm *kvm)
{
	struct nest_space *space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	int error;

	if (!space)
		return ERR_PTR(-ENOMEM);
	space->kvm = kvm;
	space->notifier.ops = &notifier_ops;
	INIT_LIST_HEAD(&space->nests);
	init_waitqueue_head(&space->invalidated);
	error = register_notifier(space);
	if (error) {
		kfree(space);
		return ERR_PTR(error);
	}
	nest_took(NEST_SPACE);
	list_add(&space->others, &spaces);
	return space;
}

static struct nest_space *space_for(struct kvm *kvm)
{
	struct nest_space *space;

	list_for_each_entry(space, &spaces, others)
		if (space->kvm == kvm)
			return space;
	return new_space(kvm);
}

int nest_space_join(struct nest *n)
{
	struct nest_space *space;

	mutex_lock(&joining);
	space = space_for(nest_vcpu(n)->kvm);
	if (!IS_ERR(space)) {
		n->space = space;
		space->users++;
		list_add_rcu(&n->beside, &space->nests);
		smp_mb();	/* a range that has begun without this vCPU is one that it waits for */
	}
	mutex_unlock(&joining);
	return PTR_ERR_OR_ZERO(space);
}

/* No notifier looks at the vCPU any more. */
void nest_space_leave(struct nest *n)
{
	mutex_lock(&joining);
	list_del_rcu(&n->beside);
	mutex_unlock(&joining);
	synchronize_srcu(&walking);
}

/* ... nor it at the space. */
void nest_space_put(struct nest *n)
{
	struct nest_space *space = n->space;

	mutex_lock(&joining);
	if (!--space->users) {
		list_del(&space->others);
		mmu_notifier_unregister(&space->notifier, space->kvm->mm);
		kfree(space);
		nest_returned(NEST_SPACE);
	}
	mutex_unlock(&joining);
}

/* The vCPU comes by nested_vmx_flush_tlb() before it runs a guest again; one that runs one leaves it. */
static void remind(struct nest *n)
{
	kvm_make_request(KVM_REQ_TLB_FLUSH, nest_vcpu(n));
	kvm_vcpu_kick(nest_vcpu(n));
}

void nest_remind_all(void)
{
	struct nest_space *space;
	struct nest *n;

	mutex_lock(&joining);
	list_for_each_entry(space, &spaces, others)
		list_for_each_entry(n, &space->nests, beside)
			remind(n);
	mutex_unlock(&joining);
}

/* --- The shrinker */

/* Pages that the vCPU has and was not asked for yet. */
static unsigned long unasked(struct nest *n)
{
	int pages = atomic_read(&n->pages) - atomic_read(&n->wanted) - NEST_PAGES_KEPT;

	return pages > 0 ? pages : 0;
}

/* A library's pages are its vCPU's, which gives them before it enters the guest the next time. */
static unsigned long ask_for(struct nest *n, unsigned long pages)
{
	pages = min(pages, unasked(n));
	if (!pages)
		return 0;
	atomic_add(pages, &n->wanted);
	remind(n);
	return pages;
}

static unsigned long each_nest(unsigned long most, unsigned long (*does)(struct nest *n, unsigned long pages))
{
	struct nest_space *space;
	unsigned long sum = 0;
	struct nest *n;

	if (!mutex_trylock(&joining))	/* who has it may be waiting for memory */
		return 0;
	list_for_each_entry(space, &spaces, others)
		list_for_each_entry(n, &space->nests, beside)
			sum += does(n, most - sum);
	mutex_unlock(&joining);
	return sum;
}

static unsigned long has(struct nest *n, unsigned long most)
{
	return min(most, unasked(n));
}

static unsigned long shrink_count(struct shrinker *shrinker, struct shrink_control *control)
{
	return each_nest(LONG_MAX, has);
}

static unsigned long shrink_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	return each_nest(control->nr_to_scan, ask_for) ?: SHRINK_STOP;
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
	int wanted = atomic_xchg(&n->wanted, 0);

	if (wanted)
		n->given += nvmx_give_pages(n->v, wanted);
}
