/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM exits of L1.
 */
#include "metal.h"

#define CPUID_1_ECX_VMX (1u << 5)
#define CPUID_1_ECX_OSXSAVE (1u << 27)
#define CPUID_1_EDX_APIC (1u << 9)
#define CPUID_7_ECX_OSPKE (1u << 4)
#define EPT_QUALIFICATION_WRITE 2

/* Goes on behind the instruction that caused the exit: its blocking ends, its single-step trap stays due (26.6.3). */
void skip_instruction(void)
{
	uint64_t blocking = vmread(GUEST_INTERRUPTIBILITY);

	vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(EXIT_INSTRUCTION_LENGTH));
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmwrite(GUEST_INTERRUPTIBILITY, blocking & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	if (vmread(GUEST_RFLAGS) & RFLAGS_TF)
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

void inject_exception(uint8_t vector, bool has_error_code)
{
	vmwrite(VM_ENTRY_INTERRUPTION_INFO,
		EVENT_VALID | EVENT_HARDWARE_EXCEPTION | (has_error_code ? EVENT_ERROR_CODE : 0) | vector);
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
}

/* The bits that mirror a processor's state mirror L1's, not metal's. */
static void exit_cpuid(struct cpu *cpu)
{
	uint32_t leaf = (uint32_t)cpu->regs[RAX], subleaf = (uint32_t)cpu->regs[RCX];
	struct cpuid_regs r = cpuid(leaf, subleaf);

	if (leaf == 1) {
		r.ecx &= ~(CPUID_1_ECX_OSXSAVE | CPUID_1_ECX_VMX);
		if (vmread(GUEST_CR4) & CR4_OSXSAVE)
			r.ecx |= CPUID_1_ECX_OSXSAVE;
		if (!(cpu->apic_base & APIC_BASE_EN))
			r.edx &= ~CPUID_1_EDX_APIC;
	} else if (leaf == 7 && subleaf == 0) {
		r.ecx &= ~CPUID_7_ECX_OSPKE;
		if (vmread(GUEST_CR4) & CR4_PKE)
			r.ecx |= CPUID_7_ECX_OSPKE;
	}
	cpu->regs[RAX] = r.eax;
	cpu->regs[RBX] = r.ebx;
	cpu->regs[RCX] = r.ecx;
	cpu->regs[RDX] = r.edx;
	skip_instruction();
}

/* L1 is over when all its processors have halted with interrupts off. */
static void exit_hlt(struct cpu *cpu)
{
	uint32_t i;

	skip_instruction();
	vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
	if (vmread(GUEST_RFLAGS) & RFLAGS_IF)
		return;
	cpu->halted = 1;
	for (i = 0; i < machine.cpus; i++)
		if (machine.cpu[i]->started && !machine.cpu[i]->halted)
			return;
	log_line("halted");
	stats_print();
	power_off();
}

static void exit_init(struct cpu *cpu)
{
	if (cpu->index == 0)
		stop_cpu(cpu, "INIT on the boot processor");
	cpu->started = 0;
	vmcs_wait_for_sipi();
}

/* In real mode the only VMCALL is that of lowmem.S. */
static void exit_vmcall(struct cpu *cpu)
{
	if (!(vmread(GUEST_CR0) & CR0_PE))
		stop("drive %lx %s", (uint64_t)machine.boot_drive,
		     cpu->regs[RBX] == 1 ? "cannot be read" : "is not bootable");
	inject_exception(VECTOR_UD, false);
}

/* The event in whose delivery L1's access failed is delivered again. */
static void deliver_again(void)
{
	uint64_t vectoring = vmread(IDT_VECTORING_INFO);

	if (!(vectoring & EVENT_VALID))
		return;
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, vectoring & ~0x1000ull);
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmread(IDT_VECTORING_ERROR_CODE));
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, vmread(EXIT_INSTRUCTION_LENGTH));
}

/* Two writes are no use of L1's memory: to metal's own, and to the local APIC while metal watches it. */
static void exit_ept_violation(struct cpu *cpu)
{
	uint64_t address = vmread(GUEST_PHYSICAL_ADDRESS);

	if (!(vmread(EXIT_QUALIFICATION) & EPT_QUALIFICATION_WRITE) ||
	    (!apic_write(cpu, address) && !ept_own_memory_write(cpu, address)))
		stop_cpu(cpu, "physical address out of reach");
	deliver_again();
}

static void exit_other(struct cpu *cpu, uint32_t reason)
{
	switch (reason) {
	case EXIT_TRIPLE_FAULT:
		stop_cpu(cpu, "triple fault");
	case EXIT_INIT:
		exit_init(cpu);
		return;
	case EXIT_SIPI:
		vmcs_start_ap(cpu, (uint32_t)vmread(EXIT_QUALIFICATION) & 0xff);
		return;
	case EXIT_INVD:
		__asm__ volatile("wbinvd");	/* INVD would lose metal's own data */
		skip_instruction();
		return;
	case EXIT_PREEMPTION_TIMER:		/* exit_give_nmi: the event before the NMI is delivered */
		vmwrite(PIN_BASED_CONTROLS, vmread(PIN_BASED_CONTROLS) & ~(uint64_t)PIN_PREEMPTION_TIMER);
		return;
	case EXIT_EXCEPTION_OR_NMI:
		step_end(cpu);
		return;
	case EXIT_GETSEC:
		inject_exception(VECTOR_GP, true);
		return;
	case EXIT_VMCALL:
		exit_vmcall(cpu);
		return;
	case EXIT_VMCALL + 1 ... EXIT_VMXON:
	case EXIT_INVEPT:
	case EXIT_INVVPID:
		inject_exception(VECTOR_UD, false);
		return;
	default:
		stop_cpu(cpu, reason & EXIT_ENTRY_FAILURE ? "VM entry failed" : "unexpected VM exit");
	}
}

/* From entry.S; returning resumes L1. */
void exit_handle(struct cpu *cpu)
{
	uint32_t reason = (uint32_t)vmread(EXIT_REASON);

	cpu->launched = 1;
	cpu->halted = 0;
	if (reason < EXIT_REASONS)
		cpu->exits[reason]++;
	switch (reason) {
	case EXIT_CPUID:
		exit_cpuid(cpu);
		return;
	case EXIT_HLT:
		exit_hlt(cpu);
		return;
	case EXIT_CR_ACCESS:
		exit_cr_access(cpu);
		return;
	case EXIT_IO:
		exit_io(cpu);
		return;
	case EXIT_RDMSR:
		exit_rdmsr(cpu);
		return;
	case EXIT_WRMSR:
		exit_wrmsr(cpu);
		return;
	case EXIT_XSETBV:
		exit_xsetbv(cpu);
		return;
	case EXIT_EPT_VIOLATION:
		exit_ept_violation(cpu);
		return;
	default:
		exit_other(cpu, reason);
	}
}

/* From entry.S: VMLAUNCH or VMRESUME did not enter. */
void exit_entry_failed(struct cpu *cpu)
{
	stop("VM entry failed on cpu %lu: VM-instruction error %lu", (uint64_t)cpu->index,
	     vmread(VM_INSTRUCTION_ERROR));
}

/* From entry.S: an NMI came while metal ran. It takes its turn behind an event that is on its way to L1. */
void exit_give_nmi(struct cpu *cpu)
{
	if (vmread(VM_ENTRY_INTERRUPTION_INFO) & EVENT_VALID) {
		vmwrite(PREEMPTION_TIMER_VALUE, 0);
		vmwrite(PIN_BASED_CONTROLS, vmread(PIN_BASED_CONTROLS) | PIN_PREEMPTION_TIMER);
		return;
	}
	cpu->nmi_pending = 0;
	vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
}
