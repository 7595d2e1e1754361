/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "ept.h"
#include "memory.h"
#include "vmx.h"

u64 *ept_alloc(void) { return page_alloc(); }

static u64 *slot(u64 *table, u64 gpa, unsigned level) { return &table[gpa >> (3 + 9 * level) & 511]; }

static void split(u64 *entry, unsigned level)
{
	u64 *table = page_alloc();
	u64 step = 1ull << (3 + 9 * (level - 1)), keep = level == 2 ? ~EPT_LARGE : ~0ull;

	for (unsigned i = 0; i < 512 && *entry; i++)
		table[i] = (*entry + i * step) & keep;
	*entry = phys(table) | EPT_RWX;
}

static u64 *walk(u64 *root, u64 gpa, unsigned level)
{
	u64 *table = root;

	for (unsigned at = 4; at > level; at--) {
		u64 *e = slot(table, gpa, at);

		if (!(*e & EPT_ADDRESS) || (at < 4 && (*e & EPT_LARGE)))
			split(e, at);
		table = (u64 *)(*e & EPT_ADDRESS);
	}
	return slot(table, gpa, level);
}

void ept_map(u64 *root, u64 gpa, u64 hpa, unsigned level, u64 bits)
{
	*walk(root, gpa, level) = hpa | bits | (level > 1 ? EPT_LARGE : 0);
}

void ept_identity(u64 *root, unsigned gib)
{
	for (u64 a = 0; a < (u64)gib << 30; a += 2ul << 20)
		ept_map(root, a, a, 2, EPT_RWX | EPT_WB);
}

u64 *ept_entry(u64 *root, u64 gpa, unsigned level) { return walk(root, gpa, level); }

u64 ept_pointer(const u64 *root) { return phys(root) | 3 << 3 | (caps.ept_vpid & BIT(14) ? 6 : 0); }
