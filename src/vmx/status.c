/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a host may ask of a vCPU: state, counters, why it stopped.
 */
#include "../refuse.h"
#include "vcpu.h"

const char *nvmx_version(void)
{
	return NVMX_VERSION_STRING;
}

bool nvmx_in_vmx_operation(const struct nvmx_vcpu *v)
{
	return v->vmxon_ptr != NVMX_NO_ADDR;
}

bool nvmx_in_l2(const struct nvmx_vcpu *v)
{
	return v->in_l2;
}

bool nvmx_must_launch(const struct nvmx_vcpu *v)
{
	return v->in_l2 && v->cur->look02 & NVMX_LOOK_LAUNCH;
}

bool nvmx_l2_waits(const struct nvmx_vcpu *v)
{
	return v->in_l2 && v->cur->look02 & NVMX_LOOK_WAITS;
}

uint64_t nvmx_current_vmcs(const struct nvmx_vcpu *v)
{
	return v->in_l2 ? v->cur->page02.hpa : v->config.vmcs01;
}

static void fill_view(const struct nvmx_vcpu *v, struct nvmx_view *out)
{
	const struct nvmx_slot *s = v->cur;

	out->vmxon_gpa = v->vmxon_ptr;
	out->vmcs12 = s ? s->v12 : NULL;
	out->vmcs12_gpa = s ? s->gpa : NVMX_NO_ADDR;
	out->shadow_vmcs = s && v->hw_shadow_on ? s->page_shadow.hpa : NVMX_NO_ADDR;
	if (!s || !v->in_l2)
		return;
	out->pin = s->ctl02[NVMX_WORD_PIN];
	out->proc = s->ctl02[NVMX_WORD_PROC];
	out->proc2 = s->ctl02[NVMX_WORD_PROC2];
	out->exit = s->ctl02[NVMX_WORD_EXIT];
	out->entry = s->ctl02[NVMX_WORD_ENTRY];
	out->msr_bitmap = out->proc & NVMX_PROC_MSR_BITMAPS ? s->msr.page.va : NULL;
	out->eptp = s->eptp02;
}

void nvmx_view(const struct nvmx_vcpu *v, struct nvmx_view *out, size_t size)
{
	struct nvmx_view whole;

	if (size > sizeof(whole))
		size = sizeof(whole);
	nvmx_memcpy(&whole, out, size);
	fill_view(v, &whole);
	nvmx_memcpy(out, &whole, size);
}

bool nvmx_host_fault(const struct nvmx_vcpu *v, uint64_t *gpa, unsigned *access)
{
	*gpa = v->fault_gpa;
	*access = v->fault_access;
	return v->in_l2;
}

void nvmx_awaited(const struct nvmx_vcpu *v, uint64_t *gpa, unsigned *access)
{
	*gpa = v->awaited_gpa;
	*access = v->awaited_access;
}

enum nvmx_stop nvmx_stop_code(const struct nvmx_vcpu *v)
{
	return v->stop;
}

uint64_t nvmx_stop_detail(const struct nvmx_vcpu *v)
{
	return v->stop_detail;
}

void nvmx_stop_info(const struct nvmx_vcpu *v, struct nvmx_error_info *info)
{
	static const uint8_t rules[] = {
		[NVMX_STOP_VMX_ABORT] = NVMX_REFUSED_VMX_ABORT,
		[NVMX_STOP_NO_MEMORY] = NVMX_REFUSED_NO_PAGE,
		[NVMX_STOP_ENTRY_VMCS02] = NVMX_REFUSED_ENTRY_VMCS02,
		[NVMX_STOP_HOST_OP] = NVMX_REFUSED_PIN_REFUSED,
		[NVMX_STOP_TRIPLE_FAULT] = NVMX_REFUSED_TRIPLE_FAULT,
	};

	*info = (struct nvmx_error_info){ 0 };
	if (v->stop && v->stop_info.refusal)
		*info = v->stop_info;
	else if (v->stop)
		nvmx_refuse(info, rules[v->stop], v->stop_detail, 0);
}

uint64_t nvmx_counter(const struct nvmx_vcpu *v, enum nvmx_counter c)
{
	return (unsigned)c < NVMX_CNT_COUNT ? v->counters[c] : 0;
}

bool nvmx_field_exits(const struct nvmx_vcpu *v, unsigned n, struct nvmx_field_exits *out)
{
	if (n >= NVMX_ROWS)
		return false;
	out->name = nvmx_field_rows[n].name;
	out->encoding = nvmx_field_rows[n].encoding;
	out->vmreads = v->field_exits[0][n];
	out->vmwrites = v->field_exits[1][n];
	return true;
}

const char *nvmx_counter_name(unsigned c)
{
	static const char *const names[NVMX_CNT_COUNT] = {
		[NVMX_CNT_ENTRY] = "vm_entries",
		[NVMX_CNT_ENTRY_FAIL] = "vm_entries_failed",
		[NVMX_CNT_EXIT_TO_L1] = "exits_to_l1",
		[NVMX_CNT_EXIT_L0] = "exits_handled",
		[NVMX_CNT_EXIT_HOST] = "exits_to_host",
		[NVMX_CNT_INSTR] = "vmx_instructions",
		[NVMX_CNT_VMREAD] = "vmread",
		[NVMX_CNT_VMWRITE] = "vmwrite",
		[NVMX_CNT_VMPTRLD] = "vmptrld",
		[NVMX_CNT_VMCLEAR] = "vmclear",
		[NVMX_CNT_INVEPT] = "invept",
		[NVMX_CNT_INVVPID] = "invvpid",
		[NVMX_CNT_EPT_PAGES] = "ept_pages",
		[NVMX_CNT_EPT_FILL] = "ept_fills",
		[NVMX_CNT_EPT_FAULT] = "ept_faults",
		[NVMX_CNT_MSR_GRANT] = "bitmap_grants",
		[NVMX_CNT_ENTRY_REFUSED] = "vm_entries_refused",
		[NVMX_CNT_AGAIN] = "not_now",
		[NVMX_CNT_HV_FLUSH] = "hv_flushes",
	};

	return c < NVMX_CNT_COUNT ? names[c] : NULL;
}
