/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Text on COM1, and the end of the machine. */
#ifndef L1_CONSOLE_H
#define L1_CONSOLE_H

#include "cpu.h"

void console_init(void);
void console_putc(char c);
/* Called while the transmitter is full, so that a program can sleep instead of polling; null means poll. */
extern void (*console_wait)(void);

/* %s %c %d %u %x %% with width, '0' and '-', and the length modifiers l and ll, both of 64 bits. */
void printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int format(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vformat(char *out, size_t size, const char *fmt, __builtin_va_list ap);

void power_off(void) __attribute__((noreturn));
void fatal(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
