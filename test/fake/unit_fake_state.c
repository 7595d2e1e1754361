/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Nested state: moving it between any two steps changes nothing; what is no state is refused and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compare.h"
#include "gen.h"

static struct gen g;

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void moves_change_nothing(void **state)
{
	uint64_t first = setting("NVMX_SEED", 1), runs = setting("NVMX_RUNS", getenv("NVMX_SEED") ? 1 : 60), entries = 0, moves = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + runs; seed++) {
		gen_make(&g, seed, 24);
		g.machine.moves = (uint32_t)seed;
		if (!fake_same(&g.machine, true))
			fail_msg("seed %llu (NVMX_SEED)", (unsigned long long)seed);
		entries += fake_nested.counters[NVMX_CNT_ENTRY];
		moves += fake_nested.moves;
	}
	printf("%llu scripts, %llu VM entries, %llu moves\n", (unsigned long long)runs, (unsigned long long)entries,
	       (unsigned long long)moves);
	assert_true(runs < 60 || (entries > runs * 5 && moves > runs * 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
