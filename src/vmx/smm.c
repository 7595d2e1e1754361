/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * SMM in a host that emulates it: the default treatment of SMIs and RSM (SDM 34.14.1, 34.14.2).  L2's vmcs02 keeps its state
 * meanwhile: nothing else can run on it, as SMM has no VMX instructions.
 */
#include "port.h"

void nvmx_smi(struct nvmx_vcpu *v)
{
	if (v->smm.active)
		return;
	if (v->hw_shadow_on)
		nvmx_shadow_pull(v, v->cur);
	nvmx_vmcs_load(v, v->config.vmcs01);
	v->smm.active = true;
	v->smm.in_l2 = v->in_l2;
	v->smm.vmxon_ptr = v->vmxon_ptr;
	nvmx_l2_ends(v);
	nvmx_not_by_l1(v); /* vmcs01's exit information will be that of SMM's exits */
	v->vmxon_ptr = NVMX_NO_ADDR;
	nvmx_shadow_switch(v); /* off: SMM's VMREAD and VMWRITE are #UD */
	nvmx_vmwrite_flush(v);
}

/* In SMM the host had vmcs01 to itself, and the vCPU may have moved, or lost the root of the shadow EPT. */
bool nvmx_rsm(struct nvmx_vcpu *v)
{
	if (v->stop || !v->smm.active)
		return !v->stop;
	v->smm.active = false;
	v->vmxon_ptr = v->smm.vmxon_ptr;
	nvmx_vmcs01_read(v);
	nvmx_shadow_switch(v);
	if (v->smm.in_l2) {
		nvmx_vmcs_load(v, v->cur->page02.hpa);
		nvmx_load_vpid(v, v->cur);
		nvmx_before_l2(v);
		nvmx_l2_begins(v);
	}
	nvmx_vmwrite_flush(v);
	return !v->stop;
}
