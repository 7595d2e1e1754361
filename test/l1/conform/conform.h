/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Conformance L1: each outcome is a line `id: observed ok`, or `id: observed BAD want <what the SDM says>`, or
 * `id: skip <what is not offered>`. Observed text contains nothing that may differ between two correct processors.
 */
#ifndef L1_CONFORM_H
#define L1_CONFORM_H

#include "console.h"
#include "l2.h"
#include "memory.h"
#include "trap.h"

/* Formats into one of a few buffers used in turn. */
const char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What the ids of the following outcomes begin with. */
void theme(const char *name);
void check(const char *id, const char *got, const char *want);
void check_number(const char *id, u64 got, u64 want);
void check_true(const char *id, bool got);
void skip(const char *id, const char *why);
void conform_summary(void);

/* "#GP(0)" and the like. */
const char *trap_text(int vector, u32 error);
/* "VMsucceed", "VMfailInvalid", "VMfailValid 12", from a result with the error number read when there is one. */
const char *result_text(enum vmx_result r);

/* One instruction in a chosen mode, ended by INT 80h; memory operands are at (rdx), register operands in rax. */
enum op { OP_VMXON, OP_VMXOFF, OP_VMCLEAR, OP_VMPTRLD, OP_VMPTRST, OP_VMREAD, OP_VMWRITE, OP_VMLAUNCH, OP_VMRESUME,
	  OP_VMCALL, OP_VMFUNC, OP_INVEPT, OP_INVVPID, OPS };
enum mode { KERNEL64, USER64, KERNEL32, USER32, MODES };
extern const char *const op_names[OPS];
extern const char *const mode_names[MODES];
/* The result's text; flags other than CF and ZF that VMX instructions must clear appear as "flags ...". */
const char *op_run(enum op op, enum mode mode, u64 rax, u64 rdx);
extern struct trap op_trap;

/* The L2 that most themes use: EPT and unrestricted guest where offered. */
extern struct l2 guest;
extern u8 guest_stack[4096];
/* Default state with the code at rip, and registers zeroed. */
void guest_reset(enum l2_mode mode, const void *code);
/* The exit qualification without what the processor leaves undefined, or tells of L2's paging as it is. */
u64 exit_qualification(void);
u64 ept_qualification(u64 q);
/* Runs L2; the exit as text: "exit 10 q=0", "VMfailValid 7", "entry failure 33 q=0". */
const char *guest_run(void);

/* L2 code, ended by VMCALL for the case that nothing exits before. */
#define CODE(name, body) \
	extern const u8 name[]; \
	asm(".pushsection .text\n.globl " #name "\n" #name ":\n" body "\nvmcall\nud2\n.popsection")
#define CODE32(name, body) CODE(name, ".code32\n" body "\nvmcall\n.code64")
#define CODE16(name, body) CODE(name, ".code16\n" body "\nvmcall\n.code64")

void conform_capabilities(void);
void conform_instructions(void);
void conform_fields(void);

#endif
