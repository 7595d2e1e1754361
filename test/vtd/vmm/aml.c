/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "aml.h"
#include <err.h>
#include <stdlib.h>
#include <string.h>

#define OP_BYTE 0x0au
#define OP_DWORD 0x0cu
#define OP_NAME 0x08u
#define LENGTH_BYTES 3u /* always as many, so that it can be filled in later */

void aml_bytes(struct aml *a, const void *bytes, size_t n)
{
	if (n > a->size - a->n)
		errx(2, "AML does not fit");
	memcpy(a->at + a->n, bytes, n);
	a->n += n;
}

size_t aml_begin(struct aml *a, const char *opcode)
{
	size_t began;

	aml_bytes(a, opcode, strlen(opcode));
	began = a->n;
	aml_bytes(a, "\0\0\0", LENGTH_BYTES);
	return began;
}

void aml_end(struct aml *a, size_t began)
{
	size_t length = a->n - began;

	a->at[began] = (uint8_t)((LENGTH_BYTES - 1) << 6 | (length & 0xf));
	a->at[began + 1] = (uint8_t)(length >> 4);
	a->at[began + 2] = (uint8_t)(length >> 12);
}

size_t aml_device(struct aml *a, const char name[4])
{
	size_t began = aml_begin(a, "\x5b\x82");

	aml_bytes(a, name, 4);
	return began;
}

void aml_name(struct aml *a, const char name[4])
{
	uint8_t op = OP_NAME;

	aml_bytes(a, &op, 1);
	aml_bytes(a, name, 4);
}

void aml_byte(struct aml *a, uint8_t value)
{
	aml_bytes(a, (uint8_t[]){ OP_BYTE, value }, 2);
}

void aml_eisa_id(struct aml *a, const char *id)
{
	unsigned long number = strtoul(id + 3, NULL, 16);
	unsigned letters = (id[0] & 0x1fu) << 10 | (id[1] & 0x1fu) << 5 | (id[2] & 0x1fu);

	aml_bytes(a, (uint8_t[]){ OP_DWORD, (uint8_t)(letters >> 8), (uint8_t)letters, (uint8_t)(number >> 8),
				  (uint8_t)number }, 5);
}

void aml_resources(struct aml *a, const void *bytes, size_t n)
{
	size_t began = aml_begin(a, "\x11");

	aml_byte(a, (uint8_t)(n + 2));
	aml_bytes(a, bytes, n);
	aml_bytes(a, "\x79\0", 2); /* end tag without a checksum */
	aml_end(a, began);
}
