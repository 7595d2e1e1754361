/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs that hit metal itself. They are L1's: by way of a VM exit if L2 runs and L1 wants that, else the next VM entry injects them,
 * into L1 or into an L2 whose NMIs L1 leaves alone.
 */
#include "metal.h"

#define BLOCKS_NMI (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS | INTERRUPTIBILITY_NMI)

/* A VM entry delivers one event. It takes no NMI behind MOV SS, on some processors none behind STI (26.3.1.5), and delivers one
 * that the guest blocks; traps on the instruction before, which come first (6.9), it would lose (26.7.3). */
static bool entry_takes_nmi(void)
{
	return !(vmread(VM_ENTRY_INTERRUPTION_INFO) & EVENT_VALID) && !(vmread(GUEST_INTERRUPTIBILITY) & BLOCKS_NMI) &&
	       !(vmread(GUEST_PENDING_DEBUG) & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED));
}

/* Unlike that of a preemption timer of 0 the exit of the monitor trap flag comes behind an instruction, or behind the event that the
 * entry delivers (25.5.2, 26.7.8): whatever holds the NMI back ends. */
static void come_back_soon(void)
{
	if (rdmsr(MSR_IA32_VMX_TRUE_PROCBASED_CTLS) >> 32 & PROC_MONITOR_TRAP)
		vmwrite(PROCESSOR_BASED_CONTROLS, vmread(PROCESSOR_BASED_CONTROLS) | PROC_MONITOR_TRAP);
}

void exit_monitor_trap(void)
{
	vmwrite(PROCESSOR_BASED_CONTROLS, vmread(PROCESSOR_BASED_CONTROLS) & ~(uint64_t)PROC_MONITOR_TRAP);
}

/* From entry.S. */
void exit_give_nmi(struct cpu *cpu)
{
	bool give = !cpu->in_l2 || nest_verdict(cpu, nvmx_check_events(cpu->vcpu, (struct nvmx_regs *)cpu->regs));

	if (!give && !cpu->in_l2) {
		cpu->nmi_pending = 0;	/* the library has given it to L1 */
		return;
	}
	cpu->nmi_pending = NMI_AT_NEXT_EXIT;
	if (cpu->stepping || vmread(GUEST_ACTIVITY_STATE) == ACTIVITY_WAIT_FOR_SIPI)
		return;			/* an exit ends that, and NMIs wait for it (26.7.2) */
	if (!give || !entry_takes_nmi()) {
		come_back_soon();
		return;
	}
	cpu->nmi_pending = 0;
	vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmwrite(VM_ENTRY_INTERRUPTION_INFO, EVENT_VALID | EVENT_NMI | VECTOR_NMI);
}
