/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Records for the op `trace`.  A point where nobody listens costs the test of a bit.
 */
#ifndef NVMX_SRC_TRACE_H
#define NVMX_SRC_TRACE_H

#include "vcpu.h"

static inline bool nvmx_traced(const struct nvmx_vcpu *v, uint32_t records)
{
	return __builtin_expect((v->traced & records) != 0, 0);
}

/* The values are computed only if somebody listens. */
#define NVMX_TRACE(v, WHAT, a, b, c)                                                    \
	do {                                                                            \
		if (nvmx_traced(v, NVMX_TRACE_BIT(NVMX_TRACE_##WHAT)))                  \
			nvmx_trace_emit(v, NVMX_TRACE_##WHAT, a, b, c);                 \
	} while (0)

__attribute__((__cold__)) void nvmx_trace_emit(struct nvmx_vcpu *v, enum nvmx_trace what, uint64_t a, uint64_t b, uint64_t c);

/* nvmx_handle_exit() begins: for a record of its own, and for the route's, which wants the registers. */
__attribute__((__cold__)) void nvmx_trace_exit(struct nvmx_vcpu *v, const struct nvmx_regs *regs, uint32_t reason);
#define NVMX_TRACE_OF_EXIT (NVMX_TRACE_BIT(NVMX_TRACE_EXIT) | NVMX_TRACE_BIT(NVMX_TRACE_ROUTE))

/* asked.c.  In that call, if L2 exited: whose the exit is. */
__attribute__((__cold__)) void nvmx_trace_route(struct nvmx_vcpu *v, enum nvmx_owner owner);
#define NVMX_TRACE_ROUTED(v, owner)                                                     \
	do {                                                                            \
		if (nvmx_traced(v, NVMX_TRACE_BIT(NVMX_TRACE_ROUTE)))                   \
			nvmx_trace_route(v, owner);                                     \
	} while (0)

/* asked.c: why the exit of L2 that vmcs02 (current) tells of is the owner's. */
void nvmx_why(struct nvmx_vcpu *v, const struct nvmx_regs *regs, enum nvmx_owner owner, struct nvmx_why *why);

#endif
