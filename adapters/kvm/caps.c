// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMX capability MSRs.  The library computes what a vCPU may be offered; KVM keeps it in struct nested_vmx_msrs, where
 * CPUID and user space take away from it; at VMXON the library is given what is left.
 */
#include "nest.h"

#include <linux/moduleparam.h>

#include "cpuid.h"
#include "pmu.h"
#include "sgx.h"

bool __read_mostly nest_shadow_vmcs = true;
module_param_named(enable_shadow_vmcs, nest_shadow_vmcs, bool, 0444);

/* Mode-based execute control for L1, which no KVM of its time has: a state that uses it moves to none. */
static bool mode_exec;
module_param_named(nest_mode_exec, mode_exec, bool, 0444);

#define FEATURE(name) (1ull << NVMX_FEATURE_##name)

static struct nvmx_caps offered;	/* since hardware setup */

static u64 *msr_of(struct nvmx_caps *c, u32 msr)
{
	return &c->msr[msr - NVMX_CAPS_FIRST_MSR];
}

/* Features that KVM does without. */
u64 nest_withheld(void)
{
	u64 set = 0;

	if (!enable_ept)
		set |= FEATURE(EPT);
	if (!enable_vpid)
		set |= FEATURE(VPID);
	if (!enable_unrestricted_guest)
		set |= FEATURE(UNRESTRICTED_GUEST);
	if (!enable_ept_ad_bits)
		set |= FEATURE(EPT_AD);
	if (!flexpriority_enabled)
		set |= FEATURE(APIC_ACCESS);
	if (!enable_apicv)
		set |= FEATURE(POSTED_INT);
	if (!enable_sgx)
		set |= FEATURE(ENCLS);
	if (!nest_shadow_vmcs)
		set |= FEATURE(HW_SHADOW);
	return set;
}

u64 nest_beyond(void)
{
	return mode_exec ? FEATURE(MODE_EXEC) : 0;
}

/* The processor, with the preemption timer that the adapter makes of a timer of the host's, and the loads of IA32_PERF_GLOBAL_CTRL,
 * which KVM has in software. */
void nest_caps_of_processor(struct nvmx_caps *hw)
{
	u32 msr;

	memset(hw, 0, sizeof(*hw));
	for (msr = NVMX_CAPS_FIRST_MSR; msr < NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS; msr++)
		if (rdmsrq_safe(msr, msr_of(hw, msr)))
			*msr_of(hw, msr) = 0;
	*msr_of(hw, MSR_IA32_VMX_MISC) &= ~(u64)VMX_MISC_PREEMPTION_TIMER_RATE_MASK;
	*msr_of(hw, MSR_IA32_VMX_MISC) |= NEST_TIMER_SHIFT;
	*msr_of(hw, MSR_IA32_VMX_TRUE_PINBASED_CTLS) |= (u64)PIN_BASED_VMX_PREEMPTION_TIMER << 32;
	*msr_of(hw, MSR_IA32_VMX_TRUE_EXIT_CTLS) |= (u64)(VM_EXIT_SAVE_VMX_PREEMPTION_TIMER | VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL) << 32;
	*msr_of(hw, MSR_IA32_VMX_TRUE_ENTRY_CTLS) |= (u64)VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL << 32;
	if (vmx_umip_emulated())	/* CR4 in hardware does not have it then */
		*msr_of(hw, MSR_IA32_VMX_CR4_FIXED1) |= X86_CR4_UMIP;
	hw->efer_valid = ~0ull;
	hw->debugctl_valid = ~0ull;
	hw->perf_global_valid = ~0ull;
	hw->maxphyaddr = boot_cpu_data.x86_phys_bits;
	hw->linear_width = boot_cpu_has(X86_FEATURE_LA57) ? 57 : 48;
}

static u64 efer_bits(struct kvm_vcpu *vcpu)
{
	u64 bits = 0;

	if (guest_cpu_cap_has(vcpu, X86_FEATURE_SYSCALL))
		bits |= EFER_SCE;
	if (guest_cpu_cap_has(vcpu, X86_FEATURE_LM))
		bits |= EFER_LME | EFER_LMA;
	if (guest_cpu_cap_has(vcpu, X86_FEATURE_NX))
		bits |= EFER_NX;
	return bits;
}

void nest_caps_of_vcpu(struct kvm_vcpu *vcpu, struct nvmx_caps *limit)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 msr;

	memset(limit, 0, sizeof(*limit));
	for (msr = NVMX_CAPS_FIRST_MSR; msr <= MSR_IA32_VMX_VMFUNC; msr++)
		vmx_get_vmx_msr(&vmx->nested.msrs, msr, msr_of(limit, msr));
	limit->efer_valid = efer_bits(vcpu);
	/* Every processor has these two, and KVM lets L1 write them, though it keeps neither for L1 itself.  L2 gets BTF; LBR
	 * would fill the host's LBRs (debugctl_hidden). */
	limit->debugctl_valid = vmx_get_supported_debugctl(vcpu, false) | DEBUGCTLMSR_BTF | DEBUGCTLMSR_LBR;
	limit->perf_global_valid = vcpu_to_pmu(vcpu)->version > 1 ? ~vcpu_to_pmu(vcpu)->NEST_GLOBAL_CTRL_RSVD : 0;
	limit->feature_control = vmx->msr_ia32_feature_control;
	limit->maxphyaddr = cpuid_maxphyaddr(vcpu);
	limit->linear_width = guest_cpu_cap_has(vcpu, X86_FEATURE_LA57) ? 57 : 48;
}

static void split(u64 value, u32 *low, u32 *high)
{
	*low = (u32)value;
	*high = value >> 32;
}

void nest_caps_setup(struct nested_vmx_msrs *msrs)
{
	struct nvmx_caps hw;

	nest_caps_of_processor(&hw);
	nvmx_caps_compute_beyond(&hw, nest_withheld(), nest_beyond(), &offered);
	nvmx_caps_of_host(&offered, NEST_FLAGS);
	msrs->basic = nvmx_caps_get(&offered, MSR_IA32_VMX_BASIC);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_TRUE_PINBASED_CTLS), &msrs->pinbased_ctls_low,
	      &msrs->pinbased_ctls_high);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_TRUE_PROCBASED_CTLS), &msrs->procbased_ctls_low,
	      &msrs->procbased_ctls_high);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_PROCBASED_CTLS2), &msrs->secondary_ctls_low,
	      &msrs->secondary_ctls_high);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_TRUE_EXIT_CTLS), &msrs->exit_ctls_low, &msrs->exit_ctls_high);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_TRUE_ENTRY_CTLS), &msrs->entry_ctls_low, &msrs->entry_ctls_high);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_MISC), &msrs->misc_low, &msrs->misc_high);
	split(nvmx_caps_get(&offered, MSR_IA32_VMX_EPT_VPID_CAP), &msrs->ept_caps, &msrs->vpid_caps);
	msrs->cr0_fixed0 = nvmx_caps_get(&offered, MSR_IA32_VMX_CR0_FIXED0);
	msrs->cr0_fixed1 = nvmx_caps_get(&offered, MSR_IA32_VMX_CR0_FIXED1);
	msrs->cr4_fixed0 = nvmx_caps_get(&offered, MSR_IA32_VMX_CR4_FIXED0);
	msrs->cr4_fixed1 = nvmx_caps_get(&offered, MSR_IA32_VMX_CR4_FIXED1);
	/* All that KVM shows of CR4 is offered: what it learns later it has to hide from who has VMX. */
	WARN_ON_ONCE(nvmx_caps_cr4_hidden(&offered) & nvmx_caps_get(&hw, MSR_IA32_VMX_CR4_FIXED1) &
		     ~(u64)CR4_RESERVED_BITS & 0xffffffff);
	msrs->vmcs_enum = nvmx_caps_get(&offered, MSR_IA32_VMX_VMCS_ENUM);
	msrs->vmfunc_controls = nvmx_caps_get(&offered, MSR_IA32_VMX_VMFUNC);
}

/* A set of controls: the words of struct nested_vmx_msrs, and the bits that must be 1 without the TRUE MSRs. */
struct control_words {
	u32 true_msr, old_msr;
	size_t low, high;
	u32 default1;
};

#define WORDS(name) offsetof(struct nested_vmx_msrs, name##_low), offsetof(struct nested_vmx_msrs, name##_high)

static const struct control_words control_words[] = {
	{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, MSR_IA32_VMX_PINBASED_CTLS, WORDS(pinbased_ctls), 0x00000016 },
	{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, MSR_IA32_VMX_PROCBASED_CTLS, WORDS(procbased_ctls), 0x0401e172 },
	{ MSR_IA32_VMX_TRUE_EXIT_CTLS, MSR_IA32_VMX_EXIT_CTLS, WORDS(exit_ctls), 0x00036dff },
	{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, MSR_IA32_VMX_ENTRY_CTLS, WORDS(entry_ctls), 0x000011ff },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, 0, WORDS(secondary_ctls), 0 },
};

static u32 *word(struct nested_vmx_msrs *msrs, size_t offset)
{
	return (u32 *)((char *)msrs + offset);
}

static const struct control_words *find_words(u32 msr)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(control_words); i++)
		if (msr == control_words[i].true_msr || msr == control_words[i].old_msr)
			return &control_words[i];
	return NULL;
}

/* KVM adds secondary controls by CPUID, those that are not offered too. */
static u64 read_controls(struct nested_vmx_msrs *msrs, const struct control_words *c, u32 msr)
{
	u32 low = *word(msrs, c->low) | (msr == c->true_msr ? 0 : c->default1);
	u32 high = *word(msrs, c->high) & nvmx_caps_may(&offered, c->true_msr);

	return (u64)(high | low) << 32 | low;
}

int vmx_get_vmx_msr(struct nested_vmx_msrs *msrs, u32 msr, u64 *value)
{
	const struct control_words *c = find_words(msr);

	if (c) {
		*value = read_controls(msrs, c, msr);
		return 0;
	}
	switch (msr) {
	case MSR_IA32_VMX_BASIC:
		*value = msrs->basic;
		return 0;
	case MSR_IA32_VMX_MISC:
		*value = msrs->misc_low | (u64)msrs->misc_high << 32;
		return 0;
	case MSR_IA32_VMX_CR0_FIXED0:
		*value = msrs->cr0_fixed0;
		return 0;
	case MSR_IA32_VMX_CR0_FIXED1:
		*value = msrs->cr0_fixed1;
		return 0;
	case MSR_IA32_VMX_CR4_FIXED0:
		*value = msrs->cr4_fixed0;
		return 0;
	case MSR_IA32_VMX_CR4_FIXED1:
		*value = msrs->cr4_fixed1 & ~nvmx_caps_cr4_hidden(&offered);
		return 0;
	case MSR_IA32_VMX_VMCS_ENUM:
		*value = msrs->vmcs_enum;
		return 0;
	case MSR_IA32_VMX_EPT_VPID_CAP:
		*value = msrs->ept_caps | (u64)msrs->vpid_caps << 32;
		return 0;
	case MSR_IA32_VMX_VMFUNC:
		*value = msrs->vmfunc_controls;
		return 0;
	default:
		return 1;
	}
}

/* User space may take away what is offered, and give back what it took. */
static int write_controls(struct nested_vmx_msrs *msrs, const struct control_words *c, u64 value)
{
	u64 all = nvmx_caps_get(&offered, c->true_msr);
	u32 low = (u32)value, high = value >> 32;

	if ((u32)all & ~low || high & ~(u32)(all >> 32))	/* that both agree is user space's to see to */
		return -EINVAL;
	*word(msrs, c->low) = low;
	*word(msrs, c->high) = high;
	return 0;
}

/* INS and OUTS information, the treatment of SMM, TRUE MSRs may be hidden; nothing else differs between vCPUs. */
static int write_basic(struct nested_vmx_msrs *msrs, u64 value)
{
	u64 all = nvmx_caps_get(&offered, MSR_IA32_VMX_BASIC);

	if (value & ~all || (value ^ all) & ~(BIT_ULL(49) | BIT_ULL(54) | BIT_ULL(55)))
		return -EINVAL;
	msrs->basic = value;
	return 0;
}

static int write_misc(struct nested_vmx_msrs *msrs, u64 value)
{
	const u64 numbers = VMX_MISC_PREEMPTION_TIMER_RATE_MASK | 0x01ff0000ull | 0x0e000000ull | ~0xffffffffull;
	u64 all = nvmx_caps_get(&offered, MSR_IA32_VMX_MISC);

	if (value & ~numbers & ~all)
		return -EINVAL;
	if (msrs->pinbased_ctls_high & PIN_BASED_VMX_PREEMPTION_TIMER &&
	    (value ^ all) & VMX_MISC_PREEMPTION_TIMER_RATE_MASK)
		return -EINVAL;
	if ((value >> 16 & 0x1ff) > (all >> 16 & 0x1ff) || (value >> 25 & 7) > (all >> 25 & 7) ||
	    (value ^ all) >> 32)
		return -EINVAL;
	split(value, &msrs->misc_low, &msrs->misc_high);
	return 0;
}

static int write_subset(u64 value, u32 msr, u32 *low, u32 *high)
{
	if (value & ~nvmx_caps_get(&offered, msr))
		return -EINVAL;
	split(value, low, high);
	return 0;
}

static int write_fixed0(u64 value, u32 msr, u64 *to)
{
	if (nvmx_caps_get(&offered, msr) & ~value)
		return -EINVAL;
	*to = value;
	return 0;
}

int vmx_set_vmx_msr(struct kvm_vcpu *vcpu, u32 msr, u64 value)
{
	struct nested_vmx *nested = &to_vmx(vcpu)->nested;
	struct nested_vmx_msrs *msrs = &nested->msrs;
	const struct control_words *c = find_words(msr);

	if (nested->vmxon)
		return -EBUSY;
	if (c)
		return msr == c->true_msr ? write_controls(msrs, c, value) : -EINVAL;
	switch (msr) {
	case MSR_IA32_VMX_BASIC:
		return write_basic(msrs, value);
	case MSR_IA32_VMX_MISC:
		return write_misc(msrs, value);
	case MSR_IA32_VMX_CR0_FIXED0:
		return write_fixed0(value, msr, &msrs->cr0_fixed0);
	case MSR_IA32_VMX_CR4_FIXED0:
		return write_fixed0(value, msr, &msrs->cr4_fixed0);
	case MSR_IA32_VMX_EPT_VPID_CAP:
		return write_subset(value, msr, &msrs->ept_caps, &msrs->vpid_caps);
	case MSR_IA32_VMX_VMCS_ENUM:
		msrs->vmcs_enum = value;
		return 0;
	case MSR_IA32_VMX_VMFUNC:
		if (value & ~nvmx_caps_get(&offered, msr))
			return -EINVAL;
		msrs->vmfunc_controls = value;
		return 0;
	default:
		return -EINVAL;
	}
}
