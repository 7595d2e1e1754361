/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Lines to records. */
#include <nestvmx/trace.h>
#include <stdlib.h>
#include <string.h>
#include "records.h"

static int what_of(const char *name)
{
	for (unsigned what = 1; what < NVMX_TRACE_COUNT; what++)
		if (nvmx_trace_name(what) && !strcmp(nvmx_trace_name(what), name))
			return (int)what;
	return -1;
}

/* The next number of *text, hexadecimal with or without 0x. */
static bool number(const char **text, int base, uint64_t *value)
{
	char *end;

	*value = strtoull(*text, &end, base);
	if (end == *text || (*end && !strchr(" \t\r\n", *end)))
		return false;
	*text = end;
	return true;
}

/* Values that are left out are 0.  The word "trace" may be behind anything: "nestvmx: ", a time, a name. */
static bool parse(const char *line, struct record *r)
{
	const char *text = line;
	uint64_t cpu;
	char name[32];
	int used, what;

	for (;;) {
		text = strstr(text, "trace ");
		if (!text)
			return false;
		text += 6;
		if (text - 6 == line || text[-7] == ' ')
			break;
	}
	if (!number(&text, 10, &cpu) || cpu >= CPUS || !number(&text, 16, &r->time) || sscanf(text, " %31s%n", name, &used) != 1)
		return false;
	what = what_of(name);
	text += used;
	for (unsigned i = 0; i < 3; i++)
		if (!number(&text, 16, &r->value[i]))
			r->value[i] = 0;
	r->cpu = (uint32_t)cpu;
	r->what = (uint8_t)what;
	return what >= 0;
}

static bool add(struct records *r, const struct record *one)
{
	struct record *more;

	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 1024;
		more = realloc(r->at, r->room * sizeof(*more));
		if (!more)
			return false;
		r->at = more;
	}
	r->at[r->n++] = *one;
	return true;
}

bool records_read(struct records *r, FILE *f)
{
	char line[512];
	struct record one = { 0 };

	while (fgets(line, sizeof(line), f)) {
		one.line++;
		if (parse(line, &one) && !add(r, &one))
			return false;
	}
	return !ferror(f);
}

static int by_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

void records_sort(struct records *r)
{
	if (r->n)
		qsort(r->at, r->n, sizeof(*r->at), by_time);
}
