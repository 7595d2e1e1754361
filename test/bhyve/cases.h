/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a program of cases has: scripts of an L1 and its L2 for each vCPU, and the run of both in bhyve and on the processor itself. */
#ifndef BHYVE_CASES_H
#define BHYVE_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "machine.h"

static struct script l1, l2;
static struct fake_code code[2];
static struct fake_trace bare;

static inline void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
}

#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)
#define PIN_MUST 0x16u

static uint64_t launched_at; /* instructions up to VMLAUNCH: an event of that time comes as L2 begins */

/* VMLAUNCH of L2 with some fields changed, and a look. */
static inline void launch_with(const struct script_value *v, size_t n)
{
	begin();
	for (size_t i = 0; i < n; i++)
		script_vmwrite(&l1, v[i].field, v[i].value);
	script_run(&l1, FAKE_VMLAUNCH);
	launched_at = l1.code.n;
	script_look(&l1, true);
}
#define LAUNCH(...)                                                          \
	do {                                                                 \
		static const struct script_value values[] = { __VA_ARGS__ }; \
		launch_with(values, sizeof(values) / sizeof(*values));       \
	} while (0)

/* What the n-th VMREAD of a field gave; how often an event was delivered. */
static inline uint64_t seen(uint32_t field, unsigned n)
{
	const struct fake_trace *t = &nested.trace[0];

	for (size_t i = 0; i < t->n; i++)
		if (t->record[i].seen == FAKE_SEEN_VMREAD && t->record[i].info == field && !n--)
			return t->record[i].error;
	fail_msg("field %#x was not read so often", field);
	return 0;
}

static inline unsigned delivered(uint32_t info)
{
	const struct fake_trace *t = &nested.trace[0];
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->record[i].seen == FAKE_SEEN_EVENT && t->record[i].info == info;
	return n;
}

/* L1 enters L2, looks what the exit was, and steps over the instruction. */
static inline void enter_and_look(enum fake_op op)
{
	script_run(&l1, op);
	script_look(&l1, true);
	script_advance(&l1);
}

static inline void enter_times(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		enter_and_look(i ? FAKE_VMRESUME : FAKE_VMLAUNCH);
}

static inline struct machine machine(void)
{
	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct machine){ .vcpu = { { .code = code, .codes = 2 } } };
}

/* What a processor with L1's capabilities shows these guests. */
static inline void run_bare(const struct machine *m, const struct nvmx_caps *caps)
{
	static struct fake_cpu c;
	struct fake_mem mem;

	fake_setup(&c, &mem, 0, caps, m->vcpu[0].code, m->vcpu[0].codes, &bare);
	if (m->prepare)
		m->prepare(mem.ram);
	if (m->vcpu[0].cr3)
		c.a.cr3 = m->vcpu[0].cr3;
	c.outsides = m->vcpu[0].outsides;
	if (c.outsides)
		memcpy(c.outside, m->vcpu[0].outside, c.outsides * sizeof(*c.outside));
	fake_run(&c);
	fake_mem_free(&mem);
}

/* The run that was is the one on the processor, as far as its guests can see. */
static inline void compare(const struct machine *m, const struct nvmx_caps *caps, enum fake_stop stop)
{
	long at;

	run_bare(m, caps);
	at = fake_trace_differs(&bare, &nested.trace[0]);
	if (at >= 0) {
		fake_trace_print(&bare, "bare", (size_t)(at > 6 ? at - 6 : 0), (size_t)at + 3);
		fake_trace_print(&nested.trace[0], "nested", (size_t)(at > 6 ? at - 6 : 0), (size_t)at + 3);
		print_error("the kernel says: %s\n", nested.said);
	}
	assert_int_equal(at, -1);
	assert_int_equal(nested.stop[0], stop);
}

static inline void same(const struct machine *m, enum fake_stop stop)
{
	struct nvmx_caps caps;

	machine_begin(m);
	machine_run();
	assert_non_null(machine_caps());
	caps = *machine_caps();
	machine_end();
	compare(m, &caps, stop);
}

#endif
