/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Random streams of table edits, invalidations, DMA and host remaps against a strict model of an IOMMU.  NVMX_STEPS sets
 * how many steps in all; NVMX_SEED the first seed, and with NVMX_FLAGS only that seed and those flags.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "run.h"

#define STEPS (NVMX_TEST_FULL ? 60000u : 15000u)
#define STEPS_OF_A_SEED 2500u

static struct run r;

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void seeds(unsigned flags, unsigned percent)
{
	uint64_t first = setting("NVMX_SEED", 1), steps = setting("NVMX_STEPS", STEPS) * percent / 100, done = 0, failed = 0;
	uint64_t seed = first;

	run_new(&r);
	if (getenv("NVMX_FLAGS")) {
		if (setting("NVMX_FLAGS", 0) == flags)
			assert_true(run_seed(&r, first, flags, STEPS_OF_A_SEED));
		run_free(&r);
		return;
	}
	for (; done < steps && failed < 5; seed++, done += STEPS_OF_A_SEED)
		failed += !run_seed(&r, seed, flags, STEPS_OF_A_SEED);
	printf("flags %u, seeds %llu to %llu: %llu steps, %llu edits, %llu invalidations, %llu DMAs (%llu pass), "
	       "%llu translations, %llu interrupts, %llu host changes\n", flags, (unsigned long long)first,
	       (unsigned long long)seed - 1, (unsigned long long)done, (unsigned long long)r.edits,
	       (unsigned long long)r.invalidations, (unsigned long long)r.dmas, (unsigned long long)r.dmas_ok,
	       (unsigned long long)r.translations, (unsigned long long)r.interrupts, (unsigned long long)r.changes);
	run_free(&r);
	assert_int_equal(failed, 0);
}

static void test_tables(void **state)
{
	(void)state;
	seeds(0, 55);
}

static void test_calls(void **state)
{
	(void)state;
	seeds(RUN_CALLS, 20);
}

static void test_failing_ops(void **state)
{
	(void)state;
	seeds(RUN_LOSSY, 10);
	seeds(RUN_LOSSY | RUN_CALLS, 5);
}

static void test_wild(void **state)
{
	(void)state;
	seeds(RUN_WILD, 6);
	seeds(RUN_WILD | RUN_LOSSY, 2);
	seeds(RUN_WILD | RUN_CALLS, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_failing_ops),
		cmocka_unit_test(test_wild),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
