/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Random scripts of an L1 and its L2 (test/fake/gen.c), in a bhyve that pages, moves and preempts: the guests see what a processor
 * shows.  NVMX_SEED replays one seed, NVMX_RUNS sets how many are tried.
 */
#include <stdio.h>
#include <stdlib.h>
#include "cases.h"
#include "gen.h"

#define ROUNDS 16
#define RUNS (NVMX_TEST_FULL ? 200 : 30)

static struct gen g;
static uint32_t chance_n;

static uint32_t chance(uint32_t of)
{
	chance_n = chance_n * 1664525u + 1013904223u;
	return (chance_n >> 8) % of;
}

static bool disturb(unsigned vcpu)
{
	if (!chance(3))
		machine_move(vcpu, (int)chance(MACHINE_OTHER));
	if (!chance(3))
		machine_page_out(chance(FAKE_RAM_FRAMES) * FAKE_PAGE);
	machine_yield(vcpu);
	return false;
}

static void pager(void)
{
	while (machine_await_l2(0)) {
		machine_page_out(chance(FAKE_RAM_FRAMES) * FAKE_PAGE);
		machine_page_clean(chance(FAKE_RAM_FRAMES) * FAKE_PAGE);
		machine_await(6);
	}
}

/* What bhyve's guests have: no INIT, no vectors of the kernel's own. */
static struct machine make(uint64_t seed)
{
	struct machine m;

	gen_make(&g, seed, ROUNDS);
	for (size_t i = 0; i < g.outsides; i++) {
		if (g.outside[i].source == FAKE_INIT)
			g.outside[i].source = FAKE_NMI;
		g.outside[i].vector &= 0x7f;
	}
	chance_n = (uint32_t)seed;
	m = (struct machine){ .vcpu = { { .code = g.code, .codes = 3, .outside = g.outside, .outsides = g.outsides } } };
	m.between = disturb;
	m.begins_yielding = true;
	m.emulated_ad = seed % 5 == 0;
	m.lets_monitor = true;
	m.other = seed % 4 == 1 ? pager : NULL;
	m.interleave = seed % 8 == 1 ? (uint32_t)seed * 0x9e3779b9u : 0;
	return m;
}

static void traces_are_equal(void **state)
{
	uint64_t first = gen_setting("NVMX_SEED", 1), runs = gen_setting("NVMX_RUNS", getenv("NVMX_SEED") ? 1 : RUNS), entries = 0, failed = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + runs; seed++) {
		struct machine m;
		struct nvmx_caps caps;

		if (seed % 3 == 0) /* a processor with features that bhyve's does not have */
			continue;
		m = make(seed);
		machine_begin(&m);
		machine_run();
		caps = *machine_caps();
		machine_end();
		entries += nested.counters[0][NVMX_CNT_ENTRY];
		run_bare(&m, &caps);
		if (fake_trace_differs(&bare, &nested.trace[0]) >= 0) {
			fprintf(stderr, "seed %llu (NVMX_SEED)\n", (unsigned long long)seed);
			failed++;
			if (getenv("NVMX_SEED"))
				compare(&m, &caps, nested.stop[0]);
		}
	}
	printf("%llu scripts, %llu VM entries\n", (unsigned long long)runs, (unsigned long long)entries);
	assert_int_equal(failed, 0);
	assert_true(runs < 30 || entries > runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traces_are_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
