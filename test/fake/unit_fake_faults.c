/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A host and a guest at their worst: the k-th callback that can fail does, for every k; guest memory changes between two
 * looks at it.  The fake host's ledger ends the program on any broken promise; here the ways in which a run may end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "compare.h"
#include "gen.h"

static struct gen g;

static void check_end(const struct fake_result *r, uint64_t seed, uint64_t k)
{
	if (r->library_stop == NVMX_STOP_ENTRY_VMCS02 || r->refused)
		fail_msg("seed %llu, callback %llu: the processor refused vmcs02: %s", (unsigned long long)seed,
			 (unsigned long long)k, r->refused ? r->refused : "guest state");
	assert_true(!r->host_stopped || r->library_stop != NVMX_STOP_NONE);
}

static void every_callback_fails_once(void **state)
{
	uint64_t failed = 0;

	(void)state;
	for (uint64_t seed = 1000; seed < (NVMX_TEST_FULL ? 1006 : 1001); seed++) {
		uint64_t n;

		gen_make(&g, seed, 4);
		fake_run_nested(&g.machine, &fake_nested);
		n = fake_nested.callbacks;
		for (uint64_t k = 1; k <= n; k++) {
			g.machine.fail_at = k;
			fake_run_nested(&g.machine, &fake_nested);
			check_end(&fake_nested, seed, k);
			failed++;
		}
	}
	assert_true(failed > 200);
}

static void memory_changes_between_looks(void **state)
{
	uint64_t entries = 0;

	(void)state;
	for (uint64_t seed = 2000; seed < (NVMX_TEST_FULL ? 2200 : 2030); seed++) {
		gen_make(&g, seed, 16);
		g.machine.mutate = (uint32_t)seed;
		fake_run_nested(&g.machine, &fake_nested);
		check_end(&fake_nested, seed, 0);
		entries += fake_nested.counters[NVMX_CNT_ENTRY];
	}
	assert_true(entries > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_callback_fails_once),
		cmocka_unit_test(memory_changes_between_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
