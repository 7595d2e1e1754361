/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's VM-entry MSR-load, VM-exit MSR-store and VM-exit MSR-load areas (SDM 26.4, 27.4, 27.6).
 */
#include "port.h"
#include "trace.h"
#include "../vmcs/values.h"

/* Of the trace record. */
enum { LIST_ENTRY_LOAD, LIST_EXIT_STORE, LIST_EXIT_LOAD };

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

static bool valid_pat(const struct nvmx_caps *caps, uint64_t value)
{
	(void)caps;
	return nvmx_pat_ok(value);
}

static bool valid_low_half(const struct nvmx_caps *caps, uint64_t value)
{
	(void)caps;
	return nvmx_low_half(value);
}

static bool valid_cet(const struct nvmx_caps *caps, uint64_t value)
{
	return nvmx_cet_bits_ok(value) && nvmx_canonical(caps, value);
}

static bool valid_bndcfgs(const struct nvmx_caps *caps, uint64_t value)
{
	return nvmx_bndcfgs_bits_ok(value) && nvmx_canonical(caps, value);
}

static bool valid_ssp(const struct nvmx_caps *caps, uint64_t value)
{
	return nvmx_ssp_aligned(value) && nvmx_canonical(caps, value);
}

/*
 * What WRMSR says to a value (SDM volume 2; volume 4), and which MSRs the processor keeps in the guest-state area of a VMCS, under
 * which entry control, if any.  The others are the host's, which may refuse more.
 */
static const struct msr_row {
	uint32_t msr;
	uint16_t field; /* 0: none */
	uint32_t entry_control;
	bool (*valid)(const struct nvmx_caps *caps, uint64_t value);
} msr_rows[] = {
	{ NVMX_MSR_EFER, NVMX_GUEST_EFER, 0, nvmx_efer_ok },
	{ NVMX_MSR_PAT, NVMX_GUEST_PAT, 0, valid_pat },
	{ NVMX_MSR_DEBUGCTL, NVMX_GUEST_DEBUGCTL, 0, nvmx_debugctl_ok },
	{ NVMX_MSR_SYSENTER_CS, NVMX_GUEST_SYSENTER_CS, 0, any_value },
	{ NVMX_MSR_SYSENTER_ESP, NVMX_GUEST_SYSENTER_ESP, 0, nvmx_canonical },
	{ NVMX_MSR_SYSENTER_EIP, NVMX_GUEST_SYSENTER_EIP, 0, nvmx_canonical },
	{ NVMX_MSR_FS_BASE, NVMX_GUEST_FS_BASE, 0, nvmx_canonical },
	{ NVMX_MSR_GS_BASE, NVMX_GUEST_GS_BASE, 0, nvmx_canonical },
	{ NVMX_MSR_PERF_GLOBAL_CTRL, NVMX_GUEST_PERF_GLOBAL_CTRL, NVMX_ENTRY_LOAD_PERF, nvmx_perf_global_ok },
	{ NVMX_MSR_BNDCFGS, NVMX_GUEST_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS, valid_bndcfgs },
	{ NVMX_MSR_S_CET, NVMX_GUEST_S_CET, NVMX_ENTRY_LOAD_CET, valid_cet },
	{ NVMX_MSR_INT_SSP_TABLE, NVMX_GUEST_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, nvmx_canonical },
	{ NVMX_MSR_PKRS, NVMX_GUEST_PKRS, NVMX_ENTRY_LOAD_PKRS, valid_low_half },
	{ NVMX_MSR_U_CET, 0, 0, valid_cet },
	{ NVMX_MSR_PL0_SSP, 0, 0, valid_ssp },
	{ NVMX_MSR_PL0_SSP + 1, 0, 0, valid_ssp },
	{ NVMX_MSR_PL0_SSP + 2, 0, 0, valid_ssp },
	{ NVMX_MSR_PL0_SSP + 3, 0, 0, valid_ssp },
	{ NVMX_MSR_LSTAR, 0, 0, nvmx_canonical },
	{ NVMX_MSR_CSTAR, 0, 0, nvmx_canonical },
	{ NVMX_MSR_FMASK, 0, 0, valid_low_half },
	{ NVMX_MSR_KERNEL_GS_BASE, 0, 0, nvmx_canonical },
	{ NVMX_MSR_TSC_AUX, 0, 0, valid_low_half },
};

static const struct msr_row *find_row(uint32_t msr)
{
	for (unsigned i = 0; i < sizeof(msr_rows) / sizeof(*msr_rows); i++)
		if (msr_rows[i].msr == msr)
			return &msr_rows[i];
	return NULL;
}

static bool in_vmcs(struct nvmx_vcpu *v, const struct msr_row *m)
{
	return m && m->field && !(m->entry_control & nvmx_loads_emulated(v)) &&
	       (!m->entry_control || nvmx_vmread(v, NVMX_ENTRY_CTLS) & m->entry_control);
}

/* The host fills the mask in for "load IA32_PERF_GLOBAL_CTRL", and without it judges itself. */
static bool judged(struct nvmx_vcpu *v, const struct msr_row *m)
{
	return m && (m->msr != NVMX_MSR_PERF_GLOBAL_CTRL || in_vmcs(v, m));
}

/* MSRs that no list loads, or stores, whatever the value: x2APIC's; those that only SMM has; segment bases, which the VMCS loads
 * (SDM 26.4, 27.4, 27.6).  Microcode updates are refused "for model-specific reasons". */
enum { NOT_LOADED = 1, NOT_STORED = 2, NEITHER = NOT_LOADED | NOT_STORED };
static const struct {
	uint32_t first, last;
	uint8_t lists;
} refused_msrs[] = {
	{ NVMX_MSR_X2APIC_FIRST, NVMX_MSR_X2APIC_LAST, NEITHER },
	{ NVMX_MSR_SMM_MONITOR_CTL, NVMX_MSR_SMM_MONITOR_CTL, NEITHER },
	{ NVMX_MSR_SMBASE, NVMX_MSR_SMBASE, NEITHER },
	{ NVMX_MSR_SMM_FEATURE_CONTROL, NVMX_MSR_SMM_BLOCKED, NEITHER },
	{ NVMX_MSR_BIOS_UPDT_TRIG, NVMX_MSR_BIOS_UPDT_TRIG, NEITHER },
	{ NVMX_MSR_BIOS_SIGN_ID, NVMX_MSR_BIOS_SIGN_ID, NOT_LOADED },
	{ NVMX_MSR_FS_BASE, NVMX_MSR_GS_BASE, NOT_LOADED },
};

static bool refused(const struct msr_entry *e, unsigned how)
{
	for (unsigned i = 0; i < sizeof(refused_msrs) / sizeof(*refused_msrs); i++)
		if (e->index >= refused_msrs[i].first && e->index <= refused_msrs[i].last && refused_msrs[i].lists & how)
			return true;
	return e->reserved;
}

/* EFER.LME cannot change while paging is on, and LMA never by a write (SDM 2.2.1, WRMSR): LMA in the list is ignored. */
static bool load_vmcs_msr(struct nvmx_vcpu *v, const struct msr_row *m, uint64_t value)
{
	if (m->msr == NVMX_MSR_EFER) {
		uint64_t old = nvmx_vmread(v, NVMX_GUEST_EFER);

		if ((old ^ value) & NVMX_EFER_LME && nvmx_vmread(v, NVMX_GUEST_CR0) & NVMX_CR0_PG)
			return false;
		value = (value & ~NVMX_EFER_LMA) | (old & NVMX_EFER_LMA);
	}
	if (m->msr == NVMX_MSR_DEBUGCTL)
		value &= ~v->config.debugctl_hidden;
	if (v->cur && v->loaded != v->config.vmcs01)
		nvmx_slot_learn_row(v, v->cur, (unsigned)nvmx_field_find(m->field));
	nvmx_vmwrite(v, m->field, value);
	return true;
}

static bool load_one(struct nvmx_vcpu *v, const struct msr_entry *e)
{
	const struct msr_row *m = find_row(e->index);

	if (refused(e, NOT_LOADED) || (judged(v, m) && !m->valid(&v->vm->caps, e->value)))
		return false;
	if (in_vmcs(v, m))
		return load_vmcs_msr(v, m, e->value);
	return nvmx_msr_write(v, e->index, e->value) == 1 && !v->ops->l1_msr_write(v->host, e->index, e->value);
}

static bool store_one(struct nvmx_vcpu *v, struct msr_entry *e)
{
	const struct msr_row *m = find_row(e->index);
	int own;

	if (refused(e, NOT_STORED))
		return false;
	if (in_vmcs(v, m)) {
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

static uint32_t load_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	struct msr_entry e;

	nvmx_vmwrite_flush(v);
	for (uint32_t i = 0; i < count; i++, gpa += sizeof(e))
		if (i == list_limit(v) || nvmx_gpa_read(v, gpa, &e, sizeof(e)) || !load_one(v, &e))
			return i + 1;
	return 0;
}

uint32_t nvmx_msr_load_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	uint32_t failed = load_list(v, gpa, count);

	NVMX_TRACE(v, MSR_LIST, LIST_EXIT_LOAD, count, failed);
	return failed;
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

static uint32_t load_logged(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	struct msr_entry e;

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

void nvmx_msr_log_begin(struct nvmx_vcpu *v, bool log)
{
	v->msr_log.n = 0;
	v->msr_log.wanted = v->msr_log.complete = log;
}

/* L1 has no such register, and its value, which the checks have passed, is 0. */
static bool lacks_perf(const struct nvmx_vcpu *v)
{
	return nvmx_loads_emulated(v) && !v->vm->caps.perf_global_valid;
}

bool nvmx_msr_load_perf(struct nvmx_vcpu *v, uint64_t value)
{
	if (lacks_perf(v))
		return true;
	nvmx_vmwrite_flush(v);
	return !v->ops->l1_msr_write(v->host, NVMX_MSR_PERF_GLOBAL_CTRL, value);
}

bool nvmx_msr_load_entry_perf(struct nvmx_vcpu *v, uint64_t value)
{
	if (v->msr_log.wanted && !lacks_perf(v))
		log_old(v, NVMX_MSR_PERF_GLOBAL_CTRL);
	return nvmx_msr_load_perf(v, value);
}

uint32_t nvmx_msr_load_entry_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	uint32_t failed = v->msr_log.wanted ? load_logged(v, gpa, count) : load_list(v, gpa, count);

	NVMX_TRACE(v, MSR_LIST, LIST_ENTRY_LOAD, count, failed);
	return failed;
}

bool nvmx_msr_undo(struct nvmx_vcpu *v)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;

	if (!(v12->entry_msr_load_count | (v12->entry_ctls & nvmx_loads_emulated(v))))
		return true;
	nvmx_vmwrite_flush(v);
	for (unsigned i = v->msr_log.n; i--;) {
		const struct msr_entry e = { .index = v->msr_log.old[i].msr, .value = v->msr_log.old[i].value };

		load_one(v, &e);
	}
	return v->msr_log.complete;
}

static uint32_t store_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	struct msr_entry e;

	for (uint32_t i = 0; i < count; i++, gpa += sizeof(e))
		if (i == list_limit(v) || nvmx_gpa_read(v, gpa, &e, sizeof(e)) || !store_one(v, &e) ||
		    nvmx_gpa_write(v, gpa + offsetof(struct msr_entry, value), &e.value, sizeof(e.value)))
			return i + 1;
	return 0;
}

uint32_t nvmx_msr_store_list(struct nvmx_vcpu *v, uint64_t gpa, uint32_t count)
{
	uint32_t failed = store_list(v, gpa, count);

	NVMX_TRACE(v, MSR_LIST, LIST_EXIT_STORE, count, failed);
	return failed;
}
