/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What is kept of vmcs01: this file alone reads it (cached01.def), but for the VM-entry controls, which have L1's mode and are read at
 * its VM entries, too; and finds out what a change of it means for the vmcs02s.
 */
#include "port.h"

/* vmcs01 is current.  The steps that read what is not as it was. */
static uint64_t read_fields(struct nvmx_vcpu *v)
{
	const uint64_t *steps_of = v->vm->steps.of01;
	struct nvmx_vmcs01 *c = &v->vmcs01;
	const struct nvmx_vmcs01 before = *c;
	uint64_t steps = 0;

#define V(member, FIELD, exists)                                                                             \
	c->member = (exists) ? (__typeof__(c->member))nvmx_vmread(v, NVMX_##FIELD) : 0; \
	if (c->member != before.member)                                                                      \
		steps |= steps_of[NVMX_01_##FIELD];
#include "../vmcs/cached01.def"
	return steps;
}

void nvmx_vmcs01_read(struct nvmx_vcpu *v)
{
	nvmx_vmcs_load(v, v->config.vmcs01);
	nvmx_slots_pend(v, read_fields(v) | v->vm->steps.said);
	nvmx_vmcs01_judge(v);
}

void nvmx_vmcs01_read_tsc(struct nvmx_vcpu *v)
{
	struct nvmx_vmcs01 *c = &v->vmcs01;
	uint64_t multiplier = c->tsc_multiplier;

	c->tsc_offset = nvmx_vmread(v, NVMX_TSC_OFFSET);
	nvmx_slots_pend(v, v->vm->steps.of01[NVMX_01_TSC_OFFSET]);
	if (c->ctl[NVMX_WORD_PROC2] & NVMX_PROC2_TSC_SCALING)
		c->tsc_multiplier = nvmx_vmread(v, NVMX_TSC_MULTIPLIER);
	if (c->tsc_multiplier != multiplier)
		nvmx_slots_pend(v, v->vm->steps.of01[NVMX_01_TSC_MULTIPLIER]);
}

int nvmx_vmcs01_changed(struct nvmx_vcpu *v)
{
	if (nvmx_l2_lives(v))
		return NVMX_ERR_IN_L2;
	nvmx_vmcs01_read(v);
	nvmx_bitmaps01_changed(v);
	nvmx_shadow_renew(v);
	return NVMX_OK;
}
