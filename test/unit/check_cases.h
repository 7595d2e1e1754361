/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * For each check row, states in which it is the first that fails, and how to make them pass again.
 * Each case: row, base state, the changes that make it fail, the changes on top that mend it.
 */
#ifndef NVMX_TEST_CHECK_CASES_H
#define NVMX_TEST_CHECK_CASES_H

#include "check_states.h"

/* What a case changes beside fields: the input's facts, and capabilities. */
enum {
	LINK_REVISION = 0x10000, VTPR, MEMORY_PDPTE0, MEMORY_PDPTE1, MEMORY_PDPTE2, MEMORY_PDPTE3, L1_IA32E, IN_SMM,
	DEBUGCTL_VALID, LINEAR_WIDTH, CAPS = 0x20000 /* + MSR */
};
#define CAP(name) (CAPS + NVMX_MSR_VMX_##name)

struct change {
	uint32_t what;
	uint64_t value;
};

struct check_case {
	const char *row;
	enum base base;
	struct change breaks[7], mends[4]; /* ended by { 0, 0 }: VPID 0 changes nothing here */
};

#define F(NAME, value) { NVMX_##NAME, value }
#define X(what, value) { what, value }
#define CASE(row, base, breaks, ...) { row, base, { BREAKS breaks }, { __VA_ARGS__ } },
#define BREAKS(...) __VA_ARGS__

static inline void change(struct state *s, const struct change *c)
{
	if (c->what < 0x10000)
		nvmx_v12_set(&s->v12, (unsigned)nvmx_field_find(c->what), c->value);
	else if (c->what >= CAPS)
		set_msr(&s->caps, c->what - CAPS, c->value);
	else if (c->what == LINK_REVISION)
		s->in.link_revision = (uint32_t)c->value;
	else if (c->what == VTPR)
		s->in.vtpr = (uint8_t)c->value;
	else if (c->what == L1_IA32E)
		s->in.l1_ia32e = c->value;
	else if (c->what == IN_SMM)
		s->in.in_smm = c->value;
	else if (c->what == DEBUGCTL_VALID)
		s->caps.debugctl_valid = c->value;
	else if (c->what == LINEAR_WIDTH)
		s->caps.linear_width = (uint8_t)c->value;
	else
		s->in.pdpte[c->what - MEMORY_PDPTE0] = c->value;
}

static inline void change_all(struct state *s, const struct change *c, size_t max)
{
	for (size_t i = 0; i < max && (c[i].what || c[i].value); i++)
		change(s, &c[i]);
}

static inline void make_broken(struct state *s, const struct check_case *c)
{
	make_base(s, c->base);
	change_all(s, c->breaks, 7);
}

static inline void make_mended(struct state *s, const struct check_case *c)
{
	make_broken(s, c);
	change_all(s, c->mends, 4);
}

#define TOO_WIDE (1ull << 46)
#define NOT_CANONICAL 0x800000000000ull
#define CANONICAL 0xffff800000000000ull
#define SECONDARY 0x84006172u                      /* primary controls of the base states */
#define TPR_SHADOW F(PROC_CTLS, SECONDARY | NVMX_PROC_TPR_SHADOW)
#define PROC2(bits) F(PROC_CTLS2, NVMX_PROC2_##bits)
#define EXIT(bits) F(EXIT_CTLS, 0x36ffb | NVMX_EXIT_##bits)
#define ENTRY(bits) F(ENTRY_CTLS, 0x13fb | NVMX_ENTRY_##bits)
#define EVENT(info) F(ENTRY_INTR_INFO, 0x80000000u | (info))
#define REVISION (NVMX_VMCS12_REVISION + 0ull)

#endif
