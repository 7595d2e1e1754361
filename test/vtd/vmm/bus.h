/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Who answers at an address of L1's.  Nobody: reads are all ones. */
#ifndef VTD_VMM_BUS_H
#define VTD_VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

void bus_port(uint16_t port, uint8_t *data, unsigned size, bool write);
void bus_memory(uint64_t address, uint8_t *data, unsigned size, bool write);

#endif
