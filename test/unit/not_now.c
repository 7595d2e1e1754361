/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A host with pageable memory: each instruction of L1's that uses memory, with each of its accesses in turn answered by "not now".  L1
 * sees nothing of it, and what comes of the instruction when it is executed again is what comes of it without.
 */
#include "minihost.h"

#define REGION(i) (MINI_VMCS12 + 4096u * (i))

static unsigned left; /* accesses until one is put off; it happens once */
static bool put_off;

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	if (left && !--left) {
		put_off = true;
		return NVMX_MAP_NOT_NOW;
	}
	return mini_map(h, gpa, write);
}

static struct nvmx_vmcs12 *in_memory(struct mini *m, unsigned i)
{
	return (struct nvmx_vmcs12 *)(void *)(m->host.ram + REGION(i));
}

static void write_field(struct mini *m, uint32_t field, uint64_t value)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RBX, RCX);
	m->regs.gpr[RBX] = value;
	m->regs.gpr[RCX] = field;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMWRITE));
}

/* As many VMCSs active as fit, and one more region: all but one other than its region, which says that it was launched. */
static void crowd(struct mini *m)
{
	mini_enter_vmx(m, false);
	for (unsigned i = 0; i <= NVMX_SLOTS; i++)
		mini_vmcs_region(m, REGION(i), NVMX_VMCS12_REVISION);
	in_memory(m, 1)->launch_state = NVMX_LAUNCH_LAUNCHED;
	for (unsigned i = 0; i < NVMX_SLOTS; i++) {
		mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(i)));
		if (i == 1)
			continue;
		write_field(m, NVMX_GUEST_RIP, 0x1000 + i);
		m->v->cur->v12->launch_state = i & 1 ? NVMX_LAUNCH_LAUNCHED : NVMX_LAUNCH_CLEAR;
	}
}

static enum nvmx_verdict vmxoff(struct mini *m) { return mini_exec(m, NVMX_XR_VMXOFF); }
static enum nvmx_verdict vmclear_current(struct mini *m) { return mini_exec_pointer(m, NVMX_XR_VMCLEAR, REGION(NVMX_SLOTS - 1)); }
static enum nvmx_verdict vmclear_active(struct mini *m) { return mini_exec_pointer(m, NVMX_XR_VMCLEAR, REGION(1)); }
static enum nvmx_verdict vmclear_other(struct mini *m) { return mini_exec_pointer(m, NVMX_XR_VMCLEAR, REGION(NVMX_SLOTS)); }
static enum nvmx_verdict vmptrld_active(struct mini *m) { return mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(0)); }
static enum nvmx_verdict vmptrld_other(struct mini *m) { return mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(NVMX_SLOTS)); }

static enum nvmx_verdict vmptrld_no_vmcs(struct mini *m)
{
	mini_vmcs_region(m, REGION(NVMX_SLOTS + 1), 7);
	return mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION(NVMX_SLOTS + 1));
}

static enum nvmx_verdict to_memory(struct mini *m, uint32_t reason)
{
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = MINI_OPERAND - 4; /* in two pages */
	m->regs.gpr[RCX] = NVMX_GUEST_RIP;
	return mini_exec(m, reason);
}

static enum nvmx_verdict vmptrst(struct mini *m) { return to_memory(m, NVMX_XR_VMPTRST); }
static enum nvmx_verdict vmread(struct mini *m) { return to_memory(m, NVMX_XR_VMREAD); }
static enum nvmx_verdict vmwrite(struct mini *m) { return to_memory(m, NVMX_XR_VMWRITE); }

static enum nvmx_verdict invvpid(struct mini *m)
{
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = MINI_OPERAND - 8;
	m->regs.gpr[RCX] = 2;
	*mini_ram(m, MINI_OPERAND - 8) = 0;
	return mini_exec(m, NVMX_XR_INVVPID);
}

/* What L1 can see. */
struct seen {
	enum nvmx_verdict verdict;
	uint64_t field01[NVMX_ROWS], current, vmxon;
	uint32_t launched[NVMX_SLOTS + 1];
	struct nvmx_regs regs;
	uint8_t ram[MINI_RAM];
};

static void look(struct mini *m, enum nvmx_verdict verdict, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	s->verdict = verdict;
	memcpy(s->field01, m->host.vmcs[MINI_PAGES].field, sizeof(s->field01));
	s->current = m->v->cur ? m->v->cur->gpa : NVMX_NO_ADDR;
	s->vmxon = m->v->vmxon_ptr;
	for (unsigned i = 0; i <= NVMX_SLOTS; i++) {
		const struct nvmx_slot *slot = nvmx_slot_find(m->v, REGION(i));

		s->launched[i] = slot ? slot->v12->launch_state : in_memory(m, i)->launch_state;
	}
	s->regs = m->regs;
	memcpy(s->ram, m->host.ram, MINI_RAM);
}

/* All VMCSs are written back, so that the regions tell whether they are the same. */
static void settle(struct mini *m, enum nvmx_verdict verdict, struct seen *s)
{
	uint64_t current = m->v->cur ? m->v->cur->gpa : NVMX_NO_ADDR;

	for (unsigned i = 0; i <= NVMX_SLOTS && m->v->vmxon_ptr != NVMX_NO_ADDR; i++) {
		F01(GUEST_RIP) = 0x5000;
		assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMCLEAR, REGION(i)), NVMX_RESUME_L1);
		assert_int_equal(in_memory(m, i)->launch_state, NVMX_LAUNCH_CLEAR);
	}
	look(m, verdict, s);
	s->current = current;
}

/* With access n put off, 0: none; false: there is none such. */
static bool attempt(enum nvmx_verdict (*instruction)(struct mini *m), unsigned n, struct seen *end)
{
	static struct seen before, after;
	enum nvmx_verdict verdict;
	struct mini *m;
	void *state;

	mini_setup(&state);
	m = state;
	m->ops.map = map;
	left = 0;
	crowd(m);
	put_off = false;
	left = n;
	F01(EXIT_INSTR_INFO) = 0;
	look(m, NVMX_AGAIN, &before);
	verdict = instruction(m);
	left = 0;
	if (put_off) {
		look(m, verdict, &after);
		after.regs = before.regs; /* the operands */
		after.field01[NVMX_I_EXIT_INSTR_INFO] = 0;
		memcpy(before.ram + MINI_PML4, after.ram + MINI_PML4, MINI_PT - MINI_PML4); /* accessed and dirty flags */
		memcpy(before.ram + MINI_OPERAND - 8, after.ram + MINI_OPERAND - 8, 16);
		memcpy(before.ram + REGION(NVMX_SLOTS + 1), after.ram + REGION(NVMX_SLOTS + 1), 4096);
		for (unsigned i = 0; i < NVMX_SLOTS; i++) /* what was written back is L1's not to look at (SDM 24.11.1) */
			memcpy(before.ram + REGION(i), after.ram + REGION(i), 4096);
		assert_int_equal(verdict, NVMX_AGAIN);
		assert_memory_equal(&before, &after, sizeof(before));
		verdict = instruction(m);
	}
	settle(m, verdict, end);
	mini_teardown(&state);
	return put_off;
}

static void every_access(void **state)
{
	static enum nvmx_verdict (*const instructions[])(struct mini *m) = {
		vmxoff, vmclear_current, vmclear_active, vmclear_other, vmptrld_active, vmptrld_other, vmptrld_no_vmcs, vmptrst, vmread,
		vmwrite, invvpid,
	};
	static struct seen plain, put;
	unsigned all = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(instructions) / sizeof(*instructions); i++) {
		unsigned n = 0;

		attempt(instructions[i], 0, &plain);
		assert_int_equal(plain.verdict, NVMX_RESUME_L1);
		while (attempt(instructions[i], ++n, &put))
			assert_memory_equal(&put, &plain, sizeof(plain));
		all += n - 1;
	}
	assert_true(all > 30);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
