/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host's side of the shadow EPT: frames that it takes or types, roots, memory that runs out. */
#include "ept_mapped.h"

static void test_host_takes_frame(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, flushes, rights, shift;
	uint64_t hpa;

	(void)state;
	touch_all(r);
	flushes = r->host.flushes;
	nvmx_host_invalidate(&r->vm, &r->v, (DATA + 512ull) << 12, 512 << 12);
	assert_int_equal(r->host.flushes, flushes); /* nothing is mapped from there */
	r->host.map[DATA + 3].rights = 0;
	nvmx_host_invalidate(&r->vm, &r->v, (DATA + 3ull) << 12, 1);
	assert_true(r->host.flushes > flushes);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), 0x3000, &hpa, &rights, &shift), -1);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), 0x4000, &hpa, &rights, &shift), 0);
	assert_int_equal(touch(r, 0x3000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	assert_int_equal(f.gpa1, (DATA + 3ull) << 12);
	assert_int_equal(f.access, NVMX_ACCESS_W);
	r->host.map[DATA + 3].rights = 5;
	assert_int_equal(touch(r, 0x3000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(r, 0x3000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	nvmx_host_invalidate(&r->vm, &r->v, 0, ~0ull);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), (uint64_t)i << 12, &hpa, &rights, &shift), -1);
	rig_free(r);
}

/* Neighbours that all map one frame that the host has not, or has with fewer rights, than the one that faulted. */
static void test_neighbours_of_one_frame(void **state)
{
	static const uint8_t host_rights[] = { 0, 5, 1 };

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;
		unsigned faults = 0, rights, shift;
		uint64_t hpa;

		r->host.map[DATA + 600].rights = host_rights[n];
		for (unsigned i = 1; i < 8; i++)
			l1_set(r, PT, i, PAGE(DATA + 600));
		assert_int_equal(touch(r, 0, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		for (uint64_t i = 1; i < 8; i++) {
			if (hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), i << 12, &hpa, &rights, &shift))
				continue;
			assert_int_equal(rights, host_rights[n]);
			assert_int_equal(hpa, (HOST_RAM_FRAME + DATA + 600ull) << 12);
		}
		rig_free(r);
	}
}

/* Two of L1's frames in one of the host's: L1 goes from one to the other, then the host moves the second. */
static void test_aliased_frames(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;
	uint64_t hpa;

	(void)state;
	r->host.map[DATA + 600].frame = HOST_RAM_FRAME + DATA;
	l1_set(r, PT, 0, PAGE(DATA) & ~2ull);
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PT, 0, PAGE(DATA + 600));
	assert_int_equal(touch(r, 0, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	r->host.map[DATA + 600].rights = 0;
	nvmx_host_invalidate(&r->vm, &r->v, (DATA + 600ull) << 12, 4096);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), 0, &hpa, &rights, &shift), -1);
	rig_free(r);
}

static void test_more_roots_than_slots(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned round, i;

	(void)state;
	for (i = 0; i < 12; i++)
		l1_set(r, 100 + i, 0, TABLE(PDPT));
	for (round = 0; round < 3; round++)
		for (i = 0; i < 12; i++) {
			r->role = (100ull + i) << 12 | 3 << 3 | 6;
			touch_all(r);
			assert_int_equal(touch_all(r), 0);
		}
	rig_free(r);
}

/* Tables that are all the same page. */
static void test_self_map(void **state)
{
	struct rig *r = rig_new(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	for (unsigned i = 0; i < 512; i++)
		l1_set(r, PML4, i, TABLE(PML4));
	r->role = EPTP;
	for (uint64_t i = 0; i < 3000; i++) {
		enum nvmx_ept_answer a = touch(r, i * 0x20304050 % (1ull << 48), NVMX_ACCESS_R, &faults, &f);

		assert_int_equal(a, NVMX_EPT_RETRY); /* memory type 0 */
		if (i % 7 == 0)
			nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	}
	assert_in_range(r->host.pages_peak, 1, 1024);
	rig_free(r);
}

static void test_budget(void **state)
{
	struct rig *r = mapped_rig(300);

	(void)state;
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < 400; i++) {
			l1_set(r, PD, i, TABLE(PT));
			assert_int_equal(nvmx_ept_violation(&r->v, EPTP, (uint64_t)i << 21, QUAL(2), &(struct nvmx_ept_fault){ 0 }),
					 NVMX_EPT_RETRY);
		}
	assert_in_range(r->host.pages_peak, 256, 300);
	rig_free(r);
}

/* page_alloc fails at each point in turn: the answer is NOMEM or success, and nothing leaks. */
static void test_allocation_fails(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned limit = 0; limit < 60; limit++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;
		enum nvmx_ept_answer a;

		r->host.page_limit = limit;
		a = nvmx_ept_violation(&r->v, EPTP, 0, QUAL(1), &f);
		assert_true(a == NVMX_EPT_RETRY || a == NVMX_EPT_NOMEM);
		refused += a == NVMX_EPT_NOMEM;
		if (a == NVMX_EPT_RETRY)
			assert_true(nvmx_ept_root(&r->v, EPTP));
		rig_free(r);
	}
	assert_in_range(refused, 20, 59);
}

static void test_host_memory_type(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, n;
	uint64_t table = 0, e = 0;

	(void)state;
	l1_set(r, PT, 0, (PAGE(DATA) & ~(7ull << 3)) | 1 << 3 | NVMX_EPTE_IPAT); /* WC */
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	table = nvmx_ept_root(&r->v, EPTP) & NVMX_EPTE_ADDR;
	for (unsigned level = 4; level >= 1; level--) {
		n = (unsigned)(table >> 12) - HOST_PAGE_FRAME;
		e = ((uint64_t *)r->host.pages[n])[0];
		table = e & NVMX_EPTE_ADDR;
	}
	assert_int_equal(e & 0xff, 1 << 3 | NVMX_EPTE_IPAT | 7);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_takes_frame),
		cmocka_unit_test(test_neighbours_of_one_frame),
		cmocka_unit_test(test_aliased_frames),
		cmocka_unit_test(test_more_roots_than_slots),
		cmocka_unit_test(test_self_map),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_allocation_fails),
		cmocka_unit_test(test_host_memory_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
