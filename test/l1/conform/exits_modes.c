/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * SDM 25.1: what each instruction does in each mode of L2, with its control on and off.  #UD, and faults of the privilege level, come
 * before a VM exit (25.1.1), but for MOV DR (25.1.3).
 */
#include "exit.h"

CODE(o_cpuid, "cpuid");
CODE(o_invd, "invd");
CODE(o_vmcall, "vmcall");
CODE(o_vmclear, "vmclear (%rdx)");
CODE(o_vmptrld, "vmptrld (%rdx)");
CODE(o_vmptrst, "vmptrst (%rdx)");
CODE(o_vmxon, "vmxon (%rdx)");
CODE(o_vmread, "vmread %rax, (%rdx)");
CODE(o_vmwrite, "vmwrite (%rdx), %rax");
CODE(o_vmlaunch, "vmlaunch");
CODE(o_vmresume, "vmresume");
CODE(o_vmxoff, "vmxoff");
CODE(o_invept, "invept (%rdx), %rax");
CODE(o_invvpid, "invvpid (%rdx), %rax");
CODE(o_vmfunc, "vmfunc");
CODE(o_xsetbv, "xsetbv");
CODE(o_rsm, "rsm");
CODE(o_ud2, "ud2");
CODE(o_hlt, "hlt");
CODE(o_invlpg, "invlpg (%rdx)");
CODE(o_rdpmc, "rdpmc");
CODE(o_rdtsc, "rdtsc");
CODE(o_rdtscp, "rdtscp");
CODE(o_mwait, "mwait");
CODE(o_monitor, "monitor");
CODE(o_pause, "pause");
CODE(o_wbinvd, "wbinvd");
CODE(o_rdrand, "rdrand %ebx");
CODE(o_rdseed, "rdseed %ebx");
CODE(o_invpcid, "invpcid (%rdx), %rax");
CODE(o_rdmsr, "rdmsr");
CODE(o_wrmsr, "wrmsr");
CODE(o_load_cr3, "movq %rax, %cr3");
CODE(o_store_cr3, "movq %cr3, %rax");
CODE(o_load_dr0, "movq %rax, %db0");
CODE(o_store_dr0, "movq %db0, %rax");
CODE(o_in, "inb %dx, %al");
CODE(o_out, "outb %al, %dx");
CODE(o_sgdt, "sgdt (%rdx)");
CODE(o_sidt, "sidt (%rdx)");
CODE(o_lgdt, "lgdt (%rdx)");
CODE(o_lidt, "lidt (%rdx)");
CODE(o_sldt, "sldt %eax");
CODE(o_str, "str %eax");
CODE(o_lldt, "lldt %ax");
CODE(o_ltr, "ltr %ax");

enum outcome { EXITS, GP, UD };

/* `passes`: it can be let run in each mode where it does not fault. */
static const struct instruction {
	const char *name;
	const u8 *code;
	u8 length, reason, user, v86, real, compatibility;
	bool passes;
	u32 proc, proc2, needs2;
	u64 qualification;
} instructions[] = {
#define ALWAYS EXITS, EXITS, EXITS, EXITS, false
#define NEVER UD, UD, UD, UD, false
#define VMX_ONLY EXITS, UD, UD, UD, false	/* not recognised outside protected mode, and in compatibility mode (30.3) */
#define PRIVILEGED(passes_) GP, GP, EXITS, EXITS, passes_
#define ANYONE(passes_) EXITS, EXITS, EXITS, EXITS, passes_
	{ "cpuid", o_cpuid, 2, R_CPUID, ALWAYS },
	{ "invd", o_invd, 2, R_INVD, PRIVILEGED(false) },
	{ "vmcall", o_vmcall, 3, R_VMCALL, ALWAYS },
	{ "vmclear", o_vmclear, 4, R_VMCLEAR, VMX_ONLY },
	{ "vmptrld", o_vmptrld, 3, R_VMPTRLD, VMX_ONLY },
	{ "vmptrst", o_vmptrst, 3, R_VMPTRST, VMX_ONLY },
	{ "vmxon", o_vmxon, 4, R_VMXON, VMX_ONLY },
	{ "vmread", o_vmread, 3, R_VMREAD, VMX_ONLY },
	{ "vmwrite", o_vmwrite, 3, R_VMWRITE, VMX_ONLY },
	{ "vmlaunch", o_vmlaunch, 3, R_VMLAUNCH, VMX_ONLY },
	{ "vmresume", o_vmresume, 3, R_VMRESUME, VMX_ONLY },
	{ "vmxoff", o_vmxoff, 3, R_VMXOFF, VMX_ONLY },
	{ "invept", o_invept, 5, R_INVEPT, VMX_ONLY },
	{ "invvpid", o_invvpid, 5, R_INVVPID, VMX_ONLY },
	{ "xsetbv", o_xsetbv, 3, R_XSETBV, PRIVILEGED(false) },
	{ "rdmsr", o_rdmsr, 2, R_RDMSR, PRIVILEGED(false) },
	{ "wrmsr", o_wrmsr, 2, R_WRMSR, PRIVILEGED(false) },
	{ "hlt", o_hlt, 1, R_HLT, PRIVILEGED(false), PROC_HLT_EXITING },
	{ "invlpg", o_invlpg, 3, R_INVLPG, PRIVILEGED(true), PROC_INVLPG_EXITING },
	{ "rdpmc", o_rdpmc, 2, R_RDPMC, PRIVILEGED(false), PROC_RDPMC_EXITING },
	{ "rdtsc", o_rdtsc, 2, R_RDTSC, ANYONE(true), PROC_RDTSC_EXITING },
	{ "rdtscp", o_rdtscp, 3, R_RDTSCP, ANYONE(true), PROC_RDTSC_EXITING, .needs2 = PROC2_RDTSCP },
	{ "mwait", o_mwait, 3, R_MWAIT, UD, UD, EXITS, EXITS, false, PROC_MWAIT_EXITING },
	{ "monitor", o_monitor, 3, R_MONITOR, UD, UD, EXITS, EXITS, false, PROC_MONITOR_EXITING },
	{ "pause", o_pause, 2, R_PAUSE, ANYONE(true), PROC_PAUSE_EXITING },
	{ "wbinvd", o_wbinvd, 2, R_WBINVD, PRIVILEGED(true), .proc2 = PROC2_WBINVD_EXITING },
	{ "rdrand", o_rdrand, 3, R_RDRAND, ANYONE(true), .proc2 = PROC2_RDRAND_EXITING },
	{ "rdseed", o_rdseed, 3, R_RDSEED, ANYONE(true), .proc2 = PROC2_RDSEED_EXITING },
	{ "invpcid", o_invpcid, 5, R_INVPCID, PRIVILEGED(false), PROC_INVLPG_EXITING, .needs2 = PROC2_INVPCID },
	{ "load_cr3", o_load_cr3, 3, R_CR_ACCESS, PRIVILEGED(false), PROC_CR3_LOAD_EXITING, .qualification = 3 },
	{ "store_cr3", o_store_cr3, 3, R_CR_ACCESS, PRIVILEGED(true), PROC_CR3_STORE_EXITING, .qualification = 3 | 1 << 4 },
	{ "load_dr0", o_load_dr0, 3, R_MOV_DR, ALWAYS, PROC_MOV_DR_EXITING },
	{ "store_dr0", o_store_dr0, 3, R_MOV_DR, ALWAYS, PROC_MOV_DR_EXITING, .qualification = 1 << 4 },
	{ "in", o_in, 1, R_IO, PRIVILEGED(false), PROC_UNCONDITIONAL_IO, .qualification = 1 << 3 },
	{ "out", o_out, 1, R_IO, PRIVILEGED(false), PROC_UNCONDITIONAL_IO },
	{ "sgdt", o_sgdt, 3, R_GDTR_IDTR, ANYONE(false), .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "sidt", o_sidt, 3, R_GDTR_IDTR, ANYONE(false), .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "lgdt", o_lgdt, 3, R_GDTR_IDTR, PRIVILEGED(false), .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "lidt", o_lidt, 3, R_GDTR_IDTR, PRIVILEGED(false), .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "sldt", o_sldt, 3, R_LDTR_TR, EXITS, UD, UD, EXITS, true, .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "str", o_str, 3, R_LDTR_TR, EXITS, UD, UD, EXITS, true, .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "lldt", o_lldt, 3, R_LDTR_TR, GP, UD, UD, EXITS, false, .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "ltr", o_ltr, 3, R_LDTR_TR, GP, UD, UD, EXITS, false, .proc2 = PROC2_DESCRIPTOR_TABLE },
	{ "vmfunc", o_vmfunc, 3, R_VMFUNC, NEVER },
	{ "rsm", o_rsm, 2, R_RSM, NEVER },
	{ "ud2", o_ud2, 2, R_RSM, NEVER },
};

#define NO_IO_PERMISSION { GUEST_TR_LIMIT, SET, 0x67 }	/* no room for a bitmap behind the TSS */

static const struct { const char *name; enum start start; } modes[] = { { "long", LONG }, { "plain", PLAIN }, { "user", USER },
	{ "compatibility", COMPAT }, { "protected", PROTECTED }, { "pae", PAE }, { "real", REAL }, { "v86", V86 } };

static enum outcome outcome_in(const struct instruction *in, enum start start)
{
	switch (start) {
	case USER: return (enum outcome)in->user;
	case COMPAT: return (enum outcome)in->compatibility;
	case REAL: return (enum outcome)in->real;
	case V86: return (enum outcome)in->v86;
	default: return in->user == UD && in->compatibility == UD ? UD : EXITS;
	}
}

static void expect(struct exit_row *row, const struct instruction *in, enum outcome outcome, bool on)
{
	if (outcome == EXITS) {
		row->reason = on ? in->reason : R_VMCALL;
		row->qualification = on ? in->qualification : 0;
		row->length = on ? in->length : 3;
		row->skip = on ? 0 : in->length;
		return;
	}
	row->reason = R_EXCEPTION_NMI;
	row->interruption = INTR_VALID | INTR_HARD_EXCEPTION | (outcome == UD ? VEC_UD : VEC_GP | INTR_DELIVER_ERROR);
}

static void one(const struct instruction *in, unsigned mode, bool on)
{
	struct exit_row row = { .code = in->code, .on = { .start = modes[mode].start, .proc = on ? in->proc : 0,
		.proc2 = in->needs2 | (on ? in->proc2 : 0), .change = { { GUEST_CR4, OR, CR4_OSXSAVE }, NO_IO_PERMISSION } } };
	const char *id = text("%s.%s%s", in->name, modes[mode].name, on ? "" : ".off");

	expect(&row, in, outcome_in(in, modes[mode].start), on);
	if (exit_prepare(&row))
		check(id, exit_text(&row), exit_want(&row));
	else
		skip(id, "not offered");
}

void conform_exits_modes(void)
{
	theme("each");
	exit_begin();
	for (unsigned i = 0; i < ARRAY_SIZE(instructions); i++) {
		for (unsigned m = 0; m < ARRAY_SIZE(modes); m++) {
			one(&instructions[i], m, true);
			if (instructions[i].passes)
				one(&instructions[i], m, false);
		}
	}
}
