/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* How much one call does at most, whatever L1's tables say. */
#include "vtd_hw.h"

#define SID 0x18u
#define IOVA 0x40200000ull
#define CM (NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER)

static struct rig *start(uint32_t flags, uint32_t work, uint32_t pages)
{
	struct rig *r = hw_config(CM, flags);

	r->config.work = work;
	r->config.pages = pages;
	rig_start(r);
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	hw_translation(r, true);
	return r;
}

/*
 * L1's table names itself in all of its entries.  A call that has a budget of 1,024 entries makes no more than that and what
 * it has begun: the entries of one table a level, three pages for each table.
 */
static void test_a_call_with_a_small_budget(void **state)
{
	static const uint32_t flags[] = { NVMX_VTD_ASSIGN_TABLES, NVMX_VTD_ASSIGN_MAP };

	(void)state;
	for (unsigned mode = 0; mode < 2; mode++)
		for (uint32_t pages = 16; pages <= 4096; pages *= 16) {
			struct rig *r = start(flags[mode], 1024, pages);
			struct hw_device dev = { .attaches = 0 };
			struct hw *hw = r->host.hw;
			enum nvmx_vtd_verdict verdict = NVMX_VTD_MORE;

			hw->maps_limit = 20000; /* what the test can remember */
			for (unsigned i = 0; i < 512; i++)
				*word(r, TABLES + i * 8) = TABLES | 3;
			assert_int_equal(nvmx_vtd_device_add(r->u, SID, &dev, 0), NVMX_OK);
			for (unsigned calls = 0; verdict == NVMX_VTD_MORE; calls++) {
				uint64_t made = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_PAGES);
				uint64_t leaves = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_LEAF);

				verdict = nvmx_vtd_run(r->u);
				assert_true(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_PAGES) - made <= 3 * (3 * 512) + 64);
				assert_true(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_LEAF) - leaves <= 2 * 512 + 1024 / 8);
				assert_true(calls < 10000);
			}
			assert_true(hw->peak <= pages);
			assert_true(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_UNMAPPED) > 0); /* 2^36 leaves do not fit */
			hw_free(r);
		}
}

/* Maps 512 pages for each table from IOVA on: the even ones to one frame, the odd ones to `odd` and those behind it, if any. */
static void map_tables(struct rig *r, uint64_t tables, uint64_t odd)
{
	uint64_t next = TABLES + 0x1000;

	for (uint64_t i = 0; i < tables * 512; i++)
		*entry_of(r, TABLES, 4, IOVA + i * 4096, 1, &next) = (odd && i & 1 ? odd + i % 512 * 0x1000 : 0x123000) | 3;
}

/* 64 tables of 512 leaves: a host remap asks only for the entries that name the frame. */
static void test_a_host_remap(void **state)
{
	struct rig *r = start(NVMX_VTD_ASSIGN_TABLES, 0, 0);
	struct hw_device dev = { .attaches = 0 };
	struct hw *hw = r->host.hw;
	unsigned calls;

	(void)state;
	map_tables(r, 64, 0x200000);
	hw_add(r, SID, &dev, 0);
	calls = hw->frame_calls;
	hw->map[0x201].hpa += 0x40000000;
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x201000, 0x1000), NVMX_VTD_DONE);
	assert_int_equal(hw->frame_calls - calls, 64);
	calls = hw->frame_calls;
	hw->map[0x123].hpa += 0x40000000;
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_DONE);
	assert_int_equal(hw->frame_calls - calls, 64 * 256);
	assert_int_equal(hw_dma(&r->host, &dev, IOVA, 2), hw->map[0x123].hpa);
	calls = hw->frame_calls;
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0xe00000, 0x1000), NVMX_VTD_DONE);
	assert_int_equal(hw->frame_calls - calls, 0);
	hw_free(r);
}

/* Nothing is unmapped page by page when a device goes, also while work is half done: closing the domain does it. */
static void test_a_device_that_goes(void **state)
{
	struct rig *r = start(NVMX_VTD_ASSIGN_MAP, 1024, 0);
	struct hw_device dev = { .attaches = 0 };
	struct hw *hw = r->host.hw;
	unsigned unmaps;

	(void)state;
	map_tables(r, 16, 0);
	hw_add(r, SID, &dev, 0);
	assert_int_equal(hw->maps_live, 16 * 512);
	*word(r, TABLES) = 0; /* all of it is to be unmapped: 4,096 pages and more of work */
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	assert_int_equal(nvmx_vtd_run(r->u), NVMX_VTD_MORE);
	assert_true(hw->maps_live > 0);
	unmaps = hw->dma_unmaps;
	assert_int_equal(nvmx_vtd_device_remove(r->u, SID), NVMX_OK);
	assert_int_equal(hw->dma_unmaps, unmaps);
	assert_int_equal(hw->maps_live, 0);
	assert_int_equal(hw->domains_open, 0);
	hw_run(r);
	hw_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_with_a_small_budget),
		cmocka_unit_test(test_a_host_remap),
		cmocka_unit_test(test_a_device_that_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
