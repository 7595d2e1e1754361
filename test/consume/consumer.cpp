// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
// An embedder in C++: every public header, and a call that is refused by name.
#include <cstdio>
#include <cstring>
#include <nestvmx/check.h>
#include <nestvmx/enlighten.h>
#include <nestvmx/hyperv.h>
#include <nestvmx/fake.h>
#include <nestvmx/fake_ops.h>
#include <nestvmx/nestvmx.h>
#include <nestvmx/vtd.h>

static_assert(sizeof(struct nvmx_vmcs12) == NVMX_VMCS12_SIZE, "the same layout as in C");

int main()
{
	alignas(64) static unsigned char memory[NVMX_VM_SIZE];
	nvmx_host_ops ops{};
	nvmx_caps processor{};
	nvmx_vm_config config{};
	nvmx_vm *vm = nullptr;
	nvmx_error_info info{};
	char line[NVMX_DESCRIBE_MAX];

	processor.maxphyaddr = 39;
	processor.linear_width = 48;
	ops.size = sizeof(ops);
	ops.abi = NVMX_ABI_VERSION + 1;
	config.size = sizeof(config);
	config.caps_size = sizeof(processor);
	config.ops = &ops;
	config.hw = &processor;
	const int error = nvmx_vm_init(memory, sizeof(memory), &config, &vm, &info);
	nvmx_describe_error(line, sizeof(line), &info);
	std::printf("%s: %s\n", nvmx_version(), line);
	return error != NVMX_ERR_ABI || info.refusal != NVMX_REFUSED_OPS_ABI || info.found != ops.abi || std::strcmp(nvmx_version(), NVMX_VERSION_STRING) != 0;
}
