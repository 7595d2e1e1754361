/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Who asked for an exit of L2: what routing needs to know of it, and what is the host's whatever L1 asked for.
 */
#include "hold.h"
#include "merge.h"
#include "port.h"
#include "route.h"
#include "trace.h"
#include "why.h"

/* In a host that owns interrupts a physical one is no event of L1's: what it makes pending, nvmx_check_events() delivers. */
static bool is_hosts_own(const struct nvmx_vcpu *v, const struct nvmx_route_in *in)
{
	if (v->vm->flags & NVMX_HOST_OWNS_TIMER && in->reason == NVMX_XR_PREEMPTION_TIMER)
		return true;
	return v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS &&
	       (in->reason == NVMX_XR_EXT_INT || in->reason == NVMX_XR_INIT || in->reason == NVMX_XR_SIPI ||
		(in->reason == NVMX_XR_EXCEPTION_NMI && NVMX_INTR_TYPE(in->intr_info) == NVMX_EVENT_NMI));
}

/*
 * The components that made XSAVES or XRSTORS exit (SDM 25.1.3).  IA32_XSS is asked for only if it decides: the processor's
 * bitmap is the union of both, and may be L1's alone.
 */
static uint64_t xss_components(struct nvmx_vcpu *v, const struct nvmx_regs *regs)
{
	uint64_t bitmap12 = v->cur->v12->xss_exit_bitmap, xss;
	uint64_t components = regs->gpr[2] << 32 | (uint32_t)regs->gpr[0];

	if (!(components & bitmap12) || !(nvmx_vmread(v, NVMX_XSS_EXIT_BITMAP) & ~bitmap12))
		return components;
	return v->ops->l1_msr_read(v->host, NVMX_MSR_XSS, &xss) ? components : components & xss;
}

static void read_input(struct nvmx_vcpu *v, const struct nvmx_regs *regs, struct nvmx_route_in *in)
{
	switch (in->reason) {
	case NVMX_XR_EXCEPTION_NMI:
		in->intr_info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INTR_INFO);
		in->intr_error = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INTR_ERROR_CODE);
		break;
	case NVMX_XR_CR_ACCESS:
		in->qualification = nvmx_vmread(v, NVMX_EXIT_QUALIFICATION);
		in->operand = nvmx_cr_operand(v, regs, in->qualification);
		break;
	case NVMX_XR_XSAVES:
	case NVMX_XR_XRSTORS:
		in->operand = xss_components(v, regs);
		break;
	case NVMX_XR_PAUSE:
		in->cpl = NVMX_AR_DPL((uint32_t)nvmx_vmread(v, NVMX_GUEST_SS_AR));
		break;
	default:
		/* All that L1 can ask for has a row; tertiary controls are the host's, and not all of them are known. */
		in->hosts_unknown = v->cur->ctl02[NVMX_WORD_PROC] & NVMX_PROC_TERTIARY;
	}
}

/* The host is asked of what it asked for itself, and if it owns the machine of machine checks anyway. */
static bool host_asked(const struct nvmx_vcpu *v, unsigned vector)
{
	return v->cur->exceptions01 >> vector & 1 ||
	       (vector == NVMX_VECTOR_MC && v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS);
}

bool nvmx_is_hosts_mce(const struct nvmx_vcpu *v, uint32_t reason)
{
	return reason == NVMX_XR_ENTRY_FAIL_MCE && host_asked(v, NVMX_VECTOR_MC);
}

enum nvmx_route nvmx_route_exit(struct nvmx_vcpu *v, const struct nvmx_regs *regs, struct nvmx_route_in *in)
{
	enum nvmx_route route;

	read_input(v, regs, in);
	if (is_hosts_own(v, in))
		return NVMX_ROUTE_L0;
	route = nvmx_route(v->cur->v12, in);
	if (route != NVMX_ROUTE_HOST_FIRST)
		return route;
	return host_asked(v, in->intr_info & 31u) ? NVMX_ROUTE_L0 : NVMX_ROUTE_L1;
}

enum nvmx_verdict nvmx_reflect(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	struct nvmx_route_in in = { .reason = NVMX_XR_EXCEPTION_NMI };
	struct nvmx_exit_info info;
	uint32_t reason;

	if (v->stop)
		return NVMX_STOP;
	if (!v->in_l2)
		return NVMX_HOST;
	nvmx_no_exit(v);
	reason = (uint32_t)nvmx_vmread(v, NVMX_EXIT_REASON);
	if (reason & NVMX_XR_ENTRY_FAILURE)
		return (reason & 0xffff) == NVMX_XR_ENTRY_FAIL_MCE ? nvmx_entry_exit(v, NVMX_XR_ENTRY_FAIL_MCE) : NVMX_HOST;
	if ((reason & 0xffff) != in.reason)
		return NVMX_HOST;
	read_input(v, regs, &in);
	if (nvmx_route(v->cur->v12, &in) != NVMX_ROUTE_HOST_FIRST)
		return NVMX_HOST;
	if (!nvmx_hold_for_exit(v))
		return nvmx_again(v);
	nvmx_exit_info_read(v, reason, &info);
	nvmx_undo_going_on(v);
	return nvmx_leave_l2(v, &info);
}

/* vmcs01, and what the library asks for on the host's behalf. */
static void asker_of_host(const struct nvmx_vcpu *v, const struct nvmx_route_in *in, struct nvmx_asker *a)
{
	*a = (struct nvmx_asker){
		.ctl = { v->vmcs01.ctl[NVMX_WORD_PIN], v->vmcs01.ctl[NVMX_WORD_PROC], v->vmcs01.ctl[NVMX_WORD_PROC2] },
		.proc3 = v->vmcs01.proc3,
		.exceptions = v->cur->exceptions01,
		.pf_match = v->vmcs01.pf_ec_mask | v->vmcs01.pf_ec_match,
		.cr0_mask = v->cur->cr0_mask02, .cr4_mask = v->cur->cr4_mask02,
	};
	if (in->reason == NVMX_XR_IO && !(a->ctl[NVMX_WORD_PROC] & NVMX_PROC_UNCOND_IO)) /* io_bitmap01, or that there is none */
		a->ctl[NVMX_WORD_PROC] |= NVMX_PROC_IO_BITMAPS;
}

/* The host's cause among those that no control of vmcs01 shows. */
static bool own_cause(const struct nvmx_vcpu *v, const struct nvmx_route_in *in, struct nvmx_why *why)
{
	why->cause = NVMX_CAUSE_NONE;
	if (in->reason == NVMX_XR_PREEMPTION_TIMER && v->vm->flags & NVMX_HOST_OWNS_TIMER)
		why->cause = NVMX_CAUSE_HOST_TIMER;
	else if (is_hosts_own(v, in) || in->reason == NVMX_XR_ENTRY_FAIL_MCE)
		why->cause = NVMX_CAUSE_HOST_EVENTS;
	else if (in->reason == NVMX_XR_EXCEPTION_NMI && (in->intr_info & 31u) == NVMX_VECTOR_MC &&
		 !(v->cur->exceptions01 >> NVMX_VECTOR_MC & 1))
		why->cause = NVMX_CAUSE_HOST_EVENTS;
	return why->cause != NVMX_CAUSE_NONE;
}

static void hosts_cause(const struct nvmx_vcpu *v, const struct nvmx_route_in *in, uint32_t operand, bool write,
			struct nvmx_why *why)
{
	struct nvmx_asker host;

	if (own_cause(v, in, why))
		return;
	asker_of_host(v, in, &host);
	if (!nvmx_cause_of(&host, in, operand, why))
		nvmx_cause_in_vmcs02(in, why);
	if (why->cause == NVMX_CAUSE_MSR_BITMAP && !nvmx_host_wants_msr(v, operand, write))
		why->cause = NVMX_CAUSE_MSR_CLOSED;
}

/* The MSR or port of the access. */
static uint32_t operand_of(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint32_t reason)
{
	switch (reason) {
	case NVMX_XR_IO: return nvmx_io_port(nvmx_vmread(v, NVMX_EXIT_QUALIFICATION));
	case NVMX_XR_RDMSR:
	case NVMX_XR_WRMSR: return (uint32_t)regs->gpr[1];
	case NVMX_XR_RDMSR_IMM:
	case NVMX_XR_WRMSRNS_IMM: return (uint32_t)nvmx_vmread(v, NVMX_EXIT_QUALIFICATION);
	default: return 0;
	}
}

/* What the library emulates for L2 (VM functions, accesses to a shadow VMCS) is what L1 asked for. */
static bool asked_by_l1(uint32_t reason, enum nvmx_owner owner)
{
	return owner == NVMX_OWNER_L1 || (owner == NVMX_OWNER_LIBRARY && (reason == NVMX_XR_VMFUNC || reason == NVMX_XR_VMREAD ||
									   reason == NVMX_XR_VMWRITE));
}

void nvmx_why(struct nvmx_vcpu *v, const struct nvmx_regs *regs, enum nvmx_owner owner, struct nvmx_why *why)
{
	struct nvmx_route_in in = { .reason = (uint32_t)nvmx_vmread(v, NVMX_EXIT_REASON) & 0xffff };
	struct nvmx_asker l1;
	uint32_t operand;

	read_input(v, regs, &in);
	operand = operand_of(v, regs, in.reason);
	*why = (struct nvmx_why){ .owner = (uint8_t)owner };
	if (asked_by_l1(in.reason, owner)) {
		nvmx_asker_of_vmcs12(v->cur->v12, &in, &l1);
		nvmx_cause_of(&l1, &in, operand, why);
		return;
	}
	hosts_cause(v, &in, operand, in.reason == NVMX_XR_WRMSR || in.reason == NVMX_XR_WRMSRNS_IMM, why);
	why->shared = in.reason == NVMX_XR_ENTRY_FAIL_MCE ||
		      (!is_hosts_own(v, &in) && nvmx_route(v->cur->v12, &in) == NVMX_ROUTE_HOST_FIRST);
}

void nvmx_trace_route(struct nvmx_vcpu *v, enum nvmx_owner owner)
{
	struct nvmx_why why;
	uint32_t reason;

	if (!v->in_l2)
		return;
	reason = (uint32_t)nvmx_vmread(v, NVMX_EXIT_REASON) & 0xffff;
	nvmx_why(v, v->trace_regs, owner, &why);
	nvmx_trace_emit(v, NVMX_TRACE_ROUTE, reason, (uint64_t)owner | (uint64_t)why.shared << 8,
			(uint64_t)why.cause << 32 | why.detail);
}

void nvmx_why_host(struct nvmx_vcpu *v, const struct nvmx_regs *regs, struct nvmx_why *why)
{
	if (v->in_l2)
		nvmx_why(v, regs, NVMX_OWNER_HOST, why);
	else
		*why = (struct nvmx_why){ .owner = NVMX_OWNER_HOST, .cause = NVMX_CAUSE_L1 };
}
