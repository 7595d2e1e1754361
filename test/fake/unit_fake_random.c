/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The property: a random script of L1 and its L2 sees the same bare and nested.  NVMX_SEED replays one seed, NVMX_RUNS
 * sets how many are tried.  A script that fails is made shorter as long as it still fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "compare.h"
#include "gen.h"

#define ROUNDS 24
#ifdef NESTVMX_PORT_HEADER
#define RUNS 100
#else
#define RUNS (NVMX_TEST_FULL ? 400 : 60)
#endif
static struct gen g;

static bool same(uint64_t seed, unsigned rounds, bool verbose)
{
	gen_make(&g, seed, rounds);
	g.machine.vmcs01_changes = seed % 4 == 0;
	g.machine.traced = seed % 3 == 0;
	g.machine.pageable = seed % 4 == 1 || getenv("NVMX_PAGES");
	g.machine.parks = seed % 4 == 1;
	g.machine.restless = seed % 3 == 1;
	g.machine.intercepts = seed % 5 == 2 || getenv("NVMX_INTERCEPTS");
	return fake_same(&g.machine, verbose);
}

static void shrink(uint64_t seed)
{
	unsigned rounds = 1;

	while (same(seed, rounds, false))
		rounds++;
	fprintf(stderr, "seed %llu (NVMX_SEED), %u rounds, host flags %#x:\n", (unsigned long long)seed, rounds,
		g.machine.flags);
	same(seed, rounds, true);
}

static void traces_are_equal(void **state)
{
	uint64_t first = gen_setting("NVMX_SEED", 1), runs = gen_setting("NVMX_RUNS", getenv("NVMX_SEED") ? 1 : RUNS);
	uint64_t failed = 0, switches = 0, entries = 0, exits = 0, refused = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + runs && failed < 5; seed++) {
		if (!same(seed, ROUNDS, false)) {
			shrink(seed);
			failed++;
		}
		entries += fake_nested.counters[NVMX_CNT_ENTRY];
		exits += fake_nested.counters[NVMX_CNT_EXIT_TO_L1];
		refused += fake_nested.counters[NVMX_CNT_ENTRY_FAIL];
		switches += fake_nested.switches;
	}
	printf("%llu scripts, %llu VM entries, %llu VM exits to L1, %llu entries refused, %llu EPTP switches by the processor\n",
	       (unsigned long long)runs, (unsigned long long)entries, (unsigned long long)exits,
	       (unsigned long long)refused, (unsigned long long)switches);
	assert_int_equal(failed, 0);
	if (runs >= 100) /* the scripts get somewhere */
		assert_true(entries > runs * 5 && exits > runs * 5 && refused > runs / 10 && switches > runs / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traces_are_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
