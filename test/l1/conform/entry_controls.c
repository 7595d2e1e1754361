/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.2.1: checks on VM-execution, VM-exit and VM-entry control fields. */
#include "entry.h"

#define TPR .proc = PROC_TPR_SHADOW

static const struct entry_row execution[] = {
	{ "valid", RUNS },
	{ "cr3_targets.4", RUNS, .change = { { CR3_TARGET_COUNT, SET, 4 } } },
	{ "cr3_targets.5", CONTROLS, .change = { { CR3_TARGET_COUNT, SET, 5 } } },
	{ "io_bitmaps", RUNS, .proc = PROC_IO_BITMAPS },
	{ "io_bitmap_a.low", CONTROLS, .proc = PROC_IO_BITMAPS, .change = { { IO_BITMAP_A, OR, 1 } } },
	{ "io_bitmap_a.bit11", CONTROLS, .proc = PROC_IO_BITMAPS, .change = { { IO_BITMAP_A, OR, 0x800 } } },
	{ "io_bitmap_a.wide", CONTROLS, .proc = PROC_IO_BITMAPS, .change = { { IO_BITMAP_A, WIDE } } },
	{ "io_bitmap_b.low", CONTROLS, .proc = PROC_IO_BITMAPS, .change = { { IO_BITMAP_B, OR, 1 } } },
	{ "io_bitmap_b.wide", CONTROLS, .proc = PROC_IO_BITMAPS, .change = { { IO_BITMAP_B, WIDE } } },
	{ "io_bitmap_a.off", RUNS, .change = { { IO_BITMAP_A, OR, 1 } } },
	{ "msr_bitmap", RUNS, .proc = PROC_MSR_BITMAPS },
	{ "msr_bitmap.low", CONTROLS, .proc = PROC_MSR_BITMAPS, .change = { { MSR_BITMAP, OR, 0x10 } } },
	{ "msr_bitmap.wide", CONTROLS, .proc = PROC_MSR_BITMAPS, .change = { { MSR_BITMAP, WIDE } } },
	{ "msr_bitmap.off", RUNS, .change = { { MSR_BITMAP, OR, 0x10 } } },
	{ "tpr", RUNS, TPR },
	{ "tpr.address_low", CONTROLS, TPR, .change = { { VIRTUAL_APIC_ADDRESS, OR, 0x10 } } },
	{ "tpr.address_wide", CONTROLS, TPR, .change = { { VIRTUAL_APIC_ADDRESS, WIDE } } },
	{ "tpr.threshold_reserved", CONTROLS, TPR, .change = { { TPR_THRESHOLD, SET, 0x10 } } },
	{ "tpr.threshold_bit31", CONTROLS, TPR, .change = { { TPR_THRESHOLD, SET, 0x80000000 } } },
	{ "tpr.threshold_equal", RUNS, TPR, .change = { { TPR_THRESHOLD, SET, 5 } } },
	{ "tpr.threshold_above", CONTROLS, TPR, .change = { { TPR_THRESHOLD, SET, 6 } } },
	{ "tpr.threshold_virtual_interrupts", RUNS, .pin = PIN_EXTINT_EXITING, TPR, .proc2 = PROC2_VIRTUAL_INTERRUPTS,
	  .change = { { TPR_THRESHOLD, SET, 0xf0 } } },
	{ "tpr.off", RUNS, .change = { { TPR_THRESHOLD, SET, 0xff } } },
	{ "x2apic.no_tpr", CONTROLS, .proc2 = PROC2_X2APIC_MODE },
	{ "apic_registers.no_tpr", CONTROLS, .proc2 = PROC2_APIC_REGISTERS },
	{ "virtual_interrupts.no_tpr", CONTROLS, .pin = PIN_EXTINT_EXITING, .proc2 = PROC2_VIRTUAL_INTERRUPTS },
	{ "x2apic", RUNS, TPR, .proc2 = PROC2_X2APIC_MODE },
	{ "apic_registers", RUNS, TPR, .proc2 = PROC2_APIC_REGISTERS },
	{ "virtual_interrupts", RUNS, .pin = PIN_EXTINT_EXITING, TPR, .proc2 = PROC2_VIRTUAL_INTERRUPTS },
	{ "virtual_interrupts.no_extint", CONTROLS, TPR, .proc2 = PROC2_VIRTUAL_INTERRUPTS },
	{ "x2apic.and_accesses", CONTROLS, TPR, .proc2 = PROC2_X2APIC_MODE | PROC2_APIC_ACCESSES },
	{ "apic_accesses.low", CONTROLS, TPR, .proc2 = PROC2_APIC_ACCESSES,
	  .change = { { APIC_ACCESS_ADDRESS, OR, 8 } } },
	{ "apic_accesses.wide", CONTROLS, TPR, .proc2 = PROC2_APIC_ACCESSES, .change = { { APIC_ACCESS_ADDRESS, WIDE } } },
	{ "virtual_nmis", RUNS, .pin = PIN_NMI_EXITING | PIN_VIRTUAL_NMIS },
	{ "virtual_nmis.no_nmi_exiting", CONTROLS, .pin = PIN_VIRTUAL_NMIS },
	{ "nmi_window.no_virtual_nmis", CONTROLS, .pin = PIN_NMI_EXITING, .proc = PROC_NMI_WINDOW },
	{ "nmi_window", "exit 8 q=0", .pin = PIN_NMI_EXITING | PIN_VIRTUAL_NMIS, .proc = PROC_NMI_WINDOW },
	{ "posted.no_virtual_interrupts", CONTROLS, .pin = PIN_EXTINT_EXITING | PIN_POSTED_INTERRUPTS, TPR,
	  .exit = EXIT_ACK_INTERRUPT },
	{ "posted.no_acknowledge", CONTROLS, .pin = PIN_EXTINT_EXITING | PIN_POSTED_INTERRUPTS, TPR,
	  .proc2 = PROC2_VIRTUAL_INTERRUPTS },
	{ "vpid", RUNS, .proc2 = PROC2_VPID },
	{ "vpid.zero", CONTROLS, .proc2 = PROC2_VPID, .change = { { VIRTUAL_PROCESSOR_ID, SET, 0 } } },
	{ "vpid.off", RUNS, .change = { { VIRTUAL_PROCESSOR_ID, SET, 0 } } },
	{ "unrestricted.no_ept", CONTROLS, PLAIN, .proc2 = PROC2_UNRESTRICTED },
	{ "mode_based.no_ept", CONTROLS, PLAIN, .proc2 = PROC2_MODE_BASED_EXECUTE },
	{ "pml.no_ept", CONTROLS, PLAIN, .proc2 = PROC2_PML },
	{ "pml", RUNS, .proc2 = PROC2_PML },
	{ "pml.low", CONTROLS, .proc2 = PROC2_PML, .change = { { PML_ADDRESS, OR, 0x800 } } },
	{ "pml.wide", CONTROLS, .proc2 = PROC2_PML, .change = { { PML_ADDRESS, WIDE } } },
	{ "vmfunc", RUNS, .proc2 = PROC2_VMFUNC },
	{ "vmfunc.reserved", CONTROLS, .proc2 = PROC2_VMFUNC, .change = { { VM_FUNCTION_CONTROLS, SET, 2 } } },
	{ "vmfunc.reserved63", CONTROLS, .proc2 = PROC2_VMFUNC, .change = { { VM_FUNCTION_CONTROLS, SET, BIT(63) } } },
	{ "vmfunc.list_low", CONTROLS, .proc2 = PROC2_VMFUNC,
	  .change = { { VM_FUNCTION_CONTROLS, SET, 1 }, { EPTP_LIST_ADDRESS, OR, 8 } } },
	{ "vmfunc.list_wide", CONTROLS, .proc2 = PROC2_VMFUNC,
	  .change = { { VM_FUNCTION_CONTROLS, SET, 1 }, { EPTP_LIST_ADDRESS, WIDE } } },
	{ "vmfunc.switch_no_ept", CONTROLS, PLAIN, .proc2 = PROC2_VMFUNC,
	  .change = { { VM_FUNCTION_CONTROLS, SET, 1 } } },
	{ "shadowing", RUNS, .proc2 = PROC2_VMCS_SHADOWING },
	{ "shadowing.read_low", CONTROLS, .proc2 = PROC2_VMCS_SHADOWING, .change = { { VMREAD_BITMAP, OR, 1 } } },
	{ "shadowing.read_wide", CONTROLS, .proc2 = PROC2_VMCS_SHADOWING, .change = { { VMREAD_BITMAP, WIDE } } },
	{ "shadowing.write_low", CONTROLS, .proc2 = PROC2_VMCS_SHADOWING, .change = { { VMWRITE_BITMAP, OR, 1 } } },
	{ "shadowing.write_wide", CONTROLS, .proc2 = PROC2_VMCS_SHADOWING, .change = { { VMWRITE_BITMAP, WIDE } } },
	{ "ve.low", CONTROLS, .proc2 = PROC2_EPT_VE, .change = { { VE_INFO_ADDRESS, OR, 0x40 } } },
	{ "ve.wide", CONTROLS, .proc2 = PROC2_EPT_VE, .change = { { VE_INFO_ADDRESS, WIDE } } },
	{ "tsc_scaling.zero", CONTROLS, .proc2 = PROC2_TSC_SCALING, .change = { { TSC_MULTIPLIER, SET, 0 } } },
	{ "tsc_scaling", RUNS, .proc2 = PROC2_TSC_SCALING },
	{ "secondary.off", RUNS, PLAIN, .change = { { PROC_CONTROLS2, SET, 0xffffffff } } },
	{ "ept.type1", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, CLEAR, 7 }, { EPT_POINTER, OR, 1 } } },
	{ "ept.type2", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, CLEAR, 7 }, { EPT_POINTER, OR, 2 } } },
	{ "ept.type4", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, CLEAR, 7 }, { EPT_POINTER, OR, 4 } } },
	{ "ept.type5", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, CLEAR, 7 }, { EPT_POINTER, OR, 5 } } },
	{ "ept.type7", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, OR, 7 } } },
	{ "ept.walk1", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, CLEAR, 0x38 } } },
	{ "ept.walk3", CONTROLS, .proc2 = PROC2_EPT,
	  .change = { { EPT_POINTER, CLEAR, 0x38 }, { EPT_POINTER, OR, 0x10 } } },
	{ "ept.walk8", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, OR, 0x38 } } },
	{ "ept.bit8", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, OR, 0x100 } } },
	{ "ept.bit11", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, OR, 0x800 } } },
	{ "ept.wide", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, WIDE } } },
	{ "ept.bit63", CONTROLS, .proc2 = PROC2_EPT, .change = { { EPT_POINTER, OR, BIT(63) } } },
};

#define POSTED .pin = PIN_EXTINT_EXITING | PIN_POSTED_INTERRUPTS, TPR, .proc2 = PROC2_VIRTUAL_INTERRUPTS, \
	.exit = EXIT_ACK_INTERRUPT

static const struct entry_row exit_entry[] = {
	{ "posted", RUNS, POSTED },
	{ "posted.vector", CONTROLS, POSTED, .change = { { POSTED_INT_VECTOR, SET, 0x100 } } },
	{ "posted.descriptor_low", CONTROLS, POSTED, .change = { { POSTED_INT_DESC_ADDRESS, OR, 0x20 } } },
	{ "posted.descriptor_wide", CONTROLS, POSTED, .change = { { POSTED_INT_DESC_ADDRESS, WIDE } } },
	{ "save_timer.no_timer", CONTROLS, .exit = EXIT_SAVE_TIMER,
	  .change = { { PIN_CONTROLS, CLEAR, PIN_PREEMPTION_TIMER } } },
	{ "exit_store.low", CONTROLS, .change = { { EXIT_MSR_STORE_COUNT, SET, 1 }, { EXIT_MSR_STORE_ADDRESS, OR, 8 } } },
	{ "exit_store.wide", CONTROLS, .change = { { EXIT_MSR_STORE_COUNT, SET, 1 }, { EXIT_MSR_STORE_ADDRESS, WIDE } } },
	{ "exit_store.off", RUNS, .change = { { EXIT_MSR_STORE_ADDRESS, OR, 8 } } },
	{ "exit_load.low", CONTROLS, .change = { { EXIT_MSR_LOAD_COUNT, SET, 1 }, { EXIT_MSR_LOAD_ADDRESS, OR, 8 } } },
	{ "exit_load.wide", CONTROLS, .change = { { EXIT_MSR_LOAD_COUNT, SET, 1 }, { EXIT_MSR_LOAD_ADDRESS, WIDE } } },
	{ "exit_load.off", RUNS, .change = { { EXIT_MSR_LOAD_ADDRESS, WIDE } } },
	{ "entry_load.low", CONTROLS, .change = { { ENTRY_MSR_LOAD_COUNT, SET, 1 }, { ENTRY_MSR_LOAD_ADDRESS, OR, 1 } } },
	{ "entry_load.wide", CONTROLS, .change = { { ENTRY_MSR_LOAD_COUNT, SET, 1 }, { ENTRY_MSR_LOAD_ADDRESS, WIDE } } },
	{ "entry_load.off", RUNS, .change = { { ENTRY_MSR_LOAD_ADDRESS, OR, 1 } } },
	{ "to_smm", CONTROLS, .entry = ENTRY_TO_SMM },
	{ "deactivate_dual", CONTROLS, .entry = ENTRY_DEACTIVATE_DUAL },
	{ "to_smm.both", CONTROLS, .entry = ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL },
};

static const struct { const char *name; u16 field; } lists[] = {
	{ "exit_store", EXIT_MSR_STORE_ADDRESS }, { "exit_load", EXIT_MSR_LOAD_ADDRESS },
	{ "entry_load", ENTRY_MSR_LOAD_ADDRESS } };

/* 26.2.1.2, 26.2.1.3: the last byte of a list must lie within the physical-address width too. */
static void list_ends(void)
{
	static const u16 counts[] = { EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT };
	static const struct entry_row row = { .id = "" };

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		entry_prepare(&row);
		vmwrite(counts[i], 2);
		vmwrite(lists[i].field, BIT(caps.phys_bits) - 16);
		check(text("%s.last_byte", lists[i].name), guest_run(), CONTROLS);
	}
}

/* Each bit of each control: reserved ones must have the value that the capability MSR states. */
static void reserved_bits(const char *name, u16 field, u64 capability)
{
	static const struct entry_row row = { .id = "" };

	for (unsigned bit = 0; bit < 32; bit++) {
		bool may1 = capability >> 32 & BIT(bit), must1 = capability & BIT(bit);
		const char *id = text("%s.bit%u", name, bit);

		if (may1 && !must1) {
			check(id, "flexible", "flexible");
			continue;
		}
		entry_prepare(&row);
		vmwrite(PROC_CONTROLS, vmread(PROC_CONTROLS) | PROC_SECONDARY);
		vmwrite(field, vmread(field) ^ BIT(bit));
		check(id, text("%u, else %s", must1, guest_run()), text("%u, else %s", must1, CONTROLS));
	}
}

/* 26.2.1.3: the VM-entry interruption-information field. */
struct event_row { const char *id; u32 info, error, length; };
#define DELIVERED INTR_DELIVER_ERROR

static void events(enum start start, const char *group, const struct event_row *rows, unsigned n, const char *want)
{
	struct entry_row row = { .id = "", .start = start };

	for (unsigned i = 0; i < n; i++) {
		if (!entry_prepare(&row)) {
			skip(text("%s.%s", group, rows[i].id), "not offered");
			continue;
		}
		vmwrite(ENTRY_INTR_INFO, rows[i].info | INTR_VALID);
		vmwrite(ENTRY_ERROR_CODE, rows[i].error);
		vmwrite(ENTRY_INSTRUCTION_LENGTH, rows[i].length);
		check(text("%s.%s", group, rows[i].id), guest_run(), want);
	}
}

static const struct event_row bad_events[] = {
	{ .id = "type1", .info = 0x120 },
	{ .id = "reserved12", .info = INTR_EXTERNAL | 0x20 | 1 << 12 },
	{ .id = "reserved30", .info = INTR_EXTERNAL | 0x20 | 1 << 30 },
	{ .id = "nmi_vector3", .info = INTR_NMI | 3 },
	{ .id = "nmi_vector0", .info = INTR_NMI },
	{ .id = "exception32", .info = INTR_HARD_EXCEPTION | 32 },
	{ .id = "exception255", .info = INTR_HARD_EXCEPTION | 255 },
	{ .id = "error_external", .info = INTR_EXTERNAL | DELIVERED | 13 },
	{ .id = "error_nmi", .info = INTR_NMI | DELIVERED | 2 },
	{ .id = "error_soft_interrupt", .info = INTR_SOFT_INTERRUPT | DELIVERED | 13, .length = 2 },
	{ .id = "error_soft_exception", .info = INTR_SOFT_EXCEPTION | DELIVERED | 13, .length = 1 },
	{ .id = "error_code16", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_GP, .error = 1 << 16 },
	{ .id = "error_code31", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_GP, .error = 1u << 31 },
	{ .id = "length16_interrupt", .info = INTR_SOFT_INTERRUPT | 0x20, .length = 16 },
	{ .id = "length16_privileged", .info = INTR_PRIV_EXCEPTION | 1, .length = 16 },
	{ .id = "length16_exception", .info = INTR_SOFT_EXCEPTION | 3, .length = 16 },
};
/* Which exceptions have an error code is the processor's to say, unless IA32_VMX_BASIC[56] leaves it to the VMM (A.1). */
static const struct event_row error_codes[] = {
	{ .id = "error_ud", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_UD },
	{ .id = "error_de", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_DE },
	{ .id = "error_mc", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_MC },
	{ .id = "no_error_df", .info = INTR_HARD_EXCEPTION | VEC_DF },
	{ .id = "no_error_ts", .info = INTR_HARD_EXCEPTION | VEC_TS },
	{ .id = "no_error_np", .info = INTR_HARD_EXCEPTION | VEC_NP },
	{ .id = "no_error_ss", .info = INTR_HARD_EXCEPTION | VEC_SS },
	{ .id = "no_error_gp", .info = INTR_HARD_EXCEPTION | VEC_GP },
	{ .id = "no_error_pf", .info = INTR_HARD_EXCEPTION | VEC_PF },
	{ .id = "no_error_ac", .info = INTR_HARD_EXCEPTION | VEC_AC },
};
static const struct event_row zero_lengths[] = {
	{ .id = "length0_interrupt", .info = INTR_SOFT_INTERRUPT | 0x20 },
	{ .id = "length0_privileged", .info = INTR_PRIV_EXCEPTION | 1 },
	{ .id = "length0_exception", .info = INTR_SOFT_EXCEPTION | 3 },
};
/* Without the monitor trap flag the whole type is reserved; Bochs stops itself there. */
static const struct event_row other_events[] = {
	{ .id = "other_vector1", .info = INTR_OTHER | 1 },
	{ .id = "other_error", .info = INTR_OTHER | DELIVERED },
};
static const struct event_row real_events[] = {
	{ .id = "error_gp", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_GP },
	{ .id = "error_df", .info = INTR_HARD_EXCEPTION | DELIVERED | VEC_DF },
};

void conform_entry_controls(void)
{
	theme("controls");
	entry_begin();
	reserved_bits("pin", PIN_CONTROLS, caps.pin);
	reserved_bits("proc", PROC_CONTROLS, caps.proc);
	if (can(caps.proc, PROC_SECONDARY))
		reserved_bits("proc2", PROC_CONTROLS2, caps.proc2);
	reserved_bits("exit", EXIT_CONTROLS, caps.exit);
	reserved_bits("entry", ENTRY_CONTROLS, caps.entry);
	entry_rows(execution, ARRAY_SIZE(execution));
	entry_rows(exit_entry, ARRAY_SIZE(exit_entry));
	list_ends();
	events(LONG, "event", bad_events, ARRAY_SIZE(bad_events), CONTROLS);
	events(LONG, "event", error_codes, ARRAY_SIZE(error_codes), caps.basic & BIT(56) ? "exit 0 q=0" : CONTROLS);
	if (!(caps.misc & BIT(30)))
		events(LONG, "event", zero_lengths, ARRAY_SIZE(zero_lengths), CONTROLS);
	if (can(caps.proc, PROC_MTF))
		events(LONG, "event", other_events, ARRAY_SIZE(other_events), CONTROLS);
	else
		skip("event.other", "monitor trap flag");
	events(REAL, "event_real", real_events, ARRAY_SIZE(real_events), CONTROLS);
}
