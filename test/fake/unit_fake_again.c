/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * "Not now" at the k-th use of a page of L1's, for every k: the guests see what they see without, and nothing is lost or happens
 * twice.  The scripts between them make every part of the library that maps, pins or translates do so; the last one is a random
 * one.  Where everything is tested AGAIN_STEP is 1: every k; elsewhere every fifth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compare.h"
#include "gen.h"

#ifndef AGAIN_STEP
#define AGAIN_STEP 5u
#endif
#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)
#define PROC2 (NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED)

static struct script l1, l2;
static struct fake_code code[2];
static struct fake_result undisturbed;
static struct gen g;

static void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
}

static void again(void)
{
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_advance(&l1);
}

static void launch(void)
{
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
	script_advance(&l1);
}

static struct fake_machine machine(void)
{
	script_op(&l1, FAKE_VMXOFF);
	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2 };
}

static void disturb(struct fake_machine m, unsigned step)
{
	uint64_t asked, met = 0, tried = 0;

	fake_run_nested(&m, &undisturbed);
	asked = undisturbed.asked;
	assert_true(asked > 3);
	for (uint64_t k = 1 + asked % step; k <= asked; k += step) {
		m.not_now_at = k;
		fake_run_nested(&m, &fake_nested);
		if (fake_trace_differs(&undisturbed.trace, &fake_nested.trace) >= 0 ||
		    fake_ram_differs(&undisturbed, &fake_nested) >= 0 || fake_nested.stop != undisturbed.stop)
			fail_msg("use %llu of %llu", (unsigned long long)k, (unsigned long long)asked);
		assert_true(fake_nested.agains <= 1);
		met += fake_nested.agains;
		tried++;
	}
	assert_true(met * 8 > tried); /* the others could be done without */
}

static void run_with(struct fake_machine m)
{
	m.parks_again = true; /* vmcs02 is clear when the call comes again, though L2 has not run */
	disturb(m, AGAIN_STEP);
	m.traced = true; /* with the records that are made in between */
	m.parks = true;
	disturb(m, AGAIN_STEP * 2);
}

/* VMXON to VMXOFF; more VMCSs than stay active; memory operands, one over the end of a page. */
static void instructions(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 6; i++) {
		script_store(&l1, 0x70000 + i * FAKE_PAGE, NVMX_VMCS12_REVISION, 4);
		script_pointer(&l1, FAKE_VMCLEAR, 0x70000 + i * FAKE_PAGE);
		script_pointer(&l1, FAKE_VMPTRLD, 0x70000 + i * FAKE_PAGE);
		script_vmwrite(&l1, NVMX_GUEST_RIP, 0x1000 + i);
	}
	script_pointer(&l1, FAKE_VMPTRLD, 0x70000);
	script_vmread(&l1, NVMX_GUEST_RIP);
	script_pointer(&l1, FAKE_VMCLEAR, 0x74000);
	script_invalidate(&l1, FAKE_INVEPT, 1, FAKE_EPT_A | 0x1e, 0);
	script_invalidate(&l1, FAKE_INVVPID, 2, 1, 0);
	script_add(&l1, (struct fake_insn){ .op = FAKE_VMPTRST, .mem = true, .seg = FAKE_DS, .base = FAKE_NO_REG, .index = FAKE_NO_REG,
					    .asize = 8, .size = 8, .disp = FAKE_L1_DATA + 0xffc });
	script_load(&l1, 2, FAKE_L1_DATA + 0xffc, 8);
	run_with(machine());
}

static void list_entry(uint8_t *ram, uint64_t at, uint32_t msr, uint64_t value)
{
	memcpy(ram + at, &(uint64_t){ msr }, 8);
	memcpy(ram + at + 8, &value, 8);
}

static void make_lists(uint8_t *ram, const void *arg)
{
	static const uint32_t msrs[] = { NVMX_MSR_TSC_AUX, NVMX_MSR_LSTAR, NVMX_MSR_KERNEL_GS_BASE };

	(void)arg;
	for (unsigned i = 0; i < 3; i++) { /* each list goes over the end of a page */
		list_entry(ram, FAKE_MSR_ENTRY + 0xfe0 + 16 * i - FAKE_PAGE, msrs[i], 3 + i);
		list_entry(ram, FAKE_L2_DATA + 0xfe0 + 16 * i, msrs[i], 0);
		list_entry(ram, FAKE_L2_DATA + 0x2fe0 + 16 * i, msrs[i], 13 + i);
	}
	list_entry(ram, FAKE_L2_DATA + 0x4000, NVMX_MSR_TSC_AUX, 4);
	list_entry(ram, FAKE_L2_DATA + 0x4010, NVMX_MSR_FS_BASE, 4); /* no list loads it */
}

/* Areas that work, one whose second entry fails, one at the exit that fails: a VMX abort. */
static void msr_areas(void **state)
{
	struct fake_machine m;

	(void)state;
	for (unsigned abort = 0; abort < 2; abort++) {
		begin();
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 3);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY + 0xfe0 - FAKE_PAGE);
		script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 3);
		script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_ADDR, FAKE_L2_DATA + 0xfe0);
		script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 3);
		script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_ADDR, FAKE_L2_DATA + 0x2fe0);
		launch();
		again();
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 2);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_L2_DATA + 0x4000);
		again();
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 0);
		script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 0);
		again();
		script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2);
		if (abort) {
			script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 2);
			script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_ADDR, FAKE_L2_DATA + 0x4000);
			again();
		}
		script_op(&l2, FAKE_CPUID);
		script_op(&l2, FAKE_VMCALL);
		script_op(&l2, FAKE_VMCALL);
		m = machine();
		m.prepare = make_lists;
		run_with(m);
		assert_int_equal(undisturbed.stop, abort ? FAKE_STOP_ABORT : FAKE_STOP_END);
	}
}

/* Frames for the processor, the TPR of the threshold check, bitmaps. */
static void pages_of_the_entry(void **state)
{
	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_TPR_SHADOW | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
	script_vmwrite(&l1, NVMX_PROC_CTLS2, PROC2 | NVMX_PROC2_APIC_ACCESS);
	script_vmwrite(&l1, NVMX_VIRTUAL_APIC_ADDR, FAKE_VAPIC);
	script_vmwrite(&l1, NVMX_APIC_ACCESS_ADDR, FAKE_L2_DATA + 0x6000);
	script_vmwrite(&l1, NVMX_TPR_THRESHOLD, 0);
	launch();
	script_vmwrite(&l1, NVMX_TPR_THRESHOLD, 3);
	again();
	script_vmwrite(&l1, NVMX_TPR_THRESHOLD, 0);
	script_vmwrite(&l1, NVMX_VIRTUAL_APIC_ADDR, FAKE_L2_DATA + 0x7000);
	again();
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_VMX_BASIC, 0);
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	script_imm(&l2, FAKE_IN, 0x60);
	script_op(&l2, FAKE_VMCALL);
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	script_load(&l2, 1, FAKE_L2_DATA + 8, 8);
	script_store(&l2, FAKE_L2_DATA + 8, 3, 8);
	script_op(&l2, FAKE_VMCALL);
	run_with(machine());
}

/* The host finds the page fault, which is L1's or L2's, and an exception of the current guest. */
static void exceptions(void **state)
{
	(void)state;
	for (uint32_t bitmap = 0; bitmap < 2; bitmap++) {
		begin();
		script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, bitmap ? NVMX_BIT(NVMX_VECTOR_GP) | NVMX_BIT(NVMX_VECTOR_UD) : 0);
		script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 1);
		script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_ADDR, FAKE_L2_DATA + 0xfe0);
		launch();
		again();
		script_msr(&l2, FAKE_WRMSR, NVMX_MSR_VMX_BASIC, 0);
		script_op(&l2, FAKE_VMCALL);
		struct fake_machine m = machine();
		m.prepare = make_lists;
		run_with(m);
	}
}

/* Interrupts that a host owns exit to L1 with areas to be stored; acknowledged once. */
static void interrupts(void **state)
{
	static const struct fake_outside outside[] = { { 360, FAKE_EXT_INT, 0x51 }, { 364, FAKE_NMI, 0 } };
	struct fake_machine m;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PIN_CTLS, 0x1f);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_ACK_INT);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 3);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_ADDR, FAKE_L2_DATA + 0xfe0);
	launch();
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	for (unsigned i = 0; i < 40; i++)
		script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.flags = NVMX_HOST_OWNS_INTERRUPTS;
	m.prepare = make_lists;
	m.outside = outside;
	m.outsides = 2;
	run_with(m);
}

/* What random scripts make of it; and the nested state, which moves meanwhile. */
static void random_scripts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		gen_make(&g, seed, 5);
		disturb(g.machine, AGAIN_STEP * 4);
		g.machine.moves = (uint32_t)seed;
		disturb(g.machine, AGAIN_STEP * 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instructions), cmocka_unit_test(msr_areas),  cmocka_unit_test(pages_of_the_entry),
		cmocka_unit_test(exceptions),   cmocka_unit_test(interrupts), cmocka_unit_test(random_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
