/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VM, vCPU, the run loop, and the events on the way into a guest. */
#include "owner.h"

static void report(struct nvmx_host *h, const struct nvmx_broken *what)
{
	char line[NVMX_DESCRIBE_MAX];

	(void)h;
	nvmx_describe_broken(line, sizeof(line), what);
	fail_msg("%s", line);
}

/* vmcs01 as for any guest; a host that owns interrupts has three controls more. */
void host_setup(struct nvmx_host *h, const struct fake_code *code, size_t codes, struct fake_trace *trace)
{
	fake_hw_caps(&h->hw);
	fake_setup(&h->cpu, &h->mem, FAKE_RAM_BASE, &h->hw, code, codes, trace);
	h->vmcs01 = fake_native(&h->cpu);
	fake_field_set(&h->cpu, NVMX_PIN_CTLS, fake_field(&h->cpu, NVMX_PIN_CTLS) | NVMX_PIN_EXT_INT | NVMX_PIN_NMI | NVMX_PIN_VNMI);
	fake_field_set(&h->cpu, NVMX_EXIT_CTLS, fake_field(&h->cpu, NVMX_EXIT_CTLS) | NVMX_EXIT_ACK_INT);
	h->away = NOBODY;
	host_start(h);
}

static void must(int error, const struct nvmx_error_info *info)
{
	char line[NVMX_DESCRIBE_MAX];

	if (error == NVMX_OK)
		return;
	nvmx_describe_error(line, sizeof(line), info);
	fail_msg("%s", line);
}

void host_start(struct nvmx_host *h)
{
	struct nvmx_vm_config vm = {
		.size = sizeof(vm),
		.caps_size = sizeof(h->hw),
		.hw = &h->hw,
		.flags = NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_HYPERCALLS | NVMX_COMPATIBLE,
	};
	struct nvmx_vcpu_config vcpu = {
		.size = sizeof(vcpu),
		.host = h,
		.vmcs01 = h->vmcs01,
		.vpid02 = VPID_L2,
		.vpid02_n = 8,
		.io_passthrough = true,
	};
	struct nvmx_error_info info;

	memset(h->pages, 0, sizeof(h->pages));
	nvmx_ledger_of(&h->ledger, &vm, &vcpu);
	h->ledger.vpid01 = VPID_L1;
	h->ledger.pages = h->pages;
	h->ledger.pages_n = 2 * FAKE_HOST_FRAMES;
	h->ledger.report = report;
	vm.ops = nvmx_checked_ops(&owner_ops, &h->ledger); /* a build for production has &owner_ops here, */
	vcpu.host = nvmx_checked_host(&h->ledger);         /* and leaves h */
	must(nvmx_vm_init(h->vm_memory, sizeof(h->vm_memory), &vm, &h->vm, &info), &info);
	must(nvmx_vcpu_init(h->vcpu_memory, sizeof(h->vcpu_memory), h->vm, &vcpu, &h->vcpu, &info), &info);
}

void host_end(struct nvmx_host *h)
{
	nvmx_vcpu_destroy(h->vcpu);
	nvmx_vm_destroy(h->vm);
	assert_int_equal(nvmx_ledger_end(&h->ledger), 0);
}

/* An event for the guest that is current, if it can take one now; else a window, which is an exit when it can. */
static void inject(struct nvmx_host *h)
{
	uint64_t blocking = fake_field(&h->cpu, NVMX_GUEST_INTERRUPTIBILITY), proc = fake_field(&h->cpu, NVMX_PROC_CTLS);
	bool busy = fake_field(&h->cpu, NVMX_ENTRY_INTR_INFO) & NVMX_INTR_VALID;
	bool open = fake_field(&h->cpu, NVMX_GUEST_RFLAGS) & NVMX_RFLAGS_IF && !(blocking & 3);

	if (h->nmi && !busy && !(blocking & (3 | NVMX_BLOCK_NMI))) {
		fake_field_set(&h->cpu, NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_NMI << 8 | 2);
		h->nmi = false;
		busy = true;
	}
	if (fake_highest(h->pending) >= 0 && open && !busy)
		fake_field_set(&h->cpu, NVMX_ENTRY_INTR_INFO,
			       NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << 8 | (unsigned)owner_ops.ack_interrupt(h));
	proc |= h->nmi ? NVMX_PROC_NMI_WINDOW : 0;
	proc |= fake_highest(h->pending) >= 0 ? NVMX_PROC_INT_WINDOW : 0;
	fake_field_set(&h->cpu, NVMX_PROC_CTLS, proc);
}

/* Before each entry: an event for L1 makes L2 exit to L1, or is for the guest that is current. */
static enum nvmx_verdict events(struct nvmx_host *h, struct nvmx_regs *regs, enum nvmx_verdict verdict)
{
	if (verdict == NVMX_RESUME_L2)
		while ((verdict = nvmx_check_events(h->vcpu, regs)) == NVMX_AGAIN)
			page_in(h);
	if (verdict == NVMX_STOP)
		return verdict;
	if (verdict != NVMX_RESUME_L2) /* L1 is current; or NVMX_HOST: L1 leaves its interrupts to L2 */
		inject(h);
	if (nvmx_wants_immediate_exit(h->vcpu))
		h->cpu.intr[KICK / 64] |= 1ull << KICK % 64; /* an IPI to itself, that waits till L2 runs */
	return nvmx_in_l2(h->vcpu) ? nvmx_before_l2(h->vcpu) : NVMX_RESUME_L1;
}

static enum nvmx_verdict exited(struct nvmx_host *h, struct nvmx_regs *regs)
{
	enum nvmx_verdict verdict;

	while ((verdict = nvmx_handle_exit(h->vcpu, regs)) == NVMX_AGAIN)
		page_in(h);
	if (verdict == NVMX_HOST)
		verdict = exit_of_hosts(h, regs);
	return verdict;
}

/* One VM entry, and the exit that it leads to.  False: the run is over. */
static bool step(struct nvmx_host *h)
{
	bool launch = nvmx_in_l2(h->vcpu) ? nvmx_must_launch(h->vcpu) : !fake_launched(&h->mem, h->vmcs01);
	enum nvmx_verdict verdict;
	struct nvmx_regs regs;

	h->runs++;
	if (fake_vmenter(&h->cpu, launch) == FAKE_VM_ENTERED) {
		fake_run(&h->cpu);
		if (h->cpu.stop != FAKE_EXITED)
			return false;
		memcpy(regs.gpr, h->cpu.a.gpr, sizeof(regs.gpr));
		verdict = exited(h, &regs);
	} else { /* this processor refuses what L1 chose; if it is L1 that it refuses, the host is wrong */
		assert_true(nvmx_in_l2(h->vcpu));
		verdict = nvmx_entry_refused(h->vcpu);
	}
	verdict = events(h, &regs, verdict);
	memcpy(h->cpu.a.gpr, regs.gpr, sizeof(regs.gpr));
	return verdict != NVMX_STOP;
}

enum fake_stop host_run(struct nvmx_host *h)
{
	struct nvmx_error_info info;

	while (step(h))
		if (h->between)
			h->between(h);
	nvmx_stop_info(h->vcpu, &info);
	must(info.error, &info);
	return h->cpu.stop;
}
