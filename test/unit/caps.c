/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Capability MSRs: what is offered, what withholding a feature takes away, prerequisites, the compatible profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <nestvmx/nestvmx.h>
#include <string.h>
#include "vmcs/vmcs.h"

#define MSR(c, name) nvmx_caps_get(&(c), NVMX_MSR_VMX_##name)
#define SET(c, name, value) ((c).msr[NVMX_MSR_VMX_##name - NVMX_CAPS_FIRST_MSR] = (value))
#define F(name) NVMX_BIT64(NVMX_FEATURE_##name)

static struct nvmx_caps full_hw(void)
{
	struct nvmx_caps hw = { .efer_valid = 0xd01, .debugctl_valid = 0xffc3, .perf_global_valid = 0x70000000full,
				.maxphyaddr = 46, .linear_width = 57 };

	SET(hw, BASIC, 0x7fffffffull | 0x400ull << 32 | 6ull << 50 | 7ull << 54);
	SET(hw, TRUE_PINBASED_CTLS, 0xffffffff00000016ull);
	SET(hw, TRUE_PROCBASED_CTLS, 0xffffffff04006172ull);
	SET(hw, TRUE_EXIT_CTLS, 0xffffffff00036dfbull);
	SET(hw, TRUE_ENTRY_CTLS, 0xffffffff000011fbull);
	SET(hw, PINBASED_CTLS, 0xffffffff00000016ull);
	SET(hw, PROCBASED_CTLS, 0xffffffff0401e172ull);
	SET(hw, EXIT_CTLS, 0xffffffff00036dffull);
	SET(hw, ENTRY_CTLS, 0xffffffff000011ffull);
	SET(hw, MISC, 0xffffffff00000000ull | 0x70ff81e5ull);
	SET(hw, CR0_FIXED0, 0x80000021);
	SET(hw, CR0_FIXED1, 0xffffffff);
	SET(hw, CR4_FIXED0, 0x2000);
	SET(hw, CR4_FIXED1, 0x1fff7fffull | NVMX_CR4_FRED);
	SET(hw, PROCBASED_CTLS2, 0xffffffff00000000ull);
	SET(hw, EPT_VPID_CAP, ~0ull);
	SET(hw, VMFUNC, ~0ull);
	SET(hw, PROCBASED_CTLS3, ~0ull);
	return hw;
}

static struct nvmx_caps compute(uint64_t withheld, bool compatible)
{
	struct nvmx_caps hw = full_hw(), out;

	memset(&out, 0xa5, sizeof(out));
	nvmx_caps_compute(&hw, withheld, compatible, &out);
	return out;
}

/* Where a feature shows: control bits are those of the MSR's high half. */
static const struct shows {
	uint8_t feature;
	uint16_t msr;
	uint64_t bits;
} shows[] = {
#define HI(feature, msr, bits) { NVMX_FEATURE_##feature, NVMX_MSR_VMX_##msr, (uint64_t)(bits) << 32 }
#define LO(feature, msr, bits) { NVMX_FEATURE_##feature, NVMX_MSR_VMX_##msr, bits }
	HI(EPT, PROCBASED_CTLS2, 1 << 1),
	LO(EPT, EPT_VPID_CAP, 0x06504140),
	LO(CET, CR4_FIXED1, NVMX_CR4_CET),
	LO(PKRS, CR4_FIXED1, NVMX_CR4_PKS),
	HI(VPID, PROCBASED_CTLS2, 1 << 5),
	LO(VPID, EPT_VPID_CAP, 0xf01ull << 32),
	HI(UNRESTRICTED_GUEST, PROCBASED_CTLS2, 1 << 7),
	HI(SHADOW_VMCS, PROCBASED_CTLS2, 1 << 14),
	HI(APIC_ACCESS, PROCBASED_CTLS2, 1 << 0),
	HI(TPR_SHADOW, TRUE_PROCBASED_CTLS, 1 << 21),
	HI(TPR_SHADOW, PROCBASED_CTLS, 1 << 21),
	HI(X2APIC_MODE, PROCBASED_CTLS2, 1 << 4),
	HI(APIC_REGS, PROCBASED_CTLS2, 1 << 8),
	HI(VID, PROCBASED_CTLS2, 1 << 9),
	HI(POSTED_INT, TRUE_PINBASED_CTLS, 1 << 7),
	HI(POSTED_INT, PINBASED_CTLS, 1 << 7),
	HI(PREEMPTION_TIMER, TRUE_PINBASED_CTLS, 1 << 6),
	HI(PREEMPTION_TIMER, PINBASED_CTLS, 1 << 6),
	HI(PREEMPTION_TIMER, TRUE_EXIT_CTLS, 1 << 22),
	HI(PREEMPTION_TIMER, EXIT_CTLS, 1 << 22),
	LO(PREEMPTION_TIMER, MISC, 0x1f),
	HI(VNMI, TRUE_PINBASED_CTLS, 1 << 5),
	HI(VNMI, PINBASED_CTLS, 1 << 5),
	HI(VNMI, TRUE_PROCBASED_CTLS, 1 << 22),
	HI(VNMI, PROCBASED_CTLS, 1 << 22),
	HI(PML, PROCBASED_CTLS2, 1 << 17),
	LO(EPT_AD, EPT_VPID_CAP, 1 << 21),
	LO(EPT_X_ONLY, EPT_VPID_CAP, 1 << 0),
	LO(EPT_2M, EPT_VPID_CAP, 1 << 16),
	LO(EPT_1G, EPT_VPID_CAP, 1 << 17),
	LO(EPT_5LEVEL, EPT_VPID_CAP, 1 << 7),
	HI(MODE_EXEC, PROCBASED_CTLS2, 1 << 22),
	HI(VE, PROCBASED_CTLS2, 1 << 18),
	HI(VMFUNC, PROCBASED_CTLS2, 1 << 13),
	LO(VMFUNC, VMFUNC, 1 << 0),
	HI(TSC_SCALING, PROCBASED_CTLS2, 1 << 25),
	HI(PAUSE_LOOP, PROCBASED_CTLS2, 1 << 10),
	HI(RDRAND_EXITING, PROCBASED_CTLS2, 1 << 11),
	HI(RDSEED_EXITING, PROCBASED_CTLS2, 1 << 16),
	HI(INVPCID, PROCBASED_CTLS2, 1 << 12),
	HI(XSAVES, PROCBASED_CTLS2, 1 << 20),
	HI(ENCLS, PROCBASED_CTLS2, 1 << 15),
	HI(PERF_GLOBAL_CTRL, TRUE_EXIT_CTLS, 1 << 12),
	HI(PERF_GLOBAL_CTRL, EXIT_CTLS, 1 << 12),
	HI(PERF_GLOBAL_CTRL, TRUE_ENTRY_CTLS, 1 << 13),
	HI(PERF_GLOBAL_CTRL, ENTRY_CTLS, 1 << 13),
	HI(PAT, TRUE_EXIT_CTLS, 3 << 18),
	HI(PAT, EXIT_CTLS, 3 << 18),
	HI(PAT, TRUE_ENTRY_CTLS, 1 << 14),
	HI(PAT, ENTRY_CTLS, 1 << 14),
	HI(EFER, TRUE_EXIT_CTLS, 3 << 20),
	HI(EFER, EXIT_CTLS, 3 << 20),
	HI(EFER, TRUE_ENTRY_CTLS, 1 << 15),
	HI(EFER, ENTRY_CTLS, 1 << 15),
	HI(BNDCFGS, TRUE_EXIT_CTLS, 1 << 23),
	HI(BNDCFGS, EXIT_CTLS, 1 << 23),
	HI(BNDCFGS, TRUE_ENTRY_CTLS, 1 << 16),
	HI(BNDCFGS, ENTRY_CTLS, 1 << 16),
	HI(CET, TRUE_EXIT_CTLS, 1 << 28),
	HI(CET, EXIT_CTLS, 1 << 28),
	HI(CET, TRUE_ENTRY_CTLS, 1 << 20),
	HI(CET, ENTRY_CTLS, 1 << 20),
	HI(PKRS, TRUE_EXIT_CTLS, 1 << 29),
	HI(PKRS, EXIT_CTLS, 1 << 29),
	HI(PKRS, TRUE_ENTRY_CTLS, 1 << 22),
	HI(PKRS, ENTRY_CTLS, 1 << 22),
	LO(CR3_TARGETS, MISC, 0x01ff0000),
	LO(VMWRITE_RO, MISC, 1 << 29),
	HI(DESC_TABLE, PROCBASED_CTLS2, 1 << 2),
	HI(WBINVD, PROCBASED_CTLS2, 1 << 6),
	HI(RDTSCP, PROCBASED_CTLS2, 1 << 3),
	HI(MTF, TRUE_PROCBASED_CTLS, 1 << 27),
	HI(MTF, PROCBASED_CTLS, 1 << 27),
	HI(USER_WAIT, PROCBASED_CTLS2, 1 << 26),
};
#define NSHOWS (sizeof(shows) / sizeof(*shows))

static void withheld_disappears_everywhere(void **state)
{
	struct nvmx_caps all = compute(0, false);
	unsigned seen[NVMX_FEATURE_COUNT] = { 0 };

	(void)state;
	for (size_t i = 0; i < NSHOWS; i++) {
		struct nvmx_caps c = compute(NVMX_BIT64(shows[i].feature), false);

		if (!(nvmx_caps_get(&all, shows[i].msr) & shows[i].bits))
			fail_msg("%s is not offered", nvmx_feature_name(shows[i].feature));
		if (nvmx_caps_get(&c, shows[i].msr) & shows[i].bits)
			fail_msg("%s is still in MSR %x", nvmx_feature_name(shows[i].feature), shows[i].msr);
		seen[shows[i].feature]++;
	}
	for (unsigned f = 0; f < NVMX_FEATURE_COUNT; f++)
		assert_int_equal(!seen[f], f == NVMX_FEATURE_HW_SHADOW || f == NVMX_FEATURE_HW_EPTP_SWITCHING); /* the host's own, which L1 does not see */
}

/* Withholding a feature changes no bit that is neither its own nor that of a feature which needs it. */
static void withholding_takes_nothing_else(void **state)
{
	static const struct { uint8_t feature; uint64_t takes; } needs[] = {
		{ NVMX_FEATURE_EPT,
			F(UNRESTRICTED_GUEST) | F(PML) | F(EPT_AD) | F(EPT_X_ONLY) | F(EPT_2M) | F(EPT_1G) |
					    F(EPT_5LEVEL) | F(MODE_EXEC) | F(VE) | F(VMFUNC) },
		{ NVMX_FEATURE_EPT_AD, F(PML) },
		{ NVMX_FEATURE_TPR_SHADOW, F(X2APIC_MODE) | F(APIC_REGS) | F(VID) | F(POSTED_INT) },
		{ NVMX_FEATURE_VID, F(POSTED_INT) },
	};
	struct nvmx_caps all = compute(0, false);

	(void)state;
	for (unsigned f = 0; f < NVMX_FEATURE_COUNT; f++) {
		uint64_t gone = NVMX_BIT64(f);
		struct nvmx_caps c = compute(NVMX_BIT64(f), false);

		for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
			if (needs[i].feature == f)
				gone |= needs[i].takes;
		for (unsigned m = 0; m < NVMX_CAPS_MSRS; m++) {
			uint64_t want = all.msr[m];

			if (m + NVMX_CAPS_FIRST_MSR == NVMX_MSR_VMX_VMCS_ENUM)
				continue;
			for (size_t i = 0; i < NSHOWS; i++)
				if (shows[i].msr == m + NVMX_CAPS_FIRST_MSR && gone >> shows[i].feature & 1)
					want &= ~shows[i].bits;
			if (c.msr[m] != want)
				fail_msg("without %s, MSR %x is %#llx, not %#llx", nvmx_feature_name(f),
					 m + NVMX_CAPS_FIRST_MSR, (unsigned long long)c.msr[m],
					 (unsigned long long)want);
		}
	}
}

static void unimplemented_is_never_offered(void **state)
{
	struct nvmx_caps c = compute(0, false);

	(void)state;
	assert_int_equal(MSR(c, PROCBASED_CTLS3), 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS) & NVMX_PROC_TERTIARY, 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_PROCBASED_CTLS2) &
			 (NVMX_PROC2_SPP | NVMX_PROC2_PT_CONCEAL | NVMX_PROC2_PT_GPA | NVMX_PROC2_ENCLV | NVMX_PROC2_PASID |
			  NVMX_PROC2_PCONFIG | NVMX_PROC2_BUS_LOCK | NVMX_PROC2_NOTIFY | NVMX_BIT(29)), 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) &
			 (NVMX_ENTRY_SMM | NVMX_ENTRY_DEACT_DUAL | NVMX_ENTRY_PT_CONCEAL | NVMX_ENTRY_LOAD_RTIT |
			  NVMX_ENTRY_LOAD_UINV | NVMX_ENTRY_LOAD_LBR | NVMX_ENTRY_LOAD_FRED | 0xff000000), 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_TRUE_EXIT_CTLS) &
			 (NVMX_EXIT_PT_CONCEAL | NVMX_EXIT_CLEAR_RTIT | NVMX_EXIT_CLEAR_LBR | NVMX_EXIT_CLEAR_UINV |
			  NVMX_EXIT_SAVE_PERF | NVMX_EXIT_SECONDARY), 0);
	assert_int_equal(MSR(c, VMFUNC), NVMX_VMFUNC_EPTP_SWITCHING);
	assert_true(MSR(c, MISC) == (0x1e5u | 4u << 16 | NVMX_MISC_VMWRITE_RO | NVMX_MISC_ZERO_LEN_INJECT));
	assert_int_equal(NVMX_MISC_MSR_LIST_MAX(MSR(c, MISC)), 512);
}

static void basics(void **state)
{
	struct nvmx_caps c = compute(0, false);

	(void)state;
	assert_int_equal(MSR(c, BASIC) & 0xffffffff, NVMX_VMCS12_REVISION);
	assert_int_equal(MSR(c, BASIC) >> 32 & 0x1fff, NVMX_VMCS12_SIZE);
	assert_int_equal(MSR(c, BASIC) >> 48, 7 << 6 | 6 << 2); /* 54 to 56, write-back */
	assert_int_equal(MSR(c, CR0_FIXED0), 0x80000021);
	assert_int_equal(MSR(c, CR4_FIXED1), 0x1f77fff);
	assert_int_equal(MSR(c, VMCS_ENUM), nvmx_vmcs_enum(&c));
	assert_int_equal(MSR(c, VMCS_ENUM), NVMX_TSC_MULTIPLIER & 0x3fe);
	assert_int_equal(c.feature_control, 5);
	assert_int_equal(c.maxphyaddr, 46);
	assert_int_equal(c.linear_width, 57);
	assert_int_equal(c.efer_valid, 0xd01);
}

/* The old MSRs demand the default1 class, the TRUE ones what the processor demands. */
static void default1_class(void **state)
{
	struct nvmx_caps c = compute(0, false);

	(void)state;
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_PINBASED_CTLS), 0x16);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_PROCBASED_CTLS), 0x0401e172);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_EXIT_CTLS), 0x36dff);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_ENTRY_CTLS), 0x11ff);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_TRUE_PINBASED_CTLS), 0x16);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS), 0x04006172);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_TRUE_EXIT_CTLS), 0x36dfb);
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS), 0x11fb);
	for (uint32_t m = NVMX_MSR_VMX_TRUE_PINBASED_CTLS; m <= NVMX_MSR_VMX_TRUE_ENTRY_CTLS; m++)
		assert_int_equal(nvmx_caps_must(&c, m) & ~nvmx_caps_may(&c, m), 0);
}

static void processor_without_true_msrs(void **state)
{
	struct nvmx_caps hw = full_hw(), c;

	(void)state;
	SET(hw, BASIC, MSR(hw, BASIC) & ~NVMX_BIT64(55));
	for (uint32_t m = NVMX_MSR_VMX_TRUE_PINBASED_CTLS; m <= NVMX_MSR_VMX_TRUE_ENTRY_CTLS; m++)
		hw.msr[m - NVMX_CAPS_FIRST_MSR] = 0;
	nvmx_caps_compute(&hw, 0, false, &c);
	assert_true(MSR(c, BASIC) & NVMX_BIT64(55));
	assert_true(MSR(c, TRUE_PROCBASED_CTLS) == MSR(c, PROCBASED_CTLS));
	assert_true(MSR(c, TRUE_EXIT_CTLS) == MSR(c, EXIT_CTLS));
	assert_int_equal(nvmx_caps_must(&c, NVMX_MSR_VMX_TRUE_EXIT_CTLS), 0x36dff);
}

static void what_the_processor_lacks(void **state)
{
	struct nvmx_caps hw = full_hw(), c;

	(void)state;
	SET(hw, TRUE_PROCBASED_CTLS, MSR(hw, TRUE_PROCBASED_CTLS) & ~((uint64_t)NVMX_PROC_SECONDARY << 32));
	nvmx_caps_compute(&hw, 0, false, &c);
	assert_int_equal(MSR(c, PROCBASED_CTLS2), 0);
	assert_int_equal(MSR(c, EPT_VPID_CAP) & 0xffffffff, 0);
	assert_int_equal(MSR(c, VMFUNC), 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_TRUE_PINBASED_CTLS) & NVMX_PIN_POSTED_INT, 0);

	hw = full_hw();
	SET(hw, EPT_VPID_CAP, MSR(hw, EPT_VPID_CAP) & ~NVMX_EPT_AD);
	SET(hw, MISC, 0);
	nvmx_caps_compute(&hw, 0, false, &c);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_PML, 0);
	assert_int_equal(MSR(c, MISC), NVMX_MISC_VMWRITE_RO); /* which software does */
}

static void compatible_profile(void **state)
{
	struct nvmx_caps c = compute(0, true), all = compute(0, false);

	(void)state;
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_PROCBASED_CTLS2) &
			 (NVMX_PROC2_VE | NVMX_PROC2_MODE_EXEC | NVMX_PROC2_PAUSE_LOOP), 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) &
			 (NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS), 0);
	assert_int_equal(MSR(c, MISC), 0x165 | NVMX_MISC_VMWRITE_RO);
	assert_int_equal(MSR(c, EPT_VPID_CAP) & (NVMX_EPT_UC | NVMX_EPT_ADV_INFO), 0);
	assert_true(MSR(c, EPT_VPID_CAP) & NVMX_EPT_WB);
	assert_int_equal(MSR(c, BASIC) >> 56, 0);
	for (unsigned m = 0; m < NVMX_CAPS_MSRS; m++)
		assert_true(m + NVMX_CAPS_FIRST_MSR == NVMX_MSR_VMX_VMCS_ENUM || (c.msr[m] & ~all.msr[m]) == 0);
	for (unsigned row = 0; row < NVMX_ROWS; row++) /* no field that Linux's page has no room for */
		if (nvmx_field_rows[row].offset >= 1024 && nvmx_field_rows[row].exists != NVMX_X_ALWAYS)
			assert_false(nvmx_field_exists(&nvmx_field_rows[row], &c));
}

static void names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NVMX_FEATURE_COUNT; i++) {
		const char *name = nvmx_feature_name(i);

		assert_non_null(name);
		assert_int_equal(nvmx_feature_by_name(name, strlen(name)), i);
	}
	assert_null(nvmx_feature_name(NVMX_FEATURE_COUNT));
	assert_int_equal(nvmx_feature_by_name("ept,vpid", 3), NVMX_FEATURE_EPT);
	assert_int_equal(nvmx_feature_by_name("ept_", 4), -1);
	assert_int_equal(nvmx_feature_by_name("ep", 2), -1);
	assert_int_equal(nvmx_feature_by_name("", 0), -1);
}

/* A host that offers a vCPU less than the VM: nothing comes back, and what must be 1 stays possible. */
static void restricted_by_another_set(void **state)
{
	struct nvmx_caps all = compute(0, true), limit = compute(F(EPT) | F(VNMI), true), c = all;

	(void)state;
	nvmx_caps_restrict(&c, &all);
	assert_memory_equal(&c, &all, sizeof(c));
	limit.maxphyaddr = 40;
	limit.efer_valid = 0x501;
	nvmx_caps_restrict(&c, &limit);
	assert_memory_equal(c.msr, limit.msr, sizeof(c.msr));
	assert_int_equal(c.maxphyaddr, 40);
	assert_int_equal(c.efer_valid, 0x501);
	c = all;
	limit = all;
	SET(limit, TRUE_PINBASED_CTLS, 0x1600000017ull); /* external-interrupt exiting must be 1, and may be nothing else */
	SET(limit, CR4_FIXED0, 0x2020);
	SET(limit, CR4_FIXED1, 0x2020);
	nvmx_caps_restrict(&c, &limit);
	assert_int_equal(MSR(c, TRUE_PINBASED_CTLS), 0x1600000016ull);
	assert_int_equal(MSR(c, CR4_FIXED0), 0x2020);
	assert_int_equal(MSR(c, CR4_FIXED1), 0x2020);
	c = limit = all; /* what of IA32_VMX_BASIC is no identification (A.1) */
	SET(c, BASIC, NVMX_VMCS12_REVISION | NVMX_BIT64(54) | NVMX_BIT64(55) | NVMX_BIT64(56));
	SET(limit, BASIC, 1 | NVMX_BIT64(48) | NVMX_BIT64(54));
	nvmx_caps_restrict(&c, &limit);
	assert_int_equal(MSR(c, BASIC), NVMX_VMCS12_REVISION | NVMX_BIT64(48) | NVMX_BIT64(54) | NVMX_BIT64(55));
	c = limit = all; /* numbers are no sets of bits: the timer's rate is the processor's, of CR3 targets there are the fewer (A.6) */
	SET(c, MISC, 5 | 4 << 16);
	SET(limit, MISC, 2 | 3 << 16);
	nvmx_caps_restrict(&c, &limit);
	assert_int_equal(MSR(c, MISC), 5 | 3 << 16);
	c = all;
	SET(c, MISC, 5);
	SET(limit, TRUE_PINBASED_CTLS, 0x1600000016ull); /* no timer */
	nvmx_caps_restrict(&c, &limit);
	assert_int_equal(MSR(c, MISC), 0);
	memset(&limit, 0, sizeof(limit));
	c = all;
	nvmx_caps_restrict(&c, &limit);
	assert_int_equal(MSR(c, PROCBASED_CTLS2), 0);
	assert_int_equal(nvmx_caps_may(&c, NVMX_MSR_VMX_TRUE_EXIT_CTLS), nvmx_caps_must(&all, NVMX_MSR_VMX_TRUE_EXIT_CTLS));
	assert_int_equal(MSR(c, BASIC) & 0x7fffffff, NVMX_VMCS12_REVISION);
}

/* Whatever the processor has, L1's CR4 may have what the library knows, and CET and PKS with their features (A.7, A.8). */
static void fixed_bits_are_a_whitelist(void **state)
{
	const uint64_t known = 0x7f7fff, cr4_of[2] = { NVMX_CR4_CET, NVMX_CR4_PKS };
	const uint32_t load_of[2] = { NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_PKRS };
	struct nvmx_caps hw = full_hw(), c;

	(void)state;
	SET(hw, CR4_FIXED1, ~0ull);
	SET(hw, CR0_FIXED1, ~0ull);
	for (unsigned i = 0; i < 16; i++) {
		uint64_t withheld = (i & 1 ? F(CET) : 0) | (i & 2 ? F(PKRS) : 0);
		uint64_t want = known & ~NVMX_BIT64(15) & ~NVMX_CR4_KL;

		for (unsigned f = 0; f < 2; f++)
			if (!(i >> f & 1) && !(i & 4))
				want |= cr4_of[f];
		hw.linear_width = i & 8 ? 48 : 57;
		if (i & 8)
			want &= ~NVMX_CR4_LA57;
		nvmx_caps_compute(&hw, withheld, i & 4, &c);
		assert_true(MSR(c, CR4_FIXED1) == want);
		assert_true(MSR(c, CR0_FIXED1) == 0xffffffff);
		assert_true(!(MSR(c, CR4_FIXED0) & ~MSR(c, CR4_FIXED1)));
		assert_true(nvmx_caps_cr4_hidden(&c) == ~want);
	}
	for (unsigned f = 0; f < 2; f++) { /* nor a bit whose register L1 is not to load */
		struct nvmx_caps limit;

		nvmx_caps_compute(&hw, 0, false, &limit);
		c = limit;
		SET(limit, TRUE_ENTRY_CTLS, MSR(limit, TRUE_ENTRY_CTLS) & ~((uint64_t)load_of[f] << 32));
		nvmx_caps_restrict(&c, &limit);
		assert_true((MSR(limit, CR4_FIXED1) ^ MSR(c, CR4_FIXED1)) == cr4_of[f]);
	}
	SET(hw, CR4_FIXED1, NVMX_CR4_VMXE | NVMX_CR4_PAE); /* nor what the processor lacks */
	nvmx_caps_compute(&hw, 0, false, &c);
	assert_true(MSR(c, CR4_FIXED1) == (NVMX_CR4_VMXE | NVMX_CR4_PAE));
}

/* Each bit of CPUID that tells of a CR4 bit goes with it, and nothing else does. */
static void cpuid_goes_with_cr4(void **state)
{
	static const struct {
		uint64_t cr4;
		uint32_t leaf, subleaf, regs[4];
	} rows[] = {
		{ NVMX_CR4_VMXE | NVMX_CR4_SMXE, 1, 0, { 0, 0, 0x60, 0 } },
		{ NVMX_CR4_PCIDE | NVMX_CR4_OSXSAVE, 1, 9, { 0, 0, 0x0c020000, 0 } },
		{ NVMX_CR4_VME | NVMX_CR4_DE | NVMX_CR4_PSE | NVMX_CR4_TSD, 1, 0, { 0, 0, 0, 0x1e } },
		{ NVMX_CR4_PAE | NVMX_CR4_MCE | NVMX_CR4_PGE | NVMX_CR4_OSFXSR | NVMX_CR4_OSXMMEXCPT, 1, 0,
		  { 0, 0, 0, 0x030020c0 } },
		{ NVMX_CR4_FSGSBASE | NVMX_CR4_SMEP | NVMX_CR4_SMAP, 7, 0, { 0, 0x00100081, 0, 0 } },
		{ NVMX_CR4_UMIP | NVMX_CR4_PKE | NVMX_CR4_LA57, 7, 0, { 0, 0, 0x0001001c, 0 } },
		{ NVMX_CR4_CET, 7, 0, { 0, 0, 0x80, 0x00100000 } },
		{ NVMX_CR4_PKS, 7, 0, { 0, 0, 0x80000000, 0 } },
		{ NVMX_CR4_KL | NVMX_CR4_UINTR, 7, 0, { 0, 0, 0x00800000, 0x20 } },
		{ NVMX_CR4_LASS | NVMX_CR4_LAM_SUP | NVMX_CR4_FRED, 7, 1, { 0x04020040, 0, 0, 0 } },
	};
	struct nvmx_caps c;

	(void)state;
	memset(&c, 0, sizeof(c));
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t regs[4] = { ~0u, ~0u, ~0u, ~0u };

		SET(c, CR4_FIXED1, ~rows[i].cr4);
		nvmx_caps_cpuid(&c, rows[i].leaf, rows[i].subleaf, regs);
		for (unsigned r = 0; r < 4; r++)
			assert_int_equal(regs[r], ~rows[i].regs[r]);
		memset(regs, 0xff, sizeof(regs));
		nvmx_caps_cpuid(&c, rows[i].leaf == 1 ? 2 : 7, rows[i].leaf == 1 ? 0 : 2, regs);
		SET(c, CR4_FIXED1, ~0ull);
		nvmx_caps_cpuid(&c, rows[i].leaf, rows[i].subleaf, regs);
		for (unsigned r = 0; r < 4; r++)
			assert_int_equal(regs[r], ~0u);
	}
}

/* What Linux 6.1 has not can be had by name, and nothing else comes with it. */
static void beyond_linux(void **state)
{
	struct nvmx_caps hw = full_hw(), with, without, c;

	(void)state;
	nvmx_caps_compute(&hw, 0, true, &without);
	nvmx_caps_compute_beyond(&hw, 0, 0, &c);
	assert_memory_equal(&c, &without, sizeof(c));
	nvmx_caps_compute_beyond(&hw, 0, 1ull << NVMX_FEATURE_MODE_EXEC, &with);
	assert_int_equal(MSR(with, PROCBASED_CTLS2), MSR(without, PROCBASED_CTLS2) | (uint64_t)NVMX_PROC2_MODE_EXEC << 32);
	SET(with, PROCBASED_CTLS2, MSR(without, PROCBASED_CTLS2));
	assert_memory_equal(&with, &without, sizeof(c));
	nvmx_caps_compute_beyond(&hw, 1ull << NVMX_FEATURE_MODE_EXEC, 1ull << NVMX_FEATURE_MODE_EXEC, &c);
	assert_memory_equal(&c, &without, sizeof(c));
}

/* What the host's flags take away beside: nothing but the interrupts' ways past a host that owns them. */
static void owned_interrupts(void **state)
{
	const struct nvmx_caps all = compute(0, false);
	struct nvmx_caps c = all;

	(void)state;
	nvmx_caps_of_host(&c, NVMX_COMPATIBLE | NVMX_HOST_REINJECTS);
	assert_memory_equal(&c, &all, sizeof(c));
	for (unsigned waits = 0; waits < 2; waits++) {
		c = all;
		nvmx_caps_of_host(&c, NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS | (waits ? NVMX_HOST_WAITS : 0));
		assert_int_equal(MSR(c, TRUE_PINBASED_CTLS), MSR(all, TRUE_PINBASED_CTLS));
		assert_int_equal(MSR(c, PINBASED_CTLS), MSR(all, PINBASED_CTLS));
		c = all;
		nvmx_caps_of_host(&c, NVMX_HOST_OWNS_INTERRUPTS | (waits ? NVMX_HOST_WAITS : 0));
		assert_int_equal(MSR(c, PINBASED_CTLS), MSR(all, PINBASED_CTLS) & ~(1ull << 39));
		assert_int_equal(MSR(c, TRUE_PINBASED_CTLS), MSR(all, TRUE_PINBASED_CTLS) & ~(1ull << 39));
		assert_int_equal(MSR(c, MISC), MSR(all, MISC) & ~(waits ? 0x80ull : 0x180ull));
		SET(c, PINBASED_CTLS, MSR(all, PINBASED_CTLS));
		SET(c, TRUE_PINBASED_CTLS, MSR(all, TRUE_PINBASED_CTLS));
		SET(c, MISC, MSR(all, MISC));
		assert_memory_equal(&c, &all, sizeof(c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(withheld_disappears_everywhere),
		cmocka_unit_test(withholding_takes_nothing_else),
		cmocka_unit_test(unimplemented_is_never_offered),
		cmocka_unit_test(basics),
		cmocka_unit_test(default1_class),
		cmocka_unit_test(processor_without_true_msrs),
		cmocka_unit_test(what_the_processor_lacks),
		cmocka_unit_test(compatible_profile),
		cmocka_unit_test(names),
		cmocka_unit_test(restricted_by_another_set),
		cmocka_unit_test(fixed_bits_are_a_whitelist),
		cmocka_unit_test(cpuid_goes_with_cr4),
		cmocka_unit_test(owned_interrupts),
		cmocka_unit_test(beyond_linux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
