/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VMREAD and VMWRITE of the current VMCS.
 *
 * With NESTVMX_PORT_HEADER the host's static inline nvmx_port_vmread/nvmx_port_vmwrite are used as they are.  Without,
 * writes collect in a batch of the vCPU and go out by vmcs_write_many: when it is full, before any read, before the
 * current VMCS changes, and before the library returns.
 */
#ifndef NVMX_SRC_PORT_H
#define NVMX_SRC_PORT_H

#include "vcpu.h"

#ifdef NESTVMX_PORT_HEADER
#include NESTVMX_PORT_HEADER

static inline uint64_t nvmx_vmread(struct nvmx_vcpu *v, uint32_t field)
{
	v->counters[NVMX_CNT_VMREAD]++;
	return nvmx_port_vmread(field);
}

static inline void nvmx_vmwrite(struct nvmx_vcpu *v, uint32_t field, uint64_t value)
{
	v->counters[NVMX_CNT_VMWRITE]++;
	nvmx_port_vmwrite(field, value);
}

static inline void nvmx_vmwrite_flush(struct nvmx_vcpu *v)
{
	(void)v;
}
#else
static inline void nvmx_vmwrite_flush(struct nvmx_vcpu *v)
{
	if (v->batch_n) {
		v->ops->vmcs_write_many(v->host, v->batch_field, v->batch_value, v->batch_n);
		v->batch_n = 0;
	}
}

static inline uint64_t nvmx_vmread(struct nvmx_vcpu *v, uint32_t field)
{
	uint64_t value = 0;

	nvmx_vmwrite_flush(v);
	v->counters[NVMX_CNT_VMREAD]++;
	v->ops->vmcs_read_many(v->host, &field, &value, 1);
	return value;
}

static inline void nvmx_vmwrite(struct nvmx_vcpu *v, uint32_t field, uint64_t value)
{
	if (v->batch_n == NVMX_BATCH)
		nvmx_vmwrite_flush(v);
	v->counters[NVMX_CNT_VMWRITE]++;
	v->batch_field[v->batch_n] = field;
	v->batch_value[v->batch_n++] = value;
}
#endif

/* Of L1, who enters L2 (vmcs01 is current): for the VM exit to come. */
#define nvmx_see01(v, FIELD) ((v)->seen01[NVMX_SEEN_##FIELD] = nvmx_vmread(v, NVMX_##FIELD))

static inline void nvmx_vmcs_load(struct nvmx_vcpu *v, uint64_t hpa)
{
	if (v->loaded == hpa)
		return;
	nvmx_vmwrite_flush(v);
	v->counters[NVMX_CNT_VMPTRLD]++;
	v->ops->vmcs_load(v->host, hpa);
	v->loaded = hpa;
}

static inline void nvmx_vmcs_clear(struct nvmx_vcpu *v, uint64_t hpa)
{
	nvmx_vmwrite_flush(v);
	v->counters[NVMX_CNT_VMCLEAR]++;
	v->ops->vmcs_clear(v->host, hpa);
	if (v->loaded == hpa)
		v->loaded = NVMX_NO_ADDR; /* SDM 30.3, VMCLEAR: there is no current VMCS then */
}

#endif
