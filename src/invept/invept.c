/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "invept.h"
#include "../ept/ept.h"

void nvmx_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12)
{
	v->counters[NVMX_CNT_INVEPT]++;
	nvmx_ept_invept(v, type, eptp12);
}
