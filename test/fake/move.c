/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The nested state leaves a vCPU and comes back: between any two steps that must change nothing. */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "vmx/vcpu.h"

#define NOW 0x123456789ull /* the fake's timer does not run while the state is away, and neither does this clock */

void *fake_host_save(struct nvmx_host *h, size_t *size)
{
	uint64_t current = h->cpu.vmcs;
	void *blob, *again;

	h->inside = true;
	FAKE_ASSERT(nvmx_state_save(h->vcpu, NULL, 0, NOW, size) == NVMX_STATE_TOO_SMALL);
	blob = aligned_alloc(8, *size);
	again = aligned_alloc(8, *size);
	memset(blob, 0xa5, *size);
	memset(again, 0x5a, *size);
	FAKE_ASSERT(nvmx_state_save(h->vcpu, blob, *size, NOW, size) == NVMX_STATE_OK);
	FAKE_ASSERT(nvmx_state_save(h->vcpu, again, *size, NOW, size) == NVMX_STATE_OK);
	h->inside = false;
	FAKE_ASSERT(!memcmp(blob, again, *size));
	FAKE_ASSERT(h->cpu.vmcs == current && !h->mappings && !h->vcpu->batch_n);
	free(again);
	return blob;
}

int fake_host_restore(struct nvmx_host *h, const void *blob, size_t size, const char **row)
{
	const struct nvmx_state_context context = { .l1_tsc = NOW, .smm = h->smm };
	size_t before_size, after_size;
	uint64_t current = h->cpu.vmcs;
	void *before = fake_host_save(h, &before_size), *after;
	int error;

	h->inside = true;
	error = nvmx_state_restore(h->vcpu, blob, size, &context, row);
	h->inside = false;
	FAKE_ASSERT(!h->mappings && !h->vcpu->batch_n && error >= 0 && error < NVMX_STATE_ERRORS);
	FAKE_ASSERT(h->cpu.vmcs == nvmx_current_vmcs(h->vcpu));
	if (error) {
		after = fake_host_save(h, &after_size);
		FAKE_ASSERT(h->cpu.vmcs == current && before_size == after_size && !memcmp(before, after, after_size));
		free(after);
	}
	free(before);
	return error;
}

/* Another vCPU of another VM.  Of L1's registers in vmcs01 nothing is moved if L2 runs. */
static void replace(struct nvmx_host *h)
{
	bool l2 = nvmx_in_l2(h->vcpu);

	h->inside = true;
	nvmx_vcpu_destroy(h->vcpu);
	nvmx_vm_destroy(h->vm);
	h->inside = false;
	fake_host_clean(h);
	for (unsigned i = 0; l2 && i < NVMX_ROWS; i++) {
		const struct nvmx_field_row *row = &nvmx_field_rows[i];

		if (nvmx_field_type(row->encoding) == NVMX_TYPE_GUEST && row->encoding != NVMX_VMCS_LINK_POINTER)
			fake_field_set(&h->cpu, row->encoding, 0xa5a5a5a5a5a5a5a5);
	}
	FAKE_ASSERT(fake_host_start(h));
}

void fake_host_move(struct nvmx_host *h, bool fresh)
{
	size_t size, size_again;
	uint64_t counters[NVMX_CNT_COUNT];
	struct nvmx_regs regs;
	void *blob = fake_host_save(h, &size), *again;

	memcpy(counters, h->vcpu->counters, sizeof(counters));
	if (fresh)
		replace(h);
	FAKE_ASSERT(fake_host_restore(h, blob, size, NULL) == NVMX_STATE_OK);
	again = fake_host_save(h, &size_again);
	FAKE_ASSERT(size == size_again && !memcmp(blob, again, size));
	free(blob);
	free(again);
	for (unsigned i = 0; fresh && i < NVMX_CNT_COUNT; i++)
		h->vcpu->counters[i] += counters[i];
	memcpy(regs.gpr, h->cpu.a.gpr, sizeof(regs.gpr));
	FAKE_ASSERT(fake_host_events(h, &regs, nvmx_in_l2(h->vcpu) ? NVMX_RESUME_L2 : NVMX_RESUME_L1) != NVMX_STOP);
}

void fake_host_maybe_move(struct nvmx_host *h)
{
	if (h->cpu.clock == h->moved_at && fake_host_random(h) % 4)
		return;
	h->moved_at = h->cpu.clock;
	h->r->moves++;
	fake_host_move(h, fake_host_random(h) & 1);
}
