/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* metal's NMIs: one that hit metal goes in only where a VM entry takes it (SDM 26.3.1.5, 26.7.3), and none into the middle of a step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <string.h>

/* A processor of the test's own: what metal calls its instructions. */
#define vmread vmread_of_processor
#define vmwrite vmwrite_of_processor
#define rdmsr rdmsr_of_processor
#include "../../adapters/metal/metal.h"
#undef vmread
#undef vmwrite
#undef rdmsr

#define PF_DELIVERED (EVENT_VALID | 0xb0eu)
#define FIELDS 0x7000

static uint64_t field[FIELDS];
static bool has_monitor_trap;

static uint64_t vmread(unsigned f)
{
	return field[f];
}

static void vmwrite(unsigned f, uint64_t value)
{
	field[f] = value;
}

static uint64_t rdmsr(uint32_t msr)
{
	assert_int_equal(msr, MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	return has_monitor_trap ? ~0ull : ~0ull ^ (uint64_t)PROC_MONITOR_TRAP << 32;
}

#include "../../adapters/metal/nmi.c"
#include "../../adapters/metal/step.c"

struct machine machine;
static struct cpu cpu;
static enum nvmx_verdict verdict;
static bool stays_in_l2, written;
static unsigned asked;

enum nvmx_verdict nvmx_check_events(struct nvmx_vcpu *v, struct nvmx_regs *regs)
{
	(void)v;
	(void)regs;
	asked++;
	return verdict;
}

bool nest_other_verdict(struct cpu *of, enum nvmx_verdict v)
{
	of->in_l2 = stays_in_l2;
	return v == NVMX_HOST;
}

void stop_cpu(struct cpu *of, const char *why)
{
	(void)of;
	fail_msg("%s", why);
	__builtin_trap();
}

void ept_own_memory_restore(struct cpu *of)
{
	(void)of;
}

void apic_write_done(struct cpu *of, bool done)
{
	(void)of;
	written = done;
}

static void begin(bool in_l2)
{
	memset(field, 0, sizeof(field));
	memset(&cpu, 0, sizeof(cpu));
	cpu.in_l2 = stays_in_l2 = in_l2;
	cpu.nmi_pending = NMI_NOW;
	verdict = NVMX_HOST;
	has_monitor_trap = true;
	asked = 0;
}

static bool went_in(void)
{
	return field[VM_ENTRY_INTERRUPTION_INFO] == (EVENT_VALID | EVENT_NMI | VECTOR_NMI);
}

static void what_a_vm_entry_takes(void **unused)
{
	(void)unused;
	for (unsigned in_l2 = 0; in_l2 < 2; in_l2++) {
		begin(in_l2);
		field[GUEST_ACTIVITY_STATE] = 1;
		exit_give_nmi(&cpu);
		assert_true(went_in());
		assert_int_equal(field[GUEST_ACTIVITY_STATE], ACTIVITY_ACTIVE);
		assert_int_equal(cpu.nmi_pending, 0);
		assert_int_equal(field[PROCESSOR_BASED_CONTROLS], 0);
		assert_int_equal(asked, in_l2);
	}
}

/* It waits, and the monitor trap flag, not a timer, brings it back: what held it is over then. */
static void what_it_waits_for(void **unused)
{
	static const struct {
		unsigned field;
		uint64_t value;
	} cases[] = {
		{ GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_MOV_SS }, { GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_STI },
		{ GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI },    { GUEST_PENDING_DEBUG, PENDING_DEBUG_BS },
		{ GUEST_PENDING_DEBUG, PENDING_DEBUG_ENABLED | 1 },  { VM_ENTRY_INTERRUPTION_INFO, PF_DELIVERED },
	};

	(void)unused;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		begin(i % 2);
		field[cases[i / 2].field] = cases[i / 2].value;
		field[PROCESSOR_BASED_CONTROLS] = 1;
		exit_give_nmi(&cpu);
		assert_false(went_in());
		assert_int_equal(field[cases[i / 2].field], cases[i / 2].value);
		assert_int_equal(cpu.nmi_pending, NMI_AT_NEXT_EXIT);
		assert_int_equal(field[PROCESSOR_BASED_CONTROLS], PROC_MONITOR_TRAP | 1);

		field[cases[i / 2].field] = 0;
		exit_monitor_trap();
		exit_give_nmi(&cpu);
		assert_true(went_in());
		assert_int_equal(cpu.nmi_pending, 0);
		assert_int_equal(field[PROCESSOR_BASED_CONTROLS], 1);
	}
	begin(false);
	has_monitor_trap = false;
	field[GUEST_INTERRUPTIBILITY] = INTERRUPTIBILITY_MOV_SS;
	exit_give_nmi(&cpu);
	assert_int_equal(field[PROCESSOR_BASED_CONTROLS], 0); /* a control that the processor lacks would fail the entry */
	assert_int_equal(cpu.nmi_pending, NMI_AT_NEXT_EXIT);
}

static void what_the_library_says_of_l2(void **unused)
{
	(void)unused;
	begin(true);
	verdict = NVMX_RESUME_L1; /* L1 got its exit */
	exit_give_nmi(&cpu);
	assert_int_equal(cpu.nmi_pending, 0);
	assert_false(went_in() || field[PROCESSOR_BASED_CONTROLS]);

	begin(true);
	verdict = NVMX_RESUME_L2; /* L2 has to run first */
	exit_give_nmi(&cpu);
	assert_int_equal(cpu.nmi_pending, NMI_AT_NEXT_EXIT);
	assert_false(went_in());
	assert_int_equal(field[PROCESSOR_BASED_CONTROLS], PROC_MONITOR_TRAP);
}

/* A processor that waits for SIPI, where NMIs are blocked (26.7.2). */
static void none_in_place_of_a_sipi(void **unused)
{
	(void)unused;
	begin(false);
	field[GUEST_ACTIVITY_STATE] = ACTIVITY_WAIT_FOR_SIPI;
	exit_give_nmi(&cpu);
	assert_false(went_in());
	assert_int_equal(field[GUEST_ACTIVITY_STATE], ACTIVITY_WAIT_FOR_SIPI);
	assert_int_equal(cpu.nmi_pending, NMI_AT_NEXT_EXIT);
}

/* L1's handler sees neither TF nor a page that is open for one instruction: the NMI comes behind the step, or ends it. */
static void none_into_a_step(void **unused)
{
	(void)unused;
	begin(false);
	field[GUEST_RFLAGS] = RFLAGS_IF;
	step_begin(&cpu);
	assert_int_equal(field[GUEST_RFLAGS], RFLAGS_TF);
	assert_int_equal(field[PIN_BASED_CONTROLS], PIN_NMI_EXITING);
	exit_give_nmi(&cpu);
	assert_false(went_in());
	assert_int_equal(cpu.nmi_pending, NMI_AT_NEXT_EXIT);
	field[EXIT_INTERRUPTION_INFO] = EVENT_VALID | 0x300u | VECTOR_DB;
	step_end(&cpu);
	assert_true(written);
	exit_give_nmi(&cpu);
	assert_true(went_in());
	assert_int_equal(field[GUEST_RFLAGS], RFLAGS_IF);

	begin(false);
	field[GUEST_RFLAGS] = RFLAGS_IF;
	step_begin(&cpu);
	field[EXIT_INTERRUPTION_INFO] = EVENT_VALID | EVENT_NMI | VECTOR_NMI; /* before the instruction */
	step_end(&cpu);
	assert_true(went_in());
	assert_false(written);
	assert_int_equal(field[GUEST_RFLAGS], RFLAGS_IF);
	assert_int_equal(field[PIN_BASED_CONTROLS] | field[EXCEPTION_BITMAP], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_vm_entry_takes),
		cmocka_unit_test(what_it_waits_for),
		cmocka_unit_test(what_the_library_says_of_l2),
		cmocka_unit_test(none_in_place_of_a_sipi),
		cmocka_unit_test(none_into_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
