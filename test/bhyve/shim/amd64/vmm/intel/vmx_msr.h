/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VMX_MSR_H
#define SHIM_VMX_MSR_H

#include <sys/types.h>

struct vmx_vcpu;
int vmx_rdmsr(struct vmx_vcpu *vcpu, u_int msr, uint64_t *value, bool *retu);
int vmx_wrmsr(struct vmx_vcpu *vcpu, u_int msr, uint64_t value, bool *retu);

#endif
