/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_VMM_H
#define SHIM_MACHINE_VMM_H

#include <sys/cpuset.h>
#include <sys/sdt.h>
#include <x86/segments.h>

struct vm;
struct vcpu;
struct vlapic;
struct vm_snapshot_meta;

enum vm_suspend_how {
	VM_SUSPEND_NONE, VM_SUSPEND_RESET, VM_SUSPEND_POWEROFF, VM_SUSPEND_HALT, VM_SUSPEND_TRIPLEFAULT
};

enum vm_cap_type {
	VM_CAP_HALT_EXIT, VM_CAP_MTRAP_EXIT, VM_CAP_PAUSE_EXIT, VM_CAP_UNRESTRICTED_GUEST, VM_CAP_ENABLE_INVPCID, VM_CAP_BPT_EXIT,
	VM_CAP_RDPID, VM_CAP_RDTSCP, VM_CAP_IPI_EXIT, VM_CAP_MASK_HWINTR, VM_CAP_RFLAGS_TF, VM_CAP_MAX
};

enum vm_cpu_mode { CPU_MODE_REAL, CPU_MODE_PROTECTED, CPU_MODE_COMPATIBILITY, CPU_MODE_64BIT };
enum vm_paging_mode { PAGING_MODE_FLAT, PAGING_MODE_32, PAGING_MODE_PAE, PAGING_MODE_64, PAGING_MODE_64_LA57 };
struct vm_guest_paging {
	uint64_t cr3;
	int cpl;
	enum vm_cpu_mode cpu_mode;
	enum vm_paging_mode paging_mode;
};

enum vm_exitcode {
	VM_EXITCODE_INOUT, VM_EXITCODE_VMX, VM_EXITCODE_BOGUS, VM_EXITCODE_RDMSR, VM_EXITCODE_WRMSR, VM_EXITCODE_HLT, VM_EXITCODE_MTRAP,
	VM_EXITCODE_PAUSE, VM_EXITCODE_PAGING, VM_EXITCODE_INST_EMUL, VM_EXITCODE_SUSPENDED, VM_EXITCODE_REQIDLE, VM_EXITCODE_DEBUG, VM_EXITCODE_TASK_SWITCH, VM_EXITCODE_RENDEZVOUS,
	VM_EXITCODE_MONITOR, VM_EXITCODE_MWAIT, VM_EXITCODE_VMINSN
};

struct vm_exit {
	enum vm_exitcode exitcode;
	int inst_length;
	uint64_t rip;
	union {
		struct {
			uint16_t bytes : 3, in : 1, string : 1, rep : 1;
			uint16_t port;
			uint32_t eax;
		} inout;
		struct {
			uint64_t gpa;
			int fault_type;
		} paging;
		struct {
			uint64_t gpa, gla, cs_base;
			int cs_d;
			struct vm_guest_paging paging;
		} inst_emul;
		struct {
			int status;
			uint32_t exit_reason;
			uint64_t exit_qualification;
			int inst_type, inst_error;
		} vmx;
		struct {
			uint32_t code;
			uint64_t wval;
		} msr;
		struct {
			uint64_t rflags, intr_status;
		} hlt;
		struct {
			enum vm_suspend_how how;
		} suspended;
	} u;
};

#define VM_INTINFO_VECTOR(info) ((info) & 0xff)
#define VM_INTINFO_DEL_ERRCODE 0x800
#define VM_INTINFO_VALID 0x80000000
#define VM_INTINFO_TYPE 0x700
#define VM_INTINFO_HWINTR (0 << 8)
#define VM_INTINFO_NMI (2 << 8)
#define VM_INTINFO_HWEXCEPTION (3 << 8)
#define VM_INTINFO_SWINTR (4 << 8)

int vm_inject_nmi(struct vcpu *vcpu);
int vm_nmi_pending(struct vcpu *vcpu);
void vm_nmi_clear(struct vcpu *vcpu);
int vm_inject_extint(struct vcpu *vcpu);
int vm_extint_pending(struct vcpu *vcpu);
void vm_extint_clear(struct vcpu *vcpu);
struct vlapic *vm_lapic(struct vcpu *vcpu);
struct vm_exit *vm_exitinfo(struct vcpu *vcpu);
int vm_inject_exception(struct vcpu *vcpu, int vector, int err_valid, uint32_t errcode, int restart_instruction);
int vm_exit_intinfo(struct vcpu *vcpu, uint64_t info);
int vm_entry_intinfo(struct vcpu *vcpu, uint64_t *info);
int vm_suspend(struct vm *vm, enum vm_suspend_how how);
int vm_restart_instruction(struct vcpu *vcpu);
void vm_inject_fault(struct vcpu *vcpu, int vector, int err_valid, int errcode);
static inline __unused void vm_inject_ud(struct vcpu *vcpu)
{
	vm_inject_fault(vcpu, IDT_UD, 0, 0);
}
static inline __unused void vm_inject_gp(struct vcpu *vcpu)
{
	vm_inject_fault(vcpu, IDT_GP, 1, 0);
}
void vm_set_tsc_offset(struct vcpu *vcpu, uint64_t offset);

#endif
