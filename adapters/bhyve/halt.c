/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HLT of L2 that bhyve intercepts (VM_CAP_HALT_EXIT) and L1 does not: the vCPU's thread sleeps in vm_handle_hlt(), and L1's
 * VMX-preemption timer, which goes on meanwhile (SDM 25.5.1), is a callout.
 */
#include "bhyve.h"

#define LONGEST (1ul << 30)	/* seconds */

/* What vm_handle_hlt() looks at finds L1's interrupts open: they end L2's stay whatever L2's RFLAGS.IF is. */
static bool interrupts_are_l1s(struct nest *n)
{
	const struct nvmx_vmcs12 *v12;
	struct nvmx_view view;

	nvmx_view(n->v, &view, sizeof(view));
	v12 = view.vmcs12;
	return ((v12->pin_ctls & NVMX_PIN_EXT_INT) != 0);
}

/* A virtual interrupt of L2's own wakes it, which is the processor's to see (SDM 29.2.1). */
static bool has_virtual_interrupt(void)
{
	return ((vmcs_read(VMCS_SEC_PROC_BASED_CTLS) & PROCBASED2_VIRTUAL_INTERRUPT_DELIVERY) != 0 &&
		(vmcs_read(VMCS_GUEST_INTR_STATUS) & 0xff) != 0);
}

/* Whether L2, current, sleeps: it does nothing but wait for what wakes the thread, too. */
bool nest_halts(struct nest *n)
{
	if (!n->halted || (n->vcpu->cap.proc_ctls & PROCBASED_HLT_EXITING) == 0)
		return (false);
	n->halted = vmcs_read(VMCS_GUEST_ACTIVITY) == NVMX_ACTIVITY_HLT;
	return (n->halted && !has_virtual_interrupt() && nvmx_l2_timer(n->v) != 0);
}

static void ring(void *arg)
{
	struct nest *n = arg;

	atomic_store_int(&n->rang, 1);
	nest_wake(n->vcpu->vcpu);
}

static void set_timer(struct nest *n)
{
	uint64_t ticks = nvmx_l2_timer(n->v);
	sbintime_t seconds, rest;

	if (ticks == ~0ull)
		return;
	seconds = MIN(ticks / tsc_freq, LONGEST);
	rest = ((ticks % tsc_freq) << 30) / tsc_freq << 2; /* of 2^-32 s; tsc_freq may have 33 bits */
	callout_reset_sbt(&n->timer, seconds * SBT_1S + rest, 0, ring, n, C_DIRECT_EXEC);
}

/* vmx_run() returns for it. */
void nest_halt(struct nest *n, struct vm_exit *vme)
{
	vme->exitcode = VM_EXITCODE_HLT;
	vme->u.hlt.rflags = vmcs_read(VMCS_GUEST_RFLAGS) | (interrupts_are_l1s(n) ? PSL_I : 0);
	vme->u.hlt.intr_status = nest_has_vid(n) ? nest_vid_highest(n) : 0;
	n->sleeping = true;
	atomic_store_int(&n->rang, 0);
	n->slept_since = rdtsc();
	set_timer(n);
}

/* L2 is current again. */
void nest_awake(struct nest *n)
{
	if (!n->sleeping)
		return;
	n->sleeping = false;
	callout_stop(&n->timer);
	atomic_store_int(&n->rang, 0);
	nvmx_l2_slept(n->v, rdtsc() - n->slept_since);
}

bool nest_woken(struct vcpu *vcpu)
{
	struct vmx_vcpu *v = vmm_is_intel() ? nest_cookie(vcpu) : NULL;

	return (v != NULL && v->nest != NULL && atomic_load_int(&v->nest->rang) != 0);
}

void nest_halt_init(struct nest *n)
{
	callout_init(&n->timer, 1);
}

/* May sleep. */
void nest_halt_end(struct nest *n)
{
	callout_drain(&n->timer);
}
