/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "l1.h"

/* SDM 25.3: a MOV from CR0 or CR4 gives the read shadow where the guest/host mask is 1. */
uint64_t nvmx_l1_cr0(struct nvmx_vcpu *v)
{
	uint64_t mask = nvmx_vmread(v, NVMX_CR0_MASK);

	return (nvmx_vmread(v, NVMX_GUEST_CR0) & ~mask) | (nvmx_vmread(v, NVMX_CR0_SHADOW) & mask);
}

uint64_t nvmx_l1_cr4(struct nvmx_vcpu *v)
{
	uint64_t mask = nvmx_vmread(v, NVMX_CR4_MASK);

	return (nvmx_vmread(v, NVMX_GUEST_CR4) & ~mask) | (nvmx_vmread(v, NVMX_CR4_SHADOW) & mask);
}

static inline void mode(struct nvmx_vcpu *v, struct nvmx_l1 *l1)
{
	l1->rflags = nvmx_vmread(v, NVMX_GUEST_RFLAGS);
	l1->cs_ar = (uint32_t)nvmx_vmread(v, NVMX_GUEST_CS_AR);
	l1->cpl = NVMX_AR_DPL((uint32_t)nvmx_vmread(v, NVMX_GUEST_SS_AR)); /* SDM 24.4.1: CPL is SS.DPL */
	l1->ia32e = nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E;
	l1->code64 = l1->ia32e && l1->cs_ar & NVMX_AR_L;
}

void nvmx_l1_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l1)
{
	l1->cr0 = nvmx_l1_cr0(v);
	l1->cr4 = nvmx_l1_cr4(v);
	l1->l2 = false;
	mode(v, l1);
}

/* A read shadow is what L2 reads, not what its accesses go by. */
void nvmx_l2_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l2)
{
	l2->cr0 = nvmx_vmread(v, NVMX_GUEST_CR0);
	l2->cr4 = nvmx_vmread(v, NVMX_GUEST_CR4);
	l2->l2 = true;
	mode(v, l2);
}
