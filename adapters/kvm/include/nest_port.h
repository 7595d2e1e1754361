/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NESTVMX_PORT_HEADER: how libnestvmx's sources, compiled into kvm-intel.ko, reach the current VMCS.  Included by the
 * library, so it must not bring in KVM's headers.
 */
#ifndef NEST_PORT_H
#define NEST_PORT_H

#include <stdint.h>

static inline uint64_t nvmx_port_vmread(uint32_t field)
{
	unsigned long value;

	asm volatile("vmread %1, %0" : "=r" (value) : "r" ((unsigned long)field) : "cc");
	return value;
}

static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value)
{
	asm volatile("vmwrite %0, %1" : : "rm" ((unsigned long)value), "r" ((unsigned long)field) : "cc");
}

/* A holder of the library's spin locks that were preempted would keep an MMU notifier on this processor waiting. */
void nest_preempt_off(void);
void nest_preempt_on(void);
#define NVMX_PORT_PREEMPT_OFF() nest_preempt_off()
#define NVMX_PORT_PREEMPT_ON() nest_preempt_on()

#endif
