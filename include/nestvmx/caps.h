/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMX capabilities: what L1 is told in the VMX capability MSRs (SDM appendix A).
 *
 * They are computed once per VM as   hardware  AND  what this library implements  AND  what the host allows,
 * and everything that L1 does is judged against the result, never against the hardware.
 */
#ifndef NESTVMX_CAPS_H
#define NESTVMX_CAPS_H

#include <nestvmx/arch.h>
#include <nestvmx/version.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The capability MSRs of struct nvmx_caps: from this one on, so many. */
#define NVMX_CAPS_FIRST_MSR NVMX_MSR_VMX_BASIC
#define NVMX_CAPS_MSRS 19 /* 480H to 492H */

/* What a processor can do: the host's, or the one that L1 sees. */
struct nvmx_caps {
	uint64_t msr[NVMX_CAPS_MSRS]; /* IA32_VMX_BASIC ... IA32_VMX_PROCBASED_CTLS3; 0 where the processor has none */
	uint64_t efer_valid;          /* bits of IA32_EFER that may be 1 */
	uint64_t debugctl_valid;      /* bits of IA32_DEBUGCTL that may be 1 */
	uint64_t perf_global_valid;   /* bits of IA32_PERF_GLOBAL_CTRL that may be 1 */
	uint64_t feature_control;     /* what L1 reads in IA32_FEATURE_CONTROL */
	uint8_t maxphyaddr;           /* CPUID.80000008H:EAX[7:0] as L1 sees it, 32 to 52 */
	uint8_t linear_width;         /* 48, or 57 where L1 may set CR4.LA57 */
};

/* The value of capability MSR `msr` (480H to 492H); `msr` out of range is a bug of the caller and gives 0. */
static inline uint64_t nvmx_caps_get(const struct nvmx_caps *c, uint32_t msr)
{
	return msr - NVMX_CAPS_FIRST_MSR < NVMX_CAPS_MSRS ? c->msr[msr - NVMX_CAPS_FIRST_MSR] : 0;
}

/* The bits of a control MSR that may be 1 (its high half). */
static inline uint32_t nvmx_caps_may(const struct nvmx_caps *c, uint32_t msr)
{
	return (uint32_t)(nvmx_caps_get(c, msr) >> 32);
}

/* The bits of a control MSR that must be 1 (its low half). */
static inline uint32_t nvmx_caps_must(const struct nvmx_caps *c, uint32_t msr)
{
	return (uint32_t)nvmx_caps_get(c, msr);
}

/*
 * Features that a host can withhold by name.  The number of a feature is stable; the names are listed by
 * nvmx_feature_name() and docs/features.md.
 */
enum nvmx_feature {
	NVMX_FEATURE_EPT,
	NVMX_FEATURE_VPID,
	NVMX_FEATURE_UNRESTRICTED_GUEST,
	NVMX_FEATURE_SHADOW_VMCS,
	NVMX_FEATURE_APIC_ACCESS,
	NVMX_FEATURE_TPR_SHADOW,
	NVMX_FEATURE_X2APIC_MODE,
	NVMX_FEATURE_APIC_REGS,
	NVMX_FEATURE_VID,
	NVMX_FEATURE_POSTED_INT, /* a host that owns interrupts offers it with NVMX_HOST_POSTS: nvmx_caps_of_host() */
	NVMX_FEATURE_PREEMPTION_TIMER,
	NVMX_FEATURE_VNMI,
	NVMX_FEATURE_PML,
	NVMX_FEATURE_EPT_AD,
	NVMX_FEATURE_EPT_X_ONLY,
	NVMX_FEATURE_EPT_2M,
	NVMX_FEATURE_EPT_1G,
	NVMX_FEATURE_EPT_5LEVEL,
	NVMX_FEATURE_MODE_EXEC,
	NVMX_FEATURE_VE,
	NVMX_FEATURE_VMFUNC,
	NVMX_FEATURE_TSC_SCALING,
	NVMX_FEATURE_PAUSE_LOOP,
	NVMX_FEATURE_RDRAND_EXITING,
	NVMX_FEATURE_RDSEED_EXITING,
	NVMX_FEATURE_INVPCID,
	NVMX_FEATURE_XSAVES,
	NVMX_FEATURE_ENCLS,
	NVMX_FEATURE_PERF_GLOBAL_CTRL,
	NVMX_FEATURE_PAT,
	NVMX_FEATURE_EFER,
	/* These three, and PERF_GLOBAL_CTRL: offered where vmcs01 loads L1's registers by its entry control and its exit undoes that
	 * (nvmx_vcpu_init()); L2 shares them with L1 otherwise. */
	NVMX_FEATURE_BNDCFGS,
	NVMX_FEATURE_CET,
	NVMX_FEATURE_PKRS,
	NVMX_FEATURE_CR3_TARGETS,
	NVMX_FEATURE_VMWRITE_RO,  /* IA32_VMX_MISC[29] */
	NVMX_FEATURE_DESC_TABLE,
	NVMX_FEATURE_WBINVD,
	NVMX_FEATURE_RDTSCP,
	NVMX_FEATURE_MTF,
	NVMX_FEATURE_USER_WAIT,
	NVMX_FEATURE_HW_SHADOW, /* the host's own use of VMCS shadowing for L1's VMREAD and VMWRITE; not seen by L1 */
	NVMX_FEATURE_HW_EPTP_SWITCHING, /* of NVMX_HOST_EPTP_SWITCHING; not seen by L1 */
	NVMX_FEATURE_COUNT
};
NVMX_STATIC_ASSERT(NVMX_FEATURE_COUNT <= 64, "the withheld set is one 64-bit word");

/* "ept", "vpid", "shadow_vmcs" ...; NULL for a number out of range.  Pure; any context. */
const char *nvmx_feature_name(unsigned feature);
/* The number of the feature called name[0..len), or -1.  Pure; any context. */
int nvmx_feature_by_name(const char *name, size_t len);

/*
 * Computes L1's capabilities.
 *
 *   hw        what the processor's MSRs 480H to 492H say, efer_valid etc. filled in by the host from CPUID and MSRs
 *   withheld  set of features not to offer: bit n is enum nvmx_feature n
 *   compatible  true: only what Linux 6.1's nested VMX also knows, so that state can move to and from it
 *   out       L1's view
 *
 * Pure; any context.  Consistent by construction: a feature whose prerequisite is missing is withheld too (for example
 * virtual-interrupt delivery without the TPR shadow), and IA32_VMX_BASIC[55] and the TRUE MSRs are always offered.
 */
void nvmx_caps_compute(const struct nvmx_caps *hw, uint64_t withheld, bool compatible, struct nvmx_caps *out);
/* The same with `compatible`, and the features of the set `beyond`, of which Linux 6.1 need not know. */
void nvmx_caps_compute_beyond(const struct nvmx_caps *hw, uint64_t withheld, uint64_t beyond, struct nvmx_caps *out);

/*
 * Takes from L1's capabilities *c what `limit` lacks, MSR by MSR: controls that may not be 1 or must be 1 there, CR0 and
 * CR4 bits that are fixed there, EPT and VPID capabilities, VM functions, activity states.  The identification in
 * IA32_VMX_BASIC stays, and so does the rate of the preemption timer, which is the processor's.  *c is consistent after it if `limit` is.  Pure; any context.
 */
void nvmx_caps_restrict(struct nvmx_caps *c, const struct nvmx_caps *limit);

/*
 * What a host must not show an L1 with capabilities *c (nvmx_vm_caps(), or the answer of nvmx_caps_compute()).
 *
 * In VMX operation L1's CR4 may have no bit that IA32_VMX_CR4_FIXED1 lacks (SDM 23.8, A.8): VMXON with one is #GP.  The MSR
 * has the bits that the processor has and whose part in VM entries and exits the library knows and offers: not CR4.CET without
 * the feature "cet", CR4.PKS without "pkrs", CR4.LA57 with linear_width 48, and none that came later (UINTR, KL, LASS, LAM_SUP,
 * FRED).  So that VMXON never fails for a bit that L1 was shown, the host hides from L1, whether in VMX operation or not, those
 * bits and what tells of them:
 *
 *   nvmx_caps_cr4_hidden()  CR4 bits whose setting is #GP: a MOV to CR4 of L1 that sets one must exit (CR4 guest/host mask)
 *   nvmx_caps_cpuid()       clears in regs (EAX, EBX, ECX, EDX of CPUID leaf and subleaf as the host would show them) the
 *                           bits that enumerate a hidden CR4 bit; other leaves stay as they are
 *
 * Pure; any context.
 */
static inline uint64_t nvmx_caps_cr4_hidden(const struct nvmx_caps *c)
{
	return ~nvmx_caps_get(c, NVMX_MSR_VMX_CR4_FIXED1);
}
void nvmx_caps_cpuid(const struct nvmx_caps *c, uint32_t leaf, uint32_t subleaf, uint32_t regs[4]);

#ifdef __cplusplus
}
#endif

#endif
