/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VMM_HOST_H
#define SHIM_VMM_HOST_H

#include <sys/pcpu.h>

uint64_t vmm_get_host_pat(void);

#endif
