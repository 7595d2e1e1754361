/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_DEV_VMM_VMM_MEM_H
#define SHIM_DEV_VMM_VMM_MEM_H

#include <vm/vm.h>

struct vm;
struct vcpu;
struct vm_guest_paging;

void *vm_gpa_hold(struct vcpu *vcpu, vm_paddr_t gpa, size_t size, int prot, void **cookie);
void vm_gpa_release(void *cookie);
bool vm_mem_allocated(struct vcpu *vcpu, vm_paddr_t gpa);

#endif
