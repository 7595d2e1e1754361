/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* CET in L2: what entries load and exits save and load (SDM 26.3.2, 27.3.1, 27.5.2), and what it then does (volume 1, chapter 17). */
#include "exit.h"

CODE(q_rdmsr, "rdmsr\nshlq $32, %rdx\norq %rdx, %rax");
CODE(q_wrmsr, "wrmsr");
CODE(q_rdssp, "xorl %eax, %eax\n.byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8");	/* rdsspq %rax */
CODE(q_call, "call 1f\nnop\n1:");
CODE(q_call_next, "call 1f\n1:");
CODE(q_call_ret, "call 1f\njmp 2f\n1: ret\n2:");
CODE(q_bad_ret, "call 1f\nnop\n1: addq $1, (%rsp)\nret");
CODE(q_indirect, "leaq 1f(%rip), %rax\njmp *%rax\n1:");
CODE(q_indirect_endbr, "leaq 1f(%rip), %rax\njmp *%rax\n1: .byte 0xf3, 0x0f, 0x1e, 0xfa");
CODE(q_notrack, "leaq 1f(%rip), %rax\n.byte 0x3e\njmp *%rax\n1:");

enum { SH_STK = 1, ENDBR = 4, NO_TRACK = 16, SUPPRESS = 0x400, TRACKER = 0x800 };
#define ENTRY ENTRY_LOAD_CET
#define EXIT EXIT_LOAD_CET
enum fault { NO_FAULT, NEAR_RET = 1, ENDBRANCH = 3 };	/* error codes of #CP */

static u64 stack;	/* linear address of the end of L2's shadow stack */
static u64 *frames;

static bool prepare(const u8 *code, u64 s_cet, u32 entry, u32 exit)
{
	struct exit_row row = { "", code, { .entry = entry, .exit = exit } };

	if (!exit_prepare_open(&row))
		return false;
	vmwrite(GUEST_CR4, vmread(GUEST_CR4) | CR4_CET);
	vmwrite_try(GUEST_S_CET, s_cet);
	vmwrite_try(GUEST_SSP, stack);
	vmwrite_try(GUEST_SSP_TABLE, 0x123456789000);
	vmwrite_try(HOST_S_CET, NO_TRACK);
	vmwrite_try(HOST_SSP, 0);
	vmwrite_try(HOST_SSP_TABLE, 0x23456789a000);
	return true;
}

static void forget(void)
{
	wrmsr(MSR_S_CET, 0);
	wrmsr(MSR_SSP_TABLE, 0);
}

static u64 read_in_l2(u32 msr, u32 entry, u32 exit)
{
	prepare(q_rdmsr, NO_TRACK | SUPPRESS, entry, exit);
	guest.regs.rcx = msr;
	guest_run();
	return guest.regs.rax;
}

static void loaded(void)
{
	check_number("entry.s_cet", read_in_l2(MSR_S_CET, ENTRY, EXIT), NO_TRACK | SUPPRESS);
	check_number("exit.s_cet", rdmsr(MSR_S_CET), NO_TRACK);
	check_number("entry.ssp_table", read_in_l2(MSR_SSP_TABLE, ENTRY, EXIT), 0x123456789000);
	check_number("exit.ssp_table", rdmsr(MSR_SSP_TABLE), 0x23456789a000);
	wrmsr(MSR_S_CET, 2);
	check_number("entry_off.s_cet", read_in_l2(MSR_S_CET, 0, EXIT), 2);
	check_number("entry_off.exit_loads", rdmsr(MSR_S_CET), NO_TRACK);
	check_number("exit_off.entry_loads", read_in_l2(MSR_S_CET, ENTRY, 0), NO_TRACK | SUPPRESS);
	check_number("exit_off.s_cet", rdmsr(MSR_S_CET), NO_TRACK | SUPPRESS);
	wrmsr(MSR_S_CET, 2);
	check_number("both_off.s_cet", read_in_l2(MSR_S_CET, 0, 0), 2);
	check_number("both_off.kept", rdmsr(MSR_S_CET), 2);
	prepare(q_rdssp, SH_STK, ENTRY, EXIT);
	check("entry.ssp", guest_run(), RUNS);
	check_number("entry.ssp_value", guest.regs.rax - stack, 0);
	forget();
}

/* 27.3.1: saved where an entry can load it, whether this one did or not. */
static void saved(void)
{
	static const struct { const char *name; u32 entry, exit; } with[] = { { "saved.both", ENTRY, EXIT }, { "saved.entry", ENTRY, 0 },
		{ "saved.exit", 0, EXIT }, { "saved.neither", 0, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(with); i++) {
		prepare(q_wrmsr, 0, with[i].entry, with[i].exit);
		guest.regs.rcx = MSR_S_CET;
		guest.regs.rax = NO_TRACK | 2;
		check(with[i].name, guest_run(), RUNS);
		check_number(text("%s.value", with[i].name), vmread(GUEST_S_CET), NO_TRACK | 2);
		check_number(text("%s.now", with[i].name), rdmsr(MSR_S_CET), with[i].exit ? NO_TRACK : NO_TRACK | 2);
		forget();
	}
}

/* How L2 ends up, and what became of SSP. */
static void behaviour(const char *id, const u8 *code, u64 s_cet, enum fault fault, s32 ssp)
{
	const char *got, *want = fault ? text("exit 0 %llx err=%x", INTR_VALID | INTR_HARD_EXCEPTION | INTR_DELIVER_ERROR | VEC_CP, fault) : RUNS;

	prepare(code, s_cet, ENTRY, EXIT);
	got = guest_run();
	if (vmread(EXIT_REASON) == R_EXCEPTION_NMI)
		got = text("exit 0 %lx err=%lx", vmread(EXIT_INTR_INFO), vmread(EXIT_INTR_ERROR));
	check(id, text("%s ssp=%d", got, (s32)(vmread(GUEST_SSP) - stack)), text("%s ssp=%d", want, ssp));
	forget();
}

static void at_work(void)
{
	behaviour("stack.off", q_call, 0, NO_FAULT, 0);
	behaviour("stack.call", q_call, SH_STK, NO_FAULT, -8);
	check_true("stack.frame", frames[511] == phys(q_call) + 5);
	behaviour("stack.call_next", q_call_next, SH_STK, NO_FAULT, 0);	/* which only asks for RIP */
	behaviour("stack.call_ret", q_call_ret, SH_STK, NO_FAULT, 0);
	behaviour("stack.bad_ret", q_bad_ret, SH_STK, NEAR_RET, -8);
	behaviour("branch.off", q_indirect, 0, NO_FAULT, 0);
	behaviour("branch.endbr", q_indirect_endbr, ENDBR, NO_FAULT, 0);
	behaviour("branch.none", q_indirect, ENDBR, ENDBRANCH, 0);
	behaviour("branch.notrack", q_notrack, ENDBR | NO_TRACK, NO_FAULT, 0);
	behaviour("branch.notrack_off", q_notrack, ENDBR, ENDBRANCH, 0);
	behaviour("branch.suppressed", q_indirect, ENDBR | SUPPRESS, NO_FAULT, 0);
	behaviour("branch.tracker_at_entry", q_call, ENDBR | TRACKER, ENDBRANCH, 0);
}

void conform_cet(void)
{
	theme("cet");
	exit_begin();
	if (!(caps.cr4_fixed1 & CR4_CET) || !can(caps.entry, ENTRY) || !can(caps.exit, EXIT)) {
		skip("cet", "CET");
		return;
	}
	frames = page_alloc();
	stack = window_map(0, phys(frames), PTE_P | PTE_AD) + PAGE_SIZE;
	loaded();
	saved();
	at_work();
}
