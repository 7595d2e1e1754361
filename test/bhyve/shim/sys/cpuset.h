/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_CPUSET_H
#define SHIM_SYS_CPUSET_H

#include <sys/param.h>

typedef struct _cpuset {
	long __bits[1];
} cpuset_t;

#define CPU_ZERO(s) ((s)->__bits[0] = 0)
#define CPU_SET(n, s) ((s)->__bits[0] |= 1l << (n))
#define CPU_CLR(n, s) ((s)->__bits[0] &= ~(1l << (n)))
#define CPU_SET_ATOMIC(n, s) CPU_SET(n, s)
#define CPU_CLR_ATOMIC(n, s) CPU_CLR(n, s)
#define CPU_ISSET(n, s) (((s)->__bits[0] >> (n) & 1) != 0)
#define CPU_EMPTY(s) ((s)->__bits[0] == 0)
#define CPU_SETOF(n, s) ((s)->__bits[0] = 1l << (n))
#define CPU_COPY(from, to) (*(to) = *(from))

#endif
