/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the other processors leave L2. An INIT causes a VM exit whatever the VMCS says, and is kept for the next VM entry while a
 * processor runs metal (SDM 25.2, 23.8). In a processor with DUE_KICK it is metal's own; an INIT of L1's that comes at the very same
 * moment is lost.
 */
#include "metal.h"

#define SPINS 4096	/* Bochs loses an INIT that meets VMX root operation: it is sent again */

/* It runs L1 or L2, or is about to: one that does not will come by nvmx_before_l2 or the library before it runs L2. */
static bool may_be_in_l2(const struct cpu *cpu)
{
	return cpu->started && !cpu->halted && !__atomic_load_n(&cpu->kicks, __ATOMIC_SEQ_CST);
}

static bool has_left(const struct cpu *cpu)
{
	return !(__atomic_load_n(&cpu->due, __ATOMIC_SEQ_CST) & DUE_KICK) || !may_be_in_l2(cpu);
}

static void wait_for(const struct cpu *self, const struct cpu *cpu)
{
	uint32_t spins = 0;

	while (!has_left(cpu)) {
		cpu_relax();
		if (++spins % SPINS == 0)
			apic_send_init(self, cpu->apic_id);
	}
}

/* Two processors may kick each other: who waits here is not in L2. */
void kick_others(struct cpu *self)
{
	struct cpu *cpu;
	uint32_t i;

	__atomic_store_n(&self->kicks, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < machine.cpus; i++) {
		cpu = machine.cpu[i];
		if (cpu != self && may_be_in_l2(cpu) && !(__atomic_fetch_or(&cpu->due, DUE_KICK, __ATOMIC_SEQ_CST) & DUE_KICK))
			apic_send_init(self, cpu->apic_id);
	}
	for (i = 0; i < machine.cpus; i++)
		if (machine.cpu[i] != self)
			wait_for(self, machine.cpu[i]);
	__atomic_store_n(&self->kicks, 0, __ATOMIC_SEQ_CST);
}

/* The processor has exited by an INIT. False: it is L1's. */
bool kick_came(struct cpu *cpu)
{
	if (!(__atomic_fetch_and(&cpu->due, (uint8_t)~DUE_KICK, __ATOMIC_SEQ_CST) & DUE_KICK))
		return false;
	if (cpu->in_l2) {
		nvmx_l2_ran(cpu->vcpu);
		nest_verdict(cpu, nvmx_before_l2(cpu->vcpu));
	} else {
		cpu->halted = vmread(GUEST_ACTIVITY_STATE) == ACTIVITY_HLT && !(vmread(GUEST_RFLAGS) & RFLAGS_IF);
	}
	return true;
}
