/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Answers of ops that <nestvmx/host.h> rules out: the vCPU stops, with one line that names op, value and what is expected. */
#include "ept/fill.h"
#include "minihost.h"

static void stopped(struct mini *m, unsigned rule, const char *words)
{
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_HOST_OP);
	nvmx_stop_info(m->v, &info);
	assert_int_equal(info.error, NVMX_ERR_ANSWER);
	assert_int_equal(info.refusal, rule);
	assert_int_equal(nvmx_stop_detail(m->v), info.found);
	nvmx_describe_error(line, sizeof(line), &info);
	if (!strstr(line, words))
		fail_msg("\"%s\" has not \"%s\"", line, words);
	m->v->stop = NVMX_STOP_NONE;
	m->v->stop_info = (struct nvmx_error_info){ 0 };
}

static uint64_t hpa_wrong;
static unsigned va_wrong, given_back;

static void *bad_page(struct nvmx_host *h, uint64_t *hpa)
{
	uint8_t *page = mini_page_alloc(h, hpa);

	*hpa ^= hpa_wrong;
	return page + va_wrong;
}

static void take_bad_page(struct nvmx_host *h, void *page, uint64_t hpa)
{
	given_back++;
	mini_page_free(h, (uint8_t *)page - va_wrong, hpa ^ hpa_wrong);
}

/* A page that is none goes back as it came, and VMPTRLD is the last that L1 does. */
static void pages(void **state)
{
	static const struct {
		uint64_t hpa;
		unsigned va, rule;
		const char *words;
	} cases[] = {
		{ 0, 8, NVMX_REFUSED_PAGE_POINTER, "ops.page_alloc answered a page at 0x" },
		{ 8, 0, NVMX_REFUSED_PAGE_ADDRESS, "the physical address 0x100000008, expected a multiple of 4096, at most 0xfffffff000" },
		{ NVMX_BIT64(40), 0, NVMX_REFUSED_PAGE_ADDRESS, "the physical address 0x10100000000" },
	};
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	m->ops.page_alloc = bad_page;
	m->ops.page_free = take_bad_page;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		hpa_wrong = cases[i].hpa;
		va_wrong = cases[i].va;
		given_back = 0;
		assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12), NVMX_STOP);
		stopped(m, cases[i].rule, cases[i].words);
		assert_int_equal(given_back, 1);
		assert_int_equal(m->host.pages_left, MINI_PAGES);
	}
	hpa_wrong = va_wrong = 0;
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
}

static void *no_page(struct nvmx_host *h, uint64_t *hpa)
{
	(void)h;
	*hpa = 8; /* which says nothing */
	return NULL;
}

/* None at all is no fault of the host's, and there is nothing to give back. */
static void no_pages(void **state)
{
	struct mini *m = *state;
	uint64_t hpa;

	m->ops.page_alloc = no_page;
	m->ops.page_free = take_bad_page;
	given_back = 0;
	assert_null(nvmx_page_alloc(m->v, &hpa));
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_NONE);
	assert_int_equal(given_back, 0);
}

/* A frame for the processor. */
static void pins(void **state)
{
	struct mini *m = *state;
	uint64_t hpa;

	m->host.pins_at = 0x10;
	assert_int_equal(nvmx_pin_frame(m->v, 0x5000, &hpa), -1);
	stopped(m, NVMX_REFUSED_PIN_ADDRESS, "ops.pin answered the physical address 0x5010, expected a multiple of 4096, at most 0xfffffff000");
	m->host.pins_at = NVMX_BIT64(40);
	assert_int_equal(nvmx_pin_frame(m->v, 0x5000, &hpa), -1);
	stopped(m, NVMX_REFUSED_PIN_ADDRESS, "0x10000005000");
	assert_int_equal(m->host.pins, 0);
	m->host.pins_at = 0xfffff00000;
	assert_int_equal(nvmx_pin_frame(m->v, 0xff000, &hpa), 0);
	assert_int_equal(hpa, 0xfffffff000);
	m->ops.unpin(&m->host, 0xff000, hpa);
}

static struct nvmx_xlate answer;

static int xlate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)gpa;
	(void)access;
	*out = answer;
	return 0;
}

static void translations(void **state)
{
	static const struct {
		struct nvmx_xlate x;
		unsigned rule;
		const char *words;
	} cases[] = {
		{ { 0x7123, 7, 0, 6, false }, NVMX_REFUSED_XLATE_SHIFT, "page_shift 0, expected 12, 21 or 30" },
		{ { 0x7123, 7, 13, 6, false }, NVMX_REFUSED_XLATE_SHIFT, "page_shift 13" },
		{ { 0x7123, 7, 39, 6, false }, NVMX_REFUSED_XLATE_SHIFT, "page_shift 39" },
		{ { 0x10000000123, 7, 12, 6, false }, NVMX_REFUSED_XLATE_ADDRESS, "hpa 0x10000000123, expected at most 0xffffffffff" },
		{ { 0x7000, 7, 12, 6, false }, NVMX_REFUSED_XLATE_OFFSET, "hpa 0x7000 for L1-physical 0x5123" },
		{ { 0x7123, 5, 12, 6, false }, NVMX_REFUSED_XLATE_RIGHTS, "the rights 0x5, expected all of those asked for, 0x3" },
		{ { 0x7123, 7, 12, 2, false }, NVMX_REFUSED_XLATE_MEMTYPE, "memtype 2, expected 0, 1, 4, 5 or 6" },
		{ { 0x7123, 7, 12, 3, false }, NVMX_REFUSED_XLATE_MEMTYPE, "memtype 3" },
		{ { 0x7123, 7, 12, 7, false }, NVMX_REFUSED_XLATE_MEMTYPE, "memtype 7" },
		{ { 0xffffffff123, 7, 30, 0, true }, NVMX_REFUSED_XLATE_ADDRESS, "ops.translate answered hpa" },
	};
	struct mini *m = *state;
	struct nvmx_ept_fill f = { .v = m->v };

	m->ops.translate = xlate;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		answer = cases[i].x;
		assert_false(nvmx_ept_translate(&f, 0x5123, NVMX_ACCESS_R | NVMX_ACCESS_W));
		assert_int_equal(f.x.page_shift, 0);
		stopped(m, cases[i].rule, cases[i].words);
	}
	answer = (struct nvmx_xlate){ 0xff40005123, 7, 30, 4, true };
	assert_true(nvmx_ept_translate(&f, 0x5123, NVMX_ACCESS_R | NVMX_ACCESS_PEEK));
	assert_int_equal(f.x.hpa, 0xff40005123);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_NONE);
}

static int vector;

static unsigned pending_interrupt(struct nvmx_host *h)
{
	(void)h;
	return NVMX_PENDING_INTR;
}

static unsigned pending_sipi(struct nvmx_host *h)
{
	(void)h;
	return NVMX_PENDING_SIPI;
}

static int ack(struct nvmx_host *h)
{
	(void)h;
	return vector;
}

static int take(struct nvmx_host *h, unsigned event)
{
	(void)h;
	(void)event;
	return vector;
}

/* L2 runs, and L1 acknowledges interrupts on exit. */
static void vectors(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	m->vm->flags = NVMX_HOST_OWNS_INTERRUPTS;
	m->ops.ack_interrupt = ack;
	m->ops.take_event = take;
	m->v->cur->v12->pin_ctls = NVMX_PIN_EXT_INT;
	m->v->cur->v12->exit_ctls = NVMX_EXIT_ACK_INT;
	m->v->in_l2 = true;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->host.current->field[NVMX_I_ENTRY_INTR_INFO] = 0;
	m->host.current->field[NVMX_I_GUEST_ACTIVITY] = NVMX_ACTIVITY_ACTIVE;
	m->host.current->field[NVMX_I_GUEST_INTERRUPTIBILITY] = 0;
	m->host.current->field[NVMX_I_GUEST_PENDING_DBG] = 0;
	m->ops.pending_events = pending_interrupt;
	vector = 256;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_STOP);
	stopped(m, NVMX_REFUSED_VECTOR, "ops.ack_interrupt answered the vector 256, expected 0 to 255");
	m->ops.pending_events = pending_sipi;
	m->v->cur->look02 |= NVMX_LOOK_WAITS;
	m->v->cur->v12->guest_activity = NVMX_ACTIVITY_WAIT_SIPI;
	for (vector = -1; vector <= 256; vector += 257) {
		m->v->cur->look02 |= NVMX_LOOK_WAITS;
		assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_STOP);
		stopped(m, NVMX_REFUSED_VECTOR, "ops.take_event answered the vector ");
	}
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { MINI_TEST(pages), MINI_TEST(no_pages), MINI_TEST(pins), MINI_TEST(translations), MINI_TEST(vectors) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
