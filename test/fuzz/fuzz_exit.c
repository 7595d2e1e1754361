/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The whole of nvmx_handle_exit, driven by bytes: exit reasons, fields of the current VMCS, guest memory, registers.
 * The first byte chooses where it starts (L1 outside VMX operation, L1 with a VMCS, L2) and the kind of host; then each
 * record is a command and its operands.  The fake host's assertions are the oracle, and what entries and exits would make from nothing.
 */
#include <string.h>
#include "input.h"
#include "host.h"
#include "vmcs/vmcs.h"
#include <nestvmx/hyperv.h>

static struct script l1, l2;
static struct fake_code code[2];
static struct fake_result result;

static void scripts(void)
{
	if (l1.code.n)
		return;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, 0x04006172u | NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
	script_run(&l1, FAKE_VMLAUNCH);
	script_op(&l1, FAKE_END);
	script_op(&l2, FAKE_VMCALL);
	code[0] = l1.code;
	code[1] = l2.code;
}

/* What an exit leaves in the current VMCS, and what the guest has changed of its own state. */
static void set_fields(struct nvmx_host *h, struct input *in)
{
	for (uint64_t n = take(in, 1) % 8 + 1; n; n--) {
		const struct nvmx_field_row *row = &nvmx_field_rows[take(in, 1) % NVMX_ROWS];
		enum nvmx_field_type type = nvmx_field_type(row->encoding);
		uint64_t value = take(in, row->size);

		if (row->encoding == NVMX_GUEST_ACTIVITY)
			value &= NVMX_ACTIVITY_HLT; /* the host lets L2 run in no other state */
		if ((type == NVMX_TYPE_GUEST && row->encoding != NVMX_VMCS_LINK_POINTER) || type == NVMX_TYPE_EXIT_INFO)
			fake_field_set(&h->cpu, row->encoding, value);
	}
}

static void set_memory(struct nvmx_host *h, struct input *in)
{
	uint64_t at = take(in, 3) % FAKE_RAM_SIZE;
	uint64_t n = take(in, 1) % 32 + 1;

	for (; n && at < FAKE_RAM_SIZE; n--)
		h->mem.ram[at++] = (uint8_t)take(in, 1);
}

static void set_registers(struct nvmx_regs *regs, struct input *in)
{
	for (uint64_t n = take(in, 1) % 4 + 1; n; n--) {
		unsigned reg = (unsigned)take(in, 1) % 16;

		regs->gpr[reg] = take(in, 8);
	}
}

/* A VMWRITE by L1 of any field: the shortest way to a vmcs12 of every shape. */
static void vmwrite_exit(struct nvmx_host *h, struct nvmx_regs *regs, struct input *in)
{
	const struct nvmx_field_row *row = &nvmx_field_rows[take(in, 1) % NVMX_ROWS];

	regs->gpr[1] = take(in, row->size);
	regs->gpr[2] = row->encoding;
	fake_field_set(&h->cpu, NVMX_EXIT_REASON, NVMX_XR_VMWRITE);
	fake_field_set(&h->cpu, NVMX_EXIT_INSTR_INFO, NVMX_BIT(10) | 1u << 3 | 2u << 28);
	fake_field_set(&h->cpu, NVMX_EXIT_INSTR_LEN, 3);
}

/* The processor is not hostile: an EPT violation is one of some access, to an address that four levels can map. */
static void plausible(struct nvmx_host *h)
{
	uint64_t q = fake_field(&h->cpu, NVMX_EXIT_QUALIFICATION), gpa = fake_field(&h->cpu, NVMX_GUEST_PHYS_ADDR);

	uint64_t reason = fake_field(&h->cpu, NVMX_EXIT_REASON);

	if (reason != NVMX_XR_EPT_VIOLATION && reason != NVMX_XR_EPT_MISCONFIG)
		return;
	if (reason == NVMX_XR_EPT_VIOLATION && !(q & 7))
		fake_field_set(&h->cpu, NVMX_EXIT_QUALIFICATION, q | 1);
	fake_field_set(&h->cpu, NVMX_GUEST_PHYS_ADDR, gpa & 0xffffffffffff);
}

/* What a transition leaves is as if it were made from nothing (rebuild.c). */
static bool handle(struct nvmx_host *h, struct nvmx_regs *regs)
{
	bool l2 = nvmx_in_l2(h->vcpu);
	enum nvmx_verdict verdict;

	/* Each VM exit clears the valid bit (SDM 27.2). */
	fake_field_set(&h->cpu, NVMX_ENTRY_INTR_INFO, fake_field(&h->cpu, NVMX_ENTRY_INTR_INFO) & ~(uint64_t)NVMX_INTR_VALID);
	verdict = fake_host_handle(h, regs);
	if (verdict == NVMX_STOP)
		return false;
	if (!l2 && verdict == NVMX_RESUME_L2)
		fake_check_rebuilt(h);
	else if (l2 && verdict == NVMX_RESUME_L1)
		fake_check_left(h);
	if (nvmx_in_l2(h->vcpu))
		fake_check_vmcs02(h);
	return true;
}

/* A flush hypercall of Hyper-V's; its parameters in memory are what set_memory() has left there. */
static void hypercall(struct nvmx_host *h, struct input *in)
{
	uint64_t code = take(in, 1) & 1 ? NVMX_HV_FLUSH_LIST : NVMX_HV_FLUSH_SPACE, input = take(in, 6) << 16 | code, result = ~0ull;
	uint64_t first = take(in, 8), second = take(in, 8);

	h->inside = true;
	if (nvmx_hv_flush_guest_mapping(h->vcpu, input, first, second, &result) != 0)
		__builtin_trap(); /* this host has all at hand */
	h->inside = false;
	if (result & 0xfffff000ffff0000 || (result >> 32 & 0xfff) > (input >> 32 & 0xfff))
		__builtin_trap();
}

/* false: the vCPU was stopped. */
static bool command(struct nvmx_host *h, struct nvmx_regs *regs, struct input *in)
{
	uint64_t reason;

	switch (take(in, 1) % 8) {
	case 0:
	case 1:
		set_fields(h, in);
		return true;
	case 2:
		set_memory(h, in);
		return true;
	case 3:
		set_registers(regs, in);
		return true;
	case 4:
		if (nvmx_in_l2(h->vcpu))
			return true;
		vmwrite_exit(h, regs, in);
		return handle(h, regs);
	case 5:
		fake_field_set(&h->cpu, NVMX_EXIT_REASON, nvmx_in_l2(h->vcpu) ? NVMX_XR_VMCALL : NVMX_XR_VMRESUME);
		return handle(h, regs);
	default:
		reason = take(in, 1) % 73;
		if (reason == 72) { /* none that there is */
			hypercall(h, in);
			return true;
		}
		fake_field_set(&h->cpu, NVMX_EXIT_REASON, reason);
		plausible(h);
		return handle(h, regs);
	}
}

/* L1's script up to where the input starts. */
static void run_up(struct nvmx_host *h, unsigned start)
{
	if (start == 1)
		while (h->cpu.trace->n < 330 && fake_host_step(h))
			;
	else if (start >= 2)
		while (!nvmx_in_l2(h->vcpu) && fake_host_step(h))
			;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake_machine m;
	struct input in = { data, size };
	struct nvmx_regs regs = { { 0 } };
	unsigned start = (unsigned)take(&in, 1);
	struct nvmx_host *h;

	scripts();
	m = (struct fake_machine){ .code = code, .codes = 2, .flags = start & 8 ? NVMX_HOST_OWNS_INTERRUPTS : 0 };
	m.intercept_all_msrs = start & 16;
	m.mutate = start >> 5;
	m.withheld = start & 4 ? NVMX_BIT64(NVMX_FEATURE_HW_SHADOW) : 0;
	h = fake_host_new(&m, &result);
	run_up(h, start & 3);
	for (unsigned n = 0; !h->cpu.guest && n < 200 && in.left && command(h, &regs, &in); n++)
		; /* nothing if the run ended inside the guest */
	fake_host_free(h);
	return 0;
}
