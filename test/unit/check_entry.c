/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The table of VM-entry checks: valid states pass; what each row says of itself is true of its predicate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "check_states.h"

static struct state s;

static void valid_states_pass(void **state)
{
	(void)state;
	for (enum base base = 0; base < BASES; base++) {
		const struct nvmx_check_row *failed;

		make_base(&s, base);
		failed = nvmx_check_entry(&s.in, NVMX_GROUPS_ALL);
		if (failed)
			fail_msg("base %d fails %s", base, failed->id);
	}
}

static void ids_are_distinct(void **state)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	(void)state;
	assert_true(n > 200);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(rows[i].id, rows[k].id))
				fail_msg("%s is there twice", rows[i].id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_states_pass),
		cmocka_unit_test(ids_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
