/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMX instructions of L1: dispatch, the checks that they share, and how they end (SDM 30.2). */
#include "instr.h"
#include <nestvmx/enlighten.h>

#define STATUS_FLAGS                                                                                                 \
	(NVMX_RFLAGS_CF | NVMX_RFLAGS_PF | NVMX_RFLAGS_AF | NVMX_RFLAGS_ZF | NVMX_RFLAGS_SF | NVMX_RFLAGS_OF)

/* The instruction is complete: status flags, RF, RIP.  Most of L1's end no blocking and no single step, and stay below 4 GiB or above. */
static inline enum nvmx_verdict complete(struct nvmx_vcpu *v, uint64_t status)
{
	uint64_t rflags = nvmx_vmread(v, NVMX_GUEST_RFLAGS);
	uint64_t after = (rflags & ~(STATUS_FLAGS | NVMX_RFLAGS_RF)) | status;
	uint64_t rip = nvmx_vmread(v, NVMX_GUEST_RIP), next = rip + (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_LEN);
	uint64_t blocking = nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY);

	if (after != rflags)
		nvmx_vmwrite(v, NVMX_GUEST_RFLAGS, after);
	if (v->in_l2 || (rip ^ next) >> 32 || rflags & NVMX_RFLAGS_TF || blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS))
		nvmx_advance(v, rflags);
	else
		nvmx_vmwrite(v, NVMX_GUEST_RIP, next);
	return NVMX_RESUME_L1;
}

enum nvmx_verdict nvmx_vmsucceed(struct nvmx_vcpu *v)
{
	return complete(v, 0);
}

enum nvmx_verdict nvmx_vmfail_invalid(struct nvmx_vcpu *v)
{
	return complete(v, NVMX_RFLAGS_CF);
}

enum nvmx_verdict nvmx_vmfail(struct nvmx_vcpu *v, uint32_t error)
{
	if (!v->cur)
		return nvmx_vmfail_invalid(v);
	v->cur->v12->vm_instr_error = error;
	v->cur->newer = true;
	return complete(v, NVMX_RFLAGS_ZF);
}

static bool is_enlightenment(const struct nvmx_vcpu *v, const struct nvmx_regs *regs)
{
	return v->vm->flags & NVMX_ENLIGHTENED && (uint32_t)regs->gpr[0] == NVMX_HC_INVEPT_RANGE;
}

/* VMCALL exits before its mode checks, and needs no CR0.PE (SDM 30.3, VMCALL). */
static enum nvmx_verdict vmcall(struct nvmx_insn *i)
{
	if (is_enlightenment(i->v, i->regs))
		return nvmx_insn_invept_range(i);
	return nvmx_vmfail(i->v, NVMX_VMERR_VMCALL_IN_ROOT);
}

/* Outside VMX operation it is the host's, who has hypercalls or raises #UD; in it, if the host says so. */
static bool is_hosts_call(const struct nvmx_vcpu *v, const struct nvmx_regs *regs)
{
	return v->vmxon_ptr == NVMX_NO_ADDR || (v->vm->flags & NVMX_HOST_HYPERCALLS && !is_enlightenment(v, regs));
}

static enum nvmx_verdict vmfunc_of_l1(struct nvmx_insn *i)
{
	return nvmx_raise_ud(i->v); /* VMX non-root operation only */
}

static enum nvmx_verdict (*const emulate[])(struct nvmx_insn *) = {
	[NVMX_XR_VMCALL] = vmcall,
	[NVMX_XR_VMCLEAR] = nvmx_vmclear,
	[NVMX_XR_VMPTRLD] = nvmx_vmptrld,
	[NVMX_XR_VMPTRST] = nvmx_vmptrst,
	[NVMX_XR_VMXOFF] = nvmx_vmxoff,
	[NVMX_XR_VMXON] = nvmx_vmxon,
	[NVMX_XR_INVEPT] = nvmx_insn_invept,
	[NVMX_XR_INVVPID] = nvmx_insn_invvpid,
	[NVMX_XR_VMFUNC] = vmfunc_of_l1,
};

static enum nvmx_verdict emulate_in_mode(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	struct nvmx_insn i;

	i.v = v;
	i.regs = regs;
	nvmx_l1_mode_inline(v, &i.l1);
	if (nvmx_bad_mode(&i.l1))
		return nvmx_raise_ud(v);
	/* VMXON looks at CR4.VMXE before CPL, INVEPT and INVVPID at whether they exist; VMFUNC does not look at it. */
	if (i.l1.cpl && reason != NVMX_XR_VMXON && reason != NVMX_XR_VMFUNC && reason != NVMX_XR_INVEPT &&
	    reason != NVMX_XR_INVVPID)
		return nvmx_raise_gp0(v);
	return emulate[reason](&i);
}

enum nvmx_verdict nvmx_other_instr(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	if (reason == NVMX_XR_VMCALL && is_hosts_call(v, regs))
		return NVMX_HOST;
	if (!emulate[reason])
		return nvmx_frequent_instr(v, regs, reason);
	v->counters[NVMX_CNT_INSTR]++;
	if (v->vmxon_ptr == NVMX_NO_ADDR && reason != NVMX_XR_VMXON)
		return nvmx_raise_ud(v);
	return emulate_in_mode(v, regs, reason);
}
