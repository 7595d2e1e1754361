/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VMM_UTIL_H
#define SHIM_VMM_UTIL_H

#include <sys/types.h>

bool vmm_is_intel(void);

#endif
