/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a load of CR0 or CR4 is judged by, with what the fake processor does not have: CET, LA57, caching (SDM volume 2; 4.4.1,
 * 4.10.4.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "vmx/cr.h"
#include <nestvmx/arch.h>

#define CR0 (NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_WP | NVMX_CR0_PG)
#define CODE32 0xc09bu
#define TSS32 0x8bu

static struct nvmx_cr_change to_cr0(uint64_t before, uint64_t now)
{
	return (struct nvmx_cr_change){ .cr0 = before, .cr0_now = now, .cr4 = NVMX_CR4_PAE, .cr4_now = NVMX_CR4_PAE,
					.cs_ar = CODE32, .tr_ar = TSS32 };
}

static struct nvmx_cr_change to_cr4(uint64_t before, uint64_t now)
{
	return (struct nvmx_cr_change){ .cr0 = CR0, .cr0_now = CR0, .cr4 = before, .cr4_now = now, .is4 = true,
					.cs_ar = CODE32, .tr_ar = TSS32 };
}

static void write_protection_and_cet(void **state)
{
	struct nvmx_cr_change c = to_cr0(CR0, CR0 & ~NVMX_CR0_WP);

	(void)state;
	assert_false(nvmx_cr_faults(&c));
	c.cr4 = c.cr4_now |= NVMX_CR4_CET;
	assert_true(nvmx_cr_faults(&c));
	c = to_cr4(NVMX_CR4_PAE, NVMX_CR4_PAE | NVMX_CR4_CET);
	assert_false(nvmx_cr_faults(&c));
	c.cr0 = c.cr0_now &= ~NVMX_CR0_WP;
	assert_true(nvmx_cr_faults(&c));
}

static void five_levels_change_outside_of_ia32e_mode_only(void **state)
{
	struct nvmx_cr_change c = to_cr4(NVMX_CR4_PAE, NVMX_CR4_PAE | NVMX_CR4_LA57);

	(void)state;
	assert_false(nvmx_cr_faults(&c));
	c.ia32e = true;
	assert_true(nvmx_cr_faults(&c));
	c.cr4 |= NVMX_CR4_LA57;
	assert_false(nvmx_cr_faults(&c));
	c.cr4_now &= ~NVMX_CR4_LA57;
	assert_true(nvmx_cr_faults(&c));
}

static void types_of_tss(void **state)
{
	struct nvmx_cr_change c = to_cr0(CR0 & ~NVMX_CR0_PG, CR0);

	(void)state;
	c.lme = true;
	for (uint32_t type = 0; type < 16; type++) {
		c.tr_ar = 0x80 | type;
		assert_int_equal(nvmx_cr_faults(&c), type == 1 || type == 3); /* available and busy, of 16 bits */
	}
}

static void not_write_through(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 4; bits++) {
		struct nvmx_cr_change c = to_cr0(CR0, CR0 | (uint64_t)bits << 29);

		assert_int_equal(nvmx_cr_faults(&c), bits == 1);
	}
}

/* Each bit of the two registers, changed alone. */
static void what_loads_pdptes(void **state)
{
	const uint64_t of_cr0 = NVMX_CR0_CD | NVMX_CR0_NW, of_cr4 = NVMX_CR4_PGE | NVMX_CR4_PSE | NVMX_CR4_SMEP;
	struct nvmx_cr_change c;

	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		c = to_cr0(CR0 ^ 1ull << bit, CR0);
		assert_int_equal(nvmx_cr_loads_pdptes(&c), (of_cr0 | NVMX_CR0_PG) >> bit & 1);
		c = to_cr0(CR0, CR0 ^ 1ull << bit);
		assert_int_equal(nvmx_cr_loads_pdptes(&c), of_cr0 >> bit & 1);
		c = to_cr4(NVMX_CR4_PAE ^ 1ull << bit, NVMX_CR4_PAE);
		assert_int_equal(nvmx_cr_loads_pdptes(&c), (of_cr4 | NVMX_CR4_PAE) >> bit & 1);
		c = to_cr4(NVMX_CR4_PAE, NVMX_CR4_PAE ^ 1ull << bit);
		assert_int_equal(nvmx_cr_loads_pdptes(&c), of_cr4 >> bit & 1);
		c.ia32e = true;
		assert_false(nvmx_cr_loads_pdptes(&c));
		c.ia32e = false;
		c.cr0 = c.cr0_now &= ~NVMX_CR0_PG;
		assert_false(nvmx_cr_loads_pdptes(&c));
	}
	c = to_cr0(CR0 & ~NVMX_CR0_PG, CR0);
	c.lme = true; /* 4-level paging is what comes */
	assert_false(nvmx_cr_loads_pdptes(&c));
}

static void what_flushes(void **state)
{
	const uint64_t either = NVMX_CR4_PGE | NVMX_CR4_PAE;
	struct nvmx_cr_change c;

	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		c = to_cr0(1ull << bit, 0);
		assert_int_equal(nvmx_cr_flushes(&c), NVMX_CR0_PG >> bit & 1);
		c = to_cr0(0, 1ull << bit);
		assert_false(nvmx_cr_flushes(&c));
		c = to_cr4(1ull << bit, 0);
		assert_int_equal(nvmx_cr_flushes(&c), (either | NVMX_CR4_PCIDE) >> bit & 1);
		c = to_cr4(0, 1ull << bit);
		assert_int_equal(nvmx_cr_flushes(&c), (either | NVMX_CR4_SMEP) >> bit & 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_protection_and_cet),
		cmocka_unit_test(five_levels_change_outside_of_ia32e_mode_only),
		cmocka_unit_test(types_of_tss),
		cmocka_unit_test(not_write_through),
		cmocka_unit_test(what_loads_pdptes),
		cmocka_unit_test(what_flushes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
