/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's capability MSRs (SDM appendix A): hardware AND what is implemented AND what the host allows. */
#include "vcpu.h"

#define F(name) NVMX_BIT64(NVMX_FEATURE_##name)
#define BASIC NVMX_FEATURE_COUNT /* in a grant: never withheld */

/* A feature's name, what it needs, and whether Linux 6.1's nested VMX knows it. */
struct feature {
	const char *name;
	uint64_t needs;
	bool linux_knows;
};

static const struct feature features[NVMX_FEATURE_COUNT] = {
	[NVMX_FEATURE_EPT] = { "ept", 0, true },
	[NVMX_FEATURE_VPID] = { "vpid", 0, true },
	[NVMX_FEATURE_UNRESTRICTED_GUEST] = { "unrestricted_guest", F(EPT), true },
	[NVMX_FEATURE_SHADOW_VMCS] = { "shadow_vmcs", 0, true },
	[NVMX_FEATURE_APIC_ACCESS] = { "apic_access", 0, true },
	[NVMX_FEATURE_TPR_SHADOW] = { "tpr_shadow", 0, true },
	[NVMX_FEATURE_X2APIC_MODE] = { "x2apic_mode", F(TPR_SHADOW), true },
	[NVMX_FEATURE_APIC_REGS] = { "apic_regs", F(TPR_SHADOW), true },
	[NVMX_FEATURE_VID] = { "vid", F(TPR_SHADOW), true },
	[NVMX_FEATURE_POSTED_INT] = { "posted_int", F(VID), true },
	[NVMX_FEATURE_PREEMPTION_TIMER] = { "preemption_timer", 0, true },
	[NVMX_FEATURE_VNMI] = { "vnmi", 0, true },
	[NVMX_FEATURE_PML] = { "pml", F(EPT) | F(EPT_AD), true },
	[NVMX_FEATURE_EPT_AD] = { "ept_ad", F(EPT), true },
	[NVMX_FEATURE_EPT_X_ONLY] = { "ept_x_only", F(EPT), true },
	[NVMX_FEATURE_EPT_2M] = { "ept_2m", F(EPT), true },
	[NVMX_FEATURE_EPT_1G] = { "ept_1g", F(EPT), true },
	[NVMX_FEATURE_EPT_5LEVEL] = { "ept_5level", F(EPT), true },
	[NVMX_FEATURE_MODE_EXEC] = { "mode_exec", F(EPT), false },
	[NVMX_FEATURE_VE] = { "ve", F(EPT), false },
	[NVMX_FEATURE_VMFUNC] = { "vmfunc", F(EPT), true },
	[NVMX_FEATURE_TSC_SCALING] = { "tsc_scaling", 0, true },
	[NVMX_FEATURE_PAUSE_LOOP] = { "pause_loop", 0, false },
	[NVMX_FEATURE_RDRAND_EXITING] = { "rdrand_exiting", 0, true },
	[NVMX_FEATURE_RDSEED_EXITING] = { "rdseed_exiting", 0, true },
	[NVMX_FEATURE_INVPCID] = { "invpcid", 0, true },
	[NVMX_FEATURE_XSAVES] = { "xsaves", 0, true },
	[NVMX_FEATURE_ENCLS] = { "encls", 0, true },
	[NVMX_FEATURE_PERF_GLOBAL_CTRL] = { "perf_global_ctrl", 0, true },
	[NVMX_FEATURE_PAT] = { "pat", 0, true },
	[NVMX_FEATURE_EFER] = { "efer", 0, true },
	[NVMX_FEATURE_BNDCFGS] = { "bndcfgs", 0, true },
	[NVMX_FEATURE_CET] = { "cet", 0, false },
	[NVMX_FEATURE_PKRS] = { "pkrs", 0, false },
	[NVMX_FEATURE_CR3_TARGETS] = { "cr3_targets", 0, false },
	[NVMX_FEATURE_VMWRITE_RO] = { "vmwrite_ro", 0, true },
	[NVMX_FEATURE_DESC_TABLE] = { "desc_table", 0, true },
	[NVMX_FEATURE_WBINVD] = { "wbinvd", 0, true },
	[NVMX_FEATURE_RDTSCP] = { "rdtscp", 0, true },
	[NVMX_FEATURE_MTF] = { "mtf", 0, true },
	[NVMX_FEATURE_USER_WAIT] = { "user_wait", 0, true },
	[NVMX_FEATURE_HW_SHADOW] = { "hw_shadow", 0, true },
	[NVMX_FEATURE_HW_EPTP_SWITCHING] = { "hw_eptp_switching", F(VMFUNC), true },
};

/*
 * Bits of a capability MSR that L1 may see if the processor has them and `feature` is offered.  For the control MSRs
 * they are control bits, that is, bits of the MSR's high half.  A bit that no row grants is never offered.
 */
struct grant {
	uint16_t msr;
	uint8_t feature;
	bool linux_knows;
	uint64_t bits;
};

#define PIN(f, bits) { NVMX_MSR_VMX_TRUE_PINBASED_CTLS, f, true, bits }
#define PROC(f, bits) { NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, f, true, bits }
#define PROC2(name, bits) { NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_FEATURE_##name, true, bits }
#define EXIT(f, bits) { NVMX_MSR_VMX_TRUE_EXIT_CTLS, f, true, bits }
#define ENTRY(f, bits) { NVMX_MSR_VMX_TRUE_ENTRY_CTLS, f, true, bits }
#define EPT_VPID(name, bits) { NVMX_MSR_VMX_EPT_VPID_CAP, NVMX_FEATURE_##name, true, bits }

/* CR4 bits that the library knows all about: what VM entries and exits do with them, and accesses to L1's memory. */
#define CR4_KNOWN                                                                                              \
	(NVMX_CR4_VME | NVMX_CR4_PVI | NVMX_CR4_TSD | NVMX_CR4_DE | NVMX_CR4_PSE | NVMX_CR4_PAE | NVMX_CR4_MCE | \
	 NVMX_CR4_PGE | NVMX_CR4_PCE | NVMX_CR4_OSFXSR | NVMX_CR4_OSXMMEXCPT | NVMX_CR4_UMIP | NVMX_CR4_LA57 |   \
	 NVMX_CR4_VMXE | NVMX_CR4_SMXE | NVMX_CR4_FSGSBASE | NVMX_CR4_PCIDE | NVMX_CR4_OSXSAVE | NVMX_CR4_SMEP | \
	 NVMX_CR4_SMAP | NVMX_CR4_PKE)
#define CR0_KNOWN 0xffffffffull /* SDM 2.5: the high half is reserved, reserved bits of the low half are ignored */

static const struct grant grants[] = {
	/* INS/OUTS information; addresses limited to 32 bits; error codes with any vector */
	{ NVMX_MSR_VMX_BASIC, BASIC, true, NVMX_BIT64(48) | NVMX_BIT64(54) },
	{ NVMX_MSR_VMX_BASIC, BASIC, false, NVMX_BIT64(56) },

	PIN(BASIC, NVMX_PIN_EXT_INT | NVMX_PIN_NMI),
	PIN(NVMX_FEATURE_VNMI, NVMX_PIN_VNMI),
	PIN(NVMX_FEATURE_PREEMPTION_TIMER, NVMX_PIN_PREEMPTION_TIMER),
	PIN(NVMX_FEATURE_POSTED_INT, NVMX_PIN_POSTED_INT),

	PROC(BASIC, NVMX_PROC_INT_WINDOW | NVMX_PROC_TSC_OFFSET | NVMX_PROC_HLT | NVMX_PROC_INVLPG | NVMX_PROC_MWAIT |
		    NVMX_PROC_RDPMC | NVMX_PROC_RDTSC | NVMX_PROC_CR3_LOAD | NVMX_PROC_CR3_STORE |
		    NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE | NVMX_PROC_MOV_DR | NVMX_PROC_UNCOND_IO |
		    NVMX_PROC_IO_BITMAPS | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_MONITOR | NVMX_PROC_PAUSE |
		    NVMX_PROC_SECONDARY),
	PROC(NVMX_FEATURE_VNMI, NVMX_PROC_NMI_WINDOW),
	PROC(NVMX_FEATURE_TPR_SHADOW, NVMX_PROC_TPR_SHADOW),
	PROC(NVMX_FEATURE_MTF, NVMX_PROC_MTF),

	PROC2(APIC_ACCESS, NVMX_PROC2_APIC_ACCESS),
	PROC2(EPT, NVMX_PROC2_EPT),
	PROC2(DESC_TABLE, NVMX_PROC2_DESC_TABLE),
	PROC2(RDTSCP, NVMX_PROC2_RDTSCP),
	PROC2(X2APIC_MODE, NVMX_PROC2_X2APIC_MODE),
	PROC2(VPID, NVMX_PROC2_VPID),
	PROC2(WBINVD, NVMX_PROC2_WBINVD),
	PROC2(UNRESTRICTED_GUEST, NVMX_PROC2_UNRESTRICTED),
	PROC2(APIC_REGS, NVMX_PROC2_APIC_REGS),
	PROC2(VID, NVMX_PROC2_VID),
	PROC2(PAUSE_LOOP, NVMX_PROC2_PAUSE_LOOP),
	PROC2(RDRAND_EXITING, NVMX_PROC2_RDRAND),
	PROC2(INVPCID, NVMX_PROC2_INVPCID),
	PROC2(VMFUNC, NVMX_PROC2_VMFUNC),
	PROC2(SHADOW_VMCS, NVMX_PROC2_SHADOW_VMCS),
	PROC2(ENCLS, NVMX_PROC2_ENCLS),
	PROC2(RDSEED_EXITING, NVMX_PROC2_RDSEED),
	PROC2(PML, NVMX_PROC2_PML),
	PROC2(VE, NVMX_PROC2_VE),
	PROC2(XSAVES, NVMX_PROC2_XSAVES),
	PROC2(MODE_EXEC, NVMX_PROC2_MODE_EXEC),
	PROC2(TSC_SCALING, NVMX_PROC2_TSC_SCALING),
	PROC2(USER_WAIT, NVMX_PROC2_USER_WAIT),

	EXIT(BASIC, NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_HOST_64 | NVMX_EXIT_ACK_INT),
	EXIT(NVMX_FEATURE_PERF_GLOBAL_CTRL, NVMX_EXIT_LOAD_PERF),
	EXIT(NVMX_FEATURE_PAT, NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT),
	EXIT(NVMX_FEATURE_EFER, NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER),
	EXIT(NVMX_FEATURE_PREEMPTION_TIMER, NVMX_EXIT_SAVE_PREEMPTION_TIMER),
	EXIT(NVMX_FEATURE_BNDCFGS, NVMX_EXIT_CLEAR_BNDCFGS),
	EXIT(NVMX_FEATURE_CET, NVMX_EXIT_LOAD_CET),
	EXIT(NVMX_FEATURE_PKRS, NVMX_EXIT_LOAD_PKRS),

	ENTRY(BASIC, NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E),
	ENTRY(NVMX_FEATURE_PERF_GLOBAL_CTRL, NVMX_ENTRY_LOAD_PERF),
	ENTRY(NVMX_FEATURE_PAT, NVMX_ENTRY_LOAD_PAT),
	ENTRY(NVMX_FEATURE_EFER, NVMX_ENTRY_LOAD_EFER),
	ENTRY(NVMX_FEATURE_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS),
	ENTRY(NVMX_FEATURE_CET, NVMX_ENTRY_LOAD_CET),
	ENTRY(NVMX_FEATURE_PKRS, NVMX_ENTRY_LOAD_PKRS),

	/* Timer rate; IA-32e flag stored by exits; HLT; shutdown; wait-for-SIPI; CR3 targets; zero-length injection */
	{ NVMX_MSR_VMX_MISC, NVMX_FEATURE_PREEMPTION_TIMER, true, 0x1f },
	{ NVMX_MSR_VMX_MISC, BASIC, true, NVMX_MISC_STORE_LMA | NVMX_MISC_HLT | NVMX_MISC_WAIT_SIPI },
	{ NVMX_MSR_VMX_MISC, BASIC, false, NVMX_MISC_SHUTDOWN | NVMX_MISC_ZERO_LEN_INJECT },
	{ NVMX_MSR_VMX_MISC, NVMX_FEATURE_CR3_TARGETS, false, 0x01ff0000 },

	EPT_VPID(EPT, NVMX_EPT_WALK4 | NVMX_EPT_WB | NVMX_EPT_INVEPT | NVMX_EPT_INVEPT_SINGLE | NVMX_EPT_INVEPT_ALL),
	{ NVMX_MSR_VMX_EPT_VPID_CAP, NVMX_FEATURE_EPT, false, NVMX_EPT_UC | NVMX_EPT_ADV_INFO },
	EPT_VPID(EPT_X_ONLY, NVMX_EPT_X_ONLY),
	EPT_VPID(EPT_5LEVEL, NVMX_EPT_WALK5),
	EPT_VPID(EPT_2M, NVMX_EPT_2M),
	EPT_VPID(EPT_1G, NVMX_EPT_1G),
	EPT_VPID(EPT_AD, NVMX_EPT_AD),
	EPT_VPID(VPID, NVMX_EPT_INVVPID | NVMX_EPT_INVVPID_ADDR | NVMX_EPT_INVVPID_SINGLE | NVMX_EPT_INVVPID_ALL |
		       NVMX_EPT_INVVPID_NON_GLOBAL),
	{ NVMX_MSR_VMX_VMFUNC, NVMX_FEATURE_VMFUNC, true, NVMX_VMFUNC_EPTP_SWITCHING },

	/* Which CR0 and CR4 bits are fixed (A.7, A.8) */
	{ NVMX_MSR_VMX_CR0_FIXED0, BASIC, true, CR0_KNOWN },
	{ NVMX_MSR_VMX_CR0_FIXED1, BASIC, true, CR0_KNOWN },
	{ NVMX_MSR_VMX_CR4_FIXED0, BASIC, true, CR4_KNOWN },
	{ NVMX_MSR_VMX_CR4_FIXED1, BASIC, true, CR4_KNOWN },
	{ NVMX_MSR_VMX_CR4_FIXED1, NVMX_FEATURE_CET, false, NVMX_CR4_CET },
	{ NVMX_MSR_VMX_CR4_FIXED1, NVMX_FEATURE_PKRS, false, NVMX_CR4_PKS },
};

/* Whether the processor has the features that others need. */
static const struct probe {
	uint8_t feature;
	uint16_t msr;
	uint64_t bits;
} probes[] = {
	{ NVMX_FEATURE_EPT, NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_EPT },
	{ NVMX_FEATURE_EPT_AD, NVMX_MSR_VMX_EPT_VPID_CAP, NVMX_EPT_AD },
	{ NVMX_FEATURE_TPR_SHADOW, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_TPR_SHADOW },
	{ NVMX_FEATURE_VID, NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_VID },
};

/* The control MSRs: where the allowed settings are, and the default1 class (A.2 to A.5). */
static const struct control {
	uint16_t msr, old_msr; /* TRUE MSR, and the one without which bits of the default1 class must be 1; 0: none */
	uint32_t default1;
	uint32_t relaxed;      /* the controls of the default1 class that have a meaning and may be 0 */
} controls[] = {
	{ NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_MSR_VMX_PINBASED_CTLS, 0x00000016, 0 },
	{ NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_MSR_VMX_PROCBASED_CTLS, 0x0401e172,
	  NVMX_PROC_CR3_LOAD | NVMX_PROC_CR3_STORE },
	{ NVMX_MSR_VMX_PROCBASED_CTLS2, 0, 0, 0 },
	{ NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_MSR_VMX_EXIT_CTLS, 0x00036dff, NVMX_EXIT_SAVE_DEBUG },
	{ NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_MSR_VMX_ENTRY_CTLS, 0x000011ff, NVMX_ENTRY_LOAD_DEBUG },
};

static uint64_t *slot(struct nvmx_caps *c, uint32_t msr)
{
	return &c->msr[msr - NVMX_CAPS_FIRST_MSR];
}

const char *nvmx_feature_name(unsigned feature)
{
	return feature < NVMX_FEATURE_COUNT ? features[feature].name : NULL;
}

int nvmx_feature_by_name(const char *name, size_t len)
{
	for (int i = 0; i < NVMX_FEATURE_COUNT; i++) {
		const char *have = features[i].name;
		size_t n = 0;

		while (n < len && have[n] && have[n] == name[n])
			n++;
		if (n == len && !have[n])
			return i;
	}
	return -1;
}

/* The processor's MSRs with the TRUE ones always there (A.2 to A.5: without them the others say it all). */
static void complete(const struct nvmx_caps *hw, struct nvmx_caps *out)
{
	bool have_true = nvmx_caps_get(hw, NVMX_MSR_VMX_BASIC) & NVMX_BIT64(55);

	*out = *hw;
	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls) && !have_true; i++)
		if (controls[i].old_msr)
			*slot(out, controls[i].msr) = nvmx_caps_get(hw, controls[i].old_msr);
	if (!(nvmx_caps_may(out, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS) & NVMX_PROC_SECONDARY))
		*slot(out, NVMX_MSR_VMX_PROCBASED_CTLS2) = 0;
}

/* The set of features to offer: not withheld, known, and with what they need. */
static uint64_t offered(const struct nvmx_caps *hw, uint64_t withheld, bool compatible, uint64_t beyond)
{
	uint64_t set = ~withheld;

	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		uint64_t v = nvmx_caps_get(hw, probes[i].msr);

		if (probes[i].msr != NVMX_MSR_VMX_EPT_VPID_CAP)
			v >>= 32;
		if (!(v & probes[i].bits))
			set &= ~NVMX_BIT64(probes[i].feature);
	}
	for (unsigned i = 0; i < NVMX_FEATURE_COUNT && compatible; i++)
		if (!features[i].linux_knows && !(beyond >> i & 1))
			set &= ~NVMX_BIT64(i);
	for (unsigned pass = 0; pass < 3; pass++) /* the longest chain of needs: posted_int, vid, tpr_shadow */
		for (unsigned i = 0; i < NVMX_FEATURE_COUNT; i++)
			if ((features[i].needs & set) != features[i].needs)
				set &= ~NVMX_BIT64(i);
	return set | NVMX_BIT64(BASIC);
}

static uint64_t granted(uint32_t msr, uint64_t set, bool compatible)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(grants) / sizeof(*grants); i++)
		if (grants[i].msr == msr && set & NVMX_BIT64(grants[i].feature) &&
		    (grants[i].linux_knows || !compatible))
			bits |= grants[i].bits;
	return bits;
}

/* Allowed settings of one set of controls, and the MSR for those who do not read the TRUE one. */
static void compute_control(struct nvmx_caps *out, const struct nvmx_caps *hw, const struct control *c, uint64_t may)
{
	uint32_t reserved1 = c->default1 & ~c->relaxed;
	uint32_t must = nvmx_caps_must(hw, c->msr) & (c->default1 | (uint32_t)may);
	uint32_t high = (nvmx_caps_may(hw, c->msr) & (uint32_t)may) | reserved1;

	must |= reserved1;
	*slot(out, c->msr) = (uint64_t)(high | must) << 32 | must;
	if (c->old_msr)
		*slot(out, c->old_msr) = (uint64_t)(high | c->default1) << 32 | must | c->default1;
}

/* CR4 bits go with what they need of VMX: L1 may set none whose register it cannot switch, nor LA57 without the addresses. */
static void fix_cr4(struct nvmx_caps *c)
{
	uint64_t *fixed1 = slot(c, NVMX_MSR_VMX_CR4_FIXED1);

	if (!(nvmx_caps_may(c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & NVMX_ENTRY_LOAD_CET))
		*fixed1 &= ~NVMX_CR4_CET;
	if (!(nvmx_caps_may(c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & NVMX_ENTRY_LOAD_PKRS))
		*fixed1 &= ~NVMX_CR4_PKS;
	if (c->linear_width < 57)
		*fixed1 &= ~NVMX_CR4_LA57;
}

void nvmx_caps_withhold_loads(struct nvmx_caps *c, uint32_t loads, uint32_t exit)
{
	*slot(c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) &= ~((uint64_t)loads << 32);
	*slot(c, NVMX_MSR_VMX_ENTRY_CTLS) &= ~((uint64_t)loads << 32);
	*slot(c, NVMX_MSR_VMX_TRUE_EXIT_CTLS) &= ~((uint64_t)exit << 32);
	*slot(c, NVMX_MSR_VMX_EXIT_CTLS) &= ~((uint64_t)exit << 32);
	fix_cr4(c);
	*slot(c, NVMX_MSR_VMX_VMCS_ENUM) = nvmx_vmcs_enum(c);
}

/* What tells of a CR4 bit in CPUID (SDM 2.5 and volume 2, CPUID). */
static const struct {
	uint32_t leaf;
	uint8_t subleaf, reg, bit; /* EAX EBX ECX EDX */
	uint64_t cr4;
} cpuid_rows[] = {
	{ 0x1, 0, 2, 5, NVMX_CR4_VMXE },      { 0x1, 0, 2, 6, NVMX_CR4_SMXE },    { 0x1, 0, 2, 17, NVMX_CR4_PCIDE },
	{ 0x1, 0, 2, 26, NVMX_CR4_OSXSAVE },  { 0x1, 0, 2, 27, NVMX_CR4_OSXSAVE }, { 0x1, 0, 3, 1, NVMX_CR4_VME },
	{ 0x1, 0, 3, 2, NVMX_CR4_DE },        { 0x1, 0, 3, 3, NVMX_CR4_PSE },     { 0x1, 0, 3, 4, NVMX_CR4_TSD },
	{ 0x1, 0, 3, 6, NVMX_CR4_PAE },       { 0x1, 0, 3, 7, NVMX_CR4_MCE },     { 0x1, 0, 3, 13, NVMX_CR4_PGE },
	{ 0x1, 0, 3, 24, NVMX_CR4_OSFXSR },   { 0x1, 0, 3, 25, NVMX_CR4_OSXMMEXCPT },
	{ 0x7, 0, 1, 0, NVMX_CR4_FSGSBASE },  { 0x7, 0, 1, 7, NVMX_CR4_SMEP },    { 0x7, 0, 1, 20, NVMX_CR4_SMAP },
	{ 0x7, 0, 2, 2, NVMX_CR4_UMIP },      { 0x7, 0, 2, 3, NVMX_CR4_PKE },     { 0x7, 0, 2, 4, NVMX_CR4_PKE },
	{ 0x7, 0, 2, 7, NVMX_CR4_CET },       { 0x7, 0, 2, 16, NVMX_CR4_LA57 },   { 0x7, 0, 2, 23, NVMX_CR4_KL },
	{ 0x7, 0, 2, 31, NVMX_CR4_PKS },      { 0x7, 0, 3, 5, NVMX_CR4_UINTR },   { 0x7, 0, 3, 20, NVMX_CR4_CET },
	{ 0x7, 1, 0, 6, NVMX_CR4_LASS },      { 0x7, 1, 0, 17, NVMX_CR4_FRED },   { 0x7, 1, 0, 26, NVMX_CR4_LAM_SUP },
};

void nvmx_caps_cpuid(const struct nvmx_caps *c, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	uint64_t hidden = nvmx_caps_cr4_hidden(c);

	for (size_t i = 0; i < sizeof(cpuid_rows) / sizeof(*cpuid_rows); i++)
		if (cpuid_rows[i].leaf == leaf && (leaf == 1 || cpuid_rows[i].subleaf == subleaf) &&
		    cpuid_rows[i].cr4 & hidden)
			regs[cpuid_rows[i].reg] &= ~(1u << cpuid_rows[i].bit);
}

static void compute(const struct nvmx_caps *hw, uint64_t withheld, bool compatible, uint64_t beyond, struct nvmx_caps *out)
{
	struct nvmx_caps full;
	uint64_t set;

	complete(hw, &full);
	set = offered(&full, withheld, compatible, beyond);
	*out = full;
	for (uint32_t msr = NVMX_CAPS_FIRST_MSR; msr < NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS; msr++)
		*slot(out, msr) &= granted(msr, set, compatible);
	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++)
		compute_control(out, &full, &controls[i], granted(controls[i].msr, set, compatible));
	*slot(out, NVMX_MSR_VMX_BASIC) |= NVMX_VMCS12_REVISION | (uint64_t)NVMX_VMCS12_SIZE << 32 | 6ull << 50 |
					  NVMX_BIT64(55);
	if (set & F(VMWRITE_RO)) /* done by software, whatever the processor can */
		*slot(out, NVMX_MSR_VMX_MISC) |= NVMX_MISC_VMWRITE_RO;
	if (NVMX_MISC_CR3_TARGETS(nvmx_caps_get(out, NVMX_MSR_VMX_MISC)) > 4) /* the VMCS has four values (24.6.7) */
		*slot(out, NVMX_MSR_VMX_MISC) = (nvmx_caps_get(out, NVMX_MSR_VMX_MISC) & ~0x01ff0000ull) | 4u << 16;
	out->feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	fix_cr4(out);
	*slot(out, NVMX_MSR_VMX_VMCS_ENUM) = nvmx_vmcs_enum(out);
}

void nvmx_caps_compute(const struct nvmx_caps *hw, uint64_t withheld, bool compatible, struct nvmx_caps *out)
{
	compute(hw, withheld, compatible, 0, out);
}

void nvmx_caps_compute_beyond(const struct nvmx_caps *hw, uint64_t withheld, uint64_t beyond, struct nvmx_caps *out)
{
	compute(hw, withheld, true, beyond, out);
}

/*
 * Posted interrupts are announced by an interrupt, which in a host that owns interrupts is of L1's interrupt controller: the host has to
 * know what to do; in the shutdown and wait-for-SIPI states the processor does not deliver such a host's own (SDM 29.6, 26.7.2).
 */
void nvmx_caps_of_host(struct nvmx_caps *c, uint32_t flags)
{
	const uint64_t posted = (uint64_t)NVMX_PIN_POSTED_INT << 32;

	if (!(flags & NVMX_HOST_OWNS_INTERRUPTS))
		return;
	if (!(flags & NVMX_HOST_POSTS)) {
		*slot(c, NVMX_MSR_VMX_PINBASED_CTLS) &= ~posted;
		*slot(c, NVMX_MSR_VMX_TRUE_PINBASED_CTLS) &= ~posted;
	}
	*slot(c, NVMX_MSR_VMX_MISC) &= ~(NVMX_MISC_SHUTDOWN | (flags & NVMX_HOST_WAITS ? 0 : NVMX_MISC_WAIT_SIPI));
	*slot(c, NVMX_MSR_VMX_VMCS_ENUM) = nvmx_vmcs_enum(c);
}

static bool is_control(uint32_t msr)
{
	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++)
		if (msr == controls[i].msr || (controls[i].old_msr && msr == controls[i].old_msr))
			return true;
	return false;
}

/* Allowed settings: what may be 1 in both; what must be 1 in either, if it may (A.3). */
static uint64_t restrict_control(uint64_t own, uint64_t limit)
{
	uint32_t may = (uint32_t)(own >> 32) & ((uint32_t)(limit >> 32) | (uint32_t)own);

	return (uint64_t)may << 32 | (((uint32_t)own | (uint32_t)limit) & may);
}

#define MISC_TIMER_RATE 0x1full
#define MISC_CR3_TARGETS 0x01ff0000ull

/* Of IA32_VMX_MISC (A.6) two parts are numbers: the timer counts as the processor has it, whatever `limit` says, and of CR3-target
 * values there are as many as both have. */
static uint64_t restrict_misc(uint64_t own, uint64_t limit)
{
	uint64_t targets = own & MISC_CR3_TARGETS, most = limit & MISC_CR3_TARGETS;

	return (own & limit & ~MISC_CR3_TARGETS) | (targets < most ? targets : most) | (own & MISC_TIMER_RATE);
}

#define BASIC_MORE (NVMX_BIT64(54) | NVMX_BIT64(56)) /* INS/OUTS information; error codes with any vector */
#define BASIC_LESS NVMX_BIT64(48)                    /* addresses of 32 bits */

static uint64_t restrict_basic(uint64_t own, uint64_t limit)
{
	return (own & ~(BASIC_MORE & ~limit)) | (limit & BASIC_LESS);
}

void nvmx_caps_restrict(struct nvmx_caps *c, const struct nvmx_caps *limit)
{
	*slot(c, NVMX_MSR_VMX_BASIC) = restrict_basic(nvmx_caps_get(c, NVMX_MSR_VMX_BASIC), nvmx_caps_get(limit, NVMX_MSR_VMX_BASIC));
	for (uint32_t msr = NVMX_MSR_VMX_MISC; msr < NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS; msr++) {
		uint64_t by = nvmx_caps_get(limit, msr);

		if (msr == NVMX_MSR_VMX_CR0_FIXED0 || msr == NVMX_MSR_VMX_CR4_FIXED0)
			*slot(c, msr) |= by;
		else if (msr == NVMX_MSR_VMX_MISC)
			*slot(c, msr) = restrict_misc(*slot(c, msr), by);
		else if (msr != NVMX_MSR_VMX_VMCS_ENUM && !is_control(msr))
			*slot(c, msr) &= by;
	}
	for (uint32_t msr = NVMX_CAPS_FIRST_MSR + 1; msr < NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS; msr++)
		if (is_control(msr))
			*slot(c, msr) = restrict_control(nvmx_caps_get(c, msr), nvmx_caps_get(limit, msr));
	if (!(nvmx_caps_may(c, NVMX_MSR_VMX_TRUE_PINBASED_CTLS) & NVMX_PIN_PREEMPTION_TIMER))
		*slot(c, NVMX_MSR_VMX_MISC) &= ~MISC_TIMER_RATE;
	*slot(c, NVMX_MSR_VMX_VMCS_ENUM) = nvmx_vmcs_enum(c);
	c->efer_valid &= limit->efer_valid;
	c->debugctl_valid &= limit->debugctl_valid;
	c->perf_global_valid &= limit->perf_global_valid;
	c->feature_control &= limit->feature_control;
	if (limit->maxphyaddr < c->maxphyaddr)
		c->maxphyaddr = limit->maxphyaddr;
	if (limit->linear_width < c->linear_width)
		c->linear_width = limit->linear_width;
	fix_cr4(c);
}
