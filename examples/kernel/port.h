/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* NESTVMX_PORT_HEADER: VMREAD and VMWRITE inline, and what keeps this kernel's interrupt handlers out of the library's locks. */
#ifndef KERNEL_PORT_H
#define KERNEL_PORT_H

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

/* A handler of this kernel may call nvmx_host_invalidate(). */
static inline unsigned long kernel_irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void kernel_irq_restore(unsigned long flags)
{
	__asm__ volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

#define NVMX_PORT_LOCK_BEGIN(flags) ((flags) = kernel_irq_save())
#define NVMX_PORT_LOCK_END(flags) kernel_irq_restore(flags)

#endif
