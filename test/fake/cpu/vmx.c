/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The VMX instructions as a guest executes them: mode checks, operands, VM exits, flags (SDM 30.2, 30.3). */
#include "cpu.h"

#define SIX_FLAGS (NVMX_RFLAGS_CF | NVMX_RFLAGS_PF | NVMX_RFLAGS_AF | NVMX_RFLAGS_ZF | NVMX_RFLAGS_SF | NVMX_RFLAGS_OF)

static void conclude(struct fake_cpu *c, const struct fake_insn *i, int outcome)
{
	c->a.rflags &= ~SIX_FLAGS;
	if (outcome > 0 && c->vmcs != FAKE_NONE) {
		c->a.rflags |= NVMX_RFLAGS_ZF;
		fake_field_set(c, NVMX_VM_INSTR_ERROR, (uint64_t)outcome);
	} else if (outcome) {
		c->a.rflags |= NVMX_RFLAGS_CF;
	}
	fake_retire(c, i);
}

static bool wrong_mode(const struct fake_cpu *c)
{
	return !(c->a.cr0 & NVMX_CR0_PE) || (c->a.rflags & NVMX_RFLAGS_VM) ||
	       ((c->a.efer & NVMX_EFER_LMA) && !(c->a.seg[FAKE_SEG_CS].ar & NVMX_AR_L));
}

/* What VMXON asks for outside VMX operation: CR0, CR4 and IA32_FEATURE_CONTROL (23.7, 23.8). */
static bool vmxon_refused(const struct fake_cpu *c)
{
	uint64_t need = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;

	return fake_cpl(c) || !fake_cr_valid(c, 0, c->a.cr0) || !fake_cr_valid(c, 4, c->a.cr4) ||
	       (c->feature_control & need) != need;
}

/* SDM 24.6.15, 24.10: VMREAD and VMWRITE of a guest with a shadow VMCS. */
static bool shadowed(const struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t field = c->a.gpr[i->reg2];
	uint64_t bitmap;

	if ((i->op != FAKE_VMREAD && i->op != FAKE_VMWRITE) || !(fake_proc2(c) & NVMX_PROC2_SHADOW_VMCS) || field >> 15)
		return false;
	bitmap = fake_field(c, i->op == FAKE_VMREAD ? NVMX_VMREAD_BITMAP : NVMX_VMWRITE_BITMAP);
	return !(fake_phys_read(c, bitmap + field / 8, 1) >> field % 8 & 1);
}

static bool has_operand(unsigned op)
{
	return op == FAKE_VMXON || op == FAKE_VMCLEAR || op == FAKE_VMPTRLD || op == FAKE_VMPTRST || op == FAKE_VMREAD ||
	       op == FAKE_VMWRITE || op == FAKE_INVEPT || op == FAKE_INVVPID;
}

static const uint8_t exit_of[FAKE_OPS] = {
#define OP(NAME, length, flags, reason, rule, bit) [FAKE_##NAME] = reason,
#include "ops.def"
};

/* True if the instruction goes on. */
static bool prologue(struct fake_cpu *c, const struct fake_insn *i)
{
	bool in_vmx = c->vmxon != FAKE_NONE;

	if (i->op == FAKE_VMXON ? wrong_mode(c) || !(c->a.cr4 & NVMX_CR4_VMXE) || !i->mem : !in_vmx) {
		fake_raise(c, NVMX_VECTOR_UD, false, 0);
		return false;
	}
	if (i->op != FAKE_VMCALL && wrong_mode(c)) {
		fake_raise(c, NVMX_VECTOR_UD, false, 0);
		return false;
	}
	if (c->guest && !shadowed(c, i)) {
		fake_insn_exit(c, i, exit_of[i->op], has_operand(i->op) && i->mem ? i->disp : 0);
		return false;
	}
	if (i->op == FAKE_VMXON && !in_vmx ? vmxon_refused(c) : fake_cpl(c) > 0) {
		fake_raise(c, NVMX_VECTOR_GP, true, 0);
		return false;
	}
	return true;
}

static void read_field(struct fake_cpu *c, const struct fake_insn *i)
{
	unsigned len = fake_is_64(c) ? 8 : 4;
	uint64_t value = 0, linear;
	int outcome = fake_vmread(c, c->a.gpr[i->reg2], &value);

	if (outcome == FAKE_VM_SUCCEED) {
		if (i->mem) {
			if (!fake_operand(c, i, len, &linear) || !fake_write(c, linear, len, value))
				return;
		} else {
			c->a.gpr[i->reg] = len == 8 ? value : (uint32_t)value;
		}
	}
	conclude(c, i, outcome);
}

static void write_field(struct fake_cpu *c, const struct fake_insn *i)
{
	unsigned len = fake_is_64(c) ? 8 : 4;
	uint64_t value = c->a.gpr[i->reg], linear;

	if (i->mem && (!fake_operand(c, i, len, &linear) || !fake_read(c, linear, len, &value)))
		return;
	conclude(c, i, fake_vmwrite(c, c->a.gpr[i->reg2], len == 8 ? value : (uint32_t)value));
}

static void pointer(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t linear, addr = 0;

	if (i->op == FAKE_VMXON && c->vmxon != FAKE_NONE) {
		conclude(c, i, NVMX_VMERR_VMXON_IN_ROOT);
		return;
	}
	if (!fake_operand(c, i, 8, &linear))
		return;
	if (i->op == FAKE_VMPTRST) {
		if (fake_write(c, linear, 8, c->vmcs))
			conclude(c, i, FAKE_VM_SUCCEED);
		return;
	}
	if (!fake_read(c, linear, 8, &addr))
		return;
	conclude(c, i, i->op == FAKE_VMXON ? fake_vmxon(c, addr) :
		       i->op == FAKE_VMCLEAR ? fake_vmclear(c, addr) : fake_vmptrld(c, addr));
}

static void invalidate(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t type = c->a.gpr[i->reg2], linear, low = 0, high = 0;

	if (!fake_is_64(c))
		type = (uint32_t)type;
	if (!fake_operand(c, i, 16, &linear) || !fake_read(c, linear, 8, &low) || !fake_read(c, linear + 8, 8, &high))
		return;
	conclude(c, i, i->op == FAKE_INVEPT ? fake_invept(c, type, low, high) : fake_invvpid(c, type, low, high));
}

static bool offered(const struct fake_cpu *c, unsigned op)
{
	uint32_t may = nvmx_caps_may(c->caps, NVMX_MSR_VMX_PROCBASED_CTLS2);
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP);

	if (op == FAKE_INVEPT)
		return (may & NVMX_PROC2_EPT) && (cap & NVMX_EPT_INVEPT);
	if (op == FAKE_INVVPID)
		return (may & NVMX_PROC2_VPID) && (cap & NVMX_EPT_INVVPID);
	return true;
}

/* Whether a VM entry would take the EPT pointer (26.2.1.1). */
static bool eptp_valid(const struct fake_cpu *c, uint64_t eptp)
{
	uint64_t cap = nvmx_caps_get(c->caps, NVMX_MSR_VMX_EPT_VPID_CAP), type = eptp & 7, levels = eptp >> 3 & 7;

	if (eptp & 0xf80 || eptp >> c->caps->maxphyaddr || (eptp & 0x40 && !(cap & NVMX_EPT_AD)))
		return false;
	return (type == 6 || (type == 0 && cap & NVMX_EPT_UC)) && (levels == 3 || (levels == 4 && cap & NVMX_EPT_WALK5));
}

/* SDM 25.5.6.3: VM function 0.  False: it exits. */
static bool switch_eptp(struct fake_cpu *c)
{
	uint32_t index = (uint32_t)c->a.gpr[1];
	uint64_t eptp;

	if (index >= 512)
		return false;
	eptp = fake_phys_read(c, fake_field(c, NVMX_EPTP_LIST_ADDR) + 8 * index, 8);
	if (!eptp_valid(c, eptp))
		return false;
	fake_field_set(c, NVMX_EPT_POINTER, eptp);
	if (nvmx_caps_may(c->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VE)
		fake_field_set(c, NVMX_EPTP_INDEX, index);
	c->switches++;
	return true;
}

/* SDM 25.5.6.2 */
static void vmfunc(struct fake_cpu *c, const struct fake_insn *i)
{
	uint32_t function = (uint32_t)c->a.gpr[0];

	if (!c->guest || !(fake_proc2(c) & NVMX_PROC2_VMFUNC) || function > 63)
		fake_raise(c, NVMX_VECTOR_UD, false, 0);
	else if (fake_field(c, NVMX_VMFUNC_CTLS) >> function & 1 && switch_eptp(c))
		fake_retire(c, i);
	else
		fake_insn_exit(c, i, NVMX_XR_VMFUNC, 0);
}

void fake_vmx_insn(struct fake_cpu *c, const struct fake_insn *i)
{
	int outcome;

	if (i->op == FAKE_VMFUNC) {
		vmfunc(c, i);
		return;
	}
	if (!offered(c, i->op)) {
		fake_raise(c, NVMX_VECTOR_UD, false, 0);
		return;
	}
	if (!prologue(c, i))
		return;
	switch (i->op) {
	case FAKE_VMREAD:
		read_field(c, i);
		break;
	case FAKE_VMWRITE:
		write_field(c, i);
		break;
	case FAKE_VMXOFF:
		c->vmxon = c->vmcs = FAKE_NONE;
		conclude(c, i, FAKE_VM_SUCCEED);
		break;
	case FAKE_VMCALL:
		conclude(c, i, NVMX_VMERR_VMCALL_IN_ROOT);
		break;
	case FAKE_VMLAUNCH:
	case FAKE_VMRESUME:
		outcome = fake_vmenter(c, i->op == FAKE_VMLAUNCH);
		if (outcome != FAKE_VM_ENTERED)
			conclude(c, i, outcome);
		break;
	case FAKE_INVEPT:
	case FAKE_INVVPID:
		invalidate(c, i);
		break;
	default:
		pointer(c, i);
	}
}
