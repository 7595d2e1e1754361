/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* All that KVM holds of a virtual machine with one virtual CPU, apart from its memory. */
#ifndef KVM_SNAPSHOT_H
#define KVM_SNAPSHOT_H

#include <stdbool.h>

#include "vmm.h"

#define SNAPSHOT_MSRS 400
#define SNAPSHOT_NESTED 16384

union snapshot_nested {
	struct kvm_nested_state state;
	char room[SNAPSHOT_NESTED];
};

struct snapshot {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_mp_state mp;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chip[3];
	struct kvm_pit_state2 pit;
	union snapshot_nested nested;
	uint32_t msrs;
	struct kvm_msr_entry msr[SNAPSHOT_MSRS];
};

/* Where among the other parts KVM's users set the nested state: first of all, before the registers, last, or in between. */
enum { NESTED_FIRST = 0, NESTED_EARLY = 2, NESTED_LAST = 9 };

void snapshot_take(const struct vm *vm, struct snapshot *s);
void snapshot_put(const struct vm *vm, const struct snapshot *s, unsigned nested_at);
/* The MSRs alone, those that can be set. */
void snapshot_put_msrs(const struct vm *vm, const struct snapshot *s);
bool snapshot_in_l2(const struct snapshot *s);

#endif
