/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.3.1.2; see check_cases.h */
#define V86(seg, SEG)                                                                                               \
	CASE("guest." seg ".v8086_base", V8086, (F(GUEST_##SEG##_SEL, 1)), F(GUEST_##SEG##_BASE, 0x10))             \
	CASE("guest." seg ".v8086_base", V8086, (F(GUEST_##SEG##_BASE, 1ull << 32)), F(GUEST_##SEG##_BASE, 0))      \
	CASE("guest." seg ".v8086_limit", V8086, (F(GUEST_##SEG##_LIMIT, 0xfffff)), F(GUEST_##SEG##_LIMIT, 0xffff)) \
	CASE("guest." seg ".v8086_ar", V8086, (F(GUEST_##SEG##_AR, 0x93)), F(GUEST_##SEG##_AR, 0xf3))
V86("es", ES)
V86("cs", CS)
V86("ss", SS)
V86("ds", DS)
V86("fs", FS)
V86("gs", GS)

#define LOW_BASE(seg, SEG) \
	CASE("guest." seg ".base_high", LONG_MODE, (F(GUEST_##SEG##_BASE, 1ull << 32)), F(GUEST_##SEG##_AR, 0x10000)) \
	CASE("guest." seg ".base_high", LEGACY, (F(GUEST_##SEG##_BASE, CANONICAL)), F(GUEST_##SEG##_BASE, 0xffffffff))
CASE("guest.fs.base", LONG_MODE, (F(GUEST_FS_BASE, NOT_CANONICAL)), F(GUEST_FS_BASE, CANONICAL))
CASE("guest.gs.base", LONG_MODE, (F(GUEST_GS_BASE, NOT_CANONICAL)), F(GUEST_GS_BASE, CANONICAL))
CASE("guest.gs.base", LEGACY, (F(GUEST_GS_BASE, 1ull << 63), F(GUEST_GS_AR, 0x10000)), F(GUEST_GS_BASE, ~0ull))
CASE("guest.cs.base_high", LONG_MODE, (F(GUEST_CS_BASE, 1ull << 32)), F(GUEST_CS_BASE, 0xffffffff))
LOW_BASE("es", ES)
LOW_BASE("ss", SS)
LOW_BASE("ds", DS)

/* Rules of all segments: `ar` is a good value, with G set; the rest mends what an unusable register need not keep. */
#define SHAPE(seg, SEG, ar, ...)                                                                              \
	CASE("guest." seg ".reserved_11_8", LONG_MODE, (F(GUEST_##SEG##_LIMIT, ~0u),                          \
	     F(GUEST_##SEG##_AR, (ar) | 0x100)), __VA_ARGS__)                                                 \
	CASE("guest." seg ".reserved_11_8", LONG_MODE, (F(GUEST_##SEG##_LIMIT, ~0u),                          \
	     F(GUEST_##SEG##_AR, (ar) | 0x800)), F(GUEST_##SEG##_AR, ar))                                     \
	CASE("guest." seg ".reserved_31_17", LONG_MODE, (F(GUEST_##SEG##_LIMIT, ~0u),                         \
	     F(GUEST_##SEG##_AR, (ar) | 0x20000)), __VA_ARGS__)                                               \
	CASE("guest." seg ".reserved_31_17", LONG_MODE, (F(GUEST_##SEG##_LIMIT, ~0u),                         \
	     F(GUEST_##SEG##_AR, (ar) | 1u << 31)), F(GUEST_##SEG##_AR, ar))                                  \
	CASE("guest." seg ".g_low", LONG_MODE, (F(GUEST_##SEG##_AR, ar), F(GUEST_##SEG##_LIMIT, 0xfffff7ff)), \
	     F(GUEST_##SEG##_LIMIT, 0xfff))                                                                   \
	CASE("guest." seg ".g_high", LONG_MODE, (F(GUEST_##SEG##_AR, (ar) & ~0x8000u),                        \
	     F(GUEST_##SEG##_LIMIT, 0x100000)),                                                               \
	     F(GUEST_##SEG##_LIMIT, 0xfffff))

CASE("guest.cs.type", LONG_MODE, (F(GUEST_CS_AR, 0xa093)), F(PROC_CTLS2, 0x82))
CASE("guest.cs.type", LONG_MODE, (F(GUEST_CS_AR, 0xa09a)), F(GUEST_CS_AR, 0xa099))
CASE("guest.cs.type", REAL_MODE, (F(GUEST_CS_AR, 0x97)), F(GUEST_CS_AR, 0x93))
CASE("guest.cs.s", LONG_MODE, (F(GUEST_CS_AR, 0xa08b)), F(GUEST_CS_AR, 0xa09b))
CASE("guest.cs.p", LONG_MODE, (F(GUEST_CS_AR, 0xa01b)), F(GUEST_CS_AR, 0xa09b))
SHAPE("cs", CS, 0xa09bu, F(GUEST_CS_AR, 0x1a09b))
CASE("guest.cs.db_in_64bit", LONG_MODE, (F(GUEST_CS_AR, 0xe09b)), F(GUEST_CS_AR, 0xa09b))
CASE("guest.cs.dpl_data", REAL_MODE, (F(GUEST_CS_AR, 0xb3)), F(GUEST_CS_AR, 0x93))
CASE("guest.cs.dpl_nonconforming", LONG_MODE, (F(GUEST_CS_AR, 0xa0bb)), F(GUEST_CS_AR, 0xa09b))
CASE("guest.cs.dpl_nonconforming", REAL_MODE, (F(GUEST_CR0, 0x31), F(GUEST_CS_AR, 0x9b), F(GUEST_SS_AR, 0xf3)),
     F(GUEST_CS_AR, 0xfb))
CASE("guest.cs.dpl_conforming", LONG_MODE, (F(GUEST_CS_AR, 0xa0bf)), F(GUEST_CS_AR, 0xa09f))
CASE("guest.cs.dpl_conforming", REAL_MODE, (F(GUEST_CR0, 0x31), F(GUEST_CS_AR, 0xfd), F(GUEST_SS_AR, 0xb3)),
     F(GUEST_CS_AR, 0x9d))

CASE("guest.ss.type", LONG_MODE, (F(GUEST_SS_AR, 0xc091)), F(GUEST_SS_AR, 0xc097))
CASE("guest.ss.type", LONG_MODE, (F(GUEST_SS_AR, 0xc09b)), F(GUEST_SS_AR, 0x1c09b))
CASE("guest.ss.s", LONG_MODE, (F(GUEST_SS_AR, 0xc083)), F(GUEST_SS_AR, 0x1c083))
CASE("guest.ss.p", LONG_MODE, (F(GUEST_SS_AR, 0xc013)), F(GUEST_SS_AR, 0x1c013))
SHAPE("ss", SS, 0xc093u, F(GUEST_SS_AR, 0x30f00))
CASE("guest.ss.rpl_cs", LONG_MODE, (F(GUEST_SS_SEL, 0x11)), F(GUEST_SS_SEL, 0x14))
CASE("guest.ss.rpl_cs", LONG_MODE, (F(GUEST_SS_SEL, 0x11)), F(PROC_CTLS2, 0x82))
CASE("guest.ss.dpl_rpl", LONG_MODE, (F(GUEST_SS_SEL, 0x11), F(GUEST_CS_SEL, 9)), F(GUEST_SS_AR, 0xc0b3),
     F(GUEST_CS_AR, 0xa0bb))
CASE("guest.ss.dpl_rpl", LONG_MODE, (F(GUEST_SS_SEL, 0x13), F(GUEST_CS_SEL, 0xb)), F(PROC_CTLS2, 0x82))
CASE("guest.ss.dpl_real", REAL_MODE, (F(GUEST_SS_AR, 0xb3)), F(GUEST_SS_AR, 0x93))
CASE("guest.ss.dpl_real", REAL_MODE, (F(GUEST_CS_AR, 0xbb), F(GUEST_SS_AR, 0xb3)), F(GUEST_CR0, 0x31))
CASE("guest.ss.dpl_real", REAL_MODE, (F(GUEST_CR0, 0x31), F(GUEST_SS_AR, 0x100e0)), F(GUEST_SS_AR, 0x10000))

#define DATA(seg, SEG)                                                                                              \
	CASE("guest." seg ".accessed", LONG_MODE, (F(GUEST_##SEG##_AR, 0xc092)), F(GUEST_##SEG##_AR, 0xc095))       \
	CASE("guest." seg ".accessed", LONG_MODE, (F(GUEST_##SEG##_AR, 0xc092)), F(GUEST_##SEG##_AR, 0x10000))      \
	CASE("guest." seg ".readable", LONG_MODE, (F(GUEST_##SEG##_AR, 0xc099)), F(GUEST_##SEG##_AR, 0xc09b))       \
	CASE("guest." seg ".s", LONG_MODE, (F(GUEST_##SEG##_AR, 0xc083)), F(GUEST_##SEG##_AR, 0x10083))             \
	CASE("guest." seg ".p", LONG_MODE, (F(GUEST_##SEG##_AR, 0xc013)), F(GUEST_##SEG##_AR, 0x10013))             \
	SHAPE(seg, SEG, 0xc093u, F(GUEST_##SEG##_AR, 0x30f00))                                                      \
	CASE("guest." seg ".dpl_below_rpl", LONG_MODE, (F(GUEST_##SEG##_SEL, 0x13)), F(GUEST_##SEG##_AR, 0xc0f3))   \
	CASE("guest." seg ".dpl_below_rpl", LONG_MODE, (F(GUEST_##SEG##_SEL, 0x13), F(GUEST_##SEG##_AR, 0xc0bb)),   \
	     F(GUEST_##SEG##_AR, 0xc09f))                                                                           \
	CASE("guest." seg ".dpl_below_rpl", LEGACY, (F(GUEST_##SEG##_SEL, 0x11)), F(PROC_CTLS2, 0x82))
DATA("ds", DS)
DATA("es", ES)
DATA("fs", FS)
DATA("gs", GS)

#define SYSTEM(seg, SEG, ar, ...)                                                                              \
	CASE("guest." seg ".s", LONG_MODE, (F(GUEST_##SEG##_AR, (ar) | 0x10)), F(GUEST_##SEG##_AR, ar))        \
	CASE("guest." seg ".p", LONG_MODE, (F(GUEST_##SEG##_AR, (ar) & ~0x80u)), F(GUEST_##SEG##_AR, ar))      \
	CASE("guest." seg ".ti", LONG_MODE, (F(GUEST_##SEG##_AR, ar), F(GUEST_##SEG##_SEL, 4)),                \
	     F(GUEST_##SEG##_SEL, 3))                                                                          \
	CASE("guest." seg ".base", LONG_MODE, (F(GUEST_##SEG##_AR, ar), F(GUEST_##SEG##_BASE, NOT_CANONICAL)), \
	     F(GUEST_##SEG##_BASE, CANONICAL))                                                                 \
	SHAPE(seg, SEG, (ar) | 0x8000u, __VA_ARGS__)
CASE("guest.tr.usable", LONG_MODE, (F(GUEST_TR_AR, 0x1008b)), F(GUEST_TR_AR, 0x8b))
CASE("guest.tr.type", LONG_MODE, (F(GUEST_TR_AR, 0x83)), F(GUEST_TR_AR, 0x8b))
CASE("guest.tr.type", LEGACY, (F(GUEST_TR_AR, 0x89)), F(GUEST_TR_AR, 0x83))
SYSTEM("tr", TR, 0x8bu, F(GUEST_TR_AR, 0x808b))
CASE("guest.ldtr.type", LONG_MODE, (F(GUEST_LDTR_AR, 0x83)), F(GUEST_LDTR_AR, 0x82))
SYSTEM("ldtr", LDTR, 0x82u, F(GUEST_LDTR_AR, 0x10000))
#undef V86
#undef LOW_BASE
#undef SHAPE
#undef DATA
#undef SYSTEM
