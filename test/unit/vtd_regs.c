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

static void refused(struct rig *r, int error, unsigned rule, const char *words)
{
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	assert_int_equal(nvmx_vtd_init(r->memory, NVMX_VTD_SIZE, &r->config, &r->u, &info), error);
	assert_int_equal(info.error, error);
	assert_int_equal(info.refusal, rule);
	assert_true(nvmx_describe_error(line, sizeof(line), &info) < sizeof(line));
	if (!strstr(line, words) || !strstr(line, "expected"))
		fail_msg("\"%s\" has not \"%s\"", line, words);
}

/* A host built when the table ended earlier has none of what came later. */
static void test_ops_are_checked(void **state)
{
	static const struct { size_t offset; const char *words; uint32_t flags; } required[] = {
		{ offsetof(struct nvmx_vtd_ops, map), "vtd_ops.map is NULL", 0 },
		{ offsetof(struct nvmx_vtd_ops, unmap), "vtd_ops.unmap is NULL", 0 },
		{ offsetof(struct nvmx_vtd_ops, interrupt), "vtd_ops.interrupt is NULL", 0 },
		{ offsetof(struct nvmx_vtd_ops, page_alloc), "vtd_ops.page_alloc is NULL", NVMX_VTD_ASSIGN_TABLES },
	};
	struct rig *r;

	(void)state;
	for (unsigned i = 0; i < sizeof(required) / sizeof(*required); i++) {
		void *none = NULL;

		r = rig_config(NVMX_VTD_F_ALL);
		r->config.flags = required[i].flags;
		memcpy((char *)&r->ops + required[i].offset, &none, sizeof(none));
		refused(r, NVMX_ERR_OP_MISSING, NVMX_REFUSED_VTD_OP_MISSING, required[i].words);
		rig_free(r);
	}
	r = rig_config(0);
	r->ops.trace = NULL;
	rig_start(r);
	r->ops.drain = (void (*)(struct nvmx_vtd_host *))(void (*)(void))host_trace; /* behind the end */
	r->ops.size = offsetof(struct nvmx_vtd_ops, drain);
	rig_start(r);
	assert_null(r->u->ops->drain);
	assert_ptr_equal(r->u->ops->map, r->ops.map);
	r->config.features = NVMX_VTD_F_DRAIN;
	refused(r, NVMX_ERR_OP_MISSING, NVMX_REFUSED_VTD_OP_MISSING, "vtd_ops.drain is NULL");
	rig_free(r);
}

static void test_configuration_is_checked(void **state)
{
	struct rig *r = rig_config(0);
	const struct nvmx_vtd_config good = r->config;
	const struct nvmx_vtd_ops ops = r->ops;

	(void)state;
#define REFUSES(change, error, rule, words)                                                       \
	do {                                                                                      \
		(void)(change);                                                                   \
		refused(r, NVMX_ERR_##error, NVMX_REFUSED_VTD_##rule, words);                     \
		r->config = good;                                                                 \
		r->ops = ops;                                                                     \
	} while (0)
	REFUSES(r->config.size = 0, ABI, CONFIG_SIZE, "vtd_config.size is 0, expected sizeof(struct nvmx_vtd_config)");
	REFUSES(r->config.size += 8, ABI, CONFIG_SIZE, "vtd_config.size is ");
	REFUSES(r->config.ops = NULL, CONFIG, OPS_NULL, "vtd_config.ops is NULL");
	REFUSES(r->ops.abi++, ABI, OPS_ABI, "vtd_ops.abi is ");
	REFUSES(r->ops.size--, ABI, OPS_SIZE, "vtd_ops.size is ");
	REFUSES(r->ops.size += 8, ABI, OPS_SIZE, "vtd_ops.size is ");
	REFUSES(r->config.ops = memcpy(r->memory, &ops, sizeof(ops)), ARGUMENT, MEM_OVERLAP, "mem overlaps config->ops, which is at 0x");
	REFUSES(r->config.features = NVMX_VTD_F_ALL + 1, CONFIG, FEATURES_UNKNOWN, "unknown bits 0x2000, expected none but 0x1fff");
	REFUSES(r->config.features = NVMX_VTD_F_1G, CONFIG, FEATURES_NEED, "vtd_config.features is 0x8, expected 0x4 in it too");
	REFUSES(r->config.features = NVMX_VTD_F_REMAP, CONFIG, FEATURES_NEED, "features is 0x200, expected 0x80");
	REFUSES(r->config.features = NVMX_VTD_F_QUEUE | NVMX_VTD_F_EXTENDED, CONFIG, FEATURES_NEED, "expected 0x200");
	REFUSES(r->config.levels = 1, CONFIG, LEVELS, "vtd_config.levels is 0x1, expected a set of NVMX_VTD_LEVELS_*, 0x6");
	REFUSES(r->config.width = 29, CONFIG, WIDTH, "vtd_config.width is 29, expected 30 to 48");
	REFUSES(r->config.width = 49, CONFIG, WIDTH, "vtd_config.width is 49");
	REFUSES((r->config.levels = NVMX_VTD_LEVELS_3, r->config.width = 40), CONFIG, WIDTH, "expected 30 to 39");
	REFUSES(r->config.host_width = 31, CONFIG, HOST_WIDTH, "vtd_config.host_width is 31, expected 32 to 52");
	REFUSES(r->config.host_width = 53, CONFIG, HOST_WIDTH, "vtd_config.host_width is 53");
	REFUSES(r->config.domain_bits = 5, CONFIG, DOMAIN_BITS, "vtd_config.domain_bits is 5");
	REFUSES(r->config.domain_bits = 18, CONFIG, DOMAIN_BITS, "vtd_config.domain_bits is 18");
	REFUSES(r->config.flags = 3, CONFIG, FLAGS_BOTH, "vtd_config.flags is 0x3");
	REFUSES(r->config.flags = 5, CONFIG, FLAGS_UNKNOWN, "vtd_config.flags has the unknown bits 0x4");
	REFUSES(r->config.pages = 15, CONFIG, PAGES, "vtd_config.pages is 15, expected 0 (for 4096) or at least 16");
	REFUSES(r->config.work = 1023, CONFIG, WORK, "vtd_config.work is 1023, expected 0 (for 65536) or at least 1024");
#undef REFUSES
	rig_free(r);
}

/* The memory and the arguments themselves. */
static void test_arguments_are_checked(void **state)
{
	struct rig *r = rig_config(0);
	uint8_t *mem = (uint8_t *)r->memory;
	struct nvmx_error_info info;
	const struct {
		void *mem;
		size_t size;
		const struct nvmx_vtd_config *config;
		struct nvmx_vtd **out;
		unsigned rule;
	} cases[] = {
		{ NULL, NVMX_VTD_SIZE, &r->config, &r->u, NVMX_REFUSED_VTD_MEM_NULL },
		{ mem + 32, NVMX_VTD_SIZE, &r->config, &r->u, NVMX_REFUSED_VTD_MEM_ALIGN },
		{ mem, 4096, &r->config, &r->u, NVMX_REFUSED_VTD_MEM_SIZE },
		{ mem, NVMX_VTD_SIZE, NULL, &r->u, NVMX_REFUSED_VTD_CONFIG_NULL },
		{ mem, NVMX_VTD_SIZE, &r->config, NULL, NVMX_REFUSED_VTD_OUT_NULL },
		{ mem, NVMX_VTD_SIZE, &r->config, (struct nvmx_vtd **)(void *)mem, NVMX_REFUSED_VTD_MEM_OVERLAP },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(nvmx_vtd_init(cases[i].mem, cases[i].size, cases[i].config, cases[i].out, &info), NVMX_ERR_ARGUMENT);
		assert_int_equal(info.refusal, cases[i].rule);
	}
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
		cmocka_unit_test(test_arguments_are_checked),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
