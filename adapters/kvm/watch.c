// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write tracking for the library, by KVM's page track: frames with tables of L1's EPT are protected in KVM's own page tables.
 *
 * A library VM is a vCPU's, and the frames are the KVM VM's, so whoever writes tells all of its vCPUs: an EPT violation, before KVM
 * sees it, which so never has to emulate the instruction; KVM's emulator, by the page track; the library on another vCPU; L2 on
 * another vCPU's shadow, which `translate` refuses the right.  What user space writes itself, and KVM for the paravirtual clock and
 * its like, is not seen; stock KVM's shadow of L1's EPT is not told of it either (docs/kvm.md).
 */
#include "nest.h"

#if NEST_WATCH

#include <linux/moduleparam.h>

static bool may_watch = true;
module_param_named(nest_watch, may_watch, bool, 0444);

/* Holds the list still, and what each nest watches.  Taken before mmu_lock. */
static DEFINE_SPINLOCK(watch_lock);
static LIST_HEAD(nests);
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
		if (!slot || slot->flags & KVM_MEM_READONLY || !nest_write_track(slot))
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

	if (!slot || slot->flags & KVM_MEM_READONLY || !nest_write_track(slot))
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
static void end_watch(struct nest *n, gfn_t gfn)
{
	struct kvm *kvm = nest_vcpu(n)->kvm;
	void *mask = xa_erase(&n->watched, gfn);
	int idx;

	nvmx_watch_written(n->vm, gfn_to_gpa(gfn), PAGE_SIZE);
	if (!mask)
		return;
	idx = srcu_read_lock(&kvm->srcu);
	untrack(kvm, gfn, xa_to_value(mask));
	srcu_read_unlock(&kvm->srcu, idx);
	atomic_dec(&tracked);
	n->watches_ended++;
}

static void end_range(struct nest *n, gfn_t first, gfn_t last)
{
	unsigned long gfn;
	void *mask;

	xa_for_each_range(&n->watched, gfn, mask, first, last)
		end_watch(n, gfn);
}

/* L1's memory there is another now, or was written unseen. */
void nest_watch_lose(struct nest *n, gfn_t first, gfn_t last)
{
	if (xa_empty(&n->watched))
		return;
	spin_lock(&watch_lock);
	end_range(n, first, last);
	spin_unlock(&watch_lock);
}

static void before_write(struct kvm *kvm, gfn_t gfn, const struct nest *but)
{
	struct nest *n;

	spin_lock(&watch_lock);
	list_for_each_entry(n, &nests, others)
		if (n != but && nest_vcpu(n)->kvm == kvm)
			end_watch(n, gfn);
	spin_unlock(&watch_lock);
}

/* The frame is about to be written, or was a moment ago.  `but` knows, if it is one's library that writes. */
void nest_before_write(struct kvm *kvm, gfn_t gfn, const struct nest *but)
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
	struct nest *n = container_of(node, struct nest, track);

	nest_watch_lose(n, gpa_to_gfn(gpa), gpa_to_gfn(gpa + bytes - 1));
}

#if !NEST_SLOT_NOTIFIER
/* KVM is about to free what it tracks of the slot, and another one may take its place. */
static void remove_region(gfn_t gfn, unsigned long pages, struct kvm_page_track_notifier_node *node)
{
	struct nest *n = container_of(node, struct nest, track);

	nest_watch_lose(n, gfn, gfn + pages - 1);
}
#endif

/* Who does not watch is no reason for KVM to refuse what it refuses those who do (docs/kvm.md). */
static bool is_told(void)
{
	return NEST_SLOT_NOTIFIER || may_watch;
}

int nest_watch_create(struct nest *n)
{
	int error;

	INIT_LIST_HEAD(&n->others);
	if (!is_told())
		return 0;
	n->track.track_write = track_write;
#if !NEST_SLOT_NOTIFIER
	n->track.track_remove_region = remove_region;
#endif
	error = nest_track_begin(nest_vcpu(n)->kvm, &n->track);
	if (error)
		return error;
	spin_lock(&watch_lock);
	list_add(&n->others, &nests);
	spin_unlock(&watch_lock);
	return 0;
}

void nest_watch_destroy(struct nest *n)
{
	spin_lock(&watch_lock);
	end_range(n, 0, ULONG_MAX);
	list_del(&n->others);
	spin_unlock(&watch_lock);
	if (is_told())
		nest_track_end(nest_vcpu(n)->kvm, &n->track);
}

/* The processor writes to frames that are pinned, another vCPU's too; nest_op_pin() looks for a watch after it has its pin. */
static bool is_pinned(struct kvm *kvm, gfn_t gfn)
{
	const struct nest *n;
	int i;

	list_for_each_entry(n, &nests, others)
		for (i = 0; nest_vcpu((struct nest *)n)->kvm == kvm && i < NEST_PINS; i++)
			if (READ_ONCE(n->pins[i].used) && READ_ONCE(n->pins[i].gfn) == gfn)
				return true;
	return false;
}

static bool begin_watch(struct nest *n, gfn_t gfn)
{
	struct kvm *kvm = nest_vcpu(n)->kvm;
	unsigned long mask;

	if (xa_load(&n->watched, gfn))
		return true;
	if (xa_is_err(xa_store(&n->watched, gfn, xa_mk_value(0), GFP_ATOMIC)))
		return false;
	atomic_inc(&tracked);
	mask = track(kvm, gfn);
	smp_mb();	/* nest_op_pin() has the other one */
	xa_store(&n->watched, gfn, xa_mk_value(mask), GFP_ATOMIC);
	return mask & BIT(0) && !is_pinned(kvm, gfn);
}

/* Other vCPUs may have the frame in a shadow, with the right to write. */
static void protect_others(struct nest *n, const u64 *gpas, size_t count)
{
	struct nest *m;
	size_t i;

	list_for_each_entry(m, &nests, others)
		for (i = 0; m != n && nest_vcpu(m)->kvm == nest_vcpu(n)->kvm && i < count; i++)
			nvmx_host_write_protect(m->vm, NULL, gpas[i], PAGE_SIZE);
}

/* KVM has flushed all vCPUs when the page track returns: the frames are armed. */
int nest_op_watch(struct nvmx_host *host, const u64 *gpas, size_t count, u64 batch)
{
	struct nest *n = nest_of_host(host);
	struct kvm *kvm = nest_vcpu(n)->kvm;
	bool failed[NVMX_WATCH_BATCH];
	size_t i;

	if (!may_watch || nest_unseen_dma(kvm))
		return -1;
	nest_settle(n);
	spin_lock(&watch_lock);
	for (i = 0; i < count; i++)
		failed[i] = !begin_watch(n, gpa_to_gfn(gpas[i]));
	for (i = 0; i < count; i++)
		if (failed[i])
			end_watch(n, gpa_to_gfn(gpas[i]));
	protect_others(n, gpas, count);
	spin_unlock(&watch_lock);
	n->watches_begun += count;
	return 0;
}

void nest_op_unwatch(struct nvmx_host *host, u64 gpa)
{
	nest_watch_lose(nest_of_host(host), gpa_to_gfn(gpa), gpa_to_gfn(gpa));
}

#endif
