/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "route.h"

enum rule { TO_L1, TO_L0, IF_PIN, IF_PROC, IF_PROC2, SPECIAL };

struct route_row {
	uint8_t rule;
	uint32_t bits; /* any of them in the control word that the rule names sends the exit to L1 */
};

/* SDM 25.1.2 (unconditional exits), 25.1.3 (conditional), 25.2 (other causes).  What has no row goes to L1. */
static const struct route_row route_rows[NVMX_XR_COUNT] = {
	[NVMX_XR_EXCEPTION_NMI] = { SPECIAL, 0 },
	[NVMX_XR_EXT_INT] = { IF_PIN, NVMX_PIN_EXT_INT },
	[NVMX_XR_IO_SMI] = { TO_L0, 0 },
	[NVMX_XR_OTHER_SMI] = { TO_L0, 0 },
	[NVMX_XR_INT_WINDOW] = { IF_PROC, NVMX_PROC_INT_WINDOW },
	[NVMX_XR_NMI_WINDOW] = { IF_PROC, NVMX_PROC_NMI_WINDOW },
	[NVMX_XR_HLT] = { IF_PROC, NVMX_PROC_HLT },
	[NVMX_XR_INVLPG] = { IF_PROC, NVMX_PROC_INVLPG },
	[NVMX_XR_RDPMC] = { IF_PROC, NVMX_PROC_RDPMC },
	[NVMX_XR_RDTSC] = { IF_PROC, NVMX_PROC_RDTSC },
	[NVMX_XR_RDTSCP] = { IF_PROC, NVMX_PROC_RDTSC },
	[NVMX_XR_VMREAD] = { SPECIAL, 0 },
	[NVMX_XR_VMWRITE] = { SPECIAL, 0 },
	[NVMX_XR_CR_ACCESS] = { SPECIAL, 0 },
	[NVMX_XR_MOV_DR] = { IF_PROC, NVMX_PROC_MOV_DR },
	[NVMX_XR_IO] = { SPECIAL, 0 },
	[NVMX_XR_RDMSR] = { SPECIAL, 0 },
	[NVMX_XR_WRMSR] = { SPECIAL, 0 },
	[NVMX_XR_MWAIT] = { IF_PROC, NVMX_PROC_MWAIT },
	[NVMX_XR_MONITOR] = { IF_PROC, NVMX_PROC_MONITOR },
	[NVMX_XR_PAUSE] = { SPECIAL, 0 },
	[NVMX_XR_TPR] = { IF_PROC, NVMX_PROC_TPR_SHADOW },
	[NVMX_XR_APIC_ACCESS] = { IF_PROC2, NVMX_PROC2_APIC_ACCESS },
	[NVMX_XR_GDTR_IDTR] = { IF_PROC2, NVMX_PROC2_DESC_TABLE },
	[NVMX_XR_LDTR_TR] = { IF_PROC2, NVMX_PROC2_DESC_TABLE },
	[NVMX_XR_EPT_VIOLATION] = { SPECIAL, 0 },
	[NVMX_XR_EPT_MISCONFIG] = { SPECIAL, 0 },
	[NVMX_XR_PREEMPTION_TIMER] = { IF_PIN, NVMX_PIN_PREEMPTION_TIMER },
	[NVMX_XR_WBINVD] = { IF_PROC2, NVMX_PROC2_WBINVD },
	[NVMX_XR_RDRAND] = { IF_PROC2, NVMX_PROC2_RDRAND },
	[NVMX_XR_INVPCID] = { IF_PROC, NVMX_PROC_INVLPG },
	[NVMX_XR_VMFUNC] = { SPECIAL, 0 },
	[NVMX_XR_ENCLS] = { SPECIAL, 0 },
	[NVMX_XR_RDSEED] = { IF_PROC2, NVMX_PROC2_RDSEED },
	[NVMX_XR_PML_FULL] = { TO_L0, 0 },
	[NVMX_XR_RDMSR_IMM] = { SPECIAL, 0 },
	[NVMX_XR_WRMSRNS_IMM] = { SPECIAL, 0 },
};

static enum nvmx_route to_l1_if(bool condition)
{
	return condition ? NVMX_ROUTE_L1 : NVMX_ROUTE_L0;
}

/* Exception bitmap, with the page-fault mask and match (SDM 25.2); NMIs by the pin-based control. */
static enum nvmx_route route_exception(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	unsigned vector = in->intr_info & 31u;
	bool intercepted = v12->exception_bitmap >> vector & 1;

	if (NVMX_INTR_TYPE(in->intr_info) == NVMX_EVENT_NMI)
		return to_l1_if(v12->pin_ctls & NVMX_PIN_NMI);
	if (vector == NVMX_PF && (in->intr_error & v12->pf_ec_mask) != v12->pf_ec_match)
		intercepted = !intercepted;
	return to_l1_if(intercepted);
}

/* MOV to CR0 or CR4 exits if it changes, against the read shadow, a bit that L1 owns (SDM 25.1.3). */
static bool owned_bits_change(uint64_t value, uint64_t shadow, uint64_t mask)
{
	return (value ^ shadow) & mask;
}

static bool is_cr3_target(const struct nvmx_vmcs12 *v12, uint64_t value)
{
	const uint64_t targets[4] = { v12->cr3_target0, v12->cr3_target1, v12->cr3_target2, v12->cr3_target3 };

	for (unsigned i = 0; i < v12->cr3_target_count && i < 4; i++)
		if (targets[i] == value)
			return true;
	return false;
}

static bool mov_to_cr(const struct nvmx_vmcs12 *v12, unsigned cr, uint64_t value)
{
	switch (cr) {
	case 0: return owned_bits_change(value, v12->cr0_shadow, v12->cr0_mask);
	case 3: return v12->proc_ctls & NVMX_PROC_CR3_LOAD && !is_cr3_target(v12, value);
	case 4: return owned_bits_change(value, v12->cr4_shadow, v12->cr4_mask);
	default: return v12->proc_ctls & NVMX_PROC_CR8_LOAD;
	}
}

/* LMSW writes CR0[3:0] and cannot clear PE (SDM 25.1.3). */
static bool lmsw(const struct nvmx_vmcs12 *v12, uint64_t qualification)
{
	uint64_t msw = qualification >> 16 & 0xf;
	uint64_t mask = v12->cr0_mask & 0xe;

	if (v12->cr0_mask & ~v12->cr0_shadow & msw & NVMX_CR0_PE)
		mask |= NVMX_CR0_PE;
	return owned_bits_change(msw, v12->cr0_shadow, mask);
}

static enum nvmx_route route_cr(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	unsigned cr = in->qualification & 15;

	switch (in->qualification >> 4 & 3) {
	case 0: return to_l1_if(mov_to_cr(v12, cr, in->operand));
	case 1: return to_l1_if(v12->proc_ctls & (cr == 3 ? NVMX_PROC_CR3_STORE : NVMX_PROC_CR8_STORE));
	case 2: return to_l1_if(v12->cr0_mask & v12->cr0_shadow & NVMX_CR0_TS);
	default: return to_l1_if(lmsw(v12, in->qualification));
	}
}

static enum nvmx_route route_special(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	uint32_t proc = v12->proc_ctls, proc2 = nvmx_v12_proc2(v12);

	switch (in->reason) {
	case NVMX_XR_EXCEPTION_NMI:
		return route_exception(v12, in);
	case NVMX_XR_CR_ACCESS:
		return route_cr(v12, in);
	case NVMX_XR_IO: /* the bitmaps, where used, replace unconditional exiting (SDM 24.6.2) */
		return proc & NVMX_PROC_IO_BITMAPS ? NVMX_ROUTE_IO_BITMAP : to_l1_if(proc & NVMX_PROC_UNCOND_IO);
	case NVMX_XR_RDMSR:
	case NVMX_XR_WRMSR:
	case NVMX_XR_RDMSR_IMM:
	case NVMX_XR_WRMSRNS_IMM:
		return proc & NVMX_PROC_MSR_BITMAPS ? NVMX_ROUTE_MSR_BITMAP : NVMX_ROUTE_L1;
	case NVMX_XR_VMREAD:
	case NVMX_XR_VMWRITE:
		return proc2 & NVMX_PROC2_SHADOW_VMCS ? NVMX_ROUTE_VMCS_BITMAP : NVMX_ROUTE_L1;
	case NVMX_XR_PAUSE:
		return to_l1_if(proc & NVMX_PROC_PAUSE || proc2 & NVMX_PROC2_PAUSE_LOOP);
	case NVMX_XR_EPT_VIOLATION:
	case NVMX_XR_EPT_MISCONFIG:
		return proc2 & NVMX_PROC2_EPT ? NVMX_ROUTE_EPT : NVMX_ROUTE_L0;
	case NVMX_XR_ENCLS:
		return proc2 & NVMX_PROC2_ENCLS ? NVMX_ROUTE_ENCLS_BITMAP : NVMX_ROUTE_L0;
	default:
		return NVMX_ROUTE_VMFUNC;
	}
}

enum nvmx_route nvmx_route(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	const struct route_row *row;

	if (in->reason >= NVMX_XR_COUNT)
		return NVMX_ROUTE_L1;
	row = &route_rows[in->reason];
	switch (row->rule) {
	case TO_L0: return NVMX_ROUTE_L0;
	case IF_PIN: return to_l1_if(v12->pin_ctls & row->bits);
	case IF_PROC: return to_l1_if(v12->proc_ctls & row->bits);
	case IF_PROC2: return to_l1_if(nvmx_v12_proc2(v12) & row->bits);
	case SPECIAL: return route_special(v12, in);
	default: return NVMX_ROUTE_L1;
	}
}

int nvmx_msr_bit(uint32_t msr, bool write)
{
	int base = write ? 2048 * 8 : 0;

	if (msr < 0x2000)
		return base + (int)msr;
	if (msr - 0xc0000000u < 0x2000)
		return base + 1024 * 8 + (int)(msr - 0xc0000000u);
	return -1;
}
