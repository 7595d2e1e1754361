/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "uart.h"
#include "ioapic.h"
#include <stdbool.h>
#include <stdio.h>

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };
#define IER_SENT 2u
#define IIR_NONE 1u
#define IIR_SENT 2u
#define IIR_FIFO 0xc0u
#define LCR_DIVISOR 0x80u
#define LSR_EMPTY 0x60u
#define MCR_LOOP 0x10u
#define MSR_READY 0xb0u

static uint8_t regs[8], divisor[2], fifo;
static bool sent; /* an interrupt for it has not been taken */

/* An edge for each change; sending takes no time. */
static void interrupt(void)
{
	sent = true;
	if (regs[IER] & IER_SENT)
		ioapic_edge(UART_PIN);
}

static uint8_t cause(void)
{
	bool is = sent && regs[IER] & IER_SENT;

	if (is)
		sent = false;
	return (is ? IIR_SENT : IIR_NONE) | fifo;
}

/* In loop-back mode the modem control lines come back as its status. */
static uint8_t modem(void)
{
	uint8_t m = regs[MCR];

	return m & MCR_LOOP ? (uint8_t)((m & 0xc) << 4 | (m & 2) << 3 | (m & 1) << 5) : MSR_READY;
}

uint8_t uart_read(unsigned reg)
{
	if (reg <= IER && regs[LCR] & LCR_DIVISOR)
		return divisor[reg];
	switch (reg) {
	case DATA:
		return 0;
	case IIR:
		return cause();
	case LSR:
		return LSR_EMPTY;
	case MSR:
		return modem();
	default:
		return regs[reg];
	}
}

void uart_write(unsigned reg, uint8_t value)
{
	if (reg <= IER && regs[LCR] & LCR_DIVISOR) {
		divisor[reg] = value;
	} else if (reg == DATA) {
		if (!(regs[MCR] & MCR_LOOP))
			putchar(value);
		if (value == '\n')
			fflush(stdout);
		interrupt();
	} else if (reg == IIR) {
		fifo = value & 1 ? IIR_FIFO : 0;
	} else {
		regs[reg] = value;
		if (reg == IER && value & IER_SENT)
			interrupt();
	}
}
