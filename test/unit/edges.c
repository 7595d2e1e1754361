/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The table of the merge's steps (src/vmcs/steps.def) holds all that it should and nothing else.  A host, an L1 and an L2 that do
 * whatever they can do to vmcs02's sources, at random, and a VM entry after each: vmcs02 is as one that is made from nothing.
 * Without any one edge of the table it is not; and no step sees what it does not declare.
 */
#include "minihost.h"
#include "ept/ept.h"
#include "vmx/merge.h"
#include "vmx/state.h"

#define POISON 0xa5a5a5a5a5a5a5a5ull
#define TURNS 20000u /* in which a change is made somewhere; an edge that is missing shows sooner */
#define CHECKED (NVMX_TEST_FULL ? TURNS : TURNS / 10) /* of the whole table */

static uint64_t seed;

static const char *const names[NVMX_M_COUNT] = {
#define STEP(NAME, reads) [NVMX_M_##NAME] = #NAME,
#define LAST(NAME, reads) [NVMX_M_##NAME] = #NAME,
#include "vmcs/steps.def"
};

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t bit(unsigned bits)
{
	return 1ull << draw() % bits;
}

static uint64_t narrow(unsigned row, uint64_t value)
{
	return nvmx_field_rows[row].size == 8 ? value : value & ((1ull << nvmx_field_rows[row].size * 8) - 1);
}

/* Controls that the steps ask for, one of them switched; without those that would have the test be about something else. */
static uint64_t other_controls(unsigned row, uint64_t now)
{
	static const struct {
		unsigned row;
		uint64_t of[9];
	} interesting[] = {
		{ NVMX_I_PIN_CTLS, { NVMX_PIN_PREEMPTION_TIMER, NVMX_PIN_POSTED_INT, NVMX_PIN_VNMI, NVMX_PIN_NMI } },
		{ NVMX_I_PROC_CTLS, { NVMX_PROC_SECONDARY, NVMX_PROC_TPR_SHADOW, NVMX_PROC_IO_BITMAPS, NVMX_PROC_UNCOND_IO,
				      NVMX_PROC_MSR_BITMAPS, NVMX_PROC_TSC_OFFSET, NVMX_PROC_CR3_LOAD, NVMX_PROC_SECONDARY,
				      NVMX_PROC_HLT } },
		{ NVMX_I_PROC_CTLS2, { NVMX_PROC2_TSC_SCALING, NVMX_PROC2_XSAVES, NVMX_PROC2_ENCLS, NVMX_PROC2_PAUSE_LOOP,
				       NVMX_PROC2_VID, NVMX_PROC2_VMFUNC, NVMX_PROC2_UNRESTRICTED, NVMX_PROC2_APIC_ACCESS,
				       NVMX_PROC2_EPT } },
		{ NVMX_I_EXIT_CTLS, { NVMX_EXIT_SAVE_DEBUG, NVMX_EXIT_SAVE_PAT, NVMX_EXIT_SAVE_EFER,
				      NVMX_EXIT_SAVE_PREEMPTION_TIMER, NVMX_EXIT_ACK_INT, NVMX_EXIT_LOAD_PERF,
				      NVMX_EXIT_CLEAR_BNDCFGS, NVMX_EXIT_LOAD_CET, NVMX_EXIT_LOAD_PKRS } },
		{ NVMX_I_ENTRY_CTLS, { NVMX_ENTRY_LOAD_DEBUG, NVMX_ENTRY_LOAD_EFER, NVMX_ENTRY_LOAD_PAT, NVMX_ENTRY_LOAD_PERF,
				       NVMX_ENTRY_LOAD_BNDCFGS, NVMX_ENTRY_LOAD_CET, NVMX_ENTRY_LOAD_PKRS, NVMX_ENTRY_IA32E } },
	};

	for (unsigned i = 0; i < sizeof(interesting) / sizeof(*interesting); i++)
		if (interesting[i].row == row)
			return now ^ interesting[i].of[draw() % 9];
	return draw();
}

static uint64_t other_value(unsigned row, uint64_t now)
{
	switch (row) {
	case NVMX_I_PIN_CTLS:
	case NVMX_I_PROC_CTLS:
	case NVMX_I_PROC_CTLS2:
	case NVMX_I_EXIT_CTLS:
	case NVMX_I_ENTRY_CTLS:
		return other_controls(row, now);
	case NVMX_I_PROC_CTLS3:
		return draw() & 0x8f;
	case NVMX_I_VMFUNC_CTLS:
		return now ^ NVMX_VMFUNC_EPTP_SWITCHING;
	case NVMX_I_EPTP_LIST_ADDR:
	case NVMX_I_VIRTUAL_APIC_ADDR:
	case NVMX_I_APIC_ACCESS_ADDR:
		return draw() % 8 << 12;
	case NVMX_I_POSTED_INT_DESC_ADDR:
		return draw() % 64 << 6;
	case NVMX_I_CR3_TARGET_COUNT:
		return draw() % 5;
	case NVMX_I_PF_EC_MASK:
	case NVMX_I_PF_EC_MATCH:
		return draw() % 4 == 0;
	case NVMX_I_TSC_OFFSET:
	case NVMX_I_IO_BITMAP_A:
	case NVMX_I_IO_BITMAP_B:
		return draw() % 2 ? 0 : draw() << 12;
	case NVMX_I_EXCEPTION_BITMAP:
		return now ^ (draw() % 2 ? 1u << NVMX_VECTOR_PF : 1u << draw() % 8);
	case NVMX_I_ENTRY_INTR_INFO:
		return NVMX_INTR_VALID | (draw() % 8) << 8 | (draw() % 2 ? NVMX_INTR_DELIVER_EC : 0);
	case NVMX_I_TSC_MULTIPLIER:
		return draw() >> 15;
	default:
		return now ^ (draw() % 2 ? bit(nvmx_field_rows[row].size * 8u) : draw());
	}
}

static const uint8_t of01[] = {
#define V(member, FIELD, exists) NVMX_I_##FIELD,
#include "vmcs/cached01.def"
};
/* What L1 changes of vmcs01, and what L2 changes of vmcs02. */
static const unsigned l1s[] = {
	NVMX_I_GUEST_DR7, NVMX_I_GUEST_DEBUGCTL, NVMX_I_GUEST_EFER, NVMX_I_GUEST_PAT, NVMX_I_GUEST_PERF_GLOBAL_CTRL,
	NVMX_I_GUEST_BNDCFGS, NVMX_I_GUEST_S_CET, NVMX_I_GUEST_SSP, NVMX_I_GUEST_INT_SSP_TABLE, NVMX_I_GUEST_PKRS,
};
static const unsigned l2s[] = {
	NVMX_I_GUEST_DR7, NVMX_I_GUEST_DEBUGCTL, NVMX_I_GUEST_EFER, NVMX_I_GUEST_PAT, NVMX_I_GUEST_PERF_GLOBAL_CTRL,
	NVMX_I_GUEST_BNDCFGS, NVMX_I_GUEST_S_CET, NVMX_I_GUEST_SSP, NVMX_I_GUEST_INT_SSP_TABLE, NVMX_I_GUEST_PKRS,
	NVMX_I_PREEMPTION_TIMER, NVMX_I_EPTP_INDEX,
};
#define ANY(a) ((a)[draw() % (sizeof(a) / sizeof(*(a)))])

static void l1_writes(struct mini *m)
{
	struct nvmx_slot *s = m->v->cur;
	unsigned row;

	const struct nvmx_edge *e;

	do
		e = &nvmx_edges[draw() % nvmx_edge_count];
	while (e->kind != NVMX_EDGE_12 && e->kind != NVMX_EDGE_ALSO12);
	row = draw() % 8 ? e->what : NVMX_I_GUEST_RIP;
	nvmx_slot_write(s, row, narrow(row, other_value(row, nvmx_v12_get(s->v12, row))));
}

static void host_writes(struct mini *m)
{
	const struct nvmx_edge *e;
	unsigned row;

	do
		e = &nvmx_edges[draw() % nvmx_edge_count];
	while (e->kind != NVMX_EDGE_01);
	row = of01[e->what];

	*mini01(m, row) = narrow(row, other_value(row, *mini01(m, row)));
	F01(PROC_CTLS) |= NVMX_PROC_SECONDARY | NVMX_PROC_TERTIARY;
	F01(PROC_CTLS2) |= NVMX_PROC2_EPT;
	if (row == NVMX_I_TSC_OFFSET)
		return; /* without a word */
	F01(HOST_RSP) = draw();
	assert_int_equal(nvmx_vmcs01_changed(m->v), NVMX_OK);
	m->v->refused01.refusal = 0; /* loads that vmcs01 does not do are offered here, as init would not */
}

static void pages_move(struct mini *m)
{
	nvmx_pins_moved(m->v); /* which are given back by where they were */
	m->host.pins_at = draw() % 8 << 24;
}

static void something(struct mini *m)
{
	switch (draw() % 8) {
	case 0: pages_move(m); break;
	case 1: *mini01(m, ANY(l1s)) = draw(); break;
	case 2:
	case 3:
	case 4: host_writes(m); break;
	default: l1_writes(m);
	}
}

/* As nvmx_enter_l2() does. */
static void merge(struct mini *m, struct nvmx_check_input *in)
{
	struct nvmx_slot *s = m->v->cur;
	struct nvmx_l1_regs l1;
	uint64_t steps;

	memset(&l1, 0x77, sizeof(l1));
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	if (m->v->vmcs01.ctl[NVMX_WORD_PROC] & NVMX_PROC_TSC_OFFSET &&
	    nvmx_vmread(m->v, NVMX_TSC_OFFSET) != m->v->vmcs01.tsc_offset)
		nvmx_vmcs01_read_tsc(m->v);
	steps = nvmx_merge_steps(m->v, s, in);
	if (nvmx_merge_reads01(m->v, s, steps))
		nvmx_merge_read01(m->v, steps, &l1);
	nvmx_vmcs_load(m->v, s->page02.hpa);
	assert_true(nvmx_merge(m->v, s, steps, &l1, in));
	nvmx_vmwrite_flush(m->v);
}

/* L2 runs, and exits to L1 (SDM 27.2, 27.3): vmcs02 is current. */
static void l2_runs(struct mini *m)
{
	uint64_t *field = m->host.current->field;
	struct nvmx_slot *s = m->v->cur;
	unsigned row = ANY(l2s);
	bool changes = draw() % 2;

	if (row == NVMX_I_EPTP_INDEX)
		changes = s->look02 & NVMX_LOOK_EPTP;
	else if (row == NVMX_I_PREEMPTION_TIMER)
		changes = s->ctl02[NVMX_WORD_PIN] & NVMX_PIN_PREEMPTION_TIMER;
	if (changes) /* a tick of L1's: a count between two of them vmcs12 cannot hold */
		field[row] = row == NVMX_I_PREEMPTION_TIMER ? nvmx_timer_of_processor(&m->v->vmcs01, (uint32_t)draw())
							    : narrow(row, draw());
	field[NVMX_I_ENTRY_INTR_INFO] &= ~(uint64_t)NVMX_INTR_VALID;
	nvmx_sync_from_l2(m->v, s);
	s->v12->entry_intr_info &= ~NVMX_INTR_VALID;
}

/* Which bits of a row the processor uses. */
static uint64_t used(const uint64_t value[NVMX_ROWS], unsigned row, const struct nvmx_check_input *in)
{
	switch (row) {
	case NVMX_I_GUEST_PDPTE0:
	case NVMX_I_GUEST_PDPTE1:
	case NVMX_I_GUEST_PDPTE2:
	case NVMX_I_GUEST_PDPTE3: return in->pdpte_known || nvmx_v12_proc2(in->v12) & NVMX_PROC2_EPT ? ~0ull : 0;
	case NVMX_I_CR0_SHADOW: return value[NVMX_I_CR0_MASK];
	case NVMX_I_CR4_SHADOW: return value[NVMX_I_CR4_MASK];
	case NVMX_I_ENTRY_INTR_INFO: return value[row] & NVMX_INTR_VALID ? ~0ull : NVMX_INTR_VALID;
	default: return ~0ull;
	}
}

/* The first row in which vmcs02 is not as one made from nothing, with the whole table; -1: none.  It is that one afterwards. */
static int spoiled(struct mini *m, const struct nvmx_step_masks *whole, struct nvmx_check_input *in)
{
	struct nvmx_step_masks masks = m->vm->steps;
	struct nvmx_slot *s = m->v->cur;
	uint64_t each = s->each, before[NVMX_ROWS], *now = m->host.current->field;
	int found = -1;

	nvmx_slot_anew(m->v, s);
	memcpy(before, now, sizeof(before));
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		now[row] = narrow(row, POISON);
	m->vm->steps = *whole;
	merge(m, in);
	m->vm->steps = masks;
	s->each = each;
	for (unsigned row = 0; row < NVMX_ROWS && found < 0; row++)
		if ((now[row] ^ before[row]) & used(now, row, in) && now[row] != narrow(row, POISON))
			found = (int)row;
	for (unsigned row = 0; row < NVMX_ROWS; row++) /* what it has of nobody */
		if (now[row] == narrow(row, POISON))
			now[row] = before[row];
	return found;
}

static void begin(struct mini *m)
{
	nvmx_control_masks_make(&m->vm->masks);
	m->vm->hw_eptp_switching = true;
	nvmx_ept_vm_init(m->vm);
	nvmx_ept_vcpu_init(m->v);
	m->vm->hw.msr[NVMX_MSR_VMX_PROCBASED_CTLS3 - NVMX_CAPS_FIRST_MSR] = ~0ull;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_set_has(&m->vm->rows, row) && nvmx_field_rows[row].sync == NVMX_S_RARE)
			nvmx_set_add(&m->vm->rare, row);
	mini_enter_vmx(m, true);
}

static void facts(struct mini *m, struct nvmx_check_input *in)
{
	*in = (struct nvmx_check_input){ .v12 = m->v->cur->v12, .pdpte_known = nvmx_needs_pdptes(m->v->cur->v12) };
	for (unsigned i = 0; i < 4; i++)
		in->pdpte[i] = draw();
}

static void end(struct mini *m)
{
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_slots_destroy(m->v);
	nvmx_ept_vcpu_destroy(m->v);
	nvmx_ept_vm_destroy(m->vm);
}

/* How many turns it takes until vmcs02 is wrong; 0: `most` do not. */
static unsigned turns(struct mini *m, const struct nvmx_edge *edges, size_t n, unsigned most, int *row)
{
	struct nvmx_step_masks whole;
	struct nvmx_check_input in;

	seed = 88172645463325252ull;
	nvmx_edges_derive(nvmx_edges, nvmx_edge_count, &whole);
	nvmx_edges_derive(edges, n, &m->vm->steps);
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		nvmx_slot_write(m->v->cur, row, 0);
		mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row] = narrow(row, 0x5a5a5a5a5a5a5a5aull);
	}
	nvmx_slot_anew(m->v, m->v->cur);
	for (unsigned i = 1; i <= most; i++) {
		something(m);
		facts(m, &in);
		merge(m, &in);
		*row = spoiled(m, &whole, &in);
		l2_runs(m);
		if (*row >= 0)
			return i;
	}
	return 0;
}

static bool is_edge(const struct nvmx_edge *e)
{
	return e->kind != NVMX_EDGE_STEP && e->kind < NVMX_EDGE_ALSO12;
}

static void the_whole_table(void **state)
{
	struct mini *m = *state;
	int row;

	begin(m);
	if (turns(m, nvmx_edges, nvmx_edge_count, CHECKED, &row))
		fail_msg("%s", nvmx_field_rows[row].name);
	end(m);
}

static void without_an_edge(void **state)
{
	struct nvmx_edge *edges = malloc(nvmx_edge_count * sizeof(*edges));
	struct mini *m = *state;
	unsigned step = 0, edge = 0, unseen = 0;
	int row;

	begin(m);
	for (size_t i = 0; i < nvmx_edge_count; i++) {
		edge = nvmx_edges[i].kind == NVMX_EDGE_STEP ? 0 : edge + 1;
		if (nvmx_edges[i].kind == NVMX_EDGE_STEP)
			step = nvmx_edges[i].what;
		if (!is_edge(&nvmx_edges[i]))
			continue;
		memcpy(edges, nvmx_edges, nvmx_edge_count * sizeof(*edges));
		edges[i].kind = NVMX_EDGE_ALSO12;
		if (turns(m, edges, nvmx_edge_count, TURNS, &row))
			continue;
		print_error("step %s: nobody misses its edge %u (kind %d, %d)\n", names[step], edge, nvmx_edges[i].kind,
			    nvmx_edges[i].what);
		unseen++;
	}
	assert_int_equal(unseen, 0);
	free(edges);
	end(m);
}

/* What a step declares, of one kind of thing. */
static bool declares(unsigned step, enum nvmx_edge_kind kind, enum nvmx_edge_kind also, unsigned what, unsigned what_also)
{
	bool here = false;

	for (size_t i = 0; i < nvmx_edge_count; i++) {
		const struct nvmx_edge *e = &nvmx_edges[i];

		if (e->kind == NVMX_EDGE_STEP)
			here = e->what == step;
		else if (here && ((e->kind == kind && e->what == what) || (e->kind == also && e->what == what_also)))
			return true;
	}
	return false;
}

static void poison12(unsigned step, struct nvmx_vmcs12 *v12)
{
	uint32_t activated = v12->proc_ctls;

	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (!declares(step, NVMX_EDGE_12, NVMX_EDGE_ALSO12, row, row))
			nvmx_v12_set(v12, row, ~nvmx_v12_get(v12, row));
	if (declares(step, NVMX_EDGE_12, NVMX_EDGE_ALSO12, NVMX_I_PROC_CTLS2, NVMX_I_PROC_CTLS2)) /* as they count */
		v12->proc_ctls = (v12->proc_ctls & ~NVMX_PROC_SECONDARY) | (activated & NVMX_PROC_SECONDARY);
}

static void poison01(unsigned step, struct nvmx_vmcs01 *c)
{
#define V(member, FIELD, exists)                                                                              \
	if (!declares(step, NVMX_EDGE_01, NVMX_EDGE_ALSO01, NVMX_01_##FIELD, NVMX_I_##FIELD)) \
		c->member = (__typeof__(c->member))~c->member;
#include "vmcs/cached01.def"
}

static void poison_l1(unsigned step, struct nvmx_l1_regs *l1)
{
	uint64_t *const at[] = { &l1->dr7, &l1->debugctl, &l1->efer, &l1->pat, &l1->carried[0], &l1->carried[1],
				 &l1->carried[2], &l1->carried[3], &l1->carried[4], &l1->carried[5] };

	for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++)
		if (!declares(step, NVMX_EDGE_ALSO01, NVMX_EDGE_ALSO01, l1s[i], l1s[i]))
			*at[i] = ~*at[i];
}

/* What other steps have left in the slot. */
static void poison_slot(unsigned step, struct nvmx_slot *s)
{
	static const unsigned makes[NVMX_WORDS] = { NVMX_M_PIN, NVMX_M_PROC, NVMX_M_PROC2, NVMX_M_EXIT, NVMX_M_ENTRY };

	for (unsigned w = 0; w < NVMX_WORDS; w++)
		if (makes[w] != step && !declares(step, NVMX_EDGE_AFTER, NVMX_EDGE_USES, makes[w], makes[w]))
			s->ctl02[w] = ~s->ctl02[w];
}

/* A step alone, right after a VM entry, with all that it does not declare turned over: vmcs02 stays as it is. */
static void step_is_blind(struct mini *m, unsigned step, const struct nvmx_l1_regs *regs, const struct nvmx_check_input *in)
{
	static struct nvmx_vmcs12 v12;
	static struct nvmx_slot slot;
	struct nvmx_vmcs01 c01 = m->v->vmcs01;
	struct nvmx_l1_regs l1 = *regs;
	struct nvmx_merging merging;
	uint64_t before[NVMX_ROWS];

	slot = *m->v->cur;
	v12 = *slot.v12;
	slot.v12 = &v12;
	memcpy(before, m->host.current->field, sizeof(before));
	nvmx_merge_begin(&merging, m->v, &slot, &l1, in);
	if (!declares(step, NVMX_EDGE_12, NVMX_EDGE_ALSO12, NVMX_I_PROC_CTLS2, NVMX_I_PROC_CTLS2))
		merging.proc2 = ~merging.proc2;
	merging.c01 = &c01;
	poison12(step, &v12);
	poison01(step, &c01);
	poison_l1(step, &l1);
	poison_slot(step, &slot);
	assert_int_equal(nvmx_merge_step(&merging, step), NVMX_STEP_DONE);
	nvmx_vmwrite_flush(m->v);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (before[row] != m->host.current->field[row])
			fail_msg("step %s sees more than it declares: %s", names[step], nvmx_field_rows[row].name);
	assert_int_equal(slot.each, m->v->cur->each);
	assert_int_equal(slot.exceptions01, m->v->cur->exceptions01);
	assert_int_equal(slot.cr0_mask02, m->v->cur->cr0_mask02);
	assert_int_equal(slot.cr4_mask02, m->v->cur->cr4_mask02);
	assert_int_equal(slot.logs01, m->v->cur->logs01);
	assert_int_equal(slot.look02, m->v->cur->look02);
}

static void no_step_sees_more(void **state)
{
	struct mini *m = *state;
	struct nvmx_check_input in;
	struct nvmx_l1_regs l1;

	begin(m);
	seed = 20261129;
	for (unsigned i = 0; i < CHECKED / 20; i++) {
		for (unsigned n = 0; n < 10; n++)
			something(m);
		facts(m, &in);
		merge(m, &in);
		assert_int_equal(spoiled(m, &m->vm->steps, &in), -1);
		nvmx_vmcs_load(m->v, MINI_VMCS01);
		nvmx_merge_read01(m->v, NVMX_STEPS_ALL, &l1);
		nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
		for (unsigned step = NVMX_M_EACH; step < NVMX_M_STEPS_END; step++)
			step_is_blind(m, step, &l1, &in);
		l2_runs(m);
	}
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(the_whole_table),
		MINI_TEST(without_an_edge),
		MINI_TEST(no_step_sees_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
