/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_X86_H
#define SHIM_X86_H

#include <sys/types.h>

struct vcpu;
#define CPUID_0000_0001 1
#define CPUID_0000_0001_FEAT0_VMX (1 << 5)
enum vm_cpuid_capability { VCC_NONE, VCC_NO_EXECUTE };
#define VMM_MTRR_VAR_MAX 10
struct vm_mtrr {
	uint64_t def_type;
};
int vm_rdmtrr(const struct vm_mtrr *mtrr, u_int msr, uint64_t *value);
int vm_wrmtrr(struct vm_mtrr *mtrr, u_int msr, uint64_t value);
bool vm_cpuid_capability(struct vcpu *vcpu, enum vm_cpuid_capability capability);

#endif
