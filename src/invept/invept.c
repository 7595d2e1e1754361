/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "invept.h"
#include "../ept/ept.h"

#define EPTP_MEMTYPE(eptp) ((eptp) & 7u)
#define EPTP_LEVELS(eptp) (((unsigned)(eptp) >> 3 & 7u) + 1)
#define EPTP_AD NVMX_BIT64(6)
#define EPTP_SSS NVMX_BIT64(7)
#define EPTP_RESERVED 0xf00ull /* bits 11:8 */

bool nvmx_eptp_acceptable(const struct nvmx_caps *caps, uint64_t eptp)
{
	const uint64_t cap = nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP);
	const unsigned type = EPTP_MEMTYPE(eptp), levels = EPTP_LEVELS(eptp);

	if (eptp & EPTP_RESERVED || eptp >> caps->maxphyaddr)
		return false;
	if ((eptp & EPTP_AD && !(cap & NVMX_EPT_AD)) || (eptp & EPTP_SSS && !(cap & NVMX_EPT_SSS)))
		return false;
	if (type == 6 ? !(cap & NVMX_EPT_WB) : type || !(cap & NVMX_EPT_UC))
		return false;
	return levels == 4 ? cap & NVMX_EPT_WALK4 : levels == 5 && cap & NVMX_EPT_WALK5;
}

void nvmx_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12)
{
	v->counters[NVMX_CNT_INVEPT]++;
	nvmx_ept_invept(v, type, eptp12);
}
