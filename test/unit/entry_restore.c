/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Nested state that goes away and comes back, while L2 is current. */
#include "entry_rig.h"

/* The nested state goes away and comes back. */
static void move(struct mini *m)
{
	const struct nvmx_state_context context = { 0 };
	static struct nvmx_state blob;
	size_t size;

	assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
	assert_int_equal(nvmx_state_restore(m->v, &blob, size, &context, NULL), NVMX_OK);
	assert_true(m->v->in_l2);
}

/* What was judged in one mode of L1's is judged anew in another, also if the judging was that of a restore. */
static void another_mode_of_l1_after_a_restore(void **state)
{
	struct mini *m = *state;

	ready(m);
	enter(m, true);
	nvmx_l2_ran(m->v);
	move(m);
	leave(m);
	F01(ENTRY_CTLS) &= ~(uint64_t)NVMX_ENTRY_IA32E;
	m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = (uint32_t)F01(ENTRY_CTLS); /* as nvmx_enter_insn() reads them */
	assert_int_equal(nvmx_enter_l2(m->v, false), NVMX_RESUME_L1);
	nvmx_vmwrite_flush(m->v);
	assert_false(m->v->in_l2);
	assert_int_equal(m->v->cur->v12->vm_instr_error, NVMX_VMERR_ENTRY_HOST_STATE);
}

#define PDPT 0x2000u /* where the L2 of long_mode() and of its relatives has CR3 */

/* A PAE L2 that L1 runs without EPT: its PDPTEs are those that it loaded with CR3, whatever its table holds by now (SDM 4.4.1), and so
 * they are after its state was saved and restored. */
static void pdptes_travel_with_the_state(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);
	struct mini_vmcs *vmcs02;

	legacy(s->v12);
	s->v12->guest_cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	for (unsigned i = 0; i < 4; i++)
		*mini_ram(m, PDPT + 8 * i) = 0x10001 + 0x1000 * i;
	vmcs02 = enter(m, true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(vmcs02->field[NVMX_I_GUEST_PDPTE0 + i], 0x10001 + 0x1000 * i);
	nvmx_l2_ran(m->v);
	memset(mini_ram(m, PDPT), 0, 32);
	move(m);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(m->host.current->field[NVMX_I_GUEST_PDPTE0 + i], 0x10001 + 0x1000 * i);
	leave(m);
}

static void assert_unseen(const struct mini *m)
{
	for (unsigned i = 0; i < NVMX_SEEN_COUNT; i++)
		assert_true(m->v->seen01[i] == NVMX_UNSEEN);
}

/* Where L2 is current and L1 has not just entered it, the host may have set vmcs01 anew: an exit writes all of it. */
static void nothing_is_known_where_l1_did_not_enter(void **state)
{
	struct mini *m = *state;

	ready(m);
	enter(m, true);
	nvmx_l2_ran(m->v);
	memset(m->v->seen01, 0, sizeof(m->v->seen01));
	move(m);
	assert_unseen(m);
	memset(m->v->seen01, 0, sizeof(m->v->seen01));
	nvmx_smi(m->v);
	assert_true(nvmx_rsm(m->v));
	assert_true(m->v->in_l2);
	assert_unseen(m);
	leave(m);
}

#define LINK 0x60000u
static unsigned until; /* accesses until one is put off */

static int pin_later(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	return until && !--until ? NVMX_NOT_NOW : mini_pin(h, gpa, hpa);
}

static void *map_later(struct nvmx_host *h, uint64_t gpa, bool write)
{
	return until && !--until ? NVMX_MAP_NOT_NOW : mini_map(h, gpa, write);
}

/* A restore of which an access is put off has done nothing, and can be made again. */
static void a_restore_that_is_put_off(void **state)
{
	const struct nvmx_state_context context = { 0 };
	static struct nvmx_state blob;
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);
	struct nvmx_error_info info;
	size_t size;
	unsigned n = 0;

	s->v12->proc_ctls |= NVMX_PROC_TPR_SHADOW;
	s->v12->proc_ctls2 = NVMX_PROC2_SHADOW_VMCS | NVMX_PROC2_APIC_ACCESS;
	s->v12->virtual_apic_addr = 0x8000;
	s->v12->apic_access_addr = 0x9000;
	s->v12->vmread_bitmap = s->v12->vmwrite_bitmap = 0xa000;
	s->v12->vmcs_link_pointer = LINK;
	mini_vmcs_region(m, LINK, NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
	enter(m, true);
	nvmx_l2_ran(m->v);
	assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
	nvmx_state_drop(m->v);
	m->ops.pin = pin_later;
	m->ops.map = map_later;
	for (until = ++n; nvmx_state_restore(m->v, &blob, size, &context, &info); until = ++n) {
		assert_int_equal(info.refusal, NVMX_REFUSED_NOT_NOW);
		assert_true(m->v->vmxon_ptr == NVMX_NO_ADDR && !m->v->cur && !m->v->in_l2 && !m->v->not_now);
		assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_NONE);
		assert_int_equal(m->host.mapped, 0);
		assert_int_equal(m->host.pins, 0);
		assert_ptr_equal(m->host.current, &m->host.vmcs[MINI_PAGES]);
	}
	assert_true(n > 4 && until);
	until = 0;
	assert_true(m->v->in_l2);
	leave(m);
}

/* L1's memory may be another after a restore: what is cached for L1's VPID is not used for the same VPID again. */
static void a_restore_forgets_vpids(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = ready(m);

	s->v12->proc_ctls2 |= NVMX_PROC2_VPID;
	s->v12->proc_ctls |= NVMX_PROC_SECONDARY;
	s->v12->vpid = 5;
	m->vm->hw.msr[NVMX_MSR_VMX_PROCBASED_CTLS2 - NVMX_CAPS_FIRST_MSR] |= (uint64_t)NVMX_PROC2_VPID << 32;
	enter(m, true);
	assert_int_equal(m->host.flushes, 1);
	leave(m);
	enter(m, false);
	assert_int_equal(m->host.flushes, 1);
	move(m);
	assert_int_equal(m->host.flushes, 2);
	assert_int_equal(m->host.flushed_vpid, m->v->config.vpid02);
	leave(m);
}

/* Where a register of L2's is that a VM exit does not save: in a blob of this library in its own part; of Linux's, as the host has
 * put it into vmcs01, or, before L2 has run, as the entry loads it.  One that the exit saves is in vmcs12, whatever the rest says. */
static void registers_without_a_save_travel(void **state)
{
	static const struct {
		uint32_t field, save, load;
		uint64_t in02, in01;
	} r[] = {
		{ NVMX_GUEST_EFER, NVMX_EXIT_SAVE_EFER, NVMX_ENTRY_LOAD_EFER, 0xd00, 0xd01 },
		{ NVMX_GUEST_PAT, NVMX_EXIT_SAVE_PAT, NVMX_ENTRY_LOAD_PAT, 0x0606060606060606, 0x0404040404040404 },
		{ NVMX_GUEST_DEBUGCTL, NVMX_EXIT_SAVE_DEBUG, NVMX_ENTRY_LOAD_DEBUG, 1, 2 },
		{ NVMX_GUEST_DR7, NVMX_EXIT_SAVE_DEBUG, NVMX_ENTRY_LOAD_DEBUG, 0x455, 0x401 },
	};
	const struct nvmx_state_context context = { 0 };
	static struct nvmx_state blob;
	struct mini *m = *state;
	size_t size;

	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_field_rows[row].sync == NVMX_S_RARE)
			nvmx_set_add(&m->vm->rare, row);
	for (unsigned i = 0; i < 16 * sizeof(r) / sizeof(*r); i++) {
		struct nvmx_slot *s = ready(m);
		unsigned row = (unsigned)nvmx_field_find(r[i / 16].field);
		bool saves = i & 1, loads = i & 2, of_linux = i & 4, pending = i & 8;
		uint64_t in12 = nvmx_v12_get(s->v12, row);

		s->v12->exit_ctls = (s->v12->exit_ctls & ~r[i / 16].save) | (saves ? r[i / 16].save : 0);
		s->v12->entry_ctls = (s->v12->entry_ctls & ~r[i / 16].load) | (loads ? r[i / 16].load : 0);
		enter(m, true)->field[row] = r[i / 16].in02;
		if (!pending)
			nvmx_l2_has_run(m->v);
		assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
		if (of_linux)
			memset(blob.vmcs12 + NVMX_STATE_LIVE_OFFSET, 0, sizeof(struct nvmx_state_live));
		nvmx_state_drop(m->v);
		*mini01(m, row) = r[i / 16].in01;
		assert_int_equal(nvmx_state_restore(m->v, &blob, size, &context, NULL), NVMX_OK);
		assert_int_equal(m->host.current->field[row], saves || !of_linux ? r[i / 16].in02 :
				 pending && loads ? in12 : r[i / 16].in01);
		nvmx_state_drop(m->v);
		mini_state01(m);
	}
}

#define MTF_EVENT (NVMX_INTR_VALID | NVMX_EVENT_OTHER << NVMX_INTR_TYPE_SHIFT)

/* An MTF VM exit that an SMI has put off is L1's also where L1 has asked for it by its VM entry alone (SDM 26.6.2); one of the host's is
 * of no use to another host. */
static void an_mtf_exit_that_was_put_off_travels(void **state)
{
	static const struct { uint32_t event, proc; bool smm, kept; } cases[] = {
		{ MTF_EVENT, 0, false, true },  { MTF_EVENT, 0, true, true }, { 0, NVMX_PROC_MTF, false, true },
		{ 0, NVMX_PROC_MTF, true, true }, { 0, 0, false, false },      { NVMX_INTR_VALID | 0x40, 0, false, false },
	};
	static struct nvmx_state blob;
	struct mini *m = *state;
	size_t size;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct nvmx_state_context context = { .smm = cases[i].smm };
		struct nvmx_slot *s = ready(m);

		s->v12->proc_ctls |= cases[i].proc;
		s->v12->entry_intr_info = cases[i].event;
		s->v12->guest_rflags |= NVMX_RFLAGS_IF;
		enter(m, true)->field[NVMX_I_ENTRY_INTR_INFO] = 0;
		nvmx_l2_ran(m->v);
		nvmx_begin_mtf(m->v);
		if (cases[i].smm)
			nvmx_smi(m->v);
		assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
		nvmx_state_drop(m->v);
		assert_int_equal(nvmx_state_restore(m->v, &blob, size, &context, NULL), NVMX_OK);
		assert_true(nvmx_rsm(m->v));
		assert_true(m->v->in_l2);
		assert_int_equal(m->host.current->field[NVMX_I_ENTRY_INTR_INFO], cases[i].kept ? MTF_EVENT : 0);
		m->host.current->field[NVMX_I_ENTRY_INTR_INFO] = 0;
		m->host.current->field[NVMX_I_EXIT_REASON] = NVMX_XR_MTF;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), cases[i].kept ? NVMX_RESUME_L1 : NVMX_HOST);
		nvmx_state_drop(m->v);
		mini_state01(m);
	}
}

static void *not_now(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)h;
	(void)gpa;
	(void)write;
	return NVMX_MAP_NOT_NOW;
}

/* Another VMCS of L1's is active, and newer than L1's memory. */
static void another_active(struct mini *m)
{
	mini_vmcs_region(m, MINI_VMCS12 + 4096, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 4096));
	m->v->cur->newer = true;
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
}

/* A host that does not make a call again, because nobody wants the saved state any more, or because it has reset the vCPU: where L2 exits
 * next, that is no exit that comes again, and vmcs02 was launched. */
static void a_call_that_is_given_up(void **state)
{
	static struct nvmx_state blob;
	struct mini *m = *state;
	struct nvmx_slot *s;
	size_t size;

	for (unsigned reset = 0; reset < 2; reset++) {
		s = ready(m);
		another_active(m);
		s->v12->exit_msr_load_count = 1;
		s->v12->exit_msr_load_addr = 0x9000;
		enter(m, true);
		nvmx_l2_ran(m->v);
		assert_false(nvmx_must_launch(m->v));
		m->ops.map = not_now;
		if (reset)
			assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_AGAIN);
		else
			assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_ERR_AGAIN);
		m->ops.map = mini_map;
		nvmx_vcpu_park(m->v);
		nvmx_vcpu_unpark(m->v);
		if (reset) {
			nvmx_state_drop(m->v);
			mini_state01(m);
			ready(m);
			enter(m, true);
		}
		assert_true(nvmx_must_launch(m->v));
		nvmx_l2_ran(m->v);
		assert_false(nvmx_must_launch(m->v));
		nvmx_state_drop(m->v);
		mini_state01(m);
	}
}

/* The VMX-preemption timer of an L1 whose TSC the host scales counts that TSC, vmcs02's the processor's (SDM 25.5.1): at VM entry, VM exit,
 * and where the state travels. */
static void the_timer_counts_l1s_time(void **state)
{
	static const struct { uint64_t multiplier; uint32_t l1s, processors, back; } cases[] = {
		{ 1ull << 48, 100, 100, 100 },       { 2ull << 48, 100, 50, 99 },         { 1ull << 47, 100, 200, 100 },
		{ 3ull << 48, 1, 1, 1 },             { 3ull << 48, 8, 3, 7 },             { 3ull << 46, 100, 134, 100 },
		{ 3ull << 46, 0, 0, 0 },             { 1ull << 47, ~0u, ~0u, 1u << 31 },  { 1ull << 47, 1u << 31, ~0u, 1u << 31 },
		{ 2ull << 48, ~0u, 1u << 31, ~0u },  { 1, 1, ~0u, 1 },                    { ~0ull, ~0u, 65536, 0xffff0000 },
	};
	const struct nvmx_state_context context = { .l1_tsc = 1000000 };
	static struct nvmx_state blob;
	struct mini *m = *state;
	size_t size;

	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		struct nvmx_slot *s = ready(m);
		bool scales = i & 1;
		uint32_t processors = scales ? cases[i / 2].processors : cases[i / 2].l1s;

		F01(PROC_CTLS) |= scales ? NVMX_PROC_TSC_OFFSET : 0; /* without which no multiplier counts */
		F01(PROC_CTLS2) |= NVMX_PROC2_TSC_SCALING;
		F01(TSC_MULTIPLIER) = cases[i / 2].multiplier;
		m->v->vmcs01.ctl[NVMX_WORD_PROC] = (uint32_t)F01(PROC_CTLS);
		m->v->vmcs01.ctl[NVMX_WORD_PROC2] = (uint32_t)F01(PROC_CTLS2);
		s->v12->pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
		s->v12->exit_ctls |= NVMX_EXIT_SAVE_PREEMPTION_TIMER;
		s->v12->preemption_timer = cases[i / 2].l1s;
		assert_int_equal(enter(m, true)->field[NVMX_I_PREEMPTION_TIMER], processors);
		nvmx_l2_ran(m->v);
		assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), context.l1_tsc, &size, NULL), NVMX_OK);
		nvmx_state_drop(m->v);
		assert_int_equal(nvmx_state_restore(m->v, &blob, size, &context, NULL), NVMX_OK);
		assert_int_equal(m->host.current->field[NVMX_I_PREEMPTION_TIMER], processors);
		leave(m);
		assert_int_equal(m->v->cur->v12->preemption_timer, scales ? cases[i / 2].back : cases[i / 2].l1s);
		nvmx_state_drop(m->v);
		mini_state01(m);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(another_mode_of_l1_after_a_restore),
		MINI_TEST(nothing_is_known_where_l1_did_not_enter),
		MINI_TEST(a_restore_that_is_put_off),
		MINI_TEST(pdptes_travel_with_the_state),
		MINI_TEST(a_restore_forgets_vpids),
		MINI_TEST(registers_without_a_save_travel),
		MINI_TEST(an_mtf_exit_that_was_put_off_travels),
		MINI_TEST(the_timer_counts_l1s_time),
		MINI_TEST(a_call_that_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
