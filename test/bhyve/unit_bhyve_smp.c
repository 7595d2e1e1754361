/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Several processors: threads that move between them, two vCPUs, and both while the pager is at work. */
#include "cases.h"

#define DATA(page) (FAKE_L2_DATA + (page) * FAKE_PAGE)

/* What the second vCPU has for itself. */
enum { SECOND_TABLES = 0x68000, SECOND_DATA = 0x6c000, SECOND_VMXON = 0x6d000, SECOND_VMCS = 0x6e000 };

static struct script l1b, l2b;
static struct fake_code code_b[2];

static void put(uint8_t *ram, uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, 8);
}

/* Its L1 has another page for data and stack, at the same address. */
static void second(uint8_t *ram)
{
	for (unsigned i = 0; i < 3; i++)
		put(ram, SECOND_TABLES + i * FAKE_PAGE, (SECOND_TABLES + (i + 1) * FAKE_PAGE) | 0x27);
	for (uint64_t i = 0; i < 512; i++)
		put(ram, SECOND_TABLES + 3 * FAKE_PAGE + i * 8, (i == FAKE_L1_DATA / FAKE_PAGE ? SECOND_DATA : i * FAKE_PAGE) | 0x67);
	put(ram, SECOND_VMXON, *(const uint32_t *)(const void *)(ram + FAKE_VMXON_REGION));
	put(ram, SECOND_VMCS, *(const uint32_t *)(const void *)(ram + FAKE_VMCS_A));
}

static void l2_works(struct script *s, unsigned first)
{
	for (unsigned n = 0; n < 3; n++) {
		for (unsigned i = 0; i < 2; i++) {
			script_store(s, DATA(first + i) + 8 * n, 0x1111 * (first + i + 1) + n, 8);
			script_load(s, 3, DATA(first + i), 8);
		}
		script_op(s, FAKE_CPUID);
	}
	script_op(s, FAKE_VMCALL);
}

static void l1_works(struct script *s)
{
	for (unsigned i = 0; i < 4; i++) {
		script_run(s, i ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_look(s, false);
		script_advance(s);
	}
}

static struct machine one(void)
{
	begin();
	l1_works(&l1);
	l2_works(&l2, 0);
	return machine();
}

static struct machine two(void)
{
	struct machine m = one();

	script_start(&l1b, FAKE_L1_CODE);
	script_start(&l2b, FAKE_L2_CODE);
	script_pointer(&l1b, FAKE_VMXON, SECOND_VMXON);
	script_vmcs(&l1b, SECOND_VMCS, FAKE_L2_CODE);
	script_vmwrite(&l1b, NVMX_HOST_CR3, SECOND_TABLES);
	l1_works(&l1b);
	script_op(&l1b, FAKE_END);
	l2_works(&l2b, 4);
	code_b[0] = l1b.code;
	code_b[1] = l2b.code;
	m.vcpu[1] = (struct machine_vcpu){ .code = code_b, .codes = 2, .cr3 = SECOND_TABLES };
	m.vcpus = 2;
	m.prepare = second;
	return m;
}

/* Each vCPU's guests see what they see alone. */
static void both_same(struct machine *m)
{
	struct machine b = *m;
	struct nvmx_caps caps;

	machine_begin(m);
	machine_run();
	caps = *machine_caps();
	machine_end();
	compare(m, &caps, FAKE_STOP_END);
	b.vcpu[0] = m->vcpu[1];
	nested.trace[0] = nested.trace[1];
	nested.stop[0] = nested.stop[1];
	compare(&b, &caps, FAKE_STOP_END);
}

static bool to_the_next(unsigned vcpu)
{
	machine_move(vcpu, (int)(machine_turns(vcpu) % MACHINE_OTHER));
	machine_yield(vcpu);
	return false;
}

/* Its thread goes on elsewhere after each turn, and each turn is one VM entry. */
static void a_vcpu_moves(void **state)
{
	struct machine m = one();

	(void)state;
	m.between = to_the_next;
	m.begins_yielding = true;
	same(&m, FAKE_STOP_END);
}

static bool leave_and_return(unsigned vcpu)
{
	machine_move(vcpu, machine_in_l2(vcpu) ? 2 : 0);
	machine_yield(vcpu);
	return false;
}

/* L1 runs on one processor, L2 on another: what that one has cached of L2 is old each time. */
static void l2_runs_elsewhere(void **state)
{
	struct machine m = one();

	(void)state;
	m.between = leave_and_return;
	m.begins_yielding = true;
	same(&m, FAKE_STOP_END);
}

static bool back_and_forth(unsigned vcpu)
{
	static unsigned long seen_n;
	unsigned long n = machine_user(vcpu);

	if (n != seen_n)
		machine_move(vcpu, (int)(n & 1));
	seen_n = n;
	return false;
}

/* L2 changes its paging structures while the vCPU is elsewhere: the processor to which it comes back has the old translation. */
static void an_old_translation_is_not_used(void **state)
{
	const uint64_t entry = FAKE_L2_TABLES + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8;
	const struct fake_insn port = { .op = FAKE_IN, .imm = 0x80, .size = 1 };
	struct machine m;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_IO_BITMAPS);
	script_store(&l1, DATA(0), 0x1111, 8);
	script_store(&l1, DATA(1), 0x2222, 8);
	enter_times(1);
	script_load(&l2, 3, DATA(0), 8);
	script_add(&l2, port); /* to the other processor */
	script_store(&l2, entry, DATA(1) | 0x67, 8);
	script_movi(&l2, 6, FAKE_L2_TABLES);
	script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 6, .imm = 3 });
	script_load(&l2, 3, DATA(0), 8);
	script_add(&l2, port); /* and back */
	script_load(&l2, 3, DATA(0), 8);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.between = back_and_forth;
	same(&m, FAKE_STOP_END);
}

static void a_halted_vcpu_moves(void **state)
{
	static const struct script_value takes[] = { { NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_EXT_INT } };
	static struct fake_outside event[1];
	struct machine m;

	(void)state;
	launch_with(takes, 1);
	script_op(&l2, FAKE_HLT);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	event[0] = (struct fake_outside){ launched_at + 20, FAKE_EXT_INT, 0x51 };
	m.vcpu[0].outside = event;
	m.vcpu[0].outsides = 1;
	m.halt_exit = true;
	m.between = to_the_next;
	m.begins_yielding = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
}

/* A thread that has to give the processor up, and a VM that ends, do so while L2 is halted, too. */
static void preempt_it(void)
{
	machine_await(30);
	machine_preempt(0);
	machine_await(30);
	machine_suspend();
}

static void a_halted_vcpu_is_preempted_and_ended(void **state)
{
	struct machine m;

	(void)state;
	begin();
	l1_works(&l1);
	script_op(&l2, FAKE_HLT);
	m = machine();
	m.halt_exit = true;
	m.other = preempt_it;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_SHUTDOWN);
}

static void two_vcpus(void **state)
{
	struct machine m = two();

	(void)state;
	both_same(&m);
	assert_true(nested.counters[0][NVMX_CNT_ENTRY] == 4 && nested.counters[1][NVMX_CNT_ENTRY] == 4);
}

static void pager(void)
{
	static const uint64_t pages[] = { DATA(0), DATA(4), FAKE_L2_CODE, FAKE_L2_TABLES + 3 * FAKE_PAGE, DATA(1), DATA(5), FAKE_EPT_A };
	unsigned i = 0;

	while (machine_await_l2(i % 2) || machine_await_l2((i + 1) % 2)) {
		machine_page_out(pages[i++ % 7]);
		machine_await(6);
	}
}

static void two_vcpus_and_the_pager(void **state)
{
	struct machine m = two();

	(void)state;
	m.other = pager;
	both_same(&m);
	assert_true(nested.kicks > 4);
}

/* The first one that sees a change kicks the other, which may be about to do the same. */
static void two_vcpus_see_a_change_at_once(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		struct machine m = two();

		m.other = pager;
		m.interleave = seed * 0x9e3779b9u;
		both_same(&m);
	}
}

static bool swap_places(unsigned vcpu)
{
	if (machine_turns(0) > 2 && machine_turns(1) > 2 && vcpu == 0)
		machine_move(0, 2);
	if (vcpu == 1 && machine_turns(1) > 4)
		machine_move(1, 0);
	machine_yield(vcpu);
	return false;
}

/* A vCPU comes to where the other has been, with the VPIDs of its own. */
static void a_vcpu_comes_to_the_others_processor(void **state)
{
	struct machine m = two();

	(void)state;
	m.between = swap_places;
	m.begins_yielding = true;
	both_same(&m);
}

static void one_vcpu_of_two_without_vmx(void **state)
{
	struct machine m = two();

	(void)state;
	script_start(&l1b, FAKE_L1_CODE);
	for (unsigned i = 0; i < 20; i++)
		script_op(&l1b, FAKE_CPUID);
	script_op(&l1b, FAKE_END);
	code_b[0] = l1b.code;
	m.other = pager;
	both_same(&m);
	assert_int_equal(nested.counters[1][NVMX_CNT_INSTR], 0);
}

/* Another processor's interrupt makes a running L2 exit, and it is L1's. */
static void interrupt_l2(void)
{
	if (machine_await_l2(0))
		machine_interrupt(0, 0x61);
}

static void an_interrupt_from_another_processor(void **state)
{
	static const struct script_value takes[] = { { NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_EXT_INT },
		{ NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_ACK_INT } };
	struct machine m;

	(void)state;
	launch_with(takes, 2);
	for (unsigned i = 0; i < 4; i++)
		script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.other = interrupt_l2;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), 0x80000061);
	assert_int_equal(nested.kicks, 1);
}

static void nmi_l2(void)
{
	if (machine_await_l2(0))
		machine_nmi(0);
}

static void an_nmi_from_another_processor(void **state)
{
	static const struct script_value takes[] = { { NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_NMI } };
	struct machine m;

	(void)state;
	launch_with(takes, 1);
	for (unsigned i = 0; i < 4; i++)
		script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.other = nmi_l2;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), 0x80000202);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vcpu_moves),
		cmocka_unit_test(l2_runs_elsewhere),
		cmocka_unit_test(an_old_translation_is_not_used),
		cmocka_unit_test(a_halted_vcpu_moves),
		cmocka_unit_test(a_halted_vcpu_is_preempted_and_ended),
		cmocka_unit_test(two_vcpus),
		cmocka_unit_test(two_vcpus_and_the_pager),
		cmocka_unit_test(two_vcpus_see_a_change_at_once),
		cmocka_unit_test(a_vcpu_comes_to_the_others_processor),
		cmocka_unit_test(one_vcpu_of_two_without_vmx),
		cmocka_unit_test(an_interrupt_from_another_processor),
		cmocka_unit_test(an_nmi_from_another_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
