/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host: its map of L1's memory, and the ops. */
#include <stdlib.h>
#include <string.h>
#include "hw_parts.h"

#define FRAMES (GPA_END >> 12)
#define FIRST_HANDLE 0x500u
#define P2M_SHIFT(e) ((unsigned)(e) & 0x3f)
#define P2M_RIGHTS(e) ((unsigned)(e) >> 6 & 3)
#define P2M_HPA(e) ((e) & ~0xfffull)

bool hw_is_ram(const struct nvmx_vtd_host *h, uint64_t gpa)
{
	return gpa < GPA_END && h->p2m[gpa >> 12];
}

unsigned hw_rights(const struct nvmx_vtd_host *h, uint64_t gpa)
{
	return hw_is_ram(h, gpa) ? P2M_RIGHTS(h->p2m[gpa >> 12]) : 0;
}

uint64_t hw_owner(const struct nvmx_vtd_host *h, uint64_t hpa)
{
	uint64_t n = (hpa - HPA_RAM) >> 12, gpa = BIG_GPA + (hpa - HPA_BIG);

	if (hpa >= HPA_RAM && n < RAM_FRAMES + SPARES)
		return h->owner[n];
	if (hpa >= HPA_BIG && gpa < GPA_END && P2M_HPA(h->p2m[gpa >> 12]) == hpa)
		return gpa;
	return OWNER_NONE;
}

bool hw_block_is_whole(const struct nvmx_vtd_host *h, uint64_t hpa, unsigned shift)
{
	uint64_t gpa = hw_owner(h, hpa);

	return shift > 12 && gpa != OWNER_NONE && P2M_SHIFT(h->p2m[gpa >> 12]) >= shift;
}

uint64_t *hw_word(struct nvmx_vtd_host *h, uint64_t gpa)
{
	uint64_t n = gpa >> 12 < RAM_FRAMES && hw_is_ram(h, gpa) ? (P2M_HPA(h->p2m[gpa >> 12]) - HPA_RAM) >> 12 : ~0ull;

	return n < RAM_FRAMES + SPARES ? &h->ram[n][(gpa & 0xfff) / 8] : NULL;
}

static void *op_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	void *page = hw_word(h, gpa);

	(void)write;
	hw_speculate(h);
	if (gpa & 0xfff)
		hw_fail(h, "map of an address that is not aligned");
	if (page && ++h->maps > 4)
		hw_fail(h, "more than 4 mappings");
	return page;
}

static void op_unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)wrote;
	if (!h->maps-- || page != hw_word(h, gpa))
		hw_fail(h, "unmap of what is not mapped");
}

static void op_interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	(void)address;
	(void)data;
	h->interrupts++;
}

static void op_interrupts_changed(struct nvmx_vtd_host *h, uint32_t index, uint32_t count)
{
	if (!count || index + count > 0x10000)
		hw_fail(h, "interrupts_changed beyond the table");
	for (uint32_t i = index; i < index + count && i < 512; i++)
		h->route_valid[i / 64] &= ~(1ull << i % 64);
	if (h->told)
		hw_fail(h, "interrupts_changed while the last is not done");
	h->told = h->routes_later;
}

static void *op_page_alloc(struct nvmx_vtd_host *h, uint64_t *hpa)
{
	unsigned n;

	hw_speculate(h);
	if ((h->fail_page && !hw_random(h, h->fail_page)) || !h->frees)
		return NULL;
	n = h->free[--h->frees];
	h->live[n] = 1;
	h->used++;
	memset(h->pool[n], 0, 4096);
	memset(h->view[n], 0, 4096);
	*hpa = HPA_POOL + ((uint64_t)n << 12);
	return h->pool[n];
}

static void op_page_free(struct nvmx_vtd_host *h, void *page, uint64_t hpa)
{
	uint64_t n = (hpa - HPA_POOL) >> 12;

	hw_speculate(h);
	if (n >= POOL_PAGES || !h->live[n] || page != h->pool[n]) {
		hw_fail(h, "page_free of a page that is not in use");
		return;
	}
	for (unsigned i = 0; i < PSC_LINES; i++)
		if (h->psc[i].valid && h->psc[i].hpa == hpa)
			hw_fail(h, "a table is freed that a paging-structure cache still has");
	for (unsigned i = 0; i < TLB_LINES; i++)
		if ((h->tlb[i].valid && h->tlb[i].present && h->tlb[i].hpa == hpa) ||
		    (h->device_tlb[i].valid && h->device_tlb[i].present && h->device_tlb[i].hpa == hpa))
			hw_fail(h, "the dummy page is freed while a TLB has it");
	if (hpa == h->dummy)
		h->dummy = 0;
	h->live[n] = 0;
	h->used--;
	memset(h->pool[n], 0xee, 4096);
	memset(h->view[n], 0xee, 4096);
	h->free[h->frees++] = (uint16_t)n;
}

static int op_domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	unsigned n = 0;

	if (d->levels < (h->config.four_levels_only && !h->mappings ? 4 : 3) || d->levels > 4 || d->width > h->width || d->width < 30)
		hw_fail(h, "domain_open of a table that the hardware has not");
	if (!d->root != !!h->mappings)
		hw_fail(h, "domain_open with or without a table");
	while (n < HW_DOMAINS && h->domain[n].open)
		n++;
	if (n == HW_DOMAINS || (h->fail_domain && !hw_random(h, h->fail_domain)))
		return -1;
	h->domain[n] = (struct hw_domain){ .open = true, .levels = d->levels, .root = d->root, .serial = n + 1 };
	*domain = FIRST_HANDLE + n;
	return 0;
}

const struct hw_domain *hw_domain(struct nvmx_vtd_host *h, uint64_t handle)
{
	if (handle - FIRST_HANDLE < HW_DOMAINS && h->domain[handle - FIRST_HANDLE].open)
		return &h->domain[handle - FIRST_HANDLE];
	hw_fail(h, "a domain that is not open");
	return NULL;
}

static uint32_t *bucket_of(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len)
{
	return &h->mappings->bucket[((iova + len) / 4096 * 2654435761u + domain * 97) % BUCKETS];
}

static struct hw_mapping *find_mapping(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len)
{
	for (uint32_t n = *bucket_of(h, domain, iova, len); n; n = h->mappings->of[n - 1].next) {
		struct hw_mapping *m = &h->mappings->of[n - 1];

		if (m->domain == domain && m->iova == iova && m->len == len)
			return m;
	}
	return NULL;
}

struct hw_mapping *hw_mapping(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova)
{
	struct hw_mapping *m = NULL;

	for (uint64_t len = 1ull << 12; !m && len <= 1ull << 30; len <<= 9)
		m = find_mapping(h, domain, iova & ~(len - 1), len);
	return m;
}

static void remove_mapping(struct nvmx_vtd_host *h, struct hw_mapping *m)
{
	uint32_t *link = bucket_of(h, m->domain, m->iova, m->len), n = (uint32_t)(m - h->mappings->of) + 1;

	while (*link != n)
		link = &h->mappings->of[*link - 1].next;
	*link = m->next;
	m->rights = 0;
	h->mappings->free[h->mappings->frees++] = n - 1;
	h->mappings->used--;
}

static bool overlaps_any(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len)
{
	if (hw_mapping(h, domain, iova))
		return true;
	for (unsigned i = 0; len > 4096 && i < h->mappings->fresh; i++) {
		const struct hw_mapping *m = &h->mappings->of[i];

		if (m->rights && m->domain == domain && iova < m->iova + m->len && m->iova < iova + len)
			return true;
	}
	return false;
}

static bool add_mapping(struct nvmx_vtd_host *h, const struct hw_mapping *m)
{
	struct hw_mappings *all = h->mappings;
	uint32_t n, *bucket = bucket_of(h, m->domain, m->iova, m->len);

	if (!all->frees && all->fresh == MAPPINGS)
		return false;
	n = all->frees ? all->free[--all->frees] : all->fresh++;
	all->of[n] = *m;
	all->of[n].next = *bucket;
	*bucket = n + 1;
	all->used++;
	return true;
}

static void op_domain_close(struct nvmx_vtd_host *h, uint64_t handle)
{
	const struct hw_domain *d = hw_domain(h, handle);

	for (unsigned i = 0; i < HW_DEVICES; i++)
		if (h->device[i].target.kind == NVMX_VTD_DOMAIN && h->device[i].target.domain == handle)
			hw_fail(h, "domain_close with a device in it");
	for (unsigned i = 0; i < h->queued_n; i++)
		if (h->queued[i].kind != NVMX_VTD_FLUSH_DEVICE_TLB && h->queued[i].domain == handle)
			hw_fail(h, "domain_close with a flush of it under way");
	for (unsigned i = 0; h->mappings && i < h->mappings->fresh; i++)
		if (h->mappings->of[i].rights && h->mappings->of[i].domain == handle)
			remove_mapping(h, &h->mappings->of[i]);
	if (!d)
		return;
	hw_forget_domain(h, d->serial);
	h->domain[handle - FIRST_HANDLE].open = false;
}

static int op_attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	struct hw_device *d = device;

	hw_speculate(h);
	if (target->kind == NVMX_VTD_DOMAIN)
		hw_domain(h, target->domain);
	if (target->device_tlb && !d->has_tlb)
		hw_fail(h, "a device-TLB for a device that has none");
	if (target->kind != NVMX_VTD_BLOCK && h->fail_attach && !hw_random(h, h->fail_attach)) {
		d->target = (struct nvmx_vtd_target){ .kind = NVMX_VTD_BLOCK };
		return -1;
	}
	d->target = *target;
	d->muted &= target->kind == NVMX_VTD_BLOCK;
	for (unsigned i = 0; i < TLB_LINES; i++)
		if (h->device_tlb[i].device == (unsigned)(d - h->device))
			h->device_tlb[i].valid = false;
	hw_speculate(h);
	return 0;
}

static int op_flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	int answer = NVMX_VTD_FLUSHED;

	if (!n || h->queued_n + n > QUEUED)
		hw_fail(h, "a flush of nothing, or of too much");
	if (h->delay_flushes && !h->mute && hw_random(h, 2)) {
		memcpy(h->queued + h->queued_n, list, n * sizeof(*list));
		h->queued_n += n;
		return NVMX_VTD_FLUSH_QUEUED;
	}
	for (unsigned i = 0; i < n; i++)
		if (h->mute && list[i].kind == NVMX_VTD_FLUSH_DEVICE_TLB) {
			((struct hw_device *)list[i].device)->muted = true;
			answer = NVMX_VTD_FLUSH_TIMEOUT;
		} else {
			hw_flush_one(h, &list[i]);
		}
	return answer;
}

void hw_flush_queued(struct nvmx_vtd_host *h)
{
	for (unsigned i = 0; i < h->queued_n; i++)
		hw_flush_one(h, &h->queued[i]);
	h->queued_n = 0;
}

static int op_frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	uint64_t e = gpa < GPA_END ? h->p2m[gpa >> 12] : 0;

	hw_speculate(h);
	if (!e)
		return -1;
	*out = (struct nvmx_vtd_frame){ .hpa = P2M_HPA(e) | (gpa & 0xfff), .rights = (uint8_t)P2M_RIGHTS(e),
					.page_shift = (uint8_t)P2M_SHIFT(e) };
	return 0;
}

/* Entry by entry, and the hardware may look at any time. */
static void op_table_written(struct nvmx_vtd_host *h, const void *p, size_t len)
{
	size_t offset = (size_t)((const char *)p - (const char *)h->pool), first = offset / 8, last = (offset + len + 7) / 8;

	if (offset >= (size_t)POOL_PAGES * 4096 || offset % 4096 + len > 4096 || !len || !h->live[offset / 4096]) {
		hw_fail(h, "table_written of what is not a table");
		return;
	}
	for (size_t i = first; i < last; i++) {
		(&h->view[0][0])[i] = (&h->pool[0][0])[i];
		if (i % 16 == 0)
			hw_speculate(h);
	}
}

static int op_dma_map(struct nvmx_vtd_host *h, uint64_t handle, uint64_t iova, uint64_t gpa, uint64_t len,
		      unsigned rights)
{
	hw_domain(h, handle);
	if ((len != 1ull << 12 && len != 1ull << 21 && len != 1ull << 30) || iova & (len - 1) || !rights || rights > 3)
		hw_fail(h, "dma_map of a length, an address or rights that it must not have");
	if (overlaps_any(h, handle, iova, len))
		hw_fail(h, "dma_map of what is mapped");
	for (uint64_t at = 0; gpa != NVMX_VTD_DUMMY && at < len; at += 0x1000)
		if (!hw_is_ram(h, gpa + at))
			return NVMX_VTD_MAP_FOREIGN;
	if (h->fail_page && !hw_random(h, h->fail_page))
		return NVMX_VTD_MAP_FULL;
	return add_mapping(h, &(struct hw_mapping){ .domain = handle, .iova = iova, .gpa = gpa, .len = len, .made = h->now,
						   .rights = (uint8_t)rights }) ? NVMX_VTD_MAPPED : NVMX_VTD_MAP_FULL;
}

static void op_dma_unmap(struct nvmx_vtd_host *h, uint64_t handle, uint64_t iova, uint64_t len)
{
	struct hw_mapping *m = find_mapping(h, handle, iova, len);

	if (m)
		remove_mapping(h, m);
	else
		hw_fail(h, "dma_unmap of what dma_map has not mapped");
}

/* Its emulated device asks, and accesses nothing. */
static void op_drain(struct nvmx_vtd_host *h)
{
	hw_speculate(h);
}

void hw_ops(struct nvmx_vtd_ops *ops)
{
	*ops = (struct nvmx_vtd_ops){
		.size = sizeof(*ops), .abi = NVMX_VTD_ABI_VERSION, .map = op_map, .unmap = op_unmap,
		.interrupt = op_interrupt, .interrupts_changed = op_interrupts_changed, .page_alloc = op_page_alloc,
		.page_free = op_page_free, .domain_open = op_domain_open, .domain_close = op_domain_close,
		.attach = op_attach, .flush = op_flush, .frame = op_frame, .table_written = op_table_written,
		.dma_map = op_dma_map, .dma_unmap = op_dma_unmap, .drain = op_drain,
	};
}

void hw_new(struct nvmx_vtd_host *h)
{
	h->ram = calloc(RAM_FRAMES + SPARES, 4096);
	h->owner = malloc((RAM_FRAMES + SPARES) * sizeof(*h->owner));
	h->p2m = malloc(FRAMES * sizeof(*h->p2m));
	h->moved = malloc(FRAMES * sizeof(*h->moved));
	h->pool = malloc((size_t)POOL_PAGES * 4096);
	h->view = malloc((size_t)POOL_PAGES * 4096);
	h->live = malloc(POOL_PAGES);
	h->free = malloc(POOL_PAGES * sizeof(*h->free));
}

void hw_free(struct nvmx_vtd_host *h)
{
	free(h->ram);
	free(h->owner);
	free(h->p2m);
	free(h->moved);
	free(h->pool);
	free(h->view);
	free(h->live);
	free(h->free);
}

static void place(struct nvmx_vtd_host *h, uint64_t frame, uint64_t hpa, unsigned shift)
{
	h->p2m[frame] = hpa | 3 << 6 | shift;
	if (hpa - HPA_RAM < (uint64_t)(RAM_FRAMES + SPARES) << 12)
		h->owner[(hpa - HPA_RAM) >> 12] = frame << 12;
}

void hw_reset(struct nvmx_vtd_host *h, const struct hw_config *config, uint64_t seed)
{
	struct nvmx_vtd_host old = *h;

	*h = (struct nvmx_vtd_host){ .config = *config, .random = seed, .ram = old.ram, .owner = old.owner, .p2m = old.p2m,
		.moved = old.moved, .pool = old.pool, .view = old.view, .live = old.live, .free = old.free };
	memset(h->ram, 0, (RAM_FRAMES + SPARES) * 4096ull);
	memset(h->p2m, 0, FRAMES * sizeof(*h->p2m));
	memset(h->moved, 0, FRAMES * sizeof(*h->moved));
	memset(h->live, 0, POOL_PAGES);
	for (unsigned i = 0; i < RAM_FRAMES; i++) {
		bool block = i / 512 % 2;

		place(h, i, HPA_RAM + ((uint64_t)(block ? i : i / 512 * 512 + i * 5 % 512) << 12), block ? 21 : 12);
	}
	for (unsigned i = 0; i < SPARES; i++) {
		h->owner[RAM_FRAMES + i] = OWNER_NONE;
		h->spare[h->spares++] = (uint16_t)(RAM_FRAMES + i);
	}
	for (uint64_t i = 0; i < BIG_FRAMES; i++)
		place(h, (BIG_GPA >> 12) + i, HPA_BIG + (i << 12), 30);
	for (unsigned i = 0; i < POOL_PAGES; i++)
		h->free[h->frees++] = (uint16_t)i;
}

/* What was a block is no longer one. */
static void split(struct nvmx_vtd_host *h, uint64_t gpa)
{
	unsigned shift = P2M_SHIFT(h->p2m[gpa >> 12]);
	uint64_t first = gpa >> shift << shift >> 12;

	if (shift == 30) { /* blocks of 2 MiB remain */
		for (uint64_t i = 0; i < BIG_FRAMES; i++)
			h->p2m[first + i] = (h->p2m[first + i] & ~0x3full) | 21;
		shift = 21;
		first = gpa >> shift << shift >> 12;
	}
	for (uint64_t i = 0; shift > 12 && i < 512; i++)
		h->p2m[first + i] = (h->p2m[first + i] & ~0x3full) | 12;
}

static void leave(struct nvmx_vtd_host *h, uint64_t hpa)
{
	uint64_t n = (hpa - HPA_RAM) >> 12;

	if (hpa - HPA_RAM >= (uint64_t)(RAM_FRAMES + SPARES) << 12)
		return;
	h->owner[n] = OWNER_NONE;
	h->spare[h->spares++] = (uint16_t)n;
}

void hw_change(struct nvmx_vtd_host *h, uint64_t gpa, enum hw_change change)
{
	uint64_t *e = &h->p2m[gpa >> 12], old = P2M_HPA(*e);
	unsigned pick;

	h->moved[gpa >> 12] = ++h->now;
	h->now++;
	if (*e)
		split(h, gpa);
	if (change == HW_RIGHTS && *e) {
		*e = (*e & ~0xc0ull) | (hw_random(h, 3) + 1) << 6;
		return;
	}
	if (!h->spares)
		return;
	pick = hw_random(h, h->spares);
	if (change == HW_TAKE && *e) {
		*e = 0;
		leave(h, old);
		return;
	}
	if (*e && old - HPA_RAM < (uint64_t)(RAM_FRAMES + SPARES) << 12)
		memcpy(h->ram[h->spare[pick]], h->ram[(old - HPA_RAM) >> 12], 4096);
	place(h, gpa >> 12, HPA_RAM + ((uint64_t)h->spare[pick] << 12), 12);
	h->spare[pick] = h->spare[--h->spares];
	if (old)
		leave(h, old);
}
