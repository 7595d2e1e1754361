/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's real-mode code, in the page of conventional memory that metal hides: the first instructions of L1, which boot
 * the next disk, and the memory map of the BIOS (INT 15h) without metal's memory. It runs in L1, not in metal.
 */
	.section .rodata
	.globl low_start, low_end, low_drive, low_count, low_kib, low_blocks, low_old, low_ranges, low_int15
#define HERE(symbol) ((symbol) - low_start)

	.code16
low_start:				/* CS is this page, IP 0 */
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov $0x7c00, %sp
	sti
	cld
	mov %cs, %ax
	mov %ax, %ds
	cmpb $0, HERE(low_drive)
	jne 1f
	int $0x18			/* the next device of the BIOS's boot order */
1:	mov $0x42, %ah			/* INT 13h extensions: read sector 0 to 0:7c00 */
	mov HERE(low_drive), %dl
	mov $HERE(disk_packet), %si
	int $0x13
	mov $1, %bx			/* "cannot be read" */
	jc no_boot
	xor %ax, %ax
	mov %ax, %ds
	inc %bx				/* "is not bootable" */
	cmpw $0xaa55, 0x7dfe
	jne no_boot
	mov %cs:HERE(low_drive), %dl
	ljmp $0, $0x7c00
no_boot:
	vmcall				/* in real mode this tells metal to stop */
	hlt

	.balign 4
disk_packet:
	.byte 16, 0
	.word 1, 0x7c00, 0
	.quad 0
low_drive:
	.byte 0

/* INT 15h */
low_int15:
	cmp $0xe820, %ax
	je e820
	cmp $0xe801, %ax
	je e801
	cmp $0x88, %ah
	je e88
	ljmp *%cs:HERE(low_old)

e88:	mov %cs:HERE(low_kib), %ax
	jmp success
e801:	mov %cs:HERE(low_kib), %ax
	cmp $0x3c00, %ax		/* at most the memory from 1 to 16 MiB, in KiB */
	jbe 1f
	mov $0x3c00, %ax
1:	mov %ax, %cx
	mov %cs:HERE(low_blocks), %bx	/* from 16 MiB on, in blocks of 64 KiB */
	mov %bx, %dx
	jmp success

e820:
	cmp $0x534d4150, %edx		/* "SMAP" */
	jne failure
	cmp $20, %ecx
	jb failure
	cmp %cs:HERE(low_count), %ebx
	jae failure
	push %si
	push %di
	push %ds
	push %cs
	pop %ds
	imul $20, %bx, %si
	add $HERE(low_ranges), %si
	mov $20, %ecx
	cld
	rep movsb
	pop %ds
	pop %di
	pop %si
	mov $20, %ecx
	mov %edx, %eax
	inc %ebx
	cmp %cs:HERE(low_count), %ebx
	jb success
	xor %ebx, %ebx
success:
	push %bp
	mov %sp, %bp
	andb $0xfe, 6(%bp)		/* CF in the flags that IRET restores */
	pop %bp
	iret
failure:
	mov $0x86, %ah
	push %bp
	mov %sp, %bp
	orb $1, 6(%bp)
	pop %bp
	iret

	.balign 8
low_old:
	.long 0
low_count:
	.long 0
low_kib:
	.word 0
low_blocks:
	.word 0
low_ranges:
	.skip 80 * 20
low_end:

	.section .note.GNU-stack, "", @progbits
