/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Boot sector: proves that real mode works in the guest. Calls the BIOS, takes timer interrupts, goes to protected mode
 * and back, and says so on COM1 through the BIOS; then powers off by QEMU's debug exit port. */
	.code16
	.text
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	ljmp	$0, $1f
1:	movw	$0x00e3, %ax		/* INT 14h: COM1 at 9600 8n1 */
	xorw	%dx, %dx
	int	$0x14
	sti
	movw	0x46c, %bx		/* BIOS tick counter: two ticks by HLT */
2:	hlt
	movw	0x46c, %ax
	subw	%bx, %ax
	cmpw	$2, %ax
	jb	2b
	movw	$real, %si
	call	print
	int	$0x12			/* memory below 640 KiB */
	cmpw	$512, %ax
	jb	3f
	movw	$bios, %si
	call	print
3:	cli				/* protected mode and back */
	lgdt	gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$8, $4f
	.code32
4:	movw	$16, %ax
	movw	%ax, %ds
	movl	$0x12345678, 0x10000
	ljmp	$24, $5f
	.code16
5:	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmp	$0, $6f
6:	movw	$0x1000, %ax
	movw	%ax, %ds
	movl	0, %ebx
	xorw	%ax, %ax
	movw	%ax, %ds
	sti
	cmpl	$0x12345678, %ebx
	jne	7f
	movw	$both, %si
	call	print
7:	movw	$alive, %si
	call	print
	movw	$0x501, %dx
	xorw	%ax, %ax
	outw	%ax, %dx
8:	cli
	hlt
	jmp	8b

print:	lodsb
	testb	%al, %al
	jz	9f
	movb	$1, %ah
	xorw	%dx, %dx
	int	$0x14
	jmp	print
9:	ret

	.balign 8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00009a000000ffff
gdtr:	.word	. - gdt - 1
	.long	gdt
real:	.asciz	"L2: real mode, timer ok\r\n"
bios:	.asciz	"L2: BIOS ok\r\n"
both:	.asciz	"L2: protected mode and back ok\r\n"
alive:	.asciz	"L2: alive real mode\r\n"
	.org	510
	.word	0xaa55
