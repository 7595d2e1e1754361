/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The VMM: the ops of <nestvmx/vtd.h>, the register page, DMA of an emulated and of an assigned device. */
#include <stdlib.h>
#include "vmm.h"

static void *map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	(void)write;
	return gpa < RAM_SIZE ? h->ram + gpa : NULL;
}

static void unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote;
}

/* A fault or a completion: an MSI of the unit's own. */
static void interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	(void)address;
	h->interrupts++;
	h->interrupt_data = data;
}

static void *page_alloc(struct nvmx_vtd_host *h, uint64_t *hpa)
{
	void *page = aligned_alloc(4096, 4096);

	(void)h;
	assert_non_null(page);
	*hpa = 0x1000; /* no hardware walks it */
	return memset(page, 0, 4096);
}

static void page_free(struct nvmx_vtd_host *h, void *page, uint64_t hpa)
{
	(void)h, (void)hpa;
	free(page);
}

static int domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	(void)h, (void)d;
	*domain = 1; /* one disk, so one container is enough */
	return 0;
}

static void domain_close(struct nvmx_vtd_host *h, uint64_t domain)
{
	(void)domain;
	memset(h->disk, 0, sizeof(h->disk));
}

static int attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	(void)device;
	h->disk_at = target->kind;
	return 0;
}

static int flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	(void)h, (void)list, (void)n;
	return NVMX_VTD_FLUSHED; /* dma_unmap has flushed */
}

static int dma_map(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t gpa, uint64_t len, unsigned rights)
{
	(void)domain;
	if (gpa != NVMX_VTD_DUMMY && (gpa >= RAM_SIZE || len > RAM_SIZE - gpa))
		return NVMX_VTD_MAP_FOREIGN;
	for (unsigned i = 0; i < MAPPINGS; i++) {
		if (h->disk[i].len)
			continue;
		h->disk[i] = (struct mapping){ iova, gpa, len, rights };
		return NVMX_VTD_MAPPED;
	}
	return NVMX_VTD_MAP_FULL;
}

static void dma_unmap(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len)
{
	(void)domain;
	for (unsigned i = 0; i < MAPPINGS; i++)
		if (h->disk[i].len == len && h->disk[i].iova == iova)
			h->disk[i].len = 0;
}

static const struct nvmx_vtd_ops ops = {
	.size = sizeof(ops), .abi = NVMX_VTD_ABI_VERSION, .map = map, .unmap = unmap, .interrupt = interrupt,
	.page_alloc = page_alloc, .page_free = page_free, .domain_open = domain_open, .domain_close = domain_close, .attach = attach,
	.flush = flush, .dma_map = dma_map, .dma_unmap = dma_unmap,
};

/* Work that a register write has begun is done here; a VMM with threads would do it there. */
static void finish(struct nvmx_vtd_host *h, enum nvmx_vtd_verdict verdict)
{
	while (verdict == NVMX_VTD_MORE)
		verdict = nvmx_vtd_run(h->unit);
	assert_int_equal(verdict, NVMX_VTD_DONE);
}

void vmm_start(struct nvmx_vtd_host *h)
{
	struct nvmx_vtd_config config = {
		.size = sizeof(config), .ops = &ops, .host = h, .flags = NVMX_VTD_ASSIGN_MAP, .host_width = 40,
		.features = NVMX_VTD_F_QUEUE | NVMX_VTD_F_CACHING_MODE | NVMX_VTD_F_PAGE_FLUSH,
	};
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	if (nvmx_vtd_init(h->unit_memory, sizeof(h->unit_memory), &config, &h->unit, &info)) {
		nvmx_describe_error(line, sizeof(line), &info);
		fail_msg("%s", line);
	}
	assert_int_equal(nvmx_vtd_device_add(h->unit, DISK, &h->disk, 0), NVMX_OK);
	finish(h, nvmx_vtd_run(h->unit));
}

void vmm_mmio_write(struct nvmx_vtd_host *h, uint32_t offset, unsigned size, uint64_t value)
{
	finish(h, nvmx_vtd_write(h->unit, offset, size, value));
}

uint64_t vmm_mmio_read(struct nvmx_vtd_host *h, uint32_t offset, unsigned size)
{
	return nvmx_vtd_read(h->unit, offset, size);
}

bool card_dma(struct nvmx_vtd_host *h, uint64_t iova, void *packet, size_t len, bool to_memory)
{
	unsigned char *bytes = packet;
	struct nvmx_vtd_dma dma;

	for (; len; iova += dma.len, bytes += dma.len, len -= (size_t)dma.len) {
		if (nvmx_vtd_translate(h->unit, CARD, iova, len, to_memory ? NVMX_VTD_WRITE : NVMX_VTD_READ, &dma) != NVMX_VTD_FAULT_NONE)
			return false;
		if (dma.gpa >= RAM_SIZE || dma.len > RAM_SIZE - dma.gpa)
			return false; /* no memory there */
		if (to_memory)
			memcpy(h->ram + dma.gpa, bytes, (size_t)dma.len);
		else
			memcpy(bytes, h->ram + dma.gpa, (size_t)dma.len);
	}
	return true;
}

unsigned char *disk_dma(struct nvmx_vtd_host *h, uint64_t iova, unsigned rights)
{
	if (h->disk_at == NVMX_VTD_IDENTITY)
		return iova < RAM_SIZE ? h->ram + iova : NULL;
	if (h->disk_at != NVMX_VTD_DOMAIN)
		return NULL;
	for (unsigned i = 0; i < MAPPINGS; i++) {
		const struct mapping *m = &h->disk[i];

		if (iova - m->iova < m->len && (m->rights & rights) == rights && m->gpa != NVMX_VTD_DUMMY)
			return h->ram + m->gpa + (iova - m->iova);
	}
	return NULL;
}
