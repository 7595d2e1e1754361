/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hyper-V's interface (its Top Level Functional Specification), as much as Linux's KVM wants as L1 before it says by hypercall
 * what it has changed in its EPT: <nestvmx/hyperv.h>. No synthetic interrupts, timers or clocks; what is not announced L1 does not
 * look for.
 */
#include "metal.h"

#include <nestvmx/hyperv.h>

#define FIRST_LEAF 0x40000000u
#define LAST_LEAF 0x4000000au
#define ACCESS_HYPERCALL_MSRS 0x20u
#define ACCESS_VP_INDEX 0x40u
#define ACCESS_TSC_INVARIANT 0x8000u
#define NEVER_NOTIFY 0xffffffffu

#define MSR_GUEST_OS_ID 0x40000000u
#define MSR_HYPERCALL 0x40000001u
#define MSR_VP_INDEX 0x40000002u
#define MSR_VP_ASSIST_PAGE 0x40000073u	/* written by Linux without asking; nothing in it is used */
#define MSR_TSC_INVARIANT 0x40000118u
#define HYPERCALL_ENABLE 1u
#define HYPERCALL_LOCKED 2u

#define CPUID_INVARIANT_TSC 0x80000007u
#define CPUID_80000007_EDX_INVARIANT (1u << 8)
#define EFER_LMA 0x400u
#define ACCESS_RIGHTS_LONG 0x2000u
#define ACCESS_RIGHTS_DPL 0x60u

static uint64_t guest_os_id, hypercall_page, tsc_invariant;	/* the partition's */

static bool has_invariant_tsc(void)
{
	return cpuid(0x80000000u, 0).eax >= CPUID_INVARIANT_TSC &&
	       cpuid(CPUID_INVARIANT_TSC, 0).edx & CPUID_80000007_EDX_INVARIANT;
}

bool hyperv_cpuid(struct cpu *cpu, uint32_t leaf)
{
	static const uint32_t leaves[][4] = {
		{LAST_LEAF, 0x7263694d, 0x666f736f, 0x76482074},	/* "Microsoft Hv" */
		{0x31237648},						/* "Hv#1" */
		{0},							/* no version */
		{ACCESS_HYPERCALL_MSRS | ACCESS_VP_INDEX},
		{0, NEVER_NOTIFY},					/* nothing is recommended */
		{MAX_CPUS, MAX_CPUS},
		{0}, {0}, {0}, {0},
		{NVMX_HV_CPUID_FLUSH},
	};
	const uint32_t *regs;

	if (!machine.hyperv || leaf - FIRST_LEAF > LAST_LEAF - FIRST_LEAF)
		return false;
	regs = leaves[leaf - FIRST_LEAF];
	cpu->regs[RAX] = regs[0];
	cpu->regs[RBX] = regs[1];
	cpu->regs[RCX] = regs[2];
	cpu->regs[RDX] = regs[3];
	if (leaf == FIRST_LEAF + 3 && has_invariant_tsc())
		cpu->regs[RAX] |= ACCESS_TSC_INVARIANT;
	return true;
}

/* VMCALL; RET. */
static bool write_page(uint64_t page)
{
	static const uint8_t code[] = {0x0f, 0x01, 0xc1, 0xc3};

	if (!memory_ram(page))
		return false;
	watch_written(page);
	memcpy(phys(page), code, sizeof(code));
	return true;
}

static bool write_hypercall(uint64_t value)
{
	if (hypercall_page & HYPERCALL_LOCKED)
		return true;
	if (!guest_os_id)
		value &= ~(uint64_t)HYPERCALL_ENABLE;
	if (value & HYPERCALL_ENABLE && !write_page(value & -PAGE))
		return false;
	hypercall_page = value;
	return true;
}

bool hyperv_msr_read(struct cpu *cpu, uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_GUEST_OS_ID:
		*value = guest_os_id;
		return true;
	case MSR_HYPERCALL:
		*value = hypercall_page;
		return true;
	case MSR_VP_INDEX:
		*value = cpu->index;
		return true;
	case MSR_VP_ASSIST_PAGE:
		*value = cpu->assist_page;
		return true;
	case MSR_TSC_INVARIANT:
		*value = tsc_invariant;
		return has_invariant_tsc();
	default:
		return false;
	}
}

bool hyperv_msr_write(struct cpu *cpu, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_GUEST_OS_ID:
		guest_os_id = value;
		if (!value)
			hypercall_page &= ~(uint64_t)HYPERCALL_ENABLE;
		return true;
	case MSR_HYPERCALL:
		return write_hypercall(value);
	case MSR_VP_ASSIST_PAGE:
		cpu->assist_page = value;
		return true;
	case MSR_TSC_INVARIANT:
		if (value & ~1ull || !has_invariant_tsc())
			return false;
		tsc_invariant = value;
		return true;
	default:
		return false;
	}
}

static bool may_call(void)
{
	return hypercall_page & HYPERCALL_ENABLE && vmread(GUEST_IA32_EFER) & EFER_LMA &&
	       vmread(GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_LONG && !(vmread(GUEST_SS_ACCESS_RIGHTS) & ACCESS_RIGHTS_DPL);
}

/* L1's VMCALL, in 64-bit mode at CPL 0. False: there is no hypercall. */
bool hyperv_call(struct cpu *cpu)
{
	if (!machine.hyperv || cpu->in_l2 || !may_call())
		return false;
	if (nvmx_hv_flush_guest_mapping(cpu->vcpu, cpu->regs[RCX], cpu->regs[RDX], cpu->regs[R8], &cpu->regs[RAX]))
		stop_cpu(cpu, "a page of L1's is not at hand");	/* metal has them all */
	skip_instruction(cpu);
	return true;
}
