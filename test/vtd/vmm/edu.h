/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * QEMU's educational device (its docs/specs/edu.txt), emulated here: DMA goes where nvmx_vtd_translate() says.  It takes
 * no time, and there is no factorial.
 */
#ifndef VTD_VMM_EDU_H
#define VTD_VMM_EDU_H

#include <stdbool.h>
#include <stdint.h>

void edu_create(void);
uint32_t edu_config_read(unsigned offset, unsigned size);
void edu_config_write(unsigned offset, unsigned size, uint32_t value);
/* True if the address is the device's. */
bool edu_memory(uint64_t address, unsigned size, uint64_t *value, bool write);
void edu_report(void);

#endif
