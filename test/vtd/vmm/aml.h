/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* As much of AML (ACPI 6.4, chapter 20) as two devices need. */
#ifndef VTD_VMM_AML_H
#define VTD_VMM_AML_H

#include <stddef.h>
#include <stdint.h>

struct aml {
	uint8_t *at;
	size_t n, size;
};

void aml_bytes(struct aml *a, const void *bytes, size_t n);
/* A package with a length of its own (20.2.4) begins with an opcode; aml_end() takes what aml_begin() gave. */
size_t aml_begin(struct aml *a, const char *opcode);
void aml_end(struct aml *a, size_t began);
size_t aml_device(struct aml *a, const char name[4]);
void aml_name(struct aml *a, const char name[4]);
void aml_byte(struct aml *a, uint8_t value);
/* EISA id: three letters and four hexadecimal digits, as "PNP0A03". */
void aml_eisa_id(struct aml *a, const char *id);
/* A resource template (6.4); the end tag is added. */
void aml_resources(struct aml *a, const void *bytes, size_t n);

#endif
