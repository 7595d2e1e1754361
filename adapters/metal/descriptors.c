/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A processor as metal uses it: its memory, GDT, TSS, the common IDT, and VMX operation.
 */
#include "metal.h"

#define GDT_CODE64 0x00209b0000000000ull
#define GDT_DATA 0x00cf93000000ffffull
#define TSS_IST1 36
#define GATE_INTERRUPT 0x8e00ull

struct __attribute__((packed)) table_register {
	uint16_t limit;
	const void *base;
};

_Static_assert(offsetof(struct cpu, regs) == CPU_REGS, "layout.h");
_Static_assert(offsetof(struct cpu, self) == CPU_SELF, "layout.h");
_Static_assert(offsetof(struct cpu, launched) == CPU_LAUNCHED, "layout.h");
_Static_assert(offsetof(struct cpu, nmi_pending) == CPU_NMI_PENDING, "layout.h");

extern char isr_table[];
static uint64_t idt[32][2];

/* The entries of isr.S are 16 bytes apart; all use the first fault stack, NMIs the second. */
static void idt_create(void)
{
	uint64_t i, entry, ist;

	for (i = 0; i < 32; i++) {
		ist = i == VECTOR_NMI ? 2 : 1;
		entry = (uint64_t)isr_table + 16 * i;
		idt[i][0] = (entry & 0xffff) | SELECTOR_CODE << 16 | (GATE_INTERRUPT | ist) << 32 |
			    (entry & 0xffff0000) << 32;
		idt[i][1] = entry >> 32;
	}
}

struct cpu *cpu_create(void)
{
	struct cpu *cpu = pages_alloc(sizeof(*cpu));
	uint64_t tss, stack[2];

	cpu->self = cpu;
	cpu->index = machine.cpus;
	cpu->vmxon_region = page_alloc();
	cpu->vmcs01 = page_alloc();
	cpu->apic_copy = page_alloc();

	tss = (uint64_t)cpu->tss;
	stack[0] = (uint64_t)(cpu->fault_stack + 1);
	stack[1] = (uint64_t)(cpu->fault_stack + 2);
	memcpy(cpu->tss + TSS_IST1, stack, sizeof(stack));
	cpu->gdt[SELECTOR_CODE / 8] = GDT_CODE64;
	cpu->gdt[SELECTOR_DATA / 8] = GDT_DATA;
	cpu->gdt[SELECTOR_TSS / 8] = (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
				     (tss >> 24 & 0xff) << 56;
	cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;

	machine.cpu[machine.cpus++] = cpu;
	machine.watch_apic = machine.cpus > 1;
	return cpu;
}

void cpu_load_descriptors(struct cpu *cpu)
{
	struct table_register gdtr = {sizeof(cpu->gdt) - 1, cpu->gdt};
	struct table_register idtr = {sizeof(idt) - 1, idt};

	idt_create();
	__asm__ volatile("lgdt %0" : : "m"(gdtr));
	__asm__ volatile("lidt %0" : : "m"(idtr));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(SELECTOR_DATA));
	__asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
	wrmsr(MSR_IA32_GS_BASE, (uint64_t)cpu);
}

static bool unlock_vmx(struct cpu *cpu)
{
	uint64_t control = rdmsr(MSR_IA32_FEATURE_CONTROL);

	cpu->feature_control = control;
	if (!(control & FEATURE_CONTROL_LOCK)) {
		control |= FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
		wrmsr(MSR_IA32_FEATURE_CONTROL, control);
	}
	return control & FEATURE_CONTROL_VMX;
}

void cpu_enable_vmx(struct cpu *cpu)
{
	uint32_t revision;

	if (!(cpuid(1, 0).ecx & 1u << 5))
		stop("this processor has no VMX");
	if (!unlock_vmx(cpu))
		stop("the BIOS has locked VMX off");
	revision = (uint32_t)rdmsr(MSR_IA32_VMX_BASIC) & 0x7fffffff;
	memcpy(phys(cpu->vmxon_region), &revision, sizeof(revision));
	memcpy(phys(cpu->vmcs01), &revision, sizeof(revision));
	cpu->apic_base = rdmsr(MSR_IA32_APIC_BASE);
	write_cr0(read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0));
	write_cr4(read_cr4() | CR4_VMXE | (cpuid(1, 0).ecx & 1u << 26 ? CR4_OSXSAVE : 0));
	if (!vmxon(cpu->vmxon_region) || !vmclear(cpu->vmcs01) || !vmptrld(cpu->vmcs01))
		stop("VMX cannot be started on processor %lu", (uint64_t)cpu->index);
}
