/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A processor that is stricter than the SDM (no check row knows why it refuses): L1 gets the failure that it would have got without
 * the library, and goes on.  Where both runs can fail alike, they are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "compare.h"

#define BAD_CONTROL 0x7777u    /* of PF_EC_MASK: VMfail 7 */
#define BAD_HOST 0x6666u       /* of PF_EC_MATCH: VMfail 8 */
#define BAD_GUEST 0x5550u      /* of GUEST_SYSENTER_ESP: exit 33 */
#define NO_ERROR 0

static const struct fake_dislike strict[] = {
	{ NVMX_PF_EC_MASK, BAD_CONTROL, NVMX_VMERR_ENTRY_CONTROLS },
	{ NVMX_PF_EC_MATCH, BAD_HOST, NVMX_VMERR_ENTRY_HOST_STATE },
	{ NVMX_GUEST_SYSENTER_ESP, BAD_GUEST, NO_ERROR },
};
static const uint32_t hosts[] = { 0, NVMX_HOST_OWNS_INTERRUPTS, FAKE_LIKE_KVM };
static struct script l1, l2;
static uint64_t host_cr0_mask;
static struct fake_code code[2];

static void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
}

static struct fake_machine machine(uint32_t flags)
{
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2, .flags = flags, .dislike = strict, .dislikes = 3,
				      .cr0_mask = host_cr0_mask };
}

/* Both runs are the same under each kind of host; vmcs02 was refused so often. */
static void check(unsigned times)
{
	script_op(&l1, FAKE_END);
	for (unsigned i = 0; i < 3; i++) {
		struct fake_machine m = machine(hosts[i]);

		assert_true(fake_same(&m, true));
		assert_int_equal(fake_bare.stop, FAKE_STOP_END);
		assert_false(fake_nested.host_stopped);
		assert_int_equal(fake_nested.counters[NVMX_CNT_ENTRY_REFUSED], times);
	}
}

/* VMLAUNCH stays VMLAUNCH, and VMRESUME can fail as well; in between everything works. */
static void launch_and_resume(void **state)
{
	static const struct {
		uint32_t field, bad, good, error;
	} kinds[] = {
		{ NVMX_PF_EC_MASK, BAD_CONTROL, 0, 7 }, { NVMX_PF_EC_MATCH, BAD_HOST, 0, 8 },
		{ NVMX_GUEST_SYSENTER_ESP, BAD_GUEST, 8, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		begin();
		script_vmwrite(&l1, kinds[i].field, kinds[i].bad);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_run(&l1, FAKE_VMRESUME); /* not launched: 5 */
		script_vmread(&l1, NVMX_VM_INSTR_ERROR);
		script_vmwrite(&l1, kinds[i].field, kinds[i].good);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_advance(&l1);
		script_vmwrite(&l1, kinds[i].field, kinds[i].bad);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, true);
		script_vmwrite(&l1, kinds[i].field, kinds[i].good);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, true);
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_CPUID);
		script_op(&l2, FAKE_VMCALL);
		check(2);
		if (kinds[i].error)
			assert_int_equal(fake_seen(&fake_bare, NVMX_VM_INSTR_ERROR, 0), kinds[i].error);
		else
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), 33 | NVMX_XR_ENTRY_FAILURE);
		assert_int_equal(fake_seen(&fake_bare, NVMX_VM_INSTR_ERROR, 1), 5);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_CPUID);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 3), NVMX_XR_VMCALL);
	}
}

static void msr_entry(uint64_t area, unsigned n, uint32_t msr, uint64_t value)
{
	script_store(&l1, area + 16ull * n, msr, 8);
	script_store(&l1, area + 16ull * n + 8, value, 8);
}

static const uint32_t listed[] = { NVMX_MSR_PAT, 0xc0000082, NVMX_MSR_SYSENTER_CS, 0xc0000084, 0xc0000102 };

static void read_msrs(struct script *s)
{
	for (unsigned i = 0; i < 5; i++)
		script_msr(s, FAKE_RDMSR, listed[i], 0);
}

/* An entry that does not happen has loaded nothing, not even what its list names twice. */
static void lists_are_not_loaded(void **state)
{
	static const uint64_t values[] = { 0x0606060606060606, 0x7000, 0x44, 0x300, 0x9000 };

	(void)state;
	for (unsigned guest = 0; guest < 2; guest++) {
		begin();
		script_msr(&l1, FAKE_WRMSR, 0xc0000082, 0x1234);
		script_msr(&l1, FAKE_WRMSR, 0xc0000102, 0x5678);
		for (unsigned i = 0; i < 5; i++)
			msr_entry(FAKE_MSR_ENTRY, i, listed[i], values[i]);
		msr_entry(FAKE_MSR_ENTRY, 5, listed[1], 0x8000);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 6);
		script_vmwrite(&l1, guest ? NVMX_GUEST_SYSENTER_ESP : NVMX_PF_EC_MASK, guest ? BAD_GUEST : BAD_CONTROL);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		read_msrs(&l1);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1); /* what is left of the list is vmcs12's, or L1's */
		script_vmwrite(&l1, guest ? NVMX_GUEST_SYSENTER_ESP : NVMX_PF_EC_MASK, 0);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		read_msrs(&l2);
		script_op(&l2, FAKE_VMCALL);
		check(1);
	}
}

/* What L2 left in vmcs02 alone is not lost to the list of an entry that fails, by the list itself or behind it. */
static void lists_lose_nothing_of_l2(void **state)
{
	(void)state;
	for (unsigned refused = 0; refused < 2; refused++) {
		begin();
		msr_entry(FAKE_MSR_ENTRY, 0, NVMX_MSR_SYSENTER_CS, 0x44);
		msr_entry(FAKE_MSR_ENTRY, 1, 0xc0000082, 0x7000);
		script_vmwrite(&l1, NVMX_PROC_CTLS, 0x04006172u | NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 2);
		script_run(&l1, FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_EXIT_REASON);
		script_advance(&l1);
		if (refused)
			script_vmwrite(&l1, NVMX_PF_EC_MASK, BAD_CONTROL);
		else
			msr_entry(FAKE_MSR_ENTRY, 1, NVMX_MSR_FS_BASE, 0x7000);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, true);
		script_vmwrite(&l1, NVMX_PF_EC_MASK, 0);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 0);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, true);
		script_msr(&l2, FAKE_WRMSR, NVMX_MSR_SYSENTER_CS, 0x77);
		script_op(&l2, FAKE_VMCALL);
		script_msr(&l2, FAKE_RDMSR, NVMX_MSR_SYSENTER_CS, 0);
		script_op(&l2, FAKE_VMCALL);
		check(refused);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_SYSENTER_CS, 0), 0x77);
	}
}

/* More MSRs than are put back: L1's exit does it, by its own list. */
static void a_long_list(void **state)
{
	struct fake_machine m;

	(void)state;
	begin();
	script_msr(&l1, FAKE_WRMSR, 0xc0000082, 0x1234);
	for (unsigned i = 0; i < 20; i++)
		msr_entry(FAKE_MSR_ENTRY, i, 0xc0000082, 0x1000 * i);
	msr_entry(FAKE_MSR_EXIT, 0, 0xc0000082, 0x4321);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 20);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_ADDR, FAKE_MSR_EXIT);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 1);
	script_vmwrite(&l1, NVMX_PF_EC_MASK, BAD_CONTROL);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	script_run(&l1, FAKE_VMRESUME);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_msr(&l1, FAKE_RDMSR, 0xc0000082, 0);
	script_add(&l1, (struct fake_insn){ .op = FAKE_STORE, .reg = 0, .mem = true, .seg = FAKE_DS, .base = FAKE_NO_REG,
					    .index = FAKE_NO_REG, .asize = 8, .size = 8, .disp = FAKE_L2_DATA });
	script_op(&l1, FAKE_END);
	m = machine(0);
	fake_run_nested(&m, &fake_nested);
	assert_int_equal(fake_nested.stop, FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_nested, NVMX_EXIT_REASON, 0), 33 | NVMX_XR_ENTRY_FAILURE);
	assert_int_equal(fake_seen(&fake_nested, NVMX_EXIT_QUALIFICATION, 0), 0);
	assert_int_equal(fake_seen(&fake_nested, NVMX_VM_INSTR_ERROR, 1), 5);
	assert_int_equal(fake_nested.ram[FAKE_L2_DATA] | fake_nested.ram[FAKE_L2_DATA + 1] << 8, 0x4321);
}

/* The event that L1 injects goes in once, when the entry succeeds; what vmcs02 had to have for it is vmcs12's again. */
static void events_stay(void **state)
{
	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_ENTRY_INTR_INFO, 0x80000202);
	script_vmwrite(&l1, NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI);
	script_vmwrite(&l1, NVMX_PF_EC_MASK, BAD_CONTROL);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	script_vmwrite(&l1, NVMX_ENTRY_INTR_INFO, 0);
	script_vmwrite(&l1, NVMX_PF_EC_MASK, 0);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	script_op(&l2, FAKE_VMCALL);
	check(1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_ENTRY_INTR_INFO, 0), 0x80000202);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 1), NVMX_BLOCK_NMI);
}

/* The bits of CR0 that no entry loads: those that vmcs12 gets of L1's are its own again when nothing was entered. */
static void cr0_stays(void **state)
{
	const uint64_t cr0 = 0x80050033;

	(void)state;
	for (unsigned guest = 0; guest < 2; guest++) {
		begin();
		script_movi(&l1, 3, cr0 | NVMX_CR0_CD);
		script_add(&l1, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 3, .imm = 0 });
		script_vmwrite(&l1, NVMX_GUEST_CR0, cr0);
		script_vmwrite(&l1, NVMX_HOST_CR0, cr0);
		script_vmwrite(&l1, guest ? NVMX_GUEST_SYSENTER_ESP : NVMX_PF_EC_MASK, guest ? BAD_GUEST : BAD_CONTROL);
		script_run(&l1, FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_CR0);
		script_vmwrite(&l1, guest ? NVMX_GUEST_SYSENTER_ESP : NVMX_PF_EC_MASK, 0);
		script_run(&l1, FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_CR0);
		script_op(&l2, FAKE_VMCALL);
		host_cr0_mask = NVMX_CR0_CD | NVMX_CR0_NW;
		check(1);
		host_cr0_mask = 0;
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 0), cr0);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 1), cr0 | NVMX_CR0_CD);
	}
}

/* L1 tries again and again: each attempt fails, and costs no page. */
static void again_and_again(void **state)
{
	uint64_t pages;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PF_EC_MASK, BAD_CONTROL);
	script_run(&l1, FAKE_VMLAUNCH);
	check(1);
	pages = fake_nested.counters[NVMX_CNT_EPT_PAGES];
	begin();
	script_vmwrite(&l1, NVMX_PF_EC_MASK, BAD_CONTROL);
	for (unsigned i = 0; i < 50; i++)
		script_run(&l1, FAKE_VMLAUNCH);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	check(50);
	assert_int_equal(fake_seen(&fake_bare, NVMX_VM_INSTR_ERROR, 0), 7);
	assert_int_equal(fake_nested.counters[NVMX_CNT_EPT_PAGES], pages);
	assert_int_equal(fake_nested.counters[NVMX_CNT_ENTRY_FAIL], 50);
}

/* L2 ran, the library answered an exit of it, and the processor does not take it back: L1 hears of it, with L2 as it is. */
static void refused_later(void **state)
{
	static const uint32_t error[] = { NVMX_VMERR_ENTRY_CONTROLS, NO_ERROR };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct fake_dislike rip = { .field = NVMX_GUEST_RIP, .error = error[i] };
		struct fake_machine m;

		begin();
		script_vmwrite(&l1, NVMX_PROC_CTLS, 0x04006172u | NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS);
		script_vmwrite(&l1, NVMX_ENTRY_INTR_INFO, 0x80000306);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_vmread(&l1, NVMX_ENTRY_INTR_INFO);
		script_op(&l1, FAKE_END);
		script_op(&l2, FAKE_NOP);
		script_msr(&l2, FAKE_RDMSR, NVMX_MSR_PAT, 0); /* exits, opens the bit, and is begun again */
		rip.value = l2.here - fake_length(&l2.insn[l2.code.n - 1]);
		script_op(&l2, FAKE_VMCALL);
		m = machine(0);
		m.dislike = &rip;
		m.dislikes = 1;
		fake_run_nested(&m, &fake_nested);
		assert_int_equal(fake_nested.stop, FAKE_STOP_END);
		assert_int_equal(fake_nested.library_stop, NVMX_STOP_NONE);
		assert_int_equal(fake_seen(&fake_nested, NVMX_EXIT_REASON, 0), 33 | NVMX_XR_ENTRY_FAILURE);
		assert_int_equal(fake_seen(&fake_nested, NVMX_GUEST_RIP, 0), rip.value);
		assert_int_equal(fake_delivered(&fake_nested, 0x80000306), 1);
		assert_int_equal(fake_seen(&fake_nested, NVMX_ENTRY_INTR_INFO, 0), 0x306); /* L2 has had it */
		assert_int_equal(fake_nested.counters[NVMX_CNT_ENTRY_REFUSED], 1);
	}
}

/* The wrong instruction, or none of L2's: nothing that L1 could have chosen. */
static void bugs_of_the_host(void **state)
{
	static const struct fake_dislike rule = { NVMX_PF_EC_MASK, BAD_CONTROL, NVMX_VMERR_VMRESUME_NOT_LAUNCHED };
	struct fake_machine m;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PF_EC_MASK, BAD_CONTROL);
	script_run(&l1, FAKE_VMLAUNCH);
	script_op(&l1, FAKE_END);
	m = machine(0);
	m.dislike = &rule;
	m.dislikes = 1;
	fake_run_nested(&m, &fake_nested);
	assert_true(fake_nested.host_stopped);
	assert_int_equal(fake_nested.library_stop, NVMX_STOP_ENTRY_VMCS02);
	assert_int_equal(fake_nested.library_detail, NVMX_VMERR_VMRESUME_NOT_LAUNCHED);
	assert_int_equal(fake_nested.counters[NVMX_CNT_ENTRY_REFUSED], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(launch_and_resume),
		cmocka_unit_test(lists_are_not_loaded),
		cmocka_unit_test(lists_lose_nothing_of_l2),
		cmocka_unit_test(a_long_list),
		cmocka_unit_test(events_stay),
		cmocka_unit_test(cr0_stays),
		cmocka_unit_test(again_and_again),
		cmocka_unit_test(refused_later),
		cmocka_unit_test(bugs_of_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
