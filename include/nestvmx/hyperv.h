/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Hyper-V's hypercalls by which an L1 that knows it is nested says what it has changed in its EPT, for all of its virtual processors
 * at once and in place of an INVEPT on each.  Linux's KVM uses them on whatever hypervisor offers them.  For a host that shows L1
 * Hyper-V's interface; the calling convention and the status codes are those of its Top Level Functional Specification ("Hypercall
 * Interface", "Nested Virtualization").
 *
 * What the host does beside calling the function: a hypercall page or another way to VMCALL, NVMX_HOST_HYPERCALLS, CPUID with
 * NVMX_HV_CPUID_FLUSH in EAX of leaf 4000000AH, and the leaves and MSRs that L1 wants before it looks there (docs/embedding.md).
 */
#ifndef NESTVMX_HYPERV_H
#define NESTVMX_HYPERV_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Leaf 4000000AH, EAX: the two hypercalls below. */
#define NVMX_HV_CPUID_FLUSH 0x40000u

/* Bits 15:0 of the hypercall input value: the call code. */
#define NVMX_HV_FLUSH_SPACE 0x00afu /* HvCallFlushGuestPhysicalAddressSpace */
#define NVMX_HV_FLUSH_LIST 0x00b0u  /* HvCallFlushGuestPhysicalAddressList, a rep hypercall */

/* Bits 15:0 of the hypercall result value: the status. */
#define NVMX_HV_SUCCESS 0u
#define NVMX_HV_INVALID_CODE 2u
#define NVMX_HV_INVALID_INPUT 3u
#define NVMX_HV_INVALID_ALIGNMENT 4u
#define NVMX_HV_INVALID_PARAMETER 5u
#define NVMX_HV_OPERATION_DENIED 8u

struct nvmx_vcpu;

/*
 * L1 (current, at CPL 0: the host has seen to that) has made one of the two hypercalls.  `input` is the hypercall input value (RCX),
 * `first` and `second` its parameters (RDX, R8): the guest-physical address of the parameters in L1's memory, or, with bit 16 of
 * `input` (a fast call), the parameters themselves, address space and flags.
 *
 * Returns 0 and the hypercall result value (RAX) in *result; or 2, as NVMX_AGAIN: the page of the parameters is "not now", and
 * the host makes the same call again.  The status is
 *	INVALID_CODE       not one of the two call codes, or L1 is not offered EPT
 *	INVALID_INPUT      a reserved bit or a variable header size; a rep count or start index for the space, or a list without a rep count or
 *	                   with a start index that is not below it; a fast list, whose elements would be in XMM registers
 *	INVALID_ALIGNMENT  the parameters are not aligned to 8 bytes, cross a page, or are not in L1's memory
 *	INVALID_PARAMETER  an address space beyond the physical-address width, flags that are not 0; a range that wraps around
 *	OPERATION_DENIED   L2 is current; or the VM has other vCPUs, and the host no op kick_others
 * and bits 43:32 count the elements of the list that are done, from the start of the list: all, or those before the one that is invalid.
 *
 * The address space is that of each EPT pointer with the same bits 51:12, as it is for INVEPT; bits 11:0 are ignored.  An element of the
 * list names up to 2,048 pages of 4 KiB; one with bit 11, which the specification reads in two ways, is taken for all of the space.
 *
 * On success: what any virtual processor of the VM had cached of the space, or of the ranges, is used by none from the return on.
 * Other vCPUs that may have some of it are kicked (op kick_others), and each compares what was named with L1's tables when it runs
 * L2 next, as this one does; tables that were not named are not compared.  Of a call with ranges that are more than eight apart, or
 * more than 32 tables (64 MiB), the space is flushed as by a single-context INVEPT, where what the host watches is not compared either.
 *
 * Context: as nvmx_handle_exit(), where kick_others may be called, too.  Work: 510 elements of a list and a look at each vCPU's roots;
 * when a vCPU runs L2 next, 32 tables.
 */
int nvmx_hv_flush_guest_mapping(struct nvmx_vcpu *v, uint64_t input, uint64_t first, uint64_t second, uint64_t *result);

#ifdef __cplusplus
}
#endif

#endif
