/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.3.1.2: checks on guest segment registers. */
#include "entry.h"

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };
static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };

#define SELECTOR(s) (GUEST_ES_SELECTOR + 2 * (s))
#define BASE(s) (GUEST_ES_BASE + 2 * (s))
#define LIMIT(s) (GUEST_ES_LIMIT + 2 * (s))
#define AR(s) (GUEST_ES_AR + 2 * (s))

static const struct entry_row special[] = {
	{ "tr.ti", GUEST, .change = { { SELECTOR(TR), OR, 4 } } },
	{ "ldtr.ti", GUEST, .change = { { AR(LDTR), SET, 0x82 }, { SELECTOR(LDTR), SET, 4 } } },
	{ "ldtr.usable", RUNS, .change = { { AR(LDTR), SET, 0x82 } } },
	{ "ldtr.type", GUEST, .change = { { AR(LDTR), SET, 0x83 } } },
	{ "ldtr.s", GUEST, .change = { { AR(LDTR), SET, 0x92 } } },
	{ "ldtr.present", GUEST, .change = { { AR(LDTR), SET, 0x02 } } },
	{ "ldtr.reserved8", GUEST, .change = { { AR(LDTR), SET, 0x182 } } },
	{ "ldtr.reserved17", GUEST, .change = { { AR(LDTR), SET, 0x20082 } } },
	{ "ldtr.g_small_limit", GUEST, .change = { { AR(LDTR), SET, 0x8082 }, { LIMIT(LDTR), SET, 0xffe } } },
	{ "ldtr.no_g_large_limit", GUEST, .change = { { AR(LDTR), SET, 0x82 }, { LIMIT(LDTR), SET, 0x100000 } } },
	{ "ldtr.base", GUEST, .change = { { AR(LDTR), SET, 0x82 }, { BASE(LDTR), NONCANONICAL } } },
	{ "tr.unusable", GUEST, .change = { { AR(TR), OR, 0x10000 } } },
	{ "tr.available", GUEST, .change = { { AR(TR), SET, 0x89 } } },
	{ "tr.busy16_long", GUEST, .change = { { AR(TR), SET, 0x83 } } },
	{ "tr.busy16_protected", RUNS, PROTECTED, .change = { { AR(TR), SET, 0x83 } } },
	{ "tr.s", GUEST, .change = { { AR(TR), SET, 0x9b } } },
	{ "tr.present", GUEST, .change = { { AR(TR), SET, 0x0b } } },
	{ "tr.reserved8", GUEST, .change = { { AR(TR), OR, 0x100 } } },
	{ "tr.reserved31", GUEST, .change = { { AR(TR), OR, 0x80000000 } } },
	{ "tr.g_small_limit", GUEST, .change = { { AR(TR), OR, 0x8000 } } },
	{ "tr.no_g_large_limit", GUEST, .change = { { LIMIT(TR), SET, 0x100000 } } },
	{ "tr.base", GUEST, .change = { { BASE(TR), NONCANONICAL } } },
	{ "cs.base_high", GUEST, .change = { { BASE(CS), SET, BIT(32) } } },
	{ "ss.base_high", GUEST, .change = { { BASE(SS), SET, BIT(32) } } },
	{ "ds.base_high", GUEST, .change = { { BASE(DS), SET, BIT(32) } } },
	{ "es.base_high", GUEST, .change = { { BASE(ES), SET, BIT(32) } } },
	{ "es.base_high_unusable", RUNS, .change = { { BASE(ES), SET, BIT(32) }, { AR(ES), SET, 0x10000 } } },
	{ "fs.base", GUEST, .change = { { BASE(FS), NONCANONICAL } } },
	{ "gs.base", GUEST, .change = { { BASE(GS), NONCANONICAL } } },
	{ "fs.base_unusable", GUEST, .change = { { BASE(FS), NONCANONICAL }, { AR(FS), SET, 0x10000 } } },
	{ "fs.base_high", RUNS, .change = { { BASE(FS), SET, BIT(40) } } },
	{ "cs.unusable", RUNS, .change = { { AR(CS), OR, 0x10000 } } },
	{ "cs.type1", GUEST, .change = { { AR(CS), SET, 0xa091 } } },
	{ "cs.type8", GUEST, .change = { { AR(CS), SET, 0xa098 } } },
	{ "cs.type10", GUEST, .change = { { AR(CS), SET, 0xa09a } } },
	{ "cs.type9", RUNS, .change = { { AR(CS), SET, 0xa099 } } },
	{ "cs.type13", RUNS, .change = { { AR(CS), SET, 0xa09d } } },
	{ "cs.type3_unrestricted", RUNS, PROTECTED, .change = { { AR(CS), SET, 0xc093 } } },
	{ "cs.type3_plain", GUEST, PLAIN, .change = { { AR(CS), SET, 0xa093 } } },
	{ "cs.type3_dpl", GUEST, PROTECTED, .change = { { AR(CS), SET, 0xc0f3 } } },
	{ "cs.s", GUEST, .change = { { AR(CS), SET, 0xa08b } } },
	{ "cs.dpl_nonconforming", GUEST, .change = { { AR(CS), SET, 0xa0fb } } },
	{ "cs.dpl_conforming", GUEST, .change = { { AR(CS), SET, 0xa0fd } } },
	{ "cs.l_and_d", GUEST, .change = { { AR(CS), SET, 0xe09b } } },
	{ "ss.type1", GUEST, .change = { { AR(SS), SET, 0xc091 } } },
	{ "ss.type2", GUEST, .change = { { AR(SS), SET, 0xc092 } } },
	{ "ss.type7", RUNS, .change = { { AR(SS), SET, 0xc097 } } },
	{ "ss.type9", GUEST, .change = { { AR(SS), SET, 0xc099 } } },
	{ "ss.unusable", RUNS, .change = { { AR(SS), SET, 0x10000 } } },
	{ "ss.rpl_plain", GUEST, PLAIN, .change = { { SELECTOR(SS), OR, 3 } } },
	{ "ss.dpl_plain", GUEST, PLAIN, .change = { { AR(SS), OR, 0x60 } } },
	{ "ss.dpl_real", GUEST, REAL, .change = { { AR(SS), OR, 0x60 } } },
	{ "ds.type0", GUEST, .change = { { AR(DS), SET, 0xc090 } } },
	{ "ds.type1", RUNS, .change = { { AR(DS), SET, 0xc091 } } },
	{ "ds.type9", GUEST, .change = { { AR(DS), SET, 0xc099 } } },
	{ "ds.type11", RUNS, .change = { { AR(DS), SET, 0xc09b } } },
	{ "ds.dpl_plain", GUEST, PLAIN, .change = { { SELECTOR(DS), OR, 3 } } },
	{ "ds.dpl_conforming_plain", RUNS, PLAIN, .change = { { SELECTOR(DS), OR, 3 }, { AR(DS), SET, 0xc09f } } },
	{ "ds.unusable", RUNS, .change = { { AR(DS), SET, 0x10000 }, { LIMIT(DS), SET, 0x12345 } } },
};

static void one(const char *id, const char *want, enum start start, u16 field, enum how how, u64 v)
{
	struct entry_row row = { id, want, start, .change = { { field, how, v } } };

	entry_rows(&row, 1);
}

/* Reserved bits, S, P and the limit's granularity, for each of the six. */
static void code_and_data(void)
{
	for (unsigned s = ES; s <= GS; s++) {
		one(text("%s.reserved8", names[s]), GUEST, LONG, AR(s), OR, 0x100);
		one(text("%s.reserved11", names[s]), GUEST, LONG, AR(s), OR, 0x800);
		one(text("%s.reserved17", names[s]), GUEST, LONG, AR(s), OR, 0x20000);
		one(text("%s.reserved31", names[s]), GUEST, LONG, AR(s), OR, 0x80000000);
		one(text("%s.system", names[s]), GUEST, LONG, AR(s), CLEAR, 0x10);
		one(text("%s.absent", names[s]), GUEST, LONG, AR(s), CLEAR, 0x80);
		one(text("%s.accessed", names[s]), GUEST, LONG, AR(s), CLEAR, 1);
		one(text("%s.g_low_limit", names[s]), GUEST, LONG, LIMIT(s), SET, 0xfffff000);
		one(text("%s.no_g_large_limit", names[s]), GUEST, LONG, AR(s), CLEAR, 0x8000);
	}
}

/* Virtual-8086 mode: base, limit and access rights are fixed. */
static void virtual_8086(void)
{
	for (unsigned s = ES; s <= GS; s++) {
		one(text("v86.%s.base", names[s]), GUEST, V86, BASE(s), SET, 0x10);
		one(text("v86.%s.selector", names[s]), GUEST, V86, SELECTOR(s), SET, 1);
		one(text("v86.%s.limit", names[s]), GUEST, V86, LIMIT(s), SET, 0xfffe);
		one(text("v86.%s.limit_large", names[s]), GUEST, V86, LIMIT(s), SET, 0xffffffff);
		one(text("v86.%s.rights", names[s]), GUEST, V86, AR(s), SET, 0x93);
		one(text("v86.%s.unusable", names[s]), GUEST, V86, AR(s), OR, 0x10000);
	}
}

void conform_entry_segments(void)
{
	theme("segment");
	entry_begin();
	entry_rows(special, ARRAY_SIZE(special));
	code_and_data();
	virtual_8086();
}
