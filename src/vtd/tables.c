/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "state.h"

#define ENTRY_P BIT64(0)
#define ENTRY_FPD BIT64(1)

static inline bool fetch(struct nvmx_vtd *u, uint64_t gpa, uint64_t *out)
{
	uint64_t frame = gpa & ADDRESS_BITS;
	const uint64_t *page = u->ops->map(u->host, frame, false);

	if (!page)
		return false;
	*out = __atomic_load_n(page + (gpa & 0xfff) / 8, __ATOMIC_RELAXED);
	u->ops->unmap(u->host, frame, (void *)(uintptr_t)page, false);
	return true;
}

#define ATTEMPTS 16u

/* The words of an entry belong together: hardware reads 16 bytes as one, and L1 may take the lower away, where P is, before the upper.
 * The second word is of the same entry as the first if that is still there afterwards.  false: L1 keeps changing it. */
static inline bool load_pair(const uint64_t *at, uint64_t out[2])
{
	uint64_t first = __atomic_load_n(at, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < ATTEMPTS; i++) {
		out[0] = first;
		out[1] = __atomic_load_n(at + 1, __ATOMIC_ACQUIRE);
		first = __atomic_load_n(at, __ATOMIC_ACQUIRE);
		if (first == out[0])
			return true;
	}
	return false;
}

bool nvmx_vtd_fetch_pair(struct nvmx_vtd *u, uint64_t gpa, uint64_t out[2])
{
	uint64_t frame = gpa & ADDRESS_BITS;
	const uint64_t *page = u->ops->map(u->host, frame, false);
	bool whole;

	if (!page)
		return false;
	whole = load_pair(page + (gpa & 0xfff) / 8, out);
	u->ops->unmap(u->host, frame, (void *)(uintptr_t)page, false);
	return whole;
}

/* VT-d 9.1: bits 63:HAW, 11:1 and the upper half are reserved. */
static enum nvmx_vtd_fault root_entry(struct nvmx_vtd *u, uint16_t source_id, uint64_t *context_table)
{
	uint64_t e[2];

	if (u->root & RTADDR_TTM)
		return NVMX_VTD_FAULT_ROOT_ADDRESS;
	if (!nvmx_vtd_fetch_pair(u, u->root + (source_id >> 8) * 16ull, e))
		return NVMX_VTD_FAULT_ROOT;
	if (!(e[0] & ENTRY_P))
		return NVMX_VTD_FAULT_ROOT_P;
	if (e[0] & ~(u->address_mask | ENTRY_P) || e[1])
		return NVMX_VTD_FAULT_ROOT_RSVD;
	*context_table = e[0] & u->address_mask;
	return NVMX_VTD_FAULT_NONE;
}

/* VT-d 9.3: bits 63:HAW and 11:4, 71, 127:88, and of the domain id what ND does not announce.  With pass-through SLPTPTR is ignored. */
static bool context_reserved(const struct nvmx_vtd *u, const uint64_t e[2])
{
	uint64_t domain = (BIT64(u->config.domain_bits) - 1) << 8;
	uint64_t table = (e[0] >> 2 & 3) == CONTEXT_TT_PASS ? ADDRESS_BITS : u->address_mask;

	return e[0] & ~(table | 0xf) || e[1] & ~(domain | 0x7f);
}

static bool context_supported(const struct nvmx_vtd *u, const struct vtd_context *c)
{
	static const uint32_t needs[] = { 0, NVMX_VTD_F_DEVICE_TLB, NVMX_VTD_F_PASS_THROUGH };

	return c->type <= CONTEXT_TT_PASS && vtd_has(u, needs[c->type]) && c->levels <= 4 &&
	       u->config.levels & BIT(c->levels - 2u);
}

enum nvmx_vtd_fault nvmx_vtd_context_fetch(struct nvmx_vtd *u, uint16_t source_id, struct vtd_context *out)
{
	uint64_t table, e[2];
	enum nvmx_vtd_fault fault;

	*out = (struct vtd_context){ 0 };
	fault = root_entry(u, source_id, &table);
	if (fault)
		return fault;
	if (!nvmx_vtd_fetch_pair(u, table + (source_id & 0xff) * 16ull, e))
		return NVMX_VTD_FAULT_CONTEXT;
	out->fpd = e[0] & ENTRY_FPD;
	if (!(e[0] & ENTRY_P))
		return NVMX_VTD_FAULT_CONTEXT_P;
	if (context_reserved(u, e))
		return NVMX_VTD_FAULT_CONTEXT_RSVD;
	out->type = e[0] >> 2 & 3;
	out->levels = (uint8_t)((e[1] & 7) + 2);
	out->domain = (uint16_t)(e[1] >> 8);
	out->table = out->type == CONTEXT_TT_PASS ? 0 : e[0] & u->address_mask;
	return context_supported(u, out) ? NVMX_VTD_FAULT_NONE : NVMX_VTD_FAULT_CONTEXT_INVALID;
}

/* Whether bit 7 makes a page at this level (SLLPS). */
static bool large_allowed(const struct nvmx_vtd *u, unsigned level)
{
	return (level == 2 && vtd_has(u, NVMX_VTD_F_2M)) || (level == 3 && vtd_has(u, NVMX_VTD_F_1G));
}

/* VT-d 9.8: bits 51:HAW; 62 (TM) but in leaves with device-TLBs; 11 but in leaves with snoop control; 7 where it makes no
 * page; below a large page's frame. */
static inline __attribute__((always_inline)) enum vtd_entry classify(const struct nvmx_vtd *u, uint64_t entry, unsigned level)
{
	bool large = level > 1 && entry & SL_LARGE, leaf = level == 1 || large;
	uint64_t reserved = (BIT64(52) - 1) & ~(u->address_mask | 0xfff);

	if (!(entry & SL_RIGHTS))
		return ENTRY_NONE;
	if (large && !large_allowed(u, level))
		return ENTRY_RESERVED;
	if (!leaf || !vtd_has(u, NVMX_VTD_F_SNOOP))
		reserved |= SL_SNOOP;
	if (!leaf || !vtd_has(u, NVMX_VTD_F_DEVICE_TLB))
		reserved |= SL_TM;
	if (large)
		reserved |= (BIT64(vtd_shift(level)) - 1) & ADDRESS_BITS;
	if (entry & reserved)
		return ENTRY_RESERVED;
	return leaf ? ENTRY_LEAF : ENTRY_TABLE;
}

enum vtd_entry nvmx_vtd_classify(const struct nvmx_vtd *u, uint64_t entry, unsigned level)
{
	return classify(u, entry, level);
}

/* What a request for `need` finds missing. */
static enum nvmx_vtd_fault refusal(unsigned need, uint64_t rights)
{
	if (need & ~rights & SL_W)
		return NVMX_VTD_FAULT_WRITE;
	return need & ~rights & SL_R || !(rights & SL_RIGHTS) ? NVMX_VTD_FAULT_READ : NVMX_VTD_FAULT_NONE;
}

enum nvmx_vtd_fault nvmx_vtd_walk(struct nvmx_vtd *u, const struct vtd_context *c, uint64_t iova, unsigned need,
				  struct vtd_walk *out)
{
	uint64_t table = c->table, rights = SL_RIGHTS, e, low;
	unsigned level = c->levels;
	enum nvmx_vtd_fault fault;
	enum vtd_entry kind;

	*out = (struct vtd_walk){ 0 };
	if (iova >= vtd_limit(u, c->levels))
		return NVMX_VTD_FAULT_WIDTH;
	for (;; level--) {
		if (!fetch(u, table + vtd_index(iova, level) * 8ull, &e))
			return level == c->levels ? NVMX_VTD_FAULT_CONTEXT_INVALID : NVMX_VTD_FAULT_TABLE;
		kind = classify(u, e, level);
		if (kind == ENTRY_RESERVED)
			return NVMX_VTD_FAULT_ENTRY_RSVD;
		rights &= e;
		fault = refusal(need, rights);
		if (fault)
			return fault;
		if (kind == ENTRY_LEAF || level <= 1)
			break;
		table = e & u->address_mask;
	}
	low = BIT64(vtd_shift(level)) - 1;
	out->gpa = (e & u->address_mask & ~low) | (iova & low);
	out->rights = (uint8_t)rights;
	out->shift = (uint8_t)vtd_shift(level);
	out->snoop = e & SL_SNOOP;
	return NVMX_VTD_FAULT_NONE;
}
