/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line, of words in any order: boot=0x81|next serial=0x2f8 disable=FEATURE,... stats trace=N enlighten hyperv vtd
 */
#include "metal.h"

#define DEFAULT_DRIVE 0x81
#define MAX_TRACE 65536		/* of 40 bytes each */

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

/* A number from 0x1 to 0xffff; 0 is none. */
static uint16_t parse_hex(const char *s, size_t length)
{
	uint32_t value = 0;
	size_t i;

	if (length < 3 || length > 6 || s[0] != '0' || s[1] != 'x')
		return 0;
	for (i = 2; i < length; i++) {
		if (digit(s[i]) < 0)
			return 0;
		value = value * 16 + (uint32_t)digit(s[i]);
	}
	return (uint16_t)value;
}

static void parse_boot(const char *word, size_t length)
{
	uint16_t drive = parse_hex(word + 5, length - 5);

	machine.boot_drive = (uint8_t)drive;
	if (!word_is(word, length, "boot=next") && (drive == 0 || drive > 0xff))
		stop_at_word("bad drive", word, length);
}

static void parse_serial(const char *word, size_t length)
{
	uint16_t port = parse_hex(word + 7, length - 7);

	if (port == 0)
		stop_at_word("bad port", word, length);
	log_init(port);
}

/* Records of nested VMX that each processor keeps. */
static void parse_trace(const char *word, size_t length)
{
	uint32_t n = 0;
	size_t i;

	for (i = 6; i < length && word[i] >= '0' && word[i] <= '9' && n <= MAX_TRACE; i++)
		n = n * 10 + (uint32_t)(word[i] - '0');
	if (i < length || n == 0 || n > MAX_TRACE)
		stop_at_word("bad number", word, length);
	machine.trace_records = n;
}

/* Names between commas. */
static void parse_disable(const char *word, size_t length)
{
	const char *name = word + 8, *end = word + length;
	size_t n;
	int feature;

	for (; name < end; name += n + 1) {
		for (n = 0; name + n < end && name[n] != ','; n++)
			;
		feature = nvmx_feature_by_name(name, n);
		if (feature < 0)
			stop_at_word("unknown feature", name, n);
		machine.withheld |= 1ull << feature;
	}
}

static void parse_word(const char *word, size_t length)
{
	if (word_is(word, length, "stats"))
		machine.stats = 1;
	else if (word_is(word, length, "enlighten"))
		machine.enlightened = 1;
	else if (word_is(word, length, "hyperv"))
		machine.hyperv = 1;
	else if (word_is(word, length, "vtd"))
		machine.vtd = 1;
	else if (starts_with(word, length, "boot=", 5))
		parse_boot(word, length);
	else if (starts_with(word, length, "disable=", 8))
		parse_disable(word, length);
	else if (starts_with(word, length, "trace=", 6))
		parse_trace(word, length);
	else if (starts_with(word, length, "serial=", 7))
		parse_serial(word, length);
	else
		stop_at_word("unknown word", word, length);
}

void cmdline_parse(const char *line)
{
	bool name = true;		/* GRUB may put the file's name first */
	size_t length;

	machine.boot_drive = DEFAULT_DRIVE;
	for (; *line; line += length) {
		length = word_length(line);
		if (length == 0)
			length = 1;
		else if (name && line[0] == '/')
			name = false;
		else
			parse_word(line, length);
	}
}
