/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L2's MOV to CR0 and CR4, CLTS and LMSW where the host owns some of the bits that they change, so that the library executes
 * them: L2 and L1 find what the instruction does on a processor (SDM volume 2; 4.4.1, 4.10.4.1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "compare.h"

#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)
#define MCE NVMX_CR4_MCE
#define CR4 (NVMX_CR4_PAE | NVMX_CR4_VMXE)
#define CR0 0x80050033u
#define CR0_PAGING_OFF (CR0 & ~NVMX_CR0_PG)
#define ENTRY_32 (0x11fb | NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_EFER)
#define ENTRY_64 (ENTRY_32 | NVMX_ENTRY_IA32E)
#define GP_EXIT 0x80000b0d
#define RBX 3u
#define HIGH 0xdeadbeef00000000ull

static struct script l1, l2;
static struct fake_code code[2];

static void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_GP));
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_64);
}

static void move(unsigned cr, uint64_t value)
{
	script_movi(&l2, RBX, value);
	script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = RBX, .imm = cr });
}

/* A host that owns none of the bits, so that the processor itself executes the instruction, and one that owns them. */
static void check(void (*prepare)(uint8_t *ram, const void *arg))
{
	static const uint32_t flags[] = { 0, NVMX_HOST_OWNS_INTERRUPTS };
	struct fake_machine m;

	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	m = (struct fake_machine){ .code = code, .codes = 2, .prepare = prepare };
	for (unsigned i = 0; i < 8; i++) {
		m.owns_cr = i & 1;
		m.flags = flags[i >> 1 & 1];
		m.no_vpid = i & 4;
		assert_true(fake_same(&m, true));
		assert_int_equal(fake_bare.stop, FAKE_STOP_END);
		assert_null(fake_nested.refused);
	}
}

#define CODE64 0xa09bu
#define CODE32 0xc09bu
#define LME NVMX_EFER_LME
#define LMA (NVMX_EFER_LME | NVMX_EFER_LMA)
#define WIDE NVMX_BIT64(32)
#define RESERVED NVMX_BIT64(22)

struct row {
	const char *what;
	unsigned cr;
	uint64_t value;
	bool fault;
	/* L2 at the entry */
	uint64_t cr0, cr4, cr3, efer;
	uint32_t entry, cs_ar, tr_ar;
};
#define IN64(cr4_) CR0, cr4_, FAKE_L2_TABLES, LMA, ENTRY_64, CODE64, 0x8b
#define COMPATIBILITY(cr4_) CR0, cr4_, FAKE_L2_TABLES, LMA, ENTRY_64, CODE32, 0x8b
#define FLAT(efer_, cr4_, tr_) CR0_PAGING_OFF, cr4_, FAKE_L2_TABLES, efer_, ENTRY_32, CODE32, tr_

/* Each changes MCE, TS or PG beside, which the host owns. */
static const struct row rows[] = {
	{ "as it is", 4, CR4 | MCE, false, IN64(CR4) },
	{ "PAE cleared in 64-bit mode", 4, NVMX_CR4_VMXE | MCE, true, IN64(CR4) },
	{ "PAE cleared in compatibility mode", 4, NVMX_CR4_VMXE | MCE, true, COMPATIBILITY(CR4) },
	{ "PAE cleared without paging", 4, NVMX_CR4_VMXE | MCE, false, FLAT(0, CR4, 0x8b) },
	{ "VMXE cleared", 4, NVMX_CR4_PAE | MCE, true, IN64(CR4) },
	{ "reserved bit", 4, CR4 | MCE | RESERVED, true, IN64(CR4) },
	{ "high half in 64-bit mode", 4, CR4 | MCE | WIDE, true, IN64(CR4) },
	{ "high half in compatibility mode", 4, CR4 | MCE | HIGH, false, COMPATIBILITY(CR4) },
	{ "high half without paging", 4, CR4 | MCE | HIGH, false, FLAT(0, CR4, 0x8b) },
	{ "PCIDE in 64-bit mode", 4, CR4 | MCE | NVMX_CR4_PCIDE, false, IN64(CR4) },
	{ "PCIDE with a PCID", 4, CR4 | MCE | NVMX_CR4_PCIDE, true, CR0, CR4, FAKE_L2_TABLES | 1, LMA, ENTRY_64, CODE64, 0x8b },
	{ "PCIDE with a PCID, and it was set", 4, CR4 | MCE | NVMX_CR4_PCIDE, false, CR0, CR4 | NVMX_CR4_PCIDE,
	  FAKE_L2_TABLES | 1, LMA, ENTRY_64, CODE64, 0x8b },
	{ "PCIDE without paging", 4, CR4 | MCE | NVMX_CR4_PCIDE, true, FLAT(0, CR4, 0x8b) },
	{ "PCIDE cleared", 4, CR4 | MCE, false, IN64(CR4 | NVMX_CR4_PCIDE) },
	{ "TS", 0, CR0 | NVMX_CR0_TS, false, IN64(CR4) },
	{ "NW without CD", 0, CR0 | NVMX_CR0_TS | NVMX_CR0_NW, true, IN64(CR4) },
	{ "NE cleared", 0, (CR0 | NVMX_CR0_TS) & ~NVMX_CR0_NE, true, IN64(CR4) },
	{ "high half of CR0", 0, CR0 | NVMX_CR0_TS | WIDE, true, IN64(CR4) },
	{ "high half of CR0, compatibility mode", 0, CR0 | NVMX_CR0_TS | HIGH, false, COMPATIBILITY(CR4) },
	{ "reserved bits of CR0, and ET", 0, ((CR0 | NVMX_CR0_TS) & ~NVMX_CR0_ET) | 0x1ffaffc0, false, IN64(CR4) },
	{ "PG without PE", 0, NVMX_CR0_PG | NVMX_CR0_NE, true, IN64(CR4) },
	{ "PG cleared in 64-bit mode", 0, CR0_PAGING_OFF, true, IN64(CR4) },
	{ "PG cleared in compatibility mode", 0, CR0_PAGING_OFF, false, COMPATIBILITY(CR4) },
	{ "PG cleared with PCIDE", 0, CR0_PAGING_OFF, true, COMPATIBILITY(CR4 | NVMX_CR4_PCIDE) },
	{ "PG with LME", 0, CR0, false, FLAT(LME, CR4, 0x8b) },
	{ "PG with LME, no PAE", 0, CR0, true, FLAT(LME, NVMX_CR4_VMXE, 0x8b) },
	{ "PG with LME, CS.L", 0, CR0, true, CR0_PAGING_OFF, CR4, FAKE_L2_TABLES, LME, ENTRY_32, CODE64, 0x8b },
	{ "PG with LME, 16-bit TSS", 0, CR0, true, FLAT(LME, CR4, 0x83) },
	{ "PE and PG cleared", 0, CR0_PAGING_OFF & ~NVMX_CR0_PE, false, COMPATIBILITY(CR4) },
};

static void moves_fault_as_on_a_processor(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];

		begin();
		script_vmwrite(&l1, NVMX_GUEST_CR0, r->cr0);
		script_vmwrite(&l1, NVMX_GUEST_CR4, r->cr4);
		script_vmwrite(&l1, NVMX_GUEST_CR3, r->cr3);
		script_vmwrite(&l1, NVMX_GUEST_EFER, r->efer);
		script_vmwrite(&l1, NVMX_ENTRY_CTLS, r->entry);
		script_vmwrite(&l1, NVMX_GUEST_CS_AR, r->cs_ar);
		script_vmwrite(&l1, NVMX_GUEST_TR_AR, r->tr_ar);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		move(r->cr, r->value);
		script_op(&l2, FAKE_VMCALL);
		print_message("  %s\n", r->what);
		check(NULL);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), r->fault ? GP_EXIT : 0);
		if (r->fault)
			assert_int_equal(fake_seen(&fake_bare, r->cr ? NVMX_GUEST_CR4 : NVMX_GUEST_CR0, 0), r->cr ? r->cr4 : r->cr0);
		else
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	}
}

/* L1 owns all bits above 31, as a mask that is made by ~ does: what 32-bit code has up there is no bit of CR0 (SDM 25.1.3). */
static void masks_are_compared_with_32_bits(void **state)
{
	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_GUEST_CS_AR, CODE32);
	script_vmwrite(&l1, NVMX_CR0_MASK, ~0xffffffffull);
	script_vmwrite(&l1, NVMX_CR4_MASK, ~0xffffffffull);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	move(0, HIGH | CR0 | NVMX_CR0_TS);
	move(4, HIGH | CR4 | MCE);
	script_op(&l2, FAKE_VMCALL);
	check(NULL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR4, 0), CR4 | MCE);
}

static void clts_and_lmsw(void **state)
{
	(void)state;
	begin();
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	move(0, CR0 | NVMX_CR0_TS);
	script_op(&l2, FAKE_CLTS);
	script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_FROM_CR, .reg = 7, .imm = 0 });
	script_movi(&l2, RBX, 0xfffe);
	script_add(&l2, (struct fake_insn){ .op = FAKE_LMSW, .reg = RBX });
	script_add(&l2, (struct fake_insn){ .op = FAKE_MOV_FROM_CR, .reg = 6, .imm = 0 });
	script_op(&l2, FAKE_VMCALL);
	check(NULL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 0), CR0 | 0xe);
}

/*
 * CD and NW change in one instruction with TS, for which it exits.  No VM entry loads them (SDM 26.3.2.1): the host has them in
 * its mask, and L2 and then L1 find what L2 wrote (27.5.1).
 */
static void caching_bits_change_with_owned_ones(void **state)
{
	static const uint64_t wanted[] = {
		CR0 | NVMX_CR0_TS | NVMX_CR0_CD,
		CR0 | NVMX_CR0_CD | NVMX_CR0_NW,
		CR0 | NVMX_CR0_TS,
	};
	const struct fake_insn read = { .op = FAKE_MOV_FROM_CR, .reg = 7, .imm = 0 };

	(void)state;
	begin();
	script_run(&l1, FAKE_VMLAUNCH);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		script_vmread(&l1, NVMX_GUEST_CR0);
		script_add(&l1, read);
		script_advance(&l1);
		script_run(&l1, FAKE_VMRESUME);
		move(0, wanted[i]);
		script_add(&l2, read);
		script_op(&l2, FAKE_VMCALL);
	}
	script_op(&l2, FAKE_VMCALL);
	check(NULL);
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, i), wanted[i]);
}

/* IA-32e mode on and off by CR0.PG alone: what L1 finds in IA32_EFER and in its entry control (SDM 9.8.5, 27.2). */
static void paging_switches_ia32e_mode(void **state)
{
	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_GUEST_CR0, CR0_PAGING_OFF);
	script_vmwrite(&l1, NVMX_GUEST_EFER, LME);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_32);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER);
	script_vmwrite(&l1, NVMX_GUEST_CS_AR, CODE32);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, true);
	move(0, CR0);
	script_op(&l2, FAKE_VMCALL);
	move(0, CR0_PAGING_OFF);
	script_op(&l2, FAKE_VMCALL);
	check(NULL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_EFER, 0), LMA);
	assert_true(fake_seen(&fake_bare, NVMX_ENTRY_CTLS, 0) & NVMX_ENTRY_IA32E);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_EFER, 1), LME);
	assert_false(fake_seen(&fake_bare, NVMX_ENTRY_CTLS, 1) & NVMX_ENTRY_IA32E);
}

#define PAGE1 (FAKE_L2_DATA + FAKE_PAGE)
#define PTE1 (FAKE_L2_TABLES + 3 * FAKE_PAGE + PAGE1 / FAKE_PAGE * 8)
#define PDPTES (FAKE_L2_DATA + 0xf00)
#define OTHER_PD (FAKE_L2_DATA + 4 * FAKE_PAGE)
#define OTHER_PT (FAKE_L2_DATA + 5 * FAKE_PAGE)

/* Page 1 of L2's data is frame 1, and frame 2 by other tables. */
static void two_maps(uint8_t *ram, const void *arg)
{
	const uint64_t frame = (PAGE1 + FAKE_PAGE) | 0x67, pt = OTHER_PT | 0x27, one = 0x1111, two = 0x2222;
	const uint64_t pdptes[4] = { (FAKE_L2_TABLES + 2 * FAKE_PAGE) | 1 };

	(void)arg;
	memcpy(ram + OTHER_PT, ram + FAKE_L2_TABLES + 3 * FAKE_PAGE, FAKE_PAGE);
	memcpy(ram + OTHER_PT + PAGE1 / FAKE_PAGE * 8, &frame, 8);
	memcpy(ram + OTHER_PD, &pt, 8);
	memcpy(ram + PDPTES, pdptes, sizeof(pdptes));
	memcpy(ram + PAGE1, &one, 8);
	memcpy(ram + PAGE1 + FAKE_PAGE, &two, 8);
}

/* What no longer holds after the instruction: the translation that was used before (SDM 4.10.4.1). */
static void moves_flush(void **state)
{
	static const struct { unsigned cr; uint64_t first, then; } moves[] = {
		{ 4, CR4 | NVMX_CR4_PGE, CR4 | MCE },
		{ 4, CR4 | MCE, CR4 | NVMX_CR4_PGE },
		{ 4, CR4, CR4 | MCE | NVMX_CR4_SMEP },
		{ 4, CR4 | NVMX_CR4_PCIDE, CR4 | MCE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		begin();
		script_vmwrite(&l1, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_VPID);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		move(moves[i].cr, moves[i].first);
		script_load(&l2, 7, PAGE1, 8);
		script_store(&l2, PTE1, (PAGE1 + FAKE_PAGE) | 0x67, 8);
		move(moves[i].cr, moves[i].then);
		script_load(&l2, 7, PAGE1, 8);
		script_store(&l2, FAKE_L2_DATA, 7, 8);
		script_op(&l2, FAKE_VMCALL);
		check(two_maps);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	}
}

static void pae_l2(void)
{
	begin();
	script_vmwrite(&l1, NVMX_GUEST_EFER, 0);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_32);
	script_vmwrite(&l1, NVMX_GUEST_CS_AR, CODE32);
	script_vmwrite(&l1, NVMX_GUEST_CR3, PDPTES);
	script_vmwrite(&l1, NVMX_GUEST_PDPTE0, (FAKE_L2_TABLES + 2 * FAKE_PAGE) | 1);
	for (unsigned i = 1; i < 4; i++)
		script_vmwrite(&l1, NVMX_GUEST_PDPTE0 + 2 * i, 0);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_vmread(&l1, NVMX_GUEST_PDPTE0);
}

/* SDM 4.4.1: what L2 has written into memory holds from then on. */
static void moves_load_pdptes(void **state)
{
	static const struct { unsigned cr; uint64_t value; bool loads; } moves[] = {
		{ 4, CR4 | MCE | NVMX_CR4_PGE, true },
		{ 4, CR4 | NVMX_CR4_PSE, true },
		{ 4, CR4 | MCE | NVMX_CR4_SMEP, true },
		{ 4, CR4 | MCE, false },
		{ 0, CR0 | NVMX_CR0_TS, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		pae_l2();
		script_store(&l2, PDPTES, OTHER_PD | 1, 8);
		move(moves[i].cr, moves[i].value);
		script_load(&l2, 7, PAGE1, 8);
		script_op(&l2, FAKE_VMCALL);
		check(two_maps);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PDPTE0, 0),
				 moves[i].loads ? OTHER_PD | 1 : (FAKE_L2_TABLES + 2 * FAKE_PAGE) | 1);
	}
	pae_l2(); /* off and on again */
	script_store(&l2, PDPTES, OTHER_PD | 1, 8);
	move(0, CR0_PAGING_OFF);
	move(0, CR0);
	script_load(&l2, 7, PAGE1, 8);
	script_op(&l2, FAKE_VMCALL);
	check(two_maps);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PDPTE0, 0), OTHER_PD | 1);
}

static void pdptes_with_reserved_bits_fault(void **state)
{
	static const uint64_t bad[] = { OTHER_PD | 3, OTHER_PD | 0x21, OTHER_PD | 1 | NVMX_BIT64(45) };

	(void)state;
	for (unsigned n = 0; n < 4; n++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			pae_l2();
			script_store(&l2, PDPTES + 8 * n, bad[i], 8);
			move(4, CR4 | MCE | NVMX_CR4_PGE);
			check(two_maps);
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), GP_EXIT);
			assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR4, 0), CR4);
			assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PDPTE0, 0), (FAKE_L2_TABLES + 2 * FAKE_PAGE) | 1);
		}
}

/* L1's EPT has them no more: an EPT violation without a linear address (SDM table 27-7), with RF as 27.3.3 has it. */
static void pdptes_out_of_reach_exit(void **state)
{
	(void)state;
	pae_l2();
	script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, 0);
	script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8, 0, 8);
	script_invalidate(&l1, FAKE_INVEPT, 1, FAKE_EPT_A | 0x1e, 0);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, true);
	script_op(&l2, FAKE_VMCALL);
	move(4, CR4 | MCE | NVMX_CR4_PGE);
	check(two_maps);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 1), NVMX_ACCESS_R);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PHYS_ADDR, 1), PDPTES);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_RFLAGS, 1), 2 | NVMX_RFLAGS_RF);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR4, 1), CR4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_fault_as_on_a_processor),
		cmocka_unit_test(masks_are_compared_with_32_bits),
		cmocka_unit_test(clts_and_lmsw),
		cmocka_unit_test(caching_bits_change_with_owned_ones),
		cmocka_unit_test(paging_switches_ia32e_mode),
		cmocka_unit_test(moves_flush),
		cmocka_unit_test(moves_load_pdptes),
		cmocka_unit_test(pdptes_with_reserved_bits_fault),
		cmocka_unit_test(pdptes_out_of_reach_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
