/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* DMA of emulated devices: L1's tables, every fault reason, the caches. */
#include "vtd_host.h"

#define SID 0x18u
#define PAGE 0x123000u     /* where pages are mapped to */
#define IOVA 0x40201000ull
#define F(name) NVMX_VTD_FAULT_##name

struct world {
	struct rig *r;
	uint64_t next;
	struct nvmx_vtd_dma dma;
};

static struct world start(uint32_t features)
{
	struct world w = { .r = rig_new(features), .next = TABLES + 0x1000 };

	set_context(w.r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	translation_on(w.r);
	return w;
}

static uint64_t *at(struct world *w, uint64_t iova, unsigned level)
{
	return entry_of(w->r, TABLES, 4, iova, level, &w->next);
}

static enum nvmx_vtd_fault dma(struct world *w, uint64_t iova, uint64_t len, unsigned access)
{
	return nvmx_vtd_translate(w->r->u, SID, iova, len, access, &w->dma);
}

/* The newest record: reason, and that source and address are right.  Then none is left. */
static unsigned recorded(struct world *w, uint64_t iova, bool read)
{
	unsigned n = rd(w->r, 0x34, 4) >> 8 & 0xff;
	uint64_t hi = rd(w->r, 0x228 + 16 * n, 8);

	if (!(rd(w->r, 0x34, 4) & FSTS_PPF))
		return 0;
	assert_int_equal(rd(w->r, 0x220 + 16 * n, 8), iova & 0xfffffffff000ull); /* of the deepest table */
	assert_int_equal(hi & 0xffff, SID);
	assert_int_equal(hi >> 62 & 1, read);
	wr(w->r, 0x22c + 16 * n, 4, 1u << 31);
	assert_int_equal(rd(w->r, 0x34, 4), 0);
	return hi >> 32 & 0xff;
}

/* The access is refused for `fault` cold, uncached and again, and recorded each time. */
static void refuses(struct world *w, uint64_t iova, unsigned access, enum nvmx_vtd_fault fault)
{
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(dma(w, iova, 4, access | (i == 1 ? NVMX_VTD_UNCACHED : 0)), fault);
		assert_int_equal(w->dma.len, 0);
		assert_int_equal(recorded(w, iova, !(access & NVMX_VTD_WRITE)), fault);
	}
	assert_int_equal(dma(w, iova, 4, access | NVMX_VTD_SILENT), fault);
	assert_int_equal(recorded(w, iova, false), 0);
}

static void gives(struct world *w, uint64_t iova, uint64_t len, unsigned access, uint64_t gpa, uint64_t got)
{
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(dma(w, iova, len, access | (i == 1 ? NVMX_VTD_UNCACHED : 0)), F(NONE));
		assert_int_equal(w->dma.gpa, gpa);
		assert_int_equal(w->dma.len, got);
	}
	assert_int_equal(rd(w->r, 0x34, 4), 0);
}

static void test_pages_of_each_size(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	*at(&w, IOVA, 1) = PAGE | 3;
	*at(&w, 0x200000, 2) = 0x600000 | SL_LARGE | 3;
	*at(&w, 0x8040000000, 3) = 0x80000000 | SL_LARGE | 3;
	gives(&w, IOVA + 0x10, 0x20, NVMX_VTD_WRITE, PAGE + 0x10, 0x20);
	gives(&w, IOVA + 0xff0, 0x20, NVMX_VTD_READ, PAGE + 0xff0, 0x10);
	gives(&w, 0x212345, 0x300000, NVMX_VTD_READ, 0x612345, 0x1edcbb);
	assert_int_equal(w.dma.page_shift, 21);
	gives(&w, 0x8040000000 + 0x1234567, 1, NVMX_VTD_WRITE, 0x80000000 + 0x1234567, 1);
	assert_int_equal(w.dma.page_shift, 30);
	assert_int_equal(w.dma.rights, 3);
	rig_free(w.r);
}

static void test_three_levels(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	set_context(w.r, SID, TABLES | 1, DOMAIN(5) | AW(3));
	*entry_of(w.r, TABLES, 3, IOVA, 1, &w.next) = PAGE | 3;
	gives(&w, IOVA, 8, NVMX_VTD_READ, PAGE, 8);
	refuses(&w, 1ull << 39, NVMX_VTD_READ, F(WIDTH));
	rig_free(w.r);
}

static void test_rights(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	*at(&w, IOVA, 1) = PAGE | 1;
	*at(&w, IOVA + 0x1000, 1) = PAGE | 2;
	*at(&w, IOVA + 0x2000, 1) = PAGE | 0x7f8; /* neither, whatever else is set */
	gives(&w, IOVA, 4, NVMX_VTD_READ, PAGE, 4);
	refuses(&w, IOVA, NVMX_VTD_WRITE, F(WRITE));
	gives(&w, IOVA + 0x1000, 4, NVMX_VTD_WRITE, PAGE, 4);
	refuses(&w, IOVA + 0x1000, NVMX_VTD_READ, F(READ));
	refuses(&w, IOVA + 0x2000, NVMX_VTD_READ, F(READ));
	refuses(&w, IOVA + 0x2000, NVMX_VTD_WRITE, F(WRITE));
	*at(&w, IOVA, 1) = PAGE | 3; /* upper levels count, too; the warm entry says read-only */
	*at(&w, IOVA, 2) &= ~2ull;
	refuses(&w, IOVA, NVMX_VTD_WRITE, F(WRITE));
	rig_free(w.r);
}

static void test_zero_length_reads(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	*at(&w, IOVA, 1) = PAGE | 2;
	gives(&w, IOVA, 1, NVMX_VTD_READ | NVMX_VTD_ZERO_LENGTH, PAGE, 1);
	refuses(&w, IOVA + 0x1000, NVMX_VTD_READ | NVMX_VTD_ZERO_LENGTH, F(READ));
	rig_free(w.r);
	w = start(NVMX_VTD_F_ALL & ~NVMX_VTD_F_ZERO_LENGTH);
	*at(&w, IOVA, 1) = PAGE | 2;
	refuses(&w, IOVA, NVMX_VTD_READ | NVMX_VTD_ZERO_LENGTH, F(READ));
	rig_free(w.r);
}

static void test_snoop(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	*at(&w, IOVA, 1) = PAGE | SL_SNOOP | 3;
	gives(&w, IOVA, 4, NVMX_VTD_READ, PAGE, 4);
	assert_true(w.dma.snoop);
	*at(&w, IOVA + 0x200000, 1) |= 3;
	gives(&w, IOVA + 0x200000, 4, NVMX_VTD_READ, 0, 4);
	assert_false(w.dma.snoop);
	rig_free(w.r);
	w = start(NVMX_VTD_F_ALL & ~NVMX_VTD_F_SNOOP);
	*at(&w, IOVA, 1) = PAGE | SL_SNOOP | 3;
	refuses(&w, IOVA, NVMX_VTD_READ, F(ENTRY_RSVD));
	rig_free(w.r);
}

static void test_root_and_context_faults(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);
	struct rig *r = w.r;

	(void)state;
	*word(r, ROOT) = 0;
	refuses(&w, IOVA, NVMX_VTD_READ, F(ROOT_P));
	*word(r, ROOT) = CONTEXTS | 3;
	refuses(&w, IOVA, NVMX_VTD_READ, F(ROOT_RSVD));
	*word(r, ROOT) = CONTEXTS | 1 | 1ull << 40;
	refuses(&w, IOVA, NVMX_VTD_READ, F(ROOT_RSVD));
	*word(r, ROOT) = CONTEXTS | 1;
	*word(r, ROOT + 8) = 1;
	refuses(&w, IOVA, NVMX_VTD_READ, F(ROOT_RSVD));
	*word(r, ROOT + 8) = 0;
	*word(r, ROOT) = 0x80000000 | 1;
	refuses(&w, IOVA, NVMX_VTD_READ, F(CONTEXT));
	static const struct { uint64_t lo, hi; enum nvmx_vtd_fault fault; } bad[] = {
		{ TABLES, AW(4), F(CONTEXT_P) },
		{ TABLES | 0x11, AW(4), F(CONTEXT_RSVD) }, { TABLES | 0x801, AW(4), F(CONTEXT_RSVD) },
		{ TABLES | 1 | 1ull << 40, AW(4), F(CONTEXT_RSVD) }, { TABLES | 1, AW(4) | 0x80, F(CONTEXT_RSVD) },
		{ TABLES | 1, AW(4) | 1 << 24, F(CONTEXT_RSVD) },
		{ TABLES | 1, AW(2), F(CONTEXT_INVALID) }, { TABLES | 1, AW(5), F(CONTEXT_INVALID) },
		{ TABLES | 1, 7, F(CONTEXT_INVALID) }, { TABLES | 0xd, AW(4), F(CONTEXT_INVALID) },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		set_context(r, SID, bad[i].lo, bad[i].hi);
		refuses(&w, IOVA, NVMX_VTD_READ, bad[i].fault);
	}
	wr(r, 0x20, 8, 0x70000000);
	command(r, GCMD_SRTP);
	refuses(&w, IOVA, NVMX_VTD_WRITE, F(ROOT));
	rig_free(r);
}

static void test_types_that_are_not_offered(void **state)
{
	struct world w = start(0);

	(void)state;
	set_context(w.r, SID, TABLES | 1 | CONTEXT_TT_PASS << 2, AW(4));
	refuses(&w, IOVA, NVMX_VTD_READ, F(CONTEXT_INVALID));
	set_context(w.r, SID, TABLES | 1 | CONTEXT_TT_DEVICE_TLB << 2, AW(4));
	refuses(&w, IOVA, NVMX_VTD_READ, F(CONTEXT_INVALID));
	rig_free(w.r);
}

static void test_domain_width(void **state)
{
	struct world w = { .r = rig_config(NVMX_VTD_F_ALL), .next = TABLES + 0x1000 };

	(void)state;
	w.r->config.domain_bits = 8;
	rig_start(w.r);
	translation_on(w.r);
	set_context(w.r, SID, TABLES | 1, DOMAIN(0x100) | AW(4));
	refuses(&w, IOVA, NVMX_VTD_READ, F(CONTEXT_RSVD));
	set_context(w.r, SID, TABLES | 1, DOMAIN(0xff) | AW(4));
	refuses(&w, IOVA, NVMX_VTD_READ, F(READ));
	rig_free(w.r);
}

static void test_entry_faults(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);
	static const struct { unsigned level; uint64_t entry; enum nvmx_vtd_fault fault; } bad[] = {
		{ 4, 0x7000003, F(TABLE) }, { 3, 0x7000003, F(TABLE) }, { 2, 0x7000003, F(TABLE) },
		{ 4, PAGE | SL_LARGE | 3, F(ENTRY_RSVD) }, { 4, PAGE | SL_SNOOP | 3, F(ENTRY_RSVD) },
		{ 3, PAGE | SL_SNOOP | 3, F(ENTRY_RSVD) }, { 2, PAGE | SL_TM | 3, F(ENTRY_RSVD) },
		{ 3, 0x200000 | SL_LARGE | 3, F(ENTRY_RSVD) }, { 2, 0x1000 | SL_LARGE | 3, F(ENTRY_RSVD) },
		{ 1, PAGE | 1ull << 40 | 3, F(ENTRY_RSVD) }, { 1, PAGE | 1ull << 51 | 1, F(ENTRY_RSVD) },
		{ 1, 0xfee12003, F(INTERRUPT_RANGE) }, { 2, 0xfee00083, F(INTERRUPT_RANGE) },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint64_t *e = at(&w, IOVA, bad[i].level), good = *e;

		*e = bad[i].entry;
		refuses(&w, IOVA, NVMX_VTD_READ, bad[i].fault);
		flush_iotlb(w.r, 1, 0, 0);
		*e = good;
	}
	refuses(&w, 1ull << 48, NVMX_VTD_WRITE, F(WIDTH));
	refuses(&w, ~0ull, NVMX_VTD_READ, F(WIDTH));
	*at(&w, IOVA, 1) = PAGE | 0xbff00000000004f8 | 3; /* ignored bits are ignored */
	gives(&w, IOVA, 4, NVMX_VTD_READ, PAGE, 4);
	rig_free(w.r);
}

static void test_large_pages_withheld(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL & ~NVMX_VTD_F_1G);

	(void)state;
	*at(&w, 0, 3) = SL_LARGE | 3;
	refuses(&w, 0, NVMX_VTD_READ, F(ENTRY_RSVD));
	*at(&w, 1ull << 39, 2) = SL_LARGE | 3;
	gives(&w, 1ull << 39, 4, NVMX_VTD_READ, 0, 4);
	rig_free(w.r);
}

/* FPD suppresses the record, not the fault, of what is found after the context-entry was read. */
static void test_fault_processing_disabled(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	set_context(w.r, SID, TABLES | 3, AW(4));
	assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_WRITE), F(WRITE));
	assert_int_equal(rd(w.r, 0x34, 4), 0);
	flush_context(w.r);
	set_context(w.r, SID, 2, 0);
	assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_WRITE), F(CONTEXT_P));
	assert_int_equal(rd(w.r, 0x34, 4), 0);
	*word(w.r, ROOT) = 2;
	refuses(&w, IOVA, NVMX_VTD_WRITE, F(ROOT_P));
	assert_int_equal(nvmx_vtd_counter(w.r->u, NVMX_VTD_CNT_FAULT), 5);
	rig_free(w.r);
}

static void test_pass_through(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	set_context(w.r, SID, 1 | CONTEXT_TT_PASS << 2, DOMAIN(1) | AW(4));
	gives(&w, 0x12345, 1ull << 30, NVMX_VTD_WRITE, 0x12345, 1ull << 30);
	assert_int_equal(w.dma.page_shift, 63);
	refuses(&w, 1ull << 40, NVMX_VTD_WRITE, F(WIDTH));
	refuses(&w, 0x1000, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, F(TYPE));
	gives(&w, 0xfedff000, 0x10000, NVMX_VTD_READ, 0xfedff000, 0x1000); /* not into the interrupt range */
	set_context(w.r, SID, 0xfff0123456789001 | CONTEXT_TT_PASS << 2, DOMAIN(1) | AW(4)); /* 9.3: SLPTPTR is ignored */
	flush_context(w.r);
	gives(&w, 0x12345, 64, NVMX_VTD_WRITE, 0x12345, 64);
	set_context(w.r, SID, 0xfff0123456789001, DOMAIN(1) | AW(4));
	flush_context(w.r);
	refuses(&w, 0x12345, NVMX_VTD_WRITE, F(CONTEXT_RSVD));
	rig_free(w.r);
}

static void test_translation_off(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;

	(void)state;
	assert_int_equal(nvmx_vtd_translate(r->u, SID, 0x1234567000, 99, NVMX_VTD_WRITE, &d), F(NONE));
	assert_int_equal(d.gpa, 0x1234567000);
	assert_int_equal(d.len, 99);
	assert_int_equal(nvmx_vtd_translate(r->u, SID, 0xfee00000, 4, NVMX_VTD_WRITE, &d), F(INTERRUPT_RANGE));
	assert_int_equal(nvmx_vtd_translate(r->u, SID, 0xfeefffff, 4, NVMX_VTD_READ, &d), F(INTERRUPT_RANGE));
	assert_int_equal(nvmx_vtd_translate(r->u, SID, 0xfef00000, 4, NVMX_VTD_READ, &d), F(NONE));
	assert_int_equal(rd(r, 0x34, 4), 0);
	rig_free(r);
}

/* ATS (4.2): only a device-TLB context; translation requests tell rights, translated ones pass. */
static void test_device_tlb_requests(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);

	(void)state;
	refuses(&w, IOVA, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, F(TYPE));
	flush_context(w.r);
	set_context(w.r, SID, TABLES | 1 | CONTEXT_TT_DEVICE_TLB << 2, DOMAIN(5) | AW(4));
	*at(&w, IOVA, 1) = PAGE | 1;
	gives(&w, IOVA, 8, NVMX_VTD_WRITE | NVMX_VTD_TRANSLATION, PAGE, 8);
	assert_int_equal(w.dma.rights, 1);
	gives(&w, IOVA + 0x1000, 8, NVMX_VTD_WRITE | NVMX_VTD_TRANSLATION, 0, 8);
	assert_int_equal(w.dma.rights, 0);
	assert_int_equal(w.dma.page_shift, 12); /* no rights, and that of a page of 4 KiB (4.2.3) */
	gives(&w, IOVA + 0x1000, 0x2000, NVMX_VTD_WRITE | NVMX_VTD_TRANSLATION, 0, 0x1000);
	gives(&w, PAGE, 8, NVMX_VTD_WRITE | NVMX_VTD_TRANSLATED, PAGE, 8);
	gives(&w, 1ull << 48, 8, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, 0, 8);
	assert_int_equal(w.dma.rights, 0);
	refuses(&w, 1ull << 48, NVMX_VTD_READ | NVMX_VTD_TRANSLATED, F(WIDTH));
	gives(&w, IOVA, 8, NVMX_VTD_READ, PAGE, 8);
	dma(&w, IOVA, 8, NVMX_VTD_WRITE);
	assert_int_equal(recorded(&w, IOVA, false), F(WRITE));
	rig_free(w.r);
}

static void test_warm_until_flushed(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);
	uint64_t *e = at(&w, IOVA, 1);

	(void)state;
	*e = PAGE | 3;
	gives(&w, IOVA, 4, NVMX_VTD_READ, PAGE, 4);
	assert_int_equal(nvmx_vtd_counter(w.r->u, NVMX_VTD_CNT_TRANSLATE_HIT), 1);
	*e = 0;
	assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ), F(NONE));
	assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_UNCACHED | NVMX_VTD_SILENT), F(READ));
	static const struct { uint64_t granularity, address; uint16_t domain; bool gone; } flush[] = {
		{ 2, 0, 6, false }, { 3, IOVA + 0x1000, 5, false }, { 3, IOVA, 6, false }, { 3, IOVA - 0x1000, 5, false },
		{ 3, IOVA, 5, true }, { 3, (IOVA & ~0x1fffffull) | 9, 5, true }, { 2, 0, 5, true }, { 1, 0, 0, true },
		{ 3, IOVA | 19, 5, false }, { 0, 0, 5, false },
	};

	for (unsigned i = 0; i < sizeof(flush) / sizeof(*flush); i++) {
		*e = PAGE | 3;
		assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ), F(NONE));
		*e = 0;
		flush_iotlb(w.r, flush[i].granularity, flush[i].domain, flush[i].address);
		assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_SILENT),
				 flush[i].gone ? F(READ) : F(NONE));
	}
	rig_free(w.r);
}

/* A large page goes when any of its pages is named; what CAP.PSI withholds widens to the domain. */
static void test_flush_of_a_part(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL & ~NVMX_VTD_F_PAGE_FLUSH);

	(void)state;
	*at(&w, 0x200000, 2) = 0x600000 | SL_LARGE | 3;
	gives(&w, 0x200000, 4, NVMX_VTD_READ, 0x600000, 4);
	*at(&w, 0x200000, 2) = 0;
	wr(w.r, 0xf0, 8, 0x7777000);
	wr(w.r, 0xf8, 8, BIT64(63) | 3ull << 60 | 5ull << 32);
	assert_int_equal(rd(w.r, 0xf8, 8) >> 57 & 3, 2);
	refuses(&w, 0x200000, NVMX_VTD_READ, F(READ));
	rig_free(w.r);
	w = start(NVMX_VTD_F_ALL);
	*at(&w, 0x200000, 2) = 0x600000 | SL_LARGE | 3;
	gives(&w, 0x200000, 4, NVMX_VTD_READ, 0x600000, 4);
	*at(&w, 0x200000, 2) = 0;
	flush_iotlb(w.r, 3, 5, 0x3ff000);
	refuses(&w, 0x200000, NVMX_VTD_READ, F(READ));
	rig_free(w.r);
}

static void test_context_cache(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);
	static const struct { uint64_t command; bool gone; } flush[] = {
		{ 2ull << 61 | 6, false }, { 3ull << 61 | 5 | 0x19 << 16, false }, { 3ull << 61 | 4 | SID << 16, false },
		{ 3ull << 61 | 5 | SID << 16, true }, { 2ull << 61 | 5, true }, { 1ull << 61, true }, { 0, false },
		{ 3ull << 61 | 5 | 0x1c << 16 | 1ull << 32, true }, { 3ull << 61 | 5 | 0x1f << 16 | 3ull << 32, true },
		{ 3ull << 61 | 5 | 0x1f << 16 | 2ull << 32, false },
	};

	(void)state;
	*at(&w, IOVA, 1) = PAGE | 3;
	for (unsigned i = 0; i < sizeof(flush) / sizeof(*flush); i++) {
		set_context(w.r, SID, TABLES | 1, DOMAIN(5) | AW(4));
		assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ), F(NONE));
		set_context(w.r, SID, 0, 0);
		assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ), F(NONE));
		wr(w.r, 0x28, 4, (uint32_t)flush[i].command);
		wr(w.r, 0x2c, 4, (BIT64(63) | flush[i].command) >> 32);
		assert_int_equal(rd(w.r, 0x28, 8), flush[i].command | (flush[i].command >> 61 & 3) << 59);
		assert_int_equal(dma(&w, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_SILENT),
				 flush[i].gone ? F(CONTEXT_P) : F(NONE));
	}
	rig_free(w.r);
}

/* Entries of other devices and domains push each other out and stay right. */
static void test_many_pages_and_devices(void **state)
{
	struct world w = start(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;

	(void)state;
	for (uint64_t i = 0; i < 2048; i++)
		*at(&w, i << 12, 1) = i << 13 | 3;
	for (unsigned pass = 0; pass < 3; pass++)
		for (uint64_t i = 0; i < 2048; i++) {
			uint16_t sid = (uint16_t)(i % 200);

			set_context(w.r, sid, TABLES | 1, DOMAIN(5) | AW(4));
			assert_int_equal(nvmx_vtd_translate(w.r->u, sid, i << 12, 1, NVMX_VTD_READ, &d), F(NONE));
			assert_int_equal(d.gpa, i << 13);
		}
	rig_free(w.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_of_each_size),
		cmocka_unit_test(test_three_levels),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_zero_length_reads),
		cmocka_unit_test(test_snoop),
		cmocka_unit_test(test_root_and_context_faults),
		cmocka_unit_test(test_types_that_are_not_offered),
		cmocka_unit_test(test_domain_width),
		cmocka_unit_test(test_entry_faults),
		cmocka_unit_test(test_large_pages_withheld),
		cmocka_unit_test(test_fault_processing_disabled),
		cmocka_unit_test(test_pass_through),
		cmocka_unit_test(test_translation_off),
		cmocka_unit_test(test_device_tlb_requests),
		cmocka_unit_test(test_warm_until_flushed),
		cmocka_unit_test(test_flush_of_a_part),
		cmocka_unit_test(test_context_cache),
		cmocka_unit_test(test_many_pages_and_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
