/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The nested state of a vCPU as a blob.  What is the vCPU's stays as it is: the blob's vmcs12 is a copy that is brought up
 * to date, not the slot's.
 */
#include "../mem.h"
#include "../refuse.h"
#include "merge.h"
#include "route.h"
#include "state.h"

#define LIVE(name) offsetof(struct nvmx_state_live, name)
const struct nvmx_live_row nvmx_live_rows[NVMX_LIVE_ROWS] = {
	{ NVMX_GUEST_EFER, LIVE(efer), NVMX_I_GUEST_EFER, NVMX_EXIT_SAVE_EFER, 0, NVMX_ENTRY_LOAD_EFER, 0 },
	{ NVMX_GUEST_PAT, LIVE(pat), NVMX_I_GUEST_PAT, NVMX_EXIT_SAVE_PAT, 0, NVMX_ENTRY_LOAD_PAT, 0 },
	{ NVMX_GUEST_DEBUGCTL, LIVE(debugctl), NVMX_I_GUEST_DEBUGCTL, NVMX_EXIT_SAVE_DEBUG, 0, NVMX_ENTRY_LOAD_DEBUG, 0 },
	{ NVMX_GUEST_DR7, LIVE(dr7), NVMX_I_GUEST_DR7, NVMX_EXIT_SAVE_DEBUG, 0, NVMX_ENTRY_LOAD_DEBUG, 0 },
	{ NVMX_GUEST_BNDCFGS, LIVE(bndcfgs), NVMX_I_GUEST_BNDCFGS, 0, NVMX_ENTRY_LOAD_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS,
	  NVMX_ENTRY_LOAD_BNDCFGS },
	{ NVMX_GUEST_PERF_GLOBAL_CTRL, LIVE(perf_global_ctrl), NVMX_I_GUEST_PERF_GLOBAL_CTRL, 0, 0, NVMX_ENTRY_LOAD_PERF,
	  NVMX_ENTRY_LOAD_PERF },
	{ NVMX_GUEST_PKRS, LIVE(pkrs), NVMX_I_GUEST_PKRS, 0, NVMX_ENTRY_LOAD_PKRS, NVMX_ENTRY_LOAD_PKRS, NVMX_ENTRY_LOAD_PKRS },
	{ NVMX_GUEST_S_CET, LIVE(s_cet), NVMX_I_GUEST_S_CET, 0, NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_CET },
	{ NVMX_GUEST_SSP, LIVE(ssp), NVMX_I_GUEST_SSP, 0, NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_CET },
	{ NVMX_GUEST_INT_SSP_TABLE, LIVE(int_ssp_table), NVMX_I_GUEST_INT_SSP_TABLE, 0, NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_CET,
	  NVMX_ENTRY_LOAD_CET },
};

static uint32_t state_size(const struct nvmx_vcpu *v)
{
	if (!v->cur)
		return sizeof(struct nvmx_state_header);
	if (v->in_l2 && nvmx_l2_has_shadow(v->cur->v12))
		return sizeof(struct nvmx_state);
	return offsetof(struct nvmx_state, shadow_vmcs12);
}

static void save_header(struct nvmx_vcpu *v, struct nvmx_state_header *h)
{
	nvmx_memset(h, 0, sizeof(*h));
	h->size = state_size(v);
	h->vmxon_pa = v->smm.active ? v->smm.vmxon_ptr : v->vmxon_ptr;
	h->vmcs12_pa = v->cur ? v->cur->gpa : NVMX_STATE_NO_ADDR;
	if (v->smm.active && h->vmxon_pa != NVMX_STATE_NO_ADDR)
		h->smm_flags = NVMX_STATE_SMM_VMXON | (v->smm.in_l2 ? NVMX_STATE_SMM_GUEST_MODE : 0);
	if (v->in_l2)
		h->flags = NVMX_STATE_GUEST_MODE | (v->run_pending ? NVMX_STATE_RUN_PENDING : 0);
}

/* What no field of vmcs12 holds; vmcs02 is current. */
static void save_live(struct nvmx_vcpu *v, struct nvmx_state_live *live)
{
	uint32_t entry02 = v->cur->ctl02[NVMX_WORD_ENTRY];

	nvmx_memset(live, 0, sizeof(*live));
	live->magic = NVMX_STATE_LIVE_MAGIC;
	live->size = sizeof(*live);
	for (unsigned i = 0; i < NVMX_LIVE_ROWS; i++)
		if ((nvmx_live_rows[i].exists & entry02) == nvmx_live_rows[i].exists)
			*nvmx_live_value(live, &nvmx_live_rows[i]) = nvmx_vmread(v, nvmx_live_rows[i].field);
	live->debugctl &= ~v->config.debugctl_hidden;
	for (unsigned i = 0; i < 4; i++)
		live->pdpte[i] = nvmx_vmread(v, NVMX_GUEST_PDPTE0 + 2 * i);
	live->flags = v->run_pending ? NVMX_STATE_LIVE_RUN_PENDING : 0;
	live->event_info = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INTR_INFO);
	if (!(live->event_info & NVMX_INTR_VALID))
		live->event_info = 0;
	if (live->event_info & NVMX_INTR_DELIVER_EC)
		live->event_error = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_EXC_ERROR_CODE);
	if (NVMX_INTR_TYPE(live->event_info) >= NVMX_EVENT_SW_INT)
		live->event_len = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_INSTR_LEN);
}

static void save_timer(struct nvmx_vcpu *v, struct nvmx_state_header *h, struct nvmx_state_live *live, uint64_t l1_tsc)
{
	uint64_t left;

	if (!nvmx_timer_is_l1s(v, v->cur->v12))
		return;
	left = nvmx_timer_of_l1(&v->vmcs01, (uint32_t)nvmx_vmread(v, NVMX_PREEMPTION_TIMER));
	live->timer_deadline = l1_tsc + (left << nvmx_timer_rate(v));
	h->preemption_timer_deadline = live->timer_deadline >> NVMX_DEADLINE_SHIFT;
	h->vmx_flags |= NVMX_STATE_DEADLINE;
}

static void save_l2(struct nvmx_vcpu *v, struct nvmx_state_header *h, struct nvmx_vmcs12 *v12, uint64_t l1_tsc)
{
	struct nvmx_state_live *live = (struct nvmx_state_live *)((char *)v12 + NVMX_STATE_LIVE_OFFSET);

	nvmx_vmcs_load(v, v->cur->page02.hpa);
	nvmx_sync_copy(v, v->cur, v12);
	save_live(v, live);
	if (v->run_pending ? nvmx_nmi_while_blocked(v->cur->v12) : /* as L1 has it: merge_event() */
			     nvmx_nmis_stay_blocked(v->cur->v12) && NVMX_INTR_TYPE(live->event_info) != NVMX_EVENT_NMI)
		v12->guest_interruptibility |= NVMX_BLOCK_NMI;
	save_timer(v, h, live, l1_tsc);
	if (!v->run_pending && nvmx_event_is_over(v12, live->event_info)) /* the exit to L1 would clear it (SDM 27.2) */
		v12->entry_intr_info &= ~NVMX_INTR_VALID;
	if (v->in_l2 && !v->run_pending && nvmx_is_mtf(live->event_info))
		h->flags |= NVMX_STATE_MTF_PENDING;
}

/* The VMCS behind the link pointer; zeroes where L1 has no RAM. */
static bool save_shadow(struct nvmx_vcpu *v, uint8_t *page)
{
	struct nvmx_slot *s = nvmx_slot_find(v, v->cur->v12->vmcs_link_pointer);

	nvmx_memset(page, 0, NVMX_VMCS12_SIZE);
	if (s)
		nvmx_memcpy(page, s->v12, NVMX_VMCS12_USED);
	else if (nvmx_gpa_read(v, v->cur->v12->vmcs_link_pointer, page, NVMX_VMCS12_USED))
		nvmx_memset(page, 0, NVMX_VMCS12_SIZE);
	return !v->not_now;
}

/* Active VMCSs that are not current: a VMPTRLD elsewhere must find them in L1's memory. */
static bool write_back_others(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++)
		if (v->slots[i].gpa != NVMX_NO_ADDR && &v->slots[i] != v->cur && !nvmx_slot_write_back(v, &v->slots[i]))
			return false;
	return true;
}

/* vmcs12 as L1, who runs, left it. */
static void settle_current(struct nvmx_vcpu *v)
{
	if (v->hw_shadow_on)
		nvmx_shadow_pull(v, v->cur);
	nvmx_vmcs_load(v, v->config.vmcs01);
	nvmx_slot_freshen(v, v->cur);
}

int nvmx_state_save(struct nvmx_vcpu *v, void *blob, size_t bytes, uint64_t l1_tsc, size_t *needed, struct nvmx_error_info *info)
{
	struct nvmx_state *state = blob;
	struct nvmx_error_info unasked;
	uint64_t before = v->loaded;

	if (!info)
		info = &unasked;
	*info = (struct nvmx_error_info){ 0 };
	*needed = state_size(v);
	if ((uintptr_t)blob % NVMX_STATE_ALIGNED)
		return nvmx_refuse(info, NVMX_REFUSED_STATE_ALIGNED, (uintptr_t)blob, NVMX_STATE_ALIGNED);
	if (v->stop)
		return nvmx_refuse(info, NVMX_REFUSED_STATE_STOPPED, v->stop, NVMX_STOP_NONE);
	if (bytes < *needed)
		return nvmx_refuse(info, NVMX_REFUSED_STATE_BUFFER, bytes, *needed);
	nvmx_no_exit(v);
	if (!write_back_others(v) ||
	    (*needed == sizeof(struct nvmx_state) && !save_shadow(v, state->shadow_vmcs12))) {
		nvmx_again(v);
		nvmx_no_exit(v); /* a host that gives up saving goes on with L2, whose next exit is none that comes again */
		return nvmx_refuse(info, NVMX_REFUSED_NOT_NOW, v->awaited_gpa, 0);
	}
	save_header(v, &state->header);
	if (v->cur) {
		if (!nvmx_l2_lives(v))
			settle_current(v);
		nvmx_memset(state->vmcs12, 0, sizeof(state->vmcs12));
		nvmx_memcpy(state->vmcs12, v->cur->v12, NVMX_VMCS12_USED);
		nvmx_memset(state->vmcs12 + offsetof(struct nvmx_vmcs12, old_cet), 0, sizeof(v->cur->v12->old_cet));
		if (nvmx_l2_lives(v))
			save_l2(v, &state->header, (struct nvmx_vmcs12 *)state->vmcs12, l1_tsc);
	}
	nvmx_vmcs_load(v, before);
	nvmx_vmwrite_flush(v);
	return NVMX_OK;
}
