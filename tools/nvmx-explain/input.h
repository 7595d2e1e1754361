/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Reads whatever people have of a VMCS, told apart by itself. */
#ifndef NVMX_TOOL_INPUT_H
#define NVMX_TOOL_INPUT_H

#include "report.h"

/* What to do with each VMCS that is found. */
typedef void (*input_use)(void *context, const struct found_vmcs *where, const struct transcript *t);

struct input {
	const char *file;      /* its name, for messages */
	const char *processor; /* text with msr, width and cpuid lines for all that is read; NULL: none */
	input_use use;
	void *context;
	char error[200];       /* what is wrong, if something is */
};

/*
 * `data`, `length` bytes and a 0 behind them, is a vmcs12 page, a blob of nested state or text.  False: it is nothing of the
 * kind, or a line of a transcript is not understood; in->error says what.
 */
bool input_read(struct input *in, char *data, size_t length);

#endif
