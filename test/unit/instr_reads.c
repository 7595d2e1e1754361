/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* State of L2's that L1 reads at each of its exits comes into the hardware shadow VMCS; what it reads now and then does not. */
#include "entry_rig.h"

#define ENOUGH 8	/* exits in a row */
#define SPAN 1024	/* exits until L1 has to ask again */

static uint64_t last;

static struct nvmx_slot *shadowing(struct mini *m)
{
	struct nvmx_slot *s = ready(m);

	*(struct nvmx_vmcs12 *)(void *)(m->host.ram + MINI_VMCS12 + 0x1000) = *s->v12;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (nvmx_field_rows[row].shadow == NVMX_H_RO)
			nvmx_set_add(&m->vm->hw_ro, row);
		if (nvmx_field_rows[row].shadow == NVMX_H_RW)
			nvmx_set_add(&m->vm->hw_rw, row);
		if (nvmx_field_rows[row].sync == NVMX_S_RARE) {
			nvmx_set_add(&m->vm->rare, row);
			nvmx_set_add(&m->vm->hw_rare, row);
		}
	}
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000), NVMX_RESUME_L1);
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12), NVMX_RESUME_L1);
	assert_true(m->v->hw_shadow_on);
	last = 0x1000;
	return m->v->cur;
}

static bool exits(const struct mini *m, unsigned row)
{
	uint32_t field = nvmx_field_rows[row].encoding;

	return ((const uint8_t *)m->v->shadow_bitmap[0].va)[field / 8] >> field % 8 & 1;
}

static uint64_t in_shadow(struct mini *m, unsigned row)
{
	return mini_vmcs(&m->host, m->v->cur->page_shadow.hpa)->field[row];
}

/* L2 runs, gives ES another base, and exits. */
static void turn(struct mini *m)
{
	bool launch = m->v->cur->v12->launch_state == NVMX_LAUNCH_CLEAR;

	assert_int_equal(mini_exec(m, launch ? NVMX_XR_VMLAUNCH : NVMX_XR_VMRESUME), NVMX_RESUME_L2);
	assert_int_equal(nvmx_before_l2(m->v), NVMX_RESUME_L2);
	nvmx_l2_ran(m->v);
	last += 0x1000;
	m->host.current->field[NVMX_I_GUEST_ES_BASE] = last;
	leave(m);
}

/* A VMREAD, which exits where the bitmap says so. */
static uint64_t reads(struct mini *m, unsigned row)
{
	if (!exits(m, row))
		return in_shadow(m, row);
	m->regs.gpr[RCX] = nvmx_field_rows[row].encoding;
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	assert_int_equal(mini_exec(m, NVMX_XR_VMREAD), NVMX_RESUME_L1);
	return m->regs.gpr[RDX];
}

static void ask(struct mini *m)
{
	for (unsigned i = 0; i < ENOUGH; i++) {
		assert_true(exits(m, NVMX_I_GUEST_ES_BASE));
		turn(m);
		assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), last);
	}
	assert_false(exits(m, NVMX_I_GUEST_ES_BASE));
}

static void what_l1_reads_at_each_exit_is_in_the_shadow(void **state)
{
	struct mini *m = *state;

	shadowing(m);
	ask(m);
	assert_int_equal(in_shadow(m, NVMX_I_GUEST_ES_BASE), last);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_field_rows[row].sync == NVMX_S_RARE)
			assert_int_equal(exits(m, row), nvmx_field_rows[row].group != NVMX_G_SEG);
	for (unsigned i = 0; i < 3; i++) {
		turn(m);
		assert_int_equal(in_shadow(m, NVMX_I_GUEST_ES_BASE), last);
		assert_int_equal(in_shadow(m, NVMX_I_GUEST_TR_BASE), m->v->cur->v12->guest_tr_base);
		assert_false(nvmx_set_has(&m->v->cur->stale, NVMX_I_GUEST_TR_BASE));
		assert_true(nvmx_set_has(&m->v->cur->stale, NVMX_I_GUEST_GDTR_BASE));
	}
}

static void now_and_then_is_not_often(void **state)
{
	struct mini *m = *state;

	shadowing(m);
	for (unsigned i = 0; i < 8 * ENOUGH; i++) {
		turn(m);
		if (i % ENOUGH)
			assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), last);
		assert_true(exits(m, NVMX_I_GUEST_ES_BASE));
	}
	for (unsigned i = 0; i < 8 * ENOUGH; i++) /* and at one exit is once */
		reads(m, NVMX_I_GUEST_ES_BASE);
	assert_true(exits(m, NVMX_I_GUEST_ES_BASE));
}

static void what_has_not_changed_is_not_written(void **state)
{
	struct mini *m = *state;
	unsigned moved, still;

	shadowing(m);
	ask(m);
	turn(m);
	m->host.vmwrites = 0;
	turn(m);
	moved = m->host.vmwrites;
	last -= 0x1000;
	m->host.vmwrites = 0;
	turn(m);
	still = m->host.vmwrites;
	assert_int_equal(moved, still + 1);
	assert_int_equal(in_shadow(m, NVMX_I_GUEST_ES_BASE), last);
}

static void a_vmwrite_is_seen_there(void **state)
{
	struct mini *m = *state;

	shadowing(m);
	ask(m);
	m->regs.gpr[RCX] = NVMX_GUEST_ES_BASE;
	m->regs.gpr[RDX] = 0x777000;
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	assert_int_equal(mini_exec(m, NVMX_XR_VMWRITE), NVMX_RESUME_L1);
	assert_ptr_equal(m->host.current, &m->host.vmcs[MINI_PAGES]);
	assert_int_equal(in_shadow(m, NVMX_I_GUEST_ES_BASE), 0x777000);
	assert_int_equal(m->v->cur->v12->guest_es_base, 0x777000);
}

static void each_vmcs_has_its_own(void **state)
{
	struct mini *m = *state;
	uint64_t first, second;

	shadowing(m);
	turn(m);
	first = last;	/* stale: not read */
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000), NVMX_RESUME_L1);
	ask(m);
	second = last;
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12), NVMX_RESUME_L1);
	assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), first);
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000), NVMX_RESUME_L1);
	assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), second);
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_VMCS12 + 0x1000), NVMX_RESUME_L1);
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000), NVMX_RESUME_L1);
	assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), second);
	turn(m);
	assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), last);
}

static void it_has_to_ask_again(void **state)
{
	struct mini *m = *state;

	shadowing(m);
	ask(m);
	for (unsigned i = 0; i < SPAN; i++) {
		assert_false(exits(m, NVMX_I_GUEST_ES_BASE));
		turn(m);
		assert_int_equal(reads(m, NVMX_I_GUEST_ES_BASE), last);
	}
	assert_true(exits(m, NVMX_I_GUEST_ES_BASE));
	turn(m);
	assert_true(nvmx_set_has(&m->v->cur->stale, NVMX_I_GUEST_ES_BASE));
	ask(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(what_l1_reads_at_each_exit_is_in_the_shadow), MINI_TEST(now_and_then_is_not_often),
		MINI_TEST(what_has_not_changed_is_not_written),		MINI_TEST(a_vmwrite_is_seen_there),
		MINI_TEST(each_vmcs_has_its_own),			MINI_TEST(it_has_to_ask_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
