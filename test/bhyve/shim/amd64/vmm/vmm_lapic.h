/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VMM_LAPIC_H
#define SHIM_VMM_LAPIC_H

#include <sys/types.h>

struct vcpu;
bool lapic_msr(u_int msr);
int lapic_rdmsr(struct vcpu *vcpu, u_int msr, uint64_t *value, bool *retu);
int lapic_wrmsr(struct vcpu *vcpu, u_int msr, uint64_t value, bool *retu);

#endif
