/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Hand-written scripts: what the guests see is what the SDM says, bare and nested alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "compare.h"

static struct script l1, l2;
static struct fake_code code[2];

static void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
}

static struct fake_machine machine(uint32_t flags)
{
	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2, .flags = flags };
}

/* Runs both ways under both kinds of host. */
static void check(enum fake_stop stop)
{
	struct fake_machine m = machine(0);

	assert_true(fake_same(&m, true));
	assert_int_equal(fake_bare.stop, stop);
	m.flags = NVMX_HOST_OWNS_INTERRUPTS;
	assert_true(fake_same(&m, true));
}

/* What the n-th VMREAD of a field gave, bare. */
static uint64_t seen(uint32_t field, unsigned n)
{
	for (size_t i = 0; i < fake_bare.trace.n; i++) {
		const struct fake_record *r = &fake_bare.trace.record[i];

		if (r->seen == FAKE_SEEN_VMREAD && r->info == field && n-- == 0)
			return r->error;
	}
	fail_msg("field %#x was not read", field);
	return 0;
}

static void plain_instructions(void **state)
{
	(void)state;
	begin();
	script_op(&l1, FAKE_NOP);
	script_movi(&l1, 0, 1);
	script_op(&l1, FAKE_CPUID);
	script_msr(&l1, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	check(FAKE_STOP_END);
}

static void vmx_without_vmxon(void **state)
{
	(void)state;
	begin();
	script_op(&l1, FAKE_VMXOFF);
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_A);
	script_vmread(&l1, NVMX_GUEST_RIP);
	check(FAKE_STOP_END);
}

static void launch_and_cpuid(void **state)
{
	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, true);
	script_op(&l2, FAKE_CPUID);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_CPUID);
	assert_int_equal(seen(NVMX_EXIT_INSTR_LEN, 0), 2);
	assert_int_equal(seen(NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
	assert_int_equal(seen(NVMX_GUEST_RIP, 2), FAKE_L2_CODE + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_instructions),
		cmocka_unit_test(vmx_without_vmxon),
		cmocka_unit_test(launch_and_cpuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
