/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* How L1's invalidations become the hardware's; found by test/vtd/qemu. */
#include "vtd_hw.h"

#define SID 0x18u
#define IOVA 0x40201000ull
#define FEATURES (NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER)

/* Neighbouring pages, each with a descriptor of its own, are one flush of the hardware's. */
static void test_neighbours_are_flushed_together(void **state)
{
	struct rig *r = hw_config(FEATURES, NVMX_VTD_ASSIGN_TABLES);
	struct hw_device dev = { 0 };
	uint64_t next = TABLES + 0x1000, tail = 0;
	unsigned before;

	(void)state;
	rig_start(r);
	for (unsigned i = 0; i < 200; i++)
		*entry_of(r, TABLES, 4, IOVA + i * 0x1000u, 1, &next) = 0x123003;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	hw_translation(r, true);
	hw_add(r, SID, &dev, 0);
	queue_on(r);
	for (unsigned i = 0; i < 200; i++) {
		*entry_of(r, TABLES, 4, IOVA + i * 0x1000u, 1, &next) = 0;
		queue_put(r, &tail, 5 << 16 | 3 << 4 | 2, IOVA + i * 0x1000u);
	}
	queue_put(r, &tail, 1ull << 32 | 1 << 5 | 5, 0x9000);
	before = r->host.hw->flush_calls;
	assert_int_equal(queue_go(r, tail), NVMX_VTD_DONE);
	assert_int_equal(*word(r, 0x9000), 1);
	assert_int_equal(r->host.hw->flush_calls - before, 1);
	assert_int_equal(hw_dma(&r->host, &dev, IOVA + 0x5000, 1), HW_FAULT);
	hw_free(r);
}

/* What a flush of one page costs does not depend on how much its domain maps. */
static uint64_t tables_compared(unsigned pages)
{
	struct rig *r = hw_config(FEATURES, NVMX_VTD_ASSIGN_TABLES);
	struct hw_device dev = { 0 };
	uint64_t next = TABLES + 0x1000, before, entries;
	unsigned flushes;

	rig_start(r);
	for (unsigned i = 0; i < pages; i++)
		*entry_of(r, TABLES, 4, IOVA + i * 0x1000u, 1, &next) = 0x123003;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	hw_translation(r, true);
	hw_add(r, SID, &dev, 0);
	before = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_COMPARE);
	entries = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_ENTRY);
	flushes = r->host.hw->flush_calls;
	hw_flush_iotlb(r, 3, 5, IOVA); /* nothing has changed */
	assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_ENTRY), entries);
	assert_int_equal(r->host.hw->flush_calls, flushes);
	*entry_of(r, TABLES, 4, IOVA, 1, &next) = 0;
	hw_flush_iotlb(r, 3, 5, IOVA);
	assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_ENTRY), entries + 1);
	assert_int_equal(r->host.hw->flush_calls, flushes + 1);
	before = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_COMPARE) - before;
	hw_free(r);
	return before;
}

static void test_a_page_costs_a_page(void **state)
{
	(void)state;
	assert_int_equal(tables_compared(8), 8);
	assert_int_equal(tables_compared(8192), 8);
}

/* A host remap in the middle of L1's invalidation does not use up the device-TLB's part of it; found by unit_vtd_model. */
static void test_device_tlb_is_flushed_last(void **state)
{
	struct rig *r = hw_config(FEATURES, NVMX_VTD_ASSIGN_TABLES);
	struct hw_device dev = { 0 };
	uint64_t next = TABLES + 0x1000, tail = 0;
	unsigned before;

	(void)state;
	r->config.work = 1024;
	rig_start(r);
	*entry_of(r, TABLES, 4, IOVA, 1, &next) = 0x123003;
	set_context(r, SID, TABLES | 1 << 2 | 1, DOMAIN(5) | AW(4));
	hw_translation(r, true);
	hw_add(r, SID, &dev, NVMX_VTD_DEVICE_HAS_TLB);
	queue_on(r);
	for (unsigned i = 0; i < 512; i++)
		*entry_of(r, TABLES, 4, 0x40000000 + i * 0x1000u, 1, &next) = 0x200003;
	*entry_of(r, TABLES, 4, IOVA, 1, &next) = 0;
	queue_put(r, &tail, 5 << 16 | 2 << 4 | 2, 0);
	queue_put(r, &tail, (uint64_t)SID << 32 | 3, IOVA);
	queue_put(r, &tail, 1ull << 32 | 1 << 5 | 5, 0x9000);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_MORE);
	nvmx_vtd_host_invalidate(r->u, 0x300000, 0x1000);
	before = dev.tlb_flushes;
	hw_run(r);
	assert_int_equal(*word(r, 0x9000), 1);
	assert_true(dev.tlb_flushes > before);
	assert_int_equal(r->host.hw->last[r->host.hw->last_n - 1].kind, NVMX_VTD_FLUSH_DEVICE_TLB);
	hw_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours_are_flushed_together),
		cmocka_unit_test(test_a_page_costs_a_page),
		cmocka_unit_test(test_device_tlb_is_flushed_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
