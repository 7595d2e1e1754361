/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The library's unit in this VMM: its ops, its register page, a lock around it. */
#ifndef VTD_VMM_UNIT_H
#define VTD_VMM_UNIT_H

#include "machine.h"
#include "vfio.h"
#include <nestvmx/vtd.h>

#define UNIT_REPLACE_PORT 0x500u /* L1 asks for unit_replace() */

/* device: NULL if none is assigned. */
void unit_create(uint32_t features, struct vfio *device);
uint64_t unit_access(uint32_t offset, unsigned size, uint64_t value, bool write);
/* Where the DMA of an emulated device goes; false: it is refused. */
bool unit_translate(uint16_t source_id, uint64_t iova, uint64_t len, bool write, struct nvmx_vtd_dma *out);
/* A message of a device of L1's is remapped and delivered, or refused. */
void unit_message(uint16_t source_id, struct msi msi);
/* What a message would become; false: it would be refused. */
bool unit_remap(uint16_t source_id, struct msi msi, struct msi *out);
/* True once after L1 may have changed what messages become. */
bool unit_routes_changed(void);
void unit_tick(void);
/* The unit is saved, destroyed, and another one restored from that.  The assigned device is idle. */
void unit_replace(void);
/* One line each on the standard output. */
void unit_report(void);

#endif
