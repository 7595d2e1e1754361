/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_DEV_VMM_VMM_DEV_H
#define SHIM_DEV_VMM_VMM_DEV_H

#include <sys/param.h>

#endif
