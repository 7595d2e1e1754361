/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Exceptions into the guest of the current VMCS, and moving past an instruction that was emulated. */
#include "l1.h"

#define PENDING_DBG_BS NVMX_BIT64(14)

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

/* SDM table 6-4. */
static enum class exception_class(unsigned vector)
{
	switch (vector) {
	case 0: /* #DE */
	case NVMX_TS:
	case NVMX_NP:
	case NVMX_SS:
	case NVMX_GP:
	case NVMX_CP:
		return CONTRIBUTORY;
	case NVMX_PF:
	case NVMX_VE_VECTOR:
		return PAGE_FAULT;
	case NVMX_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

enum nvmx_combined nvmx_combine_exceptions(uint32_t prior, unsigned vector)
{
	static const uint8_t combined[4][4] = {
		[CONTRIBUTORY] = { [CONTRIBUTORY] = NVMX_DOUBLE_FAULT },
		[PAGE_FAULT] = { [CONTRIBUTORY] = NVMX_DOUBLE_FAULT, [PAGE_FAULT] = NVMX_DOUBLE_FAULT },
		[DOUBLE_FAULT] = { [CONTRIBUTORY] = NVMX_TRIPLE_FAULT, [PAGE_FAULT] = NVMX_TRIPLE_FAULT },
	};

	if (!(prior & NVMX_INTR_VALID) || NVMX_INTR_TYPE(prior) != NVMX_EVENT_HW_EXC)
		return NVMX_SERIAL;
	return (enum nvmx_combined)combined[exception_class(prior & NVMX_INTR_VECTOR)][exception_class(vector)];
}

static void write_event(struct nvmx_vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	uint32_t info = NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT | vector;

	/* No error code is delivered in real mode, and asking for one would fail the VM entry (SDM 26.2.1.3). */
	if (has_error && nvmx_vmread(v, NVMX_GUEST_CR0) & NVMX_CR0_PE) {
		info |= NVMX_INTR_DELIVER_EC;
		nvmx_vmwrite(v, NVMX_ENTRY_EXC_ERROR_CODE, error);
	}
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, info);
	/* An exit while HLT was ended by an event saves HLT (SDM 27.3.4), into which few exceptions may go (SDM 26.3.1.5). */
	if (nvmx_vmread(v, NVMX_GUEST_ACTIVITY) == NVMX_ACTIVITY_HLT)
		nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_ACTIVE);
}

enum nvmx_combined nvmx_combined_with_prior(struct nvmx_vcpu *v, unsigned vector)
{
	/* What the host has queued already, or what was being delivered at the exit. */
	uint32_t prior = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INTR_INFO);

	if (!(prior & NVMX_INTR_VALID))
		prior = (uint32_t)nvmx_vmread(v, NVMX_IDT_VECTORING_INFO);
	return nvmx_combine_exceptions(prior, vector);
}

/* SDM 6.15: of L2 it is an exit to L1.  L1's processor shuts down, where that holds back no interrupt of the host's (26.7.2). */
static enum nvmx_verdict triple_fault(struct nvmx_vcpu *v)
{
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_TRIPLE_FAULT };

	if (v->in_l2)
		return nvmx_exit_to_l1(v, &exit);
	if (v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS)
		return nvmx_stop_vm(v, NVMX_STOP_TRIPLE_FAULT, 0);
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, 0);
	nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_SHUTDOWN);
	return NVMX_RESUME_L1;
}

enum nvmx_verdict nvmx_raise(struct nvmx_vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	enum nvmx_verdict verdict = v->in_l2 ? NVMX_RESUME_L2 : NVMX_RESUME_L1;

	if (v->in_l2 ? v->ops->inject_l2 : v->ops->inject_l1) {
		nvmx_vmwrite_flush(v);
		(v->in_l2 ? v->ops->inject_l2 : v->ops->inject_l1)(v->host, vector, has_error, error);
		return verdict;
	}
	switch (nvmx_combined_with_prior(v, vector)) {
	case NVMX_SERIAL:
		/* A fault's stack image has RF set (SDM 17.3.1.1). */
		if (vector != NVMX_DB)
			nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, nvmx_vmread(v, NVMX_GUEST_RFLAGS) | NVMX_RFLAGS_RF);
		write_event(v, vector, has_error, error);
		break;
	case NVMX_DOUBLE_FAULT:
		write_event(v, NVMX_DF, true, 0);
		break;
	case NVMX_TRIPLE_FAULT:
		return triple_fault(v);
	}
	return verdict;
}

enum nvmx_verdict nvmx_raise_fault(struct nvmx_vcpu *v, const struct nvmx_fault *fault)
{
	if (fault->vector == NVMX_PF) {
		nvmx_vmwrite_flush(v);
		v->ops->set_cr2(v->host, fault->cr2);
	}
	return nvmx_raise(v, fault->vector, true, fault->error);
}

static bool in_64bit_mode(struct nvmx_vcpu *v)
{
	return nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E && nvmx_vmread(v, NVMX_GUEST_CS_AR) & NVMX_AR_L;
}

void nvmx_advance(struct nvmx_vcpu *v, uint64_t rflags)
{
	uint64_t rip = nvmx_vmread(v, NVMX_GUEST_RIP);
	uint64_t next = rip + (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_LEN);
	uint32_t blocking = (uint32_t)nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);

	if ((rip ^ next) >> 32 && !in_64bit_mode(v))
		next = (uint32_t)next;
	nvmx_vmwrite(v, NVMX_GUEST_RIP, next);
	if (blocking & (NVMX_INTR_BLOCK_STI | NVMX_INTR_BLOCK_MOVSS))
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY,
			     blocking & ~(NVMX_INTR_BLOCK_STI | NVMX_INTR_BLOCK_MOVSS));
	/* A single step ends after the instruction, with BTF only after a branch (SDM 17.3.1.4, 24.4.2). */
	if (rflags & NVMX_RFLAGS_TF && !(nvmx_vmread(v, NVMX_GUEST_DEBUGCTL) & NVMX_DEBUGCTL_BTF))
		nvmx_vmwrite(v, NVMX_GUEST_PENDING_DBG, nvmx_vmread(v, NVMX_GUEST_PENDING_DBG) | PENDING_DBG_BS);
	/* The instruction that ends here for L2 is followed by the MTF VM exit that L1 asked for (SDM 25.5.2). */
	if (v->in_l2 && v->cur->v12->proc_ctls & NVMX_PROC_MTF)
		nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_OTHER << NVMX_INTR_TYPE_SHIFT);
}

void nvmx_skip(struct nvmx_vcpu *v)
{
	uint64_t rflags = nvmx_vmread(v, NVMX_GUEST_RFLAGS);

	if (rflags & NVMX_RFLAGS_RF)
		nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, rflags & ~NVMX_RFLAGS_RF);
	nvmx_advance(v, rflags);
}
