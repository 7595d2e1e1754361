/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmcs01: the controls with which metal runs L1, metal's own state, and L1's processor as RESET or SIPI leave it.
 */
#include "metal.h"

#define ACCESS_CODE 0x9b
#define ACCESS_DATA 0x93
#define ACCESS_LDTR 0x82
#define ACCESS_TR 0x8b
#define DEFAULT1_CLEARABLE (1ull << 55)
#define MISC_WAIT_FOR_SIPI (1ull << 8)

struct field_value {
	enum vmcs_field field;
	uint64_t value;
};

/* SDM vol. 3, table 9-1, for INIT; the fixed NE and VMXE are metal's and L1 sees them clear. */
static const struct field_value reset_state[] = {
	{GUEST_CR0, CR0_ET | CR0_NE},
	{CR0_READ_SHADOW, 0},
	{GUEST_CR3, 0},
	{GUEST_CR4, CR4_VMXE},
	{CR4_READ_SHADOW, 0},
	{GUEST_IA32_EFER, 0},
	{GUEST_IA32_DEBUGCTL, 0},
	{GUEST_DR7, 0x400},
	{GUEST_RSP, 0},
	{GUEST_RIP, 0},
	{GUEST_RFLAGS, 2},
	{GUEST_PENDING_DEBUG, 0},
	{GUEST_INTERRUPTIBILITY, 0},
	{GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE},
	{GUEST_GDTR_LIMIT, 0xffff},
	{GUEST_IDTR_LIMIT, 0xffff},
	{GUEST_LDTR_ACCESS_RIGHTS, ACCESS_LDTR},
	{GUEST_TR_ACCESS_RIGHTS, ACCESS_TR},
	{VM_ENTRY_INTERRUPTION_INFO, 0},
};

/* L1 may load for L2 only what vmcs01 loads and undoes: these for its sake, metal uses none of them. */
static const struct field_value cet_state[] = {
	{GUEST_IA32_S_CET, 0}, {GUEST_SSP, 0}, {GUEST_SSP_TABLE, 0}, {HOST_IA32_S_CET, 0}, {HOST_SSP, 0}, {HOST_SSP_TABLE, 0},
};
static const struct field_value pkrs_state[] = {{GUEST_IA32_PKRS, 0}, {HOST_IA32_PKRS, 0}};

static void write_fields(const struct field_value *f, size_t n)
{
	for (; n; n--, f++)
		vmwrite(f->field, f->value);
}

/* The selectors, limits, rights and bases of ES CS SS DS FS GS LDTR TR are eight fields in a row each. */
static void reset_guest(struct cpu *cpu)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		vmwrite(GUEST_ES_SELECTOR + 2 * i, 0);
		vmwrite(GUEST_ES_LIMIT + 2 * i, 0xffff);
		vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * i, ACCESS_DATA);
	}
	for (i = 0; i < 10; i++)		/* and the bases of GDTR and IDTR */
		vmwrite(GUEST_ES_BASE + 2 * i, 0);
	write_fields(reset_state, sizeof(reset_state) / sizeof(*reset_state));
	vmwrite(GUEST_CS_ACCESS_RIGHTS, ACCESS_CODE);
	vmwrite(VM_ENTRY_CONTROLS, vmread(VM_ENTRY_CONTROLS) & ~(uint64_t)EXIT_HOST_64);
	memset(cpu->regs, 0, sizeof(cpu->regs));
	cpu->regs[RDX] = cpuid(1, 0).eax;
}

static void start_at(struct cpu *cpu, uint64_t address)
{
	reset_guest(cpu);
	vmwrite(GUEST_CS_SELECTOR, address >> 4);
	vmwrite(GUEST_CS_BASE, address);
	cpu->started = 1;
}

void vmcs_start_bsp(struct cpu *cpu)
{
	start_at(cpu, machine.low_page);
}

void vmcs_start_ap(struct cpu *cpu, uint32_t vector)
{
	watch_flush(cpu);
	start_at(cpu, (uint64_t)vector << 12);
}

/* After INIT. Short, for a SIPI that comes before the VM entry is lost; the registers follow with the SIPI. */
void vmcs_wait_for_sipi(void)
{
	vmwrite(GUEST_INTERRUPTIBILITY, 0);
	vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
}

static void set_bit(uint64_t bitmap, uint32_t n)
{
	((uint8_t *)phys(bitmap))[n / 8] |= (uint8_t)(1u << n % 8);
}

/* Bitmaps A and B are in a row (24.6.4). */
void io_intercept(uint16_t port, bool on)
{
	uint8_t *byte = (uint8_t *)phys(machine.io_bitmaps) + port / 8, bit = (uint8_t)(1u << port % 8);

	*byte = (uint8_t)(on ? *byte | bit : *byte & ~bit);
}

/* Reads at byte 0, writes at byte 2048 of the MSR bitmap (24.6.9). */
static void intercept_msr(uint32_t msr)
{
	set_bit(machine.msr_bitmap, msr);
	set_bit(machine.msr_bitmap + 2048, msr);
}

void msr_pass_through(uint32_t msr)
{
	((uint8_t *)phys(machine.msr_bitmap))[msr / 8] &= (uint8_t)~(1u << msr % 8);
	((uint8_t *)phys(machine.msr_bitmap))[2048 + msr / 8] &= (uint8_t)~(1u << msr % 8);
}

void bitmaps_create(void)
{
	uint32_t i;

	machine.io_bitmaps = (uint64_t)pages_alloc(2 * PAGE);
	for (i = 0; i < 8; i++)
		io_intercept((uint16_t)(machine.serial + i), true);
	if (machine.power_port) {
		io_intercept(machine.power_port, true);
		io_intercept((uint16_t)(machine.power_port + 1), true);
	}
	dma_watch();
	machine.msr_bitmap = page_alloc();
	intercept_msr(MSR_IA32_APIC_BASE);
	intercept_msr(MSR_IA32_FEATURE_CONTROL);
	intercept_msr(MSR_IA32_X2APIC_ICR);
	for (i = MSR_IA32_VMX_BASIC; i <= MSR_IA32_VMX_LAST; i++)
		intercept_msr(i);
}

/* Appendix A.3: the low half of a capability MSR must be 1, the high half may be. */
static uint32_t controls(uint32_t msr, uint32_t required, uint32_t wanted, const char *name)
{
	uint64_t capability = rdmsr(msr);
	uint32_t may = (uint32_t)(capability >> 32), must = (uint32_t)capability;

	if (required & ~may)
		stop("this processor lacks the %s VM-execution controls %lx", name, (uint64_t)(required & ~may));
	return required | (wanted & may) | must;
}

static void write_controls(struct cpu *cpu)
{
	uint32_t msr, secondary;

	if (!(rdmsr(MSR_IA32_VMX_BASIC) & DEFAULT1_CLEARABLE) || !(rdmsr(MSR_IA32_VMX_MISC) & MISC_WAIT_FOR_SIPI))
		stop("this processor lacks the TRUE capability MSRs or the wait-for-SIPI state");
	secondary = controls(MSR_IA32_VMX_PROCBASED_CTLS2, PROC2_EPT | PROC2_UNRESTRICTED_GUEST,
			     PROC2_VPID | PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES | PROC2_USER_WAIT, "secondary");
	msr = MSR_IA32_VMX_TRUE_PINBASED_CTLS;
	vmwrite(PIN_BASED_CONTROLS, controls(msr++, 0, 0, "pin-based"));
	vmwrite(PROCESSOR_BASED_CONTROLS,
		controls(msr++, PROC_HLT_EXITING | PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_SECONDARY, 0, "primary"));
	vmwrite(VM_EXIT_CONTROLS, controls(msr++, EXIT_HOST_64 | EXIT_SAVE_DEBUG | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
					   EXIT_SAVE_EFER | EXIT_LOAD_EFER, EXIT_LOAD_CET | EXIT_LOAD_PKRS, "exit"));
	vmwrite(VM_ENTRY_CONTROLS, controls(msr, ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
					    ENTRY_LOAD_CET | ENTRY_LOAD_PKRS, "entry"));
	vmwrite(SECONDARY_CONTROLS, secondary);
	if (secondary & PROC2_VPID)
		vmwrite(VPID, cpu->index + 1);
}

/* What L1 may not change alone: CR0.NE and CR4.VMXE, which VMX operation fixes (23.8). */
static void write_execution_fields(struct cpu *cpu)
{
	vmwrite(IO_BITMAP_A, machine.io_bitmaps);
	vmwrite(IO_BITMAP_B, machine.io_bitmaps + PAGE);
	vmwrite(MSR_BITMAP, machine.msr_bitmap);
	vmwrite(EPT_POINTER, cpu->eptp);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	vmwrite(EXCEPTION_BITMAP, 0);
	vmwrite(CR0_GUEST_HOST_MASK, CR0_NE);
	vmwrite(CR4_GUEST_HOST_MASK, CR4_VMXE);
	vmwrite(GUEST_IA32_PAT, rdmsr(MSR_IA32_PAT));
}

static void write_host_state(struct cpu *cpu)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} idtr;
	enum vmcs_field f;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	for (f = HOST_ES_SELECTOR; f <= HOST_DS_SELECTOR; f += 2)
		vmwrite(f, f == HOST_CS_SELECTOR ? SELECTOR_CODE : SELECTOR_DATA);
	vmwrite(HOST_TR_SELECTOR, SELECTOR_TSS);
	vmwrite(HOST_IA32_PAT, rdmsr(MSR_IA32_PAT));
	vmwrite(HOST_IA32_EFER, rdmsr(MSR_IA32_EFER));
	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_GS_BASE, (uint64_t)cpu);
	vmwrite(HOST_TR_BASE, (uint64_t)cpu->tss);
	vmwrite(HOST_GDTR_BASE, (uint64_t)cpu->gdt);
	vmwrite(HOST_IDTR_BASE, idtr.base);
	vmwrite(HOST_RSP, (uint64_t)(cpu->regs + 16));
	vmwrite(HOST_RIP, (uint64_t)vm_exit);
}

static void write_shared_registers(void)
{
	uint64_t entry = vmread(VM_ENTRY_CONTROLS);

	if (entry & ENTRY_LOAD_CET)
		write_fields(cet_state, sizeof(cet_state) / sizeof(*cet_state));
	if (entry & ENTRY_LOAD_PKRS)
		write_fields(pkrs_state, sizeof(pkrs_state) / sizeof(*pkrs_state));
}

/* Fills the VMCS that cpu_enable_vmx made current. */
void vmcs_create(struct cpu *cpu)
{
	write_controls(cpu);
	write_execution_fields(cpu);
	write_host_state(cpu);
	write_shared_registers();
	reset_guest(cpu);
}
