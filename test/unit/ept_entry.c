/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* EPT entries: presence, misconfiguration (SDM 28.3.3.1), memory types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "ept/entry.h"

#define WB (6ull << 3)
#define L NVMX_EPTE_LARGE
#define B(n) NVMX_BIT64(n)

enum { ALL_CAPS, NO_X_ONLY = 1, NO_2M = 2, NO_1G = 4, MODE_EXEC = 8 };

static void rules(struct nvmx_ept_rules *r, unsigned without, unsigned width)
{
	struct nvmx_caps caps = { .maxphyaddr = (uint8_t)width };
	uint64_t ept = NVMX_EPT_X_ONLY | NVMX_EPT_2M | NVMX_EPT_1G;

	ept &= ~((without & NO_X_ONLY ? NVMX_EPT_X_ONLY : 0) | (without & NO_2M ? NVMX_EPT_2M : 0) |
		 (without & NO_1G ? NVMX_EPT_1G : 0));
	caps.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = ept;
	nvmx_ept_rules_init(r, &caps, without & MODE_EXEC, false);
}

static const struct {
	uint64_t entry;
	unsigned level, without;
	enum nvmx_ept_kind kind;
} cases[] = {
	{ 0, 4, 0, NVMX_EPT_ABSENT },
	{ ~7ull, 1, 0, NVMX_EPT_ABSENT },                       /* nothing else counts */
	{ ~(7ull | B(10)), 3, MODE_EXEC, NVMX_EPT_ABSENT },
	{ B(10), 1, 0, NVMX_EPT_ABSENT },
	{ B(10) | WB, 1, MODE_EXEC, NVMX_EPT_LEAF },            /* user-mode execute-only */
	{ B(10) | WB, 1, MODE_EXEC | NO_X_ONLY, NVMX_EPT_MISCONFIGURED },
	{ 7 | 0x1000, 5, 0, NVMX_EPT_TABLE },
	{ 7 | 0x1000, 4, 0, NVMX_EPT_TABLE },
	{ 7 | 0x1000, 3, 0, NVMX_EPT_TABLE },
	{ 7 | 0x1000, 2, 0, NVMX_EPT_TABLE },
	{ 7 | 0x1000 | WB, 1, 0, NVMX_EPT_LEAF },
	{ 2 | WB, 1, 0, NVMX_EPT_MISCONFIGURED },
	{ 6 | WB, 1, 0, NVMX_EPT_MISCONFIGURED },
	{ 4 | WB, 1, 0, NVMX_EPT_LEAF },
	{ 4 | WB, 1, NO_X_ONLY, NVMX_EPT_MISCONFIGURED },
	{ 4, 3, NO_X_ONLY, NVMX_EPT_MISCONFIGURED },
	{ 4, 3, 0, NVMX_EPT_TABLE },
	{ 5 | WB, 1, NO_X_ONLY, NVMX_EPT_LEAF },
	{ 2, 4, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L, 4, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L, 5, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | B(3), 4, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | B(6), 4, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | B(3), 3, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | B(6), 3, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | B(5), 2, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB, 3, 0, NVMX_EPT_LEAF },
	{ 7 | L | WB, 3, NO_1G, NVMX_EPT_MISCONFIGURED },
	{ 7 | L, 3, NO_1G, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB, 2, NO_1G, NVMX_EPT_LEAF },
	{ 7 | L | WB, 2, NO_2M, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB | B(12), 3, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB | B(29), 3, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB | B(30), 3, 0, NVMX_EPT_LEAF },
	{ 7 | L | WB | B(12), 2, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB | B(20), 2, 0, NVMX_EPT_MISCONFIGURED },
	{ 7 | L | WB | B(21), 2, 0, NVMX_EPT_LEAF },
	{ 7 | L | WB | B(7), 1, 0, NVMX_EPT_LEAF },             /* bit 7 of a PTE is ignored */
	{ 7 | WB | B(6) | 0xffful << 52 | 0xf00, 1, 0, NVMX_EPT_LEAF },
	{ 7 | 0xffful << 52 | 0xf00, 3, 0, NVMX_EPT_TABLE },
};

static void test_classify(void **state)
{
	struct nvmx_ept_rules r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rules(&r, cases[i].without, 46);
		if (nvmx_ept_classify(&r, cases[i].entry, cases[i].level) != cases[i].kind)
			fail_msg("case %zu: %llx at level %u", i, (unsigned long long)cases[i].entry, cases[i].level);
	}
}

/* Each address bit, present entries and not, at each width and level. */
static void test_width(void **state)
{
	struct nvmx_ept_rules r;

	(void)state;
	for (unsigned width = 36; width <= 52; width++) {
		rules(&r, 0, width);
		for (unsigned level = 1; level <= 5; level++)
			for (unsigned bit = 12; bit < 52; bit++) {
				uint64_t e = B(bit) | 7 | (level == 1 ? WB : 0);
				enum nvmx_ept_kind good = level == 1 ? NVMX_EPT_LEAF : NVMX_EPT_TABLE;

				assert_int_equal(nvmx_ept_classify(&r, e, level), bit < width ? good : NVMX_EPT_MISCONFIGURED);
				assert_int_equal(nvmx_ept_classify(&r, e & ~7ull, level), NVMX_EPT_ABSENT);
			}
	}
}

static void test_memory_type(void **state)
{
	static const bool valid[8] = { true, true, false, false, true, true, true, false };
	struct nvmx_ept_rules r;

	(void)state;
	rules(&r, 0, 46);
	for (uint64_t type = 0; type < 8; type++)
		for (unsigned level = 1; level <= 3; level++)
			assert_int_equal(nvmx_ept_classify(&r, 7 | type << 3 | (level > 1 ? L : 0), level),
					 valid[type] ? NVMX_EPT_LEAF : NVMX_EPT_MISCONFIGURED);
}

/* The short way gives what the rules give: low bits of every kind, an address bit within and beyond the width. */
static void test_kind_of(void **state)
{
	static const unsigned withouts[] = { ALL_CAPS, NO_X_ONLY, NO_2M, NO_1G, MODE_EXEC, NO_X_ONLY | MODE_EXEC };
	struct nvmx_ept_rules r;

	(void)state;
	for (size_t w = 0; w < sizeof(withouts) / sizeof(*withouts); w++) {
		rules(&r, withouts[w], 46);
		for (unsigned level = 1; level <= 5; level++)
			for (uint64_t low = 0; low < 0x1000; low++)
				for (unsigned bit = 12; bit < 64; bit += 3)
					assert_int_equal(nvmx_ept_kind_of(&r, low | B(bit), level),
							 nvmx_ept_classify(&r, low | B(bit), level));
	}
}

static void test_combine(void **state)
{
	static const unsigned types[] = { 0, 1, 4, 5, 6 };

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(nvmx_ept_combine_memtype(types[i], 6), types[i]);
		assert_int_equal(nvmx_ept_combine_memtype(6, types[i]), types[i]);
		assert_int_equal(nvmx_ept_combine_memtype(types[i], 0), 0);
		assert_int_equal(nvmx_ept_combine_memtype(0, types[i]), 0);
	}
	assert_int_equal(nvmx_ept_combine_memtype(1, 4), 0);
	assert_int_equal(nvmx_ept_combine_memtype(4, 4), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify), cmocka_unit_test(test_width),
		cmocka_unit_test(test_memory_type), cmocka_unit_test(test_kind_of), cmocka_unit_test(test_combine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
