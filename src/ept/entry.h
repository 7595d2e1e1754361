/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* EPT paging-structure entries (SDM 28.3.2) and what makes one misconfigured (28.3.3.1).  Pure. */
#ifndef NVMX_SRC_EPT_ENTRY_H
#define NVMX_SRC_EPT_ENTRY_H

#include <nestvmx/caps.h>

#define NVMX_EPTE_R NVMX_BIT64(0)
#define NVMX_EPTE_W NVMX_BIT64(1)
#define NVMX_EPTE_X NVMX_BIT64(2)   /* with mode-based execute control: supervisor-mode linear addresses only */
#define NVMX_EPTE_IPAT NVMX_BIT64(6)
#define NVMX_EPTE_LARGE NVMX_BIT64(7)
#define NVMX_EPTE_A NVMX_BIT64(8)
#define NVMX_EPTE_D NVMX_BIT64(9)
#define NVMX_EPTE_XU NVMX_BIT64(10) /* with mode-based execute control: user-mode linear addresses */
#define NVMX_EPTE_ADDR 0x000ffffffffff000ull
#define NVMX_EPTE_RIGHTS (NVMX_EPTE_R | NVMX_EPTE_W | NVMX_EPTE_X | NVMX_EPTE_XU)
#define NVMX_EPTE_MEMTYPE(e) ((unsigned)((e) >> 3) & 7u)

#define NVMX_EPTP_WALK(eptp) (((unsigned)((eptp) >> 3) & 7u) + 1u) /* levels (SDM 24.6.11) */
#define NVMX_EPTP_AD NVMX_BIT64(6)
#define NVMX_EPT_LEVELS 5

/* Levels count from 1, the table of 4-KiB pages. */
static inline unsigned nvmx_ept_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static inline unsigned nvmx_ept_index(uint64_t gpa, unsigned level)
{
	return (unsigned)(gpa >> nvmx_ept_shift(level)) & 511u;
}

static inline uint64_t nvmx_ept_size(unsigned level)
{
	return 1ull << nvmx_ept_shift(level);
}

/* How EPT12 is to be read. */
struct nvmx_ept_rules {
	uint64_t beyond_width; /* address bits beyond L1's physical-address width */
	uint64_t execute;      /* the bits that allow instruction fetches */
	uint64_t same;         /* the bits of an entry that a translation depends on */
	uint64_t sticky;       /* those that it depends on staying 1 */
	uint64_t pattern;      /* those that make two leaf entries alike but for where they lead */
	bool x_only;
	bool large[NVMX_EPT_LEVELS + 1]; /* by level: an entry may map a page */
	bool ad;
};

enum nvmx_ept_kind { NVMX_EPT_ABSENT, NVMX_EPT_TABLE, NVMX_EPT_LEAF, NVMX_EPT_MISCONFIGURED };

void nvmx_ept_rules_init(struct nvmx_ept_rules *r, const struct nvmx_caps *caps, bool mode_exec, bool ad);
enum nvmx_ept_kind nvmx_ept_classify(const struct nvmx_ept_rules *r, uint64_t entry, unsigned level);
/* The same, without a call for most: a table with all rights, a page of 4 KiB of memory type WB that can be read. */
static inline enum nvmx_ept_kind nvmx_ept_kind_of(const struct nvmx_ept_rules *r, uint64_t entry, unsigned level)
{
	if (level > 1 && (entry & (0xff | r->beyond_width)) == (NVMX_EPTE_R | NVMX_EPTE_W | NVMX_EPTE_X))
		return NVMX_EPT_TABLE;
	if (level == 1 && (entry & (NVMX_EPTE_R | 7u << 3 | r->beyond_width)) == (NVMX_EPTE_R | 6u << 3))
		return NVMX_EPT_LEAF;
	return nvmx_ept_classify(r, entry, level);
}

/* The memory type of a page to which L1 gives type `guest` and the host `host` (EPT encodings). */
unsigned nvmx_ept_combine_memtype(unsigned guest, unsigned host);

#endif
