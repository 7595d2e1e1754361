/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Exits that are the host's: docs/exits.md says which they are. */
#include "owner.h"

static enum nvmx_verdict raise(struct nvmx_host *h, struct nvmx_regs *regs, unsigned vector)
{
	return nvmx_inject_exception(h->vcpu, regs, vector, vector == NVMX_VECTOR_GP, 0, 0);
}

/* L1 sees VMX, and nothing that it could not have in VMX operation. */
static enum nvmx_verdict cpuid(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint32_t leaf = (uint32_t)regs->gpr[0], subleaf = (uint32_t)regs->gpr[1], shown[4];

	fake_cpuid(leaf, regs->gpr); /* what this host has shown L1 before */
	shown[0] = (uint32_t)regs->gpr[0], shown[1] = (uint32_t)regs->gpr[3];
	shown[2] = (uint32_t)regs->gpr[1], shown[3] = (uint32_t)regs->gpr[2];
	if (leaf == 1)
		shown[2] |= 1u << 5; /* ECX.VMX */
	nvmx_caps_cpuid(nvmx_vm_caps(h->vm), leaf, subleaf, shown);
	regs->gpr[0] = shown[0], regs->gpr[3] = shown[1], regs->gpr[1] = shown[2], regs->gpr[2] = shown[3];
	return nvmx_complete_instruction(h->vcpu, 0, 0, 0);
}

/* MOV to CR4 of L1: the library says whether VMX operation allows it, the rest is as before. */
static enum nvmx_verdict mov_to_cr4(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint64_t qualification = fake_field(&h->cpu, NVMX_EXIT_QUALIFICATION);
	uint64_t value = regs->gpr[qualification >> 8 & 15];

	if ((qualification & 15) != 4 || nvmx_in_l2(h->vcpu))
		return raise(h, regs, NVMX_VECTOR_GP);
	if (nvmx_l1_cr_check(h->vcpu, 4, value) || value & nvmx_caps_cr4_hidden(nvmx_vm_caps(h->vm)))
		return raise(h, regs, NVMX_VECTOR_GP);
	fake_field_set(&h->cpu, NVMX_GUEST_CR4, value | NVMX_CR4_VMXE); /* stays 1 in hardware (SDM 23.8) */
	fake_field_set(&h->cpu, NVMX_CR4_SHADOW, value);                /* what L1 reads */
	return nvmx_complete_instruction(h->vcpu, 0, 0, 0);
}

/* VMCALL of L1: a hypercall of this host's, in VMX operation too (NVMX_HOST_HYPERCALLS). */
static enum nvmx_verdict hypercall(struct nvmx_host *h, struct nvmx_regs *regs)
{
	h->hypercalls++;
	regs->gpr[0] = 0;
	return nvmx_complete_instruction(h->vcpu, 0, 0, 0);
}

/* A physical interrupt or NMI ended the run of the guest; L1 gets it from the queue. */
static enum nvmx_verdict arrived(struct nvmx_host *h)
{
	uint32_t info = (uint32_t)fake_field(&h->cpu, NVMX_EXIT_INTR_INFO);
	unsigned vector = info & NVMX_INTR_VECTOR;

	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_NMI)
		h->nmi = true;
	else if (vector != KICK) {
		h->pending[vector / 64] |= 1ull << vector % 64;
		h->interrupts++;
	}
	return nvmx_in_l2(h->vcpu) ? NVMX_RESUME_L2 : NVMX_RESUME_L1;
}

/* The window that loop.c opened for an event is there. */
static enum nvmx_verdict window(struct nvmx_host *h, uint32_t bit)
{
	fake_field_set(&h->cpu, NVMX_PROC_CTLS, fake_field(&h->cpu, NVMX_PROC_CTLS) & ~(uint64_t)bit);
	return nvmx_in_l2(h->vcpu) ? NVMX_RESUME_L2 : NVMX_RESUME_L1;
}

enum nvmx_verdict exit_of_hosts(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint32_t reason = (uint32_t)fake_field(&h->cpu, NVMX_EXIT_REASON);

	switch (reason) {
	case NVMX_XR_CPUID: return cpuid(h, regs);
	case NVMX_XR_CR_ACCESS: return mov_to_cr4(h, regs);
	case NVMX_XR_VMCALL: return hypercall(h, regs);
	case NVMX_XR_EXCEPTION_NMI:
	case NVMX_XR_EXT_INT: return arrived(h);
	case NVMX_XR_INT_WINDOW: return window(h, NVMX_PROC_INT_WINDOW);
	case NVMX_XR_NMI_WINDOW: return window(h, NVMX_PROC_NMI_WINDOW);
	default: fail_msg("exit reason %u is not expected", reason);
	}
	return NVMX_STOP;
}
