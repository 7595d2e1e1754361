/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_CLOCK_H
#define SHIM_MACHINE_CLOCK_H

#include <sys/param.h>

extern uint64_t tsc_freq;

#endif
