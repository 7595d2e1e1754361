/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What is made current after an INVEPT without a fault of its own: at a VM entry, and behind tables used in order. */
#include "ept_mapped.h"
#include "ept/shadow.h"

/* L1's INVEPT and VM entry. */
static void flush_and_enter(struct rig *r)
{
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_true(nvmx_ept_root(&r->v, r->role));
	nvmx_ept_ahead(&r->v, r->role);
}

static void touch_once(struct rig *r, uint64_t gpa2, unsigned *faults)
{
	struct nvmx_ept_fault f;

	assert_int_equal(touch(r, gpa2, NVMX_ACCESS_W, faults, &f), NVMX_EPT_RETRY);
}

/* What L2 used after two INVEPTs running is taken for used after the next, and longer with each fault that shows it again. */
static void test_entry_makes_current(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned faults = 0, n, guessed = 0, asked = 0;

	(void)state;
	touch_all(r);
	for (n = 0; n < 100; n++) {
		flush_and_enter(r);
		faults = 0;
		touch_once(r, 0x5000, &faults);
		assert_in_range(faults, 0, 1);
		assert_true(n > 1 || faults);
		guessed += !faults;
	}
	assert_in_range(guessed, 90, 99);
	for (n = 0; n < 100; n++) { /* and L2 does not use it any more */
		faults = 0;
		flush_and_enter(r);
		asked += !hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), 0x5000, &(uint64_t){ 0 }, &faults, &(unsigned){ 0 });
	}
	assert_in_range(asked, 1, 64);
	for (n = 0; n < 100; n++) { /* or only now and then: never guessed */
		faults = 0;
		flush_and_enter(r);
		if (n % 3 == 0)
			touch_once(r, 0x5000, &faults);
		assert_int_equal(faults, n % 3 == 0);
	}
	rig_free(r);
}

/* L1 changes what a translation does not depend on, in entries of each level: after one comparison the copies have it, and the
 * next one finds nothing. */
static void test_copies_follow(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned faults = 0;

	(void)state;
	touch_all(r);
	for (unsigned i = 0; i < 512; i++)
		r->host.ram[PT][i] |= NVMX_BIT64(52 + i % 11);
	r->host.ram[PD][0] |= NVMX_BIT64(60);
	r->host.ram[PML4][0] |= NVMX_BIT64(53);
	flush_and_enter(r);
	touch_once(r, 0x5000, &faults);
	assert_int_equal(faults, 1);
	for (const struct nvmx_ept_table *t = nvmx_ept_find_root(nvmx_ept_of(&r->v), r->role)->top;; t = nvmx_ept_lower(t, 0)) {
		for (unsigned i = 0; i < (t->level == 1 ? 512 : 1); i++)
			assert_int_equal(t->copy[i], r->host.ram[t->gpa12 >> 12][i]);
		if (t->level == 1)
			break;
	}
	rig_free(r);
}

/* L1 changes what a VM entry makes current: 8 pages, then the way there, then that it is there at all. */
static void test_entry_sees_changes(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned faults = 0, n, rights, shift;
	struct nvmx_ept_fault f;

	(void)state;
	touch_all(r);
	for (n = 0; n < 2; n++) { /* so the next VM entry does it */
		flush_and_enter(r);
		touch_once(r, 0, &faults);
	}
	for (n = 0; n < 512; n += 64)
		l1_set(r, PT, n, PAGE(DATA + 512 + n));
	flush_and_enter(r);
	assert_int_equal(touch_all(r), 0);
	assert_int_equal(where(r, 64 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 512 + 64ull) << 12);
	faults = 0;
	for (n = 0; n < 8; n++) {
		flush_and_enter(r);
		touch_once(r, 0, &faults);
	}
	assert_in_range(faults, 1, 2);
	for (n = 0; n < 512; n++)
		l1_set(r, PT2, n, PAGE(DATA + 511 - n));
	l1_set(r, PD, 0, TABLE(PT2));
	flush_and_enter(r);
	touch_once(r, 0x1000, &faults);
	assert_int_equal(where(r, 0x1000, &rights, &shift), (HOST_RAM_FRAME + DATA + 510ull) << 12);
	l1_set(r, PD, 0, 0);
	flush_and_enter(r);
	assert_int_equal(touch(r, 0x1000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_TO_L1);
	assert_int_equal(r->host.maps_live, 0);
	rig_free(r);
}

/* L1 clears the accessed flag of what it wants to watch: a VM entry must not set it, nor use what is behind it. */
static void test_entry_heeds_accessed_flags(void **state)
{
	static const struct { unsigned table, index; } watched[] = { { PML4, 0 }, { PDPT, 0 }, { PD, 0 }, { PT, 5 } };
	struct rig *r = mapped_rig(0);
	unsigned faults = 0, n;

	(void)state;
	r->role = EPTP | NVMX_EPTP_AD;
	for (n = 0; n < 8; n++) {
		flush_and_enter(r);
		touch_once(r, 0x5000, &faults);
	}
	for (n = 0; n < sizeof(watched) / sizeof(*watched); n++) {
		r->host.ram[watched[n].table][watched[n].index] &= ~NVMX_EPTE_A;
		faults = 0;
		flush_and_enter(r);
		assert_false(r->host.ram[watched[n].table][watched[n].index] & NVMX_EPTE_A);
		touch_once(r, 0x5000, &faults);
		assert_in_range(faults, 1, 4);
		assert_true(r->host.ram[watched[n].table][watched[n].index] & NVMX_EPTE_A);
	}
	rig_free(r);
}

/* A page of 2 MiB that the host has in parts. */
static void test_entry_links_parts(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned faults = 0, n;

	(void)state;
	l1_set(r, PD, 3, PAGE(1024) | NVMX_EPTE_LARGE);
	for (n = 0; n < 3; n++) { /* the first fault makes it */
		flush_and_enter(r);
		touch_once(r, 0x600000, &faults);
	}
	flush_and_enter(r);
	faults = 0;
	touch_once(r, 0x600000, &faults);
	assert_int_equal(faults, 0);
	l1_set(r, PD, 3, (PAGE(1024) & ~NVMX_EPTE_W) | NVMX_EPTE_LARGE);
	flush_and_enter(r);
	assert_int_equal(touch(r, 0x600000, NVMX_ACCESS_W, &faults, &(struct nvmx_ept_fault){ 0 }), NVMX_EPT_TO_L1);
	rig_free(r);
}

/* L2 goes through 64 tables in order: with each fault the next ones are made current too, 8 at most. */
static void test_tables_in_order(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned faults, n, round;
	uint64_t fills = 0;

	(void)state;
	for (n = 0; n < 64; n++)
		l1_set(r, PD, n, TABLE(n % 2 ? PT2 : PT));
	for (n = 0; n < 512; n++)
		l1_set(r, PT2, n, PAGE(DATA + 511 - n));
	for (round = 0; round < 3; round++) {
		faults = 0;
		nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
		for (n = 0; n < 64; n++)
			touch_once(r, (uint64_t)n << 21, &faults);
		assert_in_range(faults, round ? 9 : 64, round ? 13 : 64);
		assert_true(!round || r->v.counters[NVMX_CNT_EPT_FILL] == fills);
		fills = r->v.counters[NVMX_CNT_EPT_FILL];
	}
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	faults = 0;
	for (n = 62; n > 2; n -= 3) /* not in order: each for itself */
		touch_once(r, (uint64_t)n << 21, &faults);
	assert_int_equal(faults, 20);
	l1_set(r, PT, 0, PAGE(DATA + 7));
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	for (n = 0; n < 64; n++) {
		unsigned rights, shift;

		touch_once(r, (uint64_t)n << 21, &faults);
		assert_int_equal(where(r, (uint64_t)n << 21, &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + (n % 2 ? 511 : 7));
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies_follow),
		cmocka_unit_test(test_entry_makes_current), cmocka_unit_test(test_entry_sees_changes),
		cmocka_unit_test(test_entry_heeds_accessed_flags), cmocka_unit_test(test_entry_links_parts),
		cmocka_unit_test(test_tables_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
