/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EPT01, L1's view of memory: everything one to one, except metal's own memory, which reads as ones.
 */
#include "metal.h"

#define EPT_WRITE 2ull
#define EPT_ALL 7ull
#define EPT_READ_EXECUTE 5ull
#define EPT_LEAF 0x80ull
#define EPTP_WB_4_LEVELS 0x1eull
#define CAP_2MB (1ull << 16)
#define CAP_1GB (1ull << 17)
#define OWN_WRITE_MOMENT 64

static uint64_t *own_table;	/* one page table serves all of metal's memory: each entry is the page of ones */
static uint64_t ones;

static uint64_t leaf(uint64_t address)
{
	return address | (uint64_t)mtrr_type(address) << 3 | EPT_ALL;
}

static bool is_own(uint64_t address)
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

static uint64_t map_2mb(uint64_t address)
{
	uint64_t table, i, *pt;

	if (is_own(address))
		return (uint64_t)own_table | EPT_ALL;
	if (mtrr_uniform(address, LARGE_PAGE))
		return leaf(address) | EPT_LEAF;
	table = page_alloc();
	pt = phys(table);
	for (i = 0; i < 512; i++)
		pt[i] = leaf(address + i * PAGE);
	return table | EPT_ALL;
}

static uint64_t map_1gb(uint64_t address, bool huge)
{
	uint64_t table, i, *pd;
	bool has_own = machine.own_base - address < HUGE_PAGE || machine.own_base + OWN_SIZE - 1 - address < HUGE_PAGE;

	if (huge && !has_own && mtrr_uniform(address, HUGE_PAGE))
		return leaf(address) | EPT_LEAF;
	table = page_alloc();
	pd = phys(table);
	for (i = 0; i < 512; i++)
		pd[i] = map_2mb(address + i * LARGE_PAGE);
	return table | EPT_ALL;
}

void ept_create(void)
{
	uint64_t capabilities = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP), address, pml4 = page_alloc(), pdpt = page_alloc();

	if (!(capabilities & CAP_2MB))
		stop("this processor's EPT has no 2-MiB pages");
	ones = page_alloc();
	own_table = phys(page_alloc());
	own_fill();
	*(uint64_t *)phys(pml4) = pdpt | EPT_ALL;
	for (address = 0; address < MAP_TOP; address += HUGE_PAGE)
		((uint64_t *)phys(pdpt))[address / HUGE_PAGE] = map_1gb(address, capabilities & CAP_1GB);
	machine.eptp = pml4 | EPTP_WB_4_LEVELS;
}

/*
 * A write to metal's memory goes to the page of ones, which the preemption timer makes whole again a moment later:
 * so metal needs no decoder of L1's instructions.
 */
bool ept_own_memory_write(struct cpu *cpu, uint64_t address)
{
	if (!is_own(address))
		return false;
	cpu->own_memory_writes++;
	own_table[address / PAGE % 512] |= EPT_WRITE;
	vmwrite(PREEMPTION_TIMER_VALUE, OWN_WRITE_MOMENT);
	vmwrite(PIN_BASED_CONTROLS, vmread(PIN_BASED_CONTROLS) | PIN_PREEMPTION_TIMER);
	return true;
}

void ept_own_memory_restore(void)
{
	own_fill();
	invept(INVALIDATE_SINGLE, machine.eptp);
	vmwrite(PIN_BASED_CONTROLS, vmread(PIN_BASED_CONTROLS) & ~(uint64_t)PIN_PREEMPTION_TIMER);
}
