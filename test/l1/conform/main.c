/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "conform.h"
#include "exit.h"
#include "l1.h"

struct l2 guest;
u8 guest_stack[4096] __attribute__((aligned(4096)));

void guest_reset(enum l2_mode mode, const void *code)
{
	guest.regs = (struct l2_regs){ 0 };
	l2_setup(&guest, mode, (u64)code, (u64)guest_stack + sizeof(guest_stack));
}

/* Bits 11:9 of an EPT violation's qualification are undefined without advanced VM-exit information; with it they tell what L2's
 * own paging says of the linear address: here user, writable, executable (SDM table 27-7).  Where they are as they must be they are
 * left out. */
u64 ept_qualification(u64 q)
{
	return !(caps.ept_vpid & BIT(22)) || (q & 0xe00) == 0x600 ? q & ~0xe00ull : q;
}

u64 exit_qualification(void)
{
	u64 q = vmread(EXIT_QUALIFICATION);

	return (u32)vmread(EXIT_REASON) == R_EPT_VIOLATION ? ept_qualification(q) : q;
}

const char *guest_run(void)
{
	enum vmx_result r = l2_run(&guest);
	u32 reason;

	if (r != VMX_OK)
		return result_text(r);
	reason = (u32)vmread(EXIT_REASON);
	return text("%s %u q=%lx", reason & REASON_ENTRY_FAILURE ? "entry failure" : "exit", reason & 0xffff,
		    exit_qualification());
}

void l1_main(void)
{
	if (!vmx_init())
		fatal("no VMX");
	outb(0x21, 0xff);	/* no interrupts from the machine's timer */
	outb(0xa1, 0xff);
	conform_instructions();
	if (can(caps.proc, PROC_SECONDARY) && can(caps.proc2, PROC2_EPT | PROC2_UNRESTRICTED)) {
		guest.ept = ept_alloc();
		ept_identity(guest.ept, 4);
	}
	conform_capabilities();
	conform_fields();
	conform_entry_controls();
	conform_entry_host();
	conform_entry_guest();
	conform_entry_segments();
	conform_entry_bits();
	conform_exits_instructions();
	conform_exits_operands();
	conform_exits_modes();
	conform_exits_made();
	conform_exits_exceptions();
	conform_exits_registers();
	conform_exits_bitmaps();
	conform_events();
	conform_lists();
	conform_state();
	conform_ept();
	conform_writers();
	conform_apic();
	conform_shadowing();
	conform_modes();
	conform_cet();
	conform_keys();
	conform_paging();
	conform_traps();
	conform_posted();
	conform_summary();
}
