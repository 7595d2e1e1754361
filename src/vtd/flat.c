/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Assigned devices: nvmx_vtd_init refuses them for now, so there is nothing that would have to follow L1's tables. */
#include "state.h"

void nvmx_vtd_flat_follow_all(struct nvmx_vtd *u)
{
	(void)u;
}

void nvmx_vtd_flat_follow_devices(struct nvmx_vtd *u)
{
	(void)u;
}

void nvmx_vtd_flat_device_tlb(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, unsigned order)
{
	(void)u;
	(void)source_id;
	(void)iova;
	(void)order;
}

bool nvmx_vtd_flat_room(const struct nvmx_vtd *u)
{
	(void)u;
	return true;
}

enum nvmx_vtd_verdict nvmx_vtd_flat_work(struct nvmx_vtd *u)
{
	(void)u;
	return NVMX_VTD_DONE;
}
