/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The cases' view of the model. */
#include <machine/vmm_snapshot.h>
#include "machine.h"
#include "bhyve.h"
#include "vmm.h"

_Static_assert(MACHINE_VCPUS == VCPUS && MACHINE_CPUS == CPUS, "one machine");

struct machine_result nested;
static struct machine now;
static struct vm *vm;
static u_long turns[VCPUS];
static struct nest_pages drained;

static bool between(struct vcpu *vcpu, void *arg)
{
	(void)arg;
	turns[vcpu->vcpuid]++;
	return now.between && now.between((unsigned)vcpu->vcpuid);
}

static void emulating(struct vcpu *vcpu)
{
	if (now.emulating)
		now.emulating((unsigned)vcpu->vcpuid);
}

static void entering(struct vcpu *vcpu)
{
	if (now.entering)
		now.entering((unsigned)vcpu->vcpuid);
}

static void load_image(void)
{
	static uint8_t ram[FAKE_RAM_SIZE];

	memset(ram, 0, sizeof(ram));
	fake_memory_image(ram);
	if (now.prepare)
		now.prepare(ram);
	for (unsigned i = 0; i < RAM_FRAMES; i++) {
		memcpy(ram_at(i * PAGE_SIZE), ram + i * PAGE_SIZE, PAGE_SIZE);
		memcpy(world.ram[i].swap, ram + i * PAGE_SIZE, PAGE_SIZE);
	}
}

static void start_vcpu(unsigned n)
{
	const struct machine_vcpu *m = &now.vcpu[n];
	struct vcpu *vcpu = vcpu_create(vm, (int)n);
	struct fake_cpu *c = &vcpu->guest;

	fake_cpu_init(c, &world.hw, &world.mem, &nested.trace[n]);
	fake_l1_state(&c->a);
	c->a.cr3 = m->cr3 ? m->cr3 : FAKE_L1_TABLES;
	c->native = true;
	c->code = m->code;
	c->codes = m->codes;
	c->outsides = m->outsides;
	if (m->outsides)
		memcpy(c->outside, m->outside, m->outsides * sizeof(*m->outside));
	vcpu->trace = &nested.trace[n];
	vcpu->nextrip = c->a.rip;
	vcpu->pic = now.pic;
	vcpu->slice_ends = now.begins_yielding;
	vcpu->between = between;
	vcpu->emulating = emulating;
	vcpu->entering = entering;
	vmx_vcpu_init(vm->vmx, vcpu, (int)n);
	if (now.halt_exit)
		vmx_setcap(vcpu->cookie, VM_CAP_HALT_EXIT, 1);
	if (now.pause_exit)
		vmx_setcap(vcpu->cookie, VM_CAP_PAUSE_EXIT, 1);
}

void machine_begin(const struct machine *m)
{
	struct nvmx_caps hw;

	memset(&nested, 0, sizeof(nested));
	memset(turns, 0, sizeof(turns));
	now = *m;
	now.vcpus = m->vcpus ? m->vcpus : 1;
	fake_hw_caps(&hw);
	if (now.emulated_ad)
		hw.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] &= ~(uint64_t)NVMX_EPT_AD;
	world_begin(&hw);
	world.interleave = now.interleave;
	memory_begin(now.emulated_ad);
	world.unwirable = now.unwirable;
	world.vid = now.vid;
	world.sets_tsc = now.sets_tsc;
	world.lets_monitor = now.lets_monitor;
	load_image();
	sysctl_set_string("_hw_vmm_nested.vms", now.named ? now.named : "guest");
	sysctl_set_string("_hw_vmm_nested.withheld", now.withheld ? now.withheld : "");
	sysctl_set_uint("_hw_vmm_nested.shadow_pages", now.shadow_pages ? now.shadow_pages : 64);
	vmx_modinit();
	vm = vm_create("guest");
	for (unsigned i = 0; i < now.vcpus; i++)
		start_vcpu(i);
}

static void run_vcpu(void *arg)
{
	vm_run(arg);
}

static void run_other(void *arg)
{
	(void)arg;
	now.other();
}

void machine_run(void)
{
	if (now.other)
		sim_start(run_other, NULL, &world.thread[MACHINE_OTHER]);
	for (unsigned i = 1; i < now.vcpus; i++)
		sim_start(run_vcpu, vm->vcpu[i], &world.thread[vm->vcpu[i]->cpu]);
	vm_run(vm->vcpu[0]);
	sim_join();
}

struct nvmx_vcpu *machine_library(unsigned n)
{
	struct nest *nest = ((struct vmx_vcpu *)vm->vcpu[n]->cookie)->nest;

	return nest ? nest->v : NULL;
}

const struct nvmx_caps *machine_caps(void)
{
	struct nest *nest = ((struct vmx_vcpu *)vm->vcpu[0]->cookie)->nest;

	return nest && nest->vm->lib ? nvmx_vm_caps(nest->vm->lib) : NULL;
}

static void collect(void)
{
	for (unsigned n = 0; n < now.vcpus; n++) {
		nested.stop[n] = vm->vcpu[n]->stop;
		nested.hlts += vm->vcpu[n]->hlts;
		nested.user += vm->vcpu[n]->user;
		nested.emulated += vm->vcpu[n]->emulated;
		nested.entries += vm->vcpu[n]->entries;
		nested.steps += vm->vcpu[n]->steps;
		for (unsigned i = 0; machine_library(n) && i < NVMX_CNT_COUNT; i++)
			nested.counters[n][i] = nvmx_counter(machine_library(n), (enum nvmx_counter)i);
	}
	for (unsigned i = 0; i < RAM_FRAMES; i++)
		memcpy(nested.ram + i * PAGE_SIZE, ram_at(i * PAGE_SIZE), PAGE_SIZE);
	nested.kicks = world.kicks;
	nested.barriers = world.barriers;
	nested.invalidations = world.invalidations;
	nested.tables_gone = world.tables_gone;
}

/* The pages come back. */
static void refill(unsigned n)
{
	struct nest *nest = ((struct vmx_vcpu *)vm->vcpu[n]->cookie)->nest;

	while (!SLIST_EMPTY(&drained)) {
		struct nest_page *page = SLIST_FIRST(&drained);

		SLIST_REMOVE_HEAD(&drained, next);
		nest->reserves++;
		SLIST_INSERT_HEAD(&nest->reserve, page, next);
	}
}

void machine_end(void)
{
	collect();
	if (!SLIST_EMPTY(&drained))
		refill(0);
	vm_destroy(vm);
	vm = NULL;
	KASSERT(!M_NEST->live, ("nestvmx: %ld allocations are left over", M_NEST->live));
	KASSERT(!sysctl_get_ulong("_hw_vmm_nested.pages"), ("hw.vmm.nested.pages is not 0"));
	timers_end();
	memory_end();
	memcpy(nested.said, world.said, sizeof(nested.said));
	world_end();
}

void machine_all(const struct machine *m)
{
	machine_begin(m);
	machine_run();
	machine_end();
}

bool machine_in_l2(unsigned n)
{
	return nest_in_l2(vm->vcpu[n]->cookie);
}

unsigned long machine_turns(unsigned n)
{
	return turns[n];
}

unsigned long machine_user(unsigned n)
{
	return vm->vcpu[n]->user;
}

void machine_move(unsigned n, int cpu)
{
	vm->vcpu[n]->cpu = cpu;
}

bool machine_page_out(uint64_t gpa)
{
	return page_out(gpa);
}

bool machine_page_clean(uint64_t gpa)
{
	return page_clean(gpa);
}

void machine_write(uint64_t gpa, const void *from, size_t size)
{
	if (!page_fault(gpa, VM_PROT_WRITE))
		panic("%#lx is not L1's", gpa);
	memcpy(ram_at(gpa), from, size);
}

bool machine_is_present(uint64_t gpa)
{
	return world.ram[gpa / PAGE_SIZE].m != NULL;
}

bool machine_is_dirty(uint64_t gpa)
{
	return page_is_dirty(gpa);
}

void machine_invalidate(void)
{
	ept_invalidate();
}

void machine_nmi(unsigned n)
{
	vm_inject_nmi(vm->vcpu[n]);
}

void machine_interrupt(unsigned n, unsigned vector)
{
	vlapic_set_intr_ready(&vm->vcpu[n]->vlapic, (int)vector, false);
}

int machine_setcap(unsigned n, unsigned cap, bool on)
{
	return vmx_setcap(vm->vcpu[n]->cookie, (int)cap, on);
}

uint64_t machine_field(unsigned n, uint32_t field)
{
	uint64_t value;

	if (vmx_getfield(vm->vcpu[n]->cookie, field, &value))
		panic("no field %#x", field);
	return value;
}

void machine_set_field(unsigned n, uint32_t field, uint64_t value)
{
	if (vmx_setfield(vm->vcpu[n]->cookie, field, value))
		panic("no field %#x", field);
}

unsigned long machine_pages(void)
{
	return sysctl_get_ulong("_hw_vmm_nested.pages");
}

void machine_drain(unsigned n)
{
	struct nest *nest = ((struct vmx_vcpu *)vm->vcpu[n]->cookie)->nest;

	while (nest && nest->reserves) {
		struct nest_page *page = SLIST_FIRST(&nest->reserve);

		SLIST_REMOVE_HEAD(&nest->reserve, next);
		nest->reserves--;
		SLIST_INSERT_HEAD(&drained, page, next);
	}
}

unsigned long machine_wirings(void)
{
	return world.wirings;
}

void machine_time(unsigned microseconds)
{
	clock_passes(SBT_1US * microseconds);
}

static bool all_ended(void)
{
	for (unsigned i = 0; i < now.vcpus; i++)
		if (vm->vcpu[i]->stop == FAKE_RUNNING)
			return false;
	return true;
}

/* The processor of a vCPU is in the guest while others run. */
bool machine_await_l2(unsigned n)
{
	const struct vcpu *vcpu = vm->vcpu[n];

	while (!all_ended()) {
		if (vcpu->state == VCPU_RUNNING && world.cpu[vcpu->on].guest && nest_in_l2(vcpu->cookie))
			return true;
		sim_others();
	}
	return false;
}

void machine_await(unsigned n)
{
	while (n-- && !all_ended())
		sim_others();
}

void machine_stop(unsigned n)
{
	vm->vcpu[n]->debug = true;
}

bool machine_stopped(unsigned n)
{
	return vm->vcpu[n]->stopped;
}

void machine_yield(unsigned n)
{
	vm->vcpu[n]->slice_ends = true;
}

void machine_preempt(unsigned n)
{
	vm->vcpu[n]->yield = true;
	vcpu_notify_event(vm->vcpu[n]);
}

void machine_suspend(void)
{
	vm_suspend(vm, VM_SUSPEND_POWEROFF);
}

#define STATE_MAX 65536u
static uint8_t saved_ram[FAKE_RAM_SIZE], saved_state[VCPUS][STATE_MAX];
static struct vcpu saved_vcpu[VCPUS];

static size_t save_vcpu(unsigned n)
{
	struct vm_snapshot_meta meta = { .buffer = { saved_state[n], STATE_MAX, saved_state[n], STATE_MAX }, .op = VM_SNAPSHOT_SAVE };

	if (vmx_vcpu_snapshot(vm->vcpu[n]->cookie, &meta))
		panic("vCPU %u cannot be saved", n);
	saved_vcpu[n] = *vm->vcpu[n];
	return STATE_MAX - meta.buffer.buf_rem;
}

/* What the vCPU has beside its VMX part: events that wait, and what the fake processor keeps. */
static int restore_vcpu(unsigned n)
{
	struct vm_snapshot_meta meta = { .buffer = { saved_state[n], STATE_MAX, saved_state[n], STATE_MAX }, .op = VM_SNAPSHOT_RESTORE };
	const struct vcpu *from = &saved_vcpu[n];
	struct vcpu *to = vm->vcpu[n];

	to->guest = from->guest;
	to->nextrip = from->nextrip;
	to->nmi_pending = from->nmi_pending;
	to->extint_pending = from->extint_pending;
	memcpy(to->vlapic.irr, from->vlapic.irr, sizeof(to->vlapic.irr));
	vmx_setfield(to->cookie, VMCS_CR0_SHADOW, 0x60000010); /* as after power-on: bhyve restores neither */
	vmx_setfield(to->cookie, VMCS_CR4_SHADOW, 0);
	return vmx_vcpu_snapshot(to->cookie, &meta);
}

int machine_reborn(void (*spoil)(uint8_t *state, size_t size))
{
	size_t size[VCPUS];
	int error = 0;

	for (unsigned i = 0; i < RAM_FRAMES; i++)
		memcpy(saved_ram + i * PAGE_SIZE, ram_at(i * PAGE_SIZE), PAGE_SIZE);
	for (unsigned n = 0; n < now.vcpus; n++)
		size[n] = save_vcpu(n);
	vm_destroy(vm);
	for (unsigned i = 0; i < RAM_FRAMES; i++)
		memcpy(ram_at(i * PAGE_SIZE), saved_ram + i * PAGE_SIZE, PAGE_SIZE);
	vm = vm_create("guest");
	for (unsigned n = 0; n < now.vcpus; n++) {
		size_t seen = nested.trace[n].n;

		start_vcpu(n);
		nested.trace[n].n = seen;
		if (spoil)
			spoil(saved_state[n], size[n]);
		error = error ? error : restore_vcpu(n);
	}
	return error;
}
