/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01, L1's view of memory: everything one to one, except metal's own memory, which reads as ones, and, with a VT-d
 * unit, its registers, which are not there, and the page of the BIOS's RSDP, which is metal's copy.
 */
#include "metal.h"

#define EPT_ALL 7ull
#define EPT_READ_EXECUTE 5ull
#define EPT_WRITE 2ull
#define EPT_LEAF 0x80ull
#define EPT_ADDRESS 0xffffffffff000ull
/* Bits that the processor ignores. */
#define EPT_SPLIT (1ull << 11)		/* the table stands for a page of 2 MiB */
#define EPT_PROTECTED (1ull << 52)	/* a page that watch.c has protected; above a table: how many of them there are in it */
#define EPTP_WB_4_LEVELS 0x1eull
#define CAP_2MB (1ull << 16)
#define CAP_1GB (1ull << 17)

static uint64_t *own_table;	/* one page table serves all of metal's memory: each entry is the page of ones */
static uint64_t *shared_pdpt;
static uint64_t ones;
static bool huge_pages;

/* Where L1's page is. */
uint64_t ept_host_page(uint64_t page)
{
	return machine.rsdp && page == machine.rsdp_at ? machine.rsdp : page;
}

static uint64_t leaf(uint64_t address)
{
	return address | (uint64_t)mtrr_type(address) << 3 | EPT_ALL;
}

static uint64_t leaf_4kb(uint64_t page)
{
	return vtd_owns(page) ? 0 : ept_host_page(page) | (uint64_t)mtrr_type(page) << 3 | EPT_ALL;
}

/* Has the block one page that is special? */
static bool has_special(uint64_t address, uint64_t size)
{
	return (machine.vtd && VTD_REGISTERS - address < size) || (machine.rsdp && machine.rsdp_at - address < size);
}

bool is_own(uint64_t address)
{
	return address >= machine.own_base && address < machine.own_base + OWN_SIZE;
}

static void own_fill(void)
{
	uint64_t i;

	memset(phys(ones), 0xff, PAGE);
	for (i = 0; i < 512; i++)
		own_table[i] = ones | (uint64_t)mtrr_type(machine.own_base) << 3 | EPT_READ_EXECUTE;
}

static uint64_t map_4kb(uint64_t address)
{
	uint64_t table = page_alloc(), i, *pt = phys(table);

	for (i = 0; i < 512; i++)
		pt[i] = leaf_4kb(address + i * PAGE);
	return table | EPT_ALL;
}

static uint64_t map_2mb(uint64_t address)
{
	if (is_own(address))
		return (uint64_t)own_table | EPT_ALL;
	if (!has_special(address, LARGE_PAGE) && mtrr_uniform(address, LARGE_PAGE))
		return leaf(address) | EPT_LEAF;
	return map_4kb(address);
}

/* Has this naturally aligned block one mapping? */
static bool uniform(uint64_t address, uint64_t size)
{
	bool has_own = machine.own_base - address < size || machine.own_base + OWN_SIZE - 1 - address < size ||
		       is_own(address);

	return !has_own && !has_special(address, size) && mtrr_uniform(address, size);
}

static uint64_t map_1gb(uint64_t address, bool huge)
{
	uint64_t table, i, *pd;

	if (huge && uniform(address, HUGE_PAGE))
		return leaf(address) | EPT_LEAF;
	table = page_alloc();
	pd = phys(table);
	for (i = 0; i < 512; i++)
		pd[i] = map_2mb(address + i * LARGE_PAGE);
	return table | EPT_ALL;
}

/* What all processors share: the tables below PDPT. */
void ept_create(void)
{
	uint64_t capabilities = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP), address;

	if (!(capabilities & CAP_2MB))
		stop("this processor's EPT has no 2-MiB pages");
	huge_pages = capabilities & CAP_1GB;
	ones = page_alloc();
	own_table = phys(page_alloc());
	own_fill();
	shared_pdpt = phys(page_alloc());
	for (address = 0; address < MAP_TOP; address += HUGE_PAGE)
		shared_pdpt[address / HUGE_PAGE] = map_1gb(address, huge_pages);
}

/* A processor's own: the path to the page of its local APIC (apic.c). */
void ept_create_cpu(struct cpu *cpu)
{
	uint64_t pml4 = page_alloc(), pdpt = page_alloc(), pd, apic, *entry;

	apic = cpu->apic_page = cpu->apic_base & (MAP_TOP - PAGE);
	memcpy(phys(pdpt), shared_pdpt, PAGE);
	*(uint64_t *)phys(pml4) = pdpt | EPT_ALL;
	pd = map_1gb(apic & -HUGE_PAGE, false);
	((uint64_t *)phys(pdpt))[apic / HUGE_PAGE] = pd;
	entry = (uint64_t *)phys(pd & -PAGE) + apic / LARGE_PAGE % 512;
	*entry = map_4kb(apic & -LARGE_PAGE);
	cpu->apic_entry = (uint64_t *)phys(*entry & -PAGE) + apic / PAGE % 512;
	cpu->eptp = pml4 | EPTP_WB_4_LEVELS;
}

/* The page is in the GiB of a local APIC: each processor has tables of its own for it. */
static bool is_shared(uint64_t page)
{
	uint32_t i;

	for (i = 0; i < machine.cpus; i++)
		if (page / HUGE_PAGE == machine.cpu[i]->apic_page / HUGE_PAGE)
			return false;
	return page < MAP_TOP;
}

/* Large pages become tables of smaller ones, with the same rights and types: nothing that a processor has cached is wrong. */
static bool split_1gb(uint64_t address)
{
	uint64_t *entry = shared_pdpt + address / HUGE_PAGE, table = page_try(), i, *pd = phys(table);

	if (!table)
		return false;
	for (i = 0; i < 512; i++)
		pd[i] = leaf((address & -HUGE_PAGE) + i * LARGE_PAGE) | EPT_LEAF;
	__atomic_store_n(entry, table | EPT_ALL, __ATOMIC_SEQ_CST);
	for (i = 0; i < machine.cpus; i++) {
		uint64_t pdpt = *(uint64_t *)phys(machine.cpu[i]->eptp & EPT_ADDRESS) & EPT_ADDRESS;

		__atomic_store_n((uint64_t *)phys(pdpt) + address / HUGE_PAGE, table | EPT_ALL, __ATOMIC_SEQ_CST);
	}
	return true;
}

static bool split_2mb(uint64_t *entry, uint64_t address)
{
	uint64_t table = page_try(), i, *pt = phys(table);

	if (!table)
		return false;
	for (i = 0; i < 512; i++)
		pt[i] = leaf_4kb((address & -LARGE_PAGE) + i * PAGE);
	__atomic_store_n(entry, table | EPT_ALL | EPT_SPLIT, __ATOMIC_SEQ_CST);
	return true;
}

static uint64_t *shared_pd_entry(uint64_t address)
{
	uint64_t entry = __atomic_load_n(shared_pdpt + address / HUGE_PAGE, __ATOMIC_RELAXED);

	return entry & EPT_LEAF ? NULL : (uint64_t *)phys(entry & EPT_ADDRESS) + address / LARGE_PAGE % 512;
}

static uint64_t *leaf_of(uint64_t pd_entry, uint64_t address)
{
	return (uint64_t *)phys(pd_entry & EPT_ADDRESS) + address / PAGE % 512;
}

/* L1 may not write to its page any more, once the processors have flushed. The caller holds the lock of watch.c. */
bool ept_protect(uint64_t page)
{
	uint64_t *above, *entry;

	if (!is_shared(page) || !memory_ram(page) || ept_host_page(page) != page)
		return false;
	if (!shared_pd_entry(page) && !split_1gb(page))
		return false;
	above = shared_pd_entry(page);
	if (*above & EPT_LEAF && !split_2mb(above, page))
		return false;
	entry = leaf_of(*above, page);
	if (!(*entry & EPT_PROTECTED)) {
		__atomic_store_n(entry, (*entry & ~EPT_WRITE) | EPT_PROTECTED, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(above, EPT_PROTECTED, __ATOMIC_SEQ_CST);
	}
	return true;
}

/* It may again, without a flush. False: the page is in no table of pages that may be protected. */
bool ept_unprotect(uint64_t page)
{
	uint64_t *above = page < MAP_TOP && is_shared(page) ? shared_pd_entry(page) : NULL, *entry;

	if (!above || *above & EPT_LEAF || !memory_ram(page))
		return false;
	entry = leaf_of(*above, page);
	if (*entry & EPT_PROTECTED) {
		__atomic_store_n(entry, (*entry & ~EPT_PROTECTED) | EPT_WRITE, __ATOMIC_SEQ_CST);
		__atomic_fetch_sub(above, EPT_PROTECTED, __ATOMIC_SEQ_CST);
	}
	return true;
}

/* How large a block around the address is mapped with the same rights; *is_protected: L1 may not write to the page. */
uint8_t ept_page_shift(uint64_t address, bool *is_protected)
{
	const uint64_t *above = shared_pd_entry(address);
	uint64_t entry;

	*is_protected = false;
	if (!above)
		return 30;
	entry = __atomic_load_n(above, __ATOMIC_RELAXED);
	if (entry & EPT_LEAF || (entry & EPT_SPLIT && entry < EPT_PROTECTED))
		return 21;
	*is_protected = entry >= EPT_PROTECTED && __atomic_load_n(leaf_of(entry, address), __ATOMIC_RELAXED) & EPT_PROTECTED;
	return 12;
}

void ept_set_page(struct cpu *cpu, uint64_t *entry, uint64_t page, bool writable)
{
	*entry = page | (uint64_t)mtrr_type(page) << 3 | (writable ? EPT_ALL : EPT_READ_EXECUTE);
	invept(INVALIDATE_SINGLE, cpu->eptp);
}

/* A write to metal's memory: the instruction runs with the page of ones open, which step_end makes whole again. */
bool ept_own_memory_write(struct cpu *cpu, uint64_t address)
{
	if (!is_own(address))
		return false;
	cpu->own_memory_writes++;
	ept_set_page(cpu, own_table + address / PAGE % 512, ones, true);
	step_begin(cpu);
	return true;
}

void ept_own_memory_restore(struct cpu *cpu)
{
	own_fill();
	invept(INVALIDATE_SINGLE, cpu->eptp);
}
