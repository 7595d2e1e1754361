/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMFUNC of L2 (SDM 25.5.6).  The processor switches to EPTPs that the library's EPTP list has (src/ept/list.c); each
 * other use that L1 allows exits and is done here.
 */
#include "port.h"
#include "../ept/ept.h"
#include "../invept/invept.h"
#include "../vmcs/values.h"

#define EPTP_LIST_ENTRIES 512u

bool nvmx_vmfunc(struct nvmx_vcpu *v, const struct nvmx_regs *regs)
{
	struct nvmx_slot *s = v->cur;
	uint32_t function = (uint32_t)regs->gpr[0], index = (uint32_t)regs->gpr[1];
	uint64_t eptp;

	if (function >= 64 || !(s->v12->vmfunc_ctls >> function & 1))
		return false;
	/* EPTP switching is the only function that is ever offered (NVMX_VMFUNC_EPTP_SWITCHING). */
	if (index >= EPTP_LIST_ENTRIES ||
	    nvmx_gpa_read(v, s->v12->eptp_list_addr + index * sizeof(eptp), &eptp, sizeof(eptp)) ||
	    !nvmx_eptp_ok(&v->vm->caps, eptp))
		return false;
	s->v12->ept_pointer = eptp;
	if (nvmx_eptp_index_exists(v)) {
		s->v12->eptp_index = (uint16_t)index;
		if (s->look02 & NVMX_LOOK_EPTP)
			nvmx_vmwrite(v, NVMX_EPTP_INDEX, index);
	}
	nvmx_skip(v);
	return true;
}

void nvmx_eptp_learn(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint64_t eptp02 = nvmx_vmread(v, NVMX_EPT_POINTER);

	if (nvmx_eptp_index_exists(v))
		s->v12->eptp_index = (uint16_t)nvmx_vmread(v, NVMX_EPTP_INDEX);
	if (eptp02 == s->eptp02)
		return;
	s->eptp02 = eptp02;
	s->v12->ept_pointer = nvmx_ept_shadowed(v, eptp02);
}
