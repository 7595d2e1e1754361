/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM chapter 30: each VMX instruction in each mode, with each failure, by VMX operation's stages. */
#include "conform.h"

extern u64 boot_pml4[];

/* A window of 4-KiB pages: present, not present, read-only, not present. */
#define WINDOW 0xc0000000ull
#define PAGE_PRESENT WINDOW
#define PAGE_ABSENT (WINDOW + 0x1000)
#define PAGE_READ_ONLY (WINDOW + 0x2000)
#define NONCANONICAL 0x800000000000ull

static u64 region;	/* holds the 64-bit pointer that the operand at &region gives */
static u8 *vmcs_a, *vmcs_b;

static void build_window(void)
{
	u64 *pdpt = (u64 *)(boot_pml4[0] & EPT_ADDRESS), *pd = (u64 *)(pdpt[WINDOW >> 30] & EPT_ADDRESS);
	u64 *pt = page_alloc();

	pt[0] = phys(page_alloc()) | 7;
	pt[2] = phys(page_alloc()) | 5;
	pd[0] = phys(pt) | 7;
	write_cr3(read_cr3());
	write_cr0(read_cr0() | CR0_WP);
}

static const char *pointer(enum op op, u64 value)
{
	region = value;
	return op_run(op, KERNEL64, 0, (u64)&region);
}

static bool in_all_modes(const char *stage, enum op op, const char *kernel64, const char *user64)
{
	for (enum mode m = 0; m < MODES; m++) {
		const char *want = m == KERNEL64 ? kernel64 : m == USER64 ? user64 : "#UD";

		region = 1;
		if (want)
			check(text("%s.%s.%s", stage, op_names[op], mode_names[m]),
			      op_run(op, m, 0, (u64)&region), want);
	}
	return true;
}

/* CR4.VMXE clear: everything is #UD, whatever the privilege level. */
static void without_vmxe(void)
{
	for (enum op op = 0; op < OPS; op++)
		in_all_modes("no_vmxe", op, "#UD", "#UD");
}

/* CR4.VMXE set: VMXON alone is an instruction. */
static void before_vmxon(void)
{
	for (enum op op = 0; op < OPS; op++)
		in_all_modes("outside", op, op == OP_VMXON ? "VMfailInvalid" : "#UD",
			     op == OP_VMXON ? "#GP(0)" : "#UD");
}

static const u64 *bad_pointers(unsigned *n)
{
	static u64 list[6];

	list[0] = 1;
	list[1] = 0x800;
	list[2] = BIT(caps.phys_bits);
	list[3] = BIT(63);
	list[4] = BIT(52);
	list[5] = 8;
	*n = ARRAY_SIZE(list);
	return list;
}

static void vmxon_operands(void)
{
	u64 good = phys(vmxon_region), cr0 = read_cr0();
	u32 *revision = (u32 *)vmxon_region;
	unsigned n;
	const u64 *bad = bad_pointers(&n);

	for (unsigned i = 0; i < n; i++)
		check(text("vmxon.pointer%u", i), pointer(OP_VMXON, good | bad[i]), "VMfailInvalid");
	*revision = caps.revision + 1;
	check("vmxon.revision", pointer(OP_VMXON, good), "VMfailInvalid");
	*revision = caps.revision | 1u << 31;
	check("vmxon.revision_bit31", pointer(OP_VMXON, good), "VMfailInvalid");
	*revision = caps.revision;
	write_cr0(cr0 & ~CR0_NE);
	check("vmxon.cr0_ne", pointer(OP_VMXON, good), "#GP(0)");
	write_cr0(cr0);
	check("vmxon.user", op_run(OP_VMXON, USER64, 0, (u64)&region), "#GP(0)");
	check("vmxon.absent", op_run(OP_VMXON, KERNEL64, 0, PAGE_ABSENT), "#PF(0)");
	check("vmxon.noncanonical", op_run(OP_VMXON, KERNEL64, 0, NONCANONICAL), "#GP(0)");
	check("vmxon", pointer(OP_VMXON, good), "VMsucceed");
}

/* In root operation with no current VMCS: SDM 30.2, VMfailInvalid where there is nowhere to put an error number. */
static void without_current(void)
{
	static const enum op invalid[] = { OP_VMREAD, OP_VMWRITE, OP_VMLAUNCH, OP_VMRESUME, OP_VMCALL, OP_VMXON };

	for (unsigned i = 0; i < ARRAY_SIZE(invalid); i++)
		check(text("no_current.%s", op_names[invalid[i]]), pointer(invalid[i], phys(vmxon_region)),
		      "VMfailInvalid");
	check("no_current.vmptrst", pointer(OP_VMPTRST, 0), "VMsucceed");
	check_number("no_current.vmptrst_value", region, ~0ull);
	check("no_current.vmclear_misaligned", pointer(OP_VMCLEAR, phys(vmcs_a) | 1), "VMfailInvalid");
	check("no_current.vmclear_vmxon", pointer(OP_VMCLEAR, phys(vmxon_region)), "VMfailInvalid");
	check("no_current.vmptrld_misaligned", pointer(OP_VMPTRLD, phys(vmcs_a) | 1), "VMfailInvalid");
	check("no_current.vmptrld_vmxon", pointer(OP_VMPTRLD, phys(vmxon_region)), "VMfailInvalid");
	check("no_current.invept_type", op_run(OP_INVEPT, KERNEL64, 77, (u64)&region),
	      caps.ept_vpid & BIT(20) ? "VMfailInvalid" : "#UD");
	check("no_current.invvpid_type", op_run(OP_INVVPID, KERNEL64, 77, (u64)&region),
	      caps.ept_vpid & BIT(32) ? "VMfailInvalid" : "#UD");
	check("no_current.vmfunc", op_run(OP_VMFUNC, KERNEL64, 0, 0), "#UD");
}

/* In root operation, privilege and mode are judged before any operand. */
static void root_modes(void)
{
	for (enum op op = 0; op < OPS; op++)
		in_all_modes("root", op, NULL, op == OP_VMFUNC ? "#UD" : "#GP(0)");
}

static void vmclear_operands(void)
{
	unsigned n;
	const u64 *bad = bad_pointers(&n);

	for (unsigned i = 0; i < n; i++)
		check(text("vmclear.pointer%u", i), pointer(OP_VMCLEAR, phys(vmcs_b) | bad[i]), "VMfailValid 2");
	check("vmclear.vmxon", pointer(OP_VMCLEAR, phys(vmxon_region)), "VMfailValid 3");
	*(u32 *)vmcs_b = caps.revision + 1;
	check("vmclear.any_revision", pointer(OP_VMCLEAR, phys(vmcs_b)), "VMsucceed");
	*(u32 *)vmcs_b = caps.revision;
	check("vmclear", pointer(OP_VMCLEAR, phys(vmcs_b)), "VMsucceed");
	check("vmclear.keeps_current", text("%d", vmptrst() == phys(vmcs_a)), "1");
	check("vmclear.current", pointer(OP_VMCLEAR, phys(vmcs_a)), "VMsucceed");
	check_number("vmclear.no_current", vmptrst(), ~0ull);
	check("vmclear.then_vmread", op_run(OP_VMREAD, KERNEL64, GUEST_RIP, (u64)&region), "VMfailInvalid");
	check("vmclear.reload", pointer(OP_VMPTRLD, phys(vmcs_a)), "VMsucceed");
}

static void vmptrld_operands(void)
{
	unsigned n;
	const u64 *bad = bad_pointers(&n);
	bool shadowing = can(caps.proc, PROC_SECONDARY) && can(caps.proc2, PROC2_VMCS_SHADOWING);

	for (unsigned i = 0; i < n; i++)
		check(text("vmptrld.pointer%u", i), pointer(OP_VMPTRLD, phys(vmcs_b) | bad[i]), "VMfailValid 9");
	check("vmptrld.vmxon", pointer(OP_VMPTRLD, phys(vmxon_region)), "VMfailValid 10");
	*(u32 *)vmcs_b = caps.revision + 1;
	check("vmptrld.revision", pointer(OP_VMPTRLD, phys(vmcs_b)), "VMfailValid 11");
	*(u32 *)vmcs_b = caps.revision | 1u << 31;
	check("vmptrld.shadow_bit", pointer(OP_VMPTRLD, phys(vmcs_b)), shadowing ? "VMsucceed" : "VMfailValid 11");
	if (shadowing) {
		check("shadow.vmlaunch", op_run(OP_VMLAUNCH, KERNEL64, 0, 0), "VMfailInvalid");
		check("shadow.vmread", op_run(OP_VMREAD, KERNEL64, GUEST_RIP, (u64)&region), "VMsucceed");
		pointer(OP_VMCLEAR, phys(vmcs_b));
	}
	*(u32 *)vmcs_b = caps.revision;
	check("vmptrld", pointer(OP_VMPTRLD, phys(vmcs_a)), "VMsucceed");
	check("vmptrld.current", text("%d", vmptrst() == phys(vmcs_a)), "1");
	pointer(OP_VMPTRLD, phys(vmcs_b) | 1);
	check("vmptrld.failure_keeps", text("%d", vmptrst() == phys(vmcs_a)), "1");
	vmwrite(VM_INSTRUCTION_ERROR, 0);
	check("vmptrld.again", pointer(OP_VMPTRLD, phys(vmcs_a)), "VMsucceed");
	check_number("success_keeps_error", vmread(VM_INSTRUCTION_ERROR), caps.misc & BIT(29) ? 0 : 13);
}

static void root_failures(void)
{
	check("root.vmxon", pointer(OP_VMXON, phys(vmxon_region)), "VMfailValid 15");
	check("root.vmxon_misaligned", pointer(OP_VMXON, 1), "VMfailValid 15");
	check("root.vmresume_clear", op_run(OP_VMRESUME, KERNEL64, 0, 0), "VMfailValid 5");
	check("root.vmfunc", op_run(OP_VMFUNC, KERNEL64, 0, 0), "#UD");
	check("root.vmread_unknown", op_run(OP_VMREAD, KERNEL64, 0x6fff, (u64)&region), "VMfailValid 12");
	check("root.vmread_before_store", op_run(OP_VMREAD, KERNEL64, 0x6fff, PAGE_ABSENT), "VMfailValid 12");
	check("root.vmwrite_unknown", op_run(OP_VMWRITE, KERNEL64, 0x6fff, (u64)&region), "VMfailValid 12");
	if (!(caps.misc & BIT(29)))
		check("root.vmwrite_read_only", op_run(OP_VMWRITE, KERNEL64, EXIT_REASON, (u64)&region),
		      "VMfailValid 13");
}

static const char *fault_with_address(enum op op, u64 field, u64 address)
{
	const char *t = op_run(op, KERNEL64, field, address);

	return op_trap.vector == VEC_PF ? text("%s at %lx", t, op_trap.cr2) : t;
}

/* Faults of memory operands: VMPTRST and VMREAD write theirs, the others read. */
static void memory_operands(void)
{
	static const enum op ops[] = { OP_VMCLEAR, OP_VMPTRLD, OP_VMPTRST, OP_VMREAD, OP_VMWRITE, OP_INVEPT, OP_INVVPID };

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		enum op op = ops[i];
		bool writes = op == OP_VMPTRST || op == OP_VMREAD, pair = op == OP_INVEPT || op == OP_INVVPID;
		u64 rax = pair ? 2 : GUEST_RIP;
		const char *name = op_names[op];

		if ((op == OP_INVEPT && !(caps.ept_vpid & BIT(20))) || (op == OP_INVVPID && !(caps.ept_vpid & BIT(32))))
			continue;
		check(text("operand.absent.%s", name), fault_with_address(op, rax, PAGE_ABSENT + 8),
		      text("#PF(%x) at %llx", writes ? 2 : 0, PAGE_ABSENT + 8));
		check(text("operand.crossing.%s", name), fault_with_address(op, rax, PAGE_ABSENT - 4),
		      text("#PF(%x) at %llx", writes ? 2 : 0, PAGE_ABSENT));
		check(text("operand.noncanonical.%s", name), op_run(op, KERNEL64, rax, NONCANONICAL), "#GP(0)");
		check(text("operand.crossing_canonical.%s", name), op_run(op, KERNEL64, rax, NONCANONICAL - 4), "#GP(0)");
		if (writes)
			check(text("operand.read_only.%s", name), fault_with_address(op, rax, PAGE_READ_ONLY),
			      text("#PF(3) at %llx", PAGE_READ_ONLY));
	}
}

#define STACK_OP(name, insn) extern const u8 stack_##name[]; \
	asm(".pushsection .text\nstack_" #name ": movq %rdx, %rbp\n" insn " (%rbp)\nint $0x80\n.popsection")
STACK_OP(vmclear, "vmclear");
STACK_OP(vmptrld, "vmptrld");
STACK_OP(vmptrst, "vmptrst");

/* With RBP as base the segment is SS, and a non-canonical address is #SS(0). */
static void stack_operands(void)
{
	static const struct { const char *name; const u8 *code; } ops[] = {
		{ "vmclear", stack_vmclear }, { "vmptrld", stack_vmptrld }, { "vmptrst", stack_vmptrst } };

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		struct trap t = mode_call(ops[i].code, SEL_CODE64, SEL_DATA, (u64)guest_stack + 4096, 0, NONCANONICAL);

		check(text("operand.stack.%s", ops[i].name), trap_text(t.vector, t.error), "#SS(0)");
	}
}

static const char *try_invept(u64 type, u64 eptp) { return result_text(invept(type, eptp, 0)); }
static const char *try_invvpid(u64 type, u64 vpid, u64 address) { return result_text(invvpid(type, vpid, address)); }

static void invept_types(void)
{
	u64 eptp = ept_pointer((u64 *)page_alloc());
	bool single = caps.ept_vpid & BIT(25), all = caps.ept_vpid & BIT(26);
	static const u64 bad[] = { 0, 3, 4, 255, BIT(32), BIT(63) | 1 };

	if (!(caps.ept_vpid & BIT(20))) {
		skip("invept", "INVEPT");
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check(text("invept.type.%lx", bad[i]), try_invept(bad[i], eptp), "VMfailValid 28");
	check("invept.single", try_invept(1, eptp), single ? "VMsucceed" : "VMfailValid 28");
	check("invept.all", try_invept(2, 0), all ? "VMsucceed" : "VMfailValid 28");
	check("invept.all_ignores_pointer", try_invept(2, ~0ull), all ? "VMsucceed" : "VMfailValid 28");
	if (!single)
		return;
	check("invept.single_type", try_invept(1, (eptp & ~7ull) | 5), "VMfailValid 28");
	check("invept.single_walk", try_invept(1, eptp ^ 8), "VMfailValid 28");
	check("invept.single_reserved", try_invept(1, eptp | BIT(8)), "VMfailValid 28");
	check("invept.single_width", try_invept(1, eptp | BIT(caps.phys_bits)), "VMfailValid 28");
	check("invept.single_high", try_invept(1, eptp | BIT(63)), "VMfailValid 28");
}

static void invvpid_types(void)
{
	static const u64 bad[] = { 4, 5, 255, BIT(32), BIT(63) | 1 };

	if (!(caps.ept_vpid & BIT(32))) {
		skip("invvpid", "INVVPID");
		return;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check(text("invvpid.type.%lx", bad[i]), try_invvpid(bad[i], 1, 0), "VMfailValid 28");
	for (unsigned t = 0; t < 4; t++) {
		bool has = caps.ept_vpid & BIT(40 + t);

		check(text("invvpid.%u", t), try_invvpid(t, 1, 0x1000), has ? "VMsucceed" : "VMfailValid 28");
		check(text("invvpid.%u.vpid0", t), try_invvpid(t, 0, 0),
		      has && t == 2 ? "VMsucceed" : "VMfailValid 28");
		check(text("invvpid.%u.reserved16", t), try_invvpid(t, 0x10001, 0), "VMfailValid 28");
		check(text("invvpid.%u.reserved63", t), try_invvpid(t, BIT(63) | 1, 0), "VMfailValid 28");
		check(text("invvpid.%u.noncanonical", t), try_invvpid(t, 1, NONCANONICAL),
		      has && t ? "VMsucceed" : "VMfailValid 28");
	}
}

static const char *cr_write(unsigned cr, u64 v)
{
	trap_begin();
	if (cr == 0)
		asm volatile(TRY("movq %0, %%cr0") : : "r"(v) : "r11", "memory");
	else
		asm volatile(TRY("movq %0, %%cr4") : : "r"(v) : "r11", "memory");
	trap_end();
	return trap_text(trap_last.vector, trap_last.error);
}

/* SDM 23.8: the fixed bits cannot be changed in VMX operation. */
static void fixed_bits(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();

	check("fixed.cr4_vmxe", cr_write(4, cr4 & ~CR4_VMXE), "#GP(0)");
	check("fixed.cr0_ne", cr_write(0, cr0 & ~CR0_NE), "#GP(0)");
	check("fixed.cr0_pg", cr_write(0, cr0 & ~CR0_PG), "#GP(0)");
	check("fixed.cr0_pe", cr_write(0, cr0 & ~CR0_PE), "#GP(0)");
	check("fixed.cr0_ts", cr_write(0, cr0 ^ CR0_TS), "no trap");
	write_cr0(cr0);
	check("fixed.cr4_de", cr_write(4, cr4 ^ CR4_DE), "no trap");
	write_cr4(cr4);
}

static void load_both(void)
{
	check("load.vmclear", pointer(OP_VMCLEAR, phys(vmcs_a)), "VMsucceed");
	check("load.vmclear_b", pointer(OP_VMCLEAR, phys(vmcs_b)), "VMsucceed");
	check("load.vmptrld", pointer(OP_VMPTRLD, phys(vmcs_a)), "VMsucceed");
	check("load.vmptrst", pointer(OP_VMPTRST, 0), "VMsucceed");
	check("load.value", text("%d", region == phys(vmcs_a)), "1");
}

static void vmxoff_and_on(void)
{
	check("vmxoff", op_run(OP_VMXOFF, KERNEL64, 0, 0), "VMsucceed");
	for (enum op op = 0; op < OPS; op++) {
		if (op != OP_VMXON)
			check(text("after_vmxoff.%s", op_names[op]), op_run(op, KERNEL64, 0, (u64)&region), "#UD");
	}
	check("again.vmxon", pointer(OP_VMXON, phys(vmxon_region)), "VMsucceed");
	check("again.vmptrst", pointer(OP_VMPTRST, 0), "VMsucceed");
	check_number("again.no_current", region, ~0ull);
}

void conform_instructions(void)
{
	theme("insn");
	build_window();
	vmxon_region = vmcs_alloc();
	vmcs_a = vmcs_alloc();
	vmcs_b = vmcs_alloc();
	without_vmxe();
	write_cr0((read_cr0() | caps.cr0_fixed0) & caps.cr0_fixed1);
	write_cr4(read_cr4() | CR4_VMXE);
	before_vmxon();
	vmxon_operands();
	without_current();
	root_modes();
	load_both();
	root_failures();
	vmclear_operands();
	vmptrld_operands();
	memory_operands();
	stack_operands();
	invept_types();
	invvpid_types();
	fixed_bits();
	vmxoff_and_on();
}
