/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Refusals: every place that rejects a value of the embedder's names the rule of <nestvmx/refusals.def> that it breaks.
 */
#ifndef NVMX_SRC_REFUSE_H
#define NVMX_SRC_REFUSE_H

#include <nestvmx/error.h>
#include <stdbool.h>

/* describe.c: fills *info for a rule that exists, and returns its enum nvmx_error. */
int nvmx_refuse(struct nvmx_error_info *info, unsigned rule, uint64_t found, uint64_t expected);
int nvmx_refuse_named(struct nvmx_error_info *info, unsigned rule, const char *name, uint64_t found, uint64_t expected);

struct nvmx_host_ops;
struct nvmx_vcpu;
struct nvmx_vcpu_config;
struct nvmx_vm;
struct nvmx_vm_config;

/* A block of memory that a call was handed, and what it may not overlap. */
struct nvmx_block {
	const char *name;
	const void *at;
	size_t size;
};
/* NVMX_OK, or the refusal of the first of others[0..n) that overlaps `mem`. */
int nvmx_refuse_overlap(struct nvmx_error_info *info, unsigned rule, const struct nvmx_block *mem,
			const struct nvmx_block *others, unsigned n);

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
