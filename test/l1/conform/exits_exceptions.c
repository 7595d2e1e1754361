/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 25.2, 27.2.2, 27.2.3: exceptions that exit, the page-fault filter, and events during which an exit occurs. */
#include "exit.h"

CODE(e_int3, "int3");
CODE(e_icebp, ".byte 0xf1");
CODE(e_ud2, "ud2");
CODE(e_de, "xorl %ecx, %ecx\ndivl %ecx");
CODE(e_gp_noncanonical, "movq (%rdx), %rax");
CODE(e_ss_noncanonical, "movq %rdx, %rbp\nmovq (%rbp), %rax");
CODE(e_gp_selector, "movl %ecx, %ds");
CODE(e_np_selector, "movl %ecx, %ds");
CODE(e_read, "movq (%rdx), %rax");
CODE(e_write, "movq %rax, (%rdx)");
CODE(e_fetch, "jmp *%rdx");
CODE(e_nop, "nop\nnop");
CODE(e_dr7, "movq %rax, %db7");
CODE(e_int20, "int $0x20");
CODE(e_nm, "fninit");
CODE(e_hlt, "hlt");
CODE(e_mov_ss, "movl %ecx, %ss\nnop");
CODE32(e32_into, "movb $0x7f, %al\naddb $1, %al\ninto");
CODE32(e32_bound, "bound %eax, (%edx)");

#define ABSENT 0xc0001000ull	/* not present in L1's and so in L2's paging structures */
#define READ_ONLY 0xc0002000ull
#define SOFT(vector) .reason = R_EXCEPTION_NMI, .interruption = INTR_VALID | INTR_SOFT_EXCEPTION | (vector)

static const struct exit_row exceptions[] = {
	{ "bp", e_int3, SOFT(VEC_BP), .length = 1 },
	{ "bp.user", e_int3, { .start = USER }, SOFT(VEC_BP), .length = 1 },
	{ "db.icebp", e_icebp, .reason = R_EXCEPTION_NMI, .interruption = INTR_VALID | INTR_PRIV_EXCEPTION | VEC_DB,
	  .length = 1 },
	{ "ud", e_ud2, UNDEFINED },
	{ "de", e_de, EXCEPTION(VEC_DE), .skip = 2 },
	{ "gp.noncanonical", e_gp_noncanonical, .rdx = BIT(63), FAULT(VEC_GP, 0) },
	{ "gp.selector", e_gp_selector, .rcx = 0xfff8, FAULT(VEC_GP, 0xfff8) },
	{ "np.selector", e_np_selector, .rcx = SEL_NOT_PRESENT, FAULT(VEC_NP, SEL_NOT_PRESENT) },
	{ "ss.noncanonical", e_ss_noncanonical, .rdx = BIT(63), FAULT(VEC_SS, 0), .skip = 3 },
	{ "ss.null", e_mov_ss, { .start = COMPAT }, .rcx = 0, FAULT(VEC_GP, 0) },
	{ "ss.not_present", e_mov_ss, .rcx = SEL_NOT_PRESENT, FAULT(VEC_SS, SEL_NOT_PRESENT) },
	{ "nm", e_nm, { .change = { { GUEST_CR0, OR, CR0_TS } } }, EXCEPTION(VEC_NM) },
	{ "pf.read", e_read, .rdx = ABSENT + 8, FAULT(VEC_PF, 0), .qualification = ABSENT + 8 },
	{ "pf.write", e_write, .rdx = ABSENT + 8, FAULT(VEC_PF, 2), .qualification = ABSENT + 8 },
	{ "pf.read_only", e_write, .rdx = READ_ONLY, FAULT(VEC_PF, 3), .qualification = READ_ONLY },
	{ "pf.user_read", e_read, { .start = USER }, .rdx = ABSENT, FAULT(VEC_PF, 4), .qualification = ABSENT },
	{ "pf.user_write", e_write, { .start = USER }, .rdx = ABSENT, FAULT(VEC_PF, 6), .qualification = ABSENT },
	{ "pf.user_read_only", e_write, { .start = USER }, .rdx = READ_ONLY, FAULT(VEC_PF, 7), .qualification = READ_ONLY },
	{ "db.tf", e_nop, { .change = { { GUEST_RFLAGS, OR, FLAGS_TF } } }, EXCEPTION(VEC_DB), .qualification = BIT(14),
	  .skip = 1 },
	{ "db.general_detect", e_dr7, { .change = { { GUEST_DR7, OR, BIT(13) }, { ENTRY_CONTROLS, OR, ENTRY_LOAD_DEBUG } } },
	  .rax = 0x400, EXCEPTION(VEC_DB), .qualification = BIT(13) },
	{ "of.into", e32_into, { .start = PROTECTED }, SOFT(VEC_OF), .length = 1, .skip = 4 },
	{ "br.bound", e32_bound, { .start = PROTECTED }, .rax = 5, .rdx = (u64)probe, EXCEPTION(VEC_BR) },
	{ "gp.int_limit", e_int20, { .change = { { GUEST_IDTR_LIMIT, SET, 0x1ff } } }, .length = 2,
	  FAULT(VEC_GP, 0x20 * 8 + 2), .vectoring = INTR_VALID | INTR_SOFT_INTERRUPT | 0x20 },
	{ "bp.limit", e_int3, { .change = { { GUEST_IDTR_LIMIT, SET, 0x2f }, { EXCEPTION_BITMAP, CLEAR, BIT(VEC_BP) } } },
	  FAULT(VEC_GP, VEC_BP * 8 + 2), .length = 1, .vectoring = INTR_VALID | INTR_SOFT_EXCEPTION | VEC_BP },
	{ "ud.limit", e_ud2, { .change = { { GUEST_IDTR_LIMIT, SET, 0x5f }, { EXCEPTION_BITMAP, CLEAR, BIT(VEC_UD) } } },
	  FAULT(VEC_GP, VEC_UD * 8 + 3), .vectoring = INTR_VALID | INTR_HARD_EXCEPTION | VEC_UD },
	{ "pf.idt", e_ud2, { .change = { { GUEST_IDTR_BASE, SET, ABSENT }, { EXCEPTION_BITMAP, CLEAR, BIT(VEC_UD) } } },
	  FAULT(VEC_PF, 0), .qualification = ABSENT + 16 * VEC_UD,
	  .vectoring = INTR_VALID | INTR_HARD_EXCEPTION | VEC_UD },
	{ "pf.stack", e_ud2, { .change = { { GUEST_RSP, SET, ABSENT + 0x800 }, { EXCEPTION_BITMAP, CLEAR, BIT(VEC_UD) } } },
	  FAULT(VEC_PF, 2), .qualification = ABSENT + 0x7f8, .vectoring = INTR_VALID | INTR_HARD_EXCEPTION | VEC_UD },
	{ "df", e_read, { .change = { { GUEST_IDTR_LIMIT, SET, 0x1f }, { EXCEPTION_BITMAP, SET, BIT(VEC_DF) } } },
	  .rdx = BIT(63), FAULT(VEC_DF, 0), .vectoring = 0 },
	{ "triple_fault", e_ud2, { .change = { { GUEST_IDTR_LIMIT, SET, 0 }, { EXCEPTION_BITMAP, SET, 0 } } },
	  .reason = R_TRIPLE_FAULT },
	{ "delivered.ud", e_ud2, { .change = { { EXCEPTION_BITMAP, SET, 0 } } }, .reason = R_VMCALL },
	{ "delivered.bp", e_int3, { .change = { { EXCEPTION_BITMAP, SET, 0 } } }, .reason = R_VMCALL },
	{ "delivered.int", e_int20, .reason = R_VMCALL },
};

/* Which handler of L2 ran is in EAX; RIP then lies in a stub, so the row's own code does not say. */
static void delivered(const struct exit_row *row, u32 vector)
{
	exit_prepare(row);
	exit_text(row);
	check(row->id, text("exit %lu eax=%x", vmread(EXIT_REASON), (u32)guest.regs.rax), text("exit 18 eax=%x", vector));
}

static void exception_rows(void)
{
	unsigned n = ARRAY_SIZE(exceptions) - 3;

	((u32 *)probe)[0] = 10;	/* bounds of BOUND */
	((u32 *)probe)[1] = 20;
	exit_rows(exceptions, n);
	delivered(&exceptions[n], VEC_UD);
	delivered(&exceptions[n + 1], VEC_BP);
	delivered(&exceptions[n + 2], 0x20);
}

/* SDM 25.2: a page fault exits if (error & mask) == match agrees with bit 14 of the exception bitmap. */
static void page_fault_filter(void)
{
	static const u32 masks[] = { 0, 1, 2, 4, 7, 0xffffffff }, matches[] = { 0, 1, 2, 3, 7 };
	static const struct { const char *name; const u8 *code; u64 address; u32 error; } faults[] = {
		{ "read", e_read, ABSENT, 0 }, { "write", e_write, ABSENT, 2 }, { "protection", e_write, READ_ONLY, 3 } };

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(faults) * ARRAY_SIZE(masks) * ARRAY_SIZE(matches); i++) {
		unsigned f = i / 2 % 3, a = i / 6 % ARRAY_SIZE(masks), b = i / 6 / ARRAY_SIZE(masks);
		bool bit = i & 1, equal = (faults[f].error & masks[a]) == matches[b];
		struct exit_row row = { "", faults[f].code, .rdx = faults[f].address };

		exit_prepare(&row);
		vmwrite(EXCEPTION_BITMAP, bit ? BIT(VEC_PF) : 0);
		vmwrite(PF_ERROR_MASK, masks[a]);
		vmwrite(PF_ERROR_MATCH, matches[b]);
		exit_text(&row);
		check(text("filter.%s.mask%x.match%x.bit%u", faults[f].name, masks[a], matches[b], bit),
		      vmread(EXIT_REASON) == R_EXCEPTION_NMI ? "exits" : "delivered",
		      equal == bit ? "exits" : "delivered");
	}
}

/* Each bit of the exception bitmap alone, against one exception: it exits by its own bit only. */
static void bitmap_bits(void)
{
	static const struct exit_row row = { "ud", e_ud2 };

	for (unsigned bit = 0; bit < 32; bit++) {
		if (bit == VEC_PF)
			continue;
		exit_prepare(&row);
		vmwrite(EXCEPTION_BITMAP, BIT(bit));
		exit_text(&row);
		check(text("bitmap.bit%u", bit), text("exit %lu", vmread(EXIT_REASON)), bit == VEC_UD ? "exit 0" : "exit 18");
	}
}

/* SDM 27.1: a page fault that exits leaves CR2 alone, and a #DB that exits leaves DR6 and DR7 alone. */
static void registers_untouched(void)
{
	static const struct exit_row fault = { "pf", e_read, .rdx = ABSENT + 0x123 };
	static const struct exit_row step = { "tf", e_nop, { .change = { { GUEST_RFLAGS, OR, FLAGS_TF } } } };
	u64 dr6;

	exit_prepare(&fault);
	write_cr2(0x5555);
	exit_text(&fault);
	check_number("untouched.cr2", read_cr2(), 0x5555);
	asm volatile("movq %0, %%db6" : : "r"(0xffff0ff0ul));
	exit_prepare(&step);
	exit_text(&step);
	asm volatile("movq %%db6, %0" : "=r"(dr6));
	check_number("untouched.dr6", dr6, 0xffff0ff0);
}

void conform_exits_exceptions(void)
{
	theme("exception");
	exit_begin();
	exception_rows();
	page_fault_filter();
	bitmap_bits();
	registers_untouched();
}
