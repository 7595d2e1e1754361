/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The processor's EPTP list: what is in it, and what takes it out. */
#include "ept_mapped.h"

#define LIST12 (16 * 0x1000ull)
#define EPTPS 30u /* more than there will be pages for */
#define EPTP_N(n) ((uint64_t)(PML4 + 16 + (n)) << 12 | 3 << 3 | 6)

static uint64_t *hw;

/* L1 enters L2 on EPTP n. */
static void enter(struct rig *r, unsigned n)
{
	uint64_t list = nvmx_ept_list(&r->v, r->v12);

	assert_in_range(list >> 12, HOST_PAGE_FRAME, HOST_PAGE_FRAME + HOST_PAGES - 1);
	hw = r->host.pages[(list >> 12) - HOST_PAGE_FRAME];
	assert_true(nvmx_ept_root(&r->v, EPTP_N(n)));
}

/* VMFUNC by exit. */
static uint64_t switch_to(struct rig *r, unsigned n)
{
	uint64_t eptp02 = nvmx_ept_root(&r->v, EPTP_N(n));

	nvmx_ept_list_add(&r->v, n, EPTP_N(n));
	assert_int_equal(hw[n], eptp02);
	return eptp02;
}

static struct rig *listed_rig(void)
{
	struct rig *r = rig_new(0);

	r->v12->eptp_list_addr = LIST12;
	for (unsigned n = 0; n < EPTPS; n++) {
		l1_set(r, PML4 + 16 + n, 0, TABLE(PDPT));
		r->host.ram[LIST12 >> 12][n] = EPTP_N(n);
	}
	l1_set(r, PDPT, 0, TABLE(PD));
	l1_set(r, PD, 0, TABLE(PT));
	l1_set(r, PT, 0, PAGE(DATA));
	enter(r, 0);
	switch_to(r, 1);
	switch_to(r, 2);
	switch_to(r, 0);
	return r;
}

static unsigned listed(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 512; i++)
		n += hw[i] != 0;
	return n;
}

static void begins_empty(void **state)
{
	struct rig *r = rig_new(0);

	(void)state;
	r->v12->eptp_list_addr = LIST12;
	r->host.ram[LIST12 >> 12][0] = EPTP_N(0);
	enter(r, 0);
	assert_int_equal(listed(), 0);
	nvmx_ept_list_add(&r->v, 3, EPTP_N(3)); /* no such root */
	assert_int_equal(listed(), 0);
	rig_free(r);
}

static void names_what_it_shadows(void **state)
{
	struct rig *r = listed_rig();

	(void)state;
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(nvmx_ept_shadowed(&r->v, hw[n]), EPTP_N(n));
	assert_int_equal(nvmx_ept_shadowed(&r->v, hw[0] ^ 0x1000000000ull), 0);
	assert_int_equal(nvmx_ept_shadowed(&r->v, 0), 0);
	enter(r, 0);
	assert_int_equal(listed(), 3); /* an entry of L1 that changed nothing */
	rig_free(r);
}

static void the_list_of_l1_decides(void **state)
{
	struct rig *r = listed_rig();
	uint64_t mode = NVMX_EPT_ROLE_MODE_EXEC;

	(void)state;
	r->host.ram[LIST12 >> 12][1] = EPTP_N(2);
	r->host.ram[LIST12 >> 12][2] |= mode; /* reserved in an EPTP */
	enter(r, 0);
	assert_int_equal(listed(), 1);
	assert_true(hw[0]);
	r->host.ram[LIST12 >> 12][0] |= mode;
	r->v12->proc_ctls = NVMX_PROC_SECONDARY;
	r->v12->proc_ctls2 = NVMX_PROC2_EPT | NVMX_PROC2_MODE_EXEC;
	enter(r, 0);
	assert_int_equal(listed(), 0);
	rig_free(r);
}

/* With mode-based execute control an EPTP has another root. */
static void mode_based_execution_is_part_of_it(void **state)
{
	struct rig *r = listed_rig();
	uint64_t plain = hw[1];

	(void)state;
	r->v12->proc_ctls = NVMX_PROC_SECONDARY;
	r->v12->proc_ctls2 = NVMX_PROC2_EPT | NVMX_PROC2_MODE_EXEC;
	enter(r, 0);
	assert_int_equal(listed(), 0);
	assert_true(nvmx_ept_root(&r->v, EPTP_N(1) | NVMX_EPT_ROLE_MODE_EXEC));
	nvmx_ept_list_add(&r->v, 1, EPTP_N(1) | NVMX_EPT_ROLE_MODE_EXEC | NVMX_EPT_ROLE_PML);
	assert_true(hw[1] && hw[1] != plain);
	assert_int_equal(nvmx_ept_shadowed(&r->v, hw[1]), EPTP_N(1));
	enter(r, 0);
	assert_int_equal(listed(), 1);
	/* L1's entry with the role's bit in it is no EPTP, whatever it looks like. */
	r->host.ram[LIST12 >> 12][1] |= NVMX_EPT_ROLE_MODE_EXEC;
	enter(r, 0);
	assert_int_equal(listed(), 0);
	rig_free(r);
}

static void another_list_with_the_same_entries(void **state)
{
	struct rig *r = listed_rig();

	(void)state;
	r->v12->eptp_list_addr = LIST12 - 0x1000;
	r->host.ram[(LIST12 >> 12) - 1][2] = EPTP_N(2);
	enter(r, 0);
	assert_int_equal(listed(), 1);
	assert_true(hw[2]);
	r->v12->eptp_list_addr = FRAMES * 0x1000ull; /* no memory of L1's */
	enter(r, 0);
	assert_int_equal(listed(), 0);
	rig_free(r);
}

/* The root that L2 goes on with is made current; the others wait. */
static void invept_takes_out(void **state)
{
	struct rig *r = listed_rig();

	(void)state;
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP_N(1));
	nvmx_ept_root(&r->v, EPTP_N(0));
	assert_int_equal(listed(), 2);
	assert_false(hw[1]);
	switch_to(r, 1);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_ALL, 0);
	nvmx_ept_root(&r->v, EPTP_N(1));
	assert_int_equal(listed(), 1);
	assert_true(hw[1]);
	/* At an entry, too, on which the root is the one before. */
	switch_to(r, 2);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP_N(1));
	nvmx_ept_list(&r->v, r->v12);
	assert_false(hw[1]);
	assert_true(hw[2]);
	rig_free(r);
}

static void a_root_given_up_is_taken_out(void **state)
{
	struct rig *r = listed_rig();
	uint64_t was[EPTPS];
	unsigned given_up = 0;

	(void)state;
	memcpy(was, hw, sizeof(was));
	r->host.page_limit = r->host.pages_live;
	for (unsigned n = 3; n < EPTPS; n++)
		assert_true(nvmx_ept_root(&r->v, EPTP_N(n)));
	for (unsigned n = 0; n < 3; n++) {
		assert_int_equal(nvmx_ept_shadowed(&r->v, was[n]) == EPTP_N(n), hw[n] != 0);
		given_up += !hw[n];
	}
	assert_in_range(given_up, 1, 3);
	assert_int_equal(listed(), 3 - given_up);
	rig_free(r);
}

static void revocation_takes_out(void **state)
{
	struct rig *r = listed_rig();
	struct nvmx_ept_fault f;

	(void)state;
	assert_true(nvmx_ept_root(&r->v, EPTP_N(2)));
	assert_int_equal(nvmx_ept_violation(&r->v, EPTP_N(2), 0, QUAL(NVMX_ACCESS_R), &f), NVMX_EPT_RETRY);
	assert_true(nvmx_ept_root(&r->v, EPTP_N(0)));
	assert_true(hw[2]);
	r->host.map[DATA].rights = 0;
	nvmx_host_invalidate(&r->vm, NULL, DATA * 0x1000ull, 4096);
	assert_true(nvmx_ept_root(&r->v, EPTP_N(0)));
	assert_false(hw[2]);
	assert_int_equal(listed(), 2);
	nvmx_ept_moved(&r->v);
	assert_true(nvmx_ept_root(&r->v, EPTP_N(1)));
	assert_int_equal(listed(), 1);
	assert_true(hw[1]);
	rig_free(r);
}

/* A root that a flush waits for is not entered. */
static void only_what_is_ready(void **state)
{
	struct rig *r = listed_rig();

	(void)state;
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP_N(1));
	nvmx_ept_list_add(&r->v, 7, EPTP_N(1));
	assert_false(hw[7]);
	nvmx_ept_moved(&r->v);
	nvmx_ept_list_add(&r->v, 7, EPTP_N(2));
	assert_false(hw[7]);
	rig_free(r);
}

static void few_entries(void **state)
{
	struct rig *r = listed_rig();

	(void)state;
	for (unsigned i = 3; i < 8; i++)
		nvmx_ept_list_add(&r->v, 500 + i, EPTP_N(0));
	assert_int_equal(listed(), 8);
	nvmx_ept_list_add(&r->v, 503, EPTP_N(2)); /* in the place of itself */
	assert_int_equal(hw[503], hw[2]);
	assert_int_equal(listed(), 8);
	for (unsigned i = 0; i < 9; i++) {
		nvmx_ept_list_add(&r->v, 400 + i, EPTP_N(0));
		assert_true(hw[400 + i]);
		assert_int_equal(listed(), 8);
	}
	assert_false(hw[400]); /* the ninth took its place */
	assert_true(hw[408]);
	rig_free(r);
}

static void without_memory(void **state)
{
	struct rig *r = rig_new(0);

	(void)state;
	r->host.page_limit = 0;
	assert_int_equal(nvmx_ept_list(&r->v, r->v12), 0);
	r->host.page_limit = HOST_PAGES;
	assert_true(nvmx_ept_list(&r->v, r->v12));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_empty),
		cmocka_unit_test(names_what_it_shadows),
		cmocka_unit_test(the_list_of_l1_decides),
		cmocka_unit_test(mode_based_execution_is_part_of_it),
		cmocka_unit_test(another_list_with_the_same_entries),
		cmocka_unit_test(invept_takes_out),
		cmocka_unit_test(a_root_given_up_is_taken_out),
		cmocka_unit_test(revocation_takes_out),
		cmocka_unit_test(only_what_is_ready),
		cmocka_unit_test(few_entries),
		cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
