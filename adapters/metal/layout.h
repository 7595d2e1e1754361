/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that C, assembly and the linker script share.
 */
#ifndef METAL_LAYOUT_H
#define METAL_LAYOUT_H

/* Where GRUB loads the image, and where the image runs: the last 2 GiB, whatever memory is behind them. */
#define LOAD_ADDRESS 0x200000
#define IMAGE_VIRTUAL 0xffffffff80000000
#define IMAGE_BASE (IMAGE_VIRTUAL + LOAD_ADDRESS)

/* Conventional memory in use for a moment only, before L1 exists. */
#define AP_START_PAGE 0x8000

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x18

/* struct cpu: the entry from a VM exit pushes L1's registers so that they land in cpu->regs, above the stack. */
#define CPU_STACK 16384
#define CPU_REGS CPU_STACK
#define CPU_SELF (CPU_REGS + 16 * 8)
#define CPU_NMI_PENDING (CPU_SELF + 8)
#define CPU_LAUNCHED (CPU_NMI_PENDING + 1)
#define NMI_NOW 1
#define NMI_AT_NEXT_EXIT 2

#endif
