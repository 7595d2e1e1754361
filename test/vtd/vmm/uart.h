/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A 16550 that only sends, to the standard output. */
#ifndef VTD_VMM_UART_H
#define VTD_VMM_UART_H

#include <stdint.h>

#define UART_PORT 0x3f8u
#define UART_PIN 4u

uint8_t uart_read(unsigned reg);
void uart_write(unsigned reg, uint8_t value);

#endif
