/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NESTVMX_PORT_HEADER: how libnestvmx's sources, compiled into kvm-intel.ko, reach the current VMCS.  Included by the
 * library, so it must not bring in KVM's headers.
 */
#ifndef NEST_PORT_H
#define NEST_PORT_H

#include <linux/compiler.h>
#include <asm/asm.h>

#include <stdint.h>

/* KVM's: a VMX instruction has faulted, as they do once a reboot has taken the processor out of VMX operation; else it is a bug. */
void kvm_spurious_fault(void);

static inline uint64_t nvmx_port_vmread(uint32_t field)
{
	unsigned long value;

	asm_goto_output("1: vmread %[field], %[value]\n"
			_ASM_EXTABLE(1b, %l[fault])
			: [value] "=r" (value) : [field] "r" ((unsigned long)field) : "cc" : fault);
	return value;
fault:
	kvm_spurious_fault();
	return 0;
}

static inline void nvmx_port_vmwrite(uint32_t field, uint64_t value)
{
	asm goto("1: vmwrite %[value], %[field]\n"
		 _ASM_EXTABLE(1b, %l[fault])
		 : : [value] "rm" ((unsigned long)value), [field] "r" ((unsigned long)field) : "cc" : fault);
	return;
fault:
	kvm_spurious_fault();
}

/* A holder of the library's spin locks that were preempted would keep an MMU notifier on this processor waiting. */
void nest_preempt_off(void);
void nest_preempt_on(void);
#define NVMX_PORT_PREEMPT_OFF() nest_preempt_off()
#define NVMX_PORT_PREEMPT_ON() nest_preempt_on()

#endif
