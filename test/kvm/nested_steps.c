/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a user of KVM's can ask of a virtual CPU whose L2 runs, with what has to come of it; COUNT times, each time from a
 * random moment, and then the guest runs on from there:
 *
 *	init	INIT and SIPI, beside whatever else is pending (SDM 6.9, 25.2)
 *	wait	the same where stock KVM has it otherwise
 *	early	nested state is set before there is memory
 *	late	... and KVM_RUN comes before the memory does
 *	again	nested state is set while L2 runs, as it is and with other controls
 *	rewind	memory and state of a moment before are put back
 *	taken	VMX is taken away from L2
 *	rsm	... or from SMM, whose RSM would go to L2; stock KVM dies of it
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <nestvmx/state.h>
#include <nestvmx/vmcs12.h>

#include "torture.h"

#define EXIT_INIT 3
#define EXIT_SIPI 4
#define EXIT_NONE 0xffff	/* what the field is when there was no exit: no reason of the processor's */
#define SIPI_VECTOR 0x9a
#define HLT_EXITING (1u << 7)
#define TPR_SHADOW (1u << 21)
#define FEATURE_CONTROL 0x3a
#define SMM_SLOT (1u << 16)	/* of the second address space */
#define SMBASE 0x30000u
#define SMM_CODE 0x8000u

static struct snapshot changed;	/* `snapshot` with something else in it */
static unsigned wrong;

static void expect(bool good, const char *step, const char *what)
{
	if (good)
		return;
	wrong++;
	fprintf(stderr, "torture: %s: %s\n", step, what);
}

static struct nvmx_vmcs12 *vmcs12_of(struct snapshot *s)
{
	return (struct nvmx_vmcs12 *)(s->nested.room + sizeof(struct kvm_nested_state));
}

/* The state as it is now, in `changed`. */
static void look(void)
{
	changed.nested.state.size = SNAPSHOT_NESTED;
	VM_CPU(&vm, KVM_GET_MP_STATE, &changed.mp);	/* first: KVM completes what is pending */
	VM_CPU(&vm, KVM_GET_NESTED_STATE, &changed.nested);
	VM_CPU(&vm, KVM_GET_VCPU_EVENTS, &changed.events);
}

/* `s` in a new machine, with its memory or without. */
static void start_anew(const struct snapshot *s, bool memory)
{
	struct kvm_enable_cap payload = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .args[0] = 1 };

	vm_close(&vm);
	vm_create(&vm);
	if (ioctl(vm.fd, KVM_ENABLE_CAP, &payload))
		err(1, "KVM_CAP_EXCEPTION_PAYLOAD");
	if (!memory)
		vm_slot(&vm, 0, 0, 0, 0, vm.mem);
	snapshot_put(&vm, s, NESTED_LAST);
}

/* L2 runs, and neither a VM entry nor an event is half done. */
static bool run_to_quiet_l2(void)
{
	const struct kvm_vcpu_events *e = &snapshot.events;

	do {
		if (!run_to_l2())
			return false;
	} while (snapshot.nested.state.flags & KVM_STATE_NESTED_RUN_PENDING || e->exception.injected || e->interrupt.injected ||
		 e->nmi.injected || e->smi.pending || snapshot.mp.mp_state != KVM_MP_STATE_RUNNABLE);
	return true;
}

/* --- INIT and SIPI */

static void init(void)
{
	changed.events.flags |= KVM_VCPUEVENT_VALID_SMM;
	changed.events.smi.latched_init = 1;
}

static void init_and_smi(void)
{
	init();
	changed.events.smi.pending = 1;
}

static void init_and_exception(uint8_t vector, uint64_t payload)
{
	init();
	changed.events.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	changed.events.exception.pending = 1;
	changed.events.exception.nr = vector;
	changed.events.exception.has_error_code = vector == 14;
	changed.events.exception_has_payload = 1;
	changed.events.exception_payload = payload;
}

static void init_and_trap(void)
{
	init_and_exception(1, 0x4000);	/* BS */
}

static void init_and_page_fault(void)
{
	init_and_exception(14, 0x1000);
}

static void init_and_monitor_trap(void)
{
	init();
	changed.nested.state.flags |= KVM_STATE_NESTED_MTF_PENDING;
}

static void timer_expired(void)
{
	changed.nested.state.hdr.vmx.flags |= KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE;
	changed.nested.state.hdr.vmx.preemption_timer_deadline = 0;
	memset(changed.nested.room + sizeof(struct kvm_nested_state) + NVMX_STATE_LIVE_OFFSET, 0, sizeof(uint64_t));
}

static void init_and_timer(void)
{
	init();
	timer_expired();
}

static void init_and_entry(void)
{
	init();
	changed.nested.state.flags |= KVM_STATE_NESTED_RUN_PENDING;
}

static void wait_for_sipi(void)
{
	vmcs12_of(&changed)->guest_activity = 3;
	vmcs12_of(&changed)->guest_interruptibility = 0;
	vmcs12_of(&changed)->exit_reason = EXIT_NONE;
	changed.mp.mp_state = KVM_MP_STATE_INIT_RECEIVED;
}

static void init_while_waiting(void)
{
	wait_for_sipi();
	init();
}

static void sipi(void)
{
	wait_for_sipi();
	changed.mp.mp_state = KVM_MP_STATE_SIPI_RECEIVED;
	changed.events.flags |= KVM_VCPUEVENT_VALID_SIPI_VECTOR;
	changed.events.sipi_vector = SIPI_VECTOR;
}

static void init_and_sipi(void)
{
	sipi();
	init();
}

static void timer_while_waiting(void)
{
	wait_for_sipi();
	timer_expired();
}

static bool exited(uint32_t reason, uint64_t qualification)
{
	const struct nvmx_vmcs12 *v12 = vmcs12_of(&changed);

	return !snapshot_in_l2(&changed) && changed.nested.state.hdr.vmx.vmxon_pa == snapshot.nested.state.hdr.vmx.vmxon_pa &&
	       changed.mp.mp_state == KVM_MP_STATE_RUNNABLE && !changed.events.smi.latched_init && v12->exit_reason == reason &&
	       v12->exit_qualification == qualification;
}

static bool exits_for_init(void)
{
	return exited(EXIT_INIT, 0);
}

static bool exits_for_sipi(void)
{
	return exited(EXIT_SIPI, SIPI_VECTOR);
}

static bool init_waits(void)
{
	return snapshot_in_l2(&changed) && changed.events.smi.latched_init;
}

/* And sleeps; L1, who would let it wait on, has not been asked. */
static bool l2_waits(void)
{
	struct rusage before, after;
	bool good = snapshot_in_l2(&changed) && changed.mp.mp_state == KVM_MP_STATE_INIT_RECEIVED && !changed.events.smi.latched_init;

	getrusage(RUSAGE_SELF, &before);
	wake_after(50);
	good &= run() == VM_INTERRUPTED;
	getrusage(RUSAGE_SELF, &after);
	look();
	good &= after.ru_stime.tv_sec * 1000000 + after.ru_stime.tv_usec < before.ru_stime.tv_sec * 1000000 + before.ru_stime.tv_usec + 25000;
	return good && snapshot_in_l2(&changed) && changed.mp.mp_state == KVM_MP_STATE_INIT_RECEIVED &&
	       vmcs12_of(&changed)->guest_rip == vmcs12_of(&snapshot)->guest_rip && vmcs12_of(&changed)->exit_reason == EXIT_NONE;
}

struct moment {
	const char *what;
	void (*change)(void);
	bool (*good)(void);
};

static const struct moment starts[] = {
	{ "INIT", init, exits_for_init },
	{ "INIT beside an SMI", init_and_smi, exits_for_init },
	{ "INIT beside a trap", init_and_trap, exits_for_init },
	{ "INIT beside a page fault", init_and_page_fault, exits_for_init },
	{ "INIT beside a monitor trap", init_and_monitor_trap, exits_for_init },
	{ "INIT beside the preemption timer", init_and_timer, exits_for_init },
	{ "INIT behind a VM entry", init_and_entry, init_waits },
	{ "INIT while L2 waits for a SIPI", init_while_waiting, l2_waits },
	{ "the preemption timer while L2 waits for a SIPI", timer_while_waiting, l2_waits },
	{ "SIPI", sipi, exits_for_sipi },
	{ NULL, NULL, NULL },
}, waits[] = {
	{ "SIPI beside an INIT", init_and_sipi, exits_for_sipi },
	{ NULL, NULL, NULL },
};

static void each_moment(const struct moment *m)
{
	for (; m->what; m++) {
		changed = snapshot;
		m->change();
		start_anew(&changed, true);
		VM_CPU(&vm, KVM_SET_VCPU_EVENTS, &changed.events);	/* KVM_SET_REGS has cleared exceptions */
		look();
		expect(m->good(), "init", m->what);
	}
	start_anew(&snapshot, true);
}

static bool starts_step(void)
{
	if (!run_to_quiet_l2())
		return false;
	each_moment(starts);
	return true;
}

static bool waits_step(void)
{
	if (!run_to_quiet_l2())
		return false;
	each_moment(waits);
	return true;
}

/* --- Nested state and memory */

static void tpr_shadow(void)
{
	changed = snapshot;
	vmcs12_of(&changed)->proc_ctls |= TPR_SHADOW;
	vmcs12_of(&changed)->virtual_apic_addr = 0x5000;
	vmcs12_of(&changed)->tpr_threshold = 0;
}

static bool early_step(void)
{
	static unsigned times;

	if (!run_to_l2())
		return false;
	changed = snapshot;
	if (times++ % 2)
		tpr_shadow();
	start_anew(&changed, false);
	vm_slot(&vm, 0, 0, 0, MEMORY, vm.mem);
	return true;
}

static bool late_step(void)
{
	if (!run_to_l2())
		return false;
	tpr_shadow();
	changed.mp.mp_state = KVM_MP_STATE_RUNNABLE;
	start_anew(&changed, false);
	for (unsigned i = 0; i < 2; i++)
		expect(!ioctl(vm.cpu, KVM_RUN, 0) && vm.run->exit_reason == KVM_EXIT_INTERNAL_ERROR, "late", "KVM_RUN without memory");
	expect(in_l2_now(), "late", "L2 is gone");
	vm_slot(&vm, 0, 0, 0, MEMORY, vm.mem);
	return true;
}

static bool same_l2(const struct nvmx_vmcs12 *a, const struct nvmx_vmcs12 *b)
{
	return a->pin_ctls == b->pin_ctls && a->proc_ctls == b->proc_ctls && a->exit_ctls == b->exit_ctls &&
	       a->guest_rip == b->guest_rip && a->guest_rsp == b->guest_rsp && a->guest_rflags == b->guest_rflags &&
	       a->guest_cr0 == b->guest_cr0 && a->guest_cr3 == b->guest_cr3 && a->guest_cr4 == b->guest_cr4;
}

static bool again_step(void)
{
	if (!run_to_l2())
		return false;
	changed = snapshot;
	vmcs12_of(&changed)->proc_ctls |= HLT_EXITING;	/* L1 does not expect it to exit */
	for (unsigned i = 0; i < 3; i++) {
		VM_CPU(&vm, KVM_SET_NESTED_STATE, &changed.nested);
		VM_CPU(&vm, KVM_SET_NESTED_STATE, &snapshot.nested);
	}
	look();
	expect(same_l2(vmcs12_of(&changed), vmcs12_of(&snapshot)), "again", "L2 is another");
	return true;
}

static bool rewind_step(void)
{
	uint8_t *before = malloc(MEMORY);

	if (!before)
		err(1, "malloc");
	if (!run_to_l2() || (memcpy(before, vm.mem, MEMORY), run_for(most) != VM_INTERRUPTED)) {
		free(before);
		return false;
	}
	vm_slot(&vm, 0, 0, 0, 0, vm.mem);
	memcpy(vm.mem, before, MEMORY);
	vm_slot(&vm, 0, 0, 0, MEMORY, vm.mem);
	snapshot_put(&vm, &snapshot, random_up_to(NESTED_LAST + 1) - 1);
	free(before);
	return true;
}

/* --- VMX is taken away */

static void take_vmx(const char *step)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } none = { .head.nmsrs = 1, .entry.index = FEATURE_CONTROL };

	expect(ioctl(vm.cpu, KVM_SET_MSRS, &none) == 1, step, "IA32_FEATURE_CONTROL cannot be cleared");
	look();
	expect(!changed.nested.state.flags && changed.nested.state.hdr.vmx.vmxon_pa == NVMX_STATE_NO_ADDR &&
	       !changed.nested.state.hdr.vmx.smm.flags, step, "nested state is left");
}

static bool taken_step(void)
{
	if (!run_to_l2())
		return false;
	take_vmx("taken");
	VM_CPU(&vm, KVM_GET_SREGS, &changed.sregs);
	expect(!(changed.sregs.efer & ~0xd01ull), "taken", "EFER has bits that nobody set");
	VM_CPU(&vm, KVM_SET_SREGS, &changed.sregs);
	start_anew(&snapshot, true);
	return true;
}

/* L2 has been left for SMM, as a virtual machine that arrives says it. */
static void go_to_smm(void)
{
	struct kvm_vcpu_events smm = snapshot.events;

	smm.flags |= KVM_VCPUEVENT_VALID_SMM;
	smm.smi.smm = 1;
	smm.smi.pending = smm.smi.latched_init = 0;
	VM_CPU(&vm, KVM_SET_VCPU_EVENTS, &smm);
	changed = snapshot;
	changed.nested.state.flags = 0;
	changed.nested.state.hdr.vmx.flags = 0;
	changed.nested.state.hdr.vmx.smm.flags = KVM_STATE_NESTED_SMM_GUEST_MODE | KVM_STATE_NESTED_SMM_VMXON;
	VM_CPU(&vm, KVM_SET_NESTED_STATE, &changed.nested);
}

/* SMM's handler is one instruction, in real mode; what it goes back to is 0. */
static void run_rsm(void)
{
	struct kvm_regs regs = { .rip = SMM_CODE, .rflags = 2 };
	struct kvm_sregs sregs = snapshot.sregs;

	vm_slot(&vm, SMM_SLOT, 0, 0, MEMORY, vm.mem);
	vm.mem[SMM_CODE] = 0x0f;
	vm.mem[SMM_CODE + 1] = 0xaa;
	memset(vm.mem + SMBASE + 0x7e00, 0, 0x200);
	sregs.cr0 = 0x60000010;
	sregs.cr4 = sregs.efer = 0;
	sregs.cs = (struct kvm_segment){ .limit = 0xffffffff, .type = 3, .present = 1, .s = 1, .g = 1 };
	VM_CPU(&vm, KVM_SET_SREGS, &sregs);
	VM_CPU(&vm, KVM_SET_REGS, &regs);
	changed.mp.mp_state = KVM_MP_STATE_RUNNABLE;
	VM_CPU(&vm, KVM_SET_MP_STATE, &changed.mp);
	wake_after(50);
	if (ioctl(vm.cpu, KVM_RUN, 0))
		expect(errno == EINTR, "rsm", "KVM_RUN fails");
	wake_after(0);
	vm.run->immediate_exit = 0;
}

static bool rsm_step(void)
{
	uint8_t *before = malloc(MEMORY);

	if (!before)
		err(1, "malloc");
	if (!run_to_l2()) {
		free(before);
		return false;
	}
	memcpy(before, vm.mem, MEMORY);
	go_to_smm();
	take_vmx("rsm");
	run_rsm();
	look();
	expect(changed.nested.state.hdr.vmx.vmxon_pa == NVMX_STATE_NO_ADDR, "rsm", "VMX operation is back");
	memcpy(vm.mem, before, MEMORY);
	free(before);
	start_anew(&snapshot, true);
	return true;
}

static const struct {
	const char *name;
	bool (*once)(void);
} steps[] = {
	{ "init", starts_step }, { "wait", waits_step }, { "early", early_step }, { "late", late_step }, { "again", again_step },
	{ "rewind", rewind_step }, { "taken", taken_step }, { "rsm", rsm_step },
};

int nested_step(const char *name)
{
	bool (*once)(void) = NULL;
	unsigned n;
	char what[32];

	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (!strcmp(steps[i].name, name))
			once = steps[i].once;
	if (!once)
		errx(1, "no step called %s", name);
	for (n = 0; n < count && once(); n++)
		;
	snprintf(what, sizeof(what), "nested %s", name);
	return finish(what, n, n) || wrong;
}
