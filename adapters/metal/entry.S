/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM entry and VM exit. HOST_RSP points just above cpu->regs, so that the pushes below fill it in the order of
 * enum gpr and the C code then runs on cpu->stack.
 */
#include "layout.h"

	.macro save_registers
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rdi
	push %rsi
	push %rbp
	sub $8, %rsp			/* RSP is in the VMCS */
	push %rbx
	push %rdx
	push %rcx
	push %rax
	lea -CPU_REGS(%rsp), %rdi	/* struct cpu */
	.endm

	.text
/* void enter_l1(struct cpu *cpu) */
	.globl enter_l1
enter_l1:
	lea CPU_REGS(%rdi), %rsp
	jmp enter

	.globl vm_exit
	.balign 16
vm_exit:
	save_registers
	call exit_handle
enter:
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	add $8, %rsp
	pop %rbp
	pop %rsi
	pop %rdi
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15

/* An NMI between here and entry_end makes the processor go back here (exception.c), so that none waits unseen. */
	.globl entry_check, entry_end
entry_check:
	cmpw $0x100, %gs:CPU_NMI_PENDING	/* none, and CPU_LAUNCHED behind it is 1 */
	jne 2f
	vmresume
	jmp entry_end
2:	cmpb $NMI_NOW, %gs:CPU_NMI_PENDING
	je give_nmi
	cmpb $0, %gs:CPU_LAUNCHED
	je 1f
	vmresume
	jmp entry_end
1:	vmlaunch
entry_end:
	save_registers
	call exit_entry_failed
	jmp enter

give_nmi:
	save_registers
	call exit_give_nmi
	jmp enter

/* void wait_for_nmi(volatile uint32_t *flag): waits until the flag is set, looking at each NMI (exception.c) */
	.globl wait_for_nmi, wait_check, wait_end
wait_for_nmi:
wait_check:
	cmpl $0, (%rdi)
	jne wait_end
	hlt
wait_end:
	ret

	.section .note.GNU-stack, "", @progbits
