/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * int l2_enter(struct l2_regs *regs, int resume): VMLAUNCH or VMRESUME with L2's registers. Returns 0 after a VM exit,
 * 1 VMfailInvalid, 2 VMfailValid. HOST_RSP never changes: it is the top of a stack for the exit. l2_enter_2 is the same
 * for a second processor.
 */
#define RAX 0
#define RCX 8
#define RDX 16
#define RBX 24
#define RBP 40
#define RSI 48
#define RDI 56
#define R8 64
#define R9 72
#define R10 80
#define R11 88
#define R12 96
#define R13 104
#define R14 112
#define R15 120

	.macro enter_and_exit enter, exit, host_rsp, stack_top
	.text
	.globl \enter, \exit
\enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rdi
	movq	%rsp, \host_rsp
	testl	%esi, %esi
	movq	RAX(%rdi), %rax
	movq	RCX(%rdi), %rcx
	movq	RDX(%rdi), %rdx
	movq	RBX(%rdi), %rbx
	movq	RBP(%rdi), %rbp
	movq	RSI(%rdi), %rsi
	movq	R8(%rdi), %r8
	movq	R9(%rdi), %r9
	movq	R10(%rdi), %r10
	movq	R11(%rdi), %r11
	movq	R12(%rdi), %r12
	movq	R13(%rdi), %r13
	movq	R14(%rdi), %r14
	movq	R15(%rdi), %r15
	movq	RDI(%rdi), %rdi
	jnz	1f
	vmlaunch
	jmp	2f
1:	vmresume
2:	movq	\host_rsp, %rsp
	popq	%rdi
	movl	$1, %eax
	jc	3f
	movl	$2, %eax
	jmp	3f

\exit:
	pushq	%rdi
	movq	\host_rsp, %rdi
	movq	(%rdi), %rdi
	movq	%rax, RAX(%rdi)
	movq	%rcx, RCX(%rdi)
	movq	%rdx, RDX(%rdi)
	movq	%rbx, RBX(%rdi)
	movq	%rbp, RBP(%rdi)
	movq	%rsi, RSI(%rdi)
	popq	%rax
	movq	%rax, RDI(%rdi)
	movq	%r8, R8(%rdi)
	movq	%r9, R9(%rdi)
	movq	%r10, R10(%rdi)
	movq	%r11, R11(%rdi)
	movq	%r12, R12(%rdi)
	movq	%r13, R13(%rdi)
	movq	%r14, R14(%rdi)
	movq	%r15, R15(%rdi)
	movq	\host_rsp, %rsp
	popq	%rdi
	xorl	%eax, %eax
3:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.bss
	.balign 16
\host_rsp:	.skip 8
	.balign 4096
	.skip 4096
	.globl \stack_top
\stack_top:
	.endm

	enter_and_exit l2_enter, l2_exit, l2_host_rsp, l2_exit_stack_top
	enter_and_exit l2_enter_2, l2_exit_2, l2_host_rsp_2, l2_exit_stack_top_2

	.section .note.GNU-stack, "", @progbits
