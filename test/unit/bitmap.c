/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vmcs02's MSR bitmap: what may be opened, and what closes it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "vmx/merge.h"

#define TPR 0x808u
#define X2APIC_ID 0x802u
#define EOI 0x80bu
#define SELF_IPI 0x83fu
#define EFER 0xc0000080u

static uint8_t bitmap12[4096], bitmap01[4096], bitmap02[4096];
static struct nvmx_vmcs12 v12;
static struct nvmx_slot slot;
static struct nvmx_vm vm;
static struct nvmx_vcpu *v;

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)h;
	(void)gpa;
	assert_false(write);
	return bitmap12;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h;
	(void)gpa;
	(void)page;
	assert_false(wrote);
}

static const struct nvmx_host_ops ops = { .map = map, .unmap = unmap };

/* Neither L1 nor, unless `intercepts`, the host wants to see any MSR. */
static void begin(uint32_t proc2, bool intercepts)
{
	memset(bitmap12, 0, sizeof(bitmap12));
	memset(bitmap01, intercepts ? 0xff : 0, sizeof(bitmap01));
	memset(bitmap02, 0xff, sizeof(bitmap02));
	memset(&v12, 0, sizeof(v12));
	memset(&slot, 0, sizeof(slot));
	memset(v, 0, sizeof(*v));
	v12.proc_ctls = NVMX_PROC_MSR_BITMAPS | NVMX_PROC_SECONDARY;
	v12.proc_ctls2 = proc2;
	slot.v12 = &v12;
	slot.msr.page.va = bitmap02;
	v->vm = &vm;
	v->ops = &ops;
	v->cur = &slot;
	v->config.msr_bitmap01 = bitmap01;
}

static bool exits(uint32_t msr, bool write)
{
	unsigned bit = msr >= 0xc0000000 ? 0x2000 + (msr & 0x1fff) : msr;

	bit += write ? 2048 * 8 : 0;
	return bitmap02[bit / 8] >> bit % 8 & 1;
}

static void hosts_change_closes(void **state)
{
	(void)state;
	begin(0, false);
	assert_true(nvmx_open_msr(v, EFER, false));
	assert_true(nvmx_open_msr(v, X2APIC_ID, true));
	assert_false(exits(EFER, false) || exits(X2APIC_ID, true));
	nvmx_bitmaps_review(v, &slot);
	assert_false(exits(EFER, false) || exits(X2APIC_ID, true));
	memset(bitmap01, 0xff, sizeof(bitmap01));
	assert_false(nvmx_open_msr(v, EFER, true));
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(EFER, false) && exits(X2APIC_ID, true));
}

static void l1s_change_closes(void **state)
{
	(void)state;
	begin(0, false);
	assert_true(nvmx_open_msr(v, EFER, false));
	memset(bitmap12, 0xff, sizeof(bitmap12));
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(EFER, false));
}

/* What the processor takes from L1's virtual-APIC page is not the host's, which intercepts its own APIC (SDM 29.5). */
static void virtual_x2apic_is_l1s(void **state)
{
	(void)state;
	begin(NVMX_PROC2_X2APIC_MODE, true);
	assert_true(nvmx_open_msr(v, TPR, false));
	assert_true(nvmx_open_msr(v, TPR, true));
	assert_false(nvmx_open_msr(v, X2APIC_ID, false));
	assert_false(nvmx_open_msr(v, EOI, true));
	assert_false(nvmx_open_msr(v, EFER, false));
	nvmx_bitmaps_review(v, &slot);
	assert_false(exits(TPR, false) || exits(TPR, true));
	v12.proc_ctls2 |= NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID;
	assert_true(nvmx_open_msr(v, X2APIC_ID, false));
	assert_true(nvmx_open_msr(v, 0x8ff, false));
	assert_false(nvmx_open_msr(v, 0x900, false));
	assert_true(nvmx_open_msr(v, EOI, true));
	assert_true(nvmx_open_msr(v, SELF_IPI, true));
	assert_false(nvmx_open_msr(v, X2APIC_ID, true));
	assert_false(nvmx_open_msr(v, 0x848, true));
	v12.proc_ctls2 = 0; /* now they would be the processor's own */
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(TPR, false) && exits(TPR, true) && exits(X2APIC_ID, false) && exits(EOI, true));
	begin(NVMX_PROC2_X2APIC_MODE, true);
	v->config.msr_bitmap01 = NULL;
	assert_true(nvmx_open_msr(v, TPR, false));
	assert_false(nvmx_open_msr(v, X2APIC_ID, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_change_closes),
		cmocka_unit_test(l1s_change_closes),
		cmocka_unit_test(virtual_x2apic_is_l1s),
	};
	int failed;

	v = aligned_alloc(64, (sizeof(*v) + 63) & ~63ul);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(v);
	return failed;
}
