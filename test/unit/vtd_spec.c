/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Rules of the VT-d specification that the library had otherwise, or not at all, until its text was read beside it. */
#include "vtd_hw.h"

#define SID 0x18u
#define IOVA 0x40201000ull
#define PAGE 0x123000ull
#define TABLE 0x20000u
#define STATUS 0x9000u
#define WAIT(data) (5ull | 1u << 5 | (uint64_t)(data) << 32)
#define F(name) NVMX_VTD_FAULT_##name

static struct rig *start(uint32_t features)
{
	struct rig *r = rig_new(features);

	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	translation_on(r);
	return r;
}

static uint64_t *leaf(struct rig *r)
{
	static uint64_t next;

	next = TABLES + 0x1000;
	return entry_of(r, TABLES, 4, IOVA, 1, &next);
}

static enum nvmx_vtd_fault dma(struct rig *r, uint64_t iova, uint64_t len, unsigned access, struct nvmx_vtd_dma *d)
{
	return nvmx_vtd_translate(r->u, SID, iova, len, access, d);
}

/* The record that FSTS names, and its place; it is cleared. */
static uint64_t take_record(struct rig *r, unsigned *n, uint64_t *info)
{
	uint64_t high;

	assert_true(rd(r, 0x34, 4) & FSTS_PPF);
	*n = rd(r, 0x34, 4) >> 8 & 0xff;
	*info = rd(r, 0x220 + 16 * *n, 8);
	high = rd(r, 0x228 + 16 * *n, 8);
	wr(r, 0x22c + 16 * *n, 4, 1u << 31);
	return high;
}

/* LCT.4.3: the context-entry is at fault for a first table that cannot be read; below it, it is the entry (LSL.1). */
static void test_first_table_unreadable(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;

	(void)state;
	*word(r, TABLES) = 0x70000003;
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(TABLE));
	set_context(r, SID, 0x70000001, DOMAIN(5) | AW(4));
	flush_context(r);
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(CONTEXT_INVALID));
	rig_free(r);
}

/* 5.1.4: first the requester, then what else is in the entry; an entry beyond the host address width is a bad index. */
static void test_interrupt_checks_in_order(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	struct nvmx_vtd_msi m;

	(void)state;
	wr(r, 0xb8, 8, TABLE | 7);
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE);
	*word(r, TABLE) = 1 | 1ull << 12;
	*word(r, TABLE + 8) = 1ull << 18 | (SID ^ 8);
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010, 0, 0, &m), F(IR_SOURCE));
	*word(r, TABLE + 8) = 1ull << 18 | SID;
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010, 0, 0, &m), F(IR_ENTRY_RSVD));
	*word(r, TABLE + 8) = 3ull << 18 | SID;
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010, 0, 0, &m), F(IR_ENTRY_RSVD));
	wr(r, 0xb8, 8, 0xfffffff000 | 15);
	command(r, GCMD_SIRTP);
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010 | 255 << 5, 0, 0, &m), F(IR_TABLE));
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010 | 256 << 5, 0, 0, &m), F(IR_INDEX));
	rig_free(r);
}

/* 6.5.2.8: address bits above the host address width are ignored. */
static void test_status_address_above_host_width(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	uint64_t tail = 0;

	(void)state;
	queue_on(r);
	queue_put(r, &tail, WAIT(7), 0xabc0ull << 40 | STATUS);
	queue_go(r, tail);
	assert_int_equal(*word(r, STATUS), 7);
	rig_free(r);
}

/* 6.5.2.3: without CAP.PSI such a descriptor is invalid; by register it is done to the domain, and said so. */
static void test_page_flush_not_offered(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL & ~NVMX_VTD_F_PAGE_FLUSH);
	uint64_t tail = 0;

	(void)state;
	wr(r, 0xf0, 8, IOVA);
	wr(r, 0xf8, 8, BIT64(63) | 3ull << 60 | 5ull << 32);
	assert_int_equal(rd(r, 0xf8, 8) >> 57 & 3, 2);
	queue_on(r);
	queue_put(r, &tail, 2 | 3 << 4 | 5 << 16, IOVA);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_IQE);
	assert_int_equal(rd(r, 0xb0, 8), 4);
	rig_free(r);
}

/* 6.5.2.3, 10.4.8: of a domain id and an address only the bits that CAP announces count. */
static void test_bits_above_the_announced_widths(void **state)
{
	static const struct { uint64_t domain, iova; bool gone; } flushes[] = {
		{ 0x105, IOVA, true }, { 5, IOVA | 1ull << 60, true }, { 0x15, IOVA, false }, { 5, IOVA | 1ull << 47, false },
	};
	struct rig *r = rig_config(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;
	uint64_t tail = 0, *e;

	(void)state;
	r->config.domain_bits = 8;
	rig_start(r);
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	translation_on(r);
	e = leaf(r);
	queue_on(r);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t domain = flushes[i / 2].domain, iova = flushes[i / 2].iova;

		flush_iotlb(r, 1, 0, 0);
		*e = PAGE | 3;
		assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(NONE));
		*e = 0;
		if (i & 1)
			flush_iotlb(r, 3, (uint16_t)domain, iova);
		else
			queue_put(r, &tail, 2 | 3 << 4 | domain << 16, iova);
		queue_go(r, tail);
		assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_SILENT, &d), flushes[i / 2].gone ? F(READ) : F(NONE));
	}
	rig_free(r);
}

/* 10.4.23, 10.4.29: 256-bit descriptors need scalable mode; the queue goes on when they are given up. */
static void test_descriptor_width(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	uint64_t tail = 0;

	(void)state;
	wr(r, 0x90, 8, QUEUE_BASE | 1 << 11);
	command(r, GCMD_QIE);
	queue_put(r, &tail, WAIT(7), STATUS);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0xb0, 8), 5);
	assert_int_equal(rd(r, 0x80, 8), 0);
	wr(r, 0x90, 8, QUEUE_BASE);
	wr(r, 0x34, 4, FSTS_IQE);
	assert_int_equal(*word(r, STATUS), 7);
	rig_free(r);
}

/* RTA.1: a table mode that is not offered blocks everything, whatever FPD says, and invalidation is refused. */
static void test_table_modes(void **state)
{
	(void)state;
	for (uint64_t mode = 1; mode < 4; mode++) {
		struct rig *r = start(NVMX_VTD_F_ALL);
		struct nvmx_vtd_dma d;
		uint64_t tail = 0, info;
		unsigned n;

		*leaf(r) = PAGE | 3;
		wr(r, 0x20, 8, ROOT | mode << 10);
		assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(NONE)); /* until it is latched */
		command(r, GCMD_SRTP);
		set_context(r, SID, TABLES | 3, DOMAIN(5) | AW(4));
		assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(ROOT_ADDRESS));
		assert_int_equal(take_record(r, &n, &info) >> 32 & 0xff, 0x30);
		wr(r, 0x28, 8, BIT64(63) | 1ull << 61);
		assert_int_equal(rd(r, 0x28, 8) >> 59 & 0x13, 0);
		wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
		assert_int_equal(rd(r, 0xf8, 8) >> 57 & 0x43, 0);
		queue_on(r);
		queue_put(r, &tail, WAIT(1), STATUS);
		queue_go(r, tail);
		assert_int_equal(rd(r, 0xb0, 8), 7);
		rig_free(r);
	}
}

/* 7.2.1: the next record is the first again when nothing is remapped any more. */
static void test_record_index_restarts(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;
	uint64_t info;
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		dma(r, IOVA, 4, NVMX_VTD_READ, &d);
		take_record(r, &n, &info);
		assert_int_equal(n, i < 3 ? i : 0);
		if (i == 1) { /* interrupts still are */
			wr(r, 0xb8, 8, TABLE);
			command(r, GCMD_SIRTP);
			command(r, GCMD_IRE);
			wr(r, 0x18, 4, GCMD_IRE);
			wr(r, 0x18, 4, GCMD_IRE | GCMD_TE);
		}
		if (i == 2) {
			wr(r, 0x18, 4, 0);
			wr(r, 0x18, 4, GCMD_TE);
		}
	}
	rig_free(r);
}

/* 10.4.14: address bits beyond the deepest table's are 0, and so is the address type where there are no device-TLBs. */
static void test_fault_record_fields(void **state)
{
	struct rig *r = rig_config(NVMX_VTD_F_ALL & ~NVMX_VTD_F_DEVICE_TLB);
	struct nvmx_vtd_dma d;
	uint64_t info;
	unsigned n;

	(void)state;
	r->config.levels = NVMX_VTD_LEVELS_3;
	rig_start(r);
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(3));
	translation_on(r);
	assert_int_equal(dma(r, ~0ull, 1, NVMX_VTD_READ, &d), F(WIDTH));
	take_record(r, &n, &info);
	assert_int_equal(info, 0x7ffffff000);
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_TRANSLATED, &d), F(TYPE));
	assert_int_equal(take_record(r, &n, &info) >> 60 & 3, 0);
	rig_free(r);
}

/* 6.2.4, 6.4: without caching mode software changes what was at fault of something and tells nobody. */
static void test_what_is_at_fault_is_not_cached(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL & ~NVMX_VTD_F_CACHING_MODE);
	struct nvmx_vtd_msi m;
	struct nvmx_vtd_dma d;

	(void)state;
	*leaf(r) = 0xfee12003;
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(INTERRUPT_RANGE));
	*leaf(r) = PAGE | 3;
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ, &d), F(NONE));
	wr(r, 0xb8, 8, TABLE);
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE);
	*word(r, TABLE) = 1 | 1ull << 12;
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010, 0, 0, &m), F(IR_ENTRY_RSVD));
	*word(r, TABLE) = 1;
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee00010, 0, 0, &m), F(NONE));
	rig_free(r);
}

static void check_interrupt_range(struct rig *r, unsigned access, uint64_t len, enum nvmx_vtd_fault fault, bool recorded,
				  unsigned rights)
{
	struct nvmx_vtd_dma d;
	uint64_t info;
	unsigned n;

	assert_int_equal(dma(r, 0xfee12340, len, access, &d), fault);
	assert_int_equal(d.rights, rights);
	assert_int_equal(d.untranslated_only, rights && access & NVMX_VTD_TRANSLATION);
	assert_int_equal(rd(r, 0x34, 4) & FSTS_PPF, recorded ? FSTS_PPF : 0);
	if (recorded)
		assert_int_equal(take_record(r, &n, &info) >> 32 & 0xff, fault);
}

/* 3.14, 4.2.1, 4.2.3: what is done with requests for 0xFEEx_xxxx, and with ATS when remapping is off. */
static void test_interrupt_range_requests(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;

	(void)state;
	set_context(r, SID, TABLES | 1 | CONTEXT_TT_DEVICE_TLB << 2, DOMAIN(5) | AW(4));
	check_interrupt_range(r, NVMX_VTD_WRITE, 4, F(INTERRUPT_RANGE), false, 0); /* an interrupt */
	check_interrupt_range(r, NVMX_VTD_WRITE, 8, F(INTERRUPT_RANGE), true, 0);
	check_interrupt_range(r, NVMX_VTD_READ, 4, F(INTERRUPT_RANGE), true, 0);
	check_interrupt_range(r, NVMX_VTD_READ | NVMX_VTD_ZERO_LENGTH, 4, F(NONE), false, NVMX_VTD_R);
	check_interrupt_range(r, NVMX_VTD_WRITE | NVMX_VTD_TRANSLATED, 4, F(INTERRUPT_RANGE), true, 0);
	check_interrupt_range(r, NVMX_VTD_WRITE | NVMX_VTD_TRANSLATION, 4, F(NONE), false, NVMX_VTD_W);
	check_interrupt_range(r, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, 4, F(NONE), false, 0);
	wr(r, 0x18, 4, 0);
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_TRANSLATED, &d), F(TYPE));
	assert_int_equal(dma(r, IOVA, 4, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, &d), F(TYPE));
	assert_int_equal(rd(r, 0x34, 4), 0);
	rig_free(r);
}

/* 3.14: the interrupt range is no memory, however large the page is that an access to what lies below goes to, or comes from. */
static void test_accesses_that_reach_into_the_interrupt_range(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL);
	uint64_t next = TABLES + 0x1000;
	struct nvmx_vtd_dma d;

	(void)state;
	set_context(r, SID, TABLES | 1 | CONTEXT_TT_DEVICE_TLB << 2, DOMAIN(5) | AW(4));
	*entry_of(r, TABLES, 4, 3ull << 30, 3, &next) = SL_LARGE | 3;               /* 1 GiB, as it is asked for */
	*entry_of(r, TABLES, 4, 1ull << 30, 3, &next) = 3ull << 30 | SL_LARGE | 3;   /* as it is translated */
	for (unsigned warm = 0; warm < 2; warm++) {
		assert_int_equal(dma(r, 0xfedff000, 0x2000, NVMX_VTD_WRITE, &d), F(NONE));
		assert_int_equal(d.len, 0x1000);
		assert_int_equal(dma(r, 0x7edff000, 0x2000, NVMX_VTD_WRITE, &d), F(NONE));
		assert_int_equal(d.len, 0x1000);
		assert_int_equal(dma(r, 0xfef00000, 0x2000, NVMX_VTD_WRITE, &d), F(NONE));
		assert_int_equal(d.len, 0x2000);
	}
	/* A device-TLB gets no page that has the range in it. */
	assert_int_equal(dma(r, 0xfed00000, 4096, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, &d), F(NONE));
	assert_int_equal(d.page_shift, 21);
	assert_int_equal(dma(r, 0xfef00000, 4096, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, &d), F(NONE));
	assert_int_equal(d.page_shift, 12);
	assert_int_equal(d.gpa, 0x3ef00000);
	assert_int_equal(dma(r, 0x40000000, 4096, NVMX_VTD_READ | NVMX_VTD_TRANSLATION, &d), F(NONE));
	assert_int_equal(d.page_shift, 30);
	rig_free(r);
}

/* LGN.1.2, 1.3: what is not translated ends at the host address width. */
static void test_accesses_that_reach_beyond_the_host_width(void **state)
{
	struct rig *r = start(NVMX_VTD_F_ALL);
	struct nvmx_vtd_dma d;

	(void)state;
	set_context(r, SID, 1 | CONTEXT_TT_PASS << 2, DOMAIN(5) | AW(4));
	assert_int_equal(dma(r, BIT64(40) - 0x1000, 0x2000, NVMX_VTD_WRITE, &d), F(NONE));
	assert_int_equal(d.len, 0x1000);
	assert_int_equal(dma(r, BIT64(40), 4, NVMX_VTD_WRITE, &d), F(WIDTH));
	rig_free(r);
}

static struct rig *with_device_tlbs(struct hw_device *devices, unsigned n)
{
	struct rig *r = rig_start(hw_config(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER, NVMX_VTD_ASSIGN_TABLES));

	for (unsigned i = 0; i < n; i++) {
		hw_add(r, (uint16_t)(SID + 8 * i), &devices[i], NVMX_VTD_DEVICE_HAS_TLB);
		set_context(r, (uint16_t)(SID + 8 * i), TABLES | 1 | CONTEXT_TT_DEVICE_TLB << 2, DOMAIN(5) | AW(4));
	}
	hw_translation(r, true);
	queue_on(r);
	return r;
}

/* 10.4.29: IQERCD names the device of a time-out or a wrong answer, if it can only have been one; not a later one's. */
static void test_timeout_names_the_device(void **state)
{
	struct hw_device devices[2] = { { .attaches = 0 } };
	struct rig *r = with_device_tlbs(devices, 2);
	uint64_t tail = 0;

	(void)state;
	r->host.hw->answer = NVMX_VTD_FLUSH_TIMEOUT;
	queue_put(r, &tail, 3 | (SID + 8ull) << 32, 0);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ITE);
	assert_int_equal(rd(r, 0xb0, 8), (SID + 8ull) << 32);
	wr(r, 0x34, 4, FSTS_ITE);
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, 0);
	queue_put(r, &tail, 3 | (SID + 8ull) << 32, 0);
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ITE);
	assert_int_equal(rd(r, 0xb0, 8), 0); /* either */
	wr(r, 0x34, 4, FSTS_ITE);
	r->host.hw->answer = NVMX_VTD_FLUSH_BAD_COMPLETION;
	queue_put(r, &tail, 3 | (uint64_t)SID << 32, 0);
	queue_go(r, tail);
	queue_put(r, &tail, 3 | (SID + 8ull) << 32, 0); /* the queue goes on, the record stays */
	queue_go(r, tail);
	assert_int_equal(rd(r, 0x34, 4), FSTS_ICE);
	assert_int_equal(rd(r, 0xb0, 8), (uint64_t)SID << 48);
	r->host.hw->answer = 0;
	hw_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_table_unreadable),
		cmocka_unit_test(test_interrupt_checks_in_order),
		cmocka_unit_test(test_status_address_above_host_width),
		cmocka_unit_test(test_page_flush_not_offered),
		cmocka_unit_test(test_bits_above_the_announced_widths),
		cmocka_unit_test(test_descriptor_width),
		cmocka_unit_test(test_table_modes),
		cmocka_unit_test(test_record_index_restarts),
		cmocka_unit_test(test_fault_record_fields),
		cmocka_unit_test(test_what_is_at_fault_is_not_cached),
		cmocka_unit_test(test_interrupt_range_requests),
		cmocka_unit_test(test_accesses_that_reach_into_the_interrupt_range),
		cmocka_unit_test(test_accesses_that_reach_beyond_the_host_width),
		cmocka_unit_test(test_timeout_names_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
