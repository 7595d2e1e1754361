/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "exit.h"

extern const u8 guest_stubs[];
asm(".pushsection .text\n"
    ".balign 16\n"
    "guest_stubs:\n"
    "guest_vector = 0\n"
    ".rept 256\n"
    ".balign 16\n"
    "movl $guest_vector, %eax\n"
    "vmcall\n"
    "ud2\n"
    "guest_vector = guest_vector + 1\n"
    ".endr\n"
    ".popsection");

struct idt_gate guest_idt[256] __attribute__((aligned(4096)));
u8 probe[4096] __attribute__((aligned(4096)));

void exit_begin(void)
{
	entry_begin();
	for (unsigned v = 0; v < 256; v++) {
		u64 at = phys(guest_stubs) + 16 * v;

		guest_idt[v] = (struct idt_gate){ .offset_low = (u16)at, .offset_mid = (u16)(at >> 16),
			.offset_high = (u32)(at >> 32), .selector = SEL_CODE64, .type = 0xee };
	}
}

void guest_idt_use(void)
{
	vmwrite(GUEST_IDTR_BASE, phys(guest_idt));
	vmwrite(GUEST_IDTR_LIMIT, sizeof(guest_idt) - 1);
}

bool exit_prepare(const struct exit_row *row)
{
	if (!entry_prepare(&row->on))
		return false;
	guest_idt_use();
	vmwrite(GUEST_RIP, entry_code_rip(row->on.start, row->code));
	for (unsigned i = 0; i < ARRAY_SIZE(row->on.change); i++)
		entry_change(&row->on.change[i]);
	guest.regs.rax = row->rax;
	guest.regs.rcx = row->rcx;
	guest.regs.rdx = row->rdx;
	guest.regs.rbx = row->rbx;
	guest.regs.rsi = row->rsi;
	guest.regs.rdi = row->rdi;
	return true;
}

struct report { u32 reason, length, info, interruption, error, vectoring, vectoring_error; u64 qualification, rip; };

static const char *report_text(const struct exit_row *row, const struct report *r)
{
	const char *t = text("exit %u q=%lx rip=+%lu", r->reason, r->qualification, r->rip);

	if (row->length)
		t = text("%s len=%u", t, r->length);
	if (row->info_mask)
		t = text("%s info=%x", t, r->info & row->info_mask);
	if (r->interruption & INTR_VALID)
		t = text("%s intr=%x", t, r->interruption);
	if (r->interruption & INTR_DELIVER_ERROR)
		t = text("%s err=%x", t, r->error);
	if (r->vectoring & INTR_VALID)
		t = text("%s idt=%x", t, r->vectoring);
	return r->vectoring & INTR_DELIVER_ERROR ? text("%s idterr=%x", t, r->vectoring_error) : t;
}

const char *exit_text(const struct exit_row *row)
{
	enum vmx_result result = l2_run(&guest);
	struct report r;

	if (result != VMX_OK)
		return result_text(result);
	r = (struct report){ .reason = (u32)vmread(EXIT_REASON), .qualification = exit_qualification(),
		.rip = vmread(GUEST_RIP) - entry_code_rip(row->on.start, row->code),
		.length = (u32)vmread(EXIT_INSTRUCTION_LENGTH), .info = (u32)vmread(EXIT_INSTRUCTION_INFO),
		.interruption = (u32)vmread(EXIT_INTR_INFO), .error = (u32)vmread(EXIT_INTR_ERROR),
		.vectoring = (u32)vmread(IDT_VECTORING_INFO), .vectoring_error = (u32)vmread(IDT_VECTORING_ERROR) };
	if (r.reason & REASON_ENTRY_FAILURE)
		return text("entry failure %u q=%lx", r.reason & 0xffff, r.qualification);
	return report_text(row, &r);
}

const char *exit_want(const struct exit_row *row)
{
	struct report r = { .reason = row->reason, .qualification = row->qualification, .rip = row->skip,
		.length = row->length, .info = row->info, .interruption = row->interruption, .error = row->error,
		.vectoring = row->vectoring, .vectoring_error = row->vectoring_error };

	return report_text(row, &r);
}

void exit_rows(const struct exit_row *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (exit_prepare(&rows[i]))
			check(rows[i].id, exit_text(&rows[i]), exit_want(&rows[i]));
		else
			skip(rows[i].id, "not offered");
	}
}
