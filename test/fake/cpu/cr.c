/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Control registers (SDM 25.1.3, 25.3, 27.2.1 table 27-3). */
#include "cpu.h"

static bool control(const struct fake_cpu *c, uint32_t bit)
{
	return c->guest && (fake_field(c, NVMX_PROC_CTLS) & bit);
}

static void cr_exit(struct fake_cpu *c, const struct fake_insn *i, unsigned cr, unsigned type, uint64_t more)
{
	fake_insn_exit(c, i, NVMX_XR_CR_ACCESS, cr | type << 4 | (uint64_t)i->reg << 8 | more);
}

/* The operand is 32 bits outside 64-bit mode (volume 2). */
static uint64_t source(const struct fake_cpu *c, const struct fake_insn *i)
{
	return fake_is_64(c) ? c->a.gpr[i->reg] : (uint32_t)c->a.gpr[i->reg];
}

static void destination(struct fake_cpu *c, const struct fake_insn *i, uint64_t value)
{
	c->a.gpr[i->reg] = fake_is_64(c) ? value : (uint32_t)value;
}

/* Volume 2, MOV to control registers; 4.1.2, 4.10.1. */
static bool cr0_valid(const struct fake_cpu *c, uint64_t v)
{
	bool on = v & ~c->a.cr0 & NVMX_CR0_PG, off = c->a.cr0 & ~v & NVMX_CR0_PG;

	if ((v >> 32) || ((v & NVMX_CR0_PG) && !(v & NVMX_CR0_PE)) || ((v & NVMX_CR0_NW) && !(v & NVMX_CR0_CD)))
		return false;
	if ((c->a.cr4 & NVMX_CR4_CET) && !(v & NVMX_CR0_WP))
		return false;
	if (off && (fake_is_64(c) || (c->a.cr4 & NVMX_CR4_PCIDE)))
		return false;
	if (on && (c->a.efer & NVMX_EFER_LME) &&
	    (!(c->a.cr4 & NVMX_CR4_PAE) || (c->a.seg[FAKE_SEG_CS].ar & NVMX_AR_L) || (c->a.seg[FAKE_SEG_TR].ar & 0xf) < 4))
		return false;
	return c->vmxon == FAKE_NONE || fake_cr_valid(c, 0, v);
}

static bool cr4_valid(const struct fake_cpu *c, uint64_t v)
{
	uint64_t may = nvmx_caps_get(c->caps, NVMX_MSR_VMX_CR4_FIXED1);
	bool ia32e = c->a.efer & NVMX_EFER_LMA;

	if ((v & ~may) || (ia32e && (!(v & NVMX_CR4_PAE) || ((v ^ c->a.cr4) & NVMX_CR4_LA57))))
		return false;
	if ((v & ~c->a.cr4 & NVMX_CR4_PCIDE) && (!ia32e || (c->a.cr3 & 0xfff)))
		return false;
	if ((v & NVMX_CR4_CET) && !(c->a.cr0 & NVMX_CR0_WP))
		return false;
	return c->vmxon == FAKE_NONE || fake_cr_valid(c, 4, v);
}

/* 4.4.1: 1 if the PDPTEs are loaded or need not be, 0 for #GP(0), -1 if there was a VM exit. */
static int pdptes(struct fake_cpu *c, uint64_t cr0, uint64_t cr4, bool ia32e)
{
	const uint64_t of_cr0 = NVMX_CR0_CD | NVMX_CR0_NW | NVMX_CR0_PG;
	const uint64_t of_cr4 = NVMX_CR4_PAE | NVMX_CR4_PGE | NVMX_CR4_PSE | NVMX_CR4_SMEP;
	uint64_t pdpte[4];

	if (!(cr0 & NVMX_CR0_PG) || !(cr4 & NVMX_CR4_PAE) || ia32e ||
	    !((cr0 ^ c->a.cr0) & of_cr0 || (cr4 ^ c->a.cr4) & of_cr4))
		return 1;
	if (!fake_read_pdptes(c, c->a.cr3, pdpte))
		return -1;
	for (unsigned n = 0; n < 4; n++)
		if ((pdpte[n] & 1) && ((pdpte[n] & 0x1e6) || pdpte[n] >> c->caps->maxphyaddr))
			return 0;
	for (unsigned n = 0; n < 4; n++)
		c->a.pdpte[n] = pdpte[n];
	return 1;
}

/* 4.10.4.1, whatever the PCID */
static bool invalidates(const struct fake_cpu *c, uint64_t cr0, uint64_t cr4)
{
	return (c->a.cr0 & ~cr0 & NVMX_CR0_PG) || ((cr4 ^ c->a.cr4) & (NVMX_CR4_PGE | NVMX_CR4_PAE)) ||
	       (c->a.cr4 & ~cr4 & NVMX_CR4_PCIDE) || (cr4 & ~c->a.cr4 & NVMX_CR4_SMEP);
}

/* A write of CR0 or CR4 by the bits that the guest owns.  Of CR0 reserved bits and ET do not change. */
static void write_owned(struct fake_cpu *c, const struct fake_insn *i, unsigned cr, uint64_t value)
{
	uint64_t mask = c->guest ? fake_field(c, cr ? NVMX_CR4_MASK : NVMX_CR0_MASK) : 0;
	uint64_t cr0 = c->a.cr0, cr4 = c->a.cr4, efer = c->a.efer;
	int loaded;

	if (cr)
		cr4 = (cr4 & mask) | (value & ~mask);
	else
		cr0 = (cr0 & (mask | FAKE_CR0_IGNORED)) | (value & ~(mask | FAKE_CR0_IGNORED));
	if (!cr && ((cr0 ^ c->a.cr0) & NVMX_CR0_PG) && (efer & NVMX_EFER_LME))
		efer ^= NVMX_EFER_LMA;
	loaded = (cr ? cr4_valid(c, cr4) : cr0_valid(c, cr0)) ? pdptes(c, cr0, cr4, efer & NVMX_EFER_LMA) : 0;
	if (loaded < 0)
		return;
	if (!loaded) {
		fake_raise(c, NVMX_VECTOR_GP, true, 0);
		return;
	}
	if (invalidates(c, cr0, cr4))
		fake_tlb_flush(c, true, fake_vpid(c), false, 0, false, 0);
	c->a.cr0 = cr0;
	c->a.cr4 = cr4;
	c->a.efer = efer;
	fake_retire(c, i);
}

static void mov_to_masked(struct fake_cpu *c, const struct fake_insn *i, unsigned cr)
{
	uint64_t value = source(c, i);

	if (c->guest && ((value ^ fake_field(c, cr ? NVMX_CR4_SHADOW : NVMX_CR0_SHADOW)) &
			 fake_field(c, cr ? NVMX_CR4_MASK : NVMX_CR0_MASK)))
		cr_exit(c, i, cr, 0, 0);
	else
		write_owned(c, i, cr, value);
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
	uint64_t value = source(c, i), pdpte[4];
	bool pae = (c->a.cr0 & NVMX_CR0_PG) && (c->a.cr4 & NVMX_CR4_PAE) && !(c->a.efer & NVMX_EFER_LMA);

	if (control(c, NVMX_PROC_CR3_LOAD) && !is_target(c, value)) {
		cr_exit(c, i, 3, 0, 0);
	} else if (value >> c->caps->maxphyaddr) {
		fake_raise(c, NVMX_VECTOR_GP, true, 0);
	} else if (!pae || fake_read_pdptes(c, value, pdpte)) {
		for (unsigned n = 0; pae && n < 4; n++)
			c->a.pdpte[n] = pdpte[n];
		c->a.cr3 = value;
		fake_tlb_flush(c, true, fake_vpid(c), false, 0, false, 0);
		fake_retire(c, i);
	}
}

static void mov_cr8(struct fake_cpu *c, const struct fake_insn *i, bool to)
{
	bool shadow = control(c, NVMX_PROC_TPR_SHADOW);

	if (control(c, to ? NVMX_PROC_CR8_LOAD : NVMX_PROC_CR8_STORE)) {
		cr_exit(c, i, 8, !to, 0);
		return;
	}
	if (to && c->a.gpr[i->reg] >> 4) {
		fake_raise(c, NVMX_VECTOR_GP, true, 0);
		return;
	}
	if (!to)
		c->a.gpr[i->reg] = shadow ? fake_apic_tpr(c) : c->a.cr8;
	else if (!shadow)
		c->a.cr8 = c->a.gpr[i->reg];
	fake_retire(c, i);
	if (to && shadow)
		fake_apic_cr8(c, c->a.gpr[i->reg]);
}

static void mov_from(struct fake_cpu *c, const struct fake_insn *i)
{
	switch (i->imm) {
	case 0:
	case 4:
		destination(c, i, fake_visible_cr(c, (unsigned)i->imm));
		break;
	case 3:
		if (control(c, NVMX_PROC_CR3_STORE)) {
			cr_exit(c, i, 3, 1, 0);
			return;
		}
		destination(c, i, c->a.cr3);
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
	uint64_t msw = c->a.gpr[i->reg] & 0xffff;

	if (c->guest) {
		uint64_t mask = fake_field(c, NVMX_CR0_MASK), shadow = fake_field(c, NVMX_CR0_SHADOW);

		if (((mask & 0xe) & (msw ^ shadow)) || ((mask & 1) && (msw & 1) && !(shadow & 1))) {
			fake_insn_exit(c, i, NVMX_XR_CR_ACCESS, 3 << 4 | msw << 16);
			return;
		}
	}
	write_owned(c, i, 0, (c->a.cr0 & ~0xeull) | (msw & 0xe) | ((msw | c->a.cr0) & 1));
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
