/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Instructions of the processor on which the caller runs. */
#include <machine/specialreg.h>
#include <machine/clock.h>
#include "vmm.h"

uint64_t tsc_freq = 16000000; /* an instruction takes 16 ticks, a microsecond */

uint64_t rdmsr(u_int msr)
{
	uint64_t value;

	if (rdmsr_safe(msr, &value))
		panic("RDMSR of %#x: #GP", msr);
	return value;
}

/* Time is the vCPU's whose thread it is, whether that is in vmx_run() or sleeps. */
static struct fake_cpu *clock_cpu(void)
{
	struct vcpu *vcpu = curthread->vcpu;

	return vcpu && !vcpu->in_run ? &vcpu->guest : world_cpu();
}

int rdmsr_safe(u_int msr, uint64_t *value)
{
	return fake_rdmsr(msr == MSR_TSC ? clock_cpu() : world_cpu(), msr, value) ? 0 : EFAULT;
}

int wrmsr_safe(u_int msr, uint64_t value)
{
	if (msr == MSR_IA32_PRED_CMD) {
		world.barriers++;
		return value == IA32_PRED_CMD_IBPB_BARRIER ? 0 : EFAULT;
	}
	return fake_wrmsr(world_cpu(), msr, value) ? 0 : EFAULT;
}

void wrmsr(u_int msr, uint64_t value)
{
	if (wrmsr_safe(msr, value))
		panic("WRMSR of %#x: #GP", msr);
}

uint64_t rdtsc(void)
{
	return rdmsr(MSR_TSC);
}

uint64_t rcr3(void)
{
	return 0x7000000;
}

/* VMX operation: nothing of it where the thread could go to another processor. */
static struct fake_cpu *vmx_cpu(const char *what)
{
	KASSERT(curthread->td_critnest || !curthread->interrupts, ("%s where the thread may move", what));
	return world_cpu();
}

static int *active(struct vmcs *vmcs)
{
	return &world.active[(vtophys(vmcs) - FAKE_HOST_BASE) / FAKE_PAGE];
}

/* A VMCS is active on one processor, until that one VMCLEARs it (SDM 24.11.1). */
int vmptrld(struct vmcs *vmcs)
{
	struct fake_cpu *c = vmx_cpu("VMPTRLD");
	int error = fake_vmptrld(c, vtophys(vmcs));

	KASSERT(!*active(vmcs) || *active(vmcs) == curcpu + 1, ("a VMCS that is active on processor %d", *active(vmcs) - 1));
	if (!error)
		*active(vmcs) = curcpu + 1;
	return error ? VM_FAIL_VALID : VM_SUCCESS;
}

int vmclear(struct vmcs *vmcs)
{
	struct fake_cpu *c = world_cpu();

	KASSERT(!*active(vmcs) || *active(vmcs) == curcpu + 1, ("VMCLEAR: the VMCS is active on processor %d", *active(vmcs) - 1));
	*active(vmcs) = 0;
	return fake_vmclear(c, vtophys(vmcs)) ? VM_FAIL_VALID : VM_SUCCESS;
}

int vmread(uint64_t field, uint64_t *value)
{
	return fake_vmread(vmx_cpu("VMREAD"), field, value) ? VM_FAIL_VALID : VM_SUCCESS;
}

int vmwrite(uint64_t field, uint64_t value)
{
	return fake_vmwrite(vmx_cpu("VMWRITE"), field, value) ? VM_FAIL_VALID : VM_SUCCESS;
}

void invvpid(uint64_t type, struct invvpid_desc d)
{
	KASSERT(!d._res1 && !d._res2, ("INVVPID: reserved bits"));
	if (fake_invvpid(vmx_cpu("INVVPID"), type, d.vpid, d.linear_addr))
		panic("INVVPID");
}

void invept(uint64_t type, struct invept_desc d)
{
	if (fake_invept(vmx_cpu("INVEPT"), type, d.eptp, d._res))
		panic("INVEPT");
}
