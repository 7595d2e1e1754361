/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * From multiboot1's 32-bit protected mode to C in 64-bit mode: 4 GiB mapped one to one by 2-MiB pages, user bit
 * set everywhere so that the tests may run code at CPL 3.
 */
	.section .multiboot, "a"
	.balign 4
	.long 0x1badb002, 0x00000003, -(0x1badb002 + 0x00000003)

	.bss
	.balign 4096
	.globl boot_pml4
boot_pml4:	.skip 4096
boot_pdpt:	.skip 4096
boot_pd:	.skip 4 * 4096
	.globl boot_stack_top
boot_stack:	.skip 65536
boot_stack_top:

	.data
	.balign 16
	.globl gdt, gdt_end
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 08 64-bit code, CPL 0 */
	.quad 0x00cf93000000ffff	/* 10 data, CPL 0 */
	.quad 0x00cf9b000000ffff	/* 18 32-bit code, CPL 0 */
	.quad 0x00cffb000000ffff	/* 20 32-bit code, CPL 3 */
	.quad 0x00cff3000000ffff	/* 28 data, CPL 3 */
	.quad 0x00affb000000ffff	/* 30 64-bit code, CPL 3 */
	.quad 0, 0			/* 38 TSS, filled in by trap_init() */
	.quad 0x00009b000000ffff	/* 48 16-bit code, CPL 0 */
	.quad 0x000093000000ffff	/* 50 16-bit data, CPL 0 */
	.quad 0x00cf13000000ffff	/* 58 data, not present */
	.quad 0x0040930000000fff	/* 60 data, CPL 0, 4 KiB limit */
	.quad 0x0040910000000fff	/* 68 read-only data, CPL 0, 4 KiB limit */
	.quad 0, 0			/* 70 TSS of task-switch tests */
gdt_end:
boot_gdtr:
	.word gdt_end - gdt - 1
	.long gdt

	.text
	.code32
	.globl _start
_start:
	cli
	cld
	movl	%ebx, %ebp			/* multiboot information */
	movl	$boot_stack_top, %esp
	movl	$boot_pdpt + 7, boot_pml4
	movl	$boot_pd + 7, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, boot_pdpt(, %ecx, 8)
	addl	$4096, %eax
	incl	%ecx
	cmpl	$4, %ecx
	jne	1b
	movl	$0xe7, %eax			/* present, write, user, accessed, dirty, 2 MiB */
	xorl	%ecx, %ecx
2:	movl	%eax, boot_pd(, %ecx, 8)
	addl	$0x200000, %eax
	incl	%ecx
	cmpl	$2048, %ecx
	jne	2b
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$0x20, %eax			/* CR4.PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x900, %eax			/* EFER.LME, EFER.NXE */
	wrmsr
	movl	$0x80000033, %eax		/* CR0.PG, NE, ET, MP, PE */
	movl	%eax, %cr0
	lgdt	boot_gdtr
	ljmp	$0x08, $3f

	.code64
3:	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	movl	%ebp, %edi
	movl	$boot_stack_top, %esp
	xorl	%ebp, %ebp
	call	l1_start
4:	hlt
	jmp	4b

	.section .note.GNU-stack, "", @progbits
