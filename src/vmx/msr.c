/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The MSRs that the library owns: IA32_FEATURE_CONTROL and the VMX capability MSRs (SDM 23.7, appendix A). */
#include "vcpu.h"

#define BASIC_TRUE_CTLS NVMX_BIT64(55)
#define OWNED_MSRS 32 /* 480H to 49FH: those that this library does not know L1 does not have */

static bool owned(uint32_t msr)
{
	return msr == NVMX_MSR_FEATURE_CONTROL || msr - NVMX_CAPS_FIRST_MSR < OWNED_MSRS;
}

/* Whether the processor that L1 sees has the MSR (SDM A.3 to A.11). */
static bool exists(const struct nvmx_caps *c, uint32_t msr)
{
	uint32_t proc = nvmx_caps_may(c, NVMX_MSR_VMX_PROCBASED_CTLS);
	uint32_t proc2 = proc & NVMX_PROC_SECONDARY ? nvmx_caps_may(c, NVMX_MSR_VMX_PROCBASED_CTLS2) : 0;

	switch (msr) {
	case NVMX_MSR_VMX_PROCBASED_CTLS2:
		return proc & NVMX_PROC_SECONDARY;
	case NVMX_MSR_VMX_EPT_VPID_CAP:
		return proc2 & (NVMX_PROC2_EPT | NVMX_PROC2_VPID);
	case NVMX_MSR_VMX_TRUE_PINBASED_CTLS:
	case NVMX_MSR_VMX_TRUE_PROCBASED_CTLS:
	case NVMX_MSR_VMX_TRUE_EXIT_CTLS:
	case NVMX_MSR_VMX_TRUE_ENTRY_CTLS:
		return nvmx_caps_get(c, NVMX_MSR_VMX_BASIC) & BASIC_TRUE_CTLS;
	case NVMX_MSR_VMX_VMFUNC:
		return proc2 & NVMX_PROC2_VMFUNC;
	case NVMX_MSR_VMX_PROCBASED_CTLS3:
		return proc & NVMX_PROC_TERTIARY;
	default:
		return msr == NVMX_MSR_FEATURE_CONTROL || msr - NVMX_CAPS_FIRST_MSR < NVMX_CAPS_MSRS;
	}
}

int nvmx_msr_read(struct nvmx_vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct nvmx_caps *caps = &v->vm->caps;

	if (!owned(msr))
		return 1;
	if (!exists(caps, msr))
		return -1;
	*value = msr == NVMX_MSR_FEATURE_CONTROL ? v->feature_control : nvmx_caps_get(caps, msr);
	return 0;
}

int nvmx_feature_control_set(struct nvmx_vcpu *v, uint64_t value)
{
	if (value & ~(NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX | v->vm->caps.feature_control))
		return -1;
	v->feature_control = value;
	return 0;
}

int nvmx_msr_write(struct nvmx_vcpu *v, uint32_t msr, uint64_t value)
{
	if (!owned(msr))
		return 1;
	/* SDM 23.7: once locked, a write is #GP; so it is for reserved bits.  The capability MSRs are read-only. */
	if (msr != NVMX_MSR_FEATURE_CONTROL || v->feature_control & NVMX_FC_LOCK)
		return -1;
	return nvmx_feature_control_set(v, value);
}
