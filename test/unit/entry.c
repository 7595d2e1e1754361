/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VM entries one after the other: what a later one finds anew, though L1 has not written it and the host has not said so. */
#include "entry_rig.h"

/* The host may move L1's TSC at any time: it is in vmcs01's offset alone. */
static void the_hosts_tsc_offset_moves(void **state)
{
	struct mini *m = *state;
	struct mini_vmcs *vmcs02;

	ready(m);
	m->v->vmcs01.ctl[NVMX_WORD_PROC] |= NVMX_PROC_TSC_OFFSET;
	F01(TSC_OFFSET) = 0x1000;
	vmcs02 = enter(m, true);
	assert_int_equal(vmcs02->field[NVMX_I_TSC_OFFSET], 0x1000);
	leave(m);
	F01(TSC_OFFSET) = 0x2000;
	enter(m, false);
	assert_int_equal(vmcs02->field[NVMX_I_TSC_OFFSET], 0x2000);
	leave(m);
}

/* So is how fast it runs, which the host cannot change without the offset: the counter would leap. */
static void the_hosts_tsc_multiplier_changes(void **state)
{
	struct mini *m = *state;
	struct mini_vmcs *vmcs02;

	ready(m);
	m->v->vmcs01.ctl[NVMX_WORD_PROC] |= NVMX_PROC_TSC_OFFSET;
	m->v->vmcs01.ctl[NVMX_WORD_PROC2] |= NVMX_PROC2_TSC_SCALING;
	for (unsigned round = 1; round < 4; round++) {
		F01(TSC_OFFSET) = 0x1000 * round;
		F01(TSC_MULTIPLIER) = (uint64_t)round << 48;
		vmcs02 = enter(m, round == 1);
		assert_int_equal(vmcs02->field[NVMX_I_TSC_MULTIPLIER], (uint64_t)round << 48);
		leave(m);
	}
}

/* Registers that L1's entry does not load are L1's own, each time. */
static void l1s_registers_run_in_l2(void **state)
{
	static const unsigned rows[] = { NVMX_I_GUEST_PAT, NVMX_I_GUEST_DR7, NVMX_I_GUEST_DEBUGCTL };
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);
	struct mini_vmcs *vmcs02;

	s->v12->entry_ctls &= ~(NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_DEBUG);
	set_msr(&m->vm->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, ~0ull << 32);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 3; i++)
			*mini01(m, rows[i]) = 0x400 + 16 * round + i;
		vmcs02 = enter(m, !round);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(vmcs02->field[rows[i]], 0x400 + 16 * round + i);
		leave(m);
	}
}

#define MSR_LIST 0xa000u

/* A VM-entry MSR area of one entry. */
static uint32_t *msr_list(struct mini *m, struct nvmx_slot *s)
{
	uint32_t *entry = (uint32_t *)mini_ram(m, MSR_LIST);

	entry[0] = NVMX_MSR_SYSENTER_CS;
	entry[1] = 0;
	nvmx_slot_write(s, NVMX_I_ENTRY_MSR_LOAD_ADDR, MSR_LIST);
	nvmx_slot_write(s, NVMX_I_ENTRY_MSR_LOAD_COUNT, 1);
	return entry;
}

static const unsigned saved_rows[] = { NVMX_I_GUEST_PAT, NVMX_I_GUEST_DR7, NVMX_I_GUEST_DEBUGCTL };

/* Registers that the exit saves and the entry does not load. */
static struct nvmx_slot *ready_to_save(struct mini *m)
{
	struct nvmx_slot *s = ready(m);

	s->v12->entry_ctls &= ~(NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_DEBUG);
	s->v12->exit_ctls |= NVMX_EXIT_SAVE_PAT | NVMX_EXIT_SAVE_DEBUG;
	set_msr(&m->vm->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, ~0ull << 32);
	for (unsigned i = 0; i < 3; i++)
		nvmx_set_add(&m->vm->rare, saved_rows[i]);
	return s;
}

/* L2 runs, and leaves its own values. */
static void run_l2(struct mini *m, bool launch)
{
	struct mini_vmcs *vmcs02 = enter(m, launch);

	for (unsigned i = 0; i < 3; i++)
		vmcs02->field[saved_rows[i]] = 0x700 + i;
	leave(m);
}

static void refuse(struct mini *m)
{
	enter(m, false);
	m->host.current->field[NVMX_I_VM_INSTR_ERROR] = NVMX_VMERR_ENTRY_CONTROLS;
	assert_int_equal(nvmx_entry_refused(m->v), NVMX_RESUME_L1);
}

static void l2s_values_are_there(struct mini *m, struct nvmx_slot *s)
{
	nvmx_vmwrite_flush(m->v);
	nvmx_slot_freshen(m->v, s);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(nvmx_v12_get(s->v12, saved_rows[i]), 0x700 + i);
}

/* L1's registers are in vmcs02 already when the entry fails, and what L2 had is vmcs12's nevertheless (SDM 26.8).  No field of vmcs12 has
 * changed meanwhile. */
static void a_failed_entry_changes_nothing(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready_to_save(m);
	uint32_t *entry = msr_list(m, s);

	run_l2(m, true);
	entry[1] = 1; /* reserved (SDM table 24-12) */
	assert_int_equal(nvmx_enter_l2(m->v, false), NVMX_RESUME_L1);
	assert_int_equal(s->v12->exit_reason, NVMX_XR_ENTRY_FAIL_MSR | NVMX_XR_ENTRY_FAILURE);
	l2s_values_are_there(m, s);
	entry[1] = 0;
	run_l2(m, false);
	refuse(m);
	l2s_values_are_there(m, s);
}

/* The same of a control that the processor does not like. */
static void a_refused_control_changes_nothing(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready_to_save(m);

	run_l2(m, true);
	run_l2(m, false);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, s->v12->proc_ctls ^ NVMX_PROC_HLT);
	refuse(m);
	l2s_values_are_there(m, s);
}

/* The host has turned a control on that no vmcs02 can keep: the stop gives back what of L1's memory the entry had mapped. */
static void a_stop_gives_memory_back(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);
	int mapped;

	enter(m, true);
	leave(m);
	msr_list(m, s);
	mapped = m->host.mapped;
	F01(PROC_CTLS2) |= NVMX_PROC2_SPP;
	assert_int_equal(nvmx_vmcs01_changed(m->v), NVMX_OK);
	assert_int_equal(nvmx_enter_l2(m->v, false), NVMX_STOP);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_CONTROL);
	assert_int_equal(m->host.mapped, mapped);
}

/* Pages for its bitmaps that an entry does not get stop it, whichever it is that is missing, and with all of them it has them all. */
static void an_entry_without_pages(void **state)
{
	static const unsigned bitmaps[] = { NVMX_I_MSR_BITMAP, NVMX_I_IO_BITMAP_A, NVMX_I_IO_BITMAP_B };
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);
	unsigned all = m->host.pages_left, got = 0;

	s->v12->proc_ctls |= NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS;
	s->v12->msr_bitmap = s->v12->io_bitmap_a = s->v12->io_bitmap_b = 0x8000;
	m->host.pages_left = 0;
	while (nvmx_enter_l2(m->v, true) == NVMX_STOP) {
		assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_NO_MEMORY);
		m->v->stop = NVMX_STOP_NONE;
		assert_int_equal(m->host.pages_left, 0);
		m->host.pages_left = 1;
		assert_true(++got < 8);
	}
	assert_true(m->v->in_l2 && got > 2);
	assert_int_equal(s->msr.n + s->io[0].n + s->io[1].n, 0); /* all is closed */
	for (unsigned i = 0; i < 3; i++)
		assert_true(m->host.used[(m->host.current->field[bitmaps[i]] - MINI_PAGE_HPA) / 4096]);
	m->host.pages_left += all - got;
	leave(m);
}

/* A host that takes a VM entry of vmcs01 that failed to the library: it is told that vmcs01 is its own. */
static void a_refused_vmcs01_is_the_hosts(void **state)
{
	struct mini *m = *state;
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	ready(m);
	F01(VM_INSTR_ERROR) = NVMX_VMERR_ENTRY_HOST_STATE;
	assert_int_equal(nvmx_entry_refused(m->v), NVMX_STOP);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_ENTRY_VMCS02);
	assert_int_equal(nvmx_stop_detail(m->v), NVMX_VMERR_ENTRY_HOST_STATE);
	nvmx_stop_info(m->v, &info);
	nvmx_describe_error(line, sizeof(line), &info);
	assert_non_null(strstr(line, "the VM entry of vmcs01 failed (VM-instruction error 8)"));
}

/* VMLAUNCH and VMRESUME, the launch state, and the instruction that they end. */
static void launch_state_follows(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);

	assert_int_equal(s->v12->launch_state, NVMX_LAUNCH_CLEAR);
	enter(m, true);
	leave(m);
	assert_int_equal(s->v12->launch_state, NVMX_LAUNCH_LAUNCHED);
	enter(m, false);
	leave(m);
	assert_int_equal(s->v12->launch_state, NVMX_LAUNCH_LAUNCHED);
	assert_int_equal(m->v->counters[NVMX_CNT_ENTRY], 2);
	assert_int_equal(m->v->counters[NVMX_CNT_EXIT_TO_L1], 2);
}

static enum nvmx_verdict launch(struct mini *m)
{
	enum nvmx_verdict verdict = nvmx_enter_l2(m->v, true);

	nvmx_vmwrite_flush(m->v);
	return verdict;
}

/* A check that fails: nothing of L2 is entered, and the error says what kind it was. */
static void failed_checks_stay_in_l1(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);

	nvmx_slot_write(s, NVMX_I_CR3_TARGET_COUNT, 5);
	mini_failed(m, launch(m), NVMX_VMERR_ENTRY_CONTROLS);
	nvmx_slot_write(s, NVMX_I_CR3_TARGET_COUNT, 0);
	nvmx_slot_write(s, NVMX_I_HOST_CR4, 0);
	mini_failed(m, launch(m), NVMX_VMERR_ENTRY_HOST_STATE);
	nvmx_slot_write(s, NVMX_I_HOST_CR4, NVMX_CR4_VMXE | NVMX_CR4_PAE);
	nvmx_slot_write(s, NVMX_I_GUEST_RFLAGS, 0);
	assert_int_equal(launch(m), NVMX_RESUME_L1);
	assert_int_equal(s->v12->exit_reason, NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE);
	assert_int_equal(s->v12->exit_qualification, 0);
	assert_int_equal(s->v12->launch_state, NVMX_LAUNCH_CLEAR);
	assert_int_equal(m->v->counters[NVMX_CNT_ENTRY_FAIL], 3);
	assert_int_equal(m->v->counters[NVMX_CNT_ENTRY], 0);
	assert_false(m->v->in_l2);
	assert_int_equal(F01(GUEST_RIP), s->v12->host_rip);
}

static uint64_t perf;
static unsigned perf_writes;
static int perf_answer;
static int perf_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	assert_int_equal(msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	perf_writes++;
	if (!perf_answer)
		perf = value;
	return perf_answer;
}

static int perf_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	assert_int_equal(msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	*value = perf;
	return 0;
}

static uint64_t not_now_at;
static void *(*map_now)(struct nvmx_host *h, uint64_t gpa, bool write);
static void *map_not_now(struct nvmx_host *h, uint64_t gpa, bool write)
{
	return gpa == not_now_at ? NVMX_MAP_NOT_NOW : map_now(h, gpa, write);
}

/* What the failure of such an entry needs of L1's memory is at hand before the host is asked. */
static void emulated_counters_again(struct mini *m, struct nvmx_slot *s)
{
	map_now = m->ops.map;
	m->ops.map = map_not_now;
	not_now_at = 0x40000;
	s->v12->exit_msr_load_addr = not_now_at;
	s->v12->exit_msr_load_count = 1;
	perf_writes = 0;
	assert_int_equal(nvmx_enter_l2(m->v, false), NVMX_AGAIN);
	assert_int_equal(perf_writes, 0);
	s->v12->exit_msr_load_count = 0;
	m->ops.map = map_now;
}

/* A host that has L1's IA32_PERF_GLOBAL_CTRL in software gets it with each entry and exit that loads it; where it refuses, the entry
 * fails as for its guest state; and an entry that the processor refuses leaves L1's (SDM 26.3.1.1, 26.3.2.1, 26.8, 27.5.1). */
static void emulated_counters(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);

	m->vm->flags |= NVMX_HOST_PERF_EMULATED;
	m->ops.l1_msr_write = perf_write;
	m->ops.l1_msr_read = perf_read;
	m->vm->caps.perf_global_valid = 0xf;
	set_msr(&m->vm->caps, NVMX_MSR_VMX_TRUE_ENTRY_CTLS, ~0ull << 32);
	perf = 5;
	perf_answer = 0;
	s->v12->entry_ctls |= NVMX_ENTRY_LOAD_PERF;
	s->v12->exit_ctls |= NVMX_EXIT_LOAD_PERF;
	s->v12->guest_perf_global_ctrl = 7;
	s->v12->host_perf_global_ctrl = 3;
	assert_false(enter(m, true)->field[NVMX_I_ENTRY_CTLS] & NVMX_ENTRY_LOAD_PERF);
	assert_int_equal(perf, 7);
	leave(m);
	assert_int_equal(perf, 3);

	perf_answer = -1;
	assert_int_equal(nvmx_enter_l2(m->v, false), NVMX_RESUME_L1);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(s->v12->exit_reason, NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE);
	assert_int_equal(s->v12->exit_qualification, 0);

	perf_answer = 0;
	perf = 9;
	s->dirty_groups = ~0u;
	enter(m, false);
	assert_int_equal(perf, 7);
	m->host.current->field[NVMX_I_VM_INSTR_ERROR] = NVMX_VMERR_ENTRY_CONTROLS;
	assert_int_equal(nvmx_entry_refused(m->v), NVMX_RESUME_L1);
	assert_int_equal(perf, 9);

	emulated_counters_again(m, s);
	perf_writes = 0; /* an L1 without the register */
	m->vm->caps.perf_global_valid = 0;
	s->v12->guest_perf_global_ctrl = s->v12->host_perf_global_ctrl = 0;
	enter(m, false);
	leave(m);
	assert_int_equal(perf_writes, 0);
	m->vm->flags &= ~NVMX_HOST_PERF_EMULATED;
}

/* What an entry has read of vmcs01 is known until the exit behind it: not behind the next entry, which has no need to read it. */
static void what_an_entry_read_is_not_known_for_ever(void **state)
{
	static const struct {
		unsigned row;
		uint32_t load;
		uint64_t other;
	} rows[] = {
		{ NVMX_I_GUEST_EFER, NVMX_ENTRY_LOAD_EFER, 0xd00 },
		{ NVMX_I_GUEST_PAT, NVMX_ENTRY_LOAD_PAT, 0x0404040404040404 },
		{ NVMX_I_GUEST_DEBUGCTL, NVMX_ENTRY_LOAD_DEBUG, 2 },
		{ NVMX_I_GUEST_DR7, NVMX_ENTRY_LOAD_DEBUG, 0x401 },
	};
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);
	uint64_t loaded;

	nvmx_slot_write(s, NVMX_I_EXIT_CTLS, s->v12->exit_ctls | NVMX_EXIT_LOAD_EFER | NVMX_EXIT_LOAD_PAT);
	assert_int_equal(mini_exec(m, NVMX_XR_VMLAUNCH), NVMX_RESUME_L2);
	leave(m);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		loaded = *mini01(m, rows[i].row);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, s->v12->entry_ctls & ~rows[i].load);
		assert_int_equal(mini_exec(m, NVMX_XR_VMRESUME), NVMX_RESUME_L2);
		leave(m);
		assert_int_equal(*mini01(m, rows[i].row), loaded);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, s->v12->entry_ctls | rows[i].load);
		*mini01(m, rows[i].row) = rows[i].other; /* L1 writes its register */
		assert_int_equal(mini_exec(m, NVMX_XR_VMRESUME), NVMX_RESUME_L2);
		leave(m);
		assert_int_equal(*mini01(m, rows[i].row), loaded);
	}
}

/* A code segment without a limit is one in 64-bit mode, and none any more with the granularity that the exit gives it. */
static void an_l1_whose_code_has_no_limit(void **state)
{
	struct mini *m = *state;

	ready(m);
	for (unsigned round = 0; round < 3; round++) {
		F01(GUEST_CS_AR) = round == 1 ? 0xa09b : 0x209b; /* which the exit before has not left so */
		F01(GUEST_CS_LIMIT) = round == 1 ? 0xffffffff : 0;
		assert_int_equal(mini_exec(m, round ? NVMX_XR_VMRESUME : NVMX_XR_VMLAUNCH), NVMX_RESUME_L2);
		leave(m);
		assert_int_equal(F01(GUEST_CS_AR), 0xa09b);
		assert_int_equal(F01(GUEST_CS_LIMIT), 0xffffffff);
	}
}

static uint64_t no_ram;
static int pin_of_ram(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	return gpa == no_ram ? -1 : mini_pin(h, gpa, hpa);
}

/* The processor writes to these pages, so that where the host has no RAM there L2 cannot run.  The APIC-access page alone is not
 * used, and a page of the library's stands for it, which the shadow EPT leads to: without "enable EPT" nothing can (SDM 29.4). */
static void pages_that_are_no_ram(void **state)
{
	static const struct { uint32_t pin, proc, proc2; bool stops; } entries[] = {
		{ 0, 0, 0, false },
		{ 0, NVMX_PROC_TPR_SHADOW, 0, true },
		{ 0, NVMX_PROC_TPR_SHADOW, NVMX_PROC2_APIC_ACCESS, true },
		{ NVMX_PIN_POSTED_INT | NVMX_PIN_EXT_INT, NVMX_PROC_TPR_SHADOW, NVMX_PROC2_VID, true },
		{ 0, 0, NVMX_PROC2_APIC_ACCESS, true },
	};
	static const unsigned rows[] = { NVMX_I_APIC_ACCESS_ADDR, NVMX_I_VIRTUAL_APIC_ADDR, NVMX_I_VIRTUAL_APIC_ADDR,
					 NVMX_I_POSTED_INT_DESC_ADDR, NVMX_I_APIC_ACCESS_ADDR };
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);

	m->ops.pin = pin_of_ram;
	no_ram = 0x9000;
	for (unsigned i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		long_mode(s->v12);
		s->v12->revision = NVMX_VMCS12_REVISION;
		s->v12->launch_state = NVMX_LAUNCH_CLEAR;
		s->v12->pin_ctls |= entries[i].pin;
		s->v12->proc_ctls |= entries[i].proc;
		s->v12->proc_ctls2 = entries[i].proc2;
		if (entries[i].pin)
			s->v12->exit_ctls |= NVMX_EXIT_ACK_INT;
		s->v12->virtual_apic_addr = s->v12->posted_int_desc_addr = s->v12->apic_access_addr = 0x8000;
		nvmx_v12_set(s->v12, rows[i], no_ram);
		nvmx_slot_anew(m->v, s);
		if (entries[i].stops) {
			assert_int_equal(nvmx_enter_l2(m->v, true), NVMX_STOP);
			assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_HOST_OP);
			assert_int_equal(nvmx_stop_detail(m->v), no_ram);
			m->v->stop = NVMX_STOP_NONE;
		} else {
			enter(m, true);
			leave(m);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(pages_that_are_no_ram),
		MINI_TEST(the_hosts_tsc_offset_moves),
		MINI_TEST(the_hosts_tsc_multiplier_changes),
		MINI_TEST(l1s_registers_run_in_l2),
		MINI_TEST(a_failed_entry_changes_nothing),
		MINI_TEST(a_refused_control_changes_nothing),
		MINI_TEST(a_stop_gives_memory_back),
		MINI_TEST(an_entry_without_pages),
		MINI_TEST(a_refused_vmcs01_is_the_hosts),
		MINI_TEST(launch_state_follows),
		MINI_TEST(failed_checks_stay_in_l1),
		MINI_TEST(emulated_counters),
		MINI_TEST(an_l1_whose_code_has_no_limit),
		MINI_TEST(what_an_entry_read_is_not_known_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
