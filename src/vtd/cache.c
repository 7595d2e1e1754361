/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The context-cache and the IOTLB of emulated devices (VT-d 6.2).  Neither keeps what is not present. */
#include "state.h"

struct vtd_context_line *nvmx_vtd_cache_context(struct nvmx_vtd *u, uint16_t source_id)
{
	return &u->caches.context[(source_id ^ source_id >> 6) % CONTEXT_LINES];
}

static unsigned set_of(uint16_t domain, uint64_t page)
{
	return (unsigned)((page ^ page >> 7 ^ domain * 37ull) % TLB_SETS);
}

static struct vtd_tlb_line *find(struct nvmx_vtd *u, uint16_t domain, uint64_t page, unsigned shift)
{
	struct vtd_tlb_line *line = u->caches.tlb[set_of(domain, page)];

	for (unsigned way = 0; way < TLB_WAYS; way++, line++)
		if (line->page == page && line->domain == domain && line->shift == shift && line->rights)
			return line;
	return NULL;
}

struct vtd_tlb_line *nvmx_vtd_cache_find(struct nvmx_vtd *u, uint16_t domain, uint64_t iova)
{
	for (unsigned shift = 12; shift <= 30; shift += 9) {
		struct vtd_tlb_line *line = find(u, domain, iova >> shift, shift);

		if (line)
			return line;
	}
	return NULL;
}

void nvmx_vtd_cache_fill(struct nvmx_vtd *u, uint16_t domain, uint64_t iova, const struct vtd_walk *w)
{
	uint64_t page = iova >> w->shift;
	struct vtd_tlb_line *line = find(u, domain, page, w->shift);
	unsigned set = set_of(domain, page);

	if (!w->rights)
		return;
	u->caches.tlb_used = true;
	if (!line)
		line = &u->caches.tlb[set][u->caches.victim[set]++ % TLB_WAYS];
	*line = (struct vtd_tlb_line){
		.page = page, .gpa = w->gpa >> w->shift << w->shift, .domain = domain, .rights = w->rights,
		.shift = w->shift, .snoop = w->snoop,
	};
}

void nvmx_vtd_cache_reset(struct nvmx_vtd *u)
{
	nvmx_memset(&u->caches, 0, sizeof(u->caches));
}

void nvmx_vtd_cache_inv_context(struct nvmx_vtd *u, const struct vtd_inv_context *inv)
{
	for (unsigned i = 0; i < CONTEXT_LINES; i++) {
		struct vtd_context_line *line = &u->caches.context[i];

		if (inv->granularity == GRANULARITY_GLOBAL ||
		    (line->context.domain == inv->domain &&
		     (inv->granularity == GRANULARITY_DOMAIN ||
		      vtd_source_matches(line->source_id, inv->source_id, inv->function_mask))))
			line->valid = false;
	}
}

static bool covers(const struct vtd_inv_iotlb *inv, const struct vtd_tlb_line *line)
{
	uint64_t first = inv->iova >> 12 >> inv->order << inv->order, n = BIT64(inv->order);
	uint64_t page = line->page << (line->shift - 12), pages = BIT64(line->shift - 12u);

	if (inv->granularity == GRANULARITY_GLOBAL)
		return true;
	if (line->domain != inv->domain)
		return false;
	return inv->granularity == GRANULARITY_DOMAIN || (page < first + n && first < page + pages);
}

/* Few pages are looked for one by one. */
#define FEW 3u

static void drop_few(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv)
{
	uint64_t first = inv->iova >> 12 >> inv->order << inv->order << 12, last = first + (4096ull << inv->order) - 1;

	for (unsigned shift = 12; shift <= 30; shift += 9)
		for (uint64_t page = first >> shift; page <= last >> shift; page++) {
			struct vtd_tlb_line *line = find(u, inv->domain, page, shift);

			if (line)
				line->rights = 0;
		}
}

void nvmx_vtd_cache_inv_iotlb(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv)
{
	struct vtd_tlb_line *line = u->caches.tlb[0];

	if (!u->caches.tlb_used)
		return;
	if (inv->granularity == GRANULARITY_NARROW && inv->order <= FEW) {
		drop_few(u, inv);
		return;
	}
	if (inv->granularity == GRANULARITY_GLOBAL)
		u->caches.tlb_used = false;
	vtd_spend(u, TLB_SETS * TLB_WAYS / 8);
	for (unsigned i = 0; i < TLB_SETS * TLB_WAYS; i++, line++)
		if (line->rights && covers(inv, line))
			line->rights = 0;
}
