// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM keeps of the guest that runs, and has to keep of another one, when the library has gone from L1 to L2 or back:
 * control registers, EFER, PAT, DR7, TSC offset, VMCS controls, the MMU, queued events.
 */
#include "nest.h"

#include "irq.h"
#include "lapic.h"
#include "posted_intr.h"
#include "trace.h"

#define DR7_RESET 0x400

/* vmcs01 links to a shadow VMCS, or to none.  KVM clears it with vmcs01 when the vCPU moves. */
static void mirror_shadow(struct nest *n)
{
	struct loaded_vmcs *l = &n->vmx->vmcs01;
	struct vmcs *shadow = n->view.shadow_vmcs == ~0ull ? NULL : __va(n->view.shadow_vmcs);

	if (likely(l->shadow_vmcs == shadow))
		return;
	l->shadow_vmcs = shadow;
	l->controls_shadow.secondary_exec &= ~SECONDARY_EXEC_SHADOW_VMCS;
	if (shadow)
		l->controls_shadow.secondary_exec |= SECONDARY_EXEC_SHADOW_VMCS;
}

void nest_view(struct nest *n)
{
	struct nested_vmx *nested = &n->vmx->nested;

	nvmx_view(n->v, &n->view, sizeof(n->view));
	nested->vmxon = n->view.vmxon_gpa != INVALID_GPA;
	nested->vmxon_ptr = n->view.vmxon_gpa;
	nested->current_vmptr = n->view.vmcs12_gpa;
	nested->cached_vmcs12 = n->view.vmcs12;
	mirror_shadow(n);
}

static void mirror_controls02(struct nest *n)
{
	struct loaded_vmcs *l = n->vmx->loaded_vmcs;

	l->controls_shadow.pin = n->view.pin;
	l->controls_shadow.exec = n->view.proc;
	l->controls_shadow.secondary_exec = n->view.proc2;
	l->controls_shadow.vm_exit = n->view.exit;
	l->controls_shadow.vm_entry = n->view.entry;
	l->nmi_known_unmasked = false;
	n->mirrored = l;
	if (n->view.msr_bitmap)
		l->msr_bitmap = (unsigned long *)n->view.msr_bitmap;
}

/* vmcs02 always loads EFER; KVM would by a rule of its own. */
static void write_efer02(struct nest *n, u64 efer)
{
	vm_entry_controls_set(n->vmx, n->view.entry | (vm_entry_controls_get(n->vmx) & VM_ENTRY_IA32E_MODE));
	vm_exit_controls_set(n->vmx, n->view.exit);
	vmcs_write64(GUEST_IA32_EFER, efer);
	n->efer02 = efer;
}

/* CR0, CR4 and EFER of L2, from vmcs12 and vmcs02 (current). */
static void take_l2_crs(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct nvmx_vmcs12 *v12 = nest_vmcs12(n);
	u64 efer = vmcs_read64(GUEST_IA32_EFER);

	vcpu->arch.cr0 = v12->guest_cr0;
	vcpu->arch.cr0_guest_owned_bits = vmx_l1_guest_owned_cr0_bits() & ~v12->cr0_mask;
	vcpu->arch.cr4 = v12->guest_cr4;
	vcpu->arch.cr4_guest_owned_bits = KVM_POSSIBLE_CR4_GUEST_BITS & ~vcpu->arch.cr4_guest_rsvd_bits & ~v12->cr4_mask;
	n->efer02 = efer;
	if (efer != vcpu->arch.efer) {
		vmx_set_efer(vcpu, efer);
		write_efer02(n, efer);
	}
}

/* KVM emulates UMIP, where the processor has none, by descriptor-table exits, and takes no others for its own. */
static void emulate_umip(struct nest *n)
{
	u32 controls = n->view.proc2 & ~SECONDARY_EXEC_DESC;

	if (boot_cpu_has(X86_FEATURE_UMIP) || !vmx_umip_emulated())
		return;
	if (nested_cpu_has2(get_vmcs12(nest_vcpu(n)), SECONDARY_EXEC_DESC) || nest_vcpu(n)->arch.cr4 & X86_CR4_UMIP)
		controls |= SECONDARY_EXEC_DESC;
	secondary_exec_controls_set(n->vmx, controls);
}

static u64 merge_bits(u64 own, u64 mask12, u64 guest_owned, u64 kvms)
{
	u64 hosts = ~mask12 & ~guest_owned;

	return (own & ~hosts) | (kvms & hosts);
}

/* What KVM has emulated of L2 reaches vmcs02 (current), and vmcs12 where vmcs02 does not say it. */
void nest_l2_state(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct nvmx_vmcs12 *v12 = nest_vmcs12(n);

	nest_write_back(vcpu);
	v12->guest_cr0 = merge_bits(v12->guest_cr0, v12->cr0_mask, vcpu->arch.cr0_guest_owned_bits, vcpu->arch.cr0);
	v12->guest_cr4 = merge_bits(v12->guest_cr4, v12->cr4_mask, vcpu->arch.cr4_guest_owned_bits, vcpu->arch.cr4);
	if (vcpu->arch.efer != n->efer02)
		write_efer02(n, vcpu->arch.efer);
}

/* ... and that it sleeps. */
void nest_activity(struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.mp_state == KVM_MP_STATE_HALTED)
		vmcs_write32(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_HLT);
	else if (vcpu->arch.mp_state == KVM_MP_STATE_INIT_RECEIVED)
		vmcs_write32(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_WAIT_SIPI);
}

static void set_dr7(struct kvm_vcpu *vcpu, unsigned long dr7)
{
	if (vcpu->arch.dr7 != dr7)
		kvm_set_dr(vcpu, 7, dr7);
}

/* FREEZE_WHILE_SMM is the host's in every VMCS, and user space may change it at any time; the library writes without it. */
static __always_inline void hosts_debugctl(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	if (likely(!(vcpu->arch.host_debugctl & DEBUGCTLMSR_FREEZE_IN_SMM) && !n->froze))
		return;
	n->froze = true;
	vmx_reload_guest_debugctl(vcpu);
}

/* L2's time is L1's, offset and scaled; vmcs02 has the sum. */
static void enter_time(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	n->tsc_offset01 = vcpu->arch.l1_tsc_offset;
	n->tsc_ratio01 = vcpu->arch.l1_tsc_scaling_ratio;
	vcpu->arch.tsc_offset = vmcs_read64(TSC_OFFSET);
	if (n->view.proc2 & SECONDARY_EXEC_TSC_SCALING)
		vcpu->arch.tsc_scaling_ratio = vmcs_read64(TSC_MULTIPLIER);
}

static void leave_time(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	vcpu->arch.tsc_offset = vcpu->arch.l1_tsc_offset;
	vcpu->arch.tsc_scaling_ratio = vcpu->arch.l1_tsc_scaling_ratio;
	if (n->tsc_offset01 != vcpu->arch.tsc_offset)
		vmcs_write64(TSC_OFFSET, vcpu->arch.tsc_offset);
	if (n->tsc_ratio01 != vcpu->arch.tsc_scaling_ratio)
		vmcs_write64(TSC_MULTIPLIER, vcpu->arch.tsc_scaling_ratio);
}

/* Whether an L2 that enters in HLT leaves it at once: for what its VMCS has waiting, or a virtual interrupt. */
static bool wakes_up(struct nest *n)
{
	return !nvmx_l2_timer(n->v) || nest_virtual_interrupt(n);
}

/*
 * HLT and wait-for-SIPI are states of KVM's, not of the processor's: it has other things to do meanwhile.  User space has to
 * wait in KVM's place if the interrupt controller is its own.
 */
void nest_enter_activity(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	u32 activity = nest_vmcs12(n)->guest_activity;

	if (likely(activity == GUEST_ACTIVITY_ACTIVE) || (activity == GUEST_ACTIVITY_HLT && wakes_up(n)))
		return;
	vmcs_write32(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	nest_run_pending(vcpu) = 0;
	nvmx_l2_ran(n->v);
	if (activity == GUEST_ACTIVITY_HLT)
		n->to_user = !kvm_emulate_halt_noskip(vcpu);
	else
		vcpu->arch.mp_state = KVM_MP_STATE_INIT_RECEIVED;
}

/* An event that waits for a window in L1 may be due now: interrupts and NMIs that exit are not held back by L2. */
static bool event_waits(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	return n->vmx->vmcs01.controls_shadow.exec & (CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING) ||
	       vcpu->arch.nmi_pending || (lapic_in_kernel(vcpu) && vcpu->arch.apic->pending_events);
}

/*
 * KVM compares what other processors send with the notification vector, and notes it (nest_check_events()).  What it has noted before,
 * L2 being current for the last time, is L1's interrupt, unless another L2 with posted interrupts takes it.
 */
static void enter_posted(struct nest *n)
{
	struct nested_vmx *nested = &n->vmx->nested;
	const struct nvmx_vmcs12 *v12 = nest_vmcs12(n);
	bool posts = v12->pin_ctls & PIN_BASED_POSTED_INTR;

	if (unlikely(nested->pi_pending) && !posts) {
		nested->pi_pending = false;
		nest_queue_interrupt(nest_vcpu(n), (u8)nested->posted_intr_nv);
	}
	nested->posted_intr_nv = posts ? v12->posted_int_nv : -1;
}

/* Whether what the notification announced is not taken in yet. */
static bool notification_is_outstanding(struct nest *n, const struct nvmx_vmcs12 *v12)
{
	u8 flags = 0;

	kvm_vcpu_read_guest(nest_vcpu(n), v12->posted_int_desc_addr + offsetof(struct pi_desc, control), &flags, 1);
	return flags & 1;
}

/* A notification that came too late for L2 is an interrupt of L1's; in time, the processor has taken in what it announced. */
static void leave_posted(struct nest *n, const struct nvmx_vmcs12 *v12)
{
	struct nested_vmx *nested = &n->vmx->nested;

	if (likely(!nested->pi_pending))
		return;
	nested->pi_pending = false;
	if (notification_is_outstanding(n, v12))
		nest_queue_interrupt(nest_vcpu(n), (u8)nested->posted_intr_nv);
}

/* One that had come when L2's state was saved, which does not hold it, comes now. */
void nest_restore_posted(struct nest *n)
{
	const struct nvmx_vmcs12 *v12 = nest_vmcs12(n);

	if (!(v12->pin_ctls & PIN_BASED_POSTED_INTR) || !notification_is_outstanding(n, v12))
		return;
	n->vmx->nested.pi_pending = true;
	kvm_make_request(KVM_REQ_EVENT, nest_vcpu(n));
}

/* vmcs02 has just become current: L1 has entered L2. */
void nest_entered_l2(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct vcpu_vmx *vmx = n->vmx;

	nest_view(n);
	enter_posted(n);
	enter_guest_mode(vcpu);
	n->l1 = (struct nest_regs){ true, vcpu->arch.cr0, vcpu->arch.cr4, vcpu->arch.efer };
	nest_forget_registers(vcpu);
	nest_run_pending(vcpu) = 1;
	nest_defer(vmx);
	nest_vt(vmx)->emulation_required = false;
	mirror_controls02(n);
	take_l2_crs(n);
	emulate_umip(n);
	vcpu->arch.pat = vmcs_read64(GUEST_IA32_PAT);
	set_dr7(vcpu, vmcs_readl(GUEST_DR7));
	hosts_debugctl(n);
	enter_time(n);
	n->autoload_guest = vmx->msr_autoload.guest.nr;
	n->autoload_host = vmx->msr_autoload.host.nr;
	nest_mmu_enter(n);
	nest_timer_start(n);
	if (event_waits(n) || n->interrupt01)
		kvm_make_request(KVM_REQ_EVENT, vcpu);
	trace_kvm_nested_vmenter(n->l1_rip, n->view.vmcs12_gpa, nest_vmcs12(n)->guest_rip, 0,
				 nest_vmcs12(n)->entry_intr_info, n->ept12, nest_vmcs12(n)->ept_pointer,
				 nest_vmcs12(n)->guest_cr3, KVM_ISA_VMX);
}

/* vmcs01 (current) holds L1's state: `loaded` from its host-state area, by a VM exit or because a VM entry failed late. */
void nest_l1_state(struct nest *n, bool loaded)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct vcpu_vmx *vmx = n->vmx;
	unsigned long cr0 = vmcs_readl(CR0_READ_SHADOW), cr4 = vmcs_readl(CR4_READ_SHADOW);
	u64 efer = vmcs_read64(GUEST_IA32_EFER);
	bool same = n->l1.known && !((cr0 ^ n->l1.cr0) & ~(unsigned long)X86_CR0_TS) && cr4 == n->l1.cr4 && efer == n->l1.efer;

	nest_forget_registers(vcpu);
	vmx->vmcs01.controls_shadow.vm_entry = vmcs_read32(VM_ENTRY_CONTROLS);
	vmx->vmcs01.nmi_known_unmasked = false;
	nest_vt(vmx)->emulation_required = false;
	n->efer01 = efer;
	vcpu->arch.cr0_guest_owned_bits = vmx_l1_guest_owned_cr0_bits();
	vcpu->arch.cr4_guest_owned_bits = KVM_POSSIBLE_CR4_GUEST_BITS & ~vcpu->arch.cr4_guest_rsvd_bits;
	if (efer != vcpu->arch.efer || efer != n->l1.efer || !n->l1.known)
		vmx_set_efer(vcpu, efer);
	vcpu->arch.cr0 = cr0;
	vcpu->arch.cr4 = cr4;
	if (!same) {
		vmx_set_cr0(vcpu, cr0);
		vmx_set_cr4(vcpu, cr4);
	}
	vcpu->arch.pat = vmcs_read64(GUEST_IA32_PAT);
	set_dr7(vcpu, loaded ? DR7_RESET : vmcs_readl(GUEST_DR7));
	hosts_debugctl(n);
	nest_mmu_leave(n, same);
}

/* What KVM put off because vmcs01 was not current. */
static void catch_up(struct nest *n)
{
	struct vcpu_vmx *vmx = n->vmx;

	if (n->autoload_host != vmx->msr_autoload.host.nr)
		vmcs_write32(VM_EXIT_MSR_LOAD_COUNT, vmx->msr_autoload.host.nr);
	if (n->autoload_guest != vmx->msr_autoload.guest.nr)
		vmcs_write32(VM_ENTRY_MSR_LOAD_COUNT, vmx->msr_autoload.guest.nr);
	nest_catch_up(vmx);
}

/*
 * With external-interrupt exiting, no interrupt of L1's outlasts L2's stay but the one that ended it; without, one for which KVM
 * had L2 open a window, or for which it has a KVM_REQ_EVENT anyway.
 */
static bool interrupt_waits(struct nest *n)
{
	return (n->window02 || nest_vmcs12(n)->exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT) &&
	       kvm_cpu_has_injectable_intr(nest_vcpu(n));
}

/* L2 does not run on, and vmcs01, which has just become current, is not L1's: KVM sets its registers (SMM, nested state). */
void nest_left_behind(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);

	leave_guest_mode(vcpu);
	n->mirrored = NULL;
	n->vmx->nested.mtf_pending = false;
	hrtimer_cancel(&n->vmx->nested.preemption_timer);
	nest_forget_registers(vcpu);
	nvmx_view(n->v, &n->view, sizeof(n->view));
	mirror_shadow(n);
	vcpu->arch.cr0_guest_owned_bits = vmx_l1_guest_owned_cr0_bits();
	vcpu->arch.cr4_guest_owned_bits = KVM_POSSIBLE_CR4_GUEST_BITS & ~vcpu->arch.cr4_guest_rsvd_bits;
	if (n->l1.known) {
		vcpu->arch.cr0 = n->l1.cr0;
		vcpu->arch.cr4 = n->l1.cr4;
		vcpu->arch.efer = n->l1.efer;
	}
	vmx_set_efer(vcpu, vcpu->arch.efer);
	vcpu->arch.pat = vmcs_read64(GUEST_IA32_PAT);
	nest_mmu_leave(n, false);
	leave_time(n);
	catch_up(n);
}

/* vmcs01 has just become current: L2 has exited to L1; or, not `loaded`, the processor refused vmcs02, and so L1's entry. */
void nest_left_l2(struct nest *n, bool loaded)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	const struct nvmx_vmcs12 *v12;

	leave_guest_mode(vcpu);
	n->mirrored = NULL;
	nest_run_pending(vcpu) = 0;
	n->vmx->nested.mtf_pending = false;
	nest_timer_stop(n, loaded && !(nest_vmcs12(n)->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY));
	vcpu->arch.nmi_injected = false;
	kvm_clear_exception_queue(vcpu);
	kvm_clear_interrupt_queue(vcpu);
	nest_view(n);
	v12 = nest_vmcs12(n);
	nest_l1_state(n, loaded);
	leave_time(n);
	catch_up(n);
	leave_posted(n, v12);
	vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
	if (event_waits(n) || interrupt_waits(n))
		kvm_make_request(KVM_REQ_EVENT, vcpu);
	trace_kvm_nested_vmexit_inject(v12->exit_reason, v12->exit_qualification, v12->idt_vectoring_info,
				       v12->exit_intr_info, v12->exit_intr_error_code, KVM_ISA_VMX);
}
