// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events while L2 runs (SDM 6.9 and 26.7 for their order), and L1's VMX-preemption timer, which is a timer of the host's
 * here: KVM uses the processor's for itself.
 */
#include "nest.h"

#include <asm/debugreg.h>

#include "irq.h"
#include "lapic.h"
#include "posted_intr.h"

#define PENDING_ENABLED_BREAKPOINT BIT(12)

static bool timer_expired(struct kvm_vcpu *vcpu)
{
	return to_vmx(vcpu)->nested.preemption_timer_expired;
}

enum hrtimer_restart nest_timer_rings(struct hrtimer *timer)
{
	struct vcpu_vmx *vmx = container_of(timer, struct vcpu_vmx, nested.preemption_timer);

	vmx->nested.preemption_timer_expired = true;
	kvm_make_request(KVM_REQ_EVENT, &vmx->vcpu);
	kvm_vcpu_kick(&vmx->vcpu);
	return HRTIMER_NORESTART;
}

static bool l1_uses_timer(struct nest *n)
{
	return nest_vmcs12(n)->pin_ctls & PIN_BASED_VMX_PREEMPTION_TIMER;
}

/* `deadline` is of L1's TSC (SDM 25.5.1). */
void nest_timer_restart(struct nest *n, u64 deadline)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct nested_vmx *nested = &n->vmx->nested;
	s64 ticks = deadline - kvm_read_l1_tsc(vcpu, rdtsc());
	u64 ns;

	nested->preemption_timer_deadline = deadline;
	n->timer_tsc_offset = vcpu->arch.l1_tsc_offset;
	if (ticks <= 0 || !vcpu->arch.virtual_tsc_khz) {
		nest_timer_rings(&nested->preemption_timer);
		return;
	}
	ns = mul_u64_u32_div(ticks, 1000000, vcpu->arch.virtual_tsc_khz);
	hrtimer_start(&nested->preemption_timer, ktime_add_ns(ktime_get(), ns), HRTIMER_MODE_ABS_PINNED);
}

/* User space may restore L1's TSC after the nested state, and so after the timer was started. */
void nest_timer_follow_tsc(struct nest *n)
{
	if (likely(n->timer_tsc_offset == nest_vcpu(n)->arch.l1_tsc_offset) || !l1_uses_timer(n))
		return;
	nest_timer_restart(n, n->vmx->nested.preemption_timer_deadline);
}

/* L2 is entered, or goes on after SMM, in which the timer counts down as well (SDM 25.5.1). */
void nest_timer_start(struct nest *n)
{
	struct nested_vmx *nested = &n->vmx->nested;

	nested->preemption_timer_expired = false;
	if (!l1_uses_timer(n))
		return;
	if (!nested->has_preemption_timer_deadline)
		nested->preemption_timer_deadline = kvm_read_l1_tsc(nest_vcpu(n), rdtsc()) +
						    ((u64)nest_vmcs12(n)->preemption_timer << NEST_TIMER_SHIFT);
	nested->has_preemption_timer_deadline = true;
	nest_timer_restart(n, nested->preemption_timer_deadline);
}

/* vmcs01 is current.  `ran`: a VM exit has ended L2's stay, rather than that its entry failed. */
void nest_timer_stop(struct nest *n, bool ran)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	struct nvmx_vmcs12 *v12 = nest_vmcs12(n);
	s64 left;

	n->vmx->nested.has_preemption_timer_deadline = false;
	if (!l1_uses_timer(n))
		return;
	hrtimer_cancel(&n->vmx->nested.preemption_timer);
	if (!ran || !(v12->exit_ctls & VM_EXIT_SAVE_VMX_PREEMPTION_TIMER))
		return;
	left = n->vmx->nested.preemption_timer_deadline - kvm_read_l1_tsc(vcpu, rdtsc());
	v12->preemption_timer = left > 0 && !timer_expired(vcpu) ? left >> NEST_TIMER_SHIFT : 0;
}

static void exit_for_exception(struct kvm_vcpu *vcpu)
{
	struct kvm_queued_exception *e = &vcpu->arch.exception_vmexit;
	struct nvmx_l2_exit exit = {
		.reason = EXIT_REASON_EXCEPTION_NMI,
		.intr_info = e->vector | INTR_INFO_VALID_MASK |
			     (kvm_exception_is_soft(e->vector) ? INTR_TYPE_SOFT_EXCEPTION : INTR_TYPE_HARD_EXCEPTION),
	};

	if (e->has_error_code) {
		exit.intr_info |= INTR_INFO_DELIVER_CODE_MASK;
		exit.intr_error = (u16)e->error_code;
	}
	if (kvm_exception_is_soft(e->vector))
		exit.instr_len = vcpu->arch.event_exit_inst_len;
	/* SDM 27.2.1: CR2's value, or DR6's with reversed sense where it is inverted; neither register changes. */
	if (e->vector == PF_VECTOR)
		exit.qualification = e->has_payload ? e->payload : vcpu->arch.cr2;
	else if (e->vector == DB_VECTOR)
		exit.qualification = (e->has_payload ? e->payload : vcpu->arch.dr6 ^ DR6_ACTIVE_LOW) & ~DR6_BT;
	nest_exit(vcpu, &exit);
}

/* Data breakpoints and single steps come behind the monitor trap flag; faults and the general-detect #DB before it. */
static bool is_late_trap(const struct kvm_queued_exception *e)
{
	return e->pending && e->vector == DB_VECTOR && e->payload && !(e->payload & DR6_BD);
}

static bool waits_for_sipi(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.mp_state == KVM_MP_STATE_INIT_RECEIVED;
}

/*
 * A trap that has not been delivered when an INIT or the monitor trap ends L2's stay is in the pending debug exceptions (SDM
 * 27.3.4, format in table 24-4), whether L1 intercepts it or not.  vmcs02 is current.
 */
static void keep_debug_trap(struct kvm_vcpu *vcpu)
{
	const struct kvm_queued_exception *e = &vcpu->arch.exception;
	unsigned long pending;

	if (!is_late_trap(e))
		e = &vcpu->arch.exception_vmexit;
	if (!is_late_trap(e))
		return;
	pending = e->payload & (DR_TRAP_BITS | DR_STEP | DR6_RTM);
	if (pending & DR_TRAP_BITS)
		pending |= PENDING_ENABLED_BREAKPOINT;
	vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS, pending);
}

/* Exceptions that KVM found.  1: done; 0: none; or -EBUSY. */
static int check_exceptions(struct kvm_vcpu *vcpu, bool late, bool *mine)
{
	bool wants_exit = vcpu->arch.exception_vmexit.pending && is_late_trap(&vcpu->arch.exception_vmexit) == late;
	bool pending = vcpu->arch.exception.pending && is_late_trap(&vcpu->arch.exception) == late;

	*mine = wants_exit || pending;
	if (!*mine)
		return 0;
	if (nest_run_pending(vcpu))
		return -EBUSY;
	if (wants_exit)
		exit_for_exception(vcpu);
	return 0;
}

/* INIT, SIPI, NMI, interrupt: the library knows what L1 asked for. */
static int check_interrupts(struct kvm_vcpu *vcpu, bool blocked)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	enum nvmx_verdict verdict;

	if (!nest_op_pending_events((struct nvmx_host *)n))
		return 0;
	if (blocked)
		return -EBUSY;
	nest_l2_state(n);
	nest_activity(vcpu);
	kvm_service_local_tlb_flush_requests(vcpu);
	verdict = nvmx_check_events(n->v, nest_gprs(vcpu));
	if (nvmx_in_l2(n->v))
		vmcs_write32(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	if (verdict == NVMX_RESUME_L2)
		return nvmx_wants_immediate_exit(n->v) ? -EBUSY : 0;
	if (verdict != NVMX_HOST)
		nest_finish(n, verdict, true);
	return 0;
}

/*
 * KVM has met L1's notification vector of posted interrupts while L2 was current: it has not queued it, but sent the processor that of
 * vmcs02, which may have come too late.  Where the interrupt does not concern L2 it is queued now.
 */
static void take_posted(struct kvm_vcpu *vcpu)
{
	struct nested_vmx *nested = &to_vmx(vcpu)->nested;
	struct nest *n = nest_of(to_vmx(vcpu));
	enum nvmx_verdict verdict;

	if (likely(!nested->pi_pending))
		return;
	nested->pi_pending = false;
	verdict = nvmx_posted_notification(n->v);
	nest_settle(n);
	if (verdict == NVMX_HOST)
		nest_queue_interrupt(vcpu, nested->posted_intr_nv);
	else if (verdict != NVMX_RESUME_L2)
		nest_finish(n, verdict, true);
}

/*
 * INIT and SIPI come before the rest (SDM 6.9, 25.2); one that is still pending when this returns 0, KVM does to L2.  An INIT
 * finds an L2 that waits for a SIPI where it would put it, and is gone, as outside VMX operation.
 */
static int check_startup(struct kvm_vcpu *vcpu, bool blocked, bool *mine)
{
	unsigned int pending = nest_op_pending_events((struct nvmx_host *)nest_of(to_vmx(vcpu)));

	*mine = waits_for_sipi(vcpu) || pending & (NVMX_PENDING_INIT | NVMX_PENDING_SIPI);
	if (!*mine)
		return 0;
	if (blocked)
		return -EBUSY;
	if (waits_for_sipi(vcpu)) {
		if (lapic_in_kernel(vcpu))
			clear_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
		to_vmx(vcpu)->nested.mtf_pending = false;
	} else if (pending & NVMX_PENDING_INIT) {
		keep_debug_trap(vcpu);
	}
	return check_interrupts(vcpu, false);
}

/*
 * Where the interrupt controller is user space's, an interrupt that it has for L1 looks as one whose delivery to L2 an exit has
 * interrupted, but no exit has.  Without "acknowledge interrupt on exit" it would have nowhere to wait.
 */
static bool is_users_interrupt(struct kvm_vcpu *vcpu)
{
	return !lapic_in_kernel(vcpu) && vcpu->arch.interrupt.injected && !vcpu->arch.interrupt.soft &&
	       !(to_vmx(vcpu)->idt_vectoring_info & VECTORING_INFO_VALID_MASK) && nested_exit_on_intr(vcpu) &&
	       get_vmcs12(vcpu)->vm_exit_controls & VM_EXIT_ACK_INTR_ON_EXIT;
}

int nest_check_events(struct kvm_vcpu *vcpu)
{
	struct nested_vmx *nested = &to_vmx(vcpu)->nested;
	bool blocked = nest_run_pending(vcpu) || kvm_event_needs_reinjection(vcpu), mine;
	int r;

	r = check_startup(vcpu, blocked, &mine);
	if (mine)
		return r;
	r = check_exceptions(vcpu, false, &mine);
	if (mine)
		return r;
	if (nested->mtf_pending) {
		if (blocked)
			return -EBUSY;
		keep_debug_trap(vcpu);
		nested_vmx_vmexit(vcpu, EXIT_REASON_MONITOR_TRAP_FLAG, 0, 0);
		return 0;
	}
	r = check_exceptions(vcpu, true, &mine);
	if (mine)
		return r;
	if (timer_expired(vcpu) && nest_vmcs12(nest_of(to_vmx(vcpu)))->pin_ctls & PIN_BASED_VMX_PREEMPTION_TIMER) {
		if (blocked)
			return -EBUSY;
		nested_vmx_vmexit(vcpu, EXIT_REASON_PREEMPTION_TIMER, 0, 0);
		return 0;
	}
	if (vcpu->arch.smi_pending && !is_smm(vcpu))
		return blocked ? -EBUSY : 0;
	take_posted(vcpu);
	return check_interrupts(vcpu, blocked && (nest_run_pending(vcpu) || !is_users_interrupt(vcpu)));
}

/* The highest vector that take_posted() will request, or -1. */
static int posted_vector(struct kvm_vcpu *vcpu)
{
	unsigned long vector;
	struct pi_desc *desc;

	if (!to_vmx(vcpu)->nested.pi_pending || !(get_vmcs12(vcpu)->pin_based_vm_exec_control & PIN_BASED_POSTED_INTR))
		return -1;
	desc = __va(vmcs_read64(POSTED_INTR_DESC_ADDR));	/* RAM: nest_op_pin() */
	vector = pi_test_on(desc) ? find_last_bit((unsigned long *)desc->pir, NR_VECTORS) : NR_VECTORS;
	return vector < NR_VECTORS ? (int)vector : -1;
}

/*
 * Whether the processor will deliver a virtual interrupt as soon as it runs L2 (SDM 29.2.1), with VPPR as VM entry computes it
 * (29.1.3).  vmcs02 is current.  As nvmx_l2_virtual_interrupt(), but where nothing may sleep, and with what is posted.
 */
bool nest_virtual_interrupt(struct nest *n)
{
	struct kvm_vcpu *vcpu = nest_vcpu(n);
	u32 vtpr, svi, vppr;
	u64 page;
	u16 status;
	int rvi;

	if (!nested_cpu_has2(get_vmcs12(vcpu), SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY) || __vmx_interrupt_blocked(vcpu))
		return false;
	page = vmcs_read64(VIRTUAL_APIC_PAGE_ADDR);	/* RAM: nest_op_pin() */
	status = vmcs_read16(GUEST_INTR_STATUS);
	svi = status >> 8;
	vtpr = READ_ONCE(*(u32 *)__va(page + APIC_TASKPRI)) & 0xff;
	vppr = (vtpr & 0xf0) >= (svi & 0xf0) ? vtpr : svi;
	rvi = max(status & 0xff, posted_vector(vcpu));
	return (rvi & 0xf0) > (vppr & 0xf0);
}

/* A virtual interrupt wakes L2 up, but is the processor's to deliver. */
bool nest_has_events(struct kvm_vcpu *vcpu, bool for_injection)
{
	return !waits_for_sipi(vcpu) && (timer_expired(vcpu) || to_vmx(vcpu)->nested.mtf_pending ||
					 (!for_injection && nest_virtual_interrupt(nest_of(to_vmx(vcpu)))));
}

bool nest_is_exception_vmexit(struct kvm_vcpu *vcpu, u8 vector, u32 error)
{
	return nvmx_l1_wants_exception(nest_of(to_vmx(vcpu))->v, vector, (u16)error);
}

void nest_triple_fault(struct kvm_vcpu *vcpu)
{
	kvm_clear_request(KVM_REQ_TRIPLE_FAULT, vcpu);
	nested_vmx_vmexit(vcpu, EXIT_REASON_TRIPLE_FAULT, 0, 0);
}

unsigned int nest_op_pending_events(struct nvmx_host *host)
{
	struct kvm_vcpu *vcpu = nest_vcpu(nest_of_host(host));
	unsigned int events = 0;

	if (lapic_in_kernel(vcpu)) {
		if (test_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events))
			events |= NVMX_PENDING_INIT;
		if (test_bit(KVM_APIC_SIPI, &vcpu->arch.apic->pending_events) &&
		    vcpu->arch.mp_state == KVM_MP_STATE_INIT_RECEIVED)
			events |= NVMX_PENDING_SIPI;
	}
	if (vcpu->arch.nmi_pending)
		events |= NVMX_PENDING_NMI;
	if (kvm_cpu_has_interrupt(vcpu))
		events |= NVMX_PENDING_INTR;
	return events;
}

int nest_op_ack_interrupt(struct nvmx_host *host)
{
	return nest_get_interrupt(nest_vcpu(nest_of_host(host)));
}

void nest_queue_interrupt(struct kvm_vcpu *vcpu, unsigned int vector)
{
	if (!lapic_in_kernel(vcpu))
		return;
	kvm_lapic_set_irr(vector, vcpu->arch.apic);
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

/* One that came by the PIC is not in service in the local APIC. */
void nest_op_end_interrupt(struct nvmx_host *host, unsigned int vector)
{
	struct kvm_vcpu *vcpu = nest_vcpu(nest_of_host(host));

	if (lapic_in_kernel(vcpu) && kvm_lapic_get_reg(vcpu->arch.apic, APIC_ISR + vector / 32 * 16) & BIT(vector % 32))
		kvm_lapic_set_eoi(vcpu);
}

int nest_op_take_event(struct nvmx_host *host, unsigned int event)
{
	struct kvm_vcpu *vcpu = nest_vcpu(nest_of_host(host));

	switch (event) {
	case NVMX_PENDING_NMI:
		vcpu->arch.nmi_pending = 0;
		return 0;
	case NVMX_PENDING_INIT:
		clear_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
		return 0;
	default:
		clear_bit(KVM_APIC_SIPI, &vcpu->arch.apic->pending_events);
		return vcpu->arch.apic->sipi_vector;
	}
}
