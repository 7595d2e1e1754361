/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Events of L2 around instructions that L0 executes, or has executed again: breakpoints, traps, what waits for L1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "compare.h"

#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)
#define DB_EVENT 0x80000301u
#define NMI_EVENT 0x80000202u
#define RBX 3u

static struct script l1, l2;
static struct fake_code code[2];

static void begin(uint64_t proc)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | proc);
}

static struct fake_machine machine(uint32_t flags)
{
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2, .flags = flags };
}

static void check(void)
{
	static const uint32_t flags[] = { 0, NVMX_HOST_OWNS_INTERRUPTS, FAKE_LIKE_KVM };

	script_op(&l1, FAKE_END);
	for (unsigned i = 0; i < 3; i++) {
		struct fake_machine m = machine(flags[i]);

		assert_true(fake_same(&m, true));
		assert_int_equal(fake_bare.stop, FAKE_STOP_END);
	}
}

enum again { BY_MSR_BITMAP, BY_IO_BITMAP, BY_EPT };

/* The instruction that exits to L0, and executes then without an exit. */
static void add(enum again how)
{
	if (how == BY_MSR_BITMAP)
		script_op(&l2, FAKE_RDMSR);
	else if (how == BY_IO_BITMAP)
		script_add(&l2, (struct fake_insn){ .op = FAKE_IN, .imm = 0x80, .size = 1 });
	else
		script_load(&l2, 7, FAKE_L2_DATA + 3 * FAKE_PAGE, 8);
}

/* DR0 is on it: the #DB comes once (SDM 17.3.1.1, 27.3.3). */
static void a_breakpoint_is_met_once(void **state)
{
	(void)state;
	for (unsigned how = BY_MSR_BITMAP; how <= BY_EPT; how++) {
		begin(NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
		script_vmwrite(&l1, NVMX_GUEST_DR7, 0x401);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_movi(&l2, RBX, FAKE_L2_CODE + 10 + 3 + 10);
		script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_DR, .reg = RBX, .imm = 0 });
		script_movi(&l2, 1, NVMX_MSR_PAT);
		add((enum again)how);
		script_op(&l2, FAKE_VMCALL);
		check();
		assert_int_equal(fake_delivered(&fake_bare, DB_EVENT), 1);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	}
}

/* The same where L1 has the exception: it sets RF, as 17.3.1.1 asks of a handler, and L2 goes on. */
static void a_breakpoint_of_l1s_is_met_once(void **state)
{
	(void)state;
	for (unsigned how = BY_MSR_BITMAP; how <= BY_EPT; how++) {
		begin(NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
		script_vmwrite(&l1, NVMX_GUEST_DR7, 0x401);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_DB));
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_RF);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, true);
		script_movi(&l2, RBX, FAKE_L2_CODE + 10 + 3 + 10);
		script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_DR, .reg = RBX, .imm = 0 });
		script_movi(&l2, 1, NVMX_MSR_PAT);
		add((enum again)how);
		script_op(&l2, FAKE_VMCALL);
		check();
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), DB_EVENT);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 1);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
	}
}

/* A breakpoint behind an instruction that L0 has executed is met in its place. */
static void a_breakpoint_behind_what_l0_executed(void **state)
{
	(void)state;
	begin(NVMX_PROC_MSR_BITMAPS);
	script_vmwrite(&l1, NVMX_GUEST_DR7, 0x401);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_movi(&l2, RBX, FAKE_L2_CODE + 10 + 3 + 10 + 2);
	script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_DR, .reg = RBX, .imm = 0 });
	script_movi(&l2, 1, NVMX_MSR_VMX_BASIC);
	script_op(&l2, FAKE_RDMSR);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check();
	assert_int_equal(fake_delivered(&fake_bare, DB_EVENT), 1);
}

/* L2 steps, and an NMI or interrupt for L1 comes while L0 executes its RDMSR: the trap is L1's first exit, the event the next
 * (SDM 6.9), with nothing pending. */
static void what_comes_while_l0_executes_a_stepped_instruction(void **state)
{
	static struct fake_result r;

	(void)state;
	for (unsigned nmi = 0; nmi < 2; nmi++)
		for (unsigned intercepted = 0; intercepted < 2; intercepted++) {
			struct fake_machine m;
			struct nvmx_host *h;
			uint64_t at;
			bool come = false;

			begin(NVMX_PROC_MSR_BITMAPS);
			script_vmwrite(&l1, NVMX_PIN_CTLS, 0x16 | NVMX_PIN_NMI | NVMX_PIN_EXT_INT);
			script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, intercepted ? NVMX_BIT(NVMX_VECTOR_DB) : 0);
			script_run(&l1, FAKE_VMLAUNCH);
			script_advance(&l1);
			script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_TF);
			for (unsigned i = 0; i < 2; i++) {
				script_run(&l1, FAKE_VMRESUME);
				script_look(&l1, false);
			}
			script_op(&l1, FAKE_END);
			script_movi(&l2, 1, NVMX_MSR_VMX_BASIC);
			script_op(&l2, FAKE_VMCALL);
			at = l2.here;
			script_op(&l2, FAKE_RDMSR);
			for (unsigned i = 0; i < 4; i++)
				script_op(&l2, FAKE_NOP);
			script_op(&l2, FAKE_VMCALL);
			m = machine(NVMX_HOST_OWNS_INTERRUPTS);
			h = fake_host_new(&m, &r);
			do {
				if (!come && nvmx_in_l2(h->vcpu) && fake_field(&h->cpu, NVMX_GUEST_RIP) == at) {
					come = true;
					h->vnmi = nmi;
					h->virq[1] = nmi ? 0 : 1;
				}
			} while (fake_host_step(h));
			fake_host_free(h);
			assert_true(come);
			assert_int_equal(fake_seen(&r, NVMX_EXIT_REASON, 0), intercepted || nmi ? NVMX_XR_EXCEPTION_NMI : NVMX_XR_EXT_INT);
			if (intercepted)
				assert_int_equal(fake_seen(&r, NVMX_EXIT_INTR_INFO, 0), DB_EVENT);
			else
				assert_int_equal(fake_delivered(&r, DB_EVENT), nmi ? 1 + 4 : 1); /* L1 leaves an interrupt waiting */
			if (nmi && intercepted) /* L1 runs when the trap is out */
				assert_int_equal(fake_delivered(&r, NMI_EVENT), 1);
			else if (nmi)
				assert_int_equal(fake_seen(&r, NVMX_EXIT_INTR_INFO, 0), NMI_EVENT);
			else
				assert_int_equal(fake_seen(&r, NVMX_EXIT_REASON, intercepted), NVMX_XR_EXT_INT);
			assert_int_equal(fake_seen(&r, NVMX_GUEST_PENDING_DBG, intercepted), 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_breakpoint_is_met_once),
		cmocka_unit_test(a_breakpoint_of_l1s_is_met_once),
		cmocka_unit_test(a_breakpoint_behind_what_l0_executed),
		cmocka_unit_test(what_comes_while_l0_executes_a_stepped_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
