/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's memory is pageable: the pager takes what is not wired, at any time, and nothing that the guests see depends on it. */
#include "cases.h"

#define EXIT_MUST (0x36dfbu | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG)
#define DATA(page) (FAKE_L2_DATA + (page) * FAKE_PAGE)

static unsigned taken, refused;

static void take(uint64_t gpa)
{
	if (machine_is_present(gpa))
		*(machine_page_out(gpa) ? &taken : &refused) += 1;
}

static void take_all(void)
{
	for (uint64_t gpa = 0; gpa < FAKE_RAM_SIZE; gpa += FAKE_PAGE)
		take(gpa);
}

/* A port access of a guest's is the sign at which its pages go, once. */
static bool sign(unsigned vcpu)
{
	static unsigned long seen_n;
	unsigned long n = machine_user(vcpu);
	bool is_new = n != seen_n;

	seen_n = n;
	return is_new && n;
}

static void give_sign(struct script *s)
{
	script_add(s, (struct fake_insn){ .op = FAKE_IN, .imm = 0x80, .size = 1 });
}

/* An L2 that reads and writes, and an L1 that looks what it wrote. */
static void busy_guests(void)
{
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
	give_sign(&l1);
	enter_times(2);
	give_sign(&l1);
	for (unsigned i = 0; i < 4; i++)
		script_load(&l1, 3, DATA(i), 8);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	for (unsigned i = 0; i < 4; i++) {
		script_store(&l2, DATA(i), 0x1111 * (i + 1), 8);
		script_load(&l2, 3, DATA(3 - i), 8);
	}
	give_sign(&l2);
	script_op(&l2, FAKE_CPUID);
	for (unsigned i = 0; i < 4; i++)
		script_store(&l2, DATA(i) + 8, 0x2222 * (i + 1), 8);
	script_op(&l2, FAKE_CPUID);
	script_op(&l2, FAKE_VMCALL);
}

static void wrote_all(void)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t value[2];

		memcpy(value, nested.ram + DATA(i), 16);
		assert_int_equal(value[0], 0x1111 * (i + 1));
		assert_int_equal(value[1], 0x2222 * (i + 1));
	}
}

/* Each time that bhyve has handled an exit, the next pages go: what one instruction needs is there for long enough. */
static bool everything_goes(unsigned vcpu)
{
	static uint64_t next;

	(void)vcpu;
	for (unsigned i = 0; i < 3; i++) {
		take(next);
		next = (next + FAKE_PAGE) % FAKE_RAM_SIZE;
	}
	return false;
}

static void run_away(struct machine *m)
{
	struct nvmx_caps caps;

	taken = refused = 0;
	m->between = everything_goes;
	machine_begin(m);
	take_all();
	machine_run();
	caps = *machine_caps();
	machine_end();
	compare(m, &caps, FAKE_STOP_END);
}

static void everything_is_paged_out_again_and_again(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned emulated = 0; emulated < 2; emulated++) {
		busy_guests();
		m = machine();
		m.emulated_ad = emulated;
		run_away(&m);
		wrote_all();
		assert_true(taken > FAKE_RAM_FRAMES);
		assert_true(nested.counters[0][NVMX_CNT_AGAIN] > 3);
	}
}

static void guests_without_accessed_and_dirty_flags(void **state)
{
	struct machine m;

	(void)state;
	busy_guests();
	m = machine();
	m.emulated_ad = true;
	same(&m, FAKE_STOP_END);
	wrote_all();
}

static bool all_goes(unsigned vcpu)
{
	if (sign(vcpu))
		take_all();
	return false;
}

/* EPT01's table of L1's memory goes with the last page: the next call finds the one that was made anew. */
static void a_table_of_ept01_goes(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned emulated = 0; emulated < 2; emulated++) {
		busy_guests();
		m = machine();
		m.between = all_goes;
		m.emulated_ad = emulated;
		same(&m, FAKE_STOP_END);
		wrote_all();
		assert_true(nested.tables_gone > 1);
	}
}

/* The pager on another processor, each time that L2 runs. */
static void page_out_under_l2(void)
{
	static const uint64_t pages[] = { DATA(0), DATA(1), FAKE_L2_CODE, FAKE_L2_TABLES + 3 * FAKE_PAGE, FAKE_EPT_A + 3 * FAKE_PAGE };

	for (unsigned i = 0; machine_await_l2(0); i++) {
		take(pages[i % 5]);
		machine_await(5);
	}
}

static void pages_go_under_a_running_l2(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned emulated = 0; emulated < 2; emulated++) {
		taken = 0;
		busy_guests();
		m = machine();
		m.other = page_out_under_l2;
		m.emulated_ad = emulated;
		same(&m, FAKE_STOP_END);
		wrote_all();
		assert_true(taken > 3 && nested.kicks > 3);
	}
}

/* The pager writes a page out and leaves it: what L2 writes after that makes it dirty again. */
static void clean_under_l2(void)
{
	for (unsigned i = 0; machine_await_l2(0); i++) {
		machine_page_clean(DATA(i % 4));
		machine_await(4);
		take(DATA(i % 4));
		machine_await(4);
	}
}

static void a_page_that_was_written_out_is_written_again(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned emulated = 0; emulated < 2; emulated++) {
		busy_guests();
		m = machine();
		m.other = clean_under_l2;
		m.emulated_ad = emulated;
		same(&m, FAKE_STOP_END);
		wrote_all();
	}
}

static bool was_dirty[4], looked;

/* What L2 only reads does not become dirty, or the pager would write it out for nothing. */
static void dirty_under_l2(void)
{
	while (machine_await_l2(0)) {
		for (unsigned i = 0; i < 4; i++)
			was_dirty[i] = machine_is_dirty(DATA(i));
		looked = true;
		machine_await(1);
	}
}

static void what_is_read_is_not_dirty(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned emulated = 0; emulated < 2; emulated++) {
		looked = false;
		begin();
		enter_times(3);
		script_load(&l2, 3, DATA(0), 8);
		script_store(&l2, DATA(1), 1, 8);
		script_load(&l2, 3, DATA(2), 8);
		script_op(&l2, FAKE_CPUID);
		script_op(&l2, FAKE_CPUID);
		script_op(&l2, FAKE_VMCALL);
		m = machine();
		m.other = dirty_under_l2;
		m.emulated_ad = emulated;
		same(&m, FAKE_STOP_END);
		assert_true(looked && was_dirty[1]);
		assert_false(was_dirty[0] || was_dirty[2] || was_dirty[3]);
	}
}

/* pm_eptgen moves, and nothing has changed. */
static void nothing_but_invalidations(void)
{
	while (machine_await_l2(0)) {
		machine_invalidate();
		machine_await(4);
	}
}

static void the_ept_generation_moves(void **state)
{
	struct machine m;

	(void)state;
	busy_guests();
	m = machine();
	m.other = nothing_but_invalidations;
	same(&m, FAKE_STOP_END);
	wrote_all();
	assert_true(nested.invalidations > 3);
}

static bool vmcs_goes(unsigned vcpu)
{
	if (!sign(vcpu))
		return false;
	take(FAKE_VMCS_A);
	take(FAKE_VMCS_B);
	take(FAKE_VMXON_REGION);
	return false;
}

static void l1s_vmcss_are_paged_out(void **state)
{
	struct machine m;

	(void)state;
	taken = 0;
	begin();
	give_sign(&l1);
	enter_times(1);
	give_sign(&l1);
	script_vmcs(&l1, FAKE_VMCS_B, FAKE_L2_CODE + 2);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_UNCOND_IO);
	give_sign(&l1);
	enter_times(1);
	give_sign(&l1);
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_A);
	give_sign(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_op(&l2, FAKE_CPUID);
	script_add(&l2, (struct fake_insn){ .op = FAKE_IN, .imm = 0x80, .size = 1 });
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.between = vmcs_goes;
	same(&m, FAKE_STOP_END);
	assert_true(taken >= 3 && nested.counters[0][NVMX_CNT_AGAIN] > 0);
}

static bool translation_goes(unsigned vcpu)
{
	if (!sign(vcpu))
		return false;
	for (unsigned i = 0; i < 4; i++)
		take(FAKE_L1_TABLES + i * FAKE_PAGE);
	take(FAKE_L1_DATA);
	return false;
}

/* The operands of VMX instructions are linear addresses of L1's. */
static void l1s_paging_structures_are_paged_out(void **state)
{
	struct machine m;

	(void)state;
	taken = 0;
	busy_guests();
	m = machine();
	m.between = translation_goes;
	same(&m, FAKE_STOP_END);
	assert_true(taken > 3);
}

static bool ept12_goes(unsigned vcpu)
{
	if (!sign(vcpu))
		return false;
	for (unsigned i = 0; i < 4; i++)
		take(FAKE_EPT_A + i * FAKE_PAGE);
	take(FAKE_MSR_BITMAP);
	take(FAKE_IO_BITMAP);
	take(FAKE_IO_BITMAP + FAKE_PAGE);
	return false;
}

static void l1s_ept_and_bitmaps_are_paged_out(void **state)
{
	struct machine m;

	(void)state;
	taken = 0;
	busy_guests();
	script_movi(&l2, 1, NVMX_MSR_PAT);
	script_op(&l2, FAKE_RDMSR);
	m = machine();
	m.between = ept12_goes;
	same(&m, FAKE_STOP_END);
	assert_true(taken > 3);
}

static bool areas_go(unsigned vcpu)
{
	if (!sign(vcpu))
		return false;
	take(FAKE_MSR_ENTRY);
	take(FAKE_MSR_STORE);
	take(FAKE_MSR_EXIT);
	return false;
}

static void l1s_msr_areas_are_paged_out(void **state)
{
	struct machine m;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t at = i == 0 ? FAKE_MSR_ENTRY : i == 1 ? FAKE_MSR_EXIT : FAKE_MSR_STORE;

		script_store(&l1, at, NVMX_MSR_LSTAR, 8);
		script_store(&l1, at + 8, 0x1000 * (i + 1), 8);
	}
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 1);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 1);
	give_sign(&l1);
	enter_times(2);
	give_sign(&l1);
	script_load(&l1, 3, FAKE_MSR_STORE + 8, 8);
	script_op(&l2, FAKE_CPUID);
	taken = 0;
	m = machine();
	m.between = areas_go;
	same(&m, FAKE_STOP_END);
	assert_true(taken >= 3);
}

/* A page that the processor itself uses is wired while an L2 may run with it, and no longer. */
#define TPR_SHADOW { NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_TPR_SHADOW }
static unsigned long wired_most;

static bool take_virtual_apic(unsigned vcpu)
{
	(void)vcpu;
	if (machine_wirings() > wired_most)
		wired_most = machine_wirings();
	take(FAKE_VAPIC);
	return false;
}

static void the_virtual_apic_page_stays(void **state)
{
	struct machine m;

	(void)state;
	taken = refused = 0;
	wired_most = 0;
	LAUNCH(TPR_SHADOW, { NVMX_TPR_THRESHOLD, 0 });
	script_advance(&l1);
	for (unsigned i = 0; i < 3; i++) {
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, false);
		script_advance(&l1);
	}
	for (unsigned i = 0; i < 4; i++) {
		script_movi(&l2, 3, i);
		script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 3, .imm = 8 });
		script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_FROM_CR, .reg = 3, .imm = 8 });
		script_add(&l2, (struct fake_insn){ .op = FAKE_IN, .imm = 0x80, .size = 1 });
		script_op(&l2, FAKE_CPUID);
	}
	m = machine();
	m.between = take_virtual_apic;
	same(&m, FAKE_STOP_END);
	assert_true(refused > 0 && wired_most > 0);
}

/* Memory of L2's that is nobody's: a device, and the instruction is emulated.  Its address goes through L1's EPT. */
static void a_device_of_l2s_is_emulated(void **state)
{
	struct machine m;

	(void)state;
	for (unsigned out = 0; out < 2; out++) {
		begin();
		script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8, 0xfe000000 | 0x37, 8);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, false);
		script_load(&l2, 3, DATA(0) + 0x10, 4);
		script_store(&l2, DATA(0) + 0x20, 7, 4);
		script_op(&l2, FAKE_VMCALL);
		m = machine();
		if (out)
			run_away(&m);
		else
			same(&m, FAKE_STOP_END);
		assert_int_equal(nested.emulated, 2);
	}
}

/* Between the exit and the emulation L1 takes the mapping of L2's code away: L1 gets the EPT violation that the fetch has. */
static void unmap_code(unsigned vcpu)
{
	static const uint64_t nothing;

	(void)vcpu;
	machine_write(FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_CODE / FAKE_PAGE * 8, &nothing, 8);
}

static void the_code_to_emulate_is_gone(void **state)
{
	struct machine m;

	(void)state;
	begin();
	script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8, 0xfe000000 | 0x37, 8);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	script_load(&l2, 3, DATA(0) + 0x10, 4);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.emulating = unmap_code;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(seen(NVMX_GUEST_PHYS_ADDR, 0), FAKE_L2_CODE);
	assert_int_equal(seen(NVMX_GUEST_RIP, 0), FAKE_L2_CODE);
}

/* An event that L1 injects needs pages that are away: it is delivered once. */
static void an_injected_event_meets_a_page_that_is_away(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x80000b0d }, { NVMX_ENTRY_EXC_ERROR_CODE, 8 });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	run_away(&m);
	assert_int_equal(delivered(0x80000b0d), 1);
}

/* A mapping that is being removed cannot be wired (vm_page_wire_mapped()): the library asks again. */
static void a_page_that_just_goes_cannot_be_wired(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(TPR_SHADOW);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.unwirable = 2;
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.counters[0][NVMX_CNT_AGAIN], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_paged_out_again_and_again),
		cmocka_unit_test(a_table_of_ept01_goes),
		cmocka_unit_test(guests_without_accessed_and_dirty_flags),
		cmocka_unit_test(pages_go_under_a_running_l2),
		cmocka_unit_test(a_page_that_was_written_out_is_written_again),
		cmocka_unit_test(what_is_read_is_not_dirty),
		cmocka_unit_test(the_ept_generation_moves),
		cmocka_unit_test(l1s_vmcss_are_paged_out),
		cmocka_unit_test(l1s_paging_structures_are_paged_out),
		cmocka_unit_test(l1s_ept_and_bitmaps_are_paged_out),
		cmocka_unit_test(l1s_msr_areas_are_paged_out),
		cmocka_unit_test(the_virtual_apic_page_stays),
		cmocka_unit_test(a_device_of_l2s_is_emulated),
		cmocka_unit_test(the_code_to_emulate_is_gone),
		cmocka_unit_test(an_injected_event_meets_a_page_that_is_away),
		cmocka_unit_test(a_page_that_just_goes_cannot_be_wired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
