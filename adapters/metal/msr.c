/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs of L1. The MSR bitmap sends here those in msr_rows, and the processor all MSRs outside the bitmap's ranges, Hyper-V's among them;
 * libnestvmx has taken its own, IA32_FEATURE_CONTROL and the VMX capabilities, before.
 */
#include "metal.h"

#define APIC_BASE_RESERVED 0x2ffull
#define ICR_RESERVED 0xfff32000ull

static bool read_apic_base(struct cpu *cpu, uint64_t *value)
{
	*value = cpu->apic_base;
	return true;
}

/*
 * The enable bit: metal only remembers that L1 cleared it, because some processors cannot set it again (SDM vol. 3,
 * 10.4.3: the old ones; emulators). All else is the processor's to check.
 */
static bool write_apic_base(struct cpu *cpu, uint64_t value)
{
	bool was_on = cpu->apic_base & APIC_BASE_EN, on = value & APIC_BASE_EN;

	if ((value & APIC_BASE_EXTD) && !(on && was_on))
		return false;
	if (on ? !wrmsr_safe(MSR_IA32_APIC_BASE, value) : (value & APIC_BASE_RESERVED) != 0)
		return false;
	cpu->apic_base = value;
	return true;
}

static bool read_icr(struct cpu *cpu, uint64_t *value)
{
	(void)cpu;
	return rdmsr_safe(MSR_IA32_X2APIC_ICR, value);
}

/* Without x2APIC mode, or with reserved bits, the processor says #GP. */
static bool write_icr(struct cpu *cpu, uint64_t value)
{
	if (!apic_is_x2(cpu) || value & ICR_RESERVED)
		return wrmsr_safe(MSR_IA32_X2APIC_ICR, value);
	apic_command(cpu, (uint32_t)(value >> 32), (uint32_t)value);
	return true;
}

static const struct msr_row {
	uint32_t msr;
	bool (*read)(struct cpu *cpu, uint64_t *value);
	bool (*write)(struct cpu *cpu, uint64_t value);
} msr_rows[] = {
	{MSR_IA32_APIC_BASE, read_apic_base, write_apic_base},
	{MSR_IA32_X2APIC_ICR, read_icr, write_icr},
};

static const struct msr_row *find_row(uint32_t msr)
{
	size_t i;

	for (i = 0; i < sizeof(msr_rows) / sizeof(*msr_rows); i++)
		if (msr_rows[i].msr == msr)
			return &msr_rows[i];
	return NULL;
}

bool msr_read(struct cpu *cpu, uint32_t msr, uint64_t *value)
{
	const struct msr_row *row = find_row(msr);

	if (machine.hyperv && msr >> 28 == 4)
		return hyperv_msr_read(cpu, msr, value);
	return row ? row->read(cpu, value) : rdmsr_safe(msr, value);
}

bool msr_write(struct cpu *cpu, uint32_t msr, uint64_t value)
{
	const struct msr_row *row = find_row(msr);

	if (machine.hyperv && msr >> 28 == 4)
		return hyperv_msr_write(cpu, msr, value);
	return row ? row->write(cpu, value) : wrmsr_safe(msr, value);
}

void exit_rdmsr(struct cpu *cpu)
{
	uint64_t value;

	if (!msr_read(cpu, (uint32_t)cpu->regs[RCX], &value)) {
		inject_exception(cpu, VECTOR_GP, true);
		return;
	}
	cpu->regs[RAX] = (uint32_t)value;
	cpu->regs[RDX] = value >> 32;
	skip_instruction(cpu);
}

void exit_wrmsr(struct cpu *cpu)
{
	uint64_t value = cpu->regs[RDX] << 32 | (uint32_t)cpu->regs[RAX];

	if (msr_write(cpu, (uint32_t)cpu->regs[RCX], value))
		skip_instruction(cpu);
	else
		inject_exception(cpu, VECTOR_GP, true);
}

/* The forms that name the MSR by an immediate, and any register (27.2.1, 27.2.5). */
static uint32_t immediate_register(void)
{
	return (uint32_t)vmread(EXIT_INSTRUCTION_INFO) >> 3 & 15;
}

void exit_rdmsr_immediate(struct cpu *cpu)
{
	uint32_t n = immediate_register();
	uint64_t value;

	if (!msr_read(cpu, (uint32_t)vmread(EXIT_QUALIFICATION), &value)) {
		inject_exception(cpu, VECTOR_GP, true);
		return;
	}
	if (n == RSP)
		vmwrite(GUEST_RSP, value);
	else
		cpu->regs[n] = value;
	skip_instruction(cpu);
}

void exit_wrmsrns_immediate(struct cpu *cpu)
{
	uint64_t value = gpr_read(cpu, immediate_register());

	if (msr_write(cpu, (uint32_t)vmread(EXIT_QUALIFICATION), value))
		skip_instruction(cpu);
	else
		inject_exception(cpu, VECTOR_GP, true);
}
