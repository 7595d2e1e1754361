/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What comes from the host's side of assigned devices: frames of L1 that it has moved, faults of the physical unit. */
#include "state.h"

static bool same_space(const struct nvmx_vtd *u, const struct vtd_table *t)
{
	const struct vtd_space *s = &u->flat.spaces[t->space];

	return t->state == TABLE_IN_USE && s->used && s->serial == t->serial;
}

/*
 * A revocation works from what is recorded, never from L1's tables, which may say anything by now: it asks the host for the
 * leaves that name its frames, and makes tables of parts where a leaf can no longer be one.
 */
struct revocation {
	uint64_t gpa, end;
	uint64_t pass;
	struct vtd_table *unlooked; /* tables of parts that it has made */
};

static bool names(const struct revocation *r, const struct vtd_table *t, const struct vtd_leaf *l)
{
	return l->gpa < r->end && r->gpa < l->gpa + BIT64(vtd_shift(t->level));
}

static void follow_leaf(struct nvmx_vtd *u, struct revocation *r, struct vtd_walker *w, struct vtd_table *t, unsigned i,
			const struct vtd_leaf *l)
{
	uint64_t value = 0, was = t->hw[i];
	enum vtd_made made = nvmx_vtd_leaf_make(u, t, i, l, &value);
	struct vtd_table *parts = made == MADE_PARTS ? nvmx_vtd_leaf_split(u, w, t, i, l) : NULL;

	if (made == MADE) {
		nvmx_vtd_leaf_set(u, w, t, i, value, l->gpa);
	} else if (parts) {
		parts->pass = r->pass;
		parts->next = r->unlooked;
		r->unlooked = parts;
	} else {
		nvmx_vtd_leaf_withdraw(u, w, t, i);
	}
	if (made != MADE || value != was)
		u->flat.spaces[t->space].stale = true;
}

static void follow_table(struct nvmx_vtd *u, struct revocation *r, struct vtd_table *t)
{
	bool fresh = u->config.flags & NVMX_VTD_ASSIGN_MAP && t->pass == r->pass; /* nothing of it is mapped yet */
	struct vtd_walker w;
	struct vtd_leaf l;

	nvmx_vtd_walker_start(u, &w, 0, 0);
	for (unsigned i = 0; i < 512; i++)
		if (nvmx_vtd_leaf_of(u, t, i, &l) && (fresh || names(r, t, &l)))
			follow_leaf(u, r, &w, t, i, &l);
	nvmx_vtd_walker_end(u, &u->flat.spaces[t->space], &w);
}

static void follow(struct nvmx_vtd *u, struct revocation *r, struct vtd_table *t)
{
	follow_table(u, r, t);
	while (r->unlooked) {
		t = r->unlooked;
		r->unlooked = t->next;
		follow_table(u, r, t);
	}
}

/* A device-TLB may hold what L1 has unmapped without a word to the device, too: the frame is reachable there until then. */
static void flush_device_tlbs(struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->flat.devices_end; i++) {
		struct vtd_device *d = &u->flat.devices[i];

		if (d->device && d->now.device_tlb && u->flat.spaces[d->now.space].stale)
			nvmx_vtd_flush_device(u, d, 0, EVERYTHING, TLB_FOR_HOST);
	}
	for (unsigned i = 0; i < u->flat.spaces_end; i++)
		u->flat.spaces[i].stale = false;
}

enum nvmx_vtd_verdict nvmx_vtd_host_invalidate(struct nvmx_vtd *u, uint64_t gpa, uint64_t len)
{
	uint64_t end = gpa + len < gpa ? ~0ull : gpa + len, bits = nvmx_vtd_frame_bits(gpa, end - gpa);
	struct revocation r = { .gpa = gpa, .end = end, .pass = ++u->flat.pass };

	/* What is not in use any more would only be in the way; with ASSIGN_TABLES the hardware may still walk `detached`. */
	while (u->flat.dead)
		nvmx_vtd_reap_one(u, &u->flat.dead);
	while (u->config.flags & NVMX_VTD_ASSIGN_MAP && u->flat.detached)
		nvmx_vtd_reap_one(u, &u->flat.detached);
	u->budget = ~0u;
	for (uint64_t *slab = u->flat.slabs; slab; slab = (uint64_t *)(uintptr_t)slab[1])
		for (unsigned i = 1; i < TABLES_PER_SLAB; i++) {
			struct vtd_table *t = vtd_slab_record(slab, i);

			if (t->frames & bits && t->pass != r.pass && same_space(u, t))
				follow(u, &r, t);
		}
	flush_device_tlbs(u);
	u->flat.revoking = true;
	if (!nvmx_vtd_flush(u))
		return NVMX_VTD_WAITING;
	return nvmx_vtd_left(u) == NVMX_VTD_DONE ? NVMX_VTD_DONE : NVMX_VTD_MORE; /* WAITING would be for the frame */
}

bool nvmx_vtd_physical_fault(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, unsigned access)
{
	struct nvmx_vtd_dma ignored;

	vtd_count(u, NVMX_VTD_CNT_PHYSICAL_FAULT);
	if (u->flat.faults >= u->config.fault_burst) {
		nvmx_vtd_trace(u, NVMX_VTD_EV_STORM, source_id, iova);
		return false;
	}
	u->flat.faults++;
	if (!nvmx_vtd_translate(u, source_id, iova, 1, access | NVMX_VTD_UNCACHED, &ignored))
		vtd_count(u, NVMX_VTD_CNT_SPURIOUS_FAULT);
	return true;
}

void nvmx_vtd_tick(struct nvmx_vtd *u)
{
	u->flat.faults = 0;
}
