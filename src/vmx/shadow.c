/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMCS shadowing used for L1 (SDM 24.6.15, 24.10): the fields that L1 reads and writes at every exit live in a shadow VMCS
 * that L1's VMREAD and VMWRITE reach without an exit.
 *
 * What L1 may write there has to be read back at each of its VM entries, written or not.  A field is therefore read-only in the
 * shadow until L1 writes it, which exits, and is again when L1 has not changed it for a while.
 *
 * A slot's mirror holds what the shadow VMCS holds, as far as the library knows; a push writes only what differs from it.
 * The shadow of the current vmcs12 stays active on its processor, as a VM entry of L1 makes it anyway: whoever moves the vCPU
 * VMCLEARs it with vmcs01 (nvmx_vcpu_park(), struct nvmx_view; SDM 24.11.1).  That of no other vmcs12 is active.
 */
#include "../mem.h"
#include "port.h"

static bool usable(const struct nvmx_vcpu *v)
{
	bool any = !nvmx_set_empty(&v->vm->hw_ro) || !nvmx_set_empty(&v->vm->hw_rw);

	return any && !v->smm.active && v->vmcs01.ctl[NVMX_WORD_PROC] & NVMX_PROC_SECONDARY;
}

static void bitmap_allow(uint8_t *bitmap, const struct nvmx_rowset *rows)
{
	unsigned row;

	NVMX_FOR_EACH_ROW(row, rows)
		bitmap[nvmx_field_rows[row].encoding / 8] &= (uint8_t)~(1u << nvmx_field_rows[row].encoding % 8);
}

static void bitmap_forbid(uint8_t *bitmap, unsigned row)
{
	bitmap[nvmx_field_rows[row].encoding / 8] |= (uint8_t)(1u << nvmx_field_rows[row].encoding % 8);
}

static int bitmap_get(struct nvmx_vcpu *v, struct nvmx_page *page)
{
	if (page->va)
		return 0;
	page->va = nvmx_page_alloc(v, &page->hpa);
	if (!page->va)
		return -1;
	nvmx_memset(page->va, 0xff, 4096);
	return 0;
}

/* The VMREAD and VMWRITE bitmaps: a 1 makes the access exit.  0, or -1: no memory. */
static int bitmaps_get(struct nvmx_vcpu *v)
{
	if (v->shadow_bitmap[1].va)
		return 0;
	if (bitmap_get(v, &v->shadow_bitmap[0]) || bitmap_get(v, &v->shadow_bitmap[1]))
		return -1;
	bitmap_allow(v->shadow_bitmap[0].va, &v->vm->hw_ro);
	bitmap_allow(v->shadow_bitmap[0].va, &v->vm->hw_rw);
	v->hw_written = v->hw_changed = (struct nvmx_rowset){ { 0 } };
	v->hw_open_n = 0;
	v->hw_read = v->hw_moved = 0;
	return 0;
}

/* An op may make vmcs01 current again where the host has to sleep: the shadow is not relied on further. */
static void leave_shadow(struct nvmx_vcpu *v)
{
	nvmx_vmwrite_flush(v);
	v->loaded = NVMX_NO_ADDR;
}

static const uint8_t place_of[NVMX_ROWS] = {
#define PLACE_NO(NAME)
#define PLACE_RO(NAME) [NVMX_I_##NAME] = NVMX_MIRROR_##NAME,
#define PLACE_RW(NAME) PLACE_RO(NAME)
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) PLACE_##shadow(NAME)
#include "../vmcs/fields.def"
};

/* So many pulls make an exit for one VMWRITE worth while: a field that L1 writes less often than that is not pulled. */
#define SPAN 128u

static void list_open(struct nvmx_vcpu *v)
{
	unsigned row;

	v->hw_open_n = 0;
	NVMX_FOR_EACH_ROW(row, &v->hw_written) {
		v->hw_open[v->hw_open_n].field = nvmx_field_rows[row].encoding;
		v->hw_open[v->hw_open_n].row = (uint8_t)row;
		v->hw_open[v->hw_open_n++].place = place_of[row];
	}
}

static __attribute__((noinline)) void close_unused(struct nvmx_vcpu *v)
{
	unsigned row;

	NVMX_FOR_EACH_ROW(row, &v->hw_written)
		if (!nvmx_set_has(&v->hw_changed, row))
			bitmap_forbid(v->shadow_bitmap[1].va, row);
	v->hw_written = v->hw_changed;
	v->hw_changed = (struct nvmx_rowset){ { 0 } };
	v->hw_pulls = 0;
	list_open(v);
}

static void open_row(struct nvmx_vcpu *v, unsigned row)
{
	struct nvmx_rowset one = { { 0 } };

	nvmx_set_add(&one, row);
	nvmx_set_add(&v->hw_written, row);
	nvmx_set_add(&v->hw_changed, row);
	bitmap_allow(v->shadow_bitmap[1].va, &one);
	list_open(v);
}

void nvmx_shadow_pull(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!v->hw_shadow_on || !s->shadow_synced || !v->hw_open_n)
		return;
	nvmx_vmcs_load(v, s->page_shadow.hpa);
	for (unsigned i = 0; i < v->hw_open_n; i++) {
		unsigned row = v->hw_open[i].row, place = v->hw_open[i].place;
		uint64_t value = nvmx_vmread(v, v->hw_open[i].field);

		if (value == s->mirror[place])
			continue;
		s->mirror[place] = value;
		nvmx_set_add(&v->hw_changed, row);
		nvmx_slot_write(s, row, value);
	}
	leave_shadow(v);
	if (++v->hw_pulls == SPAN)
		close_unused(v);
}

static __attribute__((noinline)) void push_row(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_rowset *hw, unsigned row,
					       uint64_t value)
{
	s->mirror[place_of[row]] = value;
	if (!nvmx_set_has(hw, row))
		return;
	nvmx_vmcs_load(v, s->page_shadow.hpa);
	nvmx_vmwrite(v, nvmx_field_rows[row].encoding, value);
}

void nvmx_shadow_write(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row)
{
	bool rw = nvmx_field_rows[row].shadow == NVMX_H_RW;

	push_row(v, s, rw ? &v->vm->hw_rw : &v->vm->hw_ro, row, nvmx_v12_get(s->v12, row));
	leave_shadow(v);
	if (nvmx_set_has(&v->vm->hw_rw, row))
		open_row(v, row);
	nvmx_vmcs_load(v, v->config.vmcs01);
}

#define DIFFER_NO(NAME, member)
#define DIFFER_RO(NAME, member) s->mirror[NVMX_MIRROR_##NAME] = ~(uint64_t)s->v12->member;
#define DIFFER_RW(NAME, member) DIFFER_RO(NAME, member)

/* A mirror that differs everywhere: what the shadow holds is not known. */
static void forget_mirror(struct nvmx_slot *s)
{
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) DIFFER_##shadow(NAME, member)
#include "../vmcs/fields.def"
}

/* What a VM exit of L2 writes to vmcs12 (SDM 27.2, 27.3). */
#define BY_EXIT_NO(NAME) (NVMX_I_##NAME == NVMX_I_ENTRY_INTR_INFO)
#define BY_EXIT_HOT(NAME) true
#define BY_EXIT_CALC(NAME) true
#define BY_EXIT_INFO(NAME) true

#define PUSH_NO(NAME, member, by_exit)
#define PUSH(NAME, member, by_exit, set)                                                                             \
	if ((all || (by_exit)) && s->v12->member != s->mirror[NVMX_MIRROR_##NAME])                                   \
		push_row(v, s, &v->vm->set, NVMX_I_##NAME, s->v12->member);
#define PUSH_RO(NAME, member, by_exit) PUSH(NAME, member, by_exit, hw_ro)
#define PUSH_RW(NAME, member, by_exit) PUSH(NAME, member, by_exit, hw_rw)

NVMX_HOT void push_rows(struct nvmx_vcpu *v, struct nvmx_slot *s, const bool all)
{
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) PUSH_##shadow(NAME, member, BY_EXIT_##sync(NAME))
#include "../vmcs/fields.def"
}

static __attribute__((noinline)) void push_all(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!s->shadow_synced)
		forget_mirror(s);
	push_rows(v, s, true);
	s->shadow_synced = true;
}

void nvmx_shadow_push(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!v->hw_shadow_on)
		return;
	push_rows(v, s, false);
	if (v->hw_read)
		nvmx_reads_push(v, s);
	leave_shadow(v);
}

static void shadow_off(struct nvmx_vcpu *v)
{
	nvmx_vmwrite(v, NVMX_PROC_CTLS2, nvmx_vmread(v, NVMX_PROC_CTLS2) & ~(uint64_t)NVMX_PROC2_SHADOW_VMCS);
	nvmx_vmwrite(v, NVMX_VMCS_LINK_POINTER, NVMX_NO_ADDR);
	v->hw_shadow_on = false;
}

static void shadow_on(struct nvmx_vcpu *v)
{
	nvmx_vmwrite(v, NVMX_VMREAD_BITMAP, v->shadow_bitmap[0].hpa);
	nvmx_vmwrite(v, NVMX_VMWRITE_BITMAP, v->shadow_bitmap[1].hpa);
	nvmx_vmwrite(v, NVMX_PROC_CTLS2, nvmx_vmread(v, NVMX_PROC_CTLS2) | NVMX_PROC2_SHADOW_VMCS);
	v->hw_shadow_on = true;
}

/* A host that VMCLEARs the shadow of vmcs01 when it moves the vCPU has to have seen which that is. */
static void deactivate(struct nvmx_vcpu *v, uint64_t shadow)
{
	nvmx_vmcs_clear(v, shadow);
	v->loaded = NVMX_NO_ADDR;
}

/* Without a page for it L1 does without the shadow, and its accesses exit. */
void nvmx_shadow_switch(struct nvmx_vcpu *v)
{
	struct nvmx_slot *s = v->cur;
	bool mirrored = s && s->mirrored && s->shadow_synced;

	if (s)
		s->mirrored = false;
	if (v->hw_shadow_on)
		deactivate(v, v->hw_linked);
	if (!s || !usable(v) || bitmaps_get(v) ||
	    nvmx_vmcs_page_get(v, &s->page_shadow, NVMX_SHADOW_VMCS_INDICATOR)) {
		nvmx_vmcs_load(v, v->config.vmcs01);
		if (v->hw_shadow_on)
			shadow_off(v);
		return;
	}
	if (!mirrored)
		push_all(v, s);
	if (v->hw_read)
		nvmx_reads_renew(v, s);
	if (!mirrored || v->hw_read)
		deactivate(v, s->page_shadow.hpa);
	nvmx_vmcs_load(v, v->config.vmcs01);
	if (!v->hw_shadow_on)
		shadow_on(v);
	v->hw_linked = s->page_shadow.hpa;
	nvmx_vmwrite(v, NVMX_VMCS_LINK_POINTER, v->hw_linked);
}

void nvmx_shadow_renew(struct nvmx_vcpu *v)
{
	uint64_t before = v->loaded;

	if (!v->hw_shadow_on || v->vmcs01.ctl[NVMX_WORD_PROC2] & NVMX_PROC2_SHADOW_VMCS)
		return;
	nvmx_shadow_pull(v, v->cur);
	deactivate(v, v->hw_linked);
	v->hw_shadow_on = false;
	nvmx_shadow_switch(v);
	nvmx_vmcs_load(v, before);
	nvmx_vmwrite_flush(v);
}
