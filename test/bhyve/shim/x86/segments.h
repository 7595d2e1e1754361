/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_X86_SEGMENTS_H
#define SHIM_X86_SEGMENTS_H

/* Vectors of exceptions. */
#define IDT_DB 1
#define IDT_NMI 2
#define IDT_BP 3
#define IDT_OF 4
#define IDT_UD 6
#define IDT_DF 8
#define IDT_GP 13
#define IDT_PF 14
#define IDT_MC 18

#endif
