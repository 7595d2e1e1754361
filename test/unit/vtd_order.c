/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What an invalidation promises while another is half done, and of a table that L1 has put in place of another. */
#include "vtd_flat.h"

/* L1 changes and flushes a page behind a walk that stands still: the wait comes when that change is made, too. */
static void behind(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);
	struct world *w;
	uint64_t tail = 0;

	r->config.work = 1024;
	w = begin(r);
	for (unsigned i = 0; i < 4096; i++)
		*at(w, IOVA + i * 4096ull, 1) = 0x123003;
	assign(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	for (unsigned i = 0; i < 4096; i++)
		*at(w, IOVA + i * 4096ull, 1) = 0x223003;
	wr(r, 0xf8, 8, BIT64(63) | 2ull << 60 | 5ull << 32);
	for (unsigned n = 0; n < 3; n++)
		nvmx_vtd_run(r->u);
	assert_true(r->u->flat.spaces[0].walking);
	assert_true(r->u->flat.spaces[0].walker.cursor > IOVA);
	*at(w, IOVA, 1) = 0x323003;
	queue_on(r);
	queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA);
	queue_put(r, &tail, 5 | 1 << 5 | 0x77ull << 32, 0x9000);
	queue_go(r, tail);
	hw_run(r);
	assert_int_equal(*word(r, 0x9000), 0x77);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x323000));
	end(w);
}
BOTH_WAYS(test_a_change_behind_a_walk, behind)

/* L1 puts another table in place of one, and flushes one page of it: its neighbour is what one of the tables has. */
static void new_table(uint32_t flags)
{
	for (unsigned level = 1; level < 3; level++) {
		struct world *w = start(flags);
		uint64_t other = 0x900000, e = level > 1 ? 0x901003 : 0x223003;

		*at(w, IOVA, 1) = 0x123003;
		*at(w, IOVA + 0x5000, 1) = 0x128003;
		dsi(w);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
		*word(w->r, other + vtd_index(IOVA, level) * 8) = e;
		if (level > 1)
			*word(w->r, 0x901000 + vtd_index(IOVA, 1) * 8) = 0x223003;
		*word(w->r, (level > 1 ? 0x901000 : other) + vtd_index(IOVA + 0x5000, 1) * 8) = 0x228003;
		*at(w, IOVA, level + 1) = other | 3;
		psi(w, IOVA, 0);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x223000));
		assert_int_equal(dma(w, IOVA + 0x5000, 1), RAM(0x228000));
		end(w);
	}
}
BOTH_WAYS(test_a_table_in_place_of_another, new_table)

/* The IOTLB of emulated devices: a flush of a few pages, or of many, in the middle of a large one. */
static void test_a_flush_within_a_large_page(void **state)
{
	static const unsigned orders[] = { 0, 2, 4, 8, 10 };

	(void)state;
	for (unsigned i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct rig *r = rig_new(CM);
		uint64_t next = TABLES + 0x1000;
		struct nvmx_vtd_dma d;

		set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
		translation_on(r);
		for (unsigned step = 0; step < 2; step++) {
			*entry_of(r, TABLES, 4, 0x80000000, 2, &next) = (step ? 0x600000 : 0x400000) | SL_LARGE | 3;
			if (step)
				flush_iotlb(r, 3, 5, 0x80100000 | orders[i]);
			assert_int_equal(nvmx_vtd_translate(r->u, SID, 0x80005000, 4, NVMX_VTD_READ, &d), NVMX_VTD_FAULT_NONE);
			assert_int_equal(d.gpa, step ? 0x605000 : 0x405000);
		}
		rig_free(r);
	}
}

/* A host that goes by the last verdict goes on with what was begun before a call that has nothing to do with it. */
static void verdicts(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);
	struct world *w;

	r->config.work = 1024;
	w = begin(r);
	for (unsigned i = 0; i < 4096; i++)
		*at(w, IOVA + i * 4096ull, 1) = 0x123003;
	assign(w);
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x500000, 0x1000), NVMX_VTD_DONE);
	assert_int_equal(wr(r, 0x18, 2, 0), NVMX_VTD_DONE);
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_DONE);
	for (unsigned i = 0; i < 4096; i++)
		*at(w, IOVA + i * 4096ull, 1) = 0x223003;
	assert_int_equal(wr(r, 0xf8, 8, BIT64(63) | 2ull << 60 | 5ull << 32), NVMX_VTD_MORE);
	assert_int_equal(wr(r, 0x18, 2, 0), NVMX_VTD_MORE);      /* no register takes two bytes */
	assert_int_equal(wr(r, 0x1000, 4, 0), NVMX_VTD_MORE);    /* nor is there one */
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_MORE); /* there was none */
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x500000, 0x1000), NVMX_VTD_MORE);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 1);
	hw_run(r);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x500000, 0x1000), NVMX_VTD_DONE);
	end(w);
}
BOTH_WAYS(test_verdicts_tell_of_what_is_left, verdicts)

static void no_route(struct nvmx_vtd_host *h, uint32_t index, uint32_t count)
{
	(void)h;
	(void)index;
	(void)count;
}

/* What the host has yet to do itself is WAITING, but for a revocation, where that is for the frame. */
static void test_verdicts_while_the_host_is_waited_for(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->config.routes_later = true;
	r->ops.interrupts_changed = no_route;
	w = begin(r);
	assign(w);
	wr(r, 0xb8, 8, 0x6000);
	assert_int_equal(wr(r, 0x18, 4, GCMD_TE | GCMD_SIRTP), NVMX_VTD_WAITING);
	assert_int_equal(wr(r, 0x18, 2, 0), NVMX_VTD_WAITING);
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_WAITING);
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_MORE);
	assert_int_equal(nvmx_vtd_run(r->u), NVMX_VTD_WAITING);
	assert_int_equal(nvmx_vtd_interrupts_done(r->u), NVMX_VTD_DONE);
	assert_int_equal(wr(r, 0x18, 2, 0), NVMX_VTD_DONE);
	*at(w, IOVA, 1) = 0x123003;
	dsi(w);
	dma(w, IOVA, 1);
	*at(w, IOVA, 1) = 0;
	r->host.hw->queue = true;
	assert_int_equal(wr(r, 0xf8, 8, BIT64(63) | 2ull << 60 | 5ull << 32), NVMX_VTD_WAITING);
	assert_int_equal(wr(r, 0x18, 2, 0), NVMX_VTD_WAITING);
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x223000, 0x1000), NVMX_VTD_WAITING);
	r->host.hw->queue = false;
	hw_answer_queued(r, NVMX_VTD_FLUSHED);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_change_behind_a_walk),
		cmocka_unit_test(test_verdicts_tell_of_what_is_left),
		cmocka_unit_test(test_verdicts_while_the_host_is_waited_for),
		cmocka_unit_test(test_a_table_in_place_of_another),
		cmocka_unit_test(test_a_flush_within_a_large_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
