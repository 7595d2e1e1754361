/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The VT-d unit's register file, its two events, and fault records. */
#include "vtd_host.h"

#define FRCD 0x220u
#define F BIT64(63)

static void test_reset_values(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	assert_int_equal(rd(r, 0x00, 4), 0x10);
	assert_int_equal(rd(r, 0x08, 8), nvmx_vtd_cap(r->u));
	assert_int_equal(rd(r, 0x10, 8), nvmx_vtd_ecap(r->u));
	assert_int_equal(rd(r, 0x38, 4), 0x80000000);
	assert_int_equal(rd(r, 0xa0, 4), 0x80000000);
	assert_int_equal(rd(r, 0x1c, 4), 0);
	rig_free(r);
}

/* CAP and ECAP field by field, as a driver decodes them. */
static void test_capabilities(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER);
	uint64_t cap = nvmx_vtd_cap(r->u), ecap = nvmx_vtd_ecap(r->u);

	(void)state;
	assert_int_equal(cap & 7, 6);
	assert_int_equal(cap >> 3 & 3, 0);
	assert_int_equal(cap >> 5 & 7, 4);
	assert_int_equal(cap >> 8 & 0x1f, 6);
	assert_int_equal(cap >> 16 & 0x3f, 47);
	assert_int_equal(cap >> 22 & 3, 1);
	assert_int_equal((cap >> 24 & 0x3ff) * 16, FRCD);
	assert_int_equal(cap >> 34 & 0xf, 3);
	assert_int_equal(cap >> 39 & 1, 1);
	assert_int_equal(cap >> 40 & 0xff, 7);
	assert_int_equal(cap >> 48 & 0x3f, 18);
	assert_int_equal(cap >> 54, 3);
	assert_int_equal(ecap & 0xff, 0xdf);
	assert_int_equal((ecap >> 8 & 0x3ff) * 16, 0xf0);
	assert_int_equal(ecap >> 20, 0xf);
	rig_free(r);
}

/* Every register takes nothing in its reserved and read-only bits, by halves or whole. */
static void test_reserved_bits(void **state)
{
	static const struct { uint32_t offset, size; uint64_t keeps; } expect[] = {
		{ 0x00, 4, 0x10 }, { 0x1c, 4, 0 }, { 0x18, 4, 0 }, { 0x20, 8, 0xfffffffc00 }, { 0x34, 4, 0 },
		{ 0x38, 4, 0x80000000 }, { 0x3c, 4, 0xffff }, { 0x40, 4, 0xfffffffc }, { 0x44, 4, 0xffffffff },
		{ 0x58, 8, 0 }, { 0x64, 4, 0 }, { 0x80, 8, 0 }, { 0x90, 8, 0xfffffff807 }, { 0x9c, 4, 0 },
		{ 0xa0, 4, 0x80000000 }, { 0xa4, 4, 0xffff }, { 0xa8, 4, 0xfffffffc }, { 0xac, 4, 0xffffffff },
		{ 0xb0, 8, 0 }, { 0xb8, 8, 0xfffffff80f }, { 0xf0, 8, 0 }, { 0x220, 8, 0 }, { 0x298, 8, 0 },
		{ 0x48, 8, 0 }, { 0x2a0, 8, 0 }, { 0xff8, 8, 0 },
	};

	(void)state;
	for (unsigned pass = 0; pass < 2; pass++) {
		struct rig *r = rig_new(NVMX_VTD_F_ALL);

		for (unsigned i = 0; i < sizeof(expect) / sizeof(*expect); i++) {
			uint32_t at = expect[i].offset;

			if (pass || expect[i].size == 4) {
				wr(r, at, 4, ~0ull);
				if (expect[i].size == 8)
					wr(r, at + 4, 4, ~0ull);
				assert_int_equal(rd(r, at, 4), (uint32_t)expect[i].keeps);
			} else {
				wr(r, at, 8, ~0ull);
			}
			assert_int_equal(rd(r, at, expect[i].size), expect[i].keeps);
		}
		rig_free(r);
	}
}

static void test_halves(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	wr(r, 0x24, 4, 0x12);
	wr(r, 0x20, 4, 0x34567000);
	assert_int_equal(rd(r, 0x20, 8), 0x1234567000);
	assert_int_equal(rd(r, 0x24, 4), 0x12);
	wr(r, 0x40, 8, 0x1fee00008); /* two registers at once */
	assert_int_equal(rd(r, 0x40, 4), 0xfee00008);
	assert_int_equal(rd(r, 0x44, 4), 1);
	assert_int_equal(rd(r, 0x40, 8), 0x1fee00008);
	rig_free(r);
}

static void test_bad_accesses(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);
	static const unsigned sizes[] = { 0, 1, 2, 3, 5, 16, 1u << 31 };

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		wr(r, 0x20, sizes[i], ~0ull);
		assert_int_equal(rd(r, 0, sizes[i]), 0);
	}
	wr(r, 0x24, 8, ~0ull);
	wr(r, 0x22, 4, ~0ull);
	assert_int_equal(rd(r, 0x20, 8), 0);
	assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_BAD_ACCESS), 16);
	assert_int_equal(r->host.traces[NVMX_VTD_EV_BAD_ACCESS], 16);
	wr(r, 0x1000, 8, ~0ull);
	wr(r, 0xfffffff8, 8, ~0ull);
	assert_int_equal(rd(r, 0xfffffffc, 4) | rd(r, 0x1000, 4), 0);
	rig_free(r);
}

static void test_registers_of_withheld_features(void **state)
{
	struct rig *r = rig_new(0);

	(void)state;
	for (uint32_t at = 0x80; at < 0xf0; at += 4) {
		wr(r, at, 4, ~0ull);
		assert_int_equal(rd(r, at, 4), 0);
	}
	rig_free(r);
}

static void clear(struct rig *r, unsigned n)
{
	wr(r, FRCD + 16 * n + 12, 4, 0x80000000);
}

static void record(struct rig *r, uint16_t sid, uint64_t address)
{
	nvmx_vtd_fault_record(r->u, address, sid | 5ull << 32);
}

static void test_fault_records(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	record(r, 0x10, 0x1000);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF);
	assert_int_equal(rd(r, FRCD, 8), 0x1000);
	assert_int_equal(rd(r, FRCD + 8, 8), F | 5ull << 32 | 0x10);
	record(r, 0x10, 0x2000); /* collapses */
	assert_int_equal(rd(r, FRCD + 24, 8), 0);
	record(r, 0x11, 0x3000);
	assert_int_equal(rd(r, FRCD + 24, 8), F | 5ull << 32 | 0x11);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF);
	wr(r, FRCD + 8, 4, ~0ull); /* not the F bit's half */
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF);
	clear(r, 0);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF | 1u << 8);
	clear(r, 1);
	assert_int_equal(rd(r, 0x34, 4), 0);
	wr(r, 0x34, 4, ~0ull);
	rig_free(r);
}

static void test_fault_overflow(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		record(r, (uint16_t)i, 0x1000 * i);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF);
	record(r, 8, 0x8000);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF | FSTS_PFO);
	clear(r, 0);
	record(r, 9, 0x9000); /* not until PFO is cleared */
	assert_int_equal(rd(r, FRCD + 8, 8) & F, 0);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF | FSTS_PFO | 1u << 8);
	wr(r, 0x34, 4, FSTS_PFO);
	record(r, 9, 0x9000);
	assert_int_equal(rd(r, FRCD + 8, 8) & 0xffff, 9);
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF | 1u << 8); /* the ring's oldest */
	rig_free(r);
}

static void test_fault_event(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	wr(r, 0x3c, 4, 0x41);
	wr(r, 0x40, 8, 0x1fee01004);
	record(r, 1, 0);
	assert_int_equal(r->host.interrupts, 0);
	assert_int_equal(rd(r, 0x38, 4), EVENT_IM | EVENT_IP);
	wr(r, 0x38, 4, 0);
	assert_int_equal(r->host.interrupts, 1);
	assert_int_equal(r->host.address, 0x1fee01004);
	assert_int_equal(r->host.data, 0x41);
	assert_int_equal(rd(r, 0x38, 4), 0);
	record(r, 2, 0); /* PPF is set already */
	assert_int_equal(r->host.interrupts, 1);
	clear(r, 0);
	clear(r, 1);
	record(r, 3, 0);
	assert_int_equal(r->host.interrupts, 2);
	rig_free(r);
}

/* Software that services the status while the event is masked gets no interrupt for it later. */
static void test_fault_event_serviced_while_masked(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	record(r, 1, 0);
	assert_int_equal(rd(r, 0x38, 4), EVENT_IM | EVENT_IP);
	clear(r, 0);
	assert_int_equal(rd(r, 0x38, 4), EVENT_IM);
	wr(r, 0x38, 4, 0);
	assert_int_equal(r->host.interrupts, 0);
	rig_free(r);
}

static void test_invalidation_event(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL);

	(void)state;
	wr(r, 0xa4, 4, 0x99);
	wr(r, 0xa8, 4, 0xfee00000);
	wr(r, 0xa0, 4, 0);
	nvmx_vtd_event_status(r->u, EVENT_INVALIDATION, ICS_IWC);
	nvmx_vtd_event_status(r->u, EVENT_INVALIDATION, ICS_IWC);
	assert_int_equal(r->host.interrupts, 1);
	assert_int_equal(r->host.data, 0x99);
	wr(r, 0x9c, 4, 1);
	assert_int_equal(rd(r, 0x9c, 4), 0);
	nvmx_vtd_event_status(r->u, EVENT_INVALIDATION, ICS_IWC);
	assert_int_equal(r->host.interrupts, 2);
	rig_free(r);
}

static int init(struct rig *r, uint32_t *detail)
{
	return nvmx_vtd_init(r->memory, &r->config, &r->u, detail);
}

static void test_ops_are_checked(void **state)
{
	static const struct { size_t offset; const char *name; uint32_t flags; } required[] = {
		{ offsetof(struct nvmx_vtd_ops, map), "map", 0 },
		{ offsetof(struct nvmx_vtd_ops, unmap), "unmap", 0 },
		{ offsetof(struct nvmx_vtd_ops, interrupt), "interrupt", 0 },
		{ offsetof(struct nvmx_vtd_ops, page_alloc), "page_alloc", NVMX_VTD_ASSIGN_TABLES },
	};
	uint32_t detail;

	(void)state;
	for (unsigned i = 0; i < sizeof(required) / sizeof(*required); i++) {
		struct rig *r = rig_config(NVMX_VTD_F_ALL);
		void *none = NULL;

		r->config.flags = required[i].flags;
		memcpy((char *)&r->ops + required[i].offset, &none, sizeof(none));
		assert_int_equal(init(r, &detail), NVMX_VTD_ERR_OP_MISSING);
		assert_string_equal(nvmx_vtd_init_error(NVMX_VTD_ERR_OP_MISSING, detail), required[i].name);
		rig_free(r);
	}
	struct rig *r = rig_config(0);

	r->ops.trace = NULL;
	assert_int_equal(init(r, NULL), NVMX_VTD_OK);
	r->ops.abi++;
	assert_int_equal(init(r, &detail), NVMX_VTD_ERR_ABI);
	r->ops.abi--;
	r->ops.size--;
	assert_int_equal(init(r, NULL), NVMX_VTD_ERR_ABI);
	rig_free(r);
}

static void test_configuration_is_checked(void **state)
{
	struct rig *r = rig_config(0);
	uint32_t detail;

	(void)state;
#define REFUSES(change, what)                                                                     \
	do {                                                                                      \
		struct nvmx_vtd_config good = r->config;                                          \
		change;                                                                           \
		assert_int_equal(init(r, &detail), NVMX_VTD_ERR_CONFIG);                          \
		assert_int_equal(detail, what);                                                   \
		assert_string_not_equal(nvmx_vtd_init_error(NVMX_VTD_ERR_CONFIG, detail), "");    \
		r->config = good;                                                                 \
	} while (0)
	REFUSES(r->config.features = NVMX_VTD_F_ALL + 1, NVMX_VTD_ABOUT_FEATURES);
	REFUSES(r->config.features = NVMX_VTD_F_1G, NVMX_VTD_ABOUT_FEATURES);
	REFUSES(r->config.features = NVMX_VTD_F_REMAP, NVMX_VTD_ABOUT_FEATURES);
	REFUSES(r->config.features = NVMX_VTD_F_QUEUE | NVMX_VTD_F_EXTENDED, NVMX_VTD_ABOUT_FEATURES);
	REFUSES(r->config.levels = 1, NVMX_VTD_ABOUT_LEVELS);
	REFUSES(r->config.width = 29, NVMX_VTD_ABOUT_WIDTH);
	REFUSES(r->config.width = 49, NVMX_VTD_ABOUT_WIDTH);
	REFUSES((r->config.levels = NVMX_VTD_LEVELS_3, r->config.width = 40), NVMX_VTD_ABOUT_WIDTH);
	REFUSES(r->config.host_width = 31, NVMX_VTD_ABOUT_HOST_WIDTH);
	REFUSES(r->config.host_width = 53, NVMX_VTD_ABOUT_HOST_WIDTH);
	REFUSES(r->config.domain_bits = 5, NVMX_VTD_ABOUT_DOMAINS);
	REFUSES(r->config.domain_bits = 18, NVMX_VTD_ABOUT_DOMAINS);
	REFUSES(r->config.flags = 3, NVMX_VTD_ABOUT_FLAGS);
	REFUSES(r->config.flags = 4, NVMX_VTD_ABOUT_FLAGS);
	REFUSES(r->config.pages = 15, NVMX_VTD_ABOUT_PAGES);
	REFUSES(r->config.work = 1023, NVMX_VTD_ABOUT_PAGES);
#undef REFUSES
	rig_free(r);
}

static void test_names(void **state)
{
	struct rig *r = rig_new(0);

	(void)state;
	for (unsigned i = 0; i < NVMX_VTD_CNT_COUNT; i++)
		assert_non_null(nvmx_vtd_counter_name(i));
	assert_string_equal(nvmx_vtd_counter_name(NVMX_VTD_CNT_PAGES), "pages");
	assert_string_equal(nvmx_vtd_counter_name(NVMX_VTD_CNT_COUNT), "unknown");
	assert_int_equal(nvmx_vtd_counter(r->u, NVMX_VTD_CNT_COUNT), 0);
	for (int e = 1; e > -8; e--)
		assert_true(strlen(nvmx_vtd_init_error(e, ~0u)) > 3);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset_values),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_bad_accesses),
		cmocka_unit_test(test_registers_of_withheld_features),
		cmocka_unit_test(test_fault_records),
		cmocka_unit_test(test_fault_overflow),
		cmocka_unit_test(test_fault_event),
		cmocka_unit_test(test_fault_event_serviced_while_masked),
		cmocka_unit_test(test_invalidation_event),
		cmocka_unit_test(test_ops_are_checked),
		cmocka_unit_test(test_configuration_is_checked),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
