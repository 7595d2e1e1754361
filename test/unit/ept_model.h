/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What ept_model.c keeps of L1's tables: each value that an entry had and the processor may still use, and what follows from them of an
 * access of L2's. */
#ifndef EPT_MODEL_H
#define EPT_MODEL_H

#include "ept_host.h"

#define CPUS 4u
#define TABLES 20u     /* L1 frames 0..19 are tables at any level */
#define SLOTS 6u       /* indexes used in a table */
#define HISTORY 6u
#define ROOT_TABLES 5u /* the first of them are roots */
#define EPTPS 10u
#define FEW_PAGES 100u /* eviction all the time */
#define RECENT 24u     /* accesses that are repeated often */
#define LIST_FRAME (FRAMES - 1) /* L1's EPTP list */
#define LIST_ENTRIES 12u

static const unsigned slot_index[SLOTS] = { 0, 1, 2, 3, 300, 511 };

/* A value that an entry had, until it was replaced at time `until`. */
struct past {
	uint64_t value, until;
};

/* A vCPU of L1's, with the processor that it runs on.  Another one may be in L2 all the time, and goes on there without a call of the
 * library's until it is kicked. */
struct cpu {
	struct nvmx_vcpu *v;
	uint64_t invept_at[EPTPS];  /* per EPTP */
	uint64_t range_at[EPTPS][2 * SLOTS * SLOTS * SLOTS]; /* and per page: an INVEPT of its range alone */
	struct tlb_entry tlb[TLB];        /* while another vCPU has its turn */
	struct tlb_entry other_tlb[TLB];  /* of the processor where the vCPU was before */
	uint64_t *hw_list;                /* the processor's EPTP list */
	unsigned on;                      /* the EPTP that L2 runs on */
	bool entered;                     /* by L1, since it last wrote its list */
	uint64_t list_then[LIST_ENTRIES]; /* L1's list when it entered L2 */
	bool in_l2;
	uint64_t eptp02;
};

struct model {
	struct rig *r;
	struct cpu cpu[CPUS];
	unsigned cpus;
	struct cpu *c;              /* whose turn it is */
	unsigned others_reached, gone;
	uint64_t rnd, now;
	struct past past[TABLES][SLOTS][HISTORY];
	uint64_t eptp[EPTPS];
	bool ad;
	struct { uint64_t gpa2, hpa; unsigned eptp; } recent[RECENT];
	unsigned reached, to_l1, to_host, switches, switch_exits;
	bool unarmed;                     /* a batch is under way: */
	bool fresh[FRAMES];               /* some of L1's writes to its frames are not seen */
	bool dma;                         /* a device of L1's writes unseen, and nothing is watched */
	unsigned no_dma;                  /* steps without one */
	bool may_race, raced;             /* in a violation: L1's other processors may write, and did */
	bool at_hand;                     /* a call is repeated after "not now" */
	unsigned unseen, not_now, named;
};

static uint64_t rnd(struct model *m)
{
	m->rnd ^= m->rnd << 13;
	m->rnd ^= m->rnd >> 7;
	m->rnd ^= m->rnd << 17;
	return m->rnd;
}

static unsigned below(struct model *m, unsigned n)
{
	return (unsigned)(rnd(m) >> 20) % n;
}

static uint64_t random_gpa(struct model *m)
{
	uint64_t gpa = 0;

	for (unsigned level = 1; level <= 4; level++)
		gpa |= (uint64_t)slot_index[level == 4 ? below(m, 2) : below(m, SLOTS)] << nvmx_ept_shift(level);
	return gpa | (rnd(m) & 0xff8);
}

static struct nvmx_host_ops ops;
static struct model *translating;

/* While it is asked for a frame the host often takes another one back, and maps it again elsewhere. */
static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	int error = host_translate(h, gpa, access, out);
	unsigned gfn;

	if (translating && below(translating, 8) == 0) {
		gfn = TABLES + below(translating, FRAMES - TABLES - 1);
		if (h->map[gfn].shift == 12 && gfn != gpa >> 12 && (error || out->page_shift == 12)) {
			h->map[gfn].frame = HOST_RAM_FRAME + below(translating, 2 * FRAMES);
			nvmx_host_invalidate(&translating->r->vm, NULL, (uint64_t)gfn << 12, 4096);
		}
	}
	return error;
}

/* They leave L2, and come back by a call of the library's. */
static void kick_others(struct nvmx_host *h)
{
	(void)h;
	for (struct cpu *c = translating->cpu; c < translating->cpu + translating->cpus; c++)
		c->in_l2 = false;
}

static void race(struct model *m);

/* Now and then a page is not at hand, and is when the call comes again; or another processor of L1's writes to its tables now. */
static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	if (translating->may_race && below(translating, 40) == 0)
		race(translating);
	if (!translating->at_hand && below(translating, 50) == 0 && gpa >> 12 < TABLES)
		return NVMX_MAP_NOT_NOW;
	return host_map(h, gpa, write);
}

static int watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	struct model *m = translating;

	assert_false(m->unarmed);
	h->watch_answer = m->dma || below(m, 8) == 0 ? -1 : (int)below(m, 2);
	m->unarmed = h->watch_answer == NVMX_WATCH_BEGUN;
	for (size_t i = 0; i < n; i++)
		m->fresh[gpas[i] >> 12] = m->unarmed && !h->watched[gpas[i] >> 12];
	return host_watch(h, gpas, n, batch);
}

/* L1 gets, or gives back, a device that writes to its memory. */
static void toggle_dma(struct model *m)
{
	m->dma = !m->dma;
	if (!m->dma)
		return;
	memset(m->r->host.watched, 0, sizeof(m->r->host.watched));
	nvmx_watch_written(&m->r->vm, 0, ~0ull);
}

static void arm(struct model *m)
{
	if (!m->unarmed)
		return;
	m->unarmed = false;
	memset(m->fresh, 0, sizeof(m->fresh));
	nvmx_watch_armed(&m->r->vm, m->r->host.watch_batch);
}

static unsigned slot_of(unsigned index)
{
	unsigned s = 0;

	while (s < SLOTS && slot_index[s] != index)
		s++;
	return s;
}

/* The newest past value that is still legal may be lost when an entry changes often; then the change waits. */
static bool remember(struct model *m, unsigned table, unsigned slot, uint64_t old)
{
	uint64_t oldest = ~0ull;
	struct past *p = m->past[table][slot];

	for (unsigned i = 0; i < EPTPS * m->cpus; i++)
		if (m->cpu[i / EPTPS].invept_at[i % EPTPS] < oldest)
			oldest = m->cpu[i / EPTPS].invept_at[i % EPTPS];
	for (unsigned i = 0; i < HISTORY; i++)
		if (p[i].until <= oldest) {
			p[i] = (struct past){ old, m->now };
			return true;
		}
	return false;
}

static void edit(struct model *m, unsigned table, unsigned slot, uint64_t value)
{
	uint64_t *e = &m->r->host.ram[table][slot_index[slot]];

	if (!remember(m, table, slot, *e))
		return;
	if (m->dma || (m->fresh[table] && below(m, 2)))
		m->unseen++;
	else
		host_before_write(&m->r->host, table);
	*e = value;
}

/* An entry as a sane L1 has it: 5 tables are roots, 3 the next level and so on. */
static uint64_t sane_entry(struct model *m, unsigned table)
{
	if (table < ROOT_TABLES)
		return (uint64_t)(ROOT_TABLES + below(m, 3)) << 12;
	if (table < 8)
		return below(m, 12) ? (uint64_t)(8 + below(m, 4)) << 12 : WB_LEAF | NVMX_EPTE_LARGE;
	if (table < 12)
		return below(m, 3) ? (uint64_t)(12 + below(m, 8)) << 12
		     : below(m, 4) ? WB_LEAF | NVMX_EPTE_LARGE | (uint64_t)below(m, 5) << 21 : 0;
	if (below(m, 2)) /* neighbours often share a frame */
		return WB_LEAF | (uint64_t)(FRAMES / 2 + below(m, 6)) << 12;
	return WB_LEAF | (uint64_t)below(m, FRAMES + 20) << 12;
}

static uint64_t random_entry(struct model *m, unsigned table)
{
	static const uint64_t rights[] = { 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3, 5, 1, 4 };
	uint64_t e = rights[below(m, 14)] | (m->ad && below(m, 2) ? NVMX_EPTE_A : 0) |
		     (m->ad && below(m, 3) == 0 ? NVMX_EPTE_D : 0) | (below(m, 4) ? 0 : NVMX_BIT64(55));

	switch (below(m, 30)) {
	case 0: case 1: return 0;
	case 2: return below(m, 2) ? 2 : e | 0x70ull << 40; /* misconfigured */
	case 3: return e | WB_LEAF | (uint64_t)below(m, FRAMES) << 12;
	case 4: return e | (uint64_t)below(m, TABLES) << 12;
	default: return e | sane_entry(m, table);
	}
}

/* An entry on the way to where L2 was, or any. */
static void pick_entry(struct model *m, unsigned *table, unsigned *slot)
{
	unsigned k = below(m, RECENT), level = 4, stop = 1 + below(m, 4), next;

	*table = below(m, TABLES);
	*slot = below(m, SLOTS);
	if (below(m, 2))
		return;
	*table = (unsigned)(m->eptp[m->recent[k].eptp] >> 12);
	for (;; level--) {
		*slot = slot_of(nvmx_ept_index(m->recent[k].gpa2, level));
		next = (unsigned)((m->r->host.ram[*table][slot_index[*slot]] & NVMX_EPTE_ADDR) >> 12);
		if (level == stop || next >= TABLES)
			return;
		*table = next;
	}
}

static void edit_randomly(struct model *m)
{
	unsigned table, slot;
	uint64_t old;

	pick_entry(m, &table, &slot);
	old = m->r->host.ram[table][slot_index[slot]];
	if (below(m, 3) == 0) /* rights, flags or an ignored bit of what is there */
		edit(m, table, slot, old ^ (1ull << (below(m, 2) ? below(m, 3) : m->ad ? 8 + below(m, 2) : 52 + below(m, 11))));
	else
		edit(m, table, slot, random_entry(m, table));
}

/* In the middle of a violation, or at an entry. */
static void race(struct model *m)
{
	m->now++;
	arm(m);
	edit_randomly(m);
	m->raced = true;
}

/* When the values of entries used for gpa2 were last invalidated. */
static uint64_t *range_at(struct model *m, unsigned eptp, uint64_t gpa2)
{
	unsigned n = 0;

	for (unsigned level = 4; level >= 1; level--)
		n = n * SLOTS + slot_of(nvmx_ept_index(gpa2, level));
	return &m->c->range_at[eptp][n];
}

/* Whether some legal value of the entries from `table` down gives gpa2 -> hpa with at least `rights`. */
static bool legal(struct model *m, const struct nvmx_ept_rules *rules, unsigned eptp, uint64_t table, unsigned level,
		  uint64_t gpa2, uint64_t hpa, unsigned rights)
{
	unsigned slot = slot_of(nvmx_ept_index(gpa2, level));

	if (table >> 12 >= TABLES)
		return false;
	for (unsigned i = 0; i <= HISTORY; i++) {
		const struct past *p = &m->past[table >> 12][slot][i];
		uint64_t e = i == HISTORY ? m->r->host.ram[table >> 12][slot_index[slot]] : p->value, gpa1;
		enum nvmx_ept_kind kind;

		if (i < HISTORY && (p->until <= m->c->invept_at[eptp] || p->until <= *range_at(m, eptp, gpa2)))
			continue;
		kind = nvmx_ept_classify(rules, e, level);
		if (kind == NVMX_EPT_TABLE && (e & rights) == rights &&
		    legal(m, rules, eptp, e & NVMX_EPTE_ADDR, level - 1, gpa2, hpa, rights))
			return true;
		if (kind != NVMX_EPT_LEAF || (e & rights) != rights || (rules->ad && rights & 2 && !(e & NVMX_EPTE_D)))
			continue;
		gpa1 = (e & NVMX_EPTE_ADDR & ~(nvmx_ept_size(level) - 1)) | (gpa2 & (nvmx_ept_size(level) - 1));
		if (gpa1 >> 12 < FRAMES && m->r->host.map[gpa1 >> 12].frame == hpa >> 12 &&
		    (m->r->host.map[gpa1 >> 12].rights & rights) == rights)
			return true;
	}
	return false;
}

/* EPT12 as it is now: the kind of the last entry, the rights and the frame. */
static enum nvmx_ept_kind fresh(struct model *m, const struct nvmx_ept_rules *rules, uint64_t eptp, uint64_t gpa2,
				unsigned *rights, uint64_t *gpa1)
{
	uint64_t table = eptp & NVMX_EPTE_ADDR, e;
	enum nvmx_ept_kind kind;
	unsigned level = 4;

	*rights = 7;
	for (;; level--) {
		e = table >> 12 < FRAMES ? m->r->host.ram[table >> 12][nvmx_ept_index(gpa2, level)] : ~0ull;
		*rights &= (unsigned)e;
		kind = nvmx_ept_classify(rules, e, level);
		if (kind != NVMX_EPT_TABLE)
			break;
		table = e & NVMX_EPTE_ADDR;
	}
	*gpa1 = (e & NVMX_EPTE_ADDR & ~(nvmx_ept_size(level) - 1)) | (gpa2 & (nvmx_ept_size(level) - 1));
	return kind;
}

static void check_refusal(struct model *m, const struct nvmx_ept_rules *rules, enum nvmx_ept_answer a, uint64_t eptp,
			  uint64_t gpa2, unsigned access, const struct nvmx_ept_fault *f)
{
	unsigned rights;
	uint64_t gpa1;
	enum nvmx_ept_kind kind = fresh(m, rules, eptp, gpa2, &rights, &gpa1);

	if (a == NVMX_EPT_TO_HOST) {
		m->to_host++;
		assert_int_equal(kind, NVMX_EPT_LEAF);
		assert_int_equal(f->gpa1, gpa1);
		assert_int_equal(f->access, access);
		assert_true(gpa1 >> 12 >= FRAMES || (m->r->host.map[gpa1 >> 12].rights & access) != access ||
			    (m->r->host.watched[gpa1 >> 12] && access & NVMX_ACCESS_W));
		if (gpa1 >> 12 < FRAMES && access & NVMX_ACCESS_W)
			host_before_write(&m->r->host, gpa1 >> 12);
		return;
	}
	assert_int_equal(a, NVMX_EPT_TO_L1);
	m->to_l1++;
	if (kind == NVMX_EPT_MISCONFIGURED) {
		assert_int_equal(f->reason, NVMX_XR_EPT_MISCONFIG);
		return;
	}
	assert_int_equal(f->reason, NVMX_XR_EPT_VIOLATION);
	assert_true(kind == NVMX_EPT_ABSENT || (rights & access) != access);
	assert_int_equal(f->qualification, access | 0x180 | rights << 3);
}

/* What an access that made a violation, and then none, leaves in EPT12 (SDM 28.3.5). */
static void check_flags(struct model *m, uint64_t eptp, uint64_t gpa2, unsigned access)
{
	uint64_t table = eptp & NVMX_EPTE_ADDR, e;
	unsigned level = 4;

	if (!m->ad)
		return;
	for (;; level--) {
		e = m->r->host.ram[table >> 12][nvmx_ept_index(gpa2, level)];
		assert_true(e & NVMX_EPTE_A);
		if (level == 1 || e & NVMX_EPTE_LARGE)
			break;
		table = e & NVMX_EPTE_ADDR;
	}
	assert_true(!(access & NVMX_ACCESS_W) || e & NVMX_EPTE_D);
}

#endif
