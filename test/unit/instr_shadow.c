/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The hardware shadow VMCS of an active vmcs12. */
#include "slot_rig.h"

static void shadowing(struct mini *m, unsigned n)
{
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (nvmx_field_rows[row].shadow == NVMX_H_RO)
			nvmx_set_add(&m->vm->hw_ro, row);
		if (nvmx_field_rows[row].shadow == NVMX_H_RW)
			nvmx_set_add(&m->vm->hw_rw, row);
	}
	regions(m, n);
}

static void shadow_is_set_up(void **state)
{
	struct mini *m = *state;
	const uint8_t *read, *write;
	struct nvmx_slot *s;

	shadowing(m, 1);
	assert_false(m->v->hw_shadow_on);
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	in_memory(m, 0)->guest_rip = 0x1234;
	load(m, 0);
	s = m->v->cur;
	assert_true(m->v->hw_shadow_on);
	assert_int_equal(F01(PROC_CTLS2), NVMX_PROC2_EPT | NVMX_PROC2_SHADOW_VMCS);
	assert_int_equal(F01(VMCS_LINK_POINTER), s->page_shadow.hpa);
	assert_int_equal(*(uint32_t *)s->page_shadow.va, MINI_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
	assert_int_equal(F01(VMREAD_BITMAP), m->v->shadow_bitmap[0].hpa);
	assert_int_equal(F01(VMWRITE_BITMAP), m->v->shadow_bitmap[1].hpa);
	read = m->v->shadow_bitmap[0].va;
	write = m->v->shadow_bitmap[1].va;
	for (uint32_t encoding = 0; encoding < 0x8000; encoding++) {
		int row = encoding & 1 ? -1 : nvmx_field_find(encoding);
		uint8_t shadow = row < 0 ? NVMX_H_NO : nvmx_field_rows[row].shadow;

		assert_int_equal(read[encoding / 8] >> encoding % 8 & 1, shadow == NVMX_H_NO);
		assert_true(write[encoding / 8] >> encoding % 8 & 1); /* until L1 writes it */
	}
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_field_rows[row].shadow != NVMX_H_NO)
			assert_int_equal(vmcs_of(m, &s->page_shadow)->field[row], row == NVMX_I_GUEST_RIP ? 0x1234 : 0);
	clear(m, 0);
	assert_false(m->v->hw_shadow_on);
	assert_int_equal(F01(PROC_CTLS2), NVMX_PROC2_EPT);
	assert_true(F01(VMCS_LINK_POINTER) == NVMX_NO_ADDR);
}

static void what_l1_wrote_is_pulled(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	shadowing(m, 1);
	load(m, 0);
	s = m->v->cur;
	write_field(m, NVMX_GUEST_RIP, 0x776);
	memset(&s->dirty, 0, sizeof(s->dirty));
	s->dirty_groups = 0;
	vmcs_of(m, &s->page_shadow)->field[NVMX_I_GUEST_RIP] = 0x777;
	vmcs_of(m, &s->page_shadow)->field[NVMX_I_EXIT_REASON] = 9; /* read-only to L1: not taken over */
	nvmx_shadow_pull(m->v, s);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	assert_int_equal(s->v12->guest_rip, 0x777);
	assert_int_equal(s->v12->exit_reason, 0);
	assert_true(nvmx_set_has(&s->dirty, NVMX_I_GUEST_RIP));
	nvmx_set_del(&s->dirty, NVMX_I_GUEST_RIP);
	for (unsigned i = 0; i < NVMX_SET_WORDS; i++)
		assert_int_equal(s->dirty.w[i], 0);
	assert_int_equal(s->dirty_groups, NVMX_GROUP(RIP));
	nvmx_shadow_pull(m->v, s);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	assert_false(nvmx_set_has(&s->dirty, NVMX_I_GUEST_RIP)); /* once */
}

/* Each field that L1 may write there, with a value of its own: vmcs12 has it, and the next entry takes it for changed. */
static void every_field_is_pulled(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;
	unsigned row;

	shadowing(m, 1);
	load(m, 0);
	s = m->v->cur;
	NVMX_FOR_EACH_ROW(row, &m->vm->hw_rw)
		write_field(m, nvmx_field_rows[row].encoding, row);
	memset(&s->dirty, 0, sizeof(s->dirty));
	NVMX_FOR_EACH_ROW(row, &m->vm->hw_rw)
		vmcs_of(m, &s->page_shadow)->field[row] = row + 1;
	nvmx_shadow_pull(m->v, s);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	NVMX_FOR_EACH_ROW(row, &m->vm->hw_rw) {
		assert_int_equal(nvmx_v12_get(s->v12, row), row + 1);
		assert_true(nvmx_set_has(&s->dirty, row));
	}
}

static bool write_exits(const struct mini *m, uint32_t encoding)
{
	return ((const uint8_t *)m->v->shadow_bitmap[1].va)[encoding / 8] >> encoding % 8 & 1;
}

static void pull(struct mini *m)
{
	nvmx_shadow_pull(m->v, m->v->cur);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

/* A field is read where the shadow has it, and written with an exit; the first one opens it, for each VMCS of L1's. */
static void what_l1_writes_is_opened(void **state)
{
	struct mini *m = *state;
	unsigned row;

	shadowing(m, 2);
	load(m, 0);
	NVMX_FOR_EACH_ROW(row, &m->vm->hw_rw) {
		uint32_t encoding = nvmx_field_rows[row].encoding;
		uint64_t *there = &vmcs_of(m, &m->v->cur->page_shadow)->field[row];

		assert_true(write_exits(m, encoding));
		*there = 55; /* not by L1, and not taken over */
		pull(m);
		assert_int_not_equal(nvmx_v12_get(m->v->cur->v12, row), 55);
		write_field(m, encoding, 66);
		assert_int_equal(*there, 66);
		assert_false(write_exits(m, encoding));
		*there = 77;
		assert_int_equal(read_field(m, encoding), 77);
		*there = 88;
		load(m, 1);
		load(m, 0);
		assert_int_equal(read_field(m, encoding), 88);
	}
	assert_true(write_exits(m, NVMX_HOST_RSP));
	assert_true(write_exits(m, NVMX_EXIT_REASON));
}

/* What L1 has changed in none of 128 pulls exits again when it writes it, and what it had written is not lost; what it goes on
 * changing stays open. */
static void what_l1_writes_no_more_is_closed(void **state)
{
	struct mini *m = *state;
	uint64_t *rip, *rsp;

	shadowing(m, 1);
	load(m, 0);
	write_field(m, NVMX_GUEST_RIP, 1);
	write_field(m, NVMX_GUEST_RSP, 1);
	rip = &vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP];
	rsp = &vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RSP];
	for (unsigned i = 0; i < 1000; i++) {
		assert_false(write_exits(m, NVMX_GUEST_RIP));
		assert_int_equal(write_exits(m, NVMX_GUEST_RSP), i >= 3 * 128);
		if (i % 128 == 100)
			(*rip)++;
		if (i == 200) /* in the second span: open for the third */
			*rsp = 0x1234;
		m->host.vmreads = 0;
		pull(m);
		assert_int_equal(m->host.vmreads, i < 3 * 128 ? 2 : 1);
	}
	assert_int_equal(m->v->cur->v12->guest_rip, 1 + 8);
	assert_int_equal(m->v->cur->v12->guest_rsp, 0x1234);
	write_field(m, NVMX_GUEST_RSP, 0x5678);
	assert_int_equal(*rsp, 0x5678);
	assert_false(write_exits(m, NVMX_GUEST_RSP));
}

/* Nothing that L1 may write: nothing to look at. */
static void nothing_open_is_no_pull(void **state)
{
	struct mini *m = *state;

	shadowing(m, 1);
	load(m, 0);
	m->host.loads = m->host.vmreads = 0;
	nvmx_shadow_pull(m->v, m->v->cur);
	assert_true(m->host.loads == 0 && m->host.vmreads == 0);
}

/* Each field that a VM exit of L2 writes is in the shadow after it. */
static void what_an_exit_writes_is_pushed(void **state)
{
	struct mini *m = *state;
	unsigned row;

	shadowing(m, 1);
	load(m, 0);
	for (row = 0; row < NVMX_ROWS; row++) {
		const struct nvmx_field_row *r = &nvmx_field_rows[row];

		if (r->shadow == NVMX_H_NO || (r->sync == NVMX_S_NO && row != NVMX_I_ENTRY_INTR_INFO))
			continue;
		nvmx_v12_set(m->v->cur->v12, row, row + 1);
		nvmx_shadow_push(m->v, m->v->cur);
		nvmx_vmcs_load(m->v, MINI_VMCS01);
		assert_int_equal(vmcs_of(m, &m->v->cur->page_shadow)->field[row], row + 1);
	}
}

static void only_changes_are_pushed(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	shadowing(m, 1);
	load(m, 0);
	s = m->v->cur;
	m->host.loads = m->host.vmwrites = 0;
	nvmx_shadow_push(m->v, s);
	assert_true(m->host.loads == 0 && m->host.vmwrites == 0);
	s->v12->guest_rip = 0x888;
	s->v12->exit_reason = 10;
	s->v12->guest_tr_base = 1; /* not shadowed */
	nvmx_shadow_push(m->v, s);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	assert_int_equal(m->host.vmwrites, 2);
	assert_int_equal(vmcs_of(m, &s->page_shadow)->field[NVMX_I_GUEST_RIP], 0x888);
	assert_int_equal(vmcs_of(m, &s->page_shadow)->field[NVMX_I_EXIT_REASON], 10);
}

/* Nor does what the processor has no field for reach a shadow VMCS, by a VM exit or by a VMWRITE. */
static void only_what_hardware_has_is_pushed(void **state)
{
	static const unsigned rows[] = { NVMX_I_EXIT_REASON, NVMX_I_GUEST_RIP };
	struct mini *m = *state;
	struct mini_vmcs *shadow;

	shadowing(m, 1);
	nvmx_set_del(&m->vm->hw_ro, rows[0]);
	nvmx_set_del(&m->vm->hw_rw, rows[1]);
	load(m, 0);
	shadow = vmcs_of(m, &m->v->cur->page_shadow);
	for (unsigned i = 0; i < 2; i++)
		shadow->field[rows[i]] = 0x55;
	write_field(m, NVMX_GUEST_RIP, 1);
	m->v->cur->v12->exit_reason = 10;
	m->v->cur->v12->guest_rip = 2;
	nvmx_shadow_push(m->v, m->v->cur);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(shadow->field[rows[i]], 0x55);
	assert_int_equal(read_field(m, NVMX_EXIT_REASON), 10);
	assert_int_equal(read_field(m, NVMX_GUEST_RIP), 2);
}

/* Accesses that exit in spite of the shadow see its values, and it sees theirs. */
static void exits_agree_with_the_shadow(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	shadowing(m, 1);
	mini_cap(m, NVMX_MSR_VMX_MISC, NVMX_MISC_VMWRITE_RO);
	load(m, 0);
	s = m->v->cur;
	write_field(m, NVMX_GUEST_RSP, 0x998);
	vmcs_of(m, &s->page_shadow)->field[NVMX_I_GUEST_RSP] = 0x999;
	assert_int_equal(read_field(m, NVMX_GUEST_RSP), 0x999);
	write_field(m, NVMX_GUEST_RSP, 0xaaa);
	assert_int_equal(vmcs_of(m, &s->page_shadow)->field[NVMX_I_GUEST_RSP], 0xaaa);
	write_field(m, NVMX_EXIT_QUALIFICATION, 0xbbb);
	assert_int_equal(vmcs_of(m, &s->page_shadow)->field[NVMX_I_EXIT_QUALIFICATION], 0xbbb);
}

static void a_saved_state_has_what_l1_wrote(void **state)
{
	static struct nvmx_state blob;
	struct mini *m = *state;
	size_t size;

	shadowing(m, 2);
	load(m, 1);
	write_field(m, NVMX_GUEST_RIP, 1);
	load(m, 0);
	write_field(m, NVMX_GUEST_RIP, 2);
	vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP] = 3;
	assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
	assert_int_equal(((struct nvmx_vmcs12 *)(void *)blob.vmcs12)->guest_rip, 3);
	assert_int_equal(in_memory(m, 1)->guest_rip, 1);
	assert_int_equal(read_field(m, NVMX_GUEST_RIP), 3);
}

static void switching_keeps_shadows_apart(void **state)
{
	struct mini *m = *state;
	uint64_t first;

	shadowing(m, 2);
	load(m, 0);
	first = m->v->cur->page_shadow.hpa;
	write_field(m, NVMX_GUEST_RIP, 9);
	vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP] = 1;
	load(m, 1);
	assert_int_not_equal(F01(VMCS_LINK_POINTER), first);
	vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP] = 2;
	load(m, 0);
	assert_int_equal(F01(VMCS_LINK_POINTER), first);
	assert_int_equal(read_field(m, NVMX_GUEST_RIP), 1);
	clear(m, 1);
	assert_int_equal(in_memory(m, 1)->guest_rip, 2);
	vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP] = 3;
	clear(m, 0);
	assert_int_equal(in_memory(m, 0)->guest_rip, 3);
	in_memory(m, 0)->guest_rip = 4; /* the slot's old shadow must not show through */
	load(m, 0);
	assert_int_equal(vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP], 4);
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	assert_false(m->v->hw_shadow_on);
}

/* A host that moves the vCPU VMCLEARs the shadow that vmcs01 links to, when it has seen which that is, and no other. */
static void no_other_shadow_is_active(void **state)
{
	struct mini *m = *state;
	const struct mini_vmcs *first, *second;

	shadowing(m, 2);
	load(m, 0);
	first = vmcs_of(m, &m->v->cur->page_shadow);
	assert_false(first->active);
	write_field(m, NVMX_GUEST_RIP, 1);
	assert_true(first->active);
	load(m, 1);
	second = vmcs_of(m, &m->v->cur->page_shadow);
	assert_ptr_not_equal(first, second);
	assert_false(first->active);
	write_field(m, NVMX_GUEST_RIP, 2);
	pull(m);
	assert_true(second->active);
	clear(m, 1);
	assert_false(second->active);
	load(m, 0);
	write_field(m, NVMX_GUEST_RIP, 3);
	F01(PROC_CTLS2) &= ~(uint64_t)NVMX_PROC2_SHADOW_VMCS;
	assert_int_equal(nvmx_vmcs01_changed(m->v), NVMX_OK);
	assert_false(first->active);
	assert_true(m->v->hw_shadow_on);
	write_field(m, NVMX_GUEST_RIP, 3);
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	assert_false(first->active);
}

/* SDM 24.11.1: of a vCPU that moves to another processor nothing is left active, of the shadows either. */
static void parking_clears_the_shadows(void **state)
{
	struct mini *m = *state;

	shadowing(m, 2);
	load(m, 0);
	load(m, 1);
	write_field(m, NVMX_GUEST_RIP, 1);
	assert_true(vmcs_of(m, &m->v->cur->page_shadow)->active);
	nvmx_vcpu_park(m->v);
	for (unsigned i = 0; i < MINI_PAGES; i++)
		assert_false(m->host.vmcs[i].active);
	nvmx_vcpu_unpark(m->v);
}

/* What the mirror has of a vmcs12 that is not current L1 cannot change: its shadow is not even looked at when it is current again,
 * be it that it was active all the time or cleared.  But it has changed where there was no shadow while it was current. */
static void a_shadow_that_is_left_stays_right(void **state)
{
	struct mini *m = *state;
	struct mini_vmcs *first;
	struct nvmx_slot *s;

	shadowing(m, 2);
	load(m, 0);
	s = m->v->cur;
	first = vmcs_of(m, &s->page_shadow);
	for (unsigned n = 0; n < 3; n++) {
		if (n)
			clear(m, 0);
		load(m, 1);
		s->mirror[0]++; /* who compared would push it */
		m->host.vmwrites = 0;
		load(m, 0);
		assert_ptr_equal(m->v->cur, s);
		assert_int_equal(F01(VMCS_LINK_POINTER), s->page_shadow.hpa);
		assert_int_equal(m->host.vmwrites, 2); /* the link, and RIP */
		s->mirror[0]--;
	}
	load(m, 1);
	m->v->smm.active = true; /* in SMM L1 does without */
	load(m, 0);
	assert_false(m->v->hw_shadow_on);
	write_field(m, NVMX_GUEST_RIP, 8);
	load(m, 1);
	m->v->smm.active = false;
	load(m, 0);
	assert_int_equal(first->field[NVMX_I_GUEST_RIP], 8);
}

static void a_reloaded_vmcs_pushes_only_changes(void **state)
{
	struct mini *m = *state;
	unsigned first, again;

	shadowing(m, 1);
	m->host.vmwrites = 0;
	load(m, 0);
	first = m->host.vmwrites;
	clear(m, 0);
	in_memory(m, 0)->guest_rip = 4;
	m->host.vmwrites = 0;
	load(m, 0);
	again = m->host.vmwrites;
	assert_int_equal(vmcs_of(m, &m->v->cur->page_shadow)->field[NVMX_I_GUEST_RIP], 4);
	assert_int_equal(first - again, NVMX_MIRROR_COUNT - 1);
}

static void without_pages_there_is_no_shadow(void **state)
{
	struct mini *m = *state;

	shadowing(m, 2);
	for (unsigned pages = 2; pages < 5; pages++) { /* the slot's two; then bitmaps, then the shadow fail */
		m->host.pages_left = pages;
		load(m, 0);
		assert_false(m->v->hw_shadow_on);
		write_field(m, NVMX_GUEST_RIP, 0x50 + pages);
		assert_int_equal(read_field(m, NVMX_GUEST_RIP), 0x50 + pages);
		clear(m, 0);
		nvmx_slots_destroy(m->v);
		m->host.pages_left = MINI_PAGES;
	}
	/* The second VMCS gets none while the first had one. */
	load(m, 0);
	m->host.pages_left = 2;
	load(m, 1);
	assert_false(m->v->hw_shadow_on);
	assert_true(F01(VMCS_LINK_POINTER) == NVMX_NO_ADDR);
	load(m, 0);
	assert_true(m->v->hw_shadow_on);
	m->host.pages_left = MINI_PAGES - 7;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(shadow_is_set_up),
		MINI_TEST(what_l1_wrote_is_pulled),
		MINI_TEST(every_field_is_pulled),
		MINI_TEST(what_l1_writes_is_opened),
		MINI_TEST(what_l1_writes_no_more_is_closed),
		MINI_TEST(nothing_open_is_no_pull),
		MINI_TEST(what_an_exit_writes_is_pushed),
		MINI_TEST(only_changes_are_pushed),
		MINI_TEST(only_what_hardware_has_is_pushed),
		MINI_TEST(exits_agree_with_the_shadow),
		MINI_TEST(a_saved_state_has_what_l1_wrote),
		MINI_TEST(switching_keeps_shadows_apart),
		MINI_TEST(no_other_shadow_is_active),
		MINI_TEST(parking_clears_the_shadows),
		MINI_TEST(a_shadow_that_is_left_stays_right),
		MINI_TEST(a_reloaded_vmcs_pushes_only_changes),
		MINI_TEST(without_pages_there_is_no_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
