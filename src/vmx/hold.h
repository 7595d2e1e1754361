/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Before a transition changes anything, all of L1's memory that it can need is mapped, and stays so until it is over: then the
 * host can say "not now" at no place from which there is no way back.
 */
#ifndef NVMX_SRC_HOLD_H
#define NVMX_SRC_HOLD_H

#include "vcpu.h"

/* Maps the frames of these bytes until nvmx_release(); what is no RAM is left out.  False: not now. */
bool nvmx_hold(struct nvmx_vcpu *v, uint64_t gpa, uint64_t length, bool write);
void nvmx_release_slow(struct nvmx_vcpu *v);
static inline void nvmx_release(struct nvmx_vcpu *v)
{
	if (v->held_n)
		nvmx_release_slow(v);
}

/* For a VM exit to L1, or a VM entry that fails like one: MSR areas, PDPTEs, the abort indicator.  False: not now. */
bool nvmx_hold_areas(struct nvmx_vcpu *v);
static inline bool nvmx_hold_for_exit(struct nvmx_vcpu *v)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;

	if (!(v12->exit_msr_store_count | v12->exit_msr_load_count) && v12->exit_ctls & NVMX_EXIT_HOST_64)
		return true;
	return nvmx_hold_areas(v);
}

/*
 * For a VM entry of L1's past its checks: the VM-entry MSR area and what its failure would need are held; the frames that vmcs12 gives to
 * the processor are pinned, as far as they can be; and vmcs12 learns what of L2's a failure behind the merge would lose
 * (nvmx_slot_learn_shared()).  False: not now.
 */
bool nvmx_prepare_entry_slow(struct nvmx_vcpu *v, struct nvmx_slot *s);
static inline bool nvmx_prepare_entry(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	const struct nvmx_vmcs12 *v12 = s->v12;

	if (!(v12->entry_msr_load_count | (v12->proc_ctls & NVMX_PROC_TPR_SHADOW) | (v12->proc_ctls2 & NVMX_PROC2_APIC_ACCESS) |
	      (v12->pin_ctls & NVMX_PIN_POSTED_INT) | (v12->entry_ctls & NVMX_ENTRY_LOAD_PERF)))
		return true;
	return nvmx_prepare_entry_slow(v, s);
}

/* Only the frames.  False: not now. */
bool nvmx_pin_for_entry(struct nvmx_vcpu *v, struct nvmx_slot *s);

/* Makes `pin` hold the frame at gpa, or nothing without `want`.  0; -1, or NVMX_NOT_NOW, and it holds nothing. */
int nvmx_repin(struct nvmx_vcpu *v, struct nvmx_pin *pin, uint64_t gpa, bool want);

#endif
