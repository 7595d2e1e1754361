/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Interrupt remapping (VT-d 5.1, 9.10) and the interrupt-entry cache (6.4). */
#include "state.h"

#define IRTE_P BIT64(0)
#define IRTE_FPD BIT64(1)
/* 14:12, 15 (posted interrupts are not offered), 31:24; upper half: 127:84. */
#define IRTE_RESERVED_LO 0xff00f000ull
#define IRTE_RESERVED_HI 0xfffffffffff00000ull
#define IRTE_XAPIC_DST 0x0000ff00ull /* of the 32 destination bits */

/* A request in remappable format (5.1.2.2). */
#define REQUEST_FORMAT BIT(4)
#define REQUEST_SHV BIT(3)

static bool extended(const struct nvmx_vtd *u)
{
	return u->irta & IRTA_EIME;
}

static enum nvmx_vtd_fault index_of(uint64_t address, uint32_t data, uint32_t *index)
{
	*index = (uint32_t)(address >> 5 & 0x7fff) | (uint32_t)(address >> 2 & 1) << 15;
	if (!(address & REQUEST_SHV))
		return NVMX_VTD_FAULT_NONE;
	if (data >> 16)
		return NVMX_VTD_FAULT_IR_RSVD;
	*index += data;
	return NVMX_VTD_FAULT_NONE;
}

static enum nvmx_vtd_fault find_entry(struct nvmx_vtd *u, uint32_t index, bool cached, uint64_t e[2],
				      bool *warm)
{
	const struct vtd_irte_line *line = &u->irte[index % IRTE_LINES];

	uint64_t address = (u->irta & ADDRESS_BITS) + index * 16ull;

	if (index >= 2u << (u->irta & 0xf) || address & ~(u->address_mask | 0xfff))
		return NVMX_VTD_FAULT_IR_INDEX;
	*warm = cached && line->valid && line->index == index;
	if (*warm) {
		nvmx_memcpy(e, line->entry, sizeof(line->entry));
		return NVMX_VTD_FAULT_NONE;
	}
	if (!nvmx_vtd_fetch_pair(u, address, e))
		return NVMX_VTD_FAULT_IR_TABLE;
	return NVMX_VTD_FAULT_NONE;
}

/* Only what was at fault of nothing is kept: without caching mode software need not invalidate the rest (6.4). */
static void keep_entry(struct nvmx_vtd *u, uint32_t index, const uint64_t e[2])
{
	u->irte[index % IRTE_LINES] =
		(struct vtd_irte_line){ .entry = { e[0], e[1] }, .index = (uint16_t)index, .valid = true };
}

static bool entry_reserved(const struct nvmx_vtd *u, const uint64_t e[2])
{
	uint32_t destination = (uint32_t)(e[0] >> 32);
	unsigned mode = e[0] >> 5 & 7, validation = e[1] >> 18 & 3;

	return e[0] & IRTE_RESERVED_LO || e[1] & IRTE_RESERVED_HI || mode == 3 || mode == 6 || validation == 3 ||
	       (!extended(u) && destination & ~IRTE_XAPIC_DST);
}

/* SVT, SQ and SID (9.10): the whole source id or but some function bits, or a range of buses. */
static bool source_valid(const uint64_t e[2], uint16_t source_id)
{
	uint16_t sid = (uint16_t)e[1];

	switch (e[1] >> 18 & 3) {
	case 1: return vtd_source_matches(sid, source_id, e[1] >> 16 & 3);
	case 2: return source_id >> 8 >= sid >> 8 && source_id >> 8 <= (sid & 0xff);
	default: return true;
	}
}

/* The requester is judged before the rest of the entry (5.1.4). */
static enum nvmx_vtd_fault check_entry(const struct nvmx_vtd *u, const uint64_t e[2], uint16_t source_id)
{
	if (!(e[0] & IRTE_P))
		return NVMX_VTD_FAULT_IR_P;
	if (!source_valid(e, source_id))
		return NVMX_VTD_FAULT_IR_SOURCE;
	return entry_reserved(u, e) ? NVMX_VTD_FAULT_IR_ENTRY_RSVD : NVMX_VTD_FAULT_NONE;
}

static void decode_entry(const struct nvmx_vtd *u, const uint64_t e[2], struct nvmx_vtd_msi *out)
{
	uint32_t destination = (uint32_t)(e[0] >> 32);

	*out = (struct nvmx_vtd_msi){
		.destination = extended(u) ? destination : destination >> 8, .vector = (uint8_t)(e[0] >> 16),
		.delivery_mode = e[0] >> 5 & 7, .logical = e[0] >> 2 & 1, .redirection_hint = e[0] >> 3 & 1,
		.level = e[0] >> 4 & 1, .assert = true,
	};
}

/* The format of a processor without interrupt remapping (5.1.2.1). */
static void decode_compatibility(uint64_t address, uint32_t data, struct nvmx_vtd_msi *out)
{
	*out = (struct nvmx_vtd_msi){
		.destination = address >> 12 & 0xff, .vector = (uint8_t)data, .delivery_mode = data >> 8 & 7,
		.logical = address >> 2 & 1, .redirection_hint = address >> 3 & 1, .level = data >> 15 & 1,
		.assert = !(data >> 15 & 1) || data >> 14 & 1,
	};
}

static enum nvmx_vtd_fault refuse(struct nvmx_vtd *u, uint16_t source_id, enum nvmx_vtd_fault fault, bool fpd,
				  uint32_t index, unsigned access)
{
	if (!(access & NVMX_VTD_SILENT))
		nvmx_vtd_fault(u, source_id, fault, fpd, (uint64_t)(index & 0xffff) << 48, 0);
	return fault;
}

enum nvmx_vtd_fault nvmx_vtd_interrupt(struct nvmx_vtd *u, uint16_t source_id, uint64_t address, uint32_t data,
				       unsigned access, struct nvmx_vtd_msi *out)
{
	uint64_t e[2] = { 0, 0 };
	enum nvmx_vtd_fault fault;
	uint32_t index = 0;
	bool warm = false;

	vtd_count(u, NVMX_VTD_CNT_INTERRUPT);
	*out = (struct nvmx_vtd_msi){ 0 };
	if (!(u->ir & GCMD_IRE)) {
		decode_compatibility(address, data, out);
		return NVMX_VTD_FAULT_NONE;
	}
	if (!(address & REQUEST_FORMAT)) {
		/* 5.1.4: passes only if CFI allows it and the table is not one for x2APIC destinations. */
		if (extended(u) || !(u->ir & GCMD_CFI))
			return refuse(u, source_id, NVMX_VTD_FAULT_IR_COMPATIBILITY, false, 0, access);
		decode_compatibility(address, data, out);
		return NVMX_VTD_FAULT_NONE;
	}
	fault = index_of(address, data, &index);
	if (!fault)
		fault = find_entry(u, index, !(access & NVMX_VTD_UNCACHED), e, &warm);
	if (!fault)
		fault = check_entry(u, e, source_id);
	if (fault)
		return refuse(u, source_id, fault, e[0] & IRTE_FPD, index, access);
	if (!(access & NVMX_VTD_UNCACHED) && !warm)
		keep_entry(u, index, e);
	decode_entry(u, e, out);
	return NVMX_VTD_FAULT_NONE;
}

void nvmx_vtd_inv_irte(struct nvmx_vtd *u, uint32_t index, uint32_t count)
{
	u->routes_first = !u->routes_end || index < u->routes_first ? index : u->routes_first;
	u->routes_end = index + count > u->routes_end ? index + count : u->routes_end;
}

#define ENTRIES 0x10000u /* of the largest table */

void nvmx_vtd_inv_irte_all(struct nvmx_vtd *u)
{
	nvmx_vtd_inv_irte(u, 0, ENTRIES);
}

/* What it costs the host: entries that L1's table has. */
static uint32_t cost(const struct nvmx_vtd *u, uint32_t first, uint32_t end)
{
	uint32_t entries = 2u << (u->irta & 0xf);

	end = end < entries ? end : entries;
	return first < end ? end - first : 1;
}

bool nvmx_vtd_tell_routes(struct nvmx_vtd *u)
{
	uint32_t first = u->routes_first, end = u->routes_end;

	for (unsigned i = 0; i < IRTE_LINES; i++)
		if (u->irte[i].index - first < end - first)
			u->irte[i].valid = false;
	u->routes_first = u->routes_end = 0;
	if (!u->ops->interrupts_changed)
		return true;
	u->telling = u->config.routes_later;
	u->ops->interrupts_changed(u->host, first, end - first);
	vtd_spend(u, cost(u, first, end));
	return !u->telling;
}

enum nvmx_vtd_verdict nvmx_vtd_interrupts_done(struct nvmx_vtd *u)
{
	u->telling = false;
	return nvmx_vtd_work(u);
}
