/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the adapter is for: 6.1 and 6.12, both of Debian.  The adapter's files speak of the kernel
 * by the names below, or by names that both have.
 */
#ifndef NEST_COMPAT_H
#define NEST_COMPAT_H

#include <linux/shrinker.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)

#include "cpuid.h"
#include "irq.h"
#include "lapic.h"
#include "pmu.h"
#include "vmx_onhyperv.h"
#include "x86_ops.h"

#include <asm/kvm_page_track.h>

#define NEST_SLOT_NOTIFIER 0	/* it comes after the slot has gone */
#define NEST_WATCH IS_ENABLED(CONFIG_KVM_EXTERNAL_WRITE_TRACKING)
#define NEST_TRACK_VCPU		/* a write is told of without its vCPU */
#define nest_write_track(slot) ((slot)->arch.gfn_write_track)
/* 6.12's updates do not agree on the name of who looks there. */
#define nested_vmx_allowed(vcpu) test_bit(kvm_governed_feature_index(X86_FEATURE_VMX), (vcpu)->arch.governed_features.enabled)
#define nest_gfn_to_pfn(slot, gfn, write, writable) __gfn_to_pfn_memslot(slot, gfn, false, false, NULL, write, writable, NULL)
#define VMX_MISC_PREEMPTION_TIMER_RATE_MASK 0x1full
#define NEST_AS(kvm) kvm_arch_nr_memslot_as_ids(kvm)
#define NEST_GLOBAL_CTRL_RSVD global_ctrl_rsvd
#define nest_noncanonical(la, vcpu) is_noncanonical_address(la, vcpu, 0)
#define NEST_MTRRS 0		/* L1's have no effect on its memory */
#define nest_guest_memory_type(vcpu, gfn) 6
#define nest_on_evmcs() kvm_is_using_evmcs()

/* KVM's own, which it does not export. */
static inline int nest_get_interrupt(struct kvm_vcpu *vcpu)
{
	int vector = kvm_cpu_get_extint(vcpu);

	if (vector != -1)
		return vector;
	vector = kvm_apic_has_interrupt(vcpu);
	if (vector != -1)
		kvm_apic_ack_interrupt(vcpu, vector);
	return vector;
}

typedef unsigned long nest_shrinker_fn(struct shrinker *, struct shrink_control *);

static inline struct shrinker *nest_shrinker(nest_shrinker_fn *count, nest_shrinker_fn *scan)
{
	struct shrinker *shrinker = shrinker_alloc(0, "nestvmx");

	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker_register(shrinker);
	return shrinker;
}

#define nest_shrinker_free(shrinker) shrinker_free(shrinker)

#if NEST_WATCH

/* KVM's way keeps a reference to the VM as long as the node is there, and so neither would ever go.  This node goes first. */
static inline int nest_track_begin(struct kvm *kvm, struct kvm_page_track_notifier_node *node)
{
	int error = kvm_page_track_register_notifier(kvm, node);

	if (!error)
		kvm_put_kvm_no_destroy(kvm);
	return error;
}

static inline void nest_track_end(struct kvm *kvm, struct kvm_page_track_notifier_node *node)
{
	write_lock(&kvm->mmu_lock);
	hlist_del_rcu(&node->node);
	write_unlock(&kvm->mmu_lock);
	synchronize_srcu(&kvm->arch.track_notifier_head.track_srcu);
}

#endif

#else

#include <asm/kvm_page_track.h>

#define NEST_SLOT_NOTIFIER 1
#define NEST_WATCH IS_ENABLED(CONFIG_KVM_EXTERNAL_WRITE_TRACKING)
#define NEST_TRACK_VCPU struct kvm_vcpu *vcpu,
#define nest_write_track(slot) ((slot)->arch.gfn_track[KVM_PAGE_TRACK_WRITE])

#define nest_gfn_to_pfn(slot, gfn, write, writable) __gfn_to_pfn_memslot(slot, gfn, false, NULL, write, writable, NULL)
#define NEST_AS(kvm) KVM_ADDRESS_SPACE_NUM
#define NEST_GLOBAL_CTRL_RSVD global_ctrl_mask
#define nest_noncanonical(la, vcpu) is_noncanonical_address(la, vcpu)
#define NEST_MTRRS 1
#define nest_guest_memory_type(vcpu, gfn) kvm_mtrr_get_guest_memory_type(vcpu, gfn)
#define nest_on_evmcs() static_branch_unlikely(&enable_evmcs)
#define nest_get_interrupt(vcpu) kvm_cpu_get_interrupt(vcpu)

typedef unsigned long nest_shrinker_fn(struct shrinker *, struct shrink_control *);

static inline struct shrinker *nest_shrinker(nest_shrinker_fn *count, nest_shrinker_fn *scan)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (!shrinker)
		return NULL;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	if (!register_shrinker(shrinker, "nestvmx"))
		return shrinker;
	kfree(shrinker);
	return NULL;
}

static inline void nest_shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}

static inline int nest_track_begin(struct kvm *kvm, struct kvm_page_track_notifier_node *node)
{
	kvm_page_track_register_notifier(kvm, node);
	return 0;
}

static inline void nest_track_end(struct kvm *kvm, struct kvm_page_track_notifier_node *node)
{
	kvm_page_track_unregister_notifier(kvm, node);
}

#endif

#endif
