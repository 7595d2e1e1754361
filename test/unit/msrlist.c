/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The MSR areas of VM entry and exit: which entries load, which are refused, and where they go (SDM 26.4, 27.4, 27.6). */
#include "minihost.h"
#include "vmx/port.h"

#define AREA 0x40000u
#define TSC_AUX NVMX_MSR_TSC_AUX

struct entry {
	uint32_t index, reserved;
	uint64_t value;
};

static uint32_t host_msr;
static uint64_t host_value;

/* This host has every MSR but one: what else is refused, the library refuses. */
static int host_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	host_msr = msr;
	host_value = value;
	return msr == NVMX_MSR_PERF_GLOBAL_CTRL ? -1 : 0;
}

static int host_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	*value = 0x1234;
	return msr == NVMX_MSR_PERF_GLOBAL_CTRL ? -1 : 0;
}

static struct mini *ready(void **state)
{
	struct mini *m = *state;

	m->ops.l1_msr_write = host_write;
	m->ops.l1_msr_read = host_read;
	m->vm->caps.efer_valid = NVMX_EFER_SCE | NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_NXE;
	m->vm->caps.debugctl_valid = 3;
	m->vm->caps.perf_global_valid = 0x70000000full;
	return m;
}

static struct entry *area(struct mini *m)
{
	return (struct entry *)(void *)(m->host.ram + AREA);
}

/* 0, or 1 if the one entry is refused. */
static uint32_t load(struct mini *m, uint32_t msr, uint64_t value)
{
	uint32_t failed;

	*area(m) = (struct entry){ msr, 0, value };
	failed = nvmx_msr_load_list(m->v, AREA, 1);
	nvmx_vmwrite_flush(m->v);
	return failed;
}

static void a_value_is_judged_as_by_wrmsr(void **state)
{
	static const struct {
		uint32_t msr;
		unsigned row;
		uint64_t good, bad;
	} rows[] = {
		{ NVMX_MSR_PAT, NVMX_I_GUEST_PAT, 0x0007040600070406, 0x0007040200070406 },
		{ NVMX_MSR_PAT, NVMX_I_GUEST_PAT, 0x0606060606060606, 0x0800000000000000 },
		{ NVMX_MSR_DEBUGCTL, NVMX_I_GUEST_DEBUGCTL, 3, 4 },
		{ NVMX_MSR_SYSENTER_ESP, NVMX_I_GUEST_SYSENTER_ESP, 0xffff800000000000, 0x800000000000 },
		{ NVMX_MSR_SYSENTER_EIP, NVMX_I_GUEST_SYSENTER_EIP, 0x7fffffffffff, 0x0fff800000000000 },
		{ NVMX_MSR_EFER, NVMX_I_GUEST_EFER, NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_SCE, NVMX_BIT64(63) },
	};
	struct mini *m = ready(state);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(load(m, rows[i].msr, rows[i].good), 0);
		assert_int_equal(*mini01(m, rows[i].row), rows[i].good);
		assert_int_equal(load(m, rows[i].msr, rows[i].bad), 1);
		assert_int_equal(*mini01(m, rows[i].row), rows[i].good);
	}
	assert_int_equal(load(m, NVMX_MSR_SYSENTER_CS, 0x12345678), 0);
	assert_int_equal(F01(GUEST_SYSENTER_CS), 0x12345678);
}

/* As WRMSR and RDMSR in such a host: bits that are its own are ignored, and read as 0. */
static void debugctl_bits_of_the_host(void **state)
{
	struct mini *m = ready(state);

	m->v->config.debugctl_hidden = NVMX_BIT64(14) | 1;
	assert_int_equal(load(m, NVMX_MSR_DEBUGCTL, 3), 0);
	assert_int_equal(F01(GUEST_DEBUGCTL), 2);
	F01(GUEST_DEBUGCTL) = NVMX_BIT64(14) | 2;
	*area(m) = (struct entry){ NVMX_MSR_DEBUGCTL, 0, 0 };
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 0);
	assert_int_equal(area(m)->value, 2);
	assert_int_equal(load(m, NVMX_MSR_DEBUGCTL, NVMX_BIT64(14)), 1);
}

/* MSRs that a VMCS has only under a control: their values are judged, whoever keeps them; those that no VMCS has, too. */
static void values_of_msrs_that_the_host_may_keep(void **state)
{
	enum { NO_VMCS = NVMX_ROWS };
	static const struct {
		uint32_t msr;
		unsigned row;
		uint64_t good, bad;
	} rows[] = {
		{ NVMX_MSR_S_CET, NVMX_I_GUEST_S_CET, 0xffff800000000c3f ^ 0x800, 0x40 },
		{ NVMX_MSR_S_CET, NVMX_I_GUEST_S_CET, 0x800, 0xc00 },
		{ NVMX_MSR_S_CET, NVMX_I_GUEST_S_CET, 0x3f, NVMX_BIT64(60) },
		{ NVMX_MSR_U_CET, NO_VMCS, 0x3f, 0x200 },
		{ NVMX_MSR_U_CET, NO_VMCS, 0x7fff00000000, 0x800000000000 },
		{ NVMX_MSR_INT_SSP_TABLE, NVMX_I_GUEST_INT_SSP_TABLE, 0x1230, NVMX_BIT64(47) },
		{ NVMX_MSR_PL0_SSP, NO_VMCS, 0x1004, 0x1001 },
		{ NVMX_MSR_PL0_SSP + 1, NO_VMCS, 0xffff800000001008, 0x800000001008 },
		{ NVMX_MSR_PL0_SSP + 2, NO_VMCS, 0x100c, NVMX_BIT64(63) },
		{ NVMX_MSR_PL0_SSP + 3, NO_VMCS, 0x1010, 0x1002 },
		{ NVMX_MSR_PKRS, NVMX_I_GUEST_PKRS, 0xffffffff, NVMX_BIT64(32) },
		{ NVMX_MSR_BNDCFGS, NVMX_I_GUEST_BNDCFGS, 0xfffff003, 4 },
		{ NVMX_MSR_BNDCFGS, NVMX_I_GUEST_BNDCFGS, 3, 0x800 },
		{ NVMX_MSR_BNDCFGS, NVMX_I_GUEST_BNDCFGS, 1, NVMX_BIT64(62) },
		{ NVMX_MSR_LSTAR, NO_VMCS, 0xffffffff81000000, NVMX_BIT64(48) },
		{ NVMX_MSR_CSTAR, NO_VMCS, 0, NVMX_BIT64(47) },
		{ NVMX_MSR_KERNEL_GS_BASE, NO_VMCS, 0xffff888000000000, 0x888000000000 },
		{ NVMX_MSR_FMASK, NO_VMCS, 0x47700, NVMX_BIT64(32) },
		{ NVMX_MSR_TSC_AUX, NO_VMCS, 0xffffffff, NVMX_BIT64(32) },
	};
	struct mini *m = ready(state);

	for (unsigned in_vmcs = 0; in_vmcs < 2; in_vmcs++) {
		F01(ENTRY_CTLS) = NVMX_ENTRY_IA32E |
				  (in_vmcs ? NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS | NVMX_ENTRY_LOAD_BNDCFGS : 0);
		for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			bool hosts = !in_vmcs || rows[i].row == NO_VMCS;

			host_msr = 0;
			host_value = ~rows[i].good;
			assert_int_equal(load(m, rows[i].msr, rows[i].good), 0);
			assert_int_equal(host_msr, hosts ? rows[i].msr : 0);
			assert_true((hosts ? host_value : *mini01(m, rows[i].row)) == rows[i].good);
			host_msr = 0;
			assert_int_equal(load(m, rows[i].msr, rows[i].bad), 1);
			assert_int_equal(host_msr, 0); /* it was not asked */
		}
	}
}

/* What a VMCS has of the guest is stored from there: segment bases too, which no list loads. */
static void the_guests_own_are_stored(void **state)
{
	static const struct {
		uint32_t msr, control;
		unsigned row;
	} rows[] = {
		{ NVMX_MSR_EFER, 0, NVMX_I_GUEST_EFER },
		{ NVMX_MSR_PAT, 0, NVMX_I_GUEST_PAT },
		{ NVMX_MSR_DEBUGCTL, 0, NVMX_I_GUEST_DEBUGCTL },
		{ NVMX_MSR_SYSENTER_CS, 0, NVMX_I_GUEST_SYSENTER_CS },
		{ NVMX_MSR_SYSENTER_ESP, 0, NVMX_I_GUEST_SYSENTER_ESP },
		{ NVMX_MSR_SYSENTER_EIP, 0, NVMX_I_GUEST_SYSENTER_EIP },
		{ NVMX_MSR_FS_BASE, 0, NVMX_I_GUEST_FS_BASE },
		{ NVMX_MSR_GS_BASE, 0, NVMX_I_GUEST_GS_BASE },
		{ NVMX_MSR_PERF_GLOBAL_CTRL, NVMX_ENTRY_LOAD_PERF, NVMX_I_GUEST_PERF_GLOBAL_CTRL },
		{ NVMX_MSR_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS, NVMX_I_GUEST_BNDCFGS },
		{ NVMX_MSR_S_CET, NVMX_ENTRY_LOAD_CET, NVMX_I_GUEST_S_CET },
		{ NVMX_MSR_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, NVMX_I_GUEST_INT_SSP_TABLE },
		{ NVMX_MSR_PKRS, NVMX_ENTRY_LOAD_PKRS, NVMX_I_GUEST_PKRS },
	};
	struct mini *m = ready(state);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		*mini01(m, rows[i].row) = 0x100 + i;
	for (unsigned controls = 0; controls < 2; controls++) {
		F01(ENTRY_CTLS) = NVMX_ENTRY_IA32E;
		for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows) && controls; i++)
			F01(ENTRY_CTLS) |= rows[i].control;
		for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			bool here = controls || !rows[i].control;

			*area(m) = (struct entry){ rows[i].msr, 0, 7 };
			if (rows[i].msr == NVMX_MSR_PERF_GLOBAL_CTRL && !here) {
				assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 1); /* this host has none */
				continue;
			}
			assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 0);
			assert_int_equal(area(m)->value, here ? 0x100 + i : 0x1234);
		}
	}
}

/* LME stays while paging is on, and LMA is no bit to write. */
static void efer_while_paging(void **state)
{
	struct mini *m = ready(state);
	uint64_t before = F01(GUEST_EFER);

	assert_int_equal(load(m, NVMX_MSR_EFER, before & ~NVMX_EFER_LME), 1);
	assert_int_equal(F01(GUEST_EFER), before);
	assert_int_equal(load(m, NVMX_MSR_EFER, NVMX_EFER_LME), 0);
	assert_int_equal(F01(GUEST_EFER), NVMX_EFER_LME | NVMX_EFER_LMA);
	F01(GUEST_CR0) &= ~NVMX_CR0_PG;
	F01(GUEST_EFER) = NVMX_EFER_LME;
	assert_int_equal(load(m, NVMX_MSR_EFER, NVMX_EFER_NXE), 0);
	assert_int_equal(F01(GUEST_EFER), NVMX_EFER_NXE);
}

/* Where an entry control loads the register, the list's value goes where that one went; else it is the host's MSR. */
static void msrs_under_an_entry_control(void **state)
{
	struct mini *m = ready(state);

	host_msr = 0;
	F01(ENTRY_CTLS) = NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PERF | NVMX_ENTRY_LOAD_PKRS;
	assert_int_equal(load(m, NVMX_MSR_PERF_GLOBAL_CTRL, 0x300000003), 0);
	assert_int_equal(F01(GUEST_PERF_GLOBAL_CTRL), 0x300000003);
	assert_int_equal(load(m, NVMX_MSR_PERF_GLOBAL_CTRL, NVMX_BIT64(62)), 1);
	assert_int_equal(load(m, NVMX_MSR_PKRS, 0x55), 0);
	assert_int_equal(F01(GUEST_PKRS), 0x55);
	assert_int_equal(host_msr, 0);
	F01(ENTRY_CTLS) = NVMX_ENTRY_IA32E;
	assert_int_equal(load(m, NVMX_MSR_PERF_GLOBAL_CTRL, 1), 1); /* this host has none */
	assert_int_equal(host_msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	assert_int_equal(load(m, TSC_AUX, 0x77), 0);
	assert_int_equal(host_value, 0x77);
}

static void refused_whatever_the_value(void **state)
{
	static const uint32_t both[] = { 0x800, 0x8ff, NVMX_MSR_SMM_MONITOR_CTL, NVMX_MSR_SMBASE, NVMX_MSR_SMM_FEATURE_CONTROL,
					 NVMX_MSR_SMM_BLOCKED, NVMX_MSR_BIOS_UPDT_TRIG };
	struct mini *m = ready(state);

	for (unsigned i = 0; i < sizeof(both) / sizeof(*both); i++) {
		assert_int_equal(load(m, both[i], 0), 1);
		assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 1);
	}
	for (uint32_t msr = 0x7ff; msr <= 0x900; msr += 0x101) { /* those beside x2APIC's are as any other */
		assert_int_equal(load(m, msr, 0), 0);
		assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 0);
	}
	assert_int_equal(load(m, NVMX_MSR_BIOS_SIGN_ID, 0), 1); /* storing these is no error */
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 0);
	assert_int_equal(load(m, NVMX_MSR_FS_BASE, 0), 1);
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 0);
	assert_int_equal(load(m, NVMX_MSR_GS_BASE, 0), 1);
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 0);
	*area(m) = (struct entry){ TSC_AUX, 1, 0 };
	assert_int_equal(nvmx_msr_load_list(m->v, AREA, 1), 1);
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 1);
}

/* The number of the entry that failed; those before it are done, none behind it. */
static void it_ends_at_the_entry_that_fails(void **state)
{
	struct mini *m = ready(state);
	uint32_t most = 512; /* IA32_VMX_MISC[27:25] is 0 */

	area(m)[0] = (struct entry){ NVMX_MSR_SYSENTER_CS, 0, 7 };
	area(m)[1] = (struct entry){ NVMX_MSR_SMM_MONITOR_CTL, 0, 0 };
	area(m)[2] = (struct entry){ NVMX_MSR_SYSENTER_CS, 0, 9 };
	assert_int_equal(nvmx_msr_load_list(m->v, AREA, 3), 2);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(F01(GUEST_SYSENTER_CS), 7);
	area(m)[0].index = area(m)[2].index = TSC_AUX;
	area(m)[2].value = 9;
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 3), 2);
	assert_int_equal(area(m)[0].value, 0x1234);
	assert_int_equal(area(m)[2].value, 9);
	for (uint32_t i = 0; i <= most; i++)
		area(m)[i] = (struct entry){ TSC_AUX, 0, 1 };
	assert_int_equal(nvmx_msr_load_list(m->v, AREA, most), 0);
	assert_int_equal(nvmx_msr_load_list(m->v, AREA, most + 1), most + 1);
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, UINT32_MAX), most + 1);
}

static void a_list_in_no_memory(void **state)
{
	struct mini *m = ready(state);

	assert_int_equal(nvmx_msr_load_list(m->v, MINI_RAM, 1), 1);
	assert_int_equal(nvmx_msr_store_list(m->v, MINI_RAM, 1), 1);
	((struct entry *)(void *)(m->host.ram + MINI_RAM))[-1] = (struct entry){ TSC_AUX, 0, 5 };
	assert_int_equal(nvmx_msr_load_list(m->v, MINI_RAM - 16, 2), 2);
	m->host.rom = AREA;
	m->host.rom_end = AREA + 4096;
	*area(m) = (struct entry){ TSC_AUX, 0, 5 };
	assert_int_equal(nvmx_msr_store_list(m->v, AREA, 1), 1);
}

/* What an entry of the list replaced is kept for an entry that does not happen, as far as there is room, and no further. */
static void more_than_can_be_put_back(void **state)
{
	struct mini *m = ready(state);

	mini_enter_vmx(m, true);
	m->v->cur->v12->entry_msr_load_count = NVMX_MSR_LOG + 3;
	for (unsigned i = 0; i < NVMX_MSR_LOG + 3; i++)
		area(m)[i] = (struct entry){ TSC_AUX, 0, i };
	nvmx_msr_log_begin(m->v, true);
	assert_int_equal(nvmx_msr_load_entry_list(m->v, AREA, NVMX_MSR_LOG), 0);
	assert_true(nvmx_msr_undo(m->v));
	assert_int_equal(host_value, 0x1234);
	nvmx_msr_log_begin(m->v, true);
	assert_int_equal(nvmx_msr_load_entry_list(m->v, AREA, NVMX_MSR_LOG + 3), 0);
	assert_int_equal(m->v->msr_log.n, NVMX_MSR_LOG);
	assert_false(nvmx_msr_undo(m->v));
	nvmx_vmwrite_flush(m->v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(a_value_is_judged_as_by_wrmsr),
		MINI_TEST(debugctl_bits_of_the_host),
		MINI_TEST(values_of_msrs_that_the_host_may_keep),
		MINI_TEST(the_guests_own_are_stored),
		MINI_TEST(efer_while_paging),
		MINI_TEST(msrs_under_an_entry_control),
		MINI_TEST(refused_whatever_the_value),
		MINI_TEST(it_ends_at_the_entry_that_fails),
		MINI_TEST(a_list_in_no_memory),
		MINI_TEST(more_than_can_be_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
