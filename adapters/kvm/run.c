// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits: VMX instructions of L1, exits of L2, and what the library decided about them.
 */
#include "nest.h"

#include "lapic.h"
#include "mmu.h"
#include "trace.h"

static void stopped(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	if (nvmx_stop_code(n->v) == NVMX_STOP_VMX_ABORT) {	/* SDM 27.7: the processor shuts down */
		pr_debug_ratelimited("kvm_intel: VMX abort %llu\n", nvmx_stop_detail(n->v));
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
		return;
	}
	nvmx_stop_info(n->v, &info);
	nvmx_describe_error(line, sizeof(line), &info);
	pr_warn_ratelimited("kvm_intel: libnestvmx: %s\n", line);
	if (nvmx_stop_code(n->v) == NVMX_STOP_HOST_OP) {	/* what L1 gives to the processor is no memory */
		vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
		vcpu->run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
		vcpu->run->internal.ndata = 0;
		n->to_user = true;
		return;
	}
	kvm_vm_dead(vcpu->kvm);
}

/* KVM's copies follow what the library did. */
void nest_finish(struct nest *n, enum nvmx_verdict verdict, bool was_l2)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	bool is_l2 = nvmx_in_l2(n->v), reloaded = n->l1_reloaded;

	nest_settle(n);
	n->l1_reloaded = false;
	nest_forget_read(vcpu);
	if (is_l2 && !was_l2) {
		n->vmx->nested.has_preemption_timer_deadline = false;
		nest_entered_l2(n);
		nest_enter_activity(n);
	} else if (was_l2 && !is_l2) {
		nest_left_l2(n, reloaded);
	} else if (!is_l2) {
		nest_view(n);	/* L1 may have another current VMCS */
	}
	if (!was_l2 && reloaded) {
		n->l1 = (struct nest_regs){ true, vcpu->arch.cr0, vcpu->arch.cr4, vcpu->arch.efer };
		n->ept12 = true;	/* KVM's MMU has not left L1 */
		nest_l1_state(n, true);
		trace_kvm_nested_vmenter_failed("VM entry", nest_vmcs12(n)->exit_reason);
	}
	if (verdict == NVMX_STOP)
		stopped(n);
}

/* What the library keeps of vmcs01 (src/vmcs/cached01.def), as far as KVM changes it while a virtual CPU runs. */
static bool controls01_changed(struct nest *n)
{
	struct vcpu_vmx *vmx = n->vmx;
	struct kvm_vcpu_arch *arch = &vmx->vcpu.arch;
	u64 now[] = {
		pin_controls_get(vmx) |
		(u64)(exec_controls_get(vmx) & ~(CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING)) << 32,
		(secondary_exec_controls_get(vmx) & ~SECONDARY_EXEC_SHADOW_VMCS) | (u64)vmcs_read32(EXCEPTION_BITMAP) << 32,
		arch->cr0_guest_owned_bits, arch->cr4_guest_owned_bits, arch->l1_tsc_scaling_ratio,
		vmx->ple_window | vmx->msr_ia32_feature_control << 32,	/* the ENCLS-exiting bitmap is made of it */
	};
	u64 changed = 0;

	BUILD_BUG_ON(sizeof(now) != sizeof(n->controls01));
	for (unsigned int i = 0; i < ARRAY_SIZE(now); i++) {
		changed |= now[i] ^ n->controls01[i];
		n->controls01[i] = now[i];
	}
	return changed;
}

static bool is_entry(const struct vcpu_vmx *vmx)
{
	return nest_vt(vmx)->exit_reason.basic == EXIT_REASON_VMLAUNCH || nest_vt(vmx)->exit_reason.basic == EXIT_REASON_VMRESUME;
}

/* Whether the instruction can change more than L1's registers and vmcs12. */
static bool moves_on(const struct vcpu_vmx *vmx)
{
	switch (nest_vt(vmx)->exit_reason.basic) {
	case EXIT_REASON_VMREAD:
	case EXIT_REASON_VMWRITE:
	case EXIT_REASON_VMPTRST:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
		return false;
	default:
		return true;
	}
}

/* Another VMXON may come with other capabilities: user space sets them while L1 is not in VMX operation. */
bool nest_outdated(struct nest *n)
{
	struct nvmx_caps limit;

	if (nvmx_in_vmx_operation(n->v) || n->in_smm)
		return false;
	nest_caps_of_vcpu(nest_vcpu(n), &limit);
	return memcmp(&limit, &n->vm->limit, sizeof(limit));
}

static int prepare(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);

	if (nest_vt(vmx)->exit_reason.basic != EXIT_REASON_VMON)
		return n ? 0 : -EINVAL;
	if (!nested_vmx_allowed(vcpu))
		return -EINVAL;
	if (n && nest_outdated(n)) {
		nest_destroy(vcpu);
		n = NULL;
	}
	return n ? 0 : nest_create(vcpu);
}

/* KVM tells of SMIs and RSMs only if L2 runs; the library hears of the others when it matters. */
void nest_smi(struct nest *n)
{
	if (n->in_smm)
		return;
	n->in_smm = true;
	nvmx_smi(n->v);
	nest_settle(n);
}

void nest_rsm(struct nest *n)
{
	if (!n->in_smm || is_smm(nest_vcpu(n)))
		return;
	n->in_smm = false;
	nvmx_rsm(n->v);
	nest_settle(n);
	nest_view(n);
}

/* An interrupt that L1 keeps off: KVM, which gave it to the processor, does not look at it again unless it is told to. */
static bool virtual_interrupt01(struct kvm_vcpu *vcpu)
{
	return kvm_vcpu_apicv_active(vcpu) &&
	       (vmx_get_rvi() & 0xf0) > (kvm_lapic_get_reg(vcpu->arch.apic, APIC_PROCPRI) & 0xf0);
}

/* The VMX instructions, VMFUNC included: all of them exit unconditionally from L1. */
int nest_handle_instruction(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int error = is_smm(vcpu) ? -EINVAL : prepare(vcpu);
	enum nvmx_verdict verdict;
	struct nest *n;

	if (error == -EINTR || error == -ENOMEM)	/* user space hears of it, and the instruction runs again */
		return error;
	if (error) {
		kvm_queue_exception(vcpu, UD_VECTOR);
		return 1;
	}
	n = nest_of(vmx);
	nest_follow_slots(n);
	nest_rsm(n);
	if (n->efer01 != vcpu->arch.efer) {
		n->efer01 = vcpu->arch.efer;
		vmcs_write64(GUEST_IA32_EFER, n->efer01);
	}
	if (is_entry(vmx)) {
		if (trace_kvm_nested_vmenter_enabled())
			n->l1_rip = kvm_rip_read(vcpu);
		n->interrupt01 = virtual_interrupt01(vcpu);
		if (kvm_request_pending(vcpu))
			kvm_service_local_tlb_flush_requests(vcpu);
		if (controls01_changed(n))
			nvmx_vmcs01_changed(n->v);
		if (READ_ONCE(n->pins_moved)) {
			WRITE_ONCE(n->pins_moved, false);
			smp_mb();	/* what is pinned from here on is looked up after it */
			nvmx_pins_moved(n->v);
		}
	}
	verdict = nvmx_handle_exit_reason(n->v, nest_gprs(vcpu), nest_vt(vmx)->exit_reason.full);
	if (verdict == NVMX_RESUME_L1 && !moves_on(vmx)) {
		nest_settle(n);
		nest_forget_read(vcpu);
		return 1;
	}
	nest_finish(n, verdict, false);
	if (verdict == NVMX_HOST)	/* no VMX instruction is the host's */
		kvm_queue_exception(vcpu, UD_VECTOR);
	if (!n->to_user)
		return 1;
	n->to_user = false;
	return 0;
}

/* vmx_exit_handlers_fastpath() calls it for a VMREAD or VMWRITE of L1's: interrupts are off.  False: the exit takes the usual way. */
bool nested_vmx_handle_exit_at_once(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);

	if (!n || n->in_smm || is_smm(vcpu))
		return false;
	if (!nvmx_handle_exit_at_once(n->v, nest_gprs(vcpu), nest_vt(vmx)->exit_reason.full))
		return false;
	nest_forget_read(vcpu);
	return true;
}

/* Exceptions of L2 that KVM itself asked for, before L1 is asked. */
static bool is_kvms_exception(struct kvm_vcpu *vcpu)
{
	u32 info = vmx_get_intr_info(vcpu);

	if (is_page_fault(info))
		return vcpu->arch.apf.host_apf_flags || vmx_need_pf_intercept(vcpu);
	if (is_debug(info))
		return vcpu->guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
	if (is_breakpoint(info))
		return vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP;
	return is_alignment_check(info) && !vmx_guest_inject_ac(vcpu);
}

static bool is_kvms(struct kvm_vcpu *vcpu)
{
	switch (nest_vt(to_vmx(vcpu))->exit_reason.basic) {
	case EXIT_REASON_EXCEPTION_NMI:
		return is_kvms_exception(vcpu);
	case EXIT_REASON_BUS_LOCK:
	case EXIT_REASON_NOTIFY:
		return true;
	default:
		return false;
	}
}

/* True: the exit of L2 is dealt with. */
bool nested_vmx_reflect_vmexit(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);
	enum nvmx_verdict verdict;

	trace_kvm_nested_vmexit(vcpu, KVM_ISA_VMX);
	if (unlikely(vmx->fail)) {
		vmx->fail = 0;
		nest_finish(n, nvmx_entry_refused(n->v), true);
		return true;
	}
	if (is_kvms(vcpu)) {
		nvmx_l2_ran(n->v);
		return false;
	}
	if (kvm_request_pending(vcpu))
		kvm_service_local_tlb_flush_requests(vcpu);
	nest_l2_state(n);
	verdict = nvmx_handle_exit_reason(n->v, nest_gprs(vcpu), nest_vt(vmx)->exit_reason.full);
	if (verdict == NVMX_HOST)	/* is_kvms() has seen #DB and #AC, and vmx.c has handled machine checks */
		verdict = nvmx_reflect(n->v, nest_gprs(vcpu));
	if (verdict == NVMX_HOST) {
		nest_settle(n);
		if (nest_vt(vmx)->exit_reason.basic == EXIT_REASON_EPT_VIOLATION)	/* it may have blocked NMIs again (SDM 27.2.3) */
			vmx->loaded_vmcs->nmi_known_unmasked = false;
		return false;
	}
	if (verdict == NVMX_RESUME_L2 && nest_vt(vmx)->exit_reason.basic == EXIT_REASON_EPT_VIOLATION) {
		if (vmx_get_exit_qual(vcpu) & INTR_INFO_UNBLOCK_NMI)	/* the library blocked them again */
			vmx->loaded_vmcs->nmi_known_unmasked = false;
		++vcpu->stat.pf_taken;
		++vcpu->stat.pf_fixed;
	}
	nest_finish(n, verdict, true);
	return true;
}

/* A VM exit to L1 that KVM found.  Events that KVM holds for delivery to L2 become IDT-vectoring information. */
static void take_event(struct kvm_vcpu *vcpu, struct nvmx_l2_exit *exit)
{
	struct kvm_queued_exception *e = &vcpu->arch.exception;
	u32 type;

	if (e->injected) {
		type = kvm_exception_is_soft(e->vector) ? INTR_TYPE_SOFT_EXCEPTION : INTR_TYPE_HARD_EXCEPTION;
		exit->idt_info = e->vector | type | INTR_INFO_VALID_MASK;
		if (type == INTR_TYPE_SOFT_EXCEPTION)
			exit->instr_len = vcpu->arch.event_exit_inst_len;
		if (e->has_error_code) {
			exit->idt_info |= INTR_INFO_DELIVER_CODE_MASK;
			exit->idt_error = e->error_code;
		}
	} else if (vcpu->arch.nmi_injected) {
		exit->idt_info = NMI_VECTOR | INTR_TYPE_NMI_INTR | INTR_INFO_VALID_MASK;
	} else if (vcpu->arch.interrupt.injected) {
		type = vcpu->arch.interrupt.soft ? INTR_TYPE_SOFT_INTR : INTR_TYPE_EXT_INTR;
		exit->idt_info = vcpu->arch.interrupt.nr | type | INTR_INFO_VALID_MASK;
		if (vcpu->arch.interrupt.soft)
			exit->instr_len = vcpu->arch.event_exit_inst_len;
	}
}

/* A double or a triple fault that exits does not do so during an event's delivery (SDM 27.2.4). */
static bool combines_faults(const struct nvmx_l2_exit *exit)
{
	return exit->reason == EXIT_REASON_TRIPLE_FAULT ||
	       (exit->reason == EXIT_REASON_EXCEPTION_NMI && is_double_fault(exit->intr_info));
}

/*
 * An exception under blocking by NMI may be that of an IRET, which has ended the blocking (SDM 27.2.2): KVM has set it again in
 * vmcs02 then, for the instruction to run anew.  L1 is told to do the same, which changes nothing otherwise.
 */
static bool unblocks_nmi(struct kvm_vcpu *vcpu, const struct nvmx_l2_exit *exit)
{
	return exit->reason == EXIT_REASON_EXCEPTION_NMI && !is_nmi(exit->intr_info) && !combines_faults(exit) &&
	       !(exit->idt_info & VECTORING_INFO_VALID_MASK) && vmx_get_nmi_mask(vcpu);
}

void nest_exit(struct kvm_vcpu *vcpu, struct nvmx_l2_exit *exit)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);

	kvm_service_local_tlb_flush_requests(vcpu);
	nest_l2_state(n);
	nest_activity(vcpu);
	if (!combines_faults(exit))
		take_event(vcpu, exit);
	if (unblocks_nmi(vcpu, exit))
		exit->intr_info |= INTR_INFO_UNBLOCK_NMI;
	nest_finish(n, nvmx_exit_to_l1(n->v, exit), true);
}

void __nested_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info, unsigned long qualification, u32 instr_len)
{
	struct nvmx_l2_exit exit = { .reason = reason, .intr_info = intr_info, .qualification = qualification, .instr_len = instr_len };
	struct nest *n = nest_of(to_vmx(vcpu));

	if (reason == -1) {	/* an SMI: L1 is not to know */
		kvm_service_local_tlb_flush_requests(vcpu);
		nest_leave_behind(n);
		return;
	}
	nest_exit(vcpu, &exit);
}

void nested_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info, unsigned long qualification)
{
	__nested_vmx_vmexit(vcpu, reason, intr_info, qualification, 0);
}

/* Out of L2 without an exit to L1: what vmcs02 holds stays there. */
void nest_leave_behind(struct nest *n)
{
	nest_write_back(nest_vcpu(n));
	nest_smi(n);
	nest_left_behind(n);
}

/* RSM into L2. */
enum nvmx_vmentry_status nested_vmx_enter_non_root_mode(struct kvm_vcpu *vcpu, bool from_vmentry)
{
	struct nest *n = nest_of(to_vmx(vcpu));

	if (!n || !n->in_smm)
		return NVMX_VMENTRY_KVM_INTERNAL_ERROR;	/* RSM shuts the vCPU down */
	nest_write_back(vcpu);
	n->in_smm = false;
	nvmx_rsm(n->v);
	nest_settle(n);
	if (!nvmx_in_l2(n->v))
		return NVMX_VMENTRY_KVM_INTERNAL_ERROR;
	nest_entered_l2(n);
	if (n->incomplete)
		kvm_make_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
	return NVMX_VMENTRY_SUCCESS;
}

#if NEST_7
/* RSM finds L2 as nested_vmx_enter_non_root_mode() does. */
int nested_vmx_check_restored_vmcs12(struct kvm_vcpu *vcpu)
{
	return 0;
}
#endif

/* vmx_prepare_switch_to_guest() calls it before each entry into L2: preemption is off, kvm->srcu is held. */
void nested_vmx_before_entry(struct kvm_vcpu *vcpu)
{
	struct nest *n = nest_of(to_vmx(vcpu));

	if (nest_slots_changed(n->vm)) {
		kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);	/* so KVM gives this attempt up, for nested_vmx_flush_tlb() */
		return;
	}
	nest_timer_follow_tsc(n);
	nest_mmu_before_l2(n);
}

/* vmx_flush_tlb_all() calls it: preemption is on, kvm->srcu is held. */
void nested_vmx_flush_tlb(struct kvm_vcpu *vcpu)
{
	struct nest *n = nest_of(to_vmx(vcpu));

	if (!n)
		return;
	nest_follow_slots(n);
	nest_protect_logged(n);
	nest_give_pages(n);
	nest_follow_tracing(n);
}
