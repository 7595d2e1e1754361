/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.6: event injection and what may happen right after a VM entry. */
#include "exit.h"

CODE(v_nop, "nop\nnop\nnop");
CODE(v_hlt, "hlt");
CODE(v_sti, "sti\nnop\nnop");
CODE(v_iret, "movq %rsp, %rax\npushq $0x10\npushq %rax\npushq $2\npushq $0x08\nleaq 1f(%rip), %rax\npushq %rax\n"
	     "iretq\n1: nop\nnop");
CODE(v_loop, "1: jmp 1b");

struct injection { const char *id; u32 info, error, length; bool with_if; };

static const struct injection injections[] = {
	{ "external.20", INTR_EXTERNAL | 0x20, .with_if = true },
	{ "external.ff", INTR_EXTERNAL | 0xff, .with_if = true },
	{ "external.10", INTR_EXTERNAL | 0x10, .with_if = true },
	{ "nmi", INTR_NMI | VEC_NMI },
	{ "de", INTR_HARD_EXCEPTION | VEC_DE },
	{ "db", INTR_HARD_EXCEPTION | VEC_DB },
	{ "br", INTR_HARD_EXCEPTION | VEC_BR },
	{ "ud", INTR_HARD_EXCEPTION | VEC_UD },
	{ "nm", INTR_HARD_EXCEPTION | VEC_NM },
	{ "df", INTR_HARD_EXCEPTION | VEC_DF | INTR_DELIVER_ERROR },
	{ "ts", INTR_HARD_EXCEPTION | VEC_TS | INTR_DELIVER_ERROR, .error = 0x1234 },
	{ "np", INTR_HARD_EXCEPTION | VEC_NP | INTR_DELIVER_ERROR, .error = 0x5678 },
	{ "ss", INTR_HARD_EXCEPTION | VEC_SS | INTR_DELIVER_ERROR, .error = 0x10 },
	{ "gp", INTR_HARD_EXCEPTION | VEC_GP | INTR_DELIVER_ERROR, .error = 0x7ffb },
	{ "pf", INTR_HARD_EXCEPTION | VEC_PF | INTR_DELIVER_ERROR, .error = 7 },
	{ "mf", INTR_HARD_EXCEPTION | VEC_MF },
	{ "ac", INTR_HARD_EXCEPTION | VEC_AC | INTR_DELIVER_ERROR },
	{ "mc", INTR_HARD_EXCEPTION | VEC_MC },
	{ "xm", INTR_HARD_EXCEPTION | VEC_XM },
	{ "soft.30", INTR_SOFT_INTERRUPT | 0x30, .length = 2 },
	{ "soft.3", INTR_SOFT_INTERRUPT | 3, .length = 2 },
	{ "soft.length15", INTR_SOFT_INTERRUPT | 0x31, .length = 15 },
	{ "icebp", INTR_PRIV_EXCEPTION | VEC_DB, .length = 1 },
	{ "bp", INTR_SOFT_EXCEPTION | VEC_BP, .length = 1 },
	{ "of", INTR_SOFT_EXCEPTION | VEC_OF, .length = 1 },
};

static void inject(const struct injection *in)
{
	vmwrite(ENTRY_INTR_INFO, in->info | INTR_VALID);
	vmwrite(ENTRY_ERROR_CODE, in->error);
	vmwrite(ENTRY_INSTRUCTION_LENGTH, in->length);
	if (in->with_if)
		vmwrite(GUEST_RFLAGS, FLAGS_FIXED | FLAGS_IF);
}

static void check_frame(const struct injection *in, const struct exit_row *row)
{
	u64 rsp = vmread(GUEST_RSP), *stack = (u64 *)rsp, top = (u64)guest_stack + sizeof(guest_stack);
	bool error = in->info & INTR_DELIVER_ERROR, soft = (in->info & 0x700) >= INTR_SOFT_INTERRUPT;

	check_number(text("%s.frame", in->id), top - rsp, error ? 48 : 40);
	if (error)
		check_number(text("%s.pushed_error", in->id), *stack++, in->error);
	check_number(text("%s.pushed_rip", in->id), stack[0] - phys(row->code), soft ? in->length : 0);
	check_number(text("%s.pushed_cs", in->id), stack[1], SEL_CODE64);
	check_number(text("%s.pushed_rflags", in->id), stack[2] & ~BIT(16), FLAGS_FIXED | (in->with_if ? FLAGS_IF : 0));
	check_number(text("%s.pushed_rsp", in->id), stack[3], top);
}

/* Injection goes past the exception bitmap, clears the valid bit, and enters the handler with IF clear. */
static void inject_each(void)
{
	static const struct exit_row row = { "", v_nop };

	for (unsigned i = 0; i < ARRAY_SIZE(injections); i++) {
		const struct injection *in = &injections[i];

		exit_prepare(&row);
		inject(in);
		exit_text(&row);
		check(text("%s.delivered", in->id), text("exit %lu eax=%x", vmread(EXIT_REASON), (u32)guest.regs.rax),
		      text("exit 18 eax=%x", in->info & 0xff));
		check_number(text("%s.valid_bit", in->id), vmread(ENTRY_INTR_INFO), in->info);
		check_number(text("%s.if", in->id), vmread(GUEST_RFLAGS) & FLAGS_IF, 0);
		check_number(text("%s.vectoring", in->id), vmread(IDT_VECTORING_INFO) & INTR_VALID, 0);
		check_frame(in, &row);
	}
}

/*
 * 26.6.1.2, 27.2.4: a fault while the event is delivered reports the event, and EXT but for software events. The
 * exception bitmap is asked about the fault itself, before a double fault could come of it.
 */
static void inject_and_fault(void)
{
	static const struct exit_row row = { "", v_nop };

	for (unsigned i = 0; i < ARRAY_SIZE(injections); i++) {
		const struct injection *in = &injections[i];
		u32 vector = in->info & 0xff, type = in->info & 0x700, length;
		bool soft = type == INTR_SOFT_INTERRUPT || type == INTR_SOFT_EXCEPTION;
		u32 error = vector * 8 + 2 + !soft;

		if (vector == VEC_DF)
			continue;
		exit_prepare(&row);
		vmwrite(GUEST_IDTR_LIMIT, 0);
		inject(in);
		exit_text(&row);
		check(text("%s.fault", in->id), text("exit %lu %lx %lx", vmread(EXIT_REASON), vmread(EXIT_INTR_INFO),
		      vmread(EXIT_INTR_ERROR)), text("exit 0 %x %x", 0x80000b0du, error));
		check_number(text("%s.fault_vectoring", in->id), vmread(IDT_VECTORING_INFO), in->info | INTR_VALID);
		length = (u32)vmread(EXIT_INSTRUCTION_LENGTH);
		if (type >= INTR_SOFT_INTERRUPT)
			check_number(text("%s.fault_length", in->id), length, in->length);
	}
}

/* Software interrupts are subject to the gate's privilege, everything else is not. */
static void inject_privilege(void)
{
	static const struct injection in[] = {
		{ "user.soft_dpl0", INTR_SOFT_INTERRUPT | 0x40, .length = 2 },
		{ "user.soft_exception_dpl0", INTR_SOFT_EXCEPTION | VEC_BP, .length = 1 },
		{ "user.external_dpl0", INTR_EXTERNAL | 0x40, .with_if = true },
		{ "user.nmi_dpl0", INTR_NMI | VEC_NMI } };
	static const struct exit_row row = { "", v_nop, { .start = USER } };

	for (unsigned i = 0; i < ARRAY_SIZE(in); i++) {
		u32 vector = in[i].info & 0xff;
		bool soft = (in[i].info & 0x700) >= INTR_SOFT_INTERRUPT;

		exit_prepare(&row);
		guest_idt[vector].type = 0x8e;
		inject(&in[i]);
		exit_text(&row);
		guest_idt[vector].type = 0xee;
		check(in[i].id, text("exit %lu", vmread(EXIT_REASON)), soft ? "exit 0" : "exit 18");
		if (soft)
			check_number(text("%s.error", in[i].id), vmread(EXIT_INTR_ERROR), vector * 8 + 2);
	}
}

/* Injection into HLT wakes L2. */
static void inject_halted(void)
{
	static const struct injection in[] = { { "halted.external", INTR_EXTERNAL | 0x20, .with_if = true },
		{ "halted.nmi", INTR_NMI | VEC_NMI }, { "halted.db", INTR_HARD_EXCEPTION | VEC_DB },
		{ "halted.mc", INTR_HARD_EXCEPTION | VEC_MC } };
	static const struct exit_row row = { "", v_nop };

	for (unsigned i = 0; i < ARRAY_SIZE(in); i++) {
		exit_prepare(&row);
		vmwrite(GUEST_ACTIVITY, ACT_HLT);
		inject(&in[i]);
		exit_text(&row);
		check(in[i].id, text("exit %lu eax=%x", vmread(EXIT_REASON), (u32)guest.regs.rax),
		      text("exit 18 eax=%x", in[i].info & 0xff));
		check_number(text("%s.activity", in[i].id), vmread(GUEST_ACTIVITY), ACTIVE);
	}
}

#define BLOCKED(n) { GUEST_INTERRUPTIBILITY, SET, n }
#define WITH_IF { GUEST_RFLAGS, OR, FLAGS_IF }
#define WINDOW .proc = PROC_INTERRUPT_WINDOW
#define VNMI .pin = PIN_NMI_EXITING | PIN_VIRTUAL_NMIS
#define ON(reason_, skip_) .reason = reason_, .skip = skip_

static const struct exit_row windows[] = {
	{ "window", v_nop, { WINDOW, .change = { WITH_IF } }, ON(R_INTERRUPT_WINDOW, 0) },
	{ "window.if_clear", v_nop, { WINDOW }, ON(R_VMCALL, 3) },
	{ "window.sti", v_sti, { WINDOW }, ON(R_INTERRUPT_WINDOW, 2) },
	{ "window.sti_blocking", v_nop, { WINDOW, .change = { WITH_IF, BLOCKED(BLOCK_STI) } }, ON(R_INTERRUPT_WINDOW, 1) },
	{ "window.mov_ss_blocking", v_nop, { WINDOW, .change = { WITH_IF, BLOCKED(BLOCK_MOV_SS) } },
	  ON(R_INTERRUPT_WINDOW, 1) },
	{ "window.nmi_blocking", v_nop, { WINDOW, .change = { WITH_IF, BLOCKED(BLOCK_NMI) } }, ON(R_INTERRUPT_WINDOW, 0) },
	{ "window.halted", v_nop, { WINDOW, .change = { WITH_IF, { GUEST_ACTIVITY, SET, ACT_HLT } } },
	  ON(R_INTERRUPT_WINDOW, 0) },
	{ "nmi_window", v_nop, { VNMI, .proc = PROC_NMI_WINDOW }, ON(R_NMI_WINDOW, 0) },
	{ "nmi_window.if_irrelevant", v_nop, { VNMI, .proc = PROC_NMI_WINDOW, .change = { WITH_IF } }, ON(R_NMI_WINDOW, 0) },
	{ "nmi_window.blocked", v_nop, { VNMI, .proc = PROC_NMI_WINDOW, .change = { BLOCKED(BLOCK_NMI) } }, ON(R_VMCALL, 3) },
	{ "nmi_window.mov_ss", v_nop, { VNMI, .proc = PROC_NMI_WINDOW, .change = { BLOCKED(BLOCK_MOV_SS) } },
	  ON(R_NMI_WINDOW, 1) },
	{ "nmi_window.halted", v_nop, { VNMI, .proc = PROC_NMI_WINDOW, .change = { { GUEST_ACTIVITY, SET, ACT_HLT } } },
	  ON(R_NMI_WINDOW, 0) },
	{ "nmi_window.before_interrupt_window", v_nop, { VNMI, .proc = PROC_NMI_WINDOW | PROC_INTERRUPT_WINDOW,
	  .change = { WITH_IF } }, ON(R_NMI_WINDOW, 0) },
	{ "timer.zero", v_nop, { .pin = PIN_PREEMPTION_TIMER, .change = { { PREEMPTION_TIMER_VALUE, SET, 0 } } },
	  ON(R_PREEMPTION_TIMER, 0) },
	{ "timer.zero_halted", v_nop, { .pin = PIN_PREEMPTION_TIMER,
	  .change = { { PREEMPTION_TIMER_VALUE, SET, 0 }, { GUEST_ACTIVITY, SET, ACT_HLT } } }, ON(R_PREEMPTION_TIMER, 0) },
	{ "timer.loop", v_loop, { .pin = PIN_PREEMPTION_TIMER, .change = { { PREEMPTION_TIMER_VALUE, SET, 3 } } },
	  ON(R_PREEMPTION_TIMER, 0) },
	{ "timer.shutdown", v_nop, { .pin = PIN_PREEMPTION_TIMER,
	  .change = { { PREEMPTION_TIMER_VALUE, SET, 3 }, { GUEST_ACTIVITY, SET, ACT_SHUTDOWN } } }, ON(R_PREEMPTION_TIMER, 0) },
	{ "timer.off", v_nop, { .change = { { PIN_CONTROLS, CLEAR, PIN_PREEMPTION_TIMER }, { PREEMPTION_TIMER_VALUE, SET, 0 } } },
	  ON(R_VMCALL, 3) },
	{ "mtf", v_nop, { .proc = PROC_MTF }, ON(R_MTF, 1) },
	{ "pending.bs", v_nop, { .change = { { GUEST_PENDING_DEBUG, SET, BIT(14) } } }, EXCEPTION(VEC_DB),
	  .qualification = BIT(14) },
	{ "pending.b0", v_nop, { .change = { { GUEST_PENDING_DEBUG, SET, BIT(12) | 1 } } }, EXCEPTION(VEC_DB),
	  .qualification = 1 },
	{ "pending.b3_b1", v_nop, { .change = { { GUEST_PENDING_DEBUG, SET, BIT(12) | 10 } } }, EXCEPTION(VEC_DB),
	  .qualification = 10 },
};

static void run(const struct exit_row *row)
{
	exit_prepare(row);
	exit_text(row);
}

/* A processor that keeps NMI blocking from one entry to the next is judged where that is the question, not here. */
static void window_rows(void)
{
	static const struct exit_row iret = { "", v_iret, { VNMI } };

	for (unsigned i = 0; i < ARRAY_SIZE(windows); i++) {
		if (exit_prepare(&iret))
			exit_text(&iret);
		exit_rows(&windows[i], 1);
	}
}

/* 27.5.4, 24.7.1: activity, the timer's value and NMI blocking as the exit saves them. */
static void saved_state(void)
{
	static const struct exit_row halted = { "", v_nop, { WINDOW, .change = { WITH_IF, { GUEST_ACTIVITY, SET, ACT_HLT } } } };
	static const struct exit_row down = { "", v_nop, { .pin = PIN_PREEMPTION_TIMER,
		.change = { { PREEMPTION_TIMER_VALUE, SET, 3 }, { GUEST_ACTIVITY, SET, ACT_SHUTDOWN } } } };
	static const struct exit_row kept = { "", v_loop, { .pin = PIN_PREEMPTION_TIMER,
		.change = { { PREEMPTION_TIMER_VALUE, SET, 3 } } } };
	static const struct exit_row saved = { "", v_loop, { .pin = PIN_PREEMPTION_TIMER, .exit = EXIT_SAVE_TIMER,
		.change = { { PREEMPTION_TIMER_VALUE, SET, 3 } } } };
	static const struct exit_row iret = { "", v_iret, { VNMI, .change = { BLOCKED(BLOCK_NMI) } } };
	static const struct exit_row stays = { "", v_nop, { VNMI, .change = { BLOCKED(BLOCK_NMI) } } };

	run(&halted);
	check_number("saved.hlt", vmread(GUEST_ACTIVITY), ACT_HLT);
	if (can(caps.pin, PIN_PREEMPTION_TIMER)) {
		run(&down);
		check_number("saved.shutdown", vmread(GUEST_ACTIVITY), ACT_SHUTDOWN);
		run(&kept);
		check_number("saved.timer_kept", vmread(PREEMPTION_TIMER_VALUE), 3);
		run(&saved);
		check_number("saved.timer", vmread(PREEMPTION_TIMER_VALUE), can(caps.exit, EXIT_SAVE_TIMER) ? 0 : 3);
	}
	run(&stays);
	check_number("saved.virtual_nmi_blocking", vmread(GUEST_INTERRUPTIBILITY) & BLOCK_NMI, BLOCK_NMI);
	run(&iret);
	check_number("saved.iret_unblocks", vmread(GUEST_INTERRUPTIBILITY) & BLOCK_NMI, 0);
}

/* An injected NMI blocks NMIs, and an injected event comes before the windows and the timer. */
static void order(void)
{
	static const struct injection nmi = { "", INTR_NMI | VEC_NMI }, ud = { "", INTR_HARD_EXCEPTION | VEC_UD };
	static const struct exit_row plain = { "", v_nop, { VNMI } };
	static const struct exit_row timer = { "", v_nop, { .pin = PIN_PREEMPTION_TIMER,
		.change = { { PREEMPTION_TIMER_VALUE, SET, 0 } } } };
	static const struct exit_row window = { "", v_nop, { WINDOW } };
	static const struct exit_row nmi_window = { "", v_nop, { VNMI, .proc = PROC_NMI_WINDOW } };
	struct injection external = { "", INTR_EXTERNAL | 0x20, .with_if = true };

	exit_prepare(&plain);
	inject(&nmi);
	exit_text(&plain);
	check_number("order.nmi_blocks", vmread(GUEST_INTERRUPTIBILITY) & BLOCK_NMI, BLOCK_NMI);
	if (exit_prepare(&timer)) {
		inject(&ud);
		exit_text(&timer);
		check_true("order.event_before_timer", vmread(EXIT_REASON) == R_PREEMPTION_TIMER &&
			   vmread(GUEST_RIP) == (guest_idt[VEC_UD].offset_low | (u64)guest_idt[VEC_UD].offset_mid << 16));
	}
	exit_prepare(&window);
	inject(&external);
	exit_text(&window);
	check("order.interrupt_closes_window", text("exit %lu eax=%x", vmread(EXIT_REASON), (u32)guest.regs.rax),
	      "exit 18 eax=20");
	exit_prepare(&nmi_window);
	inject(&nmi);
	exit_text(&nmi_window);
	check("order.nmi_closes_window", text("exit %lu eax=%x", vmread(EXIT_REASON), (u32)guest.regs.rax), "exit 18 eax=2");
}

void conform_events(void)
{
	theme("event");
	exit_begin();
	inject_each();
	inject_and_fault();
	inject_privilege();
	inject_halted();
	window_rows();
	saved_state();
	order();
}
