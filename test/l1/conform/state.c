/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Launch state (SDM 24.1, 30.3), host state as an exit loads it (27.5), guest state as an exit saves it (27.3). */
#include "exit.h"

CODE(s_nop, "nop");
CODE(s_change, "movl $0x28, %eax\nmovl %eax, %fs\nmovl $0x10, %eax\nmovl %eax, %ds\nxorl %eax, %eax\nmovl %eax, %gs\n"
	       "lldt %ax\nmovq $0x1234567, %rsp\nstc\nstd\nclts");
CODE(s_gdt, "lgdt (%rdx)\nlidt (%rdx)");

extern const u8 launch_after_mov_ss[];
asm(".pushsection .text\nlaunch_after_mov_ss: movl %ss, %eax\nmovl %eax, %ss\nvmlaunch\nint $0x80\n.popsection");

static struct l2 second;

static const char *enter(bool resume) { return result_text((enum vmx_result)l2_enter(&guest.regs, resume)); }

static void launch_states(void)
{
	static const struct exit_row row = { "", s_nop };
	struct trap t;

	exit_prepare(&row);
	check("launch.resume_clear", enter(true), "VMfailValid 5");
	t = mode_call(launch_after_mov_ss, SEL_CODE64, SEL_DATA, (u64)guest_stack + 2048, 0, 0);
	check("launch.after_mov_ss", result_text(vmx_result(t.rflags & FLAGS_CF, t.rflags & FLAGS_ZF)), "VMfailValid 26");
	check("launch", enter(false), "VMsucceed");
	vmwrite(GUEST_RIP, phys(s_nop));
	check("launch.again", enter(false), "VMfailValid 4");
	check("launch.resume", enter(true), "VMsucceed");
	check("launch.vmcall_in_root", op_run(OP_VMCALL, KERNEL64, 0, 0), "VMfailValid 1");
	check("launch.reload", result_text(vmptrld(phys(guest.vmcs))), "VMsucceed");
	vmwrite(GUEST_RIP, phys(s_nop));
	check("launch.resume_after_reload", enter(true), "VMsucceed");
	vmclear(phys(guest.vmcs));
	vmptrld(phys(guest.vmcs));
	vmwrite(GUEST_RIP, phys(s_nop));
	check("launch.resume_after_clear", enter(true), "VMfailValid 5");
	check("launch.after_clear", enter(false), "VMsucceed");
	guest.launched = true;
}

/* Two VMCSs keep their fields and launch states apart. */
static void two(void)
{
	second.ept = guest.ept;
	l2_setup(&second, L2_LONG, phys(s_nop), phys(guest_stack) + 2048);
	vmwrite(GUEST_SYSENTER_EIP, 0x2222);
	check("two.resume_second", result_text((enum vmx_result)l2_enter(&second.regs, 1)), "VMfailValid 5");
	vmptrld(phys(guest.vmcs));
	vmwrite(GUEST_SYSENTER_EIP, 0x1111);
	vmwrite(GUEST_RIP, phys(s_nop));
	check("two.resume_first", enter(true), "VMsucceed");
	vmptrld(phys(second.vmcs));
	check_number("two.second_field", vmread(GUEST_SYSENTER_EIP), 0x2222);
	check("two.launch_second", result_text((enum vmx_result)l2_enter(&second.regs, 0)), "VMsucceed");
	check_number("two.second_exit", vmread(EXIT_REASON), R_VMCALL);
	vmptrld(phys(guest.vmcs));
	check_number("two.first_field", vmread(GUEST_SYSENTER_EIP), 0x1111);
	vmclear(phys(second.vmcs));
	check("two.first_still_current", text("%d", vmptrst() == phys(guest.vmcs)), "1");
}

static u64 rflags(void)
{
	u64 f;

	asm volatile("pushfq; popq %0" : "=r"(f));
	return f;
}

static u64 dr7(void)
{
	u64 v;

	asm volatile("movq %%db7, %0" : "=r"(v));
	return v;
}

static u32 selector(unsigned which)
{
	u32 v = 0;

	switch (which) {
	case 0: asm volatile("movl %%es, %0" : "=r"(v)); break;
	case 1: asm volatile("movl %%cs, %0" : "=r"(v)); break;
	case 2: asm volatile("movl %%ss, %0" : "=r"(v)); break;
	case 3: asm volatile("movl %%ds, %0" : "=r"(v)); break;
	case 4: asm volatile("movl %%fs, %0" : "=r"(v)); break;
	case 5: asm volatile("movl %%gs, %0" : "=r"(v)); break;
	case 6: asm volatile("sldt %0" : "=r"(v)); break;
	default: asm volatile("str %0" : "=r"(v)); break;
	}
	return v;
}

static void host_state(void)
{
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
	static const u16 want[] = { SEL_DATA, SEL_CODE64, SEL_DATA, 0, SEL_DATA, SEL_CODE32, 0, SEL_TSS };
	static const struct exit_row row = { "", s_nop };
	u64 cr4 = read_cr4();

	exit_prepare(&row);
	vmwrite(HOST_DS_SELECTOR, 0);
	vmwrite(HOST_GS_SELECTOR, SEL_CODE32);
	vmwrite(HOST_FS_BASE, 0x123456789ab);
	vmwrite(HOST_GS_BASE, 0xfffff00000000000);
	vmwrite(HOST_SYSENTER_CS, 0x33);
	vmwrite(HOST_SYSENTER_ESP, 0x44);
	vmwrite(HOST_SYSENTER_EIP, 0x55);
	vmwrite(HOST_CR4, cr4 | CR4_DE);
	vmwrite(GUEST_DR7, 0x401);
	exit_text(&row);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		check_number(text("host.%s", names[i]), selector(i), want[i]);
	check_number("host.fs_base", rdmsr(MSR_FS_BASE), 0x123456789ab);
	check_number("host.gs_base", rdmsr(MSR_GS_BASE), 0xfffff00000000000);
	check_number("host.sysenter_cs", rdmsr(MSR_SYSENTER_CS), 0x33);
	check_number("host.sysenter_esp", rdmsr(MSR_SYSENTER_ESP), 0x44);
	check_number("host.sysenter_eip", rdmsr(MSR_SYSENTER_EIP), 0x55);
	check_number("host.cr4", read_cr4() ^ cr4, CR4_DE);
	check_number("host.dr7", dr7(), 0x400);
	check_number("host.debugctl", rdmsr(MSR_DEBUGCTL), 0);
	check_number("host.gdtr_limit", sgdt().limit, 0xffff);
	check_number("host.idtr_limit", sidt().limit, 0xffff);
	check_number("host.rflags", rflags() & ~FLAGS_ARITH, FLAGS_FIXED);
	exit_prepare(&row);
	exit_text(&row);
	check_number("host.ds_again", selector(3), SEL_DATA);
}

static void guest_state(void)
{
	static const struct exit_row row = { "", s_change, { .change = { { GUEST_CR0, OR, CR0_TS } } } };
	static const struct exit_row tables = { "", s_gdt, .rdx = (u64)probe };

	exit_prepare(&row);
	exit_text(&row);
	check_number("guest.reason", vmread(EXIT_REASON), R_VMCALL);
	check_number("guest.fs", vmread(GUEST_FS_SELECTOR), 0x28);
	check_number("guest.fs_ar", vmread(GUEST_FS_AR), 0xc0f3);
	check_number("guest.fs_limit", vmread(GUEST_FS_LIMIT), 0xffffffff);
	check_number("guest.ds", vmread(GUEST_DS_SELECTOR), SEL_DATA);
	check_number("guest.ds_ar", vmread(GUEST_DS_AR), 0xc093);
	check_number("guest.gs", vmread(GUEST_GS_SELECTOR), 0);
	check_number("guest.gs_unusable", vmread(GUEST_GS_AR) >> 16, 1);
	check_number("guest.ldtr_unusable", vmread(GUEST_LDTR_AR) >> 16, 1);
	check_number("guest.cs", vmread(GUEST_CS_SELECTOR), SEL_CODE64);
	check_number("guest.cs_ar", vmread(GUEST_CS_AR), 0xa09b);
	check_number("guest.tr_ar", vmread(GUEST_TR_AR), 0x8b);
	check_number("guest.rsp", vmread(GUEST_RSP), 0x1234567);
	check_number("guest.rflags", vmread(GUEST_RFLAGS), 0x447);
	check_number("guest.ts", vmread(GUEST_CR0) & CR0_TS, 0);
	check_number("guest.dr7", vmread(GUEST_DR7), 0x400);
	*(struct desc_ptr *)probe = (struct desc_ptr){ 0x7f, 0x123456780 };
	exit_prepare(&tables);
	exit_text(&tables);
	check_number("guest.gdtr_base", vmread(GUEST_GDTR_BASE), 0x123456780);
	check_number("guest.gdtr_limit", vmread(GUEST_GDTR_LIMIT), 0x7f);
	check_number("guest.idtr_base", vmread(GUEST_IDTR_BASE), 0x123456780);
	check_number("guest.idtr_limit", vmread(GUEST_IDTR_LIMIT), 0x7f);
}

/* SDM 27.3.1: LMA goes to "IA-32e mode guest" where MISC says so, and EFER is saved when asked. */
static void mode_saved(void)
{
	static const struct exit_row rows[] = { { "long", s_nop }, { "protected", s_nop, { .start = PROTECTED } } };

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!exit_prepare(&rows[i]))
			continue;
		exit_text(&rows[i]);
		check_number(text("mode.%s", rows[i].id), vmread(ENTRY_CONTROLS) & ENTRY_GUEST_64, i ? 0 : ENTRY_GUEST_64);
		if (can(caps.exit, EXIT_SAVE_EFER))
			check_number(text("mode.%s_efer", rows[i].id), vmread(GUEST_EFER) & (EFER_LMA | EFER_LME),
				     i ? 0 : EFER_LMA | EFER_LME);
		check_number(text("mode.%s_host_lma", rows[i].id), rdmsr(MSR_EFER) & EFER_LMA, EFER_LMA);
	}
}

void conform_state(void)
{
	theme("state");
	exit_begin();
	launch_states();
	two();
	host_state();
	guest_state();
	mode_saved();
}
