/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L2 on a vmcs02 of its own, in a host that owns interrupts and has events that wait. */
#ifndef L2_RIG_H
#define L2_RIG_H

#include "minihost.h"

#define L2_CR0 (NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG)
#define BS NVMX_PENDING_DBG_BS
#define INTERRUPT (NVMX_INTR_VALID | 0x40u)
#define MTF_EVENT (NVMX_INTR_VALID | NVMX_EVENT_OTHER << NVMX_INTR_TYPE_SHIFT)
#define HW_EXC(vector) (NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT | (vector))
#define TF (2 | NVMX_RFLAGS_TF)

static uint64_t *vmcs02(struct mini *m, unsigned row)
{
	return &mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row];
}
#define F02(NAME) (*vmcs02(m, NVMX_I_##NAME))

static unsigned waiting, taken;
static uint64_t dr6;
static unsigned dr6_sets;

static unsigned pending_events(struct nvmx_host *h)
{
	(void)h;
	return waiting;
}

static int take_event(struct nvmx_host *h, unsigned event)
{
	(void)h;
	taken |= event;
	waiting &= ~event;
	return 0;
}

static int ack_interrupt(struct nvmx_host *h)
{
	(void)h;
	return 0x55;
}

static void set_dr6(struct nvmx_host *h, uint64_t conditions)
{
	(void)h;
	dr6 = conditions;
	dr6_sets++;
}

/* L2 on a fresh vmcs02; L1 wants NMIs and interrupts. */
static struct nvmx_vmcs12 *in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	if (!m->v->cur)
		mini_enter_vmx(m, true);
	v12 = m->v->cur->v12;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		*vmcs02(m, row) = 0;
	*v12 = (struct nvmx_vmcs12){ .revision = v12->revision, .vmcs_link_pointer = NVMX_NO_ADDR, .exit_ctls = NVMX_EXIT_HOST_64 };
	v12->pin_ctls = NVMX_PIN_NMI | NVMX_PIN_EXT_INT;
	v12->guest_cr0 = F02(GUEST_CR0) = L2_CR0;
	F02(GUEST_RIP) = 0x6000;
	F02(GUEST_RFLAGS) = 2;
	F02(EXIT_INSTR_LEN) = 3;
	m->vm->flags = NVMX_HOST_OWNS_INTERRUPTS;
	m->ops.pending_events = pending_events;
	m->ops.take_event = take_event;
	m->ops.ack_interrupt = ack_interrupt;
	m->ops.set_dr6 = set_dr6;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	m->v->run_pending = false;
	waiting = taken = dr6_sets = 0;
	return v12;
}

static void out_of_l2(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

#endif
