/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a guest hypervisor (L1) that knows it is nested may use: page-level invalidation of its EPT, which the architecture
 * lacks.  Offered if the VM has NVMX_ENLIGHTENED.  The definitions are for both sides; the function is for the host.
 *
 * L1 finds it by CPUID.  Leaf B (the host chooses it, at 40000000H or a multiple of 100H above):
 *	EAX  B + 1, the highest leaf
 *	EBX, ECX, EDX  "libnestvmx\0\0"
 * Leaf B + 1:
 *	EAX  bit 0: VMCALL with NVMX_HC_INVEPT_RANGE
 *	EBX, ECX, EDX  0
 *
 * VMCALL in VMX root operation, at CPL 0, with
 *	RAX  NVMX_HC_INVEPT_RANGE
 *	RBX  EPT pointer
 *	RCX  guest-physical address, a multiple of 4096
 *	RDX  length in bytes, a multiple of 4096 and not 0
 * invalidates on this logical processor, as a single-context INVEPT of that EPT pointer would, all that it has cached for
 * the range: guest-physical and combined mappings, and the paging-structure entries on the way.  What is cached for other
 * addresses may stay.  It ends as INVEPT does: VMsucceed, or VMfail with error 28 if the EPT pointer is not one that VM
 * entry takes or the range is bad.  Other RAX, and all without NVMX_ENLIGHTENED: VMfail with error 1 (SDM 30.3, VMCALL).
 * Registers other than RFLAGS do not change.  Outside 64-bit mode bits 63:32 of the operands are 0.
 *
 * Worth it when a few pages of many change: an INVEPT is cheaper itself, but every table that is used afterwards is
 * compared.  A range of more than 64 MiB is as good as an INVEPT.
 */
#ifndef NESTVMX_ENLIGHTEN_H
#define NESTVMX_ENLIGHTEN_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NVMX_CPUID_EBX 0x6e62696cu /* "libn" */
#define NVMX_CPUID_ECX 0x76747365u /* "estv" */
#define NVMX_CPUID_EDX 0x0000786du /* "mx" */
#define NVMX_CPUID_INVEPT_RANGE 1u       /* feature bit: the hypercall is there */
#define NVMX_HC_INVEPT_RANGE 0x6e780001u /* its number, in EAX */

struct nvmx_vm;

/*
 * CPUID of L1 for a host that puts the leaves at `base`: true, and EAX, EBX, ECX, EDX in regs[], if `leaf` is one of them
 * and the VM has NVMX_ENLIGHTENED.  Pure.
 */
bool nvmx_cpuid(const struct nvmx_vm *vm, uint32_t base, uint32_t leaf, uint32_t regs[4]);

#ifdef __cplusplus
}
#endif

#endif
