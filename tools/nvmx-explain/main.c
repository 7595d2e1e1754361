/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * nvmx-explain: why a VM entry fails, and who gets an exit.  Reads what input.h names and prints every row of the checks that
 * fails, with the fields that it reads and what to change.  Exit status: 0 none fails, 1 some do, 2 bad input.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "input.h"
#include "tables.h"

#define MAX_INPUT (16u << 20)

struct options {
	struct report report;
	struct route_question question;
	bool route;
	const char *processor;
};

static int complain(const char *name, const char *what)
{
	fprintf(stderr, "nvmx-explain: %s: %s\n", name, what);
	return 2;
}

/* The whole of a file in a buffer of its own, ended by a 0. */
static char *read_all(const char *name, size_t *length)
{
	const bool named = strcmp(name, "-") != 0;
	FILE *file = named ? fopen(name, "rb") : stdin;
	char *text = file ? malloc(MAX_INPUT + 1) : NULL;

	if (text) {
		*length = fread(text, 1, MAX_INPUT + 1, file);
		if (ferror(file) || *length > MAX_INPUT) {
			free(text);
			text = NULL;
		} else {
			text[*length] = 0;
		}
	}
	if (file && named)
		fclose(file);
	return text;
}

static void explain(void *context, const struct found_vmcs *where, const struct transcript *t)
{
	struct options *o = context;

	if (o->route)
		report_route(&o->report, where, t, &o->question);
	else
		report_checks(&o->report, where, t);
}

static int explain_file(struct options *o, const char *name)
{
	struct input in = { .file = strcmp(name, "-") ? name : "standard input", .use = explain, .context = o };
	size_t length = 0, processor_length;
	char *processor = NULL, *data = read_all(name, &length);
	int status = 0;

	if (!data)
		return complain(in.file, "cannot be read");
	if (o->processor) {
		processor = read_all(o->processor, &processor_length);
		if (!processor) {
			free(data);
			return complain(o->processor, "cannot be read");
		}
	}
	in.processor = processor;
	if (!input_read(&in, data, length))
		status = complain(in.file, in.error);
	free(processor);
	free(data);
	return status;
}

static int usage(FILE *f)
{
	fputs("usage: nvmx-explain [--all] [--json] [--processor FILE] FILE... (- is the standard input)\n"
	      "       nvmx-explain --route REASON [--qualification N] [--interruption N] [--error-code N] [--operand N]\n"
	      "                    [--cpl N] [--json] FILE...\n"
	      "       nvmx-explain --rows | --fields | --features | --exits | --help | --version\n", f);
	return f == stderr ? 2 : 0;
}

/* A number as C writes it. */
static bool number(const char *text, uint64_t *value)
{
	char *end;

	*value = strtoull(text, &end, 0);
	return *text && !*end;
}

/* One option that a question about an exit has. */
static bool take_question(struct options *o, int option, const char *text)
{
	uint64_t value = 0;

	if (option == 'r') {
		o->route = true;
		return route_reason(text, &o->question.in.reason);
	}
	if (!number(text, &value))
		return false;
	switch (option) {
	case 'q': o->question.in.qualification = value; o->question.qualification = true; break;
	case 'i': o->question.in.intr_info = (uint32_t)value; o->question.intr_info = true; break;
	case 'e': o->question.in.intr_error = (uint32_t)value; o->question.intr_error = true; break;
	case 'c': o->question.in.cpl = (uint8_t)value; break;
	default: o->question.in.operand = value; break;
	}
	return true;
}

static int print_table(int option)
{
	switch (option) {
	case 'R': print_rows(); break;
	case 'F': print_fields(); break;
	case 'E': print_features(); break;
	default: print_exits(); break;
	}
	return 0;
}

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "json", no_argument, NULL, 'j' },
	{ "processor", required_argument, NULL, 'p' },
	{ "route", required_argument, NULL, 'r' },
	{ "qualification", required_argument, NULL, 'q' },
	{ "interruption", required_argument, NULL, 'i' },
	{ "error-code", required_argument, NULL, 'e' },
	{ "operand", required_argument, NULL, 'o' },
	{ "cpl", required_argument, NULL, 'c' },
	{ "rows", no_argument, NULL, 'R' },
	{ "fields", no_argument, NULL, 'F' },
	{ "features", no_argument, NULL, 'E' },
	{ "exits", no_argument, NULL, 'X' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct options o = { .report = { .out = stdout } };
	int option, status = 0;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 'a': o.report.all = true; break;
		case 'j': o.report.json = true; break;
		case 'p': o.processor = optarg; break;
		case 'R': case 'F': case 'E': case 'X': return print_table(option);
		case 'h': return usage(stdout);
		case 'V': return puts("nvmx-explain " NVMX_VERSION_STRING) < 0;
		case '?': return usage(stderr);
		default:
			if (!take_question(&o, option, optarg))
				return complain(optarg, option == 'r' ? "no exit reason" : "not a number");
		}
	}
	if (optind == argc)
		return usage(stderr);
	report_begin(&o.report);
	for (int i = optind; i < argc; i++) {
		int one = explain_file(&o, argv[i]);

		status = one > status ? one : status;
	}
	report_end(&o.report);
	return status ? status : o.report.some_failed;
}
