/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* nvmx-trace: a picture of what libnestvmx did, from the records of the op `trace`.  The manual is nvmx-trace.1. */
#include <errno.h>
#include <getopt.h>
#include <nestvmx/version.h>
#include <stdlib.h>
#include <string.h>
#include "records.h"

struct options {
	const char *json, *svg;
	bool summary;
	uint64_t hz;
	size_t trip; /* 0: all */
	bool l2;     /* only while there was an L2 */
};

static void usage(FILE *f)
{
	fputs("usage: nvmx-trace [--json FILE] [--svg FILE] [--summary] [--hz N] [--l2 | --trip N] [FILE...]\n"
	      "       nvmx-trace --help | --version\n", f);
}

static bool positive(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && *value && !*end && *text != '-';
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "json", required_argument, NULL, 'j' }, { "svg", required_argument, NULL, 's' }, { "summary", no_argument, NULL, 'm' },
		{ "hz", required_argument, NULL, 'z' },   { "trip", required_argument, NULL, 't' }, { "l2", no_argument, NULL, '2' },
		{ "help", no_argument, NULL, 'h' },       { "version", no_argument, NULL, 'V' },    { NULL, 0, NULL, 0 },
	};
	uint64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'j': o->json = optarg; break;
		case 's': o->svg = optarg; break;
		case 'm': o->summary = true; break;
		case '2': o->l2 = true; break;
		case 'z':
		case 't':
			if (!positive(optarg, &n)) {
				fprintf(stderr, "nvmx-trace: %s is not a positive number\n", optarg);
				return 2;
			}
			if (c == 'z')
				o->hz = n;
			else
				o->trip = (size_t)n;
			break;
		case 'h': usage(stdout); return 0;
		case 'V': puts("nvmx-trace " NVMX_VERSION_STRING); return 0;
		default: usage(stderr); return 2;
		}
	}
	o->summary |= !o->json && !o->svg;
	return -1;
}

static bool read_one(struct records *r, const char *name)
{
	FILE *f = strcmp(name, "-") ? fopen(name, "r") : stdin;
	bool good = f && records_read(r, f);

	if (!good)
		fprintf(stderr, "nvmx-trace: %s: %s\n", name, strerror(errno));
	if (f && f != stdin)
		fclose(f);
	return good;
}

static bool read_all(struct records *r, int n, char **names)
{
	bool good = n || read_one(r, "-");

	for (int i = 0; i < n && good; i++)
		good = read_one(r, names[i]);
	if (good && !r->n)
		fputs("nvmx-trace: no records of a trace: lines with \"trace CPU TIME NAME A B C\"\n", stderr);
	records_sort(r);
	return good && r->n;
}

static FILE *create(const char *name)
{
	FILE *f = strcmp(name, "-") ? fopen(name, "w") : stdout;

	if (!f)
		fprintf(stderr, "nvmx-trace: %s: %s\n", name, strerror(errno));
	return f;
}

static bool finish(FILE *f, const char *name)
{
	bool bad = fflush(f) || ferror(f);

	if (bad)
		fprintf(stderr, "nvmx-trace: %s: %s\n", name, strerror(errno));
	if (f != stdout)
		fclose(f);
	return !bad;
}

/* From the first time that L2 runs to the end of the last. */
static bool choose_l2(struct view *v, const struct slices *s)
{
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		if (s->at[i].level != 2)
			continue;
		v->begin = any && v->begin < s->at[i].begin ? v->begin : s->at[i].begin;
		v->end = any && v->end > s->at[i].end ? v->end : s->at[i].end;
		any = true;
	}
	if (!any)
		fputs("nvmx-trace: no L2 runs in the trace\n", stderr);
	return any;
}

/* A round trip, and a little of what was before and is behind it. */
static bool choose(struct view *v, const struct slices *s, size_t trip, bool l2)
{
	size_t first, last;
	uint64_t margin;

	v->begin = s->begin;
	v->end = s->end;
	if (!trip)
		return l2 ? choose_l2(v, s) : true;
	if (!slices_trip(s, trip, &first, &last)) {
		fprintf(stderr, "nvmx-trace: the trace has no round trip %zu\n", trip);
		return false;
	}
	margin = (s->at[last].end - s->at[first].begin) / 16 + 1;
	v->begin = s->at[first].begin > margin ? s->at[first].begin - margin : 0;
	v->end = s->at[last].end + margin;
	return true;
}

static bool write_all(const struct options *o, const struct slices *s, const struct records *r, const struct view *v)
{
	FILE *f;

	if (o->json) {
		f = create(o->json);
		if (!f)
			return false;
		json_write(f, s, r, v);
		if (!finish(f, o->json))
			return false;
	}
	if (o->svg) {
		f = create(o->svg);
		if (!f)
			return false;
		svg_write(f, s, v);
		if (!finish(f, o->svg))
			return false;
	}
	if (o->summary)
		summary_write(stdout, s, v);
	return true;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct records r = { 0 };
	struct slices s = { 0 };
	struct view v = { 0 };
	int status = parse(argc, argv, &o);
	bool good;

	if (status >= 0)
		return status;
	v.hz = o.hz;
	good = read_all(&r, argc - optind, argv + optind) && slices_make(&s, &r) && choose(&v, &s, o.trip, o.l2) && write_all(&o, &s, &r, &v);
	free(r.at);
	free(s.at);
	return good ? 0 : 2;
}
