/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* EPT paging-structure entries: presence, misconfiguration (SDM 28.3.3.1), memory types. */
#include "entry.h"

/* Bits that must be 0, beside the address bits beyond the width (SDM tables 28-1 to 28-6). */
static const struct {
	uint64_t table, leaf;
} reserved[NVMX_EPT_LEVELS + 1] = {
	[1] = { 0, 0 },
	[2] = { 0x78, 0x1ff000 },
	[3] = { 0x78, 0x3ffff000 },
	[4] = { 0xf8, 0 },
	[5] = { 0xf8, 0 },
};

void nvmx_ept_rules_init(struct nvmx_ept_rules *r, const struct nvmx_caps *caps, bool mode_exec, bool ad)
{
	uint64_t ept = nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP);

	*r = (struct nvmx_ept_rules){ 0 };
	r->beyond_width = NVMX_EPTE_ADDR & ~((1ull << caps->maxphyaddr) - 1);
	r->execute = NVMX_EPTE_X | (mode_exec ? NVMX_EPTE_XU : 0);
	r->same = NVMX_EPTE_ADDR | 0xff | r->execute;
	r->sticky = ad ? NVMX_EPTE_A | NVMX_EPTE_D : 0;
	r->pattern = r->beyond_width | 0xff | r->execute | r->sticky;
	r->x_only = ept & NVMX_EPT_X_ONLY;
	r->large[1] = true;
	r->large[2] = ept & NVMX_EPT_2M;
	r->large[3] = ept & NVMX_EPT_1G;
	r->ad = ad;
}

enum nvmx_ept_kind nvmx_ept_classify(const struct nvmx_ept_rules *r, uint64_t entry, unsigned level)
{
	bool leaf = level == 1 || (entry & NVMX_EPTE_LARGE && r->large[level]);
	uint64_t mbz = r->beyond_width;
	unsigned memtype = NVMX_EPTE_MEMTYPE(entry);

	if (!(entry & (NVMX_EPTE_R | NVMX_EPTE_W | r->execute)))
		return NVMX_EPT_ABSENT;
	if (!(entry & NVMX_EPTE_R) && (entry & NVMX_EPTE_W || !r->x_only))
		return NVMX_EPT_MISCONFIGURED;
	mbz |= leaf ? reserved[level].leaf : reserved[level].table | NVMX_EPTE_LARGE;
	if (entry & mbz)
		return NVMX_EPT_MISCONFIGURED;
	if (leaf && (memtype == 2 || memtype == 3 || memtype == 7))
		return NVMX_EPT_MISCONFIGURED;
	return leaf ? NVMX_EPT_LEAF : NVMX_EPT_TABLE;
}

unsigned nvmx_ept_combine_memtype(unsigned guest, unsigned host)
{
	/* WB adds nothing to the other type; two that differ otherwise meet in UC. */
	if (guest == host || host == 6)
		return guest;
	return guest == 6 ? host : 0;
}
