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

/* A member of struct cpu: the range of L1's RAM that the library used last. */
struct nvmx_host {
	uint64_t ram, size;
};

/* nest.c: that range is not the one. */
void *map_elsewhere(struct nvmx_host *host, uint64_t gpa);

/* Metal's map of L1's memory is one to one, and never changes. */
static inline __attribute__((always_inline)) void *map_frame(struct nvmx_host *host, uint64_t gpa)
{
	return gpa - host->ram < host->size ? (void *)gpa : map_elsewhere(host, gpa);
}
#define NVMX_PORT_MAP(host, gpa, write) map_frame(host, gpa)

/*
 * No NVMX_PORT_LOCK_BEGIN: nothing that uses the library interrupts what holds one of its locks.  boot.S and ap.S clear
 * IF, each VM exit does (SDM 27.5.3), and nothing in metal sets it: its IDT has no vector above the exceptions.  What an NMI runs
 * makes a note and no more.
 */

#endif
