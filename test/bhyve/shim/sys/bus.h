/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_BUS_H
#define SHIM_SYS_BUS_H

#include <sys/param.h>

#endif
