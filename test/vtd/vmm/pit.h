/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * As much of an 8254 as Xen needs where KVM's own would go past interrupt remapping: counter 0 interrupts at the rate that
 * it was last programmed for, counter 2 counts down, and port 61 has its gate and output.
 */
#ifndef VTD_VMM_PIT_H
#define VTD_VMM_PIT_H

#include <stdint.h>

#define PIT_PORT 0x40u
#define PIT_GATE_PORT 0x61u

void pit_create(void);
void pit_write(unsigned port, uint8_t value);
uint8_t pit_read(unsigned port);

#endif
