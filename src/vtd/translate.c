/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* DMA of emulated devices (VT-d 3.6, 3.14, 4.2). */
#include "state.h"

#define INTERRUPT_RANGE 0xfee00000ull
#define INTERRUPT_RANGE_SIZE 0x100000ull
#define UNTRANSLATED_SHIFT 63

struct request {
	uint64_t iova;
	uint16_t source_id;
	unsigned access;
};

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
	if (!fault && cached(r))
		nvmx_vtd_cache_fill(u, c->domain, r->iova, w);
	return fault;
}

static void untranslated(uint64_t iova, struct vtd_walk *w)
{
	*w = (struct vtd_walk){ .gpa = iova, .rights = SL_RIGHTS, .shift = UNTRANSLATED_SHIFT };
}

static bool in_interrupt_range(uint64_t address)
{
	return address - INTERRUPT_RANGE < INTERRUPT_RANGE_SIZE;
}

static enum nvmx_vtd_fault translate(struct nvmx_vtd *u, const struct request *r, struct vtd_context *c,
				     struct vtd_walk *w)
{
	enum nvmx_vtd_fault fault = find_context(u, r, c);

	if (fault)
		return fault;
	if (r->access & (NVMX_VTD_TRANSLATION | NVMX_VTD_TRANSLATED) && c->type != CONTEXT_TT_DEVICE_TLB)
		return NVMX_VTD_FAULT_TYPE;
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
	return r->access & NVMX_VTD_TRANSLATION && (fault == NVMX_VTD_FAULT_READ || fault == NVMX_VTD_FAULT_WRITE);
}

/* How much of [gpa, gpa + len) is one piece: to the page's end, and not into the interrupt range. */
static uint64_t piece(const struct vtd_walk *w, uint64_t len)
{
	uint64_t page = BIT64(w->shift), left = page - (w->gpa & (page - 1));

	if (w->gpa < INTERRUPT_RANGE && left > INTERRUPT_RANGE - w->gpa)
		left = INTERRUPT_RANGE - w->gpa;
	return len < left ? len : left;
}

static uint64_t fault_type(unsigned access)
{
	uint64_t at = access & NVMX_VTD_TRANSLATION ? 1 : access & NVMX_VTD_TRANSLATED ? 2 : 0;

	return at << 60 | (access & NVMX_VTD_WRITE ? 0 : BIT64(62));
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
	if (in_interrupt_range(iova))
		return NVMX_VTD_FAULT_INTERRUPT_RANGE;
	if (u->reg[REG_GSTS] & GCMD_TE)
		fault = translate(u, &r, &c, &w);
	else
		untranslated(iova, &w);
	if (fault && answers_without_rights(&r, fault)) {
		w = (struct vtd_walk){ .shift = 12 };
		fault = NVMX_VTD_FAULT_NONE;
	}
	if (fault) {
		if (!(access & NVMX_VTD_SILENT))
			nvmx_vtd_fault(u, source_id, fault, c.fpd, iova & ADDRESS_BITS, fault_type(access));
		return fault;
	}
	*out = (struct nvmx_vtd_dma){ .gpa = w.gpa, .len = piece(&w, len), .rights = w.rights, .page_shift = w.shift,
				      .snoop = w.snoop };
	return NVMX_VTD_FAULT_NONE;
}
