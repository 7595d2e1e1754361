/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * nvmx_checked_ops(): a host or a library that breaks a promise is told which.  One row for each promise of promises.def: what is
 * done, of which that promise alone breaks, and what the report says; with it, what comes close and breaks none (promises_cases.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <nestvmx/checked.h>
#include <nestvmx/nestvmx.h>
#include <stdio.h>
#include <string.h>
#include "vmcs/vmcs.h"
#include "vmx/ledger.h"
#include "promises_cases.h"

#define WIDTH 40
#define VMCS01 0x7000u
#define REVISION 0x1234u
#define PAGES 8
#define TOO_WIDE (1ull << WIDTH)

/* A host that answers what it is told to. */
struct nvmx_host {
	int answer;
	unsigned pending, calls;
	uint64_t hpa, value;
	void *page;
	struct nvmx_xlate x;
	bool locked, again;
	struct nvmx_broken told;
	unsigned tellings;
};
static struct nvmx_host host;
static struct nvmx_ledger ledger;
static struct nvmx_ledger_page pages[PAGES];
static const struct nvmx_host_ops *ops;
static struct nvmx_host *h;
static _Alignas(4096) unsigned char memory[4][4096];

static int op_translate(struct nvmx_host *me, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)gpa;
	(void)access;
	me->calls++;
	*out = me->x;
	return me->answer;
}

static void *op_map(struct nvmx_host *me, uint64_t gpa, bool write)
{
	(void)gpa;
	(void)write;
	me->calls++;
	return me->page;
}

static void op_unmap(struct nvmx_host *me, uint64_t gpa, void *page, bool wrote)
{
	(void)gpa;
	(void)page;
	(void)wrote;
	me->calls++;
}

static int op_pin(struct nvmx_host *me, uint64_t gpa, uint64_t *hpa)
{
	(void)gpa;
	me->calls++;
	*hpa = me->hpa;
	return me->answer;
}

static void op_unpin(struct nvmx_host *me, uint64_t gpa, uint64_t hpa)
{
	(void)gpa;
	(void)hpa;
	me->calls++;
}

static void *op_page_alloc(struct nvmx_host *me, uint64_t *hpa)
{
	me->calls++;
	*hpa = me->hpa;
	return me->page;
}

static void op_page_free(struct nvmx_host *me, void *page, uint64_t hpa)
{
	(void)page;
	(void)hpa;
	me->calls++;
}

static void op_vmcs(struct nvmx_host *me, uint64_t hpa)
{
	(void)hpa;
	me->calls++;
}

static void op_read_many(struct nvmx_host *me, const uint32_t *fields, uint64_t *values, size_t n)
{
	(void)fields;
	me->calls++;
	while (n--)
		values[n] = me->value;
}

static void op_write_many(struct nvmx_host *me, const uint32_t *fields, const uint64_t *values, size_t n)
{
	(void)fields;
	(void)values;
	(void)n;
	me->calls++;
}

static void op_flush_ept(struct nvmx_host *me, uint64_t eptp, unsigned scope)
{
	(void)eptp;
	(void)scope;
	me->calls++;
}

static void op_flush_vpid(struct nvmx_host *me, uint16_t vpid, unsigned scope, uint64_t linear)
{
	(void)vpid;
	(void)scope;
	(void)linear;
	me->calls++;
}

static int op_msr_read(struct nvmx_host *me, uint32_t msr, uint64_t *value)
{
	(void)msr;
	me->calls++;
	*value = 0;
	return me->answer;
}

static int op_msr_write(struct nvmx_host *me, uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
	me->calls++;
	return me->answer;
}

static void op_state_loaded(struct nvmx_host *me)
{
	me->calls++;
}

static unsigned op_pending(struct nvmx_host *me)
{
	me->calls++;
	return me->pending;
}

static int op_ack(struct nvmx_host *me)
{
	me->calls++;
	return me->answer;
}

static int op_take(struct nvmx_host *me, unsigned event)
{
	(void)event;
	me->calls++;
	return me->answer;
}

static void op_inject(struct nvmx_host *me, unsigned vector, bool has_error, uint32_t error)
{
	(void)vector;
	(void)has_error;
	(void)error;
	me->calls++;
}

static void op_barrier(struct nvmx_host *me, unsigned kinds)
{
	(void)kinds;
	me->calls++;
}

/* With `again` it calls the library, which calls an op. */
static void op_set_cr2(struct nvmx_host *me, uint64_t cr2)
{
	(void)cr2;
	me->calls++;
	if (me->again)
		ops->l1_state_loaded(h);
}

static void op_trace(struct nvmx_host *me, unsigned what, uint64_t a, uint64_t b, uint64_t c)
{
	(void)what;
	(void)a;
	(void)b;
	(void)c;
	me->calls++;
}

static int op_watch(struct nvmx_host *me, const uint64_t *gpas, size_t n, uint64_t batch)
{
	(void)gpas;
	(void)n;
	(void)batch;
	me->calls++;
	return me->answer;
}

static void op_unwatch(struct nvmx_host *me, uint64_t gpa)
{
	(void)gpa;
	me->calls++;
}

static void op_end(struct nvmx_host *me, unsigned vector)
{
	(void)vector;
	me->calls++;
}

static const struct nvmx_host_ops real = {
	.size = sizeof(real), .abi = NVMX_ABI_VERSION, .translate = op_translate, .map = op_map, .unmap = op_unmap, .pin = op_pin,
	.unpin = op_unpin, .page_alloc = op_page_alloc, .page_free = op_page_free, .vmcs_load = op_vmcs, .vmcs_clear = op_vmcs,
	.vmcs_read_many = op_read_many, .vmcs_write_many = op_write_many, .flush_ept = op_flush_ept, .flush_vpid = op_flush_vpid,
	.l1_msr_read = op_msr_read, .l1_msr_write = op_msr_write, .l1_state_loaded = op_state_loaded, .pending_events = op_pending,
	.ack_interrupt = op_ack, .inject_l1 = op_inject, .barrier = op_barrier, .kick_others = op_state_loaded, .trace = op_trace,
	.take_event = op_take, .set_cr2 = op_set_cr2, .inject_l2 = op_inject, .make_vmcs02 = op_vmcs, .set_dr6 = op_set_cr2,
	.watch = op_watch, .unwatch = op_unwatch,
	.end_interrupt = op_end,
};

static bool is_locked(struct nvmx_host *me)
{
	return me->locked;
}

static void report(struct nvmx_host *me, const struct nvmx_broken *what)
{
	me->told = *what;
	me->tellings++;
}

static void start(void)
{
	memset(&host, 0, sizeof(host));
	memset(&ledger, 0, sizeof(ledger));
	memset(pages, 0, sizeof(pages));
	memset(memory, 0, sizeof(memory));
	ledger.size = sizeof(ledger);
	ledger.host = &host;
	ledger.vmcs01 = VMCS01;
	ledger.maxphyaddr = WIDTH;
	ledger.revision = REVISION;
	ledger.vpid01 = 1;
	ledger.vpid02 = 4;
	ledger.vpid02_n = 2;
	ledger.pages = pages;
	ledger.pages_n = PAGES;
	ledger.lock_held = is_locked;
	ledger.report = report;
	ops = nvmx_checked_ops(&real, &ledger);
	assert_non_null(ops);
	h = nvmx_checked_host(&ledger);
}

/* What the cases are made of. */
static void xlate(uint64_t gpa, unsigned access, uint64_t hpa, unsigned rights, unsigned shift, unsigned memtype)
{
	struct nvmx_xlate out;

	host.x = (struct nvmx_xlate){ hpa, (uint8_t)rights, (uint8_t)shift, (uint8_t)memtype, false };
	assert_int_equal(ops->translate(h, gpa, access, &out), host.answer);
	assert_int_equal(out.hpa, hpa);
}

static void map(uint64_t gpa, void *page, bool write)
{
	host.page = page;
	assert_ptr_equal(ops->map(h, gpa, write), page);
}

static void unmap(bool wrote)
{
	ops->unmap(h, 0x5000, memory[0], wrote);
}

static void pin(uint64_t gpa, uint64_t hpa)
{
	uint64_t out = 0;

	host.hpa = hpa;
	assert_int_equal(ops->pin(h, gpa, &out), host.answer);
	assert_int_equal(out, hpa);
}

static void alloc(void *page, uint64_t hpa)
{
	uint64_t out = 0;

	host.page = page;
	host.hpa = hpa;
	assert_ptr_equal(ops->page_alloc(h, &out), page);
	assert_int_equal(out, hpa);
}

/* The page of memory[n] at (n + 1) << 20, as a VMCS region that was VMCLEARed. */
static uint64_t region(unsigned n, uint32_t revision)
{
	alloc(memory[n], (n + 1ull) << 20);
	memcpy(memory[n], &revision, sizeof(revision));
	ops->vmcs_clear(h, (n + 1ull) << 20);
	return (n + 1ull) << 20;
}

static void watching(size_t n, uint64_t last, uint64_t batch, int answer)
{
	uint64_t gpas[NVMX_WATCH_BATCH + 1] = { 0 };

	gpas[n - 1] = last;
	host.answer = answer;
	assert_int_equal(ops->watch(h, gpas, n, batch), answer);
}

static void load(uint64_t hpa)
{
	ops->vmcs_load(h, hpa);
}

static void read_field(uint32_t field, uint64_t value)
{
	uint64_t got = 0;

	host.value = value;
	ops->vmcs_read_many(h, &field, &got, 1);
	assert_int_equal(got, value);
}

static void write_field(uint32_t field)
{
	const uint64_t value = 0;

	ops->vmcs_write_many(h, &field, &value, 1);
}

static void answering(int answer)
{
	uint64_t value;

	host.answer = answer;
	assert_int_equal(ops->l1_msr_read(h, 0x10, &value), answer);
}

static void writing(uint32_t msr, int answer)
{
	host.answer = answer;
	assert_int_equal(ops->l1_msr_write(h, msr, 2), answer);
}

static void acknowledging(int answer)
{
	host.answer = answer;
	assert_int_equal(ops->ack_interrupt(h), answer);
}

static void taking(unsigned pending, unsigned event, int answer)
{
	host.pending = pending;
	assert_int_equal(ops->pending_events(h), pending);
	host.answer = answer;
	assert_int_equal(ops->take_event(h, event), answer);
}

static void map_times(unsigned n)
{
	while (n--)
		map(0x5000, memory[0], false);
}

static void breaks_none(const char *name)
{
	if (ledger.broken)
		fail_msg("%s: what is fine breaks %s of %s", name, nvmx_promise_name(ledger.first.promise), ledger.first.op);
}

static void breaks(const char *name, unsigned promise, const char *op, uint64_t found, uint64_t about)
{
	const struct nvmx_broken *first = &ledger.first;

	if (ledger.broken != 1 || first->promise != promise || strcmp(first->op, op) != 0 || first->found != found || first->about != about)
		fail_msg("%s: %u broken, first %s of %s: found %#llx about %#llx", name, (unsigned)ledger.broken,
			 nvmx_promise_name(first->promise), first->op, (unsigned long long)first->found,
			 (unsigned long long)first->about);
	assert_int_equal(host.tellings, 1);
	assert_memory_equal(&host.told, first, sizeof(*first));
	assert_true(host.calls >= ledger.calls);
	assert_string_equal(nvmx_promise_name(promise), name);
}

#define C(NAME, fine, breaking, op, found, about)                                                                              \
	start();                                                                                                               \
	(void)(fine);                                                                                                          \
	breaks_none(#NAME);                                                                                                    \
	(void)(breaking);                                                                                                      \
	breaks(#NAME, NVMX_PROMISE_##NAME, op, found, about);

static void each_is_told_of(void **state)
{
	(void)state;
	CASES
}

static void and_each_of_its_clauses(void **state)
{
	(void)state;
	ALSO
}
#undef C

static const unsigned cases[] = {
#define C(NAME, ...) NVMX_PROMISE_##NAME,
	CASES
#undef C
};
#define N (sizeof(cases) / sizeof(*cases))

static void each_promise_has_a_case(void **state)
{
	unsigned promises = 0;

	(void)state;
	for (unsigned p = 0; p < NVMX_PROMISES_END; p++) {
		unsigned n = 0;

		for (size_t i = 0; i < N; i++)
			n += cases[i] == p;
		if (n != (nvmx_promise_name(p) != NULL))
			fail_msg("promise %u (%s) has %u cases", p, nvmx_promise_name(p) ? nvmx_promise_name(p) : "none", n);
		promises += n;
		assert_int_equal(!nvmx_promise_text(p), !n);
	}
	assert_int_equal(promises, N);
	assert_true(nvmx_promise_is_hosts(NVMX_PROMISE_XLATE_SHIFT));
	assert_false(nvmx_promise_is_hosts(NVMX_PROMISE_FIELDS));
	assert_false(nvmx_promise_is_hosts(99));
}

/* Each has a line that fits, with its name, and one that does not fit is cut off and told whole in its length. */
static void each_has_a_line(void **state)
{
	struct nvmx_broken what = { .op = "translate", .found = UINT64_MAX, .about = UINT64_MAX };
	char line[NVMX_DESCRIBE_MAX], cut[20];

	(void)state;
	for (const unsigned *promise = cases; promise < cases + N; promise++) {
		size_t length;

		what.promise = *promise;
		length = nvmx_describe_broken(line, sizeof(line), &what);
		assert_in_range(length, 1, sizeof(line) - 1);
		assert_int_equal(strlen(line), length);
		assert_non_null(strstr(line, nvmx_promise_name(*promise)));
		assert_non_null(strstr(line, nvmx_promise_text(*promise)));
		assert_int_equal(nvmx_describe_broken(cut, sizeof(cut), &what), length);
		assert_int_equal(strlen(cut), sizeof(cut) - 1);
		assert_memory_equal(cut, line, sizeof(cut) - 1);
	}
	what = (struct nvmx_broken){ .promise = NVMX_PROMISE_XLATE_SHIFT, .op = "translate", .found = 13, .about = 0x5000 };
	nvmx_describe_broken(line, sizeof(line), &what);
	assert_string_equal(line, "translate: XLATE_SHIFT (the host's promise): page_shift is 12, 21 or 30; found 0xd, at 0x5000");
	what = (struct nvmx_broken){ .promise = NVMX_PROMISE_PAGES_FREED, .op = "", .found = 2 };
	nvmx_describe_broken(line, sizeof(line), &what);
	assert_non_null(strstr(line, "at the end: PAGES_FREED (the library's promise): "));
	assert_non_null(strstr(line, "; found 0x2"));
	assert_null(strstr(line, ", at "));
	what.promise = 0;
	nvmx_describe_broken(line, sizeof(line), &what);
	assert_string_equal(line, "no promise is broken");
	what.promise = NVMX_PROMISES_END;
	nvmx_describe_broken(line, sizeof(line), &what);
	assert_string_equal(line, "unknown promise");
}

/* A ledger from the configurations is the one that is written out; what they do not say is 0. */
static void a_ledger_of_the_configurations(void **state)
{
	struct nvmx_caps hw = { .maxphyaddr = 41 };
	const struct nvmx_vm_config vm = { .size = sizeof(vm), .hw = &hw };
	const struct nvmx_vcpu_config vcpu = { .size = sizeof(vcpu), .host = &host, .vmcs01 = 0x7000, .vpid02 = 3, .vpid02_n = 5 };
	struct nvmx_ledger made;

	(void)state;
	hw.msr[NVMX_MSR_VMX_BASIC - NVMX_CAPS_FIRST_MSR] = 0x00da0400ffffffff;
	memset(&made, 0xa5, sizeof(made));
	nvmx_ledger_of(&made, &vm, &vcpu);
	assert_int_equal(made.size, sizeof(made));
	assert_int_equal(made.revision, 0x7fffffff);
	assert_ptr_equal(made.host, &host);
	assert_int_equal(made.vmcs01, 0x7000);
	assert_int_equal(made.maxphyaddr, 41);
	assert_int_equal(made.vpid01, 0);
	assert_int_equal(made.vpid02, 3);
	assert_int_equal(made.vpid02_n, 5);
	assert_null(made.pages);
	assert_null(made.vm);
	assert_null(made.report);
	assert_int_equal(made.broken, 0);
	assert_non_null(nvmx_checked_ops(&real, &made));
}

/* The layer has the ops that the host has, and goes through to them; a table or ledger that is none has no layer. */
static void the_table(void **state)
{
	struct nvmx_host_ops few = real;

	(void)state;
	start();
	assert_ptr_not_equal(ops->map, real.map);
	ops->kick_others(h);
	assert_int_equal(host.calls, 1);
	load(region(0, REVISION));
	ops->inject_l2(h, 32, false, 0); /* as inject_l1 */
	assert_int_equal(ledger.first.promise, NVMX_PROMISE_INJECT_VECTOR);
	few.set_dr6 = NULL;
	few.barrier = NULL;
	few.size = offsetof(struct nvmx_host_ops, make_vmcs02);
	memset(&ledger.first, 0, sizeof(ledger.first));
	ops = nvmx_checked_ops(&few, &ledger);
	assert_null(ops->set_dr6);
	assert_null(ops->barrier);
	assert_null(ops->make_vmcs02); /* behind the end of the host's table */
	assert_non_null(ops->set_cr2);
	assert_int_equal(ops->abi, NVMX_ABI_VERSION | NVMX_ABI_CHECKED);
	assert_null(nvmx_checked_ops(NULL, &ledger));
	assert_null(nvmx_checked_ops(&real, NULL));
	few.size = 16;
	ops = nvmx_checked_ops(&few, &ledger);
	assert_non_null(ops->translate);
	assert_null(ops->map);
	for (few.size = sizeof(few) + 8; few.size; few.size = few.size > 16 ? 12 : few.size - 4)
		assert_null(nvmx_checked_ops(&few, &ledger));
	ledger.pages_n = 3;
	assert_null(nvmx_checked_ops(&real, &ledger));
	ledger.pages_n = PAGES;
	ledger.pages = NULL;
	assert_null(nvmx_checked_ops(&real, &ledger));
	ledger.pages_n = 0;
	assert_non_null(nvmx_checked_ops(&real, &ledger));
	ledger.host = NULL;
	assert_null(nvmx_checked_ops(&real, &ledger));
	ledger.host = &host;
	ledger.size--;
	assert_null(nvmx_checked_ops(&real, &ledger));
}

/* More pages than the books have room for: what is not in them is no fault; and places are used again. */
static void books_that_are_full(void **state)
{
	(void)state;
	start();
	for (unsigned round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < PAGES; i++) /* all in one place, but for the search */
			alloc(memory[0], (i * PAGES + 1) << 12);
		for (uint64_t i = 0; i < PAGES; i++)
			ops->page_free(h, memory[0], (i * PAGES + 1) << 12);
	}
	assert_int_equal(nvmx_ledger_end(&ledger), 0);
	for (uint64_t i = 0; i <= PAGES; i++)
		alloc(memory[0], (i + 16) << 12);
	for (uint64_t i = 0; i <= PAGES; i++)
		ops->page_free(h, memory[0], (i + 16) << 12);
	load(0x123000);
	assert_int_equal(nvmx_ledger_end(&ledger), 0);
}

/* Two vCPUs with tables in common, whose pages are in the books of their VM. */
static struct nvmx_ledger of_vm, other;

static void start_two(void)
{
	start();
	of_vm = ledger;
	of_vm.vmcs01 = 0;
	assert_non_null(nvmx_checked_ops(&real, &of_vm));
	ledger.pages = NULL;
	ledger.pages_n = 0;
	ledger.vm = &of_vm;
	other = ledger;
	other.vmcs01 = VMCS01 + 0x1000;
	ops = nvmx_checked_ops(&real, &ledger);
	assert_non_null(ops);
	assert_non_null(nvmx_checked_ops(&real, &other));
	h = nvmx_checked_host(&ledger);
}

static void expect_broken(const struct nvmx_ledger *l, uint64_t broken, unsigned promise)
{
	assert_int_equal(ledger.broken + other.broken + of_vm.broken, broken);
	assert_int_equal(l->first.promise, promise);
}

static void pages_of_a_vm(void **state)
{
	struct nvmx_host *h2 = nvmx_checked_host(&other);

	(void)state;
	start_two();
	alloc(memory[0], 0x9000);
	ops->flush_ept(h2, 0x905e, NVMX_FLUSH_SINGLE);
	ops->page_free(h2, memory[0], 0x9000); /* of_vm's, whoever got it */
	alloc(memory[0], 0x9000);
	assert_int_equal(nvmx_ledger_end(&ledger), 0); /* its vCPU is gone, the page is not */
	ops->page_free(h2, memory[0], 0x9000);
	ops->vmcs_load(h2, VMCS01 + 0x1000);
	expect_broken(&ledger, 0, NVMX_PROMISE_NONE);

	ops->page_free(h2, memory[0], 0x9000);
	expect_broken(&other, 1, NVMX_PROMISE_PAGE_OWN);
	start_two();
	alloc(memory[0], 0x9000);
	h = h2;
	alloc(memory[0], 0x9000);
	expect_broken(&other, 1, NVMX_PROMISE_PAGE_FRESH);
	start_two();
	load(region(0, REVISION));
	load(VMCS01);
	ops->page_free(h2, memory[0], 1u << 20);
	expect_broken(&other, 1, NVMX_PROMISE_PAGE_NO_VMCS);
	start_two();
	watching(1, 0, 2, 0);
	ops->watch(h2, &(uint64_t){ 0 }, 1, 2);
	expect_broken(&other, 1, NVMX_PROMISE_WATCH_BATCH);
	start_two();
	alloc(memory[0], 0x9000);
	assert_int_equal(nvmx_ledger_end(&ledger) + nvmx_ledger_end(&other), 0);
	assert_int_equal(nvmx_ledger_end(&of_vm), 1);
	expect_broken(&of_vm, 1, NVMX_PROMISE_PAGES_FREED);
	start_two();
	load(region(0, REVISION));
	ops->vmcs_clear(h2, 1u << 20);
	ops->page_free(h, memory[0], 1u << 20); /* current here */
	expect_broken(&ledger, 1, NVMX_PROMISE_PAGE_NO_VMCS);
	other.vm = &ledger; /* which is no VM's */
	assert_null(nvmx_checked_ops(&real, &other));
	ledger.vm = &ledger;
	assert_null(nvmx_checked_ops(&real, &ledger));
	ledger.vm = &of_vm;
	of_vm.size--;
	assert_null(nvmx_checked_ops(&real, &ledger));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_told_of), cmocka_unit_test(and_each_of_its_clauses), cmocka_unit_test(each_promise_has_a_case),
		cmocka_unit_test(each_has_a_line),
		cmocka_unit_test(a_ledger_of_the_configurations), cmocka_unit_test(the_table),
		cmocka_unit_test(books_that_are_full), cmocka_unit_test(pages_of_a_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
