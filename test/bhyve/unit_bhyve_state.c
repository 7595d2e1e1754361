/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the administrator and bhyve's user do to a VM: the switch, capabilities, registers, snapshots; and L1s that attack. */
#include "cases.h"

#define DATA(page) (FAKE_L2_DATA + (page) * FAKE_PAGE)

/* As in <machine/vmm.h>. */
enum { CAP_HALT_EXIT = 0, CAP_MTRAP_EXIT = 1, CAP_PAUSE_EXIT = 2 };

/* A port access of a guest's is the sign for what a case does between. */
static void give_sign(struct script *s)
{
	script_add(s, (struct fake_insn){ .op = FAKE_IN, .imm = 0x80, .size = 1 });
}

static unsigned long signs;

static bool sign(unsigned vcpu)
{
	unsigned long n = machine_user(vcpu);
	bool is_new = n != signs;

	signs = n;
	return is_new && n;
}

/* L1's L2 lets the ports through. */
static struct machine signs_of_both(void)
{
	signs = 0;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_IO_BITMAPS);
	give_sign(&l1);
	enter_times(2);
	give_sign(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_store(&l2, DATA(0), 0x1111, 8);
	give_sign(&l2);
	script_op(&l2, FAKE_CPUID);
	script_load(&l2, 3, DATA(0), 8);
	give_sign(&l2);
	script_op(&l2, FAKE_CPUID);
	script_op(&l2, FAKE_VMCALL);
	return machine();
}

static void a_vm_that_is_not_named_has_no_vmx(void **state)
{
	struct machine m;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_movi(&l1, 0, 1);
	script_op(&l1, FAKE_CPUID);
	script_pointer(&l1, FAKE_VMXON, FAKE_VMXON_REGION);
	m = machine();
	m.named = "another, guests";
	machine_begin(&m);
	machine_run();
	assert_null(machine_caps());
	assert_int_equal(machine_pages(), 0);
	machine_end();
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(delivered(0x80000306), 1);
}

static void all_vms_have_vmx(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	m.named = "another,*";
	same(&m, FAKE_STOP_END);
}

static void a_feature_is_withheld(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	m.withheld = "vpid nonsense";
	machine_begin(&m);
	machine_run();
	assert_false(nvmx_caps_may(machine_caps(), NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VPID);
	machine_end();
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_non_null(strstr(nested.said, "no feature nonsense"));
}

static unsigned looks;

/* bhyvectl --get-all finds the guest that goes on. */
static bool look_at_registers(unsigned vcpu)
{
	if (!sign(vcpu))
		return false;
	looks++;
	assert_int_equal(machine_field(vcpu, NVMX_GUEST_CR3), machine_in_l2(vcpu) ? FAKE_L2_TABLES : FAKE_L1_TABLES);
	assert_int_equal(machine_field(vcpu, NVMX_GUEST_IDTR_BASE), machine_in_l2(vcpu) ? FAKE_L2_IDT : FAKE_L1_IDT);
	return false;
}

static void registers_are_those_of_the_guest_that_goes_on(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	looks = 0;
	m.between = look_at_registers;
	same(&m, FAKE_STOP_END);
	assert_int_equal(looks, 4);
}

static bool write_l2s_register(unsigned vcpu)
{
	if (sign(vcpu) && machine_in_l2(vcpu))
		machine_set_field(vcpu, NVMX_GUEST_SYSENTER_EIP, 0x123456);
	return false;
}

static void a_register_of_l2s_is_written(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	m.between = write_l2s_register;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(seen(NVMX_GUEST_SYSENTER_EIP, 0), 0x123456);
}

static bool change_capabilities(unsigned vcpu)
{
	if (!sign(vcpu))
		return false;
	assert_int_equal(machine_setcap(vcpu, CAP_PAUSE_EXIT, signs & 1), 0);
	assert_int_equal(machine_setcap(vcpu, CAP_HALT_EXIT, signs & 2), 0);
	return false;
}

static void capabilities_change_under_l1_and_l2(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	m.between = change_capabilities;
	same(&m, FAKE_STOP_END);
}

static bool intercept_pause(unsigned vcpu)
{
	if (sign(vcpu) && machine_in_l2(vcpu))
		machine_setcap(vcpu, CAP_PAUSE_EXIT, true);
	return false;
}

/* Set while L2 is current, it holds for that L2. */
static void a_capability_reaches_the_l2_that_runs(void **state)
{
	struct machine m;

	(void)state;
	signs = 0;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_IO_BITMAPS);
	enter_times(1);
	script_op(&l2, FAKE_PAUSE);
	give_sign(&l2);
	script_op(&l2, FAKE_PAUSE);
	script_op(&l2, FAKE_PAUSE);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.between = intercept_pause;
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.user, 3); /* the port, and two of the three */
}

static bool single_step(unsigned vcpu)
{
	if (sign(vcpu))
		machine_setcap(vcpu, CAP_MTRAP_EXIT, machine_in_l2(vcpu));
	return false;
}

/* A debugger steps through L2. */
static void l2_is_single_stepped(void **state)
{
	struct machine m;

	(void)state;
	signs = 0;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_IO_BITMAPS);
	enter_times(1);
	give_sign(&l1);
	give_sign(&l2);
	for (unsigned i = 0; i < 5; i++)
		script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.between = single_step;
	same(&m, FAKE_STOP_END);
	assert_true(nested.steps >= 5);
}

static unsigned stop_at;

static bool stop_for_snapshot(unsigned vcpu)
{
	if (machine_stopped(vcpu))
		return true;
	if (sign(vcpu) && signs == stop_at)
		machine_stop(vcpu);
	return false;
}

/* Saved and restored at each of the signs, in L1 or in L2: the guests see nothing of it. */
static void snapshot_at(unsigned n)
{
	struct machine m = signs_of_both();
	struct nvmx_caps caps;

	stop_at = n;
	m.between = stop_for_snapshot;
	machine_begin(&m);
	machine_run();
	assert_true(machine_stopped(0));
	assert_int_equal(machine_in_l2(0), n == 2 || n == 3);
	assert_int_equal(machine_reborn(NULL), 0);
	stop_at = 0;
	machine_run();
	caps = *machine_caps();
	machine_end();
	compare(&m, &caps, FAKE_STOP_END);
}

static void a_snapshot_of_l1(void **state)
{
	(void)state;
	snapshot_at(1);
	snapshot_at(4);
}

static void a_snapshot_of_l2(void **state)
{
	(void)state;
	snapshot_at(2);
	snapshot_at(3);
}

static void a_snapshot_without_vmx_operation(void **state)
{
	struct machine m;
	struct nvmx_caps caps;

	(void)state;
	signs = 0;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	give_sign(&l1);
	script_enter_vmx(&l1);
	enter_times(1);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	stop_at = 1;
	m.between = stop_for_snapshot;
	machine_begin(&m);
	machine_run();
	assert_int_equal(machine_reborn(NULL), 0);
	stop_at = 0;
	machine_run();
	caps = *machine_caps();
	machine_end();
	compare(&m, &caps, FAKE_STOP_END);
}

/* Where the adapter's part begins. */
static size_t nested_part(const uint8_t *state, size_t size)
{
	size_t at = 0;

	while (at + 4 <= size && memcmp(state + at, "NST1", 4) != 0)
		at++;
	assert_in_range(at, 1, size - 4);
	return at;
}

static void spoil_size(uint8_t *state, size_t size)
{
	uint32_t more = sizeof(struct nvmx_state) + 8;

	memcpy(state + nested_part(state, size) + 4, &more, 4);
}

static void spoil_vmcs12(uint8_t *state, size_t size)
{
	for (size_t i = nested_part(state, size) + 200; i < size; i += 97)
		state[i] ^= 0x55;
}

static void spoil_end(uint8_t *state, size_t size)
{
	memset(state + size - 64, 0xff, 64);
}

/* The state is hostile: what is wrong is refused, and nothing is left of it. */
static void a_spoiled_snapshot_is_refused(void **state)
{
	static void (*const ways[])(uint8_t *state, size_t size) = { spoil_end, spoil_vmcs12, spoil_size };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct machine m = signs_of_both();

		stop_at = 2;
		m.between = stop_for_snapshot;
		machine_begin(&m);
		machine_run();
		assert_int_equal(machine_reborn(ways[i]) != 0, i > 0); /* what is behind the last field is nobody's */
		machine_end();
	}
}

static bool end_at_sign(unsigned vcpu)
{
	return sign(vcpu) && signs == stop_at;
}

static void a_vm_ends_wherever_it_is(void **state)
{
	(void)state;
	for (stop_at = 1; stop_at <= 4; stop_at++) {
		struct machine m = signs_of_both();

		m.between = end_at_sign;
		machine_all(&m);
		assert_int_equal(nested.stop[0], FAKE_RUNNING);
	}
}

static void a_vm_ends_before_it_has_run(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	machine_begin(&m);
	assert_int_equal(machine_pages(), 0);
	machine_end();
}

static void take_reserve(unsigned vcpu)
{
	machine_drain(vcpu);
}

/* The library asks for pages, and there are none: L1 is stopped, by name, and gives all back. */
static void the_reserve_is_exhausted(void **state)
{
	struct machine m = signs_of_both();

	(void)state;
	m.entering = take_reserve;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_SHUTDOWN);
	assert_non_null(strstr(nested.said, "nested VMX"));
}

static uint32_t random_n = 1;

static uint32_t any(void)
{
	random_n = random_n * 1664525u + 1013904223u;
	return random_n >> 8;
}

/* Another processor of L1 writes into what L1 has given to VMX, between any two exits. */
static void scribble(void)
{
	static const uint64_t pages[] = { FAKE_VMCS_A, FAKE_VMXON_REGION, FAKE_EPT_A, FAKE_EPT_A + 3 * FAKE_PAGE, FAKE_MSR_BITMAP,
					  FAKE_MSR_ENTRY, FAKE_L2_TABLES, FAKE_IO_BITMAP };

	for (unsigned i = 0; i < 400; i++) {
		uint64_t value = any() | (uint64_t)any() << 32;

		machine_write(pages[any() % 8] + any() % 512 * 8, &value, 8);
		machine_await(1);
	}
}

static void l1_scribbles_over_its_structures(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++) {
		struct machine m = signs_of_both();

		random_n = seed;
		m.other = scribble;
		machine_all(&m);
		assert_int_not_equal(nested.stop[0], FAKE_RUNNING);
	}
}

/* Fields of vmcs12 that L1 may not mean: addresses beyond memory, counts beyond all bounds. */
static void l1_gives_what_it_does_not_have(void **state)
{
	static const struct script_value bad[] = {
		{ NVMX_EPT_POINTER, 0x7ffffff01e }, { NVMX_MSR_BITMAP, 0x7ffffff000 }, { NVMX_ENTRY_MSR_LOAD_COUNT, 0xffffffff },
		{ NVMX_EXIT_MSR_STORE_COUNT, 0x10000 }, { NVMX_EXIT_MSR_LOAD_ADDR, 0x7fffffff00 }, { NVMX_GUEST_CR3, 0x7ffffff000 },
		{ NVMX_VIRTUAL_APIC_ADDR, 0x7ffffff000 }, { NVMX_VMCS_LINK_POINTER, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct machine m;

		begin();
		script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_TPR_SHADOW);
		script_vmwrite(&l1, bad[i].field, bad[i].value);
		enter_times(1);
		script_op(&l2, FAKE_CPUID);
		m = machine();
		machine_all(&m);
		assert_int_not_equal(nested.stop[0], FAKE_RUNNING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_that_is_not_named_has_no_vmx),
		cmocka_unit_test(all_vms_have_vmx),
		cmocka_unit_test(a_feature_is_withheld),
		cmocka_unit_test(registers_are_those_of_the_guest_that_goes_on),
		cmocka_unit_test(a_register_of_l2s_is_written),
		cmocka_unit_test(capabilities_change_under_l1_and_l2),
		cmocka_unit_test(a_capability_reaches_the_l2_that_runs),
		cmocka_unit_test(l2_is_single_stepped),
		cmocka_unit_test(a_snapshot_of_l1),
		cmocka_unit_test(a_snapshot_of_l2),
		cmocka_unit_test(a_snapshot_without_vmx_operation),
		cmocka_unit_test(a_spoiled_snapshot_is_refused),
		cmocka_unit_test(a_vm_ends_wherever_it_is),
		cmocka_unit_test(a_vm_ends_before_it_has_run),
		cmocka_unit_test(the_reserve_is_exhausted),
		cmocka_unit_test(l1_scribbles_over_its_structures),
		cmocka_unit_test(l1_gives_what_it_does_not_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
