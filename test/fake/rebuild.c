/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * vmcs02 right after a VM entry of L1's, for which the library wrote what it took for changed, against one that is made from
 * nothing; and vmcs12 and vmcs01 right after an exit of L2 to L1, likewise.  Whatever is remembered wrongly of an earlier entry or exit,
 * of vmcs01 or of another vmcs12 shows here, at the transition that it spoils, and not only where a script can see it.
 *
 * What no VM entry of this vmcs12 writes stays poisoned: it must not matter until a later entry writes it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "host.h"
#include "vmcs/vmcs.h"
#include "vmx/leave.h"
#include "vmx/port.h"
#include <nestvmx/check.h>

#define POISON 0xa5a5a5a5a5a5a5a5ull

static uint64_t poison(unsigned row)
{
	return nvmx_field_rows[row].size == 8 ? POISON : POISON & ((1ull << nvmx_field_rows[row].size * 8) - 1);
}

/* What a vmcs02 does not get from the merge: exit information, the VPID, and the timer in a host that owns it. */
static bool is_elsewhere(const struct nvmx_host *h, unsigned row)
{
	return nvmx_field_type(nvmx_field_rows[row].encoding) == NVMX_TYPE_EXIT_INFO || row == NVMX_I_VPID ||
	       (row == NVMX_I_PREEMPTION_TIMER && h->m->flags & NVMX_HOST_OWNS_TIMER);
}

/* Which bits of a row the processor uses. */
static uint64_t used(const uint64_t value[NVMX_ROWS], unsigned row)
{
	switch (row) {
	case NVMX_I_GUEST_CR0:
		return ~(uint64_t)FAKE_CR0_KEPT;
	case NVMX_I_CR0_SHADOW:
		return value[NVMX_I_CR0_MASK];
	case NVMX_I_CR4_SHADOW:
		return value[NVMX_I_CR4_MASK];
	case NVMX_I_ENTRY_INTR_INFO:
		return value[row] & NVMX_INTR_VALID ? ~0ull : NVMX_INTR_VALID;
	case NVMX_I_PROC_CTLS: /* a window that the host opened in L2 */
		return ~(uint64_t)(NVMX_PROC_INT_WINDOW | NVMX_PROC_NMI_WINDOW) | value[row];
	default:
		return ~0ull;
	}
}

static void make_anew(struct nvmx_host *h)
{
	struct nvmx_slot *s = h->vcpu->cur;
	struct nvmx_check_input in = { .v12 = s->v12, .caps = &h->vcpu->vm->caps, .current_vmcs = s->gpa };
	uint16_t vpid = s->vpid02;

	nvmx_gather_facts(h->vcpu, s->v12, &in);
	nvmx_slot_anew(h->vcpu, s);
	FAKE_ASSERT(nvmx_load_vmcs02(h->vcpu, s, &in));
	s->vpid02 = vpid;
	nvmx_vmwrite_flush(h->vcpu);
}

static uint64_t *field_of(const struct nvmx_host *h, uint64_t vmcs, unsigned row)
{
	return fake_value(&h->mem, vmcs, nvmx_field_rows[row].encoding);
}

static void look(const struct nvmx_host *h, uint64_t vmcs, uint64_t value[NVMX_ROWS])
{
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		value[row] = *field_of(h, vmcs, row);
}

static bool same_value(const char *what, unsigned row, uint64_t is, uint64_t anew)
{
	if (is != anew)
		fprintf(stderr, "%s: %s is %#" PRIx64 ", made from nothing %#" PRIx64 "\n", what, nvmx_field_rows[row].name, is, anew);
	return is == anew;
}

/* Whether L2 single-steps with L1's IA32_DEBUGCTL. */
static bool steps_by_l1(const struct nvmx_vmcs12 *v12)
{
	return v12->guest_rflags & NVMX_RFLAGS_TF && !(v12->entry_ctls & NVMX_ENTRY_LOAD_DEBUG);
}

void fake_check_rebuilt(struct nvmx_host *h)
{
	struct nvmx_vcpu *v = h->vcpu;
	uint64_t before[NVMX_ROWS], now[NVMX_ROWS];
	uint64_t counters[NVMX_CNT_COUNT];
	bool same = true;

	/* What L1's MSR list has loaded is in vmcs02 alone, and what its single step wants of vmcs02. */
	if (h->m->fail_at || h->m->mutate || v->cur->v12->entry_msr_load_count || steps_by_l1(v->cur->v12))
		return;
	memcpy(counters, v->counters, sizeof(counters));
	h->inside = h->steady = true;
	nvmx_slot_freshen(v, v->cur);
	look(h, v->cur->page02.hpa, before);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (!is_elsewhere(h, row))
			*field_of(h, v->cur->page02.hpa, row) = poison(row);
	make_anew(h);
	look(h, v->cur->page02.hpa, now);
	h->inside = h->steady = false;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (now[row] != poison(row))
			same &= same_value("vmcs02", row, before[row] & used(now, row), now[row] & used(now, row));
	FAKE_ASSERT(same);
	memcpy(v->counters, counters, sizeof(counters));
}

/* vmcs02 is current.  Of bits of DEBUGCTL that are the host's vmcs12's own count. */
static bool vmcs12_is_as_anew(struct nvmx_vcpu *v, const struct nvmx_slot *s)
{
	struct nvmx_vmcs12 anew = *s->v12;
	bool same = true;

	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if ((nvmx_field_rows[row].sync == NVMX_S_HOT || nvmx_field_rows[row].sync == NVMX_S_RARE) && row != NVMX_I_GUEST_DEBUGCTL)
			nvmx_v12_set(&anew, row, poison(row));
	nvmx_sync_copy(v, s, &anew);
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		uint64_t is = nvmx_set_has(&s->stale, row) ? nvmx_read_row(v, s->v12, row) : nvmx_v12_get(s->v12, row);

		if (nvmx_v12_get(&anew, row) != poison(row) && !nvmx_set_has(&s->dirty, row))
			same &= same_value("vmcs12", row, is, nvmx_v12_get(&anew, row));
	}
	return same;
}

/* L1's state once more, into a vmcs01 of which nothing is known. */
static bool vmcs01_is_as_anew(struct nvmx_host *h, const struct nvmx_left *left)
{
	static const uint16_t loaded[] = {
#define LOAD(FIELD, value, reads) NVMX_I_##FIELD,
#define LOAD_IF(FIELD, when, value, reads) NVMX_I_##FIELD,
#define CARRY(FIELD, STEP, load, exit, host, reads) NVMX_I_##FIELD,
#include "vmcs/leave.def"
	};
	struct nvmx_vcpu *v = h->vcpu;
	uint64_t before[NVMX_ROWS], now[NVMX_ROWS];
	bool same = true;

	look(h, v->config.vmcs01, before);
	for (unsigned i = 0; i < sizeof(loaded) / sizeof(*loaded); i++)
		*field_of(h, v->config.vmcs01, loaded[i]) = poison(loaded[i]);
	v->vmcs01.ctl[NVMX_WORD_ENTRY] ^= NVMX_ENTRY_IA32E; /* as it may be before any exit */
	FAKE_ASSERT(nvmx_load_host_state(v, left) == NVMX_RESUME_L1);
	look(h, v->config.vmcs01, now);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (now[row] == poison(row))
			*field_of(h, v->config.vmcs01, row) = before[row];
		else
			same &= same_value("vmcs01", row, before[row], now[row]);
	return same;
}

void fake_check_left(struct nvmx_host *h)
{
	struct nvmx_vcpu *v = h->vcpu;
	uint32_t traced = v->traced;
	uint64_t counters[NVMX_CNT_COUNT];
	struct nvmx_left left;

	if (h->m->fail_at || h->m->mutate || !v->cur || v->cur->v12->exit_reason & NVMX_XR_ENTRY_FAILURE)
		return;
	memcpy(counters, v->counters, sizeof(counters));
	h->inside = h->steady = true;
	v->traced = 0;
	nvmx_vmcs_load(v, v->cur->page02.hpa);
	FAKE_ASSERT(vmcs12_is_as_anew(v, v->cur));
	nvmx_left_by_l2(v, &left);
	FAKE_ASSERT(vmcs01_is_as_anew(h, &left));
	h->inside = h->steady = false;
	v->traced = traced;
	memcpy(v->counters, counters, sizeof(counters));
}
