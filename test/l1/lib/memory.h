/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Zeroed pages from a fixed pool, released in the order of a stack, and the four memory functions C needs. */
#ifndef L1_MEMORY_H
#define L1_MEMORY_H

#include "cpu.h"

enum { POOL_PAGES = 4096 };

void *page_alloc(void);
void *page_alloc_n(unsigned n);
unsigned page_mark(void);
void page_release(unsigned mark);

void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Everything is mapped one to one. */
static inline u64 phys(const volatile void *p) { return (u64)p; }

#endif
