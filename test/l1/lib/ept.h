/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's extended page tables for L2 (SDM 28.2). */
#ifndef L1_EPT_H
#define L1_EPT_H

#include "cpu.h"

#define EPT_R BIT(0)
#define EPT_W BIT(1)
#define EPT_X BIT(2)
#define EPT_RWX (EPT_R | EPT_W | EPT_X)
#define EPT_WB (6ull << 3)
#define EPT_LARGE BIT(7)
#define EPT_A BIT(8)
#define EPT_D BIT(9)
#define EPT_XU BIT(10)
#define EPT_SUPPRESS_VE BIT(63)
#define EPT_ADDRESS 0x000ffffffffff000ull

/* A root with nothing mapped. */
u64 *ept_alloc(void);
/* Maps one page at the level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB), building tables and splitting larger pages on the way. */
void ept_map(u64 *root, u64 gpa, u64 hpa, unsigned level, u64 bits);
/* The first n GiB one to one with 2-MiB pages. */
void ept_identity(u64 *root, unsigned gib);
/* The entry at the level that maps gpa, whose table must exist. */
u64 *ept_entry(u64 *root, u64 gpa, unsigned level);
/* The EPT pointer of a root: write-back where offered, 4-level. */
u64 ept_pointer(const u64 *root);

#endif
