/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1 makes an entry of EPT12 less, the shadow follows it because L2 has a violation elsewhere, and only then L1 invalidates
 * the page alone (<nestvmx/enlighten.h>): nothing of what the processor has cached before may be left (SDM 28.4.3.1).  What
 * L2 does with page 0 goes by its TLB until that is flushed.
 */
#include "ept_mapped.h"

#define FAR (300ull << 12) /* another page by way of the same entries */

static enum nvmx_ept_answer access_of(struct rig *r, uint64_t gpa2, unsigned access)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	return touch(r, gpa2, access, &faults, &f);
}

static bool by_tlb(struct rig *r, uint64_t gpa2, unsigned access)
{
	uint64_t hpa, qual;
	unsigned rights;

	return !hw_access(&r->host, nvmx_ept_root(&r->v, r->role), 0, gpa2, access, &hpa, &rights, &qual);
}

static void invalidate_page(struct rig *r, uint64_t gpa2)
{
	nvmx_ept_invept_range(&r->v, r->role, gpa2, gpa2 | 0xfff);
}

/* What else has happened to the shadow before: nothing, an INVEPT after which a window is shown, one after which all is compared. */
enum before { FRESH, WINDOW, WHOLE, BEFORES };

static void prepare(struct rig *r, enum before before, unsigned access)
{
	assert_int_equal(access_of(r, 0, access), NVMX_EPT_RETRY);
	if (before == FRESH)
		return;
	for (unsigned i = 0; i < (before == WINDOW ? 8 : 1); i++) {
		nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, r->role);
		assert_int_equal(access_of(r, 0, access), NVMX_EPT_RETRY);
	}
}

static void test_links(void **state)
{
	static const unsigned upper[] = { PML4, PDPT, PD };

	(void)state;
	for (unsigned n = 0; n < 3 * BEFORES; n++)
		for (unsigned right = NVMX_ACCESS_W; right <= NVMX_ACCESS_X; right *= 2) {
			struct rig *r = mapped_rig(0);
			unsigned table = upper[n % 3];

			prepare(r, n / 3, right);
			l1_set(r, table, 0, r->host.ram[table][0] & ~(uint64_t)right);
			assert_int_equal(access_of(r, FAR, NVMX_ACCESS_R), NVMX_EPT_RETRY);
			invalidate_page(r, 0);
			assert_false(by_tlb(r, 0, right));
			assert_int_equal(access_of(r, 0, right), NVMX_EPT_TO_L1);
			assert_int_equal(access_of(r, 0, NVMX_ACCESS_R), NVMX_EPT_RETRY);
			rig_free(r);
		}
}

/* A link that leads to another table now. */
static void test_links_elsewhere(void **state)
{
	(void)state;
	for (enum before before = FRESH; before < BEFORES; before++) {
		struct rig *r = mapped_rig(0);
		unsigned rights, shift;

		prepare(r, before, NVMX_ACCESS_W);
		for (unsigned i = 0; i < 512; i++)
			l1_set(r, PT2, i, PAGE(DATA + 511 - i));
		l1_set(r, PD, 0, TABLE(PT2));
		l1_set(r, PT, 511, 0);
		assert_int_equal(access_of(r, FAR, NVMX_ACCESS_R), NVMX_EPT_RETRY);
		invalidate_page(r, 0);
		assert_int_equal(access_of(r, 0, NVMX_ACCESS_W), NVMX_EPT_RETRY);
		assert_int_equal(where(r, 0, &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 511);
		assert_false(r->host.tlb[0].valid && r->host.tlb[0].hpa >> 12 == HOST_RAM_FRAME + DATA);
		rig_free(r);
	}
}

/* Large pages of EPT12's, which the host has in smaller ones: `level` 2 or 3. */
static struct rig *large_rig(unsigned level, bool ad)
{
	struct rig *r = mapped_rig(0);

	r->role = EPTP | (ad ? NVMX_EPTP_AD : 0);
	if (level == 2)
		l1_set(r, PD, 0, PAGE(DATA) | NVMX_EPTE_LARGE);
	else
		l1_set(r, PDPT, 0, PAGE(0) | NVMX_EPTE_LARGE);
	return r;
}

/* L1 harvests the dirty flag: a write after its invalidation sets it again (SDM 28.3.5). */
static void test_dirty_flag(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3 * BEFORES; n++) {
		unsigned level = 1 + n % 3, table = level == 1 ? PT : level == 2 ? PD : PDPT;
		struct rig *r = level == 1 ? mapped_rig(0) : large_rig(level, true);

		r->role = EPTP | NVMX_EPTP_AD;
		prepare(r, n / 3, NVMX_ACCESS_W);
		assert_true(r->host.ram[table][0] & NVMX_EPTE_D);
		l1_set(r, table, 0, r->host.ram[table][0] & ~NVMX_EPTE_D);
		assert_int_equal(access_of(r, FAR, NVMX_ACCESS_R), NVMX_EPT_RETRY);
		assert_int_equal(access_of(r, 0, NVMX_ACCESS_X), NVMX_EPT_RETRY);
		invalidate_page(r, 0);
		assert_false(by_tlb(r, 0, NVMX_ACCESS_W));
		assert_false(r->host.ram[table][0] & NVMX_EPTE_D);
		assert_int_equal(access_of(r, 0, NVMX_ACCESS_W), NVMX_EPT_RETRY);
		assert_true(r->host.ram[table][0] & NVMX_EPTE_D);
		rig_free(r);
	}
}

static void change_large(struct rig *r, unsigned table, unsigned what)
{
	uint64_t e = r->host.ram[table][0];

	switch (what) {
	case 0: e &= ~(uint64_t)NVMX_ACCESS_W; break;
	case 1: e &= ~(uint64_t)NVMX_ACCESS_X; break;
	case 2: e ^= WB_LEAF; break; /* UC */
	default: e ^= nvmx_ept_size(2); break; /* another frame */
	}
	l1_set(r, table, 0, e);
}

/* The rights, the memory type and the frame of a large page, in parts and in one piece. */
static void test_large_pages(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2 * 2 * 4; n++) {
		unsigned level = 2 + n % 2, what = n / 4, table = level == 2 ? PD : PDPT, k = 0, t;
		bool pieces = n / 2 % 2;
		struct rig *r = large_rig(level, false);

		if (level == 3 && what == 3)
			what = 0;
		for (unsigned i = 0; !pieces && i < FRAMES; i++)
			r->host.map[i].shift = 21;
		for (unsigned access = NVMX_ACCESS_R; access <= NVMX_ACCESS_X; access *= 2)
			assert_int_equal(access_of(r, 0, access), NVMX_EPT_RETRY);
		change_large(r, table, what);
		assert_int_equal(access_of(r, pieces ? FAR : FAR + nvmx_ept_size(2), NVMX_ACCESS_R),
				 level == 2 && !pieces ? NVMX_EPT_TO_L1 : NVMX_EPT_RETRY);
		invalidate_page(r, 0);
		nvmx_ept_root(&r->v, r->role);
		for (t = 0; t < TLB; t++)
			k += r->host.tlb[t].valid && !r->host.tlb[t].gpa2;
		assert_int_equal(k, 0);
		rig_free(r);
	}
}

/* An entry that allows more, or the same, costs no flush. */
static void test_more_is_free(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned flushes;

	(void)state;
	l1_set(r, PD, 0, TABLE(PT) & ~2ull);
	assert_int_equal(access_of(r, 0, NVMX_ACCESS_R), NVMX_EPT_RETRY);
	flushes = r->host.flushes;
	l1_set(r, PD, 0, TABLE(PT) | NVMX_BIT64(56));
	assert_int_equal(access_of(r, FAR, NVMX_ACCESS_W), NVMX_EPT_RETRY);
	assert_int_equal(access_of(r, 0, NVMX_ACCESS_W), NVMX_EPT_RETRY);
	assert_int_equal(r->host.flushes, flushes);
	rig_free(r);
}

/* What an INVEPT has put out of reach is dropped without another flush. */
static void test_out_of_reach_is_free(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned flushes;

	(void)state;
	touch_all(r);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	nvmx_ept_root(&r->v, EPTP);
	flushes = r->host.flushes;
	l1_set(r, PT, 9, PAGE(DATA + 600));
	l1_set(r, PD, 0, TABLE(PT) & ~4ull);
	nvmx_host_invalidate(&r->vm, NULL, (DATA + 7ull) << 12, 4096);
	invalidate_page(r, 8 << 12);
	touch_all(r);
	assert_int_equal(r->host.flushes, flushes);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links), cmocka_unit_test(test_links_elsewhere), cmocka_unit_test(test_dirty_flag),
		cmocka_unit_test(test_large_pages), cmocka_unit_test(test_more_is_free), cmocka_unit_test(test_out_of_reach_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
