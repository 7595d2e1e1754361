/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Boot sector: proves that real mode works in the guest. Calls the BIOS, takes timer interrupts, goes to protected mode
 * and back, starts a second processor if there is one, and says so on COM1 through the BIOS; then powers off by QEMU's
 * debug exit port, or VirtualBox's. */
#define AP_PAGE 0x8000
#define AP_MARK (AP_PAGE + 0x100)
#define ICR 0xfee00300
#define INIT_OTHERS 0xc4500
#define VBOX_OFF 0x40f
#define SIPI_OTHERS (0xc4600 | AP_PAGE >> 12)
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
3:	movw	$ap, %si
	movw	$AP_PAGE, %di
	movw	$(ap_end - ap), %cx
	rep movsb
	movb	$'1', AP_MARK
	cli				/* protected mode and back */
	lgdt	gdtr
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$8, $4f
	.code32
4:	movw	$16, %ax
	movw	%ax, %ds
	movl	$0x12345678, 0x10000
	movl	$INIT_OTHERS, ICR
	movl	$500000, %ecx
	loop	.
	movl	$SIPI_OTHERS, ICR
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
7:	movw	0x46c, %bx		/* two more ticks for the other processor */
10:	hlt
	movw	0x46c, %ax
	subw	%bx, %ax
	cmpw	$2, %ax
	jb	10b
	movb	AP_MARK, %al
	movb	%al, count
	movw	$alive, %si
	call	print
	movw	$0x501, %dx
	xorw	%ax, %ax
	outw	%ax, %dx
	movw	$off, %si
	movw	$VBOX_OFF, %dx
	movw	$(off_end - off), %cx
	rep outsb
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

ap:	cs movb	$'2', AP_MARK - AP_PAGE
	cli
	hlt
ap_end:

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
alive:	.ascii	"L2: alive real mode cpus="
count:	.asciz	"0\r\n"
off:	.ascii	"Shutdown"
off_end:
	.org	510
	.word	0xaa55
