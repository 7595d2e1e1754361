/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * MSI-X of the assigned device (PCI Local Bus 3.0, 6.8.2): L1's table is the VMM's.  A vector whose message the unit
 * remaps now is a KVM route; the others come to a thread, which asks the unit for each of them.
 */
#ifndef VTD_VMM_MSIX_H
#define VTD_VMM_MSIX_H

#include "vfio.h"

void msix_create(struct vfio *v, unsigned n, unsigned bar, uint64_t table, uint64_t pending);
unsigned msix_bar(void);
uint16_t msix_control(void);
void msix_set_control(uint16_t control);
bool msix_covers(uint64_t offset);
uint64_t msix_access(uint64_t offset, unsigned size, uint64_t value, bool write);
/* Routes are computed anew. */
void msix_update(void);
void msix_report(void);

#endif
