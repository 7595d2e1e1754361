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

/*
 * No NVMX_PORT_LOCK_BEGIN: nothing that uses the library interrupts what holds one of its locks.  boot.S and ap.S clear
 * IF, each VM exit does (SDM 27.5.3), and nothing in metal sets it: its IDT has no vector above the exceptions.  What an NMI runs
 * makes a note and no more.
 */

#endif
