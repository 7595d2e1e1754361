/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A processor as a machine describes it; the bare run; the comparison of memory. */
#include <string.h>
#include "host.h"

void fake_hw_caps_of(const struct fake_machine *m, struct nvmx_caps *c)
{
	fake_hw_caps(c);
	if (m->ipis)
		fake_hw_caps_ipis(c);
	if (!m->protection)
		return;
	c->msr[NVMX_MSR_VMX_CR4_FIXED1 - NVMX_CAPS_FIRST_MSR] |= NVMX_CR4_PKS | NVMX_CR4_CET;
	for (unsigned i = 0; i < 2; i++) {
		c->msr[(i ? NVMX_MSR_VMX_TRUE_ENTRY_CTLS : NVMX_MSR_VMX_ENTRY_CTLS) - NVMX_CAPS_FIRST_MSR] |=
			(uint64_t)FAKE_PROTECTION_ENTRY << 32;
		c->msr[(i ? NVMX_MSR_VMX_TRUE_EXIT_CTLS : NVMX_MSR_VMX_EXIT_CTLS) - NVMX_CAPS_FIRST_MSR] |=
			(uint64_t)FAKE_PROTECTION_EXIT << 32;
	}
}

void fake_machine_cpu(struct fake_cpu *c, const struct fake_machine *m, const struct nvmx_caps *caps, struct fake_mem *mem,
		      struct fake_trace *trace)
{
	fake_cpu_init(c, caps, mem, trace);
	trace->keep = m->keep;
	c->dislike = m->dislike;
	c->dislikes = m->dislikes;
	c->code = m->code;
	c->codes = m->codes;
	c->outsides = m->outsides;
	c->dma = m->dma;
	FAKE_ASSERT(m->outsides <= FAKE_OUTSIDE_MAX);
	if (m->outsides)
		memcpy(c->outside, m->outside, m->outsides * sizeof(*m->outside));
	fake_memory_image(mem->ram);
	if (m->prepare)
		m->prepare(mem->ram, m->arg);
}

void fake_run_bare(const struct fake_machine *m, struct fake_result *r)
{
	static struct fake_cpu c;
	struct nvmx_caps hw, caps;
	struct fake_mem mem;

	fake_hw_caps_of(m, &hw);
	nvmx_caps_compute(&hw, m->withheld, m->flags & NVMX_COMPATIBLE, &caps);
	nvmx_caps_of_host(&caps, m->flags);
	fake_mem_init(&mem, 0);
	fake_machine_cpu(&c, m, &caps, &mem, &r->trace);
	fake_l1_state(&c.a);
	c.tsc_base = 0x1000;
	fake_run(&c);
	r->stop = c.stop;
	memcpy(r->ram, mem.ram, FAKE_RAM_SIZE);
	fake_mem_free(&mem);
}

long fake_ram_differs(const struct fake_result *x, const struct fake_result *y)
{
	for (long i = 0; i < (long)FAKE_RAM_SIZE; i++) {
		if (i % FAKE_PAGE == 0 &&
		    ((i >= FAKE_VMCS_A && i <= FAKE_VMCS_SHADOW) || !memcmp(x->ram + i, y->ram + i, FAKE_PAGE)))
			i += FAKE_PAGE - 1;
		else if (x->ram[i] != y->ram[i])
			return i;
	}
	return -1;
}
