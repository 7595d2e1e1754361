/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A vCPU takes over nested state.  The blob is judged, and a vmcs02 for its L2 built, in a slot of its own; only when nothing
 * can fail any more does it replace what the vCPU had.
 */
#include "../mem.h"
#include "../refuse.h"
#include "../ept/ept.h"
#include "../invept/invept.h"
#include "hold.h"
#include "merge.h"
#include "route.h"
#include "state.h"
#include <nestvmx/check.h>

#define PAGE_END offsetof(struct nvmx_state, shadow_vmcs12)
#define MTF_EVENT (NVMX_INTR_VALID | NVMX_EVENT_OTHER << NVMX_INTR_TYPE_SHIFT)

struct restore {
	struct nvmx_vcpu *v;
	const struct nvmx_state *state; /* the blob: each part is read once */
	const struct nvmx_state_context *context;
	struct nvmx_error_info info;    /* of the error that is returned */
	struct nvmx_state_header h;
	bool l2;                        /* L2 runs, or will when SMM ends */
	bool run_pending;
	struct nvmx_slot *s;
	struct nvmx_state_live live;
	uint64_t put[NVMX_LIVE_ROWS];
	size_t live_size;               /* bytes of it that are in the blob */
	struct nvmx_check_input in;
};

static bool has_page(const struct nvmx_state_header *h)
{
	return h->size >= PAGE_END;
}

#define FLAGS (NVMX_STATE_GUEST_MODE | NVMX_STATE_RUN_PENDING | NVMX_STATE_EVMCS | NVMX_STATE_MTF_PENDING)
#define SMM_FLAGS (NVMX_STATE_SMM_GUEST_MODE | NVMX_STATE_SMM_VMXON)

/* SMM leaves VMX operation (SDM 34.14.1): then nothing runs or is pending, and outside SMM nothing has been left. */
static bool bad_smm(const struct restore *r)
{
	if (r->h.smm_flags & NVMX_STATE_SMM_GUEST_MODE && !(r->h.smm_flags & NVMX_STATE_SMM_VMXON))
		return true;
	return r->context->smm ? r->h.flags & (NVMX_STATE_GUEST_MODE | NVMX_STATE_RUN_PENDING) : r->h.smm_flags;
}

/* The rules for the header, in the order in which they are judged. */
static int judge_header(struct restore *r)
{
	const struct nvmx_state_header *h = &r->h;
	const bool vmx = h->vmxon_pa != NVMX_STATE_NO_ADDR, vmcs = h->vmcs12_pa != NVMX_STATE_NO_ADDR;
	const unsigned width = r->v->vm->caps.maxphyaddr;
	const struct {
		bool broken;
		unsigned rule;
		const char *name;
		uint64_t found, expected;
	} rules[] = {
		{ h->format != NVMX_STATE_FORMAT_VMX, NVMX_REFUSED_STATE_FORMAT, NULL, h->format, NVMX_STATE_FORMAT_VMX },
		{ h->flags & ~FLAGS, NVMX_REFUSED_STATE_FLAGS, "flags", h->flags, FLAGS },
		{ h->smm_flags & ~SMM_FLAGS, NVMX_REFUSED_STATE_FLAGS, "smm_flags", h->smm_flags, SMM_FLAGS },
		{ h->vmx_flags & ~NVMX_STATE_DEADLINE, NVMX_REFUSED_STATE_FLAGS, "vmx_flags", h->vmx_flags, NVMX_STATE_DEADLINE },
		{ h->flags & NVMX_STATE_EVMCS, NVMX_REFUSED_STATE_ENLIGHTENED, NULL, h->flags, NVMX_STATE_EVMCS },
		{ h->flags & (NVMX_STATE_RUN_PENDING | NVMX_STATE_MTF_PENDING) && !(h->flags & NVMX_STATE_GUEST_MODE),
		  NVMX_REFUSED_STATE_CONTRADICTION, "flags", h->flags, h->flags | NVMX_STATE_GUEST_MODE },
		{ !vmx && vmcs, NVMX_REFUSED_STATE_CONTRADICTION, "vmcs12_pa", h->vmcs12_pa, NVMX_STATE_NO_ADDR },
		{ !vmx && h->flags, NVMX_REFUSED_STATE_CONTRADICTION, "flags", h->flags, 0 },
		{ !vmx && h->smm_flags, NVMX_REFUSED_STATE_CONTRADICTION, "smm_flags", h->smm_flags, 0 },
		{ bad_smm(r), NVMX_REFUSED_STATE_SMM, NULL, h->smm_flags, h->flags },
		{ vmx && !nvmx_good_pointer(r->v, h->vmxon_pa), NVMX_REFUSED_STATE_VMXON_POINTER, NULL, h->vmxon_pa, width },
		{ r->l2 && !vmcs, NVMX_REFUSED_STATE_CONTRADICTION, "flags", h->flags, 0 },
		{ vmcs && !has_page(h), NVMX_REFUSED_STATE_TRUNCATED, NULL, h->size, PAGE_END },
		{ vmx && !vmcs && has_page(h), NVMX_REFUSED_STATE_CONTRADICTION, "size", h->size, sizeof(*h) },
		{ vmcs && (!nvmx_good_pointer(r->v, h->vmcs12_pa) || h->vmcs12_pa == h->vmxon_pa),
		  NVMX_REFUSED_STATE_VMCS_POINTER, NULL, h->vmcs12_pa, width },
	};

	for (unsigned i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].broken)
			return nvmx_refuse_named(&r->info, rules[i].rule, rules[i].name, rules[i].found, rules[i].expected);
	return NVMX_OK;
}

static int read_header(struct restore *r, size_t bytes)
{
	if (bytes < sizeof(r->h))
		return nvmx_refuse(&r->info, NVMX_REFUSED_STATE_TRUNCATED, bytes, sizeof(r->h));
	nvmx_memcpy(&r->h, &r->state->header, sizeof(r->h));
	if (r->h.size > NVMX_STATE_MAX_SIZE)
		return nvmx_refuse(&r->info, NVMX_REFUSED_STATE_OVERSIZED, r->h.size, NVMX_STATE_MAX_SIZE);
	if (r->h.size < sizeof(r->h) || r->h.size > bytes)
		return nvmx_refuse(&r->info, NVMX_REFUSED_STATE_TRUNCATED, bytes, r->h.size);
	r->l2 = r->h.flags & NVMX_STATE_GUEST_MODE || r->h.smm_flags & NVMX_STATE_SMM_GUEST_MODE;
	return judge_header(r);
}

/* CET state where this library had it before Linux had any.  An L1 without CET had none, whatever it left in the page. */
static bool has_old_cet(const struct restore *r, const struct nvmx_vmcs12 *v12)
{
	uint8_t any = 0;

	for (unsigned i = 0; i < sizeof(v12->old_cet); i++)
		any |= v12->old_cet[i];
	return any && nvmx_set_has(&r->v->vm->rows, NVMX_I_GUEST_S_CET);
}

/* vmcs12, into the new slot.  L2 cannot have been entered with a shadow VMCS (SDM 26.1). */
static int read_vmcs12(struct restore *r)
{
	struct nvmx_vmcs12 *v12;

	if (nvmx_slot_prepare(r->v, r->s))
		return nvmx_refuse(&r->info, NVMX_REFUSED_NO_PAGE, 0, 0);
	v12 = r->s->v12;
	nvmx_memcpy(v12, r->state->vmcs12, NVMX_VMCS12_USED);
	if (!nvmx_revision_known(r->v, v12->revision) || (r->l2 && v12->revision & NVMX_SHADOW_VMCS_INDICATOR))
		return nvmx_refuse_named(&r->info, NVMX_REFUSED_STATE_REVISION, "vmcs12", v12->revision, NVMX_VMCS12_REVISION);
	if (has_old_cet(r, v12))
		return nvmx_refuse(&r->info, NVMX_REFUSED_STATE_OLD_CET, offsetof(struct nvmx_vmcs12, old_cet),
				   offsetof(struct nvmx_vmcs12, host_s_cet));
	return NVMX_OK;
}

/* Whether there is a VMCS behind the link pointer for L2, which comes out of the blob; and its page, until it is written. */
static bool has_link(const struct restore *r)
{
	return nvmx_l2_has_shadow(r->s->v12) && r->h.flags & NVMX_STATE_GUEST_MODE;
}

static bool hold_link(const struct restore *r)
{
	return !has_link(r) || nvmx_hold(r->v, r->s->v12->vmcs_link_pointer, NVMX_VMCS12_USED, true);
}

/* The revision of the VMCS behind the link pointer: in the blob, if it has one. */
static int read_link(struct restore *r)
{
	const uint32_t expected = NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR;

	if (!has_link(r))
		return NVMX_OK;
	if (r->h.size < sizeof(struct nvmx_state))
		return nvmx_refuse(&r->info, NVMX_REFUSED_STATE_TRUNCATED, r->h.size, sizeof(struct nvmx_state));
	nvmx_memcpy(&r->in.link_revision, r->state->shadow_vmcs12, sizeof(r->in.link_revision));
	if (r->in.link_revision != expected)
		return nvmx_refuse_named(&r->info, NVMX_REFUSED_STATE_REVISION, "shadow_vmcs12", r->in.link_revision, expected);
	return NVMX_OK;
}

/* A later version's part may be longer, an earlier one's shorter; the first had no size in it. */
static void read_live(struct restore *r)
{
	struct nvmx_state_live *live = &r->live;
	const size_t least = offsetof(struct nvmx_state_live, size);

	nvmx_memcpy(live, r->state->vmcs12 + NVMX_STATE_LIVE_OFFSET, sizeof(*live));
	if (live->magic == NVMX_STATE_LIVE_MAGIC)
		r->live_size = live->size < least ? least : live->size < sizeof(*live) ? live->size : sizeof(*live);
	r->run_pending = r->h.flags & NVMX_STATE_RUN_PENDING ||
			 (r->context->smm && r->live_size && live->flags & NVMX_STATE_LIVE_RUN_PENDING);
}

/* L2's registers as the host has put them: into the VMCS that it takes for the guest's. */
static void read_put(struct restore *r)
{
	uint32_t entry = r->v->in_l2 ? r->v->cur->ctl02[NVMX_WORD_ENTRY] : r->v->vmcs01.ctl[NVMX_WORD_ENTRY];

	for (unsigned i = 0; i < NVMX_LIVE_ROWS; i++)
		if ((nvmx_live_rows[i].exists & entry) == nvmx_live_rows[i].exists)
			r->put[i] = nvmx_vmread(r->v, nvmx_live_rows[i].field);
}

/* Of a blob that does not say: as vmcs12 has the register, where it has it, else as the host has put it. */
static uint64_t guess_register(const struct restore *r, unsigned i)
{
	const struct nvmx_live_row *row = &nvmx_live_rows[i];

	return r->run_pending && r->s->v12->entry_ctls & row->loaded ? nvmx_v12_get(r->s->v12, row->row) : r->put[i];
}

static void guess_event(struct restore *r)
{
	struct nvmx_state_live *live = &r->live;
	const struct nvmx_vmcs12 *v12 = r->s->v12;

	live->event_info = r->run_pending ? v12->entry_intr_info : 0;
	live->event_error = r->run_pending ? v12->entry_exc_error_code : 0;
	live->event_len = r->run_pending ? v12->entry_instr_len : 0;
	live->timer_deadline = r->h.preemption_timer_deadline << NVMX_DEADLINE_SHIFT;
}

/* Registers and event of L2, as the blob has them or else as they follow from vmcs12. */
static void settle_live(struct restore *r)
{
	const struct nvmx_route_in mtf = { .reason = NVMX_XR_MTF };
	const struct nvmx_vmcs12 *v12 = r->s->v12;

	if (r->live_size)
		nvmx_memcpy(r->in.pdpte, r->live.pdpte, sizeof(r->in.pdpte));
	else
		guess_event(r);
	for (unsigned i = 0; i < NVMX_LIVE_ROWS; i++) {
		const struct nvmx_live_row *row = &nvmx_live_rows[i];

		if (nvmx_live_saved(v12, row))
			*nvmx_live_value(&r->live, row) = nvmx_v12_get(v12, row->row);
		else if (row->offset + sizeof(uint64_t) > r->live_size)
			*nvmx_live_value(&r->live, row) = guess_register(r, i);
	}
	r->live.debugctl &= ~r->v->config.debugctl_hidden;
	if (r->h.flags & NVMX_STATE_MTF_PENDING && !(r->live.event_info & NVMX_INTR_VALID))
		r->live.event_info = MTF_EVENT;
	/* An MTF VM exit that L1 did not ask for was due to the host that saved the state. */
	if (nvmx_is_mtf(r->live.event_info) && nvmx_route(v12, &mtf) != NVMX_ROUTE_L1)
		r->live.event_info = 0;
	if (!(r->live.event_info & NVMX_INTR_VALID))
		r->live.event_info = 0;
}

static int check(struct restore *r, uint32_t groups)
{
	const struct nvmx_check_row *failed = nvmx_check_entry(&r->in, groups);

	if (failed)
		return nvmx_refuse_named(&r->info, NVMX_REFUSED_STATE_CHECKS, failed->id, 0, 0);
	return NVMX_OK;
}

/* L2's registers as they are take the place of vmcs12's, which an exit may not have saved for long; and back. */
static void exchange_live(struct restore *r)
{
	for (unsigned i = 0; i < NVMX_LIVE_ROWS; i++) {
		const struct nvmx_live_row *row = &nvmx_live_rows[i];
		uint64_t of12 = nvmx_v12_get(r->s->v12, row->row);

		nvmx_v12_set(r->s->v12, row->row, *nvmx_live_value(&r->live, row));
		*nvmx_live_value(&r->live, row) = of12;
	}
}

/* What is in vmcs02 alone passes the checks that it would have to pass in vmcs12: registers that L1's entry does not load, the event. */
static int check_loaded(struct restore *r)
{
	struct nvmx_vmcs12 *v12 = r->s->v12;
	uint32_t entry_ctls = v12->entry_ctls, info = v12->entry_intr_info, error = v12->entry_exc_error_code,
		 len = v12->entry_instr_len;
	int result;

	for (unsigned i = 0; i < NVMX_LIVE_ROWS; i++)
		v12->entry_ctls |= nvmx_live_rows[i].loaded;
	v12->entry_intr_info = r->live.event_info;
	v12->entry_exc_error_code = r->live.event_error;
	v12->entry_instr_len = r->live.event_len;
	result = check(r, NVMX_GROUP(REG) | NVMX_GROUP(EVENT));
	v12->entry_ctls = entry_ctls;
	v12->entry_intr_info = info;
	v12->entry_exc_error_code = error;
	v12->entry_instr_len = len;
	return result;
}

static int check_live(struct restore *r)
{
	int error;

	exchange_live(r);
	error = check(r, NVMX_GROUPS_ALL);
	if (!error)
		error = check_loaded(r);
	exchange_live(r);
	return error;
}

static int refuse_not_now(struct restore *r)
{
	return nvmx_refuse(&r->info, NVMX_REFUSED_NOT_NOW, r->v->awaited_gpa, 0);
}

/* The checks of VMLAUNCH, SDM 26.2 and 26.3. */
static int check_l2(struct restore *r)
{
	struct nvmx_vmcs12 *v12 = r->s->v12;
	struct nvmx_check_input memory = { .caps = &r->v->vm->caps };
	int error = read_link(r);

	if (error)
		return error;
	read_live(r);
	if (!r->run_pending && nvmx_event_is_over(v12, r->live_size ? r->live.event_info : 0))
		v12->entry_intr_info &= ~NVMX_INTR_VALID;
	v12->launch_state = NVMX_LAUNCH_LAUNCHED;
	nvmx_gather_facts(r->v, v12, &memory);
	if (r->v->not_now)
		return refuse_not_now(r);
	settle_live(r);
	r->in.v12 = v12;
	r->in.caps = &r->v->vm->caps;
	r->in.current_vmcs = r->h.vmcs12_pa;
	r->in.l1_ia32e = v12->exit_ctls & NVMX_EXIT_HOST_64; /* it was, or L2 would not have been entered (26.2.4) */
	r->in.vtpr = memory.vtpr;
	r->in.vtpr_known = memory.vtpr_known;
	r->in.pdpte_known = nvmx_needs_pdptes(v12);
	if (!r->live_size)
		nvmx_memcpy(r->in.pdpte, memory.pdpte, sizeof(r->in.pdpte));
	if (!r->in.link_revision)
		r->in.link_revision = memory.link_revision;
	return check_live(r);
}

static uint32_t timer_left(const struct restore *r)
{
	uint64_t left = 0;

	if (!(r->h.vmx_flags & NVMX_STATE_DEADLINE))
		return r->s->v12->preemption_timer;
	if (r->live.timer_deadline > r->context->l1_tsc)
		left = (r->live.timer_deadline - r->context->l1_tsc) >> nvmx_timer_rate(r->v);
	return left < ~0u ? (uint32_t)left : ~0u;
}

/* vmcs02, current and made by the merge, gets what the merge has from elsewhere. */
static void write_live(struct restore *r)
{
	struct nvmx_vcpu *v = r->v;

	for (unsigned i = 0; i < NVMX_LIVE_ROWS; i++) {
		const struct nvmx_live_row *row = &nvmx_live_rows[i];

		if ((row->exists & r->s->ctl02[NVMX_WORD_ENTRY]) == row->exists)
			nvmx_vmwrite(v, row->field, *nvmx_live_value(&r->live, row));
	}
	if (nvmx_timer_is_l1s(v, r->s->v12))
		nvmx_vmwrite(v, NVMX_PREEMPTION_TIMER, nvmx_timer_of_processor(&v->vmcs01, timer_left(r)));
	nvmx_vmwrite(v, NVMX_ENTRY_INTR_INFO, r->live.event_info);
	nvmx_vmwrite(v, NVMX_ENTRY_EXC_ERROR_CODE, r->live.event_error);
	nvmx_vmwrite(v, NVMX_ENTRY_INSTR_LEN, r->live.event_len);
}

/* Why the vCPU was stopped. */
static int not_built(struct restore *r)
{
	if (r->v->stop_info.error) {
		r->info = r->v->stop_info;
		return r->info.error;
	}
	if (r->v->stop == NVMX_STOP_HOST_OP)
		return nvmx_refuse(&r->info, NVMX_REFUSED_STATE_NO_RAM, r->v->stop_detail, 0);
	return nvmx_refuse(&r->info, NVMX_REFUSED_NO_PAGE, 0, 0);
}

static int try_build_l2(struct restore *r)
{
	struct nvmx_vcpu *v = r->v;
	int error;

	if (v->in_l2)
		read_put(r);
	nvmx_vmcs_load(v, v->config.vmcs01);
	nvmx_vmcs01_read(v); /* it is the host's to write before a restore */
	if (!v->in_l2)
		read_put(r);
	error = check_l2(r);
	if (error)
		return error;
	if (!hold_link(r) || !nvmx_pin_for_entry(v, r->s))
		return refuse_not_now(r);
	nvmx_ept_invept(v, NVMX_FLUSH_ALL, 0); /* L1's memory, and with it EPT12, may be another */
	nvmx_slot_anew(v, r->s);
	if (!nvmx_load_vmcs02(v, r->s, &r->in))
		return not_built(r);
	r->s->dirty_groups = ~0u; /* vmcs12's own registers count from L1's next VM entry on */
	write_live(r);
	return NVMX_OK;
}

/* Builds vmcs02 without the vCPU's noticing. */
static int build_l2(struct restore *r)
{
	enum nvmx_stop stop = r->v->stop;
	uint64_t detail = r->v->stop_detail;
	struct nvmx_error_info info = r->v->stop_info;
	int error;

	r->v->stop = NVMX_STOP_NONE; /* for what building says */
	r->v->stop_info = (struct nvmx_error_info){ 0 };
	error = try_build_l2(r);
	if (error && r->v->stop_info.error == NVMX_ERR_ANSWER)
		return error; /* an op that answers so is no reason to go on as before */
	r->v->stop = stop;
	r->v->stop_detail = detail;
	r->v->stop_info = info;
	return error;
}

/* The VMCS that L2's link pointer names goes where L2's accesses look for it. */
static void write_link(struct restore *r)
{
	uint64_t gpa = r->s->v12->vmcs_link_pointer;
	uint32_t revision = r->in.link_revision;

	if (!has_link(r))
		return;
	nvmx_gpa_write(r->v, gpa + sizeof(revision), r->state->shadow_vmcs12 + sizeof(revision),
		       NVMX_VMCS12_USED - sizeof(revision));
	nvmx_gpa_write(r->v, gpa, &revision, sizeof(revision));
}

/* All that the vCPU has of L1's VMX, and what is remembered of vmcs01, which the host may have set up anew: a vmcs02 that was
 * `built` just now is made of what was read for it. */
static void forget(struct nvmx_vcpu *v, struct nvmx_slot *built)
{
	nvmx_l2_ends(v);
	v->cur = NULL;
	v->run_pending = v->smm.active = v->smm.in_l2 = false;
	v->vmxon_ptr = NVMX_NO_ADDR;
	v->stop = NVMX_STOP_NONE;
	v->stop_detail = 0;
	v->stop_info = (struct nvmx_error_info){ 0 };
	nvmx_shadow_switch(v); /* vmcs01 is current from here on */
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		v->slots[i].former = NVMX_NO_ADDR;
		if (v->slots[i].gpa != NVMX_NO_ADDR)
			nvmx_slot_drop(v, &v->slots[i]);
	}
	nvmx_vpid_forget(v);
	if (!built)
		nvmx_vmcs01_read(v);
}

void nvmx_state_drop(struct nvmx_vcpu *v)
{
	forget(v, NULL);
	nvmx_ept_invept(v, NVMX_FLUSH_ALL, 0);
	nvmx_vmwrite_flush(v);
}

/* SDM 23.7: a reset clears the MSR; where the host does not leave it to L1's firmware, it is locked at once. */
void nvmx_state_reset(struct nvmx_vcpu *v)
{
	nvmx_state_drop(v);
	v->feature_control = v->vm->caps.feature_control;
}

/* Nothing can fail any more. */
static void commit(struct restore *r)
{
	struct nvmx_vcpu *v = r->v;

	if (r->l2)
		forget(v, r->s);
	else
		nvmx_state_drop(v);
	v->vmxon_ptr = r->h.vmxon_pa;
	if (r->s) {
		r->s->gpa = r->h.vmcs12_pa;
		nvmx_slot_make_current(v, r->s);
	}
	if (r->l2 && r->s) {
		write_link(r);
		nvmx_vmcs_load(v, r->s->page02.hpa);
		nvmx_load_vpid(v, r->s);
		nvmx_l2_begins(v);
		v->run_pending = r->run_pending && !(r->s->look02 & NVMX_LOOK_WAITS);
		nvmx_not_by_l1(v);
		v->flipped_cr0 = 0;
		r->s->l1_ia32e = r->in.l1_ia32e;
	}
	nvmx_vmwrite_flush(v);
	if (r->context->smm)
		nvmx_smi(v);
}

static void give_up(struct restore *r, uint64_t before)
{
	if (r->s)
		nvmx_slot_drop(r->v, r->s);
	nvmx_vmcs_load(r->v, before);
	/* L2 may have lost its root to the one that was tried. */
	if (r->v->in_l2 && !nvmx_load_eptp(r->v, r->v->cur))
		nvmx_stop_vm(r->v, NVMX_STOP_NO_MEMORY, 0);
	nvmx_vmwrite_flush(r->v);
}

/* What the header announces. */
static int take_over(struct restore *r)
{
	struct nvmx_vcpu *v = r->v;
	uint64_t before = v->loaded;
	int error = NVMX_OK;

	if (r->h.vmcs12_pa != NVMX_STATE_NO_ADDR) {
		r->s = nvmx_slot_free(v);
		error = read_vmcs12(r);
		if (!error && r->l2)
			error = build_l2(r);
	}
	if (error)
		give_up(r, before);
	else
		commit(r);
	nvmx_release(v);
	v->not_now = false;
	return error;
}

int nvmx_state_restore(struct nvmx_vcpu *v, const void *blob, size_t bytes, const struct nvmx_state_context *context,
		       struct nvmx_error_info *info)
{
	struct restore r = { .v = v, .state = blob, .context = context };
	int error;

	if ((uintptr_t)blob % NVMX_STATE_ALIGNED)
		error = nvmx_refuse(&r.info, NVMX_REFUSED_STATE_ALIGNED, (uintptr_t)blob, NVMX_STATE_ALIGNED);
	else
		error = read_header(&r, bytes);
	if (!error)
		error = take_over(&r);
	if (info)
		*info = r.info;
	return error;
}
