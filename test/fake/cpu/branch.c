/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Near CALL and RET, with the shadow stacks of supervisor and of user mode (SDM volume 1, 17.2; volume 2). */
#include "cpu.h"

#define SH_STK_EN 1u
#define CP_NEAR_RET 1u

static bool has_shadow_stack(const struct fake_cpu *c)
{
	if (!(c->a.cr4 & NVMX_CR4_CET) || !(c->a.cr0 & NVMX_CR0_PE) || c->a.rflags & NVMX_RFLAGS_VM)
		return false;
	return (fake_cpl(c) == 3 ? c->a.u_cet : c->a.s_cet) & SH_STK_EN;
}

static unsigned word(const struct fake_cpu *c)
{
	return fake_is_64(c) ? 8 : 4;
}

static uint64_t stack(const struct fake_cpu *c, uint64_t sp)
{
	return fake_is_64(c) ? sp : (uint32_t)(sp + c->a.seg[FAKE_SEG_SS].base);
}

static bool shadow_write(struct fake_cpu *c, uint64_t ssp, uint64_t value)
{
	bool done;

	c->shadow_stack = true;
	done = fake_write(c, ssp, word(c), value);
	c->shadow_stack = false;
	return done;
}

static bool shadow_read(struct fake_cpu *c, uint64_t ssp, uint64_t *value)
{
	bool done;

	c->shadow_stack = true;
	done = fake_read(c, ssp, word(c), value);
	c->shadow_stack = false;
	return done;
}

static void go_to(struct fake_cpu *c, const struct fake_insn *i, uint64_t target)
{
	c->a.rip = target - fake_length(i);
	fake_retire(c, i);
}

static void call(struct fake_cpu *c, const struct fake_insn *i)
{
	uint64_t next = c->a.rip + fake_length(i);
	bool shadow = has_shadow_stack(c) && i->imm; /* CALL of what follows it is no call (volume 2) */

	if (shadow && !shadow_write(c, c->a.ssp - word(c), next))
		return;
	if (!fake_write(c, stack(c, c->a.gpr[4] - word(c)), word(c), next))
		return;
	c->a.gpr[4] -= word(c);
	c->a.ssp -= shadow ? word(c) : 0;
	go_to(c, i, next + i->imm);
}

static void ret(struct fake_cpu *c, const struct fake_insn *i)
{
	bool shadow = has_shadow_stack(c);
	uint64_t target, shadowed;

	if (!fake_read(c, stack(c, c->a.gpr[4]), word(c), &target) || (shadow && !shadow_read(c, c->a.ssp, &shadowed)))
		return;
	if (shadow && shadowed != target) {
		fake_raise(c, NVMX_VECTOR_CP, true, CP_NEAR_RET);
		return;
	}
	c->a.gpr[4] += word(c);
	c->a.ssp += shadow ? word(c) : 0;
	go_to(c, i, target);
}

void fake_branch(struct fake_cpu *c, const struct fake_insn *i)
{
	if (i->op == FAKE_CALL)
		call(c, i);
	else
		ret(c, i);
}
