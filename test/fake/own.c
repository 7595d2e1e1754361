/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a host of KVM's kind does of L2 itself (NVMX_HOST_REINJECTS, NVMX_HOST_OWNS_TIMER, NVMX_HOST_EMULATES_CR): written for
 * the tests from <nestvmx/nestvmx.h> alone.
 */
#include "host.h"

static uint64_t rd(struct nvmx_host *h, uint32_t field)
{
	return fake_field(&h->cpu, field);
}

static void wr(struct nvmx_host *h, uint32_t field, uint64_t value)
{
	fake_field_set(&h->cpu, field, value);
}

static struct nvmx_vmcs12 *vmcs12(const struct nvmx_host *h)
{
	struct nvmx_view view;

	nvmx_view(h->vcpu, &view, sizeof(view));
	FAKE_ASSERT(view.vmcs12);
	return view.vmcs12;
}

/* L2 goes on, and the event whose delivery its exit interrupted with it, unless another one has been put in. */
void fake_own_reinject(struct nvmx_host *h)
{
	uint32_t info = (uint32_t)rd(h, NVMX_IDT_VECTORING_INFO), type = NVMX_INTR_TYPE(info);

	if (!(h->m->flags & NVMX_HOST_REINJECTS) || !(info & NVMX_INTR_VALID) || rd(h, NVMX_ENTRY_INTR_INFO) & NVMX_INTR_VALID)
		return;
	if (type == NVMX_EVENT_NMI)
		wr(h, NVMX_GUEST_INTERRUPTIBILITY, rd(h, NVMX_GUEST_INTERRUPTIBILITY) & ~(uint64_t)NVMX_BLOCK_NMI);
	/* Delivery ends it; with it, and TF, the entry would want the trap pending (SDM 26.3.1.5) that is being delivered. */
	wr(h, NVMX_GUEST_INTERRUPTIBILITY, rd(h, NVMX_GUEST_INTERRUPTIBILITY) & ~3ull);
	wr(h, NVMX_ENTRY_INTR_INFO, info & ~NVMX_INTR_NMI_UNBLOCK);
	wr(h, NVMX_ENTRY_EXC_ERROR_CODE, rd(h, NVMX_IDT_VECTORING_ERROR_CODE));
	if (type >= NVMX_EVENT_SW_INT)
		wr(h, NVMX_ENTRY_INSTR_LEN, rd(h, NVMX_EXIT_INSTR_LEN));
}

static bool own_timer(const struct nvmx_host *h)
{
	return h->m->flags & NVMX_HOST_OWNS_TIMER;
}

/* The processor's timer stands for the host's; vmcs02's field holds what is left, since the exit does not save it. */
void fake_own_timer_exit(struct nvmx_host *h)
{
	if (own_timer(h))
		wr(h, NVMX_PREEMPTION_TIMER, h->cpu.timer);
}

void fake_own_timer_start(struct nvmx_host *h)
{
	const struct nvmx_vmcs12 *v12;

	if (!own_timer(h))
		return;
	v12 = vmcs12(h);
	FAKE_ASSERT(rd(h, NVMX_PIN_CTLS) & NVMX_PIN_PREEMPTION_TIMER && !(rd(h, NVMX_EXIT_CTLS) & NVMX_EXIT_SAVE_PREEMPTION_TIMER));
	wr(h, NVMX_PREEMPTION_TIMER, v12->pin_ctls & NVMX_PIN_PREEMPTION_TIMER ? v12->preemption_timer : FAKE_OWN_TIMER_NEVER);
}

void fake_own_timer_moved(struct nvmx_host *h)
{
	if (own_timer(h) && !(vmcs12(h)->pin_ctls & NVMX_PIN_PREEMPTION_TIMER))
		wr(h, NVMX_PREEMPTION_TIMER, FAKE_OWN_TIMER_NEVER);
}

void fake_own_timer_stop(struct nvmx_host *h, uint64_t left)
{
	struct nvmx_vmcs12 *v12;

	if (!own_timer(h))
		return;
	v12 = vmcs12(h);
	if (v12->pin_ctls & NVMX_PIN_PREEMPTION_TIMER && v12->exit_ctls & NVMX_EXIT_SAVE_PREEMPTION_TIMER)
		v12->preemption_timer = (uint32_t)left;
}

enum nvmx_verdict fake_own_timer_rings(struct nvmx_host *h)
{
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_PREEMPTION_TIMER };
	enum nvmx_verdict verdict;

	FAKE_ASSERT(own_timer(h) && vmcs12(h)->pin_ctls & NVMX_PIN_PREEMPTION_TIMER);
	if (h->vinit) /* it goes first (SDM 6.9, 25.5.1) */
		return NVMX_RESUME_L2;
	FAKE_CALL(h, verdict, nvmx_exit_to_l1(h->vcpu, &exit), NVMX_AGAIN);
	return verdict;
}

enum nvmx_verdict fake_own_notify(struct nvmx_host *h, enum nvmx_verdict verdict)
{
	uint64_t *intr = &h->cpu.intr[FAKE_POSTED_VECTOR / 64], bit = 1ull << FAKE_POSTED_VECTOR % 64;
	enum nvmx_verdict taken;

	if (!(*intr & bit))
		return verdict;
	*intr &= ~bit;
	FAKE_CALL(h, taken, nvmx_posted_notification(h->vcpu), NVMX_AGAIN);
	FAKE_ASSERT(taken == NVMX_RESUME_L2 || taken == NVMX_HOST || taken == NVMX_STOP);
	if (taken == NVMX_HOST)
		*intr |= 1ull << h->m->notifies % 64;
	return taken == NVMX_STOP ? taken : verdict;
}

static bool nothing_arrived(const struct fake_cpu *c)
{
	return !(c->intr[0] | c->intr[1] | c->intr[2] | c->intr[3]) && !c->nmi && !c->init;
}

bool fake_own_sleeps(struct nvmx_host *h)
{
	int virtual_interrupt;
	bool over;

	if (rd(h, NVMX_GUEST_ACTIVITY) != NVMX_ACTIVITY_HLT || !nothing_arrived(&h->cpu))
		return false;
	h->inside = true;
	over = !nvmx_l2_timer(h->vcpu);
	h->inside = false;
	if (over)
		return false;
	FAKE_CALL(h, virtual_interrupt, nvmx_l2_virtual_interrupt(h->vcpu), -1);
	return !virtual_interrupt;
}

bool fake_own_sleep(struct nvmx_host *h)
{
	h->inside = true;
	nvmx_l2_ran(h->vcpu);
	h->inside = false;
	fake_take_outside(&h->cpu);
	if (!nothing_arrived(&h->cpu))
		return true;
	h->cpu.stop = FAKE_RUNNING;
	fake_idle(&h->cpu);
	return h->cpu.stop == FAKE_RUNNING;
}

bool fake_own_wait(struct nvmx_host *h)
{
	struct fake_cpu *c = &h->cpu;

	FAKE_ASSERT(h->m->flags & NVMX_HOST_WAITS && rd(h, NVMX_GUEST_ACTIVITY) == NVMX_ACTIVITY_ACTIVE);
	fake_take_outside(c);
	if (c->sipi) {
		h->vsipi = true;
		h->vsipi_vector = c->sipi_vector;
		c->sipi = false;
		return true;
	}
	c->stop = FAKE_RUNNING;
	fake_idle(c);
	return c->stop == FAKE_RUNNING;
}

static bool cr0_valid(struct nvmx_host *h, uint64_t v)
{
	bool unrestricted = rd(h, NVMX_PROC_CTLS2) & NVMX_PROC2_UNRESTRICTED;
	bool is_64 = rd(h, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E && rd(h, NVMX_GUEST_CS_AR) & NVMX_AR_L;

	if (v >> 32 || (v & NVMX_CR0_PG && !(v & NVMX_CR0_PE)) || (v & NVMX_CR0_NW && !(v & NVMX_CR0_CD)) ||
	    (!(v & NVMX_CR0_PG) && is_64))
		return false;
	return v & NVMX_CR0_NE && (unrestricted || (v & NVMX_CR0_PG && v & NVMX_CR0_PE));
}

static bool cr4_valid(struct nvmx_host *h, uint64_t v)
{
	return !(v & ~nvmx_caps_get(&h->hw, NVMX_MSR_VMX_CR4_FIXED1)) && v & NVMX_CR4_VMXE &&
	       (v & NVMX_CR4_PAE || !(rd(h, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E));
}

static void follow_paging(struct nvmx_host *h, uint64_t before, uint64_t now)
{
	uint64_t efer = rd(h, NVMX_GUEST_EFER);

	if (!((before ^ now) & NVMX_CR0_PG) || !(efer & NVMX_EFER_LME))
		return;
	wr(h, NVMX_GUEST_EFER, efer ^ NVMX_EFER_LMA);
	wr(h, NVMX_ENTRY_CTLS, rd(h, NVMX_ENTRY_CTLS) ^ NVMX_ENTRY_IA32E);
}

uint64_t fake_own_wanted(struct nvmx_host *h, const struct nvmx_regs *regs, uint64_t q, uint64_t before)
{
	bool is_64 = rd(h, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E && rd(h, NVMX_GUEST_CS_AR) & NVMX_AR_L;
	unsigned reg = q >> 8 & 15;
	uint64_t value = reg == 4 ? rd(h, NVMX_GUEST_RSP) : regs->gpr[reg];

	switch (q >> 4 & 3) {
	case 0:
		return is_64 ? value : (uint32_t)value;
	case 2:
		return before & ~NVMX_CR0_TS;
	default:
		FAKE_ASSERT((q >> 4 & 3) == 3);
		return (before & ~0xeull) | (q >> 16 & 0xe) | ((q >> 16 | before) & 1);
	}
}

bool fake_own_cr(struct nvmx_host *h, const struct nvmx_regs *regs)
{
	struct nvmx_vmcs12 *v12 = vmcs12(h);
	uint64_t q = rd(h, NVMX_EXIT_QUALIFICATION);
	bool is0 = !(q & 15);
	uint32_t field = is0 ? NVMX_GUEST_CR0 : NVMX_GUEST_CR4;
	uint64_t mask02 = rd(h, is0 ? NVMX_CR0_MASK : NVMX_CR4_MASK), mask12 = is0 ? v12->cr0_mask : v12->cr4_mask;
	uint64_t shadow12 = is0 ? v12->cr0_shadow : v12->cr4_shadow;
	uint64_t before = (rd(h, field) & ~mask02) | ((is0 ? v12->guest_cr0 : v12->guest_cr4) & mask02);
	uint64_t now = (fake_own_wanted(h, regs, q, before) & ~mask12) | (before & mask12);

	FAKE_ASSERT(h->m->flags & NVMX_HOST_EMULATES_CR && (is0 || (q & 15) == 4));
	if (is0 ? !cr0_valid(h, now | NVMX_CR0_ET) : !cr4_valid(h, now))
		return false;
	if (is0) {
		now |= NVMX_CR0_ET;
		follow_paging(h, before, now);
		v12->guest_cr0 = now;
	} else {
		v12->guest_cr4 = now;
	}
	wr(h, field, now);
	wr(h, is0 ? NVMX_CR0_SHADOW : NVMX_CR4_SHADOW, (shadow12 & mask12) | (now & ~mask12));
	return true;
}
