/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_DEV_VMM_VMM_VM_H
#define SHIM_DEV_VMM_VMM_VM_H

#include <sys/proc.h>

struct vm;
struct vcpu;
enum vm_suspend_how;

enum vcpu_state { VCPU_IDLE, VCPU_FROZEN, VCPU_RUNNING, VCPU_SLEEPING };

extern u_int vm_maxcpu;
int vcpu_set_state(struct vcpu *vcpu, enum vcpu_state state, bool from_idle);
enum vcpu_state vcpu_get_state(struct vcpu *vcpu, int *hostcpu);
void vcpu_notify_event(struct vcpu *vcpu);
int vcpu_debugged(struct vcpu *vcpu);
struct vm *vcpu_vm(struct vcpu *vcpu);
int vcpu_vcpuid(struct vcpu *vcpu);
const char *vm_name(struct vm *vm);
struct vcpu *vm_vcpu(struct vm *vm, int vcpuid);
uint16_t vm_get_maxcpus(struct vm *vm);
int vm_suspend(struct vm *vm, enum vm_suspend_how how);
static inline __unused bool vcpu_is_running(struct vcpu *vcpu, int *hostcpu)
{
	return vcpu_get_state(vcpu, hostcpu) == VCPU_RUNNING;
}

#endif
