/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's own instructions and constants, each as a one-line function.
 */
#ifndef METAL_X86_H
#define METAL_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CR0_PE 0x1ull
#define CR0_MP 0x2ull
#define CR0_ET 0x10ull
#define CR0_NE 0x20ull
#define CR0_WP 0x10000ull
#define CR0_NW 0x20000000ull
#define CR0_CD 0x40000000ull
#define CR0_PG 0x80000000ull
#define CR4_PAE 0x20ull
#define CR4_VMXE 0x2000ull
#define CR4_OSXSAVE 0x40000ull
#define CR4_PKE 0x400000ull

#define RFLAGS_TF 0x100ull
#define RFLAGS_IF 0x200ull

#define MSR_IA32_APIC_BASE 0x1b
#define MSR_IA32_FEATURE_CONTROL 0x3a
#define MSR_IA32_MTRRCAP 0xfe
#define MSR_IA32_MTRR_PHYSBASE0 0x200
#define MSR_IA32_MTRR_FIX64K_00000 0x250
#define MSR_IA32_MTRR_FIX16K_80000 0x258
#define MSR_IA32_MTRR_FIX4K_C0000 0x268
#define MSR_IA32_PAT 0x277
#define MSR_IA32_MTRR_DEF_TYPE 0x2ff
#define MSR_IA32_VMX_BASIC 0x480
#define MSR_IA32_VMX_PINBASED_CTLS 0x481
#define MSR_IA32_VMX_MISC 0x485
#define MSR_IA32_VMX_CR0_FIXED0 0x486
#define MSR_IA32_VMX_CR4_FIXED0 0x488
#define MSR_IA32_VMX_CR4_FIXED1 0x489
#define MSR_IA32_VMX_PROCBASED_CTLS2 0x48b
#define MSR_IA32_VMX_EPT_VPID_CAP 0x48c
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS 0x48d
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x48e
#define MSR_IA32_VMX_LAST 0x49f
#define MSR_IA32_X2APIC_APICID 0x802
#define MSR_IA32_X2APIC_ICR 0x830
#define MSR_IA32_EFER 0xc0000080
#define MSR_IA32_GS_BASE 0xc0000101

#define APIC_BASE_EXTD 0x400ull
#define APIC_BASE_EN 0x800ull
#define FEATURE_CONTROL_LOCK 0x1ull
#define FEATURE_CONTROL_VMX 0x4ull

#define VECTOR_NMI 2
#define VECTOR_UD 6
#define VECTOR_GP 13

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r;
	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

/*
 * Instructions that may fault because L1 asked for them. A fault at label 1 goes on at label 2 (isr.S, exception.c)
 * with the result "false".
 */
#define FIXUP(from, to) ".pushsection .fixups,\"a\"\n.quad " from ", " to "\n.popsection\n"

static inline bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0, ok = 0;
	__asm__ volatile("1: rdmsr\n\tmovl $1, %2\n2:\n" FIXUP("1b", "2b")
			 : "+a"(lo), "+d"(hi), "+r"(ok) : "c"(msr));
	*value = (uint64_t)hi << 32 | lo;
	return ok;
}

static inline bool wrmsr_safe(uint32_t msr, uint64_t value)
{
	uint32_t ok = 0;
	__asm__ volatile("1: wrmsr\n\tmovl $1, %0\n2:\n" FIXUP("1b", "2b")
			 : "+r"(ok) : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	return ok;
}

static inline bool xsetbv_safe(uint32_t index, uint64_t value)
{
	uint32_t ok = 0;
	__asm__ volatile("1: xsetbv\n\tmovl $1, %0\n2:\n" FIXUP("1b", "2b")
			 : "+r"(ok) : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
	return ok;
}

#define DEFINE_CR(name)                                                                                              \
	static inline uint64_t read_##name(void)                                                                     \
	{                                                                                                            \
		uint64_t v;                                                                                          \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(v));                                                   \
		return v;                                                                                            \
	}                                                                                                            \
	static inline void write_##name(uint64_t v)                                                                  \
	{                                                                                                            \
		__asm__ volatile("mov %0, %%" #name : : "r"(v) : "memory");                                          \
	}
DEFINE_CR(cr0)
DEFINE_CR(cr2)
DEFINE_CR(cr3)
DEFINE_CR(cr4)

#define DEFINE_IO(suffix, type)                                                                                      \
	static inline type in##suffix(uint16_t port)                                                                 \
	{                                                                                                            \
		type v;                                                                                              \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));                                     \
		return v;                                                                                            \
	}                                                                                                            \
	static inline void out##suffix(uint16_t port, type v)                                                        \
	{                                                                                                            \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port));                                    \
	}
DEFINE_IO(b, uint8_t)
DEFINE_IO(w, uint16_t)
DEFINE_IO(l, uint32_t)

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* A physical address as a pointer: metal maps all of memory one to one. */
static inline void *phys(uint64_t address)
{
	__asm__("" : "+r"(address));	/* low addresses are no null pointers here */
	return (void *)address;
}

#endif
