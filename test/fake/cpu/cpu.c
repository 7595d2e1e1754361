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
