/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The dumps of a VMCS that hypervisors print, as tables of what a line may hold.  A line may have anything before and after
 * that (time stamps, "(XEN)", a syslog's host and process); lines that hold nothing known are passed over.
 */
#ifndef NVMX_TOOL_FORMATS_H
#define NVMX_TOOL_FORMATS_H

#include <stddef.h>
#include "transcript.h"

enum section { ANYWHERE, GUEST, HOST, CONTROL, INFORMATION, NOWHERE };

#define IGNORE 0xffffu /* a number that is no field */

/*
 * What stands in a line: `text` is looked for where a word begins; a blank in it stands for any blanks, or none.
 * % is a hexadecimal number, with 0x before it or not; # a decimal one; @ the number of the vCPU in brackets.  Each % and #
 * goes to the next of `fields`.
 */
struct pattern {
	enum section section;
	const char *text;
	uint16_t fields[4];
};

/* Text that begins a section; `first`: a VMCS begins with it. */
struct marker {
	const char *text;
	enum section section;
	bool first;
};

struct format {
	const char *name;  /* for a program */
	const char *title; /* for a reader */
	const struct marker *markers;
	size_t markers_count;
	const struct pattern *patterns;
	size_t patterns_count;
	const char *hint;  /* a text that only this one of several with the same markers has; NULL: the rest */
};

extern const struct format formats[];
extern const size_t formats_count;

/* The format of a text, or NULL. */
const struct format *format_of(const char *text);
/*
 * Reads the next VMCS of a text into t.  *text moves behind it, *line counts the lines; *first gets the number of its first
 * one.  False: there is none left.
 */
bool format_read(const struct format *format, const char **text, unsigned *line, struct transcript *t, unsigned *first);

#endif
