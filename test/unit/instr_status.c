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
	nvmx_view(m->v, &view, sizeof(view));
	assert_int_equal(view.vmxon_gpa, NVMX_NO_ADDR);
	assert_null(view.vmcs12);
	assert_int_equal(view.vmcs12_gpa, NVMX_NO_ADDR);
	assert_int_equal(view.shadow_vmcs, NVMX_NO_ADDR);
	mini_enter_vmx(m, true);
	nvmx_view(m->v, &view, sizeof(view));
	assert_int_equal(view.vmxon_gpa, MINI_VMXON);
	assert_ptr_equal(view.vmcs12, m->v->cur->v12);
	assert_int_equal(view.vmcs12_gpa, MINI_VMCS12);
	assert_int_equal(view.pin | view.proc | view.proc2 | view.exit | view.entry, 0);
	assert_int_equal(nvmx_current_vmcs(m->v), MINI_VMCS01);
	assert_false(nvmx_in_l2(m->v));
	assert_false(nvmx_must_launch(m->v));
}

/* A host that was built when the view was shorter, or will be longer, has memory for that. */
static void views_of_other_versions(void **state)
{
	const size_t older = offsetof(struct nvmx_view, shadow_vmcs);
	struct mini *m = *state;
	struct {
		struct nvmx_view view;
		uint64_t beyond;
	} has;

	mini_enter_vmx(m, true);
	memset(&has, 0x5a, sizeof(has));
	nvmx_view(m->v, &has.view, older);
	assert_int_equal(has.view.vmxon_gpa, MINI_VMXON);
	for (size_t i = older; i < sizeof(has); i++)
		assert_int_equal(((uint8_t *)&has)[i], 0x5a);
	nvmx_view(m->v, &has.view, sizeof(has));
	assert_int_equal(has.view.shadow_vmcs, NVMX_NO_ADDR);
	assert_int_equal(has.beyond, 0x5a5a5a5a5a5a5a5a);
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
	nvmx_view(m->v, &view, sizeof(view));
	assert_int_equal(view.pin, 0x100 + NVMX_WORD_PIN);
	assert_int_equal(view.proc, 0x100 + NVMX_WORD_PROC);
	assert_int_equal(view.proc2, 0x100 + NVMX_WORD_PROC2);
	assert_int_equal(view.exit, 0x100 + NVMX_WORD_EXIT);
	assert_int_equal(view.entry, 0x100 + NVMX_WORD_ENTRY);
	assert_int_equal(view.eptp, 0x7000);
	assert_null(view.msr_bitmap);
	s->ctl02[NVMX_WORD_PROC] |= NVMX_PROC_MSR_BITMAPS;
	nvmx_view(m->v, &view, sizeof(view));
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
	static const struct {
		enum nvmx_stop stop;
		int error;
		const char *words;
	} cases[] = {
		{ NVMX_STOP_NONE, NVMX_OK, "no error" },
		{ NVMX_STOP_VMX_ABORT, NVMX_ERR_GUEST, "VMX abort, indicator 77 " },
		{ NVMX_STOP_NO_MEMORY, NVMX_ERR_MEMORY, "ops.page_alloc answered NULL" },
		{ NVMX_STOP_ENTRY_VMCS02, NVMX_ERR_ARGUMENT, "VM-instruction error 77" },
		{ NVMX_STOP_HOST_OP, NVMX_ERR_ANSWER, "ops.pin refused the L1-physical frame 0x4d" },
		{ NVMX_STOP_TRIPLE_FAULT, NVMX_ERR_GUEST, "triple fault" },
	};
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		m->v->stop = NVMX_STOP_NONE;
		if (cases[i].stop)
			nvmx_stop_vm(m->v, cases[i].stop, 77);
		nvmx_stop_info(m->v, &info);
		assert_int_equal(info.error, cases[i].error);
		nvmx_describe_error(line, sizeof(line), &info);
		assert_non_null(strstr(line, cases[i].words));
		assert_int_equal(nvmx_stop_code(m->v), cases[i].stop);
		assert_int_equal(nvmx_stop_detail(m->v), cases[i].stop ? 77 : 0);
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

/* VMREAD or VMWRITE with register operands: the encoding is in RCX, the value in RDX. */
static void access_field(struct mini *m, bool write, uint64_t encoding)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(2, 1);
	m->regs.gpr[1] = encoding;
	mini_exec(m, write ? NVMX_XR_VMWRITE : NVMX_XR_VMREAD);
}

static void count_of(const struct nvmx_vcpu *v, uint32_t encoding, struct nvmx_field_exits *f)
{
	unsigned n = 0;

	while (nvmx_field_exits(v, n, f) && f->encoding != encoding)
		n++;
	assert_int_equal(f->encoding, encoding);
}

/* Of L1's accesses that exit, by field; the other half of a 64-bit one counts with it, an encoding of no field with none. */
static void exits_are_counted_by_field(void **state)
{
	struct mini *m = *state;
	struct nvmx_field_exits f;
	uint64_t others = 0;
	unsigned n;

	mini_enter_vmx(m, true);
	for (n = 0; nvmx_field_exits(m->v, n, &f); n++)
		assert_true(f.name && *f.name && !f.vmreads && !f.vmwrites);
	assert_true(n > 100);
	access_field(m, false, NVMX_TSC_OFFSET);
	access_field(m, false, NVMX_TSC_OFFSET + 1);
	access_field(m, true, NVMX_TSC_OFFSET);
	access_field(m, true, NVMX_HOST_RSP);
	access_field(m, false, 0x6ffe);
	count_of(m->v, NVMX_TSC_OFFSET, &f);
	assert_int_equal(f.vmreads, 2);
	assert_int_equal(f.vmwrites, 1);
	assert_string_equal(f.name, "TSC offset");
	count_of(m->v, NVMX_HOST_RSP, &f);
	assert_true(!f.vmreads && f.vmwrites == 1);
	for (n = 0; nvmx_field_exits(m->v, n, &f); n++)
		others += f.vmreads + f.vmwrites;
	assert_int_equal(others, 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(in_and_out_of_vmx),  MINI_TEST(view_without_l2),     MINI_TEST(views_of_other_versions),
		MINI_TEST(view_of_l2),         MINI_TEST(stops_have_reasons),  MINI_TEST(counters_have_names),
		MINI_TEST(exits_are_counted_by_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
