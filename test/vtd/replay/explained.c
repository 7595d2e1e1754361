/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Where QEMU 7.2's unit and the library's read differently, and why both may (docs/vtd.md has the same list). */
#include "replay.h"

struct explained explained[] = {
	{ 0x008, 0xffull << 40, "10.4.2", "CAP.NFR: 8 fault recording registers here, 1 there", 0 },
	{ 0x010, 1, "10.4.3", "ECAP.C: the library looks at tables coherently, QEMU says that it does not", 0 },
	{ 0x030, 0xff00ull << 32, "10.4.9", "FSTS.FRI: faults take the 8 records in turn; the replay follows it", 0 },
	{ 0x228, 0xfffffull << 40, "10.4.14", "PASID value of a fault record: 0 in a unit without PASIDs; QEMU writes ones", 0 },
};
const unsigned explained_count = sizeof(explained) / sizeof(*explained);

bool explain(uint32_t offset, uint64_t difference)
{
	uint64_t in_register = difference << (offset & 4) * 8;

	for (unsigned i = 0; i < explained_count; i++)
		if (explained[i].offset == (offset & ~7u) && !(in_register & ~explained[i].mask)) {
			explained[i].seen++;
			return true;
		}
	return false;
}
