/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX instructions, and the VMCS fields, controls and exit reasons that metal itself uses (SDM vol. 3, appendices B, C).
 */
#ifndef METAL_VMX_H
#define METAL_VMX_H

#include "x86.h"

enum vmcs_field {
	VPID = 0x0000,
	GUEST_ES_SELECTOR = 0x0800,
	GUEST_CS_SELECTOR = 0x0802,
	GUEST_LDTR_SELECTOR = 0x080c,
	GUEST_TR_SELECTOR = 0x080e,
	HOST_ES_SELECTOR = 0x0c00,
	HOST_CS_SELECTOR = 0x0c02,
	HOST_SS_SELECTOR = 0x0c04,
	HOST_DS_SELECTOR = 0x0c06,
	HOST_TR_SELECTOR = 0x0c0c,
	IO_BITMAP_A = 0x2000,
	IO_BITMAP_B = 0x2002,
	MSR_BITMAP = 0x2004,
	EPT_POINTER = 0x201a,
	GUEST_PHYSICAL_ADDRESS = 0x2400,
	VMCS_LINK_POINTER = 0x2800,
	GUEST_IA32_DEBUGCTL = 0x2802,
	GUEST_IA32_PAT = 0x2804,
	GUEST_IA32_EFER = 0x2806,
	GUEST_IA32_PKRS = 0x2818,
	HOST_IA32_PAT = 0x2c00,
	HOST_IA32_EFER = 0x2c02,
	HOST_IA32_PKRS = 0x2c06,
	PIN_BASED_CONTROLS = 0x4000,
	PROCESSOR_BASED_CONTROLS = 0x4002,
	EXCEPTION_BITMAP = 0x4004,
	VM_EXIT_CONTROLS = 0x400c,
	VM_ENTRY_CONTROLS = 0x4012,
	VM_ENTRY_INTERRUPTION_INFO = 0x4016,
	VM_ENTRY_EXCEPTION_ERROR_CODE = 0x4018,
	VM_ENTRY_INSTRUCTION_LENGTH = 0x401a,
	SECONDARY_CONTROLS = 0x401e,
	VM_INSTRUCTION_ERROR = 0x4400,
	EXIT_REASON = 0x4402,
	EXIT_INTERRUPTION_INFO = 0x4404,
	EXIT_INTERRUPTION_ERROR_CODE = 0x4406,
	IDT_VECTORING_INFO = 0x4408,
	IDT_VECTORING_ERROR_CODE = 0x440a,
	EXIT_INSTRUCTION_LENGTH = 0x440c,
	EXIT_INSTRUCTION_INFO = 0x440e,
	GUEST_ES_LIMIT = 0x4800,
	GUEST_GDTR_LIMIT = 0x4810,
	GUEST_IDTR_LIMIT = 0x4812,
	GUEST_ES_ACCESS_RIGHTS = 0x4814,
	GUEST_CS_ACCESS_RIGHTS = 0x4816,
	GUEST_SS_ACCESS_RIGHTS = 0x4818,
	GUEST_LDTR_ACCESS_RIGHTS = 0x4820,
	GUEST_TR_ACCESS_RIGHTS = 0x4822,
	GUEST_INTERRUPTIBILITY = 0x4824,
	GUEST_ACTIVITY_STATE = 0x4826,
	CR0_GUEST_HOST_MASK = 0x6000,
	CR4_GUEST_HOST_MASK = 0x6002,
	CR0_READ_SHADOW = 0x6004,
	CR4_READ_SHADOW = 0x6006,
	EXIT_QUALIFICATION = 0x6400,
	GUEST_CR0 = 0x6800,
	GUEST_CR3 = 0x6802,
	GUEST_CR4 = 0x6804,
	GUEST_ES_BASE = 0x6806,
	GUEST_CS_BASE = 0x6808,
	GUEST_SS_BASE = 0x680a,
	GUEST_DR7 = 0x681a,
	GUEST_RSP = 0x681c,
	GUEST_RIP = 0x681e,
	GUEST_RFLAGS = 0x6820,
	GUEST_PENDING_DEBUG = 0x6822,
	GUEST_IA32_S_CET = 0x6828,
	GUEST_SSP = 0x682a,
	GUEST_SSP_TABLE = 0x682c,
	HOST_CR0 = 0x6c00,
	HOST_CR3 = 0x6c02,
	HOST_CR4 = 0x6c04,
	HOST_FS_BASE = 0x6c06,
	HOST_GS_BASE = 0x6c08,
	HOST_TR_BASE = 0x6c0a,
	HOST_GDTR_BASE = 0x6c0c,
	HOST_IDTR_BASE = 0x6c0e,
	HOST_RSP = 0x6c14,
	HOST_RIP = 0x6c16,
	HOST_IA32_S_CET = 0x6c18,
	HOST_SSP = 0x6c1a,
	HOST_SSP_TABLE = 0x6c1c,
};

#define PIN_NMI_EXITING 0x8u
#define PROC_HLT_EXITING 0x80u
#define PROC_IO_BITMAPS 0x2000000u
#define PROC_MONITOR_TRAP 0x8000000u
#define PROC_MSR_BITMAPS 0x10000000u
#define PROC_SECONDARY 0x80000000u
#define PROC2_EPT 0x2u
#define PROC2_RDTSCP 0x8u
#define PROC2_VPID 0x20u
#define PROC2_UNRESTRICTED_GUEST 0x80u
#define PROC2_INVPCID 0x1000u
#define PROC2_XSAVES 0x100000u
#define PROC2_USER_WAIT 0x4000000u
#define EXIT_SAVE_DEBUG 0x4u
#define EXIT_HOST_64 0x200u
#define EXIT_SAVE_PAT 0x40000u
#define EXIT_LOAD_PAT 0x80000u
#define EXIT_SAVE_EFER 0x100000u
#define EXIT_LOAD_EFER 0x200000u
#define EXIT_LOAD_CET 0x10000000u
#define EXIT_LOAD_PKRS 0x20000000u
#define ENTRY_LOAD_DEBUG 0x4u
#define ENTRY_LOAD_PAT 0x4000u
#define ENTRY_LOAD_EFER 0x8000u
#define ENTRY_LOAD_CET 0x100000u
#define ENTRY_LOAD_PKRS 0x400000u

enum exit_reason {
	EXIT_EXCEPTION_OR_NMI = 0,
	EXIT_TRIPLE_FAULT = 2,
	EXIT_INIT = 3,
	EXIT_SIPI = 4,
	EXIT_TASK_SWITCH = 9,
	EXIT_CPUID = 10,
	EXIT_GETSEC = 11,
	EXIT_HLT = 12,
	EXIT_INVD = 13,
	EXIT_VMCALL = 18,
	EXIT_VMXON = 27,
	EXIT_CR_ACCESS = 28,
	EXIT_IO = 30,
	EXIT_RDMSR = 31,
	EXIT_WRMSR = 32,
	EXIT_MONITOR_TRAP = 37,
	EXIT_EPT_VIOLATION = 48,
	EXIT_INVEPT = 50,
	EXIT_INVVPID = 53,
	EXIT_XSETBV = 55,
	EXIT_RDMSR_IMMEDIATE = 84,
	EXIT_WRMSRNS_IMMEDIATE = 85,
	EXIT_REASONS = 86,
};
#define EXIT_ENTRY_FAILURE 0x80000000u

#define ACTIVITY_ACTIVE 0
#define ACTIVITY_HLT 1
#define ACTIVITY_WAIT_FOR_SIPI 3
#define INTERRUPTIBILITY_STI 0x1ull
#define INTERRUPTIBILITY_MOV_SS 0x2ull
#define INTERRUPTIBILITY_NMI 0x8ull
#define PENDING_DEBUG_ENABLED 0x1000ull
#define PENDING_DEBUG_BS 0x4000ull
#define EVENT_VALID 0x80000000u
#define EVENT_ERROR_CODE 0x800u
#define EVENT_NMI 0x200u
#define EVENT_HARDWARE_EXCEPTION 0x300u

static inline uint64_t vmread(enum vmcs_field field)
{
	uint64_t v;
	__asm__ volatile("vmread %1, %0" : "=rm"(v) : "r"((uint64_t)field) : "cc");
	return v;
}

static inline void vmwrite(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %0, %1" : : "rm"(value), "r"((uint64_t)field) : "cc");
}

/* The three instructions that take the address of a page; false is a VMfail of either kind. */
#define DEFINE_VMX_POINTER(name)                                                                                     \
	static inline bool name(uint64_t address)                                                                    \
	{                                                                                                            \
		bool ok;                                                                                             \
		__asm__ volatile(#name " %1" : "=@cca"(ok) : "m"(address) : "memory");                               \
		return ok;                                                                                           \
	}
DEFINE_VMX_POINTER(vmxon)
DEFINE_VMX_POINTER(vmclear)
DEFINE_VMX_POINTER(vmptrld)

#define INVALIDATE_SINGLE 1
#define INVALIDATE_ALL 2

static inline bool invept(uint64_t type, uint64_t eptp)
{
	uint64_t descriptor[2] = {eptp, 0};
	bool ok;
	__asm__ volatile("invept %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
	return ok;
}

static inline bool invvpid(uint64_t type, uint64_t vpid, uint64_t address)
{
	uint64_t descriptor[2] = {vpid, address};
	bool ok;
	__asm__ volatile("invvpid %1, %2" : "=@cca"(ok) : "m"(descriptor), "r"(type) : "memory");
	return ok;
}

#endif
