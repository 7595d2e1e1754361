// SPDX-License-Identifier: GPL-2.0-only
/*
 * The doors between KVM and this adapter: what vmx.c calls at set-up and tear-down, the exit handlers and vmx_nested_ops.
 */
#include "nest.h"

/* What the library calls by nest_port.h. */
void nest_vmx_fault(void);
void nest_preempt_off(void);
void nest_preempt_on(void);

static int (*kvm_ept_violation)(struct kvm_vcpu *vcpu);

/* The VMREADs and VMWRITEs of the library call it, unseen by the compiler (nest_port.h): out of VMX operation, or it is a bug. */
__visible __attribute__((no_caller_saved_registers)) void nest_vmx_fault(void)
{
	kvm_spurious_fault();
}

/* For the library's spin locks (nest_port.h). */
void nest_preempt_off(void)
{
	preempt_disable();
}

void nest_preempt_on(void)
{
	preempt_enable();
}

/* What the library left of L2's EPT faults is no page that KVM could map. */
static int handle_ept_violation(struct kvm_vcpu *vcpu)
{
	if (is_guest_mode(vcpu) && nest_of(to_vmx(vcpu))->ept12)
		return nest_handle_ept_fault(vcpu);
	nest_before_l1_write(vcpu);
	return kvm_ept_violation(vcpu);
}

__init int nested_vmx_hardware_setup(int (*exit_handlers[])(struct kvm_vcpu *))
{
	static const u8 instructions[] = {
		EXIT_REASON_VMCLEAR, EXIT_REASON_VMLAUNCH, EXIT_REASON_VMPTRLD, EXIT_REASON_VMPTRST, EXIT_REASON_VMREAD,
		EXIT_REASON_VMRESUME, EXIT_REASON_VMWRITE, EXIT_REASON_VMOFF, EXIT_REASON_VMON, EXIT_REASON_INVEPT,
		EXIT_REASON_INVVPID, EXIT_REASON_VMFUNC,
	};
	int i;

	if (nest_on_evmcs()) {
		pr_err("kvm_intel: libnestvmx uses VMREAD and VMWRITE, not Hyper-V's enlightened VMCS: load with nested=0 or enlightened_vmcs=0\n");
		return -EOPNOTSUPP;
	}
	if (!cpu_has_vmx_shadow_vmcs())
		nest_shadow_vmcs = false;
	for (i = 0; i < ARRAY_SIZE(instructions); i++)
		exit_handlers[instructions[i]] = nest_handle_instruction;
	kvm_ept_violation = exit_handlers[EXIT_REASON_EPT_VIOLATION];
	exit_handlers[EXIT_REASON_EPT_VIOLATION] = handle_ept_violation;
	if (NEST_7)	/* earlier kernels do it themselves */
		nested_vmx_setup_ctls_msrs(&vmcs_config, vmx_capability.ept);
	return nest_shrinker_begin();
}

void nested_vmx_hardware_unsetup(void)
{
	nest_shrinker_end();
	nest_ledger_close();
}

void nested_vmx_setup_ctls_msrs(struct vmcs_config *vmcs_conf, u32 ept_caps)
{
	nest_caps_setup(&vmcs_conf->nested);
}

/* The library gives vmcs01 its VMREAD and VMWRITE bitmaps when L1 has a current VMCS. */
void nested_vmx_set_vmcs_shadowing_bitmap(void)
{
}

/*
 * Out of VMX operation without an exit: KVM resets the vCPU, frees it, or user space takes VMX away.  Not all of its callers hold
 * the memory slots, in which frames are marked that are given back.
 */
void vmx_leave_nested(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);
	int idx;

	/* RSM has nothing to go back to, nor has KVM_RUN. */
	vmx->nested.smm.vmxon = false;
	vmx->nested.smm.guest_mode = false;
	kvm_clear_request(KVM_REQ_GET_NESTED_STATE_PAGES, vcpu);
	if (!n)
		return;
	if (is_guest_mode(vcpu)) {
		nest_run_pending(vcpu) = 0;
		nest_leave_behind(n);
	}
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	nest_destroy(vcpu);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	nest_forget_registers(vcpu);
	vmx->nested.vmxon = false;
	vmx->nested.vmxon_ptr = INVALID_GPA;
	vmx->nested.current_vmptr = INVALID_GPA;
}

void nested_vmx_free_vcpu(struct kvm_vcpu *vcpu)
{
	vcpu_load(vcpu);
	vmx_leave_nested(vcpu);
	vcpu_put(vcpu);
	free_vpid(to_vmx(vcpu)->nested.vpid02);
	to_vmx(vcpu)->nested.vpid02 = 0;
}

bool nested_vmx_check_io_bitmaps(struct kvm_vcpu *vcpu, unsigned int port, int size)
{
	struct nest *n = nest_of(to_vmx(vcpu));
	bool wants = nvmx_l1_wants_port(n->v, port, size);

	nest_settle(n);
	return wants;
}

struct kvm_x86_nested_ops vmx_nested_ops = {
	.leave_nested = vmx_leave_nested,
#if NEST_7
	.translate_nested_gpa = nest_translate_gpa,
	.hv_inject_synthetic_vmexit_post_tlb_flush = vmx_hv_inject_synthetic_vmexit_post_tlb_flush,
#endif
	.is_exception_vmexit = nest_is_exception_vmexit,
	.check_events = nest_check_events,
	.has_events = nest_has_events,
	.triple_fault = nest_triple_fault,
	.get_state = nest_get_state,
	.set_state = nest_set_state,
	.get_nested_state_pages = nest_complete_state,
};
