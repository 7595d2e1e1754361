/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1 as its own instructions see it: mode, linear memory, memory operands, faults.  vmcs01 is the current VMCS throughout,
 * or vmcs02, and then all this is about L2.
 */
#ifndef NVMX_SRC_L1_H
#define NVMX_SRC_L1_H

#include "port.h"
#include "../vmcs/values.h"

/* L1's mode at the exit; control registers as L1 reads them (guest/host masks and read shadows applied). */
struct nvmx_l1 {
	uint64_t cr0, cr4, rflags;
	uint32_t cs_ar;
	uint8_t cpl;
	bool ia32e;  /* IA32_EFER.LMA */
	bool code64; /* 64-bit mode: IA32_EFER.LMA and CS.L */
	bool l2;     /* it is L2: its physical addresses go through L1's EPT */
};

/* A fault that the instruction runs into; with v->not_now none, but the instruction comes again. */
struct nvmx_fault {
	unsigned vector;
	uint32_t error;
	uint64_t cr2;  /* #PF only */
	/* L2 only: no exception but ... */
	enum { NVMX_FAULT_RAISED, NVMX_FAULT_EXIT, NVMX_FAULT_AGAIN } kind; /* ... a VM exit to L1; EPT12 changes all the time */
	struct nvmx_l2_exit exit;
	uint64_t linear; /* of the exit */
};

/* SDM 25.3: a MOV from CR0 or CR4 gives the read shadow where the guest/host mask is 1. */
static inline uint64_t nvmx_l1_cr0(struct nvmx_vcpu *v)
{
	uint64_t mask = nvmx_vmread(v, NVMX_CR0_MASK);

	return (nvmx_vmread(v, NVMX_GUEST_CR0) & ~mask) | (nvmx_vmread(v, NVMX_CR0_SHADOW) & mask);
}

static inline uint64_t nvmx_l1_cr4(struct nvmx_vcpu *v)
{
	uint64_t mask = nvmx_vmread(v, NVMX_CR4_MASK);

	return (nvmx_vmread(v, NVMX_GUEST_CR4) & ~mask) | (nvmx_vmread(v, NVMX_CR4_SHADOW) & mask);
}

NVMX_HOT void nvmx_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l1)
{
	l1->rflags = nvmx_vmread(v, NVMX_GUEST_RFLAGS);
	l1->cs_ar = (uint32_t)nvmx_vmread(v, NVMX_GUEST_CS_AR);
	l1->cpl = NVMX_AR_DPL((uint32_t)nvmx_vmread(v, NVMX_GUEST_SS_AR)); /* SDM 24.4.1: CPL is SS.DPL */
	l1->ia32e = nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E;
	l1->code64 = l1->ia32e && l1->cs_ar & NVMX_AR_L;
}

/* A copy for what L1 executes often; mode.c has one for the rest. */
NVMX_HOT void nvmx_l1_mode_inline(struct nvmx_vcpu *v, struct nvmx_l1 *l1)
{
	l1->cr0 = nvmx_l1_cr0(v);
	l1->cr4 = nvmx_l1_cr4(v);
	l1->l2 = false;
	nvmx_mode(v, l1);
}

/* mode.c */
void nvmx_l1_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l1);
void nvmx_l2_mode(struct nvmx_vcpu *v, struct nvmx_l1 *l2);
/* Whether the guest of the current VMCS is in 64-bit mode. */
static inline bool nvmx_in_64bit_mode(struct nvmx_vcpu *v)
{
	return nvmx_vmread(v, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E && nvmx_vmread(v, NVMX_GUEST_CS_AR) & NVMX_AR_L;
}
static inline uint64_t nvmx_l1_efer(struct nvmx_vcpu *v)
{
	return nvmx_vmread(v, NVMX_GUEST_EFER); /* vmcs01 saves and loads it: nvmx_vcpu_init() insists */
}
/* Whether a linear address is one in L1's paging mode. */
static inline bool nvmx_l1_canonical(uint64_t cr4, uint64_t linear)
{
	return nvmx_canonical_in(nvmx_width_of_cr4(cr4), linear);
}

/* #PF error code (SDM 4.7) */
#define NVMX_PF_P NVMX_BIT(0)
#define NVMX_PF_W NVMX_BIT(1)
#define NVMX_PF_U NVMX_BIT(2)
#define NVMX_PF_RSVD NVMX_BIT(3)
#define NVMX_PF_PK NVMX_BIT(5)

/*
 * linear.c: copies between `buf` and L1's linear memory (at most one page) with the rights of an explicit data access at
 * L1's CPL; sets accessed and dirty flags.  Nothing is copied unless all of it may be.  Physical addresses without RAM
 * behind them read as ones and swallow writes.  Protection keys are not evaluated: PKRU and IA32_PKRS are in no VMCS.
 * Returns 0, or -1 and *fault.
 */
int nvmx_linear_read(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, void *buf, uint32_t len,
		     struct nvmx_fault *fault);
int nvmx_linear_write(struct nvmx_vcpu *v, const struct nvmx_l1 *l1, uint64_t linear, const void *buf, uint32_t len,
		      struct nvmx_fault *fault);

/*
 * operand.c: the linear address of the memory operand, `len` bytes long, of the instruction that exited (SDM tables 27-13
 * and 27-14; exit qualification).  Returns 0, or -1 and the #GP or #SS in *fault.
 */
int nvmx_operand_address(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, uint32_t len,
			 bool write, uint64_t *linear, struct nvmx_fault *fault);
/* The operand's bytes.  Returns 0, or -1 and *fault. */
int nvmx_operand_read(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, void *buf, uint32_t len,
		      struct nvmx_fault *fault);
int nvmx_operand_write(struct nvmx_vcpu *v, const struct nvmx_regs *regs, const struct nvmx_l1 *l1, const void *buf,
		       uint32_t len, struct nvmx_fault *fault);

/* A general-purpose register by its number in instruction information. */
static inline uint64_t nvmx_gpr_read(struct nvmx_vcpu *v, const struct nvmx_regs *regs, unsigned n)
{
	return n == NVMX_RSP ? nvmx_vmread(v, NVMX_GUEST_RSP) : regs->gpr[n];
}

static inline void nvmx_gpr_write(struct nvmx_vcpu *v, struct nvmx_regs *regs, unsigned n, uint64_t value)
{
	if (n == NVMX_RSP)
		nvmx_vmwrite(v, NVMX_GUEST_RSP, value);
	else
		regs->gpr[n] = value;
}

/* inject.c: raises *fault, setting CR2 for #PF. */
enum nvmx_verdict nvmx_raise_fault(struct nvmx_vcpu *v, const struct nvmx_fault *fault);
/* events.c: what an instruction of L2 that the library executes has run into: an exception of L2, an exit, or it executes again. */
enum nvmx_verdict nvmx_l2_fault(struct nvmx_vcpu *v, struct nvmx_regs *regs, const struct nvmx_fault *fault);
/* An instruction that exited executes again: it has met its breakpoint, but the exit has saved RF as 0 (SDM 17.3.1.1, 27.3.3). */
enum nvmx_verdict nvmx_execute_again(struct nvmx_vcpu *v);
/* What an exception becomes that is raised while the event `prior` (interruption-information format) was being delivered
 * (SDM 6.15, table 6-5). */
enum nvmx_combined { NVMX_SERIAL, NVMX_DOUBLE_FAULT, NVMX_TRIPLE_FAULT };
enum nvmx_combined nvmx_combine_exceptions(uint32_t prior, unsigned vector);
/* The same with what the host has queued or what was being delivered at the exit. */
enum nvmx_combined nvmx_combined_with_prior(struct nvmx_vcpu *v, unsigned vector);
/* #BP and #OF are software exceptions, of INT3 and INTO (SDM 24.8.3, 24.9.2): traps, behind an instruction of one byte. */
#define NVMX_SOFTWARE_EXCEPTION_LEN 1u
static inline bool nvmx_is_software_exception(unsigned vector)
{
	return vector == NVMX_VECTOR_BP || vector == NVMX_VECTOR_OF;
}

/* An exception without error code in interruption-information format. */
static inline uint32_t nvmx_exception_info(unsigned vector)
{
	uint32_t type = nvmx_is_software_exception(vector) ? NVMX_EVENT_SW_EXC : NVMX_EVENT_HW_EXC;

	return NVMX_INTR_VALID | type << NVMX_INTR_TYPE_SHIFT | vector;
}

/* BD of the conditions of a #DB (SDM table 27-1): MOV DR with DR7.GD, the one #DB beside instruction breakpoints that is a fault. */
#define NVMX_DB_GENERAL_DETECT NVMX_BIT64(13)
/* Sets RFLAGS.RF of the current guest. */
void nvmx_set_rf(struct nvmx_vcpu *v);
/* An MTF VM exit is pending in the current guest, unless an event is to be delivered, which it follows by itself (SDM 26.6.2, 26.7.8). */
void nvmx_begin_mtf(struct nvmx_vcpu *v);
/* The part of nvmx_skip() that is not RFLAGS.RF; `rflags` is RFLAGS as the instruction found it. */
void nvmx_advance(struct nvmx_vcpu *v, uint64_t rflags);

#endif
