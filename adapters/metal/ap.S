/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other processors start here: real mode, at a page below 1 MiB to which smp.c copies this code.
 * One starts at a time; the values behind the code are its own.
 */
#include "layout.h"

#define HERE(symbol) (AP_START_PAGE + (symbol) - ap_start)

	.section .rodata
	.globl ap_start, ap_start_end, ap_page_table, ap_stack
	.code16
ap_start:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl HERE(ap_gdt_pointer)
	mov $1, %ax			/* PE */
	lmsw %ax
	ljmpl $SELECTOR_CODE32, $HERE(ap_start32)

	.set SELECTOR_CODE32, 0x18
	.code32
ap_start32:
	mov $SELECTOR_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov HERE(ap_page_table), %eax
	mov %eax, %cr3
	mov $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx		/* IA32_EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	ljmp $SELECTOR_CODE, $HERE(ap_start64)

	.code64
ap_start64:
	mov HERE(ap_stack), %rsp
	mov %rsp, %rdi
	sub $CPU_STACK, %rdi		/* struct cpu begins with its stack */
	xor %ebp, %ebp
	movabs $ap_main, %rax
	call *%rax
	ud2

	.balign 8
ap_gdt:
	.quad 0, 0x00209b0000000000, 0x00cf93000000ffff, 0x00cf9b000000ffff
ap_gdt_pointer:
	.word . - ap_gdt - 1
	.long HERE(ap_gdt)
	.balign 8
ap_page_table:
	.quad 0
ap_stack:
	.quad 0
ap_start_end:

	.section .note.GNU-stack, "", @progbits
