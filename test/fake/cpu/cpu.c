/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpu.h"

__attribute__((noreturn)) void fake_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
	abort();
}

void fake_outside_at(struct fake_cpu *c, uint64_t clock, enum fake_source source, uint8_t vector)
{
	size_t at = c->outsides;

	FAKE_ASSERT(c->outsides < FAKE_OUTSIDE_MAX && "there is room for an event");
	for (; at > c->outside_next && c->outside[at - 1].clock > clock; at--)
		c->outside[at] = c->outside[at - 1];
	c->outside[at] = (struct fake_outside){ .clock = clock, .source = (uint8_t)source, .vector = vector };
	c->outsides++;
}

void fake_cpu_move(struct fake_cpu *to, const struct fake_cpu *from)
{
	struct fake_cpu own = *to;

	FAKE_ASSERT(to->native && from->native && !to->guest && !from->guest && "both are hosts' processors, between two VM entries");
	*to = *from;
	to->caps = own.caps;
	to->dislike = own.dislike;
	to->dislikes = own.dislikes;
	to->mem = own.mem;
	to->vmxon = own.vmxon;
	to->vmcs = own.vmcs;
	to->feature_control = own.feature_control;
	memcpy(to->tlb, own.tlb, sizeof(to->tlb));
	to->flushes = own.flushes;
	to->switches = own.switches;
}

void fake_cpu_init(struct fake_cpu *c, const struct nvmx_caps *caps, struct fake_mem *mem, struct fake_trace *trace)
{
	memset(c, 0, sizeof(*c));
	trace->n = 0;
	trace->keep = NULL;
	trace->last_reason = trace->last_intr = trace->last_vect = 0;
	trace->last_qual = 0;
	c->caps = caps;
	c->mem = mem;
	c->trace = trace;
	c->vmxon = c->vmcs = FAKE_NONE;
	c->feature_control = caps->feature_control;
}
