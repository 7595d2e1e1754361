/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host's own part of vmcs02: vmcs02 gets it when it is new, and when the host says that vmcs01 has changed. */
#include "merge.h"
#include "port.h"

/* Fields of vmcs02 that are the host's and the same as in vmcs01. */
static const uint16_t host_fields[] = {
	NVMX_HOST_ES_SEL, NVMX_HOST_CS_SEL, NVMX_HOST_SS_SEL, NVMX_HOST_DS_SEL, NVMX_HOST_FS_SEL, NVMX_HOST_GS_SEL,
	NVMX_HOST_TR_SEL, NVMX_HOST_SYSENTER_CS, NVMX_HOST_CR0, NVMX_HOST_CR3, NVMX_HOST_CR4, NVMX_HOST_FS_BASE,
	NVMX_HOST_GS_BASE, NVMX_HOST_TR_BASE, NVMX_HOST_GDTR_BASE, NVMX_HOST_IDTR_BASE, NVMX_HOST_SYSENTER_ESP,
	NVMX_HOST_SYSENTER_EIP, NVMX_HOST_RSP, NVMX_HOST_RIP, NVMX_EXIT_MSR_LOAD_ADDR, NVMX_EXIT_MSR_LOAD_COUNT,
	/* What the processor swaps between the host and its guest, L1 or L2: the MSRs that those two share (SDM 24.7.2, 24.8.2). */
	NVMX_ENTRY_MSR_LOAD_ADDR, NVMX_ENTRY_MSR_LOAD_COUNT, NVMX_EXIT_MSR_STORE_ADDR, NVMX_EXIT_MSR_STORE_COUNT,
};
static const struct {
	uint16_t field;
	uint32_t exit_control;
} host_msr_fields[] = {
	{ NVMX_HOST_PAT, NVMX_EXIT_LOAD_PAT },
	{ NVMX_HOST_EFER, NVMX_EXIT_LOAD_EFER },
	{ NVMX_HOST_PERF_GLOBAL_CTRL, NVMX_EXIT_LOAD_PERF },
	{ NVMX_HOST_S_CET, NVMX_EXIT_LOAD_CET },
	{ NVMX_HOST_SSP, NVMX_EXIT_LOAD_CET },
	{ NVMX_HOST_INT_SSP_TABLE, NVMX_EXIT_LOAD_CET },
	{ NVMX_HOST_PKRS, NVMX_EXIT_LOAD_PKRS },
};
/* What a control that is kept from vmcs01 needs beside it; L1 has none of these fields. */
static const struct {
	uint16_t field;
	uint32_t proc2;
} kept_fields[] = {
	{ NVMX_INSTR_TIMEOUT, NVMX_PROC2_NOTIFY },
	{ NVMX_ENCLV_EXIT_BITMAP, NVMX_PROC2_ENCLV },
	{ NVMX_PML_ADDRESS, NVMX_PROC2_PML },
};
#define KEPT_FIELDS (sizeof(kept_fields) / sizeof(*kept_fields))

#define HOST_FIELDS (sizeof(host_fields) / sizeof(*host_fields))
#define HOST_MSR_FIELDS (sizeof(host_msr_fields) / sizeof(*host_msr_fields))

static void copy_host_part(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint64_t host[HOST_FIELDS], msr[HOST_MSR_FIELDS] = { 0 };
	uint32_t exit01 = v->vmcs01.ctl[NVMX_WORD_EXIT];

	for (unsigned i = 0; i < HOST_FIELDS; i++)
		host[i] = nvmx_vmread(v, host_fields[i]);
	for (unsigned i = 0; i < HOST_MSR_FIELDS; i++)
		if (exit01 & host_msr_fields[i].exit_control)
			msr[i] = nvmx_vmread(v, host_msr_fields[i].field);

	nvmx_vmcs_load(v, s->page02.hpa);
	for (unsigned i = 0; i < HOST_FIELDS; i++)
		nvmx_vmwrite(v, host_fields[i], host[i]);
	for (unsigned i = 0; i < HOST_MSR_FIELDS; i++)
		if (exit01 & host_msr_fields[i].exit_control)
			nvmx_vmwrite(v, host_msr_fields[i].field, msr[i]);
}

/* vmcs01 is current. */
static void read_kept(struct nvmx_vcpu *v, uint64_t value[KEPT_FIELDS])
{
	for (unsigned i = 0; i < KEPT_FIELDS; i++)
		value[i] = v->vmcs01.ctl[NVMX_WORD_PROC2] & kept_fields[i].proc2 ? nvmx_vmread(v, kept_fields[i].field) : 0;
}

/* vmcs02 is. */
static void write_kept(struct nvmx_vcpu *v, const uint64_t value[KEPT_FIELDS])
{
	for (unsigned i = 0; i < KEPT_FIELDS; i++)
		if (v->vmcs01.ctl[NVMX_WORD_PROC2] & kept_fields[i].proc2)
			nvmx_vmwrite(v, kept_fields[i].field, value[i]);
	if (v->vmcs01.ctl[NVMX_WORD_ENTRY] & NVMX_ENTRY_LOAD_RTIT)
		nvmx_vmwrite(v, NVMX_GUEST_RTIT_CTL, 0);
}

enum nvmx_step_end nvmx_merge_HOST(struct nvmx_merging *m)
{
	struct nvmx_vcpu *v = m->v;
	uint64_t kept[KEPT_FIELDS];

	if (v->refused01.refusal)
		return NVMX_STEP_REFUSED;
	nvmx_vmcs_load(v, v->config.vmcs01);
	read_kept(v, kept);
	if (v->ops->make_vmcs02) {
		nvmx_vmcs_load(v, m->s->page02.hpa);
		nvmx_vmwrite_flush(v);
		v->ops->make_vmcs02(v->host, m->s->page02.hpa);
	} else {
		copy_host_part(v, m->s);
	}
	write_kept(v, kept);
	nvmx_vmwrite(v, NVMX_VMCS_LINK_POINTER, NVMX_NO_ADDR);
	return NVMX_STEP_DONE;
}
