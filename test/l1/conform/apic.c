/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM chapter 29: APIC accesses, the virtual-APIC page, x2APIC mode, virtual-interrupt delivery. */
#include "exit.h"

CODE(a_read, "movl (%rdx), %eax");
CODE(a_write, "movl %eax, (%rdx)");
CODE(a_read8, "movb (%rdx), %al");
CODE(a_read64, "movq (%rdx), %rax");
CODE(a_rdmsr, "rdmsr");
CODE(a_wrmsr, "wrmsr");
CODE(a_nop, "nop\nnop");
CODE(a_sti, "sti\nnop\nnop");

#define ACCESS_GPA 0x80002000ull

enum { TPR = 0x80, PPR = 0xa0, EOI = 0xb0, ID = 0x20, ICR = 0x300, VISR = 0x100, VIRR = 0x200, SELF_IPI = 0x3f0 };

static u8 *access_page, *vapic, *msr_bitmap;

static u32 *reg(unsigned offset) { return (u32 *)(vapic + offset); }

static bool prepare(const u8 *code, u64 offset, u32 proc, u32 proc2, u64 rax)
{
	struct exit_row row = { "", code, { .pin = proc2 & PROC2_VIRTUAL_INTERRUPTS ? PIN_EXTINT_EXITING : 0, .proc = proc,
		.proc2 = proc2 }, .rdx = ACCESS_GPA + offset, .rax = rax };

	memset(vapic, 0, PAGE_SIZE);
	if (!exit_prepare(&row))
		return false;
	vmwrite_try(VIRTUAL_APIC_ADDRESS, phys(vapic));
	vmwrite_try(APIC_ACCESS_ADDRESS, phys(access_page));
	return true;
}

/*
 * 29.4: every access that is not virtualized exits; bits 11:0 the offset, 15:12 the kind. Bochs stops itself when code
 * is fetched from the page, so that kind is not tried.
 */
static void accesses(void)
{
	static const struct { const char *name; const u8 *code; u32 offset, proc, proc2, q; } rows[] = {
		{ "read", a_read, ID, 0, PROC2_APIC_ACCESSES, ID },
		{ "write", a_write, EOI, 0, PROC2_APIC_ACCESSES, EOI | 1 << 12 },
		{ "read_tpr_no_shadow", a_read, TPR, 0, PROC2_APIC_ACCESSES, TPR },
		{ "read_id_tpr_shadow", a_read, ID, PROC_TPR_SHADOW, PROC2_APIC_ACCESSES, ID },
		{ "write_eoi_tpr_shadow", a_write, EOI, PROC_TPR_SHADOW, PROC2_APIC_ACCESSES, EOI | 1 << 12 },
		{ "read64", a_read64, ID, PROC_TPR_SHADOW, PROC2_APIC_ACCESSES | PROC2_APIC_REGISTERS, ID },
		{ "read_unlisted", a_read, 0x40, PROC_TPR_SHADOW, PROC2_APIC_ACCESSES | PROC2_APIC_REGISTERS, 0x40 },
		{ "read_misaligned", a_read, ID + 2, PROC_TPR_SHADOW, PROC2_APIC_ACCESSES | PROC2_APIC_REGISTERS, ID + 2 },
		{ "write_ppr", a_write, PPR, PROC_TPR_SHADOW, PROC2_APIC_ACCESSES | PROC2_APIC_REGISTERS, PPR | 1 << 12 } };

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (prepare(rows[i].code, rows[i].offset, rows[i].proc, rows[i].proc2, 0))
			check(text("access.%s", rows[i].name), guest_run(), text("exit 44 q=%x", rows[i].q));
		else
			skip(text("access.%s", rows[i].name), "not offered");
	}
}

/* 29.4.2, 29.4.3: accesses that are virtualized reach the virtual-APIC page, some with a trap-like exit. */
static void virtualized(void)
{
	const u32 tpr = PROC_TPR_SHADOW, regs = PROC2_APIC_ACCESSES | PROC2_APIC_REGISTERS;

	if (!prepare(a_read, TPR, tpr, PROC2_APIC_ACCESSES, 0)) {
		skip("virtual", "virtualize APIC accesses");
		return;
	}
	*reg(TPR) = 0x55667788;
	check("virtual.read_tpr", guest_run(), RUNS);
	check_number("virtual.read_tpr_value", guest.regs.rax, 0x55667788);
	prepare(a_write, TPR, tpr, PROC2_APIC_ACCESSES, 0x30);
	check("virtual.write_tpr", guest_run(), RUNS);
	check_number("virtual.write_tpr_value", *reg(TPR), 0x30);
	prepare(a_write, TPR, tpr, PROC2_APIC_ACCESSES, 0x30);
	*reg(TPR) = 0x50;
	vmwrite(TPR_THRESHOLD, 4);
	check("virtual.write_tpr_below", guest_run(), "exit 43 q=0");
	if (!prepare(a_read, ID, tpr, regs, 0)) {
		skip("virtual.registers", "APIC-register virtualization");
		return;
	}
	*reg(ID) = 0x07000000;
	check("virtual.read_id", guest_run(), RUNS);
	check_number("virtual.read_id_value", guest.regs.rax, 0x07000000);
	prepare(a_read8, ID + 3, tpr, regs, 0);
	*reg(ID) = 0x07000000;
	check("virtual.read_byte", guest_run(), RUNS);
	check_number("virtual.read_byte_value", guest.regs.rax & 0xff, 7);
	prepare(a_write, ICR, tpr, regs, 0x12345);
	check("virtual.write_icr", guest_run(), text("exit 56 q=%x", ICR));
	check_number("virtual.write_icr_value", *reg(ICR), 0x12345);
	prepare(a_write, EOI, tpr, regs, 0);
	check("virtual.write_eoi", guest_run(), text("exit 56 q=%x", EOI));
}

static const char *x2apic(const u8 *code, u32 msr, u64 value, u32 proc2)
{
	struct exit_row row = { "", code, { .pin = proc2 & PROC2_VIRTUAL_INTERRUPTS ? PIN_EXTINT_EXITING : 0,
		.proc = PROC_TPR_SHADOW | PROC_MSR_BITMAPS, .proc2 = PROC2_X2APIC_MODE | proc2 },
		.rcx = msr, .rax = (u32)value, .rdx = value >> 32 };

	if (!exit_prepare(&row))
		return NULL;
	vmwrite(VIRTUAL_APIC_ADDRESS, phys(vapic));
	vmwrite(MSR_BITMAP, phys(msr_bitmap));
	return guest_run();
}

/* 29.5: MSRs 800H to 8FFH. */
static void x2apic_mode(void)
{
	memset(vapic, 0, PAGE_SIZE);
	*reg(TPR) = 0x70;
	if (!x2apic(a_rdmsr, 0x808, 0, 0)) {
		skip("x2apic", "virtualize x2APIC mode");
		return;
	}
	check("x2apic.read_tpr", x2apic(a_rdmsr, 0x808, 0, 0), RUNS);
	check_number("x2apic.read_tpr_value", guest.regs.rax | guest.regs.rdx << 32, 0x70);
	check("x2apic.write_tpr", x2apic(a_wrmsr, 0x808, 0x20, 0), RUNS);
	check_number("x2apic.write_tpr_value", *reg(TPR), 0x20);
	check("x2apic.write_tpr_reserved", x2apic(a_wrmsr, 0x808, 0x100, 0), "exit 0 q=0");
	check("x2apic.write_tpr_high", x2apic(a_wrmsr, 0x808, BIT(32), 0), "exit 0 q=0");
	if (!can(caps.proc2, PROC2_APIC_REGISTERS))
		return;
	*reg(0x310) = 0x11223344;
	*reg(ID) = 0x99;
	check("x2apic.read_id", x2apic(a_rdmsr, 0x802, 0, PROC2_APIC_REGISTERS), RUNS);
	check_number("x2apic.read_id_value", (u32)guest.regs.rax, 0x99);
}

static void set_vector(unsigned base, unsigned vector) { *reg(base + vector / 32 * 16) |= 1u << vector % 32; }
static bool has_vector(unsigned base, unsigned vector) { return *reg(base + vector / 32 * 16) >> vector % 32 & 1; }

static bool prepare_interrupts(const u8 *code, u8 rvi, u8 svi, u64 offset, u64 flags)
{
	if (!prepare(code, offset, PROC_TPR_SHADOW, PROC2_VIRTUAL_INTERRUPTS | PROC2_APIC_ACCESSES, 0))
		return false;
	vmwrite(GUEST_INTERRUPT_STATUS, rvi | svi << 8);
	vmwrite(GUEST_RFLAGS, flags);
	vmwrite(EOI_EXIT_BITMAP0, 0);
	vmwrite(EOI_EXIT_BITMAP1, 0);
	vmwrite(EOI_EXIT_BITMAP2, 0);
	vmwrite(EOI_EXIT_BITMAP3, 0);
	if (rvi)
		set_vector(VIRR, rvi);
	if (svi)
		set_vector(VISR, svi);
	return true;
}

static const char *handled(void)
{
	guest_run();
	return text("exit %lu eax=%x status=%lx", vmread(EXIT_REASON), (u32)guest.regs.rax, vmread(GUEST_INTERRUPT_STATUS));
}

/* 29.1, 29.2: evaluation, delivery, EOI. */
static void delivery(void)
{
	if (!prepare_interrupts(a_nop, 0x61, 0, 0, FLAGS_FIXED | FLAGS_IF)) {
		skip("delivery", "virtual-interrupt delivery");
		return;
	}
	check("delivery.at_entry", handled(), "exit 18 eax=61 status=6100");
	check_true("delivery.moved", !has_vector(VIRR, 0x61) && has_vector(VISR, 0x61));
	check_number("delivery.ppr", *reg(PPR), 0x60);
	prepare_interrupts(a_nop, 0x61, 0, 0, FLAGS_FIXED);
	check("delivery.if_clear", handled(), "exit 18 eax=0 status=61");
	prepare_interrupts(a_sti, 0x61, 0, 0, FLAGS_FIXED);
	check("delivery.after_sti", handled(), "exit 18 eax=61 status=6100");
	prepare_interrupts(a_nop, 0x61, 0x6f, 0, FLAGS_FIXED | FLAGS_IF);
	check("delivery.in_service_blocks", handled(), "exit 18 eax=0 status=6f61");
	prepare_interrupts(a_nop, 0x71, 0x6f, 0, FLAGS_FIXED | FLAGS_IF);
	check("delivery.higher_class", handled(), "exit 18 eax=71 status=7100");
	prepare_interrupts(a_nop, 0x61, 0, 0, FLAGS_FIXED | FLAGS_IF);
	*reg(TPR) = 0x60;
	check("delivery.tpr_blocks", handled(), "exit 18 eax=0 status=61");
	prepare_interrupts(a_write, 0, 0x61, EOI, FLAGS_FIXED);
	check("delivery.eoi", handled(), "exit 18 eax=0 status=0");
	check_true("delivery.eoi_clears", !has_vector(VISR, 0x61));
	prepare_interrupts(a_write, 0, 0x61, EOI, FLAGS_FIXED);
	set_vector(VISR, 0x41);
	check("delivery.eoi_next", handled(), "exit 18 eax=0 status=4100");
	prepare_interrupts(a_write, 0, 0x61, EOI, FLAGS_FIXED);
	vmwrite(EOI_EXIT_BITMAP1, BIT(0x61 - 64));
	check("delivery.eoi_exit", guest_run(), "exit 45 q=61");
	prepare_interrupts(a_write, 0x61, 0x6f, TPR, FLAGS_FIXED | FLAGS_IF);
	check("delivery.tpr_write_keeps", handled(), "exit 18 eax=0 status=6f61");
}

void conform_apic(void)
{
	theme("apic");
	exit_begin();
	if (!guest.ept) {
		skip("apic", "EPT and unrestricted guest");
		return;
	}
	access_page = page_alloc();
	vapic = page_alloc();
	msr_bitmap = page_alloc();
	ept_map(guest.ept, ACCESS_GPA, phys(access_page), 1, EPT_RWX | EPT_WB);
	invept(2, 0, 0);
	accesses();
	virtualized();
	x2apic_mode();
	delivery();
}
