/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "replay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned words_of(char kind)
{
	switch (kind) {
	case 's':
	case 'i': return 2;
	case 'r':
	case 'w':
	case 'd':
	case 'c':
	case 'e': return 3;
	case 'l':
	case 't':
	case 'f': return 4;
	case 'm': return 5;
	default: return 0;
	}
}

static bool parse(struct line *l, char *text)
{
	char *end = text + 1;
	unsigned n = words_of(text[0]);

	l->kind = text[0];
	for (unsigned i = 0; i < n; i++) {
		char *from = end;

		l->word[i] = strtoull(from, &end, 16);
		if (end == from)
			return false;
	}
	return n && end[strspn(end, " \n")] == 0;
}

int trace_load(struct trace *t, const char *path)
{
	FILE *f = fopen(path, "r");
	char text[256];
	unsigned number = 0;

	t->lines = 0;
	t->cap = t->ecap = 0;
	if (!f) {
		perror(path);
		return -1;
	}
	while (fgets(text, sizeof(text), f)) {
		struct line *l = &t->line[t->lines];

		number++;
		if (text[0] == '#')
			continue;
		if (t->lines == LINES || !parse(l, text)) {
			fprintf(stderr, "%s:%u: not understood\n", path, number);
			fclose(f);
			return -1;
		}
		l->number = number;
		if (l->kind == 'r' && l->word[0] == 0x08 && l->word[1] == 8)
			t->cap = l->word[2];
		if (l->kind == 'r' && l->word[0] == 0x10 && l->word[1] == 8)
			t->ecap = l->word[2];
		t->lines++;
	}
	fclose(f);
	if (t->cap && t->ecap)
		return 0;
	fprintf(stderr, "%s: the driver does not read CAP and ECAP\n", path);
	return -1;
}
