/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Architectural constants of VMX under the SDM's names: MSRs (appendix A), control bits (24.6 to 24.8), exit reasons
 * (appendix C), VM-instruction errors (30.4), event types and the x86 bits that nested VMX needs beside them.
 */
#ifndef NESTVMX_ARCH_H
#define NESTVMX_ARCH_H

#include <nestvmx/version.h>

/* Bit n of a word of 32 bits, of 64 bits. */
#define NVMX_BIT(n) (1u << (n))
#define NVMX_BIT64(n) (1ull << (n))

/* MSRs */
#define NVMX_MSR_TSC 0x10u
#define NVMX_MSR_APIC_BASE 0x1bu
#define NVMX_MSR_FEATURE_CONTROL 0x3au
#define NVMX_MSR_BIOS_UPDT_TRIG 0x79u
#define NVMX_MSR_BIOS_SIGN_ID 0x8bu
#define NVMX_MSR_SMM_MONITOR_CTL 0x9bu
#define NVMX_MSR_SMBASE 0x9eu
#define NVMX_MSR_SYSENTER_CS 0x174u
#define NVMX_MSR_SYSENTER_ESP 0x175u
#define NVMX_MSR_SYSENTER_EIP 0x176u
#define NVMX_MSR_DEBUGCTL 0x1d9u
#define NVMX_MSR_PAT 0x277u
#define NVMX_MSR_PERF_GLOBAL_CTRL 0x38fu
#define NVMX_MSR_VMX_BASIC 0x480u
#define NVMX_MSR_VMX_PINBASED_CTLS 0x481u
#define NVMX_MSR_VMX_PROCBASED_CTLS 0x482u
#define NVMX_MSR_VMX_EXIT_CTLS 0x483u
#define NVMX_MSR_VMX_ENTRY_CTLS 0x484u
#define NVMX_MSR_VMX_MISC 0x485u
#define NVMX_MSR_VMX_CR0_FIXED0 0x486u
#define NVMX_MSR_VMX_CR0_FIXED1 0x487u
#define NVMX_MSR_VMX_CR4_FIXED0 0x488u
#define NVMX_MSR_VMX_CR4_FIXED1 0x489u
#define NVMX_MSR_VMX_VMCS_ENUM 0x48au
#define NVMX_MSR_VMX_PROCBASED_CTLS2 0x48bu
#define NVMX_MSR_VMX_EPT_VPID_CAP 0x48cu
#define NVMX_MSR_VMX_TRUE_PINBASED_CTLS 0x48du
#define NVMX_MSR_VMX_TRUE_PROCBASED_CTLS 0x48eu
#define NVMX_MSR_VMX_TRUE_EXIT_CTLS 0x48fu
#define NVMX_MSR_VMX_TRUE_ENTRY_CTLS 0x490u
#define NVMX_MSR_VMX_VMFUNC 0x491u
#define NVMX_MSR_VMX_PROCBASED_CTLS3 0x492u
#define NVMX_MSR_SMM_FEATURE_CONTROL 0x4e0u
#define NVMX_MSR_SMM_BLOCKED 0x4e3u
#define NVMX_MSR_U_CET 0x6a0u
#define NVMX_MSR_S_CET 0x6a2u
#define NVMX_MSR_PL0_SSP 0x6a4u
#define NVMX_MSR_INT_SSP_TABLE 0x6a8u
#define NVMX_MSR_PKRS 0x6e1u
#define NVMX_MSR_TSC_DEADLINE 0x6e0u
#define NVMX_MSR_X2APIC_FIRST 0x800u
#define NVMX_MSR_X2APIC_LAST 0x8ffu
#define NVMX_MSR_BNDCFGS 0xd90u
#define NVMX_MSR_XSS 0xda0u
#define NVMX_MSR_EFER 0xc0000080u
#define NVMX_MSR_LSTAR 0xc0000082u
#define NVMX_MSR_CSTAR 0xc0000083u
#define NVMX_MSR_FMASK 0xc0000084u
#define NVMX_MSR_FS_BASE 0xc0000100u
#define NVMX_MSR_GS_BASE 0xc0000101u
#define NVMX_MSR_KERNEL_GS_BASE 0xc0000102u
#define NVMX_MSR_TSC_AUX 0xc0000103u

/* IA32_FEATURE_CONTROL */
#define NVMX_FC_LOCK (1ull << 0)
#define NVMX_FC_VMX_IN_SMX (1ull << 1)
#define NVMX_FC_VMX_OUTSIDE_SMX (1ull << 2)

/* CR0, CR4, RFLAGS, IA32_EFER */
#define NVMX_CR0_PE (1ull << 0)
#define NVMX_CR0_MP (1ull << 1)
#define NVMX_CR0_EM (1ull << 2)
#define NVMX_CR0_TS (1ull << 3)
#define NVMX_CR0_ET (1ull << 4)
#define NVMX_CR0_NE (1ull << 5)
#define NVMX_CR0_WP (1ull << 16)
#define NVMX_CR0_AM (1ull << 18)
#define NVMX_CR0_NW (1ull << 29)
#define NVMX_CR0_CD (1ull << 30)
#define NVMX_CR0_PG (1ull << 31)
#define NVMX_CR4_VME (1ull << 0)
#define NVMX_CR4_PVI (1ull << 1)
#define NVMX_CR4_TSD (1ull << 2)
#define NVMX_CR4_DE (1ull << 3)
#define NVMX_CR4_PSE (1ull << 4)
#define NVMX_CR4_PAE (1ull << 5)
#define NVMX_CR4_MCE (1ull << 6)
#define NVMX_CR4_PGE (1ull << 7)
#define NVMX_CR4_PCE (1ull << 8)
#define NVMX_CR4_OSFXSR (1ull << 9)
#define NVMX_CR4_OSXMMEXCPT (1ull << 10)
#define NVMX_CR4_UMIP (1ull << 11)
#define NVMX_CR4_LA57 (1ull << 12)
#define NVMX_CR4_VMXE (1ull << 13)
#define NVMX_CR4_SMXE (1ull << 14)
#define NVMX_CR4_FSGSBASE (1ull << 16)
#define NVMX_CR4_PCIDE (1ull << 17)
#define NVMX_CR4_OSXSAVE (1ull << 18)
#define NVMX_CR4_KL (1ull << 19)
#define NVMX_CR4_SMEP (1ull << 20)
#define NVMX_CR4_SMAP (1ull << 21)
#define NVMX_CR4_PKE (1ull << 22)
#define NVMX_CR4_CET (1ull << 23)
#define NVMX_CR4_PKS (1ull << 24)
#define NVMX_CR4_UINTR (1ull << 25)
#define NVMX_CR4_LASS (1ull << 27)
#define NVMX_CR4_LAM_SUP (1ull << 28)
#define NVMX_CR4_FRED (1ull << 32)
#define NVMX_RFLAGS_CF (1ull << 0)
#define NVMX_RFLAGS_PF (1ull << 2)
#define NVMX_RFLAGS_AF (1ull << 4)
#define NVMX_RFLAGS_ZF (1ull << 6)
#define NVMX_RFLAGS_SF (1ull << 7)
#define NVMX_RFLAGS_TF (1ull << 8)
#define NVMX_RFLAGS_IF (1ull << 9)
#define NVMX_RFLAGS_OF (1ull << 11)
#define NVMX_RFLAGS_RF (1ull << 16)
#define NVMX_RFLAGS_VM (1ull << 17)
#define NVMX_EFER_SCE (1ull << 0)
#define NVMX_EFER_LME (1ull << 8)
#define NVMX_EFER_LMA (1ull << 10)
#define NVMX_EFER_NXE (1ull << 11)
#define NVMX_DEBUGCTL_LBR (1ull << 0)
#define NVMX_DEBUGCTL_BTF (1ull << 1)
#define NVMX_DR7_GD (1ull << 13)

/* Pin-based VM-execution controls (SDM 24.6.1) */
#define NVMX_PIN_EXT_INT (1u << 0)
#define NVMX_PIN_NMI (1u << 3)
#define NVMX_PIN_VNMI (1u << 5)
#define NVMX_PIN_PREEMPTION_TIMER (1u << 6)
#define NVMX_PIN_POSTED_INT (1u << 7)

/* Primary processor-based VM-execution controls (SDM 24.6.2) */
#define NVMX_PROC_INT_WINDOW (1u << 2)
#define NVMX_PROC_TSC_OFFSET (1u << 3)
#define NVMX_PROC_HLT (1u << 7)
#define NVMX_PROC_INVLPG (1u << 9)
#define NVMX_PROC_MWAIT (1u << 10)
#define NVMX_PROC_RDPMC (1u << 11)
#define NVMX_PROC_RDTSC (1u << 12)
#define NVMX_PROC_CR3_LOAD (1u << 15)
#define NVMX_PROC_CR3_STORE (1u << 16)
#define NVMX_PROC_TERTIARY (1u << 17)
#define NVMX_PROC_CR8_LOAD (1u << 19)
#define NVMX_PROC_CR8_STORE (1u << 20)
#define NVMX_PROC_TPR_SHADOW (1u << 21)
#define NVMX_PROC_NMI_WINDOW (1u << 22)
#define NVMX_PROC_MOV_DR (1u << 23)
#define NVMX_PROC_UNCOND_IO (1u << 24)
#define NVMX_PROC_IO_BITMAPS (1u << 25)
#define NVMX_PROC_MTF (1u << 27)
#define NVMX_PROC_MSR_BITMAPS (1u << 28)
#define NVMX_PROC_MONITOR (1u << 29)
#define NVMX_PROC_PAUSE (1u << 30)
#define NVMX_PROC_SECONDARY (1u << 31)

/* Secondary processor-based VM-execution controls (SDM 24.6.2) */
#define NVMX_PROC2_APIC_ACCESS (1u << 0)
#define NVMX_PROC2_EPT (1u << 1)
#define NVMX_PROC2_DESC_TABLE (1u << 2)
#define NVMX_PROC2_RDTSCP (1u << 3)
#define NVMX_PROC2_X2APIC_MODE (1u << 4)
#define NVMX_PROC2_VPID (1u << 5)
#define NVMX_PROC2_WBINVD (1u << 6)
#define NVMX_PROC2_UNRESTRICTED (1u << 7)
#define NVMX_PROC2_APIC_REGS (1u << 8)
#define NVMX_PROC2_VID (1u << 9)
#define NVMX_PROC2_PAUSE_LOOP (1u << 10)
#define NVMX_PROC2_RDRAND (1u << 11)
#define NVMX_PROC2_INVPCID (1u << 12)
#define NVMX_PROC2_VMFUNC (1u << 13)
#define NVMX_PROC2_SHADOW_VMCS (1u << 14)
#define NVMX_PROC2_ENCLS (1u << 15)
#define NVMX_PROC2_RDSEED (1u << 16)
#define NVMX_PROC2_PML (1u << 17)
#define NVMX_PROC2_VE (1u << 18)
#define NVMX_PROC2_PT_CONCEAL (1u << 19)
#define NVMX_PROC2_XSAVES (1u << 20)
#define NVMX_PROC2_PASID (1u << 21)
#define NVMX_PROC2_MODE_EXEC (1u << 22)
#define NVMX_PROC2_SPP (1u << 23)
#define NVMX_PROC2_PT_GPA (1u << 24)
#define NVMX_PROC2_TSC_SCALING (1u << 25)
#define NVMX_PROC2_USER_WAIT (1u << 26)
#define NVMX_PROC2_PCONFIG (1u << 27)
#define NVMX_PROC2_ENCLV (1u << 28)
#define NVMX_PROC2_BUS_LOCK (1u << 30)
#define NVMX_PROC2_NOTIFY (1u << 31)

/* Tertiary processor-based VM-execution controls (SDM 24.6.2) */
#define NVMX_PROC3_LOADIWKEY (1ull << 0)
#define NVMX_PROC3_HLAT (1ull << 1)
#define NVMX_PROC3_PAGING_WRITE (1ull << 2)
#define NVMX_PROC3_PAGING_VERIFY (1ull << 3)
#define NVMX_PROC3_IPI_VIRT (1ull << 4)
#define NVMX_PROC3_MSR_LISTS (1ull << 6)
#define NVMX_PROC3_SPEC_CTRL (1ull << 7)

/* VM-function controls (SDM 24.6.14) */
#define NVMX_VMFUNC_EPTP_SWITCHING (1ull << 0)

/* VM-exit controls (SDM 24.7.1) */
#define NVMX_EXIT_SAVE_DEBUG (1u << 2)
#define NVMX_EXIT_HOST_64 (1u << 9)
#define NVMX_EXIT_LOAD_PERF (1u << 12)
#define NVMX_EXIT_ACK_INT (1u << 15)
#define NVMX_EXIT_SAVE_PAT (1u << 18)
#define NVMX_EXIT_LOAD_PAT (1u << 19)
#define NVMX_EXIT_SAVE_EFER (1u << 20)
#define NVMX_EXIT_LOAD_EFER (1u << 21)
#define NVMX_EXIT_SAVE_PREEMPTION_TIMER (1u << 22)
#define NVMX_EXIT_CLEAR_BNDCFGS (1u << 23)
#define NVMX_EXIT_PT_CONCEAL (1u << 24)
#define NVMX_EXIT_CLEAR_RTIT (1u << 25)
#define NVMX_EXIT_CLEAR_LBR (1u << 26)
#define NVMX_EXIT_CLEAR_UINV (1u << 27)
#define NVMX_EXIT_LOAD_CET (1u << 28)
#define NVMX_EXIT_LOAD_PKRS (1u << 29)
#define NVMX_EXIT_SAVE_PERF (1u << 30)
#define NVMX_EXIT_SECONDARY (1u << 31)

/* VM-entry controls (SDM 24.8.1) */
#define NVMX_ENTRY_LOAD_DEBUG (1u << 2)
#define NVMX_ENTRY_IA32E (1u << 9)
#define NVMX_ENTRY_SMM (1u << 10)
#define NVMX_ENTRY_DEACT_DUAL (1u << 11)
#define NVMX_ENTRY_LOAD_PERF (1u << 13)
#define NVMX_ENTRY_LOAD_PAT (1u << 14)
#define NVMX_ENTRY_LOAD_EFER (1u << 15)
#define NVMX_ENTRY_LOAD_BNDCFGS (1u << 16)
#define NVMX_ENTRY_PT_CONCEAL (1u << 17)
#define NVMX_ENTRY_LOAD_RTIT (1u << 18)
#define NVMX_ENTRY_LOAD_UINV (1u << 19)
#define NVMX_ENTRY_LOAD_CET (1u << 20)
#define NVMX_ENTRY_LOAD_LBR (1u << 21)
#define NVMX_ENTRY_LOAD_PKRS (1u << 22)
#define NVMX_ENTRY_LOAD_FRED (1u << 23)

/* Interruption-information format (SDM 24.8.3, 24.9.2, 24.9.3) */
#define NVMX_INTR_VECTOR 0xffu
#define NVMX_INTR_TYPE_SHIFT 8
#define NVMX_INTR_TYPE(info) (((info) >> 8) & 7u)
#define NVMX_INTR_DELIVER_EC (1u << 11)
#define NVMX_INTR_NMI_UNBLOCK (1u << 12)
#define NVMX_INTR_VALID (1u << 31)
#define NVMX_EVENT_EXT_INT 0u
#define NVMX_EVENT_NMI 2u
#define NVMX_EVENT_HW_EXC 3u
#define NVMX_EVENT_SW_INT 4u
#define NVMX_EVENT_PRIV_SW_EXC 5u
#define NVMX_EVENT_SW_EXC 6u
#define NVMX_EVENT_OTHER 7u

/* Exception vectors */
#define NVMX_VECTOR_DB 1u
#define NVMX_VECTOR_BP 3u
#define NVMX_VECTOR_OF 4u
#define NVMX_VECTOR_UD 6u
#define NVMX_VECTOR_NM 7u
#define NVMX_VECTOR_DF 8u
#define NVMX_VECTOR_TS 10u
#define NVMX_VECTOR_NP 11u
#define NVMX_VECTOR_SS 12u
#define NVMX_VECTOR_GP 13u
#define NVMX_VECTOR_PF 14u
#define NVMX_VECTOR_AC 17u
#define NVMX_VECTOR_MC 18u
#define NVMX_VECTOR_VE 20u
#define NVMX_VECTOR_CP 21u

/* Guest interruptibility state (SDM 24.4.2) */
#define NVMX_BLOCK_STI (1u << 0)
#define NVMX_BLOCK_MOVSS (1u << 1)
#define NVMX_BLOCK_SMI (1u << 2)
#define NVMX_BLOCK_NMI (1u << 3)
#define NVMX_BLOCK_ENCLAVE (1u << 4) /* blocks nothing: the exit was from an enclave */

/* Pending debug exceptions (24.4.2) */
#define NVMX_PENDING_DBG_BREAKPOINTS 0x100full /* B0 to B3, and that one of them is enabled */
#define NVMX_PENDING_DBG_ENABLED (1ull << 12) /* one of B0 to B3 is enabled */
#define NVMX_PENDING_DBG_BS (1ull << 14)      /* a single step */
#define NVMX_PENDING_DBG_RTM (1ull << 16)     /* in a transactional region */

/* Guest activity state (SDM 24.4.2) */
#define NVMX_ACTIVITY_ACTIVE 0u
#define NVMX_ACTIVITY_HLT 1u
#define NVMX_ACTIVITY_SHUTDOWN 2u
#define NVMX_ACTIVITY_WAIT_SIPI 3u

/* Segment access rights (SDM 24.4.1) */
#define NVMX_AR_TYPE 0xfu
#define NVMX_AR_S (1u << 4)
#define NVMX_AR_DPL(ar) (((ar) >> 5) & 3u)
#define NVMX_AR_P (1u << 7)
#define NVMX_AR_L (1u << 13)
#define NVMX_AR_DB (1u << 14)
#define NVMX_AR_G (1u << 15)
#define NVMX_AR_UNUSABLE (1u << 16)

/* Basic exit reasons (SDM appendix C) */
enum nvmx_exit_reason {
	NVMX_XR_EXCEPTION_NMI = 0,
	NVMX_XR_EXT_INT = 1,
	NVMX_XR_TRIPLE_FAULT = 2,
	NVMX_XR_INIT = 3,
	NVMX_XR_SIPI = 4,
	NVMX_XR_IO_SMI = 5,
	NVMX_XR_OTHER_SMI = 6,
	NVMX_XR_INT_WINDOW = 7,
	NVMX_XR_NMI_WINDOW = 8,
	NVMX_XR_TASK_SWITCH = 9,
	NVMX_XR_CPUID = 10,
	NVMX_XR_GETSEC = 11,
	NVMX_XR_HLT = 12,
	NVMX_XR_INVD = 13,
	NVMX_XR_INVLPG = 14,
	NVMX_XR_RDPMC = 15,
	NVMX_XR_RDTSC = 16,
	NVMX_XR_RSM = 17,
	NVMX_XR_VMCALL = 18,
	NVMX_XR_VMCLEAR = 19,
	NVMX_XR_VMLAUNCH = 20,
	NVMX_XR_VMPTRLD = 21,
	NVMX_XR_VMPTRST = 22,
	NVMX_XR_VMREAD = 23,
	NVMX_XR_VMRESUME = 24,
	NVMX_XR_VMWRITE = 25,
	NVMX_XR_VMXOFF = 26,
	NVMX_XR_VMXON = 27,
	NVMX_XR_CR_ACCESS = 28,
	NVMX_XR_MOV_DR = 29,
	NVMX_XR_IO = 30,
	NVMX_XR_RDMSR = 31,
	NVMX_XR_WRMSR = 32,
	NVMX_XR_ENTRY_FAIL_GUEST = 33,
	NVMX_XR_ENTRY_FAIL_MSR = 34,
	NVMX_XR_MWAIT = 36,
	NVMX_XR_MTF = 37,
	NVMX_XR_MONITOR = 39,
	NVMX_XR_PAUSE = 40,
	NVMX_XR_ENTRY_FAIL_MCE = 41,
	NVMX_XR_TPR = 43,
	NVMX_XR_APIC_ACCESS = 44,
	NVMX_XR_EOI = 45,
	NVMX_XR_GDTR_IDTR = 46,
	NVMX_XR_LDTR_TR = 47,
	NVMX_XR_EPT_VIOLATION = 48,
	NVMX_XR_EPT_MISCONFIG = 49,
	NVMX_XR_INVEPT = 50,
	NVMX_XR_RDTSCP = 51,
	NVMX_XR_PREEMPTION_TIMER = 52,
	NVMX_XR_INVVPID = 53,
	NVMX_XR_WBINVD = 54,
	NVMX_XR_XSETBV = 55,
	NVMX_XR_APIC_WRITE = 56,
	NVMX_XR_RDRAND = 57,
	NVMX_XR_INVPCID = 58,
	NVMX_XR_VMFUNC = 59,
	NVMX_XR_ENCLS = 60,
	NVMX_XR_RDSEED = 61,
	NVMX_XR_PML_FULL = 62,
	NVMX_XR_XSAVES = 63,
	NVMX_XR_XRSTORS = 64,
	NVMX_XR_PCONFIG = 65,
	NVMX_XR_SPP = 66,
	NVMX_XR_UMWAIT = 67,
	NVMX_XR_TPAUSE = 68,
	NVMX_XR_LOADIWKEY = 69,
	NVMX_XR_ENCLV = 70,
	NVMX_XR_ENQCMD = 72,
	NVMX_XR_ENQCMDS = 73,
	NVMX_XR_BUS_LOCK = 74,
	NVMX_XR_NOTIFY = 75,
	NVMX_XR_SEAMCALL = 76,
	NVMX_XR_TDCALL = 77,
	NVMX_XR_RDMSRLIST = 78,
	NVMX_XR_WRMSRLIST = 79,
	NVMX_XR_RDMSR_IMM = 84,
	NVMX_XR_WRMSRNS_IMM = 85,
	NVMX_XR_COUNT = 86
};
#define NVMX_XR_ENTRY_FAILURE (1u << 31)
/* Other bits of the exit-reason field (SDM 24.9.1) */
#define NVMX_XR_BUS_LOCK_FLAG (1u << 26)
#define NVMX_XR_ENCLAVE_FLAG (1u << 27)

/* VM-instruction error numbers (SDM 30.4) */
enum nvmx_vmerr {
	NVMX_VMERR_VMCALL_IN_ROOT = 1,
	NVMX_VMERR_VMCLEAR_ADDR = 2,
	NVMX_VMERR_VMCLEAR_VMXON_PTR = 3,
	NVMX_VMERR_VMLAUNCH_NOT_CLEAR = 4,
	NVMX_VMERR_VMRESUME_NOT_LAUNCHED = 5,
	NVMX_VMERR_VMRESUME_AFTER_VMXOFF = 6,
	NVMX_VMERR_ENTRY_CONTROLS = 7,
	NVMX_VMERR_ENTRY_HOST_STATE = 8,
	NVMX_VMERR_VMPTRLD_ADDR = 9,
	NVMX_VMERR_VMPTRLD_VMXON_PTR = 10,
	NVMX_VMERR_VMPTRLD_REVISION = 11,
	NVMX_VMERR_UNSUPPORTED_FIELD = 12,
	NVMX_VMERR_READ_ONLY_FIELD = 13,
	NVMX_VMERR_VMXON_IN_ROOT = 15,
	NVMX_VMERR_ENTRY_MOVSS = 26,
	NVMX_VMERR_INVALID_OPERAND = 28
};

/* IA32_VMX_MISC (appendix A.6), IA32_VMX_EPT_VPID_CAP (appendix A.10) */
#define NVMX_MISC_STORE_LMA (1ull << 5)
#define NVMX_MISC_HLT (1ull << 6)
#define NVMX_MISC_SHUTDOWN (1ull << 7)
#define NVMX_MISC_WAIT_SIPI (1ull << 8)
#define NVMX_MISC_CR3_TARGETS(misc) ((unsigned)((misc) >> 16) & 0x1ffu)
#define NVMX_MISC_MSR_LIST_MAX(misc) (512u * (((unsigned)((misc) >> 25) & 7u) + 1u))
#define NVMX_MISC_VMWRITE_RO (1ull << 29)
#define NVMX_MISC_ZERO_LEN_INJECT (1ull << 30)
#define NVMX_EPT_X_ONLY (1ull << 0)
#define NVMX_EPT_WALK4 (1ull << 6)
#define NVMX_EPT_WALK5 (1ull << 7)
#define NVMX_EPT_UC (1ull << 8)
#define NVMX_EPT_WB (1ull << 14)
#define NVMX_EPT_2M (1ull << 16)
#define NVMX_EPT_1G (1ull << 17)
#define NVMX_EPT_INVEPT (1ull << 20)
#define NVMX_EPT_AD (1ull << 21)
#define NVMX_EPT_ADV_INFO (1ull << 22)
#define NVMX_EPT_SSS (1ull << 23)
#define NVMX_EPT_INVEPT_SINGLE (1ull << 25)
#define NVMX_EPT_INVEPT_ALL (1ull << 26)
#define NVMX_EPT_INVVPID (1ull << 32)
#define NVMX_EPT_INVVPID_ADDR (1ull << 40)
#define NVMX_EPT_INVVPID_SINGLE (1ull << 41)
#define NVMX_EPT_INVVPID_ALL (1ull << 42)
#define NVMX_EPT_INVVPID_NON_GLOBAL (1ull << 43)

#endif
