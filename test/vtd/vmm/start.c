/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a kernel finds: the start-of-day structures of PVH ("x86/HVM direct boot ABI") and Multiboot 0.6.96. */
#include "acpi.h"
#include "image.h"
#include "machine.h"
#include <err.h>
#include <stddef.h>
#include <string.h>

enum { RAM = 1, RESERVED = 2 };
static const struct {
	uint32_t start, end, type; /* end 0: that of memory */
} areas[] = {
	{ 0, LOW_RAM_END, RAM }, { BIOS_AREA, HIGH_RAM, RESERVED }, { HIGH_RAM, 0, RAM },
};
#define AREAS (sizeof(areas) / sizeof(*areas))

static uint64_t area_size(unsigned i)
{
	return (areas[i].end ? areas[i].end : machine_ram_size()) - areas[i].start;
}

static void *page(size_t size)
{
	void *p = machine_ram(IMAGE_START_INFO, size);

	if (!p || size > IMAGE_STRINGS - IMAGE_START_INFO)
		errx(2, "the start information does not fit");
	return p;
}

#define PVH_MAGIC 0x336ec578u
struct pvh {
	struct {
		uint32_t magic, version, flags, modules;
		uint64_t module_list, arguments, rsdp, memory_map;
		uint32_t memory_entries, reserved;
	} info;
	struct {
		uint64_t address, size, arguments, reserved;
	} module[IMAGE_MODULES];
	struct {
		uint64_t address, size;
		uint32_t type, reserved;
	} map[AREAS];
};

void image_start_pvh(const struct image *image)
{
	struct pvh *p = page(sizeof(*p));

	p->info.magic = PVH_MAGIC;
	p->info.version = 1;
	p->info.modules = image->modules;
	p->info.module_list = IMAGE_START_INFO + offsetof(struct pvh, module);
	p->info.arguments = image->arguments;
	p->info.rsdp = ACPI_RSDP;
	p->info.memory_map = IMAGE_START_INFO + offsetof(struct pvh, map);
	p->info.memory_entries = AREAS;
	for (unsigned i = 0; i < image->modules; i++) {
		p->module[i].address = image->module[i].address;
		p->module[i].size = image->module[i].size;
		p->module[i].arguments = image->module[i].arguments;
	}
	for (unsigned i = 0; i < AREAS; i++) {
		p->map[i].address = areas[i].start;
		p->map[i].size = area_size(i);
		p->map[i].type = areas[i].type;
	}
	machine_start(image->entry, 0, IMAGE_START_INFO);
}

#define MULTIBOOT_MAGIC 0x2badb002u
#define HAS_MEMORY 1u
#define HAS_ARGUMENTS 4u
#define HAS_MODULES 8u
#define HAS_MAP 0x40u
struct multiboot {
	struct {
		uint32_t flags, lower, upper, device, arguments, modules, module_list, symbols[4], map_size, map;
	} info;
	struct {
		uint32_t start, end, arguments, reserved;
	} module[IMAGE_MODULES];
	struct {
		uint32_t size;
		uint64_t address, length;
		uint32_t type;
	} __attribute__((packed)) map[AREAS];
};

/* The BIOS data area: where the extended one begins, and how much memory is below it. */
static void put_bios_data(void)
{
	uint16_t segment = LOW_RAM_END >> 4, kib = LOW_RAM_END >> 10;

	memcpy(machine_ram(0x40e, 2), &segment, 2);
	memcpy(machine_ram(0x413, 2), &kib, 2);
}

void image_start_multiboot(const struct image *image)
{
	struct multiboot *m = page(sizeof(*m));

	m->info.flags = HAS_MEMORY | HAS_ARGUMENTS | HAS_MODULES | HAS_MAP;
	m->info.lower = LOW_RAM_END >> 10;
	m->info.upper = (uint32_t)(area_size(AREAS - 1) >> 10);
	m->info.arguments = image->arguments;
	m->info.modules = image->modules;
	m->info.module_list = IMAGE_START_INFO + offsetof(struct multiboot, module);
	m->info.map_size = sizeof(m->map);
	m->info.map = IMAGE_START_INFO + offsetof(struct multiboot, map);
	for (unsigned i = 0; i < image->modules; i++) {
		m->module[i].start = image->module[i].address;
		m->module[i].end = image->module[i].address + image->module[i].size;
		m->module[i].arguments = image->module[i].arguments;
	}
	for (unsigned i = 0; i < AREAS; i++) {
		m->map[i].size = sizeof(m->map[i]) - sizeof(m->map[i].size);
		m->map[i].address = areas[i].start;
		m->map[i].length = area_size(i);
		m->map[i].type = areas[i].type;
	}
	put_bios_data();
	machine_start(image->entry, MULTIBOOT_MAGIC, IMAGE_START_INFO);
}
