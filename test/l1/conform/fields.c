/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM appendix B and 24.11.2: which fields exist, how wide they are, and what VMREAD and VMWRITE make of the rest. */
#include "conform.h"

enum { LAST_ENCODING = 0x7fff };

/* Which control makes a field exist (appendix B); a field not listed always does. */
enum source { PIN, PROC, PROC2, PROC3, EXIT, EXIT2, ENTRY, VMFUNC_CAP, NEVER };
static const struct { u16 first, last; u8 source; u64 bits; } exist[] = {
	{ VIRTUAL_PROCESSOR_ID, VIRTUAL_PROCESSOR_ID, PROC2, PROC2_VPID },
	{ POSTED_INT_VECTOR, POSTED_INT_VECTOR, PIN, PIN_POSTED_INTERRUPTS },
	{ EPTP_INDEX, EPTP_INDEX, PROC2, PROC2_EPT_VE },
	{ HLAT_PREFIX_SIZE, LAST_PID_POINTER_INDEX, NEVER, 0 },
	{ GUEST_INTERRUPT_STATUS, GUEST_INTERRUPT_STATUS, PROC2, PROC2_VIRTUAL_INTERRUPTS },
	{ PML_INDEX, PML_INDEX, PROC2, PROC2_PML },
	{ GUEST_UINV, GUEST_UINV, ENTRY, ENTRY_LOAD_UINV },
	{ MSR_BITMAP, MSR_BITMAP, PROC, PROC_MSR_BITMAPS },
	{ PML_ADDRESS, PML_ADDRESS, PROC2, PROC2_PML },
	{ VIRTUAL_APIC_ADDRESS, VIRTUAL_APIC_ADDRESS, PROC, PROC_TPR_SHADOW },
	{ APIC_ACCESS_ADDRESS, APIC_ACCESS_ADDRESS, PROC2, PROC2_APIC_ACCESSES },
	{ POSTED_INT_DESC_ADDRESS, POSTED_INT_DESC_ADDRESS, PIN, PIN_POSTED_INTERRUPTS },
	{ VM_FUNCTION_CONTROLS, VM_FUNCTION_CONTROLS, PROC2, PROC2_VMFUNC },
	{ EPT_POINTER, EPT_POINTER, PROC2, PROC2_EPT },
	{ EOI_EXIT_BITMAP0, EOI_EXIT_BITMAP3, PROC2, PROC2_VIRTUAL_INTERRUPTS },
	{ EPTP_LIST_ADDRESS, EPTP_LIST_ADDRESS, VMFUNC_CAP, 1 },
	{ VMREAD_BITMAP, VMWRITE_BITMAP, PROC2, PROC2_VMCS_SHADOWING },
	{ VE_INFO_ADDRESS, VE_INFO_ADDRESS, PROC2, PROC2_EPT_VE },
	{ XSS_EXITING_BITMAP, XSS_EXITING_BITMAP, PROC2, PROC2_XSAVES },
	{ ENCLS_EXITING_BITMAP, ENCLS_EXITING_BITMAP, PROC2, PROC2_ENCLS_EXITING },
	{ SPP_TABLE_POINTER, SPP_TABLE_POINTER, PROC2, PROC2_SUB_PAGE },
	{ TSC_MULTIPLIER, TSC_MULTIPLIER, PROC2, PROC2_TSC_SCALING },
	{ TERTIARY_CONTROLS, TERTIARY_CONTROLS, PROC, PROC_TERTIARY },
	{ ENCLV_EXITING_BITMAP, ENCLV_EXITING_BITMAP, PROC2, BIT(28) },
	{ LOW_PASID_DIRECTORY, PID_POINTER_TABLE, NEVER, 0 },
	{ SECONDARY_EXIT_CONTROLS, SECONDARY_EXIT_CONTROLS, EXIT, EXIT_SECONDARY },
	{ SPEC_CTRL_MASK, SPEC_CTRL_SHADOW, PROC3, PROC3_SPEC_CTRL },
	{ GUEST_PHYSICAL_ADDRESS, GUEST_PHYSICAL_ADDRESS, PROC2, PROC2_EPT },
	{ GUEST_PAT, GUEST_PAT, ENTRY, ENTRY_LOAD_PAT },
	{ GUEST_EFER, GUEST_EFER, ENTRY, ENTRY_LOAD_EFER },
	{ GUEST_PERF_GLOBAL_CTRL, GUEST_PERF_GLOBAL_CTRL, ENTRY, ENTRY_LOAD_PERF_GLOBAL },
	{ GUEST_PDPTE0, GUEST_PDPTE3, PROC2, PROC2_EPT },
	{ GUEST_BNDCFGS, GUEST_BNDCFGS, ENTRY, ENTRY_LOAD_BNDCFGS },
	{ GUEST_RTIT_CTL, GUEST_RTIT_CTL, ENTRY, BIT(18) },
	{ GUEST_LBR_CTL, GUEST_LBR_CTL, ENTRY, BIT(21) },
	{ GUEST_PKRS, GUEST_PKRS, ENTRY, ENTRY_LOAD_PKRS },
	{ GUEST_SPEC_CTRL, GUEST_SPEC_CTRL, ENTRY, ENTRY_LOAD_SPEC_CTRL },
	{ HOST_PAT, HOST_PAT, EXIT, EXIT_LOAD_PAT },
	{ HOST_EFER, HOST_EFER, EXIT, EXIT_LOAD_EFER },
	{ HOST_PERF_GLOBAL_CTRL, HOST_PERF_GLOBAL_CTRL, EXIT, EXIT_LOAD_PERF_GLOBAL },
	{ HOST_PKRS, HOST_PKRS, EXIT, EXIT_LOAD_PKRS },
	{ HOST_SPEC_CTRL, HOST_SPEC_CTRL, EXIT2, EXIT2_LOAD_SPEC_CTRL },
	{ TPR_THRESHOLD, TPR_THRESHOLD, PROC, PROC_TPR_SHADOW },
	{ PROC_CONTROLS2, PROC_CONTROLS2, PROC, PROC_SECONDARY },
	{ PLE_GAP, PLE_WINDOW, PROC2, PROC2_PAUSE_LOOP },
	{ INSTRUCTION_TIMEOUT, INSTRUCTION_TIMEOUT, PROC2, BIT(30) },
	{ PREEMPTION_TIMER_VALUE, PREEMPTION_TIMER_VALUE, PIN, PIN_PREEMPTION_TIMER },
	{ GUEST_S_CET, GUEST_SSP_TABLE, ENTRY, ENTRY_LOAD_CET },
	{ HOST_S_CET, HOST_SSP_TABLE, EXIT, EXIT_LOAD_CET },
};

#define FIELD(encoding, name) { encoding, #name },
static const struct { u16 encoding; const char *name; } fields[] = {
#include "vmcs_fields.def"
};
#undef FIELD

static bool offered(enum source source, u64 bits)
{
	switch (source) {
	case PIN: return can(caps.pin, bits);
	case PROC: return can(caps.proc, bits);
	case PROC2: return can(caps.proc2, bits);
	case PROC3: return (caps.proc3 & bits) == bits;
	case EXIT: return can(caps.exit, bits);
	case EXIT2: return (caps.exit2 & bits) == bits;
	case ENTRY: return can(caps.entry, bits);
	case VMFUNC_CAP: return (caps.vmfunc & bits) == bits;
	default: return false;
	}
}

static bool should_exist(u16 encoding)
{
	u16 f = encoding & ~1u;

	for (unsigned i = 0; i < ARRAY_SIZE(exist); i++) {
		if (f >= exist[i].first && f <= exist[i].last)
			return offered(exist[i].source, exist[i].bits);
	}
	return true;
}

static unsigned width(u16 encoding) { return encoding >> 13 & 3; }
static bool read_only(u16 encoding) { return (encoding >> 10 & 3) == 1; }

static const char *read_text(u64 encoding)
{
	u64 v = 0;

	return result_text(vmread_try(encoding, &v));
}

static const char *write_text(u64 encoding, u64 v) { return result_text(vmwrite_try(encoding, v)); }

/* VMWRITE of all ones, then of a pattern: what comes back shows the width. */
static void round_trip(u16 f, const char *name)
{
	static const u64 masks[] = { 0xffff, ~0ull, 0xffffffff, ~0ull };
	u64 mask = masks[width(f)], pattern = 0xa5c3967812f0e1d2ull, old = vmread(f);

	vmwrite(f, ~0ull);
	check(text("ones.%s", name), text("%lx", vmread(f)), text("%lx", mask));
	vmwrite(f, pattern);
	check(text("pattern.%s", name), text("%lx", vmread(f)), text("%lx", pattern & mask));
	if (width(f) == 1) {
		check_number(text("high_read.%s", name), vmread(f | 1), pattern >> 32);
		vmwrite(f | 1, 0xfedcba9855667788ull);
		check_number(text("high_write.%s", name), vmread(f), 0x5566778800000000ull | (u32)pattern);
	}
	vmwrite(f, old);
}

static void known_fields(void)
{
	bool write_any = caps.misc & BIT(29);

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		u16 f = fields[i].encoding;
		const char *name = fields[i].name, *ok = should_exist(f) ? "VMsucceed" : "VMfailValid 12";

		check(text("vmread.%s", name), read_text(f), ok);
		if (width(f) == 1)
			check(text("vmread_high.%s", name), read_text(f | 1), ok);
		else
			check(text("vmread_odd.%s", name), read_text(f | 1), "VMfailValid 12");
		if (read_only(f) && should_exist(f) && !write_any)
			ok = "VMfailValid 13";
		if (read_only(f) || !should_exist(f))
			check(text("vmwrite.%s", name), write_text(f, 0), ok);
		else
			round_trip(f, name);
	}
}

static bool named(u16 encoding)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].encoding == (encoding & ~1u))
			return true;
	}
	return false;
}

/*
 * Encodings that no field has: how many of each group are accepted, which must be none. All of the low indices, where
 * fields are, and some of the rest: an emulator may log each failure.
 */
static bool worth_trying(u32 f) { return !(f & BIT(12)) && ((f >> 1 & 0x1ff) < 48 || f % 61 == 0); }

static void unknown_fields(void)
{
	u32 reads[16] = { 0 }, writes[16] = { 0 };
	u64 v = 0;

	for (u32 f = 0; f <= LAST_ENCODING; f++) {
		unsigned group = width((u16)f) << 2 | (f >> 10 & 3);

		if (named((u16)f) || !worth_trying(f))
			continue;
		reads[group] += vmread_try(f, &v) != VMX_FAIL_VALID || vmread(VM_INSTRUCTION_ERROR) != 12;
		writes[group] += vmwrite_try(f, 0) != VMX_FAIL_VALID || vmread(VM_INSTRUCTION_ERROR) != 12;
	}
	for (unsigned g = 0; g < 16; g++) {
		check_number(text("unknown_read.width%u.type%u", g >> 2, g & 3), reads[g], 0);
		check_number(text("unknown_write.width%u.type%u", g >> 2, g & 3), writes[g], 0);
	}
}

/* VMREAD, VMWRITE: in 64-bit mode the whole register is the encoding, and its reserved bits must be 0. */
static void wide_encodings(void)
{
	static const u64 high[] = { BIT(12), BIT(15), BIT(16), BIT(31), BIT(32), BIT(63) };

	for (unsigned i = 0; i < ARRAY_SIZE(high); i++) {
		check(text("wide_read.%lx", high[i]), read_text(GUEST_RIP | high[i]), "VMfailValid 12");
		check(text("wide_write.%lx", high[i]), write_text(GUEST_RIP | high[i], 0), "VMfailValid 12");
	}
}

/* IA32_VMX_VMCS_ENUM: the highest index of any field that exists. */
static void enumeration(void)
{
	u32 highest = 0;
	u64 v = 0;

	for (u32 f = 0; f <= LAST_ENCODING; f++) {
		if (worth_trying(f) && vmread_try(f, &v) == VMX_OK && (f >> 1 & 0x1ff) > highest)
			highest = f >> 1 & 0x1ff;
	}
	check_true("enum.highest_index", highest <= (caps.vmcs_enum >> 1 & 0x1ff));
}

/* Memory operands are 64 bits wide in 64-bit mode, whatever the field's width. */
static void memory_forms(void)
{
	static const u16 some[] = { GUEST_ES_SELECTOR, VMCS_LINK_POINTER, GUEST_ES_LIMIT, GUEST_RIP };
	static const u64 want[] = { 0x7788, 0x1122334455667788, 0x55667788, 0x1122334455667788 };
	static u64 cell[3];

	for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
		cell[0] = cell[2] = ~0ull;
		cell[1] = 0x1122334455667788;
		check(text("memory_write.%x", some[i]), op_run(OP_VMWRITE, KERNEL64, some[i], (u64)&cell[1]), "VMsucceed");
		cell[1] = ~0ull;
		check(text("memory_read.%x", some[i]), op_run(OP_VMREAD, KERNEL64, some[i], (u64)&cell[1]), "VMsucceed");
		check_number(text("memory_value.%x", some[i]), cell[1], want[i]);
		check_true(text("memory_bounds.%x", some[i]), !~cell[0] && !~cell[2]);
	}
}

void conform_fields(void)
{
	theme("field");
	guest_reset(L2_LONG, NULL);
	known_fields();
	unknown_fields();
	wide_encodings();
	enumeration();
	memory_forms();
}
