/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Where L1's EPT leads, for a host that emulates an instruction of L2: as the processor would use it. */
#include "ept_mapped.h"

static struct rig *rig_with_ept(uint64_t eptp)
{
	struct rig *r = mapped_rig(0);

	r->v12->proc_ctls = NVMX_PROC_SECONDARY;
	r->v12->proc_ctls2 = NVMX_PROC2_EPT;
	r->v12->ept_pointer = eptp;
	return r;
}

static void test_leads_where_ept_does(void **state)
{
	struct rig *r = rig_with_ept(EPTP);
	struct nvmx_l2_exit exit;
	uint64_t gpa1 = 0;

	(void)state;
	assert_int_equal(nvmx_l2_translate(&r->v, 0x3123, NVMX_ACCESS_R | NVMX_ACCESS_W, &gpa1, &exit), 0);
	assert_int_equal(gpa1, ((DATA + 3ull) << 12) + 0x123);
	r->v12->proc_ctls2 = 0; /* without EPT the address is L1's */
	assert_int_equal(nvmx_l2_translate(&r->v, 0x3123, NVMX_ACCESS_W, &gpa1, &exit), 0);
	assert_int_equal(gpa1, 0x3123);
	rig_free(r);
}

static void test_what_ept_forbids(void **state)
{
	struct rig *r = rig_with_ept(EPTP);
	struct nvmx_l2_exit exit;
	uint64_t gpa1;

	(void)state;
	l1_set(r, PT, 4, (DATA + 4ull) << 12 | WB_LEAF | 1);
	assert_int_equal(nvmx_l2_translate(&r->v, 0x4000, NVMX_ACCESS_R, &gpa1, &exit), 0);
	assert_int_equal(nvmx_l2_translate(&r->v, 0x4008, NVMX_ACCESS_R | NVMX_ACCESS_W, &gpa1, &exit), -1);
	assert_int_equal(exit.reason, NVMX_XR_EPT_VIOLATION);
	assert_int_equal(exit.physical, 0x4008);
	assert_int_equal(exit.qualification, 3 | 1 << 3 | 0x180);
	l1_set(r, PT, 5, 0);
	assert_int_equal(nvmx_l2_translate(&r->v, 0x5000, NVMX_ACCESS_X, &gpa1, &exit), -1);
	assert_int_equal(exit.qualification, 4 | 0x180);
	l1_set(r, PT, 6, (DATA + 6ull) << 12 | WB_LEAF | 2); /* writable and not readable */
	assert_int_equal(nvmx_l2_translate(&r->v, 0x6000, NVMX_ACCESS_R, &gpa1, &exit), -1);
	assert_int_equal(exit.reason, NVMX_XR_EPT_MISCONFIG);
	assert_int_equal(nvmx_l2_translate(&r->v, 1ull << 48, NVMX_ACCESS_R, &gpa1, &exit), -1);
	assert_int_equal(exit.reason, NVMX_XR_EPT_VIOLATION);
	rig_free(r);
}

/* SDM 28.3.3.2: which of the two execute rights a fetch needs. */
static void test_modes_of_execution(void **state)
{
	struct rig *r = rig_with_ept(EPTP);
	struct nvmx_l2_exit exit;
	uint64_t gpa1;

	(void)state;
	for (unsigned mode = 0; mode < 2; mode++) {
		r->v12->proc_ctls2 = NVMX_PROC2_EPT | (mode ? NVMX_PROC2_MODE_EXEC : 0);
		l1_set(r, PML4, 0, (uint64_t)PDPT << 12 | 0x407); /* the tables above let both through */
		l1_set(r, PDPT, 0, (uint64_t)PD << 12 | 0x407);
		l1_set(r, PD, 0, (uint64_t)PT << 12 | 0x407);
		l1_set(r, PT, 4, (DATA + 4ull) << 12 | WB_LEAF | 5);                  /* supervisor */
		l1_set(r, PT, 5, (DATA + 5ull) << 12 | WB_LEAF | 1 | NVMX_BIT64(10)); /* user */
		assert_int_equal(nvmx_l2_translate(&r->v, 0x4000, NVMX_ACCESS_X, &gpa1, &exit), 0);
		assert_int_equal(nvmx_l2_translate(&r->v, 0x4000, NVMX_ACCESS_X | NVMX_ACCESS_USER, &gpa1, &exit), mode ? -1 : 0);
		if (mode)
			assert_int_equal(exit.qualification, 4 | 5 << 3 | 0x180);
		assert_int_equal(nvmx_l2_translate(&r->v, 0x5000, NVMX_ACCESS_X | NVMX_ACCESS_USER, &gpa1, &exit), mode ? 0 : -1);
		assert_int_equal(nvmx_l2_translate(&r->v, 0x5000, NVMX_ACCESS_X, &gpa1, &exit), -1);
		assert_int_equal(exit.qualification, 4 | 1 << 3 | (mode ? 1 << 6 : 0) | 0x180);
		assert_int_equal(nvmx_l2_translate(&r->v, 0x5000, NVMX_ACCESS_R | NVMX_ACCESS_USER, &gpa1, &exit), 0);
	}
	rig_free(r);
}

static void test_sets_accessed_and_dirty(void **state)
{
	struct rig *r = rig_with_ept(EPTP | NVMX_EPTP_AD);
	struct nvmx_l2_exit exit;
	uint64_t gpa1;

	(void)state;
	assert_int_equal(nvmx_l2_translate(&r->v, 0x3000, NVMX_ACCESS_R, &gpa1, &exit), 0);
	assert_int_equal(r->host.ram[PT][3] & (NVMX_EPTE_A | NVMX_EPTE_D), NVMX_EPTE_A);
	assert_int_equal(nvmx_l2_translate(&r->v, 0x3000, NVMX_ACCESS_W | NVMX_ACCESS_R, &gpa1, &exit), 0);
	assert_int_equal(r->host.ram[PT][3] & (NVMX_EPTE_A | NVMX_EPTE_D), NVMX_EPTE_A | NVMX_EPTE_D);
	r->v12->proc_ctls2 |= NVMX_PROC2_PML;
	r->v12->pml_index = 0xffff; /* the log must be emptied first */
	assert_int_equal(nvmx_l2_translate(&r->v, 0x7000, NVMX_ACCESS_W | NVMX_ACCESS_R, &gpa1, &exit), -1);
	assert_int_equal(exit.reason, NVMX_XR_PML_FULL);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leads_where_ept_does),
		cmocka_unit_test(test_what_ept_forbids),
		cmocka_unit_test(test_modes_of_execution),
		cmocka_unit_test(test_sets_accessed_and_dirty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
