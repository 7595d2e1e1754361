/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * vmcs01 + vmcs12 -> vmcs02.
 */
#ifndef NVMX_SRC_MERGE_H
#define NVMX_SRC_MERGE_H

#include "vcpu.h"

#define NVMX_STEP(m) (1ull << NVMX_M_##m)

/* The steps that read vmcs01. */
#define NVMX_STEPS_OF_01                                                                                  \
	(NVMX_STEP(EFER) | NVMX_STEP(PAT) | NVMX_STEP(DEBUG) | NVMX_STEP(TSC) | NVMX_STEP(CR0) | NVMX_STEP(CR4) | \
	 NVMX_STEP(XSS) | NVMX_STEP(ENCLS) | NVMX_STEP(PERF) | NVMX_STEP(IO_BITMAP) | NVMX_STEP(EXC) | \
	 NVMX_STEP(PLE) | NVMX_STEP(BNDCFGS) | NVMX_STEP(CET) | NVMX_STEP(PKRS))

#define NVMX_CARRIED 6 /* registers of carry.c */

/* What vmcs02 takes from vmcs01's guest side; read while vmcs01 is current. */
struct nvmx_from01 {
	uint64_t efer, pat, debugctl, dr7;
	uint64_t tsc_offset, tsc_multiplier;
	uint64_t cr0_mask, cr4_mask;
	uint64_t xss_bitmap, encls_bitmap;
	uint64_t io_bitmap_a, io_bitmap_b;
	uint64_t carried[NVMX_CARRIED];
	uint32_t exception_bitmap;
	uint32_t ple_gap, ple_window;
};

/* The merge steps that the dirty rows of the slot call for, and those that every entry needs. */
uint64_t nvmx_merge_steps(const struct nvmx_vcpu *v, struct nvmx_slot *s);

/* Reads from vmcs01 (current) what the steps need. */
void nvmx_merge_read01(struct nvmx_vcpu *v, uint64_t steps, struct nvmx_from01 *from);

/* First use of a vmcs02: takes the host's constant part from vmcs01 and leaves vmcs02 current, all rows dirty. */
void nvmx_merge_prepare(struct nvmx_vcpu *v, struct nvmx_slot *s);

/* Runs the steps and writes the dirty GUEST rows; vmcs02 is current.
 * False: the VM was stopped (no memory, or a frame that the host could not pin). */
bool nvmx_merge(struct nvmx_vcpu *v, struct nvmx_slot *s, uint64_t steps, const struct nvmx_from01 *from);

/* L1, without virtual NMIs, injects an NMI while NMIs are blocked. */
static inline bool nvmx_nmi_while_blocked(const struct nvmx_vmcs12 *v12)
{
	return v12->entry_intr_info & NVMX_INTR_VALID && NVMX_INTR_TYPE(v12->entry_intr_info) == NVMX_EVENT_NMI &&
	       v12->guest_interruptibility & NVMX_INTR_BLOCK_NMI && !(v12->pin_ctls & NVMX_PIN_VNMI);
}

/* carry.c: what vmcs01 and vmcs02 hand to each other.  The VMCS that is read or written is current. */
#define NVMX_CARRYING_LOADS \
	(NVMX_ENTRY_LOAD_PERF | NVMX_ENTRY_LOAD_BNDCFGS | NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS)
static inline bool nvmx_carries(const struct nvmx_vcpu *v)
{
	return v->ctl01[NVMX_WORD_ENTRY] & NVMX_CARRYING_LOADS;
}
/* The steps of registers that L2 takes over from L1: at every entry. */
uint64_t nvmx_carry_steps(const struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12);
void nvmx_carry_read01(struct nvmx_vcpu *v, uint64_t steps, uint64_t value[NVMX_CARRIED]);
void nvmx_carry_to_l2(struct nvmx_vcpu *v, const struct nvmx_slot *s, const uint64_t value[NVMX_CARRIED]);
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
