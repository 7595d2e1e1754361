/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_MD_VAR_H
#define SHIM_MACHINE_MD_VAR_H

#include <sys/types.h>

extern u_int cpu_maxphyaddr, cpu_feature, cpu_feature2, cpu_stdext_feature, cpu_stdext_feature2, cpu_stdext_feature3;
extern int hw_ibrs_active;

#endif
