/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 28.2, 27.2.1, 25.5.6: EPT violations, misconfigurations, accessed and dirty flags, INVEPT, VMFUNC, PML, #VE. */
#include "exit.h"

CODE(t_read, "movq (%rdx), %rax");
CODE(t_write, "movq %rax, (%rdx)");
CODE(t_modify, "addq $1, (%rdx)");
CODE(t_fetch, "jmp *%rdx");
CODE(t_vmfunc, "vmfunc\nmovq (%rdx), %rbx");
/* There and back three times; rbx gets what was read at each stop, a byte of each. */
CODE(t_vmfunc_often, "xorl %ebx, %ebx\nmovl $6, %esi\n1: xorl %eax, %eax\nxorl $5, %ecx\nvmfunc\nshlq $8, %rbx\n"
		     "orb (%rdx), %bl\ndecl %esi\njnz 1b");

#define GPA 0x80000000ull	/* within L2's identity map, without memory of its own */

static u8 *frame, *other_frame;

struct access { const char *name; const u8 *code; u64 bits; };
static const struct access accesses[] = { { "read", t_read, EPT_R }, { "write", t_write, EPT_W }, { "fetch", t_fetch, EPT_X } };

static const char *run_at(const u8 *code, u64 address)
{
	struct exit_row row = { "", code, .rdx = address };

	if (!exit_prepare(&row))
		return "not offered";
	return guest_run();
}

static void set_leaf(u64 entry)
{
	*ept_entry(guest.ept, GPA, 1) = entry;
	invept(1, ept_pointer(guest.ept), 0);
}

static bool executable_only(void) { return caps.ept_vpid & BIT(0); }

/* Each access under each set of rights; bits 2:0 say what was tried, 5:3 what was allowed, 7 and 8 that it was final. */
static void rights(void)
{
	static const u64 offered[] = { 0, EPT_R, EPT_R | EPT_W, EPT_R | EPT_X, EPT_RWX, EPT_X };

	for (unsigned i = 0; i < ARRAY_SIZE(offered); i++) {
		u64 bits = offered[i];

		if (bits == EPT_X && !executable_only())
			continue;
		set_leaf(bits ? phys(frame) | bits | EPT_WB : 0);
		for (unsigned a = 0; a < ARRAY_SIZE(accesses); a++) {
			const char *id = text("rights%lx.%s", bits, accesses[a].name), *got;
			u64 q = accesses[a].bits | bits << 3 | BIT(7) | BIT(8);

			memcpy(frame, "\x0f\x01\xc1", 3);	/* VMCALL, for the fetch */
			got = run_at(accesses[a].code, GPA);
			if (bits & accesses[a].bits) {
				check(id, got, RUNS);
				continue;
			}
			check(id, text("%s gpa=%lx la=%lx", got, vmread(GUEST_PHYSICAL_ADDRESS), vmread(GUEST_LINEAR_ADDRESS)),
			      text("exit 48 q=%lx gpa=%llx la=%llx", q, GPA, GPA));
		}
	}
}

/* A read-modify-write of a page without write rights; whether it counts as a read too is the processor's choice. */
static void modify(void)
{
	set_leaf(phys(frame) | EPT_R | EPT_WB);
	check_true("modify.read_only", run_at(t_modify, GPA + 0x18) && vmread(EXIT_REASON) == R_EPT_VIOLATION &&
		   (exit_qualification() & ~1ull) == (EPT_W | EPT_R << 3 | BIT(7) | BIT(8)));
	check_number("modify.gpa", vmread(GUEST_PHYSICAL_ADDRESS), GPA + 0x18);
}

/* Entries missing or restricted at each level; rights are the AND over the levels. */
static void levels(void)
{
	for (unsigned level = 1; level <= 3; level++) {
		u64 *e;

		set_leaf(phys(frame) | EPT_RWX | EPT_WB);
		e = ept_entry(guest.ept, GPA, level);
		for (unsigned k = 0; k < 3; k++) {
			static const u64 keep[] = { 0, EPT_R, EPT_R | EPT_X };
			u64 saved = *e;

			*e = keep[k] ? (saved & ~(u64)EPT_RWX) | keep[k] : 0;
			invept(1, ept_pointer(guest.ept), 0);
			check(text("level%u.keep%lx", level, keep[k]), run_at(t_write, GPA),
			      text("exit 48 q=%llx", EPT_W | keep[k] << 3 | BIT(7) | BIT(8)));
			*e = saved;
		}
	}
}

/* 28.2.3.1: what makes a leaf or a table entry a misconfiguration. */
static void misconfigurations(void)
{
	static const struct { const char *name; u64 bits; } leaf[] = {
		{ "write_only", EPT_W | EPT_WB }, { "write_execute", EPT_W | EPT_X | EPT_WB },
		{ "type2", EPT_RWX | 2 << 3 }, { "type3", EPT_RWX | 3 << 3 }, { "type7", EPT_RWX | 7 << 3 } };
	u64 wide = BIT(caps.phys_bits), *e;

	for (unsigned i = 0; i < ARRAY_SIZE(leaf); i++) {
		const char *got;

		set_leaf(phys(frame) | leaf[i].bits);
		got = run_at(t_read, GPA + 8);
		check(text("misconfig.%s", leaf[i].name), text("%s gpa=%lx", got, vmread(GUEST_PHYSICAL_ADDRESS)),
		      text("exit 49 q=0 gpa=%llx", GPA + 8));
	}
	if (!executable_only()) {
		set_leaf(phys(frame) | EPT_X | EPT_WB);
		check("misconfig.execute_only", run_at(t_read, GPA), "exit 49 q=0");
	}
	set_leaf(phys(frame) | EPT_RWX | EPT_WB | wide);
	check("misconfig.wide", run_at(t_read, GPA), "exit 49 q=0");
	set_leaf(phys(frame) | 0x38 | wide);
	check("misconfig.not_if_absent", text("exit %lu", (run_at(t_read, GPA), vmread(EXIT_REASON))), "exit 48");
	for (unsigned level = 2; level <= 4; level++) {
		static const u64 reserved[] = { BIT(3), BIT(4), BIT(5), BIT(6) };
		u64 saved;

		set_leaf(phys(frame) | EPT_RWX | EPT_WB);
		e = ept_entry(guest.ept, GPA, level);
		saved = *e;
		for (unsigned r = 0; r < ARRAY_SIZE(reserved) && level < 4; r++) {
			*e = saved | reserved[r];
			invept(1, ept_pointer(guest.ept), 0);
			check(text("misconfig.level%u.bit%u", level, 3 + r), run_at(t_read, GPA), "exit 49 q=0");
		}
		if (level < 4) {
			*e = (saved & ~(u64)EPT_R) | EPT_W;
			invept(1, ept_pointer(guest.ept), 0);
			check(text("misconfig.level%u.write_only", level), run_at(t_read, GPA), "exit 49 q=0");
			*e = saved | wide;
			invept(1, ept_pointer(guest.ept), 0);
			check(text("misconfig.level%u.wide", level), run_at(t_read, GPA), "exit 49 q=0");
		}
		*e = saved;
	}
}

static void large_pages(void)
{
	u64 *e, saved;

	set_leaf(phys(frame) | EPT_RWX | EPT_WB);
	e = ept_entry(guest.ept, GPA, 2);
	saved = *e;
	if (caps.ept_vpid & BIT(16)) {
		*e = (phys(frame) & ~0x1fffffull) | EPT_RWX | EPT_WB | EPT_LARGE;
		invept(1, ept_pointer(guest.ept), 0);
		*(u64 *)(frame + 8) = 0xabcdef;
		check("large.2m", run_at(t_read, GPA + (phys(frame) & 0x1fffff) + 8), RUNS);
		check_number("large.2m_value", guest.regs.rax, 0xabcdef);
		*e |= 0x1000;
		invept(1, ept_pointer(guest.ept), 0);
		check("large.2m_bit12", run_at(t_read, GPA), "exit 49 q=0");
		*e ^= 0x3000;
		invept(1, ept_pointer(guest.ept), 0);
		check("large.2m_bit13", run_at(t_read, GPA), "exit 49 q=0");
	}
	*e = saved;
	e = ept_entry(guest.ept, GPA, 3);
	saved = *e;
	*e = EPT_RWX | EPT_WB | EPT_LARGE;
	invept(1, ept_pointer(guest.ept), 0);
	if (caps.ept_vpid & BIT(17)) {
		check("large.1g", run_at(t_read, GPA + phys(frame) + 8), RUNS);
		check_number("large.1g_value", guest.regs.rax, 0xabcdef);
		*e |= 1 << 21;
		invept(1, ept_pointer(guest.ept), 0);
		check("large.1g_reserved", run_at(t_read, GPA), "exit 49 q=0");
	} else {
		check("large.1g_unsupported", run_at(t_read, GPA), "exit 49 q=0");
	}
	*e = saved;
	invept(1, ept_pointer(guest.ept), 0);
}

/* L2's own page walk through L2-physical memory that is not mapped: bit 8 is clear. */
static void guest_walk(void)
{
	static const struct exit_row row = { "", t_read, .rdx = GPA };
	static u64 *pml4;
	u64 q;

	if (!pml4)
		pml4 = page_alloc();
	memcpy(pml4, (void *)(read_cr3() & EPT_ADDRESS), PAGE_SIZE);
	pml4[1] = (GPA + 0x1000) | 3;
	*ept_entry(guest.ept, GPA + 0x1000, 1) = 0;
	exit_prepare(&row);
	vmwrite(GUEST_CR3, phys(pml4));
	guest.regs.rdx = 0x8000000123;
	guest_run();
	q = vmread(EXIT_QUALIFICATION);
	check("walk.reason", text("exit %lu", vmread(EXIT_REASON)), "exit 48");
	check_number("walk.final", q & (BIT(7) | BIT(8)), BIT(7));
	check_number("walk.linear", vmread(GUEST_LINEAR_ADDRESS), 0x8000000123);
	check_number("walk.physical", vmread(GUEST_PHYSICAL_ADDRESS), GPA + 0x1000);
}

static u64 flagged_pointer(void) { return ept_pointer(guest.ept) | BIT(6); }

static void run_flagged(const u8 *code)
{
	struct exit_row row = { "", code, .rdx = GPA };

	exit_prepare(&row);
	vmwrite(EPT_POINTER, flagged_pointer());
	invept(1, flagged_pointer(), 0);
	guest_run();
}

static void flags(void)
{
	u64 *leaf, *table;

	if (!(caps.ept_vpid & BIT(21))) {
		skip("flags", "accessed and dirty flags");
		return;
	}
	set_leaf(phys(frame) | EPT_RWX | EPT_WB);
	leaf = ept_entry(guest.ept, GPA, 1);
	table = ept_entry(guest.ept, GPA, 2);
	*table &= ~(EPT_A | EPT_D);
	run_flagged(t_read);
	check_number("flags.read", *leaf & (EPT_A | EPT_D), EPT_A);
	check_number("flags.table", *table & (EPT_A | EPT_D), EPT_A);
	run_flagged(t_write);
	check_number("flags.write", *leaf & (EPT_A | EPT_D), EPT_A | EPT_D);
	set_leaf(phys(frame) | EPT_RWX | EPT_WB);
	run_at(t_write, GPA);
	check_number("flags.off", *leaf & (EPT_A | EPT_D), 0);
	set_leaf(phys(frame) | EPT_R | EPT_WB);
	run_flagged(t_write);
	check_number("flags.violation", *leaf & EPT_D, 0);
}

/* After INVEPT L2 sees the new mapping. */
static void invalidation(void)
{
	for (unsigned type = 1; type <= 2; type++) {
		if (!(caps.ept_vpid & BIT(24 + type)))
			continue;
		*(u64 *)frame = 0x1111;
		*(u64 *)other_frame = 0x2222;
		set_leaf(phys(frame) | EPT_RWX | EPT_WB);
		run_at(t_read, GPA);
		check_number(text("invept%u.before", type), guest.regs.rax, 0x1111);
		*ept_entry(guest.ept, GPA, 1) = phys(other_frame) | EPT_RWX | EPT_WB;
		invept(type, ept_pointer(guest.ept), 0);
		run_at(t_read, GPA);
		check_number(text("invept%u.moved", type), guest.regs.rax, 0x2222);
		*ept_entry(guest.ept, GPA, 1) = 0;
		invept(type, ept_pointer(guest.ept), 0);
		check(text("invept%u.unmapped", type), text("exit %lu", (run_at(t_read, GPA), vmread(EXIT_REASON))), "exit 48");
		*ept_entry(guest.ept, GPA, 1) = phys(frame) | EPT_RWX | EPT_WB;
		run_at(t_read, GPA);
		check_number(text("invept%u.mapped_without", type), guest.regs.rax, 0x1111);
	}
}

static const char *vmfunc(u64 leaf, u64 index, const u64 *entries)
{
	struct exit_row row = { "", t_vmfunc, { .proc2 = PROC2_VMFUNC }, .rax = leaf, .rcx = index, .rdx = GPA };

	exit_prepare(&row);
	vmwrite(VM_FUNCTION_CONTROLS, 1);
	vmwrite(EPTP_LIST_ADDRESS, phys(entries));
	return guest_run();
}

/* Several switches in one run, those that a host may let the processor do; and what L1 changes between two runs. */
static void eptp_switching_often(u64 *entries, u64 *root)
{
	static const u64 read[] = { 0x221122112211, 0x331133113311, 0x221122112211, 0x112211221122 };
	struct exit_row often = { "", t_vmfunc_often, { .proc2 = PROC2_VMFUNC }, .rdx = GPA };
	u64 *third_frame = page_alloc();

	*third_frame = 0x3333;
	for (unsigned run = 0; run < ARRAY_SIZE(read); run++) {
		exit_prepare(&often);
		vmwrite(VM_FUNCTION_CONTROLS, 1);
		vmwrite(EPTP_LIST_ADDRESS, phys(entries));
		check(text("vmfunc.often%u", run), guest_run(), RUNS);
		check_number(text("vmfunc.often%u.read", run), guest.regs.rbx, read[run]);
		check_number(text("vmfunc.often%u.pointer", run), vmread(EPT_POINTER) == entries[0], 1);
		if (can(caps.proc2, PROC2_EPT_VE))
			check_number(text("vmfunc.often%u.index", run), vmread(EPTP_INDEX), 0);
		if (run == 0) {	/* another page behind the entry */
			*ept_entry(root, GPA, 1) = phys(third_frame) | EPT_RWX | EPT_WB;
			invept(1, entries[5], 0);
		} else if (run == 1) {	/* another hierarchy, with that page still in the old one */
			*ept_entry(guest.ept, GPA, 1) = phys(other_frame) | EPT_RWX | EPT_WB;
			invept(1, entries[0], 0);
			*ept_entry(root, GPA, 1) = phys(frame) | EPT_RWX | EPT_WB;
			invept(1, entries[5], 0);
			entries[5] = ept_pointer(guest.ept);
			entries[0] = ept_pointer(root);
		} else {
			entries[5] ^= entries[0];
			entries[0] ^= entries[5];
			entries[5] ^= entries[0];
		}
	}
}

static void eptp_switching(void)
{
	static const struct exit_row user = { "", t_vmfunc, { .start = USER, .proc2 = PROC2_VMFUNC }, .rdx = GPA };
	u64 *entries = page_alloc(), *root = ept_alloc();

	if (!can(caps.proc2, PROC2_VMFUNC) || !(caps.vmfunc & 1)) {
		skip("vmfunc", "EPTP switching");
		return;
	}
	ept_identity(root, 1);
	ept_map(root, GPA, phys(other_frame), 1, EPT_RWX | EPT_WB);
	*(u64 *)frame = 0x1111;
	*(u64 *)other_frame = 0x2222;
	set_leaf(phys(frame) | EPT_RWX | EPT_WB);
	entries[0] = ept_pointer(guest.ept);
	entries[5] = ept_pointer(root);
	entries[6] = ept_pointer(root) | 0x800;
	check("vmfunc.switch", vmfunc(0, 5, entries), RUNS);
	check_number("vmfunc.new_memory", guest.regs.rbx, 0x2222);
	check_number("vmfunc.pointer_saved", vmread(EPT_POINTER) == entries[5], 1);
	check("vmfunc.same", vmfunc(0, 0, entries), RUNS);
	check_number("vmfunc.old_memory", guest.regs.rbx, 0x1111);
	check("vmfunc.invalid_pointer", vmfunc(0, 6, entries), "exit 59 q=0");
	check_number("vmfunc.length", vmread(EXIT_INSTRUCTION_LENGTH), 3);
	check("vmfunc.empty", vmfunc(0, 7, entries), "exit 59 q=0");
	check("vmfunc.index512", vmfunc(0, 512, entries), "exit 59 q=0");
	check("vmfunc.function1", vmfunc(1, 0, entries), "exit 59 q=0");
	check("vmfunc.function63", vmfunc(63, 0, entries), "exit 59 q=0");
	exit_prepare(&user);
	vmwrite(VM_FUNCTION_CONTROLS, 1);
	vmwrite(EPTP_LIST_ADDRESS, phys(entries));
	check("vmfunc.user", guest_run(), RUNS);
	eptp_switching_often(entries, root);
}

static bool in_log(const u64 *log, u64 from, u64 to)
{
	for (; from <= to; from++) {
		if (log[from] == GPA)
			return true;
	}
	return false;
}

static void page_modification_log(void)
{
	static const struct exit_row row = { "", t_write, { .proc2 = PROC2_PML }, .rdx = GPA + 0x123 };
	u64 *log = page_alloc(), *leaf;

	if (!can(caps.proc2, PROC2_PML)) {
		skip("pml", "page-modification logging");
		return;
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		set_leaf(phys(frame) | EPT_RWX | EPT_WB);
		leaf = ept_entry(guest.ept, GPA, 1);
		exit_prepare(&row);
		vmwrite(EPT_POINTER, flagged_pointer());
		invept(1, flagged_pointer(), 0);
		vmwrite(PML_ADDRESS, phys(log));
		vmwrite(PML_INDEX, pass ? 0xffff : 300);
		guest_run();
		if (pass) {
			check("pml.full", text("exit %lu", vmread(EXIT_REASON)), "exit 62");
			check_number("pml.full_not_dirty", *leaf & EPT_D, 0);
			continue;
		}
		check_true("pml.dirty", *leaf & EPT_D);
		check_true("pml.index", vmread(PML_INDEX) < 300);
		check_true("pml.logged", in_log(log, vmread(PML_INDEX) + 1, 300));
	}
}

static void virtualization_exception(void)
{
	static const struct exit_row row = { "", t_write, { .proc2 = PROC2_EPT_VE }, .rdx = GPA + 0x10 };
	u64 *area = page_alloc();

	if (!can(caps.proc2, PROC2_EPT_VE)) {
		skip("ve", "EPT-violation #VE");
		return;
	}
	for (unsigned pass = 0; pass < 3; pass++) {
		set_leaf(phys(frame) | EPT_R | EPT_WB | (pass == 1 ? EPT_SUPPRESS_VE : 0));
		exit_prepare(&row);
		vmwrite(VE_INFO_ADDRESS, phys(area));
		vmwrite(EPTP_INDEX, 3);
		area[0] = pass == 2 ? 0xffffffff00000000 : 0;
		guest_run();
		if (pass) {
			check(pass == 1 ? "ve.suppressed" : "ve.busy", text("exit %lu", vmread(EXIT_REASON)), "exit 48");
			continue;
		}
		check("ve", text("exit %lu %lx", vmread(EXIT_REASON), vmread(EXIT_INTR_INFO)),
		      text("exit 0 %x", (u32)(INTR_VALID | INTR_HARD_EXCEPTION | 20)));
		check_number("ve.reason_and_busy", area[0], 0xffffffff00000000 | R_EPT_VIOLATION);
		check_number("ve.qualification", ept_qualification(area[1]), EPT_W | EPT_R << 3 | BIT(7) | BIT(8));
		check_number("ve.linear", area[2], GPA + 0x10);
		check_number("ve.physical", area[3], GPA + 0x10);
		check_number("ve.index", area[4] & 0xffff, 3);
	}
	exit_prepare(&row);
	vmwrite(VE_INFO_ADDRESS, phys(area));
	vmwrite(EXCEPTION_BITMAP, 0xffffffff & ~BIT(20));
	area[0] = 0;
	guest_run();
	check("ve.delivered", text("exit %lu eax=%x", vmread(EXIT_REASON), (u32)guest.regs.rax), "exit 18 eax=14");
}

void conform_ept(void)
{
	theme("ept");
	exit_begin();
	if (!guest.ept) {
		skip("ept", "EPT and unrestricted guest");
		return;
	}
	frame = page_alloc();
	other_frame = page_alloc();
	ept_map(guest.ept, GPA, phys(frame), 1, EPT_RWX | EPT_WB);
	rights();
	modify();
	levels();
	misconfigurations();
	large_pages();
	guest_walk();
	flags();
	invalidation();
	eptp_switching();
	page_modification_log();
	virtualization_exception();
}
