/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the adapter is for: 6.1, 6.12 and 7.2, all of Debian.  The adapter's files speak of the kernel
 * by the names below, or by names that all have, or the newest.
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
#define NEST_TRACK_VCPU		/* a write is told of without its vCPU */
#define nest_write_track(slot) ((slot)->arch.gfn_write_track)
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

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define NEST_WATCH 0		/* which VMs have a device that writes unseen is not known */
#define nested_vmx_allowed(vcpu) guest_cpu_cap_has(vcpu, X86_FEATURE_VMX)
#else
#define NEST_WATCH IS_ENABLED(CONFIG_KVM_EXTERNAL_WRITE_TRACKING)
/* 6.12's updates do not agree on the name of who looks there. */
#define nested_vmx_allowed(vcpu) test_bit(kvm_governed_feature_index(X86_FEATURE_VMX), (vcpu)->arch.governed_features.enabled)
#define nest_gfn_to_pfn(slot, gfn, write, writable) __gfn_to_pfn_memslot(slot, gfn, false, false, NULL, write, writable, NULL)
#endif

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

/* A frame of L1's as the host has it, with a reference to its page, if that is one that counts them. */
struct nest_held {
	kvm_pfn_t pfn;
	struct page *page;	/* NULL where the kernel knows by the frame's number */
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)

#define nest_run_pending(vcpu) ((vcpu)->arch.nested_run_pending)
#define nest_vt(vmx) (&(vmx)->vt)
#define nest_mmu(n) (&nest_vcpu(n)->arch.guest_mmu)	/* KVM takes no other one for L2's */
#define nest_rip(vcpu) ((vcpu)->arch.rip)
#define nest_load_vmcs(vcpu, cpu, from) vmx_vcpu_load_vmcs(vcpu, cpu)
#define nest_autostore(vmx) ((vmx)->msr_autostore)
#define nest_get_msr(vcpu, msr, value) __kvm_emulate_msr_read(vcpu, msr, value)
#define nest_set_msr(vcpu, msr, value) __kvm_emulate_msr_write(vcpu, msr, value)
#define nest_timer_init(timer, rings) hrtimer_setup(timer, rings, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED)
#define nest_flush_l1d(vcpu) kvm_request_l1tf_flush_l1d()
typedef bool nest_young;	/* what an MMU notifier says of a page's age */
#define pud_devmap(pud) false
#define pmd_devmap(pmd) false
#define pte_devmap(pte) false

static inline void nest_forget_read(struct kvm_vcpu *vcpu)
{
	kvm_clear_available_registers(vcpu, VMX_REGS_LAZY_LOAD_SET);
}

static inline void nest_forget_written(struct kvm_vcpu *vcpu)
{
	kvm_reset_dirty_registers(vcpu);
}

static inline bool nest_has_written(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.regs_dirty[0];
}

/* What concerns vmcs01 KVM does in vmcs01 while L2 runs (patches/vmcs01-7.2.patch). */
static inline void nest_defer(struct vcpu_vmx *vmx)
{
}

static inline void nest_catch_up(struct vcpu_vmx *vmx)
{
}

static inline struct nest_held nest_hold(struct kvm_memory_slot *slot, gfn_t gfn, bool write, bool *writable)
{
	struct nest_held held = { 0 };

	held.pfn = __kvm_faultin_pfn(slot, gfn, write ? FOLL_WRITE : 0, writable, &held.page);
	return held;
}

static inline void nest_let_go(struct nest_held held, bool wrote)
{
	if (wrote)
		kvm_release_page_dirty(held.page);
	else
		kvm_release_page_clean(held.page);
}

static inline bool nest_is_counted(const struct nest_held *held)
{
	return held->page;
}

#else

#define VCPU_REG_RIP VCPU_REGS_RIP
#define VCPU_REG_CR3 VCPU_EXREG_CR3
#define rdmsrq_safe rdmsrl_safe
#define guest_cpu_cap_has guest_cpuid_has
#define nest_run_pending(vcpu) (to_vmx(vcpu)->nested.nested_run_pending)
#define nest_vt(vmx) (vmx)
#define nest_mmu(n) (&(n)->own_mmu)
#define nest_rip(vcpu) ((vcpu)->arch.regs[VCPU_REGS_RIP])
#define nest_load_vmcs(vcpu, cpu, from) vmx_vcpu_load_vmcs(vcpu, cpu, from)
#define nest_autostore(vmx) ((vmx)->msr_autostore.guest)
#define nest_get_msr(vcpu, msr, value) kvm_get_msr(vcpu, msr, value)
#define nest_set_msr(vcpu, msr, value) kvm_set_msr(vcpu, msr, value)
#define nest_flush_l1d(vcpu) ((vcpu)->arch.l1tf_flush_l1d = true)
typedef int nest_young;

static inline void nest_timer_init(struct hrtimer *timer, enum hrtimer_restart (*rings)(struct hrtimer *timer))
{
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED);
	timer->function = rings;
}

static inline void nest_forget_read(struct kvm_vcpu *vcpu)
{
	vcpu->arch.regs_avail = ~VMX_REGS_LAZY_LOAD_SET;
}

static inline void nest_forget_written(struct kvm_vcpu *vcpu)
{
	vcpu->arch.regs_dirty = 0;
}

static inline bool nest_has_written(const struct kvm_vcpu *vcpu)
{
	return vcpu->arch.regs_dirty;
}

static inline void nest_defer(struct vcpu_vmx *vmx)
{
	vmx->nested.l1_tpr_threshold = -1;
}

/* vmcs01 is current again. */
static inline void nest_catch_up(struct vcpu_vmx *vmx)
{
	struct nested_vmx *nested = &vmx->nested;
	struct kvm_vcpu *vcpu = &vmx->vcpu;

	if (nested->l1_tpr_threshold != -1)
		vmcs_write32(TPR_THRESHOLD, nested->l1_tpr_threshold);
	if (nested->change_vmcs01_virtual_apic_mode) {
		nested->change_vmcs01_virtual_apic_mode = false;
		vmx_set_virtual_apic_mode(vcpu);
	}
	if (nested->update_vmcs01_cpu_dirty_logging) {
		nested->update_vmcs01_cpu_dirty_logging = false;
		vmx_update_cpu_dirty_logging(vcpu);
	}
	if (nested->reload_vmcs01_apic_access_page) {
		nested->reload_vmcs01_apic_access_page = false;
		kvm_make_request(KVM_REQ_APIC_PAGE_RELOAD, vcpu);
	}
	if (nested->update_vmcs01_apicv_status) {
		nested->update_vmcs01_apicv_status = false;
		vmx_refresh_apicv_exec_ctrl(vcpu);
	}
	if (nested->update_vmcs01_hwapic_isr) {
		nested->update_vmcs01_hwapic_isr = false;
		kvm_apic_update_hwapic_isr(vcpu);
	}
}

static inline struct nest_held nest_hold(struct kvm_memory_slot *slot, gfn_t gfn, bool write, bool *writable)
{
	return (struct nest_held){ .pfn = nest_gfn_to_pfn(slot, gfn, write, writable) };
}

static inline void nest_let_go(struct nest_held held, bool wrote)
{
	if (wrote)
		kvm_release_pfn_dirty(held.pfn);
	else
		kvm_release_pfn_clean(held.pfn);
}

/* The page of zeros is reserved, and counted all the same. */
static inline bool nest_is_counted(const struct nest_held *held)
{
	return pfn_valid(held->pfn) && (!PageReserved(pfn_to_page(held->pfn)) || is_zero_pfn(held->pfn));
}

#endif

static inline void nest_forget_registers(struct kvm_vcpu *vcpu)
{
	nest_forget_read(vcpu);
	nest_forget_written(vcpu);
}

#endif
