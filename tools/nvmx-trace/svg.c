/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A timeline: for each processor a lane for each level, and below, where they are few, what the exits were. */
#include <inttypes.h>
#include <string.h>
#include "records.h"

#define WIDTH 960.0
#define LEFT 92.0
#define LANE 26.0
#define GAP 8.0
#define TOP 44.0
#define LISTED 24u /* so many slices are numbered and listed */

static const char *const fill[] = { "#b5dcb0", "#a9c8ec", "#f6cf94" };
static const char *const lane_name[] = { "L0: library", "L1", "L2" };

struct drawing {
	FILE *f;
	const struct slices *s;
	const struct view *v;
	double scale;
	uint32_t cpus[CPUS];
	unsigned cpus_n, number;
	bool listed;
};

static bool visible(const struct drawing *d, const struct slice *s)
{
	return s->end >= d->v->begin && s->begin <= d->v->end;
}

static double x_of(const struct drawing *d, uint64_t time)
{
	time = time < d->v->begin ? d->v->begin : time > d->v->end ? d->v->end : time;
	return LEFT + (double)(time - d->v->begin) * d->scale;
}

static unsigned row_of(const struct drawing *d, uint32_t cpu)
{
	unsigned row = 0;

	while (row + 1 < d->cpus_n && d->cpus[row] != cpu)
		row++;
	return row;
}

/* L2 is the uppermost lane. */
static double y_of(const struct drawing *d, uint32_t cpu, unsigned level)
{
	return TOP + row_of(d, cpu) * (3 * LANE + 3 * GAP) + (2 - level) * (LANE + GAP / 2);
}

static void time_text(const struct view *v, uint64_t ticks, char *buf, size_t size)
{
	if (v->hz)
		snprintf(buf, size, "%.2f us", (double)ticks * 1e6 / (double)v->hz);
	else
		snprintf(buf, size, "%" PRIu64 " ticks", ticks);
}

static void lanes(struct drawing *d)
{
	for (unsigned row = 0; row < d->cpus_n; row++) {
		for (unsigned level = 0; level < 3; level++) {
			double y = y_of(d, d->cpus[row], level);

			fprintf(d->f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#fafafa\"/>\n", LEFT, y, WIDTH - LEFT - 10,
				LANE);
			fprintf(d->f, "<text x=\"10\" y=\"%.1f\">%s</text>\n", y + 17, lane_name[level]);
		}
		if (d->cpus_n > 1)
			fprintf(d->f, "<text x=\"10\" y=\"%.1f\" font-size=\"11\">CPU %" PRIu32 "</text>\n", y_of(d, d->cpus[row], 2) - 2,
				d->cpus[row]);
	}
}

/* A slice, and a line up or down to where the processor goes on. */
static void draw(struct drawing *d, const struct slice *s, const struct slice *next)
{
	double x = x_of(d, s->begin), w = x_of(d, s->end) - x, y = y_of(d, s->cpu, s->level);
	char title[96];

	slice_title(s, title, sizeof(title));
	fprintf(d->f, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"%s\" stroke=\"%s\" stroke-width=\"%s\"><title>%s</title></rect>\n",
		x, y, w < 0.6 ? 0.6 : w, LANE, fill[s->level], w < 3 ? fill[s->level] : "#666", w < 3 ? "0.4" : "0.8", title);
	if (next && d->listed) {
		double to = y_of(d, next->cpu, next->level);

		fprintf(d->f, "<line x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\" stroke=\"#444\"/>\n", x + w,
			to > y ? y + LANE : y, x + w, to > y ? to : to + LANE);
	}
	if (!d->listed)
		return;
	d->number++;
	fprintf(d->f, "<text x=\"%.2f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"11\">%u</text>\n", x + w / 2, y + 17, d->number);
}

/* How long it took; of one that is not all in the picture, how long of it is. */
static void took_text(const struct view *v, const struct slice *s, char *buf, size_t size)
{
	uint64_t begin = s->begin < v->begin ? v->begin : s->begin, end = s->end > v->end ? v->end : s->end;
	bool cut = begin != s->begin || end != s->end;
	char text[40];

	time_text(v, end - begin, text, sizeof(text));
	snprintf(buf, size, "%s%s", cut ? "over " : "", text);
}

static void list(struct drawing *d, double y)
{
	unsigned number = 0;
	char title[96], took[48];

	for (size_t i = 0; i < d->s->n; i++) {
		const struct slice *s = &d->s->at[i];

		if (!visible(d, s))
			continue;
		slice_title(s, title, sizeof(title));
		took_text(d->v, s, took, sizeof(took));
		fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\">%u</text><text x=\"%.1f\" y=\"%.1f\">%s%s</text>"
			      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			LEFT, y, ++number, LEFT + 30, y, title, s->level ? " runs" : "", LEFT + 430, y, took);
		if (s->check)
			fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\">fails %s</text>\n", LEFT + 450, y, s->check);
		else if (s->routed)
			fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\">for %s</text>\n", LEFT + 450, y, owner_name(s->owner));
		y += 18;
	}
}

static void axis(struct drawing *d, double y)
{
	char text[40];

	for (unsigned i = 0; i <= 4; i++) {
		double x = LEFT + (WIDTH - LEFT - 10) * i / 4;

		time_text(d->v, (d->v->end - d->v->begin) * i / 4, text, sizeof(text));
		fprintf(d->f, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#bbb\"/>\n", x, TOP, x, y);
		fprintf(d->f, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"%s\">%s</text>\n", x, y + 13,
			i == 4 ? "end" : i ? "middle" : "start", text);
	}
}

static void look(struct drawing *d)
{
	unsigned n = 0;

	for (size_t i = 0; i < d->s->n; i++) {
		const struct slice *s = &d->s->at[i];

		if (!visible(d, s))
			continue;
		n++;
		if (!d->cpus_n || d->cpus[d->cpus_n - 1] != s->cpu)
			d->cpus[d->cpus_n++] = s->cpu;
	}
	d->listed = n <= LISTED;
	d->number = d->listed ? n : 0;
	d->scale = (WIDTH - LEFT - 10) / (double)(d->v->end > d->v->begin ? d->v->end - d->v->begin : 1);
}

void svg_write(FILE *f, const struct slices *s, const struct view *v)
{
	struct drawing d = { .f = f, .s = s, .v = v };
	double low, height;

	look(&d);
	low = TOP + d.cpus_n * (3 * LANE + 3 * GAP);
	height = low + 30 + d.number * 18 + (d.listed ? 10 : 0);
	d.number = 0;
	fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" "
		   "font-size=\"13\">\n<!-- SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later -->\n<!-- Written by nvmx-trace. -->\n"
		   "<rect width=\"%.0f\" height=\"%.0f\" fill=\"white\"/>\n", WIDTH, height, WIDTH, height, WIDTH, height);
	fprintf(f, "<text x=\"10\" y=\"20\" font-weight=\"bold\">Who runs on the processor</text>\n");
	lanes(&d);
	axis(&d, low);
	for (size_t i = 0; i < s->n; i++) {
		const struct slice *one = &s->at[i], *next = i + 1 < s->n && one[1].cpu == one->cpu && visible(&d, one + 1) ? one + 1 : NULL;

		if (visible(&d, one))
			draw(&d, one, next);
	}
	if (d.listed)
		list(&d, low + 40);
	fputs("</svg>\n", f);
}
