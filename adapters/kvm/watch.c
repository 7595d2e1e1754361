// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write tracking for the library, by KVM's page track: frames with tables of L1's EPT are protected in KVM's own page tables.
 *
 * Who writes tells: an EPT violation, before KVM sees it, which so never has to emulate the instruction; KVM's emulator, by the page
 * track; an L2, which `translate` refuses the right.  The library itself knows of what it writes and of what it pins, but not another
 * VM of the library's that has vCPUs of the same KVM VM (vm.c): so all of these are told.  What user space writes itself, and KVM for the paravirtual clock and
 * its like, is not seen; stock KVM's shadow of L1's EPT is not told of it either (docs/kvm.md).
 */
#include "nest.h"

#if NEST_WATCH

#include <linux/moduleparam.h>

static bool may_watch = true;
module_param_named(nest_watch, may_watch, bool, 0444);

#define ENDED_AT_ONCE 512

/* Holds the list still, and what each VM watches.  Taken before mmu_lock. */
static DEFINE_SPINLOCK(watch_lock);
static LIST_HEAD(vms);
static atomic_t tracked;	/* frames, of all VMs */

bool nest_is_tracked(const struct kvm_memory_slot *slot, gfn_t gfn)
{
	const unsigned short *track = nest_write_track(slot);

	return track && READ_ONCE(track[gfn - slot->base_gfn]);
}

/* Is some frame of the large page around gfn tracked? */
bool nest_has_tracked(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int shift)
{
	unsigned int level = (shift - PAGE_SHIFT) / 9, by = shift - PAGE_SHIFT;

	return READ_ONCE(slot->arch.lpage_info[level - 1][(gfn >> by) - (slot->base_gfn >> by)].disallow_lpage);
}

/* A slot that is going is not the one in which it would be undone: who saw it before it was, has returned when all of it is given up. */
static bool may_track(const struct kvm_memory_slot *slot)
{
	return slot && !(slot->flags & (KVM_MEM_READONLY | KVM_MEMSLOT_INVALID)) && nest_write_track(slot);
}

#if NEST_SLOT_NOTIFIER

/* In each address space that has the frame; the mask of these says where it is to be undone. */
static unsigned long track(struct kvm *kvm, gfn_t gfn)
{
	struct kvm_memory_slot *slot;
	unsigned long mask = 0;
	int i;

	write_lock(&kvm->mmu_lock);
	for (i = 0; i < NEST_AS(kvm); i++) {
		slot = __gfn_to_memslot(__kvm_memslots(kvm, i), gfn);
		if (!may_track(slot))
			continue;
		kvm_slot_page_track_add_page(kvm, slot, gfn, KVM_PAGE_TRACK_WRITE);
		mask |= BIT(i);
	}
	write_unlock(&kvm->mmu_lock);
	return mask;
}

static void untrack(struct kvm *kvm, gfn_t gfn, unsigned long mask)
{
	struct kvm_memory_slot *slot;
	int i;

	write_lock(&kvm->mmu_lock);
	for (i = 0; i < NEST_AS(kvm); i++) {
		slot = __gfn_to_memslot(__kvm_memslots(kvm, i), gfn);
		if (slot && mask & BIT(i))
			kvm_slot_page_track_remove_page(kvm, slot, gfn, KVM_PAGE_TRACK_WRITE);
	}
	write_unlock(&kvm->mmu_lock);
}

#else

/* In the address space that is not SMM's: KVM tracks in no other for who is not KVM. */
static unsigned long track(struct kvm *kvm, gfn_t gfn)
{
	const struct kvm_memory_slot *slot = __gfn_to_memslot(__kvm_memslots(kvm, 0), gfn);

	if (!may_track(slot))
		return 0;
	return kvm_write_track_add_gfn(kvm, gfn) ? 0 : BIT(0);
}

static void untrack(struct kvm *kvm, gfn_t gfn, unsigned long mask)
{
	if (mask)
		kvm_write_track_remove_gfn(kvm, gfn);
}

#endif

/* The library is told before anybody has the right back. */
static void end_watch(struct nest_vm *vm, gfn_t gfn)
{
	void *mask = xa_erase(&vm->watched, gfn);
	int idx;

	nvmx_watch_written(vm->lib, gfn_to_gpa(gfn), PAGE_SIZE);
	if (!mask)
		return;
	idx = srcu_read_lock(&vm->kvm->srcu);
	untrack(vm->kvm, gfn, xa_to_value(mask));
	srcu_read_unlock(&vm->kvm->srcu, idx);
	atomic_dec(&tracked);
	vm->watches_ended++;
}

/* ENDED_AT_ONCE at most, for others wait for the lock, of other VMs too.  Where it goes on, or 0. */
static gfn_t end_some(struct nest_vm *vm, gfn_t first, gfn_t last)
{
	unsigned int left = ENDED_AT_ONCE;
	unsigned long gfn;
	void *mask;

	xa_for_each_range(&vm->watched, gfn, mask, first, last) {
		if (!left--)
			return gfn;
		end_watch(vm, gfn);
	}
	return 0;
}

/* L1's memory there is another now, or was written unseen. */
void nest_watch_lose(struct nest_vm *vm, gfn_t first, gfn_t last)
{
	while (!xa_empty(&vm->watched)) {
		spin_lock(&watch_lock);
		first = end_some(vm, first, last);
		spin_unlock(&watch_lock);
		if (!first)
			break;
	}
}

static void before_write(struct kvm *kvm, gfn_t gfn, const struct nest_vm *but)
{
	struct nest_vm *vm;

	spin_lock(&watch_lock);
	list_for_each_entry(vm, &vms, watching)
		if (vm != but && vm->kvm == kvm)
			end_watch(vm, gfn);
	spin_unlock(&watch_lock);
}

/* The frame is about to be written, or was a moment ago.  `but` knows, if it is one's library that writes. */
void nest_before_write(struct kvm *kvm, gfn_t gfn, const struct nest_vm *but)
{
	const struct kvm_memory_slot *slot;

	if (!atomic_read(&tracked))
		return;
	slot = __gfn_to_memslot(__kvm_memslots(kvm, 0), gfn);
	if (slot && nest_is_tracked(slot, gfn))
		before_write(kvm, gfn, but);
}

/* An EPT violation of L1's, or of an L2's without EPT12, that KVM has not seen yet. */
void nest_before_l1_write(struct kvm_vcpu *vcpu)
{
	if (atomic_read(&tracked) && vmx_get_exit_qual(vcpu) & EPT_VIOLATION_ACC_WRITE)
		nest_before_write(vcpu->kvm, gpa_to_gfn(vmcs_read64(GUEST_PHYSICAL_ADDRESS)), NULL);
}

/* KVM has emulated a write. */
static void track_write(NEST_TRACK_VCPU gpa_t gpa, const u8 *new, int bytes, struct kvm_page_track_notifier_node *node)
{
	struct nest_vm *vm = container_of(node, struct nest_vm, track);

	nest_watch_lose(vm, gpa_to_gfn(gpa), gpa_to_gfn(gpa + bytes - 1));
}

#if !NEST_SLOT_NOTIFIER
/* KVM is about to free what it tracks of the slot, and another one may take its place. */
static void remove_region(gfn_t gfn, unsigned long pages, struct kvm_page_track_notifier_node *node)
{
	struct nest_vm *vm = container_of(node, struct nest_vm, track);

	nest_watch_lose(vm, gfn, gfn + pages - 1);
}
#endif

/* Who does not watch is no reason for KVM to refuse what it refuses those who do (docs/kvm.md). */
static bool is_told(void)
{
	return NEST_SLOT_NOTIFIER || may_watch;
}

int nest_watch_create(struct nest_vm *vm)
{
	int error;

	xa_init(&vm->watched);
	if (is_told()) {
		vm->track.track_write = track_write;
#if !NEST_SLOT_NOTIFIER
		vm->track.track_remove_region = remove_region;
#endif
		error = nest_track_begin(vm->kvm, &vm->track);
		if (error)
			return error;
	}
	spin_lock(&watch_lock);
	list_add(&vm->watching, &vms);
	spin_unlock(&watch_lock);
	return 0;
}

void nest_watch_destroy(struct nest_vm *vm)
{
	nest_watch_lose(vm, 0, ULONG_MAX);
	spin_lock(&watch_lock);
	list_del(&vm->watching);
	spin_unlock(&watch_lock);
	if (is_told())
		nest_track_end(vm->kvm, &vm->track);
}

/* The processor writes to frames that are pinned, another vCPU's too; nest_op_pin() looks for a watch after it has its pin. */
static bool is_pinned(struct kvm *kvm, gfn_t gfn)
{
	const struct nest_vm *vm;
	const struct nest *n;
	int i;

	list_for_each_entry(vm, &vms, watching) {
		if (vm->kvm != kvm)
			continue;
		for_each_nest(n, vm)
			for (i = 0; i < NEST_PINS; i++)
				if (READ_ONCE(n->pins[i].used) && READ_ONCE(n->pins[i].gfn) == gfn)
					return true;
	}
	return false;
}

static bool begin_watch(struct nest_vm *vm, gfn_t gfn)
{
	unsigned long mask;

	if (xa_load(&vm->watched, gfn))
		return true;
	if (xa_is_err(xa_store(&vm->watched, gfn, xa_mk_value(0), GFP_ATOMIC)))
		return false;
	atomic_inc(&tracked);
	mask = track(vm->kvm, gfn);
	smp_mb();	/* nest_op_pin() has the other one */
	xa_store(&vm->watched, gfn, xa_mk_value(mask), GFP_ATOMIC);
	return mask & BIT(0) && !is_pinned(vm->kvm, gfn);
}

/* vCPUs of another VM of the library's may have the frame in a shadow, with the right to write. */
static void protect_others(struct nest_vm *vm, const u64 *gpas, size_t count)
{
	struct nest_vm *other;
	size_t i;

	list_for_each_entry(other, &vms, watching)
		for (i = 0; other != vm && other->kvm == vm->kvm && i < count; i++)
			nvmx_host_write_protect(other->lib, NULL, gpas[i], PAGE_SIZE);
}

static void begin_batch(struct nest_vm *vm, const u64 *gpas, size_t count)
{
	bool failed[NVMX_WATCH_BATCH];
	size_t i;

	for (i = 0; i < count; i++)
		failed[i] = !begin_watch(vm, gpa_to_gfn(gpas[i]));
	for (i = 0; i < count; i++)
		if (failed[i])
			end_watch(vm, gpa_to_gfn(gpas[i]));
	protect_others(vm, gpas, count);
	vm->watches_begun += count;
}

/* KVM has flushed all vCPUs when the page track returns: the frames are armed. */
int nest_op_watch(struct nvmx_host *host, const u64 *gpas, size_t count, u64 batch)
{
	struct nest *n = nest_of_host(host);
	int idx;

	if (!may_watch || nest_unseen_dma(nest_vcpu(n)->kvm))
		return -1;
	nest_settle(n);
	idx = srcu_read_lock(&nest_walking);
	spin_lock(&watch_lock);
	begin_batch(n->vm, gpas, count);
	spin_unlock(&watch_lock);
	srcu_read_unlock(&nest_walking, idx);
	return 0;
}

void nest_op_unwatch(struct nvmx_host *host, u64 gpa)
{
	nest_watch_lose(nest_of_host(host)->vm, gpa_to_gfn(gpa), gpa_to_gfn(gpa));
}

#endif
