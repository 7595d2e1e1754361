/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Queued invalidation (VT-d 6.5.2): each descriptor is fetched once, checked whole, and taken apart by its type. */
#include "state.h"

/* IQERCD.IQEI (10.4.29). */
#define IQEI_TAIL 1u
#define IQEI_FETCH 2u
#define IQEI_TYPE 3u
#define IQEI_RESERVED 4u
#define IQEI_WIDTH 5u
#define IQEI_MODE 7u

struct desc {
	uint64_t lo, hi;
};

static unsigned granularity(const struct desc *d)
{
	return d->lo >> 4 & 3;
}

static bool take_context(struct nvmx_vtd *u, const struct desc *d)
{
	struct vtd_inv_context inv = {
		.granularity = (uint8_t)granularity(d), .domain = nvmx_vtd_domain_id(u, d->lo >> 16),
		.source_id = (uint16_t)(d->lo >> 32), .function_mask = d->lo >> 48 & 3,
	};

	if (!inv.granularity)
		return false;
	nvmx_vtd_inv_context(u, &inv);
	return true;
}

#define IOTLB_DRAIN (3u << 6) /* DW and DR */

static bool take_iotlb(struct nvmx_vtd *u, const struct desc *d)
{
	struct vtd_inv_iotlb inv = {
		.granularity = (uint8_t)granularity(d), .domain = nvmx_vtd_domain_id(u, d->lo >> 16),
		.order = d->hi & 0x3f, .iova = nvmx_vtd_guest_address(u, d->hi),
	};
	bool pages = inv.granularity == GRANULARITY_NARROW;

	/* Without CAP.PSI a descriptor for pages is invalid; by register it would be done to the domain (6.5.2.3). */
	if (!inv.granularity || (pages && (inv.order > MAMV || !vtd_has(u, NVMX_VTD_F_PAGE_FLUSH))))
		return false;
	if (d->lo & IOTLB_DRAIN)
		u->drain = vtd_has(u, NVMX_VTD_F_DRAIN);
	nvmx_vtd_inv_iotlb(u, &inv);
	return true;
}

/* S set: the lowest clear bit of the address tells how many pages, all ones everything (6.5.2.5). */
static bool take_device_tlb(struct nvmx_vtd *u, const struct desc *d)
{
	uint64_t page = d->hi >> 12;
	unsigned order = d->hi & 1 ? (unsigned)__builtin_ctzll(~page) + 1 : 0;

	if (order + 12 >= u->config.width) /* all that a device can have */
		order = EVERYTHING;
	page = order == EVERYTHING ? 0 : page >> order << order;
	nvmx_vtd_flat_device_tlb(u, (uint16_t)(d->lo >> 32), nvmx_vtd_guest_address(u, page << 12), order);
	return true;
}

static bool take_irte(struct nvmx_vtd *u, const struct desc *d)
{
	unsigned order = d->lo >> 27 & 0x1f;
	uint32_t index = d->lo >> 32 & 0xffff;

	if (!(d->lo & BIT(4))) {
		nvmx_vtd_inv_irte_all(u);
		return true;
	}
	if (order > MHMV)
		return false;
	nvmx_vtd_inv_irte(u, index >> order << order, 1u << order);
	return true;
}

/* Completed in order, when all that came before it is; which is what FN asks for, too. */
static bool take_wait(struct nvmx_vtd *u, const struct desc *d)
{
	u->waits[u->waits_n++] = (struct vtd_wait){
		.address = d->hi, .data = (uint32_t)(d->lo >> 32), .interrupt = d->lo >> 4 & 1, .write = d->lo >> 5 & 1,
	};
	return true;
}

static const struct type_row {
	uint64_t reserved_lo, reserved_hi;
	uint32_t needs;
	bool (*take)(struct nvmx_vtd *u, const struct desc *d);
} types[] = {
	[1] = { 0xfffc00000000ffc0, ~0ull, 0, take_context },
	[2] = { 0xffffffff0000ff00, 0xf80, 0, take_iotlb },
	[3] = { 0xffff0000ffe0fff0, 0xffe, NVMX_VTD_F_DEVICE_TLB, take_device_tlb },
	[4] = { 0xffff000007ffffe0, ~0ull, NVMX_VTD_F_REMAP, take_irte },
	[5] = { 0x00000000ffffff80, 3, 0, take_wait },
};
#define TYPES (sizeof(types) / sizeof(*types))

void nvmx_vtd_queue_error(struct nvmx_vtd *u)
{
	u->reg[REG_IQERCD] = (u->reg[REG_IQERCD] & ~0xfull) | u->queue_error;
	u->queue_error = 0;
	vtd_count(u, NVMX_VTD_CNT_QUEUE_ERROR);
	nvmx_vtd_event_status(u, EVENT_FAULT, FSTS_IQE);
}

/* 0, or what is wrong.  Bits 11:9 are the type's upper ones. */
static unsigned take(struct nvmx_vtd *u, const struct desc *d)
{
	unsigned type = (d->lo & 0xf) | (d->lo >> 9 & 7) << 4;
	const struct type_row *t = &types[type < TYPES ? type : 0];

	if (!t->take || !vtd_has(u, t->needs))
		return IQEI_TYPE;
	if (d->lo & t->reserved_lo || d->hi & t->reserved_hi || !t->take(u, d))
		return IQEI_RESERVED;
	return 0;
}

bool nvmx_vtd_queue_runs(const struct nvmx_vtd *u)
{
	return u->reg[REG_GSTS] & GCMD_QIE && !(u->reg[REG_FSTS] & (FSTS_IQE | FSTS_ITE)) &&
	       u->head != u->reg[REG_IQT];
}

static unsigned take_next(struct nvmx_vtd *u)
{
	uint64_t size = 4096ull << (u->reg[REG_IQA] & 7), head = u->head, d[2];
	unsigned error;

	if (u->root & RTADDR_TTM)
		return IQEI_MODE;
	if (u->reg[REG_IQA] & IQA_DW)
		return IQEI_WIDTH;
	if ((u->reg[REG_IQT] | head) >= size) /* a power of 2; it may have been another when the head came that far */
		return IQEI_TAIL;
	if (!nvmx_vtd_fetch_pair(u, (u->reg[REG_IQA] & ADDRESS_BITS) + head, d))
		return IQEI_FETCH;
	error = take(u, &(struct desc){ d[0], d[1] });
	if (error) {
		nvmx_vtd_trace(u, NVMX_VTD_EV_QUEUE_ERROR, d[0], d[1]);
		return error;
	}
	vtd_count(u, NVMX_VTD_CNT_DESCRIPTOR);
	u->head = (head + 16) % size;
	return 0;
}

void nvmx_vtd_queue_take(struct nvmx_vtd *u)
{
	while (!u->queue_error && nvmx_vtd_queue_runs(u) && u->waits_n < WAITS && nvmx_vtd_flat_room(u) && u->budget) {
		u->queue_error = (uint8_t)take_next(u);
		u->budget = u->budget > 16 ? u->budget - 16 : 0;
	}
}
