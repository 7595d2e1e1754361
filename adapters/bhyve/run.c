/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmx_run() around the guest: which VMCS is current, and what is due before L2 runs.
 */
#include "bhyve.h"

#define INSTRUCTION_MAX 15

static void registers_in(struct nest *n)
{
	const struct vmxctx *c = &n->vcpu->ctx;
	uint64_t *g = n->regs.gpr;

	g[0] = c->guest_rax, g[1] = c->guest_rcx, g[2] = c->guest_rdx, g[3] = c->guest_rbx;
	g[5] = c->guest_rbp, g[6] = c->guest_rsi, g[7] = c->guest_rdi;
	g[8] = c->guest_r8, g[9] = c->guest_r9, g[10] = c->guest_r10, g[11] = c->guest_r11;
	g[12] = c->guest_r12, g[13] = c->guest_r13, g[14] = c->guest_r14, g[15] = c->guest_r15;
}

static void registers_out(struct nest *n)
{
	struct vmxctx *c = &n->vcpu->ctx;
	const uint64_t *g = n->regs.gpr;

	c->guest_rax = g[0], c->guest_rcx = g[1], c->guest_rdx = g[2], c->guest_rbx = g[3];
	c->guest_rbp = g[5], c->guest_rsi = g[6], c->guest_rdi = g[7];
	c->guest_r8 = g[8], c->guest_r9 = g[9], c->guest_r10 = g[10], c->guest_r11 = g[11];
	c->guest_r12 = g[12], c->guest_r13 = g[13], c->guest_r14 = g[14], c->guest_r15 = g[15];
}

/* Around each call of the library that may look at L1's memory. */
void nest_begin(struct nest *n)
{
	CRITICAL_ASSERT(curthread);
	smr_enter(n->vcpu->vmx->pmap->pm_eptsmr);
	nest_memory_begin(n);
	registers_in(n);
}

void nest_end(struct nest *n)
{
	registers_out(n);
	smr_exit(n->vcpu->vmx->pmap->pm_eptsmr);
	if (!nest_is_l2(n))
		nest_vid_settle(n);
}

/* The VMCS of the guest that goes on is current after it. */
void nest_unpark(struct nest *n)
{
	if (n->moved || n->lastcpu != curcpu)
		nvmx_vcpu_unpark(n->v);
	else
		nvmx_vcpu_unpark_here(n->v);
	n->lastcpu = curcpu;
	n->moved = n->away = false;
	nest_trace_follow(n);
}

void nest_park(struct nest *n)
{
	if (!n->away)
		nvmx_vcpu_park(n->v);
	n->away = true;
}

/* The library waits for a page of L1's, and gets the call again when that is there. */
void nest_await(struct nest *n, enum nest_again call)
{
	nvmx_awaited(n->v, &n->awaited_gpa, &n->awaited_access);
	n->awaits = true;
	n->again = call;
}

/* L1 cannot go on.  A guest that has ended itself is bhyve's triple fault. */
void nest_stopped(struct nest *n)
{
	struct vm *vm = n->vcpu->vmx->vm;
	char line[NVMX_DESCRIBE_MAX];
	struct nvmx_error_info info;

	nvmx_stop_info(n->v, &info);
	nvmx_describe_error(line, sizeof(line), &info);
	printf("vmm: %s: vcpu %d: nested VMX: %s\n", vm_name(vm), n->vcpu->vcpuid, line);
	if (info.error == NVMX_ERR_GUEST)
		vm_suspend(vm, VM_SUSPEND_TRIPLEFAULT);
	else
		n->leave = NEST_FOR_GOOD;
}

void nest_look(struct vmx_vcpu *vcpu)
{
	struct nest *n = vcpu->nest;

	if (n != NULL && vcpu->state.lastcpu == NOCPU)
		n->moved = true;
}

/*
 * Where bhyve's user, or bhyve, goes on in L2.  Behind the instruction that it was to emulate: that one has been executed, which
 * changes more than RIP.
 */
static void go_on_at(struct nest *n, register_t *rip)
{
	uint64_t at = vmcs_guest_rip(), length = (uint64_t)*rip - at;

	if (n->emulating && n->again == NEST_NOTHING && length != 0 && length <= INSTRUCTION_MAX) {
		nvmx_complete_instruction(n->v, length, 0, 0);
		*rip = vmcs_guest_rip();
	}
	n->emulating = false;
}

void nest_load(struct vmx_vcpu *vcpu, register_t *rip)
{
	struct nest *n = vcpu->nest;
	bool host_changed;

	if (n == NULL)
		return;
	n->launched01 = false;
	n->live = true;
	n->leave = NEST_STAY;
	host_changed = nest_host_follow(n);
	if (!nest_is_l2(n))
		nest_vid_settle(n);
	if (!nvmx_in_vmx_operation(n->v) && n->again == NEST_NOTHING)
		return;
	nest_unpark(n);
	if (!nest_is_l2(n))
		return;
	if (host_changed)
		nest_host_write(n, NEST_HOST_CHANGING);
	nest_follow_caps(n);
	nest_awake(n);
	go_on_at(n, rip);
}

void nest_unload(struct vmx_vcpu *vcpu)
{
	struct nest *n = vcpu->nest;

	if (n == NULL)
		return;
	nest_park(n);
	n->live = false;
}

/*
 * Interrupts may be off.  For a page the way is through vm_run(), where nest_prepare() has it faulted in; a rendezvous that nobody
 * has asked for is over at once.
 */
bool nest_waits(struct vmx_vcpu *vcpu, struct vm_exit *vme)
{
	struct nest *n = vcpu->nest;

	if (n == NULL || n->leave == NEST_STAY)
		return (false);
	vme->rip = vmcs_guest_rip();
	vme->inst_length = 0;
	switch (n->leave) {
	case NEST_FOR_PAGE:
		vme->exitcode = VM_EXITCODE_RENDEZVOUS;
		break;
	case NEST_FOR_HLT:
		nest_halt(n, vme);
		break;
	default:
		vme->exitcode = VM_EXITCODE_VMX;
		vme->u.vmx.status = VM_SUCCESS;
		vme->u.vmx.exit_reason = ~0;
		vme->u.vmx.exit_qualification = ~0;
		vme->u.vmx.inst_type = 0;
		vme->u.vmx.inst_error = 0;
		break;
	}
	return (true);
}

static u_long generation(const struct nest *n)
{
	return (atomic_load_acq_long((volatile u_long *)&n->vcpu->vmx->pmap->pm_eptgen));
}

/* Whether EPT01 is not what the library has been told that it is. */
static bool ept01_changed(const struct nest *n)
{
	return (generation(n) != atomic_load_acq_long(&n->vm->eptgen));
}

/* The first vCPU that sees it tells of all, and only then says that it has: who sees it said finds in nvmx_before_l2() what to do. */
static void follow_ept01(struct nest *n)
{
	while (ept01_changed(n)) {
		u_long told = atomic_load_acq_long(&n->vm->eptgen), now = generation(n);

		nvmx_host_changed(n->vm->lib, n->v);
		nest_pins_review(n);
		atomic_cmpset_long(&n->vm->eptgen, told, now);
	}
}

/*
 * `running` is odd while L2 runs, or is about to.  Whoever makes a change known after that waits in kick_others for L2 to be left;
 * who did before is seen.  Who makes one known is not odd: no two wait for each other.
 */
static bool start_l2(struct nest *n)
{
	n->cpu = curcpu;
	nest_memory_begin(n);
	for (;;) {
		follow_ept01(n);
		atomic_add_int(&n->running, 1);
		if (!ept01_changed(n))
			break;
		atomic_add_int(&n->running, 1);
	}
	return (nvmx_before_l2(n->v) != NVMX_STOP);
}

static int enter_l2(struct nest *n)
{
	int rc = VMX_GUEST_VMEXIT;

	n->no_exit = !start_l2(n);
	if (!n->no_exit) {
		rc = vmx_enter_guest(&n->vcpu->ctx, n->vcpu->vmx, !nvmx_must_launch(n->v));
		n->no_exit = n->entry_refused = rc != VMX_GUEST_VMEXIT;
	}
	atomic_add_int(&n->running, 1);
	return (VMX_GUEST_VMEXIT);
}

int nest_enter(struct vmx_vcpu *vcpu, int launched)
{
	struct nest *n = vcpu->nest;

	if (n == NULL)
		return (vmx_enter_guest(&vcpu->ctx, vcpu->vmx, launched));
	n->no_exit = n->again == NEST_EXIT;
	if (n->no_exit)
		return (VMX_GUEST_VMEXIT);
	if (!n->away && nest_is_l2(n))
		return (enter_l2(n));
	launched = n->launched01;
	n->launched01 = true;
	return (vmx_enter_guest(&vcpu->ctx, vcpu->vmx, launched));
}

bool nest_no_exit(const struct vmx_vcpu *vcpu)
{
	return (vcpu->nest != NULL && vcpu->nest->no_exit);
}

/* They leave L2 by an interrupt, and come by start_l2() before they run it again. */
void nest_op_kick_others(struct nvmx_host *h)
{
	struct nest *n = nest_of_host(h), *o;
	u_int run;

	for (o = atomic_load_ptr(&n->vm->vcpus); o != NULL; o = o->next) {
		run = atomic_load_int(&o->running);
		if (o == n || (run & 1) == 0)
			continue;
		ipi_cpu(o->cpu, nest_kick_vector);
		while (atomic_load_int(&o->running) == run)
			cpu_spinwait();
	}
}
