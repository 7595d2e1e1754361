/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Events that do not come from an exit: L1's interrupts in a host that owns them, and exceptions that the host found.
 */
#include "l1.h"
#include "port.h"
#include "route.h"

/* The event that vmcs02 was to deliver when L2 is left without having run becomes IDT-vectoring information. */
static void take_pending_injection(struct nvmx_vcpu *v, struct nvmx_exit_info *info)
{
	uint32_t event = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INTR_INFO);

	if (!(event & NVMX_INTR_VALID))
		return;
	info->idt_info = event;
	info->idt_error = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_EXC_ERROR_CODE);
	if (NVMX_INTR_TYPE(event) >= NVMX_EVENT_SW_INT)
		info->instr_len = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INSTR_LEN);
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, 0);
}

static enum nvmx_verdict leave_for(struct nvmx_vcpu *v, uint32_t reason, uint32_t intr_info)
{
	struct nvmx_exit_info info = { .reason = reason, .intr_info = intr_info };

	take_pending_injection(v, &info);
	return nvmx_leave_l2(v, &info);
}

static enum nvmx_verdict external_interrupt(struct nvmx_vcpu *v)
{
	int vector;

	if (!(v->cur->v12->exit_ctls & NVMX_EXIT_ACK_INT))
		return leave_for(v, NVMX_XR_EXT_INT, 0);
	vector = v->ops->ack_interrupt(v->host);
	if (vector < 0)
		return NVMX_RESUME_L2;
	return leave_for(v, NVMX_XR_EXT_INT,
			 NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << NVMX_INTR_TYPE_SHIFT | ((uint32_t)vector & 0xff));
}

/* The exit finds L2 in the state in which the host has kept it. */
static void stop_waiting(struct nvmx_vcpu *v)
{
	if (!nvmx_l2_waits(v))
		return;
	v->cur->look02 &= (uint8_t)~NVMX_LOOK_WAITS;
	nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_WAIT_SIPI);
}

static enum nvmx_verdict startup(struct nvmx_vcpu *v)
{
	struct nvmx_exit_info info = { .reason = NVMX_XR_SIPI };

	stop_waiting(v);
	info.qualification = (uint8_t)v->ops->take_event(v->host, NVMX_PENDING_SIPI); /* SDM 27.2.1 */
	return nvmx_leave_l2(v, &info);
}

/* Without virtual NMIs an NMI that L2 blocks does not exit either (SDM 24.4.2, 25.2): the host opens a window for it. */
static bool nmi_blocked(struct nvmx_vcpu *v, uint32_t pin)
{
	uint32_t by = NVMX_INTR_BLOCK_MOVSS | (pin & NVMX_PIN_VNMI ? 0 : NVMX_INTR_BLOCK_NMI);

	if (!(pin & NVMX_PIN_NMI)) /* it would be delivered, and its injection wants this too (SDM 26.3.1.5) */
		by |= NVMX_INTR_BLOCK_STI;
	return nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & by;
}

/* In the order of SDM 6.9: INIT, then NMI, then interrupts.  A wait-for-SIPI L2 sees SIPIs alone (SDM 24.4.2). */
static enum nvmx_verdict deliver(struct nvmx_vcpu *v, unsigned pending)
{
	uint32_t pin = v->cur->v12->pin_ctls;
	bool wait_sipi = nvmx_l2_waits(v) || nvmx_vmread(v, NVMX_GUEST_ACTIVITY) == NVMX_ACTIVITY_WAIT_SIPI;

	if (wait_sipi)
		return pending & NVMX_PENDING_SIPI ? startup(v) : NVMX_RESUME_L2;
	if (pending & NVMX_PENDING_SMI)
		return NVMX_HOST;
	if (pending & NVMX_PENDING_INIT) {
		v->ops->take_event(v->host, NVMX_PENDING_INIT);
		return leave_for(v, NVMX_XR_INIT, 0);
	}
	if (pending & NVMX_PENDING_NMI && !nmi_blocked(v, pin)) {
		if (!(pin & NVMX_PIN_NMI))
			return NVMX_HOST;
		v->ops->take_event(v->host, NVMX_PENDING_NMI);
		return leave_for(v, NVMX_XR_EXCEPTION_NMI, NVMX_INTR_VALID | NVMX_EVENT_NMI << NVMX_INTR_TYPE_SHIFT | 2);
	}
	if (pending & NVMX_PENDING_INTR && pin & NVMX_PIN_EXT_INT)
		return external_interrupt(v);
	return pending & (NVMX_PENDING_NMI | NVMX_PENDING_INTR) ? NVMX_HOST : NVMX_RESUME_L2;
}

/* A VM entry that L1 asked for comes first, and so does an event that vmcs02 still has to deliver. */
static bool must_run_first(struct nvmx_vcpu *v)
{
	return v->run_pending || nvmx_vmread(v, NVMX_ENTRY_INTR_INFO) & NVMX_INTR_VALID;
}

static unsigned pending_for_l1(struct nvmx_vcpu *v)
{
	return v->ops->pending_events ? v->ops->pending_events(v->host) : 0;
}

bool nvmx_precedes_window(struct nvmx_vcpu *v)
{
	unsigned pending = v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS ? pending_for_l1(v) : 0;

	return pending & NVMX_PENDING_INIT || (pending & NVMX_PENDING_NMI && !nmi_blocked(v, v->cur->v12->pin_ctls));
}

enum nvmx_verdict nvmx_check_events(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	unsigned pending;

	(void)regs;
	if (v->stop)
		return NVMX_STOP;
	if (!v->in_l2)
		return NVMX_RESUME_L1;
	pending = pending_for_l1(v);
	if (!pending || must_run_first(v))
		return NVMX_RESUME_L2;
	return deliver(v, pending);
}

bool nvmx_wants_immediate_exit(struct nvmx_vcpu *v)
{
	return !v->stop && v->in_l2 && pending_for_l1(v) && must_run_first(v);
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
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, 0);
	v->run_pending = false;
	stop_waiting(v);
	return nvmx_leave_l2(v, &info);
}

void nvmx_l2_ran(struct nvmx_vcpu *v)
{
	nvmx_l2_has_run(v);
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
		exit->intr_info = NVMX_INTR_VALID | NVMX_INTR_DELIVER_EC | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT | NVMX_DF;
		return nvmx_l1_wants_exception(v, NVMX_DF, 0);
	case NVMX_TRIPLE_FAULT: /* RF was for the first fault's stack image; here it is as the register had it (SDM 27.3.3) */
		nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, nvmx_vmread(v, NVMX_GUEST_RFLAGS) & ~NVMX_RFLAGS_RF);
		return true;
	default:
		return false;
	}
}

enum nvmx_verdict nvmx_inject_exception(struct nvmx_vcpu *v, struct nvmx_regs *regs, unsigned vector, bool has_error,
					uint32_t error, uint64_t cr2)
{
	uint32_t info = NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT | (vector & 31) |
			(has_error ? NVMX_INTR_DELIVER_EC : 0);
	struct nvmx_route_in in = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = info, .intr_error = error };
	struct nvmx_exit_info exit = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = info, .intr_error = error };

	enum nvmx_verdict verdict;
	struct nvmx_l2_exit combined;

	(void)regs;
	if (v->stop)
		return NVMX_STOP;
	if (v->in_l2 && nvmx_route(v->cur->v12, &in) != NVMX_ROUTE_L0) {
		exit.qualification = vector == NVMX_PF ? cr2 : 0;
		take_pending_injection(v, &exit);
		if (vector != NVMX_DB) /* as the image of a fault's delivery would have it (SDM 27.3.3) */
			nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, nvmx_vmread(v, NVMX_GUEST_RFLAGS) | NVMX_RFLAGS_RF);
		return nvmx_leave_l2(v, &exit);
	}
	if (vector == NVMX_PF) {
		nvmx_vmwrite_flush(v);
		v->ops->set_cr2(v->host, cr2);
	}
	if (v->in_l2 && !v->ops->inject_l2 && combined_for_l1(v, vector, &combined))
		return nvmx_exit_to_l1(v, &combined);
	verdict = nvmx_raise(v, vector, has_error, error);
	nvmx_vmwrite_flush(v);
	return verdict;
}
