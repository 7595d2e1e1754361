/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nested VMX did: each processor keeps its last records (trace=N on the command line), and they go to the log when the machine
 * goes off.  tools/nvmx-trace makes pictures of them.
 */
#include "metal.h"

void trace_create(struct cpu *cpu)
{
	if (machine.trace_records)
		cpu->trace = pages_alloc(machine.trace_records * sizeof(*cpu->trace));
}

void trace_record(struct cpu *cpu, uint32_t what, uint64_t a, uint64_t b, uint64_t c)
{
	struct trace_record *r = &cpu->trace[cpu->traced++ % machine.trace_records];

	*r = (struct trace_record){ rdtsc(), { a, b, c }, what };
}

/* From the oldest one that is left. */
static void print_ring(const struct cpu *cpu)
{
	uint64_t n = cpu->traced > machine.trace_records ? cpu->traced - machine.trace_records : 0;
	char line[NVMX_RECORD_MAX];

	for (; n < cpu->traced; n++) {
		const struct trace_record *r = &cpu->trace[n % machine.trace_records];

		nvmx_describe_record(line, sizeof(line), cpu->index, r->time, r->what, r->value[0], r->value[1], r->value[2]);
		log_line("%s", line);
	}
}

/* The other processors may still run; what they add meanwhile is lost, or in the place of their oldest records. */
void trace_print(void)
{
	uint32_t i;

	for (i = 0; i < machine.cpus; i++)
		if (machine.cpu[i]->trace)
			print_ring(machine.cpu[i]);
}
