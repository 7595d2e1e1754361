/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host's exit loop: entries, exits, events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exits.h"
#include "vmx/vcpu.h"

enum outcome { RUN_OVER, RUN_EXITED, RUN_REFUSED };

static int next_interrupt(const struct nvmx_host *h)
{
	int v = fake_highest(h->virq);

	return v >> 4 > (int)(h->cpu.a.cr8 & 15) ? v : -1;
}

/* An event of the host's queue goes into the current guest, or a window is opened for it. */
static void inject(struct nvmx_host *h)
{
	uint64_t blocking = rd(h, NVMX_GUEST_INTERRUPTIBILITY), proc = rd(h, NVMX_PROC_CTLS);
	bool busy = rd(h, NVMX_ENTRY_INTR_INFO) & NVMX_INTR_VALID;
	int v = next_interrupt(h);

	if (h->vnmi && !busy && !(blocking & (3 | NVMX_BLOCK_NMI))) {
		wr(h, NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_NMI << 8 | 2);
		h->vnmi = false;
		busy = true;
	}
	if (v >= 0 && !busy && (rd(h, NVMX_GUEST_RFLAGS) & NVMX_RFLAGS_IF) && !(blocking & 3)) {
		wr(h, NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << 8 | (unsigned)v);
		h->virq[v / 64] &= ~(1ull << v % 64);
		v = next_interrupt(h);
	}
	if (h->vnmi)
		proc |= NVMX_PROC_NMI_WINDOW;
	if (v >= 0)
		proc |= NVMX_PROC_INT_WINDOW;
	wr(h, NVMX_PROC_CTLS, proc);
}

/* Between two runs of a guest the host takes what has come, its own kick too. */
static void take_interrupts(struct nvmx_host *h)
{
	h->cpu.intr[FAKE_KICK_VECTOR / 64] &= ~(1ull << FAKE_KICK_VECTOR % 64);
	for (unsigned i = 0; i < 4; i++) {
		h->virq[i] |= h->cpu.intr[i];
		h->cpu.intr[i] = 0;
	}
	h->vnmi |= h->cpu.nmi;
	h->cpu.nmi = false;
}

enum nvmx_verdict fake_host_events(struct nvmx_host *h, struct nvmx_regs *regs, enum nvmx_verdict verdict)
{
	if (!owns_interrupts(h) || verdict == NVMX_STOP)
		return verdict;
	if (h->m->notifies)
		verdict = fake_own_notify(h, verdict);
	take_interrupts(h);
	h->inside = true;
	if (verdict == NVMX_RESUME_L2)
		FAKE_CALL(h, verdict, nvmx_check_events(h->vcpu, regs), NVMX_AGAIN);
	h->inside = false;
	if (verdict == NVMX_STOP)
		return verdict;
	if (verdict != NVMX_RESUME_L2)
		inject(h);
	h->inside = true;
	if (nvmx_wants_immediate_exit(h->vcpu))
		h->cpu.intr[FAKE_KICK_VECTOR / 64] |= 1ull << FAKE_KICK_VECTOR % 64;
	h->inside = false;
	return resume(h);
}

/* VMLAUNCH or VMRESUME of vmcs02 failed: the library has L1 go on, or stops it. */
static enum outcome refused(struct nvmx_host *h, int error)
{
	enum nvmx_verdict verdict;

	h->r->refused = h->cpu.refused ? h->cpu.refused : "instruction";
	fake_field_set(&h->cpu, NVMX_VM_INSTR_ERROR, (uint64_t)error);
	FAKE_CALL(h, verdict, nvmx_entry_refused(h->vcpu), NVMX_AGAIN);
	FAKE_ASSERT(!h->mappings && !h->vcpu->batch_n && (verdict == NVMX_STOP || verdict == NVMX_RESUME_L1));
	h->r->host_stopped = verdict == NVMX_STOP;
	if (h->r->host_stopped)
		return RUN_OVER;
	FAKE_ASSERT(!nvmx_in_l2(h->vcpu) && h->cpu.vmcs == h->vmcs01);
	fake_own_timer_stop(h, rd(h, NVMX_PREEMPTION_TIMER));
	return RUN_REFUSED;
}

/* VM entry and the run until the next VM exit. */
static enum outcome run_guest(struct nvmx_host *h)
{
	struct fake_cpu *c = &h->cpu;
	bool l2 = nvmx_in_l2(h->vcpu), launch = l2 ? nvmx_must_launch(h->vcpu) : !h->launched01;
	int outcome;

	FAKE_ASSERT(l2 ? c->vmcs != h->vmcs01 : c->vmcs == h->vmcs01);
	if (l2)
		fake_check_vmcs02(h);
	fake_watch_arm(h);
	FAKE_ASSERT(l2 == h->l2_ran || h->barriers_since & (l2 ? NVMX_BARRIER_L2_ENTRY : NVMX_BARRIER_IBPB));
	h->barriers_since = 0;
	h->l2_ran = l2;
	c->hides_nmi_blocking = l2 && (h->vcpu->cur->v12->pin_ctls & (NVMX_PIN_NMI | NVMX_PIN_VNMI)) == NVMX_PIN_NMI;
	c->stop = FAKE_RUNNING;
	outcome = fake_vmenter(c, launch);
	if (outcome != FAKE_VM_ENTERED)
		return refused(h, outcome);
	if (!l2)
		h->launched01 = true;
	fake_run(c);
	return c->stop == FAKE_EXITED ? RUN_EXITED : RUN_OVER;
}

enum nvmx_verdict fake_host_handle(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint64_t rip = rd(h, NVMX_GUEST_RIP);
	bool l2 = nvmx_in_l2(h->vcpu);
	enum nvmx_verdict verdict;

	FAKE_CALL(h, verdict, nvmx_handle_exit(h->vcpu, regs), NVMX_AGAIN);
	if (l2 && verdict == NVMX_RESUME_L2 && rd(h, NVMX_GUEST_RIP) != rip)
		tick(h);
	FAKE_ASSERT(!h->mappings && verdict >= NVMX_RESUME_L1 && verdict <= NVMX_STOP && !h->vcpu->batch_n);
	FAKE_ASSERT(verdict == NVMX_STOP || h->cpu.vmcs == nvmx_current_vmcs(h->vcpu));
	return verdict;
}

/* The exit that ended a run of the guest. */
static enum nvmx_verdict exited(struct nvmx_host *h, struct nvmx_regs *regs, bool l2)
{
	enum nvmx_verdict verdict;

	if (h->cpu.refused)
		h->r->refused = h->cpu.refused;
	verdict = fake_host_handle(h, regs);
	if (l2 && nvmx_in_l2(h->vcpu) && verdict != NVMX_STOP)
		fake_own_reinject(h);
	return verdict == NVMX_HOST ? fake_host_exit(h, regs) : verdict;
}

static bool waits(const struct nvmx_host *h)
{
	return h->m->flags & NVMX_HOST_WAITS && nvmx_l2_waits(h->vcpu);
}

bool fake_host_step(struct nvmx_host *h)
{
	struct nvmx_regs regs;
	enum nvmx_verdict verdict = NVMX_RESUME_L2;
	enum outcome outcome;
	bool l2 = nvmx_in_l2(h->vcpu), waiting;
	uint64_t timer = 0;

	if (h->m->moves)
		fake_host_maybe_move(h);
	fake_between_calls(h);
	if (h->m->vmcs01_changes && !nvmx_in_l2(h->vcpu)) {
		h->inside = true;
		nvmx_vmcs01_changed(h->vcpu);
		nvmx_pins_moved(h->vcpu);
		h->inside = false;
	}
	waiting = waits(h);
	if (l2 && h->m->sleeps && fake_own_sleeps(h))
		return fake_own_sleep(h);
	if (waiting)
		outcome = fake_own_wait(h) ? RUN_EXITED : RUN_OVER;
	else
		outcome = run_guest(h);
	if (outcome == RUN_OVER || ++h->cpu.steps > FAKE_MAX_STEPS)
		return false;
	if (outcome == RUN_REFUSED)
		return true;
	if (l2 && !waiting)
		fake_own_timer_exit(h);
	if (l2)
		timer = rd(h, NVMX_PREEMPTION_TIMER);
	memcpy(regs.gpr, h->cpu.a.gpr, sizeof(regs.gpr));
	if (!waiting)
		verdict = exited(h, &regs, l2);
	if (!l2 && verdict == NVMX_RESUME_L2)
		fake_check_rebuilt(h);
	if (l2 && verdict == NVMX_RESUME_L1)
		fake_check_left(h);
	if (l2 && nvmx_in_l2(h->vcpu))
		timer = rd(h, NVMX_PREEMPTION_TIMER);
	verdict = fake_host_events(h, &regs, verdict);
	FAKE_ASSERT(!h->mappings && !h->vcpu->batch_n);
	if (verdict == NVMX_STOP) {
		h->r->host_stopped = h->cpu.stop == FAKE_EXITED;
		return false;
	}
	FAKE_ASSERT(verdict == resume(h));
	if (l2 && !nvmx_in_l2(h->vcpu))
		fake_own_timer_stop(h, timer);
	else if (!l2 && nvmx_in_l2(h->vcpu))
		fake_own_timer_start(h);
	regs.gpr[4] = h->cpu.a.gpr[4];
	memcpy(h->cpu.a.gpr, regs.gpr, sizeof(regs.gpr));
	return true;
}

static void finish(struct nvmx_host *h)
{
	struct fake_result *r = h->r;

	r->library_stop = nvmx_stop_code(h->vcpu);
	r->library_detail = nvmx_stop_detail(h->vcpu);
	if (r->host_stopped && r->library_stop == NVMX_STOP_VMX_ABORT) {
		h->cpu.stop = FAKE_STOP_ABORT;
		fake_see(&h->cpu, FAKE_SEEN_STOP, FAKE_STOP_ABORT, r->library_detail);
	}
	for (unsigned i = 0; i < NVMX_CNT_COUNT; i++)
		r->counters[i] = nvmx_counter(h->vcpu, (enum nvmx_counter)i);
	r->stop = h->cpu.stop;
	r->switches = h->cpu.switches;
	h->inside = true;
	nvmx_vcpu_destroy(h->vcpu);
	nvmx_vm_destroy(h->vm);
	h->inside = false;
	FAKE_ASSERT(!nvmx_ledger_end(&h->ledger));
	fake_host_clean(h);
}

static void broken(struct nvmx_host *h, const struct nvmx_broken *what)
{
	char line[NVMX_DESCRIBE_MAX];

	(void)h;
	nvmx_describe_broken(line, sizeof(line), what);
	fake_die(__FILE__, __LINE__, line);
}

static const struct nvmx_host_ops *checked(struct nvmx_host *h, const struct nvmx_vm_config *vm, const struct nvmx_vcpu_config *vcpu)
{
	memset(h->ledger_pages, 0, sizeof(h->ledger_pages));
	nvmx_ledger_of(&h->ledger, vm, vcpu);
	h->ledger.vpid01 = h->m->no_vpid ? 0 : 1;
	h->ledger.pages = h->ledger_pages;
	h->ledger.pages_n = FAKE_HOST_FRAMES * 2;
	h->ledger.report = broken;
	return nvmx_checked_ops(&fake_host_ops, &h->ledger);
}

bool fake_host_start(struct nvmx_host *h)
{
	struct nvmx_vm_config vm = {
		.size = sizeof(vm), .caps_size = sizeof(h->hw), .hw = &h->hw, .withheld = h->m->withheld,
		.flags = h->m->flags | (h->m->exits_on_vmfunc ? 0 : NVMX_HOST_EPTP_SWITCHING),
		.shadow_ept_pages = FAKE_BUDGET, .watches = h->watches, .watches_n = FAKE_WATCHES,
		.posted_vector02 = h->m->notifies ? FAKE_POSTED_VECTOR : 0,
	};
	struct nvmx_vcpu_config vcpu = {
		.size = sizeof(vcpu), .host = h, .vmcs01 = h->vmcs01, .io_passthrough = true,
		.msr_bitmap01 = h->m->intercept_all_msrs ? NULL : h->msr_bitmap,
		.vpid02 = h->m->no_vpid ? 0 : 2, .vpid02_n = h->m->no_vpid ? 0 : h->m->vpids,
		.cr4_kept = h->m->owns_cr ? NVMX_CR4_MCE : 0,
	};
	bool ok;

	vm.ops = checked(h, &vm, &vcpu);
	vcpu.host = nvmx_checked_host(&h->ledger);
	fake_port_use(h);
	fake_watch_end(h);
	memset(h->vm_memory, 0xa5, sizeof(h->vm_memory));
	memset(h->vcpu_memory, 0xa5, sizeof(h->vcpu_memory));
	h->inside = true;
	FAKE_ASSERT(nvmx_vm_init(h->vm_memory, sizeof(h->vm_memory), &vm, &h->vm, NULL) == NVMX_OK);
	ok = nvmx_vcpu_init(h->vcpu_memory, sizeof(h->vcpu_memory), h->vm, &vcpu, &h->vcpu, NULL) == NVMX_OK;
	if (ok)
		nvmx_trace_select(h->vcpu, h->m->traced ? NVMX_TRACE_ALL : 0);
	if (!ok) {
		nvmx_vm_destroy(h->vm);
		fake_host_clean(h);
	}
	h->inside = false;
	return ok;
}

struct nvmx_host *fake_host_new(const struct fake_machine *m, struct fake_result *r)
{
	struct nvmx_host *h = aligned_alloc(_Alignof(struct nvmx_host), sizeof(*h));

	FAKE_ASSERT(h);
	memset(h, 0, sizeof(*h));
	r->callbacks = r->moves = r->traced_n = r->asked = r->agains = r->limits_met = r->watched = r->watched_writes = 0;
	r->host_stopped = false;
	r->refused = NULL;
	r->library_stop = NVMX_STOP_NONE;
	h->m = m;
	h->r = r;
	h->random = m->mutate | m->moves;
	fake_hw_caps_of(m, &h->hw);
	fake_mem_init(&h->mem, FAKE_RAM_BASE);
	fake_machine_cpu(&h->cpu, m, &h->hw, &h->mem, &r->trace);
	fake_l1_state(&h->cpu.a);
	h->cpu.native = true;
	h->acknowledged = -1;
	for (size_t i = 0; i < h->cpu.outsides; i++)
		if (m->notifies && h->cpu.outside[i].source == FAKE_EXT_INT && h->cpu.outside[i].vector == m->notifies)
			h->cpu.outside[i].vector = FAKE_POSTED_VECTOR;
	fake_setup_vmcs01(h);
	if (!fake_host_start(h))
		h->vcpu = NULL;
	return h;
}

void fake_host_free(struct nvmx_host *h)
{
	if (h->vcpu)
		finish(h);
	fake_mem_free(&h->mem);
	free(h);
}

void fake_run_nested(const struct fake_machine *m, struct fake_result *r)
{
	struct nvmx_host *h = fake_host_new(m, r);

	while (h->vcpu && fake_host_step(h))
		;
	memcpy(r->ram, h->mem.ram, FAKE_RAM_SIZE);
	fake_host_free(h);
}
