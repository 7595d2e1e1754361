/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VLAPIC_PRIV_H
#define SHIM_VLAPIC_PRIV_H

#include <sys/types.h>

/* Registers of the virtual-APIC page. */
#define APIC_OFFSET_TPR 0x80
#define APIC_OFFSET_PPR 0xa0
#define APIC_OFFSET_ISR0 0x100
#define APIC_OFFSET_IRR0 0x200

struct vlapic;
struct vlapic_ops {
	int (*set_intr_ready)(struct vlapic *vlapic, int vector, bool level);
	int (*pending_intr)(struct vlapic *vlapic, int *vector);
	void (*intr_accepted)(struct vlapic *vlapic, int vector);
	void (*post_intr)(struct vlapic *vlapic, int cpu);
};

struct vlapic {
	struct vm *vm;
	struct vcpu *vcpu;
	int vcpuid;
	struct vlapic_ops ops;
	/* What the model keeps beside. */
	uint64_t irr[4];
};

#endif
