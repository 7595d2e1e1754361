/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A vCPU goes to another processor or another machine; the host takes a frame of L1 and brings it back. */
#include "owner.h"

/* After NVMX_AGAIN: the page is brought in, and the call is made again. */
void page_in(struct nvmx_host *h)
{
	uint64_t gpa;
	unsigned access;

	nvmx_awaited(h->vcpu, &gpa, &access);
	assert_int_equal(gpa / FAKE_PAGE, h->away / FAKE_PAGE);
	h->away = NOBODY;
	h->paged_in++;
}

/* First the host's own map changes, EPT01 included; then the library's shadows. */
void swap_out(struct nvmx_host *h, uint64_t gpa)
{
	h->away = gpa;
	nvmx_host_invalidate(h->vm, h->vcpu, gpa, FAKE_PAGE);
	/* From here on no L2 uses the frame: its contents can go. */
}

void other_processor(struct nvmx_host *h)
{
	nvmx_vcpu_park(h->vcpu);
	assert_int_equal(fake_vmclear(&h->cpu, h->vmcs01), FAKE_VM_SUCCEED);

	/* On the other processor: vmcs01's host state is that processor's now. */
	assert_int_equal(fake_vmptrld(&h->cpu, h->vmcs01), FAKE_VM_SUCCEED);
	nvmx_vcpu_unpark(h->vcpu);
	if (nvmx_in_l2(h->vcpu))
		assert_int_equal(nvmx_before_l2(h->vcpu), NVMX_RESUME_L2);
	else
		assert_int_equal(nvmx_vmcs01_changed(h->vcpu), NVMX_OK);
}

/* L1's memory and the registers that no VMCS has are moved as ever; here they stay where they are. */
void other_machine(struct nvmx_host *h)
{
	struct nvmx_state_context context = { .l1_tsc = 1000 };
	static struct nvmx_state blob;
	uint64_t feature_control;
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	size_t size;
	int error;

	while ((error = nvmx_state_save(h->vcpu, &blob, sizeof(blob), context.l1_tsc, &size, &info)) == NVMX_ERR_AGAIN)
		page_in(h);
	assert_int_equal(error, NVMX_OK);
	assert_int_equal(nvmx_msr_read(h->vcpu, NVMX_MSR_FEATURE_CONTROL, &feature_control), 0);
	host_end(h);

	host_start(h); /* there */
	assert_int_equal(nvmx_feature_control_set(h->vcpu, feature_control), 0);
	while ((error = nvmx_state_restore(h->vcpu, &blob, size, &context, &info)) == NVMX_ERR_AGAIN)
		page_in(h);
	nvmx_describe_error(line, sizeof(line), &info);
	if (error)
		fail_msg("%s", line);
}
