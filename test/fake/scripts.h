/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a program of hand-written scripts has: one for L1, one for L2, and the run of both under each kind of host. */
#ifndef NVMX_FAKE_SCRIPTS_H
#define NVMX_FAKE_SCRIPTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "compare.h"

static struct script l1, l2;
static struct fake_code code[2];

static void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
}

static struct fake_machine machine(uint32_t flags)
{
	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2, .flags = flags };
}

/* Runs both ways under each kind of host, with an event from outside if there is one; what the bare run of the first kind, whose
 * processor keeps nothing from L1, has shown is in fake_bare. */
static void check_with(enum fake_stop stop, const struct fake_outside *outside, size_t n)
{
	struct fake_machine m = machine(0);

	m.outside = outside;
	m.outsides = n;
	for (unsigned kind = FAKE_KINDS; kind-- > 0;) {
		fake_as(&m, (enum fake_kind)kind);
		assert_true(fake_same(&m, true));
		if (kind != FAKE_PASSES_THROUGH)
			assert_null(fake_nested.refused);
		if (fake_nested.counters[NVMX_CNT_ENTRY])
			assert_int_equal(fake_nested.agains > 0, kind == FAKE_PAGES);
	}
	assert_int_equal(fake_bare.stop, stop);
}

static void check(enum fake_stop stop)
{
	check_with(stop, NULL, 0);
}

#endif
