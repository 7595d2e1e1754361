/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Checks on VMX controls (SDM 26.2.1). */
#include "check.h"

#define PAGE_LOW 0xfffull

bool fake_check_address(const struct entry *e, uint64_t address, uint64_t low)
{
	return !(address & low) && !(address >> e->c->caps->maxphyaddr);
}

/* The TRUE MSRs count where IA32_VMX_BASIC[55] says that there are any (A.2). */
static bool allowed(const struct entry *e, uint32_t value, uint32_t msr, uint32_t true_msr)
{
	bool has_true = nvmx_caps_get(e->c->caps, NVMX_MSR_VMX_BASIC) >> 55 & 1;
	uint64_t cap = nvmx_caps_get(e->c->caps, has_true ? true_msr : msr);

	return (value & (uint32_t)cap) == (uint32_t)cap && !(value & ~(uint32_t)(cap >> 32));
}

static bool page(const struct entry *e, uint32_t encoding)
{
	return fake_check_address(e, field(e, encoding), PAGE_LOW);
}

static bool proc3_allowed(const struct entry *e)
{
	return !(field(e, NVMX_PROC_CTLS3) & ~nvmx_caps_get(e->c->caps, NVMX_MSR_VMX_PROCBASED_CTLS3));
}

/* 26.2.1.1: EPT pointer. */
static const char *eptp(const struct entry *e)
{
	uint64_t cap = nvmx_caps_get(e->c->caps, NVMX_MSR_VMX_EPT_VPID_CAP), p = field(e, NVMX_EPT_POINTER);
	uint64_t memory_type = p & 7, walk_length = (p >> 3 & 7) + 1;

	if (!(e->proc2 & NVMX_PROC2_EPT))
		return NULL;
	MUST("26.2.1.1", (memory_type == 0 && cap & NVMX_EPT_UC) || (memory_type == 6 && cap & NVMX_EPT_WB));
	MUST("26.2.1.1", (walk_length == 4 && cap & NVMX_EPT_WALK4) || (walk_length == 5 && cap & NVMX_EPT_WALK5));
	MUST_BE("26.2.1.1", "EPTP[6] needs accessed and dirty flags", implies(p >> 6 & 1, cap & NVMX_EPT_AD));
	MUST_BE("26.2.1.1", "EPTP[7] needs supervisor shadow-stack control", implies(p >> 7 & 1, cap & NVMX_EPT_SSS));
	MUST_BE("26.2.1.1", "EPTP[11:8] and the bits beyond the width are 0", fake_check_address(e, p & ~0xffull, 0xf00));
	return NULL;
}

/* 26.2.1.1: what belongs to the local APIC. */
static const char *apic(const struct entry *e)
{
	bool tpr_shadow = e->proc & NVMX_PROC_TPR_SHADOW, vid = e->proc2 & NVMX_PROC2_VID;
	bool accesses = e->proc2 & NVMX_PROC2_APIC_ACCESS, posted = e->pin & NVMX_PIN_POSTED_INT;
	uint64_t threshold = field(e, NVMX_TPR_THRESHOLD);

	if (tpr_shadow) {
		MUST_BE("26.2.1.1", "virtual-APIC address", page(e, NVMX_VIRTUAL_APIC_ADDR));
		MUST_BE("26.2.1.1", "TPR threshold[31:4] without VID", implies(!vid, !(threshold >> 4)));
		MUST_BE("26.2.1.1", "the TPR threshold is at most VTPR[7:4]", vid || accesses || (threshold & 15) <=
			fake_phys_read(e->c, field(e, NVMX_VIRTUAL_APIC_ADDR) + 0x80, 1) >> 4);
	}
	if (fake_proc3(e->c) & NVMX_PROC3_IPI_VIRT) {
		uint64_t table = field(e, NVMX_PID_POINTER_TABLE);

		MUST_BE("26.2.1.1", "IPI virtualization needs the TPR shadow", tpr_shadow);
		MUST_BE("26.2.1.1", "PID-pointer table, to its last entry", fake_check_address(e, table, 7) &&
			fake_check_address(e, table + 8 * field(e, NVMX_LAST_PID_POINTER_INDEX) + 7, 0));
	}
	MUST_BE("26.2.1.1", "APIC-access address", implies(accesses, page(e, NVMX_APIC_ACCESS_ADDR)));
	MUST("26.2.1.1", tpr_shadow || !(e->proc2 & (NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID)));
	MUST("26.2.1.1", !(accesses && e->proc2 & NVMX_PROC2_X2APIC_MODE));
	MUST("26.2.1.1", implies(vid, e->pin & NVMX_PIN_EXT_INT));
	if (!posted)
		return NULL;
	MUST("26.2.1.1", posted && vid);
	MUST("26.2.1.1", posted && e->exit & NVMX_EXIT_ACK_INT);
	MUST_BE("26.2.1.1", "posted-interrupt notification vector", field(e, NVMX_POSTED_INT_NV) <= 255);
	MUST_BE("26.2.1.1", "posted-interrupt descriptor", fake_check_address(e, field(e, NVMX_POSTED_INT_DESC_ADDR), 63));
	return NULL;
}

/* 26.2.1.1: what needs EPT, and the addresses that come with secondary controls. */
static const char *with_ept(const struct entry *e)
{
	bool ept = e->proc2 & NVMX_PROC2_EPT, functions = e->proc2 & NVMX_PROC2_VMFUNC;
	bool switching = functions && field(e, NVMX_VMFUNC_CTLS) & NVMX_VMFUNC_EPTP_SWITCHING;
	uint64_t may_function = nvmx_caps_get(e->c->caps, NVMX_MSR_VMX_VMFUNC);

	MUST_BE("26.2.1.1", "PML needs EPT and an address", implies(e->proc2 & NVMX_PROC2_PML, ept && page(e, NVMX_PML_ADDRESS)));
	MUST("26.2.1.1", implies(e->proc2 & (NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_MODE_EXEC), ept));
	MUST_BE("26.2.1.1", "sub-page permissions need EPT and an address", implies(e->proc2 & NVMX_PROC2_SPP, ept && page(e, NVMX_SPPTP)));
	MUST("26.2.1.1", implies(functions, !(field(e, NVMX_VMFUNC_CTLS) & ~may_function)));
	MUST_BE("26.2.1.1", "EPTP switching needs EPT and a list", implies(switching, ept && page(e, NVMX_EPTP_LIST_ADDR)));
	MUST_BE("26.2.1.1", "VMREAD and VMWRITE bitmaps", implies(e->proc2 & NVMX_PROC2_SHADOW_VMCS,
		page(e, NVMX_VMREAD_BITMAP) && page(e, NVMX_VMWRITE_BITMAP)));
	MUST_BE("26.2.1.1", "#VE information address", implies(e->proc2 & NVMX_PROC2_VE, page(e, NVMX_VE_INFO_ADDR)));
	MUST("26.2.1.1", implies(e->proc2 & NVMX_PROC2_PT_GPA,
		ept && e->entry & NVMX_ENTRY_LOAD_RTIT && e->exit & NVMX_EXIT_CLEAR_RTIT));
	return NULL;
}

/* 26.2.1.1 */
static const char *execution(const struct entry *e)
{
	const char *broken;

	MUST_BE("26.2.1.1", "pin-based controls", allowed(e, e->pin, NVMX_MSR_VMX_PINBASED_CTLS, NVMX_MSR_VMX_TRUE_PINBASED_CTLS));
	MUST_BE("26.2.1.1", "primary controls", allowed(e, e->proc, NVMX_MSR_VMX_PROCBASED_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS));
	MUST_BE("26.2.1.1", "secondary controls", implies(e->proc & NVMX_PROC_SECONDARY,
		allowed(e, e->proc2, NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_MSR_VMX_PROCBASED_CTLS2)));
	MUST_BE("26.2.1.1", "tertiary controls", implies(e->proc & NVMX_PROC_TERTIARY, proc3_allowed(e)));
	MUST("26.2.1.1", field(e, NVMX_CR3_TARGET_COUNT) <= NVMX_MISC_CR3_TARGETS(e->misc));
	MUST_BE("26.2.1.1", "I/O bitmaps", implies(e->proc & NVMX_PROC_IO_BITMAPS, page(e, NVMX_IO_BITMAP_A) && page(e, NVMX_IO_BITMAP_B)));
	MUST_BE("26.2.1.1", "MSR bitmaps", implies(e->proc & NVMX_PROC_MSR_BITMAPS, page(e, NVMX_MSR_BITMAP)));
	MUST("26.2.1.1", implies(e->pin & NVMX_PIN_VNMI, e->pin & NVMX_PIN_NMI));
	MUST("26.2.1.1", implies(e->proc & NVMX_PROC_NMI_WINDOW, e->pin & NVMX_PIN_VNMI));
	MUST("26.2.1.1", implies(e->proc2 & NVMX_PROC2_VPID, field(e, NVMX_VPID) != 0));
	MUST("26.2.1.1", implies(e->proc2 & NVMX_PROC2_TSC_SCALING, field(e, NVMX_TSC_MULTIPLIER) != 0));
	broken = apic(e);
	broken = broken ? broken : eptp(e);
	return broken ? broken : with_ept(e);
}

/* 26.2.1.2, 26.2.1.3: an MSR area, to its last byte. */
static bool area(const struct entry *e, uint32_t address, uint32_t count)
{
	uint64_t first = field(e, address), n = field(e, count);

	return !n || (fake_check_address(e, first, 15) && fake_check_address(e, first + 16 * n - 1, 0));
}

/* 26.2.1.3: exceptions that deliver an error code. */
static bool has_error_code(unsigned vector)
{
	return vector == NVMX_VECTOR_DF || (vector >= NVMX_VECTOR_TS && vector <= NVMX_VECTOR_PF) || vector == NVMX_VECTOR_AC;
}

/* 26.2.1.3: event injection. */
static const char *event(const struct entry *e)
{
	bool error = e->event & NVMX_INTR_DELIVER_EC, exception = e->type == NVMX_EVENT_HW_EXC;
	bool protected_mode = !(e->proc2 & NVMX_PROC2_UNRESTRICTED) || e->cr0 & NVMX_CR0_PE;
	bool any_error = nvmx_caps_get(e->c->caps, NVMX_MSR_VMX_BASIC) >> 56 & 1, has_mtf, software;
	uint64_t length = field(e, NVMX_ENTRY_INSTR_LEN);

	if (!e->injects)
		return NULL;
	has_mtf = nvmx_caps_may(e->c->caps, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS) & NVMX_PROC_MTF;
	software = e->type == NVMX_EVENT_SW_INT || e->type == NVMX_EVENT_PRIV_SW_EXC || e->type == NVMX_EVENT_SW_EXC;
	MUST("26.2.1.3", e->type != 1 && implies(e->type == NVMX_EVENT_OTHER, has_mtf));
	MUST("26.2.1.3", implies(e->type == NVMX_EVENT_NMI, e->vector == 2));
	MUST("26.2.1.3", implies(exception, e->vector <= 31));
	MUST("26.2.1.3", implies(e->type == NVMX_EVENT_OTHER, e->vector == 0));
	MUST("26.2.1.3", implies(exception && protected_mode && !any_error && has_error_code(e->vector), error));
	MUST("26.2.1.3", implies(error, exception && protected_mode && (any_error || has_error_code(e->vector))));
	MUST_BE("26.2.1.3", "bits 30:12 of the event are 0", !(e->event & 0x7ffff000u));
	MUST_BE("26.2.1.3", "bits 31:16 of the error code are 0", implies(error, !(field(e, NVMX_ENTRY_EXC_ERROR_CODE) >> 16)));
	MUST("26.2.1.3", implies(software, length <= 15 && (length || e->misc & NVMX_MISC_ZERO_LEN_INJECT)));
	return NULL;
}

const char *fake_check_controls(const struct entry *e)
{
	const char *broken = execution(e);

	if (broken)
		return broken;
	MUST_BE("26.2.1.2", "VM-exit controls", allowed(e, e->exit, NVMX_MSR_VMX_EXIT_CTLS, NVMX_MSR_VMX_TRUE_EXIT_CTLS));
	MUST("26.2.1.2", implies(e->exit & NVMX_EXIT_SAVE_PREEMPTION_TIMER, e->pin & NVMX_PIN_PREEMPTION_TIMER));
	MUST_BE("26.2.1.2", "VM-exit MSR-store area", area(e, NVMX_EXIT_MSR_STORE_ADDR, NVMX_EXIT_MSR_STORE_COUNT));
	MUST_BE("26.2.1.2", "VM-exit MSR-load area", area(e, NVMX_EXIT_MSR_LOAD_ADDR, NVMX_EXIT_MSR_LOAD_COUNT));
	MUST_BE("26.2.1.3", "VM-entry controls", allowed(e, e->entry, NVMX_MSR_VMX_ENTRY_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS));
	MUST("26.2.1.3", !(e->entry & (NVMX_ENTRY_SMM | NVMX_ENTRY_DEACT_DUAL))); /* this processor is never in SMM */
	broken = event(e);
	if (broken)
		return broken;
	MUST_BE("26.2.1.3", "VM-entry MSR-load area", area(e, NVMX_ENTRY_MSR_LOAD_ADDR, NVMX_ENTRY_MSR_LOAD_COUNT));
	return NULL;
}
