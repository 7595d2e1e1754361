/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What the linker puts between the adapter and the library (--wrap): the checks of <nestvmx/checked.h>, the accessors of the current
 * VMCS that in the kernel are a port header's, and what may not happen in a call of the library.
 */
#include <nestvmx/checked.h>
#include <nestvmx/nestvmx.h>
#include "vmm.h"

#define PAGES 2048u

static struct vcpu_ledger {
	struct nvmx_ledger ledger;
	struct nvmx_ledger_page pages[PAGES];
	struct nvmx_vcpu *v;
} ledgers[VCPUS + 1]; /* the last one has the table alone */
static struct nvmx_host_ops ops;

int __real_nvmx_vm_init(void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out, struct nvmx_error_info *info);
int __wrap_nvmx_vm_init(void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out, struct nvmx_error_info *info);
int __real_nvmx_vcpu_init(void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config, struct nvmx_vcpu **out,
			  struct nvmx_error_info *info);
int __wrap_nvmx_vcpu_init(void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config, struct nvmx_vcpu **out,
			  struct nvmx_error_info *info);
void __real_nvmx_vcpu_destroy(struct nvmx_vcpu *v);
void __wrap_nvmx_vcpu_destroy(struct nvmx_vcpu *v);

static void broken(struct nvmx_host *h, const struct nvmx_broken *what)
{
	char line[NVMX_DESCRIBE_MAX];

	(void)h;
	nvmx_describe_broken(line, sizeof(line), what);
	panic("%s", line);
}

static void read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	(void)h;
	for (size_t i = 0; i < n; i++)
		values[i] = vmcs_read(fields[i]);
}

static void write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	(void)h;
	for (size_t i = 0; i < n; i++)
		vmcs_write(fields[i], values[i]);
}

static const struct nvmx_host_ops *table(struct vcpu_ledger *l, struct nvmx_host *host, const struct nvmx_vcpu_config *c)
{
	memset(l, 0, sizeof(*l));
	l->ledger = (struct nvmx_ledger){
		.size = sizeof(l->ledger), .host = host, .maxphyaddr = world.hw.maxphyaddr, .pages = l->pages, .pages_n = PAGES,
		.revision = (uint32_t)nvmx_caps_get(&world.hw, NVMX_MSR_VMX_BASIC) & 0x7fffffff, .report = broken,
	};
	if (c) {
		l->ledger.vmcs01 = c->vmcs01;
		l->ledger.vpid01 = (uint16_t)vmcs_read(VMCS_VPID);
		l->ledger.vpid02 = c->vpid02;
		l->ledger.vpid02_n = c->vpid02_n;
	}
	return nvmx_checked_ops(&ops, &l->ledger);
}

int __wrap_nvmx_vm_init(void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out, struct nvmx_error_info *info)
{
	struct nvmx_vm_config c = *config;

	KASSERT(!c.ops->vmcs_read_many && !c.ops->vmcs_write_many, ("the kernel's library has a port header"));
	ops = *c.ops;
	ops.vmcs_read_many = read_many;
	ops.vmcs_write_many = write_many;
	c.ops = table(&ledgers[VCPUS], (struct nvmx_host *)&ops, NULL);
	return __real_nvmx_vm_init(mem, size, &c, out, info);
}

int __wrap_nvmx_vcpu_init(void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config, struct nvmx_vcpu **out,
			  struct nvmx_error_info *info)
{
	struct nvmx_vcpu_config c = *config;
	unsigned i = 0;
	int error;

	while (i < VCPUS && ledgers[i].v)
		i++;
	KASSERT(i < VCPUS, ("more vCPUs than there are"));
	table(&ledgers[i], config->host, config);
	c.host = nvmx_checked_host(&ledgers[i].ledger);
	error = __real_nvmx_vcpu_init(mem, size, vm, &c, out, info);
	if (!error)
		ledgers[i].v = *out;
	return error;
}

void __wrap_nvmx_vcpu_destroy(struct nvmx_vcpu *v)
{
	unsigned i = 0;

	while (i < VCPUS && ledgers[i].v != v)
		i++;
	KASSERT(i < VCPUS, ("a vCPU is destroyed that is none"));
	__real_nvmx_vcpu_destroy(v);
	ledgers[i].v = NULL;
	KASSERT(!nvmx_ledger_end(&ledgers[i].ledger), ("the library's ledger is not even"));
}
