/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A host with pageable memory that may not sleep inside the library: a page that is not at hand is "not now", and the library's
 * call comes again when it is.  What the host has made present it keeps until that call is over, and no longer.
 */
#include <string.h>
#include "host.h"

bool fake_not_now(struct nvmx_host *h, uint64_t gpa, bool peek)
{
	unsigned frame = (unsigned)(gpa / FAKE_PAGE);
	bool away;

	if (gpa >= FAKE_RAM_SIZE || h->steady)
		return false;
	away = h->m->pageable && !h->present[frame];
	if (peek)
		return away;
	away |= ++h->r->asked == h->m->not_now_at;
	h->away[frame] |= away;
	return away;
}

static void park(struct nvmx_host *h)
{
	uint64_t current = h->cpu.vmcs, before;

	h->inside = true;
	nvmx_vcpu_park(h->vcpu);
	FAKE_ASSERT(nvmx_current_vmcs(h->vcpu) == current);
	before = nvmx_counter(h->vcpu, NVMX_CNT_INVVPID);
	nvmx_vcpu_unpark_here(h->vcpu);
	FAKE_ASSERT(h->cpu.vmcs == current && nvmx_counter(h->vcpu, NVMX_CNT_INVVPID) == before);
	h->inside = false;
}

bool fake_come_again(struct nvmx_host *h, bool again)
{
	uint64_t gpa;
	unsigned access;

	h->inside = false;
	h->got = 0;
	if (!again) {
		h->repeated = 0;
		memset(h->away, 0, sizeof(h->away));
		memset(h->present, 0, sizeof(h->present));
		return false;
	}
	nvmx_awaited(h->vcpu, &gpa, &access);
	FAKE_ASSERT(!h->mappings && gpa < FAKE_RAM_SIZE && access & 7 && !(access & ~7u));
	FAKE_ASSERT(h->away[gpa / FAKE_PAGE] && ++h->repeated <= NVMX_AGAIN_MAX);
	FAKE_ASSERT(h->cpu.vmcs == nvmx_current_vmcs(h->vcpu));
	h->present[gpa / FAKE_PAGE] = true;
	h->r->agains++;
	if (h->m->parks || h->m->parks_again)
		park(h);
	h->inside = true;
	return true;
}

/* SMM's code does nothing that anybody sees; meanwhile the host may take back what it likes. */
static void through_smm(struct nvmx_host *h)
{
	nvmx_smi(h->vcpu);
	FAKE_ASSERT(!nvmx_in_l2(h->vcpu) && h->cpu.vmcs == h->vmcs01);
	if (fake_host_random(h) % 2)
		nvmx_give_pages(h->vcpu, ~0u);
	if (fake_host_random(h) % 2)
		nvmx_host_changed(h->vm, h->vcpu);
	if (fake_host_random(h) % 2) {
		nvmx_vcpu_park(h->vcpu);
		nvmx_vcpu_unpark(h->vcpu);
	}
	FAKE_ASSERT(nvmx_rsm(h->vcpu));
}

/* What a host may do with a vCPU between any two steps, as it comes. */
static void do_something(struct nvmx_host *h)
{
	uint64_t frame = fake_host_random(h) % FAKE_RAM_FRAMES, n = 1 + fake_host_random(h) % 3;
	bool l2 = nvmx_in_l2(h->vcpu);

	h->inside = true;
	switch (fake_host_random(h) % 8) {
	case 0: nvmx_give_pages(h->vcpu, (uint32_t)fake_host_random(h) % 40); break;
	case 1: nvmx_pins_moved(h->vcpu); break;
	case 2: nvmx_host_write_protect(h->vm, h->vcpu, frame * FAKE_PAGE, n * FAKE_PAGE); break;
	case 3: nvmx_host_invalidate(h->vm, h->vcpu, frame * FAKE_PAGE, n % 3 ? FAKE_PAGE : ~0ull); break;
	case 4: nvmx_host_changed(h->vm, n % 2 ? h->vcpu : NULL); break;
	case 5: nvmx_bitmaps01_changed(h->vcpu); break;
	case 6: through_smm(h); break;
	default:
		nvmx_vcpu_park(h->vcpu);
		nvmx_vcpu_unpark(h->vcpu);
	}
	FAKE_ASSERT(nvmx_in_l2(h->vcpu) == l2 && h->cpu.vmcs == nvmx_current_vmcs(h->vcpu));
	if (l2)
		FAKE_ASSERT(nvmx_before_l2(h->vcpu) == NVMX_RESUME_L2);
	h->inside = false;
}

void fake_between_calls(struct nvmx_host *h)
{
	uint64_t frame;

	h->got = 0;
	if (h->m->restless && fake_host_random(h) % 2)
		do_something(h);
	if (h->m->parks)
		park(h);
	if (!h->m->pageable || fake_host_random(h) % 8)
		return;
	frame = fake_host_random(h) % FAKE_RAM_FRAMES;
	h->inside = true;
	if (frame % 4)
		nvmx_host_invalidate(h->vm, h->vcpu, frame * FAKE_PAGE, FAKE_PAGE);
	else
		nvmx_host_changed(h->vm, h->vcpu);
	if (nvmx_in_l2(h->vcpu))
		FAKE_ASSERT(nvmx_before_l2(h->vcpu) == NVMX_RESUME_L2);
	h->inside = false;
}
