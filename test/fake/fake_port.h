/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The port header of a host that compiles the library's sources: NESTVMX_PORT_HEADER. */
#ifndef NVMX_FAKE_PORT_H
#define NVMX_FAKE_PORT_H

#include <stdbool.h>
#include <stdint.h>

struct nvmx_host;

uint64_t fake_port_vmread(uint32_t field);
void fake_port_vmwrite(uint32_t field, uint64_t value);

static inline uint64_t nvmx_port_vmread(uint32_t field)
{
	return fake_port_vmread(field);
}

static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value)
{
	fake_port_vmwrite(field, value);
}

void *fake_port_map(struct nvmx_host *host, uint64_t gpa);
#define NVMX_PORT_MAP(host, gpa, write) fake_port_map(host, gpa)

#endif
