/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the model's hardware and its host need of each other. */
#ifndef VTD_MODEL_HW_PARTS_H
#define VTD_MODEL_HW_PARTS_H

#include "hw.h"

#define HPA_POOL 0x1000000000ull
#define HPA_RAM 0x2000000000ull
#define HPA_BIG 0x4000000000ull

/* gpa of the frame of L1's that is there, or OWNER_NONE. */
uint64_t hw_owner(const struct nvmx_vtd_host *h, uint64_t hpa);
/* The host has never broken up the block that a leaf names. */
bool hw_block_is_whole(const struct nvmx_vtd_host *h, uint64_t hpa, unsigned shift);
/* The open domain of a handle; a failure if there is none. */
const struct hw_domain *hw_domain(struct nvmx_vtd_host *h, uint64_t handle);

/* The mapping of dma_map that has iova, or NULL. */
struct hw_mapping *hw_mapping(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova);

/* At any time the hardware may translate something. */
void hw_speculate(struct nvmx_vtd_host *h);
void hw_flush_one(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *f);
void hw_forget_domain(struct nvmx_vtd_host *h, uint64_t serial);

#endif
