/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* DMA of emulated devices (VT-d 3.6, 3.14, 4.2). */
#include "state.h"

#define UNTRANSLATED_SHIFT 63

struct request {
	uint64_t iova;
	uint16_t source_id;
	unsigned access;
};

static bool in_interrupt_range(uint64_t address)
{
	return address - INTERRUPT_RANGE < INTERRUPT_RANGE_SIZE;
}

static bool cached(const struct request *r)
{
	return !(r->access & NVMX_VTD_UNCACHED);
}

static enum nvmx_vtd_fault find_context(struct nvmx_vtd *u, const struct request *r, struct vtd_context *c)
{
	struct vtd_context_line *line = nvmx_vtd_cache_context(u, r->source_id);
	enum nvmx_vtd_fault fault;

	if (cached(r) && line->valid && line->source_id == r->source_id) {
		*c = line->context;
		return NVMX_VTD_FAULT_NONE;
	}
	fault = nvmx_vtd_context_fetch(u, r->source_id, c);
	if (!fault && cached(r))
		*line = (struct vtd_context_line){ .context = *c, .source_id = r->source_id, .valid = true };
	return fault;
}

/* The rights without which a request is refused: 0 for a translation request, which is told what there is, and for a
 * zero-length read where those of write-only pages are allowed (CAP.ZLR). */
static unsigned needs(const struct nvmx_vtd *u, unsigned access)
{
	if (access & NVMX_VTD_TRANSLATION)
		return 0;
	if (access & NVMX_VTD_WRITE)
		return SL_W;
	return access & NVMX_VTD_ZERO_LENGTH && vtd_has(u, NVMX_VTD_F_ZERO_LENGTH) ? 0 : SL_R;
}

/* A warm answer is given only if it refuses nothing: a refusal is what the tables say now. */
static enum nvmx_vtd_fault walk(struct nvmx_vtd *u, const struct request *r, const struct vtd_context *c,
				struct vtd_walk *w)
{
	unsigned need = needs(u, r->access);
	struct vtd_tlb_line *line;
	enum nvmx_vtd_fault fault;

	if (cached(r) && r->iova < vtd_limit(u, c->levels)) {
		line = nvmx_vtd_cache_find(u, c->domain, r->iova);
		if (line && !(need & ~line->rights)) {
			vtd_count(u, NVMX_VTD_CNT_TRANSLATE_HIT);
			*w = (struct vtd_walk){ .gpa = line->gpa | (r->iova & (BIT64(line->shift) - 1)),
						.rights = line->rights, .shift = line->shift, .snoop = line->snoop };
			return NVMX_VTD_FAULT_NONE;
		}
	}
	fault = nvmx_vtd_walk(u, c, r->iova, need, w);
	if (!fault && cached(r) && !in_interrupt_range(w->gpa)) /* what is at fault is not kept (6.2.4) */
		nvmx_vtd_cache_fill(u, c->domain, r->iova, w);
	return fault;
}

static void untranslated(uint64_t iova, struct vtd_walk *w)
{
	*w = (struct vtd_walk){ .gpa = iova, .rights = SL_RIGHTS, .shift = UNTRANSLATED_SHIFT };
}

/* 3.14: a translation request gets write-only and untranslated-only, or nothing; what else comes here is no interrupt. */
static enum nvmx_vtd_fault interrupt_range(const struct request *r, struct vtd_walk *w)
{
	if (!(r->access & NVMX_VTD_TRANSLATION))
		return NVMX_VTD_FAULT_INTERRUPT_RANGE;
	*w = (struct vtd_walk){ .gpa = r->iova, .rights = r->access & NVMX_VTD_WRITE ? SL_W : 0, .shift = 12 };
	return NVMX_VTD_FAULT_NONE;
}

static enum nvmx_vtd_fault translate(struct nvmx_vtd *u, const struct request *r, struct vtd_context *c,
				     struct vtd_walk *w)
{
	enum nvmx_vtd_fault fault = find_context(u, r, c);

	if (fault)
		return fault;
	if (r->access & (NVMX_VTD_TRANSLATION | NVMX_VTD_TRANSLATED) && c->type != CONTEXT_TT_DEVICE_TLB)
		return NVMX_VTD_FAULT_TYPE;
	if (in_interrupt_range(r->iova))
		return interrupt_range(r, w);
	if (c->type == CONTEXT_TT_PASS || r->access & NVMX_VTD_TRANSLATED) {
		untranslated(r->iova, w);
		return r->iova >> u->config.host_width ? NVMX_VTD_FAULT_WIDTH : NVMX_VTD_FAULT_NONE;
	}
	fault = walk(u, r, c, w);
	return !fault && in_interrupt_range(w->gpa) ? NVMX_VTD_FAULT_INTERRUPT_RANGE : fault;
}

/* A translation request for what may not be accessed is answered with no rights (4.2.3). */
static bool answers_without_rights(const struct request *r, enum nvmx_vtd_fault fault)
{
	return r->access & NVMX_VTD_TRANSLATION &&
	       (fault == NVMX_VTD_FAULT_READ || fault == NVMX_VTD_FAULT_WRITE || fault == NVMX_VTD_FAULT_WIDTH);
}

/* Less of what is left where a border lies ahead. */
static uint64_t until(uint64_t address, uint64_t border, uint64_t left)
{
	return address < border && left > border - address ? border - address : left;
}

/* What is more than a small page may reach into the interrupt range, as it is asked for or as it is translated, and what is not
 * translated beyond the host address width: that is judged by itself. */
static __attribute__((__noinline__)) uint64_t up_to_borders(const struct nvmx_vtd *u, const struct vtd_walk *w, uint64_t iova,
							     uint64_t left)
{
	left = until(iova, INTERRUPT_RANGE, left);
	left = until(w->gpa, INTERRUPT_RANGE, left);
	return w->shift == UNTRANSLATED_SHIFT ? until(w->gpa, BIT64(u->config.host_width), left) : left;
}

/* How much of [iova, iova + len) is one piece. */
static uint64_t piece(const struct nvmx_vtd *u, const struct vtd_walk *w, uint64_t iova, uint64_t len)
{
	uint64_t page = BIT64(w->shift), left = page - (w->gpa & (page - 1));

	if (w->shift > 12)
		left = up_to_borders(u, w, iova, left);
	return len < left ? len : left;
}

/* A device-TLB takes all of the page for translated.  What it asks of the interrupt range is to be answered otherwise (3.14), so it
 * gets a page without that. */
static void keep_interrupts_out(const struct request *r, struct vtd_walk *w)
{
	while (w->shift > 12 && vtd_meets_interrupts(r->iova >> w->shift << w->shift, BIT64(w->shift)))
		w->shift -= 9;
}

/* 10.4.14: the address type without device-TLBs, and address bits beyond the deepest table's, are 0. */
static uint64_t fault_type(const struct nvmx_vtd *u, unsigned access)
{
	uint64_t at = access & NVMX_VTD_TRANSLATION ? 1 : access & NVMX_VTD_TRANSLATED ? 2 : 0;

	return (vtd_has(u, NVMX_VTD_F_DEVICE_TLB) ? at << 60 : 0) | (access & NVMX_VTD_WRITE ? 0 : BIT64(62));
}

static uint64_t fault_info(const struct nvmx_vtd *u, uint64_t iova)
{
	return iova & ADDRESS_BITS & (BIT64(u->config.levels & NVMX_VTD_LEVELS_4 ? 48 : 39) - 1);
}

/* What is not subject to remapping, or refused before it: 3.14, 4.2.1.  true: `*fault` is the answer. */
static bool bypasses(const struct nvmx_vtd *u, const struct request *r, uint64_t len, struct vtd_walk *w,
		     enum nvmx_vtd_fault *fault)
{
	bool ats = r->access & (NVMX_VTD_TRANSLATION | NVMX_VTD_TRANSLATED), interrupt = in_interrupt_range(r->iova);
	bool on = u->reg[REG_GSTS] & GCMD_TE;

	untranslated(r->iova, w);
	*fault = NVMX_VTD_FAULT_NONE;
	if (!on && ats)
		*fault = NVMX_VTD_FAULT_TYPE;
	else if (interrupt && !ats && r->access & NVMX_VTD_ZERO_LENGTH)
		w->rights = SL_R;
	else if (interrupt && (!on || (!ats && r->access & NVMX_VTD_WRITE && len == 4 && !(r->iova & 3))))
		*fault = NVMX_VTD_FAULT_INTERRUPT_RANGE;
	else
		return !on;
	return true;
}

enum nvmx_vtd_fault nvmx_vtd_translate(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, uint64_t len,
				       unsigned access, struct nvmx_vtd_dma *out)
{
	struct request r = { .iova = iova, .source_id = source_id, .access = access };
	struct vtd_context c = { 0 };
	struct vtd_walk w = { 0 };
	enum nvmx_vtd_fault fault = NVMX_VTD_FAULT_NONE;

	vtd_count(u, NVMX_VTD_CNT_TRANSLATE);
	*out = (struct nvmx_vtd_dma){ 0 };
	if (bypasses(u, &r, len, &w, &fault)) {
		if (fault)
			return fault;
	} else {
		fault = translate(u, &r, &c, &w);
	}
	if (fault && answers_without_rights(&r, fault)) {
		w = (struct vtd_walk){ .shift = 12 };
		fault = NVMX_VTD_FAULT_NONE;
	}
	if (fault) {
		if (!(access & NVMX_VTD_SILENT))
			nvmx_vtd_fault(u, source_id, fault, c.fpd, fault_info(u, iova), fault_type(u, access));
		return fault;
	}
	if (access & NVMX_VTD_TRANSLATION) {
		keep_interrupts_out(&r, &w);
		out->untranslated_only = in_interrupt_range(iova) && w.rights;
	}
	out->gpa = w.gpa;
	out->len = piece(u, &w, iova, len);
	out->rights = w.rights;
	out->page_shift = w.shift;
	out->snoop = w.snoop;
	return NVMX_VTD_FAULT_NONE;
}
