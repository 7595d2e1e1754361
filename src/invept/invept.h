/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What L1's INVEPT and INVVPID do once their operands have passed, and which operands pass (SDM 28.3.3, 30.3).
 */
#ifndef NVMX_SRC_INVEPT_H
#define NVMX_SRC_INVEPT_H

#include "../vmx/vcpu.h"

/* Whether IA32_VMX_EPT_VPID_CAP announces the type.  Pure. */
static inline bool nvmx_invept_supported(const struct nvmx_caps *caps, uint64_t type)
{
	uint64_t cap = nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP);

	return type == NVMX_FLUSH_SINGLE ? cap & NVMX_EPT_INVEPT_SINGLE : type == NVMX_FLUSH_ALL && cap & NVMX_EPT_INVEPT_ALL;
}
bool nvmx_invvpid_supported(const struct nvmx_caps *caps, uint64_t type);

/* Invalidates L2's translations.  vmcs01 is current, before and after. */
void nvmx_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12);
/* NVMX_HC_INVEPT_RANGE: false if the operands are bad. */
bool nvmx_invept_range(struct nvmx_vcpu *v, uint64_t eptp12, uint64_t gpa2, uint64_t length);
void nvmx_invvpid(struct nvmx_vcpu *v, unsigned type, uint16_t vpid12, uint64_t linear);

/* The VPID for vmcs02 at an entry of L1 into L2, flushed if it must be; 0: the host uses none. */
uint16_t nvmx_vpid_enter(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12);
/* Invalidates what is cached for the L2 that runs on this slot's vmcs02: all that an instruction of its own invalidates. */
void nvmx_vpid_flush(struct nvmx_vcpu *v, const struct nvmx_slot *s);
/* What is cached for L1's VPIDs is not to be used any more. */
void nvmx_vpid_forget(struct nvmx_vcpu *v);

#endif
