/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef NVMX_TOOL_BITS_H
#define NVMX_TOOL_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* The SDM's name of a bit of a field, given by its encoding; NULL: it has none.  bits.def. */
const char *bit_name(uint16_t encoding, unsigned bit);
/* Whether a field is a set of bits: some of its bits have names. */
bool bits_named(uint16_t encoding);

#endif
