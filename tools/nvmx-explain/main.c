/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * nvmx-explain: why a VM entry fails.  Reads a vmcs12 page (4096 bytes) or text (transcript.h) and prints every row of
 * the checks that fails, with the fields that it reads.  Exit status: 0 none fails, 1 some do, 2 bad input.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tables.h"
#include "transcript.h"
#include "vmcs/vmcs.h"

#define MAX_INPUT (16u << 20)

static int complain(const char *name, const char *what)
{
	fprintf(stderr, "nvmx-explain: %s: %s\n", name, what);
	return 2;
}

/* The whole of a file in a buffer of its own, ended by a 0. */
static char *read_all(FILE *file, size_t *length)
{
	char *text = malloc(MAX_INPUT + 1);

	if (!text)
		return NULL;
	*length = fread(text, 1, MAX_INPUT + 1, file);
	if (ferror(file) || *length > MAX_INPUT) {
		free(text);
		return NULL;
	}
	text[*length] = 0;
	return text;
}

static bool is_page(const char *data, size_t length)
{
	uint32_t revision;

	memcpy(&revision, data, length < 4 ? 0 : 4);
	return length == NVMX_VMCS12_SIZE && (revision & ~NVMX_SHADOW_VMCS_INDICATOR) == NVMX_VMCS12_REVISION;
}

static int take_text(struct transcript *t, char *text, const char *name)
{
	char *next, what[200];
	unsigned number = 0;

	for (char *line = text; line; line = next) {
		enum transcript_line kind;

		number++;
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		line[strcspn(line, "\r")] = 0;
		kind = transcript_take(t, line);
		if (kind == TRANSCRIPT_TAKEN)
			continue;
		snprintf(what, sizeof(what), "line %u: %s%.100s", number,
			kind == TRANSCRIPT_BAD ? "" : "not understood: ",
			 kind == TRANSCRIPT_BAD ? t->error : line);
		return complain(name, what);
	}
	return t->have_fields ? 0 : complain(name, "no field in it");
}

static void print_row(const struct nvmx_check_row *row, const struct nvmx_vmcs12 *v12)
{
	printf("%s (SDM %s): %s.\n", row->id, row->sdm, row->text);
	for (const uint16_t *f = row->fields; *f != 0xffff; f++) {
		const struct nvmx_field_row *field = &nvmx_field_rows[nvmx_field_find(*f)];

		printf("\t%-50s %0*" PRIx64 "\n", field->name, 2 * field->size,
		       nvmx_v12_get(v12, (unsigned)nvmx_field_find(*f)));
	}
}

static int explain(const struct transcript *t)
{
	struct nvmx_check_input in = transcript_input(t, &t->v12);
	size_t n, failed = 0;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].holds(&in))
			continue;
		print_row(&rows[i], &t->v12);
		failed++;
	}
	printf("%zu of %zu checks fail%s\n", failed, n,
	       t->have_caps ? "" : " (no msr lines: judged for a processor with all that the library offers)");
	return failed ? 1 : 0;
}

static int explain_file(FILE *file, const char *name)
{
	struct transcript t;
	size_t length = 0;
	char *text = read_all(file, &length);
	int status = 0;

	if (!text)
		return complain(name, "cannot be read");
	transcript_init(&t);
	if (is_page(text, length))
		memcpy(&t.v12, text, sizeof(t.v12));
	else if (strlen(text) != length)
		status = complain(name, "neither text nor a page with the vmcs12 revision");
	else
		status = take_text(&t, text, name);
	if (!status)
		status = explain(&t);
	transcript_free(&t);
	free(text);
	return status;
}

int main(int argc, char **argv)
{
	static const struct { const char *option; void (*print)(void); } tables[] = {
		{ "--rows", print_rows }, { "--fields", print_fields }, { "--features", print_features },
		{ "--exits", print_exits },
	};
	FILE *file;
	int status;

	for (size_t i = 0; argc == 2 && i < sizeof(tables) / sizeof(*tables); i++)
		if (!strcmp(argv[1], tables[i].option)) {
			tables[i].print();
			return 0;
		}
	if (argc != 2 || (argv[1][0] == '-' && argv[1][1])) {
		fputs("usage: nvmx-explain FILE | - | --rows | --fields | --features | --exits\n", stderr);
		return 2;
	}
	if (!strcmp(argv[1], "-"))
		return explain_file(stdin, "standard input");
	file = fopen(argv[1], "rb");
	if (!file)
		return complain(argv[1], "cannot be opened");
	status = explain_file(file, argv[1]);
	fclose(file);
	return status;
}
