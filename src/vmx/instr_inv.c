/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* INVEPT and INVVPID of L1: the checks of SDM 30.3; what they invalidate is src/invept's business. */
#include "../invept/invept.h"
#include "instr.h"
#include "trace.h"
#include "../vmcs/values.h"

#define INFO_REG2(info) ((info) >> 28 & 15u)

/* The type is a register of 64 bits in 64-bit mode, else of 32. */
static uint64_t type_operand(struct nvmx_insn *i)
{
	uint32_t info = (uint32_t)nvmx_vmread(i->v, NVMX_EXIT_INSTR_INFO);
	uint64_t type = nvmx_gpr_read(i->v, i->regs, INFO_REG2(info));

	return i->l1.code64 ? type : (uint32_t)type;
}

/* Whether the instruction exists for L1: its control may be 1, and IA32_VMX_EPT_VPID_CAP has its bit. */
static bool offered(const struct nvmx_caps *caps, uint32_t control, uint64_t cap)
{
	return nvmx_caps_may(caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & control &&
	       nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP) & cap;
}

enum nvmx_verdict nvmx_insn_invept(struct nvmx_insn *i)
{
	struct nvmx_vcpu *v = i->v;
	const struct nvmx_caps *caps = &v->vm->caps;
	uint64_t type, desc[2];
	struct nvmx_fault fault;

	if (!offered(caps, NVMX_PROC2_EPT, NVMX_EPT_INVEPT))
		return nvmx_raise_ud(v);
	if (i->l1.cpl)
		return nvmx_raise_gp0(v);
	type = type_operand(i);
	if (!nvmx_invept_supported(caps, type))
		return nvmx_vmfail(v, NVMX_VMERR_INVALID_OPERAND);
	if (nvmx_operand_read(v, i->regs, &i->l1, desc, sizeof(desc), &fault))
		return nvmx_raise_fault(v, &fault);
	if (type == NVMX_FLUSH_SINGLE && !nvmx_eptp_ok(caps, desc[0]))
		return nvmx_vmfail(v, NVMX_VMERR_INVALID_OPERAND);
	nvmx_invept(v, (unsigned)type, desc[0]);
	NVMX_TRACE(v, INVEPT, type, desc[0], 0);
	return nvmx_vmsucceed(v);
}

/* The registers are those of <nestvmx/enlighten.h>. */
enum nvmx_verdict nvmx_insn_invept_range(struct nvmx_insn *i)
{
	uint64_t mask = i->l1.code64 ? ~0ull : 0xffffffffu;
	const uint64_t *gpr = i->regs->gpr;

	if (!offered(&i->v->vm->caps, NVMX_PROC2_EPT, NVMX_EPT_INVEPT) ||
	    !nvmx_invept_range(i->v, gpr[3] & mask, gpr[1] & mask, gpr[2] & mask))
		return nvmx_vmfail(i->v, NVMX_VMERR_INVALID_OPERAND);
	return nvmx_vmsucceed(i->v);
}

/* The address is one of L2's, whose paging may have more levels than L1's: canonical is what the processor's width makes so. */
static bool vpid_descriptor_good(const struct nvmx_insn *i, uint64_t type, const uint64_t *desc)
{
	if (desc[0] >> 16)
		return false;
	if (type != NVMX_FLUSH_ALL && !desc[0])
		return false;
	return type != NVMX_FLUSH_ADDRESS || nvmx_canonical(&i->v->vm->caps, desc[1]);
}

enum nvmx_verdict nvmx_insn_invvpid(struct nvmx_insn *i)
{
	struct nvmx_vcpu *v = i->v;
	const struct nvmx_caps *caps = &v->vm->caps;
	uint64_t type, desc[2];
	struct nvmx_fault fault;

	if (!offered(caps, NVMX_PROC2_VPID, NVMX_EPT_INVVPID))
		return nvmx_raise_ud(v);
	if (i->l1.cpl)
		return nvmx_raise_gp0(v);
	type = type_operand(i);
	if (!nvmx_invvpid_supported(caps, type))
		return nvmx_vmfail(v, NVMX_VMERR_INVALID_OPERAND);
	if (nvmx_operand_read(v, i->regs, &i->l1, desc, sizeof(desc), &fault))
		return nvmx_raise_fault(v, &fault);
	if (!vpid_descriptor_good(i, type, desc))
		return nvmx_vmfail(v, NVMX_VMERR_INVALID_OPERAND);
	nvmx_invvpid(v, (unsigned)type, (uint16_t)desc[0], desc[1]);
	NVMX_TRACE(v, INVVPID, type, desc[0], desc[1]);
	return nvmx_vmsucceed(v);
}
