/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What <nestvmx/fake.h> has for an embedder's own tests. */
#include "scripts.h"

/* Events from outside come in the order of their clocks, however they were put in, also between those that have come. */
static void outside_events_in_order(void **state)
{
	static const uint8_t clocks[] = { 30, 10, 20, 10 };
	struct fake_cpu c = { 0 };

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		fake_outside_at(&c, clocks[i], FAKE_EXT_INT, (uint8_t)(0x40 + i));
	assert_int_equal(c.outsides, 4);
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t vectors[] = { 0x41, 0x43, 0x42, 0x40 };

		assert_int_equal(c.outside[i].vector, vectors[i]);
		assert_int_equal(c.outside[i].clock, clocks[vectors[i] - 0x40]);
	}
	c.outside_next = 2;
	fake_outside_at(&c, 5, FAKE_NMI, 0);
	assert_int_equal(c.outside[2].source, FAKE_NMI);
	assert_int_equal(c.outside[1].vector, 0x43);
}

/* What a guest is made of beside its VMCS goes to the other machine; what the machine is made of stays. */
static void a_guest_moves_to_another_machine(void **state)
{
	static struct fake_trace here_seen, there_seen;
	struct fake_cpu here, there;
	struct fake_mem here_mem, there_mem;
	struct fake_code guest;
	struct nvmx_caps caps;
	uint64_t vmcs;

	(void)state;
	begin();
	script_movi(&l1, 3, 0x1234);
	script_op(&l1, FAKE_CPUID);
	script_op(&l1, FAKE_NOP);
	script_op(&l1, FAKE_END);
	guest = l1.code;
	fake_hw_caps(&caps);
	fake_setup(&here, &here_mem, FAKE_RAM_BASE, &caps, &guest, 1, &here_seen);
	fake_native(&here);
	fake_outside_at(&here, 1000, FAKE_NMI, 0);
	assert_int_equal(fake_vmenter(&here, true), FAKE_VM_ENTERED);
	fake_run(&here);
	assert_int_equal(here.stop, FAKE_EXITED);

	fake_setup(&there, &there_mem, FAKE_RAM_BASE, &caps, &guest, 1, &there_seen);
	vmcs = fake_native(&there);
	there.feature_control = 7;
	fake_cpu_move(&there, &here);
	assert_int_equal(there.a.gpr[3], 0x1234);
	assert_int_equal(there.clock, here.clock);
	assert_int_equal(there.outsides, 1);
	assert_ptr_equal(there.trace, &here_seen);
	assert_ptr_equal(there.mem, &there_mem);
	assert_int_equal(there.vmcs, vmcs);
	assert_int_equal(there.feature_control, 7);
	for (unsigned i = 0; i < FAKE_TLB; i++)
		assert_int_equal(there.tlb[i].rights, 0);
	fake_field_set(&there, NVMX_GUEST_RIP, fake_field(&here, NVMX_GUEST_RIP) + fake_field(&here, NVMX_EXIT_INSTR_LEN));
	assert_int_equal(fake_vmenter(&there, true), FAKE_VM_ENTERED);
	fake_run(&there);
	assert_string_equal(fake_stop_name(there.stop), "FAKE_STOP_END");
	fake_mem_free(&here_mem);
	fake_mem_free(&there_mem);
}

/* What a test of an embedder's asks of the script and of the trace: the value that is written without being told, what L1 read, and the
 * name of a run's end. */
static void what_was_written_read_and_ended(void **state)
{
	uint64_t value = 0;

	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, (uint32_t)script_default(NVMX_PROC_CTLS) | NVMX_PROC_HLT);
	script_run(&l1, FAKE_VMLAUNCH);
	script_vmread(&l1, NVMX_EXIT_REASON);
	script_vmread(&l1, 0x7ffe); /* no field: fails, and is not counted */
	script_vmread(&l1, NVMX_EXIT_REASON);
	script_op(&l2, FAKE_HLT);
	check(FAKE_STOP_END);
	assert_string_equal(fake_stop_name(fake_bare.stop), "FAKE_STOP_END");
	assert_string_equal(fake_stop_name(FAKE_RUNNING), "FAKE_RUNNING");
	assert_string_equal(fake_stop_name((enum fake_stop)99), "no enum fake_stop");
	assert_true(fake_trace_read(&fake_nested.trace, NVMX_EXIT_REASON, 1, &value));
	assert_int_equal(value, NVMX_XR_HLT);
	assert_false(fake_trace_read(&fake_nested.trace, NVMX_EXIT_REASON, 2, &value));
	assert_false(fake_trace_read(&fake_nested.trace, 0x7ffe, 0, &value));
	assert_int_equal(script_default(NVMX_GUEST_CR3), FAKE_L2_TABLES);
	assert_int_equal(script_default(NVMX_EXCEPTION_BITMAP), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outside_events_in_order),
		cmocka_unit_test(a_guest_moves_to_another_machine),
		cmocka_unit_test(what_was_written_read_and_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
