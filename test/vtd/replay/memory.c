/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's memory, made as it is touched, and the structures in it that a trace tells of entry by entry. */
#include "replay.h"
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 4096u

static struct slot {
	uint64_t gpa;
	uint64_t *page;
} slots[SLOTS];
static uint64_t next_table;

void memory_reset(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		free(slots[i].page);
		slots[i] = (struct slot){ 0 };
	}
	next_table = OWN_TABLES;
}

uint64_t *memory_page(uint64_t gpa)
{
	for (unsigned i = (unsigned)(gpa >> 12) % SLOTS, n = 0; n < SLOTS; n++, i = (i + 1) % SLOTS) {
		if (!slots[i].page)
			slots[i] = (struct slot){ .gpa = gpa, .page = calloc(512, 8) };
		if (slots[i].gpa == gpa)
			return slots[i].page;
	}
	fprintf(stderr, "vtd_replay: the trace touches too much memory\n");
	exit(2);
}

uint64_t *memory_word(uint64_t gpa)
{
	return &memory_page(gpa & ~0xfffull)[(gpa & 0xfff) / 8];
}

static uint64_t new_table(void)
{
	next_table += 0x1000;
	return next_table;
}

/* The trace does not say where context tables are: each bus gets one of its own. */
uint64_t *memory_context(uint64_t root, uint16_t sid)
{
	uint64_t *entry = memory_word(root + (sid >> 8) * 16u);

	if (!(*entry & 1))
		*entry = new_table() | 1;
	return memory_word((*entry & ~0xfffull) + (sid & 0xff) * 16u);
}

/* Nor where the tables between a domain's top table and a leaf are. */
uint64_t *memory_leaf(const uint64_t context[2], uint64_t iova, unsigned level)
{
	uint64_t table = context[0] & ~0xfffull;

	for (unsigned at = (context[1] & 7) + 2;; at--) {
		uint64_t *entry = memory_word(table + (iova >> (12 + 9 * (at - 1)) & 0x1ff) * 8);

		if (at == level)
			return entry;
		if (!(*entry & 3) || *entry & 0x80)
			*entry = new_table() | 3;
		table = *entry & ~0xfffull;
	}
}
