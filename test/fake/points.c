/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "points.h"
#include "vmx/vcpu.h"

#define PROC 0x84006172u
#define PROC2 (NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED)

struct guest {
	struct script l1, l2;
	struct fake_code code[2];
};

static void make(struct guest *g, bool shadow)
{
	script_start(&g->l1, FAKE_L1_CODE);
	script_start(&g->l2, FAKE_L2_CODE);
	script_enter_vmx(&g->l1);
	script_vmwrite(&g->l1, NVMX_PIN_CTLS, 0x16 | NVMX_PIN_PREEMPTION_TIMER);
	script_vmwrite(&g->l1, NVMX_PREEMPTION_TIMER, 5000);
	script_vmwrite(&g->l1, NVMX_PROC_CTLS, PROC | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
	if (shadow) {
		script_vmwrite(&g->l1, NVMX_PROC_CTLS2, PROC2 | NVMX_PROC2_SHADOW_VMCS);
		script_vmwrite(&g->l1, NVMX_VMREAD_BITMAP, FAKE_VMREAD_BITMAP);
		script_vmwrite(&g->l1, NVMX_VMWRITE_BITMAP, FAKE_VMWRITE_BITMAP);
		script_vmwrite(&g->l1, NVMX_VMCS_LINK_POINTER, FAKE_VMCS_SHADOW);
	}
	for (unsigned n = 0; n < 20; n++) {
		script_run(&g->l1, n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_look(&g->l1, false);
		script_advance(&g->l1);
	}
	script_op(&g->l1, FAKE_END);
	for (unsigned n = 0; n < 20; n++) {
		script_msr(&g->l2, FAKE_WRMSR, NVMX_MSR_PAT, 0x0606060606060606);
		script_store(&g->l2, FAKE_L2_DATA + n * 8, n, 8);
		script_op(&g->l2, FAKE_CPUID);
	}
	g->code[0] = g->l1.code;
	g->code[1] = g->l2.code;
}

static struct guest *guest(bool shadow)
{
	static struct guest guests[2];

	if (!guests[shadow].l1.code.n)
		make(&guests[shadow], shadow);
	return &guests[shadow];
}

static bool there(const struct nvmx_host *h, enum fake_point point)
{
	switch (point) {
	case FAKE_AT_START: return true;
	case FAKE_AT_VMXON: return nvmx_in_vmx_operation(h->vcpu);
	case FAKE_AT_VMCS:
	case FAKE_AT_SMM: return h->cpu.trace->n > 320;
	case FAKE_AT_ENTRY: return nvmx_in_l2(h->vcpu);
	default: return nvmx_in_l2(h->vcpu) && !h->vcpu->run_pending;
	}
}

struct nvmx_host *fake_host_at(enum fake_point point, struct fake_machine *m, struct fake_result *r)
{
	struct guest *g = guest(point == FAKE_AT_L2_SHADOW);
	struct nvmx_host *h;

	m->code = g->code;
	m->codes = 2;
	h = fake_host_new(m, r);
	while (!there(h, point))
		FAKE_ASSERT(fake_host_step(h));
	if (point == FAKE_AT_SMM || point == FAKE_AT_SMM_L2) {
		h->inside = true;
		nvmx_smi(h->vcpu);
		FAKE_ASSERT(!h->vcpu->batch_n);
		h->inside = false;
		h->smm = true;
	}
	return h;
}
