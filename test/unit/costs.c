/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a VM exit of L2 to L1 and the VM entry after it cost at most: accesses to VMCSs, loads of them, maps of L1's memory.  Whatever
 * is remembered in order to spare them and is not, or is forgotten too often, makes no result wrong and shows here alone.  A number that
 * has become smaller is to be written down.
 */
#include "entry_rig.h"

/* What L1 does between the exit and the entry. */
static void nothing(struct mini *m)
{
	(void)m;
}

/* Where hardware shadows the field, without an exit. */
static void write_open(struct mini *m, unsigned row, uint64_t value)
{
	if (m->v->hw_shadow_on)
		mini_vmcs(&m->host, m->v->cur->page_shadow.hpa)->field[row] = value;
	else
		nvmx_slot_write(m->v->cur, row, value);
}

static void goes_on(struct mini *m)
{
	write_open(m, NVMX_I_GUEST_RIP, m->v->cur->v12->guest_rip + 2);
}

static void injects(struct mini *m)
{
	goes_on(m);
	write_open(m, NVMX_I_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << NVMX_INTR_TYPE_SHIFT | NVMX_VECTOR_UD);
}

static void opens_a_window(struct mini *m)
{
	nvmx_slot_write(m->v->cur, NVMX_I_PROC_CTLS, m->v->cur->v12->proc_ctls ^ NVMX_PROC_INT_WINDOW);
}

static void reads_a_segment(struct mini *m)
{
	m->regs.gpr[RCX] = NVMX_GUEST_CS_AR;
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	assert_int_equal(mini_exec(m, NVMX_XR_VMREAD), NVMX_RESUME_L1);
}

static void writes_a_segment(struct mini *m)
{
	nvmx_slot_write(m->v->cur, NVMX_I_GUEST_FS_BASE, m->v->cur->v12->guest_fs_base + 0x1000);
}

static void changes_the_exception_bitmap(struct mini *m)
{
	nvmx_slot_write(m->v->cur, NVMX_I_EXCEPTION_BITMAP, m->v->cur->v12->exception_bitmap ^ 2);
}

static void changes_its_own_state(struct mini *m)
{
	nvmx_slot_write(m->v->cur, NVMX_I_HOST_CR3, m->v->cur->v12->host_cr3 ^ 0x1000);
}

static void turns_to_another_vmcs(struct mini *m)
{
	uint64_t other = m->v->cur->gpa ^ 0x1000;

	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, other), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->gpa, other);
}

static void loads_its_vmcs_again(struct mini *m)
{
	assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, m->v->cur->gpa), NVMX_RESUME_L1);
}

static unsigned maps;

static void count_map(struct nvmx_host *h, uint64_t gpa)
{
	(void)h;
	(void)gpa;
	maps++;
}

struct cost {
	unsigned vmreads, vmwrites, loads, maps;
};
static const struct turn {
	const char *name;
	void (*between)(struct mini *m);
	struct cost plain, shadowing; /* without and with VMCS shadowing */
} turns[] = {
	{ "nothing", nothing, { 23, 44, 2, 0 }, { 25, 44, 3, 0 } },
	{ "goes on", goes_on, { 23, 45, 2, 0 }, { 25, 45, 3, 0 } },
	{ "injects", injects, { 23, 46, 2, 0 }, { 25, 47, 4, 0 } },
	{ "opens a window", opens_a_window, { 23, 46, 2, 0 }, { 25, 46, 3, 0 } },
	{ "reads a segment", reads_a_segment, { 30, 45, 2, 0 }, { 32, 45, 3, 0 } },
	{ "writes a segment", writes_a_segment, { 23, 45, 2, 0 }, { 25, 45, 3, 0 } },
	{ "changes the exception bitmap", changes_the_exception_bitmap, { 23, 47, 2, 0 }, { 25, 47, 3, 0 } },
	{ "changes its own state", changes_its_own_state, { 23, 44, 2, 0 }, { 25, 44, 3, 0 } },
	{ "loads its VMCS again", loads_its_vmcs_again, { 41, 45, 2, 4 }, { 43, 45, 3, 4 } },
	{ "turns to another VMCS", turns_to_another_vmcs, { 41, 45, 2, 4 }, { 45, 46, 5, 4 } },
};

static void vmresume(struct mini *m)
{
	bool launch = m->v->cur->v12->launch_state == NVMX_LAUNCH_CLEAR;

	assert_int_equal(mini_exec(m, launch ? NVMX_XR_VMLAUNCH : NVMX_XR_VMRESUME), NVMX_RESUME_L2);
	assert_int_equal(nvmx_before_l2(m->v), NVMX_RESUME_L2);
	nvmx_l2_ran(m->v);
	m->host.current->field[NVMX_I_IDT_VECTORING_INFO] = m->host.current->field[NVMX_I_ENTRY_INTR_INFO] = 0;
}

/* Each turn again and again: what the first ones cost is not what is asked. */
static void each_turn(struct mini *m, bool shadowing)
{
	struct cost most;

	m->host.on_map = count_map;
	vmresume(m);
	for (const struct turn *t = turns; t < turns + sizeof(turns) / sizeof(*turns); t++)
		for (unsigned i = 0; i < 6; i++) {
			most = shadowing ? t->shadowing : t->plain;
			m->host.vmreads = m->host.vmwrites = m->host.loads = maps = 0;
			leave(m);
			t->between(m);
			vmresume(m);
			if (i > 2 && (m->host.vmreads > most.vmreads || m->host.vmwrites > most.vmwrites || m->host.loads > most.loads ||
				      maps > most.maps))
				fail_msg("%s: %u VMREADs, %u VMWRITEs, %u VMPTRLDs, %u maps", t->name, m->host.vmreads,
					 m->host.vmwrites, m->host.loads, maps);
		}
	leave(m);
}

static void two_vmcs12s(struct mini *m)
{
	struct nvmx_slot *s = ready(m);

	*(struct nvmx_vmcs12 *)(void *)(m->host.ram + MINI_VMCS12 + 0x1000) = *s->v12;
}

static void a_turn(void **state)
{
	two_vmcs12s(*state);
	each_turn(*state, false);
}

/* L1 reads and writes most of what it needs in the hardware shadow, without an exit: RIP, and the event that it injects. */
static void a_turn_with_shadowing(void **state)
{
	struct mini *m = *state;

	two_vmcs12s(m);
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (nvmx_field_rows[row].shadow == NVMX_H_RO)
			nvmx_set_add(&m->vm->hw_ro, row);
		if (nvmx_field_rows[row].shadow == NVMX_H_RW)
			nvmx_set_add(&m->vm->hw_rw, row);
	}
	turns_to_another_vmcs(m);
	assert_true(m->v->hw_shadow_on);
	nvmx_shadow_write(m->v, m->v->cur, NVMX_I_GUEST_RIP); /* L1 has written them by VMWRITE: from now on they are open to it */
	nvmx_shadow_write(m->v, m->v->cur, NVMX_I_ENTRY_INTR_INFO);
	each_turn(m, true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { MINI_TEST(a_turn), MINI_TEST(a_turn_with_shadowing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
