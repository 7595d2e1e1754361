/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Differential VM entry: base states, the memory that they point to, and mutations of them. */
#ifndef L1_ENTRYDIFF_H
#define L1_ENTRYDIFF_H

#include "l2.h"

enum { MAX_FIELDS = 192, MAX_MUTATIONS = 8 };

/*
 * Everything that a VMCS may point to. L2's paging structures and EPT map its code page alone, so whatever runs there
 * can change nothing of L1.
 */
struct world {
	u8 *vmcs, *code;
	u64 *pml4, *pae_pdpt, *bad_pdpt, *ept;
	u8 *zero, *bitmap, *vapic, *vapic_high, *apic_access;
	u8 *link_plain, *link_shadow, *link_wrong;
	u64 *msr_fine, *msr_bad;
};

/* Those that an entry's checks may read, in the order in which they are printed. */
#define WORLD_PAGES(X) X(pml4) X(pae_pdpt) X(bad_pdpt) X(ept) X(zero) X(vapic) X(vapic_high) X(apic_access) \
	X(link_plain) X(link_shadow) X(link_wrong) X(msr_fine) X(msr_bad)

/* Entries of msr_bad, 16 bytes each. */
enum { BAD_MSRS = 13 };

/* slot[] finds a field: its index in field[] and value[] plus one; base_add() is what fills the three. */
struct base { const char *name; u32 count; u16 field[MAX_FIELDS]; u64 value[MAX_FIELDS]; u16 slot[1024]; };

static inline unsigned field_slot(u16 field)
{
	return (field >> 13 & 3u) << 8 | (field >> 10 & 3u) << 6 | (field >> 1 & 0x3fu);
}

static inline bool base_has(const struct base *b, u16 field) { return b->slot[field_slot(field)]; }
static inline u64 base_value(const struct base *b, u16 field)
{
	return base_has(b, field) ? b->value[b->slot[field_slot(field)] - 1] : 0;
}

static inline void base_add(struct base *b, u16 field, u64 value)
{
	b->field[b->count] = field;
	b->value[b->count++] = value;
	b->slot[field_slot(field)] = (u16)b->count;
}

/* Controls whose checks the judge does not know, for it never offers them: they are never turned on. */
u64 controls_beyond(u16 field);

void world_build(struct world *w);
/* Undoes what a run of L2 did to paging structures that a later entry reads (accessed bits). */
void world_refresh(struct world *w);
void world_print(const struct world *w);

enum { BASES = 10 };
/* Makes the world's VMCS current and writes base state n; false when the processor lacks what it needs. */
bool base_load(const struct world *w, unsigned n, struct base *b);

struct mutation { u16 field; u64 value; };
struct mutant { u32 count; struct mutation m[MAX_MUTATIONS]; };

u64 random64(u64 *seed);
/* One to four fields changed, plus what makes leaving L2 certain: of these arguments and `caps` alone, for the judge makes them again. */
void mutate(const struct world *w, const struct base *b, u64 *seed, struct mutant *out);
/* Of all mutants until now and this one. */
u64 mutant_digest(u64 digest, const struct mutant *m);

#endif
