/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What nvmx-trace makes of lines: records; of records: slices of time, each on the track of a processor and a level. */
#ifndef NVMX_TRACE_RECORDS_H
#define NVMX_TRACE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CPUS 256u

/* A line "trace CPU TIME NAME A B C", whatever stands in front of it (nvmx_describe_record()). */
struct record {
	uint64_t time, value[3];
	uint32_t cpu;
	uint8_t what;
	size_t line; /* its number in the input: keeps the order of records of one time */
};

struct records {
	struct record *at;
	size_t n, room;
};

/* Adds those of the file; false: it cannot be read, or memory is short. */
bool records_read(struct records *r, FILE *f);
/* By processor, then by time. */
void records_sort(struct records *r);

/* The host or the library (level 0) deals with an exit, or a guest (1, 2) runs. */
struct slice {
	uint64_t begin, end;
	uint32_t cpu;
	uint8_t level;
	uint8_t of;       /* level 0: whose exit; 0: unknown, the trace begins in it */
	uint8_t then;     /* level 0: who ran after it; 0: unknown */
	bool routed, left, entered, stopped; /* level 0: records that came */
	bool ended_by;    /* levels 1 and 2: `reason` is the exit's that ended it */
	uint8_t owner, cause;
	uint32_t detail;  /* of the cause */
	uint32_t reason;  /* exit reason */
	uint64_t rip;
	const char *check; /* the row of the check that failed, or NULL */
	size_t first, last; /* its records */
};

struct slices {
	struct slice *at;
	size_t n, room;
	uint64_t begin, end; /* of the whole trace */
};

/* False: memory is short. */
bool slices_make(struct slices *s, const struct records *r);

/* From the exit of L2 that went to L1 to L1's next VM entry: slices[first..last] of one processor.  The n-th from 1 on; false: there
 * are not so many. */
bool slices_trip(const struct slices *s, size_t n, size_t *first, size_t *last);

/* "CPUID", or "reason 99". */
const char *reason_name(uint32_t reason, char *buf, size_t size);
const char *owner_name(unsigned owner);
/* "CPUID of L2 -> L1" */
void slice_title(const struct slice *s, char *buf, size_t size);

struct view {
	uint64_t hz;      /* ticks to the second; 0: time is told in ticks */
	uint64_t begin, end; /* what of the trace is drawn */
};

/* Chrome's trace-event format, which Perfetto reads too. */
void json_write(FILE *f, const struct slices *s, const struct records *r, const struct view *v);
void svg_write(FILE *f, const struct slices *s, const struct view *v);
/* Three sentences. */
void summary_write(FILE *f, const struct slices *s, const struct view *v);

#endif
