/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An embedder, as small as can be: says that the library is there and answers. */
#include <nestvmx/nestvmx.h>
#include <stdio.h>

int main(void)
{
	static _Alignas(64) unsigned char memory[NVMX_VM_SIZE];
	struct nvmx_host_ops ops = { .size = sizeof(ops), .abi = NVMX_ABI_VERSION + 1 };
	struct nvmx_caps caps = { .maxphyaddr = 39, .linear_width = 48 };
	struct nvmx_vm_config config = { .size = sizeof(config), .caps_size = sizeof(caps), .ops = &ops, .hw = &caps };
	struct nvmx_error_info info;
	struct nvmx_vm *vm;
	char line[NVMX_DESCRIBE_MAX];
	int error = nvmx_vm_init(memory, sizeof(memory), &config, &vm, &info);

	nvmx_describe_error(line, sizeof(line), &info);
	puts(line);
	return error != NVMX_ERR_ABI || info.refusal != NVMX_REFUSED_OPS_ABI || info.found != NVMX_ABI_VERSION + 1;
}
