/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The VMX instructions, one function each.  Each follows the "Operation" section of its instruction in SDM chapter 30, in
 * its order; what that section puts before the VM exit, the processor has checked already for an exit of vmcs01.
 */
#ifndef NVMX_SRC_INSTR_H
#define NVMX_SRC_INSTR_H

#include "l1.h"

/* The functions below never leave the library: no global offset table for their addresses. */
#pragma GCC visibility push(hidden)

/* An instruction in flight: L1's mode at the exit. */
struct nvmx_insn {
	struct nvmx_vcpu *v;
	struct nvmx_regs *regs;
	struct nvmx_l1 l1;
};

enum nvmx_verdict nvmx_vmxon(struct nvmx_insn *i);
enum nvmx_verdict nvmx_vmxoff(struct nvmx_insn *i);
enum nvmx_verdict nvmx_vmclear(struct nvmx_insn *i);
enum nvmx_verdict nvmx_vmptrld(struct nvmx_insn *i);
enum nvmx_verdict nvmx_vmptrst(struct nvmx_insn *i);
enum nvmx_verdict nvmx_insn_invept(struct nvmx_insn *i);
enum nvmx_verdict nvmx_insn_invvpid(struct nvmx_insn *i);
enum nvmx_verdict nvmx_insn_invept_range(struct nvmx_insn *i);

/* These two read what they need of L1's mode themselves: L1 executes them many times per exit. */
enum nvmx_verdict nvmx_vmread_insn(struct nvmx_vcpu *v, struct nvmx_regs *regs);
enum nvmx_verdict nvmx_vmwrite_insn(struct nvmx_vcpu *v, struct nvmx_regs *regs);

/* VMLAUNCH and VMRESUME, which L1 executes once per exit, read of L1's mode no more than they need. */
enum nvmx_verdict nvmx_enter_insn(struct nvmx_vcpu *v, bool launch);

/* Those that an L1 executes for each exit of L2, told apart once where `reason` is a constant. */
NVMX_HOT enum nvmx_verdict nvmx_frequent_instr(struct nvmx_vcpu *v, struct nvmx_regs *regs, uint32_t reason)
{
	v->counters[NVMX_CNT_INSTR]++;
	if (v->vmxon_ptr == NVMX_NO_ADDR)
		return nvmx_raise_ud(v);
	switch (reason) {
	case NVMX_XR_VMREAD: return nvmx_vmread_insn(v, regs);
	case NVMX_XR_VMWRITE: return nvmx_vmwrite_insn(v, regs);
	default: return nvmx_enter_insn(v, reason == NVMX_XR_VMLAUNCH);
	}
}

/* Whether real-address, virtual-8086 or compatibility mode makes a VMX instruction #UD. */
static inline bool nvmx_bad_mode(const struct nvmx_l1 *l1)
{
	return !l1->code64 && (l1->ia32e || !(l1->cr0 & NVMX_CR0_PE) || l1->rflags & NVMX_RFLAGS_VM);
}

#pragma GCC visibility pop

#endif
