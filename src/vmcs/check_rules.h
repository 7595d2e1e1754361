/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the rules of checks.def are made of.  All are pure functions of the input. */
#ifndef NVMX_SRC_CHECK_RULES_H
#define NVMX_SRC_CHECK_RULES_H

#include "values.h"

typedef const struct nvmx_check_input *nvmx_in;

static inline uint64_t misc(nvmx_in in) { return nvmx_caps_get(in->caps, NVMX_MSR_VMX_MISC); }
static inline uint64_t ept_cap(nvmx_in in) { return nvmx_caps_get(in->caps, NVMX_MSR_VMX_EPT_VPID_CAP); }
static inline uint32_t proc2(nvmx_in in) { return nvmx_v12_proc2(in->v12); }
static inline bool unrestricted(nvmx_in in) { return proc2(in) & NVMX_PROC2_UNRESTRICTED; }
static inline bool host64(nvmx_in in) { return in->v12->exit_ctls & NVMX_EXIT_HOST_64; }
static inline bool guest64(nvmx_in in) { return in->v12->entry_ctls & NVMX_ENTRY_IA32E; }
static inline bool code64(nvmx_in in) { return guest64(in) && in->v12->guest_cs_ar & NVMX_AR_L; }
static inline bool v8086(nvmx_in in) { return in->v12->guest_rflags & NVMX_RFLAGS_VM; }
static inline bool linked(nvmx_in in) { return in->v12->vmcs_link_pointer != ~0ull; }

/* Controls: no 0 where the MSR demands 1, no 1 where it does not allow it. */
static inline bool allowed(nvmx_in in, uint32_t msr, uint32_t controls)
{
	return !(~controls & nvmx_caps_must(in->caps, msr)) && !(controls & ~nvmx_caps_may(in->caps, msr));
}

/* A physical address in a VMCS field: aligned, and narrow enough. */
static inline bool address_ok(nvmx_in in, uint64_t address, uint64_t low_bits)
{
	return !(address & low_bits) && !(address >> nvmx_address_width(in->caps));
}

/* Bits 63:N are identical: bit N-1 may differ from them (26.3.1.4). */
static inline bool high_bits_equal(nvmx_in in, uint64_t address)
{
	uint64_t high = (uint64_t)((int64_t)address >> in->caps->linear_width);

	return high == 0 || high == ~0ull;
}

static inline uint64_t cr0_bad(nvmx_in in, uint64_t cr0, uint64_t unchecked)
{
	return nvmx_cr_unsupported(in->caps, NVMX_MSR_VMX_CR0_FIXED0, cr0) & ~(unchecked | NVMX_CR0_NW | NVMX_CR0_CD);
}

static inline bool tpr_threshold_counts(nvmx_in in)
{
	return in->v12->proc_ctls & NVMX_PROC_TPR_SHADOW && !(proc2(in) & NVMX_PROC2_VID);
}

static inline uint64_t vmfuncs(nvmx_in in)
{
	return proc2(in) & NVMX_PROC2_VMFUNC ? in->v12->vmfunc_ctls : 0;
}

/* The event to inject (24.8.3) */
static inline bool event(nvmx_in in) { return in->v12->entry_intr_info & NVMX_INTR_VALID; }
static inline unsigned event_vector(nvmx_in in) { return in->v12->entry_intr_info & NVMX_INTR_VECTOR; }
static inline bool event_is(nvmx_in in, unsigned type)
{
	return event(in) && NVMX_INTR_TYPE(in->v12->entry_intr_info) == type;
}

static inline bool event_is_software(nvmx_in in)
{
	unsigned type = NVMX_INTR_TYPE(in->v12->entry_intr_info);

	return type >= NVMX_EVENT_SW_INT && type <= NVMX_EVENT_SW_EXC;
}

static inline bool event_type_ok(nvmx_in in)
{
	unsigned type = NVMX_INTR_TYPE(in->v12->entry_intr_info);

	return type != 1 && (type != NVMX_EVENT_OTHER ||
			     nvmx_caps_may(in->caps, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS) & NVMX_PROC_MTF);
}

static inline bool event_wakes_hlt(nvmx_in in)
{
	unsigned vector = event_vector(in);

	return event_is(in, NVMX_EVENT_EXT_INT) || event_is(in, NVMX_EVENT_NMI) ||
	       (event_is(in, NVMX_EVENT_HW_EXC) && (vector == NVMX_VECTOR_DB || vector == 18)) ||
	       (event_is(in, NVMX_EVENT_OTHER) && vector == 0);
}

/* #DF, #TS, #NP, #SS, #GP, #PF, #AC */
static inline bool vector_has_error(unsigned vector) { return vector < 32 && 0x00027d00u >> vector & 1; }
static inline bool any_error_code(nvmx_in in) { return nvmx_caps_get(in->caps, NVMX_MSR_VMX_BASIC) & NVMX_BIT64(56); }
static inline bool protected_guest(nvmx_in in) { return !unrestricted(in) || in->v12->guest_cr0 & NVMX_CR0_PE; }

/* Segments: whether the rules for a usable register outside virtual-8086 mode apply (26.3.1.2). */
static inline bool usable(uint32_t ar) { return !(ar & NVMX_AR_UNUSABLE); }
static inline bool plain(nvmx_in in, uint32_t ar) { return usable(ar) && !v8086(in); }

static inline bool activity_ok(nvmx_in in)
{
	uint32_t state = in->v12->guest_activity;

	return state == NVMX_ACTIVITY_ACTIVE || (state <= NVMX_ACTIVITY_WAIT_SIPI &&
		misc(in) & NVMX_MISC_HLT << (state - 1));
}

/* Pending debug exceptions: whether a single-step trap would be pending, and whether L2 steps at all. */
static inline bool single_step_pends(nvmx_in in)
{
	return in->v12->guest_interruptibility & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS) ||
	       in->v12->guest_activity == NVMX_ACTIVITY_HLT;
}

static inline bool single_steps(nvmx_in in)
{
	return in->v12->guest_rflags & NVMX_RFLAGS_TF && !(in->v12->guest_debugctl & NVMX_DEBUGCTL_BTF);
}

static inline bool pae_paging(nvmx_in in)
{
	return in->v12->guest_cr0 & NVMX_CR0_PG && in->v12->guest_cr4 & NVMX_CR4_PAE && !guest64(in);
}

#endif
