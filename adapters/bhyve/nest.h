/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What FreeBSD's own files call of the adapter, in the order of a VM's life.  The places are the hunks (hunks/).
 *
 * Every call may be made for a VM that has no nested VMX, where it costs the test of a pointer and changes nothing; those that
 * take a struct vcpu, on a machine of AMD's, too.  "L2" means that a VMCS of the library's is the one on which the vCPU goes on.
 */
#ifndef NEST_H
#define NEST_H

struct vcpu;
struct vm_exit;
struct vm_snapshot_meta;
struct vmcs;
struct vmx;
struct vmx_vcpu;

/* vmx_modinit(), behind ept_init(): the processor's capabilities.  `ipinum` makes a guest exit. */
void nest_modinit(int ipinum);

/* vmx_init() and vmx_cleanup(): whether the VM's name is in hw.vmm.nested.vms; may sleep. */
void nest_vm_init(struct vmx *vmx);
/*
 * vmcs01's APIC-access page under virtual-interrupt delivery.  bhyve takes an address of the firmware's, which its guest never
 * reaches because the processor watches it; but an L2 without EPT of L1's runs on EPT01, too, and nobody watches there.  So the VM
 * has a page of its own.
 */
uint64_t nest_apic_page(const struct vmx *vmx, uint64_t bhyves);
void nest_vm_cleanup(struct vmx *vmx);
/* vmx_vcpu_cleanup(); may sleep. */
void nest_vcpu_cleanup(struct vmx_vcpu *vcpu);

/* vm_run(), before its critical section: what has to sleep.  The first one of a vCPU makes the library's state of it. */
void nest_prepare(struct vcpu *vcpu);
/* vm_run(), behind its critical section: a vCPU that stops for a debugger or a snapshot has its VMCSs in L1's memory. */
void nest_done(struct vcpu *vcpu);

/* vmx_run(), with vmcs01 current: before bhyve looks whether the vCPU has moved, and behind that.  Of the guest that goes on the
 * VMCS is current then, and *rip is where. */
void nest_look(struct vmx_vcpu *vcpu);
void nest_load(struct vmx_vcpu *vcpu, register_t *rip);
/* vmx_run(), before VMCLEAR of vmcs01. */
void nest_unload(struct vmx_vcpu *vcpu);

/* vmx_run(), interrupts off, in place of vmx_inject_interrupts().  False: L1 runs, and bhyve injects. */
bool nest_inject(struct vmx_vcpu *vcpu, register_t *rip);
/* Behind bhyve's own reasons to return, which would have vm_handle_hlt() return at once: whether vmx_run() has to, with `vme` telling
 * why. */
bool nest_waits(struct vmx_vcpu *vcpu, struct vm_exit *vme);
/* In place of vmx_enter_guest(), in the SMR section. */
int nest_enter(struct vmx_vcpu *vcpu, int launched);
/* Whether that came back without a VM exit, which nest_exit() deals with. */
bool nest_no_exit(const struct vmx_vcpu *vcpu);
/* Before vmx_exit_process().  True: the exit is dealt with, and *handled as that would return it. */
bool nest_exit(struct vmx_vcpu *vcpu, struct vm_exit *vme, int *handled);

/* vmx_exit_process(), where it has emulated an instruction and is about to move RIP: done for L2, and nothing left to move. */
void nest_complete(struct vmx_vcpu *vcpu, struct vm_exit *vme);
/* The L1-physical address of an EPT violation. */
uint64_t nest_fault_gpa(struct vmx_vcpu *vcpu, uint64_t gpa);
bool nest_in_l2(const struct vmx_vcpu *vcpu);
/* Whether a call of the library's has to be repeated: the vCPU is no state to stop in for a debugger or a snapshot. */
bool nest_busy(const struct vmx_vcpu *vcpu);
/* MOV to CR0 or CR4 of L1: whether the value is #GP. */
bool nest_cr_refused(struct vmx_vcpu *vcpu, u_int cr, uint64_t value);
/* vmx_set_tsc_offset(): true if vmcs01 is not current, and it was done. */
bool nest_tsc_offset(struct vmx_vcpu *vcpu, uint64_t offset);

/* The VMCS of the guest that goes on, for whoever makes it current for a moment while the vCPU does not run. */
struct vmcs *nest_vmcs(struct vmx_vcpu *vcpu);
/* Controls of vmcs01 have changed (vmx_setcap()). */
void nest_changed(struct vmx_vcpu *vcpu);
/* vmx_vcpu_snapshot(), when all else is done.  0 or an errno. */
int nest_snapshot(struct vmx_vcpu *vcpu, struct vm_snapshot_meta *meta);

/* vm_handle_hlt(), in its loop: whether L1's VMX-preemption timer has ended HLT of L2. */
bool nest_woken(struct vcpu *vcpu);
/* _vm_gla2gpa(): a guest-physical address to L1's.  0, or where L1's EPT does not have it, or not for VM_PROT_*, another value; may
 * sleep.  And where that fails: whether it was L1's EPT, which then, unless `check_only`, gets its VM exit. */
int nest_gpa(struct vcpu *vcpu, uint64_t gpa, int prot, uint64_t *gpa1);
bool nest_faulted(struct vcpu *vcpu, bool check_only);
/* x86_emulate_cpuid(), with the registers as bhyve shows them. */
void nest_cpuid(struct vcpu *vcpu, u_int leaf, u_int subleaf, u_int regs[4]);

/* What the hunks add to FreeBSD's files for the adapter: vmm.c's vcpu->cookie, vmx.c's VPIDs. */
void *nest_cookie(struct vcpu *vcpu);
uint16_t nest_vpid_alloc(int vcpuid);
void nest_vpid_free(int vpid);

#endif
