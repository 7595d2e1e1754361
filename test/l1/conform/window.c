/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "exit.h"

extern u64 boot_pml4[];

u64 window_map(unsigned page, u64 physical, u64 bits)
{
	static u64 *table;
	u64 *pdpt = (u64 *)(boot_pml4[0] & EPT_ADDRESS), *pd = (u64 *)(pdpt[WINDOW_BASE >> 30] & EPT_ADDRESS);

	if (!table) {
		table = page_alloc();
		pd[WINDOW_BASE >> 21 & 511] = phys(table) | PTE_P | PTE_W | PTE_U | PTE_AD;
	}
	table[page] = physical | bits;
	write_cr3(read_cr3());
	return WINDOW_BASE + page * PAGE_SIZE;
}

bool exit_prepare_open(struct exit_row *row)
{
	static u8 *bitmap;

	if (!bitmap)
		bitmap = page_alloc();
	row->on.proc |= PROC_MSR_BITMAPS;
	if (!exit_prepare(row))
		return false;
	vmwrite(MSR_BITMAP, phys(bitmap));
	return true;
}
