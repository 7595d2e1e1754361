/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* 256 entry points of equal form, and calls into other modes and privilege levels. */
	.text
	.balign 16
	.globl trap_stubs
trap_stubs:
	vector = 0
	.rept 256
	.balign 16
	.if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21)
	.else
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	vector = vector + 1
	.endr

trap_common:
	cld
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%r11
	pushq	%r10
	pushq	%r9
	pushq	%r8
	pushq	%rdi
	pushq	%rsi
	pushq	%rbp
	pushq	%rbx
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	movq	%rsp, %rdi
	call	trap_handler
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rbx
	popq	%rbp
	popq	%rsi
	popq	%rdi
	popq	%r8
	popq	%r9
	popq	%r10
	popq	%r11
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	addq	$16, %rsp
	iretq

/*
 * void mode_call_asm(u64 rip, u64 cs, u64 rsp, u64 ss, u64 rax, u64 rdx): runs the code at cs:rip until it traps;
 * trap_handler() then comes back through mode_return with the stack pointer kept here.
 */
	.globl mode_call_asm
mode_call_asm:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, mode_saved_rsp
	pushq	%rcx
	pushq	%rdx
	pushq	$0x8d7			/* every arithmetic flag set */
	pushq	%rsi
	pushq	%rdi
	movl	%ecx, %ds
	movl	%ecx, %es
	movq	%r8, %rax
	movq	%r9, %rdx
	iretq

	.globl mode_return
mode_return:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movq	mode_saved_rsp, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.bss
	.balign 8
mode_saved_rsp:	.skip 8

	.section .note.GNU-stack, "", @progbits
