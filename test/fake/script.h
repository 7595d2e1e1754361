/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Writing scripts: one call for each instruction, and the sequences that a hypervisor is made of. */
#ifndef NVMX_FAKE_SCRIPT_H
#define NVMX_FAKE_SCRIPT_H

#include "host.h"

#define SCRIPT_INSNS 6000
#define SCRIPT_BYTES 0x10000

struct script {
	struct fake_insn insn[SCRIPT_INSNS];
	uint16_t index[SCRIPT_BYTES];
	struct fake_code code;
	uint64_t here;  /* address of the next instruction */
};

/* Registers that the sequences use. */
enum { SCRIPT_VALUE = 15, SCRIPT_FIELD = 14, SCRIPT_RESULT = 13, SCRIPT_L2_RIP = 8 };
#define SCRIPT_POINTER (FAKE_L1_DATA + 0xf00) /* where memory operands are */

void script_start(struct script *s, uint64_t linear);
bool script_full(const struct script *s);
void script_add(struct script *s, struct fake_insn i);
void script_op(struct script *s, enum fake_op op);                /* no operand */
void script_imm(struct script *s, enum fake_op op, uint64_t imm); /* operand in imm: vector, port, CR number (register 0) */
void script_movi(struct script *s, unsigned reg, uint64_t value);
void script_load(struct script *s, unsigned reg, uint64_t addr, unsigned size);
void script_store(struct script *s, uint64_t addr, uint64_t value, unsigned size);
/* VMXON, VMCLEAR, VMPTRLD of the region at gpa. */
void script_pointer(struct script *s, enum fake_op op, uint64_t gpa);
void script_invalidate(struct script *s, enum fake_op op, uint64_t type, uint64_t low, uint64_t high);
void script_msr(struct script *s, enum fake_op op, uint32_t msr, uint64_t value);
void script_vmwrite(struct script *s, uint32_t field, uint64_t value);
void script_vmread(struct script *s, uint32_t field);
/* VMXON, VMCLEAR and VMPTRLD of vmcs_a, every field of a 64-bit L2 with EPT that starts at rip. */
void script_enter_vmx(struct script *s);
void script_vmcs(struct script *s, uint64_t region, uint64_t rip);
/* HOST_RIP for the instruction after, then VMLAUNCH or VMRESUME. */
void script_run(struct script *s, enum fake_op op);
/* VMREADs of exit information and of what of the guest state often changes; all of it with `all`. */
void script_look(struct script *s, bool all);
/* Guest RIP past the instruction that exited. */
void script_advance(struct script *s);

struct script_value {
	uint32_t field;
	uint64_t value;
};
extern const struct script_value script_defaults[];
extern const size_t script_default_count;

#endif
