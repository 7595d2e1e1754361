/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../l1/entrydiff/entrydiff.h"
#include "states.h"

_Static_assert((int)STATE_CHANGES == (int)MAX_MUTATIONS, "one state has room for a mutant's changes");

struct vmx_caps caps;
static struct world world;
static struct base base;
static u64 seed, digest;

void states_base(void)
{
	base = (struct base){ 0 };
}

bool states_base_field(uint32_t field, uint64_t value)
{
	if (base.count == MAX_FIELDS || field > 0xffff)
		return false;
	base_add(&base, (u16)field, value);
	return true;
}

/* Where L1 had its pages: nothing here reads them. */
static void *at(u64 address) { return (void *)(uintptr_t)address; }

bool states_begin(const struct states_machine *m, uint64_t from)
{
	size_t n = 0;

#define COUNT(name) +1
	if (m->npages != 0 WORLD_PAGES(COUNT))
		return false;
#undef COUNT
#define PLACE(name) world.name = at(m->pages[n++]);
	WORLD_PAGES(PLACE)
#undef PLACE
	world.vmcs = at(m->vmcs);
	caps = (struct vmx_caps){ .pin = m->pin, .proc = m->proc, .proc2 = m->proc2, .exit = m->exit, .entry = m->entry,
				  .phys_bits = m->phys_bits, .linear_bits = m->linear_bits };
	seed = from;
	digest = 0;
	return true;
}

/* A field's width is in bits 14:13 of its encoding (SDM 24.11.2). */
static u64 as_read(u16 field, u64 value)
{
	static const u64 masks[] = { 0xffff, ~0ull, 0xffffffff, ~0ull };

	return value & masks[field >> 13 & 3];
}

unsigned states_next(struct state_change changes[STATE_CHANGES])
{
	struct mutant m;

	mutate(&world, &base, &seed, &m);
	for (u32 i = 0; i < m.count; i++) {
		m.m[i].value = as_read(m.m[i].field, m.m[i].value);
		changes[i] = (struct state_change){ m.m[i].field, m.m[i].value };
	}
	digest = mutant_digest(digest, &m);
	return m.count;
}

uint64_t states_digest(void)
{
	return digest;
}
