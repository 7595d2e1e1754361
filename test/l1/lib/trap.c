/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "trap.h"
#include "console.h"

extern const u8 trap_stubs[], mode_return[], boot_stack_top[];
void mode_call_asm(u64 rip, u64 cs, u64 rsp, u64 ss, u64 rax, u64 rdx);
void trap_handler(struct trap_frame *f);

struct idt_gate idt[256] __attribute__((aligned(4096)));
struct tss64 tss __attribute__((aligned(4096)));
volatile u64 trap_resume;
volatile struct trap trap_last;
bool (*trap_hook)(struct trap_frame *f);
static bool in_mode_call;
static u8 trap_stack[16384] __attribute__((aligned(16)));
static u8 fault_stack[16384] __attribute__((aligned(16)));

static void set_gate(unsigned vector, u8 type)
{
	u64 offset = (u64)trap_stubs + vector * 16ul;

	idt[vector] = (struct idt_gate){ .offset_low = (u16)offset, .selector = SEL_CODE64, .type = type,
		.offset_mid = (u16)(offset >> 16), .offset_high = (u32)(offset >> 32) };
}

void trap_init(void)
{
	struct desc_ptr d = { sizeof(idt) - 1, (u64)idt };
	u64 base = (u64)&tss;

	for (unsigned v = 0; v < 256; v++)
		set_gate(v, v == VEC_RETURN || v == VEC_BP || v == VEC_OF ? 0xee : 0x8e);
	idt[VEC_DF].ist = 1;
	idt[VEC_NMI].ist = 2;
	tss.rsp[0] = (u64)trap_stack + sizeof(trap_stack);
	tss.ist[0] = (u64)fault_stack + sizeof(fault_stack) / 2;
	tss.ist[1] = (u64)fault_stack + sizeof(fault_stack);
	tss.iomap = sizeof(tss);
	gdt[SEL_TSS / 8] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = base >> 32;
	asm volatile("lidt %0; ltr %w1" : : "m"(d), "r"(SEL_TSS));
}

static void record(const struct trap_frame *f)
{
	trap_last.vector = (int)f->vector;
	trap_last.error = (u32)f->error;
	trap_last.rip = f->rip;
	trap_last.rax = f->rax;
	trap_last.rflags = f->rflags;
	trap_last.cr2 = read_cr2();
}

void trap_handler(struct trap_frame *f)
{
	if (in_mode_call) {
		in_mode_call = false;
		record(f);
		f->rip = (u64)mode_return;
		f->cs = SEL_CODE64;
		f->ss = SEL_DATA;
		f->rflags = FLAGS_FIXED;
		f->rsp = (u64)trap_stack + sizeof(trap_stack);
	} else if (trap_resume) {
		record(f);
		f->rip = trap_resume;
		trap_resume = 0;
	} else if (!trap_hook || !trap_hook(f)) {
		fatal("trap %u error %x rip %lx cs %lx rsp %lx rflags %lx cr2 %lx", (u32)f->vector,
		      (u32)f->error, f->rip, f->cs, f->rsp, f->rflags, read_cr2());
	}
}

struct trap mode_call(const void *code, u16 cs, u16 ss, u64 rsp, u64 rax, u64 rdx)
{
	trap_begin();
	in_mode_call = true;
	mode_call_asm((u64)code, cs, rsp, ss, rax, rdx);
	return (struct trap){ trap_last.vector, trap_last.error, trap_last.rip, trap_last.cr2,
			      trap_last.rflags, trap_last.rax };
}
