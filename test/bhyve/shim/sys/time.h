/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_TIME_H
#define SHIM_SYS_TIME_H

#include <sys/param.h>

typedef int64_t sbintime_t;
#define SBT_1S ((sbintime_t)1 << 32)
#define SBT_1MS (SBT_1S / 1000)
#define SBT_1US (SBT_1S / 1000000)
#define SBT_MAX 0x7fffffffffffffffl

#endif
