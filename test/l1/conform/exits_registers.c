/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 25.1.3, 25.3, 27.2.1: accesses of control and debug registers. */
#include "exit.h"

CODE(c_to_cr0, "movq %rax, %cr0");
CODE(c_from_cr0, "movq %cr0, %rbx");
CODE(c_to_cr0_r9, "movq %rax, %r9\nmovq %r9, %cr0");
CODE(c_to_cr3, "movq %rax, %cr3");
CODE(c_to_cr3_r15, "movq %rax, %r15\nmovq %r15, %cr3");
CODE(c_from_cr3, "movq %cr3, %rdx");
CODE(c_to_cr4, "movq %rax, %cr4");
CODE(c_from_cr4, "movq %cr4, %rbx");
CODE(c_to_cr8, "movq %rax, %cr8");
CODE(c_from_cr8, "movq %cr8, %rcx");
CODE(c_clts, "clts");
CODE(c_lmsw_reg, "lmsw %ax");
CODE(c_lmsw_mem, "lmsw (%rdx)");
CODE(c_smsw, "smsw %rbx");
CODE(c_to_dr0, "movq %rax, %db0");
CODE(c_to_dr4, "movq %rax, %db4");
CODE(c_from_dr7, "movq %db7, %rsi");
CODE(c_to_dr7_r10, "movq %rax, %r10\nmovq %r10, %db7");
CODE(c_from_dr6, "movq %db6, %rdi");

enum { TO, FROM, CLTS, LMSW };
#define CR(n, kind, reg) .reason = R_CR_ACCESS, .length = 3, .qualification = (n) | (kind) << 4 | (reg) << 8
#define LMSW_SOURCE(v) ((u64)(v) << 16)
#define DR(n, from, reg) .reason = R_MOV_DR, .length = 3, .qualification = (n) | (from) << 4 | (reg) << 8
#define PASSES(skip_) .reason = R_VMCALL, .skip = skip_
#define MASK0(bits) { CR0_MASK, SET, bits }
#define SHADOW0(bits) { CR0_READ_SHADOW, SET, bits }
#define MASK4(bits) { CR4_MASK, SET, bits }
#define SHADOW4(bits) { CR4_READ_SHADOW, SET, bits }
#define BASE_CR0 (CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE)
#define BASE_CR4 (CR4_PAE | CR4_VMXE)

static const struct exit_row cr0[] = {
	{ "cr0.to_masked", c_to_cr0, { .change = { MASK0(CR0_TS) } }, .rax = BASE_CR0 | CR0_TS, CR(0, TO, RAX) },
	{ "cr0.to_r9", c_to_cr0_r9, { .change = { MASK0(CR0_TS) } }, .rax = BASE_CR0 | CR0_TS, .reason = R_CR_ACCESS,
	  .length = 4, .qualification = 0 | R9 << 8, .skip = 3 },
	{ "cr0.to_same_as_shadow", c_to_cr0, { .change = { MASK0(CR0_TS), SHADOW0(CR0_TS) } }, .rax = BASE_CR0 | CR0_TS,
	  PASSES(3) },
	{ "cr0.to_unmasked", c_to_cr0, { .change = { MASK0(CR0_NE) , SHADOW0(CR0_NE) } }, .rax = BASE_CR0 | CR0_TS, PASSES(3) },
	{ "cr0.to_shadow_differs", c_to_cr0, { .change = { MASK0(CR0_NE) } }, .rax = BASE_CR0, CR(0, TO, RAX) },
	{ "cr0.from", c_from_cr0, { .change = { MASK0(~0ull) } }, PASSES(3) },
	{ "cr0.fixed_ne", c_to_cr0, .rax = BASE_CR0 & ~CR0_NE, FAULT(VEC_GP, 0) },
	{ "cr0.pg_without_pe", c_to_cr0, .rax = BASE_CR0 & ~CR0_PE, FAULT(VEC_GP, 0) },
	{ "cr0.user", c_to_cr0, { .start = USER, .change = { MASK0(~0ull) } }, .rax = 0, FAULT(VEC_GP, 0) },
	{ "clts.masked", c_clts, { .change = { MASK0(CR0_TS), SHADOW0(CR0_TS) } }, .reason = R_CR_ACCESS, .length = 2,
	  .qualification = CLTS << 4 },
	{ "clts.masked_shadow_clear", c_clts, { .change = { MASK0(CR0_TS) } }, PASSES(2) },
	{ "clts.unmasked", c_clts, PASSES(2) },
	{ "lmsw.masked", c_lmsw_reg, { .change = { MASK0(CR0_TS) } }, .rax = 0xb, CR(0, LMSW, 0) | LMSW_SOURCE(0xb) },
	{ "lmsw.memory", c_lmsw_mem, { .change = { MASK0(CR0_TS) } }, .rdx = (u64)probe,
	  CR(0, LMSW, 0) | BIT(6) | LMSW_SOURCE(0x3b) },
	{ "lmsw.same_as_shadow", c_lmsw_reg, { .change = { MASK0(0xf), SHADOW0(0xb) } }, .rax = 0xb, PASSES(3) },
	{ "lmsw.ignores_high", c_lmsw_reg, { .change = { MASK0(CR0_NE), SHADOW0(0) } }, .rax = 0xffff, PASSES(3) },
	{ "lmsw.pe_not_cleared", c_lmsw_reg, { .change = { MASK0(CR0_PE), SHADOW0(CR0_PE) } }, .rax = 0, PASSES(3) },
	{ "lmsw.pe_set", c_lmsw_reg, { .change = { MASK0(CR0_PE), SHADOW0(0) } }, .rax = 1, CR(0, LMSW, 0) | LMSW_SOURCE(1) },
	{ "smsw", c_smsw, { .change = { MASK0(~0ull) } }, PASSES(4) },
};

static const struct exit_row cr3_cr4_cr8[] = {
	{ "cr3.to", c_to_cr3, { .proc = PROC_CR3_LOAD_EXITING }, .rax = 0x1000, CR(3, TO, RAX) },
	{ "cr3.to_r15", c_to_cr3_r15, { .proc = PROC_CR3_LOAD_EXITING }, .rax = 0x1000, .reason = R_CR_ACCESS, .length = 4,
	  .qualification = 3 | R15 << 8, .skip = 3 },
	{ "cr3.from", c_from_cr3, { .proc = PROC_CR3_STORE_EXITING }, CR(3, FROM, RDX) },
	{ "cr3.from_off", c_from_cr3, { .proc = PROC_CR3_LOAD_EXITING,
	  .change = { { PROC_CONTROLS, CLEAR, PROC_CR3_STORE_EXITING } } }, PASSES(3) },
	{ "cr3.target0", c_to_cr3, { .proc = PROC_CR3_LOAD_EXITING,
	  .change = { { CR3_TARGET_COUNT, SET, 1 }, { CR3_TARGET0, SET, (u64)probe } } }, .rax = (u64)probe + 8, CR(3, TO, RAX) },
	{ "cr3.target_beyond_count", c_to_cr3, { .proc = PROC_CR3_LOAD_EXITING,
	  .change = { { CR3_TARGET_COUNT, SET, 1 }, { CR3_TARGET1, SET, 0x1000 } } }, .rax = 0x1000, CR(3, TO, RAX) },
	{ "cr3.user", c_to_cr3, { .start = USER, .proc = PROC_CR3_LOAD_EXITING }, .rax = 0, FAULT(VEC_GP, 0) },
	{ "cr4.to_masked", c_to_cr4, { .change = { MASK4(CR4_DE) } }, .rax = BASE_CR4 | CR4_DE, CR(4, TO, RAX) },
	{ "cr4.to_same_as_shadow", c_to_cr4, { .change = { MASK4(CR4_DE), SHADOW4(CR4_DE) } }, .rax = BASE_CR4 | CR4_DE,
	  PASSES(3) },
	{ "cr4.to_unmasked", c_to_cr4, .rax = BASE_CR4 | CR4_DE, PASSES(3) },
	{ "cr4.from", c_from_cr4, { .change = { MASK4(~0ull) } }, PASSES(3) },
	{ "cr4.fixed_vmxe", c_to_cr4, .rax = CR4_PAE, FAULT(VEC_GP, 0) },
	{ "cr4.vmxe_masked", c_to_cr4, { .change = { MASK4(CR4_VMXE) } }, .rax = CR4_PAE, PASSES(3) },
	{ "cr4.reserved", c_to_cr4, .rax = BASE_CR4 | BIT(31), FAULT(VEC_GP, 0) },
	{ "cr8.to", c_to_cr8, { .proc = PROC_CR8_LOAD_EXITING }, .rax = 5, .reason = R_CR_ACCESS, .length = 4,
	  .qualification = 8 | TO << 4 | RAX << 8 },
	{ "cr8.from", c_from_cr8, { .proc = PROC_CR8_STORE_EXITING }, .reason = R_CR_ACCESS, .length = 4,
	  .qualification = 8 | FROM << 4 | RCX << 8 },
	{ "cr8.user", c_to_cr8, { .start = USER, .proc = PROC_CR8_LOAD_EXITING }, FAULT(VEC_GP, 0) },
	{ "cr8.to_tpr_shadow", c_to_cr8, { .proc = PROC_TPR_SHADOW }, .rax = 7, PASSES(4) },
	{ "cr8.to_reserved", c_to_cr8, { .proc = PROC_TPR_SHADOW }, .rax = 16, FAULT(VEC_GP, 0) },
	{ "cr8.below_threshold", c_to_cr8, { .proc = PROC_TPR_SHADOW, .change = { { TPR_THRESHOLD, SET, 5 } } }, .rax = 4,
	  .reason = R_TPR_BELOW_THRESHOLD, .skip = 4 },
	{ "cr8.at_threshold", c_to_cr8, { .proc = PROC_TPR_SHADOW, .change = { { TPR_THRESHOLD, SET, 5 } } }, .rax = 5,
	  PASSES(4) },
};

static const struct exit_row debug[] = {
	{ "dr.to_dr0", c_to_dr0, { .proc = PROC_MOV_DR_EXITING }, DR(0, 0, RAX) },
	{ "dr.from_dr7", c_from_dr7, { .proc = PROC_MOV_DR_EXITING }, DR(7, 1, RSI) },
	{ "dr.from_dr6", c_from_dr6, { .proc = PROC_MOV_DR_EXITING }, DR(6, 1, RDI) },
	{ "dr.to_dr7_r10", c_to_dr7_r10, { .proc = PROC_MOV_DR_EXITING }, .reason = R_MOV_DR, .length = 4,
	  .qualification = 7 | R10 << 8, .skip = 3 },
	{ "dr.off", c_from_dr7, PASSES(3) },
	/* SDM 25.1.3: this exit comes before the fault of privilege, and before #UD for DR4 under CR4.DE */
	{ "dr.user", c_to_dr0, { .start = USER, .proc = PROC_MOV_DR_EXITING }, DR(0, 0, RAX) },
	{ "dr.dr4_de", c_to_dr4, { .proc = PROC_MOV_DR_EXITING, .change = { { GUEST_CR4, OR, CR4_DE } } }, DR(4, 0, RAX) },
	{ "dr.dr4_de_off", c_to_dr4, { .change = { { GUEST_CR4, OR, CR4_DE } } }, UNDEFINED },
	{ "dr.user_off", c_to_dr0, { .start = USER }, FAULT(VEC_GP, 0) },
};

static void run(const struct exit_row *row)
{
	exit_prepare(row);
	exit_text(row);
}

/* SDM 25.3: what L2 reads under masks is the shadow there and the register elsewhere. */
static void reads(void)
{
	static const struct exit_row from0 = { "", c_from_cr0, { .change = { MASK0(CR0_TS | CR0_WP | CR0_EM), SHADOW0(CR0_TS) } } };
	static const struct exit_row from4 = { "", c_from_cr4, { .change = { MASK4(CR4_VMXE | CR4_DE), SHADOW4(CR4_DE) } } };
	static const struct exit_row smsw = { "", c_smsw, { .change = { MASK0(CR0_TS), SHADOW0(CR0_TS) } } };

	run(&from0);
	check_number("read.cr0", guest.regs.rbx, (BASE_CR0 & ~CR0_WP) | CR0_TS);
	run(&from4);
	check_number("read.cr4", guest.regs.rbx, CR4_PAE | CR4_DE);
	run(&smsw);
	check_number("read.smsw", guest.regs.rbx & 0xffff, (BASE_CR0 | CR0_TS) & 0xffff);
}

/* Writes change only bits that the mask leaves to L2. */
static void writes(void)
{
	static const struct exit_row ts = { "", c_to_cr0, { .change = { MASK0(CR0_WP), SHADOW0(0) } },
		.rax = (BASE_CR0 & ~CR0_WP) | CR0_TS };
	static const struct exit_row vmxe = { "", c_to_cr4, { .change = { MASK4(CR4_VMXE) } }, .rax = CR4_PAE | CR4_DE };
	static const struct exit_row clts = { "", c_clts, { .change = { MASK0(CR0_TS), { GUEST_CR0, OR, CR0_TS } } } };
	static const struct exit_row lmsw = { "", c_lmsw_reg, .rax = 0xa };

	run(&ts);
	check_number("write.cr0", vmread(GUEST_CR0), BASE_CR0 | CR0_TS);
	run(&vmxe);
	check_number("write.cr4", vmread(GUEST_CR4), BASE_CR4 | CR4_DE);
	run(&clts);
	check_number("write.clts_masked", vmread(GUEST_CR0) & CR0_TS, CR0_TS);
	run(&lmsw);
	check_number("write.lmsw", vmread(GUEST_CR0), BASE_CR0 | CR0_TS);
}

/* CR3 targets, each of four; the loaded value is what L2 goes on with. */
static void targets(void)
{
	struct exit_row row = { "", c_to_cr3, { .proc = PROC_CR3_LOAD_EXITING }, .rax = read_cr3() };

	for (unsigned i = 0; i < 4; i++) {
		exit_prepare(&row);
		vmwrite(CR3_TARGET_COUNT, i + 1);
		vmwrite(CR3_TARGET0 + 2 * i, read_cr3());
		exit_text(&row);
		check(text("cr3.target%u_passes", i), text("exit %lu", vmread(EXIT_REASON)), "exit 18");
		exit_prepare(&row);
		vmwrite(CR3_TARGET_COUNT, i);
		vmwrite(CR3_TARGET0 + 2 * i, read_cr3());
		for (unsigned k = 0; k < i; k++)
			vmwrite(CR3_TARGET0 + 2 * k, 0x1000);
		exit_text(&row);
		check(text("cr3.target%u_uncounted", i), text("exit %lu", vmread(EXIT_REASON)), "exit 28");
	}
}

/* The virtual TPR: CR8 writes reach VTPR in the virtual-APIC page, reads come from it. */
static void tpr_shadow(void)
{
	static const struct exit_row to = { "", c_to_cr8, { .proc = PROC_TPR_SHADOW }, .rax = 9 };
	static const struct exit_row from = { "", c_from_cr8, { .proc = PROC_TPR_SHADOW } };

	if (!exit_prepare(&to)) {
		skip("tpr.write", "TPR shadow");
		return;
	}
	probe[0x80] = 0;
	vmwrite(VIRTUAL_APIC_ADDRESS, phys(probe));
	exit_text(&to);
	check_number("tpr.write", probe[0x80], 0x90);
	exit_prepare(&from);
	probe[0x80] = 0xc5;
	vmwrite(VIRTUAL_APIC_ADDRESS, phys(probe));
	exit_text(&from);
	check_number("tpr.read", guest.regs.rcx, 0xc);
	probe[0x80] = 0;
}

void conform_exits_registers(void)
{
	theme("register");
	exit_begin();
	*(u16 *)probe = 0x3b;	/* LMSW's operand */
	exit_rows(cr0, ARRAY_SIZE(cr0));
	exit_rows(cr3_cr4_cr8, ARRAY_SIZE(cr3_cr4_cr8));
	exit_rows(debug, ARRAY_SIZE(debug));
	reads();
	writes();
	targets();
	tpr_shadow();
}
