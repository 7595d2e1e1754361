/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a small hypervisor of one vCPU has anyway (kernel.c, start.S), and what nested VMX adds to it (nest.c).  How the kernel is
 * booted, and how it makes vmcs01 and EPT01, is left out: adapters/metal is a host that boots.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <nestvmx/nestvmx.h>

#define PAGE 4096ull
#define VPID_L1 1u
#define VPID_L2 2u
#define GUEST_TOP (64u << 20) /* the guest's memory: 64 MiB from guest_base on, which EPT01 maps in its order */

struct nvmx_host {
	struct nvmx_regs regs;
	struct nvmx_vcpu *vcpu;
	uint64_t vmcs01, guest_base;
	uint64_t msr_bitmap;      /* physical; exits for IA32_FEATURE_CONTROL and 480H to 49FH */
	bool launched01;
};

/* kernel.c */
void *phys_to_virt(uint64_t hpa);
uint64_t page_get(void);          /* zeroed; 0: none left */
void page_put(uint64_t hpa);
void add_pages(uint64_t first, uint64_t end);
_Noreturn void panic(const char *why);
void guest_exit(struct nvmx_host *h); /* the exits that this hypervisor had to handle before it had nested VMX */

/* nest.c */
struct nvmx_vm *nest_vm(void);
void nest_start(struct nvmx_host *h);
_Noreturn void nest_run(struct nvmx_host *h);

/* start.S: VMLAUNCH or VMRESUME of the current VMCS; false: that failed. */
bool vm_enter(struct nvmx_regs *regs, bool launch);

#endif
