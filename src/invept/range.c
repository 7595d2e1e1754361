/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Page-level invalidation for an L1 that knows it is nested: <nestvmx/enlighten.h>. */
#include "invept.h"
#include "../vmcs/values.h"
#include "../ept/ept.h"
#include <nestvmx/enlighten.h>

#define PAGE_MASK 0xfffull

bool nvmx_cpuid(const struct nvmx_vm *vm, uint32_t base, uint32_t leaf, uint32_t regs[4])
{
	if (!(vm->flags & NVMX_ENLIGHTENED) || leaf - base > 1)
		return false;
	regs[0] = leaf == base ? base + 1 : NVMX_CPUID_INVEPT_RANGE;
	regs[1] = leaf == base ? NVMX_CPUID_EBX : 0;
	regs[2] = leaf == base ? NVMX_CPUID_ECX : 0;
	regs[3] = leaf == base ? NVMX_CPUID_EDX : 0;
	return true;
}

bool nvmx_invept_range(struct nvmx_vcpu *v, uint64_t eptp12, uint64_t gpa2, uint64_t length)
{
	if (!nvmx_eptp_ok(&v->vm->caps, eptp12) || (gpa2 | length) & PAGE_MASK || !length ||
	    gpa2 + length - 1 < gpa2)
		return false;
	v->counters[NVMX_CNT_INVEPT]++;
	nvmx_ept_invept_range(v, eptp12, gpa2, gpa2 + length - 1);
	return true;
}
