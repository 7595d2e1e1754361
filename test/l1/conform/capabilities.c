/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM appendix A: the capability MSRs must agree with each other. */
#include "conform.h"

static bool subset(u64 a, u64 b) { return !(a & ~b); }
static bool implies(bool a, bool b) { return !a || b; }

static void basic(void)
{
	u32 size = caps.basic >> 32 & 0x1fff;

	check_number("basic.bit31", caps.basic >> 31 & 1, 0);
	check_true("basic.size", size > 0 && size <= 4096);
	check_number("basic.memory_type", caps.basic >> 50 & 15, 6);
	check_number("basic.width_limit", caps.basic >> 48 & 1, 0);
	check_number("basic.reserved", caps.basic & (BIT(45) | BIT(46) | BIT(47)), 0);
	check_number("basic.reserved_high", caps.basic >> 58, 0);
}

/* A.3.1 to A.5: default1 bits, and the TRUE MSRs that may loosen them. */
static void controls(const char *name, u32 msr, u32 true_msr, u32 default1)
{
	u64 plain = rdmsr(msr), real;

	check_true(text("%s.allowed", name), subset((u32)plain, plain >> 32));
	check_true(text("%s.default1_allowed0", name), subset(default1, (u32)plain));
	check_true(text("%s.default1_allowed1", name), subset(default1, plain >> 32));
	if (!caps.has_true) {
		skip(text("true_%s.allowed", name), "TRUE capability MSRs");
		return;
	}
	real = rdmsr(true_msr);
	check_true(text("true_%s.allowed", name), subset((u32)real, real >> 32));
	check_number(text("true_%s.same_allowed1", name), (real ^ plain) >> 32, 0);
	check_true(text("true_%s.looser", name), subset((u32)real, (u32)plain));
	check_true(text("true_%s.only_default1", name), subset((u32)real ^ (u32)plain, default1));
}

static void fixed_bits(void)
{
	check_true("cr0.fixed_agree", subset(caps.cr0_fixed0, caps.cr0_fixed1));
	check_true("cr0.must_be_1", subset(CR0_PE | CR0_NE | CR0_PG, caps.cr0_fixed0));
	check_true("cr0.may_be_1", subset(CR0_PE | CR0_NE | CR0_PG | CR0_WP | CR0_AM | CR0_TS, caps.cr0_fixed1));
	check_number("cr0.high", caps.cr0_fixed1 >> 32, 0);
	check_true("cr4.fixed_agree", subset(caps.cr4_fixed0, caps.cr4_fixed1));
	check_true("cr4.must_be_1", subset(CR4_VMXE, caps.cr4_fixed0));
	check_true("cr4.may_be_1", subset(CR4_PAE | CR4_PSE | CR4_PGE | CR4_DE, caps.cr4_fixed1));
	check_true("cr0.now", subset(caps.cr0_fixed0, read_cr0()) && subset(read_cr0(), caps.cr0_fixed1));
	check_true("cr4.now", subset(caps.cr4_fixed0, read_cr4()) && subset(read_cr4(), caps.cr4_fixed1));
}

static void misc(void)
{
	bool unrestricted = can(caps.proc2, PROC2_UNRESTRICTED);

	check_number("misc.reserved", caps.misc & (BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(31)), 0);
	check_true("misc.store_lma", implies(unrestricted, caps.misc & BIT(5)));
	check_number("misc.cr3_targets", caps.misc >> 16 & 0x1ff, 4);
	check_number("vmcs_enum.reserved", caps.vmcs_enum & ~0x3feull, 0);
	check_number("feature_control.locked_and_on", rdmsr(MSR_FEATURE_CONTROL) & 5, 5);
}

static bool offered2(u64 bits) { return can(caps.proc, PROC_SECONDARY) && can(caps.proc2, bits); }

/* A control that a check of SDM 26.2.1.1 ties to another must not be offered without it. */
static void dependencies(void)
{
	bool ept = offered2(PROC2_EPT), tpr = can(caps.proc, PROC_TPR_SHADOW);

	check_true("needs.unrestricted_ept", implies(offered2(PROC2_UNRESTRICTED), ept));
	check_true("needs.pml_ept", implies(offered2(PROC2_PML), ept && caps.ept_vpid & BIT(21)));
	check_true("needs.mode_based_ept", implies(offered2(PROC2_MODE_BASED_EXECUTE), ept));
	check_true("needs.virtual_nmis", implies(can(caps.pin, PIN_VIRTUAL_NMIS), can(caps.pin, PIN_NMI_EXITING)));
	check_true("needs.nmi_window", implies(can(caps.proc, PROC_NMI_WINDOW), can(caps.pin, PIN_VIRTUAL_NMIS)));
	check_true("needs.x2apic", implies(offered2(PROC2_X2APIC_MODE), tpr));
	check_true("needs.apic_registers", implies(offered2(PROC2_APIC_REGISTERS), tpr));
	check_true("needs.virtual_interrupts", implies(offered2(PROC2_VIRTUAL_INTERRUPTS), tpr));
	check_true("needs.posted_interrupts", implies(can(caps.pin, PIN_POSTED_INTERRUPTS),
		   offered2(PROC2_VIRTUAL_INTERRUPTS) && can(caps.exit, EXIT_ACK_INTERRUPT)));
	check_true("needs.save_timer", implies(can(caps.exit, EXIT_SAVE_TIMER), can(caps.pin, PIN_PREEMPTION_TIMER)));
	check_true("needs.vmfunc_msr", implies(caps.vmfunc & 1, offered2(PROC2_VMFUNC) && ept));
	check_number("proc2.low_half", (u32)caps.proc2, 0);
	check_true("both.efer", can(caps.exit, EXIT_LOAD_EFER) == can(caps.entry, ENTRY_LOAD_EFER));
	check_true("both.pat", can(caps.exit, EXIT_LOAD_PAT) == can(caps.entry, ENTRY_LOAD_PAT));
	check_true("both.guest_host_64", can(caps.exit, EXIT_HOST_64) && can(caps.entry, ENTRY_GUEST_64));
}

static void ept_vpid(void)
{
	u64 c = caps.ept_vpid;

	if (!offered2(PROC2_EPT)) {
		skip("ept", "EPT");
		return;
	}
	check_true("ept.walk4", c & BIT(6));
	check_true("ept.memory_type", c & (BIT(8) | BIT(14)));
	check_true("ept.invept_types", implies(c & BIT(20), c & (BIT(25) | BIT(26))));
	check_true("ept.invept_needed", implies(c & (BIT(25) | BIT(26)), c & BIT(20)));
	check_true("ept.1g_needs_2m", implies(c & BIT(17), c & BIT(16)));
	check_number("ept.reserved", c & (BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(9) | BIT(10)), 0);
	check_true("vpid.invvpid_types", implies(c & BIT(32), c & (15ull << 40)));
	check_true("vpid.invvpid_needed", implies(c & (15ull << 40), c & BIT(32)));
}

static const char *wrmsr_try(u32 msr, u64 v)
{
	trap_begin();
	asm volatile(TRY("wrmsr") : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "r11", "memory");
	trap_end();
	return trap_text(trap_last.vector, trap_last.error);
}

/* Appendix A: the capability MSRs are read-only; a locked IA32_FEATURE_CONTROL cannot be written. */
static void read_only(void)
{
	for (u32 m = MSR_VMX_BASIC; m <= MSR_VMX_VMFUNC; m++)
		check(text("wrmsr.%x", m), wrmsr_try(m, 0), "#GP(0)");
	check("wrmsr.3a", wrmsr_try(MSR_FEATURE_CONTROL, 5), "#GP(0)");
}

void conform_capabilities(void)
{
	theme("cap");
	basic();
	controls("pin", MSR_VMX_PINBASED, MSR_VMX_TRUE_PINBASED, 0x16);
	controls("proc", MSR_VMX_PROCBASED, MSR_VMX_TRUE_PROCBASED, 0x0401e172);
	controls("exit", MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT, 0x36dff);
	controls("entry", MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY, 0x11ff);
	fixed_bits();
	misc();
	dependencies();
	ept_vpid();
	read_only();
}
