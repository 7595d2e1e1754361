/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What saving and restoring nested state share.
 */
#ifndef NVMX_SRC_STATE_H
#define NVMX_SRC_STATE_H

#include "port.h"

#define NVMX_STATE_ALIGNED 8u /* what a blob's address is a multiple of */
#define NVMX_DEADLINE_SHIFT 5 /* Linux counts the timer's deadline in 32 TSC ticks */

/*
 * Registers of L2 that vmcs12 holds only under a control: saved there by a VM exit under any of the exit and entry controls
 * `saved_*`, loaded from there by a VM entry under the entry control `loaded` (SDM 26.3.2.1, 27.3.1).  Elsewhere the value
 * lives in vmcs02 alone, in which the field is used if vmcs02's entry controls hold `exists` (0: always).
 */
struct nvmx_live_row {
	uint16_t field, offset;      /* offset in struct nvmx_state_live */
	uint8_t row;                 /* of vmcs12 */
	uint32_t saved_exit, saved_entry, loaded, exists;
};
#define NVMX_LIVE_ROWS 10
extern const struct nvmx_live_row nvmx_live_rows[NVMX_LIVE_ROWS];

static inline uint64_t *nvmx_live_value(struct nvmx_state_live *live, const struct nvmx_live_row *row)
{
	return (uint64_t *)((char *)live + row->offset);
}

static inline bool nvmx_live_saved(const struct nvmx_vmcs12 *v12, const struct nvmx_live_row *row)
{
	return v12->exit_ctls & row->saved_exit || v12->entry_ctls & row->saved_entry;
}

/* The preemption timer counts down by 1 whenever this bit of the TSC changes (SDM 25.5.1, A.6). */
static inline unsigned nvmx_timer_rate(const struct nvmx_vcpu *v)
{
	return nvmx_caps_get(&v->vm->hw, NVMX_MSR_VMX_MISC) & 0x1f;
}

/* Whether vmcs12's L2 has a shadow VMCS. */
static inline bool nvmx_l2_has_shadow(const struct nvmx_vmcs12 *v12)
{
	return nvmx_v12_proc2(v12) & NVMX_PROC2_SHADOW_VMCS && v12->vmcs_link_pointer != NVMX_NO_ADDR;
}

/* enter.c: a PAE L2 that L1 runs without EPT has PDPTEs that no field of vmcs12 holds. */
bool nvmx_needs_pdptes(const struct nvmx_vmcs12 *v12);

#endif
