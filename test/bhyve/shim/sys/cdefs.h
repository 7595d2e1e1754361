/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_CDEFS_H
#define SHIM_SYS_CDEFS_H

#define __noinline __attribute__((noinline))
#define __unused __attribute__((unused))
#define __diagused
#define __used __attribute__((used))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __dead2 __attribute__((noreturn))
#define __printflike(n, first) __attribute__((__format__(__printf__, n, first)))
#define __predict_true(x) __builtin_expect(!!(x), 1)
#define __predict_false(x) __builtin_expect(!!(x), 0)
#define __DECONST(type, p) ((type)(uintptr_t)(const void *)(p))
#define __DEVOLATILE(type, p) ((type)(uintptr_t)(const volatile void *)(p))
#define __containerof(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

#endif
