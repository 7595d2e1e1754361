/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The kernel's entry from a loader that has made 64-bit mode and vmcs01: RDI points to the struct nvmx_host, free memory is from the
 * physical address RSI to RDX.  And VM entry and exit.
 */
#define HOST_RSP 0x6c14
#define HOST_RIP 0x6c16

	.globl start, vm_enter
start:
	mov	%rdi, %rbx
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	call	add_pages
	mov	%rbx, %rdi
	call	nest_start
	mov	%rbx, %rdi
	call	nest_run

/* bool vm_enter(struct nvmx_regs *regs, bool launch) */
vm_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	$HOST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	$HOST_RIP, %eax
	lea	vm_exit(%rip), %rcx
	vmwrite	%rcx, %rax
	test	%sil, %sil
	mov	0x00(%rdi), %rax
	mov	0x08(%rdi), %rcx
	mov	0x10(%rdi), %rdx
	mov	0x18(%rdi), %rbx
	mov	0x28(%rdi), %rbp
	mov	0x30(%rdi), %rsi
	mov	0x40(%rdi), %r8
	mov	0x48(%rdi), %r9
	mov	0x50(%rdi), %r10
	mov	0x58(%rdi), %r11
	mov	0x60(%rdi), %r12
	mov	0x68(%rdi), %r13
	mov	0x70(%rdi), %r14
	mov	0x78(%rdi), %r15
	mov	0x38(%rdi), %rdi
	jnz	1f
	vmresume
	jmp	2f
1:	vmlaunch
2:	pop	%rdi
	xor	%eax, %eax
	jmp	3f
vm_exit:
	xchg	%rdi, (%rsp)
	mov	%rax, 0x00(%rdi)
	mov	%rcx, 0x08(%rdi)
	mov	%rdx, 0x10(%rdi)
	mov	%rbx, 0x18(%rdi)
	mov	%rbp, 0x28(%rdi)
	mov	%rsi, 0x30(%rdi)
	popq	0x38(%rdi)
	mov	%r8, 0x40(%rdi)
	mov	%r9, 0x48(%rdi)
	mov	%r10, 0x50(%rdi)
	mov	%r11, 0x58(%rdi)
	mov	%r12, 0x60(%rdi)
	mov	%r13, 0x68(%rdi)
	mov	%r14, 0x70(%rdi)
	mov	%r15, 0x78(%rdi)
	mov	$1, %eax
3:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
