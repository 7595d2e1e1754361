/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The exit loop's one call: an exit of L1 is a VMX instruction or the host's; an exit of L2 is routed.
 */
#include "hold.h"
#include "instr.h"
#include "merge.h"
#include "port.h"
#include "route.h"
#include "trace.h"
#include "../ept/ept.h"

enum nvmx_verdict nvmx_stop_vm(struct nvmx_vcpu *v, enum nvmx_stop why, uint64_t detail)
{
	if (!v->stop) { /* the first one counts */
		v->stop = why;
		v->stop_detail = detail;
		v->stop_info = (struct nvmx_error_info){ 0 };
		NVMX_TRACE(v, STOP, why, detail, 0);
	}
	nvmx_release(v);
	nvmx_vmwrite_flush(v);
	return NVMX_STOP;
}

/* The event whose delivery an exit interrupted goes in again, where L1 does not see that exit (SDM 27.2.4).  L2 is active, and nothing
 * is blocked by STI or MOV SS (27.1), so that no single step need be pending either (26.3.1.5). */
static void reinject(struct nvmx_vcpu *v)
{
	uint32_t info = (uint32_t)nvmx_vmread(v, NVMX_IDT_VECTORING_INFO);
	uint32_t type = NVMX_INTR_TYPE(info), block;

	if (!(info & NVMX_INTR_VALID) || v->vm->flags & NVMX_HOST_REINJECTS)
		return;
	if (type == NVMX_EVENT_NMI) { /* its own delivery must not find NMIs blocked */
		block = (uint32_t)nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, block & ~NVMX_BLOCK_NMI);
	}
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, info & ~NVMX_INTR_NMI_UNBLOCK);
	if (info & NVMX_INTR_DELIVER_EC)
		nvmx_vmwrite(v, NVMX_ENTRY_EXC_ERROR_CODE, nvmx_vmread(v, NVMX_IDT_VECTORING_ERROR_CODE));
	if (type >= NVMX_EVENT_SW_INT)
		nvmx_vmwrite(v, NVMX_ENTRY_INSTR_LEN, nvmx_vmread(v, NVMX_EXIT_INSTR_LEN));
}

static enum nvmx_verdict resume_l2(struct nvmx_vcpu *v)
{
	v->counters[NVMX_CNT_EXIT_L0]++;
	NVMX_TRACE_ROUTED(v, NVMX_OWNER_LIBRARY);
	nvmx_vmwrite_flush(v);
	return NVMX_RESUME_L2;
}

static enum nvmx_verdict resume_to_execute_again(struct nvmx_vcpu *v)
{
	nvmx_execute_again(v);
	return resume_l2(v);
}

static enum nvmx_verdict to_host(struct nvmx_vcpu *v)
{
	v->counters[NVMX_CNT_EXIT_HOST]++;
	NVMX_TRACE_ROUTED(v, NVMX_OWNER_HOST);
	nvmx_vmwrite_flush(v);
	return NVMX_HOST;
}

static enum nvmx_verdict to_l1(struct nvmx_vcpu *v, uint32_t reason)
{
	NVMX_TRACE_ROUTED(v, NVMX_OWNER_L1);
	return nvmx_leave_l2_as_it_exited(v, reason);
}

/* L1 wants the exit, as far as its memory could be read. */
static enum nvmx_verdict wanted(struct nvmx_vcpu *v, uint32_t reason)
{
	return v->not_now ? nvmx_again(v) : to_l1(v, reason);
}

/* An IRET that faulted had already unblocked NMIs; it will execute again.  Undefined if an event was being delivered (27.2.3):
 * bit 12 of the exit qualification or, of an exception, of the interruption information. */
static void block_nmi_again(struct nvmx_vcpu *v, uint64_t information)
{
	if (information & NVMX_INTR_NMI_UNBLOCK && !(nvmx_vmread(v, NVMX_IDT_VECTORING_INFO) & NVMX_INTR_VALID))
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY,
			     nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) | NVMX_BLOCK_NMI);
}

static enum nvmx_verdict fault_to_host(struct nvmx_vcpu *v, uint64_t gpa, unsigned access, uint64_t qualification)
{
	v->fault_gpa = gpa;
	v->fault_access = access;
	block_nmi_again(v, qualification);
	reinject(v);
	return to_host(v);
}

/* After an EPT misconfiguration it is undefined (SDM 27.2.1): taken for that of a read, which every access implies. */
static uint64_t ept_qualification(struct nvmx_vcpu *v, uint32_t reason)
{
	return (reason & 0xffff) == NVMX_XR_EPT_MISCONFIG ? NVMX_ACCESS_R : nvmx_vmread(v, NVMX_EXIT_QUALIFICATION);
}

static enum nvmx_verdict ept_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	uint64_t gpa = nvmx_vmread(v, NVMX_GUEST_PHYS_ADDR);
	uint64_t qualification = ept_qualification(v, reason);
	struct nvmx_ept_fault fault;
	struct nvmx_exit_info info;
	enum nvmx_ept_answer answer = nvmx_ept_violation(v, nvmx_ept_role(v->cur->v12), gpa, qualification, &fault);

	NVMX_TRACE(v, FILL, gpa, qualification, answer);
	switch (answer) {
	case NVMX_EPT_RETRY:
		block_nmi_again(v, qualification);
		reinject(v);
		v->counters[NVMX_CNT_EPT_FAULT]++;
		return resume_l2(v);
	case NVMX_EPT_TO_L1:
		if (!nvmx_hold_for_exit(v))
			return nvmx_again(v);
		NVMX_TRACE_ROUTED(v, NVMX_OWNER_L1);
		nvmx_exit_info_read(v, reason, &info);
		info.reason = fault.reason;
		info.qualification = fault.qualification;
		info.physical = gpa;
		if (!fault.suppress_ve && nvmx_ve(v, &info))
			return nvmx_inject_exception(v, regs, NVMX_VECTOR_VE, false, 0, 0);
		return v->not_now ? nvmx_again(v) : nvmx_leave_l2(v, &info);
	case NVMX_EPT_NOT_NOW:
		return nvmx_again(v);
	case NVMX_EPT_TO_HOST:
		return fault_to_host(v, fault.gpa1, fault.access, qualification);
	default:
		return nvmx_stop_vm(v, NVMX_STOP_NO_MEMORY, gpa);
	}
}

static void set_edx_eax(struct nvmx_regs *regs, uint64_t value)
{
	regs->gpr[0] = (uint32_t)value;
	regs->gpr[2] = value >> 32;
}

/* RDMSR, WRMSR: ECX and EDX:EAX.  With an immediate: the MSR is in the exit qualification, the register in the instruction
 * information (SDM 27.2.1, 27.2.5). */
struct msr_access {
	uint32_t msr;
	int reg; /* -1: EDX:EAX */
	bool write;
};

static struct msr_access msr_access(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint32_t basic)
{
	struct msr_access a = { (uint32_t)regs->gpr[1], -1, basic == NVMX_XR_WRMSR || basic == NVMX_XR_WRMSRNS_IMM };

	if (basic >= NVMX_XR_RDMSR_IMM) {
		a.msr = (uint32_t)nvmx_vmread(v, NVMX_EXIT_QUALIFICATION);
		a.reg = (int)(nvmx_vmread(v, NVMX_EXIT_INSTR_INFO) >> 3 & 15);
	}
	return a;
}

static uint64_t msr_source(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct msr_access *a)
{
	if (a->reg < 0)
		return regs->gpr[2] << 32 | (uint32_t)regs->gpr[0];
	return a->reg == NVMX_RSP ? nvmx_vmread(v, NVMX_GUEST_RSP) : regs->gpr[a->reg];
}

static void msr_destination(struct nvmx_vcpu *v, struct nvmx_regs *regs, const struct msr_access *a, uint64_t value)
{
	if (a->reg < 0)
		set_edx_eax(regs, value);
	else if (a->reg == NVMX_RSP)
		nvmx_vmwrite(v, NVMX_GUEST_RSP, value);
	else
		regs->gpr[a->reg] = value;
}

static enum nvmx_verdict msr_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, const struct msr_access *a)
{
	uint64_t value = a->write ? msr_source(v, regs, a) : 0;
	int own = a->write ? nvmx_msr_write(v, a->msr, value) : nvmx_msr_read(v, a->msr, &value);

	if (own < 0)
		return nvmx_inject_exception(v, regs, NVMX_VECTOR_GP, true, 0, 0);
	if (own > 0 && !v->in_l2)
		return NVMX_HOST;
	if (own > 0)
		return nvmx_open_msr(v, a->msr, a->write) ? resume_to_execute_again(v) : to_host(v);
	if (!a->write)
		msr_destination(v, regs, a, value);
	nvmx_skip(v);
	nvmx_vmwrite_flush(v);
	return v->in_l2 ? resume_l2(v) : NVMX_RESUME_L1;
}

static enum nvmx_verdict l2_msr(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	struct msr_access a = msr_access(v, regs, reason & 0xffff);

	if (nvmx_l1_wants_msr(v, a.msr, a.write))
		return wanted(v, reason);
	return msr_exit(v, regs, &a);
}

static enum nvmx_verdict l2_io(struct nvmx_vcpu *v, uint32_t reason)
{
	uint64_t qualification = nvmx_vmread(v, NVMX_EXIT_QUALIFICATION);

	if (nvmx_l1_wants_io(v, qualification))
		return wanted(v, reason);
	return nvmx_open_io(v, qualification) ? resume_to_execute_again(v) : to_host(v);
}

static enum nvmx_verdict l2_encls(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	uint32_t leaf = (uint32_t)regs->gpr[0];

	/* SDM 25.1.3: leaves above 62 share bit 63 */
	return v->cur->v12->encls_exit_bitmap >> (leaf < 63 ? leaf : 63) & 1 ? to_l1(v, reason) : to_host(v);
}

static enum nvmx_verdict l2_vmfunc(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint32_t reason)
{
	struct nvmx_slot *s = v->cur;

	if (!nvmx_vmfunc(v, regs))
		return wanted(v, reason);
	if (!nvmx_load_eptp(v, s))
		return nvmx_stop_vm(v, NVMX_STOP_NO_MEMORY, 0);
	if (s->look02 & NVMX_LOOK_EPTP) /* the next time without an exit */
		nvmx_ept_list_add(v, (uint32_t)regs->gpr[1], nvmx_ept_role(s->v12));
	return resume_l2(v);
}

static enum nvmx_verdict l2_vmcs_access(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	enum nvmx_verdict verdict;

	if (!nvmx_l2_shadow_access(v, regs, (reason & 0xffff) == NVMX_XR_VMWRITE, &verdict))
		return wanted(v, reason);
	return verdict == NVMX_RESUME_L2 ? resume_l2(v) : verdict;
}

/* An exit that the delivery of an event may run into, or an IRET: unless the host makes another of it, L2 goes on with that. */
static void interrupted(struct nvmx_vcpu *v, const struct nvmx_route_in *in)
{
	if (in->reason == NVMX_XR_EXCEPTION_NMI && NVMX_INTR_TYPE(in->intr_info) == NVMX_EVENT_HW_EXC)
		block_nmi_again(v, (in->intr_info & NVMX_INTR_VECTOR) == NVMX_VECTOR_DF ? 0 : in->intr_info);
	else if (in->reason == NVMX_XR_PML_FULL || in->reason == NVMX_XR_NOTIFY)
		block_nmi_again(v, nvmx_vmread(v, NVMX_EXIT_QUALIFICATION));
	reinject(v);
}

/* They exit wherever the processor has SEAM, at any CPL (SDM vol. 2D, SEAMCALL, TDCALL; appendix C).  No guest has: #UD. */
static bool is_seam(uint32_t reason)
{
	return reason == NVMX_XR_SEAMCALL || reason == NVMX_XR_TDCALL;
}

static enum nvmx_verdict l2_for_l0(struct nvmx_vcpu *v, struct nvmx_regs *regs, const struct nvmx_route_in *in)
{
	enum nvmx_verdict verdict;
	uint64_t qualification;

	if (is_seam(in->reason))
		return nvmx_inject_exception(v, regs, NVMX_VECTOR_UD, false, 0, 0);
	if (in->reason == NVMX_XR_CR_ACCESS && !(v->vm->flags & NVMX_HOST_EMULATES_CR)) {
		verdict = nvmx_l2_cr_access(v, regs, in->qualification);
		return verdict == NVMX_RESUME_L2 ? resume_l2(v) : verdict == NVMX_HOST ? to_host(v) : verdict;
	}
	if (in->reason == NVMX_XR_EPT_VIOLATION || in->reason == NVMX_XR_EPT_MISCONFIG) {
		qualification = ept_qualification(v, in->reason);
		return fault_to_host(v, nvmx_vmread(v, NVMX_GUEST_PHYS_ADDR), qualification & 7, qualification);
	}
	if (in->reason == NVMX_XR_EXCEPTION_NMI || in->reason == NVMX_XR_PML_FULL || in->reason == NVMX_XR_APIC_ACCESS ||
	    in->reason == NVMX_XR_SPP || in->reason == NVMX_XR_NOTIFY)
		interrupted(v, in);
	return to_host(v);
}

/* What made L2 exit for its sake, so that it goes in, may be weaker than this one and came behind it: the stronger event, which
 * waits, goes first, and the exit comes again.  MTF's would not by itself: it stays pending, for after an SMI; an INIT takes its place. */
static bool between_instructions(uint32_t reason)
{
	return reason == NVMX_XR_INT_WINDOW || reason == NVMX_XR_NMI_WINDOW || reason == NVMX_XR_MTF ||
	       reason == NVMX_XR_PREEMPTION_TIMER;
}

static enum nvmx_verdict exit_of_l1s(struct nvmx_vcpu *v, uint32_t reason)
{
	if (!between_instructions(reason & 0xffff) || !nvmx_event_precedes(v, reason & 0xffff))
		return to_l1(v, reason);
	if ((reason & 0xffff) == NVMX_XR_MTF)
		nvmx_begin_mtf(v);
	return resume_l2(v);
}

static enum nvmx_verdict entry_failure(struct nvmx_vcpu *v, uint32_t reason)
{
	return nvmx_is_hosts_mce(v, reason & 0xffff) ? to_host(v) : nvmx_entry_exit(v, reason & 0xffff);
}

static enum nvmx_verdict routed_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	struct nvmx_route_in in = { .reason = reason & 0xffff };

	switch (nvmx_route_exit(v, regs, &in)) {
	case NVMX_ROUTE_L0: return l2_for_l0(v, regs, &in);
	case NVMX_ROUTE_EPT: return ept_exit(v, regs, reason);
	case NVMX_ROUTE_MSR_BITMAP: return l2_msr(v, regs, reason);
	case NVMX_ROUTE_IO_BITMAP: return l2_io(v, reason);
	case NVMX_ROUTE_VMCS_BITMAP: return l2_vmcs_access(v, regs, reason);
	case NVMX_ROUTE_VMFUNC: return l2_vmfunc(v, regs, reason);
	case NVMX_ROUTE_ENCLS_BITMAP: return l2_encls(v, regs, reason);
	default: return exit_of_l1s(v, reason);
	}
}

static __attribute__((__noinline__)) enum nvmx_verdict other_l2_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	if (reason & NVMX_XR_ENTRY_FAILURE)
		return entry_failure(v, reason);
	nvmx_l2_has_run(v);
	if ((reason & 0xffff) == NVMX_XR_EPT_VIOLATION && nvmx_route_ept(v->cur->v12)) /* no other is as frequent */
		return ept_exit(v, regs, reason);
	return routed_exit(v, regs, reason);
}

static enum nvmx_verdict l2_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	if (!nvmx_route_always(reason & (0xffff | NVMX_XR_ENTRY_FAILURE)))
		return other_l2_exit(v, regs, reason);
	nvmx_l2_has_run(v);
	return to_l1(v, reason);
}

static inline enum nvmx_verdict flushed(struct nvmx_vcpu *v, enum nvmx_verdict verdict)
{
	nvmx_vmwrite_flush(v);
	return verdict;
}

/* The exits of L1 for VMX instructions, by reason. */
#define VMX_INSTRUCTIONS                                                                                             \
	((NVMX_BIT64(NVMX_XR_VMXON + 1) - NVMX_BIT64(NVMX_XR_VMCALL)) | NVMX_BIT64(NVMX_XR_INVEPT) | \
	 NVMX_BIT64(NVMX_XR_INVVPID) | NVMX_BIT64(NVMX_XR_VMFUNC))

static __attribute__((__noinline__)) enum nvmx_verdict other_l1_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	if (reason < 64 && VMX_INSTRUCTIONS >> reason & 1)
		return flushed(v, nvmx_other_instr(v, regs, reason));
	switch (reason) {
	case NVMX_XR_RDMSR:
	case NVMX_XR_WRMSR:
	case NVMX_XR_RDMSR_IMM:
	case NVMX_XR_WRMSRNS_IMM: {
		struct msr_access a = msr_access(v, regs, reason);

		return msr_exit(v, regs, &a);
	}
	case NVMX_XR_SEAMCALL:
	case NVMX_XR_TDCALL: return nvmx_inject_exception(v, regs, NVMX_VECTOR_UD, false, 0, 0);
	default:
		return NVMX_HOST;
	}
}

static enum nvmx_verdict l1_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	reason &= 0xffff | NVMX_XR_ENTRY_FAILURE; /* whose reasons are the host's */
	switch (reason) {
	case NVMX_XR_VMREAD: return flushed(v, nvmx_frequent_instr(v, regs, NVMX_XR_VMREAD));
	case NVMX_XR_VMWRITE: return flushed(v, nvmx_frequent_instr(v, regs, NVMX_XR_VMWRITE));
	case NVMX_XR_VMLAUNCH: return flushed(v, nvmx_frequent_instr(v, regs, NVMX_XR_VMLAUNCH));
	case NVMX_XR_VMRESUME: return flushed(v, nvmx_frequent_instr(v, regs, NVMX_XR_VMRESUME));
	case NVMX_XR_INVEPT: return flushed(v, nvmx_other_instr(v, regs, NVMX_XR_INVEPT));
	default: return other_l1_exit(v, regs, reason);
	}
}

/* By itself, so that an exit of which nobody wants a record saves no registers for the call. */
static __attribute__((__cold__, __noinline__)) enum nvmx_verdict traced_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs,
									      uint32_t reason)
{
	nvmx_trace_exit(v, regs, reason);
	return v->in_l2 ? l2_exit(v, regs, reason) : l1_exit(v, regs, reason);
}

enum nvmx_verdict nvmx_handle_exit_reason(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	if (v->stop)
		return NVMX_STOP;
	if (nvmx_traced(v, NVMX_TRACE_OF_EXIT))
		return traced_exit(v, regs, reason);
	return v->in_l2 ? l2_exit(v, regs, reason) : l1_exit(v, regs, reason);
}

enum nvmx_verdict nvmx_handle_exit(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	return v->stop ? NVMX_STOP : nvmx_handle_exit_reason(v, regs, (uint32_t)nvmx_vmread(v, NVMX_EXIT_REASON));
}
