/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 24.10, 30.3: VMCS shadowing, L2's VMREAD and VMWRITE on the VMCS that the link pointer names. */
#include "exit.h"

CODE(h_vmread, "vmread %rax, %rbx\npushfq\npopq %rcx");
CODE(h_vmwrite, "vmwrite %rbx, %rax\npushfq\npopq %rcx");
CODE(h_vmread_mem, "vmread %rax, (%rdx)\npushfq\npopq %rcx");

static u8 *shadow, *read_map, *write_map;

static void shadow_field(u16 field, u64 *value, bool write)
{
	vmclear(phys(shadow));
	vmptrld(phys(shadow));
	if (write)
		vmwrite(field, *value);
	else
		*value = vmread(field);
	vmclear(phys(shadow));
	vmptrld(phys(guest.vmcs));
}

static bool prepare(enum start start, const u8 *code, u64 field, u64 value)
{
	struct exit_row row = { "", code, { .start = start, .proc2 = PROC2_VMCS_SHADOWING }, .rax = field, .rbx = value,
		.rdx = (u64)probe };

	if (!exit_prepare(&row))
		return false;
	vmwrite(VMREAD_BITMAP, phys(read_map));
	vmwrite(VMWRITE_BITMAP, phys(write_map));
	vmwrite(VMCS_LINK_POINTER, phys(shadow));
	return true;
}

/* The result as L2's flags show it. */
static const char *run(void)
{
	guest_run();
	if (vmread(EXIT_REASON) != R_VMCALL)
		return text("exit %lu", vmread(EXIT_REASON));
	return guest.regs.rcx & FLAGS_CF ? "VMfailInvalid" : guest.regs.rcx & FLAGS_ZF ? "VMfailValid" : "VMsucceed";
}

static void set_bit(u8 *map, u16 field, bool on)
{
	u8 bit = (u8)(1u << field % 8);

	map[field / 8] = (u8)(on ? map[field / 8] | bit : map[field / 8] & ~bit);
}

static void each_field(void)
{
	static const u16 fields[] = { GUEST_RIP, GUEST_ES_SELECTOR, EXIT_REASON, VMCS_LINK_POINTER, HOST_RSP, EXCEPTION_BITMAP };

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		u16 f = fields[i];
		u64 v = 0x1234;
		bool writable = f != EXIT_REASON || caps.misc & BIT(29);

		if (writable)
			shadow_field(f, &v, true);
		prepare(LONG, h_vmread, f, 0);
		check(text("read.%x", f), run(), "VMsucceed");
		if (writable)
			check_number(text("read_value.%x", f), guest.regs.rbx, 0x1234);
		prepare(LONG, h_vmwrite, f, 0x5678);
		check(text("write.%x", f), run(), writable ? "VMsucceed" : "VMfailValid");
		shadow_field(f, &v, false);
		if (writable)
			check_number(text("write_value.%x", f), v, 0x5678);
		set_bit(read_map, f, true);
		prepare(LONG, h_vmread, f, 0);
		check(text("read_exits.%x", f), run(), "exit 23");
		prepare(LONG, h_vmwrite, f, 0);
		check(text("write_still.%x", f), run(), writable ? "VMsucceed" : "VMfailValid");
		set_bit(read_map, f, false);
		set_bit(write_map, f, true);
		prepare(LONG, h_vmwrite, f, 0);
		check(text("write_exits.%x", f), run(), "exit 25");
		set_bit(write_map, f, false);
	}
}

static void odd_cases(void)
{
	u64 v = 0x77;

	prepare(LONG, h_vmread, GUEST_RIP, 0);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	check("no_link.read", run(), "VMfailInvalid");
	prepare(LONG, h_vmwrite, GUEST_RIP, 0);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	check("no_link.write", run(), "VMfailInvalid");
	prepare(LONG, h_vmread, 0x6ffe, 0);
	check("unknown.read", run(), "VMfailValid");
	prepare(LONG, h_vmwrite, 0x6ffe, 0);
	check("unknown.write", run(), "VMfailValid");
	prepare(LONG, h_vmread, BIT(15) | GUEST_RIP, 0);
	check("bit15.read", run(), "exit 23");
	prepare(LONG, h_vmwrite, BIT(32) | GUEST_RIP, 0);
	check("bit32.write", run(), "exit 25");
	prepare(USER, h_vmread, GUEST_RIP, 0);
	check("user.read", run(), "exit 0");
	prepare(USER, h_vmwrite, GUEST_RIP, 0);
	check("user.write", run(), "exit 0");
	shadow_field(GUEST_RIP, &v, true);
	prepare(LONG, h_vmread_mem, GUEST_RIP, 0);
	*(u64 *)probe = 0;
	check("memory.read", run(), "VMsucceed");
	check_number("memory.value", *(u64 *)probe, 0x77);
	prepare(LONG, h_vmread_mem, GUEST_RIP, 0);
	guest.regs.rdx = BIT(63);
	check("memory.noncanonical", run(), "exit 0");
}

void conform_shadowing(void)
{
	theme("shadow");
	exit_begin();
	shadow = vmcs_alloc();
	*(u32 *)shadow |= 1u << 31;
	read_map = page_alloc();
	write_map = page_alloc();
	if (!prepare(LONG, h_vmread, 0, 0)) {
		skip("shadow", "VMCS shadowing");
		return;
	}
	each_field();
	odd_cases();
}
