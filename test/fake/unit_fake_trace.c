/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The op trace: each record of <nestvmx/trace.h> from a script that makes it happen, with its values and in its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <nestvmx/check.h>
#include "compare.h"

#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)

static struct script l1, l2;
static struct fake_code code[2];

static void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
}

static struct fake_machine machine(void)
{
	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2, .traced = true };
}

static void run_as(struct fake_machine m)
{
	assert_true(fake_same(&m, true));
	assert_true(fake_nested.traced_n > 0 && fake_nested.traced_n < FAKE_TRACED_MAX);
}

static void run(void)
{
	run_as(machine());
}

static void launch(void)
{
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, false);
}

/* Where the n-th record of a kind is, from 0 on. */
static size_t place(unsigned what, unsigned n)
{
	for (size_t i = 0; i < fake_nested.traced_n; i++)
		if (fake_nested.traced[i].what == what && n-- == 0)
			return i;
	fail_msg("no %s", nvmx_trace_name(what));
	return 0;
}

static unsigned count(unsigned what)
{
	unsigned n = 0;

	for (size_t i = 0; i < fake_nested.traced_n; i++)
		n += fake_nested.traced[i].what == what;
	return n;
}

static void is(size_t at, unsigned what, uint64_t a, uint64_t b, uint64_t c)
{
	const struct fake_traced *r = &fake_nested.traced[at];

	assert_int_equal(r->what, what);
	assert_int_equal(r->a, a);
	assert_int_equal(r->b, b);
	assert_int_equal(r->c, c);
}
#define CAUSE(cause, detail) ((uint64_t)(cause) << 32 | (uint32_t)(detail))

/* VMLAUNCH; L2's first fetch, which the shadow EPT has not; its CPUID. */
static void a_round_trip(void **state)
{
	size_t at;

	(void)state;
	begin();
	launch();
	script_op(&l2, FAKE_CPUID);
	run();
	at = place(NVMX_TRACE_ENTER, 0);
	assert_true(at > 0);
	is(at - 1, NVMX_TRACE_EXIT, NVMX_XR_VMLAUNCH, 1, fake_nested.traced[at - 1].c);
	assert_true(fake_nested.traced[at - 1].c - FAKE_L1_CODE < 0x10000);
	is(at, NVMX_TRACE_ENTER, FAKE_VMCS_A, FAKE_L2_CODE, fake_nested.traced[at].c);
	assert_int_equal(fake_nested.traced[at + 1].what, NVMX_TRACE_EXIT);
	assert_int_equal(fake_nested.traced[at + 1].a, NVMX_XR_EPT_VIOLATION);
	at = place(NVMX_TRACE_LEAVE, 0);
	is(at - 2, NVMX_TRACE_EXIT, NVMX_XR_CPUID, 2, FAKE_L2_CODE);
	is(at - 1, NVMX_TRACE_ROUTE, NVMX_XR_CPUID, NVMX_OWNER_L1, CAUSE(NVMX_CAUSE_ALWAYS, 0));
	is(at, NVMX_TRACE_LEAVE, NVMX_XR_CPUID, 0, FAKE_VMCS_A);
}

/* EPT12 has nothing at the second page of L2's data. */
static void make_hole(uint8_t *ram, const void *arg)
{
	(void)arg;
	memset(ram + FAKE_EPT_A + 3 * FAKE_PAGE + 8 * ((FAKE_L2_DATA >> 12) + 1), 0, 8);
}

static void shadow_fills(void **state)
{
	struct fake_machine m;
	size_t at;

	(void)state;
	begin();
	launch();
	script_load(&l2, 1, FAKE_L2_DATA + 0x10, 8);
	script_load(&l2, 1, FAKE_L2_DATA + FAKE_PAGE, 8);
	m = machine();
	m.prepare = make_hole;
	run_as(m);
	at = place(NVMX_TRACE_FILL, 0);
	is(at, NVMX_TRACE_FILL, fake_nested.traced[at].a, fake_nested.traced[at].b, 0);
	is(at + 1, NVMX_TRACE_ROUTE, NVMX_XR_EPT_VIOLATION, NVMX_OWNER_LIBRARY, CAUSE(NVMX_CAUSE_EPT, 0));
	at = place(NVMX_TRACE_FILL, count(NVMX_TRACE_FILL) - 1);
	assert_int_equal(fake_nested.traced[at].a, FAKE_L2_DATA + FAKE_PAGE);
	assert_int_equal(fake_nested.traced[at].c, 1);
	is(at + 1, NVMX_TRACE_ROUTE, NVMX_XR_EPT_VIOLATION, NVMX_OWNER_L1, CAUSE(NVMX_CAUSE_EPT, 0));
	assert_int_equal(fake_nested.traced[at + 2].what, NVMX_TRACE_LEAVE);
}

/* Without EPT12 what the host does not map is the host's. */
static void the_hosts(void **state)
{
	unsigned hosts = 0;
	size_t at;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS2, 0);
	launch();
	script_load(&l2, 1, FAKE_RAM_SIZE + 0x10, 8);
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_VMX_BASIC, 0);
	script_op(&l2, FAKE_VMCALL);
	run();
	for (unsigned n = 0; n < count(NVMX_TRACE_ROUTE); n++) {
		at = place(NVMX_TRACE_ROUTE, n);
		if (fake_nested.traced[at].a != NVMX_XR_EPT_VIOLATION)
			continue;
		is(at, NVMX_TRACE_ROUTE, NVMX_XR_EPT_VIOLATION, NVMX_OWNER_HOST, CAUSE(NVMX_CAUSE_EPT, 0));
		hosts++;
	}
	assert_true(hosts);
}

/* With L1's bitmap clear the access is the host's or the library's. */
static void bitmaps(void **state)
{
	size_t at;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
	launch();
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_VMX_BASIC, 0);
	script_imm(&l2, FAKE_IN, 0x60);
	script_op(&l2, FAKE_VMCALL);
	run();
	at = place(NVMX_TRACE_ROUTE, 0);
	while (fake_nested.traced[at].what != NVMX_TRACE_ROUTE || fake_nested.traced[at].a != NVMX_XR_RDMSR)
		at++;
	is(at, NVMX_TRACE_ROUTE, NVMX_XR_RDMSR, NVMX_OWNER_LIBRARY, CAUSE(NVMX_CAUSE_MSR_BITMAP, NVMX_MSR_VMX_BASIC));
	while (fake_nested.traced[at].what != NVMX_TRACE_ROUTE || fake_nested.traced[at].a != NVMX_XR_IO)
		at++;
	is(at, NVMX_TRACE_ROUTE, NVMX_XR_IO, NVMX_OWNER_LIBRARY, CAUSE(NVMX_CAUSE_IO_BITMAP, 0x60));
}

static void l1_asks_by_a_control(void **state)
{
	size_t at;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_RDTSC);
	script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_UD));
	launch();
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_op(&l2, FAKE_RDTSC);
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_PAT, 0x123);
	run();
	at = place(NVMX_TRACE_LEAVE, 0);
	is(at - 1, NVMX_TRACE_ROUTE, NVMX_XR_RDTSC, NVMX_OWNER_L1, CAUSE(NVMX_CAUSE_CONTROL, 1 << 8 | 12));
	at = place(NVMX_TRACE_LEAVE, 1);
	is(at - 1, NVMX_TRACE_ROUTE, NVMX_XR_WRMSR, NVMX_OWNER_L1, CAUSE(NVMX_CAUSE_MSR_BITMAP, NVMX_MSR_PAT));
}

/* The row's number leads to its name. */
static void failed_checks(void **state)
{
	const struct nvmx_check_row *rows;
	size_t n, at;

	(void)state;
	rows = nvmx_check_rows(&n);
	begin();
	script_vmwrite(&l1, NVMX_CR3_TARGET_COUNT, 5);
	script_op(&l1, FAKE_VMLAUNCH);
	script_vmwrite(&l1, NVMX_CR3_TARGET_COUNT, 0);
	script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 0);
	launch();
	run();
	at = place(NVMX_TRACE_CHECK, 0);
	assert_int_equal(count(NVMX_TRACE_CHECK), 2);
	assert_true(fake_nested.traced[at].a < n);
	assert_non_null(strstr(rows[fake_nested.traced[at].a].id, "cr3_target"));
	is(at, NVMX_TRACE_CHECK, fake_nested.traced[at].a, NVMX_CHECK_VMFAIL, FAKE_VMCS_A);
	at = place(NVMX_TRACE_CHECK, 1);
	assert_non_null(strstr(rows[fake_nested.traced[at].a].id, "rflags"));
	is(at, NVMX_TRACE_CHECK, fake_nested.traced[at].a, NVMX_CHECK_ENTRY_FAIL, FAKE_VMCS_A);
	is(at + 1, NVMX_TRACE_LEAVE, 33 | NVMX_XR_ENTRY_FAILURE, 0, FAKE_VMCS_A);
	assert_int_equal(count(NVMX_TRACE_ENTER), 0);
}

static void invalidations(void **state)
{
	(void)state;
	begin();
	script_invalidate(&l1, FAKE_INVEPT, 1, FAKE_EPT_A | 0x1e, 0);
	script_invalidate(&l1, FAKE_INVEPT, 7, FAKE_EPT_A | 0x1e, 0); /* no such type: not past its checks */
	script_invalidate(&l1, FAKE_INVVPID, 0, 5, 0x123000);
	run();
	is(place(NVMX_TRACE_INVEPT, 0), NVMX_TRACE_INVEPT, 1, FAKE_EPT_A | 0x1e, 0);
	assert_int_equal(count(NVMX_TRACE_INVEPT), 1);
	is(place(NVMX_TRACE_INVVPID, 0), NVMX_TRACE_INVVPID, 0, 5, 0x123000);
}

static void list_entry(uint8_t *ram, uint64_t at, uint32_t msr, uint64_t value)
{
	memcpy(ram + at, &(uint64_t){ msr }, 8);
	memcpy(ram + at + 8, &value, 8);
}

static void make_lists(uint8_t *ram, const void *arg)
{
	list_entry(ram, FAKE_MSR_ENTRY, NVMX_MSR_TSC_AUX, 3);
	list_entry(ram, FAKE_MSR_ENTRY + 16, NVMX_MSR_FS_BASE, 3); /* no list loads it */
	list_entry(ram, FAKE_MSR_STORE, NVMX_MSR_TSC_AUX, 0);
	list_entry(ram, FAKE_MSR_EXIT, NVMX_MSR_TSC_AUX, 4);
	(void)arg;
}

static void msr_lists(void **state)
{
	struct fake_machine m;
	size_t at;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 1);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_ADDR, FAKE_MSR_STORE);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 1);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_ADDR, FAKE_MSR_EXIT);
	launch();
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 2);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.prepare = make_lists;
	run_as(m);
	at = place(NVMX_TRACE_MSR_LIST, 0);
	is(at, NVMX_TRACE_MSR_LIST, 0, 1, 0);
	assert_int_equal(fake_nested.traced[at + 1].what, NVMX_TRACE_ENTER);
	is(place(NVMX_TRACE_MSR_LIST, 1), NVMX_TRACE_MSR_LIST, 1, 1, 0);
	is(place(NVMX_TRACE_MSR_LIST, 2), NVMX_TRACE_MSR_LIST, 2, 1, 0);
	is(place(NVMX_TRACE_MSR_LIST, 3), NVMX_TRACE_MSR_LIST, 0, 2, 2);
	is(place(NVMX_TRACE_LEAVE, 1), NVMX_TRACE_LEAVE, 34 | NVMX_XR_ENTRY_FAILURE, 2, FAKE_VMCS_A);
}

/* The host runs out of pages when L2 is to get its root. */
static void stops(void **state)
{
	struct fake_machine m;
	uint64_t callbacks;
	bool stopped = false;

	(void)state;
	begin();
	launch();
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	run_as(m);
	callbacks = fake_nested.callbacks;
	for (m.fail_at = 1; m.fail_at <= callbacks; m.fail_at++) {
		fake_run_nested(&m, &fake_nested);
		if (!fake_nested.host_stopped || fake_nested.library_stop == NVMX_STOP_NONE)
			continue;
		assert_int_equal(count(NVMX_TRACE_STOP), 1);
		is(place(NVMX_TRACE_STOP, 0), NVMX_TRACE_STOP, fake_nested.library_stop, fake_nested.library_detail, 0);
		stopped = true;
	}
	assert_true(stopped);
}

/* A processor that is stricter than the SDM (unit_fake_refused.c): VMfail, and a VM-entry failure. */
static void refusals(void **state)
{
	static const struct fake_dislike vmfail = { NVMX_GUEST_RIP, FAKE_L2_CODE, NVMX_VMERR_ENTRY_CONTROLS };
	static const struct fake_dislike failure = { NVMX_GUEST_RIP, FAKE_L2_CODE, 0 };
	struct fake_machine m;

	(void)state;
	begin();
	launch();
	m = machine();
	m.dislike = &vmfail;
	m.dislikes = 1;
	run_as(m);
	is(place(NVMX_TRACE_ENTRY_REFUSED, 0), NVMX_TRACE_ENTRY_REFUSED, NVMX_VMERR_ENTRY_CONTROLS, FAKE_VMCS_A, 0);
	m.dislike = &failure;
	run_as(m);
	is(place(NVMX_TRACE_ENTRY_FAILED, 0), NVMX_TRACE_ENTRY_FAILED, NVMX_XR_ENTRY_FAIL_GUEST, 0, FAKE_VMCS_A);
}

/* Only what was selected comes, and with nothing selected nothing (fake_host_start() does so for all other tests). */
static void selection(void **state)
{
	struct nvmx_host *h;
	struct fake_machine m;
	size_t before;

	(void)state;
	begin();
	launch();
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	for (uint32_t what = 1; what < NVMX_TRACE_COUNT; what++) {
		h = fake_host_new(&m, &fake_nested);
		nvmx_trace_select(h->vcpu, NVMX_TRACE_BIT(what));
		while (fake_host_step(h))
			;
		for (size_t i = 0; i < fake_nested.traced_n; i++)
			assert_int_equal(fake_nested.traced[i].what, what);
		if (what == NVMX_TRACE_ROUTE || what == NVMX_TRACE_EXIT || what == NVMX_TRACE_ENTER || what == NVMX_TRACE_LEAVE)
			assert_true(fake_nested.traced_n);
		before = fake_nested.traced_n;
		nvmx_trace_select(h->vcpu, 0);
		h->inside = true;
		nvmx_handle_exit(h->vcpu, &(struct nvmx_regs){ { 0 } });
		h->inside = false;
		assert_int_equal(fake_nested.traced_n, before);
		fake_host_free(h);
	}
}

/* What a host asks after NVMX_HOST: exits of L1, too. */
static void why_host(void **state)
{
	struct nvmx_regs regs = { { 0 } };
	struct fake_machine m;
	struct nvmx_host *h;
	struct nvmx_why why;
	struct nvmx_view view;

	(void)state;
	begin();
	launch();
	m = machine();
	h = fake_host_new(&m, &fake_nested);
	h->inside = true;
	nvmx_why_host(h->vcpu, &regs, &why);
	assert_int_equal(why.owner, NVMX_OWNER_HOST);
	assert_int_equal(why.cause, NVMX_CAUSE_L1);
	h->inside = false;
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	h->inside = true;
	fake_field_set(&h->cpu, NVMX_EXIT_REASON, NVMX_XR_WRMSR);
	regs.gpr[1] = NVMX_MSR_LSTAR;
	h->msr_bitmap[3072 + 0x82 / 8] &= (uint8_t)~(1u << 0x82 % 8);
	nvmx_why_host(h->vcpu, &regs, &why);
	assert_int_equal(why.cause, NVMX_CAUSE_MSR_CLOSED);
	h->msr_bitmap[3072 + 0x82 / 8] |= (uint8_t)(1u << 0x82 % 8);
	nvmx_why_host(h->vcpu, &regs, &why);
	assert_int_equal(why.cause, NVMX_CAUSE_MSR_BITMAP);
	assert_int_equal(why.detail, NVMX_MSR_LSTAR);
	fake_field_set(&h->cpu, NVMX_EXIT_REASON, NVMX_XR_INT_WINDOW);
	nvmx_why_host(h->vcpu, &regs, &why);
	assert_int_equal(why.cause, NVMX_CAUSE_CONTROL_02);
	assert_int_equal(why.detail, 1 << 8 | 2);
	fake_field_set(&h->cpu, NVMX_EXIT_REASON, NVMX_XR_EXCEPTION_NMI);
	fake_field_set(&h->cpu, NVMX_EXIT_INTR_INFO, 0x80000312);
	nvmx_why_host(h->vcpu, &regs, &why);
	assert_int_equal(why.cause, NVMX_CAUSE_HOST_EVENTS);
	assert_false(why.shared);
	nvmx_view(h->vcpu, &view, sizeof(view));
	((struct nvmx_vmcs12 *)view.vmcs12)->exception_bitmap |= NVMX_BIT(NVMX_VECTOR_MC);
	nvmx_why_host(h->vcpu, &regs, &why);
	assert_true(why.shared);
	h->inside = false;
	fake_host_free(h);
}

/* In a host of KVM's kind events and the timer are its own. */
static void why_host_owns(void **state)
{
	static const struct {
		uint32_t reason, info, cause;
	} cases[] = {
		{ NVMX_XR_EXT_INT, 0, NVMX_CAUSE_HOST_EVENTS }, { NVMX_XR_INIT, 0, NVMX_CAUSE_HOST_EVENTS },
		{ NVMX_XR_EXCEPTION_NMI, 0x80000202, NVMX_CAUSE_HOST_EVENTS }, { NVMX_XR_PREEMPTION_TIMER, 0, NVMX_CAUSE_HOST_TIMER },
		{ NVMX_XR_ENTRY_FAIL_MCE, 0, NVMX_CAUSE_HOST_EVENTS },
	};
	struct nvmx_regs regs = { { 0 } };
	struct fake_machine m;
	struct nvmx_host *h;
	struct nvmx_why why;

	(void)state;
	begin();
	launch();
	m = machine();
	m.flags = FAKE_LIKE_KVM;
	h = fake_host_new(&m, &fake_nested);
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	h->inside = true;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fake_field_set(&h->cpu, NVMX_EXIT_REASON, cases[i].reason);
		fake_field_set(&h->cpu, NVMX_EXIT_INTR_INFO, cases[i].info);
		nvmx_why_host(h->vcpu, &regs, &why);
		assert_int_equal(why.cause, cases[i].cause);
		assert_int_equal(why.shared, cases[i].reason == NVMX_XR_ENTRY_FAIL_MCE);
	}
	h->inside = false;
	fake_host_free(h);
}

static void names(void **state)
{
	(void)state;
	assert_null(nvmx_trace_name(0));
	assert_null(nvmx_trace_name(NVMX_TRACE_COUNT));
	assert_null(nvmx_trace_value_name(NVMX_TRACE_EXIT, 3));
	assert_null(nvmx_trace_value_name(NVMX_TRACE_STOP, 2));
	for (unsigned i = 1; i < NVMX_TRACE_COUNT; i++) {
		assert_non_null(nvmx_trace_value_name(i, 0));
		for (unsigned j = 1; j < i; j++)
			assert_string_not_equal(nvmx_trace_name(i), nvmx_trace_name(j));
	}
}

/* The line that nvmx-trace reads, whole and cut off. */
static void lines(void **state)
{
	static const char *const want[] = { "trace 255 123456789abcdef0 exit a 2 fffffffffffff000", "trace 0 0 unknown" };
	char line[NVMX_RECORD_MAX];
	size_t n;

	(void)state;
	n = nvmx_describe_record(line, sizeof(line), 255, 0x123456789abcdef0, NVMX_TRACE_EXIT, 10, 2, 0xfffffffffffff000);
	assert_string_equal(line, want[0]);
	assert_int_equal(n, strlen(want[0]));
	assert_int_equal(nvmx_describe_record(line, sizeof(line), 0, 0, NVMX_TRACE_COUNT, 0, 0, 0), strlen(want[1]));
	assert_string_equal(line, want[1]);
	nvmx_describe_record(line, sizeof(line), 0, 1, NVMX_TRACE_INVVPID, 0, 2, 0);
	assert_string_equal(line, "trace 0 1 invvpid 0 2");
	memset(line, 'x', sizeof(line));
	assert_int_equal(nvmx_describe_record(line, 6, 255, 0x123456789abcdef0, NVMX_TRACE_EXIT, 10, 2, 0xfffffffffffff000), n);
	assert_memory_equal(line, "trace\0x", 7);
	assert_int_equal(nvmx_describe_record(NULL, 0, 255, 0x123456789abcdef0, NVMX_TRACE_EXIT, 10, 2, 0xfffffffffffff000), n);
	for (unsigned what = 1; what < NVMX_TRACE_COUNT; what++)
		assert_in_range(nvmx_describe_record(line, sizeof(line), ~0u, ~0ull, what, ~0ull, ~0ull, ~0ull), 1, sizeof(line) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_trip),  cmocka_unit_test(shadow_fills), cmocka_unit_test(the_hosts),
		cmocka_unit_test(bitmaps),       cmocka_unit_test(l1_asks_by_a_control), cmocka_unit_test(failed_checks),
		cmocka_unit_test(invalidations), cmocka_unit_test(msr_lists),    cmocka_unit_test(stops),
		cmocka_unit_test(refusals),      cmocka_unit_test(selection),    cmocka_unit_test(why_host),
		cmocka_unit_test(why_host_owns), cmocka_unit_test(names),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
