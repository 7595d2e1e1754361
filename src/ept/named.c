/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * An INVEPT of ranges for all vCPUs of the VM, which one of them asks for.  Roots are a vCPU's own, and only it reads EPT12 for them:
 * so each that has a root of the space is left a note, is made to leave L2, and sees to it before it runs L2 again.
 *
 * A vCPU that makes its first root of the space meanwhile has used nothing of it: its root is empty, and takes over no table that was
 * compared before it was made.
 */
#include "shadow.h"

#define ROOTS_AT_ONCE 64 /* of those that are looked at; where there are more, one is taken to be of the space */

static bool has_root(const struct nvmx_ept_vcpu *e, uint64_t space)
{
	const struct nvmx_ept_root *r = nvmx_ept_first_root(e, space);
	unsigned left = ROOTS_AT_ONCE;

	for (; r && left && (r->role12 ^ space) & NVMX_EPTE_ADDR; r = nvmx_ept_next_root(e, r), left--)
		NVMX_LOCK_VISIT(1);
	return r;
}

/* Whether the vCPU may have translations of the space. */
static bool leave_note(struct nvmx_ept_vcpu *e, const struct nvmx_ept_named *named)
{
	bool has;

	nvmx_ept_hold(e);
	has = has_root(e, named->range[0].space);
	for (uint32_t i = 0; has && i < named->n; i++)
		nvmx_ept_name(&e->named, &named->range[i]);
	if (has) {
		__atomic_store_n(&e->noted, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&e->hot.pending, 1, __ATOMIC_SEQ_CST);
	}
	nvmx_ept_release(e);
	return has;
}

bool nvmx_ept_invept_everywhere(struct nvmx_vcpu *self, const struct nvmx_ept_named *named)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(self->vm);
	bool others = false, has;
	uint32_t *walkers;

	if (!self->ops->kick_others && __atomic_load_n(&ve->vcpus_n, __ATOMIC_RELAXED) > 1)
		return false;
	walkers = nvmx_ept_begin_vcpus(ve);
	for (struct nvmx_vcpu *v = nvmx_ept_first_vcpu(ve); v; v = nvmx_ept_next_vcpu(v)) {
		has = leave_note(nvmx_ept_of(v), named);
		others |= has && v != self;
	}
	nvmx_ept_end_vcpus(walkers);
	if (others && self->ops->kick_others)
		self->ops->kick_others(self->host);
	return true;
}

/* The notes, which are taken out; others may leave new ones from then on. */
static void take_notes(struct nvmx_ept_vcpu *e, struct nvmx_ept_named *out)
{
	nvmx_ept_hold(e);
	*out = e->named;
	e->named.all = false;
	e->named.n = 0;
	__atomic_store_n(&e->noted, 0, __ATOMIC_RELAXED);
	nvmx_ept_release(e);
}

void nvmx_ept_see_to_named(struct nvmx_vcpu *v)
{
	NVMX_NOT_CLEARED struct nvmx_ept_named named;
	uint64_t left = NVMX_EPT_TABLES_AT_ONCE, tables;

	if (v->not_now) /* L2 is not entered: the call comes again */
		return;
	take_notes(nvmx_ept_of(v), &named);
	if (named.all) {
		nvmx_ept_invept(v, NVMX_FLUSH_ALL, 0);
		return;
	}
	for (uint32_t i = 0; i < named.n; i++) {
		const struct nvmx_ept_range *r = &named.range[i];

		tables = (r->end >> 21) - (r->gpa >> 21) + 1;
		if (tables > left) {
			nvmx_ept_invept(v, NVMX_FLUSH_SINGLE, r->space);
			continue;
		}
		left -= tables;
		nvmx_ept_invept_range(v, r->space, r->gpa, r->end);
	}
}
