/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Any number of EPT pointers in turn, and a pool that is a little too small: what is paid for. */
#include "ept_mapped.h"
#include "ept/shadow.h"

#define TOP 200u /* L1's frame of the first top table */
#define EPTP_N(n) ((uint64_t)(TOP + (n)) << 12 | 3 << 3 | 6)
#define MANY 128u /* two in each chain */
#define FIRST_PT 300u
#define TABLES 200u

static struct rig *roots_rig(unsigned roots)
{
	struct rig *r = mapped_rig(HOST_PAGES);

	for (unsigned n = 0; n < roots; n++)
		l1_set(r, TOP + n, 0, TABLE(PDPT));
	return r;
}

/* L2 uses a page of each of n EPTs in turn; the violations. */
static unsigned round_of(struct rig *r, unsigned n)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	for (unsigned i = 0; i < n; i++) {
		r->role = EPTP_N(i);
		assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	}
	return faults;
}

static void test_roots_in_turn(void **state)
{
	struct rig *r = roots_rig(64);
	unsigned flushes;

	(void)state;
	assert_int_equal(round_of(r, 64), 64);
	flushes = r->host.flushes;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(round_of(r, 64), 0);
	assert_int_equal(r->host.flushes, flushes);
	rig_free(r);
}

/* Each INVEPT reaches the roots that it names, and no others; that of all contexts, and a move, reach all. */
static void test_invept_of_one_of_many(void **state)
{
	struct rig *r = roots_rig(MANY);
	struct nvmx_ept_fault f;
	uint64_t hpa;
	unsigned rights, shift, faults = 0;

	(void)state;
	round_of(r, MANY);
	r->role = EPTP_N(40) ^ 6; /* another memory type, the same table */
	assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PT, 7, 0);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP_N(40));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP_N(i)), 7 << 12, &hpa, &rights, &shift), i == 40 ? -1 : 0);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP_N(40) ^ 6), 7 << 12, &hpa, &rights, &shift), -1);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_ALL, 0);
	r->host.flushes = 0;
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP_N(i)), 7 << 12, &hpa, &rights, &shift), -1);
	assert_int_equal(r->host.flushes, MANY);
	nvmx_ept_moved(&r->v);
	for (unsigned i = 0; i < MANY; i++)
		assert_true(nvmx_ept_root(&r->v, EPTP_N(i)));
	assert_int_equal(r->host.flushes, 2 * MANY);
	rig_free(r);
}

/* More than there are places for. */
static void test_all_places_taken(void **state)
{
	struct rig *r = mapped_rig(HOST_PAGES);
	uint64_t last = 0;

	(void)state;
	for (unsigned n = 0; n < NVMX_EPT_ROOTS + 40; n++) {
		uint64_t role = (uint64_t)(n + 1) << 12 | 3 << 3 | 6, eptp02 = nvmx_ept_root(&r->v, role);

		assert_true(eptp02 && eptp02 != last);
		assert_int_equal(nvmx_ept_shadowed(&r->v, eptp02), role);
		last = eptp02;
	}
	assert_in_range(nvmx_ept_of(&r->v)->roots_n, 200, NVMX_EPT_ROOTS);
	rig_free(r);
}

static unsigned round_of_tables(struct rig *r)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	for (uint64_t k = 0; k < TABLES; k++)
		assert_int_equal(touch(r, k << 21, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	return faults;
}

static struct rig *tables_rig(void)
{
	struct rig *r = mapped_rig(HOST_PAGES);

	for (unsigned k = 0; k < TABLES; k++) {
		l1_set(r, PD, k, TABLE(FIRST_PT + k));
		l1_set(r, FIRST_PT + k, 0, PAGE(DATA + k));
	}
	return r;
}

static void test_pool_a_little_too_small(void **state)
{
	struct rig *r = tables_rig();
	unsigned need, faults = 0;

	(void)state;
	round_of_tables(r);
	assert_int_equal(round_of_tables(r), 0);
	need = r->host.pages_live - nvmx_ept_of(&r->v)->pool_n;
	rig_free(r);
	r = tables_rig();
	r->host.page_limit = need * 97 / 100 + NVMX_EPT_STOCK;
	for (unsigned i = 0; i < 20; i++) {
		unsigned n = round_of_tables(r);

		faults += i < 4 ? 0 : n;
	}
	assert_in_range(faults, 16, 16 * TABLES / 4); /* 3 of 100 have no place */
	rig_free(r);
}

/* Counts that L1 drives, by INVEPTs and by what its vCPUs take from each other's tables: a root that was away for as many as fit 32 bits
 * is not taken for one that has seen them. */
static void test_counts_do_not_come_round(void **state)
{
	struct rig *r = roots_rig(1);
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);
	struct nvmx_ept_root *root;

	(void)state;
	round_of(r, 1);
	root = nvmx_ept_last_root(e);
	assert_false(nvmx_ept_owes_flush(e, root) || nvmx_ept_is_stale(e, root));
	e->moved += 1ull << 32;
	assert_true(nvmx_ept_owes_flush(e, root));
	e->invept_alls += 1ull << 32;
	assert_true(nvmx_ept_is_stale(e, root));
	rig_free(r);
}

/* The host asks for pages back while L2 is in the middle of it all. */
static void test_pages_given_back(void **state)
{
	struct rig *r = tables_rig();
	unsigned before, kept;

	(void)state;
	round_of_tables(r);
	before = r->host.pages_live;
	assert_int_equal(nvmx_give_pages(&r->v, 0), 0);
	assert_int_equal(nvmx_give_pages(&r->v, 100), 100);
	assert_int_equal(r->host.pages_live, before - 100);
	assert_int_equal(nvmx_ept_of_vm(&r->vm)->pages, r->host.pages_live);
	assert_int_equal(nvmx_ept_of(&r->v)->pages, r->host.pages_live);
	assert_in_range(round_of_tables(r), 1, 50); /* and what was given back is fetched again */
	assert_in_range(r->host.pages_live, before - 100, before + NVMX_EPT_RESTOCK);
	assert_in_range(nvmx_give_pages(&r->v, ~0u), before - 140, before + NVMX_EPT_RESTOCK);
	kept = r->host.pages_live;
	assert_int_equal(nvmx_give_pages(&r->v, 1), 0);
	assert_in_range(kept, 64, 100); /* chain heads are 64 */
	r->host.page_limit = kept + 60;
	assert_in_range(round_of_tables(r), TABLES / 2, TABLES);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots_in_turn),
		cmocka_unit_test(test_invept_of_one_of_many),
		cmocka_unit_test(test_all_places_taken),
		cmocka_unit_test(test_counts_do_not_come_round),
		cmocka_unit_test(test_pages_given_back),
		cmocka_unit_test(test_pool_a_little_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
