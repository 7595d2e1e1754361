/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The walk of EPT12, its accessed and dirty flags, and L1's page-modification log. */
#include "walk.h"

void nvmx_ept_walk_begin(struct nvmx_vcpu *v, const struct nvmx_ept_rules *r, uint64_t eptp12, uint64_t gpa2,
			 struct nvmx_ept_walk *w)
{
	uint64_t table = eptp12 & NVMX_EPTE_ADDR, e;
	unsigned level = NVMX_EPTP_WALK(eptp12);

	w->top = (uint8_t)level;
	w->rights = NVMX_EPTE_RIGHTS;
	w->wrote = false;
	for (;; level--) {
		w->level = (uint8_t)level;
		w->table[level] = table;
		w->page[level] = nvmx_map(v, table, r->ad);
		e = w->page[level] ? nvmx_ept_load(w->page[level] + nvmx_ept_index(gpa2, level)) : ~0ull;
		w->entry[level] = e;
		w->rights &= e;
		w->kind = nvmx_ept_kind_of(r, e, level);
		if (w->kind != NVMX_EPT_TABLE || level <= 1) /* at level 1 there is none */
			break;
		table = e & NVMX_EPTE_ADDR;
	}
	w->gpa1 = (e & NVMX_EPTE_ADDR & ~(nvmx_ept_size(level) - 1)) | (gpa2 & (nvmx_ept_size(level) - 1));
}

void nvmx_ept_walk_end(struct nvmx_vcpu *v, struct nvmx_ept_walk *w)
{
	for (unsigned level = w->level; level <= w->top; level++)
		if (w->page[level])
			nvmx_unmap_flags(v, w->table[level], w->page[level], w->wrote);
}

/* Sets `flags` in the entry at `level`; false if L1 changed it since it was read. */
static bool set_flags(struct nvmx_ept_walk *w, unsigned level, uint64_t gpa2, uint64_t flags)
{
	uint64_t *p = w->page[level] + nvmx_ept_index(gpa2, level), old = w->entry[level];

	if ((old & flags) == flags)
		return true;
	if (!__atomic_compare_exchange_n(p, &old, old | flags, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	w->entry[level] = old | flags;
	w->wrote = true;
	return true;
}

/* Appends gpa2 to L1's log (SDM 28.3.6), mapped at `log`.  Where no RAM is, the write goes nowhere, as on the processor. */
static void log_write(struct nvmx_vmcs12 *v12, uint64_t *log, uint64_t gpa2)
{
	if (log)
		__atomic_store_n(log + v12->pml_index, gpa2 & ~0xfffull, __ATOMIC_RELAXED);
	v12->pml_index--;
}

static enum nvmx_ept_flags set_all(struct nvmx_ept_walk *w, uint64_t gpa2, uint64_t need)
{
	unsigned level = w->top;

	for (; level > w->level; level--)
		if (!set_flags(w, level, gpa2, NVMX_EPTE_A))
			return NVMX_EPT_FLAGS_AGAIN;
	return set_flags(w, level, gpa2, need) ? NVMX_EPT_FLAGS_DONE : NVMX_EPT_FLAGS_AGAIN;
}

/* The log before the flag that it tells of: with the flag set it would not be written again. */
static enum nvmx_ept_flags set_and_log(struct nvmx_vcpu *v, struct nvmx_ept_walk *w, uint64_t gpa2, uint64_t need)
{
	uint64_t page = v->cur->v12->pml_address & NVMX_EPTE_ADDR, *log = nvmx_map(v, page, true);
	enum nvmx_ept_flags done;

	if (v->not_now)
		return NVMX_EPT_FLAGS_NOT_NOW;
	done = set_all(w, gpa2, need);
	if (done == NVMX_EPT_FLAGS_DONE)
		log_write(v->cur->v12, log, gpa2);
	if (log)
		nvmx_unmap(v, page, log, done == NVMX_EPT_FLAGS_DONE);
	return done;
}

enum nvmx_ept_flags nvmx_ept_walk_flags(struct nvmx_vcpu *v, struct nvmx_ept_walk *w, uint64_t gpa2, bool write,
					bool pml)
{
	uint64_t need = NVMX_EPTE_A | (write ? NVMX_EPTE_D : 0), clean = w->entry[w->level] & NVMX_EPTE_D;
	bool missing = (w->entry[w->level] & need) != need;
	unsigned level;

	for (level = w->level + 1; level <= w->top; level++)
		missing |= !(w->entry[level] & NVMX_EPTE_A);
	if (!missing)
		return NVMX_EPT_FLAGS_DONE;
	if (pml && v->cur->v12->pml_index > 511)
		return NVMX_EPT_FLAGS_LOG_FULL;
	return pml && write && !clean ? set_and_log(v, w, gpa2, need) : set_all(w, gpa2, need);
}
