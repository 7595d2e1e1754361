/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* controls.def: no bit twice, and what the provenance says of a bit is what the merge makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "vmcs/controls.h"

#define FREE (~0ull << 32) /* a capability MSR that lets every bit be 0 or 1 */
#define NO_ROW NVMX_BIT(31)

static void rows_are_whole(void **state)
{
	static const char *const words[] = { "PIN.", "PROC.", "PROC2.", "EXIT.", "ENTRY.", "PROC3." };
	uint64_t seen[NVMX_WORDS_ALL] = { 0 };
	size_t n;
	const struct nvmx_control_row *row = nvmx_control_rows(&n);

	(void)state;
	assert_true(n > 60);
	for (; n--; row++) {
		assert_true(row->word < NVMX_WORDS_ALL && row->from < NVMX_FROMS);
		assert_true(row->bit && !(row->bit & (row->bit - 1)));
		assert_false(seen[row->word] & row->bit);
		seen[row->word] |= row->bit;
		assert_int_equal(strncmp(row->name, words[row->word], strlen(words[row->word])), 0);
		assert_non_null(row->why);
	}
}

static void masks_sum_the_rows_up(void **state)
{
	struct nvmx_control_masks masks;
	size_t n, i;
	const struct nvmx_control_row *row = nvmx_control_rows(&n);

	(void)state;
	memset(&masks, 0xa5, sizeof(masks));
	nvmx_control_masks_make(&masks);
	for (i = 0; i < n; i++)
		for (unsigned from = 0; from < NVMX_FROMS; from++)
			assert_int_equal(!!(masks.bits[row[i].word][from] & row[i].bit), from == row[i].from);
}

/* By hand, for one control of each kind: 12, 01, engine -> the bit and who set it. */
static void kinds(void **state)
{
	static const struct {
		enum nvmx_word word;
		uint32_t bit;
		bool b12, b01, engine;
		enum nvmx_provenance by;
	} cases[] = {
		{ NVMX_WORD_PROC, NVMX_PROC_INT_WINDOW, true, false, false, NVMX_BY_L1 },
		{ NVMX_WORD_PROC, NVMX_PROC_INT_WINDOW, false, true, true, NVMX_BY_NOBODY },
		{ NVMX_WORD_PROC, NVMX_PROC_HLT, true, false, false, NVMX_BY_L1 },
		{ NVMX_WORD_PROC, NVMX_PROC_HLT, false, true, false, NVMX_BY_L0 },
		{ NVMX_WORD_PROC, NVMX_PROC_HLT, true, true, false, NVMX_BY_BOTH },
		{ NVMX_WORD_PROC, NVMX_PROC_HLT, false, false, true, NVMX_BY_NOBODY },
		{ NVMX_WORD_PROC, NVMX_PROC_MSR_BITMAPS, false, false, true, NVMX_BY_ENGINE },
		{ NVMX_WORD_PROC, NVMX_PROC_MSR_BITMAPS, true, true, false, NVMX_BY_NOBODY },
		{ NVMX_WORD_PIN, NO_ROW, true, true, true, NVMX_BY_NOBODY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(nvmx_merge_provenance(cases[i].word, cases[i].bit, cases[i].b12 ? cases[i].bit : 0,
						       cases[i].b01 ? cases[i].bit : 0,
						       cases[i].engine ? cases[i].bit : 0, FREE),
				 cases[i].by);
}

#define B NVMX_BIT64
/* By whom a control has to be asked for to be on while L2 runs, by bit number (SDM 24.6.1, 24.6.2, 24.7.1, 24.8.1). */
static const struct {
	uint64_t either, both, l1, host; /* of L1 and the host: any of them, both together, L1 alone, the host alone */
	uint64_t engine;                 /* neither: it is worked out */
	uint64_t refused;                /* beside `host`: the host may not have it on at all */
	uint64_t map, map01;             /* L1's on its own EPT, on the host's the host's; and nobody's on L1's own EPT */
} asked_for[NVMX_WORDS_ALL] = {
	[NVMX_WORD_PIN] = { .either = B(0) | B(3) | B(5), .engine = B(6) | B(7) },
	[NVMX_WORD_PROC] = { .either = B(3) | B(7) | B(9) | B(10) | B(11) | B(12) | B(15) | B(16) | B(23) | B(27) | B(29) | B(30),
			     .l1 = B(2) | B(22),
			     .engine = B(17) | B(19) | B(20) | B(21) | B(24) | B(25) | B(28) | B(31) },
	[NVMX_WORD_PROC2] = { .either = B(2) | B(6) | B(10) | B(11) | B(15) | B(16), .both = B(3) | B(12) | B(20) | B(26) | B(27),
			      .l1 = B(4) | B(7) | B(8) | B(9) | B(13),
			      .host = B(1) | B(19) | B(24) | B(28) | B(30) | B(31),
			      .engine = B(0) | B(5) | B(14) | B(18) | B(25), .refused = B(21) | B(23), .map = B(22),
			      .map01 = B(17) },
	[NVMX_WORD_EXIT] = { .host = B(9) | B(12) | B(23) | B(24) | B(25) | B(26) | B(27) | B(28) | B(29) | B(30),
			     .engine = B(2) | B(15) | B(18) | B(19) | B(20) | B(21) | B(22), .refused = B(31) },
	[NVMX_WORD_ENTRY] = { .l1 = B(9), .host = B(17) | B(18),
			      .engine = B(2) | B(13) | B(14) | B(15) | B(16) | B(20) | B(22),
			      .refused = B(10) | B(11) | B(19) | B(21) | B(23) },
	[NVMX_WORD_PROC3] = { .both = B(6), .l1 = B(4), .host = B(0), .refused = B(1) | B(2) | B(3) | B(7) },
};

static void each_control_by_whom_it_is_asked_for(void **state)
{
	const uint64_t ept = NVMX_PROC2_EPT;
	struct nvmx_control_masks masks;

	(void)state;
	nvmx_control_masks_make(&masks);
	for (unsigned w = 0; w < NVMX_WORDS_ALL; w++) {
		enum nvmx_word word = (enum nvmx_word)w;
		uint64_t all = w == NVMX_WORD_PROC3 ? ~0ull : ~0u, either = asked_for[w].either, map = asked_for[w].map;
		uint64_t host = asked_for[w].host | asked_for[w].refused | either, l1 = asked_for[w].l1 | either;
		uint64_t only = w == NVMX_WORD_PROC2 ? all & ~ept : all; /* of vmcs12, without EPT */

		assert_int_equal(nvmx_merge_bits(&masks, word, only, 0, 0), l1);
		assert_int_equal(nvmx_merge_bits(&masks, word, 0, all, 0), host | map | asked_for[w].map01);
		assert_int_equal(nvmx_merge_bits(&masks, word, only, all, 0),
				 l1 | host | asked_for[w].both | map | asked_for[w].map01);
		assert_int_equal(nvmx_merge_bits(&masks, word, 0, 0, all), asked_for[w].engine);
		for (unsigned bit = 0; bit < 64; bit++)
			if (asked_for[w].refused >> bit & 1)
				assert_int_equal(nvmx_control_refused(word, B(bit)), bit);
	}
	assert_int_equal(nvmx_merge_bits(&masks, NVMX_WORD_PROC2, ~0u, 0, 0) & (B(17) | B(22)), B(22));
	assert_int_equal(nvmx_merge_bits(&masks, NVMX_WORD_PROC2, ept, ~0u, 0) & (B(17) | B(22)), 0);
}

/* Every row, every combination of the three sources and of the two capability bits. */
static void provenance_is_the_merge(void **state)
{
	struct nvmx_control_masks masks;
	size_t n;
	const struct nvmx_control_row *row = nvmx_control_rows(&n);

	(void)state;
	nvmx_control_masks_make(&masks);
	for (; n--; row++) {
		for (unsigned k = 0; k < 64; k++) {
			uint32_t b = (uint32_t)row->bit, ept = k & 32 && row->word == NVMX_WORD_PROC2 ? NVMX_PROC2_EPT : 0;
			uint32_t c12 = (k & 1 ? b : 0) | ept, c01 = k & 2 ? b : 0, engine = k & 4 ? b : 0;
			bool must = k & 8, may = must || k & 16;
			uint64_t cap = (may ? (uint64_t)b << 32 : 0) | (must ? b : 0);
			enum nvmx_word word = (enum nvmx_word)row->word;
			uint32_t merged = nvmx_merge_word(&masks, word, c12, c01, engine, cap);
			uint32_t asked = nvmx_merge_word(&masks, word, c12, c01, engine, FREE);
			enum nvmx_provenance by = nvmx_merge_provenance(word, b, c12, c01, engine, cap);

			assert_int_equal(merged & ~b, 0);
			assert_int_equal(by == NVMX_BY_CAPABILITY, merged != asked);
			if (by != NVMX_BY_CAPABILITY)
				assert_int_equal(by != NVMX_BY_NOBODY, merged == b);
		}
	}
}

/* The processor has its way: bits that must be 1 are, bits that may not be 1 are not, whoever asks. */
static void capabilities_win(void **state)
{
	struct nvmx_control_masks masks;

	(void)state;
	nvmx_control_masks_make(&masks);
	assert_int_equal(nvmx_merge_word(&masks, NVMX_WORD_PIN, 0, 0, 0, FREE | 0x16), 0x16);
	assert_int_equal(nvmx_merge_word(&masks, NVMX_WORD_PIN, ~0u, ~0u, ~0u, 0x16ull << 32 | 0x16), 0x16);
	assert_int_equal(nvmx_merge_provenance(NVMX_WORD_PIN, NO_ROW, 0, 0, 0, FREE | NO_ROW), NVMX_BY_CAPABILITY);
	assert_int_equal(nvmx_merge_word(&masks, NVMX_WORD_PIN, NO_ROW, NO_ROW, NO_ROW, FREE), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(masks_sum_the_rows_up),
		cmocka_unit_test(kinds),
		cmocka_unit_test(each_control_by_whom_it_is_asked_for),
		cmocka_unit_test(provenance_is_the_merge),
		cmocka_unit_test(capabilities_win),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
