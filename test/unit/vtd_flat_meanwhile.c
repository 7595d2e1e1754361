/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Flattening, meanwhile: pages that become tables, resources that run out, host remaps, flushes that take their time. */
#include "vtd_flat.h"

/* A table of tables: the first 32 MiB of HW_BIG in 4-KiB pages. */
static uint64_t big_in_parts(struct world *w)
{
	uint64_t table = w->next, leaves = table + 0x1000;

	for (uint64_t i = 0; i < 16; i++) {
		*word(w->r, table + i * 8) = (leaves + i * 0x1000) | 3;
		for (uint64_t k = 0; k < 512; k++)
			*word(w->r, leaves + i * 0x1000 + k * 8) = (HW_BIG + (i << 21) + (k << 12)) | 3;
	}
	w->next = leaves + 16 * 0x1000;
	return table;
}

/* A table that replaces a page is seen by the hardware only when it is complete. */
static void test_replacing_is_seamless(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;
	uint64_t calls = 0;

	(void)state;
	r->config.work = 1024;
	w = begin(r);
	*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
	assign(w);
	assert_int_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
	*at(w, 0x40000000, 3) = big_in_parts(w) | 3;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	for (; rd(r, 0xf8, 8) >> 63; calls++) {
		for (uint64_t i = 0; i < 64; i++)
			assert_int_equal(dma(w, 0x40000000 + i * 0x7f000, 1), HW_BIG_HPA + i * 0x7f000);
		nvmx_vtd_run(r->u);
	}
	assert_true(calls > 8);
	hw_run(r);
	assert_int_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
	assert_int_equal(dma(w, 0x42000000, 1), HW_FAULT);
	end(w);
}

/* Nor does a right that L1 gives back reach what is below before all of that is what L1 has there by now. */
static void test_regaining_a_right_is_seamless(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;
	uint64_t table, calls = 0;

	(void)state;
	r->config.work = 1024;
	w = begin(r);
	table = big_in_parts(w);
	*at(w, 0x40000000, 3) = table | 1;
	assign(w);
	assert_int_equal(dma(w, 0x40000000, 2), HW_FAULT);
	*at(w, 0x41e00000, 1) &= ~2ull; /* out of reach of writes: there is nothing to invalidate */
	*at(w, 0x40000000, 3) |= 2;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	for (; rd(r, 0xf8, 8) >> 63; calls++) {
		assert_int_equal(dma(w, 0x41e00000, 2), HW_FAULT);
		for (uint64_t i = 0; i < 64; i++)
			assert_int_equal(dma(w, 0x40000000 + i * 0x7f000, 1), HW_BIG_HPA + i * 0x7f000);
		nvmx_vtd_run(r->u);
	}
	assert_true(calls > 8);
	hw_run(r);
	assert_int_equal(dma(w, 0x41e00000, 2), HW_FAULT);
	assert_int_equal(dma(w, 0x41e01000, 2), HW_BIG_HPA + 0x1e01000);
	end(w);
}

/* Nor when a host remap walks to its end before the rest of it is there. */
static void test_replacing_and_a_host_remap(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;
	uint64_t table;

	(void)state;
	r->config.work = 1024;
	w = begin(r);
	*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
	assign(w);
	table = big_in_parts(w);
	*word(r, table + 511 * 8) = 0x800000 | SL_LARGE | 3; /* the last entry, to be made in parts */
	*at(w, 0x40000000, 3) = table | 3;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 1);
	r->host.hw->map[0x8ff].rights = 0;
	nvmx_vtd_host_invalidate(r->u, 0x8ff000, 0x1000);
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(dma(w, 0x40000000 + i * 0x7f000, 1), HW_BIG_HPA + i * 0x7f000);
	hw_run(r);
	assert_int_equal(dma(w, 0x7fe00000, 1), RAM(0x800000));
	end(w);
}

static void no_domain(uint32_t flags)
{
	struct world *w = begin(hw_config(CM, flags));
	struct hw *hw = w->r->host.hw;

	*at(w, IOVA, 1) = 0x123003;
	hw->domains_limit = 1;
	hw->domains_open = 1;
	assign(w);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(w->r->host.traces[NVMX_VTD_EV_NO_DOMAIN], 1);
	hw->domains_limit = 0;
	hw->domains_open = 0;
	hw->fail_attach = true;
	dsi(w);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(hw->domains_open, 0);
	hw->fail_attach = false;
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	end(w);
}
BOTH_WAYS(test_no_domain_left, no_domain)

/* Every page_alloc in turn fails; what cannot be mapped faults, and is mapped when there is memory again. */
static void test_no_pages_left(void **state)
{
	(void)state;
	for (unsigned limit = 1; limit < 16; limit++) {
		struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_TABLES));

		*at(w, IOVA, 1) = 0x123003;
		*at(w, 1ull << 40, 1) = 0x124003;
		w->r->host.hw->limit = limit;
		assign(w);
		assert_true(w->dev.target.kind == NVMX_VTD_BLOCK || dma(w, IOVA, 1) != RAM(0x124000));
		w->r->host.hw->limit = 0;
		dsi(w);
		dsi(w);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
		assert_int_equal(dma(w, 1ull << 40, 1), RAM(0x124000));
		end(w);
	}
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);

	r->host.hw->limit = 1;
	r->host.hw->live = 1;
	assert_int_equal(nvmx_vtd_init(r->memory, NVMX_VTD_SIZE, &r->config, &r->u, NULL), NVMX_ERR_MEMORY);
	free(r->host.hw);
	rig_free(r);
}

/* A space that fails half made, every time: the work ends nevertheless. */
static void test_no_page_for_a_space(void **state)
{
	(void)state;
	for (unsigned limit = 1; limit < 12; limit++) {
		struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
		struct world *w;

		r->config.hw_cap &= ~(2ull << CAP_SAGAW_SHIFT);
		w = begin(r);
		set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(3));
		*entry_of(r, TABLES, 3, IOVA, 1, &w->next) = 0x123003;
		r->host.hw->limit = limit;
		hw_translation(r, true);
		hw_add(r, SID, &w->dev, 0);
		assert_true(dma(w, IOVA, 1) == HW_FAULT || dma(w, IOVA, 1) == RAM(0x123000));
		r->host.hw->limit = 0;
		dsi(w);
		dsi(w);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
		end(w);
	}
}

static void test_map_without_resources(void **state)
{
	struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_MAP));

	(void)state;
	w->r->host.hw->maps_limit = 1;
	*at(w, IOVA, 1) = 0x123003;
	*at(w, IOVA + 0x1000, 1) = 0x124003;
	assign(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	assert_int_equal(dma(w, IOVA + 0x1000, 1), HW_FAULT);
	assert_int_equal(counter(w, NVMX_VTD_CNT_UNMAPPED), 1);
	w->r->host.hw->maps_limit = 0;
	psi(w, IOVA + 0x1000, 0);
	assert_int_equal(dma(w, IOVA + 0x1000, 1), RAM(0x124000));
	end(w);
}

/* A host remap reaches tables and hardware before the call returns: moved, lost, got back, with other rights. */
static void remaps(uint32_t flags)
{
	struct world *w = start(flags);
	struct hw *hw = w->r->host.hw;
	uint64_t lost;

	*at(w, IOVA, 1) = 0x123003;
	*at(w, 0x400000, 2) = 0x200000 | SL_LARGE | 3;
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	assert_int_equal(dma(w, 0x4ff000, 1), RAM(0x2ff000));
	hw->map[0x123].hpa = RAM(0x9123000);
	hw->map[0x2ff].hpa = RAM(0x92ff000);
	nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x9123000));
	nvmx_vtd_host_invalidate(w->r->u, 0x2ff000, 0x1000);
	assert_int_equal(dma(w, 0x4ff000, 1), RAM(0x92ff000));
	assert_int_equal(dma(w, 0x4fe000, 1), RAM(0x2fe000));
	assert_int_equal(dma(w, 0x500000, 1), RAM(0x300000));
	hw->map[0x123].rights = hw->map[0x2ff].rights = 0;
	nvmx_vtd_host_invalidate(w->r->u, 0, FRAMES * 4096ull);
	lost = dma(w, IOVA, 1);
	assert_int_equal(dma(w, 0x4ff000, 1), lost);
	assert_true(lost != HW_FAULT && lost != RAM(0x9123000));
	hw->map[0x123].rights = 1;
	nvmx_vtd_host_invalidate(w->r->u, 0x123000, 1);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x9123000));
	assert_int_equal(dma(w, IOVA, 2), HW_FAULT);
	hw->map[0x123].rights = 2;
	nvmx_vtd_host_invalidate(w->r->u, 0x123000, ~0ull); /* to the end of memory, and beyond */
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	assert_int_equal(dma(w, IOVA, 2), RAM(0x9123000));
	nvmx_vtd_host_invalidate(w->r->u, 0x7000000, 0x1000); /* nothing of it is mapped */
	end(w);
}
BOTH_WAYS(test_host_remaps, remaps)

/* A large page that the host can no longer map as one, and no pages to map its parts: it is not left reachable. */
static void test_host_remap_without_pages(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct hw *hw = w->r->host.hw;

	(void)state;
	*at(w, 0x400000, 2) = 0x200000 | SL_LARGE | 3;
	dsi(w);
	assert_int_equal(dma(w, 0x4ff000, 1), RAM(0x2ff000));
	hw->map[0x2ff].rights = 0;
	hw->limit = hw->live;
	nvmx_vtd_host_invalidate(w->r->u, 0x2ff000, 0x1000);
	assert_int_equal(dma(w, 0x4ff000, 1), HW_FAULT);
	hw->limit = 0;
	dsi(w);
	assert_int_equal(dma(w, 0x4fe000, 1), RAM(0x2fe000));
	end(w);
}

/* L1 is told only when the hardware has finished, and one flush serves all of a tail write. */
static void test_queued_flush(void **state)
{
	struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_TABLES));
	struct rig *r = w->r;
	struct hw *hw = r->host.hw;
	uint64_t tail = 0;

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		*at(w, IOVA + i * 0x2000, 1) = 0x123003;
	assign(w);
	queue_on(r);
	hw->queue = true;
	dma(w, IOVA, 1);
	for (unsigned i = 0; i < 8; i++) {
		*at(w, IOVA + i * 0x2000, 1) = 0;
		queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA + i * 0x2000);
		queue_put(r, &tail, 5 | 1 << 5 | (uint64_t)(i + 1) << 32, 0x9000);
	}
	assert_int_equal(queue_go(r, tail), NVMX_VTD_WAITING);
	assert_int_equal(*word(r, 0x9000), 0);
	assert_int_equal(hw->flush_calls, 1);
	assert_int_equal(hw->last_n, 8);
	assert_int_equal(nvmx_vtd_run(r->u), NVMX_VTD_WAITING);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000)); /* the hardware has not done it yet */
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_WAITING);
	hw->map[0x123].hpa += 0x1000000;
	assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_WAITING);
	for (unsigned i = 0; i < hw->queued_n; i++)
		hw_flush_one(hw, &hw->queued[i]);
	assert_int_equal(hw->flush_calls, 2);
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_WAITING);
	assert_int_equal(*word(r, 0x9000), 0);
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_DONE);
	assert_int_equal(*word(r, 0x9000), 8);
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	assert_int_equal(nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED), NVMX_VTD_DONE);
	hw->queue = false;
	end(w);
}

static void test_device_tlbs(void **state)
{
	struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_TABLES));
	struct rig *r = w->r;
	struct hw *hw = r->host.hw;
	uint64_t tail = 0;

	(void)state;
	*at(w, IOVA, 1) = 0x123003;
	context(w, SID, TABLES, 5, CONTEXT_TT_DEVICE_TLB);
	context(w, SID + 1, TABLES, 5, CONTEXT_TT_DEVICE_TLB);
	hw_translation(r, true);
	hw_add(r, SID, &w->dev, NVMX_VTD_DEVICE_HAS_TLB);
	hw_add(r, SID + 1, &w->dev2, 0);
	assert_true(w->dev.target.device_tlb && !w->dev2.target.device_tlb);
	for (unsigned on = 0; on < 2; on++) { /* nothing else of the entry changes */
		context(w, SID, TABLES, 5, on ? CONTEXT_TT_DEVICE_TLB : 0);
		hw_flush_context(r);
		assert_int_equal(w->dev.target.device_tlb, on);
	}
	queue_on(r);
	*at(w, IOVA, 1) = 0;
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, IOVA);
	queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA);
	queue_put(r, &tail, 3 | (uint64_t)(SID + 1) << 32, IOVA); /* has none */
	queue_put(r, &tail, 3 | 0x99ull << 32, IOVA);             /* is not assigned */
	queue_go(r, tail);
	assert_int_equal(hw->last_n, 2);
	assert_int_equal(hw->last[1].kind, NVMX_VTD_FLUSH_DEVICE_TLB); /* last, whatever L1's order */
	assert_int_equal(w->dev.tlb_flushes, 1);
	assert_int_equal(w->dev.tlb_iova, IOVA);
	assert_int_equal(w->dev.tlb_order, 0);
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, 0x40203001); /* S: 8 pages */
	queue_go(r, tail);
	assert_int_equal(w->dev.tlb_iova, 0x40200000);
	assert_int_equal(w->dev.tlb_order, 3);
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, 0x40203001);
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, 0x80203001);
	queue_go(r, tail);
	assert_int_equal(w->dev.tlb_flushes, 3);
	assert_int_equal(w->dev.tlb_order, 52);
	*at(w, IOVA, 1) = 0x123003;
	queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA);
	queue_go(r, tail);
	hw->map[0x123].hpa += 0x1000000; /* a host remap must not wait for L1 */
	nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000);
	assert_int_equal(w->dev.tlb_flushes, 4);
	end(w);
}

static void test_a_flush_for_two_reasons(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct nvmx_vtd *u = w->r->u;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		nvmx_vtd_flush_add(u, &u->flat.spaces[0], IOVA, IOVA + 0x1000, i < 2);
		assert_int_equal(u->flat.flushes_n, 1);
		assert_int_equal(u->flat.flushes[0].leaf_only, i < 2); /* the one that needs more decides */
	}
	end(w);
}

static void test_a_device_that_has_gone_is_not_flushed(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct nvmx_vtd *u = w->r->u;

	(void)state;
	nvmx_vtd_flush_device(u, &u->flat.devices[0], IOVA, 0, TLB_FOR_L1);
	assert_int_equal(u->flat.device_flushes_n, 1);
	assert_int_equal(nvmx_vtd_device_remove(u, SID), NVMX_OK);
	assert_int_equal(u->flat.device_flushes_n, 0);
	end(w);
}

/* A device that does not answer: ITE, its wait is not completed, the queue stands still until L1 has seen it. */
static void test_timeouts(void **state)
{
	struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_TABLES));
	struct rig *r = w->r;
	uint64_t tail = 0;

	(void)state;
	context(w, SID, TABLES, 5, CONTEXT_TT_DEVICE_TLB);
	hw_translation(r, true);
	hw_add(r, SID, &w->dev, NVMX_VTD_DEVICE_HAS_TLB);
	queue_on(r);
	r->host.hw->answer = NVMX_VTD_FLUSH_TIMEOUT;
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, IOVA);
	queue_put(r, &tail, 5 | 1 << 5 | 1ull << 32, 0x9000);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ITE);
	queue_put(r, &tail, 5 | 1 << 5 | 2ull << 32, 0x9008);
	queue_go(r, tail);
	assert_int_equal(*word(r, 0x9000) | *word(r, 0x9008), 0);
	wr(r, 0x34, 4, FSTS_ITE);
	assert_int_equal(*word(r, 0x9000), 0);
	assert_int_equal(*word(r, 0x9008), 2);
	r->host.hw->answer = NVMX_VTD_FLUSH_BAD_COMPLETION;
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, IOVA);
	queue_put(r, &tail, 5 | 1 << 5 | 3ull << 32, 0x9000);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ICE);
	assert_int_equal(*word(r, 0x9000), 3);
	r->host.hw->answer = 0;
	end(w);
}

static void test_device_errors(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_MAP);
	struct nvmx_vtd *u = w->r->u;

	(void)state;
	assert_int_equal(nvmx_vtd_device_add(u, SID, &w->dev2, 0), NVMX_ERR_CONFIG);
	assert_int_equal(nvmx_vtd_device_add(u, 1, NULL, 0), NVMX_ERR_CONFIG);
	assert_int_equal(nvmx_vtd_device_add(u, 1, &w->dev2, 2), NVMX_ERR_CONFIG);
	for (uint16_t i = 1; i < NVMX_VTD_DEVICES; i++)
		assert_int_equal(nvmx_vtd_device_add(u, 0x100 + i, &w->dev2, 0), NVMX_OK);
	assert_int_equal(nvmx_vtd_device_add(u, 0x200, &w->dev2, 0), NVMX_ERR_CONFIG);
	hw_run(w->r);
	end(w);
	w = begin(hw_config(CM, NVMX_VTD_ASSIGN_MAP));
	w->r->u->ops_table.flush = NULL;
	assert_int_equal(nvmx_vtd_device_add(w->r->u, 1, &w->dev, 1), NVMX_ERR_OP_MISSING);
	end(w);
}

/* A device goes while L1's flush is half done. */
static void removed_meanwhile(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);
	struct world *w;

	r->config.work = 1024;
	w = begin(r);
	for (uint64_t i = 0; i < 4096; i++)
		*at(w, IOVA + i * 0x1000, 1) = 0x123003;
	assign(w);
	for (uint64_t i = 0; i < 4096; i++)
		*at(w, IOVA + i * 0x1000, 1) = 0x124003;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 1);
	assert_int_equal(nvmx_vtd_device_remove(r->u, SID), NVMX_OK);
	hw_run(r);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
	assert_int_equal(r->host.hw->domains_open, 0);
	end(w);
}

/* A host remap flushes what a walk that stands still has changed, too, before it frees tables. */
static void test_host_remap_meanwhile(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->config.work = 1024;
	w = begin(r);
	for (uint64_t i = 0; i < 64; i++)
		*at(w, 0x40000000 + (i << 21), 1) = 0x123003;
	assign(w);
	assert_int_equal(dma(w, 0x40000000, 1), RAM(0x123000));
	*at(w, 0x40000000, 2) = 0;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(nvmx_vtd_host_invalidate(r->u, 0x5000, 0x1000), NVMX_VTD_MORE);
	assert_int_equal(dma(w, 0x40001000, 1), HW_FAULT);
	assert_int_equal(dma(w, 0x40000000, 1), HW_FAULT);
	hw_run(r);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
	assert_int_equal(dma(w, 0x40200000, 1), RAM(0x123000));
	end(w);
}

/* L1 changes its mind about a page that became a table, before the table was complete. */
static void test_replacing_is_given_up(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;
	uint64_t table;

	(void)state;
	r->config.work = 1024;
	for (unsigned back = 0; back < 4; back++) {
		w = begin(r);
		*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
		*at(w, 0x80000000, 2) = 0x200000 | SL_LARGE | 3;
		r->host.hw->map[0x2ff].rights = 3;
		assign(w);
		table = w->next;
		w->next += 0x1000;
		for (uint64_t i = 0; i < 64; i++, w->next += 0x1000)
			*word(r, table + i * 8) = w->next | 3;
		*at(w, 0x40000000, 3) = table | 3;
		wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
		assert_int_equal(rd(r, 0xf8, 8) >> 63, 1);
		assert_int_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
		if (back == 3) { /* the host needs the gigabyte's first frame meanwhile */
			r->host.hw->big_broken = true;
			nvmx_vtd_host_invalidate(r->u, HW_BIG, 0x1000);
			assert_int_not_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
		} else {
			*at(w, 0x40000000, 3) = back == 0 ? HW_BIG | SL_LARGE | 3 : back == 1 ? 0 : HW_BIG | SL_LARGE | 1;
			r->host.hw->map[0x2ff].rights = 0; /* makes the walk look at L1's upper tables again */
			nvmx_vtd_host_invalidate(r->u, 0x2ff000, 0x1000);
			assert_int_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
		}
		hw_run(r);
		dsi(w);
		assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
		assert_int_equal(dma(w, 0x40000000, 2), back ? HW_FAULT : HW_BIG_HPA);
		assert_int_equal(dma(w, 0x40000000, 1), back == 1 || back == 3 ? HW_FAULT : HW_BIG_HPA);
		assert_int_equal(dma(w, 0x80001000, 1), RAM(0x201000));
		r->host.hw->big_broken = false;
		nvmx_vtd_destroy(r->u);
		free(w);
		memset(r->host.ram[TABLES >> 12], 0, 0x800000);
	}
	w = begin(r);
	end(w);
}

/* More ranges than a flush lists for one domain: it is flushed whole. */
static void test_many_flushes(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct rig *r = w->r;
	uint64_t tail = 0;

	(void)state;
	queue_on(r);
	for (uint64_t i = 0; i < 40; i++)
		*at(w, IOVA + i * 0x2000, 1) = 0x123003;
	dsi(w);
	for (uint64_t i = 0; i < 40; i++) {
		assert_int_equal(dma(w, IOVA + i * 0x2000, 1), RAM(0x123000));
		*at(w, IOVA + i * 0x2000, 1) = 0;
		queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA + i * 0x2000);
		queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA + i * 0x2000); /* named twice */
	}
	r->host.hw->flush_calls = 0;
	queue_go(r, tail);
	assert_true(r->host.hw->flush_calls < 5);
	for (uint64_t i = 0; i < 40; i++)
		assert_int_equal(dma(w, IOVA + i * 0x2000, 1), HW_FAULT);
	end(w);
}
BOTH_WAYS(test_removed_meanwhile, removed_meanwhile)

#define OTHER (SID + 1u)

/* A device goes, the last of its domain, while L1's invalidation is half done: the host has closed the domain, and hears no more of it. */
static void test_a_domain_closed_before_its_flush(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;
	uint64_t root;

	(void)state;
	r->config.work = 1024;
	w = begin(r);
	root = w->next;
	w->next += 0x1000;
	*entry_of(r, root, 4, IOVA, 1, &w->next) = 0x456003;
	for (uint64_t i = 0; i < 2048; i++)
		*at(w, IOVA + i * 4096, 1) = 0x123003;
	context(w, OTHER, root, 6, 0);
	context(w, SID, TABLES, 5, 0);
	hw_translation(r, true);
	hw_add(r, OTHER, &w->dev2, 0);
	hw_add(r, SID, &w->dev, 0);
	assert_int_equal(hw_dma(&r->host, &w->dev2, IOVA, 1), RAM(0x456000));
	*entry_of(r, root, 4, IOVA, 1, &w->next) = 0;
	for (uint64_t i = 0; i < 2048; i++)
		*at(w, IOVA + i * 4096, 1) = 0x124003;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60); /* of all domains */
	assert_int_equal(r->u->flat.flushes_n, 1);
	assert_int_equal(nvmx_vtd_device_remove(r->u, OTHER), NVMX_OK);
	assert_int_equal(r->host.hw->domains_open, 1);
	hw_run(r); /* hw_flush_one(): of domains that are open */
	assert_int_equal(dma(w, IOVA, 1), RAM(0x124000));
	end(w);
}

/* The host takes a frame back while what L1 has unmapped is not yet unmapped by the host, for there is much of it: none of it is left. */
static void test_revoked_before_it_was_unmapped(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_MAP);
	struct world *w;
	uint64_t leaves = 0;

	(void)state;
	r->config.work = 1024;
	w = begin(r);
	for (uint64_t i = 0; i < 4096; i++)
		*at(w, i << 12, 1) = (0x100000 + (i % 512 << 12)) | 3;
	assign(w);
	*at(w, 0, 3) = 0;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	assert_non_null(r->u->flat.detached);
	for (uint64_t i = 0x23; i < 4096; i += 512)
		leaves += dma(w, i << 12, 1) == RAM(0x123000);
	assert_true(leaves > 0);
	r->host.hw->map[0x123].rights = 0;
	assert_int_not_equal(nvmx_vtd_host_invalidate(r->u, 0x123000, 0x1000), NVMX_VTD_WAITING);
	for (uint64_t i = 0x23; i < 4096; i += 512)
		assert_int_equal(dma(w, i << 12, 1), HW_FAULT);
	hw_run(r);
	end(w);
}

/* A host that cannot attach a device to the domain that L1 has moved it to: it is not left in the one before. */
static void test_no_way_to_the_new_domain(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct rig *r = w->r;
	uint64_t root = w->next;

	(void)state;
	w->next += 0x1000;
	*at(w, IOVA, 1) = 0x123003;
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	r->host.hw->fail_attach = true;
	context(w, SID, root, 6, 0);
	flush_context(r);
	hw_run(r);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	r->host.hw->fail_attach = false;
	end(w);
}

/* A range that is more than the hardware invalidates at once makes it a flush of the domain (VT-d 10.4.2, MAMV). */
static void test_more_than_the_hardware_flushes_at_once(void **state)
{
	(void)state;
	for (unsigned tables = 1; tables < 3; tables++) {
		struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
		struct world *w;

		r->config.hw_cap = (HW_CAP & ~(0x3full << 48)) | 9ull << 48;
		w = begin(r);
		for (unsigned i = 0; i < tables; i++)
			*at(w, 0x40000000 + ((uint64_t)i << 21), 1) = 0x123003;
		assign(w);
		assert_int_equal(dma(w, 0x40000000, 1), RAM(0x123000));
		for (unsigned i = 0; i < tables; i++)
			*at(w, 0x40000000 + ((uint64_t)i << 21), 2) = 0;
		hw_flush_iotlb(r, 1, 0, 0);
		assert_int_equal(r->host.hw->last_n, 1);
		assert_int_equal(r->host.hw->last[0].kind, tables == 1 ? NVMX_VTD_FLUSH_PAGES : NVMX_VTD_FLUSH_DOMAIN);
		end(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replacing_is_seamless),
		cmocka_unit_test(test_regaining_a_right_is_seamless),
		cmocka_unit_test(test_replacing_and_a_host_remap),
		cmocka_unit_test(test_no_domain_left),
		cmocka_unit_test(test_no_pages_left),
		cmocka_unit_test(test_no_page_for_a_space),
		cmocka_unit_test(test_map_without_resources),
		cmocka_unit_test(test_host_remaps),
		cmocka_unit_test(test_host_remap_without_pages),
		cmocka_unit_test(test_queued_flush),
		cmocka_unit_test(test_device_tlbs),
		cmocka_unit_test(test_a_flush_for_two_reasons),
		cmocka_unit_test(test_a_device_that_has_gone_is_not_flushed),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_device_errors),
		cmocka_unit_test(test_removed_meanwhile),
		cmocka_unit_test(test_host_remap_meanwhile),
		cmocka_unit_test(test_replacing_is_given_up),
		cmocka_unit_test(test_revoked_before_it_was_unmapped),
		cmocka_unit_test(test_no_way_to_the_new_domain),
		cmocka_unit_test(test_more_than_the_hardware_flushes_at_once),
		cmocka_unit_test(test_a_domain_closed_before_its_flush),
		cmocka_unit_test(test_many_flushes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
