/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Chrome's trace-event format: a process for each processor of the trace, in it a thread for each level. */
#include <inttypes.h>
#include <nestvmx/trace.h>
#include "records.h"

static double micro(const struct slices *s, const struct view *v, uint64_t time)
{
	return (double)(time - s->begin) * (v->hz ? 1e6 / (double)v->hz : 1.0);
}

/* What the events of a track have in common. */
static void event(FILE *f, char phase, uint32_t cpu, unsigned level, double ts)
{
	fprintf(f, ",\n{\"ph\":\"%c\",\"pid\":%" PRIu32 ",\"tid\":%u,\"ts\":%.3f", phase, cpu, level, ts);
}

static void name_tracks(FILE *f, uint32_t cpu, bool first)
{
	static const char *const name[] = { "L0: host and library", "L1", "L2" };

	fprintf(f, "%s\n{\"ph\":\"M\",\"pid\":%" PRIu32 ",\"name\":\"process_name\",\"args\":{\"name\":\"CPU %" PRIu32 "\"}}",
		first ? "" : ",", cpu, cpu);
	for (unsigned level = 0; level < 3; level++) {
		fprintf(f, ",\n{\"ph\":\"M\",\"pid\":%" PRIu32 ",\"tid\":%u,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", cpu, level,
			name[level]);
		fprintf(f, ",\n{\"ph\":\"M\",\"pid\":%" PRIu32 ",\"tid\":%u,\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%u}}", cpu,
			level, 2 - level);
	}
}

static void arguments(FILE *f, const struct slice *s)
{
	char reason[48];
	const char *cause = nvmx_cause_name(s->cause);

	fputs(",\"args\":{", f);
	if (s->level) {
		if (s->ended_by)
			fprintf(f, "\"ended by\":\"%s\"", reason_name(s->reason, reason, sizeof(reason)));
	} else {
		fprintf(f, "\"records\":%zu", s->last - s->first + 1);
		if (s->of)
			fprintf(f, ",\"of\":\"L%u\",\"reason\":%" PRIu32 ",\"rip\":\"0x%" PRIx64 "\"", (unsigned)s->of, s->reason & 0xffff,
				s->rip);
		if (s->routed)
			fprintf(f, ",\"owner\":\"%s\",\"cause\":\"%s\",\"detail\":\"0x%" PRIx32 "\"", owner_name(s->owner), cause ? cause : "?",
				s->detail);
		if (s->check)
			fprintf(f, ",\"failed check\":\"%s\"", s->check);
		if (s->then)
			fprintf(f, ",\"then\":\"L%u\"", (unsigned)s->then);
	}
	fputc('}', f);
}

/* What happened within, but for the exit, whose is the slice. */
static void instants(FILE *f, const struct slices *s, const struct records *r, const struct slice *slice, const struct view *v)
{
	for (size_t i = slice->first; i <= slice->last; i++) {
		const struct record *one = &r->at[i];

		if (one->what == NVMX_TRACE_EXIT || one->what == NVMX_TRACE_RESUME)
			continue;
		event(f, 'i', one->cpu, 0, micro(s, v, one->time));
		fprintf(f, ",\"s\":\"t\",\"name\":\"%s\",\"args\":{", nvmx_trace_name(one->what));
		for (unsigned k = 0; k < 3 && nvmx_trace_value_name(one->what, k); k++)
			fprintf(f, "%s\"%s\":\"0x%" PRIx64 "\"", k ? "," : "", nvmx_trace_value_name(one->what, k), one->value[k]);
		fputs("}}", f);
	}
}

void json_write(FILE *f, const struct slices *s, const struct records *r, const struct view *v)
{
	char title[96];

	fprintf(f, "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"producer\":\"nvmx-trace\",\"unit\":\"%s\"},\"traceEvents\":[",
		v->hz ? "microseconds" : "ticks");
	for (size_t i = 0; i < s->n; i++) {
		const struct slice *one = &s->at[i];

		if (!i || one->cpu != one[-1].cpu)
			name_tracks(f, one->cpu, !i);
		if (one->end < v->begin || one->begin > v->end)
			continue;
		slice_title(one, title, sizeof(title));
		event(f, 'B', one->cpu, one->level, micro(s, v, one->begin));
		fprintf(f, ",\"name\":\"%s\"", title);
		arguments(f, one);
		fputc('}', f);
		if (!one->level)
			instants(f, s, r, one, v);
		event(f, 'E', one->cpu, one->level, micro(s, v, one->end));
		fputc('}', f);
	}
	fputs("\n]}\n", f);
}
