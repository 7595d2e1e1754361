/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Every exit reason against every control: an exit is L1's if and only if L1 asked for it.  What asks for which is written here
 * anew, from SDM tables 24-5 to 24-7, 25.1.2, 25.1.3, 25.2 and appendix C: numbers of bits, none of the library's names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "vmcs/controls.h"
#include "vmx/route.h"

enum { PIN, PRIMARY, SECONDARY, WORDS };

static const struct {
	uint8_t reason, word, bit;
} asks[] = {
	{ 1, PIN, 0 }, { 7, PRIMARY, 2 }, { 8, PRIMARY, 22 }, { 12, PRIMARY, 7 }, { 14, PRIMARY, 9 }, { 15, PRIMARY, 11 },
	{ 16, PRIMARY, 12 }, { 29, PRIMARY, 23 }, { 30, PRIMARY, 24 }, { 36, PRIMARY, 10 }, { 37, PRIMARY, 27 },
	{ 39, PRIMARY, 29 }, { 40, PRIMARY, 30 }, { 40, SECONDARY, 10 }, { 43, PRIMARY, 21 }, { 44, SECONDARY, 0 },
	{ 45, SECONDARY, 9 }, { 46, SECONDARY, 2 }, { 47, SECONDARY, 2 }, { 51, PRIMARY, 12 }, { 52, PIN, 6 },
	{ 54, SECONDARY, 6 }, { 56, SECONDARY, 8 }, { 56, SECONDARY, 9 }, { 57, SECONDARY, 11 }, { 58, PRIMARY, 9 },
	{ 61, SECONDARY, 16 }, { 67, PRIMARY, 12 }, { 68, PRIMARY, 12 },
};
#define ASKS (sizeof(asks) / sizeof(*asks))

/* Nothing has to ask for these; MSRs, VMREAD and VMWRITE are among them while no bitmap is in use. */
static const uint8_t unconditional[] = {
	2, 3, 4, 9, 10, 11, 13, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 31, 32, 33, 34, 50, 53, 55, 84, 85,
};

/* By more than a control, which other tests have: exceptions, control registers, EPT, XSAVES, ENCLS, VMFUNC. */
static const uint8_t by_more[] = { 0, 23, 25, 28, 30, 31, 32, 48, 49, 59, 60, 63, 64, 84, 85 };

/* No control or feature that L1 is offered; or no reason at all. */
static const uint8_t never[] = { 5, 6, 17, 41, 62, 65, 66, 69, 70, 72, 73, 74, 75, 76, 77, 78, 79 };
static const uint8_t unused[] = { 35, 38, 42, 71, 80, 81, 82, 83 };

static bool in_list(const uint8_t *list, size_t n, uint32_t reason)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == reason)
			return true;
	return false;
}
#define IN(list, reason) in_list(list, sizeof(list), reason)

static struct nvmx_vmcs12 *with_control(unsigned word, unsigned bit, bool on)
{
	static struct nvmx_vmcs12 v12;

	memset(&v12, 0, sizeof(v12));
	v12.proc_ctls = 1u << 31;
	if (!on)
		return &v12;
	if (word == PIN)
		v12.pin_ctls = 1u << bit;
	else if (word == PRIMARY)
		v12.proc_ctls |= 1u << bit;
	else
		v12.proc_ctls2 = 1u << bit;
	return &v12;
}

static bool goes_to_l1(const struct nvmx_vmcs12 *v12, uint32_t reason)
{
	const struct nvmx_route_in in = { .reason = reason };

	return nvmx_route(v12, &in) == NVMX_ROUTE_L1;
}

static void every_reason_is_judged(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		bool conditional = false;

		for (size_t i = 0; i < ASKS; i++)
			conditional |= asks[i].reason == reason;
		assert_true(conditional || IN(unconditional, reason) || IN(by_more, reason) || IN(never, reason) ||
			    IN(unused, reason));
		assert_int_equal(!nvmx_route_row(reason)->name, IN(unused, reason));
	}
	assert_null(nvmx_route_row(NVMX_XR_COUNT)->name);
	assert_null(nvmx_route_row(~0u)->name);
}

static void each_control_alone(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		for (unsigned n = 0; n < WORDS * 32; n++) {
			bool asked = IN(unconditional, reason);

			if (IN(by_more, reason) || IN(unused, reason))
				continue;
			for (size_t i = 0; i < ASKS; i++)
				asked |= asks[i].reason == reason && asks[i].word == n / 32 && asks[i].bit == n % 32;
			if (goes_to_l1(with_control(n / 32, n % 32, true), reason) != asked)
				fail_msg("exit %u with bit %u of word %u", reason, n % 32, n / 32);
		}
		if (!IN(by_more, reason) && !IN(unused, reason))
			assert_int_equal(goes_to_l1(with_control(0, 0, false), reason), IN(unconditional, reason));
	}
}

/* Secondary controls without "activate secondary controls" are none (SDM 24.6.2). */
static void secondary_controls_that_are_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < ASKS; i++) {
		struct nvmx_vmcs12 *v12 = with_control(asks[i].word, asks[i].bit, true);

		v12->proc_ctls &= ~(1u << 31);
		assert_int_equal(goes_to_l1(v12, asks[i].reason), asks[i].word != SECONDARY);
	}
}

/* A control that vmcs02 has if either asks for it causes exits, and they tell who did; else it is named here. */
static void each_control_of_either_has_its_exits(void **state)
{
	const struct nvmx_control_row *rows;
	size_t n, cause = 0;

	(void)state;
	rows = nvmx_control_rows(&n);
	for (size_t i = 0; i < n; i++) {
		struct nvmx_vmcs12 v12 = { .proc_ctls = 1u << 31 }, none = v12;
		bool flips = false;

		if (rows[i].from != NVMX_FROM_EITHER || rows[i].word > NVMX_WORD_PROC2)
			continue;
		if (rows[i].word == NVMX_WORD_PIN)
			v12.pin_ctls |= rows[i].bit;
		else if (rows[i].word == NVMX_WORD_PROC)
			v12.proc_ctls |= rows[i].bit;
		else
			v12.proc_ctls2 |= rows[i].bit;
		for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
			struct nvmx_route_in in = { .reason = reason, .intr_info = 0x80000202, .qualification = 0x13 };

			if (reason == 28 && rows[i].bit == 1u << 15)
				in.qualification = 3;
			flips |= nvmx_route(&none, &in) == NVMX_ROUTE_L0 && nvmx_route(&v12, &in) != NVMX_ROUTE_L0;
		}
		if (!flips && strcmp(rows[i].name, "PIN.VNMI") && strcmp(rows[i].name, "PROC.TSC_OFFSET"))
			fail_msg("no exit tells that L1 asked for %s", rows[i].name);
		cause += flips;
	}
	assert_true(cause > 10);
}

/* PAUSE-loop exiting looks at CPL 0 alone (SDM 25.1.3). */
static void pause_loops_are_of_cpl0(void **state)
{
	struct nvmx_route_in in = { .reason = 40, .cpl = 3 };

	(void)state;
	assert_int_equal(nvmx_route(with_control(SECONDARY, 10, true), &in), NVMX_ROUTE_L0);
	assert_int_equal(nvmx_route(with_control(PRIMARY, 30, true), &in), NVMX_ROUTE_L1);
	in.cpl = 0;
	assert_int_equal(nvmx_route(with_control(SECONDARY, 10, true), &in), NVMX_ROUTE_L1);
}

/* An MTF VM exit that L1's entry made pending (SDM 26.6.2), and no other injected event. */
static void injected_mtf(void **state)
{
	struct nvmx_vmcs12 *v12 = with_control(0, 0, false);

	(void)state;
	v12->entry_intr_info = 0x80000700;
	assert_true(goes_to_l1(v12, 37));
	v12->entry_intr_info = 0x700;
	assert_false(goes_to_l1(v12, 37));
	v12->entry_intr_info = 0x80000202;
	assert_false(goes_to_l1(v12, 37));
}

static enum nvmx_route exception(const struct nvmx_vmcs12 *v12, uint32_t info)
{
	const struct nvmx_route_in in = { .intr_info = info };

	return nvmx_route(v12, &in);
}

/* Three vectors the machine uses for its owner's sake: he is asked first.  NMIs have vector 2 too, and a control of their own. */
static void exceptions(void **state)
{
	struct nvmx_vmcs12 v12 = { 0 };

	(void)state;
	for (unsigned vector = 0; vector < 32; vector++) {
		v12.exception_bitmap = 0;
		assert_int_equal(exception(&v12, 0x80000300 | vector), NVMX_ROUTE_L0);
		v12.exception_bitmap = ~(1u << vector);
		assert_int_equal(exception(&v12, 0x80000300 | vector), NVMX_ROUTE_L0);
		v12.exception_bitmap = 1u << vector;
		assert_int_equal(exception(&v12, 0x80000300 | vector),
				 vector == 1 || vector == 17 || vector == 18 ? NVMX_ROUTE_HOST_FIRST : NVMX_ROUTE_L1);
	}
	v12.exception_bitmap = ~0u;
	assert_int_equal(exception(&v12, 0x80000202), NVMX_ROUTE_L0);
	v12.exception_bitmap = 0;
	v12.pin_ctls = 1u << 3;
	assert_int_equal(exception(&v12, 0x80000202), NVMX_ROUTE_L1);
	assert_int_equal(exception(&v12, 0x80000502), NVMX_ROUTE_L0);
}

/* XSAVES and XRSTORS by their components and L1's bitmap (SDM 25.1.3). */
static void xss(void **state)
{
	struct nvmx_vmcs12 *v12 = with_control(SECONDARY, 20, true);
	struct nvmx_route_in in = { .operand = 0x100 };

	(void)state;
	for (in.reason = 63; in.reason <= 64; in.reason++) {
		v12->proc_ctls2 = 1u << 20;
		v12->xss_exit_bitmap = 0;
		assert_int_equal(nvmx_route(v12, &in), NVMX_ROUTE_L0);
		v12->xss_exit_bitmap = 0xfffffffffffffeff;
		assert_int_equal(nvmx_route(v12, &in), NVMX_ROUTE_L0);
		v12->xss_exit_bitmap = 0x100;
		assert_int_equal(nvmx_route(v12, &in), NVMX_ROUTE_L1);
		v12->proc_ctls2 = 0;
		assert_int_equal(nvmx_route(v12, &in), NVMX_ROUTE_L0);
	}
}

/* Without the control no bitmap and no table of L1's is looked at. */
static void where_to_look(void **state)
{
	static const struct {
		uint8_t reason, word, bit, on, off;
	} rows[] = {
		{ 23, SECONDARY, 14, NVMX_ROUTE_VMCS_BITMAP, NVMX_ROUTE_L1 }, { 25, SECONDARY, 14, NVMX_ROUTE_VMCS_BITMAP, NVMX_ROUTE_L1 },
		{ 30, PRIMARY, 25, NVMX_ROUTE_IO_BITMAP, NVMX_ROUTE_L0 }, { 31, PRIMARY, 28, NVMX_ROUTE_MSR_BITMAP, NVMX_ROUTE_L1 },
		{ 32, PRIMARY, 28, NVMX_ROUTE_MSR_BITMAP, NVMX_ROUTE_L1 }, { 84, PRIMARY, 28, NVMX_ROUTE_MSR_BITMAP, NVMX_ROUTE_L1 },
		{ 85, PRIMARY, 28, NVMX_ROUTE_MSR_BITMAP, NVMX_ROUTE_L1 }, { 48, SECONDARY, 1, NVMX_ROUTE_EPT, NVMX_ROUTE_L0 },
		{ 49, SECONDARY, 1, NVMX_ROUTE_EPT, NVMX_ROUTE_L0 }, { 59, SECONDARY, 13, NVMX_ROUTE_VMFUNC, NVMX_ROUTE_L0 },
		{ 60, SECONDARY, 15, NVMX_ROUTE_ENCLS_BITMAP, NVMX_ROUTE_L0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct nvmx_route_in in = { .reason = rows[i].reason };

		assert_int_equal(nvmx_route(with_control(rows[i].word, rows[i].bit, true), &in), rows[i].on);
		assert_int_equal(nvmx_route(with_control(rows[i].word, rows[i].bit, false), &in), rows[i].off);
	}
}

/* A reason that the library does not know: nothing of L1's that it does not know can have caused it. */
static void unknown_reasons(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < 0x10000; reason += reason < 256 ? 1 : 255) {
		struct nvmx_route_in in = { .reason = reason };

		if (nvmx_route_row(reason)->name)
			continue;
		assert_int_equal(nvmx_route(with_control(0, 0, false), &in), NVMX_ROUTE_L1);
		in.hosts_unknown = true;
		assert_int_equal(nvmx_route(with_control(0, 0, false), &in), NVMX_ROUTE_L0);
	}
}

/* Bits that a rule does not look at would only mislead. */
static void rows_have_no_idle_bits(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		const struct nvmx_route_row *row = nvmx_route_row(reason);
		bool used = row->rule == NVMX_RULE_PIN || row->rule == NVMX_RULE_PROC || row->rule == NVMX_RULE_PROC2;

		assert_int_equal(row->bits != 0, used);
	}
}

/* SDM 25.1.3, bit by bit. */
static bool owned(uint64_t value, uint64_t mask, uint64_t shadow, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last; i++)
		if (mask >> i & 1 && (value ^ shadow) >> i & 1)
			return true;
	return false;
}

static bool cr_access_exits(const struct nvmx_vmcs12 *v, unsigned cr, unsigned access, uint64_t value)
{
	const uint64_t targets[] = { v->cr3_target0, v->cr3_target1, v->cr3_target2, v->cr3_target3 };
	bool target = false;

	for (unsigned i = 0; i < v->cr3_target_count; i++)
		target |= targets[i] == value;
	if (access == 2) /* CLTS */
		return v->cr0_mask >> 3 & 1 && v->cr0_shadow >> 3 & 1;
	if (access == 3) /* LMSW, which never clears PE */
		return owned(value, v->cr0_mask, v->cr0_shadow, 1, 3) || (value & 1 && v->cr0_mask & 1 && !(v->cr0_shadow & 1));
	switch (cr) {
	case 0: return owned(value, v->cr0_mask, v->cr0_shadow, 0, 63);
	case 3: return access ? v->proc_ctls >> 16 & 1 : v->proc_ctls >> 15 & 1 && !target;
	case 4: return owned(value, v->cr4_mask, v->cr4_shadow, 0, 63);
	default: return v->proc_ctls >> (access ? 20 : 19) & 1;
	}
}

static uint64_t few_bits(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x >> 32 & x >> 16 & 0xf ? x & 0x1f : x & 0x8000000f;
}

/* Masks, shadows and values that mostly agree, so that one bit decides; targets among the values. */
static void control_registers(void **state)
{
	static const unsigned kinds[][2] = { { 0, 0 }, { 3, 0 }, { 4, 0 }, { 8, 0 }, { 3, 1 }, { 8, 1 }, { 0, 2 }, { 0, 3 } };
	unsigned exits[sizeof(kinds) / sizeof(*kinds)] = { 0 };

	(void)state;
	for (unsigned n = 0; n < 80000; n++) {
		unsigned kind = n % 8, cr = kinds[kind][0], access = kinds[kind][1];
		struct nvmx_vmcs12 v = { .cr0_mask = few_bits(), .cr0_shadow = few_bits(), .cr4_mask = few_bits(), .cr4_shadow = few_bits(),
					 .cr3_target0 = few_bits(), .cr3_target1 = few_bits(), .cr3_target2 = few_bits(),
					 .cr3_target3 = few_bits(), .cr3_target_count = (uint32_t)(few_bits() % 5),
					 .proc_ctls = (uint32_t)((few_bits() ^ few_bits() << 3) << 15) };
		uint64_t value = few_bits();
		struct nvmx_route_in in = { .reason = 28, .operand = value };
		bool exit;

		in.qualification = cr | access << 4 | (access == 3 ? (value & 15) << 16 : 0);
		exit = cr_access_exits(&v, cr, access, access == 3 ? value & 15 : value);
		assert_int_equal(nvmx_route(&v, &in), exit ? NVMX_ROUTE_L1 : NVMX_ROUTE_L0);
		exits[kind] += exit;
	}
	for (unsigned kind = 0; kind < 8; kind++)
		assert_in_range(exits[kind], 500, 9500); /* neither is rare */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_registers),
		cmocka_unit_test(every_reason_is_judged),
		cmocka_unit_test(each_control_alone),
		cmocka_unit_test(secondary_controls_that_are_off),
		cmocka_unit_test(each_control_of_either_has_its_exits),
		cmocka_unit_test(pause_loops_are_of_cpl0),
		cmocka_unit_test(injected_mtf),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(xss),
		cmocka_unit_test(where_to_look),
		cmocka_unit_test(unknown_reasons),
		cmocka_unit_test(rows_have_no_idle_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
