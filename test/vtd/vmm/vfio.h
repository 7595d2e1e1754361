/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A device that the host's VFIO gives to this process, and a type-1 container of its own. */
#ifndef VTD_VMM_VFIO_H
#define VTD_VMM_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFIO_REGIONS 6u
#define VFIO_VECTORS 64u

struct vfio_region {
	uint64_t offset, size; /* in the device's file; size 0: there is none */
	uint8_t *memory;       /* mapped; NULL: by read and write only */
};
struct vfio {
	int container, device;
	uint64_t config_offset;
	struct vfio_region region[VFIO_REGIONS];
	uint64_t mapped, unmapped; /* calls */
};

/* `name` as 0000:00:05.0, already bound to vfio-pci. */
void vfio_open(struct vfio *v, const char *name);
uint32_t vfio_config_read(const struct vfio *v, unsigned offset, unsigned size);
void vfio_config_write(const struct vfio *v, unsigned offset, unsigned size, uint32_t value);
uint64_t vfio_region_read(const struct vfio *v, unsigned region, uint64_t offset, unsigned size);
void vfio_region_write(const struct vfio *v, unsigned region, uint64_t offset, unsigned size, uint64_t value);
/* n MSI-X vectors to eventfds; 0: none. */
void vfio_vectors(const struct vfio *v, const int *fds, unsigned n);

/* 0, or -1 with errno. rights: NVMX_VTD_R, NVMX_VTD_W. */
int vfio_map(struct vfio *v, uint64_t iova, void *memory, uint64_t len, unsigned rights);
/* What was mapped there goes; everything. */
void vfio_unmap(struct vfio *v, uint64_t iova, uint64_t len);
void vfio_unmap_all(struct vfio *v);

#endif
