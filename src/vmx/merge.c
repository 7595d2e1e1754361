/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Which steps of steps.def a VM entry runs, and running them.
 */
#include "hold.h"
#include "merge.h"
#include "port.h"

void nvmx_merge_begin(struct nvmx_merging *m, struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_l1_regs *l1,
		      const struct nvmx_check_input *in)
{
	*m = (struct nvmx_merging){ .v = v, .s = s, .v12 = s->v12, .c01 = &v->vmcs01, .l1 = l1, .in = in,
				  .proc2 = nvmx_v12_proc2(s->v12) };
}

uint64_t nvmx_merge_steps(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_check_input *in)
{
	const struct nvmx_step_masks *masks = &v->vm->steps;
	uint64_t steps = s->pending;
	unsigned row;

	if (!s->all_dirty && !nvmx_set_within(&s->dirty, &masks->quiet))
		NVMX_FOR_EACH_ROW(row, &s->dirty)
			steps |= masks->of12[row];
	if (in->pdpte_known)
		steps |= masks->of_fact[NVMX_FACT_PDPTES];
	if (steps & NVMX_STEP(EACH)) {
		struct nvmx_merging m;

		/* Old and new: a register that was L1's needs vmcs12's value once, one that becomes L1's needs L1's from now on. */
		steps = (steps | s->each) & ~NVMX_STEP(EACH);
		nvmx_merge_begin(&m, v, s, NULL, in);
		nvmx_merge_EACH(&m);
	}
	return s->pending = steps | s->each;
}

enum nvmx_step_end nvmx_merge_EACH(struct nvmx_merging *m)
{
	uint32_t l1s = nvmx_loads02(m->c01) & ~(m->v12->entry_ctls & ~nvmx_loads_emulated(m->v));

	m->s->each = nvmx_steps_each(&m->v->vm->steps, m->v12, l1s);
	return NVMX_STEP_DONE;
}

void nvmx_merge_read01(struct nvmx_vcpu *v, uint64_t steps, struct nvmx_l1_regs *l1)
{
	if (steps & NVMX_STEP(EFER))
		l1->efer = nvmx_see01(v, GUEST_EFER);
	if (steps & NVMX_STEP(PAT))
		l1->pat = nvmx_see01(v, GUEST_PAT);
	if (steps & NVMX_STEP(DEBUG)) {
		l1->debugctl = nvmx_see01(v, GUEST_DEBUGCTL);
		l1->dr7 = nvmx_see01(v, GUEST_DR7);
	}
	if (nvmx_carries(v))
		nvmx_carry_read01(v, steps, l1->carried);
}

enum nvmx_step_end nvmx_merge_step(struct nvmx_merging *m, unsigned step)
{
	static enum nvmx_step_end (*const run[NVMX_M_STEPS_END])(struct nvmx_merging *m) = {
#define STEP(NAME, reads) [NVMX_M_##NAME] = nvmx_merge_##NAME,
#define LAST(NAME, reads)
#include "../vmcs/steps.def"
	};

	return run[step](m);
}

static bool stopped(struct nvmx_merging *m, enum nvmx_step_end end)
{
	switch (end) {
	case NVMX_STEP_NO_PIN:
		nvmx_stop_vm(m->v, NVMX_STOP_HOST_OP, m->unpinned);
		break;
	case NVMX_STEP_REFUSED:
		nvmx_stop_refused(m->v, NVMX_STOP_CONTROL, &m->v->refused01);
		nvmx_release(m->v);
		break;
	default:
		nvmx_stop_vm(m->v, NVMX_STOP_NO_MEMORY, 0);
	}
	return false;
}

static void write_guest_rows(struct nvmx_vcpu *v, const struct nvmx_slot *s)
{
	unsigned row;

	NVMX_FOR_EACH_ROW(row, &s->dirty)
		if (nvmx_field_rows[row].merge == NVMX_M_GUEST)
			nvmx_vmwrite(v, nvmx_field_rows[row].encoding, nvmx_v12_get(s->v12, row));
}

/* The same where all are dirty: a statement for each. */
static __attribute__((__noinline__)) void write_all_guest_rows(struct nvmx_vcpu *v, const struct nvmx_slot *s)
{
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group)                               \
	if (NVMX_M_##merge == NVMX_M_GUEST && nvmx_set_has(&s->dirty, NVMX_I_##NAME))               \
		nvmx_vmwrite(v, NVMX_##NAME, s->v12->member);
#include "../vmcs/fields.def"
}

bool nvmx_merge(struct nvmx_vcpu *v, struct nvmx_slot *s, uint64_t steps, const struct nvmx_l1_regs *l1,
		const struct nvmx_check_input *in)
{
	enum nvmx_step_end end;
	struct nvmx_merging m;

	if (s->all_dirty)
		write_all_guest_rows(v, s);
	else
		write_guest_rows(v, s);
	s->all_dirty = false;
	s->dirty = (struct nvmx_rowset){ { 0 } };
	if (!steps)
		return true;
	nvmx_merge_begin(&m, v, s, l1, in);
	for (; steps; steps &= steps - 1) {
		end = nvmx_merge_step(&m, (unsigned)__builtin_ctzll(steps));
		if (end != NVMX_STEP_DONE) {
			s->pending = steps;
			return stopped(&m, end);
		}
	}
	s->pending = 0;
	return true;
}
