/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interprocessor interrupts. The local APIC is L1's; metal only watches L1's writes to it until L1 has started the last
 * processor. Until then the processors wait in metal itself, and L1's INIT and SIPI are carried out in software: in
 * Bochs 2.7 an INIT that meets the VMX wait-for-SIPI state stays pending for ever, and VM entry to that state leaves
 * SMIs masked for good.
 */
#include "metal.h"

#define APIC_ID 0x20
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define ICR_PENDING 0x1000u
#define ICR_VECTOR 0xffu
#define ICR_MODE 0x700u
#define ICR_MODE_INIT 0x500u
#define ICR_MODE_SIPI 0x600u
#define ICR_LOGICAL 0x800u
#define ICR_SHORTHAND 0xc0000u
#define ICR_OTHERS 0xc0000u
#define ICR_NMI 0x4400u
#define ICR_INIT 0x4500u
#define SIPI_CAME 0x100u

static volatile uint32_t *apic_register(const struct cpu *self, uint32_t offset)
{
	return phys((self->apic_base & (MAP_TOP - PAGE)) + offset);
}

bool apic_is_x2(const struct cpu *self)
{
	return self->apic_base & APIC_BASE_EXTD;
}

uint32_t apic_id(const struct cpu *self)
{
	return apic_is_x2(self) ? (uint32_t)rdmsr(MSR_IA32_X2APIC_APICID) : *apic_register(self, APIC_ID) >> 24;
}

/* From this processor. */
void apic_send(const struct cpu *self, uint32_t to, uint32_t command)
{
	if (apic_is_x2(self)) {
		wrmsr(MSR_IA32_X2APIC_ICR, (uint64_t)to << 32 | command);
		return;
	}
	*apic_register(self, APIC_ICR_HIGH) = to << 24;
	*apic_register(self, APIC_ICR_LOW) = command;
	while (*apic_register(self, APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
}

/* While L1 runs: it may have written half of a command of its own. */
void apic_send_init(const struct cpu *self, uint32_t to)
{
	uint32_t high;

	if (apic_is_x2(self)) {
		apic_send(self, to, ICR_INIT);
		return;
	}
	while (*apic_register(self, APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	high = *apic_register(self, APIC_ICR_HIGH);
	apic_send(self, to, ICR_INIT);
	*apic_register(self, APIC_ICR_HIGH) = high;
}

/* A processor was started: the last? Each processor's EPT follows at its next write (apic_write). */
void apic_watch_update(void)
{
	uint32_t i;

	for (i = 0; i < machine.cpus; i++)
		if (!machine.cpu[i]->started)
			return;
	machine.watch_apic = 0;
	msr_pass_through(MSR_IA32_X2APIC_ICR);
}

/* INIT changes nothing for a processor that waits for SIPI. */
static void start(const struct cpu *self, struct cpu *target, uint32_t command)
{
	if (target->started) {
		apic_send(self, target->apic_id, command & ~ICR_SHORTHAND);
	} else if ((command & ICR_MODE) == ICR_MODE_SIPI) {
		target->started = 1;
		target->sipi = SIPI_CAME | (command & ICR_VECTOR);
		apic_send(self, target->apic_id, ICR_NMI);
		apic_watch_update();
	}
}

/* A processor waits in metal for L1's SIPI: returns its vector. */
uint32_t apic_wait_for_sipi(struct cpu *cpu)
{
	wait_for_nmi(&cpu->sipi);
	return cpu->sipi & ICR_VECTOR;
}

/* L1's command on this processor. INIT and SIPI for all others go out one by one. */
void apic_command(struct cpu *self, uint32_t to, uint32_t command)
{
	uint32_t i, mode = command & ICR_MODE, shorthand = command & ICR_SHORTHAND;

	if ((mode != ICR_MODE_INIT && mode != ICR_MODE_SIPI) || (command & ICR_LOGICAL) ||
	    (shorthand && shorthand != ICR_OTHERS)) {
		apic_send(self, to, command);
		return;
	}
	for (i = 0; i < machine.cpus; i++)
		if (shorthand ? machine.cpu[i] != self : machine.cpu[i]->apic_id == to)
			start(self, machine.cpu[i], command);
}

/* L1's view of its local APIC: read only while metal watches. */
void apic_watch(struct cpu *cpu)
{
	ept_set_page(cpu, cpu->apic_entry, cpu->apic_page, !machine.watch_apic);
}

/*
 * L1 writes to its local APIC. While metal watches, the one instruction may: into the APIC or, where it is a command,
 * into a copy of the page, and apic_write_done carries the command out, if the instruction has given one.
 */
bool apic_write(struct cpu *cpu, uint64_t address)
{
	uint64_t offset = address % PAGE & ~15ull;
	uint32_t *copy = phys(cpu->apic_copy);

	if ((address & -PAGE) != cpu->apic_page)
		return false;
	if (!machine.watch_apic) {
		apic_watch(cpu);
		return true;
	}
	cpu->apic_offset = offset;
	copy[APIC_ICR_LOW / 4] = *apic_register(cpu, APIC_ICR_LOW);
	copy[APIC_ICR_HIGH / 4] = *apic_register(cpu, APIC_ICR_HIGH);
	if (offset == APIC_ICR_LOW || offset == APIC_ICR_HIGH)
		ept_set_page(cpu, cpu->apic_entry, cpu->apic_copy, true);
	else
		ept_set_page(cpu, cpu->apic_entry, cpu->apic_page, true);
	step_begin(cpu);
	return true;
}

void apic_write_done(struct cpu *cpu, bool written)
{
	const uint32_t *copy = phys(cpu->apic_copy);

	if (written && cpu->apic_offset == APIC_ICR_HIGH)
		*apic_register(cpu, APIC_ICR_HIGH) = copy[APIC_ICR_HIGH / 4];
	else if (written && cpu->apic_offset == APIC_ICR_LOW)
		apic_command(cpu, copy[APIC_ICR_HIGH / 4] >> 24, copy[APIC_ICR_LOW / 4]);
	cpu->apic_offset = 0;
	apic_watch(cpu);
}
