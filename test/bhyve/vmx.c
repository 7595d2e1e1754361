/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vmx_run(), in our words, with the adapter's calls where bhyve's has them. */
#include <machine/psl.h>
#include "vatpic.h"
#include "vmm.h"
#include "vmx_controls.h"
#include "bhyve.h"
#include "nest.h"

#define NMI_BLOCKING (VMCS_INTERRUPTIBILITY_NMI_BLOCKING | VMCS_INTERRUPTIBILITY_MOVSS_BLOCKING)
#define HWINTR_BLOCKING (VMCS_INTERRUPTIBILITY_STI_BLOCKING | VMCS_INTERRUPTIBILITY_MOVSS_BLOCKING)

/* The processor's own come and go with it, all else with the guest. */
static void swap(struct vcpu *vcpu)
{
	static struct fake_cpu were[CPUS];
	struct fake_cpu *c = world_cpu(), *was = &were[curcpu];

	*was = *c;
	*c = vcpu->guest;
	memcpy(c->tlb, was->tlb, sizeof(c->tlb));
	memcpy(c->intr, was->intr, sizeof(c->intr));
	c->vmxon = was->vmxon;
	c->vmcs = was->vmcs;
	c->nmi = was->nmi;
	c->flushes = was->flushes;
	vcpu->guest = *was;
}

/* Registers that bhyve swaps by software: the MSRs of SYSCALL, and PAT around the entry alone. */
static void guest_msrs(struct vmx_vcpu *v, bool enter)
{
	struct fake_arch *a = &world_cpu()->a;
	uint64_t *m = v->guest_msrs;

	if (enter) {
		a->lstar = m[IDX_MSR_LSTAR], a->star = m[IDX_MSR_STAR], a->fmask = m[IDX_MSR_SF_MASK], a->kernel_gs = m[IDX_MSR_KGSBASE];
		return;
	}
	m[IDX_MSR_LSTAR] = a->lstar, m[IDX_MSR_STAR] = a->star, m[IDX_MSR_SF_MASK] = a->fmask, m[IDX_MSR_KGSBASE] = a->kernel_gs;
}

void vmx_outside(struct vcpu *vcpu, struct fake_cpu *c)
{
	int vector;

	while ((vector = fake_highest(c->intr)) >= 0) {
		c->intr[vector / 64] &= ~(1ul << vector % 64);
		if (vector >= (int)OWN_VECTORS)
			continue;
		if (vcpu->pic) {
			vcpu->vm->pic[vector / 64] |= 1ul << vector % 64;
			vcpu->extint_pending = 1;
		} else {
			vlapic_set_intr_ready(&vcpu->vlapic, vector, false);
		}
	}
	vcpu->nmi_pending |= c->nmi;
	c->nmi = false;
}

static void window(struct vmx_vcpu *v, uint32_t bit, bool on)
{
	v->cap.proc_ctls = on ? v->cap.proc_ctls | bit : v->cap.proc_ctls & ~bit;
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, v->cap.proc_ctls);
}

static void inject_nmi(struct vmx_vcpu *v)
{
	vmcs_write(VMCS_ENTRY_INTR_INFO, VMCS_INTR_VALID | VMCS_INTR_T_NMI | 2);
	vm_nmi_clear(v->vcpu);
}

static bool event_is_free(void)
{
	return !(vmcs_read(VMCS_ENTRY_INTR_INFO) & VMCS_INTR_VALID);
}

/* Posted interrupts into the virtual-APIC page, for the processor to deliver. */
static void inject_posted(struct vmx_vcpu *v)
{
	struct pir_desc *pir = v->pir_desc;
	uint64_t status = vmcs_read(VMCS_GUEST_INTR_STATUS);

	if (!pir->pending)
		return;
	pir->pending = 0;
	for (unsigned vector = 16; vector < 256; vector++) {
		if (!(pir->pir[vector / 64] >> vector % 64 & 1))
			continue;
		pir->pir[vector / 64] &= ~(1ul << vector % 64);
		v->apic_page->reg[(APIC_OFFSET_IRR0 + 16 * (vector / 32)) / 4] |= 1u << vector % 32;
		status = (status & ~0xfful) | MAX(vector, status & 0xff);
	}
	vmcs_write(VMCS_GUEST_INTR_STATUS, status);
}

static void inject_interrupt(struct vmx_vcpu *v)
{
	struct vcpu *vcpu = v->vcpu;
	bool pic = vm_extint_pending(vcpu);
	int vector;

	if (world.vid && !pic) {
		inject_posted(v);
		return;
	}
	if (v->cap.proc_ctls & PROCBASED_INT_WINDOW_EXITING)
		return;
	if (pic)
		vatpic_pending_intr(vcpu->vm, &vector);
	else if (!vlapic_pending_intr(&vcpu->vlapic, &vector))
		return;
	if (!(vmcs_read(VMCS_GUEST_RFLAGS) & PSL_I) || vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & HWINTR_BLOCKING ||
	    !event_is_free()) {
		window(v, PROCBASED_INT_WINDOW_EXITING, true);
		return;
	}
	vmcs_write(VMCS_ENTRY_INTR_INFO, VMCS_INTR_VALID | VMCS_INTR_T_HWINTR | (unsigned)vector);
	if (pic) {
		vm_extint_clear(vcpu);
		vatpic_intr_accepted(vcpu->vm, vector);
		window(v, PROCBASED_INT_WINDOW_EXITING, true);
	} else {
		vlapic_intr_accepted(&vcpu->vlapic, vector);
	}
}

static void inject(struct vmx_vcpu *v, uint64_t rip)
{
	uint64_t blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY), info;

	if (v->state.nextrip != rip && blocking & HWINTR_BLOCKING)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocking & ~(uint64_t)HWINTR_BLOCKING);
	if (vm_entry_intinfo(v->vcpu, &info)) {
		KASSERT(event_is_free(), ("two events at one entry"));
		if (VM_INTINFO_VECTOR(info) == 3 || VM_INTINFO_VECTOR(info) == 4)
			info = (info & ~(uint64_t)VMCS_INTR_T_MASK) | VMCS_INTR_T_SWEXCEPTION;
		vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, info >> 32);
		vmcs_write(VMCS_ENTRY_INTR_INFO, (uint32_t)info);
	}
	if (vm_nmi_pending(v->vcpu)) {
		blocking = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
		if (!(blocking & (HWINTR_BLOCKING | NMI_BLOCKING)) && event_is_free())
			inject_nmi(v);
		else
			window(v, PROCBASED_NMI_WINDOW_EXITING, true);
	}
	inject_interrupt(v);
}

static void pcpu_defaults(struct vmx_vcpu *v)
{
	if (v->state.lastcpu == curcpu)
		return;
	v->state.lastcpu = curcpu;
	vmcs_write(VMCS_HOST_TR_BASE, 0x1000000ul * (unsigned)curcpu);
	vmcs_write(VMCS_HOST_GDTR_BASE, 0x1001000ul * (unsigned)curcpu);
	vmcs_write(VMCS_HOST_GS_BASE, 0x1002000ul * (unsigned)curcpu);
	if (v->state.vpid)
		invvpid(INVVPID_TYPE_SINGLE_CONTEXT, (struct invvpid_desc){ .vpid = v->state.vpid });
}

static void pmap_activate(struct vmx *vmx)
{
	long gen;

	CPU_SET(curcpu, &vmx->pmap->pm_active);
	smr_enter(vmx->pmap->pm_eptsmr);
	gen = atomic_load_long(&vmx->pmap->pm_eptgen);
	if (gen != vmx->eptgen[curcpu]) {
		vmx->eptgen[curcpu] = gen;
		invept(INVEPT_TYPE_SINGLE_CONTEXT, (struct invept_desc){ .eptp = vmx->eptp });
	}
}

static void pmap_deactivate(struct vmx *vmx)
{
	smr_exit(vmx->pmap->pm_eptsmr);
	CPU_CLR(curcpu, &vmx->pmap->pm_active);
}

static register_t *const *gprs(struct vmxctx *x, register_t *p[16])
{
	p[0] = &x->guest_rax, p[1] = &x->guest_rcx, p[2] = &x->guest_rdx, p[3] = &x->guest_rbx, p[4] = NULL;
	p[5] = &x->guest_rbp, p[6] = &x->guest_rsi, p[7] = &x->guest_rdi, p[8] = &x->guest_r8, p[9] = &x->guest_r9;
	p[10] = &x->guest_r10, p[11] = &x->guest_r11, p[12] = &x->guest_r12, p[13] = &x->guest_r13, p[14] = &x->guest_r14;
	p[15] = &x->guest_r15;
	return p;
}

static void move_registers(struct vmxctx *x, struct fake_arch *a, bool enter)
{
	register_t *room[16], *const *p = gprs(x, room);

	for (int i = 0; i < 16; i++) {
		if (!p[i])
			continue;
		if (enter)
			a->gpr[i] = (uint64_t)*p[i];
		else
			*p[i] = (register_t)a->gpr[i];
	}
	if (enter)
		a->cr2 = (uint64_t)x->guest_cr2, a->dr6 = (uint64_t)x->guest_dr6;
	else
		x->guest_cr2 = (register_t)a->cr2, x->guest_dr6 = (register_t)a->dr6;
}

/* L1 exits on L2's NMIs, which are not virtual: what blocks them is L1's alone to see (SDM 25.3). */
static bool blocks_nmis_unseen(const struct vmx_vcpu *v)
{
	const struct nvmx_vmcs12 *v12;
	struct nvmx_view view;

	if (!nest_in_l2(v))
		return false;
	nvmx_view(v->nest->v, &view, sizeof(view));
	v12 = view.vmcs12;
	return (v12->pin_ctls & (NVMX_PIN_NMI | NVMX_PIN_VNMI)) == NVMX_PIN_NMI;
}

/* VMLAUNCH or VMRESUME, and the guest until its VM exit.  While it is in the processor, others run. */
int vmx_enter_guest(struct vmxctx *x, struct vmx *vmx, int launched)
{
	struct vmx_vcpu *v = __containerof(x, struct vmx_vcpu, ctx);
	struct fake_cpu *c = world_cpu();
	uint64_t pat = c->a.pat;
	int outcome;

	KASSERT(!curthread->interrupts && curthread->smr && vmx == v->vmx, ("vmx_enter_guest: interrupts are on, or no SMR section"));
	move_registers(x, &c->a, true);
	c->a.pat = v->guest_msrs[IDX_MSR_PAT];
	c->a.tsc_aux = v->guest_msrs[IDX_MSR_TSC_AUX];
	c->hides_nmi_blocking = blocks_nmis_unseen(v);
	c->stop = FAKE_RUNNING;
	outcome = fake_vmenter(c, !launched);
	if (outcome != FAKE_VM_ENTERED) {
		x->inst_fail_status = outcome;
		c->a.pat = pat;
		return launched ? VMX_VMRESUME_ERROR : VMX_VMLAUNCH_ERROR;
	}
	v->vcpu->entries++;
	v->vcpu->yield |= v->vcpu->slice_ends; /* the scheduler's interrupt comes while the guest runs */
	v->vcpu->slice_ends = false;
	if (c->stop != FAKE_EXITED) {
		sim_others();
		fake_run(c);
	}
	if (c->stop != FAKE_EXITED) { /* the script's end, or the guest's */
		v->vcpu->stop = c->stop;
		c->guest = false;
	}
	if (!(vmcs_read(VMCS_EXIT_CTLS) & VM_EXIT_LOAD_PAT))
		c->a.pat = pat;
	move_registers(x, &c->a, false);
	return VMX_GUEST_VMEXIT;
}

/* Whether something keeps the guest from running, and what. */
static bool held_back(struct vmx_vcpu *v, struct vm_exit *e, int *handled)
{
	struct vcpu *vcpu = v->vcpu;

	*handled = 0;
	if (vcpu->vm->suspend != VM_SUSPEND_NONE) {
		e->exitcode = VM_EXITCODE_SUSPENDED;
		e->u.suspended.how = vcpu->vm->suspend;
	} else if (vcpu->reqidle) {
		e->exitcode = VM_EXITCODE_REQIDLE;
	} else if (vcpu->debug && !nest_busy(v)) {
		vcpu->debug = false;
		e->exitcode = VM_EXITCODE_DEBUG;
	} else if (vcpu->yield) {
		vcpu->yield = false;
		e->exitcode = VM_EXITCODE_BOGUS;
		*handled = 1;
	} else {
		return nest_waits(v, e);
	}
	e->inst_length = 0;
	return true;
}

/* One turn: the guest runs, and what it exited for is dealt with.  False: the thread goes back to vm_run(). */
static bool turn(struct vmx_vcpu *v, register_t *rip, int launched)
{
	struct vm_exit *e = vm_exitinfo(v->vcpu);
	int handled, rc;

	KASSERT(vmcs_guest_rip() == (uint64_t)*rip, ("RIP %#lx is not the guest's, %#lx", (u_long)*rip, vmcs_guest_rip()));
	disable_intr();
	vmx_outside(v->vcpu, world_cpu());
	if (!nest_inject(v, rip))
		inject(v, (uint64_t)*rip);
	e->rip = (uint64_t)*rip;
	if (held_back(v, e, &handled)) {
		enable_intr();
		return false;
	}
	pmap_activate(v->vmx);
	rc = nest_enter(v, launched);
	pmap_deactivate(v->vmx);
	e->rip = vmcs_guest_rip();
	e->inst_length = (int)vmexit_instruction_length();
	e->u.vmx.exit_reason = (uint32_t)vmcs_exit_reason();
	e->u.vmx.exit_qualification = vmcs_exit_qualification();
	v->state.nextrip = e->rip;
	if (v->vcpu->stop != FAKE_RUNNING) {
		enable_intr();
		return false;
	}
	enable_intr();
	if (rc != VMX_GUEST_VMEXIT)
		panic("VM entry: %s (%d)", world_cpu()->refused ? world_cpu()->refused : "wrong launch state", v->ctx.inst_fail_status);
	if (!nest_exit(v, e, &handled))
		handled = vmx_exit_process(v, e);
	KASSERT(!handled == (e->exitcode != VM_EXITCODE_BOGUS), ("handled %d, but exit code %d", handled, e->exitcode));
	*rip = (register_t)e->rip;
	return handled;
}

void vmx_run(struct vmx_vcpu *v, uint64_t at)
{
	register_t rip = (register_t)at;
	int launched = 0;

	KASSERT(!CPU_ISSET(curcpu, &v->vmx->pmap->pm_active), ("vm_run: the processor runs a guest already"));
	swap(v->vcpu);
	v->vcpu->in_run = true;
	guest_msrs(v, true);
	VMPTRLD(v->vmcs);
	vmcs_write(VMCS_HOST_CR3, rcr3());
	nest_look(v);
	pcpu_defaults(v);
	nest_load(v, &rip);
	vmcs_write(VMCS_GUEST_RIP, (uint64_t)rip);
	while (turn(v, &rip, launched))
		launched = 1;
	nest_unload(v);
	VMCLEAR(v->vmcs);
	guest_msrs(v, false);
	v->vcpu->in_run = false;
	swap(v->vcpu);
}
