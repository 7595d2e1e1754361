/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Bits and numbers of the SDM, by the kernel's names. */
#ifndef SHIM_MACHINE_SPECIALREG_H
#define SHIM_MACHINE_SPECIALREG_H

#define CR0_PE 0x00000001u
#define CR0_NE 0x00000020u
#define CR0_NW 0x20000000u
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x00000020u
#define CR4_MCE 0x00000040u
#define CR4_VMXE 0x00002000u

#define EFER_SCE 0x001u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define EFER_NXE 0x800u

#define CPUID_STDEXT3_IBPB 0x04000000u
#define CPUID2_VMX 0x00000020u

#define IA32_FEATURE_CONTROL_LOCK 0x01u
#define IA32_FEATURE_CONTROL_VMX_EN 0x04u

#define MSR_TSC 0x010u
#define MSR_IA32_FEATURE_CONTROL 0x03au
#define MSR_IA32_PRED_CMD 0x049u
#define IA32_PRED_CMD_IBPB_BARRIER 1u
#define MSR_IA32_FLUSH_CMD 0x10bu
#define MSR_SYSENTER_CS_MSR 0x174u
#define MSR_SYSENTER_ESP_MSR 0x175u
#define MSR_SYSENTER_EIP_MSR 0x176u
#define MSR_MTRRcap 0x0feu
#define MSR_MTRRVarBase 0x200u
#define MSR_MTRR64kBase 0x250u
#define MSR_MTRR16kBase 0x258u
#define MSR_MTRR4kBase 0x268u
#define MSR_MTRRdefType 0x2ffu
#define MSR_DEBUGCTLMSR 0x1d9u
#define MSR_PAT 0x277u
#define MSR_VMX_BASIC 0x480u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SF_MASK 0xc0000084u
#define MSR_FSBASE 0xc0000100u
#define MSR_GSBASE 0xc0000101u
#define MSR_KGSBASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

#endif
