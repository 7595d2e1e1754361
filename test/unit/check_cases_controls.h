/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.2.1; see check_cases.h */
#define PAGE(row, control, FIELD)                                                                         \
	CASE(row, LONG_MODE, (control, F(FIELD, 0x1800)), F(FIELD, 0x1000))                               \
	CASE(row, LONG_MODE, (control, F(FIELD, TOO_WIDE)), F(FIELD, TOO_WIDE - 0x1000))                  \
	CASE(row, LONG_MODE, (control, F(FIELD, 1), F(PIN_CTLS, 0x17)), F(FIELD, 0))

CASE("ctrl.pin.reserved", LONG_MODE, (F(PIN_CTLS, 0x14)), F(PIN_CTLS, 0x16))
CASE("ctrl.pin.reserved", LONG_MODE, (F(PIN_CTLS, 0x116)), F(PIN_CTLS, 0x16))
CASE("ctrl.proc.reserved", LONG_MODE, (F(PROC_CTLS, SECONDARY & ~2u)), F(PROC_CTLS, SECONDARY))
CASE("ctrl.proc.reserved", LONG_MODE, (F(PROC_CTLS, SECONDARY | 1)), F(PROC_CTLS, SECONDARY))
CASE("ctrl.proc2.reserved", LONG_MODE, (F(PROC_CTLS2, 1u << 31)), F(PROC_CTLS, SECONDARY & ~NVMX_PROC_SECONDARY))
CASE("ctrl.exit.reserved", LONG_MODE, (F(EXIT_CTLS, 0x36ffa)), F(EXIT_CTLS, 0x36ffb))
CASE("ctrl.exit.reserved", LONG_MODE, (F(EXIT_CTLS, 0x1036ffb)), F(EXIT_CTLS, 0x36ffb))
CASE("ctrl.entry.reserved", LONG_MODE, (F(ENTRY_CTLS, 0x13fa)), F(ENTRY_CTLS, 0x13fb))
CASE("ctrl.entry.reserved", LONG_MODE, (F(ENTRY_CTLS, 0x2013fb)), F(ENTRY_CTLS, 0x13fb))
CASE("ctrl.cr3_target.count", LONG_MODE, (F(CR3_TARGET_COUNT, 5)), F(CR3_TARGET_COUNT, 4))

PAGE("ctrl.io_bitmap_a.address", F(PROC_CTLS, SECONDARY | NVMX_PROC_IO_BITMAPS), IO_BITMAP_A)
PAGE("ctrl.io_bitmap_b.address", F(PROC_CTLS, SECONDARY | NVMX_PROC_IO_BITMAPS), IO_BITMAP_B)
PAGE("ctrl.msr_bitmap.address", F(PROC_CTLS, SECONDARY | NVMX_PROC_MSR_BITMAPS), MSR_BITMAP)
CASE("ctrl.msr_bitmap.address", LONG_MODE, (F(PROC_CTLS, SECONDARY | NVMX_PROC_MSR_BITMAPS), F(MSR_BITMAP, 1ull << 32),
     X(CAP(BASIC), REVISION | 1ull << 48)), F(MSR_BITMAP, 0xfffff000))
CASE("ctrl.vnmi.without_nmi_exiting", LONG_MODE, (F(PIN_CTLS, 0x36)), F(PIN_CTLS, 0x3e))
CASE("ctrl.nmi_window.without_vnmi", LONG_MODE, (F(PROC_CTLS, SECONDARY | NVMX_PROC_NMI_WINDOW)), F(PIN_CTLS, 0x3e))
PAGE("ctrl.vmread_bitmap.address", PROC2(SHADOW_VMCS), VMREAD_BITMAP)
PAGE("ctrl.vmwrite_bitmap.address", PROC2(SHADOW_VMCS), VMWRITE_BITMAP)
PAGE("ctrl.ve_info.address", PROC2(VE), VE_INFO_ADDR)
CASE("ctrl.vpid.zero", LONG_MODE, (PROC2(VPID)), F(VPID, 1))
CASE("ctrl.tsc.multiplier", LONG_MODE, (PROC2(TSC_SCALING)), F(TSC_MULTIPLIER, 1))

PAGE("ctrl.virtual_apic.address", TPR_SHADOW, VIRTUAL_APIC_ADDR)
CASE("ctrl.tpr_threshold.reserved", LONG_MODE, (TPR_SHADOW, F(TPR_THRESHOLD, 0x10)), F(TPR_THRESHOLD, 0))
CASE("ctrl.tpr_threshold.reserved", LONG_MODE, (TPR_SHADOW, F(TPR_THRESHOLD, 0x10)), PROC2(VID), F(PIN_CTLS, 0x17))
CASE("ctrl.tpr_threshold.above_vtpr", LONG_MODE, (TPR_SHADOW, F(TPR_THRESHOLD, 6)), F(TPR_THRESHOLD, 5))
CASE("ctrl.tpr_threshold.above_vtpr", LONG_MODE, (TPR_SHADOW, F(TPR_THRESHOLD, 6)), PROC2(APIC_ACCESS))
CASE("ctrl.tpr_threshold.above_vtpr", LONG_MODE, (TPR_SHADOW, F(TPR_THRESHOLD, 5), X(VTPR, 0x4f)), X(VTPR, 0x5f))
PAGE("ctrl.apic_access.address", PROC2(APIC_ACCESS), APIC_ACCESS_ADDR)
CASE("ctrl.x2apic_mode.without_tpr_shadow", LONG_MODE, (PROC2(X2APIC_MODE)), TPR_SHADOW)
CASE("ctrl.apic_regs.without_tpr_shadow", LONG_MODE, (PROC2(APIC_REGS)), TPR_SHADOW)
CASE("ctrl.vid.without_tpr_shadow", LONG_MODE, (PROC2(VID), F(PIN_CTLS, 0x17)), TPR_SHADOW)
CASE("ctrl.x2apic_mode.with_apic_access", LONG_MODE, (TPR_SHADOW, F(PROC_CTLS2, 0x11)), PROC2(X2APIC_MODE))
CASE("ctrl.vid.without_interrupt_exiting", LONG_MODE, (TPR_SHADOW, PROC2(VID)), F(PIN_CTLS, 0x17))

#define POSTED TPR_SHADOW, PROC2(VID), F(PIN_CTLS, 0x97), EXIT(ACK_INT)
CASE("ctrl.posted_int.without_vid", LONG_MODE, (F(PIN_CTLS, 0x97), EXIT(ACK_INT)), TPR_SHADOW, PROC2(VID))
CASE("ctrl.posted_int.without_ack", LONG_MODE, (TPR_SHADOW, PROC2(VID), F(PIN_CTLS, 0x97)), EXIT(ACK_INT))
CASE("ctrl.posted_int.vector", LONG_MODE, (POSTED, F(POSTED_INT_NV, 0x100)), F(POSTED_INT_NV, 0xff))
CASE("ctrl.posted_int.address", LONG_MODE, (POSTED, F(POSTED_INT_DESC_ADDR, 0x20)), F(POSTED_INT_DESC_ADDR, 0x40))
CASE("ctrl.posted_int.address", LONG_MODE, (POSTED, F(POSTED_INT_DESC_ADDR, TOO_WIDE)),
     F(POSTED_INT_DESC_ADDR, TOO_WIDE - 0x40))
#undef POSTED

CASE("ctrl.eptp.memory_type", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x1019)), F(EPT_POINTER, 0x1018))
CASE("ctrl.eptp.memory_type", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x1018), X(CAP(EPT_VPID_CAP), 0x06134041)),
     F(EPT_POINTER, 0x101e))
CASE("ctrl.eptp.walk_length", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x1016)), F(EPT_POINTER, 0x101e))
CASE("ctrl.eptp.walk_length", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x1036)), F(EPT_POINTER, 0x1026))
CASE("ctrl.eptp.walk_length", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x1026), X(CAP(EPT_VPID_CAP), 0x06134041)),
     F(EPT_POINTER, 0x101e))
CASE("ctrl.eptp.accessed_dirty", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x105e), X(CAP(EPT_VPID_CAP), 0x06134041)),
     F(EPT_POINTER, 0x101e))
CASE("ctrl.eptp.reserved", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x111e)), F(EPT_POINTER, 0x109e))
CASE("ctrl.eptp.reserved", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, 0x109e), X(CAP(EPT_VPID_CAP), 0x06334041)),
     F(EPT_POINTER, 0x105e))
CASE("ctrl.eptp.width", LONG_MODE, (PROC2(EPT), F(EPT_POINTER, TOO_WIDE | 0x1e)),
     F(EPT_POINTER, (TOO_WIDE - 0x1000) | 0x1e))
CASE("ctrl.unrestricted.without_ept", LONG_MODE, (PROC2(UNRESTRICTED)), F(PROC_CTLS2, 0x82))
CASE("ctrl.mode_exec.without_ept", LONG_MODE, (PROC2(MODE_EXEC)), F(PROC_CTLS2, NVMX_PROC2_MODE_EXEC | 2))
CASE("ctrl.pml.without_ept", LONG_MODE, (PROC2(PML)), F(PROC_CTLS2, NVMX_PROC2_PML | 2))
PAGE("ctrl.pml.address", F(PROC_CTLS2, NVMX_PROC2_PML | 2), PML_ADDRESS)
CASE("ctrl.vmfunc.reserved", LONG_MODE, (F(PROC_CTLS2, NVMX_PROC2_VMFUNC | 2), F(VMFUNC_CTLS, 2)), F(VMFUNC_CTLS, 1))
CASE("ctrl.eptp_switching.without_ept", LONG_MODE, (PROC2(VMFUNC), F(VMFUNC_CTLS, 1)),
     F(PROC_CTLS2, NVMX_PROC2_VMFUNC | 2))
CASE("ctrl.eptp_list.address", LONG_MODE, (F(PROC_CTLS2, NVMX_PROC2_VMFUNC | 2), F(VMFUNC_CTLS, 1),
     F(EPTP_LIST_ADDR, 8)),
     F(EPTP_LIST_ADDR, 0x1000))
CASE("ctrl.eptp_list.address", LONG_MODE, (F(PROC_CTLS2, NVMX_PROC2_VMFUNC | 2), F(VMFUNC_CTLS, 1),
     F(EPTP_LIST_ADDR, TOO_WIDE)),
     F(VMFUNC_CTLS, 0))

#define AREA(name, ADDR, COUNT)                                                                  \
	CASE("ctrl." name ".address", LONG_MODE, (F(COUNT, 1), F(ADDR, 8)), F(ADDR, 16))         \
	CASE("ctrl." name ".address", LONG_MODE, (F(COUNT, 1), F(ADDR, TOO_WIDE)), F(COUNT, 0))  \
	CASE("ctrl." name ".end", LONG_MODE, (F(COUNT, 2), F(ADDR, TOO_WIDE - 16)), F(COUNT, 1)) \
	CASE("ctrl." name ".end", LONG_MODE, (F(COUNT, ~0u), F(ADDR, TOO_WIDE - (1ull << 35))), F(ADDR, 0))

CASE("ctrl.exit.save_timer_without_timer", LONG_MODE, (EXIT(SAVE_PREEMPTION_TIMER)), F(PIN_CTLS, 0x56))
AREA("exit_msr_store", EXIT_MSR_STORE_ADDR, EXIT_MSR_STORE_COUNT)
AREA("exit_msr_load", EXIT_MSR_LOAD_ADDR, EXIT_MSR_LOAD_COUNT)
AREA("entry_msr_load", ENTRY_MSR_LOAD_ADDR, ENTRY_MSR_LOAD_COUNT)
CASE("ctrl.entry.smm_outside_smm", LONG_MODE, (ENTRY(SMM), F(GUEST_INTERRUPTIBILITY, 4)), X(IN_SMM, 1))
CASE("ctrl.entry.smm_outside_smm", LONG_MODE, (ENTRY(DEACT_DUAL)), X(IN_SMM, 1))
CASE("ctrl.entry.smm_outside_smm", SMM, (X(IN_SMM, 0)), X(IN_SMM, 1))
CASE("ctrl.entry.smm_and_dual_monitor", SMM, (F(ENTRY_CTLS, 0x1ffb)), ENTRY(SMM))

#define NO_MTF X(CAP(TRUE_PROCBASED_CTLS), 0xf7f9fffe04006172)
CASE("ctrl.event.type", LONG_MODE, (EVENT(0x100)), EVENT(0x202))
CASE("ctrl.event.type", LONG_MODE, (EVENT(0x700), NO_MTF), EVENT(0x301))
CASE("ctrl.event.type", LONG_MODE, (EVENT(0x100)), F(ENTRY_INTR_INFO, 0x100))
CASE("ctrl.event.nmi_vector", LONG_MODE, (EVENT(0x203)), EVENT(0x202))
CASE("ctrl.event.exception_vector", LONG_MODE, (EVENT(0x320)), EVENT(0x31f))
CASE("ctrl.event.other_vector", LONG_MODE, (EVENT(0x701)), EVENT(0x700))
CASE("ctrl.event.error_code_missing", LONG_MODE, (EVENT(0x308)), EVENT(0xb08))
CASE("ctrl.event.error_code_missing", LONG_MODE, (EVENT(0x30d)), EVENT(0xb0d))
CASE("ctrl.event.error_code_missing", LONG_MODE, (EVENT(0x311)), X(CAP(BASIC), REVISION | 1ull << 56))
CASE("ctrl.event.error_code_missing", REAL_MODE, (EVENT(0x30e), F(GUEST_CR0, 0x31)), F(GUEST_CR0, 0x30))
CASE("ctrl.event.error_code_unexpected", LONG_MODE, (EVENT(0xb03)), EVENT(0x303))
CASE("ctrl.event.error_code_unexpected", LONG_MODE, (EVENT(0xb15)), X(CAP(BASIC), REVISION | 1ull << 56))
CASE("ctrl.event.error_code_unexpected", LONG_MODE, (EVENT(0xa02)), EVENT(0x202))
CASE("ctrl.event.error_code_unexpected", LONG_MODE, (EVENT(0xc80), F(ENTRY_INSTR_LEN, 2)), EVENT(0x480))
CASE("ctrl.event.error_code_unexpected", REAL_MODE, (EVENT(0xb0d)), EVENT(0x30d))
CASE("ctrl.event.reserved", LONG_MODE, (EVENT(0x1301)), EVENT(0x301))
CASE("ctrl.event.reserved", LONG_MODE, (EVENT(0x40000301)), EVENT(0x301))
CASE("ctrl.event.error_code_high", LONG_MODE, (EVENT(0xb0d), F(ENTRY_EXC_ERROR_CODE, 0x10000)),
     F(ENTRY_EXC_ERROR_CODE, 0xffff))
CASE("ctrl.event.instr_length", LONG_MODE, (EVENT(0x480)), F(ENTRY_INSTR_LEN, 1))
CASE("ctrl.event.instr_length", LONG_MODE, (EVENT(0x501)), X(CAP(MISC), NVMX_MISC_ZERO_LEN_INJECT))
CASE("ctrl.event.instr_length", LONG_MODE, (EVENT(0x603), F(ENTRY_INSTR_LEN, 16)), F(ENTRY_INSTR_LEN, 15))
#undef NO_MTF
#undef PAGE
#undef AREA
