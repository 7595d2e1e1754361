/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "merge.h"
#include "port.h"

/* One statement for each HOT row of the field table, none for the others. */
#define NVMX_READ_HOT(NAME, member) v12->member = (__typeof__(v12->member))nvmx_vmread(v, NVMX_##NAME);
#define NVMX_READ_NO(NAME, member)
#define NVMX_READ_CALC(NAME, member)
#define NVMX_READ_RARE(NAME, member)
#define NVMX_READ_INFO(NAME, member)

NVMX_HOT void sync_hot(struct nvmx_vcpu *v, struct nvmx_vmcs12 *v12)
{
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) NVMX_READ_##sync(NAME, member)
#include "../vmcs/fields.def"
}

NVMX_HOT uint64_t read_row(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, unsigned row, uint32_t encoding)
{
	uint64_t value = nvmx_vmread(v, encoding), hidden = v->config.debugctl_hidden;

	return row == NVMX_I_GUEST_DEBUGCTL ? (value & ~hidden) | (v12->guest_debugctl & hidden) : value;
}

uint64_t nvmx_read_row(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, unsigned row)
{
	return read_row(v, v12, row, nvmx_field_rows[row].encoding);
}

#define FRESHEN_NO(NAME, member, group)
#define FRESHEN_HOT(NAME, member, group)
#define FRESHEN_CALC(NAME, member, group)
#define FRESHEN_INFO(NAME, member, group)
#define FRESHEN_RARE(NAME, member, group)                                                                            \
	if (groups & NVMX_GROUP(group) && nvmx_set_has(&s->stale, NVMX_I_##NAME)) {                                  \
		v12->member = (__typeof__(v12->member))read_row(v, v12, NVMX_I_##NAME, NVMX_##NAME);                 \
		nvmx_set_del(&s->stale, NVMX_I_##NAME);                                                              \
	}

void nvmx_sync_rare(struct nvmx_vcpu *v, struct nvmx_slot *s, uint32_t groups)
{
	struct nvmx_vmcs12 *v12 = s->v12;

#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) FRESHEN_##sync(NAME, member, group)
#include "../vmcs/fields.def"
}

/* Bits that L1 or the host own keep the value that they had at the entry (SDM 25.3): only others can have changed.  Of the bits
 * of CR0 that no VM entry loads, hardware has the guests' own unless the host owns them. */
static uint64_t cr_of_l2(uint64_t now, uint64_t before, uint64_t mask02)
{
	return (now & ~mask02) | (before & mask02);
}

NVMX_HOT void sync_calculated(struct nvmx_vcpu *v, const struct nvmx_slot *s, struct nvmx_vmcs12 *v12)
{
	uint32_t proc2 = nvmx_v12_proc2(v12);
	uint64_t now;

#define SAVE(FIELD, member, value, reads)   \
	now = nvmx_vmread(v, NVMX_##FIELD); \
	v12->member = (__typeof__(v12->member))(value);
#define SAVE_IF(FIELD, member, when, value, reads)              \
	if (when) {                                             \
		now = nvmx_vmread(v, NVMX_##FIELD);             \
		v12->member = (__typeof__(v12->member))(value); \
	}
#include "../vmcs/leave.def"
}

NVMX_HOT void keep_unsaved(const struct nvmx_vmcs12 *v12, struct nvmx_rowset *stale)
{
#define ROW(FIELD) nvmx_set_del(stale, NVMX_I_##FIELD);
#define UNSAVED(when, rows, reads) \
	if (when) {                \
		rows               \
	}
#include "../vmcs/leave.def"
#undef ROW
}

void nvmx_sync_from_l2(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	sync_hot(v, s->v12);
	sync_calculated(v, s, s->v12);
	s->ctl02[NVMX_WORD_ENTRY] = (s->ctl02[NVMX_WORD_ENTRY] & ~NVMX_ENTRY_IA32E) |
				    (s->v12->entry_ctls & NVMX_ENTRY_IA32E);
	s->stale = v->vm->rare;
	keep_unsaved(s->v12, &s->stale);
	if (v->hw_read)
		nvmx_reads_sync(v, s);
}

void nvmx_sync_copy(struct nvmx_vcpu *v, const struct nvmx_slot *s, struct nvmx_vmcs12 *copy)
{
	struct nvmx_rowset rare = v->vm->rare;
	unsigned row;

	sync_hot(v, copy);
	if (s->look02 & NVMX_LOOK_WAITS)
		copy->guest_activity = NVMX_ACTIVITY_WAIT_SIPI;
	sync_calculated(v, s, copy);
	keep_unsaved(copy, &rare);
	NVMX_FOR_EACH_ROW(row, &rare)
		nvmx_v12_set(copy, row, nvmx_read_row(v, copy, row));
}
