/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: lines on a serial port, COM2 as a rule, which is metal's own. Without such a port there is no log.
 */
#include <stdarg.h>

#include "metal.h"

enum { DATA, INTERRUPTS, FIFO, LINE, MODEM, STATUS, SCRATCH = 7 };
#define LINE_8N1 0x03
#define LINE_DIVISOR 0x80
#define STATUS_EMPTY 0x20
#define STATUS_SENT 0x40

static bool present;
static volatile uint8_t lock;

void log_init(uint16_t port)
{
	machine.serial = port;
	outb(port + SCRATCH, 0x5a);
	present = inb(port + SCRATCH) == 0x5a;
	outb(port + INTERRUPTS, 0);
	outb(port + LINE, LINE_DIVISOR);
	outb(port + DATA, 1);		/* 115200 baud */
	outb(port + INTERRUPTS, 0);
	outb(port + LINE, LINE_8N1);
	outb(port + FIFO, 0x07);
	outb(port + MODEM, 0x03);
}

static void wait_for(uint8_t status)
{
	uint32_t tries = 1000000;

	while (present && !(inb(machine.serial + STATUS) & status) && --tries)
		cpu_relax();
}

static void put_char(char c)
{
	wait_for(STATUS_EMPTY);
	if (present)
		outb(machine.serial + DATA, (uint8_t)c);
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
	wait_for(STATUS_SENT);		/* the power may go off next */
	__atomic_clear(&lock, __ATOMIC_RELEASE);
}

void log_line(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line_arguments("", format, arguments);
	va_end(arguments);
}
