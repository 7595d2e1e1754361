/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types: EPT replaces the MTRRs for L1 (SDM vol. 3, 28.2.7), so metal reads what the BIOS put there (11.11).
 */
#include "metal.h"

#define MAX_VARIABLE 32
#define CAP_COUNT 0xffu
#define DEF_FIXED_ENABLE 0x400u
#define DEF_ENABLE 0x800u
#define MASK_VALID 0x800u
#define MIB (1ull << 20)

static uint64_t def_type;
static uint32_t variables;	/* those in use */
static struct {
	uint64_t base, mask;
} variable[MAX_VARIABLE];
static uint64_t fixed[11];	/* a byte for each of 8 x 64 KiB, 16 x 16 KiB, 64 x 4 KiB */

void mtrr_read(void)
{
	uint32_t i, count;

	def_type = rdmsr(MSR_IA32_MTRR_DEF_TYPE);
	count = rdmsr(MSR_IA32_MTRRCAP) & CAP_COUNT;
	for (i = 0; i < count && variables < MAX_VARIABLE; i++) {
		variable[variables].base = rdmsr(MSR_IA32_MTRR_PHYSBASE0 + 2 * i);
		variable[variables].mask = rdmsr(MSR_IA32_MTRR_PHYSBASE0 + 2 * i + 1);
		variables += (variable[variables].mask & MASK_VALID) != 0;
	}
	if (!(def_type & DEF_FIXED_ENABLE))
		return;
	fixed[0] = rdmsr(MSR_IA32_MTRR_FIX64K_00000);
	for (i = 0; i < 2; i++)
		fixed[1 + i] = rdmsr(MSR_IA32_MTRR_FIX16K_80000 + i);
	for (i = 0; i < 8; i++)
		fixed[3 + i] = rdmsr(MSR_IA32_MTRR_FIX4K_C0000 + i);
}

static uint8_t fixed_type(uint64_t address)
{
	const uint8_t *types = (const uint8_t *)fixed;

	if (address < 0x80000)
		return types[address >> 16];
	if (address < 0xc0000)
		return types[8 + ((address - 0x80000) >> 14)];
	return types[24 + ((address - 0xc0000) >> 12)];
}

/* Overlaps: UC wins, then WT (11.11.4.1). */
uint8_t mtrr_type(uint64_t address)
{
	uint8_t type, found = def_type & 0xff;
	bool any = false;
	uint32_t i;

	if (!(def_type & DEF_ENABLE))
		return NVMX_MEMTYPE_UC;
	if (address < MIB && def_type & DEF_FIXED_ENABLE)
		return fixed_type(address);
	for (i = 0; i < variables; i++) {
		if ((address ^ variable[i].base) & variable[i].mask & -PAGE)
			continue;
		type = variable[i].base & 0xff;
		if (!any || type == NVMX_MEMTYPE_UC || (type == NVMX_MEMTYPE_WT && found != NVMX_MEMTYPE_UC))
			found = type;
		any = true;
	}
	return found;
}

/* Has this naturally aligned block one type? A variable range splits it by mask bits below its size. */
bool mtrr_uniform(uint64_t address, uint64_t size)
{
	uint64_t mask;
	uint32_t i;

	if (!(def_type & DEF_ENABLE))
		return true;
	if (address < MIB && def_type & DEF_FIXED_ENABLE)
		return false;
	for (i = 0; i < variables; i++) {
		mask = variable[i].mask & -PAGE;
		if ((mask & (size - 1)) && !((address ^ variable[i].base) & mask & -size))
			return false;
	}
	return true;
}
