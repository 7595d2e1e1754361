/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The nested state leaves a vCPU and comes back: between any two steps that must change nothing. */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "vmcs/vmcs.h"
#include "vmx/vcpu.h"

#define NOW 0x123456789ull /* the fake's timer does not run while the state is away, and neither does this clock */

void *fake_host_save(struct nvmx_host *h, size_t *size)
{
	uint64_t current = h->cpu.vmcs;
	struct nvmx_error_info info;
	void *blob, *again;
	int error;

	h->inside = true;
	FAKE_ASSERT(nvmx_state_save(h->vcpu, NULL, 0, NOW, size, &info) == NVMX_ERR_ARGUMENT &&
		    info.refusal == NVMX_REFUSED_STATE_BUFFER && info.expected == *size);
	blob = aligned_alloc(8, *size);
	again = aligned_alloc(8, *size);
	memset(blob, 0xa5, *size);
	memset(again, 0x5a, *size);
	FAKE_CALL(h, error, nvmx_state_save(h->vcpu, blob, *size, NOW, size, NULL), NVMX_ERR_AGAIN);
	FAKE_ASSERT(error == NVMX_OK);
	FAKE_CALL(h, error, nvmx_state_save(h->vcpu, again, *size, NOW, size, NULL), NVMX_ERR_AGAIN);
	FAKE_ASSERT(error == NVMX_OK);
	FAKE_ASSERT(!memcmp(blob, again, *size));
	FAKE_ASSERT(h->cpu.vmcs == current && !h->mappings && !h->vcpu->batch_n);
	free(again);
	return blob;
}

unsigned fake_host_restore(struct nvmx_host *h, const void *blob, size_t size, const char **row)
{
	const struct nvmx_state_context context = { .l1_tsc = NOW, .smm = h->smm };
	size_t before_size, after_size;
	uint64_t current = h->cpu.vmcs;
	void *before = fake_host_save(h, &before_size), *after;
	unsigned due = nvmx_in_l2(h->vcpu) ? NVMX_BARRIER_IBPB : 0;
	struct nvmx_error_info info;
	int error;

	h->barriers = 0;
	FAKE_CALL(h, error, nvmx_state_restore(h->vcpu, blob, size, &context, &info), NVMX_ERR_AGAIN);
	due |= nvmx_in_l2(h->vcpu) ? NVMX_BARRIER_L2_ENTRY : 0;
	FAKE_ASSERT(error ? !h->barriers : (h->barriers & due) == due);
	FAKE_ASSERT(!h->mappings && !h->vcpu->batch_n && error == info.error && !error == !info.refusal);
	FAKE_ASSERT(h->cpu.vmcs == nvmx_current_vmcs(h->vcpu));
	if (error) {
		after = fake_host_save(h, &after_size);
		FAKE_ASSERT(h->cpu.vmcs == current && before_size == after_size && !memcmp(before, after, after_size));
		free(after);
	}
	free(before);
	if (row)
		*row = info.name;
	return info.refusal;
}

/* What is in vmcs01 of L1's registers while L2 runs is nobody's; the host may have L2's there, with L2's mode. */
static void poison_vmcs01(struct nvmx_host *h)
{
	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		const struct nvmx_field_row *row = &nvmx_field_rows[i];

		if (nvmx_field_type(row->encoding) == NVMX_TYPE_GUEST && row->encoding != NVMX_VMCS_LINK_POINTER)
			*fake_value(&h->mem, h->vmcs01, row->encoding) = 0xa5a5a5a5a5a5a5a5 >> (64 - row->size * 8);
	}
	*fake_value(&h->mem, h->vmcs01, NVMX_ENTRY_CTLS) ^= NVMX_ENTRY_IA32E;
}

/* Another vCPU of another VM. */
static void replace(struct nvmx_host *h, bool l2)
{
	h->barriers = 0;
	h->inside = true;
	nvmx_vcpu_destroy(h->vcpu);
	FAKE_ASSERT(!l2 || h->smm || h->barriers == NVMX_BARRIER_IBPB);
	nvmx_vm_destroy(h->vm);
	h->inside = false;
	fake_host_clean(h);
	FAKE_ASSERT(fake_host_start(h));
}

static struct nvmx_state_live *live_of(struct nvmx_state *state)
{
	return (struct nvmx_state_live *)(state->vmcs12 + NVMX_STATE_LIVE_OFFSET);
}

/* Linux's timer deadline has 32 ticks for one. */
static bool linux_can_tell(struct nvmx_state *state)
{
	return !(state->header.vmx_flags & NVMX_STATE_DEADLINE) || !(live_of(state)->timer_deadline % 32);
}

/* As from Linux: what it has no place for, its users put into the registers before, and its event queue after. */
static void restore_as_linux(struct nvmx_host *h, const struct nvmx_state *state)
{
	struct nvmx_state *linux_state = aligned_alloc(8, state->header.size);
	struct nvmx_state_live live;
	bool l2 = nvmx_in_l2(h->vcpu);

	memcpy(linux_state, state, state->header.size);
	live = *live_of(linux_state);
	memset(live_of(linux_state), 0, sizeof(live));
	h->barriers = 0;
	h->inside = true;
	nvmx_state_reset(h->vcpu);
	h->inside = false;
	FAKE_ASSERT(h->barriers == (l2 ? NVMX_BARRIER_IBPB : 0));
	fake_field_set(&h->cpu, NVMX_GUEST_EFER, live.efer);
	fake_field_set(&h->cpu, NVMX_GUEST_PAT, live.pat);
	fake_field_set(&h->cpu, NVMX_GUEST_DEBUGCTL, live.debugctl);
	fake_field_set(&h->cpu, NVMX_GUEST_DR7, live.dr7);
	fake_field_set(&h->cpu, NVMX_GUEST_BNDCFGS, live.bndcfgs);
	fake_field_set(&h->cpu, NVMX_GUEST_PKRS, live.pkrs);
	fake_field_set(&h->cpu, NVMX_GUEST_S_CET, live.s_cet);
	fake_field_set(&h->cpu, NVMX_GUEST_SSP, live.ssp);
	fake_field_set(&h->cpu, NVMX_GUEST_INT_SSP_TABLE, live.int_ssp_table);
	FAKE_ASSERT(fake_host_restore(h, linux_state, state->header.size, NULL) == NVMX_REFUSED_NOTHING);
	if (!(state->header.flags & NVMX_STATE_RUN_PENDING)) {
		fake_field_set(&h->cpu, NVMX_ENTRY_INTR_INFO, live.event_info);
		fake_field_set(&h->cpu, NVMX_ENTRY_EXC_ERROR_CODE, live.event_error);
		fake_field_set(&h->cpu, NVMX_ENTRY_INSTR_LEN, live.event_len);
	}
	free(linux_state);
}

/* SMM is L1's: its code runs behind L2, and L2 behind it. */
static void smm(struct nvmx_host *h, bool enter)
{
	bool l2 = nvmx_in_l2(h->vcpu);

	h->barriers = 0;
	h->inside = true;
	if (enter)
		nvmx_smi(h->vcpu);
	else
		nvmx_rsm(h->vcpu);
	h->inside = false;
	h->smm = enter;
	FAKE_ASSERT(!h->vcpu->batch_n && (!nvmx_in_l2(h->vcpu) || !enter));
	FAKE_ASSERT(h->barriers == (enter ? l2 ? NVMX_BARRIER_IBPB : 0 : nvmx_in_l2(h->vcpu) ? NVMX_BARRIER_L2_ENTRY : 0));
}

void fake_host_move(struct nvmx_host *h, unsigned how)
{
	bool l2 = nvmx_in_l2(h->vcpu);
	size_t size, size_again;
	uint64_t counters[NVMX_CNT_COUNT];
	struct nvmx_regs regs;
	struct nvmx_state *state, *again;

	if (how & FAKE_MOVE_IN_SMM)
		smm(h, true);
	state = fake_host_save(h, &size);
	memcpy(counters, h->vcpu->counters, sizeof(counters));
	if (how & FAKE_MOVE_FRESH)
		replace(h, l2);
	if (l2)
		poison_vmcs01(h);
	if (how & FAKE_MOVE_LINUX && state->header.flags & NVMX_STATE_GUEST_MODE && linux_can_tell(state))
		restore_as_linux(h, state);
	else
		FAKE_ASSERT(fake_host_restore(h, state, size, NULL) == NVMX_REFUSED_NOTHING);
	again = fake_host_save(h, &size_again);
	FAKE_ASSERT(size == size_again && !memcmp(state, again, size));
	free(state);
	free(again);
	for (unsigned i = 0; how & FAKE_MOVE_FRESH && i < NVMX_CNT_COUNT; i++)
		h->vcpu->counters[i] += counters[i];
	if (how & FAKE_MOVE_IN_SMM)
		smm(h, false);
	FAKE_ASSERT(nvmx_in_l2(h->vcpu) == l2);
	if (l2)
		fake_own_timer_moved(h);
	memcpy(regs.gpr, h->cpu.a.gpr, sizeof(regs.gpr));
	FAKE_ASSERT(fake_host_events(h, &regs, l2 ? NVMX_RESUME_L2 : NVMX_RESUME_L1) != NVMX_STOP);
}

void fake_host_maybe_move(struct nvmx_host *h)
{
	if (h->cpu.clock == h->moved_at && fake_host_random(h) % 4)
		return;
	h->moved_at = h->cpu.clock;
	h->r->moves++;
	fake_host_move(h, fake_host_random(h) % FAKE_MOVES);
}
