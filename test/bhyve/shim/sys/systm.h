/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A kernel with INVARIANTS: what it asserts ends the program. */
#ifndef SHIM_SYS_SYSTM_H
#define SHIM_SYS_SYSTM_H

#include <stdarg.h>
#include <sys/types.h>
#include <sys/errno.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>

void panic(const char *format, ...) __dead2 __printflike(1, 2);
#define printf kernel_printf
int kernel_printf(const char *format, ...) __printflike(1, 2);
int snprintf(char *to, size_t size, const char *format, ...) __printflike(3, 4);
int vsnprintf(char *to, size_t size, const char *format, va_list list);

#define KASSERT(condition, message) \
	do {                        \
		if (!(condition))   \
			panic message; \
	} while (0)
#define MPASS(condition) KASSERT(condition, ("MPASS: " #condition))
#define CTASSERT(condition) _Static_assert(condition, #condition)

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
size_t strcspn(const char *s, const char *set);
#define strlcpy(to, from, size) shim_strlcpy(to, from, size)
size_t shim_strlcpy(char *to, const char *from, size_t size);
#define bzero(p, n) memset(p, 0, n)

static inline __unused int fls(int mask)
{
	return mask ? 32 - __builtin_clz((unsigned)mask) : 0;
}

#define CRITICAL_ASSERT(td) KASSERT((td)->td_critnest >= 1, ("not in a critical section"))
void maybe_yield(void);
void critical_enter(void);
void critical_exit(void);

#endif
