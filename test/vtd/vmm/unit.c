/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "unit.h"
#include "domain.h"
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPINGS 4u
#define GSTS 0x1cu

struct nvmx_vtd_host {
	struct nvmx_vtd *u;
	struct domain_device device;
	bool routes_changed;
	unsigned mapped;
	uint64_t status; /* all bits that GSTS has had */
	uint64_t counters[NVMX_VTD_CNT_COUNT]; /* of units before */
};

static struct nvmx_vtd_host host;
static struct nvmx_vtd_config config;
static _Alignas(64) uint8_t memory[NVMX_VTD_SIZE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *op_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	void *p = machine_ram(gpa, 4096);

	(void)write;
	if (p && ++h->mapped > MAPPINGS)
		errx(2, "op: more than %u mappings", MAPPINGS);
	return p;
}

static void op_unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)wrote;
	if (!h->mapped-- || page != machine_ram(gpa, 4096))
		errx(2, "op: unmap of what is not mapped");
}

static void op_interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	(void)h;
	machine_msi((struct msi){ .address = address, .data = data });
}

static void op_interrupts_changed(struct nvmx_vtd_host *h, uint32_t index, uint32_t count)
{
	(void)index;
	(void)count;
	h->routes_changed = true;
}

static void op_trace(struct nvmx_vtd_host *h, unsigned event, uint64_t a, uint64_t b)
{
	static const char *const names[] = {
		[NVMX_VTD_EV_FAULT] = "fault", [NVMX_VTD_EV_BAD_ACCESS] = "bad access",
		[NVMX_VTD_EV_QUEUE_ERROR] = "queue error", [NVMX_VTD_EV_NO_DOMAIN] = "no domain",
		[NVMX_VTD_EV_NO_PAGE] = "no page", [NVMX_VTD_EV_STORM] = "storm",
		[NVMX_VTD_EV_BLOCKED] = "blocked",
	};

	(void)h;
	printf("vmm: trace: %s %#llx %#llx\n", event < sizeof(names) / sizeof(*names) ? names[event] : "?",
	       (unsigned long long)a, (unsigned long long)b);
}

static void *op_page_alloc(struct nvmx_vtd_host *h, uint64_t *hpa)
{
	uint8_t *p = aligned_alloc(4096, 4096);

	(void)h;
	for (unsigned i = 0; p && i < 4096; i++)
		p[i] = 0;
	*hpa = (uintptr_t)p;
	return p;
}

static void op_page_free(struct nvmx_vtd_host *h, void *page, uint64_t hpa)
{
	(void)h;
	(void)hpa;
	free(page);
}

static int op_domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	(void)h;
	(void)d;
	return domain_open(domain);
}

static void op_domain_close(struct nvmx_vtd_host *h, uint64_t domain)
{
	(void)h;
	domain_close(domain);
}

static int op_attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	(void)h;
	return domain_attach(device, target);
}

static int op_dma_map(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t gpa, uint64_t len, unsigned rights)
{
	(void)h;
	return domain_map(domain, iova, gpa, len, rights);
}

static void op_dma_unmap(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t len)
{
	(void)h;
	domain_unmap(domain, iova, len);
}

/* The thread that emulates the edu device's DMA is the one that writes registers. */
static void op_drain(struct nvmx_vtd_host *h)
{
	(void)h;
}

static const struct nvmx_vtd_ops ops = {
	.size = sizeof(ops), .abi = NVMX_VTD_ABI_VERSION, .map = op_map, .unmap = op_unmap, .interrupt = op_interrupt,
	.interrupts_changed = op_interrupts_changed, .trace = op_trace, .page_alloc = op_page_alloc,
	.page_free = op_page_free, .domain_open = op_domain_open, .domain_close = op_domain_close, .attach = op_attach,
	.dma_map = op_dma_map, .dma_unmap = op_dma_unmap, .drain = op_drain,
};

static void finish(enum nvmx_vtd_verdict verdict)
{
	while (verdict == NVMX_VTD_MORE)
		verdict = nvmx_vtd_run(host.u);
	if (verdict != NVMX_VTD_DONE)
		errx(2, "the unit waits for a flush that nobody has queued");
}

static void add_device(void)
{
	int error = nvmx_vtd_device_add(host.u, DEVICE_SOURCE_ID, &host.device, 0);

	if (error)
		errx(2, "nvmx_vtd_device_add: error %d", error);
	finish(nvmx_vtd_run(host.u));
}

static void start(void)
{
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	int error = nvmx_vtd_init(memory, sizeof(memory), &config, &host.u, &info);

	if (error) {
		nvmx_describe_error(line, sizeof(line), &info);
		errx(2, "nvmx_vtd_init: %s", line);
	}
	if (host.device.vfio)
		add_device();
}

void unit_create(uint32_t features, struct vfio *device)
{
	config = (struct nvmx_vtd_config){
		.size = sizeof(config), .ops = &ops, .host = &host, .features = features, .flags = device ? NVMX_VTD_ASSIGN_MAP : 0,
		.host_width = machine_address_bits(),
	};
	host.device.vfio = device;
	domain_create(&host.device);
	start();
	printf("vmm: unit cap=%#llx ecap=%#llx\n", (unsigned long long)nvmx_vtd_cap(host.u),
	       (unsigned long long)nvmx_vtd_ecap(host.u));
}

void unit_replace(void)
{
	uint8_t blob[NVMX_VTD_SAVE_SIZE];
	size_t n;

	pthread_mutex_lock(&lock);
	n = nvmx_vtd_save(host.u, blob, sizeof(blob));
	if (!n)
		errx(2, "nvmx_vtd_save");
	for (unsigned i = 0; i < NVMX_VTD_CNT_COUNT; i++)
		host.counters[i] += nvmx_vtd_counter(host.u, (enum nvmx_vtd_counter)i);
	nvmx_vtd_destroy(host.u);
	memset(memory, 0xff, sizeof(memory));
	start();
	if (nvmx_vtd_restore(host.u, blob, n))
		errx(2, "nvmx_vtd_restore");
	finish(nvmx_vtd_run(host.u));
	host.routes_changed = true;
	pthread_mutex_unlock(&lock);
	printf("vmm: unit replaced, %zu bytes\n", n);
}

uint64_t unit_access(uint32_t offset, unsigned size, uint64_t value, bool write)
{
	uint64_t result = 0;

	pthread_mutex_lock(&lock);
	if (write) {
		finish(nvmx_vtd_write(host.u, offset, size, value));
		host.status |= nvmx_vtd_read(host.u, GSTS, 4);
	} else {
		result = nvmx_vtd_read(host.u, offset, size);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

bool unit_translate(uint16_t source_id, uint64_t iova, uint64_t len, bool write, struct nvmx_vtd_dma *out)
{
	enum nvmx_vtd_fault fault;

	pthread_mutex_lock(&lock);
	fault = nvmx_vtd_translate(host.u, source_id, iova, len, write ? NVMX_VTD_WRITE : NVMX_VTD_READ, out);
	pthread_mutex_unlock(&lock);
	return fault == NVMX_VTD_FAULT_NONE;
}

/* As KVM takes it: destination bits 31:8 are above the address's lower half. */
static struct msi encode(const struct nvmx_vtd_msi *m)
{
	return (struct msi){
		.address = 0xfee00000 | (m->destination & 0xffull) << 12 | (uint64_t)(m->destination >> 8) << 40 |
			   (uint64_t)m->redirection_hint << 3 | (uint64_t)m->logical << 2,
		.data = m->vector | (uint32_t)m->delivery_mode << 8 | (uint32_t)m->assert << 14 | (uint32_t)m->level << 15,
	};
}

static bool remap(uint16_t source_id, struct msi msi, unsigned access, struct msi *out)
{
	struct nvmx_vtd_msi m;
	enum nvmx_vtd_fault fault;

	pthread_mutex_lock(&lock);
	fault = nvmx_vtd_interrupt(host.u, source_id, msi.address, msi.data, access, &m);
	pthread_mutex_unlock(&lock);
	*out = encode(&m);
	return fault == NVMX_VTD_FAULT_NONE;
}

void unit_message(uint16_t source_id, struct msi msi)
{
	struct msi out;

	if (remap(source_id, msi, 0, &out))
		machine_msi(out);
}

bool unit_remap(uint16_t source_id, struct msi msi, struct msi *out)
{
	return remap(source_id, msi, NVMX_VTD_SILENT, out);
}

bool unit_routes_changed(void)
{
	bool changed;

	pthread_mutex_lock(&lock);
	changed = host.routes_changed;
	host.routes_changed = false;
	pthread_mutex_unlock(&lock);
	return changed;
}

void unit_tick(void)
{
	pthread_mutex_lock(&lock);
	nvmx_vtd_tick(host.u);
	pthread_mutex_unlock(&lock);
}

static void report_assigned(void)
{
	struct domain_figures f = domain_figures();

	printf("vmm: attached block=%u identity=%u domain=%u\n", host.device.attached[NVMX_VTD_BLOCK],
	       host.device.attached[NVMX_VTD_IDENTITY], host.device.attached[NVMX_VTD_DOMAIN]);
	printf("vmm: dma_map %llu identical=%llu most=%llu refused=%llu vfio-map=%llu vfio-unmap=%llu\n",
	       (unsigned long long)f.maps, (unsigned long long)f.identical, (unsigned long long)f.peak,
	       (unsigned long long)f.refused, (unsigned long long)host.device.vfio->mapped,
	       (unsigned long long)host.device.vfio->unmapped);
}

void unit_report(void)
{
	for (unsigned i = 0; i < NVMX_VTD_CNT_COUNT; i++) {
		uint64_t n = host.counters[i] + nvmx_vtd_counter(host.u, (enum nvmx_vtd_counter)i);

		if (n)
			printf("vmm: %s %llu\n", nvmx_vtd_counter_name(i), (unsigned long long)n);
	}
	printf("vmm: gsts were %#llx\n", (unsigned long long)host.status);
	if (host.device.vfio)
		report_assigned();
}
