/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "vfio.h"
#include <err.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <nestvmx/vtd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int must(int result, const char *what)
{
	if (result < 0)
		err(2, "%s", what);
	return result;
}

static int open_group(const char *name)
{
	char path[128], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		err(2, "%s", path);
	link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	return must(open(path, O_RDWR | O_CLOEXEC), path);
}

static void open_region(struct vfio *v, unsigned i)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = i };
	struct vfio_region *r = &v->region[i];
	void *memory;

	must(ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &info), "VFIO_DEVICE_GET_REGION_INFO");
	*r = (struct vfio_region){ .offset = info.offset, .size = info.size };
	if (!info.size || !(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;
	memory = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, v->device, (off_t)info.offset);
	if (memory != MAP_FAILED)
		r->memory = memory;
}

void vfio_open(struct vfio *v, const char *name)
{
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	int group = open_group(name);

	v->container = must(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "/dev/vfio/vfio");
	must(ioctl(group, VFIO_GROUP_SET_CONTAINER, &v->container), "VFIO_GROUP_SET_CONTAINER");
	must(ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "VFIO_SET_IOMMU");
	v->device = must(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name), "VFIO_GROUP_GET_DEVICE_FD");
	must(ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &config), "VFIO_DEVICE_GET_REGION_INFO");
	v->config_offset = config.offset;
	for (unsigned i = 0; i < VFIO_REGIONS; i++)
		open_region(v, i);
}

static uint64_t get(const struct vfio *v, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	if (pread(v->device, &value, size, (off_t)offset) != (ssize_t)size)
		return ~0ull;
	return value;
}

static void put(const struct vfio *v, uint64_t offset, unsigned size, uint64_t value)
{
	if (pwrite(v->device, &value, size, (off_t)offset) != (ssize_t)size)
		warn("write of the device at %#llx", (unsigned long long)offset);
}

uint32_t vfio_config_read(const struct vfio *v, unsigned offset, unsigned size)
{
	return (uint32_t)get(v, v->config_offset + offset, size);
}

void vfio_config_write(const struct vfio *v, unsigned offset, unsigned size, uint32_t value)
{
	put(v, v->config_offset + offset, size, value);
}

uint64_t vfio_region_read(const struct vfio *v, unsigned region, uint64_t offset, unsigned size)
{
	return get(v, v->region[region].offset + offset, size);
}

void vfio_region_write(const struct vfio *v, unsigned region, uint64_t offset, unsigned size, uint64_t value)
{
	put(v, v->region[region].offset + offset, size, value);
}

void vfio_vectors(const struct vfio *v, const int *fds, unsigned n)
{
	uint8_t buffer[sizeof(struct vfio_irq_set) + VFIO_VECTORS * sizeof(int)] = { 0 };
	struct vfio_irq_set set = {
		.argsz = (uint32_t)(sizeof(set) + n * sizeof(int)), .index = VFIO_PCI_MSIX_IRQ_INDEX, .count = n,
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER | (n ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
	};

	memcpy(buffer, &set, sizeof(set));
	memcpy(buffer + sizeof(set), fds, n * sizeof(int));
	must(ioctl(v->device, VFIO_DEVICE_SET_IRQS, buffer), "VFIO_DEVICE_SET_IRQS");
}

int vfio_map(struct vfio *v, uint64_t iova, void *memory, uint64_t len, unsigned rights)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .vaddr = (uintptr_t)memory, .iova = iova, .size = len,
		.flags = (rights & NVMX_VTD_R ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (rights & NVMX_VTD_W ? VFIO_DMA_MAP_FLAG_WRITE : 0),
	};

	v->mapped++;
	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map);
}

void vfio_unmap(struct vfio *v, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova, .size = len };

	v->unmapped++;
	must(ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap), "VFIO_IOMMU_UNMAP_DMA");
	if (unmap.size != len)
		errx(2, "VFIO_IOMMU_UNMAP_DMA of %#llx bytes at %#llx: %#llx were mapped", (unsigned long long)len,
		     (unsigned long long)iova, (unsigned long long)unmap.size);
}

void vfio_unmap_all(struct vfio *v)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .flags = VFIO_DMA_UNMAP_FLAG_ALL };

	must(ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap), "VFIO_IOMMU_UNMAP_DMA");
}
