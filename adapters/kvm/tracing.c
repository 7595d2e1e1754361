// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's records as an event of the kernel's, and none made while nobody wants them.
 */
#include "nest.h"

#define CREATE_TRACE_POINTS
#include "tracepoint.h"

static bool tracing;

/* The vCPU, between two calls of the library's. */
void nest_follow_tracing(struct nest *n)
{
	if (n->traced == READ_ONCE(tracing))
		return;
	n->traced = !n->traced;
	nvmx_trace_select(n->v, n->traced ? NVMX_TRACE_ALL : 0);
}

void nest_op_trace(struct nvmx_host *host, unsigned int what, u64 a, u64 b, u64 c)
{
	trace_nestvmx_record(nest_vcpu(nest_of_host(host))->vcpu_id, what, a, b, c);
}

static void all_follow(bool want)
{
	WRITE_ONCE(tracing, want);
	nest_remind_all();
}

int nest_tracing_begin(void)
{
	BUILD_BUG_ON(NVMX_TRACE_COUNT != 14);	/* NEST_RECORDS has a name for each but `resume` */
	all_follow(true);
	return 0;
}

void nest_tracing_end(void)
{
	all_follow(false);
}
