/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM exits: VMX instructions of L1 and every exit of L2 go to the library first.  What it leaves to the host goes to
 * vmx_exit_process(), which works on the VMCS that is current, L1's or L2's alike.
 */
#include "bhyve.h"

#define OWNED_MSRS 32	/* from 480H on: nvmx_msr_read() */

/* Whether an exit of L1 is the library's.  VMCALL outside VMX operation comes back from it. */
static bool is_ours(const struct vmx_vcpu *vcpu, uint32_t reason)
{
	uint32_t msr = vcpu->ctx.guest_rcx;

	switch (reason) {
	case EXIT_REASON_VMCALL ... EXIT_REASON_VMXON:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
	case EXIT_REASON_VMFUNC:
		return (true);
	case EXIT_REASON_RDMSR:
	case EXIT_REASON_WRMSR:
		return (msr == MSR_IA32_FEATURE_CONTROL || msr - NVMX_CAPS_FIRST_MSR < OWNED_MSRS);
	default:
		return (false);
	}
}

/* An exception that vmcs01 and L1 both intercept is seen by bhyve first, but bhyve only looks at machine checks and NMIs. */
static bool is_l1s_exception(uint32_t reason)
{
	uint32_t info;

	if (reason != EXIT_REASON_EXCEPTION)
		return (false);
	info = vmcs_read(VMCS_EXIT_INTR_INFO);
	return ((info & VMCS_INTR_T_MASK) != VMCS_INTR_T_NMI && (info & 0xff) != IDT_MC);
}

static enum nvmx_verdict decide(struct nest *n, uint32_t reason)
{
	enum nvmx_verdict verdict;

	if (n->entry_refused) {
		n->entry_refused = false;
		return (nvmx_entry_refused(n->v));
	}
	verdict = nvmx_handle_exit(n->v, &n->regs);
	if (verdict == NVMX_HOST && nest_is_l2(n) && is_l1s_exception(reason))
		verdict = nvmx_reflect(n->v, &n->regs);
	return (verdict);
}

/* The guest that is current goes on where its VMCS says. */
static bool go_on(struct nest *n, struct vm_exit *vme, int *handled)
{
	vme->exitcode = VM_EXITCODE_BOGUS;
	vme->rip = vmcs_guest_rip();
	vme->inst_length = 0;
	n->vcpu->state.nextrip = vme->rip;
	*handled = 1;
	return (true);
}

static bool leave(struct nest *n, enum nest_leave why, struct vm_exit *vme, int *handled)
{
	n->leave = why;
	*handled = 0;
	return (nest_waits(n->vcpu, vme));
}

/* HLT of L2 has been executed: it sleeps in its VMCS, and its thread where vm_handle_hlt() puts it. */
static bool halt_l2(struct nest *n, struct vm_exit *vme, int *handled)
{
	nvmx_complete_instruction(n->v, 0, NVMX_INSN_HLT, 0);
	n->halted = true;
	vmm_stat_incr(n->vcpu->vcpu, VMEXIT_HLT, 1);
	if (nest_halts(n))
		return (leave(n, NEST_FOR_HLT, vme, handled));
	return (go_on(n, vme, handled));
}

static bool pat_is_valid(uint64_t pat)
{
	for (; pat != 0; pat >>= 8)
		if ((pat & 0xff) > 7 || (pat & 0xfe) == 2)
			return (false);
	return (true);
}

/* RDMSR or WRMSR of IA32_PAT, of which bhyve has L1's: L2's is in its VMCS. */
static bool l2s_pat(struct nest *n, bool write, struct vm_exit *vme, int *handled)
{
	struct vmxctx *c = &n->vcpu->ctx;
	uint64_t pat = (uint32_t)c->guest_rax | c->guest_rdx << 32;

	if (!write) {
		pat = vmcs_read(VMCS_GUEST_IA32_PAT);
		c->guest_rax = (uint32_t)pat;
		c->guest_rdx = pat >> 32;
	} else if (!pat_is_valid(pat)) {
		vm_inject_gp(n->vcpu->vcpu);
		return (go_on(n, vme, handled));
	} else {
		vmcs_write(VMCS_GUEST_IA32_PAT, pat);
	}
	nvmx_complete_instruction(n->v, 0, 0, 0);
	return (go_on(n, vme, handled));
}

/* An exit of L2 that L1 did not ask for.  False: as bhyve has it for L1. */
static bool hosts_exit(struct nest *n, uint32_t reason, struct vm_exit *vme, int *handled)
{
	uint64_t gpa;
	unsigned access;

	switch (reason) {
	case EXIT_REASON_INTR_WINDOW:
	case EXIT_REASON_NMI_WINDOW:
		nest_window_close(n, reason);
		return (go_on(n, vme, handled));
	case EXIT_REASON_HLT:
		return (halt_l2(n, vme, handled));
	case EXIT_REASON_RDMSR:
	case EXIT_REASON_WRMSR:
		if ((uint32_t)n->vcpu->ctx.guest_rcx == MSR_PAT)
			return (l2s_pat(n, reason == EXIT_REASON_WRMSR, vme, handled));
		n->emulating = true;
		return (false);
	case EXIT_REASON_EPT_MISCONFIG:
		if (!nvmx_host_fault(n->v, &gpa, &access))
			return (false);
		go_on(n, vme, handled);
		vme->exitcode = VM_EXITCODE_PAGING;
		vme->u.paging.gpa = gpa;
		vme->u.paging.fault_type = (access & NVMX_ACCESS_W) != 0 ? VM_PROT_WRITE : VM_PROT_READ;
		*handled = 0;
		return (true);
	default:
		n->emulating = true;
		return (false);
	}
}

static bool conclude(struct nest *n, enum nvmx_verdict verdict, struct vm_exit *vme, int *handled)
{
	switch (verdict) {
	case NVMX_AGAIN:
		nest_await(n, NEST_EXIT);
		return (leave(n, NEST_FOR_PAGE, vme, handled));
	case NVMX_STOP:
		nest_stopped(n);
		return (n->leave == NEST_STAY ? go_on(n, vme, handled) : leave(n, n->leave, vme, handled));
	case NVMX_HOST:
		return (hosts_exit(n, vme->u.vmx.exit_reason, vme, handled));
	default:
		return (go_on(n, vme, handled));
	}
}

bool nest_exit(struct vmx_vcpu *vcpu, struct vm_exit *vme, int *handled)
{
	struct nest *n = vcpu->nest;
	uint32_t reason = vme->u.vmx.exit_reason;
	enum nvmx_verdict verdict;
	bool was_l2;

	if (n == NULL)
		return (false);
	was_l2 = !n->away && nest_is_l2(n);
	if (!was_l2 && !is_ours(vcpu, reason))
		return (false);
	n->no_exit = false;
	n->again = NEST_NOTHING;
	if (n->away)
		nest_unpark(n);
	if (!was_l2)
		nest_tell_changes(n);
	nest_begin(n);
	verdict = decide(n, reason);
	nest_end(n);
	if (verdict == NVMX_HOST && !was_l2)
		return (false);
	if (verdict == NVMX_RESUME_L2 && !was_l2) {
		n->halted = true; /* perhaps: nest_halts() looks */
		nest_follow_caps(n);
	}
	if (!conclude(n, verdict, vme, handled))
		return (false);
	vmm_stat_incr(vcpu->vcpu, VMEXIT_COUNT, 1);
	return (true);
}

void nest_complete(struct vmx_vcpu *vcpu, struct vm_exit *vme)
{
	struct nest *n = vcpu->nest;

	if (!nest_in_l2(vcpu) || vme->inst_length == 0)
		return;
	n->emulating = false;
	nvmx_complete_instruction(n->v, vme->inst_length, 0, 0);
	vme->rip = vmcs_guest_rip();
	vme->inst_length = 0;
}

uint64_t nest_fault_gpa(struct vmx_vcpu *vcpu, uint64_t gpa)
{
	unsigned access;

	if (nest_in_l2(vcpu))
		nvmx_host_fault(vcpu->nest->v, &gpa, &access);
	return (gpa);
}

bool nest_in_l2(const struct vmx_vcpu *vcpu)
{
	return (vcpu->nest != NULL && nest_is_l2(vcpu->nest));
}

bool nest_busy(const struct vmx_vcpu *vcpu)
{
	return (vcpu->nest != NULL && vcpu->nest->again != NEST_NOTHING);
}

bool nest_cr_refused(struct vmx_vcpu *vcpu, u_int cr, uint64_t value)
{
	struct nest *n = vcpu->nest;

	if (n == NULL)
		return (false);
	if (cr == 4 && (value & nvmx_caps_cr4_hidden(nvmx_vm_caps(n->vm->lib))) != 0)
		return (true);
	return (nvmx_l1_cr_check(n->v, cr, value) != 0);
}
