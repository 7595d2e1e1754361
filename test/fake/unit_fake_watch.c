/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Tables of L1's EPT that have been quiet for long, and are written then: by whom does not matter (SDM 28.4.3). */
#include <string.h>
#include "scripts.h"

#define ROUNDS 12
#define MOVES (NVMX_TEST_FULL ? 40 : 8)
#define PAGE_1 (FAKE_L2_DATA + FAKE_PAGE)
#define PAGE_2 (FAKE_L2_DATA + 2 * FAKE_PAGE)
#define PAGE_6 (FAKE_L2_DATA + 6 * FAKE_PAGE)
#define ENTRY (FAKE_EPT_A + 3 * FAKE_PAGE + PAGE_1 / FAKE_PAGE * 8) /* of page 1 */
#define DMA_CLOCK 400 /* while L1 waits */
#define TO(page) ((page) | 0x37)

static void invept(void)
{
	script_invalidate(&l1, FAKE_INVEPT, 1, FAKE_EPT_A | 0x1e, 0);
}

static void resume(void)
{
	script_run(&l1, FAKE_VMRESUME);
	script_advance(&l1);
}

/* L2 writes a number into page 1: where it arrives tells which frame L2 has. */
static void l2_writes(uint64_t number)
{
	script_store(&l2, PAGE_1 + 8 * number, number, 8);
	script_op(&l2, FAKE_VMCALL);
}

static void quiet(void)
{
	begin();
	script_enter_vmx(&l1);
	script_run(&l1, FAKE_VMLAUNCH);
	script_advance(&l1);
	l2_writes(0);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		invept();
		resume();
		l2_writes(i);
	}
}

static void run_with(struct fake_machine *m, unsigned kind)
{
	fake_as(m, (enum fake_kind)kind);
	assert_true(fake_same(m, true));
	assert_int_equal(fake_bare.stop, FAKE_STOP_END);
}

static uint64_t word_at(uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, fake_nested.ram + gpa, 8);
	return value;
}

/* Both ways; the last number has arrived in page 2, and the host has told of a write. */
static void arrives(void)
{
	struct fake_machine m = machine(0);

	for (unsigned kind = 0; kind < FAKE_KINDS; kind++) {
		run_with(&m, kind);
		assert_int_equal(word_at(PAGE_2 + 8 * (ROUNDS + 1)), ROUNDS + 1);
		assert_true(fake_nested.watched > 0);
		assert_true(fake_nested.watched_writes > 0);
	}
}

static void nobody_writes(void **state)
{
	(void)state;
	quiet();
	check(FAKE_STOP_END);
	assert_true(fake_nested.watched > 0);
	assert_int_equal(fake_nested.watched_writes, 0);
}

static void l1_stores(void **state)
{
	(void)state;
	quiet();
	script_store(&l1, ENTRY, TO(PAGE_2), 8);
	invept();
	resume();
	l2_writes(ROUNDS + 1);
	arrives();
}

/* Twice before the INVEPT, and behind it again. */
static void l1_stores_twice(void **state)
{
	(void)state;
	quiet();
	script_store(&l1, ENTRY, TO(PAGE_6), 8);
	script_store(&l1, ENTRY, TO(PAGE_2), 8);
	invept();
	resume();
	l2_writes(ROUNDS + 1);
	script_store(&l1, ENTRY, TO(PAGE_6), 8);
	invept();
	resume();
	l2_writes(ROUNDS + 2);
	arrives();
	assert_int_equal(word_at(PAGE_6 + 8 * (ROUNDS + 2)), ROUNDS + 2);
}

/* L1's EPT leads L2 to everything, its own tables too. */
static void l2_stores(void **state)
{
	(void)state;
	quiet();
	resume();
	script_store(&l2, ENTRY, TO(PAGE_2), 8);
	script_op(&l2, FAKE_VMCALL);
	invept();
	resume();
	l2_writes(ROUNDS + 1);
	arrives();
}

/* The library, in an exit's MSR-store list, whose entry's index is that of the entry before L1's. */
static void the_library_stores(void **state)
{
	(void)state;
	quiet();
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_ADDR, ENTRY - 8);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 1);
	script_msr(&l1, FAKE_WRMSR, 0xc0000102, TO(PAGE_2));
	script_store(&l1, ENTRY - 8, 0xc0000102, 8);
	resume();
	script_op(&l2, FAKE_VMCALL);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 0);
	script_store(&l1, ENTRY - 8, TO(FAKE_L2_DATA), 8);
	invept();
	resume();
	l2_writes(ROUNDS + 1);
	arrives();
}

/* A device of L1's, of which the host says that it does not see what it writes. */
static void a_device_writes(void **state)
{
	struct fake_machine m;

	(void)state;
	quiet();
	for (unsigned i = 0; i < 40; i++)
		script_op(&l1, FAKE_NOP);
	invept();
	resume();
	l2_writes(ROUNDS + 1);
	m = machine(0);
	m.dma = (struct fake_dma){ DMA_CLOCK, ENTRY, TO(PAGE_2) };
	m.dma_unseen = true;
	for (unsigned kind = 0; kind < FAKE_KINDS; kind++) {
		run_with(&m, kind);
		assert_int_equal(word_at(PAGE_2 + 8 * (ROUNDS + 1)), ROUNDS + 1);
		assert_int_equal(fake_nested.watched, 0);
	}
}

/* The nested state moves, vmcs01 is made anew, pages that the host reads change: each with frames that are watched. */
static void what_moves(void **state)
{
	struct fake_machine m;

	(void)state;
	quiet();
	script_store(&l1, ENTRY, TO(PAGE_2), 8);
	invept();
	resume();
	l2_writes(ROUNDS + 1);
	m = machine(0);
	for (uint32_t seed = 1; seed < MOVES; seed++) {
		m.moves = seed;
		for (unsigned kind = 0; kind < FAKE_KINDS; kind++)
			run_with(&m, kind);
		assert_int_equal(word_at(PAGE_2 + 8 * (ROUNDS + 1)), ROUNDS + 1);
	}
	m.moves = 0;
	m.vmcs01_changes = true;
	run_with(&m, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_writes),
		cmocka_unit_test(l1_stores),
		cmocka_unit_test(l1_stores_twice),
		cmocka_unit_test(l2_stores),
		cmocka_unit_test(the_library_stores),
		cmocka_unit_test(a_device_writes),
		cmocka_unit_test(what_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
