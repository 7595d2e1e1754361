/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NESTVMX_PORT_HEADER: how libnestvmx's sources, compiled into vmm.ko, reach the current VMCS.
 */
#ifndef BHYVE_PORT_H
#define BHYVE_PORT_H

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

/*
 * No NVMX_PORT_LOCK_BEGIN: the library is called in critical sections alone, nvmx_host_changed() too, and by no interrupt handler.
 */

#endif
