/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An embedder, as small as can be: says that the library is there and answers. */
#include <nestvmx/nestvmx.h>
#include <stdio.h>

int main(void)
{
	static _Alignas(64) unsigned char memory[NVMX_VM_SIZE];
	struct nvmx_host_ops ops = { .size = sizeof(ops), .abi = NVMX_ABI_VERSION + 1 };
	struct nvmx_caps caps = { .maxphyaddr = 39, .linear_width = 48 };
	struct nvmx_vm_config config = { .ops = &ops, .hw = &caps };
	struct nvmx_vm *vm;
	uint32_t detail = 0;
	int error = nvmx_vm_init(memory, &config, &vm, &detail);

	printf("%s (%u)\n", nvmx_init_error(error, detail), detail);
	return error != NVMX_ERR_ABI || detail != NVMX_ABI_VERSION + 1;
}
