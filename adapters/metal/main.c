/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader to L1.
 */
#include "metal.h"

#define COM2 0x2f8

struct machine machine;

/* From boot.S, on the boot processor, with the image where GRUB put it. */
void main(uint32_t multiboot_info)
{
	struct cpu *cpu;

	log_init(COM2);
	memory_read_map(multiboot_info);
	acpi_read();
	memory_choose_own();
	paging_relocate();

	cpu = cpu_create();
	cpu_load_descriptors(cpu);
	cpu_enable_vmx(cpu);
	mtrr_read();
	dma_create();
	vtd_create();
	ept_create();
	bitmaps_create();
	nest_create(cpu);
	smp_start(cpu);

	memory_hide_own();
	ept_create_cpu(cpu);
	apic_watch(cpu);
	vmcs_create(cpu);
	nest_create_cpu(cpu);
	vmcs_start_bsp(cpu);
	apic_watch_update();
	log_line("%lu processors, own memory at %lx, L1 boots drive %lx", (uint64_t)machine.cpus, machine.own_base,
		 (uint64_t)machine.boot_drive);
	enter_l1(cpu);
}
