/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Task switches (SDM 25.4.2), real-address mode, the TSC (25.3), and MSRs that entries and exits load and save. */
#include "exit.h"

CODE32(k_jmp, "ljmp $0x70, $0");
CODE32(k_call, "lcall $0x70, $0");
CODE32(k_jmp_gdt_limit, "ljmp $0xfff0, $0");
CODE32(k_int3, "int3");
CODE32(k_int20, "int $0x20");
CODE32(k_ud2, "ud2");
CODE32(k_iret, "iret");
CODE16(r_int, "int $0x21");
CODE16(r_in, "inw %dx, %ax");
CODE16(r_nop, "nop\nnop");
CODE16(r_cr0, "movl %cr0, %eax\norl $1, %eax\nmovl %eax, %cr0");
CODE16(r_handler, "movw $0x7a7a, %bx");
CODE(r_rdtsc, "rdtsc\nshlq $32, %rdx\norq %rdx, %rax");
CODE(r_rdmsr, "rdmsr\nshlq $32, %rdx\norq %rdx, %rax");
CODE(r_wrmsr, "wrmsr");
CODE(r_rdtscp, "rdtscp");

enum { CALL, IRET, JMP, GATE };
#define SWITCH(source) .reason = R_TASK_SWITCH, .qualification = SEL_TSS2 | (u64)(source) << 30
#define P32 { .start = PROTECTED }

static u8 tasks[2][104];
static u64 gates[64];

static u64 tss_descriptor(const u8 *at, u8 type)
{
	u64 base = phys(at);

	return 103 | (base & 0xffffff) << 16 | (u64)type << 40 | (base >> 24 & 0xff) << 56;
}

static const struct exit_row switches[] = {
	{ "jmp", k_jmp, P32, SWITCH(JMP), .length = 7 },
	{ "call", k_call, P32, SWITCH(CALL), .length = 7 },
	{ "iret", k_iret, { .start = PROTECTED, .change = { { GUEST_RFLAGS, OR, BIT(14) } } }, SWITCH(IRET), .length = 1 },
	{ "gate.int3", k_int3, { .start = PROTECTED, .change = { { EXCEPTION_BITMAP, CLEAR, BIT(VEC_BP) } } }, SWITCH(GATE),
	  .length = 1, .vectoring = INTR_VALID | INTR_SOFT_EXCEPTION | VEC_BP },
	{ "gate.int20", k_int20, P32, SWITCH(GATE), .length = 2, .vectoring = INTR_VALID | INTR_SOFT_INTERRUPT | 0x20 },
	{ "gate.ud", k_ud2, { .start = PROTECTED, .change = { { EXCEPTION_BITMAP, CLEAR, BIT(VEC_UD) } } }, SWITCH(GATE),
	  .vectoring = INTR_VALID | INTR_HARD_EXCEPTION | VEC_UD },
	{ "gate.external", k_ud2, { .start = PROTECTED, .change = { { GUEST_RFLAGS, OR, FLAGS_IF },
	  { ENTRY_INTR_INFO, SET, INTR_VALID | INTR_EXTERNAL | 0x21 } } }, SWITCH(GATE),
	  .vectoring = INTR_VALID | INTR_EXTERNAL | 0x21 },
	{ "bad_selector", k_jmp_gdt_limit, P32, FAULT(VEC_GP, 0xfff0) },
};

static void task_switches(void)
{
	*(u16 *)tasks[0] = SEL_TSS2;	/* the link that IRET follows */
	for (unsigned i = 0; i < ARRAY_SIZE(gates); i++)
		gates[i] = (u64)SEL_TSS2 << 16 | 0xe5ull << 40;
	for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
		const struct exit_row *row = &switches[i];

		if (!exit_prepare(row)) {
			skip(text("task.%s", row->id), "not offered");
			continue;
		}
		gdt[SEL_TSS2 / 8] = tss_descriptor(tasks[1], row->code == k_iret ? 0x8b : 0x89);
		vmwrite(GUEST_TR_BASE, phys(tasks[0]));
		vmwrite(GUEST_TR_LIMIT, 103);
		vmwrite(GUEST_IDTR_BASE, phys(gates));
		vmwrite(GUEST_IDTR_LIMIT, sizeof(gates) - 1);
		check(text("task.%s", row->id), exit_text(row), exit_want(row));
	}
}

#define IVT 0x9000ull
#define HANDLER 0x8c00u

/* In real-address mode events go through the interrupt vector table, with frames of 16 bits. */
static void real_mode(void)
{
	static const struct exit_row soft = { "", r_int, { .start = REAL } };
	static const struct exit_row plain = { "", r_nop, { .start = REAL } };
	static const struct exit_row port = { "", r_in, { .start = REAL, .proc = PROC_UNCONDITIONAL_IO }, .rdx = 0x3f8 };
	static const struct exit_row protect = { "", r_cr0, { .start = REAL } };
	u8 *ivt = page_alloc(), *low;

	if (!exit_prepare(&soft)) {
		skip("real", "unrestricted guest");
		return;
	}
	ept_map(guest.ept, IVT, phys(ivt), 1, EPT_RWX | EPT_WB);
	ept_map(guest.ept, 0x6000, phys(page_alloc()), 1, EPT_RWX | EPT_WB);
	invept(2, 0, 0);
	for (unsigned v = 0; v < 256; v++)
		((u32 *)ivt)[v] = HANDLER;
	low = (u8 *)(*ept_entry(guest.ept, 0x8000, 1) & EPT_ADDRESS);
	memcpy(low + 0xc00, r_handler, 16);
	vmwrite(GUEST_IDTR_BASE, IVT);
	vmwrite(GUEST_IDTR_LIMIT, 0x3ff);
	exit_text(&soft);
	check("real.int", text("exit %lu bx=%lx", vmread(EXIT_REASON), guest.regs.rbx & 0xffff), "exit 18 bx=7a7a");
	check_number("real.int_frame", 0x7000 - vmread(GUEST_RSP), 6);
	exit_prepare(&plain);
	vmwrite(GUEST_IDTR_BASE, IVT);
	vmwrite(GUEST_IDTR_LIMIT, 0x3ff);
	vmwrite(ENTRY_INTR_INFO, INTR_VALID | INTR_HARD_EXCEPTION | VEC_GP);
	exit_text(&plain);
	check("real.inject", text("exit %lu bx=%lx", vmread(EXIT_REASON), guest.regs.rbx & 0xffff), "exit 18 bx=7a7a");
	check_number("real.inject_frame", 0x7000 - vmread(GUEST_RSP), 6);
	exit_prepare(&port);
	exit_text(&port);
	check("real.in", text("exit %lu q=%lx", vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION)), "exit 30 q=3f80009");
	exit_prepare(&protect);
	exit_text(&protect);
	check("real.set_pe", text("exit %lu pe=%llu", vmread(EXIT_REASON), vmread(GUEST_CR0) & CR0_PE), "exit 18 pe=1");
}

/* What L2 reads lies between L1's readings before and after, moved by the offset and scaled by the multiplier. */
static void tsc_case(const char *id, const u8 *code, u32 proc, u32 proc2, u64 offset, unsigned shift)
{
	struct exit_row row = { "", code, { .proc = proc, .proc2 = proc2 }, .rcx = MSR_TSC };
	u64 before, after, got;

	if (!exit_prepare(&row)) {
		skip(id, "not offered");
		return;
	}
	if (proc & PROC_MSR_BITMAPS) {
		memset(probe, 0, sizeof(probe));
		vmwrite(MSR_BITMAP, phys(probe));
	}
	vmwrite(TSC_OFFSET, offset);
	if (shift)
		vmwrite(TSC_MULTIPLIER, BIT(48 + shift));
	before = rdtsc();
	guest_run();
	after = rdtsc();
	got = guest.regs.rax - (proc & PROC_TSC_OFFSETTING ? offset : 0);
	check_true(id, vmread(EXIT_REASON) == R_VMCALL && got >= before << shift && got <= after << shift);
}

static void tsc(void)
{
	tsc_case("tsc.plain", r_rdtsc, 0, 0, 0, 0);
	tsc_case("tsc.offset_off", r_rdtsc, 0, 0, BIT(60), 0);
	tsc_case("tsc.offset", r_rdtsc, PROC_TSC_OFFSETTING, 0, BIT(40), 0);
	tsc_case("tsc.offset_negative", r_rdtsc, PROC_TSC_OFFSETTING, 0, -BIT(20), 0);
	tsc_case("tsc.rdmsr", r_rdmsr, PROC_TSC_OFFSETTING | PROC_MSR_BITMAPS, 0, BIT(50), 0);
	tsc_case("tsc.scaled", r_rdtsc, PROC_TSC_OFFSETTING, PROC2_TSC_SCALING, 0, 3);
	tsc_case("tsc.scaled_offset", r_rdtsc, PROC_TSC_OFFSETTING, PROC2_TSC_SCALING, BIT(55), 1);
	tsc_case("tsc.scaled_rdmsr", r_rdmsr, PROC_TSC_OFFSETTING | PROC_MSR_BITMAPS, PROC2_TSC_SCALING, BIT(45), 2);
}

/* "load" and "save" controls of IA32_PAT and IA32_EFER, seen from both sides. */
static void loaded_msrs(void)
{
	static const u64 pat = 0x0706050401000706, host = 0x0007040600070406;
	u64 old = rdmsr(MSR_PAT);
	struct exit_row rd = { "", r_rdmsr, { .proc = PROC_MSR_BITMAPS, .exit = EXIT_LOAD_PAT | EXIT_SAVE_PAT,
		.entry = ENTRY_LOAD_PAT }, .rcx = MSR_PAT };
	struct exit_row wr = rd;

	memset(probe, 0, sizeof(probe));
	if (!exit_prepare(&rd)) {
		skip("pat", "IA32_PAT controls");
		return;
	}
	vmwrite(MSR_BITMAP, phys(probe));
	vmwrite(GUEST_PAT, pat);
	vmwrite(HOST_PAT, host);
	guest_run();
	check_number("pat.in_l2", guest.regs.rax, pat);
	check_number("pat.host", rdmsr(MSR_PAT), host);
	wr.code = r_wrmsr;
	wr.rax = 0x00070406;
	wr.rdx = 0x01010101;
	exit_prepare(&wr);
	vmwrite(MSR_BITMAP, phys(probe));
	vmwrite(GUEST_PAT, pat);
	guest_run();
	check_number("pat.saved", vmread(GUEST_PAT), 0x0101010100070406);
	wr.on.exit = EXIT_LOAD_PAT;
	exit_prepare(&wr);
	vmwrite(EXIT_CONTROLS, vmread(EXIT_CONTROLS) & ~EXIT_SAVE_PAT);
	vmwrite(MSR_BITMAP, phys(probe));
	vmwrite(GUEST_PAT, pat);
	guest_run();
	check_number("pat.not_saved", vmread(GUEST_PAT), pat);
	wrmsr(MSR_PAT, old);
}

static void tsc_aux(void)
{
	struct exit_row row = { "", r_rdtscp, { .proc2 = PROC2_RDTSCP } };

	if (!exit_prepare(&row)) {
		skip("tsc_aux", "RDTSCP");
		return;
	}
	wrmsr(MSR_TSC_AUX, 0x1234567);
	guest_run();
	check_number("tsc_aux", guest.regs.rcx, 0x1234567);
	wrmsr(MSR_TSC_AUX, 0);
}

void conform_modes(void)
{
	theme("mode");
	exit_begin();
	task_switches();
	real_mode();
	tsc();
	loaded_msrs();
	tsc_aux();
}
