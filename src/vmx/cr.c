/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Control registers: what VMX operation forbids L1, and L2's accesses that exit for the host's sake alone.
 */
#include "port.h"

static bool fixed_bits_hold(const struct nvmx_caps *caps, uint32_t fixed0, uint64_t value, uint64_t exempt)
{
	uint64_t must = nvmx_caps_get(caps, fixed0) & ~exempt, may = nvmx_caps_get(caps, fixed0 + 1);

	return (value & must) == must && !(value & ~may);
}

int nvmx_l1_cr_check(const struct nvmx_vcpu *v, unsigned cr, uint64_t value)
{
	if (v->smm.active && cr == 4 && value & NVMX_CR4_VMXE)
		return -1; /* SDM 34.14.3 */
	if (v->vmxon_ptr == NVMX_NO_ADDR)
		return 0;
	return fixed_bits_hold(&v->vm->caps, cr == 0 ? NVMX_MSR_VMX_CR0_FIXED0 : NVMX_MSR_VMX_CR4_FIXED0, value, 0) ? 0
														    : -1;
}

/* The new value of CR0 or CR4 as L2 means it: bits that L1 owns do not change (SDM 25.3). */
static uint64_t value_for_l2(const struct nvmx_regs *regs, struct nvmx_vcpu *v, uint64_t qualification, uint64_t before,
			     uint64_t mask12)
{
	unsigned reg = qualification >> 8 & 15;
	uint64_t value;

	switch (qualification >> 4 & 3) {
	case 0:
		value = reg == NVMX_RSP ? nvmx_vmread(v, NVMX_GUEST_RSP) : regs->gpr[reg];
		break;
	case 2: /* CLTS */
		value = before & ~NVMX_CR0_TS;
		break;
	default: /* LMSW cannot clear PE */
		value = (before & ~0xeull) | (qualification >> 16 & 0xf);
	}
	return (value & ~mask12) | (before & mask12);
}

/* Paging switched on or off with IA32_EFER.LME set enters or leaves IA-32e mode (SDM 9.8.5). */
static void follow_paging(struct nvmx_vcpu *v, uint64_t before, uint64_t now)
{
	uint64_t efer = nvmx_vmread(v, NVMX_GUEST_EFER);
	uint32_t ctls = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_CTLS);

	if (!((before ^ now) & NVMX_CR0_PG) || !(efer & NVMX_EFER_LME))
		return;
	if (now & NVMX_CR0_PG) {
		efer |= NVMX_EFER_LMA;
		ctls |= NVMX_ENTRY_IA32E;
	} else {
		efer &= ~NVMX_EFER_LMA;
		ctls &= ~NVMX_ENTRY_IA32E;
	}
	nvmx_vmwrite(v, NVMX_GUEST_EFER, efer);
	nvmx_vmwrite(v, NVMX_ENTRY_CTLS, ctls);
}

/* MOV to CR0 faults for paging without protection and for NW without CD (SDM volume 2, MOV to control registers). */
static bool cr0_consistent(uint64_t cr0)
{
	return !(cr0 & NVMX_CR0_PG && !(cr0 & NVMX_CR0_PE)) && !(cr0 & NVMX_CR0_NW && !(cr0 & NVMX_CR0_CD));
}

/* L2's CR0 or CR4.  Bits that L2 cannot change without an exit may differ in hardware: vmcs12 has L2's. */
static uint64_t guest_cr(struct nvmx_vcpu *v, bool is0)
{
	const struct nvmx_slot *s = v->cur;
	uint64_t mask02 = is0 ? s->cr0_mask02 : s->cr4_mask02;

	return (nvmx_vmread(v, is0 ? NVMX_GUEST_CR0 : NVMX_GUEST_CR4) & ~mask02) |
	       ((is0 ? s->v12->guest_cr0 : s->v12->guest_cr4) & mask02);
}

enum nvmx_verdict nvmx_l2_cr_access(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint64_t qualification)
{
	struct nvmx_vmcs12 *v12 = v->cur->v12;
	unsigned cr = qualification & 15, type = qualification >> 4 & 3;
	bool is0 = cr == 0 || type >= 2;
	uint64_t exempt = nvmx_v12_proc2(v12) & NVMX_PROC2_UNRESTRICTED ? NVMX_CR0_PE | NVMX_CR0_PG : 0;
	uint64_t mask12 = is0 ? v12->cr0_mask : v12->cr4_mask;
	uint64_t before, now, shadow12;

	if (type == 1 || (!is0 && cr != 4))
		return NVMX_HOST;
	before = guest_cr(v, is0);
	now = value_for_l2(regs, v, qualification, before, mask12);
	if ((is0 && !cr0_consistent(now)) ||
	    !fixed_bits_hold(&v->vm->caps, is0 ? NVMX_MSR_VMX_CR0_FIXED0 : NVMX_MSR_VMX_CR4_FIXED0, now, is0 ? exempt : 0))
		return nvmx_inject_exception(v, regs, NVMX_GP, true, 0, 0);
	if (is0)
		follow_paging(v, before, now);
	*(is0 ? &v12->guest_cr0 : &v12->guest_cr4) = now;
	shadow12 = is0 ? v12->cr0_shadow : v12->cr4_shadow;
	nvmx_vmwrite(v, is0 ? NVMX_GUEST_CR0 : NVMX_GUEST_CR4, is0 ? now : nvmx_hw_cr4(v, now));
	nvmx_vmwrite(v, is0 ? NVMX_CR0_SHADOW : NVMX_CR4_SHADOW, (shadow12 & mask12) | (now & ~mask12));
	nvmx_skip(v);
	return NVMX_RESUME_L2;
}
