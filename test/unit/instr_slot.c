/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Active vmcs12s: switching, eviction, stale fields, the hardware shadow VMCS. */
#include "minihost.h"

#define REGION(n) (MINI_VMCS12 + 0x1000u * (n))

static struct nvmx_vmcs12 *in_memory(struct mini *m, unsigned n)
{
	return (struct nvmx_vmcs12 *)(void *)(m->host.ram + REGION(n));
}

static void load(struct mini *m, unsigned n)
{
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(n)));
	assert_int_equal(m->v->cur->gpa, REGION(n));
}

static void clear(struct mini *m, unsigned n)
{
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, REGION(n)));
}

static void write_field(struct mini *m, uint64_t encoding, uint64_t value)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = encoding;
	m->regs.gpr[RDX] = value;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMWRITE));
}

static uint64_t read_field(struct mini *m, uint64_t encoding)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = encoding;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMREAD));
	return m->regs.gpr[RDX];
}

static void regions(struct mini *m, unsigned n)
{
	mini_enter_vmx(m, false);
	for (unsigned i = 0; i < n; i++)
		mini_vmcs_region(m, REGION(i), NVMX_VMCS12_REVISION);
}

static struct mini_vmcs *vmcs_of(struct mini *m, const struct nvmx_page *page)
{
	return mini_vmcs(&m->host, page->hpa);
}

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
		MINI_TEST(half_a_stale_field),
		MINI_TEST(freshen_without_a_current_vmcs),
		MINI_TEST(shadow_is_set_up),
		MINI_TEST(what_l1_wrote_is_pulled), MINI_TEST(every_field_is_pulled), MINI_TEST(what_l1_writes_is_opened),
		MINI_TEST(what_l1_writes_no_more_is_closed), MINI_TEST(nothing_open_is_no_pull), MINI_TEST(what_an_exit_writes_is_pushed),
		MINI_TEST(only_changes_are_pushed), MINI_TEST(only_what_hardware_has_is_pushed),
		MINI_TEST(exits_agree_with_the_shadow),
		MINI_TEST(a_saved_state_has_what_l1_wrote), MINI_TEST(switching_keeps_shadows_apart), MINI_TEST(no_other_shadow_is_active),
		MINI_TEST(a_shadow_that_is_left_stays_right),
		MINI_TEST(a_reloaded_vmcs_pushes_only_changes),
		MINI_TEST(without_pages_there_is_no_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
