/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../mem.h"
#include "merge.h"
#include "port.h"
#include "refuse.h"
#include "../ept/ept.h"
#include "../invept/invept.h"

/* Hardware shadowing needs a VMWRITE that reaches exit-information fields too (SDM A.6, bit 29). */
static bool hw_can_shadow(const struct nvmx_vm *vm)
{
	return nvmx_caps_may(&vm->hw, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_SHADOW_VMCS &&
	       nvmx_caps_get(&vm->hw, NVMX_MSR_VMX_MISC) & NVMX_MISC_VMWRITE_RO &&
	       !(vm->withheld >> NVMX_FEATURE_HW_SHADOW & 1);
}

/* What L1 is offered the processor has, too. */
static bool hw_can_switch(const struct nvmx_vm *vm)
{
	return vm->flags & NVMX_HOST_EPTP_SWITCHING && nvmx_caps_may(&vm->caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & NVMX_PROC2_VMFUNC &&
	       nvmx_caps_get(&vm->caps, NVMX_MSR_VMX_VMFUNC) & NVMX_VMFUNC_EPTP_SWITCHING &&
	       !(vm->withheld >> NVMX_FEATURE_HW_EPTP_SWITCHING & 1);
}

/* What L1 has of the host alone the processor may have no field for; and the host's timer saves its value behind the push. */
static bool hw_has_place(const struct nvmx_vm *vm, unsigned row)
{
	if (row == NVMX_I_PREEMPTION_TIMER && vm->flags & NVMX_HOST_OWNS_TIMER)
		return false;
	return nvmx_field_exists(&nvmx_field_rows[row], &vm->hw);
}

/* The rows that exist, those that an exit leaves stale, and those that hardware may shadow. */
static void make_rowsets(struct nvmx_vm *vm)
{
	bool hw_shadow = hw_can_shadow(vm);

	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		const struct nvmx_field_row *row = &nvmx_field_rows[i];

		if (!nvmx_field_exists(row, &vm->caps))
			continue;
		nvmx_set_add(&vm->rows, i);
		if (row->sync == NVMX_S_RARE)
			nvmx_set_add(&vm->rare, i);
		if (!hw_shadow || !hw_has_place(vm, i))
			continue;
		if (row->sync == NVMX_S_RARE)
			nvmx_set_add(&vm->hw_rare, i);
		if (row->shadow == NVMX_H_RO)
			nvmx_set_add(&vm->hw_ro, i);
		if (row->shadow == NVMX_H_RW)
			nvmx_set_add(&vm->hw_rw, i);
	}
}

int nvmx_vm_init(void *mem, size_t size, const struct nvmx_vm_config *config, struct nvmx_vm **out, struct nvmx_error_info *info)
{
	struct nvmx_error_info unwanted = { 0 };
	struct nvmx_vm_config c;
	struct nvmx_host_ops ops;
	struct nvmx_vm *vm = mem;
	int error;

	info = info ? info : &unwanted;
	error = nvmx_refuse_vm(mem, size, config, out, &c, &ops, info);
	if (error)
		return error;
	nvmx_memset(vm, 0, sizeof(*vm));
	vm->table = ops;
	vm->ops = &vm->table;
	vm->hw = *c.hw;
	vm->withheld = c.withheld;
	vm->flags = c.flags;
	vm->posted_vector02 = (uint8_t)c.posted_vector02;
	vm->shadow_ept_pages = c.shadow_ept_pages ? c.shadow_ept_pages : 1024;
	if (c.beyond)
		nvmx_caps_compute_beyond(c.hw, c.withheld, c.beyond, &vm->caps);
	else
		nvmx_caps_compute(c.hw, c.withheld, c.flags & NVMX_COMPATIBLE, &vm->caps);
	nvmx_caps_of_host(&vm->caps, vm->flags);
	vm->watches = vm->ops->watch ? c.watches : NULL;
	vm->watches_n = c.watches_n;
	if (c.limit)
		nvmx_caps_restrict(&vm->caps, c.limit);
	error = nvmx_refuse_ops(vm, info);
	if (error)
		return error;
	nvmx_control_masks_make(&vm->masks);
	nvmx_edges_derive(nvmx_edges, nvmx_edge_count, &vm->steps);
	make_rowsets(vm);
	vm->hw_eptp_switching = hw_can_switch(vm);
	nvmx_ept_vm_init(vm);
	vm->magic = NVMX_VM_MAGIC;
	*out = vm;
	*info = (struct nvmx_error_info){ 0 };
	return NVMX_OK;
}

void nvmx_vm_destroy(struct nvmx_vm *vm)
{
	vm->magic = 0;
	nvmx_ept_vm_destroy(vm);
}

const struct nvmx_caps *nvmx_vm_caps(const struct nvmx_vm *vm)
{
	return &vm->caps;
}

/* The loads that L1 is offered and that vmcs01 does not do for it, or not undo. */
static uint32_t loads_not_undone(const struct nvmx_vcpu *v)
{
	uint32_t both = (v->vmcs01.ctl[NVMX_WORD_ENTRY] & nvmx_loads_undone(v->vmcs01.ctl[NVMX_WORD_EXIT])) | nvmx_loads_unswitched(v) |
			nvmx_loads_emulated(v);

	return nvmx_caps_may(&v->vm->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & NVMX_CARRYING_LOADS & ~both;
}

/* Once L1 runs, also a load that it was offered and that is done or undone no more. */
void nvmx_vmcs01_judge(struct nvmx_vcpu *v)
{
	uint32_t lost = loads_not_undone(v), entry = v->vmcs01.ctl[NVMX_WORD_ENTRY];

	v->refused01 = (struct nvmx_error_info){ 0 };
	if (!nvmx_refuse_controls(v, &v->refused01) && lost)
		nvmx_refuse(&v->refused01, NVMX_REFUSED_LOAD_NOT_UNDONE, entry, lost);
}

static void withhold_loads(struct nvmx_vcpu *v)
{
	uint32_t loads = loads_not_undone(v);

	if (!loads)
		return;
	nvmx_caps_withhold_loads(&v->vm->caps, loads, nvmx_undo_of_loads(loads));
	v->vm->rows = v->vm->rare = v->vm->hw_ro = v->vm->hw_rw = v->vm->hw_rare = (struct nvmx_rowset){ { 0 } };
	make_rowsets(v->vm);
	nvmx_vmcs01_judge(v);
}

int nvmx_vcpu_init(void *mem, size_t size, struct nvmx_vm *vm, const struct nvmx_vcpu_config *config, struct nvmx_vcpu **out,
		   struct nvmx_error_info *info)
{
	struct nvmx_error_info unwanted = { 0 };
	struct nvmx_vcpu_config c;
	struct nvmx_vcpu *v = mem;
	int error;

	info = info ? info : &unwanted;
	error = nvmx_refuse_vcpu(mem, size, vm, config, out, &c, info);
	if (error)
		return error;
	nvmx_memset(v, 0, sizeof(*v));
	v->vm = vm;
	v->ops = vm->ops;
	nvmx_trace_select(v, NVMX_TRACE_ALL);
	v->host = c.host;
	v->config = c;
	v->loaded = c.vmcs01;
	v->vmxon_ptr = NVMX_NO_ADDR;
	v->feature_control = vm->caps.feature_control;
	nvmx_not_by_l1(v);
	nvmx_slots_init(v);
	nvmx_vmcs01_read(v);
	error = nvmx_refuse_vmcs01(v, info);
	if (error)
		return error;
	withhold_loads(v);
	nvmx_ept_vcpu_init(v);
	*out = v;
	*info = (struct nvmx_error_info){ 0 };
	return NVMX_OK;
}

void nvmx_vcpu_destroy(struct nvmx_vcpu *v)
{
	nvmx_slots_destroy(v);
	nvmx_ept_vcpu_destroy(v);
	nvmx_vmwrite_flush(v);
}

void nvmx_vcpu_park(struct nvmx_vcpu *v)
{
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++) {
		struct nvmx_slot *s = &v->slots[i];

		if (s->page02.va) {
			nvmx_vmcs_clear(v, s->page02.hpa);
			s->look02 |= NVMX_LOOK_LAUNCH;
		}
		if (s->page_shadow.va)
			nvmx_vmcs_clear(v, s->page_shadow.hpa);
	}
	v->loaded = NVMX_NO_ADDR;
}

void nvmx_vcpu_unpark_here(struct nvmx_vcpu *v)
{
	nvmx_vmcs_load(v, nvmx_current_vmcs(v));
}

void nvmx_vcpu_unpark(struct nvmx_vcpu *v)
{
	nvmx_vcpu_unpark_here(v);
	nvmx_ept_moved(v);
	nvmx_vpid_forget(v);
	if (v->in_l2)
		nvmx_load_vpid(v, v->cur);
	nvmx_vmwrite_flush(v);
}
