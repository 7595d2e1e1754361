/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Events that do not come from an exit: L1's interrupts in a host that owns them, and exceptions that the host found.
 */
#include "hold.h"
#include "l1.h"
#include "merge.h"
#include "port.h"
#include "route.h"
#include "state.h"

/* What vmcs02 was to deliver, which it will not; 0: nothing.  An NMI whose delivery was interrupted has blocked NMIs before that (SDM
 * 27.1), which was undone for its being delivered again. */
static uint32_t withdraw_event(struct nvmx_vcpu *v)
{
	uint32_t event = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INTR_INFO);

	if (!(event & NVMX_INTR_VALID))
		return 0;
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, 0);
	if (NVMX_INTR_TYPE(event) == NVMX_EVENT_NMI && !v->run_pending)
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) | NVMX_BLOCK_NMI);
	return event;
}

/* The event that vmcs02 was to deliver when L2 is left without having run becomes IDT-vectoring information.  An MTF VM exit
 * is none: what comes before it takes its place (SDM 25.5.2). */
static void take_pending_injection(struct nvmx_vcpu *v, struct nvmx_exit_info *info)
{
	uint32_t event = withdraw_event(v);

	if (!event || nvmx_is_mtf(event))
		return;
	info->idt_info = event;
	info->idt_error = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_EXC_ERROR_CODE);
	if (NVMX_INTR_TYPE(event) >= NVMX_EVENT_SW_INT)
		info->instr_len = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INSTR_LEN);
}

static enum nvmx_verdict leave_for(struct nvmx_vcpu *v, uint32_t reason, uint32_t intr_info)
{
	struct nvmx_exit_info info = { .reason = reason, .intr_info = intr_info };

	take_pending_injection(v, &info);
	return nvmx_leave_l2(v, &info);
}

/*
 * Notifications of posted interrupts do not end L2's stay (SDM 29.6); an interrupt that waits behind them does, unless L2 gets what was
 * posted, which comes first (29.2.2).  L1's other processors may send them faster than they are taken: the rest waits for the next call.
 */
#define NOTIFICATIONS_AT_ONCE 16u

static enum nvmx_verdict external_interrupt(struct nvmx_vcpu *v)
{
	int vector;

	if (!(v->cur->v12->exit_ctls & NVMX_EXIT_ACK_INT))
		return leave_for(v, NVMX_XR_EXT_INT, 0);
	for (unsigned n = 0; n < NOTIFICATIONS_AT_ONCE; n++) {
		vector = v->ops->ack_interrupt(v->host);
		if (vector < 0)
			return NVMX_RESUME_L2;
		if (!nvmx_vector_sound(v, "ack_interrupt", vector))
			return NVMX_STOP;
		if (!nvmx_is_notification(v, vector))
			return leave_for(v, NVMX_XR_EXT_INT,
					 NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << NVMX_INTR_TYPE_SHIFT | ((uint32_t)vector & 0xff));
		v->ops->end_interrupt(v->host, (unsigned)vector);
		if (!nvmx_take_posted(v))
			return NVMX_STOP;
		if (nvmx_l2_virtual_interrupt(v))
			break;
	}
	return NVMX_RESUME_L2;
}

#define DR7_FIXED0 0xd000ull
#define DR7_FIXED1 0x400ull

/* L2 is left without the processor's having entered it: vmcs02 gets what the entry would have made of CR0, some bits of which stay
 * L1's, and of DR7 (SDM 26.3.2.1).  What the host owns of CR0 vmcs12 has already. */
static void as_entered(struct nvmx_vcpu *v)
{
	uint64_t cr0 = nvmx_vmread(v, NVMX_GUEST_CR0), dr7 = nvmx_vmread(v, NVMX_GUEST_DR7);
	uint64_t of_l1 = v->seen01[NVMX_SEEN_GUEST_CR0], bits = NVMX_CR0_UNTOUCHED & ~nvmx_cr0_masked01(v);

	if (of_l1 != NVMX_UNSEEN && (cr0 ^ of_l1) & bits)
		nvmx_vmwrite(v, NVMX_GUEST_CR0, (cr0 & ~bits) | (of_l1 & bits));
	if (dr7 & DR7_FIXED0 || !(dr7 & DR7_FIXED1))
		nvmx_vmwrite(v, NVMX_GUEST_DR7, (dr7 & ~DR7_FIXED0) | DR7_FIXED1);
}

/* The exit finds L2 in the state in which the host has kept it. */
static void stop_waiting(struct nvmx_vcpu *v)
{
	if (!nvmx_l2_waits(v))
		return;
	as_entered(v);
	v->cur->look02 &= (uint8_t)~NVMX_LOOK_WAITS;
	nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_WAIT_SIPI);
}

static enum nvmx_verdict startup(struct nvmx_vcpu *v)
{
	struct nvmx_exit_info info = { .reason = NVMX_XR_SIPI };
	int vector;

	stop_waiting(v);
	vector = v->ops->take_event(v->host, NVMX_PENDING_SIPI);
	if (!nvmx_vector_sound(v, "take_event", vector))
		return NVMX_STOP;
	info.qualification = (unsigned)vector; /* SDM 27.2.1 */
	return nvmx_leave_l2(v, &info);
}

/* Without virtual NMIs an NMI that L2 blocks does not exit either (SDM 24.4.2, 25.2): the host opens a window for it. */
static bool nmi_blocked(struct nvmx_vcpu *v, uint32_t pin)
{
	uint32_t by = NVMX_BLOCK_MOVSS | (pin & NVMX_PIN_VNMI ? 0 : NVMX_BLOCK_NMI);

	if (!(pin & NVMX_PIN_NMI)) /* it would be delivered, and its injection wants this too (SDM 26.3.1.5) */
		by |= NVMX_BLOCK_STI;
	return nvmx_nmis_stay_blocked(v->cur->v12) || nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & by;
}

/* The host is about to wait until vmcs02 has NMIs unblocked: an IRET of L2's may have done that, which L1 keeps from it. */
static void block_nmis(struct nvmx_vcpu *v)
{
	uint64_t blocking = nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);

	if (nvmx_nmis_stay_blocked(v->cur->v12) && !(blocking & NVMX_BLOCK_NMI)) {
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, blocking | NVMX_BLOCK_NMI);
		nvmx_vmwrite_flush(v);
	}
}

/* In the order of SDM 6.9: INIT, then NMI, then interrupts.  A wait-for-SIPI L2 sees SIPIs alone, one in shutdown no
 * interrupts (SDM 24.4.2). */
static enum nvmx_verdict deliver(struct nvmx_vcpu *v, unsigned pending)
{
	uint32_t pin = v->cur->v12->pin_ctls;
	uint64_t activity = nvmx_l2_waits(v) ? NVMX_ACTIVITY_WAIT_SIPI : nvmx_vmread(v, NVMX_GUEST_ACTIVITY);

	if (activity == NVMX_ACTIVITY_WAIT_SIPI)
		return pending & NVMX_PENDING_SIPI ? startup(v) : NVMX_RESUME_L2;
	if (activity == NVMX_ACTIVITY_SHUTDOWN)
		pending &= ~NVMX_PENDING_INTR;
	if (pending & NVMX_PENDING_SMI)
		return NVMX_HOST;
	if (pending & NVMX_PENDING_INIT) {
		v->ops->take_event(v->host, NVMX_PENDING_INIT);
		if (v->run_pending)
			as_entered(v);
		v->run_pending = false;
		return leave_for(v, NVMX_XR_INIT, 0);
	}
	if (pending & NVMX_PENDING_NMI && !nmi_blocked(v, pin)) {
		if (!(pin & NVMX_PIN_NMI))
			return NVMX_HOST;
		v->ops->take_event(v->host, NVMX_PENDING_NMI);
		return leave_for(v, NVMX_XR_EXCEPTION_NMI, NVMX_INTR_VALID | NVMX_EVENT_NMI << NVMX_INTR_TYPE_SHIFT | 2);
	}
	if (pending & NVMX_PENDING_NMI)
		block_nmis(v);
	if (pending & NVMX_PENDING_INTR && pin & NVMX_PIN_EXT_INT)
		return external_interrupt(v);
	return pending & (NVMX_PENDING_NMI | NVMX_PENDING_INTR) ? NVMX_HOST : NVMX_RESUME_L2;
}

/* Traps on the instruction that ended last come before NMIs and interrupts (SDM 6.9), which the exit or the injection of such
 * a one would lose (SDM 26.7.3): the entry delivers them.  MOV SS holds them back, and they end HLT (SDM 26.7.3). */
static bool trap_is_due(struct nvmx_vcpu *v)
{
	return !nvmx_l2_waits(v) &&
	       nvmx_vmread(v, NVMX_GUEST_PENDING_DBG) &
		       (NVMX_PENDING_DBG_ENABLED | NVMX_PENDING_DBG_BS | NVMX_PENDING_DBG_RTM) &&
	       !(nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & NVMX_BLOCK_MOVSS) &&
	       nvmx_vmread(v, NVMX_GUEST_ACTIVITY) <= NVMX_ACTIVITY_HLT;
}

/* Of the events that wait an interrupt would be the next, but L2 takes a virtual one before it (SDM 29.2.2). */
static bool virtual_interrupt_is_due(struct nvmx_vcpu *v, unsigned pending)
{
	if (!(pending & NVMX_PENDING_INTR) || pending & (NVMX_PENDING_SMI | NVMX_PENDING_INIT))
		return false;
	if (pending & NVMX_PENDING_NMI && !nmi_blocked(v, v->cur->v12->pin_ctls))
		return false;
	return nvmx_l2_virtual_interrupt(v);
}

/* A VM entry that L1 asked for comes first, and so does an event that vmcs02 still has to deliver.  An MTF VM exit and traps
 * come before all but SMI and INIT (SDM 6.9, 25.5.2): an INIT ends an entry that injects nothing before the traps that wait for it
 * (SDM 26.7.3), which the entry itself would deliver. */
static bool must_run_first(struct nvmx_vcpu *v, unsigned pending)
{
	bool strongest = pending & (NVMX_PENDING_SMI | NVMX_PENDING_INIT);
	uint32_t event;

	if (v->run_pending && (pending & (NVMX_PENDING_SMI | NVMX_PENDING_INIT)) != NVMX_PENDING_INIT)
		return true;
	event = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INTR_INFO);
	if (event & NVMX_INTR_VALID)
		return v->run_pending || !(strongest && nvmx_is_mtf(event));
	return !strongest && (trap_is_due(v) || virtual_interrupt_is_due(v, pending));
}

static unsigned pending_for_l1(struct nvmx_vcpu *v)
{
	return v->ops->pending_events ? v->ops->pending_events(v->host) : 0;
}

bool nvmx_event_precedes(struct nvmx_vcpu *v, uint32_t reason)
{
	unsigned pending;

	if (!(v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS))
		return false;
	pending = pending_for_l1(v);
	if (pending & (NVMX_PENDING_SMI | NVMX_PENDING_INIT))
		return true;
	return reason == NVMX_XR_INT_WINDOW && pending & NVMX_PENDING_NMI && !nmi_blocked(v, v->cur->v12->pin_ctls);
}

enum nvmx_verdict nvmx_check_events(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	enum nvmx_verdict verdict;
	unsigned pending;

	(void)regs;
	if (v->stop)
		return NVMX_STOP;
	if (!v->in_l2)
		return NVMX_RESUME_L1;
	nvmx_no_exit(v);
	pending = pending_for_l1(v);
	if (!pending)
		return NVMX_RESUME_L2;
	if (pending & NVMX_PENDING_INTR && !nvmx_hold_posted(v))
		return nvmx_again(v);
	if (must_run_first(v, pending)) {
		nvmx_release(v);
		return NVMX_RESUME_L2;
	}
	if (!nvmx_hold_for_exit(v)) /* before the event is taken from the host */
		return nvmx_again(v);
	verdict = deliver(v, pending);
	nvmx_release(v);
	return verdict;
}

bool nvmx_wants_immediate_exit(struct nvmx_vcpu *v)
{
	unsigned pending = v->in_l2 && !v->stop ? pending_for_l1(v) : 0;

	return pending && must_run_first(v, pending); /* also where only the processor knows whether L2 takes a virtual interrupt */
}

/*
 * RFLAGS.RF of an exit that the processor did not make (SDM 27.3.3): as in the image that a fault's delivery saves, and 1 where
 * an instruction's access failed, although the exit for the instruction, which the host has, saved 0.
 */
static bool saves_rf(const struct nvmx_exit_info *exit)
{
	uint32_t event = exit->reason == NVMX_XR_EXCEPTION_NMI ? exit->intr_info : exit->idt_info;

	if (event & NVMX_INTR_VALID)
		return NVMX_INTR_TYPE(event) == NVMX_EVENT_HW_EXC &&
		       ((event & NVMX_INTR_VECTOR) != NVMX_VECTOR_DB ||
			(exit->reason == NVMX_XR_EXCEPTION_NMI && exit->qualification & NVMX_DB_GENERAL_DETECT));
	return exit->reason == NVMX_XR_EPT_VIOLATION || exit->reason == NVMX_XR_EPT_MISCONFIG ||
	       exit->reason == NVMX_XR_PML_FULL || exit->reason == NVMX_XR_APIC_ACCESS || exit->reason == NVMX_XR_SPP;
}

/* In real mode no exception has an error code, and the exit does not say so (SDM 27.2.2, 27.2.4): L1 could not inject it again. */
static void drop_error_codes(struct nvmx_vcpu *v, struct nvmx_exit_info *exit)
{
	if (!((exit->intr_info | exit->idt_info) & NVMX_INTR_DELIVER_EC) || nvmx_vmread(v, NVMX_GUEST_CR0) & NVMX_CR0_PE)
		return;
	exit->intr_info &= ~NVMX_INTR_DELIVER_EC;
	exit->idt_info &= ~NVMX_INTR_DELIVER_EC;
}

/* The exit comes in the middle of an event's delivery, which has ended HLT and blocking by STI and MOV SS (SDM 27.1). */
static void begin_delivery(struct nvmx_vcpu *v)
{
	uint64_t blocking = nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);

	if (blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS))
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, blocking & ~(uint64_t)(NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS));
	if (nvmx_vmread(v, NVMX_GUEST_ACTIVITY) != NVMX_ACTIVITY_ACTIVE)
		nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_ACTIVE);
}

static enum nvmx_verdict leave_made(struct nvmx_vcpu *v, struct nvmx_exit_info *exit)
{
	if (exit->idt_info & NVMX_INTR_VALID)
		begin_delivery(v);
	drop_error_codes(v, exit);
	if (saves_rf(exit))
		nvmx_set_rf(v);
	return nvmx_leave_l2(v, exit);
}

enum nvmx_verdict nvmx_l2_fault(struct nvmx_vcpu *v, struct nvmx_regs *regs, const struct nvmx_fault *fault)
{
	struct nvmx_exit_info exit = { .reason = fault->exit.reason, .qualification = fault->exit.qualification,
				       .physical = fault->exit.physical, .linear = fault->linear };

	if (v->not_now)
		return nvmx_again(v);
	switch (fault->kind) {
	case NVMX_FAULT_AGAIN:
		return nvmx_execute_again(v);
	case NVMX_FAULT_EXIT:
		return leave_made(v, &exit);
	default:
		return nvmx_inject_exception(v, regs, fault->vector, true, fault->error, fault->cr2);
	}
}

enum nvmx_verdict nvmx_exit_to_l1(struct nvmx_vcpu *v, const struct nvmx_l2_exit *exit)
{
	struct nvmx_exit_info info = {
		.reason = exit->reason, .qualification = exit->qualification, .physical = exit->physical,
		.intr_info = exit->intr_info, .intr_error = exit->intr_error,
		.idt_info = exit->idt_info, .idt_error = exit->idt_error, .instr_len = exit->instr_len,
	};

	if (v->stop)
		return NVMX_STOP;
	nvmx_no_exit(v);
	if (!nvmx_hold_for_exit(v))
		return nvmx_again(v);
	withdraw_event(v);
	if (v->run_pending)
		as_entered(v);
	v->run_pending = false;
	stop_waiting(v);
	return leave_made(v, &info);
}

void nvmx_l2_ran(struct nvmx_vcpu *v)
{
	nvmx_l2_has_run(v);
}

/* What waits in the VMCS of an L2 in HLT ends that as soon as the processor enters it: what is to be delivered, traps (SDM 26.7.3), and
 * windows that are open, whoever wants the exit (25.2, 26.7.5, 26.7.6).  In that state nothing is blocked by STI or MOV SS. */
static bool leaves_hlt(struct nvmx_vcpu *v)
{
	uint64_t proc;

	if (nvmx_vmread(v, NVMX_GUEST_ACTIVITY) != NVMX_ACTIVITY_HLT)
		return false;
	if (nvmx_vmread(v, NVMX_ENTRY_INTR_INFO) & NVMX_INTR_VALID || trap_is_due(v))
		return true;
	proc = nvmx_vmread(v, NVMX_PROC_CTLS);
	return (proc & NVMX_PROC_INT_WINDOW && nvmx_vmread(v, NVMX_GUEST_RFLAGS) & NVMX_RFLAGS_IF) ||
	       (proc & NVMX_PROC_NMI_WINDOW && !(nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & NVMX_BLOCK_NMI));
}

uint64_t nvmx_l2_timer(struct nvmx_vcpu *v)
{
	if (v->stop || !v->in_l2)
		return ~0ull;
	if (leaves_hlt(v))
		return 0;
	if (!nvmx_timer_is_l1s(v, v->cur->v12))
		return ~0ull;
	return nvmx_vmread(v, NVMX_PREEMPTION_TIMER) << nvmx_timer_rate(v);
}

void nvmx_l2_slept(struct nvmx_vcpu *v, uint64_t ticks)
{
	uint64_t left, passed = ticks >> nvmx_timer_rate(v);

	if (v->stop || !v->in_l2 || !nvmx_timer_is_l1s(v, v->cur->v12))
		return;
	left = nvmx_vmread(v, NVMX_PREEMPTION_TIMER);
	nvmx_vmwrite(v, NVMX_PREEMPTION_TIMER, left > passed ? left - passed : 0);
	nvmx_vmwrite_flush(v);
}

bool nvmx_l1_wants_exception(const struct nvmx_vcpu *v, unsigned vector, uint32_t error)
{
	struct nvmx_route_in in = {
		.reason = NVMX_XR_EXCEPTION_NMI, .intr_error = error,
		.intr_info = NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT | (vector & 31),
	};

	return v->in_l2 && nvmx_route(v->cur->v12, &in) != NVMX_ROUTE_L0;
}

/* What this exception of L2 makes of the one before is L1's, which sees that alone (SDM 25.2, 27.2.4). */
static bool combined_for_l1(struct nvmx_vcpu *v, unsigned vector, struct nvmx_l2_exit *exit)
{
	*exit = (struct nvmx_l2_exit){ .reason = NVMX_XR_TRIPLE_FAULT };
	switch (nvmx_combined_with_prior(v, vector)) {
	case NVMX_DOUBLE_FAULT:
		exit->reason = NVMX_XR_EXCEPTION_NMI;
		exit->intr_info = NVMX_INTR_VALID | NVMX_INTR_DELIVER_EC | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT |
				  NVMX_VECTOR_DF;
		return nvmx_l1_wants_exception(v, NVMX_VECTOR_DF, 0);
	case NVMX_TRIPLE_FAULT: /* RF was for the first fault's stack image; here it is as the register had it (SDM 27.3.3) */
		nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, nvmx_vmread(v, NVMX_GUEST_RFLAGS) & ~NVMX_RFLAGS_RF);
		return true;
	default:
		return false;
	}
}

/* An IRET of L2 had unblocked NMIs when the access failed that the host handles now (SDM 27.2.3). */
static bool iret_unblocked(struct nvmx_vcpu *v)
{
	uint32_t reason = (uint32_t)nvmx_vmread(v, NVMX_EXIT_REASON) & 0xffff;

	if (nvmx_vmread(v, NVMX_IDT_VECTORING_INFO) & NVMX_INTR_VALID)
		return false;
	return (reason == NVMX_XR_EPT_VIOLATION && nvmx_vmread(v, NVMX_EXIT_QUALIFICATION) & NVMX_INTR_NMI_UNBLOCK) ||
	       (reason == NVMX_XR_EXCEPTION_NMI && nvmx_vmread(v, NVMX_EXIT_INTR_INFO) & NVMX_INTR_NMI_UNBLOCK);
}

/* The host meant the IRET to execute again, with NMIs blocked; but it has a fault, which leaves them unblocked. */
static bool unblock_nmi(struct nvmx_vcpu *v)
{
	uint64_t blocking = nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);

	if (!(blocking & NVMX_BLOCK_NMI) || !iret_unblocked(v))
		return false;
	nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, blocking & ~(uint64_t)NVMX_BLOCK_NMI);
	return true;
}

void nvmx_undo_going_on(struct nvmx_vcpu *v)
{
	withdraw_event(v);
	unblock_nmi(v);
}

/* The exception takes the place of the NMI in whose delivery it came, and which has blocked NMIs (SDM 6.7.1, 6.15). */
static void replace_nmi(struct nvmx_vcpu *v)
{
	if (NVMX_INTR_TYPE((uint32_t)nvmx_vmread(v, NVMX_ENTRY_INTR_INFO)) == NVMX_EVENT_NMI)
		withdraw_event(v);
}

/* What is no VM exit: the exception goes into the current guest. */
static enum nvmx_verdict inject(struct nvmx_vcpu *v, unsigned vector, bool has_error, uint32_t error, uint64_t payload)
{
	struct nvmx_l2_exit combined;
	enum nvmx_verdict verdict;

	if (vector == NVMX_VECTOR_PF) {
		nvmx_vmwrite_flush(v);
		v->ops->set_cr2(v->host, payload);
	}
	if (v->in_l2 && !v->ops->inject_l2) {
		if (combined_for_l1(v, vector, &combined))
			return nvmx_exit_to_l1(v, &combined);
		replace_nmi(v);
	}
	if (vector == NVMX_VECTOR_DB && v->ops->set_dr6) {
		nvmx_vmwrite_flush(v);
		v->ops->set_dr6(v->host, payload);
	}
	if (vector == NVMX_VECTOR_DB && payload & NVMX_DB_GENERAL_DETECT && !(v->in_l2 ? v->ops->inject_l2 : v->ops->inject_l1))
		nvmx_set_rf(v);
	verdict = nvmx_raise(v, vector, has_error, error);
	nvmx_vmwrite_flush(v);
	return verdict;
}

enum nvmx_verdict nvmx_inject_exception(struct nvmx_vcpu *v, struct nvmx_regs *regs, unsigned vector, bool has_error,
					uint32_t error, uint64_t payload)
{
	uint32_t info = nvmx_exception_info(vector & 31) | (has_error ? NVMX_INTR_DELIVER_EC : 0);
	struct nvmx_route_in in = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = info, .intr_error = error };
	struct nvmx_exit_info exit = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = info, .intr_error = error };
	enum nvmx_verdict verdict;
	bool unblocked;

	(void)regs;
	if (v->stop)
		return NVMX_STOP;
	nvmx_no_exit(v);
	if (v->in_l2 && !nvmx_hold_for_exit(v))
		return nvmx_again(v);
	unblocked = v->in_l2 && unblock_nmi(v);
	if (!v->in_l2 || nvmx_route(v->cur->v12, &in) == NVMX_ROUTE_L0) {
		verdict = inject(v, vector, has_error, error, payload);
		nvmx_release(v);
		return verdict;
	}
	if (vector == NVMX_VECTOR_PF || vector == NVMX_VECTOR_DB)
		exit.qualification = payload; /* SDM 27.2.1 */
	if (nvmx_is_software_exception(vector)) /* SDM 27.2.5 */
		exit.instr_len = NVMX_SOFTWARE_EXCEPTION_LEN;
	if (unblocked)
		exit.intr_info |= NVMX_INTR_NMI_UNBLOCK;
	take_pending_injection(v, &exit);
	return leave_made(v, &exit);
}
