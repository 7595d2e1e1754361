/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Refusals: every place that rejects a value of the embedder's names the rule of <nestvmx/refusals.def> that it breaks.
 */
#ifndef NVMX_SRC_REFUSE_CORE_H
#define NVMX_SRC_REFUSE_CORE_H

#include <nestvmx/error.h>
#include <stdbool.h>

/* src/vmx/describe.c: fills *info for a rule that exists, and returns its enum nvmx_error. */
int nvmx_refuse(struct nvmx_error_info *info, unsigned rule, uint64_t found, uint64_t expected);
int nvmx_refuse_named(struct nvmx_error_info *info, unsigned rule, const char *name, uint64_t found, uint64_t expected);

/* A size that some version of the headers may have had, up to this one's. */
static inline bool nvmx_fair_size(size_t size, size_t ours)
{
	return size >= 16 && size <= ours && !(size % 8);
}

/* A block of memory that a call was handed, and what it may not overlap. */
struct nvmx_block {
	const char *name;
	const void *at;
	size_t size;
};
/* NVMX_OK, or the refusal of the first of others[0..n) that overlaps `mem`. */
int nvmx_refuse_overlap(struct nvmx_error_info *info, unsigned rule, const struct nvmx_block *mem,
			const struct nvmx_block *others, unsigned n);

#endif
