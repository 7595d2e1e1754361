/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The hardware: walks, caches, flushes. */
#include "hw.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hw_parts.h"

#define ADDRESS 0x000ffffffffff000ull
#define LARGE 0x80ull
#define SNOOP 0x800ull

uint32_t hw_random(struct nvmx_vtd_host *h, uint32_t below)
{
	h->random = h->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((h->random >> 33) * below >> 31);
}

void hw_fail(struct nvmx_vtd_host *h, const char *why)
{
	if (!h->failed)
		h->why = why;
	h->failed = true;
}

uint64_t hw_cap(const struct hw_config *c)
{
	return 6 | (c->caches_not_present ? 0x80 : 0) | (c->four_levels_only ? 4ull : 6ull) << 8 | 47ull << 16 |
	       1ull << 22 | (c->has_2m ? 1ull << 34 : 0) | (c->has_1g ? 1ull << 35 : 0) |
	       (c->page_flush ? 1ull << 39 : 0) | (uint64_t)c->mamv << 48 | 3ull << 54;
}

uint64_t hw_ecap(const struct hw_config *c)
{
	return (c->coherent ? 1 : 0) | 2 | (c->device_tlb ? 4 : 0) | 1 << 6 | 1 << 7;
}

/* A page of tables as the hardware sees it; NULL: not one. */
static const uint64_t *seen(struct nvmx_vtd_host *h, uint64_t hpa)
{
	uint64_t n = (hpa - HPA_POOL) >> 12;

	if (hpa < HPA_POOL || n >= POOL_PAGES || !h->live[n] || hpa == h->dummy) {
		hw_fail(h, "a page walk reads a page that is no table");
		return NULL;
	}
	return h->config.coherent ? h->pool[n] : h->view[n];
}

/* Checks what a leaf names, once per frame that is used. */
static uint64_t owner_of(struct nvmx_vtd_host *h, uint64_t hpa, unsigned rights)
{
	uint64_t frame = hpa & ~0xfffull, gpa = hw_owner(h, frame);

	if (gpa == OWNER_NONE && frame - HPA_POOL < (uint64_t)POOL_PAGES << 12) {
		if (!h->dummy)
			h->dummy = frame;
		if (frame == h->dummy)
			return OWNER_DUMMY;
		hw_fail(h, "a leaf names a table");
	}
	if (gpa == OWNER_NONE)
		hw_fail(h, "a leaf names a frame that is not L1's");
	else if (rights & ~hw_rights(h, gpa))
		hw_fail(h, "a leaf has more rights than the host gives");
	return gpa;
}

static bool entry_ok(struct nvmx_vtd_host *h, uint64_t e, unsigned level, bool *leaf)
{
	bool large = level > 1 && e & LARGE;

	*leaf = level == 1 || large;
	if (large && !(level == 2 ? h->config.has_2m : level == 3 && h->config.has_1g))
		hw_fail(h, "a page size that the hardware has not");
	else if (large && e & ADDRESS & ((0x1000ull << 9 * (level - 1)) - 1))
		hw_fail(h, "a large leaf that is not aligned");
	else if (e & ~(ADDRESS | 3 | (large ? LARGE : 0) | (*leaf ? SNOOP : 0)))
		hw_fail(h, "reserved bits in an entry");
	return !h->failed;
}

static unsigned shift_of(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static struct hw_line *victim(struct nvmx_vtd_host *h, struct hw_line *lines, unsigned n)
{
	return &lines[hw_random(h, n)];
}

static void fill(struct nvmx_vtd_host *h, struct hw_line *lines, unsigned n, const struct hw_line *line)
{
	if (hw_random(h, 8))
		*victim(h, lines, n) = *line;
}

static struct hw_line *look(struct hw_line *lines, unsigned n, uint64_t domain, uint64_t iova, unsigned shift)
{
	for (unsigned i = 0; i < n; i++)
		if (lines[i].valid && lines[i].domain == domain && (!shift || lines[i].shift == shift) &&
		    lines[i].page == iova >> lines[i].shift)
			return &lines[i];
	return NULL;
}

/* Walks the tables, from what the paging-structure cache has. */
static struct hw_line walk(struct nvmx_vtd_host *h, const struct hw_domain *d, uint64_t iova)
{
	struct hw_line line = { .valid = true, .domain = d->serial, .rights = 3 };
	uint64_t table = d->root;
	unsigned level = d->levels;
	bool leaf = false;

	h->walks++;
	for (unsigned l = 2; l <= d->levels && hw_random(h, 4); l++) {
		struct hw_line *cached = look(h->psc, PSC_LINES, d->serial, iova, shift_of(l));

		if (cached) {
			table = cached->hpa;
			line.rights = cached->rights;
			level = l - 1;
			break;
		}
	}
	for (;; level--) {
		const uint64_t *page = seen(h, table);
		uint64_t e = page ? page[iova >> shift_of(level) & 511] : 0;

		line.shift = (uint8_t)shift_of(level);
		line.page = iova >> line.shift;
		if (!(e & 3) || !entry_ok(h, e, level, &leaf)) {
			line.rights = 0;
			return line;
		}
		line.rights &= e & 3;
		if (leaf) {
			line.present = true;
			line.hpa = e & ADDRESS;
			return line;
		}
		table = e & ADDRESS;
		fill(h, h->psc, PSC_LINES, &(struct hw_line){ .valid = true, .domain = d->serial, .shift = line.shift,
			.page = line.page, .hpa = table, .rights = line.rights });
	}
}

static struct hw_line translate(struct nvmx_vtd_host *h, const struct hw_domain *d, uint64_t iova)
{
	struct hw_line *cached = look(h->tlb, TLB_LINES, d->serial, iova, 0), line;

	if (iova >> (12 + 9 * d->levels))
		return (struct hw_line){ .valid = true };
	if (cached)
		return *cached;
	line = walk(h, d, iova);
	if (line.present || h->config.caches_not_present)
		fill(h, h->tlb, TLB_LINES, &line);
	return line;
}

static const struct hw_domain *domain_of(struct nvmx_vtd_host *h, const struct hw_device *d)
{
	return hw_domain(h, d->target.domain);
}

static struct hw_line device_translate(struct nvmx_vtd_host *h, unsigned device, uint64_t iova)
{
	struct hw_device *d = &h->device[device];
	const struct hw_domain *domain = domain_of(h, d);
	struct hw_line line;

	if (!domain)
		return (struct hw_line){ 0 };
	if (!d->target.device_tlb)
		return translate(h, domain, iova);
	for (unsigned i = 0; i < TLB_LINES; i++) {
		struct hw_line *t = &h->device_tlb[i];

		if (t->valid && t->device == device && t->page == iova >> t->shift)
			return *t;
	}
	line = translate(h, domain, iova);
	line.device = (uint8_t)device;
	if (line.present && line.rights)
		fill(h, h->device_tlb, TLB_LINES, &line);
	return line;
}

static struct hw_result by_mapping(struct nvmx_vtd_host *h, uint64_t handle, uint64_t iova, unsigned need)
{
	const struct hw_mapping *m = hw_mapping(h, handle, iova);
	uint64_t gpa;

	if (!m || need & ~m->rights)
		return (struct hw_result){ 0 };
	if (m->gpa == NVMX_VTD_DUMMY)
		return (struct hw_result){ true, OWNER_DUMMY };
	gpa = m->gpa + (iova - m->iova);
	if (!hw_is_ram(h, gpa) || h->moved[gpa >> 12] > m->made)
		hw_fail(h, "a mapping that the host has revoked");
	return (struct hw_result){ !(need & ~hw_rights(h, gpa)), gpa };
}

struct hw_result hw_dma(struct nvmx_vtd_host *h, unsigned device, uint64_t iova, bool write)
{
	const struct hw_device *d = &h->device[device];
	unsigned need = write ? 2 : 1;
	struct hw_line line;

	if (d->target.kind == NVMX_VTD_BLOCK)
		return (struct hw_result){ 0 };
	if (d->target.kind == NVMX_VTD_IDENTITY)
		return (struct hw_result){ hw_is_ram(h, iova) && !(need & ~hw_rights(h, iova)), iova };
	if (h->mappings)
		return by_mapping(h, d->target.domain, iova, need);
	line = device_translate(h, device, iova);
	if (!line.present || need & ~line.rights)
		return (struct hw_result){ 0 };
	line.hpa += iova & ((1ull << line.shift) - 1);
	line.hpa = owner_of(h, line.hpa, line.rights);
	return (struct hw_result){ true, line.hpa == OWNER_DUMMY ? line.hpa : line.hpa | (iova & 0xfff) };
}

void hw_speculate(struct nvmx_vtd_host *h)
{
	unsigned device;

	if (h->speculating || h->mappings || hw_random(h, 3))
		return;
	h->speculating = true;
	device = hw_random(h, HW_DEVICES);
	if (h->device[device].target.kind == NVMX_VTD_DOMAIN) {
		h->speculated++;
		device_translate(h, device, h->iovas[hw_random(h, h->iovas_n)]);
	}
	h->speculating = false;
}

static bool overlaps(const struct hw_line *l, uint64_t iova, uint64_t len)
{
	uint64_t first = l->page << l->shift;

	return first < iova + len && iova < first + (1ull << l->shift);
}

static void drop(struct hw_line *lines, unsigned n, uint64_t domain, uint64_t iova, uint64_t len)
{
	for (unsigned i = 0; i < n; i++)
		if (lines[i].domain == domain && overlaps(&lines[i], iova, len))
			lines[i].valid = false;
}

static void flush_device_tlb(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *f)
{
	for (unsigned i = 0; i < TLB_LINES; i++) {
		struct hw_line *l = &h->device_tlb[i];

		if (&h->device[l->device] == f->device && (f->order >= 52 || overlaps(l, f->iova, 0x1000ull << f->order)))
			l->valid = false;
	}
}

void hw_flush_one(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *f)
{
	const struct hw_domain *d = f->kind == NVMX_VTD_FLUSH_DEVICE_TLB ? NULL : hw_domain(h, f->domain);
	uint64_t len = 0x1000ull << f->order;

	h->flush_items++;
	hw_speculate(h);
	switch (f->kind) {
	case NVMX_VTD_FLUSH_DOMAIN:
		if (d)
			hw_forget_domain(h, d->serial);
		break;
	case NVMX_VTD_FLUSH_PAGES:
		if (!h->config.page_flush || f->order > h->config.mamv || f->iova & (len - 1))
			hw_fail(h, "a page-selective flush that the hardware cannot do");
		if (d)
			drop(h->tlb, TLB_LINES, d->serial, f->iova, len);
		if (d && !f->leaf_only)
			drop(h->psc, PSC_LINES, d->serial, f->iova, len);
		break;
	case NVMX_VTD_FLUSH_DEVICE_TLB:
		flush_device_tlb(h, f);
		break;
	default:
		hw_fail(h, "a flush of no kind");
	}
	hw_speculate(h);
}

void hw_forget_domain(struct nvmx_vtd_host *h, uint64_t serial)
{
	drop(h->tlb, TLB_LINES, serial, 0, ~0ull);
	drop(h->psc, PSC_LINES, serial, 0, ~0ull);
}

static void audit_table(struct nvmx_vtd_host *h, uint64_t table, unsigned level, unsigned rights)
{
	const uint64_t *page = seen(h, table);

	for (unsigned i = 0; page && i < 512 && !h->failed; i++) {
		bool leaf;

		if (!(page[i] & 3) || !entry_ok(h, page[i], level, &leaf))
			continue;
		if (!leaf)
			audit_table(h, page[i] & ADDRESS, level - 1, rights & (unsigned)page[i]);
		else if (hw_block_is_whole(h, page[i] & ADDRESS, shift_of(level)))
			owner_of(h, page[i] & ADDRESS, rights & (unsigned)page[i] & 3);
		else
			for (uint64_t n = 0; n < 1ull << shift_of(level) && !h->failed; n += 0x1000)
				owner_of(h, (page[i] & ADDRESS) + n, rights & (unsigned)page[i] & 3);
	}
}

static void audit_lines(struct nvmx_vtd_host *h, const struct hw_line *lines, unsigned n)
{
	for (unsigned i = 0; i < n && !h->failed; i++) {
		const struct hw_line *l = &lines[i];

		if (!l->valid || !l->present || !l->rights)
			continue;
		if (hw_block_is_whole(h, l->hpa, l->shift))
			owner_of(h, l->hpa, l->rights);
		else
			for (uint64_t at = 0; at < 1ull << l->shift && !h->failed; at += 0x1000)
				owner_of(h, l->hpa + at, l->rights);
	}
}

static void audit_mappings(struct nvmx_vtd_host *h)
{
	for (unsigned i = 0; h->mappings && i < h->mappings->fresh; i++) {
		const struct hw_mapping *m = &h->mappings->of[i];

		for (uint64_t at = 0; m->rights && m->gpa != NVMX_VTD_DUMMY && at < m->len && !h->failed; at += 0x1000)
			if (!hw_is_ram(h, m->gpa + at) || h->moved[(m->gpa + at) >> 12] > m->made)
				hw_fail(h, "a mapping that the host has revoked");
	}
}

void hw_audit(struct nvmx_vtd_host *h)
{
	for (unsigned i = 0; i < HW_DOMAINS; i++)
		if (h->domain[i].open && h->domain[i].root)
			audit_table(h, h->domain[i].root, h->domain[i].levels, 3);
	audit_lines(h, h->tlb, TLB_LINES);
	audit_lines(h, h->device_tlb, TLB_LINES);
	for (unsigned i = 0; i < PSC_LINES; i++)
		if (h->psc[i].valid)
			seen(h, h->psc[i].hpa);
	audit_mappings(h);
}
