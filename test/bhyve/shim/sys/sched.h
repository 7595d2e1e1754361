/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_SCHED_H
#define SHIM_SYS_SCHED_H

#include <sys/proc.h>

void sched_pin(void);
void sched_unpin(void);
void kern_yield(int priority);
#define PRI_USER (-2)

#endif
