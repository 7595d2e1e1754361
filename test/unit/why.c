/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Why an exit of L2 is the host's: each reason against each control, written here anew from SDM tables 24-5 to 24-8, 25.1.2,
 * 25.1.3 and 25.2 in numbers of bits.  With no control on, it is nobody's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "vmx/why.h"

enum { PIN, PRIMARY, SECONDARY, TERTIARY = 5 };

static const struct {
	uint8_t reason, word, bit;
} controls[] = {
	{ 1, PIN, 0 }, { 7, PRIMARY, 2 }, { 8, PRIMARY, 22 }, { 12, PRIMARY, 7 }, { 14, PRIMARY, 9 }, { 15, PRIMARY, 11 },
	{ 16, PRIMARY, 12 }, { 29, PRIMARY, 23 }, { 30, PRIMARY, 24 }, { 36, PRIMARY, 10 }, { 37, PRIMARY, 27 },
	{ 39, PRIMARY, 29 }, { 40, PRIMARY, 30 }, { 40, SECONDARY, 10 }, { 43, PRIMARY, 21 }, { 44, SECONDARY, 0 },
	{ 45, SECONDARY, 9 }, { 46, SECONDARY, 2 }, { 47, SECONDARY, 2 }, { 51, PRIMARY, 12 }, { 52, PIN, 6 },
	{ 54, SECONDARY, 6 }, { 56, SECONDARY, 8 }, { 56, SECONDARY, 9 }, { 57, SECONDARY, 11 }, { 58, PRIMARY, 9 },
	{ 59, SECONDARY, 13 }, { 61, SECONDARY, 16 }, { 62, SECONDARY, 17 }, { 65, SECONDARY, 27 }, { 66, SECONDARY, 23 },
	{ 67, PRIMARY, 12 }, { 68, PRIMARY, 12 }, { 69, TERTIARY, 0 }, { 70, SECONDARY, 28 }, { 72, SECONDARY, 21 },
	{ 73, SECONDARY, 21 }, { 74, SECONDARY, 30 }, { 75, SECONDARY, 31 }, { 78, TERTIARY, 6 }, { 79, TERTIARY, 6 },
};
#define CONTROLS (sizeof(controls) / sizeof(*controls))

static struct nvmx_asker with(unsigned word, uint64_t bits)
{
	struct nvmx_asker a = { .proc3 = word == TERTIARY ? bits : 0 };

	if (word <= SECONDARY)
		a.ctl[word] = (uint32_t)bits;
	return a;
}

static bool asks(unsigned reason, unsigned word, unsigned bit)
{
	for (unsigned i = 0; i < CONTROLS; i++)
		if (controls[i].reason == reason && controls[i].word == word && controls[i].bit == bit)
			return true;
	return false;
}

static struct nvmx_why of(const struct nvmx_asker *a, struct nvmx_route_in in, uint32_t operand)
{
	struct nvmx_why why = { 0 };
	bool is = nvmx_cause_of(a, &in, operand, &why);

	if (!is)
		why.cause = NVMX_CAUSE_NONE;
	return why;
}

static void every_control_of_every_reason(void **state)
{
	static const uint8_t words[] = { PIN, PRIMARY, SECONDARY, TERTIARY };

	(void)state;
	for (unsigned reason = 0; reason < NVMX_XR_COUNT; reason++)
		for (unsigned w = 0; w < 4; w++)
			for (unsigned bit = 0; bit < 32; bit++) {
				struct nvmx_asker a = with(words[w], 1ull << bit);
				struct nvmx_why why = of(&a, (struct nvmx_route_in){ .reason = reason }, 0);

				if (asks(reason, words[w], bit)) {
					assert_int_equal(why.cause, NVMX_CAUSE_CONTROL);
					assert_int_equal(why.detail, (unsigned)words[w] << 8 | bit);
				} else if (why.cause == NVMX_CAUSE_CONTROL) {
					assert_true(reason == 28 || reason == 30); /* below */
				}
			}
}

static void nothing_is_nobodys(void **state)
{
	const struct nvmx_asker none = { .ctl = { 0 } };

	(void)state;
	for (unsigned i = 0; i < CONTROLS; i++)
		assert_int_equal(of(&none, (struct nvmx_route_in){ .reason = controls[i].reason }, 0).cause, NVMX_CAUSE_NONE);
	assert_int_equal(of(&none, (struct nvmx_route_in){ .reason = 38 }, 0).cause, NVMX_CAUSE_NONE); /* no such reason */
	assert_int_equal(of(&none, (struct nvmx_route_in){ .reason = 200 }, 0).cause, NVMX_CAUSE_NONE);
	assert_int_equal(of(&none, (struct nvmx_route_in){ .reason = 30 }, 0).cause, NVMX_CAUSE_NONE);
	assert_int_equal(of(&none, (struct nvmx_route_in){ .reason = 63 }, 0).cause, NVMX_CAUSE_NONE);
	assert_int_equal(of(&none, (struct nvmx_route_in){ .reason = 60 }, 0).cause, NVMX_CAUSE_NONE);
}

static void exceptions(void **state)
{
	(void)state;
	for (unsigned vector = 0; vector < 32; vector++)
		for (unsigned bit = 0; bit < 32; bit++) {
			const struct nvmx_asker a = { .exceptions = 1u << bit };
			const struct nvmx_route_in in = { .reason = 0, .intr_info = 0x80000300 | vector };
			struct nvmx_why why = of(&a, in, 0);

			assert_int_equal(why.cause, bit == vector ? NVMX_CAUSE_EXCEPTION_BITMAP : NVMX_CAUSE_NONE);
			assert_int_equal(why.detail, vector);
		}
}

static void page_faults_and_nmis(void **state)
{
	const struct nvmx_asker match = { .pf_match = true }, nmi = with(PIN, 1u << 3);
	const struct nvmx_route_in pf = { .reason = 0, .intr_info = 0x80000b0e, .intr_error = 5 };
	const struct nvmx_route_in gp = { .reason = 0, .intr_info = 0x80000b0d, .intr_error = 5 };
	const struct nvmx_route_in two = { .reason = 0, .intr_info = 0x80000202 };

	(void)state;
	assert_int_equal(of(&match, pf, 0).cause, NVMX_CAUSE_PF_MATCH);
	assert_int_equal(of(&match, pf, 0).detail, 5);
	assert_int_equal(of(&match, gp, 0).cause, NVMX_CAUSE_NONE);
	assert_int_equal(of(&nmi, two, 0).cause, NVMX_CAUSE_CONTROL);
	assert_int_equal(of(&nmi, two, 0).detail, 3);
	assert_int_equal(of(&match, two, 0).cause, NVMX_CAUSE_NONE);
}

/* Qualification: bits 3:0 the register, 5:4 MOV to, MOV from, CLTS, LMSW (SDM table 27-3). */
static void control_registers(void **state)
{
	static const struct {
		uint64_t qualification;
		struct nvmx_asker asker;
		uint32_t cause, detail;
	} cases[] = {
		{ 0x00, { .cr0_mask = 8 }, NVMX_CAUSE_CR_MASK, 0 }, { 0x04, { .cr4_mask = 8 }, NVMX_CAUSE_CR_MASK, 4 },
		{ 0x20, { .cr0_mask = 8 }, NVMX_CAUSE_CR_MASK, 0 }, { 0x30, { .cr0_mask = 8 }, NVMX_CAUSE_CR_MASK, 0 },
		{ 0x24, { .cr0_mask = 8 }, NVMX_CAUSE_CR_MASK, 0 }, { 0x00, { .cr4_mask = 8 }, NVMX_CAUSE_NONE, 0 },
		{ 0x04, { .cr0_mask = 8 }, NVMX_CAUSE_NONE, 4 },
		{ 0x03, { .ctl = { 0, 1u << 15 } }, NVMX_CAUSE_CONTROL, 1 << 8 | 15 },
		{ 0x13, { .ctl = { 0, 1u << 15 } }, NVMX_CAUSE_NONE, 0 },
		{ 0x13, { .ctl = { 0, 1u << 16 } }, NVMX_CAUSE_CONTROL, 1 << 8 | 16 },
		{ 0x08, { .ctl = { 0, 1u << 19 } }, NVMX_CAUSE_CONTROL, 1 << 8 | 19 },
		{ 0x18, { .ctl = { 0, 1u << 20 } }, NVMX_CAUSE_CONTROL, 1 << 8 | 20 },
		{ 0x18, { .ctl = { 0, 1u << 21 } }, NVMX_CAUSE_CONTROL, 1 << 8 | 21 }, /* L1's TPR is virtual */
		{ 0x18, { .ctl = { 0, 1u << 19 } }, NVMX_CAUSE_NONE, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct nvmx_route_in in = { .reason = 28, .qualification = cases[i].qualification };
		struct nvmx_why why = of(&cases[i].asker, in, 0);

		assert_int_equal(why.cause, cases[i].cause);
		assert_int_equal(why.detail, cases[i].detail);
	}
}

static void bitmaps_and_the_like(void **state)
{
	static const struct {
		uint32_t reason, cause, detail;
		struct nvmx_asker asker;
	} cases[] = {
		{ 30, NVMX_CAUSE_IO_BITMAP, 0x60, { .ctl = { 0, 1u << 25 } } },
		{ 30, NVMX_CAUSE_IO_BITMAP, 0x60, { .ctl = { 0, 1u << 25 | 1u << 24 } } },
		{ 30, NVMX_CAUSE_CONTROL, 1 << 8 | 24, { .ctl = { 0, 1u << 24 } } },
		{ 31, NVMX_CAUSE_MSR_BITMAP, 0x60, { .ctl = { 0 } } }, { 32, NVMX_CAUSE_MSR_BITMAP, 0x60, { .ctl = { 0 } } },
		{ 84, NVMX_CAUSE_MSR_BITMAP, 0x60, { .ctl = { 0 } } }, { 85, NVMX_CAUSE_MSR_BITMAP, 0x60, { .ctl = { 0 } } },
		{ 23, NVMX_CAUSE_VMCS_BITMAP, 0, { .ctl = { 0, 0, 1u << 14 } } }, { 25, NVMX_CAUSE_ALWAYS, 0, { .ctl = { 0 } } },
		{ 63, NVMX_CAUSE_XSS_BITMAP, 0, { .ctl = { 0, 0, 1u << 20 } } },
		{ 64, NVMX_CAUSE_XSS_BITMAP, 0, { .ctl = { 0, 0, 1u << 20 } } },
		{ 60, NVMX_CAUSE_ENCLS_BITMAP, 0, { .ctl = { 0, 0, 1u << 15 } } },
		{ 48, NVMX_CAUSE_EPT, 0, { .ctl = { 0 } } }, { 49, NVMX_CAUSE_EPT, 0, { .ctl = { 0 } } },
		{ 10, NVMX_CAUSE_ALWAYS, 0, { .ctl = { 0 } } }, { 37, NVMX_CAUSE_EVENT, 0, { .mtf_event = true } },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nvmx_why why = of(&cases[i].asker, (struct nvmx_route_in){ .reason = cases[i].reason }, 0x60);

		assert_int_equal(why.cause, cases[i].cause);
		assert_int_equal(why.detail, cases[i].detail);
	}
}

/* A window that the host opened in vmcs02 itself. */
static void in_vmcs02(void **state)
{
	static const struct {
		uint32_t reason, detail;
	} cases[] = { { 7, 1 << 8 | 2 }, { 8, 1 << 8 | 22 }, { 37, 1 << 8 | 27 }, { 52, 6 }, { 54, 2 << 8 | 6 } };
	struct nvmx_why why;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct nvmx_route_in in = { .reason = cases[i].reason };

		why = (struct nvmx_why){ 0 };
		assert_true(nvmx_cause_in_vmcs02(&in, &why));
		assert_int_equal(why.cause, NVMX_CAUSE_CONTROL_02);
		assert_int_equal(why.detail, cases[i].detail);
	}
	assert_false(nvmx_cause_in_vmcs02(&(struct nvmx_route_in){ .reason = 48 }, &why));
}

static void vmcs12_asks(void **state)
{
	const struct nvmx_vmcs12 v12 = { .pin_ctls = 1, .proc_ctls = 1u << 31, .proc_ctls2 = 4, .exception_bitmap = 8,
					 .pf_ec_mask = 1, .pf_ec_match = 1, .cr0_mask = 32, .cr4_mask = 64,
					 .entry_intr_info = 0x80000700 };
	struct nvmx_route_in in = { .reason = 0 };
	struct nvmx_asker a;

	(void)state;
	nvmx_asker_of_vmcs12(&v12, &in, &a);
	assert_true(a.ctl[0] == 1 && a.ctl[1] == 1u << 31 && a.ctl[2] == 4 && a.exceptions == 8 && a.cr0_mask == 32 &&
		    a.cr4_mask == 64 && a.mtf_event && a.pf_match);
	in.intr_error = 1;
	nvmx_asker_of_vmcs12(&v12, &in, &a);
	assert_false(a.pf_match);
}

static void names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NVMX_CAUSE_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(nvmx_cause_name(i), nvmx_cause_name(j));
	assert_null(nvmx_cause_name(NVMX_CAUSE_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_control_of_every_reason), cmocka_unit_test(nothing_is_nobodys),
		cmocka_unit_test(exceptions),                    cmocka_unit_test(page_faults_and_nmis),
		cmocka_unit_test(control_registers),             cmocka_unit_test(bitmaps_and_the_like),
		cmocka_unit_test(in_vmcs02),                     cmocka_unit_test(vmcs12_asks),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
