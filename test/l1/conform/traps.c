/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The monitor trap flag (SDM 25.5.2, 26.7.8), and error codes that the VMM chooses (IA32_VMX_BASIC[56], 26.2.1.3). */
#include "exit.h"

CODE(y_nop, "nop\nnop");
CODE(y_cpuid, "cpuid");
CODE(y_ud2, "ud2");
CODE(y_int3, "int3");
CODE(y_int20, "int $0x20");
CODE(y_hlt, "hlt");
CODE(y_rep, "movl $3, %ecx\nleaq probe(%rip), %rdi\nrep stosb");
CODE(y_mov_ss, "movl %ecx, %ss\nnop");
CODE(y_sti, "sti\nnop");
CODE(y_jmp, "jmp 1f\nnop\n1: nop");
CODE(y_pushf, "pushfq\npopfq");

#define NO_EXCEPTIONS { EXCEPTION_BITMAP, SET, 0 }
#define ON(reason_, skip_) .reason = reason_, .skip = skip_
#define MTF { .proc = PROC_MTF, .change = { NO_EXCEPTIONS } }

static const struct exit_row rows[] = {
	{ "nop", y_nop, MTF, ON(R_MTF, 1) },
	{ "jmp", y_jmp, MTF, ON(R_MTF, 3) },
	{ "pushf", y_pushf, MTF, ON(R_MTF, 1) },
	{ "mov_ss", y_mov_ss, MTF, .rcx = SEL_DATA, ON(R_MTF, 2) },
	{ "sti", y_sti, MTF, ON(R_MTF, 1) },
	{ "user", y_nop, { .start = USER, .proc = PROC_MTF, .change = { NO_EXCEPTIONS } }, ON(R_MTF, 1) },
	{ "compatibility", y_nop, { .start = COMPAT, .proc = PROC_MTF, .change = { NO_EXCEPTIONS } }, ON(R_MTF, 1) },
	{ "protected", y_nop, { .start = PROTECTED, .proc = PROC_MTF, .change = { NO_EXCEPTIONS } }, ON(R_MTF, 1) },
	{ "real", y_nop, { .start = REAL, .proc = PROC_MTF, .change = { NO_EXCEPTIONS } }, ON(R_MTF, 1) },
	{ "v86", y_nop, { .start = V86, .proc = PROC_MTF, .change = { NO_EXCEPTIONS } }, ON(R_MTF, 1) },
	{ "exit_comes_first", y_cpuid, MTF, ON(R_CPUID, 0) },
	{ "fault_exits", y_ud2, { .proc = PROC_MTF }, UNDEFINED },
	{ "injected", y_nop, { .proc = PROC_MTF, .change = { { ENTRY_INTR_INFO, SET, INTR_VALID | INTR_OTHER } } }, ON(R_MTF, 0) },
	{ "injected_alone", y_nop, { .change = { { ENTRY_INTR_INFO, SET, INTR_VALID | INTR_OTHER } } }, ON(R_MTF, 0) },
	{ "injected_blocked", y_nop, { .change = { { ENTRY_INTR_INFO, SET, INTR_VALID | INTR_OTHER },
	  { GUEST_INTERRUPTIBILITY, SET, BLOCK_MOV_SS } } }, ON(R_MTF, 0) },
};

/* After an event is delivered, by injection or by the instruction: before the handler's first instruction. */
static void at_the_handler(const char *id, const u8 *code, u32 event, u32 length, unsigned vector)
{
	struct exit_row row = { "", code, MTF };

	exit_prepare(&row);
	vmwrite(ENTRY_INTR_INFO, event);
	vmwrite(ENTRY_INSTRUCTION_LENGTH, length);
	if ((event & 0x700) == INTR_EXTERNAL && event)
		vmwrite(GUEST_RFLAGS, FLAGS_FIXED | FLAGS_IF);
	guest_run();
	check(id, text("exit %lu at %lx", vmread(EXIT_REASON),
		       vmread(GUEST_RIP) - (guest_idt[vector].offset_low | (u64)guest_idt[vector].offset_mid << 16)), "exit 37 at 0");
}

static void handlers(void)
{
	at_the_handler("handler.ud", y_ud2, 0, 0, VEC_UD);
	at_the_handler("handler.int3", y_int3, 0, 0, VEC_BP);
	at_the_handler("handler.int", y_int20, 0, 0, 0x20);
	at_the_handler("handler.external", y_nop, INTR_VALID | INTR_EXTERNAL | 0x30, 0, 0x30);
	at_the_handler("handler.nmi", y_nop, INTR_VALID | INTR_NMI | VEC_NMI, 0, VEC_NMI);
	at_the_handler("handler.exception", y_nop, INTR_VALID | INTR_HARD_EXCEPTION | VEC_DE, 0, VEC_DE);
	at_the_handler("handler.soft_interrupt", y_nop, INTR_VALID | INTR_SOFT_INTERRUPT | 0x31, 2, 0x31);
	at_the_handler("handler.soft_exception", y_nop, INTR_VALID | INTR_SOFT_EXCEPTION | VEC_BP, 1, VEC_BP);
	at_the_handler("handler.icebp", y_nop, INTR_VALID | INTR_PRIV_EXCEPTION | VEC_DB, 1, VEC_DB);
}

/* One iteration of a string instruction is a step; HLT is one, and its state is saved. */
static void steps(void)
{
	static const struct exit_row rep = { "", y_rep, MTF }, hlt = { "", y_hlt, MTF };
	unsigned exits = 0;

	exit_prepare(&rep);
	while (exits < 10 && guest_run() && vmread(EXIT_REASON) == R_MTF)
		exits++;
	check_number("rep.steps", exits, 5);
	exit_prepare(&hlt);
	check("hlt", guest_run(), "exit 37 q=0");
	check_number("hlt.activity", vmread(GUEST_ACTIVITY), ACT_HLT);
	check_number("hlt.rip", vmread(GUEST_RIP) - phys(y_hlt), 1);
}

/* Each exception with an error code and without, into a handler: the frame has what was asked for. */
static void chosen_error_codes(void)
{
	static const struct exit_row row = { "", y_nop };

	if (!(caps.basic & BIT(56))) {
		skip("error", "error codes of the VMM's choice");
		return;
	}
	for (unsigned i = 0; i < 2 * 32; i++) {
		unsigned vector = i / 2;
		bool error = i & 1;
		u64 rsp;

		if (vector == VEC_NMI)
			continue;
		exit_prepare(&row);
		vmwrite(EXCEPTION_BITMAP, 0);
		vmwrite(ENTRY_INTR_INFO, INTR_VALID | INTR_HARD_EXCEPTION | vector | (error ? INTR_DELIVER_ERROR : 0));
		vmwrite(ENTRY_ERROR_CODE, 0x1248);
		guest_run();
		rsp = vmread(GUEST_RSP);
		check(text("error.%u.%s", vector, error ? "with" : "without"), text("exit %lu eax=%x frame=%lu error=%lx", vmread(EXIT_REASON),
		      (u32)guest.regs.rax, (u64)guest_stack + sizeof(guest_stack) - rsp, error ? *(u64 *)rsp : 0),
		      text("exit 18 eax=%x frame=%u error=%x", vector, error ? 48u : 40u, error ? 0x1248u : 0));
	}
}

void conform_traps(void)
{
	exit_begin();
	theme("mtf");
	if (can(caps.proc, PROC_MTF)) {
		exit_rows(rows, ARRAY_SIZE(rows));
		handlers();
		steps();
	} else {
		skip("mtf", "monitor trap flag");
	}
	theme("chosen");
	chosen_error_codes();
}
