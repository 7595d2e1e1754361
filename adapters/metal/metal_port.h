/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NESTVMX_PORT_HEADER: how libnestvmx's sources, compiled into metal, reach the current VMCS.
 */
#ifndef METAL_PORT_H
#define METAL_PORT_H

#include <stdint.h>

static inline uint64_t nvmx_port_vmread(uint32_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"((uint64_t)field) : "cc");
	return value;
}

static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value)
{
	__asm__ volatile("vmwrite %0, %1" : : "rm"(value), "r"((uint64_t)field) : "cc");
}

/* The library's locks keep interrupts out: what waits for a lock in a handler would wait for ever for what it has interrupted. */
#define NVMX_PORT_LOCK_BEGIN(flags) ((flags) = metal_interrupts_off())
#define NVMX_PORT_LOCK_END(flags) metal_interrupts_restore(flags)

static inline unsigned long metal_interrupts_off(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void metal_interrupts_restore(unsigned long flags)
{
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}

#endif
