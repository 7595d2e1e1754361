/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMREAD and VMWRITE of L1 (SDM 30.3).
 *
 * With register operands and in a mode that the processor has vouched for, they cost a handful of VMREADs; L1 without a
 * hardware shadow executes dozens of them for each exit of L2.
 */
#include "instr.h"

#define INFO_REGISTER(info) ((info) & NVMX_BIT(10))
#define INFO_REG1(info) ((info) >> 3 & 15u)  /* the operand that is not the encoding, if a register */
#define INFO_REG2(info) ((info) >> 28 & 15u) /* the encoding */
#define ENCODING_HIGH 1u                     /* access type: bits 63:32 of a 64-bit field */
#define WIDTH_64(encoding) (((encoding) >> 13 & 3u) == 1)

struct rw {
	struct nvmx_vcpu *v;
	struct nvmx_regs *regs;
	uint32_t info;
	bool wide;         /* 64-bit mode: operands of 64 bits, else of 32 */
	struct nvmx_l1 l1; /* for a memory operand only */
};

/* Reads what decides about the access.  False: *verdict says how the instruction ended. */
static bool start(struct rw *a, enum nvmx_verdict *verdict)
{
	struct nvmx_vcpu *v = a->v;
	unsigned cpl;

	a->info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);
	if (INFO_REGISTER(a->info)) {
		cpl = NVMX_AR_DPL((uint32_t)nvmx_vmread(v, NVMX_GUEST_SS_AR));
		a->wide = nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E;
	} else {
		nvmx_l1_mode(v, &a->l1);
		if (nvmx_bad_mode(&a->l1)) {
			*verdict = nvmx_raise_ud(v);
			return false;
		}
		cpl = a->l1.cpl;
		a->wide = a->l1.code64;
	}
	if (cpl) {
		*verdict = nvmx_raise_gp0(v);
		return false;
	}
	if (!v->cur) {
		*verdict = nvmx_vmfail_invalid(v);
		return false;
	}
	return true;
}

/* The row that the encoding in the register names for L1, or -1. */
static int named_row(const struct rw *a, uint32_t *encoding)
{
	uint64_t operand = nvmx_gpr_read(a->v, a->regs, INFO_REG2(a->info));
	int row;

	*encoding = (uint32_t)operand;
	if (a->wide && operand >> 32)
		return -1;
	if (*encoding & ENCODING_HIGH && !WIDTH_64(*encoding))
		return -1;
	row = nvmx_field_find(*encoding);
	return row >= 0 && nvmx_set_has(&a->v->vm->rows, (unsigned)row) ? row : -1;
}

/* L1's latest value may be in vmcs02, or in the hardware shadow if the access exited in spite of it. */
static void settle(struct nvmx_vcpu *v, unsigned row)
{
	nvmx_slot_freshen_row(v, v->cur, row);
	if (v->hw_shadow_on && nvmx_set_has(&v->vm->hw_rw, row)) {
		nvmx_shadow_pull(v, v->cur);
		nvmx_vmcs_load(v, v->config.vmcs01);
	}
}

enum nvmx_verdict nvmx_vmread_insn(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	struct rw a = { .v = v, .regs = regs };
	enum nvmx_verdict verdict;
	struct nvmx_fault fault;
	uint32_t encoding;
	uint64_t value;
	int row;

	if (!start(&a, &verdict))
		return verdict;
	row = named_row(&a, &encoding);
	if (row < 0)
		return nvmx_vmfail(v, NVMX_VMERR_UNSUPPORTED_FIELD);
	settle(v, (unsigned)row);
	value = nvmx_v12_get(v->cur->v12, (unsigned)row);
	if (encoding & ENCODING_HIGH)
		value >>= 32;
	if (!a.wide)
		value = (uint32_t)value;
	/* A fault on the destination comes after the check of the field. */
	if (INFO_REGISTER(a.info))
		nvmx_gpr_write(v, regs, INFO_REG1(a.info), value);
	else if (nvmx_operand_write(v, regs, &a.l1, &value, a.wide ? 8 : 4, &fault))
		return nvmx_raise_fault(v, &fault);
	return nvmx_vmsucceed(v);
}

static void write_row(struct nvmx_vcpu *v, unsigned row, uint32_t encoding, uint64_t value)
{
	struct nvmx_slot *s = v->cur;

	settle(v, row);
	if (encoding & ENCODING_HIGH)
		value = value << 32 | (uint32_t)nvmx_v12_get(s->v12, row);
	nvmx_slot_write(s, row, value);
	if (v->hw_shadow_on && nvmx_field_rows[row].shadow != NVMX_H_NO) {
		nvmx_shadow_push(v, s);
		nvmx_vmcs_load(v, v->config.vmcs01);
	}
}

enum nvmx_verdict nvmx_vmwrite_insn(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	struct rw a = { .v = v, .regs = regs };
	enum nvmx_verdict verdict;
	struct nvmx_fault fault;
	uint64_t value = 0;
	uint32_t encoding;
	int row;

	if (!start(&a, &verdict))
		return verdict;
	/* A fault on the source comes before the check of the field. */
	if (INFO_REGISTER(a.info))
		value = nvmx_gpr_read(v, regs, INFO_REG1(a.info));
	else if (nvmx_operand_read(v, regs, &a.l1, &value, a.wide ? 8 : 4, &fault))
		return nvmx_raise_fault(v, &fault);
	if (!a.wide)
		value = (uint32_t)value;
	row = named_row(&a, &encoding);
	if (row < 0)
		return nvmx_vmfail(v, NVMX_VMERR_UNSUPPORTED_FIELD);
	if (nvmx_field_type(encoding) == NVMX_TYPE_EXIT_INFO &&
	    !(nvmx_caps_get(&v->vm->caps, NVMX_MSR_VMX_MISC) & NVMX_MISC_VMWRITE_RO))
		return nvmx_vmfail(v, NVMX_VMERR_READ_ONLY_FIELD);
	write_row(v, (unsigned)row, encoding, value);
	return nvmx_vmsucceed(v);
}
