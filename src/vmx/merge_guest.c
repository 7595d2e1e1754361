/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Guest state of vmcs02 that is not just copied from vmcs12 (SDM 26.3.2, 26.6), and what the entry injects.
 */
#include "merge.h"
#include "port.h"

static inline void write02(struct nvmx_merging *m, uint32_t field, uint64_t value)
{
	nvmx_vmwrite(m->v, field, value);
}

/* Bits that only the host owns read back as L2's own value. */
static uint64_t cr_shadow(uint64_t guest, uint64_t shadow12, uint64_t mask12)
{
	return (shadow12 & mask12) | (guest & ~mask12);
}

enum nvmx_step_end nvmx_merge_CR0(struct nvmx_merging *m)
{
	uint64_t forced = nvmx_caps_get(&m->v->vm->hw, NVMX_MSR_VMX_CR0_FIXED0);

	if (m->proc2 & NVMX_PROC2_UNRESTRICTED)
		forced &= ~(NVMX_CR0_PE | NVMX_CR0_PG);
	write02(m, NVMX_GUEST_CR0, m->v12->guest_cr0 | forced);
	m->s->cr0_mask02 = m->v12->cr0_mask | m->c01->cr0_mask;
	write02(m, NVMX_CR0_MASK, m->s->cr0_mask02);
	write02(m, NVMX_CR0_SHADOW, cr_shadow(m->v12->guest_cr0, m->v12->cr0_shadow, m->v12->cr0_mask));
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_CR4(struct nvmx_merging *m)
{
	write02(m, NVMX_GUEST_CR4, nvmx_hw_cr4(m->v, m->v12->guest_cr4));
	m->s->cr4_mask02 = m->v12->cr4_mask | m->c01->cr4_mask;
	write02(m, NVMX_CR4_MASK, m->s->cr4_mask02);
	write02(m, NVMX_CR4_SHADOW, cr_shadow(m->v12->guest_cr4, m->v12->cr4_shadow, m->v12->cr4_mask));
	return NVMX_STEP_DONE;
}

/* L2's value, unless vmcs02 holds a newer one: another field's change may run the step of one that L1 did not write. */
static void write_guest(struct nvmx_merging *m, unsigned row, uint32_t field, uint64_t value)
{
	if (!nvmx_set_has(&m->s->stale, row))
		write02(m, field, value);
}

/* vmcs12's, which count if L1 uses EPT.  Of a PAE L2 that it runs without, hardware, which has EPT on, wants those that CR3 leads
 * to (SDM 26.3.2.4). */
enum nvmx_step_end nvmx_merge_PDPTE(struct nvmx_merging *m)
{
	if (m->in->pdpte_known) {
		for (unsigned i = 0; i < 4; i++)
			write02(m, NVMX_GUEST_PDPTE0 + 2 * i, m->in->pdpte[i]);
		return NVMX_STEP_DONE;
	}
	write_guest(m, NVMX_I_GUEST_PDPTE0, NVMX_GUEST_PDPTE0, m->v12->guest_pdpte0);
	write_guest(m, NVMX_I_GUEST_PDPTE1, NVMX_GUEST_PDPTE1, m->v12->guest_pdpte1);
	write_guest(m, NVMX_I_GUEST_PDPTE2, NVMX_GUEST_PDPTE2, m->v12->guest_pdpte2);
	write_guest(m, NVMX_I_GUEST_PDPTE3, NVMX_GUEST_PDPTE3, m->v12->guest_pdpte3);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_DEBUG(struct nvmx_merging *m)
{
	if (m->v12->entry_ctls & NVMX_ENTRY_LOAD_DEBUG) {
		write_guest(m, NVMX_I_GUEST_DR7, NVMX_GUEST_DR7, m->v12->guest_dr7);
		write_guest(m, NVMX_I_GUEST_DEBUGCTL, NVMX_GUEST_DEBUGCTL,
			    m->v12->guest_debugctl & ~m->v->config.debugctl_hidden);
	} else {
		write02(m, NVMX_GUEST_DR7, m->l1->dr7);
		write02(m, NVMX_GUEST_DEBUGCTL, m->l1->debugctl & ~m->v->config.debugctl_hidden);
	}
	return NVMX_STEP_DONE;
}

/* Without "load IA32_EFER", LMA and, with paging, LME follow the "IA-32e mode guest" control (SDM 26.3.2.1). */
enum nvmx_step_end nvmx_merge_EFER(struct nvmx_merging *m)
{
	uint64_t efer = m->l1->efer;

	if (m->v12->entry_ctls & NVMX_ENTRY_LOAD_EFER) {
		write_guest(m, NVMX_I_GUEST_EFER, NVMX_GUEST_EFER, m->v12->guest_efer);
		return NVMX_STEP_DONE;
	}
	if (m->v12->entry_ctls & NVMX_ENTRY_IA32E) {
		efer |= NVMX_EFER_LMA | NVMX_EFER_LME;
	} else {
		efer &= ~NVMX_EFER_LMA;
		if (m->v12->guest_cr0 & NVMX_CR0_PG)
			efer &= ~NVMX_EFER_LME;
	}
	write02(m, NVMX_GUEST_EFER, efer);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_PAT(struct nvmx_merging *m)
{
	if (m->v12->entry_ctls & NVMX_ENTRY_LOAD_PAT)
		write_guest(m, NVMX_I_GUEST_PAT, NVMX_GUEST_PAT, m->v12->guest_pat);
	else
		write02(m, NVMX_GUEST_PAT, m->l1->pat);
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_PREEMPTION_TIMER(struct nvmx_merging *m)
{
	if (!(m->v->vm->flags & NVMX_HOST_OWNS_TIMER))
		write02(m, NVMX_PREEMPTION_TIMER, nvmx_timer_of_processor(m->c01, m->v12->preemption_timer));
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_EVENT(struct nvmx_merging *m)
{
	uint32_t info = m->v12->entry_intr_info;

	write02(m, NVMX_ENTRY_INTR_INFO, info);
	if (!(info & NVMX_INTR_VALID))
		return NVMX_STEP_DONE;
	/* With the host's virtual NMIs an NMI cannot go in while NMIs are blocked (SDM 26.3.1.5). */
	if (nvmx_nmi_while_blocked(m->v12) && m->s->ctl02[NVMX_WORD_PIN] & NVMX_PIN_VNMI)
		write02(m, NVMX_GUEST_INTERRUPTIBILITY, m->v12->guest_interruptibility & ~NVMX_BLOCK_NMI);
	if (info & NVMX_INTR_DELIVER_EC)
		write02(m, NVMX_ENTRY_EXC_ERROR_CODE, m->v12->entry_exc_error_code);
	if (NVMX_INTR_TYPE(info) >= NVMX_EVENT_SW_INT)
		write02(m, NVMX_ENTRY_INSTR_LEN, m->v12->entry_instr_len);
	return NVMX_STEP_DONE;
}
