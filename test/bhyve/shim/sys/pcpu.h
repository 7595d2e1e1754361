/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_PCPU_H
#define SHIM_SYS_PCPU_H

#include <sys/proc.h>

struct thread *shim_curthread(void);
#define curthread (shim_curthread())
#define curcpu (curthread->td_oncpu)

#endif
