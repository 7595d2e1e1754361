/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "vmx.h"
#include "console.h"
#include "memory.h"

struct vmx_caps caps;
u8 *vmxon_region;

static void read_controls(void)
{
	bool t = caps.has_true;

	caps.pin = rdmsr(t ? MSR_VMX_TRUE_PINBASED : MSR_VMX_PINBASED);
	caps.proc = rdmsr(t ? MSR_VMX_TRUE_PROCBASED : MSR_VMX_PROCBASED);
	caps.exit = rdmsr(t ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT);
	caps.entry = rdmsr(t ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY);
	if (can(caps.proc, PROC_SECONDARY))
		caps.proc2 = rdmsr(MSR_VMX_PROCBASED2);
	if (can(caps.proc, PROC_TERTIARY))
		caps.proc3 = rdmsr(MSR_VMX_PROCBASED3);
	if (can(caps.exit, EXIT_SECONDARY))
		caps.exit2 = rdmsr(MSR_VMX_EXIT2);
	if (can(caps.proc2, PROC2_EPT) || can(caps.proc2, PROC2_VPID))
		caps.ept_vpid = rdmsr(MSR_VMX_EPT_VPID_CAP);
	if (can(caps.proc2, PROC2_VMFUNC))
		caps.vmfunc = rdmsr(MSR_VMX_VMFUNC);
}

bool vmx_init(void)
{
	struct cpuid sizes = cpuid(0x80000008, 0);
	u64 control;

	caps.phys_bits = sizes.eax & 0xff;
	caps.linear_bits = sizes.eax >> 8 & 0xff;
	if (!(cpuid(1, 0).ecx & BIT(5)))
		return false;
	control = rdmsr(MSR_FEATURE_CONTROL);
	if (!(control & 1))
		wrmsr(MSR_FEATURE_CONTROL, control | 5);
	if ((rdmsr(MSR_FEATURE_CONTROL) & 5) != 5)
		return false;
	caps.basic = rdmsr(MSR_VMX_BASIC);
	caps.revision = caps.basic & 0x7fffffff;
	caps.has_true = caps.basic & BIT(55);
	caps.misc = rdmsr(MSR_VMX_MISC);
	caps.vmcs_enum = rdmsr(MSR_VMX_VMCS_ENUM);
	caps.cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	caps.cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	caps.cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	caps.cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	read_controls();
	return caps.supported = true;
}

u8 *vmcs_alloc(void)
{
	u8 *p = page_alloc();

	*(u32 *)p = caps.revision;
	return p;
}

void vmx_enable(void)
{
	if (!vmxon_region)
		vmxon_region = vmcs_alloc();
	vmx_enable_on(vmxon_region);
}

void vmx_enable_on(u8 *region)
{
	if (!(rdmsr(MSR_FEATURE_CONTROL) & 1))
		wrmsr(MSR_FEATURE_CONTROL, rdmsr(MSR_FEATURE_CONTROL) | 5);
	write_cr0((read_cr0() | caps.cr0_fixed0) & caps.cr0_fixed1);
	write_cr4((read_cr4() | caps.cr4_fixed0) & caps.cr4_fixed1);
	if (vmxon(phys(region)) != VMX_OK)
		fatal("VMXON failed");
}
