/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The loop of the host (run.c), and what it does with an exit that is its own (exits.c). */
#ifndef NVMX_FAKE_EXITS_H
#define NVMX_FAKE_EXITS_H

#include "host.h"

static inline uint64_t rd(struct nvmx_host *h, uint32_t field)
{
	return fake_field(&h->cpu, field);
}

static inline void wr(struct nvmx_host *h, uint32_t field, uint64_t value)
{
	fake_field_set(&h->cpu, field, value);
}

static inline bool owns_interrupts(const struct nvmx_host *h)
{
	return h->m->flags & NVMX_HOST_OWNS_INTERRUPTS;
}

/* The fake's timer counts instructions, those too that are emulated. */
static inline void tick(struct nvmx_host *h)
{
	uint64_t timer = rd(h, NVMX_PREEMPTION_TIMER);

	if ((rd(h, NVMX_PIN_CTLS) & NVMX_PIN_PREEMPTION_TIMER) && timer)
		wr(h, NVMX_PREEMPTION_TIMER, timer - 1);
}

static inline enum nvmx_verdict resume(const struct nvmx_host *h)
{
	return nvmx_in_l2(h->vcpu) ? NVMX_RESUME_L2 : NVMX_RESUME_L1;
}

/* An exit of L1, or of L2 where L1 does not care, that the library has left to the host. */
enum nvmx_verdict fake_host_exit(struct nvmx_host *h, struct nvmx_regs *regs);

#endif
