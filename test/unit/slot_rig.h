/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's VMCSs, and its instructions on them. */
#ifndef SLOT_RIG_H
#define SLOT_RIG_H

#include "minihost.h"

#define REGION(n) (MINI_VMCS12 + 0x1000u * (n))

static inline struct nvmx_vmcs12 *in_memory(struct mini *m, unsigned n)
{
	return (struct nvmx_vmcs12 *)(void *)(m->host.ram + REGION(n));
}

static inline void load(struct mini *m, unsigned n)
{
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(n)));
	assert_int_equal(m->v->cur->gpa, REGION(n));
}

static inline void clear(struct mini *m, unsigned n)
{
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, REGION(n)));
}

static inline void write_field(struct mini *m, uint64_t encoding, uint64_t value)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = encoding;
	m->regs.gpr[RDX] = value;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMWRITE));
}

static inline uint64_t read_field(struct mini *m, uint64_t encoding)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = encoding;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMREAD));
	return m->regs.gpr[RDX];
}

static inline void regions(struct mini *m, unsigned n)
{
	mini_enter_vmx(m, false);
	for (unsigned i = 0; i < n; i++)
		mini_vmcs_region(m, REGION(i), NVMX_VMCS12_REVISION);
}

static inline struct mini_vmcs *vmcs_of(struct mini *m, const struct nvmx_page *page)
{
	return mini_vmcs(&m->host, page->hpa);
}

#endif
