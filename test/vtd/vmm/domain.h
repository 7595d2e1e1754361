/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Domains for a host that has only map and unmap calls.  A VFIO device cannot leave its container, so what a domain maps
 * is remembered here, and put into the container of a device that comes to it.
 */
#ifndef VTD_VMM_DOMAIN_H
#define VTD_VMM_DOMAIN_H

#include "vfio.h"
#include <nestvmx/vtd.h>

struct domain_device {
	struct vfio *vfio;
	struct nvmx_vtd_target target;
	unsigned attached[3]; /* how often, by kind */
};
/* The device that the ops speak of; there is one. */
void domain_create(struct domain_device *d);

/* As the ops of <nestvmx/vtd.h>. */
int domain_open(uint64_t *handle);
void domain_close(uint64_t handle);
int domain_attach(struct domain_device *d, const struct nvmx_vtd_target *target);
int domain_map(uint64_t handle, uint64_t iova, uint64_t gpa, uint64_t len, unsigned rights);
void domain_unmap(uint64_t handle, uint64_t iova, uint64_t len);

struct domain_figures {
	uint64_t maps, identical, peak, refused; /* dma_map calls; with iova == gpa; most at a time; by VFIO */
};
struct domain_figures domain_figures(void);

#endif
