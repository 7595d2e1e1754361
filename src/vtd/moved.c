/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What comes from the host's side of assigned devices: frames of L1 that it has moved, faults of the physical unit. */
#include "state.h"

static bool same_space(const struct nvmx_vtd *u, const struct vtd_table *t)
{
	const struct vtd_space *s = &u->flat.spaces[t->space];

	return t->state == TABLE_IN_USE && s->used && s->serial == t->serial;
}

static void flush_device_tlbs(struct nvmx_vtd *u, unsigned space)
{
	for (unsigned i = 0; i < u->flat.devices_end; i++) {
		struct vtd_device *d = &u->flat.devices[i];

		if (d->device && d->now.kind == NVMX_VTD_DOMAIN && d->now.space == space && d->now.device_tlb)
			nvmx_vtd_flush_device(u, d, 0, EVERYTHING);
	}
}

/* A leaf that must be mapped in parts now: they are made at once, so that the device misses nothing. */
static void walk_entry(struct nvmx_vtd *u, struct vtd_table *t, unsigned i)
{
	struct vtd_space *s = &u->flat.spaces[t->space];
	uint64_t first = vtd_entry_base(t, i);
	struct vtd_walker w;

	nvmx_vtd_walker_start(u, &w, first, first + BIT64(vtd_shift(t->level)));
	while (w.cursor < w.end) {
		while (u->config.flags & NVMX_VTD_ASSIGN_MAP && u->flat.detached)
			nvmx_vtd_reap_one(u, &u->flat.detached);
		nvmx_vtd_walker_step(u, s, &w);
	}
	nvmx_vtd_walker_end(u, s, &w);
}

static void follow_table(struct nvmx_vtd *u, struct vtd_table *t, uint64_t gpa, uint64_t end)
{
	struct vtd_space *s = &u->flat.spaces[t->space];
	struct vtd_walker w;
	bool any = false;

	nvmx_vtd_walker_start(u, &w, 0, 0);
	for (unsigned i = 0; i < 512; i++) {
		if (!nvmx_vtd_leaf_names(u, t, i, gpa, end) || !nvmx_vtd_leaf_moved(u, &w, t, i))
			continue;
		any = true;
		if (vtd_below(t, i))
			walk_entry(u, t, i);
		if (nvmx_vtd_leaf_names(u, t, i, gpa, end) && vtd_below(t, i))
			nvmx_vtd_leaf_revoke(u, &w, t, i);
	}
	nvmx_vtd_walker_end(u, s, &w);
	if (any)
		flush_device_tlbs(u, t->space);
}

enum nvmx_vtd_verdict nvmx_vtd_host_invalidate(struct nvmx_vtd *u, uint64_t gpa, uint64_t len)
{
	uint64_t end = gpa + len < gpa ? ~0ull : gpa + len, bits = nvmx_vtd_frame_bits(gpa, end - gpa);

	/* What is not in use any more would only be in the way; with ASSIGN_TABLES the hardware may still walk `detached`. */
	while (u->flat.dead)
		nvmx_vtd_reap_one(u, &u->flat.dead);
	while (u->config.flags & NVMX_VTD_ASSIGN_MAP && u->flat.detached)
		nvmx_vtd_reap_one(u, &u->flat.detached);
	u->budget = ~0u;
	for (uint64_t *slab = u->flat.slabs; slab; slab = (uint64_t *)(uintptr_t)slab[1])
		for (unsigned i = 1; i < TABLES_PER_SLAB; i++) {
			struct vtd_table *t = vtd_slab_record(slab, i);

			if (t->frames & bits && same_space(u, t))
				follow_table(u, t, gpa, end);
		}
	return nvmx_vtd_flush(u) ? NVMX_VTD_DONE : NVMX_VTD_WAITING;
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
