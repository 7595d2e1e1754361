/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_X86_APICREG_H
#define SHIM_X86_APICREG_H

#include <sys/param.h>

#define DEFAULT_APIC_BASE 0xfee00000u

#endif
