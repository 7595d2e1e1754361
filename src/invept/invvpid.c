/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's VPIDs all run on one VPID of the host's, which is flushed whenever another VPID of L1's comes to run on it: so only
 * the one that ran last can have translations, and invalidating any other has nothing to do.  A host that uses no VPID has
 * none either: each VM entry and exit flushes (SDM 28.3.3.1).
 */
#include "invept.h"
#include "../vmx/port.h"

bool nvmx_invvpid_supported(const struct nvmx_caps *caps, uint64_t type)
{
	static const uint64_t cap[] = {
		[NVMX_FLUSH_ADDRESS] = NVMX_EPT_INVVPID_ADDR,
		[NVMX_FLUSH_SINGLE] = NVMX_EPT_INVVPID_SINGLE,
		[NVMX_FLUSH_ALL] = NVMX_EPT_INVVPID_ALL,
		[NVMX_FLUSH_SINGLE_NON_GLOBAL] = NVMX_EPT_INVVPID_NON_GLOBAL,
	};

	return type <= NVMX_FLUSH_SINGLE_NON_GLOBAL && nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP) & cap[type];
}

/* The narrowest flush of one VPID that the processor has and that covers `type`. */
static unsigned hardware_type(const struct nvmx_caps *hw, unsigned type)
{
	if (type != NVMX_FLUSH_ALL && nvmx_invvpid_supported(hw, type))
		return type;
	return nvmx_invvpid_supported(hw, NVMX_FLUSH_SINGLE) ? NVMX_FLUSH_SINGLE : NVMX_FLUSH_ALL;
}

void nvmx_invvpid(struct nvmx_vcpu *v, unsigned type, uint16_t vpid12, uint64_t linear)
{
	v->counters[NVMX_CNT_INVVPID]++;
	if (!v->config.vpid02 || (type != NVMX_FLUSH_ALL && vpid12 != v->last_vpid12))
		return;
	nvmx_vmwrite_flush(v);
	v->ops->flush_vpid(v->host, v->config.vpid02, hardware_type(&v->vm->hw, type), linear);
}
