/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NESTVMX_PORT_HEADER: how libnestvmx's sources, compiled into kvm-intel.ko, reach the current VMCS.  Included by the
 * library, so it must not bring in KVM's headers.
 */
#ifndef NEST_PORT_H
#define NEST_PORT_H

#include <asm/asm.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * glue.c: a VMX instruction has faulted, as they do once a reboot has taken the processor out of VMX operation.  It keeps every
 * register, so that the functions that the instructions stand in need save none for a call that never comes.  The section is
 * nobody else's: in one that the compiler uses, too (.text.unlikely, for what is cold), they would stand in the way.
 */
#define NEST_ON_FAULT(after) \
	".pushsection .text.nest_fault, \"ax\"\n" \
	"2: call nest_vmx_fault\n" \
	after \
	"   jmp 3b\n" \
	".popsection\n" \
	_ASM_EXTABLE(1b, 2b)

static inline uint64_t nvmx_port_vmread(uint32_t field)
{
	unsigned long value;

	asm volatile("1: vmread %[field], %[value]\n"
		     "3:\n"
		     NEST_ON_FAULT("   xorl %k[value], %k[value]\n")
		     : [value] "=r" (value) : [field] "r" ((unsigned long)field) : "cc");
	return value;
}

static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value)
{
	asm volatile("1: vmwrite %[value], %[field]\n"
		     "3:\n"
		     NEST_ON_FAULT("")
		     : : [value] "rm" ((unsigned long)value), [field] "r" ((unsigned long)field) : "cc");
}

/* A vmcs12 by words: the kernel's memcpy() takes bytes where the processor says that it is good at them. */
static inline void nest_copy(void *to, const void *from, unsigned long bytes)
{
	unsigned long words = bytes / 8, rest = bytes % 8;

	asm volatile("rep movsq" : "+D" (to), "+S" (from), "+c" (words) : : "memory");
	asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (rest) : : "memory");
}
#define nvmx_memcpy(to, from, bytes) \
	(__builtin_constant_p(bytes) && (bytes) <= 64 ? (void)__builtin_memcpy(to, from, bytes) : nest_copy(to, from, bytes))

/* Whether two are the same: the kernel's memcmp() takes six instructions for a word. */
static inline int nest_differ(const void *a, const void *b, unsigned long bytes)
{
	unsigned long words = bytes / 8, rest = bytes % 8;
	bool differ;

	asm volatile("cmp %[rest], %[rest]\n"
		     "repe cmpsq\n"
		     "jne 1f\n"
		     "mov %[rest], %[words]\n"
		     "repe cmpsb\n"
		     "1:\n"
		     : "+D" (a), "+S" (b), [words] "+c" (words), "=@ccne" (differ) : [rest] "r" (rest) : "memory");
	return differ;
}
#define nvmx_memcmp(a, b, bytes) nest_differ(a, b, bytes)

/* A holder of the library's spin locks that were preempted would keep an MMU notifier on this processor waiting. */
void nest_preempt_off(void);
void nest_preempt_on(void);
#define NVMX_PORT_PREEMPT_OFF() nest_preempt_off()
#define NVMX_PORT_PREEMPT_ON() nest_preempt_on()

#endif
