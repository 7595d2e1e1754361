// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMCSs.  KVM knows a VMCS as a struct loaded_vmcs, moves it between processors and mirrors some of its fields; each vmcs02
 * of the library gets one.  Shadow VMCSs are current for a few instructions only, with preemption off: between the
 * library's VMPTRLD of one and its next VMPTRLD, or anything that may sleep.
 */
#include "nest.h"

void nest_write_back_dirty(struct kvm_vcpu *vcpu)
{
	if (kvm_register_is_dirty(vcpu, VCPU_REGS_RSP))
		vmcs_writel(GUEST_RSP, vcpu->arch.regs[VCPU_REGS_RSP]);
	if (kvm_register_is_dirty(vcpu, VCPU_REG_RIP))
		vmcs_writel(GUEST_RIP, nest_rip(vcpu));
	if (kvm_register_is_dirty(vcpu, VCPU_REG_CR3))
		vmcs_writel(GUEST_CR3, vcpu->arch.cr3);
	nest_forget_written(vcpu);
}

/*
 * Left active, where KVM will clear it with vmcs01 (SDM 24.11.1): it does not before L1 has run on this processor.
 */
static void leave_shadow(struct nest *n)
{
	if (n->shadow && !n->vmx->vmcs01.launched)
		vmcs_clear(n->shadow);
	n->shadow = NULL;
}

void nest_come_back(struct nest *n)
{
	leave_shadow(n);
	vmcs_load(n->vmx->loaded_vmcs->vmcs);
	n->away = false;
	preempt_enable();
}

static void go_away(struct nest *n)
{
	if (!n->away)
		preempt_disable();
	n->away = true;
}

/* None: it becomes a vmcs02. */
static struct loaded_vmcs *find(struct nest *n, const struct vmcs *vmcs)
{
	int i;

	if (vmcs == n->vmx->vmcs01.vmcs)
		return &n->vmx->vmcs01;
	for (i = 0; i < NEST_SLOTS; i++)
		if (n->vmcs02[i].vmcs == vmcs)
			return &n->vmcs02[i];
	return NULL;
}

/* KVM makes vmcs01 current for a moment in L2's stay. */
void nested_vmx_keep_vmcs(struct kvm_vcpu *vcpu)
{
	nest_of(to_vmx(vcpu))->kept = to_vmx(vcpu)->loaded_vmcs;
}

struct loaded_vmcs *nested_vmx_kept_vmcs(struct kvm_vcpu *vcpu)
{
	return nest_of(to_vmx(vcpu))->kept;
}

static bool same_segments(const struct vmcs_host_state *a, const struct vmcs_host_state *b)
{
	return !((a->fs_base ^ b->fs_base) | (a->gs_base ^ b->gs_base) | (a->fs_sel ^ b->fs_sel) | (a->gs_sel ^ b->gs_sel) |
		 (a->ldt_sel ^ b->ldt_sel) | (a->ds_sel ^ b->ds_sel) | (a->es_sel ^ b->es_sel));
}

/* The host segments that KVM loaded for the VMCS before are loaded for this one. */
static void take_over_host_state(struct vcpu_vmx *vmx, const struct vmcs_host_state *from)
{
	struct vmcs_host_state *to = &vmx->loaded_vmcs->host_state;

	if (!nest_vt(vmx)->guest_state_loaded || likely(same_segments(to, from)))
		return;
	vmx_set_host_fs_gs(to, from->fs_sel, from->gs_sel, from->fs_base, from->gs_base);
	to->ldt_sel = from->ldt_sel;
	to->ds_sel = from->ds_sel;
	to->es_sel = from->es_sel;
}

/* A control that KVM changed for its own sake while L2 ran (a window, the timer) does not outlast L2's stay. */
static void restore_controls(struct nest *n)
{
	const struct vmcs_controls_shadow *c = &n->vmx->loaded_vmcs->controls_shadow;
	u32 entry = n->view.entry & ~VM_ENTRY_IA32E_MODE;

	n->window02 = c->exec & CPU_BASED_INTR_WINDOW_EXITING;
	entry |= c->vm_entry & VM_ENTRY_IA32E_MODE;
	if (!((c->vm_entry ^ entry) | (c->vm_exit ^ n->view.exit) | (c->pin ^ n->view.pin) | (c->exec ^ n->view.proc) |
	      (c->secondary_exec ^ n->view.proc2)))
		return;
	nest_settle(n);
	vm_entry_controls_set(n->vmx, entry);
	vm_exit_controls_set(n->vmx, n->view.exit);
	pin_controls_set(n->vmx, n->view.pin);
	exec_controls_set(n->vmx, n->view.proc);
	secondary_exec_controls_set(n->vmx, n->view.proc2);
}

/*
 * If the vCPU has moved while L2 ran, the processor that last ran L1 may hold data of the shadow VMCS that vmcs01 links to
 * (SDM 24.11.1); KVM clears the two together.
 */
static void fetch_shadow(struct vcpu_vmx *vmx)
{
	if (vmx->vmcs01.cpu != -1 && vmx->vmcs01.cpu != raw_smp_processor_id() && vmx->loaded_vmcs != &vmx->vmcs01)
		loaded_vmcs_clear(&vmx->vmcs01);
}

static noinline void load_shadow(struct nest *n, struct vmcs *vmcs)
{
	go_away(n);
	fetch_shadow(n->vmx);
	vmcs_load(vmcs);
	n->shadow = vmcs;
}

static noinline void load_other(struct nest *n, struct vmcs *vmcs)
{
	struct vcpu_vmx *vmx = n->vmx;
	struct loaded_vmcs *to = find(n, vmcs), *from = vmx->loaded_vmcs;

	if (WARN_ON_ONCE(!to))
		return;
	leave_shadow(n);
	if (from == n->mirrored && is_guest_mode(&vmx->vcpu))
		restore_controls(n);
	/* Whatever is current now, vmx_vcpu_load_vmcs() has to load `to`: it differs from what KVM takes for current. */
	preempt_disable();
	vmx->loaded_vmcs = to;
	nest_load_vmcs(&vmx->vcpu, smp_processor_id(), from);
	if (n->away) {
		n->away = false;
		preempt_enable();
	}
	take_over_host_state(vmx, &from->host_state);
	preempt_enable();
	nest_forget_registers(&vmx->vcpu);
}

void nest_op_vmcs_load(struct nvmx_host *host, u64 hpa)
{
	struct nest *n = nest_of_host(host);
	struct vmcs *vmcs = __va(hpa);

	if (vmcs->hdr.shadow_vmcs)
		load_shadow(n, vmcs);
	else if (vmcs == n->vmx->loaded_vmcs->vmcs)
		nest_settle(n);
	else
		load_other(n, vmcs);
}

/* A page becomes a vmcs02. */
static void adopt(struct nest *n, struct vmcs *vmcs)
{
	int i;

	for (i = 0; i < NEST_SLOTS; i++) {
		struct loaded_vmcs *l = &n->vmcs02[i];

		if (l->vmcs)
			continue;
		memset(l, 0, sizeof(*l));
		l->vmcs = vmcs;
		l->cpu = -1;
		l->msr_bitmap = n->vmx->vmcs01.msr_bitmap;
		vmcs_clear(vmcs);
		nest_took(NEST_VMCS02);
		return;
	}
	WARN_ON_ONCE(1);
}

static noinline void clear_shadow(struct nest *n, struct vmcs *vmcs)
{
	go_away(n);
	vmcs_clear(vmcs);
	n->shadow = NULL;
}

/* The library clears a page before it is a vmcs02, and again only to give it back. */
static noinline void clear_other(struct nest *n, struct vmcs *vmcs)
{
	struct loaded_vmcs *l = find(n, vmcs);

	nest_settle(n);
	if (!l) {
		adopt(n, vmcs);
		return;
	}
	loaded_vmcs_clear(l);
	nest_returned(NEST_VMCS02);
	l->vmcs = NULL;
}

void nest_op_vmcs_clear(struct nvmx_host *host, u64 hpa)
{
	struct vmcs *vmcs = __va(hpa);

	if (vmcs->hdr.shadow_vmcs)
		clear_shadow(nest_of_host(host), vmcs);
	else
		clear_other(nest_of_host(host), vmcs);
}

void nest_forget_vmcs02(struct nest *n)
{
	int i;

	for (i = 0; i < NEST_SLOTS; i++)
		WARN_ON_ONCE(n->vmcs02[i].vmcs);
}

/* The host part of a vmcs02 that is new, and of all when vmcs01's controls have changed. */
void nest_op_make_vmcs02(struct nvmx_host *host, u64 hpa)
{
	struct vcpu_vmx *vmx = nest_of_host(host)->vmx;
	struct vmcs_host_state *s = &vmx->loaded_vmcs->host_state;

	vmx_set_constant_host_state(vmx);
	vmcs_write16(HOST_FS_SELECTOR, s->fs_sel);
	vmcs_write16(HOST_GS_SELECTOR, s->gs_sel);
	vmcs_writel(HOST_FS_BASE, s->fs_base);
	vmcs_writel(HOST_GS_BASE, s->gs_base);
	vmcs_write32(VM_EXIT_MSR_STORE_COUNT, nest_autostore(vmx).nr);
	vmcs_write64(VM_EXIT_MSR_STORE_ADDR, __pa(nest_autostore(vmx).val));
	vmcs_write32(VM_EXIT_MSR_LOAD_COUNT, vmx->msr_autoload.host.nr);
	vmcs_write64(VM_EXIT_MSR_LOAD_ADDR, __pa(vmx->msr_autoload.host.val));
	vmcs_write32(VM_ENTRY_MSR_LOAD_COUNT, vmx->msr_autoload.guest.nr);
	vmcs_write64(VM_ENTRY_MSR_LOAD_ADDR, __pa(vmx->msr_autoload.guest.val));
	vmx->loaded_vmcs->hv_timer_soft_disabled = false;
}
