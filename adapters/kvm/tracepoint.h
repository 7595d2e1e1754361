/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library's records (<nestvmx/trace.h>) as an event of the kernel's: events/nestvmx/nestvmx_record.  A line of it is one that
 * nvmx-trace reads.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nestvmx

#if !defined(NEST_TRACEPOINT_H) || defined(TRACE_HEADER_MULTI_READ)
#define NEST_TRACEPOINT_H

#include <linux/tracepoint.h>

#include <nestvmx/trace.h>

int nest_tracing_begin(void);
void nest_tracing_end(void);

#define NEST_RECORDS \
	{ NVMX_TRACE_ENTRY_REFUSED, "entry_refused" }, { NVMX_TRACE_ENTRY_FAILED, "entry_failed" }, { NVMX_TRACE_EXIT, "exit" }, \
	{ NVMX_TRACE_ROUTE, "route" }, { NVMX_TRACE_CHECK, "check" }, { NVMX_TRACE_ENTER, "enter" }, { NVMX_TRACE_LEAVE, "leave" }, \
	{ NVMX_TRACE_FILL, "fill" }, { NVMX_TRACE_INVEPT, "invept" }, { NVMX_TRACE_INVVPID, "invvpid" }, \
	{ NVMX_TRACE_MSR_LIST, "msr_list" }, { NVMX_TRACE_STOP, "stop" }

TRACE_EVENT_FN(nestvmx_record,
	TP_PROTO(unsigned int vcpu, unsigned int what, u64 a, u64 b, u64 c),
	TP_ARGS(vcpu, what, a, b, c),

	TP_STRUCT__entry(
		__field(unsigned int, vcpu)
		__field(unsigned int, what)
		__field(u64, time)
		__field(u64, a)
		__field(u64, b)
		__field(u64, c)
	),

	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->what = what;
		__entry->time = rdtsc();
		__entry->a = a;
		__entry->b = b;
		__entry->c = c;
	),

	TP_printk("trace %u %llx %s %llx %llx %llx", __entry->vcpu, __entry->time, __print_symbolic(__entry->what, NEST_RECORDS),
		  __entry->a, __entry->b, __entry->c),

	nest_tracing_begin, nest_tracing_end
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE tracepoint

#include <trace/define_trace.h>
