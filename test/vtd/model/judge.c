/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Is it what L1 may see? */
#include <stdio.h>
#include "run.h"

static bool covers(const struct pending *p, const struct tree *t, uint64_t iova)
{
	return p->kind == P_GLOBAL || (p->kind == P_DOMAIN && t->did == p->what) ||
	       (p->kind == P_PAGES && t->did == p->what && iova >= p->iova && iova - p->iova < 0x1000ull << p->order);
}

static void free_limbo(struct run *r, struct tree *t, uint64_t since)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->limbo_n; i++)
		if (t->limbo[i].since <= since)
			r->free_tables[r->free_n++] = t->limbo[i].frame;
		else
			t->limbo[n++] = t->limbo[i];
	t->limbo_n = n;
}

static void prune_trees(struct run *r, const struct pending *p)
{
	static const uint64_t nothing;

	for (unsigned n = 0; n < TREES; n++) {
		struct tree *t = &r->tree[n];

		for (unsigned i = 0; i < IOVAS; i++)
			if (p->kind == P_BUFFER)
				ref_prune(&t->page[i].is, p->since, &nothing);
			else if (covers(p, t, run_iovas[i]))
				ref_prune_page(&t->page[i], p->since);
		if (p->kind == P_GLOBAL || (p->kind == P_DOMAIN && p->what == t->did))
			free_limbo(r, t, p->since);
	}
}

static void complete(struct run *r, const struct pending *p)
{
	static const uint64_t block = REF_BLOCK;

	if (p->kind != P_CONTEXT && p->kind != P_IRTE)
		prune_trees(r, p);
	for (unsigned i = 0; i < SIDS; i++)
		if (p->kind == P_BUFFER)
			ref_prune(&r->context[i], p->since, &block);
		else if (p->kind == P_CONTEXT && (p->what == SIDS || p->what == i))
			ref_prune(&r->context[i], p->since, NULL);
	for (unsigned i = 0; p->kind == P_IRTE && i < IRTES; i++)
		if (p->order || p->what == i)
			ref_prune(&r->irte[i], p->since, NULL);
}

void judge_done(struct run *r)
{
	uint32_t status = *(volatile uint32_t *)hw_word(&r->h, (uint64_t)F_STATUS << 12);
	unsigned n = 0;

	if (r->flags & RUN_WILD && r->started)
		return;
	for (unsigned i = 0; i < r->pending_n; i++) {
		const struct pending p = r->pending[i];

		if (p.sequence && (int32_t)(status - p.sequence) >= 0)
			complete(r, &p);
		else
			r->pending[n++] = p;
	}
	r->pending_n = n;
}

void judge_idle(struct run *r)
{
	for (unsigned i = 0; i < r->pending_n; i++)
		complete(r, &r->pending[i]);
	r->pending_n = 0;
}

/* What a DMA at `gpa` would find in the host's memory now: whether it may succeed, and where. */
static bool at_host(struct run *r, uint64_t gpa, unsigned need, const struct hw_result *got)
{
	bool ram = hw_is_ram(&r->h, gpa), granted = ram && !(need & ~hw_rights(&r->h, gpa));

	if (got->ok)
		return got->owner == (ram ? gpa : OWNER_DUMMY);
	return ram && !granted;
}

static bool page_allows(struct run *r, const struct ref_history *p, uint64_t iova, unsigned need,
			const struct hw_result *got)
{
	for (unsigned i = 0; i < p->n; i++) {
		uint64_t v = p->item[i].value;

		if (need & ~REF_RIGHTS(v) ? !got->ok : at_host(r, (v & ~0xfffull) | (iova & 0xfff), need, got))
			return true;
	}
	return p->anything;
}

static bool context_allows(struct run *r, uint64_t context, unsigned page, uint64_t iova, unsigned need,
			   const struct hw_result *got)
{
	switch (context & 0xff) {
	case REF_OFF:
	case REF_PASS: return got->ok ? got->owner == iova : !hw_is_ram(&r->h, iova) || need & ~hw_rights(&r->h, iova);
	case REF_TREE: return page_allows(r, &r->tree[context >> 8].page[page].is, iova, need, got);
	default: return !got->ok;
	}
}

static bool allows(struct run *r, unsigned sid, unsigned page, uint64_t iova, unsigned need, const struct hw_result *got)
{
	const struct ref_history *c = &r->context[sid];

	for (unsigned i = 0; i < c->n; i++)
		if (context_allows(r, c->item[i].value, page, iova, need, got))
			return true;
	return c->anything;
}

static void explain(struct run *r, const char *what, unsigned sid, unsigned page, uint64_t iova, unsigned need, bool ok,
		    uint64_t owner)
{
	const struct ref_history *c = &r->context[sid];

	if (r->h.failed)
		return;
	printf("%s of %u at %#llx, need %u: %s %#llx; it may be", what, sid, (unsigned long long)iova, need,
	       ok ? "reached" : "refused", (unsigned long long)owner);
	for (unsigned i = 0; i < c->n; i++) {
		uint64_t v = c->item[i].value;
		const struct ref_history *p = &r->tree[(v >> 8) % TREES].page[page].is;

		printf(" [%llu/%llu%s:", (unsigned long long)(v & 0xff), (unsigned long long)(v >> 8),
		       c->item[i].ended ? " was" : "");
		for (unsigned k = 0; (v & 0xff) == REF_TREE && k < p->n; k++)
			printf(" %#llx%s", (unsigned long long)p->item[k].value, p->item[k].ended ? " was" : "");
		printf("]");
	}
	printf("\n");
	hw_fail(&r->h, what);
}

/* Map calls cannot replace a mapping at once: a page may be away while the library is at it.  And a device that has not
 * answered the host is blocked. */
static bool may_be_refused(const struct run *r, unsigned device)
{
	return r->flags & RUN_LOSSY || r->h.device[device].muted || (r->flags & RUN_CALLS && r->busy);
}

void judge_dma(struct run *r, unsigned device, unsigned page)
{
	bool write = rnd(r, 2);
	uint64_t iova = run_iovas[page] + rnd(r, 512) * 8;
	struct hw_result got = hw_dma(&r->h, device, iova, write);

	r->dmas++;
	r->dmas_ok += got.ok;
	if (!got.ok) {
		r->faults++;
		nvmx_vtd_physical_fault(r->u, run_source_id(device), iova, write ? NVMX_VTD_WRITE : NVMX_VTD_READ);
		nvmx_vtd_tick(r->u);
	}
	if (r->flags & RUN_WILD || (!got.ok && may_be_refused(r, device)))
		return;
	if (!allows(r, device, page, iova, write ? 2 : 1, &got))
		explain(r, "DMA", device, page, iova, write ? 2 : 1, got.ok, got.owner);
}

/* The answer for an emulated device, and for what the host would ask of an assigned one.  It knows nothing of the host's
 * rights. */
static bool translation_allowed(struct run *r, unsigned sid, unsigned page, uint64_t iova, unsigned need, bool uncached,
				bool ok, uint64_t gpa)
{
	const struct ref_history *c = &r->context[sid];

	for (unsigned i = 0; i < c->n; i++) {
		uint64_t v = c->item[i].value;
		const struct ref_history *p = &r->tree[(v >> 8) % TREES].page[page].is;

		if (uncached && c->item[i].ended)
			continue;
		if (ref_interrupts(iova) && !ok)
			return true;
		if ((v & 0xff) == REF_OFF && ok && gpa == iova)
			return true;
		if ((v & 0xff) == REF_PASS && (iova >> HOST_WIDTH ? !ok : ok && gpa == iova))
			return true;
		if ((v & 0xff) == REF_BLOCK && !ok)
			return true;
		for (unsigned k = 0; (v & 0xff) == REF_TREE && k < p->n; k++)
			if ((!uncached || !p->item[k].ended) &&
			    (need & ~REF_RIGHTS(p->item[k].value) ? !ok :
			     ok && gpa == ((p->item[k].value & ~0xfffull) | (iova & 0xfff))))
				return true;
		if ((v & 0xff) == REF_TREE && p->anything && !uncached)
			return true;
	}
	return c->anything;
}

void judge_translation(struct run *r, unsigned sid, unsigned page)
{
	bool write = rnd(r, 2), uncached = !rnd(r, 4);
	unsigned access = (write ? NVMX_VTD_WRITE : NVMX_VTD_READ) | (uncached ? NVMX_VTD_UNCACHED | NVMX_VTD_SILENT : 0);
	uint64_t iova = run_iovas[page] + rnd(r, 512) * 8;
	struct nvmx_vtd_dma dma;
	enum nvmx_vtd_fault fault = nvmx_vtd_translate(r->u, run_source_id(sid), iova, 8, access, &dma);

	r->translations++;
	if (fault ? dma.len : dma.len != 8)
		hw_fail(&r->h, "a translation with a length that it must not have");
	if (r->flags & RUN_WILD)
		return;
	if (!translation_allowed(r, sid, page, iova, write ? 2 : 1, uncached, !fault, dma.gpa))
		explain(r, uncached ? "uncached translation" : "translation", sid, page, iova, write ? 2 : 1, !fault, dma.gpa);
}

void judge_interrupt(struct run *r, unsigned index)
{
	uint64_t bit = 1ull << index % 64;
	struct nvmx_vtd_msi msi;
	enum nvmx_vtd_fault fault;

	r->interrupts++;
	if (!(r->h.route_valid[index / 64] & bit)) {
		fault = nvmx_vtd_interrupt(r->u, run_source_id(EMULATED), 0xfee00000 | index << 5 | 1 << 4, 0, 0, &msi);
		r->route[index] = fault ? 1ull << 63 | fault : (uint64_t)msi.destination << 16 | (uint64_t)msi.vector << 8 |
			(uint64_t)msi.logical << 3 | msi.delivery_mode;
		if (!fault) /* what is not present is not cached */
			r->h.route_valid[index / 64] |= bit;
	}
	if (r->flags & RUN_WILD)
		return;
	for (unsigned i = 0; i < r->irte[index].n; i++)
		if (r->irte[index].item[i].value == r->route[index])
			return;
	if (!r->irte[index].anything)
		hw_fail(&r->h, "an interrupt that is none of those it may be");
}

/* Everything, by every device. */
void judge_all(struct run *r)
{
	for (unsigned page = 0; page < IOVAS && !r->h.failed; page++) {
		for (unsigned device = 0; device < HW_DEVICES; device++)
			judge_dma(r, device, page);
		judge_translation(r, EMULATED, page);
	}
}
