/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers of L1.
 */
#include "metal.h"

#define QUALIFICATION_MOV_TO_CR 0
#define ACCESS_LONG 0x2000u

uint64_t gpr_read(struct cpu *cpu, uint32_t n)
{
	return n == RSP ? vmread(GUEST_RSP) : cpu->regs[n];
}

/*
 * CR0.NE and CR4.VMXE stay 1 in the register itself, and a MOV exits only where it changes what L1 sees of them, or sets a
 * bit of CR4 that L1 does not have.
 * Changing that view first and executing the MOV again lets the processor do all the rest: checks, paging, PDPTEs.
 */
static void show(struct cpu *cpu, uint32_t cr, enum vmcs_field shadow, uint64_t value, uint64_t fixed1)
{
	if (value & ~fixed1 || nvmx_l1_cr_check(cpu->vcpu, cr, value)) {
		inject_exception(cpu, VECTOR_GP, true);
		return;
	}
	vmwrite(shadow, value);
	vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) | NVMX_RFLAGS_RF);	/* it has met its breakpoint (SDM 17.3.1.1) */
}

void exit_cr_access(struct cpu *cpu)
{
	uint64_t qualification = vmread(EXIT_QUALIFICATION);
	uint64_t value = gpr_read(cpu, qualification >> 8 & 15);

	if (!(vmread(GUEST_CS_ACCESS_RIGHTS) & ACCESS_LONG))
		value = (uint32_t)value;
	if ((qualification & 0x3f) == QUALIFICATION_MOV_TO_CR)
		show(cpu, 0, CR0_READ_SHADOW, value, ~0ull >> 32);
	else if ((qualification & 0x3f) == (QUALIFICATION_MOV_TO_CR | 4))
		show(cpu, 4, CR4_READ_SHADOW, value, ~nest_cr4_hidden());
	else
		stop_cpu(cpu, "unexpected control-register access");
}

void exit_xsetbv(struct cpu *cpu)
{
	uint64_t value = cpu->regs[RDX] << 32 | (uint32_t)cpu->regs[RAX];

	if (xsetbv_safe((uint32_t)cpu->regs[RCX], value))
		skip_instruction(cpu);
	else
		inject_exception(cpu, VECTOR_GP, true);
}
