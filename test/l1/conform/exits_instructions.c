/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 25.1: instructions that cause VM exits, always or by a control. */
#include "exit.h"

CODE(x_cpuid, "cpuid");
CODE(x_invd, "invd");
CODE(x_vmcall, "");
CODE(x_vmclear, "vmclear (%rdx)");
CODE(x_vmptrld, "vmptrld (%rdx)");
CODE(x_vmptrst, "vmptrst (%rdx)");
CODE(x_vmxon, "vmxon (%rdx)");
CODE(x_vmread, "vmread %rax, %rbx");
CODE(x_vmwrite, "vmwrite %rax, %rbx");
CODE(x_vmlaunch, "vmlaunch");
CODE(x_vmresume, "vmresume");
CODE(x_vmxoff, "vmxoff");
CODE(x_invept, "invept (%rdx), %rax");
CODE(x_invvpid, "invvpid (%rdx), %rax");
CODE(x_vmfunc, "vmfunc");
CODE(x_xsetbv, "xsetbv");
CODE(x_rsm, "rsm");
CODE(x_hlt, "hlt");
CODE(x_invlpg, "invlpg (%rdx)");
CODE(x_rdpmc, "rdpmc");
CODE(x_rdtsc, "rdtsc");
CODE(x_rdtscp, "rdtscp");
CODE(x_mwait, "mwait");
CODE(x_monitor, "monitor");
CODE(x_pause, "pause");
CODE(x_wbinvd, "wbinvd");
CODE(x_rdrand, "rdrand %rbx");
CODE(x_rdseed, "rdseed %rbx");
CODE(x_invpcid, "invpcid (%rdx), %rax");
CODE(x_rdmsr, "rdmsr");
CODE(x_wrmsr, "wrmsr");
CODE(x_sti_cpuid, "sti\ncpuid");
CODE(x_nop_cpuid, "nop\nnop\nnop\ncpuid");
CODE(x_prefix_cpuid, ".byte 0x66, 0xf2, 0x40\ncpuid");
CODE16(x16_cpuid, "cpuid");
CODE16(x16_vmclear, "vmclear (%bx)");
CODE16(x16_vmcall, "");
CODE16(x16_hlt, "hlt");

static const struct exit_row unconditional[] = {
	{ "cpuid", x_cpuid, .reason = R_CPUID, .length = 2 },
	{ "cpuid.user", x_cpuid, { .start = USER }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.compatibility", x_cpuid, { .start = COMPAT }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.protected", x_cpuid, { .start = PROTECTED }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.pae", x_cpuid, { .start = PAE }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.plain", x_cpuid, { .start = PLAIN }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.real", x16_cpuid, { .start = REAL }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.v86", x16_cpuid, { .start = V86 }, .reason = R_CPUID, .length = 2 },
	{ "cpuid.later", x_nop_cpuid, .reason = R_CPUID, .length = 2, .skip = 3 },
	{ "cpuid.prefixes", x_prefix_cpuid, .reason = R_CPUID, .length = 5 },
	{ "invd", x_invd, .reason = R_INVD, .length = 2 },
	{ "invd.user", x_invd, { .start = USER }, FAULT(VEC_GP, 0) },
	{ "vmcall", x_vmcall, .reason = R_VMCALL, .length = 3 },
	{ "vmcall.user", x_vmcall, { .start = USER }, .reason = R_VMCALL, .length = 3 },
	{ "vmcall.compatibility", x_vmcall, { .start = COMPAT }, .reason = R_VMCALL, .length = 3 },
	{ "vmcall.protected", x_vmcall, { .start = PROTECTED }, .reason = R_VMCALL, .length = 3 },
	{ "vmcall.real", x16_vmcall, { .start = REAL }, .reason = R_VMCALL, .length = 3 },
	{ "vmcall.v86", x16_vmcall, { .start = V86 }, .reason = R_VMCALL, .length = 3 },
	{ "vmclear", x_vmclear, .reason = R_VMCLEAR, .length = 4 },
	{ "vmclear.user", x_vmclear, { .start = USER }, .reason = R_VMCLEAR, .length = 4 },
	{ "vmclear.protected", x_vmclear, { .start = PROTECTED }, .reason = R_VMCLEAR, .length = 4 },
	{ "vmclear.compatibility", x_vmclear, { .start = COMPAT }, UNDEFINED },
	{ "vmclear.real", x16_vmclear, { .start = REAL }, UNDEFINED },
	{ "vmclear.v86", x16_vmclear, { .start = V86 }, UNDEFINED },
	{ "vmptrld", x_vmptrld, .reason = R_VMPTRLD, .length = 3 },
	{ "vmptrld.compatibility", x_vmptrld, { .start = COMPAT }, UNDEFINED },
	{ "vmptrst", x_vmptrst, .reason = R_VMPTRST, .length = 3 },
	{ "vmxon", x_vmxon, .reason = R_VMXON, .length = 4 },
	{ "vmxon.user", x_vmxon, { .start = USER }, .reason = R_VMXON, .length = 4 },
	{ "vmread", x_vmread, .reason = R_VMREAD, .length = 3 },
	{ "vmread.user", x_vmread, { .start = USER }, .reason = R_VMREAD, .length = 3 },
	{ "vmread.compatibility", x_vmread, { .start = COMPAT }, UNDEFINED },
	{ "vmwrite", x_vmwrite, .reason = R_VMWRITE, .length = 3 },
	{ "vmlaunch", x_vmlaunch, .reason = R_VMLAUNCH, .length = 3 },
	{ "vmlaunch.user", x_vmlaunch, { .start = USER }, .reason = R_VMLAUNCH, .length = 3 },
	{ "vmlaunch.compatibility", x_vmlaunch, { .start = COMPAT }, UNDEFINED },
	{ "vmresume", x_vmresume, .reason = R_VMRESUME, .length = 3 },
	{ "vmxoff", x_vmxoff, .reason = R_VMXOFF, .length = 3 },
	{ "vmxoff.compatibility", x_vmxoff, { .start = COMPAT }, UNDEFINED },
	{ "invept", x_invept, .reason = R_INVEPT, .length = 5 },
	{ "invept.user", x_invept, { .start = USER }, .reason = R_INVEPT, .length = 5 },
	{ "invept.compatibility", x_invept, { .start = COMPAT }, UNDEFINED },
	{ "invvpid", x_invvpid, .reason = R_INVVPID, .length = 5 },
	{ "vmfunc.off", x_vmfunc, UNDEFINED },
	{ "xsetbv", x_xsetbv, { .change = { { GUEST_CR4, OR, CR4_OSXSAVE } } }, .rax = 1, .reason = R_XSETBV, .length = 3 },
	{ "xsetbv.no_osxsave", x_xsetbv, .rax = 1, UNDEFINED },
	{ "rsm", x_rsm, UNDEFINED },
};

#define PROC(bits) { .proc = (u32)(bits) }
#define PROC2(bits) { .proc2 = (u32)(bits) }
#define USER_PROC(bits) { .start = USER, .proc = (u32)(bits) }
#define ON(reason_, length_) .reason = reason_, .length = length_
#define PASSES(skip_) .reason = R_VMCALL, .skip = skip_

static const struct exit_row conditional[] = {
	{ "hlt", x_hlt, PROC(PROC_HLT_EXITING), ON(R_HLT, 1) },
	{ "hlt.user", x_hlt, USER_PROC(PROC_HLT_EXITING), FAULT(VEC_GP, 0) },
	{ "hlt.real", x16_hlt, { .start = REAL, .proc = PROC_HLT_EXITING }, ON(R_HLT, 1) },
	{ "hlt.v86", x16_hlt, { .start = V86, .proc = PROC_HLT_EXITING }, FAULT(VEC_GP, 0) },
	{ "invlpg", x_invlpg, PROC(PROC_INVLPG_EXITING), .rdx = 0x123456789000, ON(R_INVLPG, 3),
	  .qualification = 0x123456789000 },
	{ "invlpg.offset", x_invlpg, PROC(PROC_INVLPG_EXITING), .rdx = 0x123456789abc, ON(R_INVLPG, 3),
	  .qualification = 0x123456789abc },
	{ "invlpg.protected", x_invlpg, { .start = PROTECTED, .proc = PROC_INVLPG_EXITING }, .rdx = 0xfedcb000,
	  ON(R_INVLPG, 3), .qualification = 0xfedcb000 },
	{ "invlpg.user", x_invlpg, USER_PROC(PROC_INVLPG_EXITING), FAULT(VEC_GP, 0) },
	{ "invlpg.off", x_invlpg, .rdx = 0x1000, PASSES(3) },
	{ "rdpmc", x_rdpmc, PROC(PROC_RDPMC_EXITING), ON(R_RDPMC, 2) },
	{ "rdpmc.user", x_rdpmc, USER_PROC(PROC_RDPMC_EXITING), FAULT(VEC_GP, 0) },
	{ "rdtsc", x_rdtsc, PROC(PROC_RDTSC_EXITING), ON(R_RDTSC, 2) },
	{ "rdtsc.user", x_rdtsc, USER_PROC(PROC_RDTSC_EXITING), ON(R_RDTSC, 2) },
	{ "rdtsc.user_tsd", x_rdtsc, { .start = USER, .proc = PROC_RDTSC_EXITING, .change = { { GUEST_CR4, OR, CR4_TSD } } },
	  FAULT(VEC_GP, 0) },
	{ "rdtsc.off", x_rdtsc, PASSES(2) },
	{ "rdtscp", x_rdtscp, { .proc = PROC_RDTSC_EXITING, .proc2 = PROC2_RDTSCP }, ON(R_RDTSCP, 3) },
	{ "rdtscp.passes", x_rdtscp, PROC2(PROC2_RDTSCP), PASSES(3) },
	{ "rdtscp.disabled", x_rdtscp, PROC(PROC_RDTSC_EXITING), UNDEFINED },
	{ "mwait", x_mwait, PROC(PROC_MWAIT_EXITING), ON(R_MWAIT, 3) },
	{ "mwait.user", x_mwait, USER_PROC(PROC_MWAIT_EXITING), UNDEFINED },
	{ "monitor", x_monitor, PROC(PROC_MONITOR_EXITING), .rax = (u64)probe, ON(R_MONITOR, 3) },
	{ "monitor.user", x_monitor, USER_PROC(PROC_MONITOR_EXITING), .rax = (u64)probe, UNDEFINED },
	{ "pause", x_pause, PROC(PROC_PAUSE_EXITING), ON(R_PAUSE, 2) },
	{ "pause.user", x_pause, USER_PROC(PROC_PAUSE_EXITING), ON(R_PAUSE, 2) },
	{ "pause.off", x_pause, PASSES(2) },
	{ "wbinvd", x_wbinvd, PROC2(PROC2_WBINVD_EXITING), ON(R_WBINVD, 2) },
	{ "wbinvd.off", x_wbinvd, PASSES(2) },
	{ "wbinvd.user", x_wbinvd, { .start = USER, .proc2 = PROC2_WBINVD_EXITING }, FAULT(VEC_GP, 0) },
	{ "rdrand", x_rdrand, PROC2(PROC2_RDRAND_EXITING), ON(R_RDRAND, 4), .info = INFO_REG1(RBX) | 2u << 11,
	  .info_mask = MASK_REG1 | 3u << 11 },
	{ "rdrand.off", x_rdrand, PASSES(4) },
	{ "rdseed", x_rdseed, PROC2(PROC2_RDSEED_EXITING), ON(R_RDSEED, 4), .info = INFO_REG1(RBX) | 2u << 11,
	  .info_mask = MASK_REG1 | 3u << 11 },
	{ "rdseed.off", x_rdseed, PASSES(4) },
	{ "invpcid", x_invpcid, { .proc = PROC_INVLPG_EXITING, .proc2 = PROC2_INVPCID }, .rax = 2, .rdx = (u64)probe,
	  ON(R_INVPCID, 5), .info = INFO_ADDRESS(ADDRESS64) | INFO_SEGMENT(SEG_DS) | INFO_NO_INDEX | INFO_BASE(RDX),
	  .info_mask = MASK_MEMORY | MASK_REG2 },
	{ "invpcid.passes", x_invpcid, PROC2(PROC2_INVPCID), .rax = 2, .rdx = (u64)probe, PASSES(5) },
	{ "invpcid.disabled", x_invpcid, PROC(PROC_INVLPG_EXITING), .rax = 2, .rdx = (u64)probe, UNDEFINED },
	{ "rdmsr", x_rdmsr, .rcx = MSR_SYSENTER_CS, ON(R_RDMSR, 2) },
	{ "wrmsr", x_wrmsr, .rcx = MSR_SYSENTER_CS, ON(R_WRMSR, 2) },
	{ "rdmsr.unknown", x_rdmsr, .rcx = 0x12345678, ON(R_RDMSR, 2) },
	{ "wrmsr.unknown", x_wrmsr, .rcx = 0x12345678, ON(R_WRMSR, 2) },
	{ "rdmsr.user", x_rdmsr, { .start = USER }, .rcx = MSR_SYSENTER_CS, FAULT(VEC_GP, 0) },
	{ "sti_shadow", x_sti_cpuid, ON(R_CPUID, 2), .skip = 1 },
};

/* SDM 27.3.4: an exit in the instruction after STI or MOV SS saves the blocking. */
static void blocking_saved(void)
{
	static const struct exit_row row = { "sti", x_sti_cpuid };

	exit_prepare(&row);
	exit_text(&row);
	check_number("blocking.sti", vmread(GUEST_INTERRUPTIBILITY) & 3, BLOCK_STI);
	exit_prepare(&row);
	vmwrite(GUEST_RFLAGS, FLAGS_FIXED | FLAGS_IF);
	exit_text(&row);
	check_number("blocking.sti_again", vmread(GUEST_INTERRUPTIBILITY) & 3, 0);
	exit_prepare(&row);
	vmwrite(GUEST_INTERRUPTIBILITY, BLOCK_NMI);
	exit_text(&row);
	check_number("blocking.nmi", vmread(GUEST_INTERRUPTIBILITY) & BLOCK_NMI, BLOCK_NMI);
	exit_prepare(&row);
	exit_text(&row);
	check_number("blocking.nmi_not", vmread(GUEST_INTERRUPTIBILITY) & BLOCK_NMI, 0);
}

/* SDM 27.5.4: with HLT not exiting, the timer's exit finds the activity state HLT. */
static void halted(void)
{
	static const struct exit_row row = { "hlt.off", x_hlt, .reason = R_PREEMPTION_TIMER, .skip = 1 };

	if (!can(caps.pin, PIN_PREEMPTION_TIMER)) {
		skip("hlt.off", "preemption timer");
		return;
	}
	exit_prepare(&row);
	check("hlt.off", exit_text(&row), exit_want(&row));
	check_number("hlt.activity", vmread(GUEST_ACTIVITY), ACT_HLT);
}

void conform_exits_instructions(void)
{
	theme("exit");
	exit_begin();
	exit_rows(unconditional, ARRAY_SIZE(unconditional));
	exit_rows(conditional, ARRAY_SIZE(conditional));
	blocking_saved();
	halted();
}
