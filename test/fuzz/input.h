/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A fuzz target's input, taken byte by byte; zeroes when it has run out. */
#ifndef NVMX_FUZZ_INPUT_H
#define NVMX_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

static inline uint64_t take(struct input *in, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes && in->left; i++, in->left--)
		value |= (uint64_t)*in->p++ << 8 * i;
	return value;
}

#endif
