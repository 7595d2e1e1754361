/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two devices of L1 are not its own: metal's serial port is not there, and the power-off port is watched. So are those by which
 * devices come to write memory (dma.c).
 */
#include "metal.h"

#define SLEEP_ENABLE_BIT 13
#define SLEEP_TYPE	 0x1c00
#define SLEEP_ENABLE	 (1 << SLEEP_ENABLE_BIT)

struct access {
	uint32_t size;
	bool in, string;
	uint16_t port;
};

/* SDM vol. 3, table 27-5 */
static struct access decode(uint64_t qualification)
{
	return (struct access){
		.size = (qualification & 7) + 1,
		.in = qualification & 8,
		.string = qualification & 16,
		.port = (uint16_t)(qualification >> 16),
	};
}

static uint32_t pass_in(const struct access *a)
{
	return a->size == 1 ? inb(a->port) : a->size == 2 ? inw(a->port) : inl(a->port);
}

static void pass_out(const struct access *a, uint32_t value)
{
	if (a->size == 1)
		outb(a->port, (uint8_t)value);
	else if (a->size == 2)
		outw(a->port, (uint16_t)value);
	else
		outl(a->port, value);
}

static bool is_power_port(const struct access *a)
{
	return machine.power_port && a->port <= machine.power_port + 1u && a->port + a->size > machine.power_port;
}

/* The access may begin before or behind the port: find the register's bit in the value. */
static bool powers_off(const struct access *a, uint32_t value)
{
	return (uint64_t)value >> (SLEEP_ENABLE_BIT - 8 * (a->port - machine.power_port)) & 1;
}

/* A type that is not enabled: whoever measures asks for the counters so. */
static bool asks_for_counters(const struct access *a, uint32_t value)
{
	return a->port == machine.power_port && a->size == 2 && (value & (SLEEP_TYPE | SLEEP_ENABLE)) == SLEEP_TYPE;
}

static uint32_t gpr_mask(uint32_t size)
{
	return size == 4 ? ~0u : (1u << 8 * size) - 1;
}

static void read_port(struct cpu *cpu, const struct access *a)
{
	uint32_t mask = gpr_mask(a->size);
	uint32_t value = is_power_port(a) || dma_owns(a->port, a->size) ? pass_in(a) : ~0u;

	if (a->size == 4)
		cpu->regs[RAX] = value;
	else
		cpu->regs[RAX] = (cpu->regs[RAX] & ~(uint64_t)mask) | (value & mask);
}

static void write_port(struct cpu *cpu, const struct access *a)
{
	uint32_t value = (uint32_t)cpu->regs[RAX] & gpr_mask(a->size);

	if (dma_owns(a->port, a->size))
		dma_write(a->port, a->size, value);
	else if (!is_power_port(a))
		return;
	else if (powers_off(a, value)) {
		log_line("L1 powers off");
		report_print();
	} else if (asks_for_counters(a, value)) {
		counters_print();
	}
	pass_out(a, value);
}

void exit_io(struct cpu *cpu)
{
	struct access a = decode(vmread(EXIT_QUALIFICATION));

	if (a.string && dma_owns(a.port, a.size)) {
		dma_begins();		/* whatever it writes: it runs again without an exit */
		return;
	}
	if (a.string)
		stop_cpu(cpu, "string I/O on a port of metal");
	if (a.in)
		read_port(cpu, &a);
	else
		write_port(cpu, &a);
	skip_instruction(cpu);
}
