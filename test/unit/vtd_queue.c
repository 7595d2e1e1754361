/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Queued invalidation: every descriptor, completion, errors and how software goes on after them. */
#include "vtd_host.h"

#define STATUS 0x9000u
#define SID 0x18u
#define IOVA 0x40201000ull
#define WAIT(data) (5ull | 1u << 5 | (uint64_t)(data) << 32)

static uint32_t status(struct rig *r)
{
	return (uint32_t)*word(r, STATUS);
}

static struct rig *start(void)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	queue_on(r);
	return r;
}

static void test_wait_writes_status(void **state)
{
	struct rig *r = start();
	uint64_t tail = 0;

	(void)state;
	*word(r, STATUS) = ~0ull;
	queue_put(r, &tail, WAIT(7), STATUS);
	assert_int_equal(queue_go(r, tail), NVMX_VTD_DONE);
	assert_int_equal(*word(r, STATUS), 0xffffffff00000007);
	assert_int_equal(rd(r, 0x80, 8), 16);
	queue_put(r, &tail, WAIT(8), STATUS + 4);
	queue_put(r, &tail, WAIT(9), STATUS + 8);
	queue_go(r, tail);
	assert_int_equal(*word(r, STATUS), 0x800000007);
	assert_int_equal(*word(r, STATUS + 8), 9);
	assert_int_equal(r->host.interrupts, 0);
	assert_int_equal(rd(r, 0x9c, 4), 0);
	rig_free(r);
}

/* Status write, interrupt and fence in any mix. */
static void test_wait_flags(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 8; flags++) {
		struct rig *r = start();
		uint64_t tail = 0;

		wr(r, 0xa4, 4, 0x33);
		wr(r, 0xa8, 4, 0xfee00000);
		wr(r, 0xa0, 4, 0);
		queue_put(r, &tail, 5 | flags << 4 | 0x42ull << 32, STATUS);
		queue_go(r, tail);
		assert_int_equal(status(r), flags & 2 ? 0x42 : 0);
		assert_int_equal(r->host.interrupts, flags & 1);
		assert_int_equal(rd(r, 0x9c, 4), flags & 1);
		assert_int_equal(rd(r, 0x34, 4), 0);
		assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_WAIT), 1);
		rig_free(r);
	}
}

/* A status address that is no memory of L1's is written nowhere. */
static void test_wait_elsewhere(void **state)
{
	static const uint64_t addresses[] = { 0x70000000, 0xfee00000, 0x8000000000, ~3ull };

	(void)state;
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		struct rig *r = start();
		uint64_t tail = 0;

		queue_put(r, &tail, WAIT(7), addresses[i]);
		queue_put(r, &tail, WAIT(8), STATUS + 4);
		queue_go(r, tail);
		assert_int_equal(*word(r, STATUS), 8ull << 32);
		assert_int_equal(rd(r, 0x34, 4), 0);
		rig_free(r);
	}
}

static void test_ring_wraps(void **state)
{
	struct rig *r = start();
	uint64_t tail = 0;

	(void)state;
	for (unsigned i = 1; i < 600; i++) {
		queue_put(r, &tail, WAIT(i), STATUS);
		if (i % 7)
			continue;
		queue_go(r, tail);
		assert_int_equal(status(r), i);
		assert_int_equal(rd(r, 0x80, 8), tail);
	}
	assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_DESCRIPTOR), 595);
	rig_free(r);
}

/* More waits than the unit notes at once, and more descriptors than a call takes. */
static void test_a_full_ring(void **state)
{
	struct rig *r = rig_config(NVMX_VTD_F_ALL);
	enum nvmx_vtd_verdict verdict;
	uint64_t tail = 0;
	unsigned more = 0;

	(void)state;
	r->config.work = 1024;
	rig_start(r);
	queue_on(r);
	for (unsigned i = 1; i < 256; i++)
		queue_put(r, &tail, WAIT(i), STATUS);
	for (verdict = queue_go(r, tail); verdict == NVMX_VTD_MORE; more++)
		verdict = nvmx_vtd_run(r->u);
	assert_int_equal(verdict, NVMX_VTD_DONE);
	assert_int_equal(status(r), 255);
	assert_true(more >= 3);
	rig_free(r);
}

static void test_large_queue(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	wr(r, 0x90, 8, 0x100000 | 7);
	command(r, GCMD_QIE);
	for (uint64_t i = 0; i < 0x7fff; i++)
		*word(r, 0x100000 + i * 16) = i & 1 ? WAIT(i) : 1 | 1 << 4;
	for (uint64_t i = 0; i < 0x7fff; i++)
		*word(r, 0x100000 + i * 16 + 8) = i & 1 ? STATUS : 0;
	if (wr(r, 0x88, 8, 0x7fff0) == NVMX_VTD_MORE)
		while (nvmx_vtd_run(r->u) == NVMX_VTD_MORE)
			;
	assert_int_equal(status(r), 0x7ffd);
	assert_int_equal(rd(r, 0x80, 8), 0x7fff0);
	rig_free(r);
}

/* Each kind of bad descriptor stops the queue at it with IQE and a reason; what came before is completed. */
static void test_malformed_descriptors(void **state)
{
	static const struct { uint64_t lo, hi; unsigned info; } bad[] = {
		{ 0, 0, 3 }, { 6, 0, 3 }, { 7, 0, 3 }, { 0xf, 0, 3 },
		{ 1, 0, 4 }, { 1 | 1 << 4 | 1 << 9, 0, 3 }, { 1 | 1 << 4 | 1ull << 50, 0, 4 }, { 1 | 1 << 4, 1, 4 },
		{ 2, 0, 4 }, { 2 | 1 << 4 | 1 << 8, 0, 4 }, { 2 | 1 << 4 | 1ull << 32, 0, 4 }, { 2 | 1 << 4, 0x80, 4 },
		{ 2 | 3 << 4, 19, 4 }, { 2 | 3 << 4, 0x3f, 4 },
		{ 3 | 1 << 4, 0, 4 }, { 3 | 1 << 21, 0, 4 }, { 3, 2, 4 }, { 3 | 1ull << 48, 0, 4 },
		{ 4 | 1 << 5, 0, 4 }, { 4 | 1ull << 48, 0, 4 }, { 4, 1, 4 }, { 4 | 1 << 4 | 0x10u << 27, 0, 4 },
		{ 5 | 1 << 7, STATUS, 4 }, { 5 | 1u << 31, STATUS, 4 }, { 5, STATUS | 1, 4 }, { 5 | 1 << 9, STATUS, 3 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct rig *r = start();
		uint64_t tail = 0;

		wr(r, 0x3c, 4, 0x55);
		wr(r, 0x38, 4, 0);
		queue_put(r, &tail, WAIT(1), STATUS);
		queue_put(r, &tail, bad[i].lo, bad[i].hi);
		queue_put(r, &tail, WAIT(2), STATUS);
		queue_go(r, tail);
		assert_int_equal(status(r), 1);
		assert_int_equal(rd(r, 0x80, 8), 16);
		assert_int_equal(rd(r, 0x34, 4), FSTS_IQE);
		assert_int_equal(rd(r, 0xb0, 8), bad[i].info);
		assert_int_equal(r->host.interrupts, 1);
		assert_int_equal(r->host.data, 0x55);
		queue_go(r, tail); /* stays stopped */
		assert_int_equal(rd(r, 0x80, 8), 16);
		/* As Linux does: something harmless in its place, and IQE cleared. */
		*word(r, QUEUE_BASE + 16) = WAIT(3);
		*word(r, QUEUE_BASE + 24) = STATUS + 8;
		wr(r, 0x34, 4, FSTS_IQE);
		assert_int_equal(rd(r, 0x34, 4), 0);
		assert_int_equal(status(r), 2);
		assert_int_equal(*word(r, STATUS + 8), 3);
		assert_int_equal(rd(r, 0x80, 8), tail);
		rig_free(r);
	}
}

static void test_types_that_are_not_offered(void **state)
{
	static const struct { uint64_t lo; uint32_t feature; } types[] = {
		{ 3, NVMX_VTD_F_DEVICE_TLB }, { 4, NVMX_VTD_F_REMAP | NVMX_VTD_F_EXTENDED },
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct rig *r = rig_new(NVMX_VTD_F_ALL & ~types[i].feature);
		uint64_t tail = 0;

		queue_on(r);
		queue_put(r, &tail, types[i].lo, 0);
		queue_go(r, tail);
		assert_int_equal(rd(r, 0xb0, 8), 3);
		rig_free(r);
	}
}

static void test_bad_queues(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	wr(r, 0x90, 8, 0x70000000);
	command(r, GCMD_QIE);
	wr(r, 0x88, 8, 16);
	assert_int_equal(rd(r, 0x34, 4), FSTS_IQE);
	assert_int_equal(rd(r, 0xb0, 8), 2);
	wr(r, 0x90, 8, QUEUE_BASE);
	*word(r, QUEUE_BASE) = WAIT(1);
	*word(r, QUEUE_BASE + 8) = STATUS;
	wr(r, 0x34, 4, FSTS_IQE);
	assert_int_equal(status(r), 1);
	wr(r, 0x88, 8, 0x1000); /* beyond 256 entries */
	assert_int_equal(rd(r, 0x34, 4), FSTS_IQE);
	assert_int_equal(rd(r, 0xb0, 8), 1);
	rig_free(r);
}

/* Off: the tail does nothing, the head is 0.  On: what the tail names already is taken. */
static void test_switching(void **state)
{
	struct rig *r = start();
	uint64_t tail = 0;

	(void)state;
	queue_put(r, &tail, WAIT(1), STATUS);
	queue_go(r, tail);
	wr(r, 0x18, 4, 0);
	assert_int_equal(rd(r, 0x1c, 4), 0);
	assert_int_equal(rd(r, 0x80, 8), 0);
	*word(r, QUEUE_BASE) = WAIT(2);
	queue_go(r, tail);
	assert_int_equal(status(r), 1);
	command(r, GCMD_QIE);
	assert_int_equal(status(r), 2);
	rig_free(r);
}

static void dma_is(struct rig *r, enum nvmx_vtd_fault fault)
{
	struct nvmx_vtd_dma d;

	assert_int_equal(nvmx_vtd_translate(r->u, SID, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_SILENT, &d), fault);
}

static void test_iotlb_and_context_descriptors(void **state)
{
	static const struct { uint64_t lo, hi; bool context, gone; } flush[] = {
		{ 2 | 1 << 4, 0, false, true }, { 2 | 2 << 4 | 5 << 16, 0, false, true },
		{ 2 | 2 << 4 | 4 << 16, 0, false, false }, { 2 | 3 << 4 | 5 << 16 | 0xc0, IOVA | 0x40, false, true },
		{ 2 | 3 << 4 | 5 << 16, IOVA + 0x1000, false, false },
		{ 2 | 3 << 4 | 5 << 16, (IOVA + 0x2000) | 2, false, true },
		{ 1 | 1 << 4, 0, true, true }, { 1 | 2 << 4 | 5 << 16, 0, true, true },
		{ 1 | 3 << 4 | 5 << 16 | (uint64_t)SID << 32, 0, true, true },
		{ 1 | 3 << 4 | 5 << 16 | 0x1full << 32, 0, true, false },
		{ 1 | 3 << 4 | 5 << 16 | 0x1full << 32 | 3ull << 48, 0, true, true },
	};
	struct rig *r = start();
	uint64_t tail = 0, next = TABLES + 0x1000, *e = entry_of(r, TABLES, 4, IOVA, 1, &next);

	(void)state;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	translation_on(r);
	for (unsigned i = 0; i < sizeof(flush) / sizeof(*flush); i++) {
		*e = 0x123003;
		*word(r, CONTEXTS + SID * 16) |= 1;
		dma_is(r, NVMX_VTD_FAULT_NONE);
		if (flush[i].context)
			*word(r, CONTEXTS + SID * 16) &= ~1ull;
		else
			*e = 0;
		queue_put(r, &tail, flush[i].lo, flush[i].hi);
		queue_go(r, tail);
		assert_int_equal(rd(r, 0x34, 4), 0);
		dma_is(r, !flush[i].gone ? NVMX_VTD_FAULT_NONE :
		       flush[i].context ? NVMX_VTD_FAULT_CONTEXT_P : NVMX_VTD_FAULT_READ);
		*word(r, CONTEXTS + SID * 16) |= 1;
		wr(r, 0x28, 8, BIT64(63) | 1ull << 61);
		flush_iotlb(r, 1, 0, 0);
	}
	rig_free(r);
}

static void test_device_tlb_descriptor(void **state)
{
	struct rig *r = start();
	uint64_t tail = 0;

	(void)state;
	queue_put(r, &tail, 3 | (uint64_t)SID << 32 | 7 << 16, IOVA | 1);
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, ~0xfffull | 1);
	queue_put(r, &tail, 3, ~0xffeull & ~BIT64(63));
	queue_put(r, &tail, WAIT(1), STATUS);
	queue_go(r, tail);
	assert_int_equal(status(r), 1);
	rig_free(r);
}

/* FreeBSD's protocol: registers first, then the queue; its waits ask for status and interrupt together. */
static void test_freebsd_protocol(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	uint64_t tail = 0;

	(void)state;
	wr(r, 0x20, 8, ROOT);
	command(r, GCMD_SRTP);
	wr(r, 0x28, 8, BIT64(63) | 1ull << 61);
	assert_int_equal(rd(r, 0x28, 8) >> 63, 0);
	assert_int_equal(rd(r, 0x28, 8) >> 59 & 3, 1);
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60 | 3ull << 48);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
	assert_int_equal(rd(r, 0xf8, 8) >> 57 & 3, 1);
	command(r, GCMD_TE);
	queue_on(r);
	wr(r, 0xa4, 4, 0x21);
	wr(r, 0xa8, 4, 0xfee00000);
	wr(r, 0xa0, 4, 0);
	for (unsigned i = 1; i < 4; i++) {
		queue_put(r, &tail, 2 | 2 << 4 | 5 << 16, 0);
		queue_put(r, &tail, 5 | 1 << 4 | 1 << 5 | (uint64_t)i << 32, STATUS);
		queue_go(r, tail);
		assert_int_equal(status(r), i);
		assert_int_equal(r->host.interrupts, i);
		wr(r, 0x9c, 4, 1);
	}
	rig_free(r);
}

static void test_write_buffer_flush(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	command(r, GCMD_WBF);
	assert_int_equal(rd(r, 0x1c, 4), 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait_writes_status),
		cmocka_unit_test(test_wait_flags),
		cmocka_unit_test(test_wait_elsewhere),
		cmocka_unit_test(test_ring_wraps),
		cmocka_unit_test(test_a_full_ring),
		cmocka_unit_test(test_large_queue),
		cmocka_unit_test(test_malformed_descriptors),
		cmocka_unit_test(test_types_that_are_not_offered),
		cmocka_unit_test(test_bad_queues),
		cmocka_unit_test(test_switching),
		cmocka_unit_test(test_iotlb_and_context_descriptors),
		cmocka_unit_test(test_device_tlb_descriptor),
		cmocka_unit_test(test_freebsd_protocol),
		cmocka_unit_test(test_write_buffer_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
