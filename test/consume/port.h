/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A port header that takes over the functions on memory (src/mem.h). */
#ifndef CONSUME_PORT_H
#define CONSUME_PORT_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t nvmx_port_vmread(uint32_t field)
{
	return field;
}

static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value)
{
	(void)field;
	(void)value;
}

void *port_memcpy(void *to, const void *from, size_t bytes);
void *port_memmove(void *to, const void *from, size_t bytes);
void *port_memset(void *to, int byte, size_t bytes);
int port_memcmp(const void *a, const void *b, size_t bytes);
#define nvmx_memcpy port_memcpy
#define nvmx_memmove port_memmove
#define nvmx_memset port_memset
#define nvmx_memcmp port_memcmp

#endif
