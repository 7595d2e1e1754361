/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <stdarg.h>

#include "console.h"

enum { COM1 = 0x3f8, LSR = 5, LSR_THR_EMPTY = 0x20, FIFO_DEPTH = 16 };

void (*console_wait)(void);
static unsigned fifo_room;

void console_init(void)
{
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 0x80);
	outb(COM1 + 0, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	outb(COM1 + 4, 3);
	fifo_room = 0;
}

static void put_raw(char c)
{
	if (!fifo_room) {
		while (!(inb(COM1 + LSR) & LSR_THR_EMPTY)) {
			if (console_wait)
				console_wait();
		}
		fifo_room = FIFO_DEPTH;
	}
	fifo_room--;
	outb(COM1, (u8)c);
}

void console_putc(char c)
{
	if (c == '\n')
		put_raw('\r');
	put_raw(c);
}

struct sink { char *out; size_t size, len; };

static void sink_put(struct sink *s, char c)
{
	if (!s->out)
		console_putc(c);
	else if (s->len + 1 < s->size)
		s->out[s->len] = c;
	s->len++;
}

struct spec { unsigned width; bool zero, left; int longs; };

static void put_text(struct sink *s, const char *text, unsigned len, const struct spec *sp, char pad)
{
	unsigned fill = sp->width > len ? sp->width - len : 0;

	for (unsigned i = 0; !sp->left && i < fill; i++)
		sink_put(s, pad);
	for (unsigned i = 0; i < len; i++)
		sink_put(s, text[i]);
	for (unsigned i = 0; sp->left && i < fill; i++)
		sink_put(s, ' ');
}

static void put_number(struct sink *s, u64 v, unsigned base, bool negative, const struct spec *sp)
{
	char buf[24], *p = buf + sizeof(buf);

	do {
		*--p = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative)
		*--p = '-';
	put_text(s, p, (unsigned)(buf + sizeof(buf) - p), sp, sp->zero ? '0' : ' ');
}

static const char *parse_spec(const char *f, struct spec *sp)
{
	*sp = (struct spec){ 0 };
	for (; *f == '0' || *f == '-'; f++) {
		sp->zero |= *f == '0';
		sp->left |= *f == '-';
	}
	for (; *f >= '0' && *f <= '9'; f++)
		sp->width = sp->width * 10 + (unsigned)(*f - '0');
	for (; *f == 'l'; f++)
		sp->longs++;
	return f;
}

static void put_string(struct sink *s, const char *text, const struct spec *sp)
{
	unsigned len = 0;

	while (text[len])
		len++;
	put_text(s, text, len, sp, ' ');
}

static void format_to(struct sink *s, const char *f, va_list ap)
{
	struct spec sp;

	for (; *f; f++) {
		if (*f != '%') {
			sink_put(s, *f);
			continue;
		}
		f = parse_spec(f + 1, &sp);
		if (*f == 's') {
			put_string(s, va_arg(ap, const char *), &sp);
		} else if (*f == 'c') {
			sink_put(s, (char)va_arg(ap, int));
		} else if (*f == 'd') {
			long v = sp.longs ? va_arg(ap, long) : va_arg(ap, int);

			put_number(s, v < 0 ? -(u64)v : (u64)v, 10, v < 0, &sp);
		} else if (*f == 'u' || *f == 'x') {
			u64 v = sp.longs ? va_arg(ap, u64) : va_arg(ap, u32);

			put_number(s, v, *f == 'x' ? 16 : 10, false, &sp);
		} else {
			sink_put(s, *f);
		}
	}
}

void printf(const char *fmt, ...)
{
	struct sink s = { 0 };
	va_list ap;

	va_start(ap, fmt);
	format_to(&s, fmt, ap);
	va_end(ap);
}

int vformat(char *out, size_t size, const char *fmt, va_list ap)
{
	struct sink s = { .out = out, .size = size };

	format_to(&s, fmt, ap);
	out[s.len < size ? s.len : size - 1] = 0;
	return (int)s.len;
}

int format(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vformat(out, size, fmt, ap);
	va_end(ap);
	return n;
}

void power_off(void)
{
	static const char word[] = "Shutdown";

	while ((inb(COM1 + LSR) & 0x60) != 0x60)
		continue;
	outw(0xb004, 0x2000);
	for (unsigned i = 0; word[i]; i++)
		outb(0x8900, (u8)word[i]);
	outb(0xf4, 0);
	for (;;)
		asm volatile("cli; hlt");
}

void fatal(const char *fmt, ...)
{
	struct sink s = { 0 };
	va_list ap;

	console_wait = 0;
	printf("\nFATAL ");
	va_start(ap, fmt);
	format_to(&s, fmt, ap);
	va_end(ap);
	printf("\n");
	power_off();
}
