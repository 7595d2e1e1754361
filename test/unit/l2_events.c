/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Events of L2 that do not come from an exit of its own: in which order, with what information, and none lost (SDM 6.9, 25.2,
 * 26.7.3, 27.2, 27.3.3); the end of an instruction that the host has executed. */
#include "l2_rig.h"

#define BD NVMX_BIT64(13) /* general detection, among the conditions of a #DB */

static void traps_precede_nmis_and_interrupts(void **state)
{
	static const struct {
		uint64_t pending, blocking, activity;
		unsigned waiting;
		bool held; /* the trap is delivered first */
	} cases[] = {
		{ BS, 0, 0, NVMX_PENDING_NMI, true },
		{ BS, 0, 0, NVMX_PENDING_INTR, true },
		{ BS, 0, NVMX_ACTIVITY_HLT, NVMX_PENDING_NMI, true },
		{ BS, NVMX_BLOCK_STI, 0, NVMX_PENDING_NMI, true },
		{ NVMX_PENDING_DBG_ENABLED | 1, 0, 0, NVMX_PENDING_NMI, true },
		{ NVMX_PENDING_DBG_RTM | NVMX_PENDING_DBG_ENABLED, 0, 0, NVMX_PENDING_NMI, true },
		{ 1, 0, 0, NVMX_PENDING_NMI, false }, /* of a breakpoint that is not enabled */
		{ BS, NVMX_BLOCK_MOVSS, 0, NVMX_PENDING_INTR, false }, /* nothing of it is due yet */
		{ BS, 0, NVMX_ACTIVITY_SHUTDOWN, NVMX_PENDING_NMI, false },
		{ BS, 0, 0, NVMX_PENDING_INIT, false },
		{ BS, 0, 0, NVMX_PENDING_INIT | NVMX_PENDING_NMI, false },
		{ 0, 0, 0, NVMX_PENDING_NMI, false },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		in_l2(m);
		F02(GUEST_PENDING_DBG) = cases[i].pending;
		F02(GUEST_INTERRUPTIBILITY) = cases[i].blocking;
		F02(GUEST_ACTIVITY) = cases[i].activity;
		waiting = cases[i].waiting;
		assert_int_equal(nvmx_wants_immediate_exit(m->v), cases[i].held);
		assert_int_equal(nvmx_check_events(m->v, &m->regs), cases[i].held ? NVMX_RESUME_L2 : NVMX_RESUME_L1);
		if (cases[i].held) {
			assert_int_equal(F02(GUEST_PENDING_DBG), cases[i].pending);
			assert_int_equal(taken, 0);
		}
		assert_int_equal(taken & NVMX_PENDING_INIT, cases[i].waiting & NVMX_PENDING_INIT);
		out_of_l2(m);
	}
}

/* The entry of L1's that injects nothing would deliver traps that wait before the processor sees the host's signal: an INIT ends it
 * at once (SDM 6.9, 26.7.3); an SMI is the host's, who lets L2 begin, and what the entry injects goes first. */
static void an_init_precedes_the_traps_of_an_entry(void **state)
{
	static const struct {
		unsigned waiting;
		uint32_t event;
		bool held;
	} cases[] = {
		{ NVMX_PENDING_INIT, 0, false },
		{ NVMX_PENDING_INIT | NVMX_PENDING_NMI, 0, false },
		{ NVMX_PENDING_INIT, NVMX_INTR_VALID | NVMX_EVENT_EXT_INT << NVMX_INTR_TYPE_SHIFT | 0x40, true },
		{ NVMX_PENDING_INIT | NVMX_PENDING_SMI, 0, true },
		{ NVMX_PENDING_NMI, 0, true },
		{ NVMX_PENDING_INTR, 0, true },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		in_l2(m);
		F02(GUEST_PENDING_DBG) = BS;
		F02(ENTRY_INTR_INFO) = cases[i].event;
		m->v->run_pending = true;
		waiting = cases[i].waiting;
		assert_int_equal(nvmx_wants_immediate_exit(m->v), cases[i].held);
		assert_int_equal(nvmx_check_events(m->v, &m->regs), cases[i].held ? NVMX_RESUME_L2 : NVMX_RESUME_L1);
		if (!cases[i].held) {
			assert_int_equal(m->v->cur->v12->exit_reason, NVMX_XR_INIT);
			assert_int_equal(m->v->cur->v12->guest_pending_dbg, BS);
			assert_false(m->v->run_pending);
		}
		F02(ENTRY_INTR_INFO) = 0;
		out_of_l2(m);
	}
}

/* What goes into L2 by an injection waits likewise: pending debug exceptions do not survive one (SDM 26.7.3). */
static void traps_precede_what_the_host_injects(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->pin_ctls = 0;
	waiting = NVMX_PENDING_NMI;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_HOST);
	F02(GUEST_PENDING_DBG) = BS;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	assert_true(nvmx_wants_immediate_exit(m->v));
	out_of_l2(m);
}

static void shutdown_knows_no_interrupts(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	F02(GUEST_ACTIVITY) = NVMX_ACTIVITY_SHUTDOWN;
	waiting = NVMX_PENDING_INTR;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	waiting |= NVMX_PENDING_NMI;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
	out_of_l2(m);
}

/* SDM 25.5.2: SMI and INIT come before a pending MTF VM exit, and the exit for INIT takes its place; NMIs come behind it. */
static void mtf_and_what_waits(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	F02(ENTRY_INTR_INFO) = MTF_EVENT;
	waiting = NVMX_PENDING_NMI | NVMX_PENDING_INTR;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	assert_true(nvmx_wants_immediate_exit(m->v));
	waiting |= NVMX_PENDING_SMI;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(F02(ENTRY_INTR_INFO), MTF_EVENT); /* for after RSM */
	waiting = NVMX_PENDING_INIT;
	m->v->run_pending = true; /* the entry may fail yet */
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	m->v->run_pending = false;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_reason, NVMX_XR_INIT);
	assert_int_equal(v12->idt_vectoring_info, 0);
	assert_int_equal(F02(ENTRY_INTR_INFO), 0);
	in_l2(m);
	F02(ENTRY_INTR_INFO) = INTERRUPT; /* an event is delivered first */
	waiting = NVMX_PENDING_INIT;
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L2);
	out_of_l2(m);
}

/* An exit between two instructions that L2 made because it was to let something in: what is stronger goes first (SDM 6.9). */
static void what_precedes_an_exit(void **state)
{
	static const struct {
		uint32_t reason;
		unsigned waiting;
		bool first; /* what waits */
	} cases[] = {
		{ NVMX_XR_INT_WINDOW, NVMX_PENDING_INIT, true }, { NVMX_XR_INT_WINDOW, NVMX_PENDING_SMI, true },
		{ NVMX_XR_INT_WINDOW, NVMX_PENDING_NMI, true }, { NVMX_XR_INT_WINDOW, NVMX_PENDING_INTR, false },
		{ NVMX_XR_NMI_WINDOW, NVMX_PENDING_INIT, true }, { NVMX_XR_NMI_WINDOW, NVMX_PENDING_NMI, false },
		{ NVMX_XR_MTF, NVMX_PENDING_INIT, true }, { NVMX_XR_MTF, NVMX_PENDING_NMI, false },
		{ NVMX_XR_PREEMPTION_TIMER, NVMX_PENDING_INIT, true }, { NVMX_XR_PREEMPTION_TIMER, NVMX_PENDING_NMI, false },
		{ NVMX_XR_VMCALL, NVMX_PENDING_INIT, false },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);

		v12->pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
		v12->proc_ctls = NVMX_PROC_INT_WINDOW | NVMX_PROC_NMI_WINDOW | NVMX_PROC_MTF;
		F02(EXIT_REASON) = cases[i].reason;
		waiting = cases[i].waiting;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), cases[i].first ? NVMX_RESUME_L2 : NVMX_RESUME_L1);
		if (cases[i].first && cases[i].waiting == NVMX_PENDING_INIT) {
			assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
			assert_int_equal(v12->exit_reason, NVMX_XR_INIT);
		}
		out_of_l2(m);
	}
}

/* An SMI is taken before an MTF VM exit that the processor has made already: that follows RSM, not another instruction of L2's. */
static void an_mtf_exit_outlasts_an_smi(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls = NVMX_PROC_MTF;
	F02(EXIT_REASON) = NVMX_XR_MTF;
	waiting = NVMX_PENDING_SMI;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(F02(ENTRY_INTR_INFO), MTF_EVENT);
	waiting = 0;
	F02(ENTRY_INTR_INFO) = 0; /* as the processor leaves it, which exits at once (26.7.8) */
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_reason, NVMX_XR_MTF);
	v12 = in_l2(m);
	v12->proc_ctls = NVMX_PROC_MTF;
	F02(EXIT_REASON) = NVMX_XR_MTF;
	waiting = NVMX_PENDING_INIT;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_reason, NVMX_XR_INIT);
	assert_int_equal(v12->idt_vectoring_info | F02(ENTRY_INTR_INFO), 0);
	out_of_l2(m);
}

/* SDM table 27-1, 17.2.3: the exit reports the conditions, and DR6 gets them only where L2 takes the exception. */
static void a_db_carries_its_conditions(void **state)
{
	const uint64_t conditions = BD | NVMX_BIT64(2);
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_DB);
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_DB, false, 0, conditions), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_intr_info, HW_EXC(NVMX_VECTOR_DB));
	assert_int_equal(v12->exit_qualification, conditions);
	assert_int_equal(dr6_sets, 0);
	in_l2(m);
	F02(GUEST_DR7) = 0x400 | NVMX_DR7_GD;
	F02(GUEST_DEBUGCTL) = NVMX_DEBUGCTL_LBR | NVMX_DEBUGCTL_BTF;
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_DB, false, 0, conditions), NVMX_RESUME_L2);
	assert_int_equal(F02(ENTRY_INTR_INFO), HW_EXC(NVMX_VECTOR_DB));
	assert_true(dr6_sets == 1 && dr6 == conditions);
	assert_int_equal(F02(GUEST_DR7), 0x400); /* SDM 17.2.4, 17.4.1, 17.4.3: as the handler finds them */
	assert_int_equal(F02(GUEST_DEBUGCTL), 0);
	assert_int_equal(F02(GUEST_RFLAGS), 2 | NVMX_RFLAGS_RF); /* general detection is a fault (SDM 17.3.1.1) */
	in_l2(m);
	m->ops.set_dr6 = NULL; /* it is optional */
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_DB, false, 0, conditions), NVMX_RESUME_L2);
	in_l2(m);
	nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_UD, false, 0, 0);
	assert_int_equal(dr6_sets, 0);
	out_of_l2(m);
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_DB, false, 0, 1), NVMX_RESUME_L1); /* into L1 */
	assert_true(dr6_sets == 1 && dr6 == 1);
	assert_false(F01(GUEST_RFLAGS) & NVMX_RFLAGS_RF);
}

/* SDM 24.8.3, 24.9.2, 27.2.5: INT3 and INTO that the host has executed; as traps they leave RF as it is. */
static void breakpoints_are_software_exceptions(void **state)
{
	static const unsigned vectors[] = { NVMX_VECTOR_BP, NVMX_VECTOR_OF };
	struct mini *m = *state;

	for (unsigned i = 0; i < 2; i++) {
		const uint32_t info = NVMX_INTR_VALID | NVMX_EVENT_SW_EXC << NVMX_INTR_TYPE_SHIFT | vectors[i];
		struct nvmx_vmcs12 *v12;

		in_l2(m);
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, vectors[i], false, 0, 0), NVMX_RESUME_L2);
		assert_int_equal(F02(ENTRY_INTR_INFO), info);
		assert_int_equal(F02(ENTRY_INSTR_LEN), 1);
		assert_int_equal(F02(GUEST_RFLAGS), 2);
		v12 = in_l2(m);
		v12->exception_bitmap = NVMX_BIT(vectors[i]);
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, vectors[i], false, 0, 0), NVMX_RESUME_L1);
		assert_int_equal(v12->exit_intr_info, info);
		assert_int_equal(v12->exit_instr_len, 1);
		assert_int_equal(v12->guest_rflags, 2);
	}
}

/* SDM 26.3.1.5: behind STI or MOV SS a single-step trap is pending if and only if TF says so. */
static void exceptions_behind_blocking_can_be_entered(void **state)
{
	static const struct { uint64_t blocking, rflags, debugctl, before, after; } cases[] = {
		{ NVMX_BLOCK_MOVSS, TF, 0, 0, BS }, { NVMX_BLOCK_STI, TF, 0, 0, BS }, { 0, TF, 0, 0, 0 },
		{ NVMX_BLOCK_MOVSS, TF, NVMX_DEBUGCTL_BTF, 0, BS }, { NVMX_BLOCK_MOVSS, 2, 0, BS, 0 },
		{ NVMX_BLOCK_MOVSS, TF, 0, 1, BS | 1 }, { NVMX_BLOCK_NMI, TF, 0, 0, 0 },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		in_l2(m);
		F02(GUEST_INTERRUPTIBILITY) = cases[i].blocking;
		F02(GUEST_RFLAGS) = cases[i].rflags;
		F02(GUEST_DEBUGCTL) = cases[i].debugctl;
		F02(GUEST_PENDING_DBG) = cases[i].before;
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_DB, false, 0, 0), NVMX_RESUME_L2);
		assert_int_equal(F02(GUEST_PENDING_DBG), cases[i].after);
		out_of_l2(m);
	}
}

/* SDM 27.1: an event's delivery has ended HLT, and blocking by STI and MOV SS, before the exit that it runs into; one that is no delivery's
 * finds them as they are. */
static void a_delivery_that_has_begun(void **state)
{
	static const struct { uint64_t blocking, activity; uint32_t idt; uint64_t blocking_after, activity_after; } cases[] = {
		{ NVMX_BLOCK_MOVSS | NVMX_BLOCK_NMI, 0, HW_EXC(NVMX_VECTOR_GP), NVMX_BLOCK_NMI, 0 },
		{ NVMX_BLOCK_STI, 0, INTERRUPT, 0, 0 },
		{ 0, NVMX_ACTIVITY_HLT, INTERRUPT, 0, 0 },
		{ NVMX_BLOCK_STI, 0, 0, NVMX_BLOCK_STI, 0 },
		{ 0, NVMX_ACTIVITY_HLT, 0, 0, NVMX_ACTIVITY_HLT },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (unsigned found = 0; found < 2; found++) { /* an exception that L1 intercepts, or an exit of the host's */
			const struct nvmx_l2_exit exit = { .reason = NVMX_XR_EPT_VIOLATION, .idt_info = cases[i].idt };
			struct nvmx_vmcs12 *v12 = in_l2(m);

			v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_PF);
			F02(GUEST_INTERRUPTIBILITY) = cases[i].blocking;
			F02(GUEST_ACTIVITY) = cases[i].activity;
			F02(ENTRY_INTR_INFO) = found ? cases[i].idt : 0;
			if (found)
				assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_PF, true, 0, 0), NVMX_RESUME_L1);
			else
				assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
			assert_int_equal(v12->idt_vectoring_info, cases[i].idt);
			assert_int_equal(v12->guest_interruptibility, cases[i].blocking_after);
			assert_int_equal(v12->guest_activity, cases[i].activity_after);
		}
}

/* SDM 27.3.3, for exits that no processor made. */
static void exits_that_are_made_save_rf(void **state)
{
	static const struct { struct nvmx_l2_exit exit; bool rf; } cases[] = {
		{ { .reason = NVMX_XR_EPT_VIOLATION }, true },
		{ { .reason = NVMX_XR_EPT_MISCONFIG }, true },
		{ { .reason = NVMX_XR_PML_FULL }, true },
		{ { .reason = NVMX_XR_APIC_ACCESS }, true },
		{ { .reason = NVMX_XR_EPT_VIOLATION, .idt_info = INTERRUPT }, false },
		{ { .reason = NVMX_XR_EPT_VIOLATION, .idt_info = HW_EXC(NVMX_VECTOR_GP) }, true },
		{ { .reason = NVMX_XR_EPT_VIOLATION, .idt_info = HW_EXC(NVMX_VECTOR_DB) }, false },
		{ { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = HW_EXC(NVMX_VECTOR_PF) }, true },
		{ { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = HW_EXC(NVMX_VECTOR_DB) }, false },
		{ { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = HW_EXC(NVMX_VECTOR_DB), .qualification = BD }, true },
		{ { .reason = NVMX_XR_EPT_VIOLATION, .idt_info = HW_EXC(NVMX_VECTOR_DB), .qualification = BD }, false },
		{ { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = NVMX_INTR_VALID | NVMX_EVENT_NMI << NVMX_INTR_TYPE_SHIFT | 2 }, false },
		{ { .reason = NVMX_XR_PREEMPTION_TIMER }, false },
		{ { .reason = NVMX_XR_HLT }, false },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);

		assert_int_equal(nvmx_exit_to_l1(m->v, &cases[i].exit), NVMX_RESUME_L1);
		assert_int_equal(v12->guest_rflags, 2 | (cases[i].rf ? NVMX_RFLAGS_RF : 0));
	}
}

/* SDM 27.2.2, 27.2.4: an unrestricted L2 in real mode has exceptions without error code, and L1 injects them again as they are. */
static void no_error_code_in_real_mode(void **state)
{
	const uint32_t ec = NVMX_INTR_DELIVER_EC;
	struct mini *m = *state;

	for (unsigned real = 0; real < 2; real++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);
		const struct nvmx_l2_exit exit = { .reason = NVMX_XR_EPT_VIOLATION, .idt_info = HW_EXC(NVMX_VECTOR_GP) | ec };

		F02(GUEST_CR0) = v12->guest_cr0 = real ? NVMX_CR0_NE : L2_CR0;
		v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_GP);
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0x18, 0), NVMX_RESUME_L1);
		assert_int_equal(v12->exit_intr_info, HW_EXC(NVMX_VECTOR_GP) | (real ? 0 : ec));
		v12 = in_l2(m);
		F02(GUEST_CR0) = v12->guest_cr0 = real ? NVMX_CR0_NE : L2_CR0;
		v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_DF);
		F02(ENTRY_INTR_INFO) = HW_EXC(NVMX_VECTOR_GP);
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0, 0), NVMX_RESUME_L1);
		assert_int_equal(v12->exit_intr_info, HW_EXC(NVMX_VECTOR_DF) | (real ? 0 : ec));
		v12 = in_l2(m);
		F02(GUEST_CR0) = v12->guest_cr0 = real ? NVMX_CR0_NE : L2_CR0;
		assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
		assert_int_equal(v12->idt_vectoring_info, HW_EXC(NVMX_VECTOR_GP) | (real ? 0 : ec));
	}
}

/* An exception that the host alone watches, during the delivery of an event or of an IRET: if the host has nothing to say to
 * it, L2 goes on with what was interrupted (SDM 27.2.3, 27.2.4). */
static void what_an_exception_of_the_hosts_interrupted(void **state)
{
	const uint32_t ac = HW_EXC(NVMX_VECTOR_AC) | NVMX_INTR_DELIVER_EC;
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	F02(EXIT_REASON) = NVMX_XR_EXCEPTION_NMI;
	F02(EXIT_INTR_INFO) = ac;
	F02(IDT_VECTORING_INFO) = INTERRUPT;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(F02(ENTRY_INTR_INFO), INTERRUPT);
	v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_GP); /* the host makes another of it, which is L1's */
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0, 0), NVMX_RESUME_L1);
	assert_int_equal(v12->idt_vectoring_info, INTERRUPT);
	v12 = in_l2(m);
	F02(EXIT_REASON) = NVMX_XR_EXCEPTION_NMI;
	F02(EXIT_INTR_INFO) = ac | NVMX_INTR_NMI_UNBLOCK;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(F02(GUEST_INTERRUPTIBILITY), NVMX_BLOCK_NMI); /* the IRET executes again */
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_AC, true, 0, 0), NVMX_RESUME_L2);
	assert_int_equal(F02(GUEST_INTERRUPTIBILITY), 0); /* it does not */
	v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_AC);
	F02(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_NMI;
	F02(ENTRY_INTR_INFO) = 0;
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_AC, true, 0, 0), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_intr_info, ac | NVMX_INTR_NMI_UNBLOCK);
	assert_int_equal(v12->guest_interruptibility, 0);
	in_l2(m);
	F02(EXIT_REASON) = NVMX_XR_EXCEPTION_NMI;
	F02(EXIT_INTR_INFO) = ac;
	F02(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_NMI; /* as it was, no IRET about */
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0, 0), NVMX_RESUME_L2);
	assert_int_equal(F02(GUEST_INTERRUPTIBILITY), NVMX_BLOCK_NMI);
	out_of_l2(m);
}

/* A notify exit of the host's comes in the middle of a delivery, or of an IRET: L2 goes on with that (SDM 27.2.3, 27.2.4). */
static void what_an_exit_for_the_host_interrupted(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < 4; i++) {
		bool iret = i % 2;

		in_l2(m);
		F02(EXIT_REASON) = i / 2 ? NVMX_XR_PML_FULL : NVMX_XR_NOTIFY;
		F02(EXIT_QUALIFICATION) = NVMX_INTR_NMI_UNBLOCK;
		F02(IDT_VECTORING_INFO) = iret ? 0 : INTERRUPT;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
		assert_int_equal(F02(ENTRY_INTR_INFO), iret ? 0 : INTERRUPT);
		assert_int_equal(F02(GUEST_INTERRUPTIBILITY), iret ? NVMX_BLOCK_NMI : 0);
	}
	out_of_l2(m);
}

/* An NMI blocks NMIs before its delivery is interrupted (SDM 27.1).  That is undone for its being injected again, and holds if L1
 * gets the exit after all. */
static void an_nmi_that_was_interrupted(void **state)
{
	const uint32_t nmi = NVMX_INTR_VALID | NVMX_EVENT_NMI << NVMX_INTR_TYPE_SHIFT | 2;
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_EXCEPTION_NMI, .intr_info = HW_EXC(NVMX_VECTOR_UD), .idt_info = nmi };
	struct mini *m = *state;

	for (unsigned way = 0; way < 3; way++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);

		v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_GP) | (way == 1 ? NVMX_BIT(NVMX_VECTOR_AC) : 0);
		m->v->cur->exceptions01 = NVMX_BIT(NVMX_VECTOR_AC);
		F02(EXIT_REASON) = NVMX_XR_EXCEPTION_NMI;
		F02(EXIT_INTR_INFO) = HW_EXC(NVMX_VECTOR_AC) | NVMX_INTR_DELIVER_EC;
		F02(IDT_VECTORING_INFO) = nmi;
		F02(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_NMI;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
		assert_int_equal(F02(ENTRY_INTR_INFO), nmi);
		assert_int_equal(F02(GUEST_INTERRUPTIBILITY), 0);
		if (way == 0)
			assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0, 0), NVMX_RESUME_L1);
		else if (way == 1)
			assert_int_equal(nvmx_reflect(m->v, &m->regs), NVMX_RESUME_L1);
		else
			assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
		assert_int_equal(v12->idt_vectoring_info, nmi);
		assert_int_equal(v12->guest_interruptibility, NVMX_BLOCK_NMI);
		assert_int_equal(F01(GUEST_INTERRUPTIBILITY), NVMX_BLOCK_NMI); /* without virtual NMIs these are L1's (27.5.5) */
		assert_int_equal(F02(ENTRY_INTR_INFO), 0);
	}
	in_l2(m); /* an NMI that L1's entry is still to inject has blocked nothing */
	F02(ENTRY_INTR_INFO) = nmi;
	m->v->run_pending = true;
	assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->v12->guest_interruptibility, 0);
}

/* L2 is left before the processor has entered it: CR0.CD and NW are L1's, which no VM entry loads, and DR7 is as one loads it (SDM 26.3.2.1,
 * 27.3.1).  Where the host owns those bits vmcs12 has them; where L2 has run the processor has saved them. */
static void an_l2_that_is_left_before_it_runs(void **state)
{
	const uint64_t cd = NVMX_CR0_CD | NVMX_CR0_NW;
	const struct nvmx_l2_exit triple = { .reason = NVMX_XR_TRIPLE_FAULT };
	struct mini *m = *state;

	for (unsigned i = 0; i < 12; i++) {
		const unsigned way = i % 3, seen = i / 3; /* seen: yes; yes, and the host owns CD; no; L2 has run */
		struct nvmx_vmcs12 *v12 = in_l2(m);

		m->v->vmcs01.cr0_mask = seen == 1 ? NVMX_CR0_CD : 0;
		m->v->seen01[NVMX_SEEN_GUEST_CR0] = seen == 2 ? NVMX_UNSEEN : L2_CR0 | cd;
		m->v->cur->cr0_mask02 = m->v->vmcs01.cr0_mask;
		m->v->run_pending = way < 2 && seen != 3;
		F02(GUEST_DR7) = 0xd000;
		waiting = way == 0 ? NVMX_PENDING_INIT : NVMX_PENDING_SIPI;
		if (way == 2)
			m->v->cur->look02 |= NVMX_LOOK_WAITS;
		assert_int_equal(way == 1 ? nvmx_exit_to_l1(m->v, &triple) : nvmx_check_events(m->v, &m->regs), NVMX_RESUME_L1);
		assert_int_equal(v12->exit_reason, way == 0 ? NVMX_XR_INIT : way == 1 ? NVMX_XR_TRIPLE_FAULT : NVMX_XR_SIPI);
		if (seen == 3 && way < 2) {
			assert_int_equal(v12->guest_cr0, L2_CR0);
			assert_int_equal(F02(GUEST_DR7), 0xd000);
			continue;
		}
		assert_int_equal(v12->guest_cr0, L2_CR0 | (seen == 2 ? 0 : seen == 1 ? NVMX_CR0_NW : cd));
		assert_int_equal(F02(GUEST_DR7), 0x400);
	}
	m->v->vmcs01.cr0_mask = 0;
	nvmx_not_by_l1(m->v);
}

/* The exception that the host has for L2, and which L1 does not want, goes in where the NMI was to go in again: that has blocked NMIs. */
static void an_nmi_that_an_exception_replaces(void **state)
{
	const uint32_t nmi = NVMX_INTR_VALID | NVMX_EVENT_NMI << NVMX_INTR_TYPE_SHIFT | 2;
	struct mini *m = *state;

	for (unsigned made = 0; made < 2; made++) { /* the exception that exited, or one of an access that failed */
		in_l2(m);
		m->v->cur->exceptions01 = NVMX_BIT(NVMX_VECTOR_GP);
		F02(EXIT_REASON) = made ? NVMX_XR_APIC_ACCESS : NVMX_XR_EXCEPTION_NMI;
		F02(EXIT_INTR_INFO) = HW_EXC(NVMX_VECTOR_GP) | NVMX_INTR_DELIVER_EC;
		F02(IDT_VECTORING_INFO) = nmi;
		F02(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_NMI;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
		assert_int_equal(F02(GUEST_INTERRUPTIBILITY), 0);
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0, 0), NVMX_RESUME_L2);
		assert_int_equal(F02(ENTRY_INTR_INFO), HW_EXC(NVMX_VECTOR_GP) | NVMX_INTR_DELIVER_EC);
		assert_int_equal(F02(GUEST_INTERRUPTIBILITY), NVMX_BLOCK_NMI);
		F02(ENTRY_INTR_INFO) = 0;
		out_of_l2(m);
	}
}

/* What was being delivered when L2 left for the host goes in again, with what belongs to it and with nothing else (SDM 27.2.4). */
static void what_goes_in_again(void **state)
{
	static const struct {
		uint32_t type, info; /* beside the type */
		bool error, length;
	} events[] = {
		{ NVMX_EVENT_EXT_INT, 0x40, false, false },
		{ NVMX_EVENT_NMI, 2, false, false },
		{ NVMX_EVENT_HW_EXC, NVMX_VECTOR_GP | NVMX_INTR_DELIVER_EC, true, false },
		{ NVMX_EVENT_HW_EXC, NVMX_VECTOR_UD, false, false },
		{ NVMX_EVENT_SW_INT, 0x80, false, true },
		{ NVMX_EVENT_PRIV_SW_EXC, 1, false, true },
		{ NVMX_EVENT_SW_EXC, 3, false, true },
	};
	static const uint32_t reasons[] = { NVMX_XR_APIC_ACCESS, NVMX_XR_PML_FULL, NVMX_XR_SPP, NVMX_XR_NOTIFY };
	struct mini *m = *state;

	for (unsigned n = 0; n < 4 * 2 * sizeof(events) / sizeof(*events); n++) {
		unsigned i = n / 4;
		uint32_t info = NVMX_INTR_VALID | events[i / 2].type << NVMX_INTR_TYPE_SHIFT | events[i / 2].info;

		in_l2(m);
		m->vm->flags |= i % 2 ? NVMX_HOST_REINJECTS : 0; /* itself */
		F02(EXIT_REASON) = reasons[n % 4];
		F02(IDT_VECTORING_INFO) = info | NVMX_INTR_NMI_UNBLOCK; /* which is undefined there */
		F02(IDT_VECTORING_ERROR_CODE) = 0x55;
		F02(EXIT_INSTR_LEN) = 2;
		F02(ENTRY_EXC_ERROR_CODE) = F02(ENTRY_INSTR_LEN) = 9;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
		assert_int_equal(F02(ENTRY_INTR_INFO), i % 2 ? 0 : info);
		assert_int_equal(F02(ENTRY_EXC_ERROR_CODE), i % 2 || !events[i / 2].error ? 9 : 0x55);
		assert_int_equal(F02(ENTRY_INSTR_LEN), i % 2 || !events[i / 2].length ? 9 : 2);
	}
	out_of_l2(m);
}

struct ending {
	unsigned length, flags;
	uint64_t traps;
	uint64_t rflags, blocking, debugctl; /* before */
	uint64_t rip, after, pending, activity; /* and after */
};
static const struct ending endings[] = {
	{ 0, 0, 0, 2, 0, 0, 0x6003, 0, 0, 0 },
	{ 5, 0, 0, 2, 0, 0, 0x6005, 0, 0, 0 },
	{ 0, 0, 0, 2 | NVMX_RFLAGS_RF, NVMX_BLOCK_STI | NVMX_BLOCK_NMI, 0, 0x6003, NVMX_BLOCK_NMI, 0, 0 },
	{ 0, 0, 0, TF, NVMX_BLOCK_MOVSS, 0, 0x6003, 0, BS, 0 },
	{ 0, 0, 0, TF, 0, NVMX_DEBUGCTL_BTF, 0x6003, 0, 0, 0 },
	{ 0, NVMX_INSN_BRANCH, 0, TF, 0, NVMX_DEBUGCTL_BTF, 0x6000, 0, BS, 0 },
	{ 0, NVMX_INSN_BRANCH, 0, 2, 0, 0, 0x6000, 0, 0, 0 },
	{ 0, NVMX_INSN_MOV_SS, 0, TF, NVMX_BLOCK_STI, 0, 0x6003, NVMX_BLOCK_MOVSS, BS, 0 },
	{ 0, NVMX_INSN_STI, 0, 2, 0, 0, 0x6003, NVMX_BLOCK_STI, 0, 0 },
	{ 0, NVMX_INSN_HLT, 0, 2, NVMX_BLOCK_STI, 0, 0x6003, 0, 0, NVMX_ACTIVITY_HLT },
	{ 0, 0, NVMX_PENDING_DBG_ENABLED | 5, TF, 0, 0, 0x6003, 0, BS | NVMX_PENDING_DBG_ENABLED | 5, 0 },
	{ 0, 0, ~0ull, 2, 0, 0, 0x6003, 0, NVMX_PENDING_DBG_BREAKPOINTS, 0 }, /* no more than there are */
};

static void instructions_of_l2_end(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		for (unsigned mtf = 0; mtf < 3; mtf++) { /* L1's, the host's */
			const struct ending *e = &endings[i];
			struct nvmx_vmcs12 *v12 = in_l2(m);

			v12->proc_ctls = mtf == 1 ? NVMX_PROC_MTF : 0;
			m->v->vmcs01.ctl[NVMX_WORD_PROC] = NVMX_PROC_SECONDARY | (mtf == 2 ? NVMX_PROC_MTF : 0);
			F02(GUEST_RFLAGS) = e->rflags;
			F02(GUEST_INTERRUPTIBILITY) = e->blocking;
			F02(GUEST_DEBUGCTL) = e->debugctl;
			assert_int_equal(nvmx_complete_instruction(m->v, e->length, e->flags, e->traps), NVMX_RESUME_L2);
			assert_int_equal(F02(GUEST_RIP), e->rip);
			assert_int_equal(F02(GUEST_RFLAGS), e->rflags & ~NVMX_RFLAGS_RF);
			assert_int_equal(F02(GUEST_INTERRUPTIBILITY), e->after);
			assert_int_equal(F02(GUEST_PENDING_DBG), e->pending);
			assert_int_equal(F02(GUEST_ACTIVITY), e->activity);
			assert_int_equal(F02(ENTRY_INTR_INFO), mtf ? MTF_EVENT : 0);
			out_of_l2(m);
		}
	in_l2(m);
	m->v->vmcs01.ctl[NVMX_WORD_PROC] = NVMX_PROC_SECONDARY | NVMX_PROC_MTF;
	F02(ENTRY_INTR_INFO) = INTERRUPT; /* stays: the processor has MTF follow it */
	nvmx_complete_instruction(m->v, 0, 0, 0);
	assert_int_equal(F02(ENTRY_INTR_INFO), INTERRUPT);
	m->v->vmcs01.ctl[NVMX_WORD_PROC] = NVMX_PROC_SECONDARY;
	out_of_l2(m);
}

static void instructions_of_l1_end(void **state)
{
	struct mini *m = *state;

	for (unsigned mtf = 0; mtf < 2; mtf++) {
		F01(PROC_CTLS) = mtf ? NVMX_PROC_MTF : 0; /* the host's, on L1 */
		F01(GUEST_RFLAGS) = TF | NVMX_RFLAGS_RF;
		F01(GUEST_RIP) = 0x5000;
		F01(GUEST_PENDING_DBG) = F01(ENTRY_INTR_INFO) = 0;
		F01(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_MOVSS;
		assert_int_equal(nvmx_complete_instruction(m->v, 0, 0, 0), NVMX_RESUME_L1);
		assert_int_equal(F01(GUEST_RIP), 0x5004);
		assert_int_equal(F01(GUEST_RFLAGS), TF);
		assert_int_equal(F01(GUEST_PENDING_DBG), BS);
		assert_int_equal(F01(GUEST_INTERRUPTIBILITY), 0);
		assert_int_equal(F01(ENTRY_INTR_INFO), mtf ? MTF_EVENT : 0);
	}
	F01(ENTRY_CTLS) = 0; /* 32-bit code */
	F01(GUEST_RIP) = 0xffffffff;
	nvmx_complete_instruction(m->v, 2, 0, 0);
	assert_int_equal(F01(GUEST_RIP), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(traps_precede_nmis_and_interrupts),
		MINI_TEST(an_init_precedes_the_traps_of_an_entry), MINI_TEST(traps_precede_what_the_host_injects),
		MINI_TEST(shutdown_knows_no_interrupts),
		MINI_TEST(mtf_and_what_waits),
		MINI_TEST(what_precedes_an_exit),
		MINI_TEST(an_mtf_exit_outlasts_an_smi),
		MINI_TEST(a_db_carries_its_conditions),
		MINI_TEST(breakpoints_are_software_exceptions),
		MINI_TEST(exceptions_behind_blocking_can_be_entered),
		MINI_TEST(a_delivery_that_has_begun),
		MINI_TEST(exits_that_are_made_save_rf),
		MINI_TEST(no_error_code_in_real_mode),
		MINI_TEST(an_nmi_that_was_interrupted), MINI_TEST(what_an_exit_for_the_host_interrupted), MINI_TEST(what_an_exception_of_the_hosts_interrupted),
		MINI_TEST(an_nmi_that_an_exception_replaces), MINI_TEST(an_l2_that_is_left_before_it_runs),
		MINI_TEST(what_goes_in_again),
		MINI_TEST(instructions_of_l2_end),
		MINI_TEST(instructions_of_l1_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
