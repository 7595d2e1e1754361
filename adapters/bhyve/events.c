/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events for a vCPU whose L2 runs: what L1 intercepts ends L2's stay, what it does not goes into L2 (nest_inject()).
 */
#include "bhyve.h"

#define BLOCKED_INTR (VMCS_INTERRUPTIBILITY_STI_BLOCKING | VMCS_INTERRUPTIBILITY_MOVSS_BLOCKING)
#define BLOCKED_NMI (BLOCKED_INTR | VMCS_INTERRUPTIBILITY_NMI_BLOCKING)
#define DR6_CONDITIONS (0xful | 1ul << 13 | 1ul << 14)

static int apic_vector(struct nest *n)
{
	int vector;

	if (nest_has_vid(n))
		return (nest_vid_pending(n));
	return (vlapic_pending_intr(vm_lapic(n->vcpu->vcpu), &vector) != 0 ? vector : -1);
}

unsigned nest_op_pending_events(struct nvmx_host *h)
{
	struct nest *n = nest_of_host(h);
	struct vcpu *vcpu = n->vcpu->vcpu;
	unsigned events = 0;

	if (nest_interrupts_masked(n->vcpu))
		return (0);
	if (vm_nmi_pending(vcpu))
		events |= NVMX_PENDING_NMI;
	if (vm_extint_pending(vcpu) || apic_vector(n) >= 0)
		events |= NVMX_PENDING_INTR;
	return (events);
}

/* The virtual PIC's comes first, as in vmx_inject_interrupts(). */
int nest_op_ack_interrupt(struct nvmx_host *h)
{
	struct nest *n = nest_of_host(h);
	struct vcpu *vcpu = n->vcpu->vcpu;
	struct vm *vm = n->vcpu->vmx->vm;
	int vector;

	if (vm_extint_pending(vcpu)) {
		vatpic_pending_intr(vm, &vector);
		vm_extint_clear(vcpu);
		vatpic_intr_accepted(vm, vector);
		return (vector);
	}
	vector = apic_vector(n);
	if (vector < 0)
		return (-1);
	if (nest_has_vid(n))
		nest_vid_accept(n, vector);
	else
		vlapic_intr_accepted(vm_lapic(vcpu), vector);
	return (vector);
}

int nest_op_take_event(struct nvmx_host *h, unsigned event)
{
	KASSERT(event == NVMX_PENDING_NMI, ("%s: event %#x was not pending", __func__, event));
	vm_nmi_clear(nest_of_host(h)->vcpu->vcpu);
	return (0);
}

static void window_open(uint32_t control)
{
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, vmcs_read(VMCS_PRI_PROC_BASED_CTLS) | control);
}

/* A window of the adapter's in vmcs02; L1's own is L1's exit.  One that L2 has left open costs an exit another time. */
void nest_window_close(struct nest *n, uint32_t reason)
{
	uint32_t control = reason == EXIT_REASON_NMI_WINDOW ? PROCBASED_NMI_WINDOW_EXITING : PROCBASED_INT_WINDOW_EXITING;
	const struct nvmx_vmcs12 *v12;
	struct nvmx_view view;

	nvmx_view(n->v, &view, sizeof(view));
	v12 = view.vmcs12;
	if ((v12->proc_ctls & control) == 0)
		vmcs_write(VMCS_PRI_PROC_BASED_CTLS, vmcs_read(VMCS_PRI_PROC_BASED_CTLS) & ~(uint64_t)control);
}

static bool entry_is_free(void)
{
	return ((vmcs_read(VMCS_ENTRY_INTR_INFO) & VMCS_INTR_VALID) == 0);
}

/* What L1 does not intercept goes into L2, which is current, as soon as that is open for it. */
static void into_l2(struct nest *n)
{
	struct nvmx_host *h = (struct nvmx_host *)n;
	unsigned pending = nest_op_pending_events(h);
	uint64_t blocked = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	int vector;

	if ((pending & NVMX_PENDING_NMI) != 0) {
		if ((blocked & BLOCKED_NMI) == 0 && entry_is_free()) {
			nest_op_take_event(h, NVMX_PENDING_NMI);
			vmcs_write(VMCS_ENTRY_INTR_INFO, VMCS_INTR_VALID | VMCS_INTR_T_NMI | IDT_NMI);
		} else {
			window_open(PROCBASED_NMI_WINDOW_EXITING);
		}
	}
	if ((pending & NVMX_PENDING_INTR) == 0)
		return;
	if ((blocked & BLOCKED_INTR) != 0 || (vmcs_read(VMCS_GUEST_RFLAGS) & PSL_I) == 0 || !entry_is_free()) {
		window_open(PROCBASED_INT_WINDOW_EXITING);
		return;
	}
	vector = nest_op_ack_interrupt(h);
	if (vector >= 0)
		vmcs_write(VMCS_ENTRY_INTR_INFO, VMCS_INTR_VALID | VMCS_INTR_T_HWINTR | vector);
}

/* What bhyve or its user has queued for the guest, as vm_entry_intinfo() has it. */
static enum nvmx_verdict exception(struct nest *n, uint64_t info)
{
	unsigned vector = VM_INTINFO_VECTOR(info);
	uint64_t payload = 0;

	if (vector == IDT_BP || vector == IDT_OF) /* by INT3 and INTO, which L1 does not intercept: exit.c */
		info = (info & ~(uint64_t)VM_INTINFO_TYPE) | VMCS_INTR_T_SWEXCEPTION;
	if ((info & VM_INTINFO_TYPE) != VM_INTINFO_HWEXCEPTION) {
		if ((info & VM_INTINFO_DEL_ERRCODE) != 0)
			vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, info >> 32);
		vmcs_write(VMCS_ENTRY_INTR_INFO, info & 0xffffffff);
		return (NVMX_RESUME_L2);
	}
	if (vector == IDT_PF)
		payload = n->vcpu->ctx.guest_cr2;
	else if (vector == IDT_DB)
		payload = n->vcpu->ctx.guest_dr6 & DR6_CONDITIONS;
	return (nvmx_inject_exception(n->v, &n->regs, vector, (info & VM_INTINFO_DEL_ERRCODE) != 0, info >> 32, payload));
}

/* An exit or an exception of the adapter's or bhyve's comes before what waits for L1. */
static enum nvmx_verdict next_event(struct nest *n, enum nest_again *call)
{
	*call = n->again;
	n->again = NEST_NOTHING;
	if (*call == NEST_OWN_EXIT)
		return (nvmx_exit_to_l1(n->v, &n->exit));
	if (*call == NEST_EXCEPTION) {
		enum nvmx_verdict verdict = exception(n, n->event);

		if (verdict != NVMX_RESUME_L2)
			return (verdict);
	}
	*call = NEST_EVENTS;
	return (nvmx_check_events(n->v, &n->regs));
}

static void attend(struct nest *n)
{
	enum nest_again call;

	switch (next_event(n, &call)) {
	case NVMX_AGAIN:
		nest_await(n, call);
		n->leave = NEST_FOR_PAGE;
		break;
	case NVMX_STOP:
		nest_stopped(n);
		break;
	case NVMX_HOST:
		into_l2(n);
		break;
	default:
		break;
	}
}

bool nest_inject(struct vmx_vcpu *vcpu, register_t *rip)
{
	struct nest *n = vcpu->nest;

	if (n == NULL || n->away)
		return (false);
	if (n->again == NEST_EXIT)
		return (true);
	if (!nest_is_l2(n))
		return (false);
	if (n->again == NEST_NOTHING && vm_entry_intinfo(vcpu->vcpu, &n->event) != 0)
		n->again = NEST_EXCEPTION;
	if (n->again != NEST_NOTHING || nest_op_pending_events((struct nvmx_host *)n) != 0) {
		nest_begin(n);
		attend(n);
		nest_end(n);
		*rip = vcpu->state.nextrip = vmcs_guest_rip();
		if (!nest_is_l2(n))
			return (false);
		if (nvmx_wants_immediate_exit(n->v)) { /* halted or not: the thread would not sleep */
			lapic_ipi_vectored(nest_kick_vector, APIC_IPI_DEST_SELF);
			return (true);
		}
	}
	if (n->leave == NEST_STAY && nest_halts(n))
		n->leave = NEST_FOR_HLT;
	return (true);
}
