/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts the other processors, one after the other, by INIT and SIPI (SDM vol. 3, 8.4).
 */
#include "metal.h"

#define APIC_ID 0x20
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define ICR_INIT 0x4500
#define ICR_SIPI 0x4600
#define ICR_PENDING 0x1000

extern char ap_start[], ap_start_end[], ap_page_table[], ap_stack[];

/* About a microsecond each: a write to the port of the power-on codes. */
static void delay(uint32_t microseconds)
{
	while (microseconds--)
		outb(0x80, 0);
}

static volatile uint32_t *apic_register(uint32_t offset)
{
	return phys((rdmsr(MSR_IA32_APIC_BASE) & (MAP_TOP - PAGE)) + offset);
}

static bool x2apic(void)
{
	return rdmsr(MSR_IA32_APIC_BASE) & APIC_BASE_EXTD;
}

static uint32_t apic_id(void)
{
	return x2apic() ? (uint32_t)rdmsr(MSR_IA32_X2APIC_APICID) : *apic_register(APIC_ID) >> 24;
}

static void send(uint32_t to, uint32_t command)
{
	if (x2apic()) {
		wrmsr(MSR_IA32_X2APIC_ICR, (uint64_t)to << 32 | command);
		return;
	}
	*apic_register(APIC_ICR_HIGH) = to << 24;
	*apic_register(APIC_ICR_LOW) = command;
	while (*apic_register(APIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
}

static void *ap_value(const char *symbol)
{
	return phys(AP_START_PAGE + (uint64_t)(symbol - ap_start));
}

static void start_one(struct cpu *cpu)
{
	uint64_t stack = (uint64_t)cpu->regs;
	uint32_t microseconds;

	memcpy(ap_value(ap_page_table), &machine.page_table, sizeof(uint64_t));
	memcpy(ap_value(ap_stack), &stack, sizeof(stack));
	send(cpu->apic_id, ICR_INIT);
	delay(10000);
	send(cpu->apic_id, ICR_SIPI | AP_START_PAGE >> 12);
	delay(200);
	if (!cpu->ready)
		send(cpu->apic_id, ICR_SIPI | AP_START_PAGE >> 12);
	for (microseconds = 0; !cpu->ready && microseconds < 1000000; microseconds++)
		delay(1);
	if (!cpu->ready)
		stop("processor with APIC id %lu does not start", (uint64_t)cpu->apic_id);
}

void smp_start(void)
{
	uint32_t i;

	memcpy(phys(AP_START_PAGE), ap_start, (size_t)(ap_start_end - ap_start));
	for (i = 0; i < machine.apic_ids; i++)
		if (machine.apic_id[i] != apic_id())
			start_one(cpu_create(machine.apic_id[i]));
}

/* From ap.S: the processor goes to L1 at once, where it waits for L1's SIPI. */
void ap_main(struct cpu *cpu)
{
	cpu_load_descriptors(cpu);
	cpu_enable_vmx(cpu);
	vmcs_create(cpu);
	vmcs_wait_for_sipi();
	cpu->ready = 1;
	enter_l1(cpu);
}
