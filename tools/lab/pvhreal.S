/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A PVH guest of Xen's that spends its time in real mode: software interrupts through the vector table, timer interrupts
 * out of HLT, a segment of 4 GiB kept from protected mode, protected mode and back.  Says so at port 0xe9, which is Xen's log,
 * and powers off by hypercall. */
#define APIC 0xfee00000
#define TIMER_VECTOR 0x20
#define PRINT_VECTOR 0x21
#define TEN_MS 1000000			/* Xen's local APIC counts nanoseconds by ten */
#define SCHED_OP 29
#define SHUTDOWN 2
#define CODE32 8
#define DATA32 16
#define CODE16 24
#define DATA16 32

	.section .note.Xen, "a", @note
	.long	4, 4, 18		/* 18: where to enter, in protected mode without paging */
	.asciz	"Xen"
	.long	_start

	.text
	.code32
	.globl _start
_start:
	cli
	movl	$0x7000, %esp
	lgdt	gdtr
	ljmp	$CODE32, $1f
1:	movl	$DATA32, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs		/* stays */
	movl	%eax, %ss
	movl	$timer, 4 * TIMER_VECTOR
	movl	$print, 4 * PRINT_VECTOR
	movl	$0x1ff, APIC + 0xf0	/* on */
	movl	$0xb, APIC + 0x3e0
	movl	$(0x20000 | TIMER_VECTOR), APIC + 0x320
	movl	$TEN_MS, APIC + 0x380
	movl	$2f, %ebx
	jmp	to_real

	.code16
2:	movw	$real, %si
	int	$PRINT_VECTOR
	sti
3:	hlt
	cmpw	$3, ticks
	jb	3b
	cli
	movw	$ticked, %si
	int	$PRINT_VECTOR
	movl	$4f, %ebx
	jmp	to_protected

	.code32
4:	movl	$0x12345678, 0x20000
	movl	$5f, %ebx
	jmp	to_real

	.code16
5:	movw	$0x2000, %ax
	movw	%ax, %ds
	movl	0, %ecx
	xorw	%ax, %ax
	movw	%ax, %ds
	cmpl	$0x12345678, %ecx
	jne	6f
	movw	$both, %si
	int	$PRINT_VECTOR
6:	movw	ticks, %dx		/* interrupts come again */
	sti
7:	hlt
	cmpw	ticks, %dx
	je	7b
	cli
	movw	$alive, %si
	int	$PRINT_VECTOR
	movl	$8f, %ebx
	jmp	to_protected

	.code32
8:	movl	$SCHED_OP, %eax
	movl	$SHUTDOWN, %ebx
	movl	$reason, %ecx
	vmcall
9:	hlt
	jmp	9b

/* To %ebx, in the other mode. */
	.code32
to_real:
	lidt	vectors
	ljmp	$CODE16, $10f
	.code16
10:	movw	$DATA16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	ljmp	$0, $11f
11:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	jmp	*%bx

to_protected:
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$CODE32, $12f
	.code32
12:	movl	$DATA32, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	jmp	*%ebx

	.code16
timer:	incw	ticks
	pushl	%eax
	pushl	%ecx
	movl	$(APIC + 0xb0), %ecx
	xorl	%eax, %eax
	movl	%eax, %fs:(%ecx)	/* end of interrupt */
	popl	%ecx
	popl	%eax
	iretw

/* The string at %si. */
print:	pushw	%ax
13:	lodsb
	testb	%al, %al
	jz	14f
	outb	%al, $0xe9
	jmp	13b
14:	popw	%ax
	iretw

	.data
	.balign 8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff
	.quad	0x00cf92000000ffff
	.quad	0x00009a000000ffff
	.quad	0x000092000000ffff
gdtr:	.word	. - gdt - 1
	.long	gdt
vectors: .word	0x3ff
	.long	0
reason:	.long	0
ticks:	.word	0
real:	.asciz	"L2: real mode, software interrupt ok\n"
ticked:	.asciz	"L2: timer ok\n"
both:	.asciz	"L2: protected mode and back ok\n"
alive:	.asciz	"L2: alive real mode cpus=1\n"
