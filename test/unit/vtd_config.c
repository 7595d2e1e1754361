/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a configuration promises holds: guest address widths, the interrupt range, and what cannot work is refused by name. */
#include "vtd_flat.h"

static void refused(struct rig *r, int error, const char *name)
{
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	assert_int_equal(nvmx_vtd_init(r->memory, NVMX_VTD_SIZE, &r->config, &r->u, &info), error);
	nvmx_describe_error(line, sizeof(line), &info);
	assert_non_null(strstr(line, name));
}

static void dispose(struct rig *r)
{
	free(r->host.hw);
	rig_free(r);
}

static void test_what_cannot_work(void **state)
{
	static const uint32_t flags[] = { 0, NVMX_VTD_ASSIGN_TABLES, NVMX_VTD_ASSIGN_MAP };
	struct rig *r;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		r = hw_config(NVMX_VTD_F_QUEUE | NVMX_VTD_F_DEVICE_TLB, flags[i]);
		r->ops.flush = NULL;
		refused(r, NVMX_ERR_OP_MISSING, "vtd_ops.flush is NULL, expected a function");
		dispose(r);
		r = hw_config(NVMX_VTD_F_DRAIN, flags[i]);
		r->ops.drain = NULL;
		refused(r, NVMX_ERR_OP_MISSING, "vtd_ops.drain is NULL");
		dispose(r);
	}
	r = hw_config(0, NVMX_VTD_ASSIGN_TABLES);
	r->config.hw_ecap &= ~ECAP_C;
	r->ops.table_written = NULL;
	refused(r, NVMX_ERR_OP_MISSING, "vtd_ops.table_written is NULL");
	r->ops.table_written = hw_table_written;
	rig_start(r);
	hw_free(r);
	r = hw_config(NVMX_VTD_F_DRAIN, NVMX_VTD_ASSIGN_TABLES);
	r->config.hw_cap &= ~(1ull << 54); /* DWD without DRD is not draining */
	refused(r, NVMX_ERR_CAPS, "vtd_config.features has 0x40, which the physical unit (hw_cap, hw_ecap) lacks");
	dispose(r);
}

/* What does not need them does without. */
static void test_what_can(void **state)
{
	struct rig *r = hw_config(0, NVMX_VTD_ASSIGN_MAP);

	(void)state;
	r->ops.flush = NULL;
	r->ops.drain = NULL;
	r->ops.table_written = NULL;
	r->config.hw_ecap = 0;
	rig_start(r);
	hw_free(r);
	r = hw_config(0, NVMX_VTD_ASSIGN_TABLES);
	r->ops.drain = NULL;
	r->ops.table_written = NULL;
	rig_start(r);
	hw_free(r);
	r = rig_config(NVMX_VTD_F_QUEUE | NVMX_VTD_F_REMAP);
	r->ops.flush = NULL;
	r->ops.drain = NULL;
	rig_start(r);
	rig_free(r);
}

/* ---------------------------------------------------------------------------------------------- guest address width (3.6) */

static unsigned opened_width;
static int spy_domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	opened_width = d->width;
	return hw_domain_open(h, d, domain);
}

/* The assigned device reaches what an emulated one would. */
static void agree(struct world *w, uint64_t iova)
{
	struct nvmx_vtd_dma d;
	enum nvmx_vtd_fault fault = nvmx_vtd_translate(w->r->u, SID, iova, 1, NVMX_VTD_READ | NVMX_VTD_SILENT, &d);

	assert_int_equal(dma(w, iova, 1), fault ? HW_FAULT : RAM(d.gpa));
}

static void width(uint32_t flags, unsigned levels, unsigned bits)
{
	struct rig *r = hw_config(CM, flags);
	unsigned deep = 12 + 9 * levels, least = bits < deep ? bits : deep;
	uint64_t limit = BIT64(least), probe[8], table = TABLES;
	struct world *w;

	r->config.width = (uint8_t)bits;
	r->ops.domain_open = spy_domain_open;
	w = begin(r);
	probe[0] = 0;
	probe[1] = limit - 0x1000;
	probe[2] = limit - 0x40000000;
	for (unsigned i = 0; i < 5; i++) /* beyond: just so, and by each bit that the table has yet */
		probe[3 + i] = limit << i >> deep ? 0x5000 : limit << i;
	for (unsigned i = 0; i < 8; i++)
		*entry_of(r, table, levels, probe[i], 1, &w->next) = (0x200000 + i * 0x1000) | 3;
	set_context(r, SID, table | 1, DOMAIN(5) | AW(levels));
	hw_translation(r, true);
	hw_add(r, SID, &w->dev, 0);
	assert_int_equal(opened_width, least);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++) {
			agree(w, probe[i]);
			if (probe[i] >= limit)
				assert_int_equal(dma(w, probe[i], 1), HW_FAULT);
		}
		assert_int_equal(dma(w, probe[1], 1) == HW_FAULT, round == 2);
		for (unsigned i = 0; i < 8; i++)
			*entry_of(r, table, levels, probe[i], 1, &w->next) = round ? 0 : 0x300003 + i * 0x1000;
		if (round)
			hw_flush_iotlb(r, 2, 5, 0);
		for (unsigned i = 0; i < 8; i++)
			hw_flush_iotlb(r, 3, 5, probe[i]); /* upper bits are ignored (6.5.2.3) */
	}
	end(w);
}

static void widths(uint32_t flags)
{
	for (unsigned levels = 3; levels <= 4; levels++)
		for (unsigned bits = 30; bits <= 48; bits++)
			width(flags, levels, bits);
}
BOTH_WAYS(test_widths, widths)

/* A table that replaces a large page ends at the width, and is complete there. */
static void test_a_staged_table_that_ends_at_the_width(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	uint64_t last = 0xfc0000000, table;
	struct world *w;

	(void)state;
	r->config.width = 36;
	r->config.work = 1024;
	w = begin(r);
	*at(w, last, 3) = HW_BIG | SL_LARGE | 3;
	assign(w);
	assert_int_equal(dma(w, last, 1), HW_BIG_HPA);
	table = w->next;
	w->next += 9 * 0x1000;
	for (unsigned i = 0; i < 8; i++) {
		*word(r, table + (504 + i) * 8) = (table + 0x1000 + i * 0x1000) | 3;
		for (unsigned k = 0; k < 512; k++)
			*word(r, table + 0x1000 + i * 0x1000 + k * 8) = 0x123003;
	}
	*at(w, last, 3) = table | 3;
	dsi(w);
	assert_int_equal(dma(w, last + 0x3ffff000, 1), RAM(0x123000));
	assert_int_equal(dma(w, last, 1), HW_FAULT);
	end(w);
}

/* The same of a table that goes on behind it. */
static void test_a_staged_table_that_spans_the_width(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	uint64_t last = 0xffffff000, table = 0x800000;
	struct world *w;

	(void)state;
	r->config.width = 36;
	w = begin(r);
	*at(w, last, 1) = 0x123003;
	assign(w);
	assert_int_equal(dma(w, last, 1), RAM(0x123000));
	for (unsigned level = 3; level; level--)
		*word(r, table + (3 - level) * 0x1000 + vtd_index(last, level) * 8) =
			(level > 1 ? table + (4 - level) * 0x1000 : 0x223000) | 3;
	*at(w, last, 4) = table | 3;
	dsi(w);
	assert_int_equal(dma(w, last, 1), RAM(0x223000));
	end(w);
}

/* ------------------------------------------------------------------------------------------- the interrupt range (3.14) */

/* Refused for an emulated device is refused for an assigned one, at the edges of the range and of each page. */
static void window(uint32_t flags, unsigned level, uint64_t iova, uint64_t gpa)
{
	static const uint64_t probes[] = { 0xfedff000, 0xfee00000, 0xfee7f000, 0xfeeff000, 0xfef00000, 0xfefff000 };
	struct world *w = begin(hw_config(CM, flags));
	uint64_t size = BIT64(vtd_shift(level));
	unsigned refused_n = 0;

	*at(w, iova, level) = gpa | (level > 1 ? SL_LARGE : 0) | 3;
	assign(w);
	for (unsigned i = 0; i < 12; i++) { /* by what is asked for, and by where it leads */
		uint64_t at = i < 6 ? probes[i] : probes[i - 6] - gpa + iova;
		struct nvmx_vtd_dma d;
		enum nvmx_vtd_fault fault;

		if (at < iova || at >= iova + size)
			continue;
		fault = nvmx_vtd_translate(w->r->u, SID, at, 1, NVMX_VTD_READ | NVMX_VTD_SILENT, &d);
		assert_true(!fault || fault == NVMX_VTD_FAULT_INTERRUPT_RANGE);
		assert_int_equal(dma(w, at, 1) == HW_FAULT, fault != NVMX_VTD_FAULT_NONE);
		refused_n += fault != NVMX_VTD_FAULT_NONE;
	}
	assert_true(refused_n > 0);
	assert_true(nvmx_vtd_physical_fault(w->r->u, SID, iova | 0x2e00000 % size, NVMX_VTD_READ));
	end(w);
}

static void windows(uint32_t flags)
{
	window(flags, 1, 0xfee00000, 0x123000);
	window(flags, 1, 0xfeeff000, 0x123000);
	window(flags, 1, IOVA, 0xfee00000);
	window(flags, 1, IOVA, 0xfeeff000);
	window(flags, 2, 0xfee00000, 0x200000);
	window(flags, 2, 0x40200000, 0xfee00000);
	window(flags, 2, 0xfee00000, 0xfee00000);
}
BOTH_WAYS(test_the_interrupt_range, windows)

static void test_the_interrupt_range_in_a_gigabyte(void **state)
{
	(void)state;
	window(NVMX_VTD_ASSIGN_TABLES, 3, 0xc0000000, HW_BIG);
	window(NVMX_VTD_ASSIGN_TABLES, 3, 0x80000000, 0xc0000000);
	window(NVMX_VTD_ASSIGN_TABLES, 3, 0xc0000000, 0xc0000000);
}

/* L1 hears of it by the reason that an emulated device would give. */
static void test_the_reason(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);

	(void)state;
	*at(w, IOVA, 1) = 0xfee00003;
	dsi(w);
	assert_int_equal(dma(w, IOVA, 2), HW_FAULT);
	nvmx_vtd_physical_fault(w->r->u, SID, IOVA, NVMX_VTD_WRITE);
	assert_int_equal(counter(w, NVMX_VTD_CNT_SPURIOUS_FAULT), 0);
	assert_int_equal(rd(w->r, 0x228, 8) >> 32 & 0xff, NVMX_VTD_FAULT_INTERRUPT_RANGE);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_work),
		cmocka_unit_test(test_what_can),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_a_staged_table_that_ends_at_the_width),
		cmocka_unit_test(test_a_staged_table_that_spans_the_width),
		cmocka_unit_test(test_the_interrupt_range),
		cmocka_unit_test(test_the_interrupt_range_in_a_gigabyte),
		cmocka_unit_test(test_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
