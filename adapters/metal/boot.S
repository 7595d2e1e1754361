/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GRUB enters here: 32-bit protected mode, paging off, EAX the multiboot magic, EBX the multiboot information.
 * Maps the first 4 GiB one to one and the image where it is linked, and goes to 64-bit C.
 */
#include "layout.h"

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x3		/* align modules, give the memory map */

	.section .boot, "awx"
	.code32
	.balign 4
	.long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.globl _start
_start:
	cli
	cld
	cmp $0x2badb002, %eax
	jne .
	mov %ebx, %esi

	mov $boot_pd, %edi		/* four page directories: 2048 pages of 2 MiB */
	mov $0x83, %eax
	xor %edx, %edx
1:	mov %eax, (%edi)
	mov %edx, 4(%edi)
	add $8, %edi
	add $0x200000, %eax
	jnc 1b

	lgdt boot_gdt_pointer
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx		/* IA32_EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	ljmp $SELECTOR_CODE, $start64

	.code64
start64:
	mov $SELECTOR_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $boot_stack_end, %rsp
	mov %esi, %edi
	xor %ebp, %ebp
	movabs $main, %rax
	call *%rax
	ud2

	.balign 8
boot_gdt:
	.quad 0, 0x00209b0000000000, 0x00cf93000000ffff
boot_gdt_pointer:
	.word . - boot_gdt - 1
	.long boot_gdt

	.balign 4096
boot_pml4:
	.quad boot_pdpt + 3
	.fill 510, 8, 0
	.quad boot_pdpt_high + 3
boot_pdpt:
	.quad boot_pd + 3, boot_pd + 0x1003, boot_pd + 0x2003, boot_pd + 0x3003
	.fill 508, 8, 0
boot_pdpt_high:
	.fill 510, 8, 0
	.quad boot_pd + 3, 0
boot_pd:
	.fill 4 * 512, 8, 0

	.section .bss
	.balign 16
	.skip 16384
boot_stack_end:

/* void paging_switch(to, from, size, page_table): copy the image and go on in the copy, the stack included */
	.text
	.globl paging_switch
paging_switch:
	mov %rcx, %rax
	mov %rdx, %rcx
	rep movsb
	mov %rax, %cr3
	ret

	.section .note.GNU-stack, "", @progbits
