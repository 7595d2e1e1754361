/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "hold.h"
#include "merge.h"
#include "port.h"
#include "../ept/ept.h"

#define STEP(m) NVMX_STEP(m)

struct merge {
	struct nvmx_vcpu *v;
	struct nvmx_slot *s;
	const struct nvmx_vmcs12 *v12;
	const struct nvmx_from01 *from;
	uint32_t proc2;      /* vmcs12's secondary controls, 0 unless activated */
	bool no_memory;
	bool pin_failed;
	uint64_t unpinned;   /* the frame that could not be pinned */
};

static void write02(struct merge *m, uint32_t field, uint64_t value)
{
	nvmx_vmwrite(m->v, field, value);
}

/* False: the host could not pin it. */
static bool repin(struct merge *m, struct nvmx_pin *pin, uint64_t gpa, bool want)
{
	return !nvmx_repin(m->v, pin, gpa, want);
}

static void not_pinned(struct merge *m, uint64_t gpa)
{
	m->pin_failed = true;
	m->unpinned = gpa;
}

/*
 * The processor compares the address of the APIC-access page, and leaves what is there alone (SDM 29.4): it need not be RAM,
 * and is none where L1 names its own local APIC.  A page of the vCPU's then stands for it, to which the shadow EPT leads.
 */
static void repin_apic_access(struct merge *m)
{
	struct nvmx_pin *pin = &m->s->apic_access;
	uint64_t gpa = m->v12->apic_access_addr;

	if (repin(m, pin, gpa, m->proc2 & NVMX_PROC2_APIC_ACCESS))
		return;
	if (!(m->proc2 & NVMX_PROC2_EPT)) /* on EPT01, which is the host's */
		not_pinned(m, gpa);
	else if (nvmx_pin_own(m->v, pin, gpa))
		m->no_memory = true;
}

/* The pages that the processor uses on L2's behalf, before the controls that make it use them. */
static void merge_pins(struct merge *m)
{
	const struct nvmx_vmcs12 *v12 = m->v12;
	struct nvmx_slot *s = m->s;

	if (!repin(m, &s->vapic, v12->virtual_apic_addr, v12->proc_ctls & NVMX_PROC_TPR_SHADOW))
		not_pinned(m, v12->virtual_apic_addr);
	if (s->vapic.held) {
		write02(m, NVMX_VIRTUAL_APIC_ADDR, s->vapic.hpa);
		write02(m, NVMX_TPR_THRESHOLD, v12->tpr_threshold);
	}
	repin_apic_access(m);
	if (s->apic_access.held)
		write02(m, NVMX_APIC_ACCESS_ADDR, s->apic_access.hpa);
	if (!repin(m, &s->posted_int, v12->posted_int_desc_addr & ~0xfffull, v12->pin_ctls & NVMX_PIN_POSTED_INT))
		not_pinned(m, v12->posted_int_desc_addr);
	if (s->posted_int.held) {
		write02(m, NVMX_POSTED_INT_DESC_ADDR, s->posted_int.hpa | (v12->posted_int_desc_addr & 0xfff));
		write02(m, NVMX_POSTED_INT_NV, v12->posted_int_nv);
	}
}

/* Controls on which it depends what an MSR that is open to L2 leads to; for the mode of L2 it does not matter. */
static const uint32_t reach_of_msrs[NVMX_WORDS] = {
	[NVMX_WORD_PROC] = NVMX_PROC_TPR_SHADOW | NVMX_PROC_SECONDARY | NVMX_PROC_TERTIARY,
	[NVMX_WORD_PROC2] = NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID,
	[NVMX_WORD_EXIT] = ~0u,
	[NVMX_WORD_ENTRY] = ~NVMX_ENTRY_IA32E,
};

static void set_word(struct merge *m, enum nvmx_word w, uint32_t field, uint32_t c12, uint32_t engine, uint32_t cap)
{
	uint32_t value = nvmx_merge_word(&m->v->vm->masks, w, c12, m->v->ctl01[w], engine,
					 nvmx_caps_get(&m->v->vm->hw, cap));

	if (w == NVMX_WORD_PROC2 && m->v->vm->flags & NVMX_HOST_NO_PML_IN_L2)
		value &= ~NVMX_PROC2_PML;
	if (value == m->s->ctl02[w])
		return;
	if ((value ^ m->s->ctl02[w]) & reach_of_msrs[w])
		nvmx_grants_close(&m->s->msr);
	m->s->ctl02[w] = value;
	write02(m, field, value);
}

static uint32_t engine_proc2(struct merge *m)
{
	uint32_t bits = 0;

	if (m->s->apic_access.held)
		bits |= NVMX_PROC2_APIC_ACCESS;
	if (m->v->config.vpid02)
		bits |= NVMX_PROC2_VPID;
	if (m->proc2 & NVMX_PROC2_TSC_SCALING || m->v->ctl01[NVMX_WORD_PROC2] & NVMX_PROC2_TSC_SCALING)
		bits |= NVMX_PROC2_TSC_SCALING;
	return bits;
}

static uint32_t engine_proc(struct merge *m)
{
	uint32_t c12 = m->v12->proc_ctls, c01 = m->v->ctl01[NVMX_WORD_PROC];
	uint32_t cr8 = NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE;
	uint32_t bits = ((c12 | c01) & cr8) | NVMX_PROC_SECONDARY;

	if (m->s->vapic.held)
		bits |= NVMX_PROC_TPR_SHADOW;
	else if (c01 & NVMX_PROC_TPR_SHADOW)
		bits |= cr8;
	if (c12 & NVMX_PROC_IO_BITMAPS)
		bits |= NVMX_PROC_IO_BITMAPS;
	else if (c12 & NVMX_PROC_UNCOND_IO)
		bits |= NVMX_PROC_UNCOND_IO;
	else
		bits |= c01 & (NVMX_PROC_IO_BITMAPS | NVMX_PROC_UNCOND_IO);
	return bits | (c12 & NVMX_PROC_MSR_BITMAPS);
}

static void merge_proc(struct merge *m)
{
	uint64_t proc3 = nvmx_merge_bits(&m->v->vm->masks, NVMX_WORD_PROC3, 0, m->v->proc3_01, 0) &
			 nvmx_caps_get(&m->v->vm->hw, NVMX_MSR_VMX_PROCBASED_CTLS3);

	set_word(m, NVMX_WORD_PROC, NVMX_PROC_CTLS, m->v12->proc_ctls, engine_proc(m) | (proc3 ? NVMX_PROC_TERTIARY : 0),
		 NVMX_MSR_VMX_TRUE_PROCBASED_CTLS);
	set_word(m, NVMX_WORD_PROC2, NVMX_PROC_CTLS2, m->proc2, engine_proc2(m), NVMX_MSR_VMX_PROCBASED_CTLS2);
	if (proc3)
		write02(m, NVMX_PROC_CTLS3, proc3);
	m->s->logs01 = m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_PML;
}

/* A function that is not enabled exits and is emulated: all of them, or what the library's EPTP list has not. */
static void merge_vmfunc(struct merge *m)
{
	bool switching = m->proc2 & NVMX_PROC2_VMFUNC && m->v12->vmfunc_ctls & NVMX_VMFUNC_EPTP_SWITCHING;
	uint64_t list = switching && m->v->vm->hw_eptp_switching ? nvmx_ept_list(m->v, m->v12) : 0;

	m->s->look02 = (uint8_t)((m->s->look02 & ~NVMX_LOOK_EPTP) | (list ? NVMX_LOOK_EPTP : 0));
	if (list && nvmx_eptp_index_exists(m->v))
		write02(m, NVMX_EPTP_INDEX, m->v12->eptp_index);
	if (!(m->proc2 & NVMX_PROC2_VMFUNC) || list == m->s->eptp_list02)
		return;
	m->s->eptp_list02 = list;
	write02(m, NVMX_VMFUNC_CTLS, list ? NVMX_VMFUNC_EPTP_SWITCHING : 0);
	if (list)
		write02(m, NVMX_EPTP_LIST_ADDR, list);
}

static bool host_owns_timer(const struct merge *m)
{
	return m->v->vm->flags & NVMX_HOST_OWNS_TIMER;
}

static void merge_pin(struct merge *m)
{
	uint32_t timer = host_owns_timer(m) ? m->v->ctl01[NVMX_WORD_PIN] : m->v12->pin_ctls;

	set_word(m, NVMX_WORD_PIN, NVMX_PIN_CTLS, m->v12->pin_ctls,
		 (timer & NVMX_PIN_PREEMPTION_TIMER) | (m->s->posted_int.held ? NVMX_PIN_POSTED_INT : 0),
		 NVMX_MSR_VMX_TRUE_PINBASED_CTLS);
}

static void merge_exit(struct merge *m)
{
	uint32_t engine = NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_PAT |
			  NVMX_EXIT_LOAD_EFER;
	bool owns = m->v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS;

	engine |= (owns ? m->v->ctl01[NVMX_WORD_EXIT] : m->v12->exit_ctls) & NVMX_EXIT_ACK_INT;
	if (host_owns_timer(m))
		engine |= m->v->ctl01[NVMX_WORD_EXIT] & NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	else if (m->v12->pin_ctls & NVMX_PIN_PREEMPTION_TIMER)
		engine |= NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	set_word(m, NVMX_WORD_EXIT, NVMX_EXIT_CTLS, m->v12->exit_ctls, engine, NVMX_MSR_VMX_TRUE_EXIT_CTLS);
}

/* What L1 loads for L2, vmcs01's exit undoes for the host: L1 is offered nothing else, and vmcs02 has nothing else. */
static void merge_entry(struct merge *m)
{
	uint32_t fine = nvmx_loads_undone(m->v->ctl01[NVMX_WORD_EXIT]) | nvmx_loads_unswitched(m->v);
	uint32_t loads = (m->v12->entry_ctls & fine) | m->v->ctl01[NVMX_WORD_ENTRY];

	set_word(m, NVMX_WORD_ENTRY, NVMX_ENTRY_CTLS, m->v12->entry_ctls,
		 NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER | (loads & NVMX_CARRYING_LOADS),
		 NVMX_MSR_VMX_TRUE_ENTRY_CTLS);
}

/* The page-fault mask and match are L1's own if the host does not watch page faults; else every one exits.  With a mask or
 * match the host may watch them though its bitmap has a 0 (SDM 25.2). */
static void merge_exceptions(struct merge *m)
{
	bool host_pf = m->v->pf_ec01 || m->from->exception_bitmap >> NVMX_PF & 1;

	m->s->exceptions01 = m->from->exception_bitmap | (host_pf ? NVMX_BIT(NVMX_PF) : 0);
	write02(m, NVMX_EXCEPTION_BITMAP, m->v12->exception_bitmap | m->s->exceptions01);
	write02(m, NVMX_PF_EC_MASK, host_pf ? 0 : m->v12->pf_ec_mask);
	write02(m, NVMX_PF_EC_MATCH, host_pf ? 0 : m->v12->pf_ec_match);
}

/* Bits that only the host owns read back as L2's own value. */
static uint64_t cr_shadow(uint64_t guest, uint64_t shadow12, uint64_t mask12)
{
	return (shadow12 & mask12) | (guest & ~mask12);
}

static void merge_cr0(struct merge *m)
{
	uint64_t forced = nvmx_caps_get(&m->v->vm->hw, NVMX_MSR_VMX_CR0_FIXED0);

	if (m->proc2 & NVMX_PROC2_UNRESTRICTED)
		forced &= ~(NVMX_CR0_PE | NVMX_CR0_PG);
	write02(m, NVMX_GUEST_CR0, m->v12->guest_cr0 | forced);
	m->s->cr0_mask02 = m->v12->cr0_mask | m->from->cr0_mask;
	write02(m, NVMX_CR0_MASK, m->s->cr0_mask02);
	write02(m, NVMX_CR0_SHADOW, cr_shadow(m->v12->guest_cr0, m->v12->cr0_shadow, m->v12->cr0_mask));
}

static void merge_cr4(struct merge *m)
{
	write02(m, NVMX_GUEST_CR4, nvmx_hw_cr4(m->v, m->v12->guest_cr4));
	m->s->cr4_mask02 = m->v12->cr4_mask | m->from->cr4_mask;
	write02(m, NVMX_CR4_MASK, m->s->cr4_mask02);
	write02(m, NVMX_CR4_SHADOW, cr_shadow(m->v12->guest_cr4, m->v12->cr4_shadow, m->v12->cr4_mask));
}

static void merge_cr3(struct merge *m)
{
	write02(m, NVMX_GUEST_CR3, m->v12->guest_cr3);
}

static void merge_cr3_targets(struct merge *m)
{
	const uint64_t target[4] = { m->v12->cr3_target0, m->v12->cr3_target1, m->v12->cr3_target2,
				     m->v12->cr3_target3 };

	/* A load of a target value does not exit (SDM 25.1.3): none for a host that watches all. */
	if (m->v->ctl01[NVMX_WORD_PROC] & NVMX_PROC_CR3_LOAD) {
		write02(m, NVMX_CR3_TARGET_COUNT, 0);
		return;
	}
	write02(m, NVMX_CR3_TARGET_COUNT, m->v12->cr3_target_count);
	for (unsigned i = 0; i < 4 && i < m->v12->cr3_target_count; i++)
		write02(m, NVMX_CR3_TARGET0 + 2 * i, target[i]);
}

/* Multipliers have 48 fraction bits (SDM 24.6.5): the product of two, and the host's offset scaled by L1's. */
#define TSC_ONE (1ull << 48)
static uint64_t tsc_scale(uint64_t value, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)value * multiplier >> 48);
}

static void merge_tsc(struct merge *m)
{
	uint32_t c01 = m->v->ctl01[NVMX_WORD_PROC], c12 = m->v12->proc_ctls;
	uint64_t offset01 = c01 & NVMX_PROC_TSC_OFFSET ? m->from->tsc_offset : 0;
	uint64_t offset12 = c12 & NVMX_PROC_TSC_OFFSET ? m->v12->tsc_offset : 0;
	/* Only where offsetting is on does the multiplier count (SDM 25.3). */
	bool scale01 = c01 & NVMX_PROC_TSC_OFFSET && m->v->ctl01[NVMX_WORD_PROC2] & NVMX_PROC2_TSC_SCALING;
	bool scale12 = c12 & NVMX_PROC_TSC_OFFSET && m->proc2 & NVMX_PROC2_TSC_SCALING;

	if (scale12) /* the offset is signed: scale its magnitude */
		offset01 = (int64_t)offset01 < 0 ? -tsc_scale(-offset01, m->v12->tsc_multiplier)
						 : tsc_scale(offset01, m->v12->tsc_multiplier);
	write02(m, NVMX_TSC_OFFSET, offset01 + offset12);
	if (m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_TSC_SCALING)
		write02(m, NVMX_TSC_MULTIPLIER, tsc_scale(scale01 ? m->from->tsc_multiplier : TSC_ONE,
							  scale12 ? m->v12->tsc_multiplier : TSC_ONE));
	m->s->tsc_offset01 = m->from->tsc_offset;
}

static void merge_io_bitmaps(struct merge *m)
{
	struct nvmx_slot *s = m->s;

	if (m->v12->proc_ctls & NVMX_PROC_IO_BITMAPS) {
		for (unsigned i = 0; i < 2; i++) {
			if (nvmx_grants_make(m->v, &s->io[i]))
				write02(m, NVMX_IO_BITMAP_A + 2 * i, s->io[i].page.hpa);
			else
				m->no_memory = true;
		}
	} else if (!(m->v12->proc_ctls & NVMX_PROC_UNCOND_IO) && m->v->ctl01[NVMX_WORD_PROC] & NVMX_PROC_IO_BITMAPS) {
		write02(m, NVMX_IO_BITMAP_A, m->from->io_bitmap_a);
		write02(m, NVMX_IO_BITMAP_B, m->from->io_bitmap_b);
	}
}

static void merge_msr_bitmap(struct merge *m)
{
	if (!(m->v12->proc_ctls & NVMX_PROC_MSR_BITMAPS))
		return;
	if (nvmx_grants_make(m->v, &m->s->msr))
		write02(m, NVMX_MSR_BITMAP, m->s->msr.page.hpa);
	else
		m->no_memory = true;
}

/* L2's value, unless vmcs02 holds a newer one: another field's change may run the step of one that L1 did not write. */
static void write_guest(struct merge *m, unsigned row, uint32_t field, uint64_t value)
{
	if (!nvmx_set_has(&m->s->stale, row))
		write02(m, field, value);
}

static void merge_pdptes(struct merge *m)
{
	write_guest(m, NVMX_I_GUEST_PDPTE0, NVMX_GUEST_PDPTE0, m->v12->guest_pdpte0);
	write_guest(m, NVMX_I_GUEST_PDPTE1, NVMX_GUEST_PDPTE1, m->v12->guest_pdpte1);
	write_guest(m, NVMX_I_GUEST_PDPTE2, NVMX_GUEST_PDPTE2, m->v12->guest_pdpte2);
	write_guest(m, NVMX_I_GUEST_PDPTE3, NVMX_GUEST_PDPTE3, m->v12->guest_pdpte3);
}

static void merge_debug(struct merge *m)
{
	if (m->v12->entry_ctls & NVMX_ENTRY_LOAD_DEBUG) {
		write_guest(m, NVMX_I_GUEST_DR7, NVMX_GUEST_DR7, m->v12->guest_dr7);
		write_guest(m, NVMX_I_GUEST_DEBUGCTL, NVMX_GUEST_DEBUGCTL,
			    m->v12->guest_debugctl & ~m->v->config.debugctl_hidden);
	} else {
		write02(m, NVMX_GUEST_DR7, m->from->dr7);
		write02(m, NVMX_GUEST_DEBUGCTL, m->from->debugctl & ~m->v->config.debugctl_hidden);
	}
}

/* Without "load IA32_EFER", LMA and, with paging, LME follow the "IA-32e mode guest" control (SDM 26.3.2.1). */
static void merge_efer(struct merge *m)
{
	uint64_t efer = m->from->efer;

	if (m->v12->entry_ctls & NVMX_ENTRY_LOAD_EFER) {
		write_guest(m, NVMX_I_GUEST_EFER, NVMX_GUEST_EFER, m->v12->guest_efer);
		return;
	}
	if (m->v12->entry_ctls & NVMX_ENTRY_IA32E) {
		efer |= NVMX_EFER_LMA | NVMX_EFER_LME;
	} else {
		efer &= ~NVMX_EFER_LMA;
		if (m->v12->guest_cr0 & NVMX_CR0_PG)
			efer &= ~NVMX_EFER_LME;
	}
	write02(m, NVMX_GUEST_EFER, efer);
}

static void merge_pat(struct merge *m)
{
	if (m->v12->entry_ctls & NVMX_ENTRY_LOAD_PAT)
		write_guest(m, NVMX_I_GUEST_PAT, NVMX_GUEST_PAT, m->v12->guest_pat);
	else
		write02(m, NVMX_GUEST_PAT, m->from->pat);
}

static void merge_carried(struct merge *m)
{
	nvmx_carry_to_l2(m->v, m->s, m->from->carried);
}

static void merge_xss(struct merge *m)
{
	if (m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_XSAVES)
		write02(m, NVMX_XSS_EXIT_BITMAP, m->v12->xss_exit_bitmap | m->from->xss_bitmap);
}

static void merge_encls(struct merge *m)
{
	if (m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_ENCLS)
		write02(m, NVMX_ENCLS_EXIT_BITMAP,
			(m->proc2 & NVMX_PROC2_ENCLS ? m->v12->encls_exit_bitmap : 0) | m->from->encls_bitmap);
}

static void merge_ple(struct merge *m)
{
	bool l1s = m->proc2 & NVMX_PROC2_PAUSE_LOOP;

	if (!(m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_PAUSE_LOOP))
		return;
	write02(m, NVMX_PLE_GAP, l1s ? m->v12->ple_gap : m->from->ple_gap);
	write02(m, NVMX_PLE_WINDOW, l1s ? m->v12->ple_window : m->from->ple_window);
}

static void merge_eoi(struct merge *m)
{
	if (!(m->proc2 & NVMX_PROC2_VID))
		return;
	write02(m, NVMX_EOI_EXIT_BITMAP0, m->v12->eoi_exit_bitmap0);
	write02(m, NVMX_EOI_EXIT_BITMAP1, m->v12->eoi_exit_bitmap1);
	write02(m, NVMX_EOI_EXIT_BITMAP2, m->v12->eoi_exit_bitmap2);
	write02(m, NVMX_EOI_EXIT_BITMAP3, m->v12->eoi_exit_bitmap3);
}

static void merge_event(struct merge *m)
{
	uint32_t info = m->v12->entry_intr_info;

	write02(m, NVMX_ENTRY_INTR_INFO, info);
	if (!(info & NVMX_INTR_VALID))
		return;
	/* With the host's virtual NMIs an NMI cannot go in while NMIs are blocked (SDM 26.3.1.5). */
	if (nvmx_nmi_while_blocked(m->v12) && m->s->ctl02[NVMX_WORD_PIN] & NVMX_PIN_VNMI)
		write02(m, NVMX_GUEST_INTERRUPTIBILITY, m->v12->guest_interruptibility & ~NVMX_INTR_BLOCK_NMI);
	if (info & NVMX_INTR_DELIVER_EC)
		write02(m, NVMX_ENTRY_EXC_ERROR_CODE, m->v12->entry_exc_error_code);
	if (NVMX_INTR_TYPE(info) >= NVMX_EVENT_SW_INT)
		write02(m, NVMX_ENTRY_INSTR_LEN, m->v12->entry_instr_len);
}

static void merge_preemption_timer(struct merge *m)
{
	if (!host_owns_timer(m))
		write02(m, NVMX_PREEMPTION_TIMER, m->v12->preemption_timer);
}

/* First what nearly every entry needs, which reads no other step's result; then in an order in which each step finds what it
 * reads: pins, controls, what depends on controls. */
static const struct {
	uint64_t on;
	void (*run)(struct merge *m);
} merge_steps[] = {
	{ STEP(DEBUG), merge_debug },
	{ STEP(EFER), merge_efer },
	{ STEP(PAT), merge_pat },
	{ STEP(VAPIC) | STEP(APIC_ACCESS) | STEP(POSTED_INT), merge_pins },
	{ STEP(PIN), merge_pin },
	{ STEP(PROC), merge_proc },
	{ STEP(EXIT), merge_exit },
	{ STEP(ENTRY), merge_entry },
	{ STEP(EXC), merge_exceptions },
	{ STEP(CR0), merge_cr0 },
	{ STEP(CR3), merge_cr3 },
	{ STEP(CR4), merge_cr4 },
	{ STEP(CR3_TARGET), merge_cr3_targets },
	{ STEP(PDPTE), merge_pdptes },
	{ STEP(TSC), merge_tsc },
	{ STEP(IO_BITMAP), merge_io_bitmaps },
	{ STEP(MSR_BITMAP), merge_msr_bitmap },
	{ STEP(PERF) | STEP(BNDCFGS) | STEP(CET) | STEP(PKRS), merge_carried },
	{ STEP(XSS), merge_xss },
	{ STEP(ENCLS), merge_encls },
	{ STEP(PLE), merge_ple },
	{ STEP(EOI), merge_eoi },
	{ STEP(EVENT), merge_event },
	{ STEP(PREEMPTION_TIMER), merge_preemption_timer },
	{ STEP(VMFUNC), merge_vmfunc },
};

/* A change of one of these decides what other fields of vmcs02 hold, so their steps run too. */
static const struct {
	uint64_t if_any, then;
} merge_implies[] = {
	{ STEP(PROC), STEP(VAPIC) | STEP(IO_BITMAP) | STEP(MSR_BITMAP) | STEP(TSC) },
	{ STEP(PIN), STEP(POSTED_INT) | STEP(EXIT) | STEP(PREEMPTION_TIMER) },
	{ STEP(ENTRY), STEP(DEBUG) | STEP(EFER) | STEP(PAT) | STEP(PERF) | STEP(BNDCFGS) | STEP(CET) | STEP(PKRS) },
	{ STEP(CR0), STEP(EFER) },
};

/* Rows that depend on the secondary controls. */
#define STEPS_OF_PROC2 (STEP(CR0) | STEP(PDPTE) | STEP(XSS) | STEP(ENCLS) | STEP(PLE) | STEP(EOI))

static uint64_t steps_of_proc2(const struct nvmx_slot *s)
{
	bool vmfunc = nvmx_v12_proc2(s->v12) & NVMX_PROC2_VMFUNC || s->look02 & NVMX_LOOK_EPTP;

	return STEPS_OF_PROC2 | (vmfunc ? STEP(VMFUNC) : 0);
}

/* L1's own values run in L2 where vmcs12 does not load them; and where a VM exit does not save L2's, vmcs02 holds what vmcs12
 * does not, and the next VM entry must not find it there. */
static uint64_t steps_of_every_entry(const struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	uint64_t steps = nvmx_carry_steps(v, v12);

	if (v12->pin_ctls & NVMX_PIN_PREEMPTION_TIMER)
		steps |= STEP(PREEMPTION_TIMER);
	if (!(v12->entry_ctls & NVMX_ENTRY_LOAD_DEBUG) || !(v12->exit_ctls & NVMX_EXIT_SAVE_DEBUG))
		steps |= STEP(DEBUG);
	if (!(v12->entry_ctls & NVMX_ENTRY_LOAD_EFER) || !(v12->exit_ctls & NVMX_EXIT_SAVE_EFER))
		steps |= STEP(EFER);
	if (!(v12->entry_ctls & NVMX_ENTRY_LOAD_PAT) || !(v12->exit_ctls & NVMX_EXIT_SAVE_PAT))
		steps |= STEP(PAT);
	if (v12->entry_ctls & NVMX_ENTRY_LOAD_PERF) /* vmcs02 has what L2 left there */
		steps |= STEP(PERF);
	if (nvmx_v12_proc2(v12) & NVMX_PROC2_VMFUNC && v12->vmfunc_ctls & NVMX_VMFUNC_EPTP_SWITCHING)
		steps |= STEP(VMFUNC);
	return steps;
}

/* By L1, or by the host, for whose sake vmcs02 is made anew: all rows are dirty then. */
static bool controls_changed(const struct nvmx_slot *s)
{
	return s->dirty_groups & NVMX_GROUP(CTRL) || nvmx_set_has(&s->dirty, NVMX_I_PIN_CTLS);
}

uint64_t nvmx_merge_steps(const struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint64_t steps = s->v12->entry_intr_info & NVMX_INTR_VALID ? STEP(EVENT) : 0;
	bool changed = controls_changed(s);
	unsigned row;

	if (changed) {
		steps |= s->steps_always; /* what the last VM exit did not save, by the controls of then */
		s->steps_always = steps_of_every_entry(v, s->v12);
	}
	NVMX_FOR_EACH_ROW(row, &s->dirty)
		steps |= 1ull << nvmx_field_rows[row].merge;
	steps &= ~(STEP(NONE) | STEP(GUEST));
	if (!steps)
		return s->steps_always;
	for (unsigned i = 0; i < sizeof(merge_implies) / sizeof(*merge_implies); i++)
		if (steps & merge_implies[i].if_any)
			steps |= merge_implies[i].then;
	if (changed)
		steps |= steps_of_proc2(s);
	return steps | s->steps_always;
}

void nvmx_merge_read01(struct nvmx_vcpu *v, uint64_t steps, struct nvmx_from01 *from)
{
	const uint32_t proc = v->ctl01[NVMX_WORD_PROC], proc2 = v->ctl01[NVMX_WORD_PROC2];

	*from = (struct nvmx_from01){ 0 };
#define READ(step, exists, member, field)     \
	if (steps & STEP(step) && (exists)) \
		from->member = (__typeof__(from->member))nvmx_vmread(v, NVMX_##field);
	READ(EFER, true, efer, GUEST_EFER)
	READ(PAT, true, pat, GUEST_PAT)
	READ(DEBUG, true, debugctl, GUEST_DEBUGCTL)
	READ(DEBUG, true, dr7, GUEST_DR7)
	if (!(steps & ~(STEP(EFER) | STEP(PAT) | STEP(DEBUG)))) /* most entries need no more */
		return;
	READ(EXC, true, exception_bitmap, EXCEPTION_BITMAP)
	READ(TSC, true, tsc_offset, TSC_OFFSET)
	READ(TSC, proc2 & NVMX_PROC2_TSC_SCALING, tsc_multiplier, TSC_MULTIPLIER)
	READ(CR0, true, cr0_mask, CR0_MASK)
	READ(CR4, true, cr4_mask, CR4_MASK)
	READ(XSS, proc2 & NVMX_PROC2_XSAVES, xss_bitmap, XSS_EXIT_BITMAP)
	READ(ENCLS, proc2 & NVMX_PROC2_ENCLS, encls_bitmap, ENCLS_EXIT_BITMAP)
	READ(PLE, proc2 & NVMX_PROC2_PAUSE_LOOP, ple_gap, PLE_GAP)
	READ(PLE, proc2 & NVMX_PROC2_PAUSE_LOOP, ple_window, PLE_WINDOW)
	READ(IO_BITMAP, proc & NVMX_PROC_IO_BITMAPS, io_bitmap_a, IO_BITMAP_A)
	READ(IO_BITMAP, proc & NVMX_PROC_IO_BITMAPS, io_bitmap_b, IO_BITMAP_B)
#undef READ
	nvmx_carry_read01(v, steps, from->carried);
}

bool nvmx_merge(struct nvmx_vcpu *v, struct nvmx_slot *s, uint64_t steps, const struct nvmx_from01 *from)
{
	struct merge m = { .v = v, .s = s, .v12 = s->v12, .from = from, .proc2 = nvmx_v12_proc2(s->v12) };
	unsigned row;

	NVMX_FOR_EACH_ROW(row, &s->dirty)
		if (nvmx_field_rows[row].merge == NVMX_M_GUEST)
			write02(&m, nvmx_field_rows[row].encoding, nvmx_v12_get(s->v12, row));
	s->dirty = (struct nvmx_rowset){ { 0 } };
	for (unsigned i = 0; steps && i < sizeof(merge_steps) / sizeof(*merge_steps); i++)
		if (steps & merge_steps[i].on) {
			merge_steps[i].run(&m);
			steps &= ~merge_steps[i].on;
		}
	if (m.no_memory)
		nvmx_stop_vm(v, NVMX_STOP_NO_MEMORY, 0);
	else if (m.pin_failed)
		nvmx_stop_vm(v, NVMX_STOP_HOST_OP, m.unpinned);
	return !m.no_memory && !m.pin_failed;
}
