/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Counters of a vCPU, by name. */
#ifndef SHIM_VMM_STAT_H
#define SHIM_VMM_STAT_H

#include <sys/types.h>
#include "vmm_util.h"

struct vcpu;
struct vmm_stat_type;
typedef void (*vmm_stat_func_t)(struct vcpu *vcpu, struct vmm_stat_type *type);
struct vmm_stat_type {
	const char *desc;
	vmm_stat_func_t func;
	int nelems;
	uint64_t value[8];  /* of the model's vCPUs, the first for all */
};

#define VMM_STAT(type, text) struct vmm_stat_type type[1] = { { text, NULL, 1, { 0 } } }
#define VMM_STAT_FUNC(type, text, f) struct vmm_stat_type type[1] = { { text, f, 1, { 0 } } }
#define VMM_STAT_INTEL(type, text) VMM_STAT(type, text)
#define VMM_STAT_ARRAY(type, n, text) struct vmm_stat_type type[1] = { { text, NULL, n, { 0 } } }
#define VMM_STAT_DECLARE(type) extern struct vmm_stat_type type[1]
VMM_STAT_DECLARE(VMEXIT_COUNT);
VMM_STAT_DECLARE(VMEXIT_HLT);
void vmm_stat_array_set(struct vcpu *vcpu, struct vmm_stat_type *type, int at, uint64_t value);
void vmm_stat_array_incr(struct vcpu *vcpu, struct vmm_stat_type *type, int at, uint64_t by);
#define vmm_stat_set(vcpu, type, n) vmm_stat_array_set(vcpu, type, 0, n)
#define vmm_stat_incr(vcpu, type, n) vmm_stat_array_incr(vcpu, type, 0, n)

#endif
