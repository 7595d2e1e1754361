/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES (SPACE_END >> 12)
#define HPA_4K 0x10000000ull
#define HPA_2M 0x20000000ull
#define HPA_1G HIGH_BASE
#define IDENTITY_DID 1u
#define FIRST_DID 2u
#define LEVELS 4u

#define P2M_SHIFT(e) ((unsigned)(e) & 0x3f)
#define P2M_RIGHTS(e) ((unsigned)(e) >> 6 & 3)
#define P2M_HPA(e) ((e) & ~0xfffull)

static void broken(struct nvmx_vtd_host *h, const char *what)
{
	printf("op: %s\n", what);
	h->broken++;
}

uint64_t host_hpa(const struct nvmx_vtd_host *h, uint64_t gpa)
{
	uint64_t e = gpa < SPACE_END ? h->p2m[gpa >> 12] : 0;

	return e ? P2M_HPA(e) | (gpa & 0xfff) : 0;
}

void *host_gpa(struct nvmx_vtd_host *h, uint64_t gpa)
{
	uint64_t hpa = host_hpa(h, gpa);

	return hpa ? machine_memory(hpa) : NULL;
}

static void *op_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	void *page = host_gpa(h, gpa);

	(void)write;
	if (gpa & 0xfff)
		broken(h, "map of an address that is not aligned");
	if (page && ++h->maps > 4)
		broken(h, "more than 4 mappings");
	return page;
}

static void op_unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)wrote;
	if (!h->maps || page != host_gpa(h, gpa))
		broken(h, "unmap of what is not mapped");
	h->maps--;
}

static void op_interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	h->interrupts++;
	h->interrupt_address = address;
	h->interrupt_data = data;
}

static void *op_page_alloc(struct nvmx_vtd_host *h, uint64_t *hpa)
{
	(void)h;
	return pool_alloc(hpa);
}

static void op_page_free(struct nvmx_vtd_host *h, void *page, uint64_t hpa)
{
	if (page != machine_memory(hpa))
		broken(h, "page_free with an address of another page");
	pool_free(hpa);
}

static int op_domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	unsigned n = 0;

	if (d->levels < 3 || d->levels > 4 || d->width > 48 || d->width < 30)
		broken(h, "domain_open of a table that the physical unit has not");
	if (h->domains == h->domain_limit)
		return -1;
	while (n < HOST_DOMAINS && h->domain[n].open)
		n++;
	if (n == HOST_DOMAINS)
		return -1;
	h->domain[n] = (struct host_domain){ .open = true, .levels = d->levels, .did = (uint16_t)(FIRST_DID + n),
					     .root = d->root };
	if (!d->root)
		pool_alloc(&h->domain[n].root);
	else if (!pool_live(machine_memory(d->root)))
		broken(h, "domain_open of a table that is not a page of the host's");
	h->domains++;
	*domain = 0x1000 + n;
	return 0;
}

static struct host_domain *find(struct nvmx_vtd_host *h, uint64_t handle)
{
	static struct host_domain none = { .levels = LEVELS };

	if (handle - 0x1000 < HOST_DOMAINS && h->domain[handle - 0x1000].open)
		return &h->domain[handle - 0x1000];
	broken(h, "a domain that is not open");
	return &none;
}

static bool owns_tables(const struct nvmx_vtd_host *h)
{
	return h->dummy;
}

static void op_domain_close(struct nvmx_vtd_host *h, uint64_t handle)
{
	struct host_domain *d = find(h, handle);

	for (unsigned i = 0; i < DEVICES; i++)
		if (h->device[i].target.kind == NVMX_VTD_DOMAIN && h->device[i].target.domain == handle)
			broken(h, "domain_close with a device in it");
	unit_flush_domain(d->did);
	unit_wait();
	if (owns_tables(h))
		table_free(d->root, d->levels);
	d->open = false;
	h->domains--;
}

static int op_attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	struct device *dev = device;
	uint16_t sid = edu_source_id(dev->n);
	struct host_domain identity = { .levels = LEVELS, .did = IDENTITY_DID, .root = h->identity };
	const struct host_domain *d = target->kind == NVMX_VTD_DOMAIN ? find(h, target->domain) : &identity;

	dev->target = *target;
	unit_context(sid, 0, 0);
	if (target->kind != NVMX_VTD_BLOCK)
		unit_context(sid, d->root | 1, (uint64_t)d->did << 8 | (d->levels - 2u));
	return 0;
}

static int op_flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	h->flushes++;
	for (unsigned i = 0; i < n; i++) {
		const struct nvmx_vtd_flush *f = &list[i];

		if (f->kind == NVMX_VTD_FLUSH_DOMAIN) {
			unit_flush_domain(find(h, f->domain)->did);
		} else if (f->kind == NVMX_VTD_FLUSH_PAGES) {
			if (f->order > 18 || f->iova & ((0x1000ull << f->order) - 1))
				broken(h, "flush of pages that are not aligned, or too many");
			unit_flush_pages(find(h, f->domain)->did, f->iova, f->order, f->leaf_only);
		} else {
			broken(h, "flush of a device-TLB that no device has");
		}
	}
	if (!n)
		broken(h, "flush of nothing");
	unit_wait();
	return h->queue_flushes ? NVMX_VTD_FLUSH_QUEUED : NVMX_VTD_FLUSHED;
}

static int op_frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	uint64_t e = gpa < SPACE_END ? h->p2m[gpa >> 12] : 0;

	if (!e)
		return -1;
	*out = (struct nvmx_vtd_frame){ .hpa = P2M_HPA(e) | (gpa & 0xfff), .rights = (uint8_t)P2M_RIGHTS(e),
					.page_shift = (uint8_t)P2M_SHIFT(e) };
	return 0;
}

static void op_table_written(struct nvmx_vtd_host *h, const void *p, size_t len)
{
	if (!pool_live(p) || !len || !pool_live((const char *)p + len - 1))
		broken(h, "table_written of what is not a table");
}

static unsigned shift_for(const struct nvmx_vtd_host *h, uint64_t gpa, uint64_t left)
{
	unsigned shift = P2M_SHIFT(h->p2m[gpa >> 12]);

	while (shift > 12 && (gpa & ((1ull << shift) - 1) || 1ull << shift > left))
		shift -= 9;
	return shift;
}

static int op_dma_map(struct nvmx_vtd_host *h, uint64_t handle, uint64_t iova, uint64_t gpa, uint64_t len,
		      unsigned rights)
{
	struct host_domain *d = find(h, handle);
	uint64_t end = gpa + len;

	if ((len != 1ull << 12 && len != 1ull << 21 && len != 1ull << 30) || iova & (len - 1) || !rights || rights > 3)
		broken(h, "dma_map of a length, an address or rights that it must not have");
	if (gpa == NVMX_VTD_DUMMY) {
		for (uint64_t i = 0; i < len; i += 0x1000)
			table_map(d->root, d->levels, iova + i, h->dummy, 12, rights);
		return NVMX_VTD_MAPPED;
	}
	for (uint64_t at = gpa; at < end; at += 0x1000)
		if (at >= SPACE_END || !h->p2m[at >> 12]) {
			h->foreign++;
			return NVMX_VTD_MAP_FOREIGN;
		}
	while (gpa < end) {
		unsigned shift = shift_for(h, gpa, end - gpa);

		table_map(d->root, d->levels, iova, host_hpa(h, gpa), shift, rights & P2M_RIGHTS(h->p2m[gpa >> 12]));
		gpa += 1ull << shift;
		iova += 1ull << shift;
	}
	return NVMX_VTD_MAPPED;
}

static void op_dma_unmap(struct nvmx_vtd_host *h, uint64_t handle, uint64_t iova, uint64_t len)
{
	struct host_domain *d = find(h, handle);
	unsigned shift = len == 1ull << 12 ? 12 : len == 1ull << 21 ? 21 : 30;

	if (len != 1ull << shift || iova & (len - 1))
		broken(h, "dma_unmap of a length or an address that dma_map had not");
	table_map(d->root, d->levels, iova, 0, shift, 0);
	unit_flush_domain(d->did);
	unit_wait();
}

/* No device here is emulated by the host. */
static void op_drain(struct nvmx_vtd_host *h)
{
	(void)h;
}

const struct nvmx_vtd_ops host_ops = {
	.size = sizeof(host_ops), .abi = NVMX_VTD_ABI_VERSION, .map = op_map, .unmap = op_unmap,
	.interrupt = op_interrupt, .page_alloc = op_page_alloc, .page_free = op_page_free,
	.domain_open = op_domain_open, .domain_close = op_domain_close, .attach = op_attach, .flush = op_flush,
	.frame = op_frame, .table_written = op_table_written, .dma_map = op_dma_map, .dma_unmap = op_dma_unmap,
	.drain = op_drain,
};

static void lay_out(struct nvmx_vtd_host *h, uint64_t gpa, uint64_t hpa, unsigned shift)
{
	for (uint64_t i = 0; i < 1ull << shift; i += 0x1000)
		h->p2m[(gpa + i) >> 12] = (hpa + i) | 3 << 6 | shift;
	table_map(h->identity, LEVELS, gpa, hpa, shift, 3);
}

void host_reset(struct nvmx_vtd_host *h)
{
	uint64_t *p2m = h->p2m ? h->p2m : malloc(FRAMES * sizeof(*p2m));

	*h = (struct nvmx_vtd_host){ .p2m = p2m, .domain_limit = HOST_DOMAINS };
	memset(p2m, 0, FRAMES * sizeof(*p2m));
	pool_alloc(&h->identity);
	for (unsigned i = 0; i < DEVICES; i++)
		h->device[i].n = i;
	for (uint64_t i = 0; i < 0x4000; i++)
		lay_out(h, i << 12, HPA_4K + (i * 5 % 0x4000 << 12), 12);
	for (uint64_t i = 0; i < 32; i++)
		lay_out(h, SPACE_2M + (i << 21), HPA_2M + (i * 5 % 32 << 21), 21);
	lay_out(h, SPACE_1G, HPA_1G, 30);
}

void host_free(struct nvmx_vtd_host *h)
{
	for (unsigned i = 0; i < DEVICES; i++)
		unit_context(edu_source_id(i), 0, 0);
	table_free(h->identity, LEVELS);
	unit_flush_domain(IDENTITY_DID);
	unit_wait();
	if (h->dummy)
		pool_free(h->dummy);
}

/* A block of which a piece changes is no longer one. */
static void split(struct nvmx_vtd_host *h, uint64_t gpa)
{
	unsigned shift = P2M_SHIFT(h->p2m[gpa >> 12]);

	for (uint64_t first = gpa >> shift << (shift - 12), i = 0; shift > 12 && i < 1ull << (shift - 12); i++)
		h->p2m[first + i] = (h->p2m[first + i] & ~0x3full) | 12;
}

enum nvmx_vtd_verdict host_move(struct nvmx_vtd_host *h, uint64_t gpa, uint64_t hpa, unsigned pages, unsigned rights)
{
	for (unsigned i = 0; i < pages; i++) {
		uint64_t at = gpa + i * 0x1000ull, to = hpa + i * 0x1000ull, *e = &h->p2m[at >> 12];

		if (*e)
			split(h, at);
		if (hpa && *e && host_hpa(h, at) != to)
			memcpy(machine_memory(to), host_gpa(h, at), 0x1000);
		*e = hpa ? to | rights << 6 | 12 : 0;
		table_map(h->identity, LEVELS, at, to, 12, hpa ? rights : 0);
	}
	unit_flush_domain(IDENTITY_DID);
	unit_wait();
	return h->u ? nvmx_vtd_host_invalidate(h->u, gpa, pages * 0x1000ull) : NVMX_VTD_DONE;
}

void host_faults(struct nvmx_vtd_host *h)
{
	struct unit_fault f;

	while (unit_fault(&f)) {
		h->faults++;
		for (unsigned i = 0; h->u && i < DEVICES; i++)
			if (edu_source_id(i) == f.source_id)
				h->storm = !nvmx_vtd_physical_fault(h->u, h->device[i].l1_source_id, f.address,
								    f.write ? NVMX_VTD_WRITE : NVMX_VTD_READ);
	}
}
