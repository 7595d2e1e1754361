/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: metal.elf bootdrive=0x81 disable=FEATURE,... stats
 */
#include "metal.h"

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != ' ' && s[n] != '\t')
		n++;
	return n;
}

static bool starts_with(const char *word, size_t length, const char *prefix, size_t n)
{
	return length > n && memcmp(word, prefix, n) == 0;
}

/* The word in the log has an end of its own. */
static void stop_at_word(const char *complaint, const char *word, size_t length)
{
	char copy[64];

	if (length >= sizeof(copy))
		length = sizeof(copy) - 1;
	memcpy(copy, word, length);
	copy[length] = 0;
	stop("%s '%s' on the command line", complaint, copy);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* A hard disk of the BIOS: 0x80 to 0x8f. */
static uint8_t parse_drive(const char *word, size_t length)
{
	const char *value = word + 10;

	if (length != 14 || value[0] != '0' || value[1] != 'x' || value[2] != '8' || digit(value[3]) < 0)
		stop_at_word("bad drive", word, length);
	return (uint8_t)(0x80 + digit(value[3]));
}

void cmdline_parse(const char *line)
{
	size_t length;
	bool first = true;

	machine.boot_drive = 0x81;
	for (; *line; line += length) {
		length = word_length(line);
		if (length == 0) {
			length = 1;
			continue;
		}
		if (first)
			first = false;		/* GRUB puts the file's name first */
		else if (word_is(line, length, "stats"))
			machine.stats = 1;
		else if (starts_with(line, length, "bootdrive=", 10))
			machine.boot_drive = parse_drive(line, length);
		else
			stop_at_word("unknown word", line, length);
	}
}
