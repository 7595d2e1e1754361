/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines on COM2, which is metal's own. A machine without COM2 has no log.
 */
#include <stdarg.h>

#include "metal.h"

#define COM2 0x2f8
#define COM_DATA COM2
#define COM_INTERRUPTS (COM2 + 1)
#define COM_FIFO (COM2 + 2)
#define COM_LINE (COM2 + 3)
#define COM_MODEM (COM2 + 4)
#define COM_STATUS (COM2 + 5)
#define COM_SCRATCH (COM2 + 7)
#define LINE_8N1 0x03
#define LINE_DIVISOR 0x80
#define STATUS_EMPTY 0x20

static bool present;
static volatile uint8_t lock;

void log_init(void)
{
	outb(COM_SCRATCH, 0x5a);
	present = inb(COM_SCRATCH) == 0x5a;
	outb(COM_INTERRUPTS, 0);
	outb(COM_LINE, LINE_DIVISOR);
	outb(COM_DATA, 1);		/* 115200 baud */
	outb(COM_INTERRUPTS, 0);
	outb(COM_LINE, LINE_8N1);
	outb(COM_FIFO, 0x07);
	outb(COM_MODEM, 0x03);
}

static void put_char(char c)
{
	uint32_t tries = 1000000;

	if (!present)
		return;
	while (!(inb(COM_STATUS) & STATUS_EMPTY) && --tries)
		cpu_relax();
	outb(COM_DATA, (uint8_t)c);
}

static void put_string(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_number(uint64_t value, unsigned int base)
{
	char digits[24];
	unsigned int n = sizeof(digits) - 1;

	digits[n] = 0;
	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put_string(digits + n);
}

static void put_formatted(const char *format, va_list arguments)
{
	for (; *format; format++) {
		if (*format != '%') {
			put_char(*format);
			continue;
		}
		while (*++format == 'l')
			;
		if (*format == 's')
			put_string(va_arg(arguments, const char *));
		else
			put_number(va_arg(arguments, uint64_t), *format == 'x' ? 16 : 10);
	}
}

void log_line_arguments(const char *prefix, const char *format, va_list arguments)
{
	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax();
	put_string("nestvmx: ");
	put_string(prefix);
	put_formatted(format, arguments);
	put_string("\r\n");
	__atomic_clear(&lock, __ATOMIC_RELEASE);
}

void log_line(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line_arguments("", format, arguments);
	va_end(arguments);
}
