/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_PARAM_H
#define SHIM_SYS_PARAM_H

#include <sys/types.h>

#ifndef __FreeBSD_version
#define __FreeBSD_version 1501000
#endif
#define MAXCPU 8
#define NOCPU (-1)
#define PAGE_SHIFT 12
#define PAGE_SIZE (1 << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)
#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define howmany(x, y) (((x) + ((y) - 1)) / (y))
#define rounddown2(x, y) ((x) & ~((y) - 1))
#define roundup2(x, y) (((x) + ((y) - 1)) & ~((y) - 1))
#define trunc_page(x) ((unsigned long)(x) & ~(unsigned long)PAGE_MASK)
#define round_page(x) (((unsigned long)(x) + PAGE_MASK) & ~(unsigned long)PAGE_MASK)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
