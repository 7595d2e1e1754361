/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The EPTP list of vmcs02, by which the processor itself switches L2 between roots (SDM 25.5.6.3).  It begins empty: what
 * L2 switches to by a VM exit is entered, an entry is taken out as soon as its root waits for something or L1's list
 * says another thing at a VM entry.  An empty entry makes VMFUNC exit.
 */
#include "shadow.h"

/* Whether L2 may go to the root without the library. */
static bool ready(const struct nvmx_ept_vcpu *e, const struct nvmx_ept_listed *l)
{
	const struct nvmx_ept_root *r = nvmx_ept_root_at(e, l->root);

	return r->role12 == l->role12 && !nvmx_ept_is_stale(e, r) && !nvmx_ept_owes_flush(e, r);
}

static uint64_t *hw_list(const struct nvmx_ept_vcpu *e)
{
	return (uint64_t *)e->list.va;
}

static void take_out(struct nvmx_ept_vcpu *e, unsigned i)
{
	hw_list(e)[e->listed[i].index] = 0;
	e->listed[i] = e->listed[--e->listed_n];
}

void nvmx_ept_list_review(struct nvmx_ept_vcpu *e)
{
	for (unsigned i = e->listed_n; i-- > 0;)
		if (!ready(e, &e->listed[i]))
			take_out(e, i);
}

/* L1's list as it is at this VM entry; it may not be changed before the next one (SDM 24.11.4). */
static void compare(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint64_t mode = nvmx_ept_role(v12) & NVMX_EPT_ROLE_MODE_EXEC;
	uint64_t *list12 = nvmx_map_at_hand(v, v12->eptp_list_addr);

	nvmx_ept_hold(e);
	for (unsigned i = e->listed_n; i-- > 0;) {
		const struct nvmx_ept_listed *l = &e->listed[i];

		/* an entry of L1's with the role's own bits in it is no EPTP */
		if (!list12 || nvmx_ept_load(list12 + l->index) != (l->role12 & ~NVMX_EPT_ROLE_MODE_EXEC) ||
		    (l->role12 & NVMX_EPT_ROLE_MODE_EXEC) != mode)
			take_out(e, i);
	}
	nvmx_ept_list_review(e);
	nvmx_ept_release(e);
	if (list12)
		nvmx_unmap_frame(v, v12->eptp_list_addr, list12, false);
}

uint64_t nvmx_ept_list(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	if (!e->list.va) {
		if (!nvmx_ept_stock(v))
			return 0;
		e->list.va = nvmx_ept_take(e, &e->list.hpa);
	}
	if (e->listed_n)
		compare(v, v12);
	return e->list.hpa;
}

static unsigned place(struct nvmx_ept_vcpu *e, unsigned index)
{
	unsigned i = 0;

	while (i < e->listed_n && e->listed[i].index != index)
		i++;
	if (i < NVMX_EPT_LISTED)
		return i;
	i = e->listed_next++ % NVMX_EPT_LISTED;
	hw_list(e)[e->listed[i].index] = 0;
	return i;
}

void nvmx_ept_list_add(struct nvmx_vcpu *v, unsigned index, uint64_t role12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	struct nvmx_ept_root *r = nvmx_ept_find_root(e, role12);
	struct nvmx_ept_listed l;
	unsigned i;

	if (!r)
		return;
	l = (struct nvmx_ept_listed){ r->role12, (uint16_t)index, r->number };
	nvmx_ept_hold(e);
	if (ready(e, &l)) {
		i = place(e, index);
		e->listed_n = i < e->listed_n ? e->listed_n : i + 1;
		e->listed[i] = l;
		hw_list(e)[index] = r->eptp02;
	}
	nvmx_ept_release(e);
}

uint64_t nvmx_ept_shadowed(struct nvmx_vcpu *v, uint64_t eptp02)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	const struct nvmx_ept_root *r;

	for (unsigned i = 0; i < e->listed_n; i++) {
		r = nvmx_ept_root_at(e, e->listed[i].root);
		if (r->role12 && r->eptp02 == eptp02)
			return r->role12 & ~NVMX_EPT_ROLE_MODE_EXEC;
	}
	for (unsigned i = 0; i < e->roots_n; i++) {
		r = nvmx_ept_root_at(e, i);
		if (r->role12 && r->eptp02 == eptp02)
			return r->role12 & ~NVMX_EPT_ROLE_MODE_EXEC;
	}
	return 0;
}
