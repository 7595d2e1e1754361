/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Commands by register: GCMD (VT-d 10.4.4), CCMD (10.4.7), IOTLB and IVA (10.4.8). */
#include "state.h"

static void latch_root(struct nvmx_vtd *u)
{
	u->root = u->reg[REG_RTADDR];
	u->reg[REG_GSTS] &= ~(uint64_t)GCMD_SRTP;
	u->finish |= FINISH_RTPS;
	nvmx_vtd_inv_everything(u);
}

static void latch_irta(struct nvmx_vtd *u)
{
	u->irta = u->reg[REG_IRTA];
	u->reg[REG_GSTS] &= ~(uint64_t)GCMD_SIRTP;
	u->finish |= FINISH_IRTPS;
	nvmx_vtd_inv_irte_all(u);
}

static void write_buffer(struct nvmx_vtd *u)
{
	u->reg[REG_GSTS] |= GCMD_WBF;
	u->finish |= FINISH_WBF;
	nvmx_vtd_flat_follow_all(u);
}

/* The head is 0 while the queue is off, and a new queue starts there (6.5.2). */
static void switch_queue(struct nvmx_vtd *u)
{
	u->reg[REG_GSTS] ^= GCMD_QIE;
	u->reg[REG_IQH] = u->head = 0;
	u->queue_error = 0;
}

static void switch_translation(struct nvmx_vtd *u)
{
	u->te ^= GCMD_TE;
	u->finish |= FINISH_TES;
	nvmx_vtd_flat_follow_devices(u);
}

/* With nothing to remap, the next fault is recorded in the first record (7.2.1). */
static void restart_records(struct nvmx_vtd *u)
{
	if (!((u->ir & GCMD_IRE) | u->te))
		u->frcd_next = 0;
}

/* Compatibility-format interrupts pass or are blocked from now on; or all are remapped. */
static void switch_interrupts(struct nvmx_vtd *u, uint32_t bit)
{
	u->ir ^= bit;
	u->finish |= FINISH_IRES;
	nvmx_vtd_inv_irte_all(u);
}

uint32_t nvmx_vtd_commands(const struct nvmx_vtd *u)
{
	return GCMD_TE | GCMD_SRTP | (vtd_has(u, NVMX_VTD_F_WRITE_BUFFER) ? GCMD_WBF : 0) |
	       (vtd_has(u, NVMX_VTD_F_QUEUE) ? GCMD_QIE : 0) |
	       (vtd_has(u, NVMX_VTD_F_REMAP) ? GCMD_IRE | GCMD_SIRTP | GCMD_CFI : 0);
}

/* One-shot commands are given by a 1, the others by a change. */
void nvmx_vtd_gcmd(struct nvmx_vtd *u, uint32_t command)
{
	uint32_t known = nvmx_vtd_commands(u), status = (uint32_t)u->reg[REG_GSTS], changed;

	command &= known;
	changed = (command ^ ((status & ~(GCMD_TE | GCMD_IRE | GCMD_CFI)) | u->te | u->ir)) & known;
	if (command & GCMD_SRTP)
		latch_root(u);
	if (command & GCMD_SIRTP)
		latch_irta(u);
	if (command & GCMD_WBF)
		write_buffer(u);
	if (changed & GCMD_QIE)
		switch_queue(u);
	if (changed & (GCMD_IRE | GCMD_CFI))
		switch_interrupts(u, changed & (GCMD_IRE | GCMD_CFI));
	if (changed & GCMD_TE)
		switch_translation(u);
	if (changed & (GCMD_TE | GCMD_IRE))
		restart_records(u);
}

#define CCMD_ICC BIT64(63)
#define CCMD_CAIG (3ull << 59)
#define IOTLB_IVT BIT64(63)
#define IOTLB_IAIG (3ull << 57)
#define IOTLB_DRAIN (3ull << 48) /* DR and DW */

/* Domain ids have the width that CAP.ND announces, addresses that of CAP.MGAW: what is above is ignored (6.5.2.3, 10.4.8). */
uint16_t nvmx_vtd_domain_id(const struct nvmx_vtd *u, uint64_t domain)
{
	return (uint16_t)(domain & (BIT64(u->config.domain_bits) - 1));
}

uint64_t nvmx_vtd_guest_address(const struct nvmx_vtd *u, uint64_t address)
{
	return address & ADDRESS_BITS & (BIT64(u->config.width) - 1);
}

/* A command that is under way is not disturbed; the granularity done is reported when it ends, 0 for a bad request (which
 * every one is whose root table is no legacy one). */
void nvmx_vtd_ccmd(struct nvmx_vtd *u, uint64_t written, uint64_t before)
{
	uint64_t *r = &u->reg[REG_CCMD];
	struct vtd_inv_context inv = {
		.granularity = *r >> 61 & 3, .function_mask = *r >> 32 & 3, .source_id = (uint16_t)(*r >> 16),
		.domain = nvmx_vtd_domain_id(u, *r),
	};

	if (before & CCMD_ICC) {
		*r = before;
		return;
	}
	if (!(written & CCMD_ICC))
		return;
	if (u->root & RTADDR_TTM)
		inv.granularity = 0;
	*r = (*r & ~CCMD_CAIG) | (uint64_t)inv.granularity << 59;
	u->finish |= FINISH_CCMD;
	if (inv.granularity)
		nvmx_vtd_inv_context(u, &inv);
}

void nvmx_vtd_iotlb(struct nvmx_vtd *u, uint64_t written, uint64_t before)
{
	uint64_t *r = &u->reg[REG_IOTLB];
	struct vtd_inv_iotlb inv = {
		.granularity = *r >> 60 & 3, .domain = nvmx_vtd_domain_id(u, *r >> 32),
		.iova = nvmx_vtd_guest_address(u, u->iva), .order = u->iva & 0x3f,
	};

	if (before & IOTLB_IVT) {
		*r = before;
		return;
	}
	if (!(written & IOTLB_IVT))
		return;
	if (inv.granularity == GRANULARITY_NARROW && !vtd_has(u, NVMX_VTD_F_PAGE_FLUSH))
		inv.granularity = GRANULARITY_DOMAIN;
	if ((inv.granularity == GRANULARITY_NARROW && inv.order > MAMV) || u->root & RTADDR_TTM)
		inv.granularity = 0;
	*r = (*r & ~IOTLB_IAIG) | (uint64_t)inv.granularity << 57;
	u->finish |= FINISH_IOTLB;
	if (!inv.granularity)
		return;
	if (*r & IOTLB_DRAIN)
		u->drain = vtd_has(u, NVMX_VTD_F_DRAIN);
	nvmx_vtd_inv_iotlb(u, &inv);
}
