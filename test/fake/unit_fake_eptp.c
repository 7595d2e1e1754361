/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* EPTP switching, by the processor and by the library: what L2 reaches, and what L1 sees of it (SDM 25.5.6.3). */
#include "scripts.h"

static void vmfunc(uint64_t function, uint64_t index)
{
	script_movi(&l2, 0, function);
	script_movi(&l2, 1, index);
	script_op(&l2, FAKE_VMFUNC);
}

static void switching_l1(void)
{
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_VMFUNC);
	script_vmwrite(&l1, NVMX_VMFUNC_CTLS, 1);
	script_vmwrite(&l1, NVMX_EPTP_LIST_ADDR, FAKE_EPTP_LIST);
	script_vmwrite(&l1, NVMX_EPTP_INDEX, 77);
}

static void look_and_go_on(enum fake_op op)
{
	script_run(&l1, op);
	script_look(&l1, true);
	script_advance(&l1);
}

/* L2 may switch, and finds at page 1 which EPT it runs on. */
static void two_pages_that_differ(void)
{
	switching_l1();
	script_store(&l1, FAKE_L2_DATA + FAKE_PAGE, 0x1111, 8);
	script_store(&l1, FAKE_L2_DATA + 2 * FAKE_PAGE, 0x2222, 8);
	look_and_go_on(FAKE_VMLAUNCH);
}

/* What L1 sees of switches that the processor made: EPT pointer and index (SDM 25.5.6.3). */
static void eptp_switching(void **state)
{
	(void)state;
	begin();
	two_pages_that_differ();
	for (unsigned i = 0; i < 6; i++)
		look_and_go_on(FAKE_VMRESUME);
	script_op(&l2, FAKE_VMCALL);
	for (unsigned i = 0; i < 3; i++) {
		vmfunc(0, 1);
		script_load(&l2, 3, FAKE_L2_DATA + FAKE_PAGE, 8);
		vmfunc(0, 0);
		script_load(&l2, 3, FAKE_L2_DATA + FAKE_PAGE, 8);
	}
	vmfunc(0, 5);
	script_op(&l2, FAKE_VMCALL);
	vmfunc(0, 3); /* exits: no EPT pointer */
	vmfunc(0, 512);
	vmfunc(1, 0);
	vmfunc(0, 1);
	script_op(&l2, FAKE_VMCALL);
	vmfunc(64, 0); /* #UD */
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPTP_INDEX, 0), 77);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPT_POINTER, 0), FAKE_EPT_A | 0x1e);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPTP_INDEX, 1), 5);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPT_POINTER, 1), FAKE_EPT_B | 0x1e);
	for (unsigned i = 2; i < 5; i++) {
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, i), NVMX_XR_VMFUNC);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EPTP_INDEX, i), 5);
	}
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 5), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPTP_INDEX, 5), 1);
	assert_true(fake_nested.switches >= 4);
}

/* L1 changes its list between two entries: L2 finds the new one. */
static void eptp_list_that_changes(void **state)
{
	(void)state;
	begin();
	two_pages_that_differ();
	script_store(&l1, FAKE_EPTP_LIST + 8, FAKE_EPT_A | 0x18, 8);
	look_and_go_on(FAKE_VMRESUME);
	script_store(&l1, FAKE_EPTP_LIST + 8, 0, 8);
	look_and_go_on(FAKE_VMRESUME);
	for (unsigned i = 0; i < 3; i++) {
		vmfunc(0, 1);
		vmfunc(0, 0);
		vmfunc(0, 1);
		script_load(&l2, 3, FAKE_L2_DATA + FAKE_PAGE, 8);
		script_op(&l2, FAKE_VMCALL);
	}
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPT_POINTER, 0), FAKE_EPT_B | 0x1e);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPT_POINTER, 1), FAKE_EPT_A | 0x18);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 2), NVMX_XR_VMFUNC);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EPT_POINTER, 2), FAKE_EPT_A | 0x18);
	assert_true(fake_nested.switches >= 1);
}

static void eptp_switching_by_exit(void **state)
{
	struct fake_machine m;

	(void)state;
	begin();
	switching_l1();
	look_and_go_on(FAKE_VMLAUNCH);
	for (unsigned i = 0; i < 4; i++)
		vmfunc(0, i & 1);
	script_op(&l2, FAKE_VMCALL);
	m = machine(0);
	m.withheld = NVMX_BIT64(NVMX_FEATURE_HW_EPTP_SWITCHING);
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_nested.switches, 0);
	assert_int_equal(fake_nested.counters[NVMX_CNT_EXIT_TO_L1], 1);
	m.withheld = 0;
	m.exits_on_vmfunc = true; /* the host has not asked for it */
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_nested.switches, 0);
	m.exits_on_vmfunc = false;
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_nested.switches, 2);
	m.withheld = NVMX_BIT64(NVMX_FEATURE_VE); /* a processor without #VE has no index */
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_nested.switches, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eptp_switching),
		cmocka_unit_test(eptp_list_that_changes),
		cmocka_unit_test(eptp_switching_by_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
