/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's driver: edits tables at random, and tells the unit what the specification says it must be told. */
#include <string.h>
#include "run.h"

#define LARGE 0x80ull
#define TABLE_ADDRESS 0xfffffff000ull
#define ROUNDS 20000u

const uint64_t run_iovas[IOVAS] = {
#define AREA(a) a, (a) + 0x1000, (a) + 0x2000, (a) + 0x7000, (a) + 0x8000, (a) + 0xff000, (a) + 0x1fe000, (a) + 0x1ff000
	AREA(0x0ull), AREA(0xfee00000ull), AREA(0x40000000ull), AREA(0x40200000ull), AREA(0x7fc0000000ull),
	AREA(0x7fffe00000ull), AREA(0x8000000000ull), AREA(0xffffffe00000ull),
};

uint32_t rnd(struct run *r, uint32_t below)
{
	return hw_random(&r->h, below);
}

void run_verdict(struct run *r, enum nvmx_vtd_verdict v)
{
	r->busy = v != NVMX_VTD_DONE;
	r->waiting = v == NVMX_VTD_WAITING;
	judge_done(r);
}

void run_write(struct run *r, uint32_t offset, unsigned size, uint64_t value)
{
	run_verdict(r, nvmx_vtd_write(r->u, offset, size, value));
}

void run_progress(struct run *r)
{
	if (!r->busy)
		return;
	r->rounds++;
	if (r->waiting && r->h.told) {
		r->h.told = false;
		run_verdict(r, nvmx_vtd_interrupts_done(r->u));
	} else if (r->waiting) {
		hw_flush_queued(&r->h);
		run_verdict(r, nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED));
	} else {
		run_verdict(r, nvmx_vtd_run(r->u));
	}
}

void run_complete(struct run *r)
{
	unsigned rounds = r->rounds;

	while (r->busy && r->rounds - rounds < ROUNDS)
		run_progress(r);
	if (r->busy)
		hw_fail(&r->h, "the work does not end");
}

/* ------------------------------------------------------------------------------------------------------------ tables */

static void took(struct run *r, struct tree *t)
{
	const struct ref_tables tables = { .root = t->root, .levels = t->levels, .width = r->config.width, .host_width = HOST_WIDTH };

	for (unsigned i = 0; i < IOVAS; i++)
		ref_follow(&t->page[i], &r->h, &tables, run_iovas[i], r->now);
}

static uint64_t table_get(struct run *r)
{
	uint64_t frame = r->free_n ? r->free_tables[--r->free_n] : 0;

	if (frame)
		memset(hw_word(&r->h, frame << 12), 0, 4096);
	return frame << 12;
}

static void unlink_below(struct run *r, struct tree *t, uint64_t entry, unsigned level)
{
	uint64_t table = entry & TABLE_ADDRESS;
	const uint64_t *page = hw_word(&r->h, table);

	if (!(entry & 3) || level == 1 || entry & LARGE || entry >> HOST_WIDTH)
		return;
	for (unsigned i = 0; i < 512; i++)
		unlink_below(r, t, page[i], level - 1);
	t->limbo[t->limbo_n].frame = (uint16_t)(table >> 12);
	t->limbo[t->limbo_n++].since = r->now;
}

/* The entry for iova at a level; NULL: there is no table for it, and none was made. */
static uint64_t *entry_at(struct run *r, struct tree *t, uint64_t iova, unsigned level, bool make)
{
	uint64_t table = t->root;

	for (unsigned l = t->levels;; l--) {
		uint64_t *e = hw_word(&r->h, table) + (iova >> (12 + 9 * (l - 1)) & 511), new;

		if (l == level)
			return e;
		if (!(*e & 3) || *e & LARGE || *e >> HOST_WIDTH) {
			new = make ? table_get(r) : 0;
			if (!new)
				return NULL;
			*e = new | 3;
		}
		table = *e & TABLE_ADDRESS;
	}
}

static uint64_t some_page(struct run *r, unsigned shift)
{
	uint64_t size = 1ull << shift;

	if (shift == 30)
		return r->flags & RUN_LOSSY && !rnd(r, 8) ? 0 : BIG_GPA;
	switch (rnd(r, 8)) {
	case 0: return ((rnd(r, 2) ? 0x800000ull : 0xfec00000) + rnd(r, 0x800000)) & ~(size - 1); /* not RAM */
	case 1:
	case 2: return (BIG_GPA + ((uint64_t)rnd(r, BIG_FRAMES) << 12)) & ~(size - 1);
	default: return ((uint64_t)(F_DATA + rnd(r, RAM_FRAMES - F_DATA)) << 12) & ~(size - 1);
	}
}

static struct tree *some_tree(struct run *r)
{
	return &r->tree[r->narrow && rnd(r, 4) ? 0 : rnd(r, TREES)];
}

#define AREAS(n) (8 * (n))

/* Of the first `n` of run_iovas. */
static unsigned some_iova(struct run *r, unsigned n)
{
	return r->narrow && rnd(r, 8) ? AREAS(2) + rnd(r, AREAS(2)) : rnd(r, n);
}

static unsigned some_level(struct run *r, const struct tree *t)
{
	unsigned pick = rnd(r, 100);

	if (r->narrow)
		return pick < 45 ? 1 : pick < 70 ? 2 : pick < 92 ? 3 : t->levels;
	return pick < 70 ? 1 : pick < 92 ? 2 : pick < 97 ? 3 : t->levels;
}

/* Whether an entry keeps its address. */
static bool only_rights(struct run *r, uint64_t old, unsigned level)
{
	if (!(old & 3) || (level > 1 && old & LARGE))
		return false;
	return r->narrow ? rnd(r, 5) : level > 1 && rnd(r, 2);
}

void drive_edit(struct run *r)
{
	struct tree *t = some_tree(r);
	uint64_t iova = run_iovas[some_iova(r, t->levels == 3 ? AREAS(6) : IOVAS)], *e, old, new;
	unsigned level = some_level(r, t);
	bool clear = level > 3 || !rnd(r, r->narrow ? 8 : 4);

	e = entry_at(r, t, iova, level, !clear);
	r->edits++;
	if (e) {
		old = *e;
		if (only_rights(r, old, level)) {
			new = (old & ~3ull) | (rnd(r, 3) + 1);
		} else {
			new = clear ? 0 : some_page(r, 12 + 9 * (level - 1)) | (rnd(r, 3) + 1) | (level > 1 ? LARGE : 0);
			unlink_below(r, t, old, level);
		}
		if (new && level == 1 && !rnd(r, 40))
			new |= 1ull << 45; /* reserved */
		__atomic_store_n(e, new, __ATOMIC_RELAXED);
	}
	took(r, t);
}

/* -------------------------------------------------------------------------------------------------------- invalidation */

void drive_queue_put(struct run *r, uint64_t lo, uint64_t hi)
{
	uint64_t *e = hw_word(&r->h, ((uint64_t)F_QUEUE << 12) + r->tail);

	e[0] = lo;
	e[1] = hi;
	r->tail = (r->tail + 16) % 4096;
}

static void note(struct run *r, enum pending_kind kind, unsigned what, uint64_t iova, unsigned order)
{
	r->pending[r->pending_n++] = (struct pending){ .kind = (uint8_t)kind, .what = (uint16_t)what, .iova = iova,
						       .order = (uint8_t)order, .since = r->now };
}

/* A wait tells of all that was noted. */
static void wait_put(struct run *r)
{
	r->sequence++;
	for (unsigned i = 0; i < r->pending_n; i++)
		if (!r->pending[i].sequence)
			r->pending[i].sequence = r->sequence;
	drive_queue_put(r, (uint64_t)r->sequence << 32 | 1 << 5 | (rnd(r, 4) ? 0 : 1 << 4) | 5, (uint64_t)F_STATUS << 12);
	run_write(r, 0x88, 8, r->tail);
}

static void by_register(struct run *r, uint32_t offset, uint64_t value)
{
	run_write(r, offset, 8, value);
	run_complete(r);
	if (nvmx_vtd_read(r->u, offset, 8) >> 63)
		hw_fail(&r->h, "a command register that stays busy");
	judge_idle(r);
}

static void device_tlbs(struct run *r, uint64_t iova, unsigned order)
{
	uint64_t address = order >= 52 ? 0x7ffffffffffff000 | 1 : order ? iova | ((0x1000ull << order) - 0x1000) >> 1 | 1 : iova;

	for (unsigned i = 0; i < HW_DEVICES; i++)
		if (r->h.device[i].has_tlb)
			drive_queue_put(r, (uint64_t)run_source_id(i) << 32 | 3, address & ~0xffeull);
}

static void iotlb_pages(struct run *r, uint16_t did, uint64_t iova, unsigned order)
{
	iova &= ~((0x1000ull << order) - 1);
	note(r, P_PAGES, did, iova, order);
	if (r->registers) {
		nvmx_vtd_write(r->u, 0xf0, 8, iova | order);
		by_register(r, 0xf8, 1ull << 63 | 3ull << 60 | (uint64_t)did << 32);
		return;
	}
	drive_queue_put(r, (uint64_t)did << 16 | 3 << 4 | 2, iova | order);
	device_tlbs(r, iova, order);
}

static void iotlb_domain(struct run *r, uint16_t did)
{
	note(r, P_DOMAIN, did, 0, 0);
	if (r->registers) {
		by_register(r, 0xf8, 1ull << 63 | 2ull << 60 | (uint64_t)did << 32);
		return;
	}
	drive_queue_put(r, (uint64_t)did << 16 | 2 << 4 | 2, 0);
	device_tlbs(r, 0, 52);
}

static void iotlb_global(struct run *r)
{
	note(r, P_GLOBAL, 0, 0, 0);
	if (r->registers) {
		by_register(r, 0xf8, 1ull << 63 | 1ull << 60);
		return;
	}
	drive_queue_put(r, 1 << 4 | 2, 0);
	device_tlbs(r, 0, 52);
}

static void context_flush(struct run *r, unsigned device, uint16_t old)
{
	note(r, P_CONTEXT, device, 0, 0);
	if (r->registers)
		by_register(r, 0x28, 1ull << 63 | (device == SIDS ? 1ull : 3ull) << 61 |
					     (uint64_t)(device == SIDS ? 0 : run_source_id(device)) << 16 | old);
	else if (device == SIDS)
		drive_queue_put(r, 1 << 4 | 1, 0);
	else
		drive_queue_put(r, (uint64_t)run_source_id(device) << 32 | (uint64_t)old << 16 | 3 << 4 | 1, 0);
}

static void write_buffer(struct run *r)
{
	run_complete(r);
	note(r, P_BUFFER, 0, 0, 0);
	run_write(r, 0x18, 4, ((uint32_t)nvmx_vtd_read(r->u, 0x1c, 4) & 0x96ffffff) | 1u << 27);
	run_complete(r);
	if (nvmx_vtd_read(r->u, 0x1c, 4) >> 27 & 1)
		hw_fail(&r->h, "a write buffer flush that does not end");
	judge_idle(r);
}

static bool room(struct run *r, unsigned n)
{
	return r->pending_n + n <= PENDINGS && 4096 - (r->tail - (uint32_t)nvmx_vtd_read(r->u, 0x80, 8)) % 4096 > n * 80;
}

void drive_invalidate(struct run *r)
{
	unsigned n = 1 + rnd(r, r->narrow ? 2 : 5);

	if (!room(r, n + 1))
		run_complete(r);
	for (unsigned i = 0; i < n; i++) {
		const struct tree *t = some_tree(r);
		unsigned pick = rnd(r, r->narrow ? 7 : 10);

		r->invalidations++;
		if (pick < 6)
			iotlb_pages(r, t->did, run_iovas[some_iova(r, IOVAS)], rnd(r, 2) ? 0 : rnd(r, r->narrow ? 10 : 19));
		else if (pick < 9)
			iotlb_domain(r, t->did);
		else
			iotlb_global(r);
	}
	if (!r->registers)
		wait_put(r);
}

void drive_flush_all(struct run *r)
{
	run_complete(r);
	context_flush(r, SIDS, 0);
	iotlb_global(r);
	if (!r->registers)
		wait_put(r);
	run_complete(r);
	if (r->pending_n)
		hw_fail(&r->h, "an invalidation that does not complete");
}

/* ------------------------------------------------------------------------------------------------------------ devices */

void drive_context(struct run *r, unsigned device, uint64_t lo, uint64_t hi, uint64_t is)
{
	uint64_t *e = hw_word(&r->h, ((uint64_t)F_CONTEXTS << 12) + run_source_id(device) * 16u);

	e[0] = 0;
	e[1] = hi;
	e[0] = lo;
	r->context_now[device] = is;
	if (r->te)
		ref_set(&r->context[device], is, r->now);
}

static void change_context(struct run *r)
{
	unsigned device = rnd(r, SIDS), pick = rnd(r, TREES + 2);
	uint64_t old = r->context_now[device];
	bool tlb = device < HW_DEVICES && r->h.device[device].has_tlb;

	if (!room(r, 4))
		run_complete(r);
	if (pick < TREES) {
		const struct tree *t = &r->tree[pick];

		drive_context(r, device, t->root | (tlb ? 1 << 2 : 0) | 1, (uint64_t)t->did << 8 | (t->levels - 2u),
			      REF_TREE | pick << 8);
	} else if (pick == TREES) {
		drive_context(r, device, 2 << 2 | 1, 0x7f02, REF_PASS);
	} else {
		drive_context(r, device, 0, 0, REF_BLOCK);
	}
	context_flush(r, device, (old & 0xff) == REF_TREE ? r->tree[old >> 8].did : 0x7f);
	if ((old & 0xff) == REF_TREE)
		iotlb_domain(r, r->tree[old >> 8].did);
	if (!r->registers)
		wait_put(r);
}

/* The domain goes, and its id, or another, comes again with another table. */
static void new_tree(struct run *r, unsigned n)
{
	struct tree *t = &r->tree[n];

	for (unsigned i = 0; i < SIDS; i++)
		if (r->context_now[i] == (REF_TREE | n << 8))
			drive_context(r, i, 0, 0, REF_BLOCK);
	r->now++;
	drive_flush_all(r);
	if (t->root)
		unlink_below(r, t, t->root | 3, t->levels + 1u);
	while (t->limbo_n)
		r->free_tables[r->free_n++] = t->limbo[--t->limbo_n].frame;
	if (r->free_n > 1 && rnd(r, 2)) { /* the same frame is not always next */
		uint16_t first = r->free_tables[0];

		r->free_tables[0] = r->free_tables[r->free_n - 1];
		r->free_tables[r->free_n - 1] = first;
	}
	*t = (struct tree){ .root = table_get(r), .levels = (uint8_t)(3 + rnd(r, 2)), .did = (uint16_t)(1 + n + 8 * rnd(r, 2)) };
	took(r, t);
}

void drive_renew(struct run *r)
{
	r->now++;
	for (unsigned i = 0; i < SIDS; i++) {
		r->context[i].n = 0;
		ref_set(&r->context[i], r->te ? r->context_now[i] : REF_OFF, r->now);
	}
	for (unsigned n = 0; n < TREES; n++)
		for (unsigned i = 0; i < IOVAS; i++)
			ref_prune_page(&r->tree[n].page[i], r->now);
}

static void toggle_translation(struct run *r)
{
	drive_flush_all(r);
	r->te = !r->te;
	run_write(r, 0x18, 4, ((uint32_t)nvmx_vtd_read(r->u, 0x1c, 4) & 0x16ffffff) | (r->te ? 1u << 31 : 0));
	run_complete(r);
	if (nvmx_vtd_read(r->u, 0x1c, 4) >> 31 != r->te)
		hw_fail(&r->h, "translation does not change");
	drive_renew(r);
}

static void toggle_queue(struct run *r)
{
	run_complete(r);
	for (unsigned i = 0; i < HW_DEVICES; i++)
		if (r->h.device[i].has_tlb)
			return; /* their TLBs have no register */
	r->registers = !r->registers;
	r->tail = 0;
	if (!r->registers)
		run_write(r, 0x88, 8, 0);
	run_write(r, 0x18, 4, ((uint32_t)nvmx_vtd_read(r->u, 0x1c, 4) & 0x92ffffff) | (r->registers ? 0 : 1u << 26));
	run_complete(r);
	if ((nvmx_vtd_read(r->u, 0x1c, 4) >> 26 & 1) == r->registers)
		hw_fail(&r->h, "the queue does not change");
}

/* ---------------------------------------------------------------------------------------------------------- interrupts */

static uint64_t irte_value(const uint64_t e[2])
{
	if (!(e[0] & 1))
		return 1ull << 63 | NVMX_VTD_FAULT_IR_P;
	if (e[1] >> 18 & 3 && (e[1] & 0xffff) != run_source_id(EMULATED))
		return 1ull << 63 | NVMX_VTD_FAULT_IR_SOURCE;
	return (e[0] >> 40 & 0xff) << 16 | (e[0] >> 16 & 0xff) << 8 | (e[0] >> 2 & 1) << 3 | (e[0] >> 5 & 7);
}

static void edit_irte(struct run *r)
{
	unsigned i = rnd(r, 16) * 16;
	uint64_t *e = hw_word(&r->h, ((uint64_t)F_IRT << 12) + i * 16u);

	e[0] &= ~1ull;
	e[1] = rnd(r, 2) ? 0 : 1u << 18 | run_source_id(rnd(r, 2) ? EMULATED : 0);
	e[0] = rnd(r, 4) ? (uint64_t)rnd(r, 256) << 40 | (uint64_t)(32 + rnd(r, 200)) << 16 | rnd(r, 2) << 2 | 1 : 0;
	ref_set(&r->irte[i], irte_value(e), r->now);
	if (r->registers || rnd(r, 2) || !room(r, 2))
		return;
	r->now++;
	if (rnd(r, 8)) {
		note(r, P_IRTE, i, 0, 0);
		drive_queue_put(r, (uint64_t)i << 32 | 1 << 4 | 4, 0);
	} else {
		note(r, P_IRTE, 0, 0, 16);
		drive_queue_put(r, 4, 0);
	}
	wait_put(r);
}

/* --------------------------------------------------------------------------------------------------------------- steps */

static void host_changes(struct run *r)
{
	uint64_t gpa = (uint64_t)(rnd(r, 3) ? F_DATA + rnd(r, RAM_FRAMES - F_DATA) : F_ROOT + rnd(r, F_DATA - F_ROOT)) << 12;
	enum hw_change change = gpa >> 12 < F_DATA ? HW_MOVE : (enum hw_change)rnd(r, 3);

	if (!rnd(r, 4))
		gpa = BIG_GPA + ((uint64_t)rnd(r, BIG_FRAMES) << 12);
	if (r->waiting) /* the frame may be given away only when nothing is under way */
		run_complete(r);
	run_revoke(r, gpa, change);
}

void run_revoke(struct run *r, uint64_t gpa, unsigned change)
{
	r->h.mute = !r->busy && !rnd(r, 4); /* nothing of L1's is under way that would fail, too */
	r->changes++;
	hw_change(&r->h, gpa, (enum hw_change)change);
	run_verdict(r, nvmx_vtd_host_invalidate(r->u, gpa, 0x1000));
	r->h.mute = false;
	if (r->waiting && !r->h.told) {
		hw_flush_queued(&r->h);
		run_verdict(r, nvmx_vtd_flush_done(r->u, NVMX_VTD_FLUSHED));
	}
	if (!r->waiting)
		hw_audit(&r->h);
	if (!(r->flags & RUN_WILD) && nvmx_vtd_read(r->u, 0x34, 4) & 0x70)
		hw_fail(&r->h, "L1 hears of an error that it has nothing to do with");
}

static void rare_step(struct run *r)
{
	switch (rnd(r, 9)) {
	case 8: run_replace(r); break;
	case 0: toggle_translation(r); break;
	case 1: toggle_queue(r); break;
	case 2:
	case 3: new_tree(r, rnd(r, TREES)); break;
	default:
		drive_flush_all(r);
		judge_all(r);
		hw_audit(&r->h);
	}
}

void drive_step(struct run *r)
{
	unsigned pick = rnd(r, 1000);

	r->now++;
	if (pick < 360)
		drive_edit(r);
	else if (pick < 500)
		drive_invalidate(r);
	else if (pick < 820)
		judge_dma(r, rnd(r, HW_DEVICES), some_iova(r, IOVAS));
	else if (pick < 900)
		judge_translation(r, rnd(r, SIDS), some_iova(r, IOVAS));
	else if (pick < 920)
		edit_irte(r);
	else if (pick < 940)
		judge_interrupt(r, rnd(r, 16) * 16);
	else if (pick < 960)
		host_changes(r);
	else if (pick < 975)
		change_context(r);
	else if (pick < 990 && !(r->config.features & NVMX_VTD_F_CACHING_MODE))
		write_buffer(r);
	else if (pick < 994)
		rare_step(r);
	if (rnd(r, 3))
		run_progress(r);
}

void run_start(struct run *r)
{
	r->tail = 0;
	for (unsigned i = F_DATA; i-- > F_TABLES;)
		r->free_tables[r->free_n++] = (uint16_t)i;
	*hw_word(&r->h, F_ROOT << 12) = (uint64_t)F_CONTEXTS << 12 | 1;
	for (unsigned i = 0; i < SIDS; i++)
		r->context_now[i] = REF_BLOCK;
	for (unsigned i = 0; i < IRTES; i++)
		ref_set(&r->irte[i], 1ull << 63 | NVMX_VTD_FAULT_IR_P, 0);
	run_write(r, 0x20, 8, (uint64_t)F_ROOT << 12);
	run_write(r, 0x18, 4, 1u << 30);
	run_complete(r);
	run_write(r, 0x90, 8, (uint64_t)F_QUEUE << 12);
	run_write(r, 0x18, 4, 1u << 26);
	run_complete(r);
	run_write(r, 0xb8, 8, (uint64_t)F_IRT << 12 | 7);
	run_write(r, 0x18, 4, 1u << 26 | 1u << 24);
	run_write(r, 0x18, 4, 1u << 26 | 1u << 25);
	run_complete(r);
	drive_renew(r);
	for (unsigned i = 0; i < TREES; i++)
		new_tree(r, i);
	toggle_translation(r);
}
