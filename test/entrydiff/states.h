/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The states that test/l1/entrydiff tried, made again by its own code from what its transcript says. */
#ifndef NVMX_TEST_STATES_H
#define NVMX_TEST_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct states_machine {
	unsigned phys_bits, linear_bits;
	uint64_t pin, proc, proc2, exit, entry; /* capability MSRs of the controls */
	uint64_t vmcs;
	const uint64_t *pages;
	size_t npages;
};

struct state_change {
	uint32_t field;
	uint64_t value; /* as VMREAD returns it */
};

enum { STATE_CHANGES = 8 };

/* The fields of a base state, one by one, after states_base(). */
void states_base(void);
bool states_base_field(uint32_t field, uint64_t value);
/* After the base: where the states begin.  False: those are not the pages that L1 prints. */
bool states_begin(const struct states_machine *m, uint64_t seed);
/* The next one's changes, and how many. */
unsigned states_next(struct state_change changes[STATE_CHANGES]);
/* Of all since states_begin(): what L1 says that it has written. */
uint64_t states_digest(void);

#endif
