/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "l1.h"

void nvmx_l1_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l1)
{
	nvmx_l1_mode_inline(v, l1);
}

/* A read shadow is what L2 reads, not what its accesses go by. */
void nvmx_l2_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l2)
{
	l2->cr0 = nvmx_vmread(v, NVMX_GUEST_CR0);
	l2->cr4 = nvmx_vmread(v, NVMX_GUEST_CR4);
	l2->l2 = true;
	nvmx_mode(v, l2);
}
