/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <stddef.h>
#include <nestvmx/fields.h>
#include "bits.h"

static const struct {
	uint16_t encoding;
	uint8_t bit;
	const char *name;
} bits[] = {
#define B(FIELD, bit, name) { NVMX_##FIELD, bit, name },
#include "bits.def"
};

const char *bit_name(uint16_t encoding, unsigned bit)
{
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (bits[i].encoding == encoding && bits[i].bit == bit)
			return bits[i].name;
	return NULL;
}

bool bits_named(uint16_t encoding)
{
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (bits[i].encoding == encoding)
			return true;
	return false;
}
