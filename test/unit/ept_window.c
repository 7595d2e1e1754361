/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* After an INVEPT: leaves that nobody is asked for, and tables of which L2 sees a window until it needs more. */
#include "ept_mapped.h"
#include "ept/shadow.h"

#define STRAYS 32u /* tables of 4-KiB pages; in table n, page i is L1's frame DATA + (n + i) % 512 */
#define FIRST_PT 100u
#define FRAME(n, i) (DATA + ((n) + (i)) % 512u)
#define GPA(n, i) ((uint64_t)(n) << 21 | (uint64_t)(i) << 12)

static struct rig *strays_in(struct rig *r)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	for (unsigned n = 0; n < STRAYS; n++) {
		l1_set(r, PD, n, TABLE(FIRST_PT + n));
		for (unsigned i = 0; i < 512; i++)
			l1_set(r, FIRST_PT + n, i, PAGE(FRAME(n, i)));
	}
	for (unsigned n = 0; n < STRAYS; n++)
		for (unsigned i = 0; i < 512; i++)
			assert_int_equal(touch(r, GPA(n, i), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	return r;
}

static struct rig *stray_rig(void)
{
	return strays_in(mapped_rig(0));
}

static void flush(struct rig *r)
{
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_true(nvmx_ept_root(&r->v, r->role));
	nvmx_ept_ahead(&r->v, r->role);
}

/* L2's access, which must lead to L1's frame `frame`; the violations that it takes. */
static unsigned write_to(struct rig *r, uint64_t gpa2, uint64_t frame)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;

	assert_int_equal(touch(r, gpa2, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(where(r, gpa2, &rights, &shift) >> 12, HOST_RAM_FRAME + frame);
	assert_int_equal(rights & NVMX_ACCESS_W, NVMX_ACCESS_W);
	return faults;
}

/* Whether L2 gets there without a violation, and with which rights. */
static bool reaches(struct rig *r, uint64_t gpa2, unsigned *rights)
{
	uint64_t hpa;
	unsigned shift;

	return !hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), gpa2, &hpa, rights, &shift);
}

/* L2 uses pages of many tables, one after each INVEPT, far from each other, until windows are tried. */
static void stray_about(struct rig *r)
{
	for (unsigned k = 0; k < 8; k++) {
		flush(r);
		assert_int_equal(write_to(r, GPA(3 * k, 40), FRAME(3 * k, 40)), 1);
	}
}

/* A rig whose L2 has just got to page 40 of table n by a window. */
static struct rig *window_rig(unsigned n)
{
	struct rig *r = stray_rig();
	unsigned rights;

	stray_about(r);
	flush(r);
	assert_int_equal(write_to(r, GPA(n, 40), FRAME(n, 40)), 1);
	assert_true(reaches(r, GPA(n, 47), &rights));
	assert_false(reaches(r, GPA(n, 48), &rights));
	assert_false(reaches(r, GPA(n, 39), &rights));
	return r;
}

/* Where the host watches, an INVEPT may leave the root's generation as it is: the windows that it ends serve other tables all the same. */
static void test_invept_ends_windows(void **state)
{
	struct rig *r = mapped_rig_watching(0, 64);
	unsigned rights;

	(void)state;
	r->host.watch_answer = NVMX_WATCH_BEGUN; /* and nothing is armed, ever */
	strays_in(r);
	stray_about(r);
	for (unsigned k = 0; k < 3 * NVMX_EPT_WINDOWS; k++) {
		unsigned n = (5 * k + 1) % STRAYS;

		flush(r);
		assert_int_equal(write_to(r, GPA(n, 40), FRAME(n, 40)), 1);
		assert_true(reaches(r, GPA(n, 47), &rights));
		assert_false(reaches(r, GPA(n, 48), &rights));
	}
	rig_free(r);
}

/* The host is asked for what is not there any more, and for nothing else. */
static void test_unchanged_leaf_asks_nobody(void **state)
{
	struct rig *r = stray_rig();
	unsigned asked = r->host.translations;
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	stray_about(r);
	assert_int_equal(r->host.translations, asked);
	flush(r);
	r->host.map[FRAME(1, 40)].frame = HOST_RAM_FRAME + FRAMES + 7; /* before L2 comes back */
	nvmx_host_invalidate(&r->vm, NULL, FRAME(1, 40) * 0x1000ull, 0x1000);
	write_to(r, GPA(1, 40), FRAMES + 7);
	assert_true(r->host.translations > asked);
	flush(r);
	asked = r->host.translations;
	r->host.map[FRAME(2, 40)].rights = NVMX_ACCESS_R;
	nvmx_host_write_protect(&r->vm, NULL, FRAME(2, 40) * 0x1000ull, 0x1000);
	assert_int_equal(touch(r, GPA(2, 40), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.translations, asked);
	assert_int_equal(touch(r, GPA(2, 40), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	flush(r);
	l1_set(r, FIRST_PT + 4, 40, PAGE(DATA + 300));
	write_to(r, GPA(4, 40), DATA + 300);
	flush(r);
	l1_set(r, FIRST_PT + 5, 40, PAGE(FRAME(5, 40)) & ~2ull); /* L1 takes the right to write */
	assert_int_equal(touch(r, GPA(5, 40), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(r, GPA(5, 40), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_L1);
	rig_free(r);
}

/* With accessed and dirty flags a write to a clean page sets the flag before anything else. */
static void test_dirty_flag_is_not_skipped(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	r->role = EPTP | NVMX_EPTP_AD;
	assert_int_equal(touch(r, GPA(0, 3), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	for (unsigned k = 0; k < 20; k++) {
		l1_set(r, PT, 3, PAGE(DATA + 3) | (k & 1 ? NVMX_EPTE_A : 0)); /* clean */
		nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, r->role);
		assert_true(nvmx_ept_root(&r->v, r->role));
		assert_int_equal(touch(r, GPA(0, 3), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(r->host.ram[PT][3] & (NVMX_EPTE_A | NVMX_EPTE_D), NVMX_EPTE_A);
		assert_int_equal(touch(r, GPA(0, 3), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(r->host.ram[PT][3] & (NVMX_EPTE_A | NVMX_EPTE_D), NVMX_EPTE_A | NVMX_EPTE_D);
	}
	rig_free(r);
}

/* What L1 changed before its INVEPT is seen, in the window and outside it. */
static void test_window_sees_changes(void **state)
{
	struct rig *r = stray_rig();

	(void)state;
	stray_about(r);
	l1_set(r, FIRST_PT + 1, 42, PAGE(DATA + 300));
	l1_set(r, FIRST_PT + 1, 43, 0);
	l1_set(r, FIRST_PT + 1, 200, PAGE(DATA + 301));
	flush(r);
	assert_int_equal(write_to(r, GPA(1, 40), FRAME(1, 40)), 1);
	assert_int_equal(write_to(r, GPA(1, 41), FRAME(1, 41)), 0);
	assert_false(reaches(r, GPA(1, 43), &(unsigned){ 0 }));
	assert_int_equal(write_to(r, GPA(1, 42), DATA + 300), 1); /* too small: now all of it is compared */
	assert_int_equal(write_to(r, GPA(1, 200), DATA + 301), 0);
	assert_int_equal(write_to(r, GPA(1, 500), FRAME(1, 500)), 0);
	assert_false(reaches(r, GPA(1, 43), &(unsigned){ 0 }));
	rig_free(r);
}

/* The way to the table changes: another table, fewer rights, none. */
static void test_window_sees_the_way_change(void **state)
{
	struct rig *r = stray_rig();
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	stray_about(r);
	l1_set(r, PD, 1, TABLE(FIRST_PT + 9));
	flush(r);
	write_to(r, GPA(1, 40), FRAME(9, 40));
	l1_set(r, PD, 4, TABLE(FIRST_PT + 4) & ~2ull);
	flush(r);
	assert_int_equal(touch(r, GPA(4, 40), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(r, GPA(4, 40), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_L1);
	l1_set(r, PD, 7, 0);
	flush(r);
	assert_int_equal(touch(r, GPA(7, 40), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_TO_L1);
	rig_free(r);
}

/* The host's revocations reach a window, and only what is in it: an entry that L1 has changed does not come back. */
static void test_window_host_takes_back(void **state)
{
	struct rig *r = stray_rig();
	unsigned rights;

	(void)state;
	stray_about(r);
	l1_set(r, FIRST_PT + 1, 46, PAGE(DATA + 300));
	flush(r);
	assert_int_equal(write_to(r, GPA(1, 40), FRAME(1, 40)), 1);
	nvmx_host_write_protect(&r->vm, NULL, FRAME(1, 41) * 0x1000ull, 0x1000);
	assert_true(reaches(r, GPA(1, 41), &rights));
	assert_int_equal(rights & NVMX_ACCESS_W, 0);
	nvmx_host_write_protect(&r->vm, NULL, FRAME(1, 46) * 0x1000ull, 0x1000);
	assert_false(reaches(r, GPA(1, 46), &rights));
	nvmx_host_invalidate(&r->vm, NULL, FRAME(1, 42) * 0x1000ull, 0x1000);
	assert_false(reaches(r, GPA(1, 42), &rights));
	assert_true(reaches(r, GPA(1, 43), &rights));
	nvmx_host_invalidate(&r->vm, NULL, 0, FRAMES * 0x1000ull);
	for (unsigned i = 0; i < 512; i++)
		assert_false(reaches(r, GPA(1, i), &rights));
	rig_free(r);
}

/* What the processor has cached of a window is flushed before the window's page shows another table. */
static void test_window_outgrown_is_flushed(void **state)
{
	struct rig *r = window_rig(1);
	unsigned flushes = r->host.flushes;

	(void)state;
	assert_int_equal(write_to(r, GPA(1, 48), FRAME(1, 48)), 1);
	assert_int_equal(r->host.flushes, flushes + 1);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(write_to(r, GPA(1, i), FRAME(1, i)), 0);
	rig_free(r);
}

/* Each page that L2 reaches is where L1's table n has it. */
static void check_all(struct rig *r)
{
	for (unsigned n = 0; n < STRAYS; n++)
		for (unsigned i = 0; i < 512; i++)
			if (reaches(r, GPA(n, i), &(unsigned){ 0 }))
				assert_int_equal(write_to(r, GPA(n, i), (r->host.ram[FIRST_PT + n][i] & NVMX_EPTE_ADDR) >> 12), 0);
}

/* More tables than there are windows, and pages of windows that go from table to table. */
static void test_windows_change_hands(void **state)
{
	struct rig *r = stray_rig();
	unsigned n, round, i;

	(void)state;
	stray_about(r);
	for (round = 0; round < 4; round++) {
		for (n = 0; n < STRAYS; n++)
			l1_set(r, FIRST_PT + n, 300, PAGE(DATA + (n + 7 * round) % 512));
		flush(r);
		for (n = round % 2; n < STRAYS; n += 2) { /* not one behind the other */
			i = 40 + 16 * round;
			write_to(r, GPA(n, i), FRAME(n, i));
			check_all(r);
		}
	}
	rig_free(r);
}

/* A table with a window is given up, and its record serves another table, before the window's page does. */
static void test_window_of_a_table_that_goes(void **state)
{
	struct rig *r = window_rig(1);
	struct nvmx_ept_fault f;
	unsigned faults = 0, n;

	(void)state;
	l1_set(r, PD, 1, TABLE(FIRST_PT + 9));
	flush(r);
	write_to(r, GPA(1, 40), FRAME(9, 40));
	r->host.page_limit = r->host.pages_live;
	for (n = 40; n < 80; n++) {
		l1_set(r, PD, n, TABLE(FIRST_PT + n % 32));
		assert_int_equal(touch(r, GPA(n, 0), NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	}
	r->host.page_limit = HOST_PAGES;
	l1_set(r, PD, 1, TABLE(FIRST_PT + 1));
	flush(r);
	for (n = 0; n < STRAYS; n++)
		for (unsigned i = 40; i < 48; i++)
			write_to(r, GPA(n, i), FRAME(n, i));
	for (n = 0; n < STRAYS; n++)
		l1_set(r, FIRST_PT + n, 41, 0);
	for (n = 0; n < STRAYS; n += 2) {
		flush(r);
		touch(r, GPA(n, 40), NVMX_ACCESS_W, &faults, &f);
		assert_false(reaches(r, GPA(n, 41), &(unsigned){ 0 }));
		check_all(r);
	}
	rig_free(r);
}

/* L1 may add a right without INVEPT, and what it changes with that is seen when L2 uses it (SDM 28.4.3.1). */
static void test_added_right_without_invept(void **state)
{
	struct rig *r = stray_rig();
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	stray_about(r);
	l1_set(r, PD, 1, TABLE(FIRST_PT + 1) & ~2ull);
	flush(r);
	assert_int_equal(touch(r, GPA(1, 40), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PD, 1, TABLE(FIRST_PT + 1));
	assert_in_range(write_to(r, GPA(1, 40), FRAME(1, 40)), 1, 2);
	l1_set(r, PD, 2, TABLE(FIRST_PT + 2) & ~2ull);
	flush(r);
	assert_int_equal(touch(r, GPA(2, 40), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PD, 2, TABLE(FIRST_PT + 2));
	l1_set(r, FIRST_PT + 2, 40, PAGE(DATA + 300));
	write_to(r, GPA(2, 40), DATA + 300);
	rig_free(r);
}

/* A page that L2 uses time and again: the VM entry shows it, and the table is compared wholly where L2 needs more of it. */
static void test_entry_opens_a_window(void **state)
{
	struct rig *r = stray_rig();
	unsigned rights, faults = 0, windows = 0, k;

	(void)state;
	for (k = 0; k < 40; k++) {
		flush(r);
		windows += reaches(r, GPA(1, 40), &rights) && !reaches(r, GPA(1, 200), &rights);
		faults += write_to(r, GPA(1, 40), FRAME(1, 40));
	}
	assert_in_range(windows, 25, 40);
	assert_in_range(faults, 2, 10);
	for (faults = k = 0; k < 40; k++) {
		flush(r);
		for (unsigned i = 0; i < 512; i++)
			faults += write_to(r, GPA(1, i), FRAME(1, i));
	}
	assert_in_range(faults, 1, 15);
	rig_free(r);
}

/* An INVEPT of a range makes a table old of which L2 sees a window: the VM entry must not take it for compared. */
static void test_range_outdates_a_window(void **state)
{
	struct rig *r = stray_rig();
	unsigned rights;

	(void)state;
	for (unsigned k = 0; k < 9; k++) { /* so the VM entry guesses */
		flush(r);
		write_to(r, GPA(1, 40), FRAME(1, 40));
	}
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_true(nvmx_ept_root(&r->v, r->role));
	assert_int_equal(write_to(r, GPA(1, 40), FRAME(1, 40)), 1);
	assert_false(reaches(r, GPA(1, 200), &rights));
	l1_set(r, PD, 1, TABLE(FIRST_PT + 1) & ~4ull);
	l1_set(r, FIRST_PT + 1, 41, PAGE(DATA + 300));
	l1_set(r, FIRST_PT + 1, 200, PAGE(DATA + 301));
	nvmx_ept_invept_range(&r->v, EPTP, GPA(1, 0), GPA(2, 0) - 1);
	l1_set(r, PD, 1, TABLE(FIRST_PT + 1));
	assert_true(nvmx_ept_root(&r->v, r->role));
	nvmx_ept_ahead(&r->v, r->role);
	write_to(r, GPA(1, 41), DATA + 300);
	write_to(r, GPA(1, 200), DATA + 301);
	rig_free(r);
}

/* Two EPT pointers, each with windows of the same tables of L1's. */
static void test_windows_of_two_roots(void **state)
{
	struct rig *r = stray_rig();

	(void)state;
	r->role = EPTP_B;
	for (unsigned n = 0; n < STRAYS; n += 3)
		write_to(r, GPA(n, 40), FRAME(n, 40));
	for (unsigned k = 0; k < 40; k++) {
		r->role = k & 1 ? EPTP_B : EPTP;
		if (k % 5 == 0)
			l1_set(r, FIRST_PT + 3 * (k % 10), 40, PAGE(DATA + 300 + k));
		nvmx_ept_invept(&r->v, k % 4 < 2 ? NVMX_FLUSH_SINGLE : NVMX_FLUSH_ALL, k & 1 ? EPTP_B : EPTP);
		for (unsigned n = 3 * (k % 10), i = 0; i < 2; i++, n = (n + 15) % 30)
			write_to(r, GPA(n, 40), (r->host.ram[FIRST_PT + n][40] & NVMX_EPTE_ADDR) >> 12);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invept_ends_windows), cmocka_unit_test(test_unchanged_leaf_asks_nobody),
		cmocka_unit_test(test_dirty_flag_is_not_skipped),
		cmocka_unit_test(test_window_sees_changes),
		cmocka_unit_test(test_window_sees_the_way_change),
		cmocka_unit_test(test_window_host_takes_back),
		cmocka_unit_test(test_window_outgrown_is_flushed),
		cmocka_unit_test(test_windows_change_hands),
		cmocka_unit_test(test_window_of_a_table_that_goes),
		cmocka_unit_test(test_added_right_without_invept),
		cmocka_unit_test(test_entry_opens_a_window),
		cmocka_unit_test(test_range_outdates_a_window),
		cmocka_unit_test(test_windows_of_two_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
