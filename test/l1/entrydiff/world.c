/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "console.h"
#include "entrydiff.h"
#include "memory.h"

#define PTE_PRESENT 1ull
#define CODE_LOW 0x10000ull	/* where real mode finds the code page */

static u8 *shadow_page(u32 revision)
{
	u8 *p = page_alloc();

	*(u32 *)p = revision;
	return p;
}

static void fill_lists(struct world *w)
{
	/* SDM 26.4: each of these fails; behind them come two that load and one that fails. */
	static const u64 bad[BAD_MSRS][2] = { { MSR_FS_BASE, 0 }, { MSR_GS_BASE, 0 }, { 0x800, 0 }, { 0x8ff, 0 },
		{ 0x9b, 0 }, { MSR_SYSENTER_CS | BIT(32), 0 }, { MSR_SYSENTER_CS | BIT(63), 0 }, { MSR_EFER, ~0ull },
		{ MSR_SYSENTER_EIP, BIT(62) }, { MSR_PAT, 2 }, { MSR_SYSENTER_CS, 0 }, { MSR_SYSENTER_ESP, 0 },
		{ MSR_FS_BASE, 0 } };

	memcpy(w->msr_bad, bad, sizeof(bad));
	for (unsigned i = 0; i < PAGE_SIZE / 16; i++)
		w->msr_fine[2 * i] = MSR_SYSENTER_CS;
}

void world_refresh(struct world *w)
{
	w->pae_pdpt[0] = (*ept_entry(w->pml4, 0, 3) & EPT_ADDRESS) | PTE_PRESENT;
	w->bad_pdpt[0] = w->pae_pdpt[0] | 2;
	w->bad_pdpt[4] = w->pae_pdpt[0];
	w->bad_pdpt[7] = PTE_PRESENT | BIT(caps.phys_bits);
}

static void map_code(struct world *w)
{
	w->code[0] = 0x0f;	/* VMCALL, then INT3 to the end */
	w->code[1] = 0x01;
	w->code[2] = 0xc1;
	memset(w->code + 3, 0xcc, PAGE_SIZE - 3);
	ept_map(w->pml4, phys(w->code), phys(w->code), 1, EPT_RWX);
	world_refresh(w);
	ept_map(w->ept, phys(w->code), phys(w->code), 1, EPT_RWX | EPT_WB);
	ept_map(w->ept, CODE_LOW, phys(w->code), 1, EPT_RWX | EPT_WB);
	ept_map(w->ept, phys(w->pae_pdpt), phys(w->pae_pdpt), 1, EPT_RWX | EPT_WB);
	for (unsigned level = 4; level; level--) {
		u64 table = phys(ept_entry(w->pml4, phys(w->code), level)) & EPT_ADDRESS;

		ept_map(w->ept, table, table, 1, EPT_RWX | EPT_WB);
	}
}

void world_build(struct world *w)
{
	w->vmcs = vmcs_alloc();
	w->code = page_alloc();
	w->pml4 = page_alloc();
	w->pae_pdpt = page_alloc();
	w->bad_pdpt = page_alloc();
	w->ept = ept_alloc();
	w->zero = page_alloc();
	w->bitmap = page_alloc();
	w->vapic = page_alloc();
	w->vapic_high = page_alloc();
	w->apic_access = page_alloc();
	w->link_plain = shadow_page(caps.revision);
	w->link_shadow = shadow_page(caps.revision | 1u << 31);
	w->link_wrong = shadow_page(caps.revision + 1);
	w->msr_fine = page_alloc();
	w->msr_bad = page_alloc();
	memset(w->bitmap, 0xff, PAGE_SIZE);
	w->vapic_high[0x80] = 0x50;
	map_code(w);
	fill_lists(w);
}

static void print_page(const void *page)
{
	const u64 *words = page;

	printf("page %lx\n", phys(page));
	for (unsigned i = 0; i < PAGE_SIZE / 8; i++) {
		if (words[i])
			printf("mem %lx %lx\n", phys(&words[i]), words[i]);
	}
}

void world_print(const struct world *w)
{
#define PAGE_OF(name) w->name,
	const void *const pages[] = { WORLD_PAGES(PAGE_OF) };
#undef PAGE_OF

	printf("vmcs %lx\nvmxon %lx\n", phys(w->vmcs), phys(vmxon_region));
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
		print_page(pages[i]);
}
