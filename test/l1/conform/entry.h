/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VM entry from a valid L2 with a few fields changed, as rows. */
#ifndef L1_ENTRY_H
#define L1_ENTRY_H

#include "conform.h"

/* PLAIN: 64-bit without EPT and unrestricted guest; USER: 64-bit at CPL 3; COMPAT: compatibility mode. */
enum start { LONG, PROTECTED, REAL, V86, PAE, PLAIN, USER, COMPAT };

/* How a change makes the new value from the old one: WIDE sets the first bit beyond the physical-address width. */
enum how { NONE, SET, OR, CLEAR, WIDE, NONCANONICAL, PAGE_OF };
struct change { u16 field; u8 how; u64 v; };

/* Controls that the row turns on first; it is skipped where they are not offered. */
struct entry_row {
	const char *id, *want;
	enum start start;
	u32 pin, proc, proc2, exit, entry;
	struct change change[5];
};

#define CONTROLS "VMfailValid 7"
#define HOST "VMfailValid 8"
#define GUEST "entry failure 33 q=0"
#define RUNS "exit 18 q=0"

/* Pages that a PAGE_OF change may name. */
enum page { PAGE_SPARE, PAGE_LINK, PAGE_LINK_SHADOW, PAGE_LINK_WRONG, PAGE_VMCS, PAGE_PDPT, PAGE_PDPT_BAD, PAGE_VTPR50,
	    PAGES_NAMED };

void entry_begin(void);
/* Makes the row's L2 and returns false when something it needs is not offered. */
bool entry_prepare(const struct entry_row *row);
/* Where a copy of the code stands for the starting state: its RIP. */
u64 entry_code_rip(enum start start, const u8 *code);
void entry_change(const struct change *c);
void entry_rows(const struct entry_row *rows, unsigned n);

void conform_entry_controls(void);
void conform_entry_host(void);
void conform_entry_guest(void);
void conform_entry_segments(void);
void conform_entry_bits(void);

#endif
