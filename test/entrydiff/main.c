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
#include "states.h"

#define MAX_SHOWN 40

enum outcome_class { PASSED, VMFAIL, FAILED, OTHER };

struct outcome {
	enum outcome_class what;
	uint64_t number; /* VM-instruction error, or exit qualification */
};

static unsigned long used[64], states, differences, explained;
static bool verbose, long_run;
static enum emulator emulator;

/* What the letters of a transcript stand for. */
struct letter {
	struct outcome outcome;
	char text[32];
};

static struct letter letters[128];
static struct {
	unsigned long next, left;
} batch; /* of a base's states */
static bool ended;

/* The state that is judged. */
struct state {
	unsigned long number;
	unsigned nchanges;
	struct state_change changes[STATE_CHANGES];
	const struct letter *bochs;
};

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

static void show(const struct nvmx_check_input *in, const struct state *s, const struct nvmx_check_row *ours)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	printf("ours: %s\n  s %lu ", ours ? ours->id : "passes", s->number);
	for (unsigned i = 0; i < s->nchanges; i++)
		printf("%s%" PRIx32 "=%" PRIx64, i ? "," : "", s->changes[i].field, s->changes[i].value);
	printf(" -> %s\n", s->bochs->text);
	for (size_t i = 0; i < n; i++)
		if (!rows[i].holds(in))
			printf("  fails %s (%s)\n", rows[i].id, rows[i].sdm);
}

static void judge(const struct transcript *t, const struct nvmx_vmcs12 *v12, const struct state *s)
{
	struct nvmx_check_input in = transcript_input(t, v12);
	const struct nvmx_check_row *ours = nvmx_check_entry(&in, NVMX_GROUPS_ALL);
	uint64_t by = 0;

	states++;
	if (same(outcome_of(ours), s->bochs->outcome))
		return;
	if (explains(&in, s->bochs->outcome, &by)) {
		explained++;
		for (unsigned i = 0; i < ndeviations; i++)
			used[i] += by >> i & 1;
		return;
	}
	if (differences++ < MAX_SHOWN || verbose)
		show(&in, s, ours);
}

/* "outcome LETTER OUTCOME" */
static bool take_outcome(const char *line)
{
	unsigned char c = (unsigned char)line[0];
	struct letter *l = &letters[c & 127];

	if (c <= ' ' || c > 126 || line[1] != ' ' || !parse_outcome(line + 2, &l->outcome))
		return false;
	snprintf(l->text, sizeof(l->text), "%s", line + 2);
	return true;
}

/* "states FROM COUNT SEED" */
static bool take_states(struct transcript *t, const char *line)
{
	struct states_machine m = { .phys_bits = t->caps.maxphyaddr, .linear_bits = t->caps.linear_width, .vmcs = t->vmcs,
				    .pages = t->pages, .npages = t->npages };
	uint64_t seed;

	if (sscanf(line, "%lu %lu %" SCNx64, &batch.next, &batch.left, &seed) != 3)
		return false;
	transcript_end(t);
	m.pin = nvmx_caps_get(&t->caps, NVMX_MSR_VMX_TRUE_PINBASED_CTLS);
	m.proc = nvmx_caps_get(&t->caps, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS);
	if (t->msr_given[NVMX_MSR_VMX_PROCBASED_CTLS2 - NVMX_CAPS_FIRST_MSR])
		m.proc2 = nvmx_caps_get(&t->caps, NVMX_MSR_VMX_PROCBASED_CTLS2);
	m.exit = nvmx_caps_get(&t->caps, NVMX_MSR_VMX_TRUE_EXIT_CTLS);
	m.entry = nvmx_caps_get(&t->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS);
	return states_begin(&m, seed);
}

/* "o LETTERS": what came of the next states. */
static bool take_letters(const struct transcript *t, const char *line)
{
	for (; *line; line++, batch.left--) {
		struct nvmx_vmcs12 v12 = t->v12;
		struct state s = { .number = batch.next++, .bochs = &letters[*line & 127] };

		if (!batch.left || !s.bochs->text[0])
			return false;
		s.nchanges = states_next(s.changes);
		for (unsigned i = 0; i < s.nchanges; i++)
			if (!transcript_set(&v12, s.changes[i].field, s.changes[i].value))
				return false;
		judge(t, &v12, &s);
	}
	return true;
}

/* "digest VALUE": all states of a base have been tried, and were these. */
static bool take_digest(const char *line)
{
	return !batch.left && strtoull(line, NULL, 16) == states_digest();
}

/* The base of the next states, besides the transcript's own note of it. */
static bool take_base(const char *line)
{
	uint64_t field, value;

	return sscanf(line, "%" SCNx64 " %" SCNx64, &field, &value) == 2 && field <= 0xffff && states_base_field((uint32_t)field, value);
}

/* What the word of a line that transcript_take() knows, too, or does not know, is to the states. */
static bool take(struct transcript *t, const char *line)
{
	const char *rest = strchr(line, ' ');

	rest = rest ? rest + 1 : "";
	if (!strncmp(line, "o ", 2))
		return take_letters(t, rest);
	if (!strncmp(line, "outcome ", 8))
		return take_outcome(rest);
	if (!strncmp(line, "states ", 7))
		return take_states(t, rest);
	if (!strncmp(line, "digest ", 7))
		return take_digest(rest);
	if (!strncmp(line, "base ", 5))
		return take_base(rest) && transcript_take(t, line) == TRANSCRIPT_TAKEN;
	if (line[0] == '#')
		states_base();
	else if (!strncmp(line, "end ", 4))
		ended = true;
	else if (!strncmp(line, "entrydiff ", 10))
		return !strcmp(rest, "2");
	else
		return transcript_take(t, line) != TRANSCRIPT_BAD;
	return true;
}

static int replay(FILE *file, const char *name)
{
	static struct transcript t;
	static char line[1 << 10];
	unsigned long number = 0;

	transcript_init(&t);
	while (fgets(line, sizeof(line), file)) {
		number++;
		line[strcspn(line, "\r\n")] = 0;
		if (!take(&t, line))
			return fprintf(stderr, "%s:%lu: not of this program's states: %.80s%s%s\n", name, number, line,
				       t.error[0] ? ": " : "", t.error), 2;
	}
	transcript_free(&t);
	if (!ended || !states || batch.left)
		return fprintf(stderr, "%s: the transcript is not complete\n", name), 2;
	return 0;
}

/* How often each deviation of the emulator explained something; how many did not, though they should have. */
static unsigned report(void)
{
	unsigned idle = 0;

	for (unsigned i = 0; i < ndeviations; i++) {
		if (!(deviations[i].on & emulator))
			continue;
		printf("%6lu %s: %s (SDM %s)\n", used[i], deviations[i].row, deviations[i].reason, deviations[i].sdm);
		idle += long_run && !used[i];
	}
	if (idle)
		printf("%u deviations explain nothing\n", idle);
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
