/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Valid states to enter, under capabilities that allow everything, and the test's way to change them. */
#ifndef NVMX_TEST_CHECK_STATES_H
#define NVMX_TEST_CHECK_STATES_H

#include <string.h>
#include "vmcs/vmcs.h"

#define CURRENT_VMCS 0x7000ull

struct state {
	struct nvmx_vmcs12 v12;
	struct nvmx_caps caps;
	struct nvmx_check_input in;
};

enum base { LONG_MODE, PAE, LEGACY, REAL_MODE, V8086, HALTED, L1_32BIT, SMM, BASES };

static inline void set_msr(struct nvmx_caps *c, uint32_t msr, uint64_t value)
{
	c->msr[msr - NVMX_CAPS_FIRST_MSR] = value;
}

/* Everything that the rows know, even what the library never offers (SMM). */
static inline void full_caps(struct nvmx_caps *c)
{
	memset(c, 0, sizeof(*c));
	set_msr(c, NVMX_MSR_VMX_BASIC, NVMX_VMCS12_REVISION | 0x1000ull << 32 | 6ull << 50 | 3ull << 54);
	set_msr(c, NVMX_MSR_VMX_TRUE_PINBASED_CTLS, 0x000000ff00000016);
	set_msr(c, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, 0xfff9fffe04006172);
	set_msr(c, NVMX_MSR_VMX_TRUE_EXIT_CTLS, 0x30ffffff00036dfb);
	set_msr(c, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, 0x0051ffff000011fb);
	set_msr(c, NVMX_MSR_VMX_PROCBASED_CTLS2, 0x0657ffffull << 32);
	set_msr(c, NVMX_MSR_VMX_MISC, 0x1e0 | 4u << 16);
	set_msr(c, NVMX_MSR_VMX_CR0_FIXED0, 0x80000021);
	set_msr(c, NVMX_MSR_VMX_CR0_FIXED1, 0xffffffff);
	set_msr(c, NVMX_MSR_VMX_CR4_FIXED0, 0x2000);
	set_msr(c, NVMX_MSR_VMX_CR4_FIXED1, 0xf77fff);
	set_msr(c, NVMX_MSR_VMX_EPT_VPID_CAP, 0xf0106f341c1);
	set_msr(c, NVMX_MSR_VMX_VMFUNC, NVMX_VMFUNC_EPTP_SWITCHING);
	c->efer_valid = 0xd01;
	c->debugctl_valid = 0xffc3;
	c->perf_global_valid = 0x70000000full;
	c->maxphyaddr = 46;
	c->linear_width = 48;
}

static inline void set_segments(struct nvmx_vmcs12 *v, uint16_t sel_code, uint32_t ar_code, uint16_t sel_data,
				uint32_t ar_data, uint32_t limit)
{
	v->guest_cs_sel = sel_code;
	v->guest_es_sel = v->guest_ss_sel = v->guest_ds_sel = v->guest_fs_sel = v->guest_gs_sel = sel_data;
	v->guest_cs_ar = ar_code;
	v->guest_es_ar = v->guest_ss_ar = v->guest_ds_ar = v->guest_fs_ar = v->guest_gs_ar = ar_data;
	v->guest_es_limit = v->guest_cs_limit = v->guest_ss_limit = limit;
	v->guest_ds_limit = v->guest_fs_limit = v->guest_gs_limit = limit;
}

static inline void long_mode(struct nvmx_vmcs12 *v)
{
	memset(v, 0, sizeof(*v));
	v->pin_ctls = 0x16;
	v->proc_ctls = 0x04006172 | NVMX_PROC_SECONDARY;
	v->exit_ctls = 0x36dfb | NVMX_EXIT_HOST_64;
	v->entry_ctls = 0x11fb | NVMX_ENTRY_IA32E;
	v->ept_pointer = 0x1000 | 3 << 3 | 6;
	v->host_cr0 = v->guest_cr0 = 0x80010031;
	v->host_cr3 = v->guest_cr3 = 0x2000;
	v->host_cr4 = v->guest_cr4 = 0x2020;
	v->host_cs_sel = 8;
	v->host_ss_sel = 16;
	v->host_tr_sel = 24;
	v->host_rip = v->guest_rip = 0xffffffff80001000;
	v->host_efer = v->guest_efer = 0xd01;
	v->host_pat = v->guest_pat = 0x0007040600070406;
	set_segments(v, 8, 0xa09b, 16, 0xc093, ~0u);
	v->guest_tr_sel = 24;
	v->guest_tr_ar = 0x8b;
	v->guest_tr_limit = 0x67;
	v->guest_ldtr_ar = NVMX_AR_UNUSABLE;
	v->guest_gdtr_limit = v->guest_idtr_limit = 0xfff;
	v->guest_rflags = 2;
	v->guest_dr7 = 0x400;
	v->vmcs_link_pointer = ~0ull;
}

static inline void legacy(struct nvmx_vmcs12 *v)
{
	v->entry_ctls &= ~NVMX_ENTRY_IA32E;
	v->guest_cr4 = 0x2000;
	v->guest_rip = 0x1000;
	v->guest_efer = 1;
	set_segments(v, 8, 0xc09b, 16, 0xc093, ~0u);
}

static inline void real_mode(struct nvmx_vmcs12 *v)
{
	legacy(v);
	v->proc_ctls2 = NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED;
	v->guest_cr0 = 0x30;
	set_segments(v, 0xf000, 0x93, 0, 0x93, 0xffff);
	v->guest_cs_base = 0xffff0000;
}

static inline void make_base(struct state *s, enum base base)
{
	struct nvmx_vmcs12 *v = &s->v12;

	full_caps(&s->caps);
	long_mode(v);
	s->in = (struct nvmx_check_input){ .v12 = v, .caps = &s->caps, .current_vmcs = CURRENT_VMCS, .l1_ia32e = true,
					   .vtpr_known = true, .pdpte_known = true, .vtpr = 0x50 };
	switch (base) {
	case PAE:
		legacy(v);
		v->guest_cr4 = 0x2020;
		break;
	case LEGACY:
		legacy(v);
		break;
	case REAL_MODE:
		real_mode(v);
		break;
	case V8086:
		legacy(v);
		v->guest_rflags = 0x20002;
		set_segments(v, 0, 0xf3, 0, 0xf3, 0xffff);
		break;
	case HALTED:
		v->guest_activity = NVMX_ACTIVITY_HLT;
		break;
	case L1_32BIT:
		legacy(v);
		v->exit_ctls &= ~NVMX_EXIT_HOST_64;
		v->host_cr4 = 0x2000;
		v->host_rip = 0x1000;
		v->host_efer = 1;
		s->in.l1_ia32e = false;
		break;
	case SMM:
		s->in.in_smm = true;
		v->entry_ctls |= NVMX_ENTRY_SMM;
		v->guest_interruptibility = NVMX_BLOCK_SMI;
		break;
	default:
		break;
	}
}

#endif
