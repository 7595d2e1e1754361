/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host runs an L1 with an L2, which is interrupted, moved and paged: the guests see what they see without a host. */
#include "owner.h"

/* L1 changes CR4, looks who it is, and runs an L2; L1 wants its interrupts.  Returns the time at which L2 is among its NOPs: time is
 * the number of instructions that guests have begun. */
static uint64_t write_scripts(struct script *l1, struct script *l2)
{
	uint64_t resumed = 0;

	script_start(l1, FAKE_L1_CODE);
	script_movi(l1, 0, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PGE);
	script_imm(l1, FAKE_MOV_TO_CR, 4);
	script_movi(l1, 0, 1);
	script_op(l1, FAKE_CPUID);
	script_enter_vmx(l1);
	script_vmwrite(l1, NVMX_PIN_CTLS, 0x16 | NVMX_PIN_EXT_INT | NVMX_PIN_NMI);
	script_vmwrite(l1, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_ACK_INT);
	for (unsigned n = 0; n < 5; n++) {
		script_run(l1, n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		if (n == 1)
			resumed = l1->code.n;
		script_look(l1, true);
		if (n != 1) /* the interrupt, after which L2 goes on where it was */
			script_advance(l1);
	}
	script_op(l1, FAKE_END);
	script_start(l2, FAKE_L2_CODE);
	script_op(l2, FAKE_CPUID);
	for (unsigned n = 0; n < 40; n++)
		script_op(l2, FAKE_NOP);
	for (unsigned n = 0; n < 3; n++) {
		script_store(l2, FAKE_L2_DATA, 0x1234 + n, 8);
		script_load(l2, 3, FAKE_L2_DATA, 8);
		script_op(l2, FAKE_CPUID);
	}
	return resumed + 20;
}

static void interrupt(struct fake_cpu *c, uint64_t clock)
{
	fake_outside_at(c, clock, FAKE_EXT_INT, 0x51);
}

/* Nested, with `between` between any two runs of the guest, and bare. */
static void compare(struct nvmx_host *h, void (*between)(struct nvmx_host *h))
{
	static struct script l1, l2;
	static struct fake_trace nested, bare;
	static struct fake_cpu cpu;
	struct fake_code code[2];
	struct fake_mem mem;
	uint64_t clock = write_scripts(&l1, &l2);

	code[0] = l1.code, code[1] = l2.code;
	memset(h, 0, sizeof(*h));
	nested.n = bare.n = 0;
	host_setup(h, code, 2, &nested);
	h->between = between;
	interrupt(&h->cpu, clock);
	assert_int_equal(host_run(h), FAKE_STOP_END);

	fake_setup(&cpu, &mem, 0, nvmx_vm_caps(h->vm), code, 2, &bare);
	interrupt(&cpu, clock);
	fake_run(&cpu);
	assert_int_equal(cpu.stop, FAKE_STOP_END);
	assert_int_equal(fake_trace_differs(&bare, &nested), -1);
	fake_mem_free(&mem);
	host_end(h);
	fake_mem_free(&h->mem);
}

static struct nvmx_host host;

static void an_l2_is_interrupted(void **state)
{
	(void)state;
	compare(&host, NULL);
	assert_int_equal(host.interrupts, 1);
	assert_int_equal(fake_highest(host.pending), -1);
}

/* Not each time: a shadow EPT that is lost before L2 has got anywhere is filled for ever. */
static void sometimes_other_machine(struct nvmx_host *h)
{
	if (h->runs % 7 == 0)
		other_machine(h);
}

static void a_vcpu_moves(void **state)
{
	(void)state;
	compare(&host, other_processor);
	compare(&host, sometimes_other_machine);
}

static void swap_l2s_data(struct nvmx_host *h)
{
	if (nvmx_in_l2(h->vcpu) && h->runs % 7 == 0)
		swap_out(h, FAKE_L2_DATA);
}

static void memory_comes_and_goes(void **state)
{
	(void)state;
	compare(&host, swap_l2s_data);
	assert_in_range(host.paged_in, 1, 100);
}

/* What only a guest of this host has: in VMX operation, too. */
static void hypercalls(void **state)
{
	static struct script l1;
	static struct fake_trace trace;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_op(&l1, FAKE_VMCALL);
	script_enter_vmx(&l1);
	script_op(&l1, FAKE_VMCALL);
	script_op(&l1, FAKE_END);
	memset(&host, 0, sizeof(host));
	host_setup(&host, &l1.code, 1, &trace);
	assert_int_equal(host_run(&host), FAKE_STOP_END);
	assert_int_equal(host.hypercalls, 2);
	host_end(&host);
	fake_mem_free(&host.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_l2_is_interrupted),
		cmocka_unit_test(a_vcpu_moves),
		cmocka_unit_test(memory_comes_and_goes),
		cmocka_unit_test(hypercalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
