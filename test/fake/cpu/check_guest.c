/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Checks on the guest-state area but for segments (SDM 26.3.1). */
#include "check.h"

/* Bits 63:N are the same, N the width: the manual asks no more of RIP and SSP (26.3.1.4). */
static bool sign_like(const struct entry *e, uint64_t value)
{
	uint64_t high = value >> e->c->caps->linear_width;

	return !high || high == ~0ull >> e->c->caps->linear_width;
}

/* 26.3.1.1: control and debug registers. */
static const char *control_registers(const struct entry *e)
{
	const struct nvmx_caps *caps = e->c->caps;
	uint64_t free_bits = NVMX_CR0_NW | NVMX_CR0_CD | (e->proc2 & NVMX_PROC2_UNRESTRICTED ? NVMX_CR0_PE | NVMX_CR0_PG : 0);
	bool debug = e->entry & NVMX_ENTRY_LOAD_DEBUG;

	MUST_BE("26.3.1.1", "CR0", fake_fixed(caps, 0, e->cr0, free_bits));
	MUST("26.3.1.1", implies(e->cr0 & NVMX_CR0_PG, e->cr0 & NVMX_CR0_PE));
	MUST_BE("26.3.1.1", "CR4", fake_fixed(caps, 4, e->cr4, 0));
	MUST("26.3.1.1", implies(e->cr4 & NVMX_CR4_CET, e->cr0 & NVMX_CR0_WP));
	MUST("26.3.1.1", implies(debug, !(field(e, NVMX_GUEST_DEBUGCTL) & ~caps->debugctl_valid)));
	MUST("26.3.1.1", implies(e->ia32e, e->cr0 & NVMX_CR0_PG && e->cr4 & NVMX_CR4_PAE));
	MUST("26.3.1.1", implies(!e->ia32e, !(e->cr4 & NVMX_CR4_PCIDE)));
	MUST_BE("26.3.1.1", "CR3", fake_check_address(e, e->cr3, 0));
	MUST("26.3.1.1", implies(debug, !(field(e, NVMX_GUEST_DR7) >> 32)));
	return NULL;
}

/* 26.3.1.1: MSRs. */
static const char *msrs(const struct entry *e)
{
	uint64_t efer = field(e, NVMX_GUEST_EFER), bounds = field(e, NVMX_GUEST_BNDCFGS);
	bool lma = efer & NVMX_EFER_LMA, lme = efer & NVMX_EFER_LME;

	MUST("26.3.1.1", fake_check_canonical(e, field(e, NVMX_GUEST_SYSENTER_ESP)) && fake_check_canonical(e, field(e, NVMX_GUEST_SYSENTER_EIP)));
	if (e->entry & NVMX_ENTRY_LOAD_CET) {
		MUST("26.3.1.1", fake_check_s_cet(e, field(e, NVMX_GUEST_S_CET)));
		MUST("26.3.1.1", fake_check_canonical(e, field(e, NVMX_GUEST_INT_SSP_TABLE)));
	}
	MUST("26.3.1.1", implies(e->entry & NVMX_ENTRY_LOAD_PERF,
		!(field(e, NVMX_GUEST_PERF_GLOBAL_CTRL) & ~e->c->caps->perf_global_valid)));
	MUST("26.3.1.1", implies(e->entry & NVMX_ENTRY_LOAD_PAT, fake_check_pat(field(e, NVMX_GUEST_PAT))));
	if (e->entry & NVMX_ENTRY_LOAD_EFER) {
		MUST("26.3.1.1", !(efer & ~e->c->caps->efer_valid));
		MUST("26.3.1.1", lma == e->ia32e);
		MUST("26.3.1.1", implies(e->cr0 & NVMX_CR0_PG, lma == lme));
	}
	MUST("26.3.1.1", implies(e->entry & NVMX_ENTRY_LOAD_BNDCFGS, !(bounds & 0xffc) && fake_check_canonical(e, bounds)));
	MUST("26.3.1.1", implies(e->entry & NVMX_ENTRY_LOAD_PKRS, !(field(e, NVMX_GUEST_PKRS) >> 32)));
	return NULL;
}

/* 26.3.1.3, 26.3.1.4 */
static const char *tables_and_flags(const struct entry *e)
{
	uint64_t rip = field(e, NVMX_GUEST_RIP), ssp = field(e, NVMX_GUEST_SSP);
	bool is_64 = e->ia32e && field(e, NVMX_GUEST_CS_AR) & NVMX_AR_L;
	bool external = e->injects && e->type == NVMX_EVENT_EXT_INT;

	MUST("26.3.1.3", fake_check_canonical(e, field(e, NVMX_GUEST_GDTR_BASE)) && fake_check_canonical(e, field(e, NVMX_GUEST_IDTR_BASE)));
	MUST("26.3.1.3", !(field(e, NVMX_GUEST_GDTR_LIMIT) >> 16) && !(field(e, NVMX_GUEST_IDTR_LIMIT) >> 16));
	MUST("26.3.1.4", is_64 ? sign_like(e, rip) : !(rip >> 32));
	MUST_BE("26.3.1.4", "reserved bits of RFLAGS", (e->rflags & 0xffffffffffc0802aull) == 2);
	MUST("26.3.1.4", implies(e->rflags & NVMX_RFLAGS_VM, !e->ia32e && e->cr0 & NVMX_CR0_PE));
	MUST("26.3.1.4", implies(external, e->rflags & NVMX_RFLAGS_IF));
	MUST("26.3.1.4", implies(e->entry & NVMX_ENTRY_LOAD_CET, !(ssp & 3) && sign_like(e, ssp)));
	return NULL;
}

const char *fake_check_registers(const struct entry *e)
{
	const char *broken = control_registers(e);

	broken = broken ? broken : msrs(e);
	return broken ? broken : tables_and_flags(e);
}

/* 26.3.1.5: events that may be injected into an inactive guest. */
static bool goes_with(const struct entry *e, uint64_t activity)
{
	bool exception = e->type == NVMX_EVENT_HW_EXC, nmi = e->type == NVMX_EVENT_NMI;

	switch (activity) {
	case NVMX_ACTIVITY_HLT:
		return e->type == NVMX_EVENT_EXT_INT || nmi ||
		       (exception && (e->vector == NVMX_VECTOR_DB || e->vector == NVMX_VECTOR_MC)) ||
		       e->type == NVMX_EVENT_OTHER;
	case NVMX_ACTIVITY_SHUTDOWN:
		return nmi || (exception && e->vector == NVMX_VECTOR_MC);
	default:
		return activity == NVMX_ACTIVITY_ACTIVE;
	}
}

static const char *activity_state(const struct entry *e)
{
	uint64_t activity = field(e, NVMX_GUEST_ACTIVITY), blocking = field(e, NVMX_GUEST_INTERRUPTIBILITY);
	uint64_t ss_dpl = field(e, NVMX_GUEST_SS_AR) >> 5 & 3;

	MUST("26.3.1.5", activity <= NVMX_ACTIVITY_WAIT_SIPI);
	MUST_BE("26.3.1.5", "IA32_VMX_MISC[8:6] has the activity state", implies(activity > 0, e->misc >> (5 + activity) & 1));
	MUST("26.3.1.5", implies(activity == NVMX_ACTIVITY_HLT, ss_dpl == 0));
	MUST("26.3.1.5", implies(blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS), activity == NVMX_ACTIVITY_ACTIVE));
	MUST("26.3.1.5", implies(e->injects, goes_with(e, activity)));
	return NULL;
}

static const char *interruptibility(const struct entry *e)
{
	uint64_t blocking = field(e, NVMX_GUEST_INTERRUPTIBILITY);
	bool sti = blocking & NVMX_BLOCK_STI, movss = blocking & NVMX_BLOCK_MOVSS;
	bool external = e->injects && e->type == NVMX_EVENT_EXT_INT, nmi = e->injects && e->type == NVMX_EVENT_NMI;

	MUST("26.3.1.5", !(blocking >> 5));
	MUST("26.3.1.5", !(sti && movss));
	MUST("26.3.1.5", implies(sti, e->rflags & NVMX_RFLAGS_IF));
	MUST("26.3.1.5", implies(external, !sti && !movss));
	MUST("26.3.1.5", implies(nmi, !movss));
	MUST_BE("26.3.1.5", "no blocking by SMI outside SMM", !(blocking & NVMX_BLOCK_SMI));
	return NULL;
}

const char *fake_check_activity(const struct entry *e)
{
	const char *broken = activity_state(e);

	return broken ? broken : interruptibility(e);
}

const char *fake_check_nmi(const struct entry *e)
{
	bool nmi = e->injects && e->type == NVMX_EVENT_NMI;

	MUST("26.3.1.5", implies(nmi, !(field(e, NVMX_GUEST_INTERRUPTIBILITY) & NVMX_BLOCK_STI)));
	return NULL;
}

const char *fake_check_pending(const struct entry *e)
{
	bool nmi = e->injects && e->type == NVMX_EVENT_NMI;
	uint64_t pending = field(e, NVMX_GUEST_PENDING_DBG), blocking = field(e, NVMX_GUEST_INTERRUPTIBILITY);
	bool held = blocking & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS) || field(e, NVMX_GUEST_ACTIVITY) == NVMX_ACTIVITY_HLT;
	bool stepping = e->rflags & NVMX_RFLAGS_TF && !(field(e, NVMX_GUEST_DEBUGCTL) & NVMX_DEBUGCTL_BTF);

	MUST("26.3.1.5", implies(nmi && e->pin & NVMX_PIN_VNMI, !(blocking & NVMX_BLOCK_NMI)));
	MUST_BE("26.3.1.5", "no enclave interruption: this processor has no SGX", !(blocking & NVMX_BLOCK_ENCLAVE));
	MUST_BE("26.3.1.5", "reserved bits of the pending debug exceptions; this processor has no RTM", !(pending & ~0x500full));
	MUST("26.3.1.5", implies(held, (bool)(pending & NVMX_PENDING_DBG_BS) == stepping));
	return NULL;
}

const char *fake_check_link(const struct entry *e)
{
	uint64_t link = field(e, NVMX_VMCS_LINK_POINTER);
	bool shadowing = e->proc2 & NVMX_PROC2_SHADOW_VMCS;
	uint32_t found, revision = (uint32_t)nvmx_caps_get(e->c->caps, NVMX_MSR_VMX_BASIC) & 0x7fffffff;

	if (link == FAKE_NONE)
		return NULL;
	MUST_BE("26.3.1.5", "VMCS link pointer", fake_check_address(e, link, FAKE_PAGE - 1));
	found = (uint32_t)fake_phys_read(e->c, link, 4);
	MUST("26.3.1.5", (found & 0x7fffffff) == revision);
	MUST("26.3.1.5", found >> 31 == shadowing);
	MUST("26.3.1.5", link != e->c->vmcs);
	return NULL;
}

const char *fake_check_pdptes(const struct entry *e)
{
	bool pae = e->cr0 & NVMX_CR0_PG && e->cr4 & NVMX_CR4_PAE && !e->ia32e;

	for (unsigned i = 0; pae && i < 4; i++) {
		uint64_t pdpte = e->proc2 & NVMX_PROC2_EPT ? field(e, NVMX_GUEST_PDPTE0 + 2 * i) :
				 fake_phys_read(e->c, (e->cr3 & 0xffffffe0u) + 8 * i, 8);

		MUST_BE("26.3.1.6", "reserved bits of a PDPTE", implies(pdpte & 1, fake_check_address(e, pdpte, 0x1e6)));
	}
	return NULL;
}
