/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_CPU_H
#define SHIM_MACHINE_CPU_H

#include <machine/cpufunc.h>

#define cpu_spinwait() ia32_pause()

#endif
