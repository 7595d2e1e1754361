/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processor can do, for libnestvmx (struct nvmx_caps).
 */
#include "metal.h"

#define MSR_IA32_VMX_PROCBASED_CTLS3 0x492

static uint64_t efer_valid(void)
{
	uint32_t edx = cpuid(0x80000001, 0).edx;

	return (edx & 1u << 11 ? 0x1 : 0) | (edx & 1u << 29 ? 0x500 : 0) | (edx & 1u << 20 ? 0x800 : 0);
}

/* SDM vol. 3, 17.4.1: LBR and BTF; the branch-trace bits with debug store; the freezes with performance monitoring. */
static uint64_t debugctl_valid(void)
{
	uint64_t valid = 0x3;

	if (cpuid(1, 0).edx & 1u << 21)
		valid |= 0x7c0;
	if ((cpuid(10, 0).eax & 0xff) >= 2)
		valid |= 0x1800;
	if (cpuid(7, 0).ebx & 1u << 11)
		valid |= 0x8000;
	return valid;
}

static uint64_t perf_global_valid(void)
{
	struct cpuid_regs r = cpuid(10, 0);

	if ((r.eax & 0xff) < 2)
		return 0;
	return ((1ull << (r.eax >> 8 & 0x1f)) - 1) | ((1ull << (r.edx & 0x1f)) - 1) << 32;
}

/* A capability MSR that does not exist reads as 0. */
void hardware_read(struct nvmx_caps *caps)
{
	uint32_t i;

	for (i = 0; i < NVMX_CAPS_MSRS; i++)
		if (!rdmsr_safe(NVMX_CAPS_FIRST_MSR + i, &caps->msr[i]))
			caps->msr[i] = 0;
	if (!(caps->msr[2] >> 32 & 1u << 17))		/* activate tertiary controls */
		caps->msr[MSR_IA32_VMX_PROCBASED_CTLS3 - NVMX_CAPS_FIRST_MSR] = 0;
	caps->efer_valid = efer_valid();
	caps->debugctl_valid = debugctl_valid();
	caps->perf_global_valid = perf_global_valid();
	caps->maxphyaddr = cpuid(0x80000008, 0).eax & 0xff;
	caps->linear_width = cpuid(7, 0).ecx & 1u << 16 ? 57 : 48;
}
