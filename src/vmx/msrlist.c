/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's VM-entry MSR-load, VM-exit MSR-store and VM-exit MSR-load areas (SDM 26.4, 27.4, 27.6).
 */
#include "port.h"

struct msr_entry {
	uint32_t index;
	uint32_t reserved;
	uint64_t value;
};

static bool any_value(const struct nvmx_caps *caps, uint64_t value)
{
	(void)caps;
	(void)value;
	return true;
}

static bool valid_efer(const struct nvmx_caps *caps, uint64_t value)
{
	return !(value & ~caps->efer_valid);
}

static bool valid_debugctl(const struct nvmx_caps *caps, uint64_t value)
{
	return !(value & ~caps->debugctl_valid);
}

static bool valid_perf(const struct nvmx_caps *caps, uint64_t value)
{
	return !(value & ~caps->perf_global_valid);
}

static bool valid_pat(const struct nvmx_caps *caps, uint64_t value)
{
	(void)caps;
	for (unsigned i = 0; i < 8; i++, value >>= 8)
		if ((value & 0xff) > 7 || (value & 0xff) == 2 || (value & 0xff) == 3)
			return false;
	return true;
}

static bool canonical(const struct nvmx_caps *caps, uint64_t value)
{
	unsigned shift = 64u - caps->linear_width;

	return (uint64_t)((int64_t)(value << shift) >> shift) == value;
}

/* MSRs that the processor keeps in the guest-state area of a VMCS, and under which entry control, if any. */
static const struct vmcs_msr {
	uint32_t msr;
	uint16_t field;
	uint32_t entry_control;
	bool (*valid)(const struct nvmx_caps *caps, uint64_t value);
} vmcs_msrs[] = {
	{ NVMX_MSR_EFER, NVMX_GUEST_EFER, 0, valid_efer },
	{ NVMX_MSR_PAT, NVMX_GUEST_PAT, 0, valid_pat },
	{ NVMX_MSR_DEBUGCTL, NVMX_GUEST_DEBUGCTL, 0, valid_debugctl },
	{ NVMX_MSR_SYSENTER_CS, NVMX_GUEST_SYSENTER_CS, 0, any_value },
	{ NVMX_MSR_SYSENTER_ESP, NVMX_GUEST_SYSENTER_ESP, 0, canonical },
	{ NVMX_MSR_SYSENTER_EIP, NVMX_GUEST_SYSENTER_EIP, 0, canonical },
	{ NVMX_MSR_FS_BASE, NVMX_GUEST_FS_BASE, 0, canonical },
	{ NVMX_MSR_GS_BASE, NVMX_GUEST_GS_BASE, 0, canonical },
	{ NVMX_MSR_PERF_GLOBAL_CTRL, NVMX_GUEST_PERF_GLOBAL_CTRL, NVMX_ENTRY_LOAD_PERF, valid_perf },
	{ NVMX_MSR_BNDCFGS, NVMX_GUEST_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS, any_value },
	{ NVMX_MSR_S_CET, NVMX_GUEST_S_CET, NVMX_ENTRY_LOAD_CET, any_value },
	{ NVMX_MSR_INT_SSP_TABLE, NVMX_GUEST_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, canonical },
	{ NVMX_MSR_PKRS, NVMX_GUEST_PKRS, NVMX_ENTRY_LOAD_PKRS, any_value },
};

static const struct vmcs_msr *find_vmcs_msr(struct nvmx_vcpu *v, uint32_t msr)
{
	for (unsigned i = 0; i < sizeof(vmcs_msrs) / sizeof(*vmcs_msrs); i++) {
		const struct vmcs_msr *m = &vmcs_msrs[i];

		if (m->msr == msr)
			return !m->entry_control || nvmx_vmread(v, NVMX_ENTRY_CTLS) & m->entry_control ? m : NULL;
	}
	return NULL;
}

/* Loads and stores alike refuse x2APIC MSRs and those of SMM; loads also the segment bases (SDM 26.4, 27.4, 27.6). */
static bool refused(const struct msr_entry *e)
{
	return e->reserved || e->index >> 8 == 8 || e->index == NVMX_MSR_SMM_MONITOR_CTL;
}

/* EFER.LME cannot change while paging is on, and LMA never by a write (SDM 2.2.1, WRMSR): LMA in the list is ignored. */
static bool load_vmcs_msr(struct nvmx_vcpu *v, const struct vmcs_msr *m, uint64_t value)
{
	if (m->msr == NVMX_MSR_EFER) {
		uint64_t old = nvmx_vmread(v, NVMX_GUEST_EFER);

		if ((old ^ value) & NVMX_EFER_LME && nvmx_vmread(v, NVMX_GUEST_CR0) & NVMX_CR0_PG)
			return false;
		value = (value & ~NVMX_EFER_LMA) | (old & NVMX_EFER_LMA);
	}
	if (!m->valid(&v->vm->caps, value))
		return false;
	if (m->msr == NVMX_MSR_DEBUGCTL)
		value &= ~v->config.debugctl_hidden;
	if (v->cur && v->loaded != v->config.vmcs01) /* an entry that fails must not have lost what L2 left there alone */
		nvmx_slot_freshen_row(v, v->cur, (unsigned)nvmx_field_find(m->field));
	nvmx_vmwrite(v, m->field, value);
	return true;
}

static bool load_one(struct nvmx_vcpu *v, const struct msr_entry *e)
{
	const struct vmcs_msr *m;

	if (refused(e) || e->index == NVMX_MSR_FS_BASE || e->index == NVMX_MSR_GS_BASE)
		return false;
	m = find_vmcs_msr(v, e->index);
	if (m)
		return load_vmcs_msr(v, m, e->value);
	return nvmx_msr_write(v, e->index, e->value) == 1 && !v->ops->l1_msr_write(v->host, e->index, e->value);
}

static bool store_one(struct nvmx_vcpu *v, struct msr_entry *e)
{
	const struct vmcs_msr *m;
	int own;

	if (refused(e))
		return false;
	m = find_vmcs_msr(v, e->index);
	if (m) {
		e->value = nvmx_vmread(v, m->field);
		if (m->msr == NVMX_MSR_DEBUGCTL)
			e->value &= ~v->config.debugctl_hidden;
		return true;
	}
	own = nvmx_msr_read(v, e->index, &e->value);
	return own == 0 || (own == 1 && !v->ops->l1_msr_read(v->host, e->index, &e->value));
}

static uint32_t list_limit(const struct nvmx_vcpu *v)
{
	return NVMX_MISC_MSR_LIST_MAX(nvmx_caps_get(&v->vm->caps, NVMX_MSR_VMX_MISC));
}

uint32_t nvmx_msr_load_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	struct msr_entry e;

	nvmx_vmwrite_flush(v);
	for (uint32_t i = 0; i < count; i++, gpa += sizeof(e))
		if (i == list_limit(v) || nvmx_gpa_read(v, gpa, &e, sizeof(e)) || !load_one(v, &e))
			return i + 1;
	return 0;
}

/* What an entry of the list is to replace; an MSR that cannot be read has nothing to be kept. */
static void log_old(struct nvmx_vcpu *v, uint32_t msr)
{
	struct msr_entry old = { .index = msr };

	if (!store_one(v, &old))
		return;
	if (v->msr_log.n == NVMX_MSR_LOG) {
		v->msr_log.complete = false;
		return;
	}
	v->msr_log.old[v->msr_log.n].msr = msr;
	v->msr_log.old[v->msr_log.n++].value = old.value;
}

uint32_t nvmx_msr_load_entry_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count, bool log)
{
	struct msr_entry e;

	v->msr_log.n = 0;
	v->msr_log.complete = log;
	if (!log)
		return nvmx_msr_load_list(v, gpa, count);
	nvmx_vmwrite_flush(v);
	for (uint32_t i = 0; i < count; i++, gpa += sizeof(e)) {
		if (i == list_limit(v) || nvmx_gpa_read(v, gpa, &e, sizeof(e)))
			return i + 1;
		log_old(v, e.index);
		if (!load_one(v, &e))
			return i + 1;
	}
	return 0;
}

bool nvmx_msr_undo(struct nvmx_vcpu *v)
{
	if (!v->cur->v12->entry_msr_load_count)
		return true;
	nvmx_vmwrite_flush(v);
	for (unsigned i = v->msr_log.n; i--;) {
		const struct msr_entry e = { .index = v->msr_log.old[i].msr, .value = v->msr_log.old[i].value };

		load_one(v, &e);
	}
	return v->msr_log.complete;
}

uint32_t nvmx_msr_store_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	struct msr_entry e;

	for (uint32_t i = 0; i < count; i++, gpa += sizeof(e))
		if (i == list_limit(v) || nvmx_gpa_read(v, gpa, &e, sizeof(e)) || !store_one(v, &e) ||
		    nvmx_gpa_write(v, gpa + offsetof(struct msr_entry, value), &e.value, sizeof(e.value)))
			return i + 1;
	return 0;
}
