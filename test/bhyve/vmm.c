/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Events that wait for a vCPU, its loop, and what is done for it where one may sleep. */
#include <sys/time.h>
#include <machine/psl.h>
#include "vatpic.h"
#include "vmm.h"
#include "nest.h"

static MALLOC_DEFINE(M_VM, "vm", "vm");

struct vlapic *vm_lapic(struct vcpu *vcpu)
{
	return &vcpu->vlapic;
}

struct vm_exit *vm_exitinfo(struct vcpu *vcpu)
{
	return &vcpu->exitinfo;
}

int vcpu_set_state(struct vcpu *vcpu, enum vcpu_state state, bool from_idle)
{
	(void)from_idle;
	KASSERT(vcpu->state != state && (vcpu->state == VCPU_FROZEN || state == VCPU_FROZEN),
		("vCPU %d goes from state %d to %d", vcpu->vcpuid, vcpu->state, state));
	vcpu->state = state;
	return 0;
}

enum vcpu_state vcpu_get_state(struct vcpu *vcpu, int *hostcpu)
{
	if (hostcpu)
		*hostcpu = vcpu->state == VCPU_RUNNING ? vcpu->on : NOCPU;
	return vcpu->state;
}

int vcpu_debugged(struct vcpu *vcpu)
{
	return vcpu->debug;
}

struct vm *vcpu_vm(struct vcpu *vcpu)
{
	return vcpu->vm;
}

int vcpu_vcpuid(struct vcpu *vcpu)
{
	return vcpu->vcpuid;
}

const char *vm_name(struct vm *vm)
{
	return vm->name;
}

struct vcpu *vm_vcpu(struct vm *vm, int vcpuid)
{
	return vm->vcpu[vcpuid];
}

uint16_t vm_get_maxcpus(struct vm *vm)
{
	(void)vm;
	return VCPUS;
}

/* A vCPU that runs is made to look. */
void vcpu_notify_event(struct vcpu *vcpu)
{
	if (vcpu->state == VCPU_RUNNING && vcpu->on != curcpu)
		ipi_cpu(vcpu->on, KICK_VECTOR);
}

int vm_inject_nmi(struct vcpu *vcpu)
{
	vcpu->nmi_pending = 1;
	vcpu_notify_event(vcpu);
	return 0;
}

int vm_nmi_pending(struct vcpu *vcpu)
{
	return vcpu->nmi_pending;
}

void vm_nmi_clear(struct vcpu *vcpu)
{
	KASSERT(vcpu->nmi_pending, ("vm_nmi_clear: no NMI is pending"));
	vcpu->nmi_pending = 0;
}

int vm_inject_extint(struct vcpu *vcpu)
{
	vcpu->extint_pending = 1;
	vcpu_notify_event(vcpu);
	return 0;
}

int vm_extint_pending(struct vcpu *vcpu)
{
	return vcpu->extint_pending;
}

void vm_extint_clear(struct vcpu *vcpu)
{
	KASSERT(vcpu->extint_pending, ("vm_extint_clear: nothing is pending"));
	vcpu->extint_pending = 0;
}

void vatpic_pending_intr(struct vm *vm, int *vector)
{
	*vector = fake_highest(vm->pic);
}

void vatpic_intr_accepted(struct vm *vm, int vector)
{
	KASSERT(vector == fake_highest(vm->pic), ("the PIC did not offer %d", vector));
	vm->pic[vector / 64] &= ~(1ul << vector % 64);
	if (fake_highest(vm->pic) >= 0)
		vm_inject_extint(vm->vcpu[0]);
}

/* The APIC ends each interrupt by itself: scripts have no EOI. */
int vlapic_set_intr_ready(struct vlapic *vlapic, int vector, bool level)
{
	struct pir_desc *pir = ((struct vmx_vcpu *)vlapic->vcpu->cookie)->pir_desc;

	(void)level;
	if (world.vid) {
		pir->pir[vector / 64] |= 1ul << vector % 64;
		pir->pending = 1;
	} else {
		vlapic->irr[vector / 64] |= 1ul << vector % 64;
	}
	vcpu_notify_event(vlapic->vcpu);
	return 1;
}

int vlapic_pending_intr(struct vlapic *vlapic, int *vector)
{
	int v = fake_highest(vlapic->irr);

	if (world.vid) /* what the processor has to see, or has requested when it halted */
		return ((struct vmx_vcpu *)vlapic->vcpu->cookie)->pir_desc->pending || vlapic->vcpu->exitinfo.u.hlt.intr_status & 0xff;

	if (v < 16 || v >> 4 <= (int)vlapic_get_cr8(vlapic))
		return 0;
	if (vector)
		*vector = v;
	return 1;
}

void vlapic_intr_accepted(struct vlapic *vlapic, int vector)
{
	KASSERT(vlapic->irr[vector / 64] >> vector % 64 & 1, ("interrupt %d was not pending", vector));
	vlapic->irr[vector / 64] &= ~(1ul << vector % 64);
}

uint64_t vlapic_get_cr8(struct vlapic *vlapic)
{
	const struct vcpu *vcpu = vlapic->vcpu;

	return (vcpu->in_run ? world.cpu[vcpu->on].a.cr8 : vcpu->guest.a.cr8) & 15;
}

void vm_set_tsc_offset(struct vcpu *vcpu, uint64_t offset)
{
	vcpu->tsc_offset = offset;
}

int vm_exit_intinfo(struct vcpu *vcpu, uint64_t info)
{
	vcpu->exitintinfo = info & VM_INTINFO_VALID ? info : 0;
	return 0;
}

/* What is to be delivered first: what an exit interrupted, or an exception of an instruction that was emulated. */
int vm_entry_intinfo(struct vcpu *vcpu, uint64_t *info)
{
	uint64_t interrupted = vcpu->exitintinfo;

	KASSERT(!interrupted || !vcpu->exception_pending, ("a double fault, which is not modelled"));
	vcpu->exitintinfo = 0;
	*info = interrupted;
	if (vcpu->exception_pending)
		*info = (unsigned)vcpu->exc_vector | VM_INTINFO_VALID | VM_INTINFO_HWEXCEPTION |
			(vcpu->exc_errcode_valid ? VM_INTINFO_DEL_ERRCODE | (uint64_t)vcpu->exc_errcode << 32 : 0);
	vcpu->exception_pending = 0;
	return *info != 0;
}

int vm_restart_instruction(struct vcpu *vcpu)
{
	vcpu->exitinfo.inst_length = 0;
	if (!vcpu->in_run)
		vcpu->nextrip = vcpu->exitinfo.rip;
	return 0;
}

int vm_inject_exception(struct vcpu *vcpu, int vector, int err_valid, uint32_t errcode, int restart)
{
	uint64_t blocking;

	if (vector < 0 || vector >= 32)
		return EINVAL;
	if (vcpu->exception_pending)
		return EBUSY;
	if (!vmx_getfield(vcpu->cookie, VMCS_GUEST_INTERRUPTIBILITY, &blocking))
		vmx_setfield(vcpu->cookie, VMCS_GUEST_INTERRUPTIBILITY, blocking & ~3ul);
	if (restart)
		vm_restart_instruction(vcpu);
	vcpu->exception_pending = 1;
	vcpu->exc_vector = vector;
	vcpu->exc_errcode_valid = err_valid;
	vcpu->exc_errcode = errcode;
	return 0;
}

void vm_inject_fault(struct vcpu *vcpu, int vector, int err_valid, int errcode)
{
	if (vm_inject_exception(vcpu, vector, err_valid, (uint32_t)errcode, 1))
		panic("vm_inject_fault: an exception waits already");
}

int vm_suspend(struct vm *vm, enum vm_suspend_how how)
{
	if (vm->suspend == VM_SUSPEND_NONE)
		vm->suspend = how;
	return 0;
}

static bool wakes(struct vcpu *vcpu, bool interrupts)
{
	return vcpu->nmi_pending || vcpu->yield || vcpu->vm->suspend != VM_SUSPEND_NONE || (interrupts && (vcpu->extint_pending || vlapic_pending_intr(&vcpu->vlapic, NULL)));
}

/* With the vCPU's lock, as bhyve asks. */
static bool timer_rang(struct vcpu *vcpu)
{
	bool rang;

	critical_enter();
	curthread->spin++;
	rang = nest_woken(vcpu);
	curthread->spin--;
	critical_exit();
	return rang;
}

/* Sleeps: time passes, and with it comes what comes from outside. */
static void handle_hlt(struct vcpu *vcpu)
{
	bool interrupts = vcpu->exitinfo.u.hlt.rflags & PSL_I;
	unsigned n = 0;

	may_sleep("the sleep of a vCPU");
	vcpu->hlts++;
	while (!wakes(vcpu, interrupts) && !timer_rang(vcpu)) {
		if (n++ == HALTED_FOR_EVER) {
			vcpu->stop = FAKE_STOP_HUNG;
			return;
		}
		vcpu_set_state(vcpu, VCPU_SLEEPING, false);
		vcpu->guest.clock++;
		clock_passes(SBT_1US);
		sim_others();
		vcpu_set_state(vcpu, VCPU_FROZEN, false);
		fake_take_outside(&vcpu->guest);
		vmx_outside(vcpu, &vcpu->guest);
	}
}

static void handle_paging(struct vcpu *vcpu)
{
	const struct vm_exit *e = &vcpu->exitinfo;
	int kind = e->u.paging.fault_type;

	KASSERT(!e->inst_length, ("a page fault is no instruction's end"));
	KASSERT(kind == VM_PROT_READ || kind == VM_PROT_WRITE || kind == VM_PROT_EXECUTE, ("no kind of access: %d", kind));
	if (kind != VM_PROT_EXECUTE && pmap_emulate_accessed_dirty(&world.pmap, e->u.paging.gpa, kind) == 0)
		return;
	if (!page_fault(e->u.paging.gpa, kind))
		panic("vm_fault: %#lx is not L1's", e->u.paging.gpa);
}

/* What bhyve(8) does: ports give their number inverted, and there are no more devices. */
static void user(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vcpu->cookie;
	const struct vm_exit *e = &vcpu->exitinfo;
	uint64_t mask;

	may_sleep("a return to user space");
	vcpu->user++;
	switch (e->exitcode) {
	case VM_EXITCODE_INOUT:
		mask = (1ul << e->u.inout.bytes * 8) - 1;
		if (e->u.inout.in)
			v->ctx.guest_rax = (register_t)(((uint64_t)v->ctx.guest_rax & ~mask) | (~(uint64_t)e->u.inout.port & mask));
		break;
	case VM_EXITCODE_RDMSR:
	case VM_EXITCODE_WRMSR:
		vm_inject_gp(vcpu);
		break;
	case VM_EXITCODE_PAUSE:
		break;
	case VM_EXITCODE_MTRAP:
		vcpu->steps++;
		break;
	case VM_EXITCODE_DEBUG:
		vcpu->stopped = true;
		break;
	case VM_EXITCODE_SUSPENDED:
		vcpu->stop = FAKE_STOP_SHUTDOWN;
		break;
	default:
		vcpu->stop = FAKE_STOP_SHUTDOWN;
	}
}

static void handle(struct vcpu *vcpu)
{
	struct vm_exit *e = &vcpu->exitinfo;

	vcpu->nextrip = e->rip + (unsigned)e->inst_length;
	switch (e->exitcode) {
	case VM_EXITCODE_BOGUS:
	case VM_EXITCODE_RENDEZVOUS: /* of nobody */
		break;
	case VM_EXITCODE_HLT:
		handle_hlt(vcpu);
		break;
	case VM_EXITCODE_PAGING:
		handle_paging(vcpu);
		break;
	case VM_EXITCODE_INST_EMUL:
		vmx_emulate(vcpu);
		break;
	case VM_EXITCODE_MONITOR:
	case VM_EXITCODE_MWAIT:
	case VM_EXITCODE_VMINSN:
		vm_inject_ud(vcpu);
		break;
	default:
		user(vcpu);
	}
}

/* The thread goes where the scheduler has it. */
static void be_on(struct vcpu *vcpu)
{
	KASSERT(!curthread->td_critnest, ("a thread moves in a critical section"));
	vcpu->on = vcpu->cpu;
	sim_become(&world.thread[vcpu->on]);
	curthread->vcpu = vcpu;
}

void vm_run(struct vcpu *vcpu)
{
	u_long calls = 0;

	while (vcpu->stop == FAKE_RUNNING) {
		KASSERT(calls++ < CALLS_MAX, ("vCPU %d gets nowhere: exit code %d at %#lx (%#lx, %d)", vcpu->vcpuid, vcpu->exitinfo.exitcode,
				vcpu->exitinfo.rip, vcpu->exitinfo.u.paging.gpa, vcpu->exitinfo.u.paging.fault_type));
		be_on(vcpu);
		nest_prepare(vcpu);
		vcpu->entering(vcpu);
		critical_enter();
		vcpu_set_state(vcpu, VCPU_RUNNING, false);
		vmx_run(vcpu->cookie, vcpu->nextrip);
		vcpu_set_state(vcpu, VCPU_FROZEN, false);
		critical_exit();
		nest_done(vcpu);
		if (vcpu->stop != FAKE_RUNNING)
			break;
		handle(vcpu);
		if (vcpu->between && vcpu->between(vcpu, vcpu->arg))
			break;
	}
}

struct vm *vm_create(const char *name)
{
	struct vm *vm = malloc(sizeof(*vm), M_VM, M_WAITOK | M_ZERO);

	vm->name = name;
	vm->vmx = vmx_init(vm, &world.pmap);
	return vm;
}

struct vcpu *vcpu_create(struct vm *vm, int n)
{
	struct vcpu *vcpu = malloc(sizeof(*vcpu), M_VM, M_WAITOK | M_ZERO);

	vm->vcpu[n] = vcpu;
	vcpu->vm = vm;
	vcpu->vcpuid = vcpu->cpu = n;
	vcpu->state = VCPU_FROZEN;
	vcpu->vlapic = (struct vlapic){ .vm = vm, .vcpu = vcpu, .vcpuid = n };
	return vcpu;
}

void vm_destroy(struct vm *vm)
{
	for (int i = 0; i < VCPUS; i++) {
		if (!vm->vcpu[i])
			continue;
		vmx_vcpu_cleanup(vm->vcpu[i]->cookie);
		free(vm->vcpu[i], M_VM);
	}
	vmx_cleanup(vm->vmx);
	free(vm, M_VM);
	KASSERT(!M_VM->live, ("vm: %ld allocations are left over", M_VM->live));
}
