/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A nested guest that moves between any two steps, of random scripts and of scripts for what only a move shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "compare.h"
#include "gen.h"

static struct gen g;

#define MOVED (NVMX_TEST_FULL ? 60 : 12)

static void moves_change_nothing(void **state)
{
	uint64_t first = gen_setting("NVMX_SEED", 1), runs = gen_setting("NVMX_RUNS", getenv("NVMX_SEED") ? 1 : MOVED), entries = 0, moves = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + runs; seed++) {
		gen_make(&g, seed, 24);
		g.machine.moves = (uint32_t)seed;
		g.machine.intercepts = seed % 2;
		g.machine.flags &= ~NVMX_HOST_OWNS_TIMER; /* this host moves no timer of its own */
		if (!fake_same(&g.machine, true))
			fail_msg("seed %llu (NVMX_SEED)", (unsigned long long)seed);
		entries += fake_nested.counters[NVMX_CNT_ENTRY];
		moves += fake_nested.moves;
	}
	printf("%llu scripts, %llu VM entries, %llu moves\n", (unsigned long long)runs, (unsigned long long)entries,
	       (unsigned long long)moves);
	assert_true(runs < MOVED || (entries > runs * 5 && moves > runs * 100));
}

static struct fake_result result;

/* L1 injects an NMI while NMIs are blocked, which vmcs02, with the host's virtual NMIs, has open until then (SDM 26.3.1.5).  The
 * state is moved before L2 runs, and the NMI cannot be delivered: NMIs are blocked as they were. */
static void an_nmi_that_waits_leaves_nmis_blocked(void **unused)
{
	static struct script l1, l2;
	static struct fake_code code[2];
	static struct fake_machine m;
	struct nvmx_host *h;
	struct nvmx_view view;

	(void)unused;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_ENTRY_INTR_INFO, 0x80000202);
	script_vmwrite(&l1, NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI);
	script_vmwrite(&l1, NVMX_GUEST_IDTR_LIMIT, 0);
	script_run(&l1, FAKE_VMLAUNCH);
	script_op(&l1, FAKE_END);
	script_op(&l2, FAKE_VMCALL);
	code[0] = l1.code;
	code[1] = l2.code;
	for (unsigned how = 0; how < FAKE_MOVES; how++) {
		m = (struct fake_machine){ .code = code, .codes = 2, .flags = NVMX_HOST_OWNS_INTERRUPTS };
		h = fake_host_new(&m, &result);
		while (!nvmx_in_l2(h->vcpu))
			assert_true(fake_host_step(h));
		fake_host_move(h, how);
		while (nvmx_in_l2(h->vcpu))
			assert_true(fake_host_step(h));
		nvmx_view(h->vcpu, &view, sizeof(view));
		assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->exit_reason, NVMX_XR_TRIPLE_FAULT);
		assert_int_equal(((struct nvmx_vmcs12 *)view.vmcs12)->guest_interruptibility, NVMX_BLOCK_NMI);
		fake_host_free(h);
	}
}

/* L1's IA32_DEBUGCTL, with BTF, stays in force in an L2 whose VM entry does not load it (SDM 26.3.2.1): no single step is pending
 * behind STI, where vmcs12's field, which has no BTF, would want one (26.3.1.5).  That is no reason to refuse L2's state. */
static void a_step_is_judged_by_the_register(void **unused)
{
	static struct script l1, l2;
	static struct fake_code code[2];
	static struct fake_machine m;
	struct nvmx_host *h;

	(void)unused;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, 0x04006172 | NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, 0x11fb | NVMX_ENTRY_IA32E);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64);
	script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_TF);
	script_vmwrite(&l1, NVMX_GUEST_DEBUGCTL, 0);
	script_msr(&l1, FAKE_WRMSR, NVMX_MSR_DEBUGCTL, NVMX_DEBUGCTL_BTF);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_op(&l1, FAKE_END);
	script_movi(&l2, 1, NVMX_MSR_FMASK);
	script_op(&l2, FAKE_STI);
	script_op(&l2, FAKE_RDMSR); /* exits once, and executes again */
	script_op(&l2, FAKE_VMCALL);
	code[0] = l1.code;
	code[1] = l2.code;
	m = (struct fake_machine){ .code = code, .codes = 2 };
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	for (unsigned how = 0; how < FAKE_MOVES; how++) {
		h = fake_host_new(&m, &result);
		do
			assert_true(fake_host_step(h));
		while (!(fake_field(&h->cpu, NVMX_GUEST_INTERRUPTIBILITY) & NVMX_BLOCK_STI));
		assert_true(nvmx_in_l2(h->vcpu));
		fake_host_move(h, how);
		while (nvmx_in_l2(h->vcpu))
			assert_true(fake_host_step(h));
		fake_host_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_change_nothing),
		cmocka_unit_test(an_nmi_that_waits_leaves_nmis_blocked),
		cmocka_unit_test(a_step_is_judged_by_the_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
