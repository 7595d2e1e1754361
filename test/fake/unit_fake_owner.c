/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A host that owns interrupts: no activity state of L2 holds back the host's own (SDM 26.7.2).  Wait-for-SIPI is the host's to wait
 * out, where it says that it does; fake_check_vmcs02() looks at every vmcs02 that any test runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "compare.h"

static struct script l1, l2;
static struct fake_code code[2];
static struct fake_result result;

static void begin(uint32_t activity)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_GUEST_ACTIVITY, activity);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_op(&l2, FAKE_VMCALL);
}

static struct fake_machine machine(uint32_t flags, const struct fake_outside *outside, size_t n)
{
	code[0] = l1.code;
	code[1] = l2.code;
	return (struct fake_machine){ .code = code, .codes = 2, .flags = flags, .outside = outside, .outsides = n };
}

/* What is not offered is no state of this processor's (SDM 26.3.1.5). */
static void states_that_are_not_offered(void **state)
{
	static const struct {
		uint32_t flags, activity;
		bool offered;
	} cases[] = {
		{ NVMX_HOST_OWNS_INTERRUPTS, NVMX_ACTIVITY_SHUTDOWN, false }, { NVMX_HOST_OWNS_INTERRUPTS, NVMX_ACTIVITY_WAIT_SIPI, false },
		{ FAKE_LIKE_KVM, NVMX_ACTIVITY_SHUTDOWN, false }, { FAKE_LIKE_KVM, NVMX_ACTIVITY_WAIT_SIPI, true },
		{ 0, NVMX_ACTIVITY_SHUTDOWN, true }, { 0, NVMX_ACTIVITY_WAIT_SIPI, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fake_machine m;

		begin(cases[i].activity);
		script_msr(&l1, FAKE_RDMSR, NVMX_MSR_VMX_MISC, 0);
		script_op(&l1, FAKE_END);
		m = machine(cases[i].flags, NULL, 0);
		assert_true(fake_same(&m, true));
		assert_int_equal(fake_bare.stop, cases[i].offered ? FAKE_STOP_HUNG : FAKE_STOP_END);
		if (!cases[i].offered)
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), 33 | NVMX_XR_ENTRY_FAILURE);
	}
}

/* Only the SIPI ends the wait; what else came is L1's when it runs, or L2's exit when that runs again. */
static void only_a_sipi(void **state)
{
	static const struct fake_outside outside[] = {
		{ 300, FAKE_NMI, 0 }, { 380, FAKE_EXT_INT, 0x41 }, { 390, FAKE_INIT, 0 }, { 420, FAKE_SIPI, 0x9a },
	};
	struct fake_machine m;

	(void)state;
	for (unsigned first = 1; first < 4; first++) {
		begin(NVMX_ACTIVITY_WAIT_SIPI);
		script_vmwrite(&l1, NVMX_GUEST_ACTIVITY, 0);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, false);
		script_op(&l1, FAKE_END);
		m = machine(FAKE_LIKE_KVM, outside + first, 4 - first);
		assert_true(fake_same(&m, true));
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_SIPI);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 0x9a);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_ACTIVITY, 0), NVMX_ACTIVITY_WAIT_SIPI);
	}
}

/* The state moves to another vCPU while L2 waits, and L2 waits there. */
static void the_wait_moves(void **state)
{
	static const struct fake_outside sipi[] = { { 600, FAKE_SIPI, 0x12 } };
	struct fake_machine m;
	uint64_t moves = 0;

	(void)state;
	for (uint32_t seed = 1; seed < 12; seed++) {
		begin(NVMX_ACTIVITY_WAIT_SIPI);
		script_vmwrite(&l1, NVMX_GUEST_ACTIVITY, 0);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, false);
		script_op(&l1, FAKE_END);
		m = machine(FAKE_LIKE_KVM & ~NVMX_HOST_OWNS_TIMER, sipi, 1);
		m.moves = seed;
		assert_true(fake_same(&m, true));
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_SIPI);
		moves += fake_nested.moves;
	}
	assert_true(moves > 100);
}

static struct nvmx_host *waiting(void)
{
	static struct fake_machine m;
	struct nvmx_host *h;

	begin(NVMX_ACTIVITY_WAIT_SIPI);
	script_op(&l1, FAKE_END);
	m = machine(FAKE_LIKE_KVM, NULL, 0);
	h = fake_host_new(&m, &result);
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	assert_true(nvmx_l2_waits(h->vcpu));
	assert_int_equal(fake_field(&h->cpu, NVMX_GUEST_ACTIVITY), NVMX_ACTIVITY_ACTIVE);
	return h;
}

/* The host's own ways out: an exit to L1 for a reason of its own finds L2 waiting; an L2 that was run waits no longer. */
static void ways_out(void **state)
{
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_TRIPLE_FAULT };
	struct nvmx_host *h = waiting();
	struct nvmx_view view;

	(void)state;
	h->inside = true;
	assert_false(nvmx_wants_immediate_exit(h->vcpu));
	assert_int_equal(nvmx_exit_to_l1(h->vcpu, &exit), NVMX_RESUME_L1);
	nvmx_view(h->vcpu, &view, sizeof(view));
	assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->guest_activity, NVMX_ACTIVITY_WAIT_SIPI);
	assert_false(nvmx_l2_waits(h->vcpu));
	h->inside = false;
	fake_host_free(h);

	h = waiting();
	h->inside = true;
	nvmx_smi(h->vcpu);
	assert_false(nvmx_l2_waits(h->vcpu));
	nvmx_rsm(h->vcpu);
	assert_true(nvmx_l2_waits(h->vcpu));
	nvmx_l2_ran(h->vcpu);
	assert_false(nvmx_l2_waits(h->vcpu));
	h->inside = false;
	fake_host_free(h);
}

/* Another library's blob may say that the entry is still to be carried out: there is nothing to carry out. */
static void a_pending_entry_waits(void **state)
{
	struct nvmx_host *h = waiting();
	struct nvmx_state *blob;
	struct nvmx_regs regs;
	size_t size;

	(void)state;
	blob = fake_host_save(h, &size);
	assert_int_equal(((struct nvmx_vmcs12 *)(void *)blob->vmcs12)->guest_activity, NVMX_ACTIVITY_WAIT_SIPI);
	assert_int_equal(blob->header.flags, NVMX_STATE_GUEST_MODE);
	blob->header.flags |= NVMX_STATE_RUN_PENDING;
	assert_int_equal(fake_host_restore(h, blob, size, NULL), NVMX_REFUSED_NOTHING);
	free(blob);
	assert_true(nvmx_l2_waits(h->vcpu));
	h->vsipi = true;
	h->vsipi_vector = 0x31;
	assert_int_equal(fake_host_events(h, &regs, NVMX_RESUME_L2), NVMX_RESUME_L1);
	fake_host_free(h);
}

/* A wait ends with the L2 that waits, however that ends: what comes in its place does not wait. */
static void a_wait_that_is_dropped(void **state)
{
	struct nvmx_host *h = waiting();
	struct nvmx_state *blob;
	size_t size;

	(void)state;
	blob = fake_host_save(h, &size);
	for (unsigned i = 0; i < 12; i++) { /* each of the places for a vmcs12 has had one that waits */
		((struct nvmx_vmcs12 *)(void *)blob->vmcs12)->guest_activity = i < 6 ? NVMX_ACTIVITY_WAIT_SIPI : NVMX_ACTIVITY_ACTIVE;
		assert_int_equal(fake_host_restore(h, blob, size, NULL), NVMX_REFUSED_NOTHING);
		assert_int_equal(nvmx_l2_waits(h->vcpu), i < 6);
	}
	free(blob);
	fake_host_free(h);
}

/* L2 is in HLT, with L1's preemption timer on, and the host sleeps in its place. */
static struct nvmx_host *halted(uint32_t flags)
{
	static struct fake_machine m;
	struct nvmx_host *h;

	begin(NVMX_ACTIVITY_HLT);
	script_op(&l1, FAKE_END);
	m = machine(flags, NULL, 0);
	h = fake_host_new(&m, &result);
	while (!nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	return h;
}

static void the_timer_goes_on_in_hlt(void **state)
{
	struct nvmx_host *h = halted(0);
	const unsigned rate = nvmx_caps_get(&h->hw, NVMX_MSR_VMX_MISC) & 0x1f;
	struct nvmx_view view;
	uint64_t left;

	(void)state;
	h->inside = true;
	assert_int_equal(nvmx_l2_timer(h->vcpu), ~0ull); /* L1 has none on */
	nvmx_l2_slept(h->vcpu, 1u << 20);
	nvmx_view(h->vcpu, &view, sizeof(view));
	((struct nvmx_vmcs12 *)view.vmcs12)->pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
	fake_field_set(&h->cpu, NVMX_PREEMPTION_TIMER, 1000);
	left = nvmx_l2_timer(h->vcpu);
	assert_int_equal(left, 1000ull << rate);
	nvmx_l2_slept(h->vcpu, (400u << rate) + (1u << rate) - 1); /* whole counts */
	assert_int_equal(fake_field(&h->cpu, NVMX_PREEMPTION_TIMER), 600);
	nvmx_l2_slept(h->vcpu, 700u << rate);
	assert_int_equal(fake_field(&h->cpu, NVMX_PREEMPTION_TIMER), 0);
	fake_field_set(&h->cpu, NVMX_PIN_CTLS, fake_field(&h->cpu, NVMX_PIN_CTLS) | NVMX_PIN_PREEMPTION_TIMER);
	h->inside = false;
	while (nvmx_in_l2(h->vcpu))
		assert_true(fake_host_step(h));
	nvmx_view(h->vcpu, &view, sizeof(view));
	assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->exit_reason, NVMX_XR_PREEMPTION_TIMER);
	assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->guest_activity, NVMX_ACTIVITY_HLT);
	fake_host_free(h);
	h = halted(FAKE_LIKE_KVM); /* whose the timer is */
	h->inside = true;
	nvmx_view(h->vcpu, &view, sizeof(view));
	((struct nvmx_vmcs12 *)view.vmcs12)->pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
	assert_int_equal(nvmx_l2_timer(h->vcpu), ~0ull);
	h->inside = false;
	fake_host_free(h);
}

#define BS NVMX_PENDING_DBG_BS

/* L1 enters L2 in HLT, which a trap, a window or an event ends before it has begun (SDM 26.7.3, 26.7.5, 26.7.6): for a host that sleeps in
 * the processor's place, too. */
static void hlt_that_is_over_at_once(void **state)
{
	static const struct { uint32_t pin, proc, event, reason; uint64_t rflags, pending; bool over; } cases[] = {
		{ 0, 0, 0, NVMX_XR_VMCALL, NVMX_RFLAGS_TF, BS, true },
		{ 0, NVMX_PROC_INT_WINDOW, 0, NVMX_XR_INT_WINDOW, NVMX_RFLAGS_IF, 0, true },
		{ NVMX_PIN_NMI | NVMX_PIN_VNMI, NVMX_PROC_NMI_WINDOW, 0, NVMX_XR_NMI_WINDOW, 0, 0, true },
		{ 0, 0, NVMX_INTR_VALID | 0x44, NVMX_XR_VMCALL, NVMX_RFLAGS_IF, 0, true },
		{ 0, NVMX_PROC_INT_WINDOW, 0, 0, 0, 0, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (enum fake_kind kind = FAKE_PASSES_THROUGH; kind < FAKE_KINDS; kind++) {
			struct fake_machine m;

			script_start(&l1, FAKE_L1_CODE);
			script_start(&l2, FAKE_L2_CODE);
			script_enter_vmx(&l1);
			script_vmwrite(&l1, NVMX_PIN_CTLS, 0x16 | cases[i].pin);
			script_vmwrite(&l1, NVMX_PROC_CTLS, 0x84006172u | cases[i].proc);
			script_vmwrite(&l1, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_HLT);
			script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2 | cases[i].rflags);
			script_vmwrite(&l1, NVMX_GUEST_PENDING_DBG, cases[i].pending);
			script_vmwrite(&l1, NVMX_ENTRY_INTR_INFO, cases[i].event);
			script_run(&l1, FAKE_VMLAUNCH);
			script_look(&l1, false);
			script_op(&l1, FAKE_END);
			script_op(&l2, FAKE_VMCALL);
			m = machine(0, NULL, 0);
			fake_as(&m, kind);
			m.sleeps = true;
			assert_true(fake_same(&m, true));
			assert_int_equal(fake_bare.stop, cases[i].over ? FAKE_STOP_END : FAKE_STOP_HUNG);
			if (cases[i].over)
				assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), cases[i].reason);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_that_are_not_offered),
		cmocka_unit_test(only_a_sipi),
		cmocka_unit_test(the_wait_moves),
		cmocka_unit_test(ways_out),
		cmocka_unit_test(a_pending_entry_waits),
		cmocka_unit_test(a_wait_that_is_dropped),
		cmocka_unit_test(the_timer_goes_on_in_hlt),
		cmocka_unit_test(hlt_that_is_over_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
