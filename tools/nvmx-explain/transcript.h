/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Reads a VMCS and what its checks depend on from text, as test/l1's entrydiff prints it.  Numbers are hexadecimal but
 * those of `width`:
 *
 *   width P L                        physical- and linear-address bits
 *   cpuid LEAF SUBLEAF EAX EBX ECX EDX
 *   msr INDEX VALUE                  capability MSRs
 *   vmcs ADDRESS, vmxon ADDRESS      the current VMCS, the VMXON region
 *   page ADDRESS, mem ADDRESS VALUE  memory that fields point to
 *   base ENCODING VALUE              a field; `ENCODING VALUE` alone says the same
 *
 * Empty lines and lines that begin with '#' say nothing.  The other formats (formats.h) fill the same structure.
 */
#ifndef NVMX_TOOL_TRANSCRIPT_H
#define NVMX_TOOL_TRANSCRIPT_H

#include <stdio.h>
#include "../../src/vmcs/vmcs.h"

struct transcript_word {
	uint64_t address, value;
};

struct transcript {
	struct nvmx_vmcs12 v12;
	bool known[NVMX_ROWS];        /* fields that were given; the others of v12 are 0 */
	struct nvmx_caps caps;
	bool msr_given[NVMX_CAPS_MSRS];
	unsigned msrs_given, fields_given;
	uint64_t vmcs, vmxon;
	uint32_t link_revision; /* of the page behind the VMCS link pointer */
	bool link_given, width_given;
	struct transcript_word *words;
	uint64_t *pages;
	size_t nwords, npages;
	char error[160];
};

enum transcript_line { TRANSCRIPT_TAKEN, TRANSCRIPT_OTHER, TRANSCRIPT_BAD };

/* Capabilities of a processor that has all that the library implements, until msr lines say otherwise, each its own. */
void transcript_init(struct transcript *t);
/* Instead: those of a processor that has each control that the SDM defines, and 52-bit physical addresses: for a VMCS that a
 * processor runs, not one of an L1's. */
void transcript_any_processor(struct transcript *t);
void transcript_free(struct transcript *t);
/* Takes one line.  TRANSCRIPT_OTHER: its first word is none of the above; TRANSCRIPT_BAD: t->error says why. */
enum transcript_line transcript_take(struct transcript *t, const char *line);
/* Notes a field by its encoding; false: there is none. */
bool transcript_know(struct transcript *t, uint32_t encoding, uint64_t value);
/* After the last line: what follows from the whole of it. */
void transcript_end(struct transcript *t);
/* Sets a field by its encoding; false: there is none. */
bool transcript_set(struct nvmx_vmcs12 *v12, uint32_t encoding, uint64_t value);
/* Reads memory that the transcript describes; false: it does not. */
bool transcript_read(const struct transcript *t, uint64_t address, uint64_t *value);
/* The input of the checks for `v12`, with the facts that the transcript knows. */
struct nvmx_check_input transcript_input(const struct transcript *t, const struct nvmx_vmcs12 *v12);

#endif
