/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of metal's own exceptions: all push the same frame (struct fault, exception.c) and call exception().
 */
	.text
	.macro isr vector
	.balign 16
	.if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21) || (\vector >= 29 && \vector <= 30)
	.else
	push $0
	.endif
	push $\vector
	jmp common
	.endm

	.globl isr_table
	.balign 16
isr_table:
	.set n, 0
	.rept 32
	isr n
	.set n, n + 1
	.endr

common:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	cld
	lea 72(%rsp), %rdi
	push %rbp
	mov %rsp, %rbp
	and $-16, %rsp
	call exception
	mov %rbp, %rsp
	pop %rbp
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
