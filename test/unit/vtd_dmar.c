/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The DMAR table, byte by byte as a driver reads it. */
#include "vtd_host.h"

static const struct nvmx_vtd_scope devices[] = {
	{ .type = NVMX_VTD_SCOPE_ENDPOINT, .start_bus = 0, .path_len = 1, .path = { { 3, 1 } } },
	{ .type = NVMX_VTD_SCOPE_BRIDGE, .start_bus = 0, .path_len = 2, .path = { { 4, 0 }, { 5, 2 } } },
};
static const struct nvmx_vtd_scope interrupt_sources[] = {
	{ .type = NVMX_VTD_SCOPE_IOAPIC, .enumeration_id = 8, .start_bus = 0xff, .path_len = 1, .path = { { 31, 7 } } },
	{ .type = NVMX_VTD_SCOPE_HPET, .enumeration_id = 0, .start_bus = 0xf0, .path_len = 1, .path = { { 15, 0 } } },
};
static const struct nvmx_vtd_drhd units[] = {
	{ .base = 0xfed90000, .scopes = devices, .scope_count = 2 },
	{ .base = 0xfed91000, .segment = 1, .scopes = devices, .scope_count = 1 },
	{ .base = 0x1fed92000, .include_all = true, .scopes = interrupt_sources, .scope_count = 2 },
};
static const struct nvmx_vtd_rmrr regions[] = {
	{ .base = 0x7f000000, .limit = 0x7f00ffff, .scopes = devices, .scope_count = 1 },
};

static struct nvmx_vtd_dmar_config description(void)
{
	return (struct nvmx_vtd_dmar_config){
		.host_width = 39, .interrupt_remapping = true, .device_tlbs = true, .oem_id = "BOCHS ",
		.oem_table_id = { 'B', 'X', 'P', 'C', 'D', 'M', 'A', 'R' }, .drhd = units, .drhd_count = 3,
		.rmrr = regions, .rmrr_count = 1,
	};
}

static uint64_t get(const uint8_t *p, unsigned n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | p[n];
	return value;
}

static void test_table(void **state)
{
	struct nvmx_vtd_dmar_config c = description();
	uint8_t t[512], sum = 0, *p;
	size_t n;

	(void)state;
	memset(t, 0xa5, sizeof(t));
	n = nvmx_vtd_dmar(t, sizeof(t), &c);
	assert_memory_equal(t, "DMAR", 4);
	assert_int_equal(get(t + 4, 4), n);
	assert_int_equal(t[8], 1);
	assert_memory_equal(t + 10, "BOCHS BXPCDMAR", 14);
	assert_int_equal(t[36], 38);
	assert_int_equal(t[37], 1);
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + t[i]);
	assert_int_equal(sum, 0);
	p = t + 48;
	assert_int_equal(get(p, 4), 34 << 16); /* DRHD with an endpoint and a bridge */
	assert_int_equal(p[4], 0);
	assert_int_equal(get(p + 6, 2), 0);
	assert_int_equal(get(p + 8, 8), 0xfed90000);
	assert_memory_equal(p + 16, "\1\10\0\0\0\0\3\1\2\12\0\0\0\0\4\0\5\2", 18);
	p += 34;
	assert_int_equal(get(p, 4), 24 << 16);
	assert_int_equal(get(p + 6, 2), 1);
	p += 24;
	assert_int_equal(get(p, 4), 32 << 16);
	assert_int_equal(p[4], 1);
	assert_int_equal(get(p + 8, 8), 0x1fed92000);
	assert_memory_equal(p + 16, "\3\10\0\0\10\377\37\7\4\10\0\0\0\360\17\0", 16);
	p += 32;
	assert_int_equal(get(p, 4), 32 << 16 | 1); /* RMRR */
	assert_int_equal(get(p + 8, 8), 0x7f000000);
	assert_int_equal(get(p + 16, 8), 0x7f00ffff);
	p += 32;
	assert_memory_equal(p, "\2\0\10\0\1\0\0\0\2\0\10\0\1\0\1\0", 16); /* ATSR of each segment */
	assert_int_equal(p + 16 - t, n);
	for (size_t i = n; i < sizeof(t); i++)
		assert_int_equal(t[i], 0xa5);
}

static void test_size(void **state)
{
	struct nvmx_vtd_dmar_config c = description();
	uint8_t t[512];
	size_t n = nvmx_vtd_dmar(NULL, 0, &c);

	(void)state;
	memset(t, 0xa5, sizeof(t));
	assert_int_equal(nvmx_vtd_dmar(t, n - 1, &c), n);
	assert_int_equal(t[0], 0xa5);
	assert_int_equal(nvmx_vtd_dmar(t, n, &c), n);
	assert_int_equal(t[n], 0xa5);
	c.device_tlbs = false;
	c.x2apic_opt_out = true;
	assert_int_equal(nvmx_vtd_dmar(t, n, &c), n - 16);
	assert_int_equal(t[37], 3);
}

static void test_refused(void **state)
{
	struct nvmx_vtd_dmar_config c = description();
	struct nvmx_vtd_scope scope = devices[0];
	struct nvmx_vtd_drhd unit = { .base = 0x1000, .scopes = &scope, .scope_count = 1 }, two[2];
	struct nvmx_vtd_rmrr region = { .base = 0x1000, .limit = 0x1fff, .scopes = &scope, .scope_count = 1 };
	uint8_t t[512];

	(void)state;
	c.drhd = &unit;
	c.drhd_count = 1;
	c.rmrr = &region;
	assert_true(nvmx_vtd_dmar(t, sizeof(t), &c) > 0);
#define REFUSES(lvalue, bad)                                             \
	do {                                                             \
		__typeof__(lvalue) was = lvalue;                         \
		lvalue = bad;                                            \
		assert_int_equal(nvmx_vtd_dmar(t, sizeof(t), &c), 0);    \
		lvalue = was;                                            \
		assert_true(nvmx_vtd_dmar(t, sizeof(t), &c) > 0);        \
	} while (0)
	REFUSES(c.drhd_count, 0);
	REFUSES(c.host_width, 31);
	REFUSES(c.host_width, 53);
	c.interrupt_remapping = false;
	REFUSES(c.x2apic_opt_out, true);
	REFUSES(unit.base, 0x1800);
	REFUSES(unit.scope_count, 0);
	REFUSES(unit.scope_count, 1025);
	REFUSES(scope.type, 0);
	REFUSES(scope.type, 5);
	REFUSES(scope.path_len, 0);
	REFUSES(scope.path_len, 5);
	REFUSES(scope.path[0].device, 32);
	REFUSES(scope.path[0].function, 8);
	REFUSES(region.base, 0x1001);
	REFUSES(region.base, 0x2000);
	REFUSES(region.limit, 0x2000);
	REFUSES(region.scope_count, 0);
	REFUSES(unit.base, 0);
	REFUSES(unit.base, 1ull << c.host_width);
	REFUSES(region.limit, (1ull << c.host_width) + 0xfff);
	two[0] = two[1] = unit;
	two[1].base = 0x2000;
	c.drhd = two;
	c.drhd_count = 2;
	REFUSES(two[1].base, 0x1000);
	REFUSES(two[0].include_all, true);
	two[0].segment = 1;
	two[0].include_all = true;
	assert_true(nvmx_vtd_dmar(t, sizeof(t), &c) > 0);
#undef REFUSES
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
