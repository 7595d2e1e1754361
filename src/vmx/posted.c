/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Posted interrupts in a host that owns interrupts, where the notification reaches L1's interrupt controller and not the processor
 * (SDM 29.6); and whether a virtual interrupt waits for L2 (29.2.1).  Other processors of L1 post meanwhile.
 */
#include "hold.h"
#include "port.h"

#define FRAME(gpa) ((gpa) & ~0xfffull)

/* The posted-interrupt descriptor (SDM table 29-1), and registers of the virtual-APIC page (29.1.1). */
#define PIR_WORDS 4u
#define PID_FLAGS 32u
#define PID_OUTSTANDING 1u
#define VTPR 0x80u
#define VIRR 0x200u
#define PRIORITY 0xf0u

static bool posts(const struct nvmx_vcpu *v)
{
	return v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS && v->cur->v12->pin_ctls & NVMX_PIN_POSTED_INT;
}

bool nvmx_is_notification(const struct nvmx_vcpu *v, int vector)
{
	return posts(v) && vector == v->cur->v12->posted_int_nv;
}

bool nvmx_hold_posted(struct nvmx_vcpu *v)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;

	if (posts(v) && !nvmx_hold(v, FRAME(v12->posted_int_desc_addr), 1, true))
		return false;
	return !(nvmx_v12_proc2(v12) & NVMX_PROC2_VID) || nvmx_hold(v, v12->virtual_apic_addr, 1, true);
}

/* The steps 3 and 5 of 29.6: the highest vector that was posted, or -1. */
static int move_posted(unsigned char *descriptor, unsigned char *apic)
{
	uint64_t *pir = (void *)descriptor;
	int highest = -1;

	__atomic_fetch_and((uint32_t *)(void *)(descriptor + PID_FLAGS), ~PID_OUTSTANDING, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < PIR_WORDS; i++) {
		uint64_t bits = __atomic_exchange_n(&pir[i], 0, __ATOMIC_SEQ_CST);

		if (!bits)
			continue;
		for (unsigned half = 0; half < 2; half++) /* a register of 32 bits for each 16 bytes */
			__atomic_fetch_or((uint32_t *)(void *)(apic + VIRR + (2 * i + half) * 16), (uint32_t)(bits >> 32 * half),
					  __ATOMIC_RELAXED);
		highest = (int)(64 * i + 63) - __builtin_clzll(bits);
	}
	return highest;
}

/* Step 6.  Step 7, the evaluation, the VM entry does that follows (26.3.2.5). */
static void request(struct nvmx_vcpu *v, int vector)
{
	uint64_t status = nvmx_vmread(v, NVMX_GUEST_INT_STATUS);

	if (vector > (int)(status & 0xff))
		nvmx_vmwrite(v, NVMX_GUEST_INT_STATUS, (status & 0xff00) | (unsigned)vector);
	nvmx_vmwrite_flush(v);
}

bool nvmx_take_posted(struct nvmx_vcpu *v)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	uint64_t at = v12->posted_int_desc_addr, apic_at = v12->virtual_apic_addr;
	unsigned char *descriptor = nvmx_map(v, FRAME(at), true), *apic = descriptor ? nvmx_map(v, apic_at, true) : NULL;

	if (apic) {
		request(v, move_posted(descriptor + (at & 0xfff), apic));
		nvmx_unmap(v, apic_at, apic, true);
	}
	if (descriptor)
		nvmx_unmap(v, FRAME(at), descriptor, true);
	if (!apic) /* what the host has pinned, it can map */
		nvmx_stop_vm(v, NVMX_STOP_HOST_OP, descriptor ? apic_at : FRAME(at));
	return apic;
}

enum nvmx_verdict nvmx_posted_notification(struct nvmx_vcpu *v)
{
	bool done;

	if (v->stop)
		return NVMX_STOP;
	nvmx_no_exit(v);
	if (!v->in_l2 || !posts(v) || nvmx_l2_waits(v) || nvmx_vmread(v, NVMX_GUEST_ACTIVITY) > NVMX_ACTIVITY_HLT)
		return NVMX_HOST;
	if (!nvmx_hold_posted(v))
		return nvmx_again(v);
	done = nvmx_take_posted(v);
	nvmx_release(v);
	return done ? NVMX_RESUME_L2 : NVMX_STOP;
}

/* Nothing of L2's own holds a virtual interrupt back (29.2.1, 29.2.2). */
static bool takes_virtual_interrupts(struct nvmx_vcpu *v)
{
	return nvmx_v12_proc2(v->cur->v12) & NVMX_PROC2_VID && !nvmx_l2_waits(v) &&
	       nvmx_vmread(v, NVMX_GUEST_RFLAGS) & NVMX_RFLAGS_IF &&
	       !(nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS)) &&
	       nvmx_vmread(v, NVMX_GUEST_ACTIVITY) <= NVMX_ACTIVITY_HLT &&
	       !(nvmx_vmread(v, NVMX_PROC_CTLS) & NVMX_PROC_INT_WINDOW);
}

int nvmx_l2_virtual_interrupt(struct nvmx_vcpu *v)
{
	uint64_t status, vppr;
	uint8_t vtpr = 0xff; /* where the host has no page: none is delivered */

	if (v->stop || !v->in_l2 || !takes_virtual_interrupts(v))
		return 0;
	status = nvmx_vmread(v, NVMX_GUEST_INT_STATUS);
	nvmx_gpa_read(v, v->cur->v12->virtual_apic_addr + VTPR, &vtpr, 1);
	if (v->not_now) {
		v->not_now = false;
		return -1;
	}
	vppr = status >> 8 & PRIORITY;
	if ((vtpr & PRIORITY) > vppr)
		vppr = vtpr & PRIORITY;
	return (status & PRIORITY) > vppr;
}
