/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "route.h"

static const struct nvmx_route_row route_rows[NVMX_XR_COUNT] = {
#define R(NAME, rule, bits, asks) [NVMX_XR_##NAME] = { #NAME, asks, NVMX_RULE_##rule, bits },
#include "routes.def"
};

static enum nvmx_route to_l1_if(bool condition)
{
	return condition ? NVMX_ROUTE_L1 : NVMX_ROUTE_L0;
}

/*
 * Exception bitmap, with the page-fault mask and match (SDM 25.2); NMIs by the pin-based control.  What the machine raises for
 * its owner's sake comes as one of three exceptions of the guest: machine checks, split locks as #AC (with the error code 0),
 * bus locks and the owner's breakpoints as #DB.
 */
static enum nvmx_route route_exception(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	unsigned vector = in->intr_info & 31u;
	bool intercepted = v12->exception_bitmap >> vector & 1;

	if (NVMX_INTR_TYPE(in->intr_info) == NVMX_EVENT_NMI)
		return to_l1_if(v12->pin_ctls & NVMX_PIN_NMI);
	if (vector == NVMX_VECTOR_PF && (in->intr_error & v12->pf_ec_mask) != v12->pf_ec_match)
		intercepted = !intercepted;
	if (vector == NVMX_VECTOR_DB || vector == NVMX_VECTOR_AC || vector == NVMX_VECTOR_MC)
		return intercepted ? NVMX_ROUTE_HOST_FIRST : NVMX_ROUTE_L0;
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

/* PAUSE-loop exiting looks at CPL 0 alone (SDM 25.1.3); there each PAUSE that the host made exit counts as a loop of L1's. */
static bool wants_pause(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	return v12->proc_ctls & NVMX_PROC_PAUSE || (nvmx_v12_proc2(v12) & NVMX_PROC2_PAUSE_LOOP && !in->cpl);
}

/* Injected by L1's VM entry it comes before L2's first instruction (SDM 26.6.2, 26.7.8): vmcs12 holds it until an exit to L1. */
static bool wants_mtf(const struct nvmx_vmcs12 *v12)
{
	return v12->proc_ctls & NVMX_PROC_MTF || nvmx_is_mtf(v12->entry_intr_info);
}

static enum nvmx_route if_on(bool control, enum nvmx_route then, enum nvmx_route otherwise)
{
	return control ? then : otherwise;
}

enum nvmx_route nvmx_route(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in)
{
	const struct nvmx_route_row *row = nvmx_route_row(in->reason);
	uint32_t proc = v12->proc_ctls, proc2 = nvmx_v12_proc2(v12);

	switch (row->rule) {
	case NVMX_RULE_ALWAYS:
	case NVMX_RULE_EVENT: return NVMX_ROUTE_L1;
	case NVMX_RULE_NEVER: return NVMX_ROUTE_L0;
	case NVMX_RULE_PIN: return to_l1_if(v12->pin_ctls & row->bits);
	case NVMX_RULE_PROC: return to_l1_if(proc & row->bits);
	case NVMX_RULE_PROC2: return to_l1_if(proc2 & row->bits);
	case NVMX_RULE_EXCEPTION: return route_exception(v12, in);
	case NVMX_RULE_CR: return route_cr(v12, in);
	case NVMX_RULE_IO: /* the bitmaps, where used, replace unconditional exiting (SDM 24.6.2) */
		return proc & NVMX_PROC_IO_BITMAPS ? NVMX_ROUTE_IO_BITMAP : to_l1_if(proc & NVMX_PROC_UNCOND_IO);
	case NVMX_RULE_MSR: return if_on(proc & NVMX_PROC_MSR_BITMAPS, NVMX_ROUTE_MSR_BITMAP, NVMX_ROUTE_L1);
	case NVMX_RULE_VMCS: return if_on(proc2 & NVMX_PROC2_SHADOW_VMCS, NVMX_ROUTE_VMCS_BITMAP, NVMX_ROUTE_L1);
	case NVMX_RULE_MTF: return to_l1_if(wants_mtf(v12));
	case NVMX_RULE_PAUSE: return to_l1_if(wants_pause(v12, in));
	case NVMX_RULE_EPT: return if_on(nvmx_route_ept(v12), NVMX_ROUTE_EPT, NVMX_ROUTE_L0);
	case NVMX_RULE_XSS: return to_l1_if(proc2 & NVMX_PROC2_XSAVES && v12->xss_exit_bitmap & in->operand);
	case NVMX_RULE_ENCLS: return if_on(proc2 & NVMX_PROC2_ENCLS, NVMX_ROUTE_ENCLS_BITMAP, NVMX_ROUTE_L0);
	case NVMX_RULE_VMFUNC: return if_on(proc2 & NVMX_PROC2_VMFUNC, NVMX_ROUTE_VMFUNC, NVMX_ROUTE_L0);
	default: return to_l1_if(!in->hosts_unknown);
	}
}

const struct nvmx_route_row *nvmx_route_row(uint32_t reason)
{
	static const struct nvmx_route_row unknown;

	return reason < NVMX_XR_COUNT ? &route_rows[reason] : &unknown;
}

bool nvmx_route_never(const struct nvmx_route_row *row)
{
	return row->rule == NVMX_RULE_NEVER;
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
