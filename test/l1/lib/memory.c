/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "console.h"
#include "memory.h"

static u8 pool[POOL_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static unsigned used;

void *page_alloc_n(unsigned n)
{
	u8 *p = pool + used * PAGE_SIZE;

	if (n > POOL_PAGES - used)
		fatal("out of pages");
	used += n;
	memset(p, 0, n * PAGE_SIZE);
	return p;
}

void *page_alloc(void) { return page_alloc_n(1); }
unsigned page_mark(void) { return used; }
void page_release(unsigned mark) { used = mark; }

void *memset(void *d, int c, size_t n)
{
	void *ret = d;

	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
	return ret;
}

void *memcpy(void *d, const void *s, size_t n)
{
	void *ret = d;

	asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
	return ret;
}

void *memmove(void *d, const void *s, size_t n)
{
	u8 *to = d;
	const u8 *from = s;

	if (to <= from)
		return memcpy(d, s, n);
	while (n--)
		to[n] = from[n];
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}
