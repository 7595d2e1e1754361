/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Active vmcs12s (SDM 24.1).  A slot keeps its pages and its vmcs02 when the vmcs12 goes, so that L1's switching between
 * VMCSs allocates nothing: the next one finds a vmcs02 that only needs its own values; and the same one, if L1's memory still has
 * what it had then, one that needs nothing.
 */
#include "../mem.h"
#include "merge.h"
#include "port.h"
#include "../ept/ept.h"

static int page_get(struct nvmx_vcpu *v, struct nvmx_page *page)
{
	if (!page->va)
		page->va = nvmx_page_alloc(v, &page->hpa);
	return page->va ? 0 : -1;
}

static void page_put(struct nvmx_vcpu *v, struct nvmx_page *page)
{
	if (page->va)
		v->ops->page_free(v->host, page->va, page->hpa);
	page->va = NULL;
}

int nvmx_vmcs_page_get(struct nvmx_vcpu *v, struct nvmx_page *page, uint32_t indicator)
{
	if (page->va)
		return 0;
	if (page_get(v, page))
		return -1;
	/* SDM 24.2, 24.11.3: the revision identifier, then VMCLEAR before the first VMPTRLD. */
	*(uint32_t *)page->va = ((uint32_t)nvmx_caps_get(&v->vm->hw, NVMX_MSR_VMX_BASIC) & 0x7fffffffu) | indicator;
	nvmx_vmcs_clear(v, page->hpa);
	return 0;
}

void nvmx_vmcs_page_put(struct nvmx_vcpu *v, struct nvmx_page *page)
{
	if (page->va)
		nvmx_vmcs_clear(v, page->hpa); /* nothing of it may stay in the processor */
	page_put(v, page);
}

struct nvmx_slot *nvmx_slot_find(struct nvmx_vcpu *v, uint64_t gpa)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++)
		if (v->slots[i].gpa == gpa)
			return &v->slots[i];
	return NULL;
}

struct nvmx_slot *nvmx_slot_free(struct nvmx_vcpu *v)
{
	return nvmx_slot_find(v, NVMX_NO_ADDR);
}

/* If as many are active as may be, the least recently used one that is not current. */
static struct nvmx_slot *slot_victim(struct nvmx_vcpu *v)
{
	struct nvmx_slot *victim = NULL;
	unsigned active = 0;

	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		struct nvmx_slot *s = &v->slots[i];

		if (s->gpa == NVMX_NO_ADDR)
			continue;
		active++;
		if (s != v->cur && (!victim || s->last_use < victim->last_use))
			victim = s;
	}
	return active < NVMX_SLOTS ? NULL : victim;
}

int nvmx_slot_prepare(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (page_get(v, &s->page12) || nvmx_vmcs_page_get(v, &s->page02, 0))
		return -1;
	s->v12 = s->page12.va;
	s->last_use = ++v->clock;
	s->dirty = v->vm->rows;
	s->all_dirty = true;
	s->pending |= NVMX_STEPS_ALL & ~v->vm->steps.said; /* of all that reads vmcs12; the host's part has been made, or is pending */
	nvmx_memset(&s->stale, 0, sizeof(s->stale));
	s->dirty_groups = ~0u;
	s->newer = true;
	s->former = NVMX_NO_ADDR;
	s->mirrored = false;
	return 0;
}

/* The free place that had this vmcs12 last; else the first that has nobody's; else the one that has been free for longest. */
static struct nvmx_slot *place_for(struct nvmx_vcpu *v, uint64_t gpa)
{
	struct nvmx_slot *place = NULL;

	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++)
		if (v->slots[i].former == gpa)
			return &v->slots[i];
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		struct nvmx_slot *s = &v->slots[i];

		if (s->gpa != NVMX_NO_ADDR)
			continue;
		if (s->former == NVMX_NO_ADDR)
			return s;
		if (!place || s->last_use < place->last_use)
			place = s;
	}
	return place;
}

/* Whether L1's memory has the very vmcs12 that the slot was released with, to which vmcs02 and the mirror still belong.  1, 0, or -1:
 * not now. */
static int as_released(struct nvmx_vcpu *v, const struct nvmx_slot *s, uint64_t gpa)
{
	void *page = nvmx_map(v, gpa, false);
	int same;

	if (!page)
		return v->not_now ? -1 : 0;
	same = !nvmx_memcmp(page, s->v12, NVMX_VMCS12_USED);
	nvmx_unmap(v, gpa, page, false);
	return same;
}

struct nvmx_slot *nvmx_slot_load(struct nvmx_vcpu *v, uint64_t gpa)
{
	struct nvmx_slot *s = place_for(v, gpa);
	int same = s->former == gpa ? as_released(v, s, gpa) : 0;

	if (same < 0 || (!same && nvmx_slot_prepare(v, s)))
		return NULL;
	if (!same && nvmx_frame_read(v, gpa, s->v12, NVMX_VMCS12_USED)) {
		if (v->not_now)
			return NULL;
		s->v12->revision = ~0u;
	}
	s->newer = false;
	return s;
}

bool nvmx_slot_claim(struct nvmx_vcpu *v, struct nvmx_slot *s, uint64_t gpa)
{
	struct nvmx_slot *victim = slot_victim(v);

	if (victim && !nvmx_slot_release(v, victim))
		return false;
	s->gpa = gpa;
	s->former = NVMX_NO_ADDR;
	return true;
}

void nvmx_unpin(struct nvmx_vcpu *v, struct nvmx_pin *pin)
{
	if (pin->held && !pin->own) {
		v->ops->unpin(v->host, pin->gpa, pin->hpa);
		nvmx_ept_watch_unpin(v->vm, pin->gpa);
	}
	pin->held = pin->own = false;
}

static void pin_anew(struct nvmx_vcpu *v, struct nvmx_slot *s, struct nvmx_pin *pin, enum nvmx_pinned which)
{
	if (!pin->held)
		return;
	nvmx_unpin(v, pin);
	s->pending |= v->vm->steps.of_pin[which];
}

static inline void unpin_all(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!(s->vapic.held | s->apic_access.held | s->posted_int.held))
		return;
	pin_anew(v, s, &s->vapic, NVMX_PIN_OF_VAPIC);
	pin_anew(v, s, &s->apic_access, NVMX_PIN_OF_APIC_ACCESS);
	pin_anew(v, s, &s->posted_int, NVMX_PIN_OF_POSTED_INT);
}

int nvmx_pin_own(struct nvmx_vcpu *v, struct nvmx_pin *pin, uint64_t gpa)
{
	if (page_get(v, &v->apic_page))
		return -1;
	*pin = (struct nvmx_pin){ .gpa = gpa, .hpa = v->apic_page.hpa, .held = true, .own = true };
	return 0;
}

void nvmx_own_apic_page_review(struct nvmx_vcpu *v, const struct nvmx_slot *s)
{
	if (s->apic_access.own && v->apic_mapped == (s->apic_access.gpa | 1))
		return;
	nvmx_ept_unmap(v, v->apic_mapped & ~1ull);
	v->apic_mapped = 0;
}

void nvmx_pins_moved(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		struct nvmx_slot *s = &v->slots[i];

		if (s != v->cur || !nvmx_l2_lives(v))
			unpin_all(v, s);
	}
}

bool nvmx_slot_release(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint64_t gpa = s->gpa;

	if (!nvmx_slot_write_back(v, s))
		return false;
	if (s == v->cur) { /* what L1 wrote into its hardware shadow has been written back */
		s->mirrored = v->hw_shadow_on;
		v->cur = NULL;
		nvmx_shadow_switch(v);
	}
	nvmx_slot_drop(v, s);
	s->former = gpa;
	return true;
}

/* If L1 has given the page away meanwhile, the VMCS is lost, as it is on a processor. */
bool nvmx_slot_write_back(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (s == v->cur && v->hw_shadow_on)
		nvmx_shadow_pull(v, s);
	nvmx_slot_freshen(v, s);
	return !s->newer || !nvmx_frame_write(v, s->gpa, s->v12, NVMX_VMCS12_USED) || !v->not_now;
}

void nvmx_slot_drop(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	unpin_all(v, s);
	s->look02 &= (uint8_t)~(NVMX_LOOK_WAITS | NVMX_LOOK_REPEATED);
	s->gpa = NVMX_NO_ADDR;
}

void nvmx_slot_make_current(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (s == v->cur)
		return;
	if (v->hw_shadow_on) {
		nvmx_shadow_pull(v, v->cur);
		v->cur->mirrored = true;
	}
	v->cur = s;
	if (s)
		s->last_use = ++v->clock;
	nvmx_shadow_switch(v);
}

static void freshen(struct nvmx_vcpu *v, struct nvmx_slot *s, uint32_t groups)
{
	uint64_t before = v->loaded;

	nvmx_vmcs_load(v, s->page02.hpa);
	nvmx_sync_rare(v, s, groups);
	if (before != NVMX_NO_ADDR)
		nvmx_vmcs_load(v, before);
}

void nvmx_slot_freshen(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!nvmx_set_empty(&s->stale))
		freshen(v, s, NVMX_GROUPS_ALL);
}

void nvmx_slot_freshen_row(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row)
{
	if (nvmx_set_has(&s->stale, row))
		freshen(v, s, 1u << nvmx_field_rows[row].group);
}

void nvmx_slot_learn_row(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row)
{
	if (!nvmx_set_has(&s->stale, row))
		return;
	nvmx_v12_set(s->v12, row, nvmx_read_row(v, s->v12, row));
	nvmx_set_del(&s->stale, row);
}

void nvmx_slot_learn_shared(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	const struct nvmx_step_masks *steps = &v->vm->steps;
	uint64_t before = v->loaded;
	unsigned row;

	if (!(s->each & steps->l1s) || !nvmx_set_meets(&s->stale, &steps->l1s_rows))
		return;
	nvmx_vmcs_load(v, s->page02.hpa);
	NVMX_FOR_EACH_ROW(row, &steps->l1s_rows)
		nvmx_slot_learn_row(v, s, row);
	if (before != NVMX_NO_ADDR)
		nvmx_vmcs_load(v, before);
}

/* Nothing is known of what vmcs02 holds, and no comparison with it is to find it right. */
static void forget_vmcs02(struct nvmx_slot *s)
{
	s->pending = NVMX_STEPS_ALL;
	for (unsigned w = 0; w < NVMX_WORDS; w++)
		s->ctl02[w] = ~0u; /* no merge gives all ones */
	s->vpid02 = 0;
	s->eptp02 = NVMX_NO_ADDR;
	s->eptp_list02 = NVMX_NO_ADDR;
}

void nvmx_slots_init(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		v->slots[i].gpa = v->slots[i].former = NVMX_NO_ADDR;
		v->slots[i].look02 = NVMX_LOOK_LAUNCH;
		forget_vmcs02(&v->slots[i]);
	}
}

void nvmx_slots_pend(struct nvmx_vcpu *v, uint64_t steps)
{
	for (unsigned i = 0; steps && i < NVMX_SLOT_PLACES; i++)
		v->slots[i].pending |= steps;
}

void nvmx_slot_anew(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	nvmx_slot_freshen(v, s);
	s->dirty = v->vm->rows;
	s->all_dirty = true;
	forget_vmcs02(s);
}

void nvmx_bitmaps01_changed(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++)
		nvmx_bitmaps_review_host(v, &v->slots[i]);
}

void nvmx_slots_destroy(struct nvmx_vcpu *v)
{
	nvmx_l2_ends(v);
	v->cur = NULL;
	nvmx_shadow_switch(v); /* vmcs01 is current from here on */
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		struct nvmx_slot *s = &v->slots[i];

		unpin_all(v, s);
		nvmx_vmcs_page_put(v, &s->page02);
		nvmx_vmcs_page_put(v, &s->page_shadow);
		page_put(v, &s->page12);
		page_put(v, &s->msr.page);
		page_put(v, &s->io[0].page);
		page_put(v, &s->io[1].page);
		s->gpa = s->former = NVMX_NO_ADDR;
	}
	page_put(v, &v->shadow_bitmap[0]);
	page_put(v, &v->shadow_bitmap[1]);
	page_put(v, &v->apic_page);
}
