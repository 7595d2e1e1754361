/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM exits of L1.
 */
#include "metal.h"

#define CPUID_1_ECX_OSXSAVE (1u << 27)
#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_1_EDX_APIC (1u << 9)
#define CPUID_7_ECX_OSPKE (1u << 4)
#define EPT_QUALIFICATION_WRITE 2
#define QUALIFICATION_UNBLOCKED_NMI 0x1000

static struct nvmx_regs *registers(struct cpu *cpu)
{
	return (struct nvmx_regs *)cpu->regs;
}

/* Goes on behind the instruction that caused the exit, L1's or L2's. */
void skip_instruction(struct cpu *cpu)
{
	nvmx_complete_instruction(cpu->vcpu, 0, 0, 0);
}

/*
 * L1's short way for the exits that it makes most often, and for instructions whose length metal has found: no MTF, which metal
 * uses for an NMI alone (nmi.c), and that comes with any exit. Blocking and RF end, and a single-step trap stays due (SDM 17.3.1.4,
 * 17.4.3).
 */
void skip_bytes(uint64_t length)
{
	uint64_t blocking = vmread(GUEST_INTERRUPTIBILITY), flags = vmread(GUEST_RFLAGS);

	vmwrite(GUEST_RIP, vmread(GUEST_RIP) + length);
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmwrite(GUEST_INTERRUPTIBILITY, blocking & ~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	if (!(flags & (RFLAGS_TF | NVMX_RFLAGS_RF)))
		return;
	vmwrite(GUEST_RFLAGS, flags & ~NVMX_RFLAGS_RF);
	if (flags & RFLAGS_TF && !(vmread(GUEST_IA32_DEBUGCTL) & NVMX_DEBUGCTL_BTF))
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

static void skip_cpuid(void)
{
	skip_bytes(vmread(EXIT_INSTRUCTION_LENGTH));
}

/* For L1, or for L2 if that is the one that runs and L1 does not want the exception. */
void inject_exception(struct cpu *cpu, uint8_t vector, bool has_error_code)
{
	nest_verdict(cpu, nvmx_inject_exception(cpu->vcpu, registers(cpu), vector, has_error_code, 0, 0));
}

/* Leaves 1 and 7, in L1's registers: the bits that mirror a processor's state mirror L1's, not metal's; what L1 could not have
 * in VMX operation it does not see. */
static __attribute__((noinline)) void correct_cpuid(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
	uint64_t *r = cpu->regs, cr4 = vmread(GUEST_CR4);

	if (leaf == 1) {
		r[RCX] &= ~(uint64_t)CPUID_1_ECX_OSXSAVE;
		if (cr4 & CR4_OSXSAVE)
			r[RCX] |= CPUID_1_ECX_OSXSAVE;
		if (machine.hyperv)
			r[RCX] |= CPUID_1_ECX_HYPERVISOR;
		if (!(cpu->apic_base & APIC_BASE_EN))
			r[RDX] &= ~(uint64_t)CPUID_1_EDX_APIC;
	} else if (subleaf == 0) {
		r[RCX] &= ~(uint64_t)CPUID_7_ECX_OSPKE;
		if (cr4 & CR4_PKE)
			r[RCX] |= CPUID_7_ECX_OSPKE;
	}
	nest_hide(cpu, leaf, subleaf);
}

static void execute_cpuid(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	cpu->regs[RAX] = r.eax;
	cpu->regs[RBX] = r.ebx;
	cpu->regs[RCX] = r.ecx;
	cpu->regs[RDX] = r.edx;
}

/* A leaf that the processor does not answer alone. */
static __attribute__((noinline)) void exit_cpuid_slowly(struct cpu *cpu, uint32_t leaf, uint32_t subleaf)
{
	if (leaf >> 28 != 4 || (!hyperv_cpuid(cpu, leaf) && !nest_cpuid(cpu)))
		execute_cpuid(cpu, leaf, subleaf);
	if (leaf == 1 || leaf == 7)
		correct_cpuid(cpu, leaf, subleaf);
	skip_cpuid();
}

/* The most frequent exit of L1 takes the short way. */
static __attribute__((noinline)) void exit_l1_cpuid(struct cpu *cpu)
{
	uint32_t leaf = (uint32_t)cpu->regs[RAX], subleaf = (uint32_t)cpu->regs[RCX];

	if (leaf >> 28 == 4 || leaf == 1 || leaf == 7) {
		exit_cpuid_slowly(cpu, leaf, subleaf);
		return;
	}
	execute_cpuid(cpu, leaf, subleaf);
	skip_cpuid();
}

/* L1 is over when all its processors have halted with interrupts off. */
static void exit_hlt(struct cpu *cpu)
{
	uint32_t i;

	nvmx_complete_instruction(cpu->vcpu, 0, NVMX_INSN_HLT, 0);
	if (cpu->in_l2 || vmread(GUEST_RFLAGS) & RFLAGS_IF)
		return;			/* an interrupt ends it */
	cpu->halted = 1;
	for (i = 0; i < machine.cpus; i++)
		if (machine.cpu[i]->started && !machine.cpu[i]->halted)
			return;
	log_line("halted");
	report_print();
	power_off();
}

static void exit_init(struct cpu *cpu)
{
	if (cpu->index == 0)
		stop_cpu(cpu, "INIT on the boot processor");
	cpu->started = 0;
	watch_arm();
	vmcs_wait_for_sipi();
}

/* In real mode a VMCALL is that of lowmem.S: there was nothing to boot. */
static void check_vmcall(struct cpu *cpu)
{
	if (!cpu->in_l2 && !(vmread(GUEST_CR0) & CR0_PE))
		stop("drive %lx %s", (uint64_t)machine.boot_drive,
		     cpu->regs[RBX] == 1 ? "cannot be read" : "is not bootable");
}

/* The event in whose delivery L1's access failed is delivered again. An IRET runs again as it began: with NMIs blocked, if they
 * were (27.2.3). */
static void deliver_again(void)
{
	uint64_t vectoring = vmread(IDT_VECTORING_INFO);

	if (!(vectoring & EVENT_VALID)) {
		if (vmread(EXIT_QUALIFICATION) & QUALIFICATION_UNBLOCKED_NMI)
			vmwrite(GUEST_INTERRUPTIBILITY, vmread(GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
		return;
	}
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, vectoring & ~0x1000ull);
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmread(IDT_VECTORING_ERROR_CODE));
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, vmread(EXIT_INSTRUCTION_LENGTH));
}

/* Two writes are no use of L1's memory: to metal's own, and to the local APIC while metal watches it. Nor is any use of
 * the VT-d unit's registers. A third is one that the library wants to know of; an L2 without EPT12 can make it, too, and what that
 * was being delivered the library delivers again. */
static void exit_ept_violation(struct cpu *cpu)
{
	uint64_t address = vmread(GUEST_PHYSICAL_ADDRESS);

	if (vmread(EXIT_QUALIFICATION) & EPT_QUALIFICATION_WRITE && watch_written(address)) {
		if (!cpu->in_l2)
			deliver_again();
		return;
	}
	if (!cpu->in_l2 && vtd_access(cpu, address))
		return;
	if (cpu->in_l2 || !(vmread(EXIT_QUALIFICATION) & EPT_QUALIFICATION_WRITE) ||
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
		skip_instruction(cpu);
		return;
	case EXIT_MONITOR_TRAP:
		exit_monitor_trap();
		return;
	case EXIT_EXCEPTION_OR_NMI:
		step_end(cpu);
		return;
	case EXIT_VMCALL:	/* without `hyperv` outside VMX operation alone */
		check_vmcall(cpu);
		if (!hyperv_call(cpu))
			inject_exception(cpu, VECTOR_UD, false);
		return;
	case EXIT_GETSEC:
		inject_exception(cpu, VECTOR_GP, true);
		return;
	default:
		stop_cpu(cpu, reason & EXIT_ENTRY_FAILURE ? "VM entry failed" : "unexpected VM exit");
	}
}

/* Exits that libnestvmx left to metal, of L1 or of L2. */
static __attribute__((noinline)) void exit_host(struct cpu *cpu, uint32_t reason)
{
	switch (reason) {
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
	case EXIT_RDMSR_IMMEDIATE:
		exit_rdmsr_immediate(cpu);
		return;
	case EXIT_WRMSRNS_IMMEDIATE:
		exit_wrmsrns_immediate(cpu);
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

/* What other processors have asked for. True: that is all that the exit was for. */
static __attribute__((noinline)) bool see_to_due(struct cpu *cpu, uint32_t reason)
{
	if (cpu->due & DUE_FLUSH)
		watch_flush(cpu);
	return reason == EXIT_INIT && kick_came(cpu);
}

static __attribute__((noinline)) void see_to_verdict(struct cpu *cpu, enum nvmx_verdict verdict)
{
	if (verdict == NVMX_RESUME_L2)
		nest_resume_l2(cpu);
	else if (nest_verdict(cpu, verdict))
		exit_host(cpu, (uint32_t)vmread(EXIT_REASON));
	if (cpu->trace)
		trace_record(cpu, NVMX_TRACE_RESUME, cpu->in_l2 ? 2 : 1, 0, 0);
}

static __attribute__((noinline)) void exit_with_due(struct cpu *cpu, uint32_t reason)
{
	if (!see_to_due(cpu, reason))
		see_to_verdict(cpu, nvmx_handle_exit_reason(cpu->vcpu, registers(cpu), reason));
}

/* The guest's registers are saved: what this kept in one over the library's call would be saved once more. */
static void exit_library(struct cpu *cpu, uint32_t reason)
{
	enum nvmx_verdict verdict;

	if (__builtin_expect(cpu->due, 0)) {
		exit_with_due(cpu, reason);
		return;
	}
	verdict = nvmx_handle_exit_reason(cpu->vcpu, registers(cpu), reason);
	cpu = this_cpu();
	if (verdict == NVMX_RESUME_L1 && !cpu->trace)
		nest_resume_l1(cpu);
	else
		see_to_verdict(cpu, verdict);
}

/* From entry.S; returning enters the current VMCS. */
void exit_handle(struct cpu *cpu)
{
	uint32_t reason = (uint32_t)vmread(EXIT_REASON);

	cpu->launched = 1;
	cpu->halted = 0;
	if (cpu->nmi_pending)
		cpu->nmi_pending = NMI_NOW;
	if (reason < EXIT_REASONS)
		cpu->exits[reason]++;
	if (reason == EXIT_CPUID && !cpu->in_l2)
		exit_l1_cpuid(cpu);
	else
		exit_library(cpu, reason);
}

/* From entry.S: VMLAUNCH or VMRESUME did not enter. What the processor does not take of L2 is a failure of L1's VM entry;
 * returning enters L1 behind it. */
void exit_entry_failed(struct cpu *cpu)
{
	if (!cpu->in_l2)
		stop("VM entry failed on cpu %lu: VM-instruction error %lu", (uint64_t)cpu->index,
		     vmread(VM_INSTRUCTION_ERROR));
	nest_verdict(cpu, nvmx_entry_refused(cpu->vcpu));
}
