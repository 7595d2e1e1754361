/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * RARE rows in the hardware shadow: state of L2's that an exit leaves in vmcs02, because few L1s want it.  Some read a register or a
 * segment of L2's at each of its exits, and each VMREAD would exit.  What L1 has asked for at STREAK exits in a row is therefore read
 * at each exit, with all rows of its group, and put into the shadow VMCS, where L1 reads it without an exit (SDM 24.10, 30.3).
 *
 * Nothing tells whether L1 still reads what is there: after SPAN exits it has to ask again.  A row in the shadow is never stale, and has
 * there what vmcs12 has, but for those in hw_moved.
 */
#include "../mem.h"
#include "port.h"

#define STREAK 8u
#define SPAN 1024u

/* The rows by their places in the masks. */
enum {
#define PLACE_NO(NAME)
#define PLACE_HOT(NAME)
#define PLACE_CALC(NAME)
#define PLACE_INFO(NAME)
#define PLACE_RARE(NAME) AT_##NAME,
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) PLACE_##sync(NAME)
#include "../vmcs/fields.def"
	PLACES
};
_Static_assert(PLACES <= 64, "a mask has a bit for each RARE row");

#undef PLACE_RARE
#define PLACE_RARE(NAME) [AT_##NAME] = NVMX_I_##NAME,
static const uint8_t row_at[PLACES] = {
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) PLACE_##sync(NAME)
#include "../vmcs/fields.def"
};

#define FOR_EACH_PLACE(i, left, mask) \
	for (uint64_t left = (mask); left && ((i) = (unsigned)__builtin_ctzll(left), true); left &= left - 1)

/* Whether VMREADs of the field exit. */
static void intercept(struct nvmx_vcpu *v, unsigned row, bool on)
{
	uint32_t field = nvmx_field_rows[row].encoding;
	uint8_t *bitmap = v->shadow_bitmap[0].va, mask = (uint8_t)(1u << field % 8);

	bitmap[field / 8] = (uint8_t)(on ? bitmap[field / 8] | mask : bitmap[field / 8] & ~mask);
}

static void open_group(struct nvmx_vcpu *v, unsigned group)
{
	for (unsigned i = 0; i < PLACES; i++) {
		if (nvmx_field_rows[row_at[i]].group != group || !nvmx_set_has(&v->vm->hw_rare, row_at[i]))
			continue;
		v->hw_read |= 1ull << i;
		intercept(v, row_at[i], false);
	}
	v->hw_reads_left = SPAN;
}

static void close_all(struct nvmx_vcpu *v)
{
	unsigned i;

	FOR_EACH_PLACE(i, left, v->hw_read)
		intercept(v, row_at[i], true);
	v->hw_read = 0;
}

/* What has moved is written to the shadow VMCS. */
static void put(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	unsigned i;

	if (!v->hw_moved)
		return;
	nvmx_vmcs_load(v, s->page_shadow.hpa);
	FOR_EACH_PLACE(i, left, v->hw_moved)
		nvmx_vmwrite(v, nvmx_field_rows[row_at[i]].encoding, nvmx_v12_get(s->v12, row_at[i]));
	nvmx_vmwrite_flush(v);
	v->loaded = NVMX_NO_ADDR;
	v->hw_moved = 0;
}

void nvmx_reads_asked(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned group)
{
	uint8_t now = (uint8_t)v->counters[NVMX_CNT_EXIT_TO_L1], since = (uint8_t)(now - v->hw_asked[group].at);

	if (!since)
		return;
	v->hw_asked[group].at = now;
	v->hw_asked[group].streak = since == 1 ? (uint8_t)(v->hw_asked[group].streak + 1) : 1;
	if (v->hw_asked[group].streak < STREAK)
		return;
	v->hw_asked[group].streak = 0;
	open_group(v, group);
	nvmx_reads_renew(v, s);
}

void nvmx_reads_renew(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	unsigned i;

	FOR_EACH_PLACE(i, left, v->hw_read)
		nvmx_slot_freshen_row(v, s, row_at[i]);
	v->hw_moved = v->hw_read;
	put(v, s);
}

void nvmx_reads_sync(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	unsigned i;

	FOR_EACH_PLACE(i, left, v->hw_read) {
		uint64_t before = nvmx_v12_get(s->v12, row_at[i]);

		nvmx_slot_learn_row(v, s, row_at[i]);
		if (nvmx_v12_get(s->v12, row_at[i]) != before)
			v->hw_moved |= 1ull << i;
	}
}

void nvmx_reads_push(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	put(v, s);
	if (!--v->hw_reads_left)
		close_all(v);
}

bool nvmx_reads_write(struct nvmx_vcpu *v, struct nvmx_slot *s, unsigned row)
{
	unsigned i;

	FOR_EACH_PLACE(i, left, v->hw_read)
		if (row_at[i] == row)
			v->hw_moved |= 1ull << i;
	if (!v->hw_moved)
		return false;
	put(v, s);
	return true;
}
