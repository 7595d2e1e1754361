/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The walk of EPT12 as the processor would do it (SDM 28.3.2, 28.3.3, 28.3.5, 28.3.6). */
#ifndef NVMX_SRC_EPT_WALK_H
#define NVMX_SRC_EPT_WALK_H

#include "entry.h"
#include "ept.h"

/*
 * One walk.  Each entry is read once, into entry[]; the tables stay mapped until nvmx_ept_walk_end().  A table outside
 * L1's RAM reads as all ones; so does one that the host does not have at hand, and v->not_now is set.
 */
struct nvmx_ept_walk {
	enum nvmx_ept_kind kind;              /* of the entry where the walk ended: ABSENT, LEAF or MISCONFIGURED */
	uint8_t top, level;                   /* levels of the first and the last entry read */
	uint64_t rights;                      /* AND over the entries read */
	uint64_t gpa1;                        /* LEAF: where gpa2 leads */
	uint64_t entry[NVMX_EPT_LEVELS + 1];  /* by level */
	uint64_t table[NVMX_EPT_LEVELS + 1];  /* by level: L1-physical address of the table */
	uint64_t *page[NVMX_EPT_LEVELS + 1];  /* by level: the table, mapped, or NULL */
	bool wrote;                           /* an entry in L1's memory was changed */
};

void nvmx_ept_walk_begin(struct nvmx_vcpu *v, const struct nvmx_ept_rules *r, uint64_t eptp12, uint64_t gpa2,
			 struct nvmx_ept_walk *w);
void nvmx_ept_walk_end(struct nvmx_vcpu *v, struct nvmx_ept_walk *w);

/*
 * Sets the accessed flags along the walk, and the dirty flag of the leaf for a write (28.3.5), in L1's memory and in
 * entry[].  DONE; AGAIN if L1 changed an entry meanwhile; LOG_FULL if the page-modification log must be emptied first;
 * NOT_NOW if the log is not at hand, and nothing was set.
 */
enum nvmx_ept_flags { NVMX_EPT_FLAGS_DONE, NVMX_EPT_FLAGS_AGAIN, NVMX_EPT_FLAGS_LOG_FULL, NVMX_EPT_FLAGS_NOT_NOW };
enum nvmx_ept_flags nvmx_ept_walk_flags(struct nvmx_vcpu *v, struct nvmx_ept_walk *w, uint64_t gpa2, bool write,
					bool pml);

/* One read of an entry that L1 may be changing. */
static inline uint64_t nvmx_ept_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

#endif
