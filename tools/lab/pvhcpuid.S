/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A PVH guest of Xen's that measures CPUID: the mean ticks of some turns, after as many to warm up. Says them at port 0xe9,
 * which is Xen's log, and powers off by hypercall. */
#define TURNS 64
#define SCHED_OP 29
#define SHUTDOWN 2

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
	call	turns
	rdtsc
	movl	%eax, %ebp
	call	turns
	rdtsc
	subl	%ebp, %eax
	xorl	%edx, %edx
	movl	$TURNS, %ecx
	divl	%ecx
	movl	$(digits_end - 1), %edi
	movl	$10, %ecx
1:	xorl	%edx, %edx		/* decimal, from its end */
	divl	%ecx
	addb	$'0', %dl
	decl	%edi
	movb	%dl, (%edi)
	testl	%eax, %eax
	jnz	1b
	movl	$bench, %esi
	call	print
	movl	%edi, %esi
	call	print
	movl	$alive, %esi
	call	print
	movl	$SCHED_OP, %eax
	movl	$SHUTDOWN, %ebx
	movl	$reason, %ecx
	vmcall
2:	hlt
	jmp	2b

turns:	movl	$TURNS, %edi
3:	xorl	%eax, %eax
	xorl	%ecx, %ecx
	cpuid
	decl	%edi
	jnz	3b
	ret

/* The string at %esi. */
print:	lodsb
	testb	%al, %al
	jz	4f
	outb	%al, $0xe9
	jmp	print
4:	ret

	.data
reason:	.long	0
digits:	.fill	10, 1, 0
	.byte	0
digits_end:
bench:	.asciz	"bench l1xen_cpuid "
alive:	.asciz	"\nL2: alive\n"
