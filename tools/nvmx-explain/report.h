/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What nvmx-explain says of one VMCS, for a reader or, as JSON, for a program. */
#ifndef NVMX_TOOL_REPORT_H
#define NVMX_TOOL_REPORT_H

#include "judge.h"
#include "../../src/vmx/route.h"

struct report {
	FILE *out;
	bool json, all;
	unsigned vmcs;      /* how many were told of */
	bool some_failed;
};

/* Where a VMCS was found. */
struct found_vmcs {
	const char *format, *title;
	const char *file;
	unsigned line;      /* its first; 0: not text */
};

/* Around all of them. */
void report_begin(struct report *r);
void report_end(struct report *r);
/* The rows that fail, with what to change; with `all` each row. */
void report_checks(struct report *r, const struct found_vmcs *where, const struct transcript *t);

/* An exit of L2 to be routed: what is not asked for is taken from the VMCS. */
struct route_question {
	struct nvmx_route_in in;
	bool intr_info, intr_error, qualification; /* given */
};
/* The exit reason of a name or a number; false: there is none. */
bool route_reason(const char *text, uint32_t *reason);
/* Who gets the exit, and why. */
void report_route(struct report *r, const struct found_vmcs *where, const struct transcript *t, const struct route_question *q);

/* For both: a string of JSON with its quotes; the object of a VMCS begun. */
void report_string(FILE *out, const char *text);
void report_where(struct report *r, const struct found_vmcs *where, const struct transcript *t);
/* A field with its value and the names of its bits. */
void report_field(FILE *out, bool json, const struct transcript *t, unsigned row);

#endif
