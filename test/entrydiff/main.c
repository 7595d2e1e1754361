/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Judges each state of an entrydiff transcript with the library's checks and compares with what the processor that
 * printed it did.  EMULATOR is what `nvmx-boot --which` says of it: its deviations explain differences, and with --long a deviation
 * of its that explains none is an error, for the transcript has states enough.
 * Exit status: 0 each difference is explained, 1 some is not, 2 bad input.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "../../tools/nvmx-explain/transcript.h"
#include "deviations.h"

#define MAX_SHOWN 40

enum outcome_class { PASSED, VMFAIL, FAILED, OTHER };

struct outcome {
	enum outcome_class what;
	uint64_t number; /* VM-instruction error, or exit qualification */
};

static unsigned long used[64], states, differences, explained;
static bool verbose, long_run;
static enum emulator emulator;

static bool parse_outcome(const char *text, struct outcome *o)
{
	unsigned reason;
	uint64_t number;

	*o = (struct outcome){ OTHER, 0 };
	if (sscanf(text, "valid %" SCNu64, &number) == 1) {
		*o = (struct outcome){ VMFAIL, number };
		return true;
	}
	if (sscanf(text, "exit %u %" SCNx64, &reason, &number) == 2) {
		/* A VM entry gets to MSR loading after all checks have passed (26.4). */
		*o = reason == 33 ? (struct outcome){ FAILED, number } : (struct outcome){ PASSED, 0 };
		return reason == 33 || reason == 34;
	}
	if (!strncmp(text, "entered ", 8)) {
		o->what = PASSED;
		return true;
	}
	return !strncmp(text, "invalid", 7);
}

static struct outcome outcome_of(const struct nvmx_check_row *row)
{
	if (!row)
		return (struct outcome){ PASSED, 0 };
	if (row->consequence == NVMX_CHECK_VMFAIL)
		return (struct outcome){ VMFAIL, row->error };
	return (struct outcome){ FAILED, row->qualification };
}

static bool same(struct outcome a, struct outcome b)
{
	return a.what == b.what && a.number == b.number;
}

static bool applies(const struct deviation *d, const struct nvmx_check_input *in)
{
	return d->on & emulator && (!d->when || d->when(in));
}

static bool is_of(const struct nvmx_check_row *row, const struct deviation *d)
{
	return !strncmp(row->id, d->row, strlen(d->row));
}

/* Whether Bochs, as far as its deviations are known, refuses the state by this row. */
static bool bochs_refuses(const struct nvmx_check_row *row, const struct nvmx_check_input *in, uint64_t *by)
{
	bool refuses = !row->holds(in);

	for (unsigned i = 0; i < ndeviations; i++) {
		const struct deviation *d = &deviations[i];

		if (d->kind == QUALIFIED || !is_of(row, d) || refuses != (d->kind == LENIENT) || !applies(d, in))
			continue;
		refuses = !refuses;
		*by |= 1ull << i;
	}
	return refuses;
}

static struct outcome bochs_outcome_of(const struct nvmx_check_row *row, uint64_t *by)
{
	struct outcome o = outcome_of(row);

	for (unsigned k = 0; k < ndeviations; k++)
		if (deviations[k].kind == QUALIFIED && deviations[k].on & emulator && is_of(row, &deviations[k])) {
			o.number = 0;
			*by |= 1ull << k;
		}
	return o;
}

/*
 * Whether what is known of Bochs explains its outcome, and by which deviations.  Guest state may be judged in any order
 * (26.3): any row that fails may have given the exit qualification.
 */
static bool explains(const struct nvmx_check_input *in, struct outcome bochs, uint64_t *by)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);
	bool refused = false;

	for (size_t i = 0; i < n; i++) {
		if (!bochs_refuses(&rows[i], in, by))
			continue;
		refused = true;
		if (same(bochs_outcome_of(&rows[i], by), bochs))
			return true;
		if (rows[i].consequence == NVMX_CHECK_VMFAIL)
			return false;
	}
	return !refused && bochs.what == PASSED;
}

static void show(const struct nvmx_check_input *in, const char *line, const struct nvmx_check_row *ours)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	printf("ours: %s\n  %s\n", ours ? ours->id : "passes", line);
	for (size_t i = 0; i < n; i++)
		if (!rows[i].holds(in))
			printf("  fails %s (%s)\n", rows[i].id, rows[i].sdm);
}

static void judge(const struct transcript *t, const struct nvmx_vmcs12 *v12, struct outcome bochs, const char *line)
{
	struct nvmx_check_input in = transcript_input(t, v12);
	const struct nvmx_check_row *ours = nvmx_check_entry(&in, NVMX_GROUPS_ALL);
	uint64_t by = 0;

	states++;
	if (same(outcome_of(ours), bochs))
		return;
	if (explains(&in, bochs, &by)) {
		explained++;
		for (unsigned i = 0; i < ndeviations; i++)
			used[i] += by >> i & 1;
		return;
	}
	if (differences++ < MAX_SHOWN || verbose)
		show(&in, line, ours);
}

/* "s N ENC=VALUE,... -> OUTCOME" */
static bool take_state(struct transcript *t, char *line)
{
	struct nvmx_vmcs12 v12 = t->v12;
	char *arrow = strstr(line, " -> "), *p = line + 2;
	struct outcome bochs;

	if (!arrow || !parse_outcome(arrow + 4, &bochs))
		return false;
	strtoul(p, &p, 10);
	while (p < arrow) {
		unsigned long encoding = strtoul(p + 1, &p, 16);

		if (*p != '=')
			break;
		if (!transcript_set(&v12, (uint32_t)encoding, strtoull(p + 1, &p, 16)))
			return false;
	}
	judge(t, &v12, bochs, line);
	return true;
}

static int replay(FILE *file, const char *name)
{
	static struct transcript t;
	static char line[1 << 16];
	unsigned long number = 0;
	bool ended = false;

	transcript_init(&t);
	while (fgets(line, sizeof(line), file)) {
		enum transcript_line kind = TRANSCRIPT_OTHER;

		number++;
		line[strcspn(line, "\r\n")] = 0;
		if (!strncmp(line, "s ", 2)) {
			if (!take_state(&t, line))
				return fprintf(stderr, "%s:%lu: not a state: %.80s\n", name, number, line), 2;
			continue;
		}
		if (strncmp(line, "end ", 4) && strncmp(line, "entrydiff ", 10))
			kind = transcript_take(&t, line);
		else
			ended |= line[1] == 'n' && line[2] == 'd';
		if (kind == TRANSCRIPT_BAD)
			return fprintf(stderr, "%s:%lu: %s\n", name, number, t.error), 2;
	}
	transcript_free(&t);
	if (!ended || !states)
		return fprintf(stderr, "%s: the transcript is not complete\n", name), 2;
	return 0;
}

/* One deviation may show in several rows. */
static bool explains_nothing(const struct deviation *d)
{
	for (unsigned i = 0; i < ndeviations; i++)
		if (deviations[i].on & emulator && !strcmp(deviations[i].reason, d->reason) && used[i])
			return false;
	return true;
}

/* How often each deviation of the emulator explained something; how many did not, though they should have. */
static unsigned report(void)
{
	unsigned idle = 0;

	for (unsigned i = 0; i < ndeviations; i++) {
		if (!(deviations[i].on & emulator))
			continue;
		printf("%6lu %s: %s (SDM %s)\n", used[i], deviations[i].row, deviations[i].reason, deviations[i].sdm);
		idle += long_run && explains_nothing(&deviations[i]);
	}
	if (idle)
		printf("%u rows are of deviations that explain nothing\n", idle);
	printf("%lu states, %lu equal, %lu explained, %lu not explained\n", states, states - explained - differences,
	       explained, differences);
	return idle;
}

static bool take_emulator(const char *name)
{
	for (unsigned i = 0; i < nemulators; i++) {
		if (strcmp(name, emulators[i].name))
			continue;
		emulator = emulators[i].emulator;
		return true;
	}
	fprintf(stderr, "entrydiff: nothing is known of the emulator %s\n", name);
	return false;
}

int main(int argc, char **argv)
{
	FILE *file;
	int status;

	for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
		verbose |= !strcmp(argv[1], "--all");
		long_run |= !strcmp(argv[1], "--long");
	}
	if (argc != 3) {
		fputs("usage: entrydiff [--all] [--long] EMULATOR TRANSCRIPT\n", stderr);
		return 2;
	}
	if (!take_emulator(argv[1]))
		return 2;
	file = fopen(argv[2], "r");
	if (!file) {
		perror(argv[2]);
		return 2;
	}
	status = replay(file, argv[2]);
	fclose(file);
	if (status)
		return status;
	return report() || differences ? 1 : 0;
}
