/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's translation structures: root, context and second-level tables (VT-d 3.4, 3.7, 9.1, 9.3, 9.8). */
#ifndef NVMX_SRC_VTD_TABLES_H
#define NVMX_SRC_VTD_TABLES_H

#include "vtd.h"

#define CONTEXT_TT_MULTI 0u
#define CONTEXT_TT_DEVICE_TLB 1u
#define CONTEXT_TT_PASS 2u

/* A context-entry that passed its checks. */
struct vtd_context {
	uint64_t table; /* SLPTPTR; 0 with pass-through */
	uint16_t domain;
	uint8_t levels;
	uint8_t type;   /* CONTEXT_TT_* */
	bool fpd;       /* fault processing disabled; also valid with faults of the context-entry itself */
};

/* Reads the entries of source_id.  NVMX_VTD_FAULT_NONE or what they are at fault of. */
enum nvmx_vtd_fault nvmx_vtd_context_fetch(struct nvmx_vtd *u, uint16_t source_id, struct vtd_context *out);

/* Second-level entries. */
#define SL_R 1ull
#define SL_W 2ull
#define SL_RIGHTS 3ull
#define SL_LARGE BIT64(7)
#define SL_SNOOP BIT64(11)
#define SL_TM BIT64(62)

enum vtd_entry { ENTRY_NONE, ENTRY_RESERVED, ENTRY_LEAF, ENTRY_TABLE };

static inline unsigned vtd_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static inline unsigned vtd_index(uint64_t iova, unsigned level)
{
	return (unsigned)(iova >> vtd_shift(level)) & 511;
}

/* What an entry of L1's at `level` is. */
enum vtd_entry nvmx_vtd_classify(const struct nvmx_vtd *u, uint64_t entry, unsigned level);

struct vtd_walk {
	uint64_t gpa;      /* of the byte */
	uint8_t rights, shift;
	bool snoop;
};
/* Walks L1's tables for `need` (SL_R, SL_W, or 0: whatever there is). */
enum nvmx_vtd_fault nvmx_vtd_walk(struct nvmx_vtd *u, const struct vtd_context *c, uint64_t iova, unsigned need,
				  struct vtd_walk *out);

/* Reads 16 bytes of L1's memory, aligned to them, as they were at one time.  false: not L1's RAM, or they keep changing. */
bool nvmx_vtd_fetch_pair(struct nvmx_vtd *u, uint64_t gpa, uint64_t out[2]);

#endif
