/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "line.h"

void nvmx_line_char(struct nvmx_line *l, char c)
{
	if (l->n + 1 < l->size)
		l->buf[l->n] = c;
	l->n++;
}

void nvmx_line_text(struct nvmx_line *l, const char *text)
{
	for (; text && *text; text++)
		nvmx_line_char(l, *text);
}

void nvmx_line_digits(struct nvmx_line *l, uint64_t value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		nvmx_line_char(l, digits[--n]);
}

void nvmx_line_number(struct nvmx_line *l, uint64_t value, unsigned base)
{
	if (base == 16)
		nvmx_line_text(l, "0x");
	nvmx_line_digits(l, value, base);
}

size_t nvmx_line_finish(const struct nvmx_line *l)
{
	if (l->size)
		l->buf[l->n < l->size ? l->n : l->size - 1] = 0;
	return l->n;
}
