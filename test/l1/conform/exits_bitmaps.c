/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 25.1.3, 24.6.4, 24.6.9, 27.2.1: I/O instructions and MSR accesses, with and without their bitmaps. */
#include "exit.h"

CODE(i_out_imm8, "outb %al, $0x80");
CODE(i_out_imm32, "outl %eax, $0x80");
CODE(i_in_imm16, "inw $0x80, %ax");
CODE(i_in8, "inb %dx, %al");
CODE(i_in16, "inw %dx, %ax");
CODE(i_in32, "inl %dx, %eax");
CODE(i_out8, "outb %al, %dx");
CODE(i_out16, "outw %ax, %dx");
CODE(i_out32, "outl %eax, %dx");
CODE(i_insb, "insb");
CODE(i_outsb, "outsb");
CODE(i_rep_insw, "rep insw");
CODE(i_rep_outsl, "rep outsl");
CODE(i_outsb_fs, "outsb %fs:(%rsi), %dx");
CODE(i_outsb_address32, "outsb %ds:(%esi), %dx");
CODE32(i32_outsw_es, "outsw %es:(%esi), %dx");
CODE(i_rdmsr, "rdmsr");
CODE(i_wrmsr, "wrmsr");

#define PORT(n) ((u64)(n) << 16)
#define IN BIT(3)
#define STRING BIT(4)
#define REP BIT(5)
#define IMMEDIATE BIT(6)
#define IO_EXIT(length_, q) .reason = R_IO, .length = length_, .qualification = (q)
#define ALL .proc = PROC_UNCONDITIONAL_IO
#define STRING_MASK (7u << 7 | 7u << 15)	/* address size, segment */

static const struct exit_row io[] = {
	{ "io.out_imm8", i_out_imm8, { ALL }, IO_EXIT(2, PORT(0x80) | IMMEDIATE) },
	{ "io.out_imm32", i_out_imm32, { ALL }, IO_EXIT(2, PORT(0x80) | IMMEDIATE | 3) },
	{ "io.in_imm16", i_in_imm16, { ALL }, IO_EXIT(3, PORT(0x80) | IMMEDIATE | IN | 1) },
	{ "io.in8", i_in8, { ALL }, .rdx = 0x1234, IO_EXIT(1, PORT(0x1234) | IN) },
	{ "io.in16", i_in16, { ALL }, .rdx = 0x1234, IO_EXIT(2, PORT(0x1234) | IN | 1) },
	{ "io.in32", i_in32, { ALL }, .rdx = 0xfffc, IO_EXIT(1, PORT(0xfffc) | IN | 3) },
	{ "io.out8", i_out8, { ALL }, .rdx = 0xffff, IO_EXIT(1, PORT(0xffff)) },
	{ "io.out16", i_out16, { ALL }, .rdx = 0, IO_EXIT(2, 1) },
	{ "io.out32", i_out32, { ALL }, .rdx = 0x8000, IO_EXIT(1, PORT(0x8000) | 3) },
	{ "io.port_is_16_bits", i_in8, { ALL }, .rdx = 0x123480, IO_EXIT(1, PORT(0x3480) | IN) },
	{ "io.user_iopl3", i_in8, { .start = USER, ALL, .change = { { GUEST_RFLAGS, OR, 0x3000 } } }, .rdx = 0x80,
	  IO_EXIT(1, PORT(0x80) | IN) },
	{ "io.user_iopl0", i_in8, { .start = USER, ALL }, .rdx = 0x80, FAULT(VEC_GP, 0) },
	{ "io.insb", i_insb, { ALL }, .rdx = 0x80, .rdi = (u64)probe, IO_EXIT(1, PORT(0x80) | IN | STRING) },
	{ "io.outsb", i_outsb, { ALL }, .rdx = 0x80, .rsi = (u64)probe, IO_EXIT(1, PORT(0x80) | STRING),
	  .info = INFO_ADDRESS(ADDRESS64) | INFO_SEGMENT(SEG_DS), .info_mask = STRING_MASK },
	{ "io.rep_insw", i_rep_insw, { ALL }, .rdx = 0x80, .rdi = (u64)probe, .rcx = 4,
	  IO_EXIT(3, PORT(0x80) | IN | STRING | REP | 1), .info = INFO_ADDRESS(ADDRESS64), .info_mask = 7u << 7 },
	{ "io.rep_outsl", i_rep_outsl, { ALL }, .rdx = 0x80, .rsi = (u64)probe, .rcx = 4,
	  IO_EXIT(2, PORT(0x80) | STRING | REP | 3), .info = INFO_ADDRESS(ADDRESS64) | INFO_SEGMENT(SEG_DS),
	  .info_mask = STRING_MASK },
	{ "io.outsb_fs", i_outsb_fs, { ALL }, .rdx = 0x80, .rsi = (u64)probe, IO_EXIT(2, PORT(0x80) | STRING),
	  .info = INFO_ADDRESS(ADDRESS64) | INFO_SEGMENT(SEG_FS), .info_mask = STRING_MASK },
	{ "io.outsb_address32", i_outsb_address32, { ALL }, .rdx = 0x80, .rsi = (u64)probe,
	  IO_EXIT(2, PORT(0x80) | STRING), .info = INFO_ADDRESS(ADDRESS32) | INFO_SEGMENT(SEG_DS), .info_mask = STRING_MASK },
	{ "io.outsw_es32", i32_outsw_es, { .start = PROTECTED, ALL }, .rdx = 0x80, .rsi = (u64)probe,
	  IO_EXIT(3, PORT(0x80) | STRING | 1), .info = INFO_ADDRESS(ADDRESS32) | INFO_SEGMENT(SEG_ES),
	  .info_mask = STRING_MASK },
	{ "io.off", i_in8, .rdx = 0x80, .reason = R_VMCALL, .skip = 1 },
};

static u8 *bitmap_a, *bitmap_b, *msr_bitmap;

static u32 reason_with_bitmaps(const u8 *code, u16 port)
{
	struct exit_row row = { "", code, { .proc = PROC_IO_BITMAPS }, .rdx = port };

	if (!exit_prepare(&row))
		return ~0u;
	vmwrite(IO_BITMAP_A, phys(bitmap_a));
	vmwrite(IO_BITMAP_B, phys(bitmap_b));
	exit_text(&row);
	return (u32)vmread(EXIT_REASON);
}

/* One bit set: an access exits exactly when one of its ports has the bit. */
static void io_bitmap(const char *name, u8 *map, u16 port)
{
	static const struct { unsigned size; const u8 *code; } sizes[] = { { 1, i_in8 }, { 2, i_in16 }, { 4, i_in32 } };

	map[(port & 0x7fff) / 8] |= (u8)(1 << port % 8);
	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
		for (int offset = -4; offset <= 1; offset++) {
			int from = port + offset;
			bool hit = from <= port && from + (int)sizes[s].size > port;

			if (from < 0)
				continue;
			check(text("bitmap.%s.size%u.offset%d", name, sizes[s].size, offset),
			      text("exit %u", reason_with_bitmaps(sizes[s].code, (u16)from)), hit ? "exit 30" : "exit 18");
		}
	}
	map[(port & 0x7fff) / 8] = 0;
}

/* SDM 25.1.3: an access that wraps from port FFFFH to port 0 exits whatever the bitmaps say. */
static void io_wrap(void)
{
	check("bitmap.wrap16", text("exit %u", reason_with_bitmaps(i_in16, 0xffff)), "exit 30");
	check("bitmap.wrap32", text("exit %u", reason_with_bitmaps(i_in32, 0xfffd)), "exit 30");
	check("bitmap.no_wrap32", text("exit %u", reason_with_bitmaps(i_in32, 0xfffc)), "exit 18");
	check("bitmap.wrap8", text("exit %u", reason_with_bitmaps(i_in8, 0xffff)), "exit 18");
}

/* With the bitmaps in use, "unconditional I/O exiting" is ignored. */
static void io_both_controls(void)
{
	static const struct exit_row row = { "", i_in8, { .proc = PROC_IO_BITMAPS | PROC_UNCONDITIONAL_IO }, .rdx = 0x80 };

	if (!exit_prepare(&row)) {
		skip("bitmap.over_unconditional", "I/O bitmaps");
		return;
	}
	vmwrite(IO_BITMAP_A, phys(bitmap_a));
	vmwrite(IO_BITMAP_B, phys(bitmap_b));
	exit_text(&row);
	check("bitmap.over_unconditional", text("exit %lu", vmread(EXIT_REASON)), "exit 18");
}

/* SDM 27.2.1: the linear address of string I/O; for INS it is always ES, base 0 in 64-bit mode. */
static void string_addresses(void)
{
	static const struct exit_row in = { "", i_insb, { ALL }, .rdx = 0x80, .rdi = (u64)probe + 0x11 };
	static const struct exit_row out = { "", i_outsb_fs, { ALL, .change = { { GUEST_FS_BASE, SET, 0x100 } } },
		.rdx = 0x80, .rsi = (u64)probe };
	static const struct exit_row rep = { "", i_rep_outsl, { ALL }, .rdx = 0x80, .rsi = (u64)probe, .rcx = 4 };

	exit_prepare(&in);
	exit_text(&in);
	check_number("io.insb_linear", vmread(GUEST_LINEAR_ADDRESS) - phys(probe), 0x11);
	exit_prepare(&out);
	exit_text(&out);
	check_number("io.outsb_fs_linear", vmread(GUEST_LINEAR_ADDRESS) - phys(probe), 0x100);
	exit_prepare(&rep);
	exit_text(&rep);
	check_number("io.rep_count_kept", guest.regs.rcx, 4);
}

static u32 reason_of_msr(const u8 *code, u32 msr, u64 value)
{
	struct exit_row row = { "", code, { .proc = PROC_MSR_BITMAPS }, .rcx = msr, .rax = (u32)value, .rdx = value >> 32 };

	if (!exit_prepare(&row))
		return ~0u;
	vmwrite(MSR_BITMAP, phys(msr_bitmap));
	exit_text(&row);
	return (u32)vmread(EXIT_REASON);
}

/* The four quarters: reads of low and high MSRs, then writes; each bit alone, and its three neighbours not. */
static void msr_quarters(void)
{
	static const struct { const char *name; const u8 *code; u32 msr; unsigned byte; } q[] = {
		{ "read_low", i_rdmsr, MSR_SYSENTER_CS, MSR_SYSENTER_CS / 8 },
		{ "read_high", i_rdmsr, MSR_LSTAR, 1024 + 0x82 / 8 },
		{ "write_low", i_wrmsr, MSR_SYSENTER_CS, 2048 + MSR_SYSENTER_CS / 8 },
		{ "write_high", i_wrmsr, MSR_LSTAR, 3072 + 0x82 / 8 } };
	char want[10];

	for (unsigned set = 0; set < ARRAY_SIZE(q); set++) {
		memset(msr_bitmap, 0, PAGE_SIZE);
		msr_bitmap[q[set].byte] = (u8)(1u << q[set].msr % 8);
		for (unsigned i = 0; i < ARRAY_SIZE(q); i++) {
			format(want, sizeof(want), "exit %u", i != set ? R_VMCALL : i < 2 ? R_RDMSR : R_WRMSR);
			check(text("msr.%s.bit_of_%s", q[i].name, q[set].name),
			      text("exit %u", reason_of_msr(q[i].code, q[i].msr, 0)), want);
		}
	}
	memset(msr_bitmap, 0, PAGE_SIZE);
}

/* MSRs outside both ranges exit whatever the bitmaps say; without bitmaps everything does. */
static void msr_ranges(void)
{
	static const u32 outside[] = { 0x2000, 0x40000000, 0xbfffffff, 0xc0002000, 0xffffffff };

	memset(msr_bitmap, 0, PAGE_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		check(text("msr.outside_read.%x", outside[i]), text("exit %u", reason_of_msr(i_rdmsr, outside[i], 0)), "exit 31");
		check(text("msr.outside_write.%x", outside[i]), text("exit %u", reason_of_msr(i_wrmsr, outside[i], 0)),
		      "exit 32");
	}
	memset(msr_bitmap, 0xff, PAGE_SIZE);
	check("msr.full_read", text("exit %u", reason_of_msr(i_rdmsr, MSR_EFER, 0)), "exit 31");
	check("msr.full_write", text("exit %u", reason_of_msr(i_wrmsr, MSR_TSC, 0)), "exit 32");
	memset(msr_bitmap, 0, PAGE_SIZE);
}

/* MSRs that live in the VMCS: L2 accesses its own values when they do not exit, and the exit saves them. */
static void msr_values(void)
{
	static const struct { u32 msr; u16 field; const char *name; } own[] = {
		{ MSR_SYSENTER_CS, GUEST_SYSENTER_CS, "sysenter_cs" }, { MSR_SYSENTER_ESP, GUEST_SYSENTER_ESP, "sysenter_esp" },
		{ MSR_SYSENTER_EIP, GUEST_SYSENTER_EIP, "sysenter_eip" }, { MSR_FS_BASE, GUEST_FS_BASE, "fs_base" },
		{ MSR_GS_BASE, GUEST_GS_BASE, "gs_base" } };

	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		struct exit_row rd = { "", i_rdmsr, { .proc = PROC_MSR_BITMAPS, .change = { { own[i].field, SET, 0x12345670 } } },
			.rcx = own[i].msr };

		exit_prepare(&rd);
		vmwrite(MSR_BITMAP, phys(msr_bitmap));
		exit_text(&rd);
		check_number(text("msr.value_read.%s", own[i].name), guest.regs.rax | guest.regs.rdx << 32, 0x12345670);
		reason_of_msr(i_wrmsr, own[i].msr, 0x2345678);
		check_number(text("msr.value_saved.%s", own[i].name), vmread(own[i].field), 0x2345678);
		check_number(text("msr.value_host.%s", own[i].name), rdmsr(own[i].msr), 0);
	}
	check("msr.write_noncanonical", text("exit %u", reason_of_msr(i_wrmsr, MSR_SYSENTER_EIP, BIT(63))), "exit 0");
}

void conform_exits_bitmaps(void)
{
	theme("exit");
	exit_begin();
	bitmap_a = page_alloc();
	bitmap_b = page_alloc();
	msr_bitmap = page_alloc();
	exit_rows(io, ARRAY_SIZE(io));
	string_addresses();
	if (can(caps.proc, PROC_IO_BITMAPS)) {
		io_bitmap("low", bitmap_a, 0x84);
		io_bitmap("top_of_a", bitmap_a, 0x7fff);
		io_bitmap("bottom_of_b", bitmap_b, 0x8000);
		io_bitmap("high", bitmap_b, 0x9004);
		io_wrap();
		io_both_controls();
	}
	if (!can(caps.proc, PROC_MSR_BITMAPS)) {
		skip("msr", "MSR bitmaps");
		return;
	}
	msr_quarters();
	msr_ranges();
	msr_values();
}
