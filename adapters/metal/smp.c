/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts the other processors, one after the other, by INIT and SIPI (SDM vol. 3, 8.4).
 */
#include "metal.h"

#define ICR_INIT 0x4500
#define ICR_SIPI 0x4600

extern char ap_start[], ap_start_end[], ap_page_table[], ap_stack[];

/* About a microsecond each: a write to the port of the power-on codes. */
static void delay(uint32_t microseconds)
{
	while (microseconds--)
		outb(0x80, 0);
}

static void *ap_value(const char *symbol)
{
	return phys(AP_START_PAGE + (uint64_t)(symbol - ap_start));
}

static void start_one(const struct cpu *self, struct cpu *cpu)
{
	uint64_t stack = (uint64_t)cpu->regs;
	uint32_t microseconds;

	memcpy(ap_value(ap_page_table), &machine.page_table, sizeof(uint64_t));
	memcpy(ap_value(ap_stack), &stack, sizeof(stack));
	apic_send(self, cpu->apic_id, ICR_INIT);
	delay(10000);
	apic_send(self, cpu->apic_id, ICR_SIPI | AP_START_PAGE >> 12);
	delay(200);
	if (!cpu->ready)
		apic_send(self, cpu->apic_id, ICR_SIPI | AP_START_PAGE >> 12);
	for (microseconds = 0; !cpu->ready && microseconds < 1000000; microseconds++)
		delay(1);
	if (!cpu->ready)
		stop("processor with APIC id %lu does not start", (uint64_t)cpu->apic_id);
}

void smp_start(struct cpu *self)
{
	struct cpu *cpu;
	uint32_t i;

	self->apic_id = apic_id(self);
	memcpy(phys(AP_START_PAGE), ap_start, (size_t)(ap_start_end - ap_start));
	for (i = 0; i < machine.apic_ids; i++) {
		if (machine.apic_id[i] == self->apic_id)
			continue;
		cpu = cpu_create();
		cpu->apic_id = machine.apic_id[i];
		start_one(self, cpu);
	}
}

/* From ap.S */
void ap_main(struct cpu *cpu)
{
	cpu_load_descriptors(cpu);
	cpu_enable_vmx(cpu);
	ept_create_cpu(cpu);
	apic_watch(cpu);
	vmcs_create(cpu);
	nest_create_cpu(cpu);
	cpu->ready = 1;
	vmcs_start_ap(cpu, apic_wait_for_sipi(cpu));
	enter_l1(cpu);
}
