/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Exceptions into the guest of the current VMCS, and moving past an instruction that was emulated. */
#include "l1.h"

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

/* SDM table 6-4. */
static enum class exception_class(unsigned vector)
{
	switch (vector) {
	case 0: /* #DE */
	case NVMX_VECTOR_TS:
	case NVMX_VECTOR_NP:
	case NVMX_VECTOR_SS:
	case NVMX_VECTOR_GP:
	case NVMX_VECTOR_CP:
		return CONTRIBUTORY;
	case NVMX_VECTOR_PF:
	case NVMX_VECTOR_VE:
		return PAGE_FAULT;
	case NVMX_VECTOR_DF:
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

/* With blocking by STI or MOV SS a VM entry wants the single-step trap pending that RFLAGS.TF tells of (SDM 26.3.1.5); the exit
 * for a #DB has taken it.  The exception's delivery ends both. */
static void keep_enterable(struct nvmx_vcpu *v)
{
	uint64_t pending, wanted;

	if (!(nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS)))
		return;
	pending = nvmx_vmread(v, NVMX_GUEST_PENDING_DBG);
	wanted = pending & ~NVMX_PENDING_DBG_BS;
	if (nvmx_vmread(v, NVMX_GUEST_RFLAGS) & NVMX_RFLAGS_TF && !(nvmx_vmread(v, NVMX_GUEST_DEBUGCTL) & NVMX_DEBUGCTL_BTF))
		wanted |= NVMX_PENDING_DBG_BS;
	if (wanted != pending)
		nvmx_vmwrite(v, NVMX_GUEST_PENDING_DBG, wanted);
}

/* What the processor does with a #DB of its own and not with one that is injected (SDM 17.2.4, 17.4.1, 17.4.3); DR6 is the host's. */
static void begin_debug_handler(struct nvmx_vcpu *v)
{
	uint64_t dr7 = nvmx_vmread(v, NVMX_GUEST_DR7), debugctl = nvmx_vmread(v, NVMX_GUEST_DEBUGCTL);

	if (dr7 & NVMX_DR7_GD)
		nvmx_vmwrite(v, NVMX_GUEST_DR7, dr7 & ~NVMX_DR7_GD);
	if (debugctl & (NVMX_DEBUGCTL_LBR | NVMX_DEBUGCTL_BTF))
		nvmx_vmwrite(v, NVMX_GUEST_DEBUGCTL, debugctl & ~(NVMX_DEBUGCTL_LBR | NVMX_DEBUGCTL_BTF));
}

static void write_event(struct nvmx_vcpu *v, unsigned vector, bool has_error, uint32_t error)
{
	uint32_t info = nvmx_exception_info(vector);

	if (nvmx_is_software_exception(vector))
		nvmx_vmwrite(v, NVMX_ENTRY_INSTR_LEN, NVMX_SOFTWARE_EXCEPTION_LEN);
	/* No error code is delivered in real mode, and asking for one would fail the VM entry (SDM 26.2.1.3). */
	if (has_error && nvmx_vmread(v, NVMX_GUEST_CR0) & NVMX_CR0_PE) {
		info |= NVMX_INTR_DELIVER_EC;
		nvmx_vmwrite(v, NVMX_ENTRY_EXC_ERROR_CODE, error);
	}
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, info);
	/* An exit while HLT was ended by an event saves HLT (SDM 27.3.4), into which few exceptions may go (SDM 26.3.1.5). */
	if (nvmx_vmread(v, NVMX_GUEST_ACTIVITY) == NVMX_ACTIVITY_HLT)
		nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_ACTIVE);
	if (vector == NVMX_VECTOR_DB)
		begin_debug_handler(v);
	keep_enterable(v);
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

void nvmx_set_rf(struct nvmx_vcpu *v)
{
	uint64_t rflags = nvmx_vmread(v, NVMX_GUEST_RFLAGS);

	if (!(rflags & NVMX_RFLAGS_RF))
		nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, rflags | NVMX_RFLAGS_RF);
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
		if (vector != NVMX_VECTOR_DB && !nvmx_is_software_exception(vector)) /* a fault's stack image has it set (SDM 17.3.1.1) */
			nvmx_set_rf(v);
		write_event(v, vector, has_error, error);
		break;
	case NVMX_DOUBLE_FAULT:
		write_event(v, NVMX_VECTOR_DF, true, 0);
		break;
	case NVMX_TRIPLE_FAULT:
		return triple_fault(v);
	}
	return verdict;
}

enum nvmx_verdict nvmx_raise_fault(struct nvmx_vcpu *v, const struct nvmx_fault *fault)
{
	if (v->not_now)
		return nvmx_again(v);
	if (fault->vector == NVMX_VECTOR_PF) {
		nvmx_vmwrite_flush(v);
		v->ops->set_cr2(v->host, fault->cr2);
	}
	return nvmx_raise(v, fault->vector, true, fault->error);
}

void nvmx_begin_mtf(struct nvmx_vcpu *v)
{
	if (!(nvmx_vmread(v, NVMX_ENTRY_INTR_INFO) & NVMX_INTR_VALID))
		nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_OTHER << NVMX_INTR_TYPE_SHIFT);
}

/* What the end of an instruction leaves, whose start found these flags and this blocking. */
NVMX_HOT void end(struct nvmx_vcpu *v, uint64_t rflags, uint32_t blocking, uint32_t blocks, bool branch, uint64_t traps)
{
	uint32_t after = (blocking & ~(NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS)) | blocks;

	if (after != blocking)
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, after);
	/* A single step ends after the instruction, with BTF only after a branch (SDM 17.3.1.4, 17.4.3, 24.4.2). */
	if (rflags & NVMX_RFLAGS_TF && (branch || !(nvmx_vmread(v, NVMX_GUEST_DEBUGCTL) & NVMX_DEBUGCTL_BTF)))
		traps |= NVMX_PENDING_DBG_BS;
	if (traps)
		nvmx_vmwrite(v, NVMX_GUEST_PENDING_DBG, nvmx_vmread(v, NVMX_GUEST_PENDING_DBG) | traps);
	/* An instruction of L2 is followed by the MTF VM exit that was asked for (SDM 25.5.2). */
	if (v->in_l2 && (v->cur->v12->proc_ctls | v->vmcs01.ctl[NVMX_WORD_PROC]) & NVMX_PROC_MTF)
		nvmx_begin_mtf(v);
}

NVMX_HOT uint64_t behind(struct nvmx_vcpu *v, uint64_t rip, uint64_t length)
{
	uint64_t next = rip + length;

	return (rip ^ next) >> 32 && !nvmx_in_64bit_mode(v) ? (uint32_t)next : next;
}

void nvmx_advance(struct nvmx_vcpu *v, uint64_t rflags)
{
	uint64_t rip = nvmx_vmread(v, NVMX_GUEST_RIP);
	uint32_t length = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_LEN);
	uint32_t blocking = (uint32_t)nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);

	nvmx_vmwrite(v, NVMX_GUEST_RIP, behind(v, rip, length));
	end(v, rflags, blocking, 0, false, 0);
}

static uint64_t without_rf(struct nvmx_vcpu *v)
{
	uint64_t rflags = nvmx_vmread(v, NVMX_GUEST_RFLAGS);

	if (rflags & NVMX_RFLAGS_RF)
		nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, rflags & ~NVMX_RFLAGS_RF);
	return rflags;
}

void nvmx_skip(struct nvmx_vcpu *v)
{
	nvmx_advance(v, without_rf(v));
}

enum nvmx_verdict nvmx_complete_instruction(struct nvmx_vcpu *v, unsigned length, unsigned flags, uint64_t traps)
{
	uint32_t blocks = (flags & NVMX_INSN_STI ? NVMX_BLOCK_STI : 0) |
			  (flags & NVMX_INSN_MOV_SS ? NVMX_BLOCK_MOVSS : 0);
	uint64_t rflags;

	if (v->stop)
		return NVMX_STOP;
	rflags = without_rf(v);
	if (!(flags & NVMX_INSN_BRANCH)) {
		if (!length)
			length = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_LEN);
		nvmx_vmwrite(v, NVMX_GUEST_RIP, behind(v, nvmx_vmread(v, NVMX_GUEST_RIP), length));
	}
	end(v, rflags, (uint32_t)nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY), blocks, flags & NVMX_INSN_BRANCH, traps & NVMX_PENDING_DBG_BREAKPOINTS);
	if (!v->in_l2 && nvmx_vmread(v, NVMX_PROC_CTLS) & NVMX_PROC_MTF)
		nvmx_begin_mtf(v);
	if (flags & NVMX_INSN_HLT)
		nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_HLT);
	nvmx_vmwrite_flush(v);
	return v->in_l2 ? NVMX_RESUME_L2 : NVMX_RESUME_L1;
}

enum nvmx_verdict nvmx_execute_again(struct nvmx_vcpu *v)
{
	nvmx_set_rf(v);
	return NVMX_RESUME_L2;
}
