/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes the place of arch/x86/kvm/vmx/nested.h: what vmx.c and its neighbours ask of nested VMX.  The questions about
 * vmcs12 are answered from the library's copy of it, which has Linux's layout.
 */
#ifndef NEST_NESTED_H
#define NEST_NESTED_H

#include <linux/version.h>

#define NEST_7 (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))

#if NEST_7
#include "regs.h"
#include "hyperv.h"
#else
#include "kvm_cache_regs.h"
#endif
#include "vmcs12.h"
#include "vmx.h"

enum nvmx_vmentry_status {
	NVMX_VMENTRY_SUCCESS,
	NVMX_VMENTRY_VMFAIL,
	NVMX_VMENTRY_VMEXIT,
	NVMX_VMENTRY_KVM_INTERNAL_ERROR,
};

extern struct kvm_x86_nested_ops vmx_nested_ops;

int nested_vmx_hardware_setup(int (*exit_handlers[])(struct kvm_vcpu *));
void nested_vmx_hardware_unsetup(void);
void nested_vmx_setup_ctls_msrs(struct vmcs_config *vmcs_conf, u32 ept_caps);
void nested_vmx_set_vmcs_shadowing_bitmap(void);
void nested_vmx_free_vcpu(struct kvm_vcpu *vcpu);
void vmx_leave_nested(struct kvm_vcpu *vcpu);

int vmx_set_vmx_msr(struct kvm_vcpu *vcpu, u32 msr_index, u64 data);
int vmx_get_vmx_msr(struct nested_vmx_msrs *msrs, u32 msr_index, u64 *pdata);

bool nested_vmx_reflect_vmexit(struct kvm_vcpu *vcpu);
void nested_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info, unsigned long qualification);
void __nested_vmx_vmexit(struct kvm_vcpu *vcpu, u32 reason, u32 intr_info, unsigned long qualification, u32 instr_len);
enum nvmx_vmentry_status nested_vmx_enter_non_root_mode(struct kvm_vcpu *vcpu, bool from_vmentry);
/* Called by what patches/ adds to vmx.c. */
void nested_vmx_before_entry(struct kvm_vcpu *vcpu);
void nested_vmx_flush_tlb(struct kvm_vcpu *vcpu);
bool nested_vmx_handle_exit_at_once(struct kvm_vcpu *vcpu);
void nested_vmx_keep_vmcs(struct kvm_vcpu *vcpu);
struct loaded_vmcs *nested_vmx_kept_vmcs(struct kvm_vcpu *vcpu);
void nested_mark_vmcs12_pages_dirty(struct kvm_vcpu *vcpu);
bool nested_vmx_check_io_bitmaps(struct kvm_vcpu *vcpu, unsigned int port, int size);
int get_vmx_mem_address(struct kvm_vcpu *vcpu, unsigned long qualification, u32 instruction_info, bool wr, int len,
			gva_t *ret);

/* Whether the EPT that L2 runs on has accessed and dirty flags: the library's root, or KVM's own. */
bool nested_ept_ad_enabled(struct kvm_vcpu *vcpu);

static inline struct vmcs12 *get_vmcs12(struct kvm_vcpu *vcpu)
{
	return to_vmx(vcpu)->nested.cached_vmcs12;
}

static inline bool nested_cpu_has(struct vmcs12 *vmcs12, u32 bit)
{
	return vmcs12->cpu_based_vm_exec_control & bit;
}

static inline bool nested_cpu_has2(struct vmcs12 *vmcs12, u32 bit)
{
	return nested_cpu_has(vmcs12, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS) && (vmcs12->secondary_vm_exec_control & bit);
}

static inline bool nested_cpu_has_mtf(struct vmcs12 *vmcs12)
{
	return nested_cpu_has(vmcs12, CPU_BASED_MONITOR_TRAP_FLAG);
}

static inline bool nested_cpu_has_encls_exit(struct vmcs12 *vmcs12)
{
	return nested_cpu_has2(vmcs12, SECONDARY_EXEC_ENCLS_EXITING);
}

static inline bool nested_exit_on_nmi(struct kvm_vcpu *vcpu)
{
	return get_vmcs12(vcpu)->pin_based_vm_exec_control & PIN_BASED_NMI_EXITING;
}

static inline bool nested_exit_on_intr(struct kvm_vcpu *vcpu)
{
	return get_vmcs12(vcpu)->pin_based_vm_exec_control & PIN_BASED_EXT_INTR_MASK;
}

#if NEST_7
int nested_vmx_check_restored_vmcs12(struct kvm_vcpu *vcpu);
void loaded_vmcs_clear(struct loaded_vmcs *loaded_vmcs);

#endif
/* Earlier updates of 6.1 ask for it. */
static inline bool nested_cpu_has_vid(struct vmcs12 *vmcs12)
{
	return nested_cpu_has2(vmcs12, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);
}

/* L2 has a VPID of its own whenever KVM uses VPIDs, whether L1 gives it one or not. */
static inline bool nested_cpu_has_vpid(struct vmcs12 *vmcs12)
{
	return true;
}

static inline u16 nested_get_vpid02(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	return vmx->nested.vpid02 ? vmx->nested.vpid02 : vmx->vpid;
}

static inline bool nest_fixed_bits_hold(u64 value, u64 must, u64 may)
{
	return (value & must) == must && !(value & ~may);
}

static inline bool nested_host_cr0_valid(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	struct nested_vmx_msrs *msrs = &to_vmx(vcpu)->nested.msrs;

	return nest_fixed_bits_hold(cr0, msrs->cr0_fixed0, msrs->cr0_fixed1);
}

static inline bool nested_guest_cr0_valid(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	struct nested_vmx_msrs *msrs = &to_vmx(vcpu)->nested.msrs;
	u64 must = msrs->cr0_fixed0;

	if (nested_cpu_has2(get_vmcs12(vcpu), SECONDARY_EXEC_UNRESTRICTED_GUEST))
		must &= ~(u64)(X86_CR0_PE | X86_CR0_PG);
	return nest_fixed_bits_hold(cr0, must, msrs->cr0_fixed1);
}

static inline bool nested_cr4_valid(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	struct nested_vmx_msrs *msrs = &to_vmx(vcpu)->nested.msrs;

	return nest_fixed_bits_hold(cr4, msrs->cr4_fixed0, msrs->cr4_fixed1) && __kvm_is_valid_cr4(vcpu, cr4);
}

#endif
