/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A physical unit for the tests of flattening.  It walks second-level tables, or keeps what dma_map has mapped; it never
 * evicts anything from its IOTLB and paging-structure cache, forgets only what it is told to, and fails the test when a
 * walk reaches a page that was freed.
 */
#ifndef VTD_HW_H
#define VTD_HW_H

#include "vtd_host.h"

#define HW_PAGES 8192u
#define HW_PAGE_HPA 0x200000000ull
#define HW_RAM_HPA 0x100000000ull /* L1's frame n is at HW_RAM_HPA + n * 4096 unless it was moved */
#define HW_BIG 0x40000000ull      /* a gigabyte of L1's that is one piece */
#define HW_BIG_HPA 0x1000000000ull
#define HW_DOMAINS 64u
#ifndef HW_SLOTS
#define HW_SLOTS 65536u
#endif
#define HW_CAP (6ull << CAP_SAGAW_SHIFT | 47ull << 16 | CAP_ZLR | CAP_SLLPS_2M | CAP_SLLPS_1G | CAP_PSI | 18ull << 48 | CAP_DRAIN)
#define HW_ECAP (ECAP_C | ECAP_QI | ECAP_DT | ECAP_SC | ECAP_PT)

struct hw_device {
	struct nvmx_vtd_target target;
	unsigned attaches, tlb_flushes;
	uint64_t tlb_iova;
	unsigned tlb_order;
};

struct hw_slot {
	uint64_t key;  /* handle << 40 | page; 0: free, 1: was used */
	uint64_t value;
};

struct hw {
	struct { uint64_t hpa; uint8_t rights; } map[FRAMES];
	uint64_t next_frame;
	bool big_broken;          /* the gigabyte comes in 4-KiB frames, and its first is missing */
	void *pages[HW_PAGES];
	unsigned hint, live, peak, limit;
	struct { bool open; uint64_t root; unsigned levels; } domains[HW_DOMAINS];
	unsigned domains_open, domains_limit;
	struct hw_slot tlb[HW_SLOTS], structure[HW_SLOTS], maps[HW_SLOTS];
	unsigned maps_live, maps_limit, frame_calls, dma_maps, dma_unmaps, flush_calls, written;
	struct nvmx_vtd_flush last[256], queued[256];
	unsigned last_n, queued_n;
	bool queue, fail_attach;
	int answer;
};

static inline struct hw_slot *hw_slot(struct hw_slot *table, uint64_t key, bool make)
{
	struct hw_slot *reuse = NULL;

	for (unsigned i = (unsigned)(key * 0x9e3779b97f4a7c15ull >> 48), n = 0; n < HW_SLOTS; n++, i++) {
		struct hw_slot *s = &table[i % HW_SLOTS];

		if (s->key == key)
			return s;
		if (s->key <= 1 && !reuse)
			reuse = s;
		if (!s->key)
			break;
	}
	if (!make)
		return NULL;
	assert_non_null(reuse);
	reuse->key = key;
	return reuse;
}

static inline uint64_t hw_key(uint64_t handle, uint64_t page)
{
	return handle << 40 | page;
}

static inline void *hw_page_alloc(struct nvmx_vtd_host *h, uint64_t *hpa)
{
	struct hw *hw = h->hw;

	if (hw->limit && hw->live >= hw->limit)
		return NULL;
	while (hw->pages[hw->hint % HW_PAGES])
		hw->hint++;
	*hpa = HW_PAGE_HPA + (uint64_t)(hw->hint % HW_PAGES) * 4096;
	if (++hw->live > hw->peak)
		hw->peak = hw->live;
	return hw->pages[hw->hint % HW_PAGES] = calloc(1, 4096);
}

static inline void hw_page_free(struct nvmx_vtd_host *h, void *page, uint64_t hpa)
{
	void **p = &h->hw->pages[(hpa - HW_PAGE_HPA) / 4096];

	assert_ptr_equal(*p, page);
	free(page);
	*p = NULL;
	h->hw->live--;
}

static inline int hw_domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	struct hw *hw = h->hw;

	if (hw->domains_limit && hw->domains_open >= hw->domains_limit)
		return -1;
	for (unsigned i = 1; i < HW_DOMAINS; i++)
		if (!hw->domains[i].open) {
			hw->domains[i].open = true;
			hw->domains[i].root = d->root;
			hw->domains[i].levels = d->levels;
			hw->domains_open++;
			*domain = i;
			return 0;
		}
	return -1;
}

static inline void hw_forget(struct hw_slot *table, uint64_t handle, uint64_t first, uint64_t pages, unsigned shift)
{
	for (unsigned i = 0; i < HW_SLOTS; i++) {
		uint64_t page = (table[i].key & 0xffffffffff) << shift;

		if (table[i].key > 1 && table[i].key >> 40 == handle && page < first + pages &&
		    first < page + BIT64(shift))
			table[i].key = 1;
	}
}

static inline void hw_domain_close(struct nvmx_vtd_host *h, uint64_t domain)
{
	assert_true(h->hw->domains[domain].open);
	hw_forget(h->hw->tlb, domain, 0, 1ull << 52, 0);
	hw_forget(h->hw->structure, domain, 0, 1ull << 52, 9);
	for (unsigned i = 0; i < HW_SLOTS; i++)
		if (h->hw->maps[i].key > 1 && h->hw->maps[i].key >> 40 == domain) {
			h->hw->maps[i].key = 1;
			h->hw->maps_live--;
		}
	h->hw->domains[domain].open = false;
	h->hw->domains_open--;
}

static inline int hw_attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	struct hw_device *d = device;

	if (h->hw->fail_attach && target->kind != NVMX_VTD_BLOCK)
		return -1;
	if (target->kind == NVMX_VTD_DOMAIN)
		assert_true(h->hw->domains[target->domain].open);
	d->target = *target;
	d->attaches++;
	return 0;
}

static inline void hw_flush_one(struct hw *hw, const struct nvmx_vtd_flush *f)
{
	struct hw_device *d = f->device;
	uint64_t first = f->iova >> 12, pages = BIT64(f->order);

	if (f->kind == NVMX_VTD_FLUSH_DEVICE_TLB && !d) /* of an emulated device that was not added */
		return;
	if (f->kind == NVMX_VTD_FLUSH_DEVICE_TLB) {
		d->tlb_flushes++;
		d->tlb_iova = f->iova;
		d->tlb_order = f->order;
		return;
	}
	assert_true(hw->domains[f->domain].open);
	if (f->kind == NVMX_VTD_FLUSH_DOMAIN) {
		hw_forget(hw->tlb, f->domain, 0, 1ull << 52, 0);
		hw_forget(hw->structure, f->domain, 0, 1ull << 52, 9);
		return;
	}
	assert_true(f->order <= 18);
	assert_int_equal(first & (pages - 1), 0);
	hw_forget(hw->tlb, f->domain, first, pages, 0);
	if (!f->leaf_only)
		hw_forget(hw->structure, f->domain, first, pages, 9);
}

static inline int hw_flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	struct hw *hw = h->hw;

	assert_true(n > 0 && n <= 256);
	if (!hw) /* no physical unit: device-TLBs of emulated devices */
		return host_flush(h, list, n);
	hw->flush_calls++;
	memcpy(hw->last, list, n * sizeof(*list));
	hw->last_n = n;
	if (hw->queue) {
		assert_true(hw->queued_n + n <= 256);
		memcpy(hw->queued + hw->queued_n, list, n * sizeof(*list));
		hw->queued_n += n;
		return NVMX_VTD_FLUSH_QUEUED;
	}
	for (unsigned i = 0; i < n; i++)
		hw_flush_one(hw, &list[i]);
	return hw->answer;
}

/* Asked for each leaf: most of the time of some tests, were it checked access by access. */
__attribute__((no_sanitize("address", "undefined"))) static inline bool hw_contiguous(const struct hw *hw, uint64_t gfn)
{
	const uint64_t first = gfn & ~511ull, hpa = first + 512 > FRAMES ? 1 : hw->map[first].hpa;
	bool same = true;

	if (hpa & 0x1fffff)
		return false;
	for (unsigned i = 511; same && i; i--)
		same = hw->map[first + i].hpa == hpa + i * 4096ull && hw->map[first + i].rights == hw->map[first].rights;
	return same;
}

static inline int hw_frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	struct hw *hw = h->hw;
	uint64_t gfn = gpa >> 12;

	hw->frame_calls++;
	if (gpa - HW_BIG < 0x40000000 && !(hw->big_broken && gpa == HW_BIG)) {
		*out = (struct nvmx_vtd_frame){ HW_BIG_HPA + gpa - HW_BIG, 3, hw->big_broken ? 12 : 30 };
		return 0;
	}
	if (gfn >= FRAMES || !hw->map[gfn].rights)
		return -1;
	*out = (struct nvmx_vtd_frame){ hw->map[gfn].hpa | (gpa & 0xfff), hw->map[gfn].rights,
					hw_contiguous(hw, gfn) ? 21 : 12 };
	return 0;
}

static inline int hw_dma_map(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t gpa, uint64_t len,
			     unsigned rights)
{
	struct hw *hw = h->hw;
	uint64_t n = len >> 12;

	assert_true(hw->domains[domain].open && rights && !(rights & ~3u));
	assert_int_equal(iova & (len - 1), 0);
	if (gpa != NVMX_VTD_DUMMY)
		for (uint64_t i = 0; i < n; i++)
			if ((gpa >> 12) + i >= FRAMES || !hw->map[(gpa >> 12) + i].rights)
				return NVMX_VTD_MAP_FOREIGN;
	if (hw->maps_limit && hw->maps_live + n > hw->maps_limit)
		return NVMX_VTD_MAP_FULL;
	hw->dma_maps++;
	for (uint64_t i = 0; i < n; i++) {
		struct hw_slot *s = hw_slot(hw->maps, hw_key(domain, (iova >> 12) + i), false);

		assert_null(s); /* nothing is mapped twice */
		s = hw_slot(hw->maps, hw_key(domain, (iova >> 12) + i), true);
		s->value = gpa == NVMX_VTD_DUMMY ? 0xfffff000 | rights :
			   (hw->map[(gpa >> 12) + i].hpa | (rights & hw->map[(gpa >> 12) + i].rights));
		hw->maps_live++;
	}
	return NVMX_VTD_MAPPED;
}

static inline void hw_dma_unmap(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len)
{
	h->hw->dma_unmaps++;
	for (uint64_t i = 0; i < len >> 12; i++) {
		struct hw_slot *s = hw_slot(h->hw->maps, hw_key(domain, (iova >> 12) + i), false);

		assert_non_null(s); /* only what is mapped is unmapped */
		s->key = 1;
		h->hw->maps_live--;
	}
}

static inline uint64_t *hw_table(struct hw *hw, uint64_t hpa)
{
	assert_true(hpa >= HW_PAGE_HPA && hpa < HW_PAGE_HPA + HW_PAGES * 4096ull);
	assert_non_null(hw->pages[(hpa - HW_PAGE_HPA) / 4096]); /* not freed */
	return hw->pages[(hpa - HW_PAGE_HPA) / 4096];
}

/* A leaf: address of the page, rights in the low bits; 0: none. */
static inline uint64_t hw_walk(struct hw *hw, uint64_t handle, uint64_t iova)
{
	struct hw_slot *s = hw_slot(hw->structure, hw_key(handle, iova >> 21), false);
	unsigned level = s ? 1 : hw->domains[handle].levels;
	uint64_t table = s ? s->value & ~3ull : hw->domains[handle].root, rights = s ? s->value & 3 : 3, e;

	for (;; level--) {
		e = hw_table(hw, table)[vtd_index(iova, level)];
		rights &= e;
		if (!rights)
			return 0;
		if (level == 1 || e & SL_LARGE)
			break;
		table = e & ADDRESS_BITS;
		if (level == 2)
			hw_slot(hw->structure, hw_key(handle, iova >> 21), true)->value = table | rights;
	}
	e &= ADDRESS_BITS;
	assert_int_equal(e & (BIT64(vtd_shift(level)) - 1), 0);
	return (e | (iova & (BIT64(vtd_shift(level)) - 1) & ADDRESS_BITS)) | rights;
}

#define HW_FAULT (~0ull)

/* Where a DMA of the device lands, or HW_FAULT. */
static inline uint64_t hw_dma(struct nvmx_vtd_host *h, const struct hw_device *d, uint64_t iova, unsigned right)
{
	struct hw *hw = h->hw;
	uint64_t handle = d->target.domain, key = hw_key(handle, iova >> 12), leaf;
	struct hw_slot *s;

	if (d->target.kind == NVMX_VTD_BLOCK)
		return HW_FAULT;
	if (d->target.kind == NVMX_VTD_IDENTITY) {
		struct nvmx_vtd_frame f;

		return hw_frame(h, iova, &f) || !(f.rights & right) ? HW_FAULT : f.hpa;
	}
	assert_true(hw->domains[handle].open);
	if (!hw->domains[handle].root) {
		s = hw_slot(hw->maps, key, false);
		leaf = s ? s->value : 0;
	} else {
		s = hw_slot(hw->tlb, key, false);
		leaf = s ? s->value : 0;
		if (!(leaf & right))
			leaf = hw_walk(hw, handle, iova);
		if (leaf)
			hw_slot(hw->tlb, key, true)->value = leaf;
	}
	return leaf & right ? (leaf & ADDRESS_BITS) | (iova & 0xfff) : HW_FAULT;
}

static inline void hw_table_written(struct nvmx_vtd_host *h, const void *p, size_t len)
{
	(void)p;
	h->hw->written += (unsigned)len;
}

static inline struct rig *hw_config(uint32_t features, uint32_t flags)
{
	struct rig *r = rig_config(features);
	struct hw *hw = calloc(1, sizeof(*hw));

	r->host.hw = hw;
	for (unsigned i = 0; i < FRAMES; i++) {
		hw->map[i].hpa = HW_RAM_HPA + i * 4096ull;
		hw->map[i].rights = 3;
	}
	hw->next_frame = HW_RAM_HPA + 0x10000000;
	r->ops.page_alloc = hw_page_alloc;
	r->ops.page_free = hw_page_free;
	r->ops.domain_open = hw_domain_open;
	r->ops.domain_close = hw_domain_close;
	r->ops.attach = hw_attach;
	r->ops.flush = hw_flush;
	r->ops.table_written = hw_table_written;
	if (flags & NVMX_VTD_ASSIGN_TABLES)
		r->ops.frame = hw_frame;
	else
		r->ops.dma_map = hw_dma_map, r->ops.dma_unmap = hw_dma_unmap;
	r->config.flags = flags;
	r->config.hw_cap = HW_CAP;
	r->config.hw_ecap = HW_ECAP;
	return r;
}

static inline void hw_free(struct rig *r)
{
	struct hw *hw = r->host.hw;

	nvmx_vtd_destroy(r->u);
	assert_int_equal(hw->live, 0);
	assert_int_equal(hw->domains_open, 0);
	assert_int_equal(hw->maps_live, 0);
	free(hw);
	rig_free(r);
}

/* Work until there is none. */
static inline unsigned hw_run(struct rig *r)
{
	unsigned n = 0;

	while (nvmx_vtd_run(r->u) == NVMX_VTD_MORE)
		assert_true(++n < 1000000);
	return n;
}

/* The hardware finishes what it has queued; going on after a flush may queue the next one. */
static inline void hw_answer_queued(struct rig *r, int result)
{
	struct hw *hw = r->host.hw;

	while (r->u->flat.inflight) {
		for (unsigned i = 0; i < hw->queued_n; i++)
			hw_flush_one(hw, &hw->queued[i]);
		hw->queued_n = 0;
		for (unsigned n = r->u->flat.inflight; n; n--)
			nvmx_vtd_flush_done(r->u, result);
	}
}

static inline void hw_add(struct rig *r, uint16_t sid, struct hw_device *d, unsigned flags)
{
	assert_int_equal(nvmx_vtd_device_add(r->u, sid, d, flags), NVMX_OK);
	hw_run(r);
}

/* As flush_iotlb and flush_context of vtd_host.h, with work that may take several calls. */
static inline void hw_flush_iotlb(struct rig *r, uint64_t granularity, uint16_t domain, uint64_t address)
{
	wr(r, 0xf0, 8, address);
	wr(r, 0xf8, 8, BIT64(63) | granularity << 60 | (uint64_t)domain << 32);
	hw_run(r);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
}

static inline void hw_flush_context(struct rig *r)
{
	wr(r, 0x28, 8, BIT64(63) | 1ull << 61);
	hw_run(r);
	assert_int_equal(rd(r, 0x28, 8) >> 63, 0);
}

static inline void hw_translation(struct rig *r, bool on)
{
	wr(r, 0x20, 8, ROOT);
	command(r, GCMD_SRTP);
	hw_run(r);
	wr(r, 0x18, 4, (rd(r, 0x1c, 4) & 0x16ffffff) | (on ? GCMD_TE : 0));
	hw_run(r);
	assert_int_equal(rd(r, 0x1c, 4) & GCMD_TE, on ? GCMD_TE : 0);
}

#endif
