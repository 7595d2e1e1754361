/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "domain.h"
#include "machine.h"
#include <err.h>
#include <stdlib.h>

#define DOMAINS 64u
#define BUCKETS 4096u
#define FIRST_HANDLE 0x100u

struct mapping {
	struct mapping *next;
	uint64_t iova, len;
	void *memory;
	unsigned rights;
};
static struct domain {
	bool open;
	struct mapping *bucket[BUCKETS];
} domains[DOMAINS];
static struct domain_device *device;
static struct domain_figures figures;
static uint64_t live;
static _Alignas(4096) uint8_t dummy[4096];

static struct domain *find(uint64_t handle)
{
	if (handle - FIRST_HANDLE >= DOMAINS || !domains[handle - FIRST_HANDLE].open)
		errx(2, "op with a domain that is not open");
	return &domains[handle - FIRST_HANDLE];
}

static struct mapping **bucket(struct domain *d, uint64_t iova)
{
	return &d->bucket[(iova >> 12) % BUCKETS];
}

static bool in_domain(const struct domain *d)
{
	return device->target.kind == NVMX_VTD_DOMAIN && find(device->target.domain) == d;
}

void domain_create(struct domain_device *d)
{
	device = d;
}

int domain_open(uint64_t *handle)
{
	for (unsigned i = 0; i < DOMAINS; i++)
		if (!domains[i].open) {
			domains[i].open = true;
			*handle = FIRST_HANDLE + i;
			return 0;
		}
	return -1;
}

void domain_close(uint64_t handle)
{
	struct domain *d = find(handle);

	if (in_domain(d))
		errx(2, "domain_close with a device in it");
	for (unsigned i = 0; i < BUCKETS; i++)
		while (d->bucket[i]) {
			struct mapping *m = d->bucket[i];

			d->bucket[i] = m->next;
			free(m);
			live--;
		}
	d->open = false;
}

static int replay(struct vfio *v, const struct domain *d)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct mapping *m = d->bucket[i]; m; m = m->next)
			if (vfio_map(v, m->iova, m->memory, m->len, m->rights))
				return -1;
	return 0;
}

int domain_attach(struct domain_device *d, const struct nvmx_vtd_target *target)
{
	int result = 0;

	vfio_unmap_all(d->vfio);
	d->target = *target;
	d->attached[target->kind]++;
	if (target->kind == NVMX_VTD_IDENTITY)
		result = vfio_map(d->vfio, 0, machine_ram(0, machine_ram_size()), machine_ram_size(),
				  NVMX_VTD_R | NVMX_VTD_W);
	else if (target->kind == NVMX_VTD_DOMAIN)
		result = replay(d->vfio, find(target->domain));
	if (!result)
		return 0;
	warn("attach");
	vfio_unmap_all(d->vfio);
	d->target.kind = NVMX_VTD_BLOCK;
	return -1;
}

int domain_map(uint64_t handle, uint64_t iova, uint64_t gpa, uint64_t len, unsigned rights)
{
	struct domain *d = find(handle);
	void *memory = gpa == NVMX_VTD_DUMMY ? dummy : machine_ram(gpa, len);
	struct mapping *m, **at = bucket(d, iova);

	if (!memory || (gpa == NVMX_VTD_DUMMY && len > sizeof(dummy)))
		return NVMX_VTD_MAP_FOREIGN;
	if (in_domain(d) && vfio_map(device->vfio, iova, memory, len, rights)) {
		warn("dma_map of %#llx", (unsigned long long)iova);
		figures.refused++;
		return NVMX_VTD_MAP_FULL;
	}
	m = malloc(sizeof(*m));
	if (!m)
		err(2, "dma_map");
	*m = (struct mapping){ .next = *at, .iova = iova, .len = len, .memory = memory, .rights = rights };
	*at = m;
	figures.maps++;
	figures.identical += iova == gpa;
	if (++live > figures.peak)
		figures.peak = live;
	return NVMX_VTD_MAPPED;
}

void domain_unmap(uint64_t handle, uint64_t iova, uint64_t len)
{
	struct domain *d = find(handle);
	struct mapping *m, **at = bucket(d, iova);

	while (*at && (*at)->iova != iova)
		at = &(*at)->next;
	m = *at;
	if (!m || m->len != len)
		errx(2, "dma_unmap of what dma_map had not mapped");
	*at = m->next;
	free(m);
	live--;
	if (in_domain(d))
		vfio_unmap(device->vfio, iova, len);
}

struct domain_figures domain_figures(void)
{
	return figures;
}
