/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Posted interrupts (SDM 29.6): what the notification does, by an interrupt that L1 has its own local APIC send. */
#include "exit.h"
#include "second.h"

CODE(n_nop, "nop\nnop");
CODE(n_sti, "sti\nnop\nnop");

enum { NOTIFICATION = 0xf2, PLAIN_VECTOR = 0x51, OUTSTANDING = 256, VIRR = 0x200, VISR = 0x100, VPPR = 0xa0, VTPR = 0x80 };

static u8 *vapic;
static u64 *descriptor;	/* 256 bits of requests, then "outstanding notification" */

static u32 *reg(unsigned offset) { return (u32 *)(vapic + offset); }
static bool has_vector(unsigned base, unsigned v) { return *reg(base + v / 32 * 16) >> v % 32 & 1; }
static void post(unsigned v) { descriptor[v / 64] |= BIT(v % 64); }

static bool prepare(const u8 *code, u64 flags)
{
	struct exit_row row = { "", code, { .pin = PIN_EXTINT_EXITING | PIN_POSTED_INTERRUPTS, .proc = PROC_TPR_SHADOW,
		.proc2 = PROC2_VIRTUAL_INTERRUPTS, .exit = EXIT_ACK_INTERRUPT } };

	memset(vapic, 0, PAGE_SIZE);
	memset(descriptor, 0, 64);
	if (!exit_prepare(&row))
		return false;
	vmwrite(VIRTUAL_APIC_ADDRESS, phys(vapic));
	vmwrite(POSTED_INT_DESC_ADDRESS, phys(descriptor));
	vmwrite(POSTED_INT_VECTOR, NOTIFICATION);
	for (unsigned i = 0; i < 4; i++)
		vmwrite(EOI_EXIT_BITMAP0 + 2 * i, 0);
	vmwrite(GUEST_RFLAGS, flags);
	return true;
}

/* Interrupts may come, but virtual ones are below TPR. */
static void prepare_blocked(void)
{
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	*reg(VTPR) = 0xf0;
}

static void notify(void)
{
	descriptor[OUTSTANDING / 64] |= 1;
	apic_send_self(NOTIFICATION);
}

static const char *outcome(void)
{
	guest_run();
	return text("exit %lu eax=%x status=%lx", vmread(EXIT_REASON), (u32)guest.regs.rax, vmread(GUEST_INTERRUPT_STATUS));
}

/* The requests go into VIRR, the highest into RVI; the bit for the notification and the requests are cleared; no VM exit. */
static void processed(void)
{
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	post(0x61);
	notify();
	check("deliver", outcome(), "exit 18 eax=61 status=6100");
	check_number("deliver.outstanding", descriptor[OUTSTANDING / 64] & 1, 0);
	check_number("deliver.requests", descriptor[0] | descriptor[1] | descriptor[2] | descriptor[3], 0);
	check_true("deliver.in_service", has_vector(VISR, 0x61) && !has_vector(VIRR, 0x61));
	check_number("deliver.ppr", *reg(VPPR), 0x60);
	prepare(n_nop, FLAGS_FIXED);
	post(0x61);
	notify();
	check("if_clear", outcome(), "exit 18 eax=0 status=61");
	check_true("if_clear.requested", has_vector(VIRR, 0x61));
	prepare(n_sti, FLAGS_FIXED);
	post(0x61);
	notify();
	check("after_sti", outcome(), "exit 18 eax=61 status=6100");
	prepare_blocked();
	for (unsigned v = 0x20; v < 0x100; v += 0x13)
		post(v);
	notify();
	check("many", outcome(), "exit 18 eax=0 status=f1");
	for (unsigned v = 0x20; v < 0x100; v += 0x13)
		check_true(text("many.%x", v), has_vector(VIRR, v));
	prepare_blocked();
	vmwrite(GUEST_INTERRUPT_STATUS, 0xe1);
	*reg(VIRR + 0xe1 / 32 * 16) = 1u << 0xe1 % 32;
	post(0x61);
	notify();
	check("lower_than_rvi", outcome(), "exit 18 eax=0 status=e1");
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	*reg(VTPR) = 0x60;
	post(0x61);
	notify();
	check("tpr_blocks", outcome(), "exit 18 eax=0 status=61");
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	notify();
	check("empty", outcome(), "exit 18 eax=0 status=0");
}

/* An inactive L2 processes the notification too; an interrupt of another vector exits, and the descriptor is left alone. */
static void others(void)
{
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	vmwrite(GUEST_ACTIVITY, ACT_HLT);
	post(0x61);
	notify();
	check("halted", outcome(), "exit 18 eax=61 status=6100");
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	post(0x61);
	apic_send_self(PLAIN_VECTOR);
	guest_run();
	check("other_vector", text("exit %lu %lx", vmread(EXIT_REASON), vmread(EXIT_INTR_INFO)), text("exit 1 %llx", INTR_VALID | INTR_EXTERNAL | PLAIN_VECTOR));
	apic_eoi();
	check("other_vector.request_stays", text("%llx", descriptor[1] & BIT(0x61 - 64)), text("%llx", BIT(0x61 - 64)));
	prepare(n_nop, FLAGS_FIXED | FLAGS_IF);
	post(0x61);
	check("no_notification", outcome(), "exit 18 eax=0 status=0");
}

void conform_posted(void)
{
	theme("posted");
	exit_begin();
	if (!can(caps.pin, PIN_POSTED_INTERRUPTS) || !can(caps.proc, PROC_TPR_SHADOW) || !can(caps.proc2, PROC2_VIRTUAL_INTERRUPTS)) {
		skip("posted", "posted interrupts");
		return;
	}
	apic_enable();
	mask_interrupts();
	vapic = page_alloc();
	descriptor = page_alloc();	/* SDM: 64 bytes; an emulator may want the whole page */
	processed();
	others();
}
