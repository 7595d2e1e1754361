/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What was seen, in three sentences. */
#include <inttypes.h>
#include <nestvmx/trace.h>
#include <stdlib.h>
#include "records.h"

#define REASONS 128u

struct totals {
	uint64_t ran[3];             /* time that each level had */
	uint64_t exits, to_l1;       /* of L2 */
	uint64_t reasons[REASONS];   /* of L2's exits */
	size_t trips;
	uint64_t *trip, *trip_l1;    /* how long each took, and of that in L1 */
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n ? values[n / 2] : 0;
}

static void add_trip(struct totals *t, const struct slices *s, size_t first, size_t last)
{
	uint64_t l1 = 0;

	for (size_t i = first; i <= last; i++)
		if (s->at[i].level == 1)
			l1 += s->at[i].end - s->at[i].begin;
	t->trip[t->trips] = s->at[last].end - s->at[first].begin;
	t->trip_l1[t->trips++] = l1;
}

static void count(struct totals *t, const struct slices *s)
{
	size_t began = s->n; /* the exit of L2 that has gone to L1 */

	for (size_t i = 0; i < s->n; i++) {
		const struct slice *one = &s->at[i];

		t->ran[one->level] += one->end - one->begin;
		if (began < s->n && s->at[began].cpu != one->cpu)
			began = s->n;
		if (one->level)
			continue;
		if (one->of == 2) {
			t->exits++;
			t->reasons[(one->reason & 0xffff) < REASONS ? one->reason & 0xffff : REASONS - 1]++;
			t->to_l1 += one->left;
			began = one->left ? i : s->n;
		}
		if (one->entered && began < s->n) {
			add_trip(t, s, began, i);
			began = s->n;
		}
	}
}

static void print_time(FILE *f, const struct view *v, uint64_t ticks)
{
	if (v->hz)
		fprintf(f, "%.1f us", (double)ticks * 1e6 / (double)v->hz);
	else
		fprintf(f, "%" PRIu64 " ticks", ticks);
}

static void print_reasons(FILE *f, struct totals *t)
{
	char name[48];

	fputs("L2's exits were", f);
	for (unsigned n = 0; n < 3; n++) {
		unsigned best = 0;

		for (unsigned i = 1; i < REASONS; i++)
			if (t->reasons[i] > t->reasons[best])
				best = i;
		if (!t->reasons[best])
			break;
		fprintf(f, "%s %s (%" PRIu64 ")", n ? "," : " most often", reason_name(best, name, sizeof(name)), t->reasons[best]);
		t->reasons[best] = 0;
	}
	fputs(".\n", f);
}

void summary_write(FILE *f, const struct slices *s, const struct view *v)
{
	struct totals t = { .trip = malloc((s->n + 1) * sizeof(uint64_t)), .trip_l1 = malloc((s->n + 1) * sizeof(uint64_t)) };
	uint64_t all, l1;

	if (!t.trip || !t.trip_l1) {
		free(t.trip);
		free(t.trip_l1);
		return;
	}
	count(&t, s);
	all = t.ran[0] + t.ran[1] + t.ran[2];
	fprintf(f, "In the ");
	print_time(f, v, s->end - s->begin);
	fprintf(f, " of this trace L2 ran %" PRIu64 " %% of the time and made %" PRIu64 " VM exits, of which %" PRIu64 " went to L1.\n",
		all ? t.ran[2] * 100 / all : 0, t.exits, t.to_l1);
	l1 = median(t.trip_l1, t.trips);
	if (t.trips) {
		fputs("A round trip from L2 to L1 and back took ", f);
		print_time(f, v, median(t.trip, t.trips));
		fputs(" in the median, of which L1 itself ran ", f);
		print_time(f, v, l1);
		fputs(".\n", f);
	} else {
		fputs("No exit of L2 in it goes to L1 and back.\n", f);
	}
	if (t.exits)
		print_reasons(f, &t);
	else
		fputs("L2 made no exit.\n", f);
	free(t.trip);
	free(t.trip_l1);
}
