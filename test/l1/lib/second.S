/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Where another processor starts: copied to the page that the SIPI names, from real mode straight to 64-bit mode. */
	.section .rodata
	.globl second_entry, second_entry_size
	.code16
second_entry:
	cli
	lgdtl	%cs:second_gdtr - second_entry
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
	ljmpl	$0x08, $second_64bit
second_gdtr:
	.word 0x80
	.long gdt
second_end:
	.balign 4
second_entry_size:
	.long second_end - second_entry

	.text
	.code64
second_64bit:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	$0xfee00020, %ebx		/* the local APIC's ID, 1 to 3: each has a stack (CPUID may say what it likes) */
	movl	(%rbx), %ebx
	shrl	$24, %ebx
	shll	$14, %ebx
	leal	second_stacks(%rbx), %esp
	xorl	%ebp, %ebp
	call	second_main
1:	cli
	hlt
	jmp	1b

	.bss
	.balign 16
second_stacks:
	.skip 3 * 16384

	.section .note.GNU-stack, "", @progbits
