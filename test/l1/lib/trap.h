/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Exceptions of L1 itself. TRY() runs one instruction whose fault is recorded instead of being fatal; mode_call() runs
 * code at another privilege level or in compatibility mode until it traps.
 */
#ifndef L1_TRAP_H
#define L1_TRAP_H

#include "cpu.h"

enum { NO_TRAP = -1 };

struct trap {
	int vector;		/* NO_TRAP when nothing was caught */
	u32 error;
	u64 rip, cr2, rflags, rax;
};

struct trap_frame {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

struct idt_gate { u16 offset_low, selector; u8 ist, type; u16 offset_mid; u32 offset_high, reserved; };
struct __attribute__((packed)) tss64 { u32 reserved; u64 rsp[3]; u64 reserved2, ist[7]; u64 reserved3; u16 reserved4, iomap; };

extern struct idt_gate idt[256];
extern struct tss64 tss;
extern u64 gdt[];
extern volatile u64 trap_resume;	/* where a caught fault goes on; 0 when faults are fatal */
extern volatile struct trap trap_last;

void trap_init(void);
/* Non-null: called for every trap that nothing else catches; true means that it was dealt with. */
extern bool (*trap_hook)(struct trap_frame *f);

struct trap mode_call(const void *code, u16 cs, u16 ss, u64 rsp, u64 rax, u64 rdx);

/* For inline assembly: `TRY(insn)` with a scratch register clobber of r11. */
#define TRY(insn) "leaq 771f(%%rip), %%r11\n\tmovq %%r11, trap_resume\n\t" insn "\n771:\n\t"

static inline void trap_begin(void) { trap_last.vector = NO_TRAP; }
static inline void trap_end(void) { trap_resume = 0; }

#endif
