/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Registers that L1 and L2 share unless a control loads them: counters' enables, bound configuration, CET state, protection
 * keys (the rows CARRY of leave.def).  Where the host loads them for L1, L1's value is a field of vmcs01: it goes into vmcs02, and
 * what L2 leaves comes back (a register is loaded only under its control, SDM 26.3.2.1 and 27.5.1; an exit saves it where an entry
 * can load it, SDM 27.3.1).
 */
#include "merge.h"
#include "port.h"

static const struct {
	uint8_t guest, host; /* rows; the exit clears what has no host field */
	uint8_t step;
	uint32_t load, exit;
} carried[NVMX_CARRIED] = {
#define CARRY(FIELD, STEP, load, exit, host, reads) { NVMX_I_##FIELD, host, NVMX_M_##STEP, load, exit },
#include "../vmcs/leave.def"
};
_Static_assert(NVMX_ROWS <= 256, "a row fits a byte");

static uint32_t encoding(unsigned i)
{
	return nvmx_field_rows[carried[i].guest].encoding;
}

/* Whether L1's VM entry or exit loads the register of a VMCS: not where the host emulates L1's, and the VMCSs have its own. */
static bool entry_loads(const struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, unsigned i)
{
	return v12->entry_ctls & carried[i].load & ~nvmx_loads_emulated(v);
}

static bool exit_loads(const struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, unsigned i)
{
	return v12->exit_ctls & carried[i].exit && !(carried[i].load & nvmx_loads_emulated(v));
}

void nvmx_carry_read01(struct nvmx_vcpu *v, uint64_t steps, uint64_t value[NVMX_CARRIED])
{
	for (unsigned i = 0; i < NVMX_CARRIED; i++)
		if (steps >> carried[i].step & 1 && v->vmcs01.ctl[NVMX_WORD_ENTRY] & carried[i].load)
			value[i] = nvmx_vmread(v, encoding(i));
}

/* vmcs12's values, unless vmcs02 holds newer ones; L1's where vmcs02 loads them for the host's sake. */
static enum nvmx_step_end to_l2(struct nvmx_merging *m, unsigned step)
{
	struct nvmx_slot *s = m->s;

	for (unsigned i = 0; i < NVMX_CARRIED; i++) {
		if (carried[i].step != step)
			continue;
		if (!entry_loads(m->v, m->v12, i)) {
			if (s->ctl02[NVMX_WORD_ENTRY] & carried[i].load)
				nvmx_vmwrite(m->v, encoding(i), m->l1->carried[i]);
		} else if (!nvmx_set_has(&s->stale, carried[i].guest)) {
			nvmx_vmwrite(m->v, encoding(i), nvmx_v12_get(m->v12, carried[i].guest));
		}
	}
	return NVMX_STEP_DONE;
}

enum nvmx_step_end nvmx_merge_PERF(struct nvmx_merging *m)
{
	return to_l2(m, NVMX_M_PERF);
}

enum nvmx_step_end nvmx_merge_BNDCFGS(struct nvmx_merging *m)
{
	return to_l2(m, NVMX_M_BNDCFGS);
}

enum nvmx_step_end nvmx_merge_CET(struct nvmx_merging *m)
{
	return to_l2(m, NVMX_M_CET);
}

enum nvmx_step_end nvmx_merge_PKRS(struct nvmx_merging *m)
{
	return to_l2(m, NVMX_M_PKRS);
}

void nvmx_carry_left(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, uint64_t value[NVMX_CARRIED])
{
	for (unsigned i = 0; i < NVMX_CARRIED; i++)
		if (v->vmcs01.ctl[NVMX_WORD_ENTRY] & carried[i].load && !exit_loads(v, v12, i))
			value[i] = nvmx_vmread(v, encoding(i));
}

void nvmx_carry_to_l1(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, const uint64_t value[NVMX_CARRIED])
{
	for (unsigned i = 0; i < NVMX_CARRIED; i++) {
		if (!(v->vmcs01.ctl[NVMX_WORD_ENTRY] & carried[i].load))
			continue;
		if (!exit_loads(v, v12, i))
			nvmx_vmwrite(v, encoding(i), value[i]);
		else
			nvmx_vmwrite(v, encoding(i), carried[i].host ? nvmx_v12_get(v12, carried[i].host) : 0);
	}
}

/* Of the host's log (SDM 28.3.6), which L1 and L2 fill on the host's own EPT, the index is the one thing that changes. */
static void hand_index(struct nvmx_vcpu *v, uint64_t from, uint64_t to)
{
	uint64_t index;

	nvmx_vmcs_load(v, from);
	index = nvmx_vmread(v, NVMX_PML_INDEX);
	nvmx_vmcs_load(v, to);
	nvmx_vmwrite(v, NVMX_PML_INDEX, index);
}

void nvmx_log_to_l2(struct nvmx_vcpu *v)
{
	hand_index(v, v->config.vmcs01, v->cur->page02.hpa);
}

void nvmx_log_to_l1(struct nvmx_vcpu *v)
{
	hand_index(v, v->cur->page02.hpa, v->config.vmcs01);
}
