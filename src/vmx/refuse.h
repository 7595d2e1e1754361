/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What nvmx_vm_init() and nvmx_vcpu_init() refuse.
 */
#ifndef NVMX_SRC_REFUSE_H
#define NVMX_SRC_REFUSE_H

#include "../refuse.h"

struct nvmx_host_ops;
struct nvmx_vcpu;
struct nvmx_vcpu_config;
struct nvmx_vm;
struct nvmx_vm_config;

/* refuse_vm.c: what nvmx_vm_init() was called with.  On NVMX_OK *c is the configuration and *ops its table, whole: what the
 * host's headers did not have yet is 0. */
int nvmx_refuse_vm(const void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out,
		   struct nvmx_vm_config *c, struct nvmx_host_ops *ops, struct nvmx_error_info *info);
/* Once L1's capabilities are known: the ops that are needed for them. */
int nvmx_refuse_ops(const struct nvmx_vm *vm, struct nvmx_error_info *info);

/* refuse_vcpu.c: what nvmx_vcpu_init() was called with, as nvmx_refuse_vm(); then, with vmcs01 read, what is not as it must be
 * there. */
int nvmx_refuse_vcpu(const void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config,
		     struct nvmx_vcpu **out, struct nvmx_vcpu_config *c, struct nvmx_error_info *info);
int nvmx_refuse_vmcs01(struct nvmx_vcpu *v, struct nvmx_error_info *info);
/* The part of it that the control words alone tell, which is judged again whenever vmcs01 is read. */
int nvmx_refuse_controls(const struct nvmx_vcpu *v, struct nvmx_error_info *info);

#endif
