/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What kvm-unit-tests ask of a machine: how many processors there are, by QEMU's firmware configuration. */
#ifndef VTD_VMM_SUITE_H
#define VTD_VMM_SUITE_H

#include <stdint.h>

#define SUITE_SELECT_PORT 0x510u
#define SUITE_DATA_PORT 0x511u
#define SUITE_EXIT_PORT 0xf4u

void suite_select(uint16_t item);
uint8_t suite_read(void);

#endif
