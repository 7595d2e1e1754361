/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "vmcs.h"

#define SIZE_OF(member) sizeof(((struct nvmx_vmcs12 *)0)->member)

const struct nvmx_field_row nvmx_field_rows[NVMX_ROWS] = {
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group)                                     \
	{ sdm, enc, offsetof(struct nvmx_vmcs12, member), SIZE_OF(member), NVMX_X_##exists, NVMX_M_##merge, \
	  NVMX_S_##sync, NVMX_H_##shadow, NVMX_G_##group },
#include "fields.def"
};

const uint8_t nvmx_row_of_key[NVMX_FIELD_KEYS] = {
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) [NVMX_FIELD_KEY(enc)] = NVMX_I_##NAME,
#include "fields.def"
};
_Static_assert(NVMX_ROWS <= 256, "row numbers fit a byte");

/* Which control, in which capability MSR, must be allowed to be 1 (SDM appendix B, notes to the tables). */
struct exists_rule {
	uint32_t msr;
	uint32_t bits;  /* of the allowed-1 half; any of them suffices */
};

static const struct exists_rule exists_rules[] = {
	[NVMX_X_PROC2] = { NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_SECONDARY },
	[NVMX_X_PROC3] = { NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_TERTIARY },
	[NVMX_X_TPR_SHADOW] = { NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_TPR_SHADOW },
	[NVMX_X_APIC_ACCESS] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_APIC_ACCESS },
	[NVMX_X_VID] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_VID },
	[NVMX_X_POSTED_INT] = { NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_PIN_POSTED_INT },
	[NVMX_X_MSR_BITMAP] = { NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_MSR_BITMAPS },
	[NVMX_X_EPT] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_EPT },
	[NVMX_X_VPID] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_VPID },
	[NVMX_X_PML] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_PML },
	[NVMX_X_VMFUNC] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_VMFUNC },
	[NVMX_X_SHADOW_VMCS] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_SHADOW_VMCS },
	[NVMX_X_VE] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_VE },
	[NVMX_X_XSAVES] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_XSAVES },
	[NVMX_X_ENCLS] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_ENCLS },
	[NVMX_X_ENCLV] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_ENCLV },
	[NVMX_X_NOTIFY] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_NOTIFY },
	[NVMX_X_SPP] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_SPP },
	[NVMX_X_TSC_SCALING] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_TSC_SCALING },
	[NVMX_X_PREEMPTION_TIMER] = { NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_PIN_PREEMPTION_TIMER },
	[NVMX_X_PLE] = { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_PAUSE_LOOP },
	[NVMX_X_PAT] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_PAT },
	[NVMX_X_EFER] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_EFER },
	[NVMX_X_PERF] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_PERF },
	[NVMX_X_BNDCFGS] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_BNDCFGS },
	[NVMX_X_RTIT] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_RTIT },
	[NVMX_X_CET] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_CET },
	[NVMX_X_PKRS] = { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_PKRS },
};

bool nvmx_field_exists(const struct nvmx_field_row *row, const struct nvmx_caps *caps)
{
	const struct exists_rule *rule = &exists_rules[row->exists < sizeof(exists_rules) / sizeof(*exists_rules)
							       ? row->exists : 0];

	switch (row->exists) {
	case NVMX_X_ALWAYS:
		return true;
	case NVMX_X_IO_SMM: /* dual-monitor treatment only (SDM 31.15.2.3), which is not offered */
		return false;
	case NVMX_X_CR3_TARGET: {
		unsigned n = (row->encoding - NVMX_CR3_TARGET0) / 2u;

		return n < NVMX_MISC_CR3_TARGETS(nvmx_caps_get(caps, NVMX_MSR_VMX_MISC));
	}
	case NVMX_X_EPTP_SWITCHING:
		return nvmx_caps_may(caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VMFUNC &&
		       nvmx_caps_get(caps, NVMX_MSR_VMX_VMFUNC) & NVMX_VMFUNC_EPTP_SWITCHING;
	default:
		return nvmx_caps_may(caps, rule->msr) & rule->bits;
	}
}

uint64_t nvmx_vmcs_enum(const struct nvmx_caps *caps)
{
	uint64_t highest = 0;

	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		uint64_t index = nvmx_field_rows[i].encoding & 0x3feu;

		if (nvmx_field_exists(&nvmx_field_rows[i], caps) && index > highest)
			highest = index;
	}
	return highest;
}
