// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's state of a vCPU, from its first VMXON on, and the ops that need no file of their own.
 */
#include "nest.h"

#include <linux/moduleparam.h>
#include <linux/vmalloc.h>
#include <asm/nospec-branch.h>
#include <asm/tlbflush.h>

/* The library's counters of each vCPU go to the kernel's log when it ends. */
static bool stats;
module_param_named(nest_stats, stats, bool, 0644);

static void op_flush_ept(struct nvmx_host *host, u64 eptp, unsigned int scope)
{
	nest_settle(nest_of_host(host));
	if (scope == NVMX_FLUSH_SINGLE)
		ept_sync_context(eptp);
	else
		ept_sync_global();
}

static void op_flush_vpid(struct nvmx_host *host, u16 vpid, unsigned int scope, u64 linear)
{
	nest_settle(nest_of_host(host));
	if (scope == NVMX_FLUSH_ADDRESS)
		vpid_sync_vcpu_addr(vpid, linear);
	else if (scope == NVMX_FLUSH_ALL)
		vpid_sync_vcpu_global();
	else
		vpid_sync_vcpu_single(vpid);
}

/*
 * The MSRs that user space keeps from L1 (KVM_X86_SET_MSR_FILTER) it does not reach by its MSR lists.  IA32_XSS the library reads for
 * itself, and IA32_PERF_GLOBAL_CTRL has a VM-entry and a VM-exit control, which stock KVM does not filter.
 */
static bool may_read(struct kvm_vcpu *vcpu, u32 msr)
{
	return msr == MSR_IA32_XSS || kvm_msr_allowed(vcpu, msr, KVM_MSR_FILTER_READ);
}

static bool may_write(struct kvm_vcpu *vcpu, u32 msr)
{
	return msr == MSR_CORE_PERF_GLOBAL_CTRL || kvm_msr_allowed(vcpu, msr, KVM_MSR_FILTER_WRITE);
}

static int op_l1_msr_read(struct nvmx_host *host, u32 msr, u64 *value)
{
	struct nest *n = nest_of_host(host);

	nest_settle(n);
	if (!may_read(nest_vcpu(n), msr))
		return -1;
	if (msr == MSR_IA32_TSC) {	/* L1's, also while KVM counts with L2's offset */
		*value = kvm_read_l1_tsc(nest_vcpu(n), rdtsc());
		return 0;
	}
	return nest_get_msr(nest_vcpu(n), msr, value) ? -1 : 0;
}

static int op_l1_msr_write(struct nvmx_host *host, u32 msr, u64 value)
{
	struct nest *n = nest_of_host(host);

	nest_settle(n);
	return !may_write(nest_vcpu(n), msr) || nest_set_msr(nest_vcpu(n), msr, value) ? -1 : 0;
}

static void op_l1_state_loaded(struct nvmx_host *host)
{
	nest_of_host(host)->l1_reloaded = true;
}

static void op_inject(struct nvmx_host *host, unsigned int vector, bool has_error, u32 error)
{
	struct kvm_vcpu *vcpu = nest_vcpu(nest_of_host(host));

	if (has_error)
		kvm_queue_exception_e(vcpu, vector, error);
	else
		kvm_queue_exception(vcpu, vector);
}

static void op_barrier(struct nvmx_host *host, unsigned int kinds)
{
	if (kinds & NVMX_BARRIER_IBPB && nest_of_host(host)->has_ibpb)
		indirect_branch_prediction_barrier();
	if (kinds & NVMX_BARRIER_L2_ENTRY)	/* of L1D (CVE-2018-3646), if KVM does it; MDS buffers are cleared at each entry */
		nest_flush_l1d(nest_vcpu(nest_of_host(host)));
}

static void op_set_cr2(struct nvmx_host *host, u64 cr2)
{
	nest_vcpu(nest_of_host(host))->arch.cr2 = cr2;
}

const struct nvmx_host_ops nest_ops = {
	.size = sizeof(nest_ops),
	.abi = NVMX_ABI_VERSION,
	.translate = nest_op_translate,
	.map = nest_op_map,
	.unmap = nest_op_unmap,
	.pin = nest_op_pin,
	.unpin = nest_op_unpin,
	.page_alloc = nest_op_page_alloc,
	.page_free = nest_op_page_free,
	.vmcs_load = nest_op_vmcs_load,
	.vmcs_clear = nest_op_vmcs_clear,
	.flush_ept = op_flush_ept,
	.flush_vpid = op_flush_vpid,
	.l1_msr_read = op_l1_msr_read,
	.l1_msr_write = op_l1_msr_write,
	.l1_state_loaded = op_l1_state_loaded,
	.pending_events = nest_op_pending_events,
	.ack_interrupt = nest_op_ack_interrupt,
	.inject_l1 = op_inject,
	.barrier = op_barrier,
	.kick_others = nest_op_kick_others,
	.take_event = nest_op_take_event,
	.set_cr2 = op_set_cr2,
	.inject_l2 = op_inject,
	.make_vmcs02 = nest_op_make_vmcs02,
	.end_interrupt = nest_op_end_interrupt,
	.trace = nest_op_trace,
#if NEST_WATCH
	.watch = nest_op_watch,
	.unwatch = nest_op_unwatch,
#endif
};

static int init_vcpu(struct nest *n)
{
	struct vcpu_vmx *vmx = n->vmx;
	struct nvmx_vcpu_config vcpu = {
		.size = sizeof(vcpu),
		.host = (struct nvmx_host *)n,
		.vmcs01 = __pa(vmx->vmcs01.vmcs),
		.msr_bitmap01 = cpu_has_vmx_msr_bitmap() ? (u8 *)vmx->vmcs01.msr_bitmap : NULL,
		.vpid02 = vmx->vpid ? vmx->nested.vpid02 : 0,
		.cr4_kept = cr4_read_shadow() & X86_CR4_MCE,
		.cr4_hidden = boot_cpu_has(X86_FEATURE_UMIP) ? 0 : X86_CR4_UMIP,
		.debugctl_hidden = DEBUGCTLMSR_FREEZE_IN_SMM |
				   (DEBUGCTLMSR_LBR & ~vmx_get_supported_debugctl(&vmx->vcpu, false)),
	};
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	int error;

	vmcs_write64(GUEST_IA32_EFER, vmx->vcpu.arch.efer);
	n->efer01 = vmx->vcpu.arch.efer;
	mutex_lock(&n->vm->following);	/* the first one may take from what the VM offers */
	error = nvmx_vcpu_init(n->vcpu_memory, sizeof(n->vcpu_memory), n->vm->lib, &vcpu, &n->v, &info);
	mutex_unlock(&n->vm->following);
	if (!error)
		return 0;
	nvmx_describe_error(line, sizeof(line), &info);
	pr_err_once("kvm_intel: libnestvmx: %s\n", line);
	return -EINVAL;
}

int nest_create(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_zalloc(sizeof(*n));
	int error = -ENOMEM;

	if (!n)
		return error;
	nest_took(NEST_VCPU);
	n->vmx = vmx;
	n->has_ibpb = guest_cpu_cap_has(vcpu, X86_FEATURE_SPEC_CTRL);
	spin_lock_init(&n->frames_lock);
	nest_mmu_init(n);
	nest_timer_init(&vmx->nested.preemption_timer, nest_timer_rings);
	if (!vmx->nested.vpid02)
		vmx->nested.vpid02 = allocate_vpid();
	vmx->nested.hv_evmcs = (void *)n;
	error = nest_vm_join(n);
	if (!error) {
		error = init_vcpu(n);
		if (!error) {
			n->traced = true;	/* as the library begins */
			nest_follow_tracing(n);
			return 0;
		}
		nest_settle(n);
		nest_vm_leave(n);
	}
	vmx->nested.hv_evmcs = NULL;
	nest_returned(NEST_VCPU);
	vfree(n);
	return error;
}

static void print_counters(struct nest *n)
{
	unsigned int i;

	for (i = 0; i < NVMX_CNT_COUNT; i++)
		pr_info("kvm_intel: vcpu %d nestvmx: stat %s %llu\n", nest_vcpu(n)->vcpu_id, nvmx_counter_name(i),
			nvmx_counter(n->v, i));
	pr_info("kvm_intel: vcpu %d nestvmx: stat pages_given %llu\n", nest_vcpu(n)->vcpu_id, n->given);
	pr_info("kvm_intel: vcpu %d nestvmx: stat uncached_frames %llu\n", nest_vcpu(n)->vcpu_id, n->uncached);
}

/* Its vCPUs have gone. */
void nest_print_vm(const struct nest_vm *vm)
{
	if (!stats)
		return;
	pr_info("kvm_intel: VM nestvmx: stat most_pages %d\n", atomic_read(&vm->most_pages));
#if NEST_WATCH
	pr_info("kvm_intel: VM nestvmx: stat watches_begun %llu\n", vm->watches_begun);
	pr_info("kvm_intel: VM nestvmx: stat watches_ended %llu\n", vm->watches_ended);
#endif
}

/* vmcs01 is current after it; L2, if it ran, is forgotten. */
void nest_destroy(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct nest *n = nest_of(vmx);

	if (!n)
		return;
	if (stats)
		print_counters(n);
	hrtimer_cancel(&vmx->nested.preemption_timer);
	nvmx_vcpu_destroy(n->v);
	nest_settle(n);
	nest_forget_vmcs02(n);
	nest_frames_drop(n);
	nest_vm_leave(n);
	vmx->vmcs01.shadow_vmcs = NULL;
	vmx->vmcs01.controls_shadow.secondary_exec = vmcs_read32(SECONDARY_VM_EXEC_CONTROL);
	vmx->nested.hv_evmcs = NULL;
	vmx->nested.cached_vmcs12 = NULL;
	nest_returned(NEST_VCPU);
	vfree(n);
}
