/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lets L1 execute one instruction with memory opened to it (ept.c, apic.c), by its own trap flag: so metal needs no
 * decoder of instructions. Interrupts stay off meanwhile, and every exception comes here first; so does an NMI, before whose handler
 * the step is over.
 */
#include "metal.h"

#define EXCEPTIONS_ALL 0xffffffffu
#define VECTOR_DB 1
#define DEBUG_CONDITIONS 0xfull

void step_begin(struct cpu *cpu)
{
	uint64_t flags = vmread(GUEST_RFLAGS), debugctl = vmread(GUEST_IA32_DEBUGCTL);

	if (cpu->stepping)
		return;			/* the instruction writes twice */
	cpu->stepping = 1;
	cpu->step_flags = flags & (RFLAGS_TF | RFLAGS_IF);
	cpu->step_btf = debugctl & NVMX_DEBUGCTL_BTF;
	if (cpu->step_btf)		/* else only a branch would trap (17.4.3) */
		vmwrite(GUEST_IA32_DEBUGCTL, debugctl & ~NVMX_DEBUGCTL_BTF);
	vmwrite(GUEST_RFLAGS, (flags | RFLAGS_TF) & ~RFLAGS_IF);
	vmwrite(GUEST_INTERRUPTIBILITY, vmread(GUEST_INTERRUPTIBILITY) &
		~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	vmwrite(EXCEPTION_BITMAP, EXCEPTIONS_ALL);
	vmwrite(PIN_BASED_CONTROLS, vmread(PIN_BASED_CONTROLS) | PIN_NMI_EXITING);
}

/* The trap that L1 itself asked for stays due. */
static void keep_own_trap(struct cpu *cpu)
{
	uint64_t due = vmread(EXIT_QUALIFICATION) & DEBUG_CONDITIONS;

	if (due)
		due |= PENDING_DEBUG_ENABLED;
	if (cpu->step_flags & RFLAGS_TF && !cpu->step_btf)
		due |= PENDING_DEBUG_BS;
	vmwrite(GUEST_PENDING_DEBUG, due);
}

/* The exception may also be the instruction's own, or it is an NMI: then it did not complete, and the event goes in. */
void step_end(struct cpu *cpu)
{
	uint64_t info = vmread(EXIT_INTERRUPTION_INFO);
	bool done = (info & 0xff) == VECTOR_DB;

	if (!cpu->stepping)
		stop_cpu(cpu, "unexpected exception exit");
	cpu->stepping = 0;
	vmwrite(EXCEPTION_BITMAP, 0);
	vmwrite(PIN_BASED_CONTROLS, vmread(PIN_BASED_CONTROLS) & ~(uint64_t)PIN_NMI_EXITING);
	vmwrite(GUEST_RFLAGS, (vmread(GUEST_RFLAGS) & ~(RFLAGS_TF | RFLAGS_IF)) | cpu->step_flags);
	if (cpu->step_btf)
		vmwrite(GUEST_IA32_DEBUGCTL, vmread(GUEST_IA32_DEBUGCTL) | cpu->step_btf);
	ept_own_memory_restore(cpu);
	apic_write_done(cpu, done);
	if (done) {
		keep_own_trap(cpu);
		return;
	}
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, info & ~0x1000ull);
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmread(EXIT_INTERRUPTION_ERROR_CODE));
	vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, vmread(EXIT_INSTRUCTION_LENGTH));
}
