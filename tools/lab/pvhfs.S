/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* In front of a 32-bit Linux that Xen starts as a PVH guest: code that this Linux runs before it has set up FS reads a
 * stack canary through it, and FS is null at a PVH entry. */
	.text
	.code32
	.globl _start
_start:
	lgdt	gdtr
	movl	$8, %eax
	movl	%eax, %fs
	jmp	*entry
	.balign 8
gdt:	.quad	0
	.quad	0x00cf92000000ffff
gdtr:	.word	. - gdt - 1
	.long	gdt
entry:	.long	0			/* of the kernel; the last four bytes (elf.py) */
