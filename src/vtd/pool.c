/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Pages and records of flattened tables. */
#include "state.h"

#define COST_REAP 64u

void nvmx_vtd_page_free(struct nvmx_vtd *u, uint64_t *page, uint64_t hpa)
{
	if (!page)
		return;
	u->flat.pages--;
	u->ops->page_free(u->host, page, hpa);
}

static void free_table(struct nvmx_vtd *u, struct vtd_table *t)
{
	nvmx_vtd_page_free(u, t->hw, t->hw_hpa);
	nvmx_vtd_page_free(u, t->copy, t->copy_hpa);
	nvmx_vtd_page_free(u, t->side, t->side_hpa);
	*t = (struct vtd_table){ .next = u->flat.free };
	u->flat.free = t;
}

/* What dma_map has mapped for a table that is no more. */
static void unmap_leaves(struct nvmx_vtd *u, const struct vtd_table *t)
{
	for (unsigned i = 0; i < 512; i++)
		if (t->hw[i] && !vtd_below(t, i)) {
			u->ops->dma_unmap(u->host, u->flat.spaces[t->space].handle, vtd_entry_base(t, i),
					  BIT64(vtd_shift(t->level)));
			vtd_spend(u, COST_LEAF);
		}
}

/* Tables below, and those that a staged one was to replace, join the list. */
static void release_below(struct vtd_table *t, struct vtd_table **list)
{
	for (unsigned i = 0; t->level > 1 && i < 512; i++) {
		struct vtd_table *below = vtd_below(t, i), *old;

		if (!below)
			continue;
		old = below->old;
		below->next = *list;
		*list = below;
		if (old) {
			old->next = *list;
			*list = old;
		}
	}
}

void nvmx_vtd_reap_one(struct nvmx_vtd *u, struct vtd_table **list)
{
	struct vtd_table *t = *list;

	vtd_spend(u, COST_REAP);
	u->flat.released = true;
	*list = t->next;
	if (u->config.flags & NVMX_VTD_ASSIGN_MAP && list == &u->flat.detached)
		unmap_leaves(u, t);
	release_below(t, list);
	free_table(u, t);
}

bool nvmx_vtd_reap(struct nvmx_vtd *u, struct vtd_table **list)
{
	while (*list) {
		if (!u->budget)
			return false;
		nvmx_vtd_reap_one(u, list);
	}
	return true;
}

/* Where pages are short, tables that nothing leads to any more go first; of those that the hardware may still know,
 * `starved` keeps in mind that there is something to try again. */
static bool release_one(struct nvmx_vtd *u)
{
	if (u->flat.dead) {
		nvmx_vtd_reap_one(u, &u->flat.dead);
		return true;
	}
	u->flat.starved = true;
	u->flat.released = false;
	return false;
}

/* Whether the budget has as many pages: what could only be made in part is not begun. */
static bool room(struct nvmx_vtd *u, uint32_t pages)
{
	while (u->flat.pages + pages > u->config.pages)
		if (!release_one(u))
			return false;
	return true;
}

uint64_t *nvmx_vtd_page(struct nvmx_vtd *u, uint64_t *hpa)
{
	for (;;) {
		uint64_t *page = u->flat.pages < u->config.pages ? u->ops->page_alloc(u->host, hpa) : NULL;

		if (page) {
			u->flat.pages++;
			vtd_count(u, NVMX_VTD_CNT_PAGES);
			return page;
		}
		if (!release_one(u))
			return NULL;
	}
}

static bool new_slab(struct nvmx_vtd *u)
{
	uint64_t hpa, *slab = nvmx_vtd_page(u, &hpa);

	if (!slab)
		return false;
	slab[0] = hpa;
	slab[1] = (uintptr_t)u->flat.slabs;
	u->flat.slabs = slab;
	for (unsigned i = 1; i < TABLES_PER_SLAB; i++) {
		struct vtd_table *t = vtd_slab_record(slab, i);

		t->next = u->flat.free;
		u->flat.free = t;
	}
	return true;
}

struct vtd_table *nvmx_vtd_table_new(struct nvmx_vtd *u, unsigned space, unsigned level, uint64_t base, uint64_t gpa12,
				     bool parts)
{
	struct vtd_table *t;

	vtd_spend(u, COST_LEAF); /* also for an attempt */
	if (!room(u, 1u + !parts + (level > 1)) || (!u->flat.free && !new_slab(u)))
		return NULL;
	t = u->flat.free;
	u->flat.free = t->next;
	*t = (struct vtd_table){
		.level = (uint8_t)level, .space = (uint8_t)space, .base = base, .gpa12 = gpa12, .state = TABLE_IN_USE,
		.rights = SL_RIGHTS, .serial = u->flat.spaces[space].serial,
	};
	t->interrupts = vtd_meets_interrupts(base, vtd_span(t));
	t->hw = nvmx_vtd_page(u, &t->hw_hpa);
	if (t->hw && !parts)
		t->copy = nvmx_vtd_page(u, &t->copy_hpa);
	if (t->hw && level > 1)
		t->side = nvmx_vtd_page(u, &t->side_hpa);
	if (!t->hw || (!parts && !t->copy) || (level > 1 && !t->side)) {
		free_table(u, t);
		return NULL;
	}
	if (u->ops->table_written)
		u->ops->table_written(u->host, t->hw, 4096);
	return t;
}

void nvmx_vtd_detach(struct nvmx_vtd *u, struct vtd_table *t)
{
	t->parent = NULL;
	t->next = u->flat.detached;
	u->flat.detached = t;
}

void nvmx_vtd_pool_destroy(struct nvmx_vtd *u)
{
	uint64_t *slab = u->flat.slabs;

	while (slab) {
		uint64_t *next = (uint64_t *)(uintptr_t)slab[1];

		nvmx_vtd_page_free(u, slab, slab[0]);
		slab = next;
	}
	nvmx_vtd_page_free(u, u->flat.dummy, u->flat.dummy_hpa);
	u->flat.slabs = NULL;
	u->flat.dummy = NULL;
}
