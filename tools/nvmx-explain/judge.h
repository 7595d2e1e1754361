/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the checks and the routing say of a VMCS of which some fields are not known. */
#ifndef NVMX_TOOL_JUDGE_H
#define NVMX_TOOL_JUDGE_H

#include "transcript.h"

enum verdict { HOLDS, FAILS, NOT_JUDGED };

/*
 * FAILS only if all that the row reads is known.  HOLDS also if the unknown does not matter: a row of a control that is off
 * holds whatever its other fields are.  That is tried out, with PROBES values of each unknown field: none, all, each bit
 * alone, each bit missing, and as many random ones.
 */
enum verdict judge_row(const struct transcript *t, const struct nvmx_check_row *row);

#define PROBES 330u
/* The value of an unknown field in a probe, cut to the field's width when it is set. */
uint64_t judge_probe(unsigned probe, unsigned field);
/* Sets the unknown ones among the fields (ended by 0xffff) for a probe; false: all are known. */
bool judge_unknown(const struct transcript *t, const uint16_t *fields, unsigned probe, struct nvmx_vmcs12 *v12);

#define MAX_CHANGES 8u
#define CHANGES_OF_A_FIELD 2u
/* One change of one field with which a failing row holds. */
struct change {
	uint16_t field; /* row of the field table */
	uint64_t from, to;
	unsigned failing; /* rows that fail after it */
};
/* Finds changes, the best first: those after which the fewest rows fail, then those of the field that the fewest rows read, then
 * those of the fewest bits. */
unsigned judge_changes(const struct transcript *t, const struct nvmx_check_row *row, struct change changes[MAX_CHANGES]);

#endif
