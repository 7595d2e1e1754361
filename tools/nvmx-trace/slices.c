/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Records to slices.  On each processor they follow each other without a gap: a guest runs until its exit, which is dealt with until
 * a guest is resumed.  A host that makes no record of that ("resume") is taken to resume right behind the exit's last record.
 */
#include <nestvmx/check.h>
#include <nestvmx/nestvmx.h>
#include <stdlib.h>
#include <string.h>
#include "records.h"
#include "vmx/route.h"

struct making {
	struct slices *s;
	bool resumes;         /* the host makes records of them */
	bool open;            /* the last slice is not over */
	bool full;            /* no memory */
	uint64_t last;        /* time of the processor's last record */
};

static struct slice *current(struct making *m)
{
	return m->open ? &m->s->at[m->s->n - 1] : NULL;
}

static void close_slice(struct making *m, uint64_t time)
{
	if (m->open)
		current(m)->end = time;
	m->open = false;
}

static struct slice *begin(struct making *m, const struct record *r, size_t index, unsigned level, uint64_t time)
{
	struct slices *s = m->s;
	struct slice *more;

	if (s->n == s->room) {
		more = realloc(s->at, (s->room ? s->room * 2 : 1024) * sizeof(*more));
		if (!more) {
			m->full = true;
			return NULL;
		}
		s->at = more;
		s->room = s->room ? s->room * 2 : 1024;
	}
	m->open = true;
	s->at[s->n] = (struct slice){ .begin = time, .cpu = r->cpu, .level = (uint8_t)level, .first = index, .last = index };
	return &s->at[s->n++];
}

/* Level 0 ends, and a guest runs. */
static void resume(struct making *m, const struct record *r, size_t index, unsigned level, uint64_t time)
{
	struct slice *s = current(m);

	if (s && s->level == 0)
		s->then = (uint8_t)level;
	close_slice(m, time);
	begin(m, r, index, level, time);
}

static void exited(struct making *m, const struct record *r, size_t index)
{
	uint8_t level = (uint8_t)(r->value[1] == 2 ? 2 : 1);
	struct slice *s = current(m);

	if (!m->resumes && s) { /* it ran since the last record of the exit before */
		resume(m, r, index, level, m->last);
		s = current(m);
	}
	if (s && s->level) {
		s->ended_by = true;
		s->reason = (uint32_t)r->value[0];
	}
	close_slice(m, r->time);
	s = begin(m, r, index, 0, r->time);
	if (!s)
		return;
	s->of = level;
	s->reason = (uint32_t)r->value[0];
	s->rip = r->value[2];
}

static const char *row_name(uint64_t row)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	return row < n ? rows[row].id : "unknown";
}

/* What is said of the exit that is dealt with. */
static void note(struct slice *s, const struct record *r, size_t index)
{
	s->last = index;
	switch (r->what) {
	case NVMX_TRACE_ROUTE:
		s->routed = true;
		s->owner = (uint8_t)r->value[1];
		s->cause = (uint8_t)(r->value[2] >> 32);
		s->detail = (uint32_t)r->value[2];
		break;
	case NVMX_TRACE_LEAVE: s->left = true; break;
	case NVMX_TRACE_ENTER: s->entered = true; break;
	case NVMX_TRACE_CHECK: s->check = row_name(r->value[0]); break;
	case NVMX_TRACE_STOP: s->stopped = true; break;
	default: break;
	}
}

static void one(struct making *m, const struct record *r, size_t index)
{
	struct slice *s = current(m);

	if (r->what == NVMX_TRACE_EXIT) {
		exited(m, r, index);
	} else if (r->what == NVMX_TRACE_RESUME) {
		resume(m, r, index, r->value[0] == 2 ? 2 : 1, r->time);
	} else {
		if (!s || s->level) { /* the trace begins here, or the host has called by itself */
			close_slice(m, r->time);
			s = begin(m, r, index, 0, r->time);
		}
		if (s)
			note(s, r, index);
	}
	m->last = r->time;
}

bool slices_make(struct slices *s, const struct records *r)
{
	struct making m = { .s = s };

	for (size_t i = 0; i < r->n; i++)
		m.resumes |= r->at[i].what == NVMX_TRACE_RESUME;
	for (size_t i = 0; i < r->n && !m.full; i++) {
		if (i && r->at[i].cpu != r->at[i - 1].cpu)
			close_slice(&m, m.last);
		one(&m, &r->at[i], i);
		s->begin = i && s->begin < r->at[i].time ? s->begin : r->at[i].time;
		s->end = s->end > r->at[i].time ? s->end : r->at[i].time;
	}
	close_slice(&m, m.last);
	return !m.full;
}

bool slices_trip(const struct slices *s, size_t n, size_t *first, size_t *last)
{
	for (size_t i = 0; i < s->n; i++) {
		size_t j = i;

		if (s->at[i].level || s->at[i].of != 2 || !s->at[i].left)
			continue;
		while (j + 1 < s->n && s->at[j + 1].cpu == s->at[i].cpu && !s->at[j].entered)
			j++;
		if (!s->at[j].entered || --n)
			continue;
		*first = i;
		*last = j;
		return true;
	}
	return false;
}

const char *reason_name(uint32_t reason, char *buf, size_t size)
{
	const char *name = nvmx_route_row(reason & 0xffff)->name;

	if (name)
		snprintf(buf, size, "%s%s", name, reason & NVMX_XR_ENTRY_FAILURE ? " (entry failure)" : "");
	else
		snprintf(buf, size, "reason %u", (unsigned)(reason & 0xffff));
	return buf;
}

const char *owner_name(unsigned owner)
{
	return owner == NVMX_OWNER_L1 ? "L1" : owner == NVMX_OWNER_LIBRARY ? "library" : "host";
}

void slice_title(const struct slice *s, char *buf, size_t size)
{
	char reason[48];

	if (s->level)
		snprintf(buf, size, "L%u", (unsigned)s->level);
	else if (!s->of)
		snprintf(buf, size, "host");
	else if (s->then)
		snprintf(buf, size, "%s of L%u, on to L%u", reason_name(s->reason, reason, sizeof(reason)), (unsigned)s->of,
			 (unsigned)s->then);
	else
		snprintf(buf, size, "%s of L%u", reason_name(s->reason, reason, sizeof(reason)), (unsigned)s->of);
}
