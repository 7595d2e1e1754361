/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's MSRs, for its MSR areas: those that the processor has while a guest runs, those that bhyve keeps, and those of its local
 * APIC.  Where bhyve would inject #GP into the guest that runs, the op refuses.
 */
#include "bhyve.h"

static int live_index(uint32_t msr)
{
	switch (msr) {
	case MSR_LSTAR:
		return (IDX_MSR_LSTAR);
	case MSR_CSTAR:
		return (IDX_MSR_CSTAR);
	case MSR_STAR:
		return (IDX_MSR_STAR);
	case MSR_SF_MASK:
		return (IDX_MSR_SF_MASK);
	case MSR_KGSBASE:
		return (IDX_MSR_KGSBASE);
	default:
		return (-1);
	}
}

static bool is_mtrr(uint32_t msr)
{
	return (msr == MSR_MTRRcap || msr == MSR_MTRRdefType || msr == MSR_MTRR64kBase ||
		msr - MSR_MTRR4kBase < 8 || msr - MSR_MTRR16kBase < 2 || msr - MSR_MTRRVarBase < 2 * VMM_MTRR_VAR_MAX);
}

uint64_t nest_l1_tsc(struct nest *n)
{
	uint64_t loaded, offset;

	if ((n->vcpu->cap.proc_ctls & PROCBASED_TSC_OFFSET) == 0)
		return (rdtsc());
	loaded = nest_to_vmcs01(n);
	offset = vmcs_read(VMCS_TSC_OFFSET);
	nest_from_vmcs01(n, loaded);
	return (rdtsc() + offset);
}

int nest_op_l1_msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	struct nest *n = nest_of_host(h);
	struct vmx_vcpu *vcpu = n->vcpu;
	bool to_user = false;
	int i = live_index(msr);

	if (i >= 0)
		*value = n->live ? rdmsr(msr) : vcpu->guest_msrs[i];
	else if (msr == MSR_TSC)
		*value = nest_l1_tsc(n);
	else if (msr == MSR_TSC_AUX && vmx_have_msr_tsc_aux)
		*value = vcpu->guest_msrs[IDX_MSR_TSC_AUX];
	else if (is_mtrr(msr))
		return (vm_rdmtrr(&vcpu->mtrr, msr, value) != 0 ? -1 : 0);
	else if (lapic_msr(msr))
		return (lapic_rdmsr(vcpu->vcpu, msr, value, &to_user) != 0 || to_user ? -1 : 0);
	else
		return (vmx_rdmsr(vcpu, msr, value, &to_user) != 0 || to_user ? -1 : 0);
	return (0);
}

/* The library has judged the values of those that the processor has, of IA32_PAT and of IA32_TSC_AUX. */
int nest_op_l1_msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	struct nest *n = nest_of_host(h);
	struct vmx_vcpu *vcpu = n->vcpu;
	bool to_user = false;
	int i = live_index(msr);

	if (i >= 0) {
		if (!n->live)
			vcpu->guest_msrs[i] = value;
		else if (wrmsr_safe(msr, value) != 0)
			return (-1);
		return (0);
	}
	if (msr == MSR_TSC_AUX && !vmx_have_msr_tsc_aux)
		return (-1);
	if (is_mtrr(msr))
		return (vm_wrmtrr(&vcpu->mtrr, msr, value) != 0 ? -1 : 0);
	if (lapic_msr(msr))
		return (lapic_wrmsr(vcpu->vcpu, msr, value, &to_user) != 0 || to_user ? -1 : 0);
	return (vmx_wrmsr(vcpu, msr, value, &to_user) != 0 || to_user ? -1 : 0);
}

/* L1's IA32_PAT as its VM exit has left it, in vmcs01, which is current. */
void nest_op_l1_state_loaded(struct nvmx_host *h)
{
	struct nest *n = nest_of_host(h);

	n->pat01 = vmcs_read(VMCS_GUEST_IA32_PAT);
	n->vcpu->guest_msrs[IDX_MSR_PAT] = n->pat01;
}
