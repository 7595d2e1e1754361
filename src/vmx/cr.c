/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Control registers: what VMX operation forbids L1, and L2's accesses that exit for the host's sake alone.  Of those the
 * whole instruction is executed: MOV to CR0 and CR4, CLTS and LMSW of SDM volume 2, with 25.3 for VMX non-root operation.
 */
#include "../mem.h"
#include "cr.h"
#include "l1.h"
#include "../ept/ept.h"
#include "../invept/invept.h"
#include "../vmcs/values.h"

#define CR0_IGNORED (NVMX_CR0_ET | 0x1ff80000ull | NVMX_BIT64(17) | 0xffc0ull) /* writes do not change them */
#define CR3_PCID 0xfffull
#define TSS16(ar) (((ar) & 0xdu) == 1)                                        /* types 1 and 3 */

enum access { MOV_TO, MOV_FROM, CLTS, LMSW }; /* SDM table 27-3 */

int nvmx_l1_cr_check(const struct nvmx_vcpu *v, unsigned cr, uint64_t value)
{
	if (v->smm.active && cr == 4 && value & NVMX_CR4_VMXE)
		return -1; /* SDM 34.14.3 */
	if (v->vmxon_ptr == NVMX_NO_ADDR)
		return 0;
	return nvmx_cr_unsupported(&v->vm->caps, cr == 0 ? NVMX_MSR_VMX_CR0_FIXED0 : NVMX_MSR_VMX_CR4_FIXED0, value) ? -1 : 0;
}

uint64_t nvmx_cr_operand(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint64_t qualification)
{
	uint64_t value = nvmx_gpr_read(v, regs, qualification >> 8 & 15);

	return value >> 32 && !nvmx_in_64bit_mode(v) ? (uint32_t)value : value;
}

static bool sets(uint64_t before, uint64_t now, uint64_t bit)
{
	return ~before & now & bit;
}

static bool clears(uint64_t before, uint64_t now, uint64_t bit)
{
	return before & ~now & bit;
}

/* MOV to CR0 and LMSW (SDM volume 2; 4.1.2, 4.10.1). */
static bool cr0_faults(const struct nvmx_cr_change *c)
{
	if (c->cr0_now & NVMX_CR0_PG && !(c->cr0_now & NVMX_CR0_PE))
		return true;
	if (c->cr0_now & NVMX_CR0_NW && !(c->cr0_now & NVMX_CR0_CD))
		return true;
	if (c->cr4_now & NVMX_CR4_CET && !(c->cr0_now & NVMX_CR0_WP))
		return true;
	if (clears(c->cr0, c->cr0_now, NVMX_CR0_PG))
		return (c->ia32e && c->cs_ar & NVMX_AR_L) || c->cr4_now & NVMX_CR4_PCIDE;
	return sets(c->cr0, c->cr0_now, NVMX_CR0_PG) && c->lme && /* to IA-32e mode */
	       (!(c->cr4_now & NVMX_CR4_PAE) || c->cs_ar & NVMX_AR_L || TSS16(c->tr_ar));
}

/* MOV to CR4 (SDM volume 2; 2.5, 4.1.1, 4.10.1). */
static bool cr4_faults(const struct nvmx_cr_change *c)
{
	if (c->ia32e && (!(c->cr4_now & NVMX_CR4_PAE) || (c->cr4 ^ c->cr4_now) & NVMX_CR4_LA57))
		return true;
	if (sets(c->cr4, c->cr4_now, NVMX_CR4_PCIDE) && (!c->ia32e || c->cr3 & CR3_PCID))
		return true;
	return c->cr4_now & NVMX_CR4_CET && !(c->cr0_now & NVMX_CR0_WP);
}

bool nvmx_cr_faults(const struct nvmx_cr_change *c)
{
	return c->is4 ? cr4_faults(c) : cr0_faults(c);
}

/* SDM 4.4.1, with the paging mode that the instruction leaves. */
bool nvmx_cr_loads_pdptes(const struct nvmx_cr_change *c)
{
	const uint64_t of_cr0 = NVMX_CR0_CD | NVMX_CR0_NW | NVMX_CR0_PG;
	const uint64_t of_cr4 = NVMX_CR4_PAE | NVMX_CR4_PGE | NVMX_CR4_PSE | NVMX_CR4_SMEP;
	bool ia32e = c->ia32e && !clears(c->cr0, c->cr0_now, NVMX_CR0_PG);

	if (sets(c->cr0, c->cr0_now, NVMX_CR0_PG) && c->lme)
		ia32e = true;
	return c->cr0_now & NVMX_CR0_PG && c->cr4_now & NVMX_CR4_PAE && !ia32e &&
	       ((c->cr0 ^ c->cr0_now) & of_cr0 || (c->cr4 ^ c->cr4_now) & of_cr4);
}

/* SDM 4.10.4.1.  What is invalidated for the current PCID alone goes with the others. */
bool nvmx_cr_flushes(const struct nvmx_cr_change *c)
{
	return clears(c->cr0, c->cr0_now, NVMX_CR0_PG) || (c->cr4 ^ c->cr4_now) & (NVMX_CR4_PGE | NVMX_CR4_PAE) ||
	       clears(c->cr4, c->cr4_now, NVMX_CR4_PCIDE) || sets(c->cr4, c->cr4_now, NVMX_CR4_SMEP);
}

/* L2's CR0 or CR4.  Bits that L2 cannot change without an exit may differ in hardware: vmcs12 has L2's. */
static uint64_t guest_cr(struct nvmx_vcpu *v, bool is0)
{
	const struct nvmx_slot *s = v->cur;
	uint64_t mask02 = is0 ? s->cr0_mask02 : s->cr4_mask02;

	return (nvmx_vmread(v, is0 ? NVMX_GUEST_CR0 : NVMX_GUEST_CR4) & ~mask02) |
	       ((is0 ? s->v12->guest_cr0 : s->v12->guest_cr4) & mask02);
}

/* The new value of CR0 or CR4 as L2 means it: bits that L1 owns do not change (SDM 25.3). */
static uint64_t value_for_l2(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint64_t qualification, uint64_t before,
			     uint64_t kept)
{
	uint64_t value;

	switch (qualification >> 4 & 3) {
	case MOV_TO:
		value = nvmx_cr_operand(v, regs, qualification);
		break;
	case CLTS:
		value = before & ~NVMX_CR0_TS;
		break;
	default: /* LMSW cannot clear PE */
		value = (before & ~0xeull) | (qualification >> 16 & 0xf);
	}
	return (value & ~kept) | (before & kept);
}

static void change_make(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint64_t qualification,
			struct nvmx_cr_change *c)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;

	c->cr0 = c->cr0_now = guest_cr(v, true);
	c->cr4 = c->cr4_now = guest_cr(v, false);
	if (c->is4)
		c->cr4_now = value_for_l2(v, regs, qualification, c->cr4, v12->cr4_mask);
	else
		c->cr0_now = value_for_l2(v, regs, qualification, c->cr0, v12->cr0_mask | CR0_IGNORED);
	c->cr3 = nvmx_vmread(v, NVMX_GUEST_CR3);
	c->cs_ar = (uint32_t)nvmx_vmread(v, NVMX_GUEST_CS_AR);
	c->tr_ar = (uint32_t)nvmx_vmread(v, NVMX_GUEST_TR_AR);
	c->lme = nvmx_vmread(v, NVMX_GUEST_EFER) & NVMX_EFER_LME;
	c->ia32e = nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E;
}

static bool unsupported(const struct nvmx_vcpu *v, const struct nvmx_cr_change *c)
{
	uint64_t exempt = nvmx_v12_proc2(v->cur->v12) & NVMX_PROC2_UNRESTRICTED ? NVMX_CR0_PE | NVMX_CR0_PG : 0;

	return c->is4 ? nvmx_cr_unsupported(&v->vm->caps, NVMX_MSR_VMX_CR4_FIXED0, c->cr4_now) :
			nvmx_cr_unsupported(&v->vm->caps, NVMX_MSR_VMX_CR0_FIXED0, c->cr0_now) & ~exempt;
}

/* Paging switched on or off with IA32_EFER.LME set enters or leaves IA-32e mode (SDM 9.8.5). */
static void follow_paging(struct nvmx_vcpu *v, const struct nvmx_cr_change *c)
{
	uint64_t efer, ctls;

	if (!((c->cr0 ^ c->cr0_now) & NVMX_CR0_PG) || !c->lme)
		return;
	efer = nvmx_vmread(v, NVMX_GUEST_EFER) & ~NVMX_EFER_LMA;
	ctls = nvmx_vmread(v, NVMX_ENTRY_CTLS) & ~(uint64_t)NVMX_ENTRY_IA32E;
	if (c->cr0_now & NVMX_CR0_PG) {
		efer |= NVMX_EFER_LMA;
		ctls |= NVMX_ENTRY_IA32E;
	}
	nvmx_vmwrite(v, NVMX_GUEST_EFER, efer);
	nvmx_vmwrite(v, NVMX_ENTRY_CTLS, ctls);
}

/* PDPTEs that are there and have reserved bits are #GP(0), and none is loaded.  0, or -1 and *fault. */
static int load_pdptes(struct nvmx_vcpu *v, uint64_t cr3, struct nvmx_fault *fault)
{
	uint64_t at = cr3 & 0xffffffe0u, pdpte[4];
	int error = nvmx_ept_use(v, at, NVMX_ACCESS_R, &at, &fault->exit);

	if (error) {
		fault->kind = error > 0 ? NVMX_FAULT_AGAIN : NVMX_FAULT_EXIT;
		fault->exit.qualification &= ~(NVMX_BIT64(7) | NVMX_BIT64(8)); /* no linear address (SDM table 27-7) */
		return -1;
	}
	if (nvmx_gpa_read(v, at, pdpte, sizeof(pdpte))) {
		if (v->not_now)
			return -1;
		nvmx_memset(pdpte, 0xff, sizeof(pdpte)); /* no memory reads as ones */
	}
	for (unsigned i = 0; i < 4; i++)
		if (!nvmx_pdpte_ok(&v->vm->caps, pdpte[i])) {
			*fault = (struct nvmx_fault){ .vector = NVMX_VECTOR_GP };
			return -1;
		}
	for (unsigned i = 0; i < 4; i++)
		nvmx_vmwrite(v, NVMX_GUEST_PDPTE0 + 2 * i, pdpte[i]);
	return 0;
}

static void load(struct nvmx_vcpu *v, const struct nvmx_cr_change *c)
{
	struct nvmx_vmcs12 *v12 = v->cur->v12;

	if (c->is4) {
		v12->guest_cr4 = c->cr4_now;
		nvmx_vmwrite(v, NVMX_GUEST_CR4, nvmx_hw_cr4(v, c->cr4_now));
		nvmx_vmwrite(v, NVMX_CR4_SHADOW, (v12->cr4_shadow & v12->cr4_mask) | (c->cr4_now & ~v12->cr4_mask));
	} else {
		v12->guest_cr0 = c->cr0_now;
		nvmx_vmwrite(v, NVMX_GUEST_CR0, c->cr0_now);
		nvmx_vmwrite(v, NVMX_CR0_SHADOW, (v12->cr0_shadow & v12->cr0_mask) | (c->cr0_now & ~v12->cr0_mask));
	}
}

enum nvmx_verdict nvmx_l2_cr_access(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint64_t qualification)
{
	unsigned cr = qualification & 15, type = qualification >> 4 & 3;
	struct nvmx_fault fault = { .vector = NVMX_VECTOR_GP };
	struct nvmx_cr_change c = { .is4 = cr == 4 && type < CLTS };

	if (type == MOV_FROM || (type == MOV_TO && cr != 0 && cr != 4))
		return NVMX_HOST;
	change_make(v, regs, qualification, &c);
	if (unsupported(v, &c) || nvmx_cr_faults(&c) || (nvmx_cr_loads_pdptes(&c) && load_pdptes(v, c.cr3, &fault)))
		return nvmx_l2_fault(v, regs, &fault);
	follow_paging(v, &c);
	load(v, &c);
	if (nvmx_cr_flushes(&c))
		nvmx_vpid_flush(v, v->cur);
	nvmx_skip(v);
	return NVMX_RESUME_L2;
}
