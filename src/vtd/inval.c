/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What an invalidation of L1's reaches. */
#include "state.h"

void nvmx_vtd_inv_context(struct nvmx_vtd *u, const struct vtd_inv_context *inv)
{
	nvmx_vtd_cache_inv_context(u, inv);
	nvmx_vtd_flat_inv_context(u, inv);
}

void nvmx_vtd_inv_iotlb(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv)
{
	nvmx_vtd_cache_inv_iotlb(u, inv);
	nvmx_vtd_flat_inv_iotlb(u, inv);
}

void nvmx_vtd_inv_everything(struct nvmx_vtd *u)
{
	nvmx_vtd_inv_context(u, &(struct vtd_inv_context){ .granularity = GRANULARITY_GLOBAL });
	nvmx_vtd_inv_iotlb(u, &(struct vtd_inv_iotlb){ .granularity = GRANULARITY_GLOBAL });
}
