/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L2 and its VMCS: a valid starting state in three modes, entered and left through run.S. */
#ifndef L1_L2_H
#define L1_L2_H

#include "ept.h"
#include "vmx.h"

struct l2_regs { u64 rax, rcx, rdx, rbx, unused, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15; };

enum l2_mode { L2_LONG, L2_PROTECTED, L2_REAL };

struct l2 {
	u8 *vmcs;
	u64 *ept;		/* null: no EPT */
	struct l2_regs regs;
	bool launched;
};

int l2_enter(struct l2_regs *regs, int resume);

/* Makes the VMCS current and fills it: host state, controls, guest state for the mode with code at rip. */
void l2_setup(struct l2 *l2, enum l2_mode mode, u64 rip, u64 rsp);
void l2_host_state(void);
/* The controls that every L2 starts from: nothing intercepted that need not be, EPT and unrestricted guest if any. */
void l2_controls(struct l2 *l2, enum l2_mode mode);
void l2_guest_state(enum l2_mode mode, u64 rip, u64 rsp);
/* Enters by VMLAUNCH or VMRESUME, as launch state wants. */
enum vmx_result l2_run(struct l2 *l2);
static inline void l2_skip(void)
{
	vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(EXIT_INSTRUCTION_LENGTH));
}

#endif
