/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a host may ask of a vCPU. */
#include "minihost.h"
#include "vmx/merge.h"

static void in_and_out_of_vmx(void **state)
{
	struct mini *m = *state;

	assert_false(nvmx_in_vmx_operation(m->v));
	mini_enter_vmx(m, false);
	assert_true(nvmx_in_vmx_operation(m->v));
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	assert_false(nvmx_in_vmx_operation(m->v));
}

static void view_without_l2(void **state)
{
	struct mini *m = *state;
	struct nvmx_view view;

	memset(&view, 0, sizeof(view));
	nvmx_view(m->v, &view);
	assert_int_equal(view.vmxon_gpa, NVMX_NO_ADDR);
	assert_null(view.vmcs12);
	assert_int_equal(view.vmcs12_gpa, NVMX_NO_ADDR);
	assert_int_equal(view.shadow_vmcs, NVMX_NO_ADDR);
	mini_enter_vmx(m, true);
	nvmx_view(m->v, &view);
	assert_int_equal(view.vmxon_gpa, MINI_VMXON);
	assert_ptr_equal(view.vmcs12, m->v->cur->v12);
	assert_int_equal(view.vmcs12_gpa, MINI_VMCS12);
	assert_int_equal(view.pin | view.proc | view.proc2 | view.exit | view.entry, 0);
	assert_int_equal(nvmx_current_vmcs(m->v), MINI_VMCS01);
	assert_false(nvmx_in_l2(m->v));
	assert_false(nvmx_must_launch(m->v));
}

static void view_of_l2(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;
	struct nvmx_view view;
	uint64_t gpa;
	unsigned access;

	mini_enter_vmx(m, true);
	s = m->v->cur;
	for (unsigned w = 0; w < NVMX_WORDS; w++)
		s->ctl02[w] = 0x100u + w;
	s->eptp02 = 0x7000;
	nvmx_vmcs_load(m->v, s->page02.hpa);
	m->v->in_l2 = true;
	m->v->fault_gpa = 0x1234;
	m->v->fault_access = NVMX_ACCESS_W;
	nvmx_view(m->v, &view);
	assert_int_equal(view.pin, 0x100 + NVMX_WORD_PIN);
	assert_int_equal(view.proc, 0x100 + NVMX_WORD_PROC);
	assert_int_equal(view.proc2, 0x100 + NVMX_WORD_PROC2);
	assert_int_equal(view.exit, 0x100 + NVMX_WORD_EXIT);
	assert_int_equal(view.entry, 0x100 + NVMX_WORD_ENTRY);
	assert_int_equal(view.eptp, 0x7000);
	assert_null(view.msr_bitmap);
	s->ctl02[NVMX_WORD_PROC] |= NVMX_PROC_MSR_BITMAPS;
	nvmx_view(m->v, &view);
	assert_ptr_equal(view.msr_bitmap, s->msr.page.va);
	assert_true(nvmx_in_l2(m->v));
	assert_int_equal(nvmx_current_vmcs(m->v), s->page02.hpa);
	s->look02 = NVMX_LOOK_LAUNCH;
	assert_true(nvmx_must_launch(m->v));
	s->look02 = NVMX_LOOK_EPTP;
	assert_false(nvmx_must_launch(m->v));
	assert_true(nvmx_host_fault(m->v, &gpa, &access));
	assert_int_equal(gpa, 0x1234);
	assert_int_equal(access, NVMX_ACCESS_W);
	m->v->in_l2 = false;
	assert_false(nvmx_host_fault(m->v, &gpa, &access));
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

static void stops_have_reasons(void **state)
{
	struct mini *m = *state;
	const char *text[NVMX_STOP_HOST_OP + 1];

	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_NONE);
	for (unsigned i = 0; i <= NVMX_STOP_HOST_OP; i++) {
		m->v->stop = (enum nvmx_stop)i;
		m->v->stop_detail = i + 100u;
		text[i] = nvmx_stop_reason(m->v);
		assert_true(text[i] && *text[i]);
		assert_int_equal(nvmx_stop_code(m->v), i);
		assert_int_equal(nvmx_stop_detail(m->v), i + 100u);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(text[i], text[j]);
	}
	m->v->stop = NVMX_STOP_NONE;
}

static void counters_have_names(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < NVMX_CNT_COUNT; i++) {
		const char *name = nvmx_counter_name(i);

		assert_true(name && *name);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(name, nvmx_counter_name(j));
	}
	assert_null(nvmx_counter_name(NVMX_CNT_COUNT));
	assert_int_equal(nvmx_counter(m->v, NVMX_CNT_INSTR), 0);
	mini_enter_vmx(m, true);
	assert_int_equal(nvmx_counter(m->v, NVMX_CNT_INSTR), 2);
	assert_int_equal(nvmx_counter(m->v, NVMX_CNT_COUNT), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(in_and_out_of_vmx), MINI_TEST(view_without_l2),     MINI_TEST(view_of_l2),
		MINI_TEST(stops_have_reasons), MINI_TEST(counters_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
