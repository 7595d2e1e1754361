/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The pages of L1's that the processor itself uses, and the control words (controls.def).
 */
#include "hold.h"
#include "merge.h"
#include "port.h"

static inline void write02(struct nvmx_merging *m, uint32_t field, uint64_t value)
{
	nvmx_vmwrite(m->v, field, value);
}

static enum nvmx_step_end pin_for_step(struct nvmx_merging *m, struct nvmx_pin *pin, uint64_t gpa, bool want)
{
	m->unpinned = gpa;
	return nvmx_repin(m->v, pin, gpa, want) ? NVMX_STEP_NO_PIN : NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_VAPIC(struct nvmx_merging *m)
{
	struct nvmx_pin *pin = &m->s->vapic;
	enum nvmx_step_end end = pin_for_step(m, pin, m->v12->virtual_apic_addr, m->v12->proc_ctls & NVMX_PROC_TPR_SHADOW);

	if (end || !pin->held)
		return end;
	write02(m, NVMX_VIRTUAL_APIC_ADDR, pin->hpa);
	write02(m, NVMX_TPR_THRESHOLD, m->v12->tpr_threshold);
	return NVMX_STEP_DONE;
}

/*
 * The processor compares the address of the APIC-access page, and leaves what is there alone (SDM 29.4): it need not be RAM,
 * and is none where L1 names its own local APIC.  A page of the vCPU's then stands for it, to which the shadow EPT leads; on
 * EPT01, which is the host's, there is nothing to lead there.
 */
enum nvmx_step_end nvmx_merge_APIC_ACCESS(struct nvmx_merging *m)
{
	struct nvmx_pin *pin = &m->s->apic_access;
	uint64_t gpa = m->v12->apic_access_addr;
	enum nvmx_step_end end = pin_for_step(m, pin, gpa, m->proc2 & NVMX_PROC2_APIC_ACCESS);

	if (end == NVMX_STEP_NO_PIN && m->proc2 & NVMX_PROC2_EPT)
		end = nvmx_pin_own(m->v, pin, gpa) ? NVMX_STEP_NO_MEMORY : NVMX_STEP_DONE;
	if (!end && pin->held)
		write02(m, NVMX_APIC_ACCESS_ADDR, pin->hpa);
	return end;
}

enum nvmx_step_end nvmx_merge_POSTED_INT(struct nvmx_merging *m)
{
	struct nvmx_pin *pin = &m->s->posted_int;
	uint64_t at = m->v12->posted_int_desc_addr;
	enum nvmx_step_end end = pin_for_step(m, pin, at & ~0xfffull, m->v12->pin_ctls & NVMX_PIN_POSTED_INT);

	if (end || !pin->held)
		return end;
	write02(m, NVMX_POSTED_INT_DESC_ADDR, pin->hpa | (at & 0xfff));
	write02(m, NVMX_POSTED_INT_NV, m->v->vm->posted_vector02 ? m->v->vm->posted_vector02 : m->v12->posted_int_nv);
	return NVMX_STEP_DONE;
}

/* Controls on which it depends what an MSR that is open to L2 leads to; for the mode of L2 it does not matter. */
static const uint32_t reach_of_msrs[NVMX_WORDS] = {
	[NVMX_WORD_PROC] = NVMX_PROC_TPR_SHADOW | NVMX_PROC_SECONDARY | NVMX_PROC_TERTIARY,
	[NVMX_WORD_PROC2] = NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID,
	[NVMX_WORD_EXIT] = ~0u,
	[NVMX_WORD_ENTRY] = ~NVMX_ENTRY_IA32E,
};

static enum nvmx_step_end set_word(struct nvmx_merging *m, enum nvmx_word w, uint32_t field, uint32_t c12, uint32_t engine,
				   uint32_t cap)
{
	uint32_t value = nvmx_merge_word(&m->v->vm->masks, w, c12, m->c01->ctl[w], engine, nvmx_caps_get(&m->v->vm->hw, cap));

	if (w == NVMX_WORD_PROC2 && m->v->vm->flags & NVMX_HOST_NO_PML_IN_L2)
		value &= ~NVMX_PROC2_PML;
	if (value == m->s->ctl02[w])
		return NVMX_STEP_DONE;
	if ((value ^ m->s->ctl02[w]) & reach_of_msrs[w])
		nvmx_grants_close(&m->s->msr);
	m->s->ctl02[w] = value;
	write02(m, field, value);
	return NVMX_STEP_DONE;
}

static bool host_owns_timer(const struct nvmx_merging *m)
{
	return m->v->vm->flags & NVMX_HOST_OWNS_TIMER;
}

/* In a host that owns interrupts the processor may take a notification only if the host has sent it: any of L1's vectors may be
 * one of the host's, too. */
static bool posts_by_processor(const struct nvmx_merging *m)
{
	return !(m->v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS) || m->v->vm->posted_vector02;
}

enum nvmx_step_end nvmx_merge_PIN(struct nvmx_merging *m)
{
	uint32_t c12 = m->v12->pin_ctls, timer = host_owns_timer(m) ? m->c01->ctl[NVMX_WORD_PIN] : c12;
	uint32_t posted = posts_by_processor(m) ? c12 & NVMX_PIN_POSTED_INT : 0;

	return set_word(m, NVMX_WORD_PIN, NVMX_PIN_CTLS, c12, (timer & NVMX_PIN_PREEMPTION_TIMER) | posted,
			NVMX_MSR_VMX_TRUE_PINBASED_CTLS);
}

static uint64_t proc3_of_vmcs02(const struct nvmx_merging *m)
{
	return nvmx_merge_bits(&m->v->vm->masks, NVMX_WORD_PROC3, 0, m->c01->proc3, 0) &
	       nvmx_caps_get(&m->v->vm->hw, NVMX_MSR_VMX_PROCBASED_CTLS3);
}

enum nvmx_step_end nvmx_merge_PROC3(struct nvmx_merging *m)
{
	uint64_t proc3 = proc3_of_vmcs02(m);

	if (proc3)
		write02(m, NVMX_PROC_CTLS3, proc3);
	return NVMX_STEP_DONE;
}

static uint32_t engine_proc(const struct nvmx_merging *m)
{
	uint32_t c12 = m->v12->proc_ctls, c01 = m->c01->ctl[NVMX_WORD_PROC];
	uint32_t cr8 = NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE;
	uint32_t bits = (c12 & cr8) | NVMX_PROC_SECONDARY;

	/* L2's TPR is L1's page then, and no business of the host's (SDM 29.3). */
	if (c12 & NVMX_PROC_TPR_SHADOW)
		bits |= NVMX_PROC_TPR_SHADOW;
	else if (c01 & NVMX_PROC_TPR_SHADOW)
		bits |= cr8;
	else
		bits |= c01 & cr8;
	if (c12 & NVMX_PROC_IO_BITMAPS)
		bits |= NVMX_PROC_IO_BITMAPS;
	else if (c12 & NVMX_PROC_UNCOND_IO)
		bits |= NVMX_PROC_UNCOND_IO;
	else
		bits |= c01 & (NVMX_PROC_IO_BITMAPS | NVMX_PROC_UNCOND_IO);
	return bits | (c12 & NVMX_PROC_MSR_BITMAPS);
}

enum nvmx_step_end nvmx_merge_PROC(struct nvmx_merging *m)
{
	uint32_t tertiary = proc3_of_vmcs02(m) ? NVMX_PROC_TERTIARY : 0;

	return set_word(m, NVMX_WORD_PROC, NVMX_PROC_CTLS, m->v12->proc_ctls, engine_proc(m) | tertiary,
			NVMX_MSR_VMX_TRUE_PROCBASED_CTLS);
}

enum nvmx_step_end nvmx_merge_PROC2(struct nvmx_merging *m)
{
	uint32_t bits = m->proc2 & NVMX_PROC2_APIC_ACCESS;

	if (m->v->config.vpid02)
		bits |= NVMX_PROC2_VPID;
	bits |= (m->proc2 | m->c01->ctl[NVMX_WORD_PROC2]) & NVMX_PROC2_TSC_SCALING;
	set_word(m, NVMX_WORD_PROC2, NVMX_PROC_CTLS2, m->proc2, bits, NVMX_MSR_VMX_PROCBASED_CTLS2);
	m->s->logs01 = m->s->ctl02[NVMX_WORD_PROC2] & NVMX_PROC2_PML;
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_EXIT(struct nvmx_merging *m)
{
	uint32_t c12 = m->v12->exit_ctls, c01 = m->c01->ctl[NVMX_WORD_EXIT];
	uint32_t bits = NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_PAT |
			NVMX_EXIT_LOAD_EFER;

	bits |= (m->v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS ? c01 : c12) & NVMX_EXIT_ACK_INT;
	if (host_owns_timer(m))
		bits |= c01 & NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	else if (m->v12->pin_ctls & NVMX_PIN_PREEMPTION_TIMER)
		bits |= NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	return set_word(m, NVMX_WORD_EXIT, NVMX_EXIT_CTLS, c12, bits, NVMX_MSR_VMX_TRUE_EXIT_CTLS);
}

/* What L1 loads for L2, vmcs01's exit undoes for the host: L1 is offered nothing else, and vmcs02 has nothing else. */
enum nvmx_step_end nvmx_merge_ENTRY(struct nvmx_merging *m)
{
	uint32_t fine = nvmx_loads_undone(m->c01->ctl[NVMX_WORD_EXIT]) | nvmx_loads_unswitched(m->v);
	uint32_t loads = (m->v12->entry_ctls & fine & ~nvmx_loads_emulated(m->v)) | m->c01->ctl[NVMX_WORD_ENTRY];

	return set_word(m, NVMX_WORD_ENTRY, NVMX_ENTRY_CTLS, m->v12->entry_ctls,
			NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER | (loads & NVMX_CARRYING_LOADS),
			NVMX_MSR_VMX_TRUE_ENTRY_CTLS);
}
