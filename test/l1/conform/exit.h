/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* One L2 instruction and the VM exit that it must cause, as rows. */
#ifndef L1_EXIT_H
#define L1_EXIT_H

#include "entry.h"

/*
 * What is compared: reason and qualification always; the instruction length when `length` is not 0; the instruction
 * information under `info_mask`; for reason 0 the interruption information, and its error code when it has one; the
 * IDT-vectoring information always. RIP must be that of the instruction at `skip` bytes into the code.
 */
struct exit_row {
	const char *id;
	const u8 *code;
	struct entry_row on;	/* starting state, controls and changes */
	u64 rax, rcx, rdx, rbx, rsi, rdi;
	u32 reason;
	u64 qualification;
	u32 length, info, info_mask, interruption, error, vectoring, vectoring_error, skip;
};

void exit_begin(void);
/* Sets the row up; false when something it needs is not offered. */
bool exit_prepare(const struct exit_row *row);
const char *exit_text(const struct exit_row *row);
const char *exit_want(const struct exit_row *row);
void exit_rows(const struct exit_row *rows, unsigned n);

/* An IDT of L2's own: each handler loads its vector into EAX and calls VMCALL. */
extern struct idt_gate guest_idt[256];
void guest_idt_use(void);

/* Linear addresses with pages of 4 KiB of their own, in L1's paging structures, which are L2's too. */
#define WINDOW_BASE 0xd0000000ull
#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_AD (BIT(5) | BIT(6))
#define PTE_KEY(n) ((u64)(n) << 59)
#define PTE_NX BIT(63)
/* Maps a page of the window; the address that it is found at. */
u64 window_map(unsigned page, u64 physical, u64 bits);
/* With MSRs that L2 may read and write: the row's controls, and an empty MSR bitmap. */
bool exit_prepare_open(struct exit_row *row);

extern u8 probe[4096];	/* memory for operands */

#define EXCEPTION(vector) .reason = R_EXCEPTION_NMI, .interruption = INTR_VALID | INTR_HARD_EXCEPTION | (vector)
#define FAULT(vector, code) .reason = R_EXCEPTION_NMI, .error = (code), \
	.interruption = INTR_VALID | INTR_HARD_EXCEPTION | INTR_DELIVER_ERROR | (vector)
#define UNDEFINED EXCEPTION(VEC_UD)

/* Instruction information: fields that the SDM defines for memory operands, with and without an index. */
#define INFO_ADDRESS(size) ((u32)(size) << 7)
#define INFO_SEGMENT(s) ((u32)(s) << 15)
#define INFO_INDEX(r, scale) ((u32)(r) << 18 | (u32)(scale))
#define INFO_NO_INDEX (1u << 22)
#define INFO_BASE(r) ((u32)(r) << 23)
#define INFO_NO_BASE (1u << 27)
#define INFO_REG1(r) ((u32)(r) << 3)
#define INFO_REG2(r) ((u32)(r) << 28)
#define INFO_REGISTER (1u << 10)
#define INFO_WHICH(n) ((u32)(n) << 28)
enum { ADDRESS16, ADDRESS32, ADDRESS64 };
enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };
#define MASK_MEMORY 0x0fc38780u		/* address size, register bit, segment, validity of index and base, base */
#define MASK_INDEX 0x003c0003u
#define MASK_REG1 0x78u
#define MASK_REG2 0xf0000000u
#define MASK_WHICH 0x30000000u

void conform_exits_instructions(void);
void conform_exits_operands(void);
void conform_exits_modes(void);
void conform_exits_made(void);
void conform_cet(void);
void conform_keys(void);
void conform_paging(void);
void conform_traps(void);
void conform_posted(void);
void conform_exits_exceptions(void);
void conform_exits_registers(void);
void conform_exits_bitmaps(void);
void conform_events(void);
void conform_ept(void);
void conform_writers(void);
void conform_apic(void);
void conform_shadowing(void);
void conform_modes(void);
void conform_lists(void);
void conform_state(void);

#endif
