/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "hold.h"
#include "port.h"

#define FRAME(gpa) ((gpa) & ~0xfffull)
#define MSR_ENTRY 16u

enum nvmx_verdict nvmx_again(struct nvmx_vcpu *v)
{
	v->counters[NVMX_CNT_AGAIN]++;
	nvmx_release(v);
	v->not_now = false;
	if (v->in_l2)
		v->cur->look02 |= NVMX_LOOK_REPEATED;
	nvmx_vmcs_load(v, nvmx_current_vmcs(v));
	nvmx_vmwrite_flush(v);
	return NVMX_AGAIN;
}

bool nvmx_hold(struct nvmx_vcpu *v, uint64_t gpa, uint64_t length, bool write)
{
	uint64_t last = FRAME(gpa + length - 1);

	for (uint64_t at = FRAME(gpa); length && at - FRAME(gpa) <= last - FRAME(gpa); at += 4096) {
		void *page;

		if (nvmx_held_page(v, at, write))
			continue;
		page = nvmx_map(v, at, write);
		if (v->not_now)
			return false;
		if (page)
			v->held[v->held_n++] = (struct nvmx_held){ at, page, write, false };
	}
	return true;
}

void nvmx_release_slow(struct nvmx_vcpu *v)
{
	while (v->held_n) {
		const struct nvmx_held *h = &v->held[--v->held_n];

		nvmx_unmap_frame(v, h->gpa, h->page, h->wrote);
	}
}

static bool hold_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count, bool write)
{
	return nvmx_hold(v, gpa, (uint64_t)MSR_ENTRY * (count < NVMX_MSR_LIST_MOST ? count : NVMX_MSR_LIST_MOST), write);
}

/* What is to be written first: a page is held once if all its uses come after one that writes. */
static bool hold_exit_areas(struct nvmx_vcpu *v, bool store)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	bool pae = !(v12->exit_ctls & NVMX_EXIT_HOST_64) && v12->host_cr4 & NVMX_CR4_PAE && v12->host_cr0 & NVMX_CR0_PG;

	return hold_list(v, v12->exit_msr_store_addr, store ? v12->exit_msr_store_count : 0, true) &&
	       nvmx_hold(v, v->cur->gpa, 1, true) && hold_list(v, v12->exit_msr_load_addr, v12->exit_msr_load_count, false) &&
	       nvmx_hold(v, v12->host_cr3 & 0xffffffe0u, pae ? 1 : 0, false);
}

bool nvmx_hold_areas(struct nvmx_vcpu *v)
{
	return hold_exit_areas(v, true);
}

int nvmx_repin(struct nvmx_vcpu *v, struct nvmx_pin *pin, uint64_t gpa, bool want)
{
	int answer;

	if (pin->held && (!want || pin->gpa != gpa))
		nvmx_unpin(v, pin);
	if (!want || pin->held)
		return 0;
	answer = nvmx_pin_frame(v, gpa, &pin->hpa);
	if (answer)
		return answer;
	pin->gpa = gpa;
	pin->held = true;
	return 0;
}

/* True also where the host cannot pin it at all: the merge will find out, and say so. */
static bool pin_ahead(struct nvmx_vcpu *v, struct nvmx_pin *pin, uint64_t gpa, bool want)
{
	if (!want || (pin->held && pin->gpa == gpa) || nvmx_repin(v, pin, gpa, true) != NVMX_NOT_NOW)
		return true;
	nvmx_not_now(v, gpa, NVMX_ACCESS_R | NVMX_ACCESS_W);
	return false;
}

bool nvmx_pin_for_entry(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	const struct nvmx_vmcs12 *v12 = s->v12;

	return pin_ahead(v, &s->vapic, v12->virtual_apic_addr, v12->proc_ctls & NVMX_PROC_TPR_SHADOW) &&
	       pin_ahead(v, &s->apic_access, v12->apic_access_addr, nvmx_v12_proc2(v12) & NVMX_PROC2_APIC_ACCESS) &&
	       pin_ahead(v, &s->posted_int, FRAME(v12->posted_int_desc_addr), v12->pin_ctls & NVMX_PIN_POSTED_INT);
}

bool nvmx_prepare_entry_slow(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	const struct nvmx_vmcs12 *v12 = s->v12;

	if (!nvmx_pin_for_entry(v, s))
		return false;
	if (!(v12->entry_msr_load_count | (v12->entry_ctls & nvmx_loads_emulated(v))))
		return true;
	if (!hold_list(v, v12->entry_msr_load_addr, v12->entry_msr_load_count, false) || !hold_exit_areas(v, false))
		return false;
	nvmx_slot_learn_shared(v, s);
	return true;
}
