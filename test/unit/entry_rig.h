/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L1 in 64-bit mode with a valid vmcs12, on a vmcs01 that loads what hosts load. */
#ifndef ENTRY_RIG_H
#define ENTRY_RIG_H

#include "minihost.h"
#include "check_states.h"
#include "vmx/merge.h"

static const struct nvmx_l2_exit hlt = { .reason = NVMX_XR_HLT };

/* L1's VMCS for a valid L2 in 64-bit mode, with capabilities that allow it. */
static inline struct nvmx_slot *ready(struct mini *m)
{
	uint8_t maxphyaddr = m->vm->caps.maxphyaddr;

	nvmx_control_masks_make(&m->vm->masks);
	mini_enter_vmx(m, true);
	full_caps(&m->vm->caps);
	m->vm->caps.maxphyaddr = maxphyaddr;
	set_msr(&m->vm->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, /* but for loads that this vmcs01 does not undo */
		(uint64_t)(NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER | 0x11fb) << 32);
	F01(PROC_CTLS) = NVMX_PROC_SECONDARY; /* which a restore reads anew */
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(EXIT_CTLS) = NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER |
			 NVMX_EXIT_LOAD_EFER;
	F01(ENTRY_CTLS) |= NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER;
	m->v->vmcs01.ctl[NVMX_WORD_EXIT] = (uint32_t)F01(EXIT_CTLS);
	m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = (uint32_t)F01(ENTRY_CTLS);
	long_mode(m->v->cur->v12);
	m->v->cur->v12->revision = NVMX_VMCS12_REVISION;
	return m->v->cur;
}

static inline struct mini_vmcs *enter(struct mini *m, bool launch)
{
	assert_int_equal(nvmx_enter_l2(m->v, launch), NVMX_RESUME_L2);
	assert_true(m->v->in_l2);
	assert_int_equal(nvmx_before_l2(m->v), NVMX_RESUME_L2);
	assert_ptr_equal(m->host.current, mini_vmcs(&m->host, m->v->cur->page02.hpa));
	mini_check_rebuilt(m);
	return m->host.current;
}

static inline void leave(struct mini *m)
{
	m->host.current->field[NVMX_I_IDT_VECTORING_INFO] = 0;
	assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_RESUME_L1);
	nvmx_vmwrite_flush(m->v);
	assert_false(m->v->in_l2);
	assert_ptr_equal(m->host.current, &m->host.vmcs[MINI_PAGES]);
}

#endif
