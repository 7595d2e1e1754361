/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Interrupts by the virtual APIC and PIC, NMIs, HLT: what waits for the vCPU while L2 runs, and what wakes it. */
#include "cases.h"

#define RFLAGS_IF 0x202u
#define EXT_INT(vector) (0x80000000u | (vector))
#define NMI_EVENT 0x80000202u
#define EXIT_MUST (0x36dfbu | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG)

static struct fake_outside outside[4];

/* The event comes `after` instructions of L2. */
static struct machine with_event(unsigned after, enum fake_source source, uint8_t vector)
{
	struct machine m = machine();

	outside[0] = (struct fake_outside){ launched_at + after, (uint8_t)source, vector };
	m.vcpu[0].outside = outside;
	m.vcpu[0].outsides = 1;
	return m;
}

static void nops(unsigned n)
{
	while (n--)
		script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
}

/* L1 takes interrupts of L2's time with their vectors. */
#define TAKES_INTERRUPTS { NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_EXT_INT }, { NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_ACK_INT }

static void an_interrupt_is_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), EXT_INT(0x51));
}

static void an_interrupt_without_acknowledgement(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_EXT_INT });
	script_op(&l1, FAKE_STI);
	script_op(&l1, FAKE_NOP);
	script_op(&l1, FAKE_NOP);
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), 0);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

static void an_interrupt_is_l2s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_RFLAGS, RFLAGS_IF });
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

static void an_interrupt_waits_for_l2s_sti(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_STI);
	nops(4);
	m = with_event(1, FAKE_EXT_INT, 0x51);
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

/* L1 wants the window, too: its exit comes when L2 opens it. */
static void an_interrupt_window_of_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_INT_WINDOW });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_STI);
	nops(4);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_INT_WINDOW);
}

static void the_pics_interrupt_is_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x21);
	m.pic = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), EXT_INT(0x21));
}

static void the_pics_interrupt_is_l2s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_RFLAGS, RFLAGS_IF });
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x31);
	m.pic = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(EXT_INT(0x31)), 1);
}

static void an_interrupt_of_l1_itself(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned pic = 0; pic < 2; pic++) {
		begin();
		script_op(&l1, FAKE_STI);
		launched_at = l1.code.n;
		for (unsigned i = 0; i < 4; i++)
			script_op(&l1, FAKE_NOP);
		m = with_event(1, FAKE_EXT_INT, 0x71);
		m.pic = pic;
		same(&m, FAKE_STOP_END);
		assert_int_equal(delivered(EXT_INT(0x71)), 1);
	}
}

static void two_interrupts_come_by_priority(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	nops(6);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	outside[1] = (struct fake_outside){ launched_at + 2, FAKE_EXT_INT, 0x91 };
	m.vcpu[0].outsides = 2;
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), EXT_INT(0x91));
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 1), EXT_INT(0x51));
}

static void an_nmi_is_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_NMI });
	nops(4);
	m = with_event(2, FAKE_NMI, 0);
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), NMI_EVENT);
}

static void an_nmi_is_l2s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST });
	nops(4);
	m = with_event(2, FAKE_NMI, 0);
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(delivered(NMI_EVENT), 1);
}

static void an_nmi_waits_for_iret(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_IRET);
	nops(3);
	m = with_event(1, FAKE_NMI, 0);
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(NMI_EVENT), 1);
}

static void an_nmi_window_of_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_NMI | NVMX_PIN_VNMI }, { NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_NMI_WINDOW },
	       { NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_IRET);
	nops(3);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_NMI_WINDOW);
}

static void an_nmi_of_l1_itself(void **state)
{
	struct machine m;

	(void)state;
	begin();
	launched_at = l1.code.n;
	for (unsigned i = 0; i < 4; i++)
		script_op(&l1, FAKE_NOP);
	m = with_event(1, FAKE_NMI, 0);
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(NMI_EVENT), 1);
}

/* HLT of L2 that L1 does not intercept, in a bhyve that does and in one that does not. */
static void halted(struct machine m, unsigned hlts)
{
	for (unsigned exits = 0; exits < 2; exits++) {
		m.halt_exit = exits;
		same(&m, FAKE_STOP_END);
		assert_int_equal(nested.hlts, exits ? hlts : 0);
	}
}

static void hlt_of_l2_is_ended_by_l1s_interrupt(void **state)
{
	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	script_op(&l2, FAKE_HLT);
	nops(2);
	halted(with_event(20, FAKE_EXT_INT, 0x51), 1);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_int_equal(seen(NVMX_GUEST_ACTIVITY, 0), NVMX_ACTIVITY_HLT);
}

static void hlt_of_l2_is_ended_by_its_own_interrupt(void **state)
{
	(void)state;
	LAUNCH({ NVMX_GUEST_RFLAGS, RFLAGS_IF });
	script_op(&l2, FAKE_HLT);
	nops(2);
	halted(with_event(20, FAKE_EXT_INT, 0x51), 1);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
}

static void hlt_of_l2_is_ended_by_the_pic(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_RFLAGS, RFLAGS_IF });
	script_op(&l2, FAKE_HLT);
	nops(2);
	m = with_event(20, FAKE_EXT_INT, 0x51);
	m.pic = true;
	halted(m, 1);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

static void hlt_of_l2_is_ended_by_an_nmi(void **state)
{
	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST });
	script_op(&l2, FAKE_HLT);
	nops(2);
	halted(with_event(20, FAKE_NMI, 0), 1);
	assert_int_equal(delivered(NMI_EVENT), 1);
}

static void hlt_of_l2_is_ended_by_l1s_nmi(void **state)
{
	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_NMI });
	script_op(&l2, FAKE_HLT);
	nops(2);
	halted(with_event(20, FAKE_NMI, 0), 1);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), NMI_EVENT);
}

/* L1's timer goes on while L2 is halted, and ends that (SDM 25.5.1). */
static void hlt_of_l2_is_ended_by_l1s_timer(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_PREEMPTION_TIMER }, { NVMX_PREEMPTION_TIMER, 40 });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_HLT);
	nops(2);
	m = machine();
	m.halt_exit = true;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(nested.hlts, 1);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_PREEMPTION_TIMER);
	assert_int_equal(seen(NVMX_GUEST_ACTIVITY, 0), NVMX_ACTIVITY_HLT);
	assert_int_equal(seen(NVMX_GUEST_RIP, 0), FAKE_L2_CODE + 2);
}

/* The interrupt comes first, and what the timer has left is less by the time that L2 was halted. */
static void a_timer_has_gone_on_while_l2_was_halted(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_PREEMPTION_TIMER | NVMX_PIN_EXT_INT }, { NVMX_PREEMPTION_TIMER, 10000 },
	       { NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_ACK_INT | NVMX_EXIT_SAVE_PREEMPTION_TIMER });
	script_op(&l2, FAKE_HLT);
	nops(2);
	m = with_event(100, FAKE_EXT_INT, 0x51);
	m.halt_exit = true;
	machine_all(&m);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_in_range(seen(NVMX_PREEMPTION_TIMER, 0), 10000 - 110 * 16, 10000 - 90 * 16);
}

static void an_l2_that_begins_halted(void **state)
{
	(void)state;
	LAUNCH(TAKES_INTERRUPTS, { NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_HLT });
	nops(2);
	halted(with_event(20, FAKE_EXT_INT, 0x51), 1);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
}

/* A window that L1 wants opens as HLT begins, or a trap is pending: nobody sleeps (SDM 26.7.3, 26.7.5). */
static void hlt_of_l2_that_is_over_at_once(void **state)
{
	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_INT_WINDOW });
	script_op(&l2, FAKE_STI);
	script_op(&l2, FAKE_HLT);
	nops(2);
	halted(machine(), 0);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_INT_WINDOW);
	assert_int_equal(seen(NVMX_GUEST_RIP, 0), FAKE_L2_CODE + 2);
	LAUNCH({ NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_HLT }, { NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_TF },
	       { NVMX_GUEST_PENDING_DBG, NVMX_PENDING_DBG_BS });
	nops(0);
	halted(machine(), 0);
	assert_int_equal(delivered(0x80000301u), 1);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
}

static void hlt_of_l1_itself(void **state)
{
	(void)state;
	begin();
	script_op(&l1, FAKE_STI);
	script_op(&l1, FAKE_NOP);
	script_op(&l1, FAKE_HLT);
	script_op(&l1, FAKE_NOP);
	launched_at = l1.code.n;
	halted(with_event(20, FAKE_EXT_INT, 0x51), 1);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

/* Nothing will come. */
static void an_l2_is_halted_for_ever(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST });
	script_op(&l2, FAKE_HLT);
	m = machine();
	m.halt_exit = true;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_HUNG);
}

/* The same with vmcs01's "virtual-interrupt delivery": while L2 runs, the processor delivers nothing of L1's. */
static void a_virtual_interrupt_is_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	m.vid = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), EXT_INT(0x51));
}

static void a_virtual_interrupt_without_acknowledgement(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_EXT_INT });
	script_op(&l1, FAKE_STI);
	script_op(&l1, FAKE_NOP);
	script_op(&l1, FAKE_NOP);
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	m.vid = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

static void a_virtual_interrupt_is_l2s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_RFLAGS, RFLAGS_IF });
	nops(4);
	m = with_event(2, FAKE_EXT_INT, 0x51);
	m.vid = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(EXT_INT(0x51)), 1);
}

static void a_virtual_interrupt_of_l1_itself(void **state)
{
	struct machine m;

	(void)state;
	begin();
	script_op(&l1, FAKE_STI);
	launched_at = l1.code.n;
	for (unsigned i = 0; i < 4; i++)
		script_op(&l1, FAKE_NOP);
	m = with_event(1, FAKE_EXT_INT, 0x71);
	m.vid = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(EXT_INT(0x71)), 1);
}

static void hlt_of_l2_is_ended_by_a_virtual_interrupt(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	script_op(&l2, FAKE_HLT);
	nops(2);
	m = with_event(20, FAKE_EXT_INT, 0x51);
	m.vid = true;
	halted(m, 1);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), EXT_INT(0x51));
}

/* What L1 has in service keeps what is not above it. */
static void a_virtual_interrupt_waits_for_the_end_of_another(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TAKES_INTERRUPTS);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	nops(8);
	m = with_event(2, FAKE_EXT_INT, 0x91);
	outside[1] = (struct fake_outside){ launched_at + 150, FAKE_EXT_INT, 0x51 };
	m.vcpu[0].outsides = 2;
	m.vid = true;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), EXT_INT(0x91));
	assert_int_equal(seen(NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
}

/* bhyve intercepts PAUSE for its own sake. */
static void pause_of_l2_is_the_hosts(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST });
	script_op(&l2, FAKE_PAUSE);
	nops(1);
	m = machine();
	m.pause_exit = true;
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.user, 1);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interrupt_is_l1s),
		cmocka_unit_test(an_interrupt_without_acknowledgement),
		cmocka_unit_test(an_interrupt_is_l2s),
		cmocka_unit_test(an_interrupt_waits_for_l2s_sti),
		cmocka_unit_test(an_interrupt_window_of_l1s),
		cmocka_unit_test(the_pics_interrupt_is_l1s),
		cmocka_unit_test(the_pics_interrupt_is_l2s),
		cmocka_unit_test(an_interrupt_of_l1_itself),
		cmocka_unit_test(two_interrupts_come_by_priority),
		cmocka_unit_test(an_nmi_is_l1s),
		cmocka_unit_test(an_nmi_is_l2s),
		cmocka_unit_test(an_nmi_waits_for_iret),
		cmocka_unit_test(an_nmi_window_of_l1s),
		cmocka_unit_test(an_nmi_of_l1_itself),
		cmocka_unit_test(hlt_of_l2_is_ended_by_l1s_interrupt),
		cmocka_unit_test(hlt_of_l2_is_ended_by_its_own_interrupt),
		cmocka_unit_test(hlt_of_l2_is_ended_by_the_pic),
		cmocka_unit_test(hlt_of_l2_is_ended_by_an_nmi),
		cmocka_unit_test(hlt_of_l2_is_ended_by_l1s_nmi),
		cmocka_unit_test(hlt_of_l2_is_ended_by_l1s_timer),
		cmocka_unit_test(a_timer_has_gone_on_while_l2_was_halted),
		cmocka_unit_test(an_l2_that_begins_halted),
		cmocka_unit_test(hlt_of_l2_that_is_over_at_once),
		cmocka_unit_test(hlt_of_l1_itself),
		cmocka_unit_test(an_l2_is_halted_for_ever),
		cmocka_unit_test(a_virtual_interrupt_is_l1s),
		cmocka_unit_test(a_virtual_interrupt_without_acknowledgement),
		cmocka_unit_test(a_virtual_interrupt_is_l2s),
		cmocka_unit_test(a_virtual_interrupt_of_l1_itself),
		cmocka_unit_test(hlt_of_l2_is_ended_by_a_virtual_interrupt),
		cmocka_unit_test(a_virtual_interrupt_waits_for_the_end_of_another),
		cmocka_unit_test(pause_of_l2_is_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
