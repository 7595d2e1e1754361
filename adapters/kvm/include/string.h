/* SPDX-License-Identifier: GPL-2.0-only */
/* All that the library asks of <string.h>.  Not <linux/string.h>, whose headers bring macros with names of the library's. */
#include <linux/types.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
