/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "bits.h"
#include "report.h"

#define NO_FIELD 0xffff
#define SHOWN_CHANGES 3u

void report_string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			fprintf(out, "\\u%04x", (unsigned char)*text);
		else
			putc(*text, out);
	putc('"', out);
}

void report_begin(struct report *r)
{
	if (r->json)
		fputs("[", r->out);
}

void report_end(struct report *r)
{
	if (r->json)
		fputs("\n]\n", r->out);
}

void report_where(struct report *r, const struct found_vmcs *where, const struct transcript *t)
{
	if (r->json) {
		fprintf(r->out, "%s\n{\"format\": \"%s\", \"file\": ", r->vmcs ? "," : "", where->format);
		report_string(r->out, where->file);
		fprintf(r->out, ", \"line\": %u, \"fields\": %u, \"fields_given\": %u, \"msrs_given\": %u", where->line,
			(unsigned)NVMX_ROWS, t->fields_given, t->msrs_given);
	} else {
		fprintf(r->out, "%s%s", r->vmcs ? "\n" : "", where->title);
		if (where->line)
			fprintf(r->out, ", from line %u", where->line);
		fprintf(r->out, ": %u of %u fields.\n", t->fields_given, (unsigned)NVMX_ROWS);
	}
	r->vmcs++;
}

/* The names of the bits that are on: as JSON, or in lines of their own. */
static void print_bits(FILE *out, bool json, uint16_t encoding, uint64_t value)
{
	unsigned column = 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = value >> bit & 1 ? bit_name(encoding, bit) : NULL;

		if (!name)
			continue;
		if (json) {
			fputs(column ? ", " : "", out);
			report_string(out, name);
			column = 1;
			continue;
		}
		if (column && column + strlen(name) > 100) {
			fputs(",\n", out);
			column = 0;
		}
		column += (unsigned)fprintf(out, "%s%s", column ? ", " : "\t\t", name);
	}
	if (!json && column)
		putc('\n', out);
}

void report_field(FILE *out, bool json, const struct transcript *t, unsigned row)
{
	const struct nvmx_field_row *field = &nvmx_field_rows[row];
	uint64_t value = nvmx_v12_get(&t->v12, row);

	if (json) {
		fprintf(out, "{\"encoding\": \"%04x\", \"name\": \"%s\", \"value\": ", field->encoding, field->name);
		if (t->known[row])
			fprintf(out, "\"%" PRIx64 "\", \"bits\": [", value);
		else
			fprintf(out, "null, \"bits\": [");
		if (t->known[row])
			print_bits(out, true, field->encoding, value);
		fputs("]}", out);
	} else if (!t->known[row]) {
		fprintf(out, "\t%-50s not given\n", field->name);
	} else {
		fprintf(out, "\t%-50s %0*" PRIx64 "\n", field->name, 2 * field->size, value);
		print_bits(out, false, field->encoding, value);
	}
}

static void print_change(FILE *out, const struct change *c)
{
	const struct nvmx_field_row *field = &nvmx_field_rows[c->field];
	uint64_t differ = c->from ^ c->to;
	unsigned bit = (unsigned)__builtin_ctzll(differ);
	const char *name = bit_name(field->encoding, bit), *verb = c->to >> bit & 1 ? "set" : "clear";

	if (differ & (differ - 1))
		fprintf(out, "%s = %0*" PRIx64, field->name, 2 * field->size, c->to);
	else if (name)
		fprintf(out, "%s \"%s\" (bit %u of %s): %0*" PRIx64, verb, name, bit, field->name, 2 * field->size, c->to);
	else
		fprintf(out, "%s bit %u of %s: %0*" PRIx64, verb, bit, field->name, 2 * field->size, c->to);
}

/* Those after which no more rows fail than need be. */
static unsigned best_changes(const struct transcript *t, const struct nvmx_check_row *row, struct change changes[MAX_CHANGES])
{
	unsigned n = judge_changes(t, row, changes), best = 0;

	while (best < n && best < SHOWN_CHANGES && changes[best].failing == changes[0].failing)
		best++;
	return best;
}

static void print_consequence(FILE *out, const struct nvmx_check_row *row)
{
	if (row->consequence == NVMX_CHECK_VMFAIL)
		fprintf(out, "VMfailValid %u", row->error);
	else
		fprintf(out, "VM exit 33 (entry failure), qualification %u", row->qualification);
}

static void print_failing(FILE *out, const struct transcript *t, const struct nvmx_check_row *row)
{
	struct change changes[MAX_CHANGES];
	unsigned n = best_changes(t, row, changes);

	fprintf(out, "%s (SDM %s): %s.\n", row->id, row->sdm, row->text);
	for (const uint16_t *f = row->fields; *f != NO_FIELD; f++)
		report_field(out, false, t, (unsigned)nvmx_field_find(*f));
	fputs("\totherwise: ", out);
	print_consequence(out, row);
	putc('\n', out);
	for (unsigned i = 0; i < n; i++) {
		fputs(i ? "\tor:        " : "\tchange:    ", out);
		print_change(out, &changes[i]);
		putc('\n', out);
	}
}

static const char *const verdicts[] = { [HOLDS] = "holds", [FAILS] = "fails", [NOT_JUDGED] = "not judged" };

static void print_row_json(FILE *out, const struct transcript *t, const struct nvmx_check_row *row, enum verdict verdict)
{
	struct change changes[MAX_CHANGES];
	unsigned n = verdict == FAILS ? best_changes(t, row, changes) : 0;
	const char *separator = "";

	fprintf(out, "{\"id\": \"%s\", \"verdict\": \"%s\", \"sdm\": \"%s\", \"text\": ", row->id, verdicts[verdict], row->sdm);
	report_string(out, row->text);
	fputs(", \"otherwise\": \"", out);
	print_consequence(out, row);
	fputs("\", \"fields\": [", out);
	for (const uint16_t *f = row->fields; *f != NO_FIELD; f++) {
		fputs(separator, out);
		report_field(out, true, t, (unsigned)nvmx_field_find(*f));
		separator = ", ";
	}
	fputs("], \"changes\": [", out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, "%s{\"encoding\": \"%04x\", \"from\": \"%" PRIx64 "\", \"to\": \"%" PRIx64 "\", \"rows_that_fail_then\": %u}",
			i ? ", " : "", nvmx_field_rows[changes[i].field].encoding, changes[i].from, changes[i].to, changes[i].failing);
	fputs("]}", out);
}

static void print_verdict(FILE *out, const struct transcript *t, const struct nvmx_check_row *row, enum verdict verdict)
{
	const char *separator = ": not given: ";

	fprintf(out, "%-10s %s", verdicts[verdict], row->id);
	for (const uint16_t *f = row->fields; verdict == NOT_JUDGED && *f != NO_FIELD; f++)
		if (!t->known[nvmx_field_find(*f)]) {
			fprintf(out, "%s%s", separator, nvmx_field_rows[nvmx_field_find(*f)].name);
			separator = ", ";
		}
	if (verdict == NOT_JUDGED && *separator == ':')
		fputs(": what it reads in memory is not given", out);
	putc('\n', out);
}

/* What the controls were judged for. */
static void print_basis(FILE *out, const struct found_vmcs *where, const struct transcript *t)
{
	const char *rest = where->line && where->format[0] != 't' ? "each control that the SDM defines" :
		"all that the library offers";

	if (!t->msrs_given)
		fprintf(out, " (no msr lines: judged for a processor with %s)", rest);
	else if (t->msrs_given < NVMX_CAPS_MSRS - 1)
		fprintf(out, " (msr lines for %u MSRs; for the others, a processor with %s)", t->msrs_given, rest);
}

void report_checks(struct report *r, const struct found_vmcs *where, const struct transcript *t)
{
	size_t n;
	unsigned counts[3] = { 0 };
	const char *separator = "\n\t";
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	report_where(r, where, t);
	if (r->json)
		fputs(", \"rows\": [", r->out);
	for (size_t i = 0; i < n; i++) {
		enum verdict verdict = judge_row(t, &rows[i]);

		counts[verdict]++;
		if (r->json && (r->all || verdict != HOLDS)) {
			fputs(separator, r->out);
			separator = ",\n\t";
			print_row_json(r->out, t, &rows[i], verdict);
		} else if (!r->json && verdict == FAILS) {
			print_failing(r->out, t, &rows[i]);
		} else if (!r->json && r->all) {
			print_verdict(r->out, t, &rows[i], verdict);
		}
	}
	r->some_failed |= counts[FAILS] != 0;
	if (r->json) {
		fprintf(r->out, "],\n\t\"holds\": %u, \"fails\": %u, \"not_judged\": %u}", counts[HOLDS], counts[FAILS],
			counts[NOT_JUDGED]);
		return;
	}
	fprintf(r->out, "%u of %zu checks fail", counts[FAILS], n);
	if (counts[NOT_JUDGED])
		fprintf(r->out, ", %u not judged: what they read is not given%s", counts[NOT_JUDGED], r->all ? "" : " (--all names them)");
	print_basis(r->out, where, t);
	putc('\n', r->out);
}
