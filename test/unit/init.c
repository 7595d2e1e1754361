/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What nvmx_vm_init and nvmx_vcpu_init refuse, and with which detail; parking a vCPU; a vmcs01 that the host changed. */
#include "minihost.h"

static int xlate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = 12, .memtype = 6 };
	return 0;
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)eptp;
	(void)scope;
	h->flushes++;
}

static int msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	*value = msr;
	return 0;
}

static int msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)msr;
	(void)value;
	return 0;
}

static unsigned pending(struct nvmx_host *h)
{
	(void)h;
	return 0;
}

static int ack(struct nvmx_host *h)
{
	(void)h;
	return -1;
}

static int take(struct nvmx_host *h, unsigned event)
{
	(void)h;
	(void)event;
	return -1;
}

/* All that a vmcs01 may have on. */
#define EXITS01 (~NVMX_EXIT_SECONDARY)
#define ENTRIES01 0x0057f3ffu

struct setup {
	struct nvmx_host_ops ops;
	struct nvmx_caps hw;
	struct nvmx_vm_config config;
	struct nvmx_vm *vm;
	uint32_t detail;
};

static void fill(struct mini *m, struct setup *s)
{
	memset(s, 0, sizeof(*s));
	s->ops = m->ops;
	s->ops.size = sizeof(s->ops);
	s->ops.abi = NVMX_ABI_VERSION;
	s->ops.translate = xlate;
	s->ops.flush_ept = flush_ept;
	s->ops.l1_msr_read = msr_read;
	s->ops.l1_msr_write = msr_write;
	s->ops.pending_events = pending;
	s->ops.ack_interrupt = ack;
	s->ops.take_event = take;
	s->hw = m->vm->hw;
	s->config = (struct nvmx_vm_config){ .ops = &s->ops, .hw = &s->hw, .shadow_ept_pages = 16 };
	s->detail = 0xdead;
}

/* The machine's own VM and vCPU memory is used anew. */
static int vm_init(struct mini *m, struct setup *s)
{
	return nvmx_vm_init(m->vm, &s->config, &s->vm, &s->detail);
}

static void refused(struct mini *m, struct setup *s, int error, uint32_t detail)
{
	assert_int_equal(vm_init(m, s), error);
	assert_int_equal(s->detail, detail);
	assert_null(s->vm);
	fill(m, s);
}

static void configurations(void **state)
{
	struct mini *m = *state;
	struct nvmx_caps l1 = m->vm->caps;
	struct setup s;

	fill(m, &s);
	s.ops.size--;
	refused(m, &s, NVMX_ERR_ABI, sizeof(s.ops) - 1);
	s.ops.abi++;
	refused(m, &s, NVMX_ERR_ABI, NVMX_ABI_VERSION + 1);
	s.config.flags = NVMX_BIT(31);
	refused(m, &s, NVMX_ERR_CONFIG, NVMX_BIT(31));
	s.config.flags = NVMX_HOST_WAITS; /* of a host that owns interrupts alone */
	refused(m, &s, NVMX_ERR_CONFIG, NVMX_HOST_WAITS);
	s.hw.maxphyaddr = 31;
	refused(m, &s, NVMX_ERR_CONFIG, 31);
	s.hw.maxphyaddr = 53;
	refused(m, &s, NVMX_ERR_CONFIG, 53);
	s.detail = 0;
	s.ops.size = 0;
	assert_int_equal(nvmx_vm_init(m->vm, &s.config, &s.vm, NULL), NVMX_ERR_ABI);
	fill(m, &s);
	assert_int_equal(vm_init(m, &s), NVMX_OK);
	assert_ptr_equal(s.vm, m->vm);
	assert_int_equal(nvmx_vm_caps(s.vm)->maxphyaddr, l1.maxphyaddr);
	nvmx_vm_destroy(s.vm);
}

/* Controls of the processor without which the engine does not start. */
static void processors(void **state)
{
	static const struct {
		uint32_t msr, bit;
	} cases[] = {
		{ NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_SECONDARY },
		{ NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, NVMX_PROC_MSR_BITMAPS },
		{ NVMX_MSR_VMX_PROCBASED_CTLS2, NVMX_PROC2_EPT },
		{ NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_EXIT_SAVE_PAT },
		{ NVMX_MSR_VMX_TRUE_EXIT_CTLS, NVMX_EXIT_LOAD_EFER },
		{ NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_PAT },
		{ NVMX_MSR_VMX_TRUE_ENTRY_CTLS, NVMX_ENTRY_LOAD_EFER },
	};
	struct mini *m = *state;
	struct setup s;

	fill(m, &s);
	s.hw.msr[0] |= NVMX_BIT64(48); /* 32-bit addresses: no Intel 64 processor */
	refused(m, &s, NVMX_ERR_CAPS, NVMX_MSR_VMX_BASIC);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		s.hw.msr[cases[i].msr - NVMX_CAPS_FIRST_MSR] &= ~((uint64_t)cases[i].bit << 32);
		refused(m, &s, NVMX_ERR_CAPS, cases[i].msr);
	}
}

/* Each op that must be there, which nvmx_init_error names. */
static void missing_ops(void **state)
{
	static const struct {
		size_t at;
		const char *words;
		uint32_t flags;
	} cases[] = {
#define OP(op, flags) { offsetof(struct nvmx_host_ops, op), "required op " #op " is missing", flags }
		OP(translate, 0), OP(map, 0), OP(unmap, 0), OP(pin, 0), OP(unpin, 0), OP(page_alloc, 0), OP(page_free, 0),
		OP(vmcs_load, 0), OP(vmcs_clear, 0), OP(vmcs_read_many, 0), OP(vmcs_write_many, 0), OP(flush_ept, 0),
		OP(flush_vpid, 0), OP(l1_msr_read, 0), OP(l1_msr_write, 0), OP(set_cr2, 0),
		OP(pending_events, NVMX_HOST_OWNS_INTERRUPTS), OP(ack_interrupt, NVMX_HOST_OWNS_INTERRUPTS),
		OP(take_event, NVMX_HOST_OWNS_INTERRUPTS),
	};
	struct mini *m = *state;
	struct setup s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fill(m, &s);
		memset((char *)&s.ops + cases[i].at, 0, sizeof(void (*)(void)));
		if (cases[i].flags) { /* needed by such hosts only */
			assert_int_equal(vm_init(m, &s), NVMX_OK);
			nvmx_vm_destroy(s.vm);
		}
		s.config.flags = cases[i].flags;
		assert_int_equal(vm_init(m, &s), NVMX_ERR_OP_MISSING);
		assert_string_equal(nvmx_init_error(NVMX_ERR_OP_MISSING, s.detail), cases[i].words);
	}
}

static void errors_have_words(void **state)
{
	static const int errors[] = { NVMX_OK, NVMX_ERR_ABI, NVMX_ERR_OP_MISSING, NVMX_ERR_CAPS, NVMX_ERR_CONFIG,
				      NVMX_ERR_MEMORY, NVMX_ERR_CONTROL, 12345 };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(nvmx_init_error(errors[i], ~0u), nvmx_init_error(errors[j], ~0u));
}

/* Leaves no page behind when the host's memory ends, wherever it does. */
static void memory_ends(void **state)
{
	struct mini *m = *state;
	struct nvmx_vcpu_config config = { .host = &m->host, .vmcs01 = MINI_VMCS01 };
	struct nvmx_vcpu *v = NULL;
	struct setup s;
	int error = NVMX_ERR_MEMORY;
	unsigned pages;

	fill(m, &s);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(EXIT_CTLS) = EXITS01;
	F01(ENTRY_CTLS) = ENTRIES01;
	for (pages = 0; error != NVMX_OK && pages < MINI_PAGES; pages++) {
		m->host.pages_left = pages;
		error = vm_init(m, &s);
		if (!error) {
			error = nvmx_vcpu_init(m->v, s.vm, &config, &v, &s.detail);
			if (!error)
				nvmx_vcpu_destroy(v);
			nvmx_vm_destroy(s.vm);
		}
		assert_true(!error || error == NVMX_ERR_MEMORY);
		assert_int_equal(m->host.pages_left, pages);
	}
	assert_int_equal(error, NVMX_OK);
	m->host.pages_left = MINI_PAGES;
}

/* The host's contract for vmcs01. */
static void vmcs01_controls(void **state)
{
	struct mini *m = *state;
	struct nvmx_vcpu_config config = { .host = &m->host, .vmcs01 = MINI_VMCS01 };
	struct nvmx_vcpu *v = NULL;
	struct setup s;

	fill(m, &s);
	assert_int_equal(vm_init(m, &s), NVMX_OK);
	F01(PROC_CTLS2) = 0;
	F01(EXIT_CTLS) = EXITS01;
	F01(ENTRY_CTLS) = ENTRIES01;
	assert_int_equal(nvmx_vcpu_init(m->v, s.vm, &config, &v, &s.detail), NVMX_ERR_CONFIG);
	assert_int_equal(s.detail, NVMX_PROC_CTLS2);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(EXIT_CTLS) = EXITS01 & ~NVMX_EXIT_SAVE_PAT;
	assert_int_equal(nvmx_vcpu_init(m->v, s.vm, &config, &v, &s.detail), NVMX_ERR_CONFIG);
	assert_int_equal(s.detail, NVMX_EXIT_CTLS);
	F01(EXIT_CTLS) = EXITS01;
	F01(ENTRY_CTLS) = ENTRIES01 & ~NVMX_ENTRY_LOAD_DEBUG;
	assert_int_equal(nvmx_vcpu_init(m->v, s.vm, &config, &v, &s.detail), NVMX_ERR_CONFIG);
	assert_int_equal(s.detail, NVMX_ENTRY_CTLS);
	assert_null(v);
	F01(ENTRY_CTLS) = ENTRIES01;
	F01(PROC_CTLS2) = NVMX_PROC2_EPT | NVMX_PROC2_VPID;
	F01(VPID) = 9;
	assert_int_equal(nvmx_vcpu_init(m->v, s.vm, &config, &v, &s.detail), NVMX_OK);
	assert_int_equal(v->vpid01, 9);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	nvmx_vmcs01_changed(v);
	assert_int_equal(v->vpid01, 0);
	assert_int_equal(v->ctl01[NVMX_WORD_PROC2], NVMX_PROC2_EPT);
	nvmx_vcpu_destroy(v);
	nvmx_vm_destroy(s.vm);
}

/* In a host that owns interrupts none of them may reach a guest past it, and L1 is not offered what would hold them back. */
static void a_host_that_owns_interrupts(void **state)
{
	static const uint32_t pin[] = { 0, NVMX_PIN_EXT_INT, NVMX_PIN_NMI, NVMX_PIN_EXT_INT | NVMX_PIN_NMI };
	struct mini *m = *state;
	struct nvmx_vcpu_config config = { .host = &m->host, .vmcs01 = MINI_VMCS01 };
	struct nvmx_vcpu *v;
	struct setup s;

	fill(m, &s);
	s.config.flags = NVMX_HOST_OWNS_INTERRUPTS;
	s.hw.msr[NVMX_MSR_VMX_MISC - NVMX_CAPS_FIRST_MSR] |= NVMX_MISC_HLT | NVMX_MISC_SHUTDOWN | NVMX_MISC_WAIT_SIPI;
	assert_int_equal(vm_init(m, &s), NVMX_OK);
	assert_int_equal(nvmx_caps_get(nvmx_vm_caps(s.vm), NVMX_MSR_VMX_MISC) & 0x1c0, NVMX_MISC_HLT);
	assert_false(nvmx_caps_may(nvmx_vm_caps(s.vm), NVMX_MSR_VMX_TRUE_PINBASED_CTLS) & NVMX_PIN_POSTED_INT);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(EXIT_CTLS) = EXITS01;
	F01(ENTRY_CTLS) = ENTRIES01;
	for (unsigned i = 0; i < 4; i++) {
		F01(PIN_CTLS) = pin[i];
		assert_int_equal(nvmx_vcpu_init(m->v, s.vm, &config, &v, &s.detail), i < 3 ? NVMX_ERR_CONFIG : NVMX_OK);
		if (i < 3)
			assert_int_equal(s.detail, NVMX_PIN_CTLS);
	}
	nvmx_vcpu_destroy(v);
	nvmx_vm_destroy(s.vm);
}

/* A parked vCPU has nothing of its own active on the processor; unparked, the VMCS of the level that runs is current. */
static void parking(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *slot;

	mini_enter_vmx(m, true);
	slot = m->v->cur;
	slot->look02 = 0;
	nvmx_vcpu_park(m->v);
	assert_int_equal(nvmx_current_vmcs(m->v), NVMX_NO_ADDR);
	assert_int_equal(slot->look02, NVMX_LOOK_LAUNCH);
	m->host.current = NULL; /* another vCPU has used the processor */
	nvmx_vcpu_unpark(m->v);
	assert_int_equal(nvmx_current_vmcs(m->v), MINI_VMCS01);
	m->v->in_l2 = true;
	nvmx_vcpu_park(m->v);
	m->host.current = NULL;
	nvmx_vcpu_unpark(m->v);
	assert_int_equal(nvmx_current_vmcs(m->v), slot->page02.hpa);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(configurations),  MINI_TEST(processors),	 MINI_TEST(missing_ops), MINI_TEST(errors_have_words),
		MINI_TEST(memory_ends), MINI_TEST(vmcs01_controls),
		MINI_TEST(a_host_that_owns_interrupts), MINI_TEST(parking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
