/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A line of text for people, written into a caller's buffer of any size. */
#ifndef NESTVMX_VMX_LINE_H
#define NESTVMX_VMX_LINE_H

#include <stddef.h>
#include <stdint.h>

/* What is being written, and how long it is already; what has no room is counted alone. */
struct nvmx_line {
	char *buf;
	size_t size, n;
};

void nvmx_line_char(struct nvmx_line *l, char c);
void nvmx_line_text(struct nvmx_line *l, const char *text); /* NULL: none */
void nvmx_line_digits(struct nvmx_line *l, uint64_t value, unsigned base);
void nvmx_line_number(struct nvmx_line *l, uint64_t value, unsigned base); /* 0x before one of base 16 */
/* The NUL at its end, or where it is cut off; its whole length. */
size_t nvmx_line_finish(const struct nvmx_line *l);

#endif
