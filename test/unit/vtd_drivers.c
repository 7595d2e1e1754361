/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The protocols of real drivers, as their sources show them: which registers, in which widths and order, which bits of
 * descriptors.  A device that L1 has been assigned tells by DMA whether it came through.
 */
#include "vtd_hw.h"

#define SID 0x18u
#define IOVA 0x40201000ull
#define FRAME 0x123000ull
#define QUEUE 0x8000u
#define SEQUENCE 0x9ffcull
#define ALL_FEATURES (NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER & ~NVMX_VTD_F_DEVICE_TLB)
#define DW_DR (3ull << 6)

struct driver {
	struct rig *r;
	struct hw_device dev;
	uint64_t next, tail, bytes;
	uint32_t gcmd, sequence;
};

static void begin(struct driver *d, uint32_t features, uint64_t bytes)
{
	*d = (struct driver){ .r = rig_start(hw_config(features, NVMX_VTD_ASSIGN_TABLES)), .next = TABLES + 0x1000,
			      .bytes = bytes };
	hw_add(d->r, SID, &d->dev, 0);
}

/* The write of a register, and the work that follows: L1's vCPU goes on meanwhile, and polls. */
static void out(struct driver *d, uint32_t offset, unsigned size, uint64_t value)
{
	for (enum nvmx_vtd_verdict v = wr(d->r, offset, size, value); v == NVMX_VTD_MORE; v = nvmx_vtd_run(d->r->u))
		;
}

static void global_command(struct driver *d, uint32_t bit, bool one_shot)
{
	out(d, 0x18, 4, d->gcmd | bit);
	assert_true(rd(d->r, 0x1c, 4) & bit);
	d->gcmd |= one_shot ? 0 : bit;
}

static void put(struct driver *d, uint64_t lo, uint64_t hi)
{
	*word(d->r, QUEUE + d->tail) = lo;
	*word(d->r, QUEUE + d->tail + 8) = hi;
	d->tail = (d->tail + 16) % d->bytes;
}

static uint64_t *leaf(struct driver *d, uint64_t iova)
{
	return entry_of(d->r, TABLES, 4, iova, 1, &d->next);
}

static uint64_t dma(struct driver *d, uint64_t iova)
{
	return hw_dma(&d->r->host, &d->dev, iova, 2);
}

#define REACHED(frame) (HW_RAM_HPA + (frame))

/* ------------------------------------------------------------------------------------------------------------ FreeBSD */

/* A wait asks for the status write and the interrupt at once; without a fence; the status is a sequence number. */
static void freebsd_wait(struct driver *d)
{
	put(d, (uint64_t)++d->sequence << 32 | 1 << 5 | 1 << 4 | 5, SEQUENCE);
	out(d, 0x88, 4, d->tail);
	assert_int_equal(*(uint32_t *)((char *)word(d->r, SEQUENCE & ~7ull) + (SEQUENCE & 4)), d->sequence);
}

static void freebsd_register_flush(struct driver *d)
{
	out(d, 0x28, 8, BIT64(63) | 1ull << 61);
	assert_false(rd(d->r, 0x2c, 4) >> 31);
	out(d, 0xf8, 8, BIT64(63) | 1ull << 60 | 3ull << 48);
	assert_false(rd(d->r, 0xfc, 4) >> 31);
	assert_int_equal(rd(d->r, 0xf8, 8) >> 57 & 3, 1);
}

static void freebsd_start(struct driver *d)
{
	out(d, 0x38, 4, rd(d->r, 0x38, 4) | EVENT_IM);
	out(d, 0x3c, 4, 0x30);
	out(d, 0x40, 4, 0xfee00000);
	out(d, 0x44, 4, 0);
	out(d, 0x34, 4, rd(d->r, 0x34, 4));
	out(d, 0x38, 4, rd(d->r, 0x38, 4) & ~EVENT_IM);
	out(d, 0xa4, 4, 0x31);
	out(d, 0xa8, 4, 0xfee00000);
	out(d, 0xac, 4, 0);
	out(d, 0x20, 8, ROOT);
	global_command(d, GCMD_SRTP, true);
	freebsd_register_flush(d);
}

/* The queue's tail is cleared before its address is written, and its size is that of 2^2 pages. */
static void freebsd_queue(struct driver *d)
{
	out(d, 0x88, 8, 0);
	out(d, 0x90, 8, QUEUE | 2);
	global_command(d, GCMD_QIE, false);
	if (rd(d->r, 0x9c, 4) & ICS_IWC)
		out(d, 0x9c, 4, ICS_IWC);
	out(d, 0xa0, 4, rd(d->r, 0xa0, 4) & ~EVENT_IM);
}

static void test_freebsd(void **state)
{
	struct driver d;

	(void)state;
	begin(&d, ALL_FEATURES & ~NVMX_VTD_F_CACHING_MODE, 4 << 12);
	freebsd_start(&d);
	freebsd_queue(&d);
	set_context(d.r, SID, TABLES | 1, DOMAIN(1) | AW(4));
	*leaf(&d, IOVA) = FRAME | 3;
	out(&d, 0x18, 4, d.gcmd | GCMD_WBF); /* CAP.RWBF */
	assert_false(rd(d.r, 0x1c, 4) & GCMD_WBF);
	global_command(&d, GCMD_TE, false);
	assert_int_equal(dma(&d, IOVA), REACHED(FRAME));
	for (unsigned i = 0; i < 600; i++) { /* twice round the ring of 1,024 */
		uint64_t frame = FRAME + (i % 8) * 0x1000;

		*leaf(&d, IOVA) = 0;
		put(&d, 1ull << 16 | 3 << 4 | DW_DR | 2, IOVA);
		put(&d, 1ull << 16 | 3 << 4 | DW_DR | 2, IOVA + 0x2000);
		freebsd_wait(&d);
		assert_int_equal(dma(&d, IOVA), HW_FAULT);
		assert_int_equal(rd(d.r, 0x9c, 4), ICS_IWC);
		assert_int_equal(d.r->host.interrupts, i + 1);
		assert_int_equal(d.r->host.data, 0x31);
		out(&d, 0x9c, 4, ICS_IWC);
		*leaf(&d, IOVA) = frame | 3;
		out(&d, 0x18, 4, d.gcmd | GCMD_WBF);
		assert_int_equal(dma(&d, IOVA), REACHED(frame));
	}
	hw_free(d.r);
}

/* With caching mode it does not use the queue at all: each page by the register, and new ones too. */
static void test_freebsd_caching_mode(void **state)
{
	struct driver d;

	(void)state;
	begin(&d, ALL_FEATURES, 4 << 12);
	freebsd_start(&d);
	set_context(d.r, SID, TABLES | 1, DOMAIN(1) | AW(4));
	freebsd_register_flush(&d);
	global_command(&d, GCMD_TE, false);
	for (unsigned i = 0; i < 32; i++) {
		*leaf(&d, IOVA) = i % 2 ? 0 : FRAME | 3;
		out(&d, 0xf0, 8, IOVA);
		out(&d, 0xf8, 8, BIT64(63) | 3ull << 60 | 3ull << 48 | 1ull << 32);
		assert_false(rd(d.r, 0xfc, 4) >> 31);
		assert_int_equal(rd(d.r, 0xf8, 8) >> 57 & 3, 3);
		assert_int_equal(dma(&d, IOVA), i % 2 ? HW_FAULT : REACHED(FRAME));
	}
	hw_free(d.r);
}

/* -------------------------------------------------------------------------------------------------------------- Linux */

/* Each submission waits for a status of its own, one word for each slot of the ring, always with the same data. */
static void linux_submit(struct driver *d, uint64_t lo, uint64_t hi)
{
	uint64_t slot = (d->tail / 16 + 1) % 256, status = 0xa000 + slot * 4;
	uint32_t *word32 = (uint32_t *)((char *)word(d->r, status & ~7ull) + (status & 4));

	*word32 = 1;
	put(d, lo, hi);
	put(d, 2ull << 32 | 1 << 5 | 5, status);
	out(d, 0x88, 4, d->tail);
	assert_int_equal(*word32, 2);
	assert_int_equal(rd(d->r, 0x34, 4) & (FSTS_IQE | FSTS_ITE | FSTS_ICE), 0);
	*word32 = 0;
}

static void linux_start(struct driver *d)
{
	assert_false(rd(d->r, 0x1c, 4) & (GCMD_TE | GCMD_QIE));
	assert_int_equal(rd(d->r, 0x34, 4), 0);
	out(d, 0x88, 4, 0);
	out(d, 0x90, 8, QUEUE);
	global_command(d, GCMD_QIE, false);
	out(d, 0x20, 8, ROOT);
	global_command(d, GCMD_SRTP, true);
	linux_submit(d, 1 << 4 | 1, 0);
	linux_submit(d, 1 << 4 | DW_DR | 2, 0);
	out(d, 0x38, 4, EVENT_IM);
	out(d, 0x3c, 4, 0x28);
	out(d, 0x40, 4, 0xfee01004);
	out(d, 0x44, 4, 0);
	out(d, 0x38, 4, 0);
	out(d, 0x64, 4, rd(d->r, 0x64, 4) & 0x7fffffff);
	assert_int_equal(rd(d->r, 0x64, 4), 0);
}

/* Interrupt remapping comes first, with a table of 64 Ki entries, and compatibility format is not touched. */
static void linux_interrupts(struct driver *d)
{
	out(d, 0xb8, 8, 0x100000 | 0xf);
	global_command(d, GCMD_SIRTP, true);
	linux_submit(d, 4, 0);
	global_command(d, GCMD_IRE, false);
	assert_false(rd(d->r, 0x1c, 4) & GCMD_CFI);
}

static void linux_pages(struct driver *d, uint64_t iova, unsigned order)
{
	linux_submit(d, 7ull << 16 | 3 << 4 | DW_DR | 2, iova | order);
}

static void test_linux(void **state)
{
	struct driver d;

	(void)state;
	begin(&d, ALL_FEATURES, 1 << 12);
	linux_start(&d);
	linux_interrupts(&d);
	global_command(&d, GCMD_TE, false);
	set_context(d.r, SID, TABLES | 1, DOMAIN(7) | AW(4));
	linux_submit(&d, (uint64_t)SID << 32 | 3 << 4 | 1, 0); /* new: of domain 0 */
	linux_submit(&d, 7ull << 16 | 2 << 4 | DW_DR | 2, 0);
	for (unsigned i = 0; i < 300; i++) { /* strict: each unmap waits; twice and more round the ring */
		uint64_t iova = IOVA + (i % 64) * 0x2000;

		*leaf(&d, iova) = FRAME | 3;
		linux_pages(&d, iova, 0);
		assert_int_equal(dma(&d, iova), REACHED(FRAME));
		*leaf(&d, iova) = 0;
		linux_pages(&d, iova, 0);
		assert_int_equal(dma(&d, iova), HW_FAULT);
	}
	for (unsigned i = 0; i < 64; i++)
		*leaf(&d, IOVA + i * 0x1000u) = (FRAME + i * 0x1000u) | 3;
	linux_pages(&d, IOVA & ~0x7fffull, 7);
	for (unsigned i = 0; i < 64; i++) { /* lazy: many unmaps, then the domain */
		assert_int_equal(dma(&d, IOVA + i * 0x1000u), REACHED(FRAME + i * 0x1000u));
		*leaf(&d, IOVA + i * 0x1000u) = 0;
	}
	linux_submit(&d, 7ull << 16 | 2 << 4 | DW_DR | 2, 0);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(dma(&d, IOVA + i * 0x1000u), HW_FAULT);
	hw_free(d.r);
}

/* Its answer to a malformed descriptor: it puts a wait of no effect in its place, clears the error, and submits again. */
static void test_linux_queue_error(void **state)
{
	struct driver d;
	uint64_t bad;

	(void)state;
	begin(&d, ALL_FEATURES, 1 << 12);
	linux_start(&d);
	bad = d.tail;
	put(&d, 0xf, 0);
	put(&d, 2ull << 32 | 1 << 5 | 5, 0xa000);
	*(uint32_t *)word(d.r, 0xa000) = 1;
	out(&d, 0x88, 4, d.tail);
	assert_int_equal(*(uint32_t *)word(d.r, 0xa000), 1);
	assert_true(rd(d.r, 0x34, 4) & FSTS_IQE);
	assert_int_equal(rd(d.r, 0x80, 4), bad);
	*word(d.r, QUEUE + bad) = *word(d.r, QUEUE + bad + 16);
	*word(d.r, QUEUE + bad + 8) = *word(d.r, QUEUE + bad + 24);
	out(&d, 0x34, 4, FSTS_IQE);
	nvmx_vtd_run(d.r->u);
	assert_int_equal(*(uint32_t *)word(d.r, 0xa000), 2);
	assert_int_equal(rd(d.r, 0x80, 4), d.tail);
	linux_submit(&d, 1 << 4 | DW_DR | 2, 0);
	hw_free(d.r);
}

/* ---------------------------------------------------------------------------------------------------------------- Xen */

/* It rings for each descriptor, reading the tail back; the wait has the fence bit, and its status is on a stack. */
static void xen_queue(struct driver *d, uint64_t lo, uint64_t hi)
{
	d->tail = rd(d->r, 0x88, 8);
	put(d, lo, hi);
	out(d, 0x88, 8, d->tail);
}

static void xen_flush(struct driver *d, uint64_t lo, uint64_t hi)
{
	uint32_t *poll_slot = (uint32_t *)word(d->r, 0xbff8) + 1;

	*poll_slot = 0;
	xen_queue(d, lo, hi);
	xen_queue(d, 1ull << 32 | 1 << 6 | 1 << 5 | 5, 0xbffc);
	assert_int_equal(*poll_slot, 1);
	assert_int_equal(rd(d->r, 0x08, 8), nvmx_vtd_cap(d->r->u));
}

static void xen_start(struct driver *d)
{
	out(d, 0x90, 8, QUEUE);
	out(d, 0x88, 8, 0);
	global_command(d, GCMD_QIE, false);
	out(d, 0x20, 8, ROOT);
	out(d, 0x18, 4, rd(d->r, 0x1c, 4) | GCMD_SRTP); /* it writes back the status, with what it adds */
	assert_true(rd(d->r, 0x1c, 4) & GCMD_SRTP);
	xen_flush(d, 1 << 4 | 1, 0);
	xen_flush(d, 1 << 4 | DW_DR | 2, 0);
	out(d, 0x18, 4, rd(d->r, 0x1c, 4) | GCMD_TE);
	assert_true(rd(d->r, 0x1c, 4) & GCMD_TE);
}

static void test_xen_caching_mode(void **state)
{
	struct driver d;

	(void)state;
	begin(&d, ALL_FEATURES, 1 << 12);
	xen_start(&d);
	set_context(d.r, SID, TABLES | 1, DOMAIN(3) | AW(4));
	xen_flush(&d, (uint64_t)SID << 32 | 3 << 4 | 1, 0);
	xen_flush(&d, 2 << 4 | DW_DR | 2, 0);
	for (unsigned i = 0; i < 300; i++) {
		uint64_t frame = FRAME + (i % 8) * 0x1000;

		*leaf(&d, IOVA) = frame | 3;
		xen_flush(&d, 3 << 4 | DW_DR | 2, IOVA); /* what was not present: by the id of domain 0 */
		assert_int_equal(dma(&d, IOVA), REACHED(frame));
		*leaf(&d, IOVA) = 0;
		xen_flush(&d, 3ull << 16 | 3 << 4 | DW_DR | 2, IOVA);
		assert_int_equal(dma(&d, IOVA), HW_FAULT);
	}
	hw_free(d.r);
}

/* Without caching mode it flushes the write buffer for what was not present. */
static void test_xen_write_buffer(void **state)
{
	struct driver d;

	(void)state;
	begin(&d, ALL_FEATURES & ~NVMX_VTD_F_CACHING_MODE, 1 << 12);
	xen_start(&d);
	set_context(d.r, SID, TABLES | 1, DOMAIN(3) | AW(4));
	for (unsigned i = 0; i < 20; i++) {
		*leaf(&d, IOVA) = FRAME | 3;
		out(&d, 0x18, 4, rd(d.r, 0x1c, 4) | GCMD_WBF);
		assert_false(rd(d.r, 0x1c, 4) & GCMD_WBF);
		assert_int_equal(dma(&d, IOVA), REACHED(FRAME));
		*leaf(&d, IOVA) = 0;
		xen_flush(&d, 3ull << 16 | 3 << 4 | DW_DR | 2, IOVA);
		assert_int_equal(dma(&d, IOVA), HW_FAULT);
	}
	hw_free(d.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freebsd),
		cmocka_unit_test(test_freebsd_caching_mode),
		cmocka_unit_test(test_linux),
		cmocka_unit_test(test_linux_queue_error),
		cmocka_unit_test(test_xen_caching_mode),
		cmocka_unit_test(test_xen_write_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
