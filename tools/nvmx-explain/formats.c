/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "formats.h"

#define MAX_LINE 512
#define MAX_NUMBERS 4

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* A whole word that is a number of at most 64 bits. */
static bool take_number(const char **at, int base, uint64_t *value)
{
	const char *p = *at;
	size_t digits;

	if (base == 16 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	digits = strspn(p, base == 16 ? "0123456789abcdefABCDEF" : "0123456789");
	if (!digits || digits > (base == 16 ? 16u : 18u) || in_word(p[digits]))
		return false;
	*value = strtoull(p, NULL, base);
	*at = p + digits;
	return true;
}

/* What a pattern found in a line. */
struct found {
	uint64_t numbers[MAX_NUMBERS];
	unsigned count;
	uint64_t vcpu;
};

/* The end of what matches at `at`; NULL: nothing does. */
static const char *match_at(const char *at, const char *text, struct found *found)
{
	found->count = 0;
	for (; *text; text++) {
		if (*text == ' ') {
			at += strspn(at, " \t");
		} else if (*text == '%' || *text == '#') {
			if (!take_number(&at, *text == '%' ? 16 : 10, &found->numbers[found->count]))
				return NULL;
			found->count++;
		} else if (*text == '@') {
			if (*at++ != '[' || !take_number(&at, 10, &found->vcpu) || *at++ != ']')
				return NULL;
		} else if (*at++ != *text) {
			return NULL;
		}
	}
	return at;
}

/* Finds a pattern and blanks it out, so that no other takes it for its own. */
static bool match(char *line, const char *text, struct found *found)
{
	for (char *at = line; *at; at++) {
		const char *end;

		if (*at != *text || (at > line && in_word(at[-1])))
			continue;
		end = match_at(at, text, found);
		if (!end)
			continue;
		memset(at, '\1', (size_t)(end - at));
		return true;
	}
	return false;
}

/* One line without its end, cut if it is longer than any that a hypervisor prints. */
static const char *next_line(const char *text, char line[MAX_LINE])
{
	size_t length = strcspn(text, "\n"), kept = length < MAX_LINE ? length : MAX_LINE - 1;

	memcpy(line, text, kept);
	line[kept] = 0;
	line[strcspn(line, "\r")] = 0;
	return text[length] ? text + length + 1 : text + length;
}

static const struct marker *find_marker(const struct format *format, const char *line)
{
	for (size_t i = 0; i < format->markers_count; i++)
		if (strstr(line, format->markers[i].text))
			return &format->markers[i];
	return NULL;
}

/* The fields of a line, and the vCPU that it names. */
static bool take_line(const struct format *format, enum section section, char *line, struct transcript *t, uint64_t *vcpu)
{
	bool some = false;

	for (size_t i = 0; i < format->patterns_count; i++) {
		const struct pattern *p = &format->patterns[i];
		struct found found = { .vcpu = *vcpu };

		if ((p->section != section && p->section != ANYWHERE) || !match(line, p->text, &found))
			continue;
		some = true;
		*vcpu = found.vcpu;
		for (unsigned n = 0; t && n < found.count; n++)
			if (p->fields[n] != IGNORE)
				transcript_know(t, p->fields[n], found.numbers[n]);
	}
	return some;
}

static bool is_first(const struct format *format, char *line)
{
	const struct marker *m = find_marker(format, line);
	uint64_t vcpu = 0;

	return format->markers_count ? m && m->first : take_line(format, NOWHERE, line, NULL, &vcpu);
}

const struct format *format_of(const char *text)
{
	char line[MAX_LINE];

	for (size_t i = 0; i < formats_count; i++)
		for (const char *at = text; *at;) {
			at = next_line(at, line);
			if (!is_first(&formats[i], line))
				continue;
			if (!formats[i].hint || strstr(text, formats[i].hint))
				return &formats[i];
			break;
		}
	return NULL;
}

bool format_read(const struct format *format, const char **text, unsigned *number, struct transcript *t, unsigned *first)
{
	enum section section = format->markers_count ? NOWHERE : ANYWHERE;
	uint64_t vcpu = 0, of_line;
	char line[MAX_LINE], copy[MAX_LINE];
	const char *next;

	for (; **text; *text = next, ++*number) {
		const struct marker *m;

		next = next_line(*text, line);
		m = find_marker(format, line);
		if (m && m->first && t->fields_given)
			return true;
		if (m)
			section = m->section;
		of_line = vcpu;
		memcpy(copy, line, sizeof(copy));
		if (!take_line(format, section, copy, NULL, &of_line))
			continue;
		if (t->fields_given && of_line != vcpu)
			return true;
		if (!t->fields_given)
			*first = *number;
		vcpu = of_line;
		take_line(format, section, line, t, &vcpu);
	}
	return t->fields_given;
}
