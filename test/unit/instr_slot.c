/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Active vmcs12s: switching, eviction, stale fields. */
#include "slot_rig.h"

static void values_survive_switching(void **state)
{
	struct mini *m = *state;

	regions(m, 12);
	for (unsigned i = 0; i < 12; i++) { /* three times what stays warm */
		load(m, i);
		write_field(m, NVMX_GUEST_RIP, 0x1000 + i);
		m->v->cur->v12->launch_state = i & 1;
	}
	for (unsigned i = 0; i < 12; i++) {
		load(m, i);
		assert_int_equal(read_field(m, NVMX_GUEST_RIP), 0x1000 + i);
		assert_int_equal(m->v->cur->v12->launch_state, i & 1);
	}
	for (unsigned i = 0; i < 12; i++) {
		clear(m, i);
		assert_int_equal(in_memory(m, i)->guest_rip, 0x1000 + i);
		assert_int_equal(in_memory(m, i)->launch_state, 0);
		assert_int_equal(in_memory(m, i)->revision, NVMX_VMCS12_REVISION);
	}
	assert_int_equal(m->host.pages_left, MINI_PAGES - 2 * NVMX_SLOT_PLACES); /* one is loaded before another goes */
}

/* Of a vmcs12 that becomes active nothing is in a vmcs02 yet, whatever that holds of another. */
static void every_field_is_as_memory_has_it(void **state)
{
	struct mini *m = *state;

	regions(m, 12);
	for (unsigned i = 0; i < 12; i++) {
		for (unsigned row = 0; row < NVMX_ROWS; row++)
			nvmx_v12_set(in_memory(m, i), row, 0x10001ull * (row + i));
		load(m, i);
		for (unsigned row = 0; row < NVMX_ROWS; row++)
			if (nvmx_set_has(&m->vm->rows, row))
				assert_int_equal(read_field(m, nvmx_field_rows[row].encoding), nvmx_v12_get(in_memory(m, i), row));
		nvmx_slot_freshen(m->v, m->v->cur);
		for (unsigned row = 0; row < NVMX_ROWS; row++)
			assert_int_equal(nvmx_v12_get(m->v->cur->v12, row), nvmx_v12_get(in_memory(m, i), row));
		nvmx_set_add(&m->v->cur->stale, NVMX_I_GUEST_FS_BASE); /* what L2 would leave */
	}
}

static void the_least_recently_used_goes(void **state)
{
	struct mini *m = *state;

	regions(m, 6);
	for (unsigned i = 0; i < NVMX_SLOTS; i++)
		load(m, i);
	load(m, 0);
	load(m, 4);
	assert_null(nvmx_slot_find(m->v, REGION(1)));
	assert_non_null(nvmx_slot_find(m->v, REGION(0)));
	load(m, 5);
	assert_null(nvmx_slot_find(m->v, REGION(2)));
	assert_non_null(nvmx_slot_find(m->v, REGION(3)));
}

static void an_active_vmcs_ignores_its_region(void **state)
{
	struct mini *m = *state;

	regions(m, 2);
	load(m, 0);
	write_field(m, NVMX_HOST_RIP, 5);
	load(m, 1);
	in_memory(m, 0)->host_rip = 6; /* SDM 24.11.1: L1 must not, and gains nothing */
	load(m, 0);
	assert_int_equal(read_field(m, NVMX_HOST_RIP), 5);
}

/* What an active vmcs12 becomes that L1's memory is to have after VMCLEAR. */
static void by_nothing(struct mini *m)
{
	(void)m;
}

static void by_vmwrite(struct mini *m)
{
	write_field(m, NVMX_GUEST_RIP, 0x1234);
}

static void by_failing(struct mini *m)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = 0x7ffe;
	assert_int_equal(mini_exec(m, NVMX_XR_VMREAD), NVMX_RESUME_L1);
	F01(GUEST_RFLAGS) &= ~(uint64_t)NVMX_RFLAGS_ZF;
}

/* L1 must not write the region of an active VMCS (SDM 24.11.1); here it shows what VMCLEAR writes. */
static void vmclear_writes_what_is_newer(void **state)
{
	static const struct {
		void (*change)(struct mini *m);
		bool written;
	} table[] = { { by_nothing, false }, { by_vmwrite, true }, { by_failing, true } };
	struct mini *m = *state;

	regions(m, 1);
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		in_memory(m, 0)->host_rip = 5;
		load(m, 0);
		table[i].change(m);
		F01(GUEST_RIP) = 0x5000;
		in_memory(m, 0)->host_rip = 6;
		clear(m, 0);
		assert_int_equal(in_memory(m, 0)->host_rip, table[i].written ? 5 : 6);
	}
	assert_int_equal(in_memory(m, 0)->vm_instr_error, NVMX_VMERR_UNSUPPORTED_FIELD);
	assert_int_equal(in_memory(m, 0)->guest_rip, 0x1234);
}

static void vmclear_clears_the_launch_state(void **state)
{
	struct mini *m = *state;

	regions(m, 1);
	in_memory(m, 0)->launch_state = NVMX_LAUNCH_LAUNCHED;
	load(m, 0);
	clear(m, 0);
	assert_int_equal(in_memory(m, 0)->launch_state, NVMX_LAUNCH_CLEAR);
}

static void a_refused_region_drives_nobody_out(void **state)
{
	struct mini *m = *state;

	regions(m, NVMX_SLOTS + 1);
	for (unsigned i = 0; i < NVMX_SLOTS; i++)
		load(m, i);
	in_memory(m, NVMX_SLOTS)->revision++;
	mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(NVMX_SLOTS));
	assert_int_equal(m->v->cur->v12->vm_instr_error, NVMX_VMERR_VMPTRLD_REVISION);
	assert_int_equal(m->v->cur->gpa, REGION(NVMX_SLOTS - 1));
	for (unsigned i = 0; i < NVMX_SLOTS; i++)
		assert_non_null(nvmx_slot_find(m->v, REGION(i)));
	assert_null(nvmx_slot_find(m->v, REGION(NVMX_SLOTS)));
}

/* A vmcs12 that comes to a slot finds every field of vmcs02 to be written. */
static void a_new_vmcs_is_all_dirty(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	regions(m, 1);
	load(m, 0);
	s = m->v->cur;
	s->pending = 0;
	s->look02 = 0;
	memset(&s->dirty, 0, sizeof(s->dirty));
	s->dirty_groups = 0;
	nvmx_set_add(&s->stale, NVMX_I_GUEST_CS_SEL);
	s->vapic = s->apic_access = s->posted_int = (struct nvmx_pin){ .gpa = 0x7000, .hpa = 0x7000, .held = true };
	m->host.pins = 3;
	clear(m, 0);
	assert_int_equal(m->host.pins, 0);
	load(m, 0);
	assert_ptr_equal(m->v->cur, s);
	assert_memory_equal(&s->dirty, &m->vm->rows, sizeof(s->dirty));
	assert_int_equal(s->dirty_groups, ~0u);
	assert_false(nvmx_set_has(&s->stale, NVMX_I_GUEST_CS_SEL));
	assert_int_equal(s->pending, NVMX_STEPS_ALL & ~m->vm->steps.said); /* the VMCS region itself, and the host's part, go on */
	assert_int_equal(s->look02, 0);
}

/* As a VM entry of the slot, which is current, and an exit would: vmcs02 has all of vmcs12. */
static void merged(struct mini *m)
{
	struct nvmx_slot *s = m->v->cur;

	s->pending = 0;
	s->all_dirty = false;
	s->newer = true;
	memset(&s->dirty, 0, sizeof(s->dirty));
	s->dirty_groups = 0;
}

static bool is_as_merged(struct mini *m)
{
	static const struct nvmx_rowset none;
	struct nvmx_slot *s = m->v->cur;

	return !s->all_dirty && !memcmp(&s->dirty, &none, sizeof(none)) && !s->dirty_groups && nvmx_set_empty(&s->stale);
}

/* A vmcs12 that L1 clears and loads again finds its vmcs02, whatever came between, for which only pins have to be taken anew. */
static void a_vmcs_that_comes_back_needs_nothing(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	regions(m, 3);
	load(m, 0);
	s = m->v->cur;
	merged(m);
	nvmx_set_add(&s->stale, NVMX_I_GUEST_CS_SEL);
	s->vapic = (struct nvmx_pin){ .gpa = 0x7000, .hpa = 0x7000, .held = true };
	m->host.pins = 1;
	clear(m, 0);
	load(m, 1);
	clear(m, 1);
	load(m, 2);
	assert_ptr_not_equal(m->v->cur, s);
	load(m, 0);
	assert_ptr_equal(m->v->cur, s);
	assert_true(is_as_merged(m));
	assert_int_equal(m->host.pins, 0);
	assert_int_equal(s->pending, m->vm->steps.of_pin[NVMX_PIN_OF_VAPIC]);
	assert_int_equal(s->v12->launch_state, NVMX_LAUNCH_CLEAR);
	assert_int_equal(m->host.pages_left, MINI_PAGES - 3 * 2);
}

/* More come and go than there are places: the one that has been away for longest gives way. */
static void who_was_here_first_is_forgotten_first(void **state)
{
	struct mini *m = *state;

	regions(m, NVMX_SLOT_PLACES + 1);
	for (unsigned i = 0; i <= NVMX_SLOT_PLACES; i++) {
		load(m, i);
		merged(m);
		clear(m, i);
	}
	for (unsigned i = NVMX_SLOT_PLACES + 1; i-- > 1;) {
		load(m, i);
		assert_true(is_as_merged(m));
		clear(m, i);
	}
	load(m, 0);
	assert_true(m->v->cur->all_dirty);
	assert_int_equal(m->host.pages_left, MINI_PAGES - 2 * NVMX_SLOT_PLACES);
}

/* Memory counts (SDM 24.11.1 leaves it open what L1 finds there): any word that changed meanwhile makes all of it new. */
static void a_vmcs_that_changed_meanwhile_is_new(void **state)
{
	struct mini *m = *state;

	regions(m, 1);
	for (unsigned at = 8; at < NVMX_VMCS12_USED; at += 8) {
		uint64_t *word = (uint64_t *)(void *)((char *)in_memory(m, 0) + at);

		load(m, 0);
		merged(m);
		clear(m, 0);
		*word ^= 1ull << at % 64;
		load(m, 0);
		assert_true(m->v->cur->all_dirty);
		assert_int_equal(m->v->cur->dirty_groups, ~0u);
		assert_memory_equal(m->v->cur->v12, in_memory(m, 0), NVMX_VMCS12_USED);
		clear(m, 0);
	}
}

static void drop(struct mini *m)
{
	nvmx_state_drop(m->v);
	mini_enter_vmx(m, false);
}

static void reset(struct mini *m)
{
	nvmx_state_reset(m->v);
	mini_enter_vmx(m, false);
}

static void vmxoff(struct mini *m)
{
	load(m, 0);
	merged(m);
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON));
}

/* Nothing comes back from before the end of VMX operation, a reset or a restore, as vmcs12 may have been dropped without being stored. */
static void what_was_dropped_does_not_come_back(void **state)
{
	void (*const ends[])(struct mini *) = { drop, reset, vmxoff };
	struct mini *m = *state;

	regions(m, 1);
	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		load(m, 0);
		merged(m);
		clear(m, 0);
		ends[i](m);
		load(m, 0);
		assert_true(m->v->cur->all_dirty);
		clear(m, 0);
	}
}

static void stale_fields_come_from_vmcs02(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;
	struct mini_vmcs *vmcs02;

	regions(m, 2);
	load(m, 0);
	s = m->v->cur;
	vmcs02 = vmcs_of(m, &s->page02);
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (nvmx_field_rows[row].sync != NVMX_S_RARE)
			continue;
		nvmx_set_add(&s->stale, row);
		vmcs02->field[row] = 0x100 + row;
	}
	m->host.loads = 0;
	assert_int_equal(read_field(m, NVMX_GUEST_TR_BASE), 0x100 + NVMX_I_GUEST_TR_BASE);
	assert_int_equal(m->host.loads, 2);
	assert_int_equal(read_field(m, NVMX_GUEST_ES_LIMIT), 0x100 + NVMX_I_GUEST_ES_LIMIT); /* the same group */
	assert_int_equal(m->host.loads, 2);
	write_field(m, NVMX_GUEST_PAT, 7); /* L1's value is newer than L2's */
	assert_int_equal(read_field(m, NVMX_GUEST_PAT), 7);
	assert_int_equal(read_field(m, NVMX_GUEST_SYSENTER_EIP), 0x100 + NVMX_I_GUEST_SYSENTER_EIP);
	nvmx_set_add(&s->stale, NVMX_I_GUEST_IDTR_BASE);
	clear(m, 0);
	assert_int_equal(in_memory(m, 0)->guest_idtr_base, 0x100 + NVMX_I_GUEST_IDTR_BASE);
	assert_int_equal(in_memory(m, 0)->guest_pat, 7);
}

/* Half of a 64-bit field that is stale: the other half is L2's. */
/* What L1 writes is newer than what L2 left, whoever looks first. */
static void a_stale_field_that_is_written(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	regions(m, 1);
	load(m, 0);
	s = m->v->cur;
	nvmx_set_add(&s->stale, NVMX_I_GUEST_FS_BASE);
	vmcs_of(m, &s->page02)->field[NVMX_I_GUEST_FS_BASE] = 1;
	nvmx_slot_write(s, NVMX_I_GUEST_FS_BASE, 2);
	nvmx_slot_freshen(m->v, s);
	assert_int_equal(s->v12->guest_fs_base, 2);
	assert_int_equal(read_field(m, NVMX_GUEST_FS_BASE), 2);
}

static void half_a_stale_field(void **state)
{
	struct mini *m = *state;

	regions(m, 1);
	load(m, 0);
	nvmx_set_add(&m->v->cur->stale, NVMX_I_GUEST_PAT);
	vmcs_of(m, &m->v->cur->page02)->field[NVMX_I_GUEST_PAT] = 0x1111111122222222;
	write_field(m, NVMX_GUEST_PAT + 1, 0x33333333);
	assert_true(read_field(m, NVMX_GUEST_PAT) == 0x3333333322222222);
}

static void freshen_without_a_current_vmcs(void **state)
{
	struct mini *m = *state;

	regions(m, 1);
	load(m, 0);
	nvmx_set_add(&m->v->cur->stale, NVMX_I_GUEST_DR7);
	vmcs_of(m, &m->v->cur->page02)->field[NVMX_I_GUEST_DR7] = 0x400;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	nvmx_vmcs_clear(m->v, m->v->cur->page02.hpa); /* as after a pull */
	nvmx_slot_freshen(m->v, m->v->cur);
	assert_int_equal(m->v->cur->v12->guest_dr7, 0x400);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

/* VMCS shadowing. */

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(values_survive_switching),
		MINI_TEST(every_field_is_as_memory_has_it),
		MINI_TEST(the_least_recently_used_goes),
		MINI_TEST(an_active_vmcs_ignores_its_region),
		MINI_TEST(vmclear_writes_what_is_newer),
		MINI_TEST(vmclear_clears_the_launch_state),
		MINI_TEST(a_refused_region_drives_nobody_out),
		MINI_TEST(a_new_vmcs_is_all_dirty),
		MINI_TEST(a_vmcs_that_comes_back_needs_nothing),
		MINI_TEST(who_was_here_first_is_forgotten_first),
		MINI_TEST(a_vmcs_that_changed_meanwhile_is_new),
		MINI_TEST(what_was_dropped_does_not_come_back),
		MINI_TEST(stale_fields_come_from_vmcs02),
		MINI_TEST(a_stale_field_that_is_written),
		MINI_TEST(half_a_stale_field),
		MINI_TEST(freshen_without_a_current_vmcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
