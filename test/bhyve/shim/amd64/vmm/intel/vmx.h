/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A vCPU and a VM of the VMX back end, with the member that the adapter adds. */
#ifndef SHIM_VMX_H
#define SHIM_VMX_H

#include <vm/vm.h>
#include <vm/pmap.h>
#include "vmcs.h"
#include "x86.h"

struct vmx;
struct nest;
struct nest_vm;

struct vmxctx {
	register_t guest_rdi, guest_rsi, guest_rdx, guest_rcx, guest_r8, guest_r9, guest_rax, guest_rbx, guest_rbp;
	register_t guest_r10, guest_r11, guest_r12, guest_r13, guest_r14, guest_r15;
	register_t guest_cr2, guest_dr0, guest_dr1, guest_dr2, guest_dr3, guest_dr6;
	int inst_fail_status;
	struct pmap *pmap;
};

struct vmxcap {
	int set;
	uint32_t proc_ctls, proc_ctls2, exc_bitmap;
};

struct vmxstate {
	uint64_t nextrip;
	int lastcpu;
	uint16_t vpid;
};

struct apic_page {
	uint32_t reg[PAGE_SIZE / 4];
};

struct pir_desc {
	uint64_t pir[4], pending, unused[3];
} __aligned(64);

enum { IDX_MSR_LSTAR, IDX_MSR_CSTAR, IDX_MSR_STAR, IDX_MSR_SF_MASK, IDX_MSR_KGSBASE, IDX_MSR_PAT, IDX_MSR_TSC_AUX, GUEST_MSR_NUM };

struct vmx_vcpu {
	struct vmx *vmx;
	struct vcpu *vcpu;
	struct vmcs *vmcs;
	struct apic_page *apic_page;
	struct pir_desc *pir_desc;
	uint64_t guest_msrs[GUEST_MSR_NUM];
	struct vmxctx ctx;
	struct vmxcap cap;
	struct vmxstate state;
	struct vm_mtrr mtrr;
	int vcpuid;
	struct nest *nest;
};

struct vmx {
	struct vm *vm;
	char *msr_bitmap;
	uint64_t eptp;
	long eptgen[MAXCPU];
	pmap_t pmap;
	struct nest_vm *nest;
};

#define VMX_GUEST_VMEXIT 0
#define VMX_VMRESUME_ERROR 1
#define VMX_VMLAUNCH_ERROR 2

int vmx_enter_guest(struct vmxctx *x, struct vmx *vmx, int launched);
extern bool vmx_have_msr_tsc_aux;

#endif
