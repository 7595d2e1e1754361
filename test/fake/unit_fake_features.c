/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Features of the processor that only some L1s use: APIC virtualization, posted interrupts, PML, mode-based execute control, #VE;
 * bus-lock and notify exits, which the host alone has.  Bare, the script sees what the SDM says; nested, under three kinds of host, the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "compare.h"

#define PROC (0x84006172u | NVMX_PROC_TPR_SHADOW)
#define PROC2 (NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED)
#define EXIT (0x36dfbu | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG)
#define VID (NVMX_PROC2_VID | NVMX_PROC2_APIC_REGS)
#define APIC_PAGE (FAKE_L2_DATA + 6 * FAKE_PAGE) /* the APIC-access page, in L2's memory */
#define PML_PAGE (FAKE_L2_DATA + 7 * FAKE_PAGE)  /* L1's log, and its posted-interrupt descriptor */
#define VECTOR 0x61u
#define NOTIFICATION 0xf2u

static struct script l1, l2;
static struct fake_code code[2];
static struct fake_machine machine;

static void begin(uint32_t pin, uint32_t proc, uint32_t proc2)
{
	machine = (struct fake_machine){ .code = code, .codes = 2 };
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PIN_CTLS, 0x16 | pin);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC | proc);
	script_vmwrite(&l1, NVMX_PROC_CTLS2, PROC2 | proc2);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT | (pin ? NVMX_EXIT_ACK_INT : 0));
	script_vmwrite(&l1, NVMX_APIC_ACCESS_ADDR, APIC_PAGE);
	if (proc2 & NVMX_PROC2_VID) {
		for (unsigned i = 0; i < 4; i++)
			script_vmwrite(&l1, NVMX_EOI_EXIT_BITMAP0 + 2 * i, 0);
		script_vmwrite(&l1, NVMX_GUEST_INT_STATUS, 0);
		script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_IF);
	}
}

/* L1 enters L2 n times, looks, and goes past the instruction that exited if there was one. */
static void enter(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		script_run(&l1, i ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_look(&l1, false);
		script_advance(&l1);
	}
}

static void run(uint32_t flags)
{
	machine.flags = flags;
	assert_true(fake_same(&machine, true));
	assert_int_equal(fake_bare.stop, FAKE_STOP_END);
	assert_null(fake_nested.refused);
}

static void finish(void)
{
	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
}

static void check(void)
{
	finish();
	run(FAKE_LIKE_KVM);
	run(NVMX_HOST_OWNS_INTERRUPTS);
	run(0);
}

static uint32_t word(uint64_t at)
{
	uint32_t value;

	memcpy(&value, fake_bare.ram + at, 4);
	return value;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	script_msr(&l2, FAKE_WRMSR, msr, value);
}

/* SDM 29.1.2, 29.4: without virtual-interrupt delivery a TPR below the threshold exits after the instruction. */
static void tpr_in_memory(void **state)
{
	(void)state;
	begin(0, 0, NVMX_PROC2_APIC_ACCESS);
	script_store(&l1, FAKE_VAPIC + 0x80, 0x50, 4);
	script_vmwrite(&l1, NVMX_TPR_THRESHOLD, 4);
	script_load(&l2, 3, APIC_PAGE + 0x80, 4);
	script_store(&l2, APIC_PAGE + 0x80, 0xffff0060, 4);
	script_store(&l2, APIC_PAGE + 0x80, 0x30, 4);
	script_load(&l2, 3, APIC_PAGE + 0x20, 4);
	enter(2);
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_TPR);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_TPR); /* 26.7.7: the threshold is still higher */
	assert_int_equal(word(FAKE_VAPIC + 0x80), 0x30);
}

/* SDM 26.2.1.1: without virtualized APIC accesses and interrupts no entry with a threshold above the virtual TPR's priority. */
static void threshold_at_entry(void **state)
{
	(void)state;
	for (unsigned threshold = 4; threshold < 7; threshold++) {
		begin(0, 0, 0);
		script_store(&l1, FAKE_VAPIC + 0x80, 0x5f, 4);
		script_vmwrite(&l1, NVMX_TPR_THRESHOLD, threshold);
		script_run(&l1, FAKE_VMLAUNCH);
		script_vmread(&l1, threshold > 5 ? NVMX_VM_INSTR_ERROR : NVMX_EXIT_REASON);
		script_op(&l2, FAKE_VMCALL);
		check();
		if (threshold > 5)
			assert_int_equal(fake_seen(&fake_bare, NVMX_VM_INSTR_ERROR, 0), NVMX_VMERR_ENTRY_CONTROLS);
		else
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	}
}

/* SDM 29.4.2, 29.4.3: registers that are answered from the page, one that exits after the write, one that exits before. */
static void registers_in_memory(void **state)
{
	(void)state;
	begin(0, 0, NVMX_PROC2_APIC_ACCESS | NVMX_PROC2_APIC_REGS);
	script_store(&l1, FAKE_VAPIC + 0x20, 0x7000000, 4);
	script_load(&l2, 3, APIC_PAGE + 0x20, 4);
	script_store(&l2, APIC_PAGE + 0x310, 0x5ffffff, 4);
	script_store(&l2, APIC_PAGE + 0xf0, 0x1ff, 4);
	script_load(&l2, 4, APIC_PAGE + 0xa0, 4);
	script_load(&l2, 5, APIC_PAGE + 0x22, 4);
	enter(1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_APIC_WRITE);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 0xf0);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_APIC_ACCESS);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 1), 0xa0);
	assert_int_equal(word(FAKE_VAPIC + 0x310), 0x5000000);
	assert_int_equal(word(FAKE_VAPIC + 0xf0), 0x1ff);
}

/* SDM 26.3.2.5, 29.2.2, 29.1.4: an interrupt that L1 requests is delivered as L2 begins; its EOI exits, or does not. */
static void virtual_interrupt(void **state)
{
	(void)state;
	begin(NVMX_PIN_EXT_INT, 0, VID | NVMX_PROC2_APIC_ACCESS);
	script_vmwrite(&l1, NVMX_EOI_EXIT_BITMAP1, 1ull << (VECTOR - 64));
	script_vmwrite(&l1, NVMX_GUEST_INT_STATUS, VECTOR);
	script_store(&l1, FAKE_VAPIC + 0x200 + VECTOR / 32 * 16, 1u << VECTOR % 32 | 1u, 4);
	script_op(&l2, FAKE_NOP);
	script_store(&l2, APIC_PAGE + 0xb0, 0, 4);
	script_op(&l2, FAKE_NOP);
	script_store(&l2, APIC_PAGE + 0xb0, 0, 4);
	script_op(&l2, FAKE_VMCALL);
	enter(2);
	script_vmread(&l1, NVMX_GUEST_INT_STATUS);
	check();
	assert_int_equal(fake_delivered(&fake_bare, NVMX_INTR_VALID | VECTOR), 1);
	assert_int_equal(fake_delivered(&fake_bare, NVMX_INTR_VALID | (VECTOR - 1)), 1); /* the other bit of VIRR, after the first EOI */
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EOI);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), VECTOR);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INT_STATUS, 0), 0);
}

/* SDM 29.5: TPR, EOI and self-IPI as MSRs, which the MSR bitmap lets through. */
static void x2apic_registers(void **state)
{
	(void)state;
	begin(NVMX_PIN_EXT_INT, NVMX_PROC_MSR_BITMAPS, VID | NVMX_PROC2_X2APIC_MODE);
	script_store(&l1, FAKE_VAPIC + 0x20, 0x12345, 4);
	wrmsr(0x808, 0x70);
	wrmsr(0x83f, VECTOR);
	script_msr(&l2, FAKE_RDMSR, 0x802, 0);
	wrmsr(0x808, 0x10);
	script_op(&l2, FAKE_NOP);
	wrmsr(0x80b, 0);
	wrmsr(0x808, 0x110);
	wrmsr(0x83f, 5);
	enter(1);
	check();
	assert_int_equal(fake_delivered(&fake_bare, NVMX_INTR_VALID | VECTOR), 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_APIC_WRITE);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 0x3f0);
	assert_int_equal(word(FAKE_VAPIC + 0x80), 0x10);
}

/* SDM 29.3: MOV to CR8 is the virtual TPR, and lets the interrupt through that it held up. */
static void cr8_and_virtual_interrupts(void **state)
{
	(void)state;
	begin(NVMX_PIN_EXT_INT, 0, VID);
	script_store(&l1, FAKE_VAPIC + 0x80, 0x90, 4);
	script_vmwrite(&l1, NVMX_GUEST_INT_STATUS, VECTOR);
	script_store(&l1, FAKE_VAPIC + 0x200 + VECTOR / 32 * 16, 1u << VECTOR % 32, 4);
	script_movi(&l2, 0, 2);
	script_imm(&l2, FAKE_MOV_TO_CR, 8);
	script_op(&l2, FAKE_VMCALL);
	enter(1);
	script_vmread(&l1, NVMX_GUEST_INT_STATUS);
	check();
	assert_int_equal(fake_delivered(&fake_bare, NVMX_INTR_VALID | VECTOR), 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INT_STATUS, 0), VECTOR << 8);
}

/* An L1 whose L2 has VECTOR posted, in the order in which the descriptor wants it. */
static void begin_posted(void)
{
	begin(NVMX_PIN_EXT_INT | NVMX_PIN_POSTED_INT, 0, VID);
	script_vmwrite(&l1, NVMX_POSTED_INT_NV, NOTIFICATION);
	script_vmwrite(&l1, NVMX_POSTED_INT_DESC_ADDR, PML_PAGE);
	script_store(&l1, PML_PAGE + VECTOR / 8 - VECTOR / 8 % 4, 1u << VECTOR % 32 | 1u, 4);
	script_store(&l1, PML_PAGE + 32, 1, 4);
}

/* Under each kind of host, the last three also with a notification vector of their own for the processor, and, without it, moved. */
static void run_posted(const struct fake_outside *outside, size_t n)
{
	finish();
	machine.outside = outside;
	machine.outsides = n;
	for (enum fake_kind kind = FAKE_PASSES_THROUGH; kind < FAKE_KINDS; kind++)
		for (unsigned own = 0; own < (kind == FAKE_PASSES_THROUGH ? 1 : 2); own++) {
			fake_as(&machine, kind);
			machine.notifies = own ? NOTIFICATION : 0;
			machine.moves = own || machine.sleeps ? 0 : 7;
			run(machine.flags);
		}
}

/* SDM 29.6: the notification brings in what is posted; another vector exits. */
static void posted_interrupt(void **state)
{
	struct fake_outside outside[2] = { { 0, FAKE_EXT_INT, NOTIFICATION }, { 0, FAKE_EXT_INT, 0x55 } };

	(void)state;
	begin_posted();
	outside[0].clock = l1.code.n + 5;
	outside[1].clock = l1.code.n + 12;
	for (unsigned i = 0; i < 20; i++)
		script_op(&l2, FAKE_NOP);
	enter(1);
	script_vmread(&l1, NVMX_GUEST_INT_STATUS);
	run_posted(outside, 2);
	assert_int_equal(fake_delivered(&fake_bare, NVMX_INTR_VALID | VECTOR), 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), NVMX_INTR_VALID | 0x55);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INT_STATUS, 0), VECTOR << 8 | (VECTOR & 0xe0));
	assert_int_equal(word(PML_PAGE + 32), 0);
	assert_int_equal(word(PML_PAGE + VECTOR / 8 - VECTOR / 8 % 4), 0);
}

/* Both wait when L2 begins: the notification, which has the higher priority, does not hide the other one. */
static void notification_before_entry(void **state)
{
	struct fake_outside outside[2] = { { 0, FAKE_EXT_INT, NOTIFICATION }, { 0, FAKE_EXT_INT, 0x55 } };

	(void)state;
	begin_posted();
	outside[0].clock = outside[1].clock = l1.code.n - 2;
	for (unsigned i = 0; i < 20; i++)
		script_op(&l2, FAKE_NOP);
	enter(1);
	script_vmread(&l1, NVMX_GUEST_INT_STATUS);
	run_posted(outside, 2);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), NVMX_INTR_VALID | 0x55);
	assert_int_equal(word(PML_PAGE + 32), 0);
}

/* L1 takes the vector for an ordinary interrupt where its L2 has no posted interrupts, and in root operation. */
static void notification_of_none(void **state)
{
	struct fake_outside outside[1] = { { 0, FAKE_EXT_INT, NOTIFICATION } };

	(void)state;
	begin_posted();
	script_vmwrite(&l1, NVMX_PIN_CTLS, 0x16 | NVMX_PIN_EXT_INT);
	outside[0].clock = l1.code.n + 5;
	for (unsigned i = 0; i < 20; i++)
		script_op(&l2, FAKE_NOP);
	enter(1);
	run_posted(outside, 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), NVMX_INTR_VALID | NOTIFICATION);
	assert_int_equal(word(PML_PAGE + 32), 1);
}

/* SDM 27.1, 29.2.2, 29.6: what is posted ends HLT, unless the virtual TPR holds it back; for a host that sleeps in L2's place, too. */
static void posted_to_a_sleeper(void **state)
{
	struct fake_outside outside[2] = { { 0, FAKE_EXT_INT, NOTIFICATION }, { 0, FAKE_EXT_INT, 0x55 } };

	(void)state;
	for (unsigned held = 0; held < 2; held++) {
		begin_posted();
		script_store(&l1, FAKE_VAPIC + 0x80, held ? 0x90 : 0x20, 4);
		script_vmwrite(&l1, NVMX_PROC_CTLS, PROC & ~NVMX_PROC_HLT);
		outside[0].clock = l1.code.n + 10;
		outside[1].clock = l1.code.n + 30;
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_HLT);
		for (unsigned i = 0; i < 40; i++)
			script_op(&l2, FAKE_NOP);
		enter(1);
		script_vmread(&l1, NVMX_GUEST_ACTIVITY);
		script_vmread(&l1, NVMX_GUEST_INT_STATUS);
		for (unsigned sleeps = 0; sleeps < 2; sleeps++) {
			machine.sleeps = sleeps;
			run_posted(outside, 2);
		}
		assert_int_equal(fake_delivered(&fake_bare, NVMX_INTR_VALID | VECTOR), !held);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_ACTIVITY, 0), held ? NVMX_ACTIVITY_HLT : NVMX_ACTIVITY_ACTIVE);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), NVMX_INTR_VALID | 0x55);
	}
}

/* SDM 28.3.6: pages that L2 dirties are logged downwards; a full log exits, with the page not yet written. */
static void page_modification_log(void **state)
{
	(void)state;
	begin(0, 0, NVMX_PROC2_PML);
	script_vmwrite(&l1, NVMX_EPT_POINTER, FAKE_EPT_A | 0x5e);
	script_vmwrite(&l1, NVMX_PML_ADDRESS, PML_PAGE);
	script_vmwrite(&l1, NVMX_PML_INDEX, 2);
	for (unsigned i = 0; i < 5; i++)
		script_store(&l2, FAKE_L2_DATA + i * FAKE_PAGE, 7, 8);
	script_op(&l2, FAKE_VMCALL);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	script_vmread(&l1, NVMX_PML_INDEX);
	script_vmwrite(&l1, NVMX_PML_INDEX, 511);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_vmread(&l1, NVMX_PML_INDEX);
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_PML_FULL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_PML_INDEX, 0), 0xffff);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
}

static void set_code_page(uint64_t low)
{
	script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_CODE / FAKE_PAGE * 8, FAKE_L2_CODE | 0x30 | low, 8);
	script_invalidate(&l1, FAKE_INVEPT, 2, 0, 0);
}

/* SDM 28.3.3: which of the two rights a fetch needs is the linear address's to say: L2's tables make it a user-mode one at first. */
static void execute_by_mode(void **state)
{
	const uint64_t pte = FAKE_L2_TABLES + 3 * FAKE_PAGE + FAKE_L2_CODE / FAKE_PAGE * 8;

	(void)state;
	begin(0, 0, NVMX_PROC2_MODE_EXEC);
	for (unsigned i = 0; i < 3; i++) /* the tables above let both through */
		script_store(&l1, FAKE_EPT_A + i * FAKE_PAGE, (FAKE_EPT_A + (i + 1) * FAKE_PAGE) | 0x407, 8);
	script_op(&l2, FAKE_VMCALL);
	set_code_page(0x403);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	set_code_page(7);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_store(&l1, pte, FAKE_L2_CODE | 0x63, 8);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	set_code_page(0x403);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 1), 0x1bc);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 2), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 3), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 3), 0x1dc);
}

/* SDM 25.5.7: the first violation is L2's as #VE; the second, while the area is in use, exits, as does one that is not to be a #VE. */
static void virtualization_exceptions(void **state)
{
	const uint64_t absent = FAKE_L2_DATA + 3 * FAKE_PAGE, at = FAKE_EPT_B + 3 * FAKE_PAGE + absent / FAKE_PAGE * 8;

	(void)state;
	begin(0, 0, NVMX_PROC2_VE);
	script_vmwrite(&l1, NVMX_EPT_POINTER, FAKE_EPT_B | 0x1e);
	script_vmwrite(&l1, NVMX_VE_INFO_ADDR, PML_PAGE);
	script_vmwrite(&l1, NVMX_EPTP_INDEX, 9);
	script_load(&l2, 3, absent + 8, 4);
	script_load(&l2, 3, absent + 16, 4);
	script_load(&l2, 3, absent + 24, 4);
	script_op(&l2, FAKE_VMCALL);
	enter(1);
	script_store(&l1, PML_PAGE + 4, 0, 4);
	script_store(&l1, at, 1ull << 63, 8);
	script_invalidate(&l1, FAKE_INVEPT, 2, 0, 0);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	check();
	assert_int_equal(word(PML_PAGE), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(word(PML_PAGE + 16), absent + 8);
	assert_int_equal(word(PML_PAGE + 32), 9);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_LINEAR_ADDR, 0), absent + 16);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_LINEAR_ADDR, 1), absent + 24);
}

/* SDM 17.4.3: with BTF only a branch (IRET here) is a step, and its trap clears BTF. */
static void branch_steps(void **state)
{
	(void)state;
	for (unsigned intercepted = 0; intercepted < 2; intercepted++) {
		begin(0, 0, 0);
		script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_TF);
		script_vmwrite(&l1, NVMX_GUEST_DEBUGCTL, NVMX_DEBUGCTL_BTF);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, intercepted ? NVMX_BIT(NVMX_VECTOR_DB) : 0);
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_IRET);
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_VMCALL);
		enter(1);
		script_vmread(&l1, NVMX_GUEST_DEBUGCTL);
		check();
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), intercepted ? NVMX_XR_EXCEPTION_NMI : NVMX_XR_VMCALL);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_DEBUGCTL, 0), intercepted ? NVMX_DEBUGCTL_BTF : 0);
		if (intercepted)
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 0x4000);
	}
}

/* SDM 24.6.2: limits that the host sets itself hold for L1 and for L2, and neither notices. */
static void the_hosts_limits(void **state)
{
	(void)state;
	begin(0, 0, 0);
	machine.limits = true;
	script_op(&l1, FAKE_SPLIT_LOCK);
	script_op(&l1, FAKE_STALL);
	script_op(&l2, FAKE_SPLIT_LOCK);
	script_op(&l2, FAKE_STALL);
	script_op(&l2, FAKE_SPLIT_LOCK);
	script_op(&l2, FAKE_VMCALL);
	enter(1);
	check();
	assert_int_equal(fake_nested.limits_met, 5);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
}

/* Where the MSR bitmap lets L2 at it, the ICR is the processor's own, which this one has not. */
static void icr(uint64_t destination, uint32_t low, bool x2apic)
{
	if (x2apic) {
		wrmsr(0x830, destination << 32 | low);
		return;
	}
	script_store(&l2, APIC_PAGE + 0x310, destination << 24, 4);
	script_store(&l2, APIC_PAGE + 0x300, low, 4);
}

/* SDM 29.1.6: the host posts L1's IPIs by the processor.  L2's are none of them. */
static void ipis_of_the_hosts(void **state)
{
	(void)state;
	for (unsigned x2apic = 0; x2apic < 2; x2apic++)
		for (unsigned shadow = 0; shadow < 2; shadow++) {
			begin(NVMX_PIN_EXT_INT, NVMX_PROC_MSR_BITMAPS,
			      shadow ? (x2apic ? NVMX_PROC2_X2APIC_MODE : NVMX_PROC2_APIC_ACCESS) | VID : 0);
			machine.ipis = true;
			script_vmwrite(&l1, NVMX_PROC_CTLS, (PROC & ~(shadow ? 0 : NVMX_PROC_TPR_SHADOW)) | NVMX_PROC_MSR_BITMAPS);
			icr(0, VECTOR, x2apic);
			icr(1, VECTOR, x2apic);
			script_op(&l2, FAKE_VMCALL);
			enter(1);
			check();
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0),
					 shadow && !x2apic ? NVMX_XR_APIC_WRITE : NVMX_XR_VMCALL);
			assert_int_equal(fake_delivered(&fake_bare, 0x80000b0d), x2apic ? 2 : 0);
		}
}

static enum fake_stop alone(uint64_t pid, struct fake_trace *trace, struct fake_cpu *c, struct fake_mem *m)
{
	struct nvmx_caps caps;

	fake_hw_caps(&caps);
	fake_hw_caps_ipis(&caps);
	caps.msr[NVMX_MSR_VMX_BASIC - NVMX_CAPS_FIRST_MSR] &= ~0x7fffffffull;
	caps.msr[NVMX_MSR_VMX_BASIC - NVMX_CAPS_FIRST_MSR] |= NVMX_VMCS12_REVISION; /* which the scripts write */
	finish();
	fake_setup(c, m, 0, &caps, code, 2, trace);
	memcpy(fake_at(m, PML_PAGE + 0x800), &pid, 8);
	fake_run(c);
	return c->stop;
}

/* What the processor makes of an L2's ICR: it posts, and is told of it by its own notification, or exits. */
static void ipis_of_the_processor(void **state)
{
	static const struct {
		uint64_t destination, pid;
		uint32_t low, control;
		bool posts, notifies;
	} cases[] = {
		{ 0, PML_PAGE | 1, VECTOR, NOTIFICATION << 16, true, true },
		{ 0, PML_PAGE | 1, VECTOR, NOTIFICATION << 16 | 1, true, false }, /* ON */
		{ 0, PML_PAGE | 1, VECTOR, NOTIFICATION << 16 | 2, true, false }, /* SN */
		{ 1, PML_PAGE | 1, VECTOR, NOTIFICATION << 16, false, false },	/* no such entry */
		{ 0, PML_PAGE, VECTOR, NOTIFICATION << 16, false, false },
		{ 0, PML_PAGE | 3, VECTOR, NOTIFICATION << 16, false, false },
		{ 0, 1ull << 39 | 1, VECTOR, NOTIFICATION << 16, false, false },
		{ 0, PML_PAGE | 1, 15, NOTIFICATION << 16, false, false },
		{ 0, PML_PAGE | 1, 0x400 | VECTOR, NOTIFICATION << 16, false, false },   /* an NMI */
		{ 0, PML_PAGE | 1, 0x80000 | VECTOR, NOTIFICATION << 16, false, false }, /* all */
	};
	struct fake_result *r = &fake_bare;
	struct fake_cpu c;
	struct fake_mem m;

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		const unsigned k = i / 2, x2apic = i & 1;
		uint32_t pir, control;

		begin(NVMX_PIN_EXT_INT | NVMX_PIN_POSTED_INT, NVMX_PROC_MSR_BITMAPS | NVMX_PROC_TERTIARY,
		      VID | (x2apic ? NVMX_PROC2_X2APIC_MODE : NVMX_PROC2_APIC_ACCESS));
		script_vmwrite(&l1, NVMX_PROC_CTLS3, NVMX_PROC3_IPI_VIRT);
		script_vmwrite(&l1, NVMX_PID_POINTER_TABLE, PML_PAGE + 0x800);
		script_vmwrite(&l1, NVMX_LAST_PID_POINTER_INDEX, 0);
		script_vmwrite(&l1, NVMX_POSTED_INT_NV, NOTIFICATION);
		script_vmwrite(&l1, NVMX_POSTED_INT_DESC_ADDR, PML_PAGE);
		script_store(&l1, PML_PAGE + 32, cases[k].control, 4);
		icr(cases[k].destination, cases[k].low, x2apic);
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_VMCALL);
		enter(1);
		assert_int_equal(alone(cases[k].pid, &r->trace, &c, &m), FAKE_STOP_END);
		memcpy(&pir, fake_at(&m, PML_PAGE + VECTOR / 32 * 4), 4);
		memcpy(&control, fake_at(&m, PML_PAGE + 32), 4);
		assert_int_equal(fake_seen(r, NVMX_EXIT_REASON, 0), cases[k].posts ? NVMX_XR_VMCALL : NVMX_XR_APIC_WRITE);
		if (!cases[k].posts)
			assert_int_equal(fake_seen(r, NVMX_EXIT_QUALIFICATION, 0), 0x300);
		assert_int_equal(fake_delivered(r, NVMX_INTR_VALID | VECTOR), cases[k].notifies);
		assert_int_equal(pir, cases[k].posts && !cases[k].notifies ? 1u << VECTOR % 32 : 0);
		assert_int_equal(control, cases[k].control);
		fake_mem_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tpr_in_memory),
		cmocka_unit_test(threshold_at_entry),
		cmocka_unit_test(registers_in_memory),
		cmocka_unit_test(virtual_interrupt),
		cmocka_unit_test(x2apic_registers),
		cmocka_unit_test(cr8_and_virtual_interrupts),
		cmocka_unit_test(posted_interrupt),
		cmocka_unit_test(notification_before_entry),
		cmocka_unit_test(notification_of_none),
		cmocka_unit_test(posted_to_a_sleeper),
		cmocka_unit_test(page_modification_log),
		cmocka_unit_test(execute_by_mode),
		cmocka_unit_test(virtualization_exceptions),
		cmocka_unit_test(branch_steps),
		cmocka_unit_test(the_hosts_limits),
		cmocka_unit_test(ipis_of_the_hosts),
		cmocka_unit_test(ipis_of_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
