/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The four functions of the C library that the compiler and libnestvmx may call, and one for words.
 */
#include "metal.h"

void *memcpy(void *to, const void *from, size_t n)
{
	void *start = to;
	size_t words = n / 8, rest = n % 8;
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (t <= f || t >= f + n)
		return memcpy(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *start = to;
	size_t words = n / 8, rest = n % 8;
	uint64_t eight = (uint8_t)c * 0x0101010101010101ull;
	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(eight) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(eight) : "memory");
	return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;
	size_t words = n / 8;
	bool same;

	__asm__ volatile("cmp %%eax, %%eax\n\trepe cmpsq" : "+S"(x), "+D"(y), "+c"(words), "=@cce"(same) : : "memory");
	if (same) {
		n %= 8;
	} else {
		x -= 8, y -= 8;
		n = 8;
	}
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

/* Is the word of this length this name? */
bool word_is(const char *word, size_t length, const char *name)
{
	size_t i;

	for (i = 0; i < length && name[i] == word[i]; i++)
		;
	return i == length && name[i] == 0;
}
