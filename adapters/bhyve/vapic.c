/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * L1's local APIC where vmcs01 has "virtual-interrupt delivery".  While L1 runs the processor takes interrupts out of the
 * posted-interrupt descriptor and delivers them; while L2 runs nobody does, since the virtual-APIC page of vmcs02 is L2's.  Here
 * they are found, and taken as the processor would (SDM 29.2), for a VM exit to L1.
 */
#include "bhyve.h"

#define VECTORS_PER_REGISTER 32
#define CLASS(vector) ((vector) & 0xf0)

static volatile uint32_t *apic(struct nest *n, u_int offset)
{
	return ((volatile uint32_t *)(volatile void *)((char *)n->vcpu->apic_page + offset));
}

/* The register of IRR or ISR, which begins at `first`, that has the vector. */
static volatile uint32_t *apic_of(struct nest *n, u_int first, int vector)
{
	return (apic(n, first + 16 * (vector / VECTORS_PER_REGISTER)));
}

/* -1: none. */
static int highest(struct nest *n, u_int first)
{
	int vector = 256 - VECTORS_PER_REGISTER;

	for (; vector >= 0; vector -= VECTORS_PER_REGISTER) {
		uint32_t set = *apic_of(n, first, vector);

		if (set != 0)
			return (vector + fls(set) - 1);
	}
	return (-1);
}

bool nest_has_vid(const struct nest *n)
{
	return ((n->vcpu->cap.proc_ctls2 & PROCBASED2_VIRTUAL_INTERRUPT_DELIVERY) != 0);
}

/* In this order, as the other side sets the vector before `pending`. */
static void take_posted(struct nest *n)
{
	struct pir_desc *pir = n->vcpu->pir_desc;
	u_int i;

	if (atomic_cmpset_long(&pir->pending, 1, 0) == 0)
		return;
	for (i = 0; i < nitems(pir->pir); i++) {
		uint64_t set = atomic_readandclear_long(&pir->pir[i]);

		*apic_of(n, APIC_OFFSET_IRR0, 64 * i) |= set;
		*apic_of(n, APIC_OFFSET_IRR0, 64 * i + VECTORS_PER_REGISTER) |= set >> 32;
		n->posted |= set != 0;
	}
}

/* The processor priority (SDM 29.1.3). */
static int priority(struct nest *n)
{
	int task = *apic(n, APIC_OFFSET_TPR) & 0xff, service = highest(n, APIC_OFFSET_ISR0);

	return (service < 0 || CLASS(task) >= CLASS(service) ? CLASS(task) : CLASS(service));
}

/* The vector that would be delivered if L1 ran with interrupts open, or -1. */
int nest_vid_pending(struct nest *n)
{
	int vector;

	take_posted(n);
	vector = highest(n, APIC_OFFSET_IRR0);
	return (vector >= 0 && CLASS(vector) > priority(n) ? vector : -1);
}

/* RVI as it would be, for bhyve's HLT. */
int nest_vid_highest(struct nest *n)
{
	int vector;

	take_posted(n);
	vector = highest(n, APIC_OFFSET_IRR0);
	return (vector < 0 ? 0 : vector);
}

void nest_vid_accept(struct nest *n, int vector)
{
	uint32_t bit = 1u << vector % VECTORS_PER_REGISTER;

	*apic_of(n, APIC_OFFSET_IRR0, vector) &= ~bit;
	*apic_of(n, APIC_OFFSET_ISR0, vector) |= bit;
	*apic(n, APIC_OFFSET_PPR) = CLASS(vector);
	n->posted = true;
}

/* vmcs01 is current: what was done to the page while it was not. */
void nest_vid_settle(struct nest *n)
{
	int requested, service;

	if (!n->posted)
		return;
	requested = highest(n, APIC_OFFSET_IRR0);
	service = highest(n, APIC_OFFSET_ISR0);
	vmcs_write(VMCS_GUEST_INTR_STATUS, (service < 0 ? 0 : service) << 8 | (requested < 0 ? 0 : requested));
	n->posted = false;
}
