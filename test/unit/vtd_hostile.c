/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L1 that sets out to make the unit work long, read what is not its memory, or lose its place. */
#include "vtd_flat.h"

#define FAR 0x8000000000ull /* beyond L1's RAM */
#define STATUS 0x9000u

static unsigned maps;

static void *spy_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	maps++;
	return host_map(h, gpa, write);
}

static struct rig *spied(uint32_t features)
{
	struct rig *r = rig_config(features);

	r->ops.map = spy_map;
	return rig_start(r);
}

static enum nvmx_vtd_fault read_of(struct rig *r, uint16_t sid, uint64_t iova)
{
	struct nvmx_vtd_dma d;

	return nvmx_vtd_translate(r->u, sid, iova, 4, NVMX_VTD_READ, &d);
}

/* Each structure in turn where there is no RAM: the reason of the one that cannot be read, and nothing is mapped. */
static void test_structures_beyond_ram(void **state)
{
	struct rig *r = rig_new(CM);
	struct nvmx_vtd_msi msi;
	uint64_t tail = 0;

	(void)state;
	wr(r, 0x20, 8, FAR);
	command(r, GCMD_SRTP);
	command(r, GCMD_TE);
	assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_ROOT);
	wr(r, 0x20, 8, ROOT);
	command(r, GCMD_SRTP);
	*word(r, ROOT) = FAR | 1;
	assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_CONTEXT);
	set_context(r, SID, FAR | 1, DOMAIN(5) | AW(4));
	assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_CONTEXT_INVALID);
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	flush_context(r);
	*word(r, TABLES) = FAR | 3;
	assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_TABLE);
	wr(r, 0xb8, 8, FAR | 7);
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE);
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010, 0, 0, &msi), NVMX_VTD_FAULT_IR_TABLE);
	wr(r, 0x90, 8, FAR);
	command(r, GCMD_QIE);
	wr(r, 0x88, 8, 16);
	assert_int_equal(rd(r, 0x34, 4) & FSTS_IQE, FSTS_IQE);
	assert_int_equal(rd(r, 0xb0, 8) & 0xf, 2);
	queue_on(r); /* a wait that writes its status nowhere is done */
	wr(r, 0x34, 4, 0x7f);
	wr(r, 0x18, 4, (rd(r, 0x1c, 4) & 0x96ffffff) & ~GCMD_QIE);
	queue_on(r);
	queue_put(r, &tail, 5 | 1 << 5 | 0x77ull << 32, FAR);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_DONE);
	assert_int_equal(rd(r, 0x80, 8), tail);
	rig_free(r);
}

/* The same for assigned devices: blocked or faulting, and back when L1 mends it. */
static void beyond_ram(uint32_t flags)
{
	struct world *w = start(flags);

	*at(w, IOVA, 1) = 0x123003;
	dsi(w);
	for (unsigned i = 0; i < 3; i++) {
		if (i == 0)
			*word(w->r, ROOT) = FAR | 1;
		else if (i == 1)
			set_context(w->r, SID, FAR | 1, DOMAIN(5) | AW(4));
		else
			*at(w, IOVA, 3) = FAR | 3;
		hw_flush_context(w->r);
		hw_flush_iotlb(w->r, 1, 0, 0);
		assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
		if (i == 2)
			*at(w, IOVA, 3) = TABLES + 0x2000 + 3;
		context(w, SID, TABLES, 5, 0);
		hw_flush_context(w->r);
		hw_flush_iotlb(w->r, 1, 0, 0);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	}
	end(w);
}
BOTH_WAYS(test_assigned_structures_beyond_ram, beyond_ram)

/* Bits of modes that are not offered: refused as reserved, not followed. */
static void test_modes_that_are_not_offered(void **state)
{
	struct rig *r = rig_new(CM);

	(void)state;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	translation_on(r);
	for (unsigned bit = 4; bit < 12; bit++) { /* extended and PASID bits of older and scalable formats (9.3, 9.4) */
		*word(r, CONTEXTS + SID * 16) = TABLES | 1 | BIT64(bit);
		assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_CONTEXT_RSVD);
	}
	*word(r, CONTEXTS + SID * 16) = TABLES | 1;
	*word(r, ROOT + 8) = CONTEXTS | 1; /* upper context-table pointer */
	assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_ROOT_RSVD);
	*word(r, ROOT + 8) = 0;
	for (uint64_t mode = 1; mode < 4; mode++) {
		wr(r, 0x20, 8, ROOT | mode << 10);
		command(r, GCMD_SRTP);
		assert_int_equal(read_of(r, SID, 0), NVMX_VTD_FAULT_ROOT_ADDRESS);
	}
	rig_free(r);
}

/* The base and size of a queue that runs change under it, and its tail goes anywhere. */
static void test_a_queue_reprogrammed_while_it_runs(void **state)
{
	struct rig *r = spied(CM);
	uint64_t random = 1;

	(void)state;
	queue_on(r);
	for (unsigned i = 0; i < 4000; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		maps = 0;
		switch (random >> 61) {
		case 0: wr(r, 0x90, 8, (random >> 20 & 0x1fff) << 12 | (random >> 50 & 7)); break;
		case 1: wr(r, 0x34, 4, 0x7f); break;
		case 2: wr(r, 0x18, 4, random >> 60 & 1 ? GCMD_QIE : 0); break;
		case 3: *word(r, (random >> 20 & 0xfff) << 12 | (random >> 40 & 0xff8)) = random >> 33; break;
		default: wr(r, 0x88, 8, random >> 30 & 0x7fff0);
		}
		assert_true(maps <= 2 * 4096 + 2);
		assert_true(rd(r, 0x80, 8) < 0x80000);
		assert_true(rd(r, 0x1c, 4) & GCMD_QIE || !rd(r, 0x80, 8));
	}
	while (nvmx_vtd_run(r->u) == NVMX_VTD_MORE)
		;
	rig_free(r);
}

/* Domain-selective invalidations, each of which looks at the whole IOTLB, in the longest queue. */
static void test_a_full_iotlb_and_a_full_queue(void **state)
{
	struct rig *r = rig_new(CM);
	uint64_t next = TABLES + 0x1000, before;
	enum nvmx_vtd_verdict v;

	(void)state;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	*entry_of(r, TABLES, 4, IOVA, 1, &next) = 0x123003;
	translation_on(r);
	assert_int_equal(read_of(r, SID, IOVA), NVMX_VTD_FAULT_NONE);
	wr(r, 0x90, 8, 0x200000 | 7);
	command(r, GCMD_QIE);
	for (unsigned i = 0; i < 32768; i++)
		*word(r, 0x200000 + i * 16) = 2 | 2 << 4 | 6 << 16;
	before = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_DESCRIPTOR);
	for (v = wr(r, 0x88, 8, 0x7fff0); v == NVMX_VTD_MORE; v = nvmx_vtd_run(r->u)) {
		uint64_t now = nvmx_vtd_counter(r->u, NVMX_VTD_CNT_DESCRIPTOR);

		assert_true(now - before <= r->u->config.work / 64); /* of 512 lines each */
		before = now;
	}
	assert_int_equal(v, NVMX_VTD_DONE);
	rig_free(r);
}

/* Two tables under one domain id, which the specification forbids: each device has its own, and each flush reaches both. */
static void one_id(uint32_t flags)
{
	struct world *w = begin(hw_config(CM, flags));
	uint64_t other = 0x800000, next = other + 0x1000;

	*at(w, IOVA, 1) = 0x123003;
	*entry_of(w->r, other, 4, IOVA, 1, &next) = 0x124003;
	context(w, SID, TABLES, 5, 0);
	context(w, SID + 1, other, 5, 0);
	hw_translation(w->r, true);
	hw_add(w->r, SID, &w->dev, 0);
	hw_add(w->r, SID + 1, &w->dev2, 0);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	assert_int_equal(hw_dma(&w->r->host, &w->dev2, IOVA, 1), RAM(0x124000));
	*at(w, IOVA, 1) = 0x223003;
	*entry_of(w->r, other, 4, IOVA, 1, &next) = 0x224003;
	psi(w, IOVA, 0);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x223000));
	assert_int_equal(hw_dma(&w->r->host, &w->dev2, IOVA, 1), RAM(0x224000));
	end(w);
}
BOTH_WAYS(test_two_tables_of_one_id, one_id)

/* Faults without end: eight records, then overflow, and nothing more until L1 has cleared it. */
static void test_more_faults_than_records(void **state)
{
	struct rig *r = rig_new(CM);

	(void)state;
	translation_on(r);
	wr(r, 0x38, 4, 0);
	for (uint16_t i = 0; i < 1000; i++)
		assert_int_equal(read_of(r, (uint16_t)(0x100 + i), 0), NVMX_VTD_FAULT_ROOT_P);
	assert_int_equal(r->host.interrupts, 1);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PFO | FSTS_PPF);
	assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_FAULT_RECORD), FRCDS);
	for (unsigned i = 0; i < FRCDS; i++)
		wr(r, 0x22c + 16 * i, 4, 0x80000000);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PFO);
	read_of(r, 0x9999, 0);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PFO);
	wr(r, 0x34, 4, FSTS_PFO);
	read_of(r, 0x9999, 0);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF);
	assert_int_equal(r->host.interrupts, 2);
	rig_free(r);
}

/* ---------------------------------------------------------------------------------------- answers of the host that are none */

/* One piece of the host's memory that is not aligned as L1's is no large page: what is mapped is what was named. */
static int crooked_frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	(void)h;
	*out = (struct nvmx_vtd_frame){ HW_RAM_HPA + 0x5000 + gpa, 3, 21 };
	return 0;
}

static void test_a_block_that_is_not_aligned(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->ops.frame = crooked_frame;
	w = begin(r);
	*at(w, 0x40000000, 2) = 0x200000 | SL_LARGE | 3;
	assign(w);
	for (uint64_t offset = 0; offset < 0x200000; offset += 0x1000)
		assert_int_equal(dma(w, 0x40000000 + offset, 1), RAM(0x205000 + offset));
	end(w);
}

/* `flush` and nvmx_vtd_flush_done with a number that is no answer: not a success. */
static void test_an_answer_that_is_none(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct hw *hw = w->r->host.hw;

	(void)state;
	for (unsigned later = 0; later < 2; later++) {
		*at(w, IOVA, 1) = 0x123003;
		dsi(w);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
		hw->map[0x123].rights = 0;
		hw->answer = 7;
		hw->queue = later;
		nvmx_vtd_host_invalidate(w->r->u, 0x123000, 0x1000);
		if (later)
			nvmx_vtd_flush_done(w->r->u, NVMX_VTD_FLUSH_QUEUED);
		assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
		hw->map[0x123].rights = 3;
		hw->answer = 0;
		hw->queue = false;
		hw->queued_n = 0;
		dsi(w);
	}
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structures_beyond_ram),
		cmocka_unit_test(test_assigned_structures_beyond_ram),
		cmocka_unit_test(test_modes_that_are_not_offered),
		cmocka_unit_test(test_a_queue_reprogrammed_while_it_runs),
		cmocka_unit_test(test_a_full_iotlb_and_a_full_queue),
		cmocka_unit_test(test_two_tables_of_one_id),
		cmocka_unit_test(test_more_faults_than_records),
		cmocka_unit_test(test_a_block_that_is_not_aligned),
		cmocka_unit_test(test_an_answer_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
