/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1 goes from one L2 to another and back: what each turn costs, with an L2 that touches one page. */
#include "bench.h"
#include "console.h"
#include "memory.h"

static void new_l2(struct l2 *l2)
{
	new_touching_l2(l2);
	ept_map(l2->ept, WINDOW, phys(page_alloc()), 1, EPT_RWX | EPT_WB);
}

/* The same VMCS, and an EPT pointer that changes each time. */
void bench_eptp_switch(struct l2 *l2)
{
	u64 eptp[2], best = ~0ull;

	new_l2(l2);
	eptp[0] = ept_pointer(l2->ept);
	new_l2(l2);
	eptp[1] = ept_pointer(l2->ept);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		u64 t = rdtsc();

		for (unsigned i = 0; i < REPEAT; i++) {
			vmwrite(EPT_POINTER, eptp[i & 1]);
			touch_pages(l2, WINDOW, 1);
		}
		t = (rdtsc() - t) / REPEAT;
		if (round && t < best)
			best = t;
	}
	row("eptp_switch_warm", best);
}

/* Two VMCSs with an EPT each, both active. */
void bench_vmcs_switch(struct l2 *l2)
{
	struct l2 other = { 0 }, *turn[2] = { l2, &other };
	u64 best = ~0ull;

	new_l2(l2);
	new_l2(&other);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		u64 t = rdtsc();

		for (unsigned i = 0; i < REPEAT; i++) {
			if (vmptrld(phys(turn[i & 1]->vmcs)) != VMX_OK)
				fatal("VMPTRLD failed");
			touch_pages(turn[i & 1], WINDOW, 1);
		}
		t = (rdtsc() - t) / REPEAT;
		if (round && t < best)
			best = t;
	}
	row("vmcs_switch_warm", best);
	vmclear(phys(other.vmcs));
	if (vmptrld(phys(l2->vmcs)) != VMX_OK)
		fatal("VMPTRLD failed");
}

/* What VirtualBox does every few exits: the VMCS goes to memory, comes back, and its L2 goes on. */
void bench_vmcs_reload(struct l2 *l2)
{
	u64 best = ~0ull;

	new_l2(l2);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		u64 t = rdtsc();

		for (unsigned i = 0; i < REPEAT; i++) {
			if (vmclear(phys(l2->vmcs)) != VMX_OK || vmptrld(phys(l2->vmcs)) != VMX_OK)
				fatal("VMCLEAR or VMPTRLD failed");
			l2->launched = false;
			touch_pages(l2, WINDOW, 1);
		}
		t = (rdtsc() - t) / REPEAT;
		if (round && t < best)
			best = t;
	}
	row("vmcs_reload_warm", best);
}

/* L2 goes from one EPT pointer to the other rcx times by VMFUNC, adding 1 to a word at rsi each time. */
void l2_switch_loop(void);
asm(".globl l2_switch_loop\n"
    "l2_switch_loop:\n"
    "	movl %ecx, %ebx\n"
    "	xorl %ecx, %ecx\n"
    "	rdtsc\n"
    "	movl %eax, %edi\n"
    "1:	xorl %eax, %eax\n"
    "	xorl $1, %ecx\n"
    "	vmfunc\n"
    "	addq $1, (%rsi)\n"
    "	decl %ebx\n"
    "	jnz 1b\n"
    "	rdtsc\n"
    "	subl %edi, %eax\n"
    "	vmcall\n"
    "	ud2\n");

void bench_vmfunc(struct l2 *l2)
{
	u64 *list = page_alloc(), *word[2] = { page_alloc(), page_alloc() }, best = ~0ull, t;

	if (!can(caps.proc2, PROC2_VMFUNC) || !(caps.vmfunc & 1))
		return;
	for (unsigned i = 0; i < 2; i++) {
		new_touching_l2(l2);
		ept_map(l2->ept, WINDOW, phys(word[i]), 1, EPT_RWX | EPT_WB);
		list[i] = ept_pointer(l2->ept);
	}
	vmwrite(PROC_CONTROLS2, vmread(PROC_CONTROLS2) | PROC2_VMFUNC);
	vmwrite(VM_FUNCTION_CONTROLS, 1);
	vmwrite(EPTP_LIST_ADDRESS, phys(list));
	for (unsigned round = 0; round <= ROUNDS; round++) {
		vmwrite(GUEST_RIP, (u64)l2_switch_loop);
		l2->regs.rsi = WINDOW;
		l2->regs.rcx = REPEAT;
		expect_exit(l2, R_VMCALL);
		t = (u32)l2->regs.rax / REPEAT;
		if (round && t < best)
			best = t;
	}
	for (unsigned i = 0; i < 2; i++)
		if (*word[i] != (ROUNDS + 1) * REPEAT / 2)
			fatal("L2 wrote %lu times by entry %u", *word[i], i);
	row("vmfunc_switch_warm", best);
}
