/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map: what the BIOS says, what metal takes of it, and what L1's BIOS says from then on.
 */
#include "metal.h"

#define USABLE 1
#define RESERVED 2
#define ACPI_TABLES 3
#define ACPI_NVS 4
#define MIB (1ull << 20)

#define BDA_BASE_MEMORY 0x413		/* conventional memory in KiB */
#define IVT_INT15 (0x15 * 4ull)

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};
#define MULTIBOOT_CMDLINE 0x4
#define MULTIBOOT_MMAP 0x40

extern char low_start[], low_end[], low_drive[], low_count[], low_kib[], low_blocks[], low_old[], low_ranges[],
	low_int15[], image_end[];

/* Reads the command line and the map while GRUB's copies are whole. */
void memory_read_map(uint32_t multiboot_info)
{
	const struct multiboot_info *info = phys(multiboot_info);
	uint32_t at, end, size;

	if (!(info->flags & MULTIBOOT_MMAP))
		stop("no memory map from the boot loader");
	end = info->mmap_addr + info->mmap_length;
	for (at = info->mmap_addr; at < end; at += size + 4) {
		memcpy(&size, phys(at), 4);
		if (machine.ranges >= MAX_RANGES / 2)
			stop("too many ranges in the memory map");
		memcpy(&machine.range[machine.ranges++], phys(at + 4ull), sizeof(struct range));
	}
	cmdline_parse(info->flags & MULTIBOOT_CMDLINE ? phys(info->cmdline) : "");
}

/* The top of the usable memory below 4 GiB; the first pages hold the image, the others are for pages.c. */
void memory_choose_own(void)
{
	uint64_t image_pages = (uint64_t)image_end - IMAGE_BASE;
	uint64_t bottom, top;
	uint32_t i;

	for (i = 0; i < machine.ranges; i++) {
		const struct range *r = &machine.range[i];

		bottom = r->start > LOAD_ADDRESS + image_pages ? r->start : LOAD_ADDRESS + image_pages;
		top = r->start + r->size < GIB4 ? r->start + r->size : GIB4;
		top &= -LARGE_PAGE;
		if (r->type == USABLE && top >= bottom + OWN_SIZE && top - OWN_SIZE > machine.own_base)
			machine.own_base = top - OWN_SIZE;
	}
	if (!machine.own_base)
		stop("no %lu MiB of usable memory below 4 GiB", (uint64_t)(OWN_SIZE / MIB));
	pages_init(machine.own_base + ((image_pages + LARGE_PAGE - 1) & -LARGE_PAGE), machine.own_base + OWN_SIZE);
}

static void add_range(uint64_t start, uint64_t end, uint32_t type)
{
	struct range *r = &machine.range[machine.ranges];

	if (start >= end)
		return;
	if (machine.ranges++ == MAX_RANGES)
		stop("too many ranges in the memory map");
	r->start = start;
	r->size = end - start;
	r->type = type;
}

/* Turns a part of a usable range into a reserved one. */
static void reserve(uint64_t start, uint64_t end)
{
	struct range r;
	uint32_t i;

	for (i = 0; i < machine.ranges; i++) {
		r = machine.range[i];
		if (r.type != USABLE || start < r.start || end > r.start + r.size)
			continue;
		machine.range[i].start = start;
		machine.range[i].size = end - start;
		machine.range[i].type = RESERVED;
		add_range(r.start, start, USABLE);
		add_range(end, r.start + r.size, USABLE);
		return;
	}
	stop("memory at %lx is not the boot loader's to give", start);
}

static uint64_t end_of_range_at(uint64_t address)
{
	uint32_t i;

	for (i = 0; i < machine.ranges; i++)
		if (machine.range[i].type == USABLE && machine.range[i].start <= address &&
		    address < machine.range[i].start + machine.range[i].size)
			return machine.range[i].start + machine.range[i].size;
	return address;
}

/* The range of L1's RAM that holds the address, or NULL. Metal's own memory is in none. */
const struct range *memory_ram(uint64_t address)
{
	const struct range *r = machine.range;
	const struct range *end = r + machine.ranges;

	for (; r < end; r++)
		if (address - r->start < r->size)
			return r->type == USABLE || r->type == ACPI_TABLES || r->type == ACPI_NVS ? r : NULL;
	return NULL;
}

static uint16_t at_most(uint64_t value, uint16_t most)
{
	return value < most ? (uint16_t)value : most;
}

static void *low(const char *symbol)
{
	return phys(machine.low_page + (uint64_t)(symbol - low_start));
}

static void low_store(const char *symbol, const void *value, size_t size)
{
	memcpy(low(symbol), value, size);
}

/* INT 15h AX=E801h and AH=88h tell the same as the map. */
static void low_store_sizes(void)
{
	uint64_t end = end_of_range_at(MIB);
	uint16_t kib = at_most((end - MIB) >> 10, 0xfc00);
	uint16_t blocks = end > 16 * MIB ? at_most((end - 16 * MIB) >> 16, 0xffff) : 0;

	low_store(low_kib, &kib, sizeof(kib));
	low_store(low_blocks, &blocks, sizeof(blocks));
}

/* Takes a page of conventional memory for lowmem.S and puts it before the BIOS's INT 15h. */
void memory_hide_own(void)
{
	uint64_t top = end_of_range_at(0);
	uint16_t kib;
	uint32_t old, hook;

	memcpy(&kib, phys(BDA_BASE_MEMORY), sizeof(kib));
	if (top > kib * 1024ull)
		top = kib * 1024ull;
	machine.low_page = (top & -PAGE) - PAGE;
	reserve(machine.own_base, machine.own_base + OWN_SIZE);
	if (machine.acpi_page)
		reserve(machine.acpi_page, machine.acpi_page + PAGE);
	reserve(machine.low_page, machine.low_page + PAGE);
	kib = (uint16_t)(machine.low_page >> 10);
	memcpy(phys(BDA_BASE_MEMORY), &kib, sizeof(kib));

	memcpy(phys(machine.low_page), low_start, (size_t)(low_end - low_start));
	memcpy(low(low_ranges), machine.range, machine.ranges * sizeof(struct range));
	low_store(low_count, &machine.ranges, sizeof(machine.ranges));
	low_store(low_drive, &machine.boot_drive, 1);
	low_store_sizes();

	memcpy(&old, phys(IVT_INT15), sizeof(old));
	low_store(low_old, &old, sizeof(old));
	hook = (uint32_t)(machine.low_page >> 4) << 16 | (uint32_t)(low_int15 - low_start);
	memcpy(phys(IVT_INT15), &hook, sizeof(hook));
}
