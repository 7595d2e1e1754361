/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The assigned device as L1 sees it: VFIO's configuration space, BARs that L1 reaches directly, MSI-X of the VMM's. */
#ifndef VTD_VMM_ASSIGNED_H
#define VTD_VMM_ASSIGNED_H

#include "vfio.h"

void assigned_create(struct vfio *v);
uint32_t assigned_config_read(unsigned offset, unsigned size);
void assigned_config_write(unsigned offset, unsigned size, uint32_t value);
/* What of the BARs is not mapped. */
uint64_t assigned_memory(uint64_t address, unsigned size, uint64_t value, bool write);

#endif
