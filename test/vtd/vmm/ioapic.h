/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An I/O APIC for edges, behind the unit's interrupt remapping; where KVM has one, that takes its place. */
#ifndef VTD_VMM_IOAPIC_H
#define VTD_VMM_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

/* What its requests carry. */
void ioapic_create(uint16_t source_id);
uint32_t ioapic_access(uint32_t offset, uint32_t value, bool write);
void ioapic_edge(unsigned pin);

#endif
