/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * vmcs02 right after a VM entry of L1's, for which the library wrote what it took for changed, against one that is made from
 * nothing.  Whatever is remembered wrongly of an earlier entry, of vmcs01 or of another vmcs12 shows here, at the entry that it
 * spoils, and not only where a script can see it.
 *
 * What no VM entry of this vmcs12 writes stays poisoned: it must not matter until a later entry writes it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "host.h"
#include "vmcs/vmcs.h"
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

static void look(const struct nvmx_host *h, uint64_t value[NVMX_ROWS])
{
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		value[row] = *fake_value(&h->mem, h->vcpu->cur->page02.hpa, nvmx_field_rows[row].encoding);
}

void fake_check_rebuilt(struct nvmx_host *h)
{
	struct nvmx_vcpu *v = h->vcpu;
	uint64_t before[NVMX_ROWS], now[NVMX_ROWS];
	uint64_t counters[NVMX_CNT_COUNT];
	bool same = true;

	/* What L1's MSR list has loaded is in vmcs02 alone. */
	if (h->m->fail_at || h->m->mutate || v->cur->v12->entry_msr_load_count)
		return;
	memcpy(counters, v->counters, sizeof(counters));
	h->inside = h->steady = true;
	nvmx_slot_freshen(v, v->cur);
	look(h, before);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (!is_elsewhere(h, row))
			*fake_value(&h->mem, v->cur->page02.hpa, nvmx_field_rows[row].encoding) = poison(row);
	make_anew(h);
	look(h, now);
	h->inside = h->steady = false;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (!((now[row] ^ before[row]) & used(now, row)) || now[row] == poison(row))
			continue;
		fprintf(stderr, "vmcs02: %s is %#" PRIx64 ", made from nothing %#" PRIx64 "\n", nvmx_field_rows[row].name,
			before[row], now[row]);
		same = false;
	}
	FAKE_ASSERT(same);
	memcpy(v->counters, counters, sizeof(counters));
}
