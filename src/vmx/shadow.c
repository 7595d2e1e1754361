/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMCS shadowing used for L1 (SDM 24.6.15, 24.10): the fields that L1 reads and writes at every exit live in a shadow VMCS
 * that L1's VMREAD and VMWRITE reach without an exit.
 *
 * What L1 may write there has to be read back at each of its VM entries, written or not.  A field that many an L1 never writes is
 * therefore read-only in the shadow until this one has written it a few times.
 *
 * A slot's mirror holds what the shadow VMCS holds, as far as the library knows; a push writes only what differs from it.
 * The shadow is VMCLEARed after each access, so that what VMREAD and VMWRITE in VMX non-root operation find behind the
 * link pointer is the region in memory and not data of a VMCS that is active for VMX root operation (24.11.1).
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

static int bitmap_get(struct nvmx_vcpu *v, struct nvmx_page *page, bool for_read)
{
	if (page->va)
		return 0;
	page->va = nvmx_page_alloc(v, &page->hpa);
	if (!page->va)
		return -1;
	nvmx_memset(page->va, 0xff, 4096);
	bitmap_allow(page->va, &v->vm->hw_rw);
	if (for_read)
		bitmap_allow(page->va, &v->vm->hw_ro);
	else
		v->hw_written = v->vm->hw_rw;
	return 0;
}

/* The VMREAD and VMWRITE bitmaps: a 1 makes the access exit.  0, or -1: no memory. */
static int bitmaps_get(struct nvmx_vcpu *v)
{
	return bitmap_get(v, &v->shadow_bitmap[0], true) || bitmap_get(v, &v->shadow_bitmap[1], false) ? -1 : 0;
}

/* One row against its place in the mirror.  The compiler unrolls what follows over the table. */
#define PULL_ROW(NAME)                                                                                               \
	do {                                                                                                         \
		uint64_t value = nvmx_vmread(v, NVMX_##NAME);                                                        \
		if (value != s->mirror[NVMX_MIRROR_##NAME]) {                                                        \
			s->mirror[NVMX_MIRROR_##NAME] = value;                                                       \
			nvmx_slot_write(s, NVMX_I_##NAME, value);                                                    \
		}                                                                                                    \
	} while (0);

/* A field that every processor has is in the shadow whenever there is one; the others are looked up. */
#define PULL_NO(NAME, exists)
#define PULL_RO(NAME, exists)
#define PULL_USED(NAME, exists)
#define PULL_RW(NAME, exists)                                                                                        \
	if (NVMX_X_##exists == NVMX_X_ALWAYS || nvmx_set_has(&v->vm->hw_rw, NVMX_I_##NAME))                          \
		PULL_ROW(NAME)

#define USED_NO(NAME)
#define USED_RO(NAME)
#define USED_RW(NAME)
#define USED_USED(NAME)                                                                                              \
	if (nvmx_set_has(&v->hw_written, NVMX_I_##NAME))                                                             \
		PULL_ROW(NAME)

static __attribute__((noinline)) void pull_used(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) USED_##shadow(NAME)
#include "../vmcs/fields.def"
}

void nvmx_shadow_pull(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!v->hw_shadow_on || !s->shadow_synced)
		return;
	nvmx_vmcs_load(v, s->page_shadow.hpa);
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) PULL_##shadow(NAME, exists)
#include "../vmcs/fields.def"
	if (v->hw_used)
		pull_used(v, s);
	nvmx_vmcs_clear(v, s->page_shadow.hpa);
}

#define USES 8u /* VMWRITEs of a field that exit before no more do */

/* L1 has written a field, which the shadow holds by now. */
void nvmx_shadow_written(struct nvmx_vcpu *v, unsigned row)
{
	struct nvmx_rowset one = { { 0 } };

	if (nvmx_field_rows[row].shadow != NVMX_H_USED || v->field_exits[1][row] < USES || !nvmx_set_has(&v->vm->hw_ro, row))
		return;
	nvmx_set_add(&v->hw_written, row);
	v->hw_used = true;
	nvmx_set_add(&one, row);
	bitmap_allow(v->shadow_bitmap[1].va, &one);
}

static bool in_shadow(const struct nvmx_vm *vm, unsigned row)
{
	return nvmx_set_has(&vm->hw_rw, row) || nvmx_set_has(&vm->hw_ro, row);
}

struct push {
	struct nvmx_vcpu *v;
	struct nvmx_slot *s;
	bool loaded;
};

static void push_row(struct push *p, unsigned row, uint64_t *mirror, uint64_t value)
{
	*mirror = value;
	if (!in_shadow(p->v->vm, row))
		return;
	if (!p->loaded)
		nvmx_vmcs_load(p->v, p->s->page_shadow.hpa);
	p->loaded = true;
	nvmx_vmwrite(p->v, nvmx_field_rows[row].encoding, value);
}

#define DIFFER_NO(NAME, member)
#define DIFFER_RO(NAME, member) s->mirror[NVMX_MIRROR_##NAME] = ~(uint64_t)s->v12->member;
#define DIFFER_RW(NAME, member) DIFFER_RO(NAME, member)
#define DIFFER_USED(NAME, member) DIFFER_RO(NAME, member)

/* A mirror that differs everywhere: what the shadow holds is not known. */
static void forget_mirror(struct nvmx_slot *s)
{
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) DIFFER_##shadow(NAME, member)
#include "../vmcs/fields.def"
}

#define PUSH_NO(NAME, member)
#define PUSH_RO(NAME, member)                                                                                        \
	if (s->v12->member != s->mirror[NVMX_MIRROR_##NAME])                                                         \
		push_row(&p, NVMX_I_##NAME, &s->mirror[NVMX_MIRROR_##NAME], s->v12->member);
#define PUSH_RW(NAME, member) PUSH_RO(NAME, member)
#define PUSH_USED(NAME, member) PUSH_RO(NAME, member)

static void push(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	struct push p = { .v = v, .s = s };

	if (!s->shadow_synced)
		forget_mirror(s);
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) PUSH_##shadow(NAME, member)
#include "../vmcs/fields.def"
	s->shadow_synced = true;
	if (p.loaded)
		nvmx_vmcs_clear(v, s->page_shadow.hpa);
}

void nvmx_shadow_push(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (v->hw_shadow_on)
		push(v, s);
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

/* Without a page for it L1 does without the shadow, and its accesses exit. */
void nvmx_shadow_switch(struct nvmx_vcpu *v)
{
	struct nvmx_slot *s = v->cur;

	if (!s || !usable(v) || bitmaps_get(v) ||
	    nvmx_vmcs_page_get(v, &s->page_shadow, NVMX_SHADOW_VMCS_INDICATOR)) {
		if (v->hw_shadow_on)
			shadow_off(v);
		return;
	}
	push(v, s);
	nvmx_vmcs_load(v, v->config.vmcs01);
	if (!v->hw_shadow_on)
		shadow_on(v);
	nvmx_vmwrite(v, NVMX_VMCS_LINK_POINTER, s->page_shadow.hpa);
}

void nvmx_shadow_renew(struct nvmx_vcpu *v)
{
	uint64_t before = v->loaded;

	if (!v->hw_shadow_on || v->vmcs01.ctl[NVMX_WORD_PROC2] & NVMX_PROC2_SHADOW_VMCS)
		return;
	nvmx_shadow_pull(v, v->cur);
	v->hw_shadow_on = false;
	nvmx_shadow_switch(v);
	nvmx_vmcs_load(v, before);
	nvmx_vmwrite_flush(v);
}
