/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* MSRs, CPUID, control-register rules. */
#include "cpu.h"

uint64_t fake_tsc(const struct fake_cpu *c)
{
	return c->tsc_base + c->clock * 16;
}

void fake_cpuid(uint32_t leaf, uint64_t gpr[16])
{
	gpr[0] = leaf * 0x01010101u;
	gpr[3] = 0x756e6547;
	gpr[1] = leaf == 1 ? 1u << 5 : 0x6c65746e; /* VMX */
	gpr[2] = 0x49656e69;
}

bool fake_fixed(const struct nvmx_caps *caps, unsigned cr, uint64_t value, uint64_t free_bits)
{
	uint64_t must = nvmx_caps_get(caps, cr ? NVMX_MSR_VMX_CR4_FIXED0 : NVMX_MSR_VMX_CR0_FIXED0) & ~free_bits;
	uint64_t may = nvmx_caps_get(caps, cr ? NVMX_MSR_VMX_CR4_FIXED1 : NVMX_MSR_VMX_CR0_FIXED1) | free_bits;

	return (value & must) == must && !(value & ~may);
}

bool fake_cr_valid(const struct fake_cpu *c, unsigned cr, uint64_t value)
{
	bool unrestricted = !cr && c->guest && fake_proc2(c) & NVMX_PROC2_UNRESTRICTED;

	return fake_fixed(c->caps, cr, value, unrestricted ? NVMX_CR0_PE | NVMX_CR0_PG : 0);
}

static bool canonical(uint64_t v)
{
	return (uint64_t)((int64_t)(v << 16) >> 16) == v;
}

static bool pat_valid(uint64_t v)
{
	for (unsigned i = 0; i < 8; i++, v >>= 8)
		if ((v & 0xff) > 7 || (v & 0xff) == 2 || (v & 0xff) == 3)
			return false;
	return true;
}

#define AT(member) offsetof(struct fake_arch, member)
const struct fake_protection fake_protections[FAKE_PROTECTIONS] = {
	{ NVMX_MSR_BNDCFGS, NVMX_GUEST_BNDCFGS, 0, NVMX_ENTRY_LOAD_BNDCFGS, NVMX_EXIT_CLEAR_BNDCFGS, AT(bndcfgs) },
	{ NVMX_MSR_S_CET, NVMX_GUEST_S_CET, NVMX_HOST_S_CET, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET, AT(s_cet) },
	{ NVMX_MSR_INT_SSP_TABLE, NVMX_GUEST_INT_SSP_TABLE, NVMX_HOST_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET,
	  AT(ssp_table) },
	{ 0, NVMX_GUEST_SSP, NVMX_HOST_SSP, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET, AT(ssp) },
	{ NVMX_MSR_PKRS, NVMX_GUEST_PKRS, NVMX_HOST_PKRS, NVMX_ENTRY_LOAD_PKRS, NVMX_EXIT_LOAD_PKRS, AT(pkrs) },
};

bool fake_has(const struct fake_cpu *c, const struct fake_protection *p)
{
	return nvmx_caps_may(c->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & p->load;
}

static uint64_t *protection(struct fake_cpu *c, uint32_t msr)
{
	for (unsigned i = 0; i < FAKE_PROTECTIONS; i++)
		if (fake_protections[i].msr == msr && fake_has(c, &fake_protections[i]))
			return fake_protection(c, &fake_protections[i]);
	return NULL;
}

static uint64_t *plain(struct fake_cpu *c, uint32_t msr)
{
	switch (msr) {
	case NVMX_MSR_SYSENTER_CS: return &c->a.sysenter_cs;
	case NVMX_MSR_SYSENTER_ESP: return &c->a.sysenter_esp;
	case NVMX_MSR_SYSENTER_EIP: return &c->a.sysenter_eip;
	case NVMX_MSR_PAT: return &c->a.pat;
	case NVMX_MSR_EFER: return &c->a.efer;
	case NVMX_MSR_DEBUGCTL: return &c->a.debugctl;
	case NVMX_MSR_FS_BASE: return &c->a.seg[FAKE_SEG_FS].base;
	case NVMX_MSR_GS_BASE: return &c->a.seg[FAKE_SEG_GS].base;
	case 0xc0000102u: return &c->a.kernel_gs;
	case 0xc0000081u: return &c->a.star;
	case 0xc0000082u: return &c->a.lstar;
	case 0xc0000084u: return &c->a.fmask;
	case 0xc0000103u: return &c->a.tsc_aux;
	case NVMX_MSR_XSS: return &c->a.xss;
	case NVMX_MSR_U_CET: return protection(c, NVMX_MSR_S_CET) ? &c->a.u_cet : NULL;
	default: return msr ? protection(c, msr) : NULL;
	}
}

bool fake_rdmsr(struct fake_cpu *c, uint32_t msr, uint64_t *value)
{
	const uint64_t *p = plain(c, msr);

	if (msr - NVMX_CAPS_FIRST_MSR < NVMX_CAPS_MSRS)
		*value = nvmx_caps_get(c->caps, msr);
	else if (msr == NVMX_MSR_FEATURE_CONTROL)
		*value = c->feature_control;
	else if (msr == NVMX_MSR_TSC)
		*value = fake_tsc(c);
	else if (p)
		*value = *p;
	else
		return false;
	return true;
}

static bool valid(const struct fake_cpu *c, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case NVMX_MSR_PAT:
		return pat_valid(value);
	case NVMX_MSR_EFER: /* LME may change only with paging off */
		return !(value & ~c->caps->efer_valid) &&
		       (!(c->a.cr0 & NVMX_CR0_PG) || !((value ^ c->a.efer) & NVMX_EFER_LME));
	case NVMX_MSR_DEBUGCTL:
		return !(value & ~c->caps->debugctl_valid);
	case NVMX_MSR_SYSENTER_ESP:
	case NVMX_MSR_SYSENTER_EIP:
	case NVMX_MSR_FS_BASE:
	case NVMX_MSR_GS_BASE:
	case 0xc0000102u:
	case 0xc0000082u:
		return canonical(value);
	case NVMX_MSR_XSS:
		return !(value & ~0x100ull);
	case NVMX_MSR_BNDCFGS:
		return canonical(value) && !(value & 0xffc);
	case NVMX_MSR_S_CET:
	case NVMX_MSR_U_CET:
		return canonical(value) && !(value & 0x3c0) && (value & 0xc00) != 0xc00;
	case NVMX_MSR_INT_SSP_TABLE:
		return canonical(value) && !(value & 7);
	case NVMX_MSR_PKRS:
	case NVMX_MSR_SYSENTER_CS:
	case 0xc0000084u:
	case 0xc0000103u:
		return !(value >> 32);
	default:
		return true;
	}
}

bool fake_wrmsr(struct fake_cpu *c, uint32_t msr, uint64_t value)
{
	uint64_t *p = plain(c, msr);

	if (msr == NVMX_MSR_FEATURE_CONTROL) {
		if (c->feature_control & NVMX_FC_LOCK)
			return false;
		c->feature_control = value;
		return true;
	}
	if (!p || !valid(c, msr, value))
		return false;
	if (msr == NVMX_MSR_EFER)
		value = (value & ~NVMX_EFER_LMA) | (c->a.efer & NVMX_EFER_LMA);
	*p = value;
	return true;
}
