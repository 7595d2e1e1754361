/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * vmcs01 + vmcs12 -> vmcs02: the steps of src/vmcs/steps.def.  A VM entry calls, in this order,
 *	nvmx_merge_steps()   which steps have to run, by what has changed
 *	nvmx_merge_read01()  if any of them reads L1's registers: vmcs01 is current.  For the steps that are known sooner (pending, each)
 *	                     it may come first: vmcs01 is current then, and is not after the hardware shadow was read
 *	nvmx_merge()         the steps: vmcs02 is current
 */
#ifndef NVMX_SRC_MERGE_H
#define NVMX_SRC_MERGE_H

#include "vcpu.h"

/* Registers of carry.c. */
enum nvmx_carried {
#define CARRY(FIELD, STEP, load, exit, host, reads) NVMX_CARRIED_##FIELD,
#include "../vmcs/leave.def"
	NVMX_CARRIED
};

/* L1's registers, of vmcs01 as it is at this VM entry. */
struct nvmx_l1_regs {
	uint64_t efer, pat, debugctl, dr7;
	uint64_t carried[NVMX_CARRIED];
};

/* What a step works on, and all that it may read: what steps.def says of it is held to by a test. */
struct nvmx_merging {
	struct nvmx_vcpu *v;            /* configuration and flags */
	struct nvmx_slot *s;            /* what is remembered of vmcs02, and pages that it uses */
	const struct nvmx_vmcs12 *v12;
	const struct nvmx_vmcs01 *c01;
	const struct nvmx_l1_regs *l1;
	const struct nvmx_check_input *in;
	uint32_t proc2;                 /* vmcs12's secondary controls, 0 unless activated */
	uint64_t unpinned;              /* NVMX_STEP_NO_PIN: the frame */
};

/* How a step ends: done, or the vCPU stops, and it is pending with those behind it.  None ends by "not now": see hold.h. */
enum nvmx_step_end {
	NVMX_STEP_DONE,
	NVMX_STEP_NO_MEMORY,
	NVMX_STEP_NO_PIN,
	NVMX_STEP_REFUSED /* vmcs01 has a control on that vmcs02 cannot keep */
};

/* The steps that this VM entry has to run; adds those that what is dirty calls for to what is pending. */
uint64_t nvmx_merge_steps(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_check_input *in);

/* Registers that carry.c hands on, and all that vmcs02 loads whoever asks for it. */
#define NVMX_CARRYING_LOADS \
	(NVMX_ENTRY_LOAD_PERF | NVMX_ENTRY_LOAD_BNDCFGS | NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS)
static inline uint32_t nvmx_loads02(const struct nvmx_vmcs01 *c01)
{
	return NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER |
	       (c01->ctl[NVMX_WORD_ENTRY] & NVMX_CARRYING_LOADS);
}

/* Whether the steps read L1's registers; reads them: vmcs01 is current. */
static inline bool nvmx_merge_reads01(const struct nvmx_vcpu *v, const struct nvmx_slot *s, uint64_t steps)
{
	return steps & v->vm->steps.l1s && ~s->v12->entry_ctls & nvmx_loads02(&v->vmcs01);
}
void nvmx_merge_read01(struct nvmx_vcpu *v, uint64_t steps, struct nvmx_l1_regs *l1);

/* Writes the dirty GUEST rows and runs the steps; vmcs02 is current.  False: the VM was stopped (no memory, or a frame that the
 * host could not pin), and what is left to do is pending. */
bool nvmx_merge(struct nvmx_vcpu *v, struct nvmx_slot *s, uint64_t steps, const struct nvmx_l1_regs *l1,
		const struct nvmx_check_input *in);
void nvmx_merge_begin(struct nvmx_merging *m, struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_l1_regs *l1,
		      const struct nvmx_check_input *in);
enum nvmx_step_end nvmx_merge_step(struct nvmx_merging *m, unsigned step);

/* The steps: merge_host.c, merge.c, merge_controls.c, merge_effects.c, merge_guest.c, carry.c. */
#define STEP(NAME, reads) enum nvmx_step_end nvmx_merge_##NAME(struct nvmx_merging *m);
#define LAST(NAME, reads)
#include "../vmcs/steps.def"

/* Multipliers have 48 fraction bits (SDM 24.6.5), also the product of two. */
#define NVMX_TSC_ONE (1ull << 48)
static inline uint64_t nvmx_tsc_scale(uint64_t value, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)value * multiplier >> 48);
}

/* vmcs01's: it counts only where offsetting is on (SDM 25.3). */
static inline uint64_t nvmx_tsc_multiplier01(const struct nvmx_vmcs01 *c01)
{
	bool scales = c01->ctl[NVMX_WORD_PROC] & NVMX_PROC_TSC_OFFSET && c01->ctl[NVMX_WORD_PROC2] & NVMX_PROC2_TSC_SCALING;

	return scales ? c01->tsc_multiplier : NVMX_TSC_ONE;
}

/*
 * The VMX-preemption timer counts the processor's TSC (SDM 25.5.1); the processor that L1 has counts the TSC that L1 reads, which the
 * host may have scaled.  The least count of vmcs02 in which L1's passes, and the least of L1's that takes so long: there and back a
 * count is never more than it was.  A count that 32 bits do not hold is the largest that they do.
 */
uint32_t nvmx_timer_of_processor(const struct nvmx_vmcs01 *c01, uint32_t l1s);
/* Without a call: each exit of L2 to L1 passes by. */
static inline uint32_t nvmx_timer_of_l1(const struct nvmx_vmcs01 *c01, uint32_t processors)
{
	uint64_t less;

	if (!processors)
		return 0;
	less = nvmx_tsc_scale(processors - 1, nvmx_tsc_multiplier01(c01));
	return less < ~0u ? (uint32_t)less + 1 : ~0u;
}

/* L1, without virtual NMIs, injects an NMI while NMIs are blocked. */
static inline bool nvmx_nmi_while_blocked(const struct nvmx_vmcs12 *v12)
{
	return v12->entry_intr_info & NVMX_INTR_VALID && NVMX_INTR_TYPE(v12->entry_intr_info) == NVMX_EVENT_NMI &&
	       v12->guest_interruptibility & NVMX_BLOCK_NMI && !(v12->pin_ctls & NVMX_PIN_VNMI);
}

/* L1 exits on NMIs without virtual NMIs: what its VM entry has blocked, or the NMI that it injected, no IRET of L2's unblocks (SDM 25.3).
 * It does in vmcs02, where the host has virtual NMIs.  L2 has run. */
static inline bool nvmx_nmis_stay_blocked(const struct nvmx_vmcs12 *v12)
{
	return (v12->pin_ctls & (NVMX_PIN_NMI | NVMX_PIN_VNMI)) == NVMX_PIN_NMI &&
	       (v12->guest_interruptibility & NVMX_BLOCK_NMI ||
		(v12->entry_intr_info & NVMX_INTR_VALID && NVMX_INTR_TYPE(v12->entry_intr_info) == NVMX_EVENT_NMI));
}

/* carry.c: what vmcs01 and vmcs02 hand to each other.  The VMCS that is read or written is current. */
static inline bool nvmx_carries(const struct nvmx_vcpu *v)
{
	return v->vmcs01.ctl[NVMX_WORD_ENTRY] & NVMX_CARRYING_LOADS;
}
void nvmx_carry_read01(struct nvmx_vcpu *v, uint64_t steps, uint64_t value[NVMX_CARRIED]);
/* If nvmx_carries(): the registers that the exit does not load, from the VMCS that was left; all of them into vmcs01. */
void nvmx_carry_left(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, uint64_t value[NVMX_CARRIED]);
void nvmx_carry_to_l1(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, const uint64_t value[NVMX_CARRIED]);

/* bitmap.c */
/* Closes the opened bits of vmcs02's bitmaps that L1 now intercepts (its pages may have changed without a VMWRITE), and those
 * that the host does.  The second: the host's alone. */
void nvmx_bitmaps_review(struct nvmx_vcpu *v, struct nvmx_slot *s);
void nvmx_bitmaps_review_host(struct nvmx_vcpu *v, struct nvmx_slot *s);
/* Closes all: what was opened was so under controls that have changed. */
void nvmx_grants_close(struct nvmx_grants *g);
/* Whether L1 intercepts the access that made vmcs02 exit; unreadable bitmaps read as all ones. */
bool nvmx_l1_wants_msr(struct nvmx_vcpu *v, uint32_t msr, bool write);
bool nvmx_l1_wants_io(struct nvmx_vcpu *v, uint64_t qualification);
/* Opens the bit (or bits) if the host does not intercept either, and open.def allows it under vmcs02's controls: true if the
 * access can be retried. */
bool nvmx_open_msr(struct nvmx_vcpu *v, uint32_t msr, bool write);
bool nvmx_open_io(struct nvmx_vcpu *v, uint64_t qualification);
/* Whether the host intercepts the MSR for L1. */
bool nvmx_host_wants_msr(const struct nvmx_vcpu *v, uint32_t msr, bool write);
/* Gives vmcs02 a bitmap page, all bits closed, if it has none; false: no memory. */
bool nvmx_grants_make(struct nvmx_vcpu *v, struct nvmx_grants *g);

#endif
