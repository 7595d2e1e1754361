/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metal's own page tables: physical memory one to one, and the image, copied into metal's own memory, where it is
 * linked.
 */
#include "metal.h"

#define PRESENT_WRITE 0x3ull
#define LARGE 0x80ull
#define CPUID_1GB_PAGES (1u << 26)

extern char image_end[];
void paging_switch(uint64_t to, uint64_t from, uint64_t size, uint64_t page_table);

static void map_identity(uint64_t *pml4)
{
	bool huge = cpuid(0x80000001, 0).edx & CPUID_1GB_PAGES;
	uint64_t *pdpt, *pd, address, i;

	pml4[0] = page_alloc() | PRESENT_WRITE;
	pdpt = phys(pml4[0] & -PAGE);
	for (address = 0; address < MAP_TOP; address += HUGE_PAGE) {
		if (huge) {
			pdpt[address / HUGE_PAGE] = address | LARGE | PRESENT_WRITE;
			continue;
		}
		pdpt[address / HUGE_PAGE] = page_alloc() | PRESENT_WRITE;
		pd = phys(pdpt[address / HUGE_PAGE] & -PAGE);
		for (i = 0; i < 512; i++)
			pd[i] = (address + i * LARGE_PAGE) | LARGE | PRESENT_WRITE;
	}
}

static void map_image(uint64_t *pml4)
{
	uint64_t *pdpt, *pd, offset, size = (uint64_t)image_end - IMAGE_BASE;

	pml4[511] = page_alloc() | PRESENT_WRITE;
	pdpt = phys(pml4[511] & -PAGE);
	pdpt[510] = page_alloc() | PRESENT_WRITE;
	pd = phys(pdpt[510] & -PAGE);
	for (offset = 0; offset < size; offset += LARGE_PAGE)
		pd[(LOAD_ADDRESS + offset) / LARGE_PAGE] = (machine.own_base + offset) | LARGE | PRESENT_WRITE;
}

void paging_relocate(void)
{
	uint64_t *pml4;

	machine.page_table = page_alloc();
	pml4 = phys(machine.page_table);
	map_identity(pml4);
	map_image(pml4);
	paging_switch(machine.own_base, LOAD_ADDRESS, (uint64_t)image_end - IMAGE_BASE, machine.page_table);
}
