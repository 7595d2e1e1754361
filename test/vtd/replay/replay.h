/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A script of tools/vtd-record on the library's unit.  A line is a letter and hexadecimal numbers:
 *	r offset size value        the driver read a register
 *	w offset size value        and wrote one
 *	d slot low high            a descriptor that it put into the ring before that
 *	s address data             the unit's status write of a wait descriptor
 *	i address data             an interrupt of the unit itself
 *	c sid low high             a context-entry that the unit fetched
 *	l sid iova entry mask      a leaf that it fetched, and the size of its page
 *	t sid iova gpa mask        the translation of a request
 *	f sid iova reason write    a request that was refused
 *	e index low high           an interrupt-remapping entry
 *	m sid address data address data   an interrupt request, and what it became
 */
#ifndef VTD_REPLAY_H
#define VTD_REPLAY_H

#include <nestvmx/vtd.h>
#include <stdbool.h>
#include <stdint.h>

#define LINES 20000u
#define WORDS 5u

struct line {
	char kind;
	unsigned number;   /* in the file */
	uint64_t word[WORDS];
};

struct trace {
	struct line line[LINES];
	unsigned lines;
	uint64_t cap, ecap; /* as the driver read them */
};

/* 0, or -1 if the file is no such script. */
int trace_load(struct trace *t, const char *path);

/* Where tables are that the trace does not locate: above its memory, below the unit's physical-address width. */
#define OWN_TABLES 0xf000000000ull
#define PHYSICAL_WIDTH 40

void memory_reset(void);
uint64_t *memory_page(uint64_t gpa);
uint64_t *memory_word(uint64_t gpa);
uint64_t *memory_context(uint64_t root, uint16_t sid);
uint64_t *memory_leaf(const uint64_t context[2], uint64_t iova, unsigned level);

/* Differences that the specification allows (explained.c). */
struct explained {
	uint32_t offset;
	uint64_t mask;
	const char *section, *why;
	unsigned seen;
};
extern struct explained explained[];
extern const unsigned explained_count;
/* True if all bits of `difference`, of a read at `offset`, are explained; they are counted. */
bool explain(uint32_t offset, uint64_t difference);

#endif
