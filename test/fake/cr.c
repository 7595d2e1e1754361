/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Control registers (SDM 25.1.3, 25.3, 27.2.1 table 27-3). */
#include "fake.h"

static bool control(const struct fake_cpu *c, uint32_t bit)
{
	return c->guest && (fake_field(c, NVMX_PROC_CTLS) & bit);
}

static void cr_exit(struct fake_cpu *c, const struct fake_insn *i, unsigned cr, unsigned type, uint64_t more)
{
	fake_insn_exit(c, i, NVMX_XR_CR_ACCESS, cr | type << 4 | (uint64_t)i->reg << 8 | more);
}

static bool cr0_valid(const struct fake_cpu *c, uint64_t v)
{
	if ((v >> 32) || ((v & NVMX_CR0_PG) && !(v & NVMX_CR0_PE)) || ((v & NVMX_CR0_NW) && !(v & NVMX_CR0_CD)))
		return false;
	if (!(v & NVMX_CR0_PG) && fake_is_64(c))
		return false;
	return c->vmxon == FAKE_NONE || fake_cr_valid(c, 0, v);
}

static bool cr4_valid(const struct fake_cpu *c, uint64_t v)
{
	uint64_t may = nvmx_caps_get(c->caps, NVMX_MSR_VMX_CR4_FIXED1);

	if ((v & ~may) || ((c->a.efer & NVMX_EFER_LMA) && !(v & NVMX_CR4_PAE)))
		return false;
	return c->vmxon == FAKE_NONE || fake_cr_valid(c, 4, v);
}

/* A write of CR0 or CR4 by the bits that the guest owns; false: #GP(0). */
static bool write_owned(struct fake_cpu *c, unsigned cr, uint64_t value)
{
	uint64_t mask = c->guest ? fake_field(c, cr ? NVMX_CR4_MASK : NVMX_CR0_MASK) : 0;
	uint64_t *real = cr ? &c->a.cr4 : &c->a.cr0;

	value = (*real & mask) | (value & ~mask);
	if (cr ? !cr4_valid(c, value) : !cr0_valid(c, value | NVMX_CR0_ET))
		return false;
	if (!cr && ((value ^ c->a.cr0) & NVMX_CR0_PG) && (c->a.efer & NVMX_EFER_LME))
		c->a.efer ^= NVMX_EFER_LMA;
	*real = cr ? value : value | NVMX_CR0_ET;
	fake_tlb_flush(c, true, fake_vpid(c), false, 0, false, 0);
	return true;
}

static void mov_to_masked(struct fake_cpu *c, const struct fake_insn *i, unsigned cr)
{
	uint64_t value = c->a.gpr[i->reg];

	if (c->guest && ((value ^ fake_field(c, cr ? NVMX_CR4_SHADOW : NVMX_CR0_SHADOW)) &
			 fake_field(c, cr ? NVMX_CR4_MASK : NVMX_CR0_MASK)))
		cr_exit(c, i, cr, 0, 0);
	else if (write_owned(c, cr, value))
		fake_retire(c, i);
	else
		fake_raise(c, NVMX_GP, true, 0);
}

static bool is_target(const struct fake_cpu *c, uint64_t value)
{
	for (unsigned n = 0; n < fake_field(c, NVMX_CR3_TARGET_COUNT); n++)
		if (fake_field(c, NVMX_CR3_TARGET0 + 2 * n) == value)
			return true;
	return false;
}

static void mov_to_cr3(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t value = c->a.gpr[i->reg];

	if (control(c, NVMX_PROC_CR3_LOAD) && !is_target(c, value)) {
		cr_exit(c, i, 3, 0, 0);
	} else if (value >> c->caps->maxphyaddr) {
		fake_raise(c, NVMX_GP, true, 0);
	} else {
		c->a.cr3 = value;
		fake_tlb_flush(c, true, fake_vpid(c), false, 0, false, 0);
		if ((c->a.cr0 & NVMX_CR0_PG) && (c->a.cr4 & NVMX_CR4_PAE) && !(c->a.efer & NVMX_EFER_LMA))
			fake_load_pdptes(c);
		fake_retire(c, i);
	}
}

static void mov_cr8(struct fake_cpu *c, const struct fake_insn *i, bool to)
{
	uint64_t vtpr = control(c, NVMX_PROC_TPR_SHADOW) ? fake_field(c, NVMX_VIRTUAL_APIC_ADDR) + 0x80 : 0;

	if (control(c, to ? NVMX_PROC_CR8_LOAD : NVMX_PROC_CR8_STORE)) {
		cr_exit(c, i, 8, !to, 0);
		return;
	}
	if (to && c->a.gpr[i->reg] >> 4) {
		fake_raise(c, NVMX_GP, true, 0);
		return;
	}
	if (to && vtpr)
		fake_phys_write(c, vtpr, c->a.gpr[i->reg] << 4, 4);
	else if (to)
		c->a.cr8 = c->a.gpr[i->reg];
	else
		c->a.gpr[i->reg] = vtpr ? fake_phys_read(c, vtpr, 1) >> 4 : c->a.cr8;
	fake_retire(c, i);
	if (to && vtpr && (c->a.gpr[i->reg] & 15) < (fake_field(c, NVMX_TPR_THRESHOLD) & 15)) {
		const struct fake_exit x = { .reason = NVMX_XR_TPR };

		fake_vmexit(c, &x);
	}
}

static void mov_from(struct fake_cpu *c, const struct fake_insn *i)
{
	switch (i->imm) {
	case 0:
	case 4:
		c->a.gpr[i->reg] = fake_visible_cr(c, (unsigned)i->imm);
		break;
	case 3:
		if (control(c, NVMX_PROC_CR3_STORE)) {
			cr_exit(c, i, 3, 1, 0);
			return;
		}
		c->a.gpr[i->reg] = c->a.cr3;
		break;
	default:
		mov_cr8(c, i, false);
		return;
	}
	fake_retire(c, i);
}

static void clts(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t mask = c->guest ? fake_field(c, NVMX_CR0_MASK) : 0;

	if (mask & NVMX_CR0_TS) {
		if (fake_field(c, NVMX_CR0_SHADOW) & NVMX_CR0_TS) {
			fake_insn_exit(c, i, NVMX_XR_CR_ACCESS, 2 << 4);
			return;
		}
	} else {
		c->a.cr0 &= ~NVMX_CR0_TS;
	}
	fake_retire(c, i);
}

/* LMSW loads PE, MP, EM and TS, and cannot clear PE. */
static void lmsw(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t source = c->a.gpr[i->reg] & 0xffff, new;

	if (c->guest) {
		uint64_t mask = fake_field(c, NVMX_CR0_MASK), shadow = fake_field(c, NVMX_CR0_SHADOW);

		if (((mask & 0xe) & (source ^ shadow)) || ((mask & 1) && (source & 1) && !(shadow & 1))) {
			fake_insn_exit(c, i, NVMX_XR_CR_ACCESS, 3 << 4 | source << 16);
			return;
		}
	}
	new = (c->a.cr0 & ~0xeull) | (source & 0xe) | ((source | c->a.cr0) & 1);
	if (write_owned(c, 0, new))
		fake_retire(c, i);
	else
		fake_raise(c, NVMX_GP, true, 0);
}

void fake_cr_insn(struct fake_cpu *c, const struct fake_insn *i)
{
	switch (i->op) {
	case FAKE_CLTS:
		clts(c, i);
		return;
	case FAKE_LMSW:
		lmsw(c, i);
		return;
	case FAKE_MOV_FROM_CR:
		mov_from(c, i);
		return;
	default:
		break;
	}
	if (i->imm == 0 || i->imm == 4)
		mov_to_masked(c, i, (unsigned)i->imm);
	else if (i->imm == 3)
		mov_to_cr3(c, i);
	else
		mov_cr8(c, i, true);
}
