/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A VM exit of L2 to L1, in parts: rows of src/vmcs/leave.def.
 */
#ifndef NVMX_SRC_LEAVE_H
#define NVMX_SRC_LEAVE_H

#include "merge.h"

/* What is remembered between vmcs02 and vmcs01: the rows LEFT and CARRY. */
struct nvmx_left {
#define LEFT(name, type, when, value, reads) type name;
#include "../vmcs/leave.def"
	uint64_t carried[NVMX_CARRIED];
};

/* The rows LEFT and CARRY; vmcs02 is current, and vmcs12 has what the exit stores there. */
void nvmx_left_by_l2(struct nvmx_vcpu *v, struct nvmx_left *left);
/* The rows LOAD, and the VM-exit MSR-load area; vmcs01 is current after. */
enum nvmx_verdict nvmx_load_host_state(struct nvmx_vcpu *v, const struct nvmx_left *left);

#endif
