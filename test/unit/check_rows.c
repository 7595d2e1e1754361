/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Each VM-entry check, both ways; and what each row says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "check_cases.h"

static const struct check_case cases[] = {
#include "check_cases_controls.h"
#include "check_cases_host.h"
#include "check_cases_guest.h"
#include "check_cases_segments.h"
#include "check_cases_nonreg.h"
};
#define NCASES (sizeof(cases) / sizeof(*cases))

static struct state s;
static const struct nvmx_check_row *rows;
static size_t nrows;

static uint64_t random64(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* A new value for a field: often one bit away, often at a boundary. */
static uint64_t mutate(uint64_t old)
{
	static const uint64_t edges[] = { 0, 1, ~0ull, 0xffff, 0x80000000, 1ull << 47, 1ull << 48, 0x80000b0d,
		0x80000202 };

	switch (random64() % 3) {
	case 0:
		return old ^ 1ull << random64() % 64;
	case 1:
		return edges[random64() % (sizeof(edges) / sizeof(*edges))];
	default:
		return old ^ (random64() & random64());
	}
}

static void each_case_breaks_its_row_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		const struct nvmx_check_row *failed;

		make_broken(&s, &cases[i]);
		failed = nvmx_check_entry(&s.in, NVMX_GROUPS_ALL);
		if (!failed || strcmp(failed->id, cases[i].row))
			fail_msg("case %zu of %s fails %s", i, cases[i].row, failed ? failed->id : "nothing");
		assert_int_equal(failed->consequence == NVMX_CHECK_VMFAIL, failed->error != 0);
		make_mended(&s, &cases[i]);
		failed = nvmx_check_entry(&s.in, NVMX_GROUPS_ALL);
		if (failed)
			fail_msg("case %zu of %s, mended, fails %s", i, cases[i].row, failed->id);
	}
}

static void each_row_has_a_case(void **state)
{
	(void)state;
	for (size_t r = 0; r < nrows; r++) {
		size_t n = 0;

		for (size_t i = 0; i < NCASES; i++)
			n += !strcmp(cases[i].row, rows[r].id);
		if (!n)
			fail_msg("%s has no case", rows[r].id);
	}
}

static const struct nvmx_check_row *row_of(const struct check_case *c)
{
	size_t r = 0;

	while (strcmp(rows[r].id, c->row))
		r++;
	return &rows[r];
}

static bool lists(const struct nvmx_check_row *row, unsigned field)
{
	for (const uint16_t *f = row->fields; *f != 0xffff; f++)
		if (*f == nvmx_field_rows[field].encoding)
			return true;
	return false;
}

/* A row whose result changes with a field lists it, and is dirtied by the write. */
static void judge_declaration(const struct nvmx_check_row *row, unsigned field)
{
	uint64_t old = nvmx_v12_get(&s.v12, field), new = mutate(old);
	uint32_t groups = nvmx_dirty_groups(&s.v12, field, new);
	bool before = row->holds(&s.in);

	nvmx_v12_set(&s.v12, field, new);
	if (row->holds(&s.in) != before) {
		if (!lists(row, field))
			fail_msg("%s reads %s and does not say so", row->id, nvmx_field_rows[field].name);
		if (!(row->groups & groups))
			fail_msg("%s depends on %s, whose groups it lacks", row->id, nvmx_field_rows[field].name);
	}
	nvmx_v12_set(&s.v12, field, old);
}

static void rows_declare_what_they_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		const struct nvmx_check_row *row = row_of(&cases[i]);

		for (unsigned field = 0; field < NVMX_ROWS; field++) {
			for (unsigned k = 0; k < 6; k++) {
				make_broken(&s, &cases[i]);
				judge_declaration(row, field);
				make_mended(&s, &cases[i]);
				judge_declaration(row, field);
			}
		}
	}
}

/* Whether the row of a broken case holds once one of the controls is off that the case turns on in this word. */
static bool mended_by_a_control(const struct check_case *c, unsigned word, uint32_t on)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		if (!(on >> bit & 1))
			continue;
		make_broken(&s, c);
		nvmx_v12_set(&s.v12, word, nvmx_v12_get(&s.v12, word) & ~NVMX_BIT(bit));
		if (row_of(c)->holds(&s.in))
			return true;
	}
	return false;
}

/* Without the controls that make it count a row holds, whatever the other fields are: judged by those that its cases turn on. */
static void rows_count_under_their_controls(void **state)
{
	static const uint16_t words[] = { NVMX_PIN_CTLS, NVMX_PROC_CTLS, NVMX_PROC_CTLS2, NVMX_EXIT_CTLS, NVMX_ENTRY_CTLS };
	unsigned judged = 0;

	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		bool turned_on = false, mended = false;

		for (unsigned w = 0; w < 5; w++) {
			unsigned word = (unsigned)nvmx_field_find(words[w]);
			uint32_t on, off;

			make_base(&s, cases[i].base);
			off = (uint32_t)nvmx_v12_get(&s.v12, word);
			make_broken(&s, &cases[i]);
			on = lists(row_of(&cases[i]), word) ? (uint32_t)nvmx_v12_get(&s.v12, word) & ~off : 0;
			turned_on |= on;
			mended |= mended_by_a_control(&cases[i], word, on);
		}
		judged += turned_on;
		if (turned_on && !mended)
			fail_msg("case %zu of %s fails whatever is off", i, cases[i].row);
	}
	assert_true(judged > 60);
}

/* Writes of what no row reads dirty nothing. */
static void group_info_is_what_no_row_reads(void **state)
{
	(void)state;
	for (unsigned field = 0; field < NVMX_ROWS; field++) {
		bool is_read = false;

		for (size_t r = 0; r < nrows; r++)
			is_read |= lists(&rows[r], field);
		if (is_read == (nvmx_field_rows[field].group == NVMX_G_INFO))
			fail_msg("%s is %sread by a row", nvmx_field_rows[field].name, is_read ? "" : "not ");
	}
	for (size_t r = 0; r < nrows; r++)
		assert_int_equal(rows[r].groups & NVMX_GROUP(INFO), 0);
}

/* An EPT pointer is judged without reading back what vmcs02 has of L2, and with no other control but those that switch it on. */
static void eptp_is_judged_alone(void **state)
{
	unsigned judges = 0;

	(void)state;
	for (size_t r = 0; r < nrows; r++) {
		if (!(rows[r].groups & NVMX_GROUP(EPTP)))
			continue;
		judges++;
		assert_true(lists(&rows[r], NVMX_I_EPT_POINTER));
		for (unsigned field = 0; field < NVMX_ROWS; field++)
			if (lists(&rows[r], field) && nvmx_field_rows[field].sync == NVMX_S_RARE)
				fail_msg("%s reads %s", rows[r].id, nvmx_field_rows[field].name);
	}
	assert_int_equal(judges, 5);
	assert_int_equal(nvmx_dirty_groups(&s.v12, NVMX_I_EPT_POINTER, ~0ull), NVMX_GROUP(EPTP));
}

static void listed_fields_exist(void **state)
{
	(void)state;
	for (size_t r = 0; r < nrows; r++) {
		assert_int_not_equal(rows[r].fields[0], 0xffff);
		for (const uint16_t *f = rows[r].fields; *f != 0xffff; f++) {
			assert_int_not_equal(nvmx_field_find(*f), -1);
			for (const uint16_t *g = rows[r].fields; g != f; g++)
				assert_int_not_equal(*f, *g);
		}
	}
}

/* Judging what a write dirtied finds what judging everything finds. */
static void dirty_groups_suffice(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 60000; n++) {
		const struct nvmx_check_row *all, *some;
		uint32_t dirty = 0;

		make_mended(&s, &cases[random64() % NCASES]);
		for (unsigned writes = 1 + random64() % 3; writes; writes--) {
			unsigned field = random64() % NVMX_ROWS;
			uint64_t new = mutate(nvmx_v12_get(&s.v12, field));

			dirty |= nvmx_dirty_groups(&s.v12, field, new);
			nvmx_v12_set(&s.v12, field, new);
		}
		all = nvmx_check_entry(&s.in, NVMX_GROUPS_ALL);
		some = nvmx_check_entry(&s.in, dirty);
		if (all != some)
			fail_msg("all groups: %s; groups %#x: %s", all ? all->id : "passes", dirty,
				some ? some->id : "passes");
	}
}

/* A row none of whose groups is dirty is not judged again: neither where nothing is nor with what is. */
static void clean_groups_are_not_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		const struct nvmx_check_row *row = row_of(&cases[i]);

		make_broken(&s, &cases[i]);
		assert_null(nvmx_check_entry(&s.in, 0));
		assert_ptr_not_equal(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL & ~row->groups), row);
		for (uint32_t bit = 1; bit; bit <<= 1)
			assert_int_equal(nvmx_check_entry(&s.in, bit) == row, (row->groups & bit) != 0);
	}
}

/* Rows that read facts beside vmcs12 belong to the group of facts. */
static void facts_have_a_group(void **state)
{
	(void)state;
	for (size_t i = 0; i < NCASES; i++) {
		if (!(row_of(&cases[i])->groups & NVMX_GROUP_FACTS))
			continue;
		make_broken(&s, &cases[i]);
		assert_ptr_equal(nvmx_check_entry(&s.in, NVMX_GROUP_FACTS), row_of(&cases[i]));
	}
}

static void unknown_facts_pass(void **state)
{
	(void)state;
	make_base(&s, LONG_MODE);
	s.v12.proc_ctls |= NVMX_PROC_TPR_SHADOW;
	s.v12.tpr_threshold = 15;
	assert_string_equal(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL)->id, "ctrl.tpr_threshold.above_vtpr");
	s.in.vtpr_known = false;
	assert_null(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL));
	make_base(&s, PAE);
	s.in.pdpte[1] = ~0ull;
	assert_string_equal(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL)->id, "guest.pdpte1.reserved_in_memory");
	s.in.pdpte_known = false;
	assert_null(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL));
}

static bool is_of(const struct nvmx_check_row *row, const char *prefix)
{
	return !strncmp(row->id, prefix, strlen(prefix));
}

/* What a failure looks like depends on what was checked alone (SDM 26.2, 26.8, table 30.4): a few guest-state checks qualify it. */
static void outcomes_are_the_sdms(void **state)
{
	(void)state;
	for (size_t i = 0; i < nrows; i++) {
		bool guest = is_of(&rows[i], "guest."), host = is_of(&rows[i], "host.");
		unsigned qualification = is_of(&rows[i], "guest.link.") ? 4 : is_of(&rows[i], "guest.interruptibility.nmi_sti") ? 3
						 : is_of(&rows[i], "guest.pdpte") ? 2 : 0;

		if (!guest && !host && !is_of(&rows[i], "ctrl."))
			fail_msg("%s is of no kind", rows[i].id);
		assert_int_equal(rows[i].consequence, guest ? NVMX_CHECK_ENTRY_FAIL : NVMX_CHECK_VMFAIL);
		assert_int_equal(rows[i].error, guest ? 0 : host ? NVMX_VMERR_ENTRY_HOST_STATE : NVMX_VMERR_ENTRY_CONTROLS);
		if (rows[i].qualification != qualification)
			fail_msg("%s: exit qualification %u", rows[i].id, rows[i].qualification);
		assert_int_equal(strncmp(rows[i].sdm, guest ? "26.3.1" : "26.2", guest ? 6 : 4), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_are_the_sdms),
		cmocka_unit_test(each_case_breaks_its_row_alone),
		cmocka_unit_test(each_row_has_a_case),
		cmocka_unit_test(rows_count_under_their_controls),
		cmocka_unit_test(group_info_is_what_no_row_reads),
		cmocka_unit_test(eptp_is_judged_alone),
		cmocka_unit_test(listed_fields_exist),
		cmocka_unit_test(rows_declare_what_they_read),
		cmocka_unit_test(dirty_groups_suffice),
		cmocka_unit_test(clean_groups_are_not_judged),
		cmocka_unit_test(facts_have_a_group),
		cmocka_unit_test(unknown_facts_pass),
	};

	rows = nvmx_check_rows(&nrows);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
