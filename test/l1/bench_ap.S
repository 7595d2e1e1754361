/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Where the second processor starts: copied to the page that the SIPI names, from real mode straight to 64-bit mode. */
	.section .rodata
	.globl ap_start, ap_size
	.code16
ap_start:
	cli
	lgdtl	%cs:ap_gdtr - ap_start
	movl	$0x20, %eax			/* CR4.PAE */
	movl	%eax, %cr4
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x900, %eax			/* EFER.LME, EFER.NXE */
	wrmsr
	movl	$0x80000033, %eax		/* CR0.PG, NE, ET, MP, PE */
	movl	%eax, %cr0
	ljmpl	$0x08, $ap_64bit
ap_gdtr:
	.word 0x80
	.long gdt
ap_end:
	.balign 4
ap_size:
	.long ap_end - ap_start

	.text
	.code64
ap_64bit:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$ap_stack_top, %esp
	xorl	%ebp, %ebp
	call	ap_main
1:	cli
	hlt
	jmp	1b

	.bss
	.balign 16
	.skip 16384
ap_stack_top:

	.section .note.GNU-stack, "", @progbits
