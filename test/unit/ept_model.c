/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The shadow EPT against a model: random edits of EPT12, INVEPTs, accesses of L2, changes of the host's map.  Whatever
 * an access reaches must be a translation that the processor may use at that moment: made of values that EPT12's
 * entries had at some time since the last INVEPT (SDM 28.4), through a host map that holds now, with no right more.  L2
 * also goes from one EPTP to another by itself, as the processor's EPTP list lets it.
 *
 * In half of the runs the host watches L1's tables: it sees each write to a frame that is armed, and those that come before that
 * only sometimes; and none while L1 has a device that writes by DMA.
 */
#include "ept_host.h"

#define TABLES 20u     /* L1 frames 0..19 are tables at any level */
#define SLOTS 6u       /* indexes used in a table */
#define HISTORY 6u
#define ROOT_TABLES 5u /* the first of them are roots */
#define EPTPS 10u
#define FEW_PAGES 100u /* eviction all the time */
#define RECENT 24u     /* accesses that are repeated often */
#define STEPS (NVMX_TEST_FULL ? 1000000u : 180000u)
#define LIST_FRAME (FRAMES - 1) /* L1's EPTP list */
#define LIST_ENTRIES 12u

static const unsigned slot_index[SLOTS] = { 0, 1, 2, 3, 300, 511 };

/* A value that an entry had, until it was replaced at time `until`. */
struct past {
	uint64_t value, until;
};

struct model {
	struct rig *r;
	uint64_t rnd, now;
	struct past past[TABLES][SLOTS][HISTORY];
	uint64_t invept_at[EPTPS];  /* per EPTP */
	uint64_t range_at[EPTPS][2 * SLOTS * SLOTS * SLOTS]; /* and per page: an INVEPT of its range alone */
	uint64_t eptp[EPTPS];
	bool ad;
	struct tlb_entry other_tlb[TLB]; /* of the processor where the vCPU was before */
	struct { uint64_t gpa2, hpa; unsigned eptp; } recent[RECENT];
	uint64_t *hw_list;                /* the processor's EPTP list */
	unsigned on;                      /* the EPTP that L2 runs on */
	bool entered;                     /* by L1, since it last wrote its list */
	uint64_t list_then[LIST_ENTRIES]; /* L1's list when it entered L2 */
	unsigned reached, to_l1, to_host, switches, switch_exits;
	bool unarmed;                     /* a batch is under way: */
	bool fresh[FRAMES];               /* some of L1's writes to its frames are not seen */
	bool dma;                         /* a device of L1's writes unseen, and nothing is watched */
	bool may_race, raced;             /* in a violation: L1's other processors may write, and did */
	bool at_hand;                     /* a call is repeated after "not now" */
	unsigned unseen, not_now;
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

	for (unsigned i = 0; i < EPTPS; i++)
		if (m->invept_at[i] < oldest)
			oldest = m->invept_at[i];
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
	return &m->range_at[eptp][n];
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

		if (i < HISTORY && (p->until <= m->invept_at[eptp] || p->until <= *range_at(m, eptp, gpa2)))
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

/* L1 enters L2, which runs on its EPTP n. */
static uint64_t enter(struct model *m, unsigned n)
{
	uint64_t list = nvmx_ept_list(&m->r->v, m->r->v12), eptp02;

	assert_in_range(list >> 12, HOST_PAGE_FRAME, HOST_PAGE_FRAME + HOST_PAGES - 1);
	m->hw_list = m->r->host.pages[(list >> 12) - HOST_PAGE_FRAME];
	memcpy(m->list_then, m->r->host.ram[LIST_FRAME], sizeof(m->list_then));
	m->entered = true;
	m->on = n;
	eptp02 = nvmx_ept_root(&m->r->v, m->eptp[n]);
	m->may_race = true;
	nvmx_ept_ahead(&m->r->v, m->eptp[n]);
	m->may_race = false;
	return eptp02;
}

/* VMFUNC of L2 towards EPTP n, of which it knows an index: by the processor, or by an exit.  0: L1's list has it not. */
static uint64_t switch_to(struct model *m, unsigned n)
{
	unsigned index = below(m, LIST_ENTRIES);
	uint64_t eptp02;

	for (unsigned i = 0; i < LIST_ENTRIES && m->list_then[index] != m->eptp[n]; i++)
		index = (index + 1) % LIST_ENTRIES;
	assert_true(nvmx_ept_root(&m->r->v, m->eptp[m->on])); /* L2 is resumed where it was */
	eptp02 = m->hw_list[index];
	if (eptp02) {
		assert_int_equal(nvmx_ept_shadowed(&m->r->v, eptp02), m->list_then[index]);
		m->switches += m->list_then[index] == m->eptp[n] && m->on != n;
	}
	if (m->list_then[index] != m->eptp[n])
		return 0;
	m->on = n;
	if (eptp02)
		return eptp02;
	m->switch_exits++;
	eptp02 = nvmx_ept_root(&m->r->v, m->eptp[n]);
	nvmx_ept_list_add(&m->r->v, index, m->eptp[n]);
	return eptp02;
}

/* L1 changes its list, between two entries. */
static void edit_list(struct model *m)
{
	m->r->host.ram[LIST_FRAME][below(m, LIST_ENTRIES)] = below(m, 8) ? m->eptp[below(m, EPTPS)] : rnd(m);
	m->entered = false;
}

/* L2 cannot write to a frame that the host watches, unless another one is at the same place. */
static void check_watched(const struct model *m, uint64_t hpa, unsigned access)
{
	unsigned frames = 0, watched = 0;

	for (unsigned i = 0; i < FRAMES && access & NVMX_ACCESS_W; i++) {
		frames += m->r->host.map[i].frame == hpa >> 12;
		watched += m->r->host.map[i].frame == hpa >> 12 && m->r->host.watched[i];
	}
	assert_false(watched == 1 && frames == 1 && !m->unarmed);
}

/* L2's access; where it leads is remembered as number k of the recent ones. */
static void access_page(struct model *m, unsigned n, uint64_t gpa2, unsigned k, unsigned access)
{
	unsigned rights, tries = 0;
	uint64_t lin = below(m, 2), eptp02 = 0, hpa, qual;
	struct nvmx_ept_rules rules;
	struct nvmx_ept_fault f;
	enum nvmx_ept_answer a;

	nvmx_ept_rules_init(&rules, &m->r->vm.caps, false, m->ad);
	if (m->entered && below(m, 4))
		eptp02 = switch_to(m, n);
	if (!eptp02)
		eptp02 = enter(m, n);
	m->raced = false;
	for (;; eptp02 = nvmx_ept_root(&m->r->v, m->eptp[n])) {
		assert_true(eptp02);
		if (!hw_access(&m->r->host, eptp02, lin, gpa2, access, &hpa, &rights, &qual))
			break;
		assert_true(tries++ < 4 || m->raced);
		m->may_race = true;
		a = nvmx_ept_violation(&m->r->v, m->eptp[n], gpa2, qual & ~0x38ull, &f);
		m->may_race = false;
		m->at_hand = a == NVMX_EPT_NOT_NOW;
		assert_true(m->r->v.not_now == m->at_hand);
		if (m->at_hand) {
			m->r->v.not_now = false;
			m->not_now++;
			tries--;
			continue;
		}
		if (a != NVMX_EPT_RETRY) {
			if (!m->raced)
				check_refusal(m, &rules, a, m->eptp[n], gpa2, access, &f);
			else if (a == NVMX_EPT_TO_HOST && f.gpa1 >> 12 < FRAMES && access & NVMX_ACCESS_W)
				host_before_write(&m->r->host, f.gpa1 >> 12);
			return;
		}
	}
	if (tries && !m->raced)
		check_flags(m, m->eptp[n], gpa2, access);
	m->reached++;
	m->recent[k].gpa2 = gpa2;
	m->recent[k].eptp = n;
	m->recent[k].hpa = hpa;
	check_watched(m, hpa, access);
	if (!legal(m, &rules, n, m->eptp[n] & NVMX_EPTE_ADDR, 4, gpa2, hpa, rights))
		fail_msg("step %llu: gpa2 %llx -> %llx rights %x is not legal", (unsigned long long)m->now,
			 (unsigned long long)gpa2, (unsigned long long)hpa, rights);
}

static void access_randomly(struct model *m)
{
	unsigned k = below(m, RECENT), n = below(m, EPTPS);
	uint64_t gpa2 = random_gpa(m);

	if (below(m, 5)) {
		gpa2 = m->recent[k].gpa2;
		n = m->recent[k].eptp;
	}
	access_page(m, n, gpa2, k, 1u << below(m, 3));
}

/* INVEPT of one context affects all EPTPs with the same table address (SDM 28.4.1). */
static void invept(struct model *m, unsigned n)
{
	bool all = below(m, 4) == 0;
	unsigned i;

	nvmx_ept_invept(&m->r->v, all ? NVMX_FLUSH_ALL : NVMX_FLUSH_SINGLE, m->eptp[n]);
	for (i = 0; i < EPTPS; i++)
		if (all || !((m->eptp[i] ^ m->eptp[n]) & NVMX_EPTE_ADDR))
			m->invept_at[i] = m->now;
}

/* L1's table of a level for gpa2; TABLES: none. */
static unsigned table_at(struct model *m, unsigned eptp, uint64_t gpa2, unsigned at)
{
	unsigned table = (unsigned)(m->eptp[eptp] >> 12);
	uint64_t e;

	for (unsigned level = 4; level > at && table < TABLES; level--) {
		e = m->r->host.ram[table][nvmx_ept_index(gpa2, level)];
		table = e & NVMX_EPTE_LARGE || !(e & 7) ? TABLES : (unsigned)((e & NVMX_EPTE_ADDR) >> 12);
	}
	return table < TABLES ? table : TABLES;
}

/* L2 goes through tables in order, L1 changes one of them and executes INVEPT, and L2 does so again. */
static void go_in_order(struct model *m)
{
	unsigned k = below(m, RECENT), n = m->recent[k].eptp, changed = below(m, 4), at = 1 + below(m, 2), i, round, table;
	uint64_t gpa2 = m->recent[k].gpa2 & ~(0x1ffull << 21);

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 4; i++)
			access_page(m, n, gpa2 + i * nvmx_ept_size(2), k, 1u << below(m, 3));
		table = table_at(m, n, gpa2 + changed * nvmx_ept_size(2), at);
		if (table < TABLES && !round)
			edit(m, table, slot_of(nvmx_ept_index(gpa2 + changed * nvmx_ept_size(2), at)), random_entry(m, table));
		if (!round)
			invept(m, n);
	}
}

/* L1 changes an upper entry on the way to gpa2, and the entry of another page of the same table, which L2 will use. */
static uint64_t change_way(struct model *m, unsigned eptp, uint64_t gpa2)
{
	unsigned table = (unsigned)(m->eptp[eptp] >> 12), level = 4, stop = 2 + below(m, 3), slot = below(m, SLOTS);
	uint64_t e;

	for (; level > 1; level--) {
		e = m->r->host.ram[table][nvmx_ept_index(gpa2, level)];
		if (level == stop)
			edit(m, table, slot_of(nvmx_ept_index(gpa2, level)), e ^ NVMX_EPTE_W);
		table = (unsigned)((e & NVMX_EPTE_ADDR) >> 12);
		if (e & NVMX_EPTE_LARGE || table >= TABLES)
			return gpa2;
	}
	edit(m, table, slot, random_entry(m, table));
	return (gpa2 & ~0x1fffffull) | (uint64_t)slot_index[slot] << 12;
}

/* A range was invalidated: what its pages were mapped by before is legal no more. */
static void range_was_invalidated(struct model *m, unsigned n, uint64_t gpa2, uint64_t end)
{
	uint64_t page;

	for (unsigned i = 0, s; i < EPTPS; i++)
		for (s = 0; s < SLOTS && !((m->eptp[i] ^ m->eptp[n]) & NVMX_EPTE_ADDR); s++) {
			page = (gpa2 & ~0x1fffffull) | (uint64_t)slot_index[s] << 12;
			if (page >= gpa2 && page <= end)
				*range_at(m, i, page) = m->now;
		}
}

/* L1 takes a right, or the dirty flag, out of an entry on the way to a page that L2 has written to; a violation elsewhere has the
 * shadow follow it; and only then L1 invalidates the page alone. */
static void narrow_way(struct model *m)
{
	unsigned k = below(m, RECENT), n = m->recent[k].eptp, other = below(m, RECENT), table, stop = 1 + below(m, 4);
	uint64_t gpa2 = m->recent[k].gpa2 & ~0xfffull, beside = (gpa2 & ~0x1fffffull) | (uint64_t)slot_index[below(m, SLOTS)] << 12, e;

	access_page(m, n, gpa2, k, NVMX_ACCESS_W);
	table = (unsigned)(m->eptp[n] >> 12);
	for (unsigned level = 4; table < TABLES; level--) {
		e = m->r->host.ram[table][nvmx_ept_index(gpa2, level)];
		if (level == 1 || e & NVMX_EPTE_LARGE || level == stop) {
			edit(m, table, slot_of(nvmx_ept_index(gpa2, level)),
			     e & ~(m->ad && below(m, 2) ? NVMX_EPTE_D : 1ull << below(m, 3)));
			break;
		}
		table = (unsigned)((e & NVMX_EPTE_ADDR) >> 12);
	}
	m->now++;
	access_page(m, n, beside, other, 1u << below(m, 3));
	nvmx_ept_invept_range(&m->r->v, m->eptp[n], gpa2, gpa2 | 0xfff);
	range_was_invalidated(m, n, gpa2, gpa2 | 0xfff);
	access_page(m, n, gpa2, k, 1u << below(m, 3));
}

/* INVEPT of a range around a page that L2 used; the others of the range are near it in the same table of 4-KiB pages. */
static void invept_range(struct model *m)
{
	unsigned k = below(m, RECENT), n = below(m, 4) ? m->recent[k].eptp : below(m, EPTPS), i;
	uint64_t gpa2 = (below(m, 4) ? m->recent[k].gpa2 : random_gpa(m)) & ~0xfffull, end;

	if (below(m, 2)) {
		end = change_way(m, n, gpa2) | 0xfff;
		i = below(m, RECENT);
		m->recent[i].gpa2 = end & ~0xfffull;
		m->recent[i].eptp = n;
		gpa2 = gpa2 < (end & ~0xfffull) ? gpa2 : end & ~0xfffull;
		end = gpa2 | 0x1fffff;
	} else {
		end = gpa2 + ((uint64_t)below(m, 600) << 12) + 0xfff;
	}
	nvmx_ept_invept_range(&m->r->v, m->eptp[n], gpa2, end);
	range_was_invalidated(m, n, gpa2, end);
}

/* The frame of L1 that is at hpa, or any. */
static unsigned some_frame(struct model *m, uint64_t hpa)
{
	unsigned start = below(m, FRAMES), i;

	if (below(m, 4))
		for (i = 0; i < FRAMES; i++)
			if (m->r->host.map[(start + i) % FRAMES].frame == hpa >> 12)
				return (start + i) % FRAMES;
	return start;
}

/* The vCPU goes on on the other processor, which has cached what it had when it was there last. */
static void move_vcpu(struct model *m)
{
	struct tlb_entry tlb[TLB];

	memcpy(tlb, m->other_tlb, sizeof(tlb));
	memcpy(m->other_tlb, m->r->host.tlb, sizeof(tlb));
	memcpy(m->r->host.tlb, tlb, sizeof(tlb));
	nvmx_ept_moved(&m->r->v);
}

/* The host makes frames read-only. */
static void protect(struct model *m)
{
	struct nvmx_host *h = &m->r->host;
	unsigned gfn = some_frame(m, m->recent[below(m, RECENT)].hpa), count = 1 + below(m, 3), i;

	for (i = gfn; i < gfn + count && i < FRAMES; i++) {
		if (h->map[i].shift == 21)
			for (unsigned k = i & ~511u; k <= (i | 511u); k++)
				h->map[k].shift = 12;
		h->map[i].rights &= ~2;
	}
	nvmx_host_write_protect(&m->r->vm, below(m, 2) ? &m->r->v : NULL, (uint64_t)gfn << 12, (uint64_t)count << 12);
}

/* The host moves, hides, protects or restores frames; sometimes a whole 2-MiB block, which may be unaligned. */
static void change_host(struct model *m)
{
	struct nvmx_host *h = &m->r->host;
	unsigned gfn = some_frame(m, m->recent[below(m, RECENT)].hpa), count = 1, i, kind = below(m, 6), where = below(m, 4);
	bool split = h->map[gfn].shift == 21;

	if (kind == 5) {
		gfn &= ~511u;
		count = 512;
	} else if (split) {
		for (i = gfn & ~511u; i <= (gfn | 511u); i++)
			h->map[i].shift = 12;
	}
	for (i = gfn; i < gfn + count; i++) {
		h->map[i].shift = kind == 5 ? 21 : 12;
		h->map[i].rights = kind == 0 ? 0 : kind == 1 ? 1 : kind == 2 ? 5 : 7;
		h->map[i].frame = HOST_RAM_FRAME + i;
		if (kind == 3)
			h->map[i].frame = HOST_RAM_FRAME + below(m, 2 * FRAMES); /* perhaps beside another */
		if (kind == 5)
			h->map[i].frame += where == 3 ? 1 : where * FRAMES;
	}
	if (split) {
		gfn &= ~511u;
		count = 512;
	}
	nvmx_host_invalidate(&m->r->vm, &m->r->v, (uint64_t)gfn << 12, (uint64_t)count << 12);
}

static void run(uint64_t seed, bool ad, bool scarce, bool watching, unsigned steps)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned i, s;

	print_message("seed %llu, accessed and dirty flags %s, %s, tables %s\n", (unsigned long long)seed, ad ? "on" : "off",
		      scarce ? "few pages" : "pages enough", watching ? "watched" : "compared");
	m->r = rig_watching(0, watching ? NVMX_WATCHES_MIN : 0);
	ops = host_ops;
	ops.translate = translate;
	ops.map = map;
	ops.watch = watch;
	m->r->vm.ops = m->r->v.ops = &ops;
	translating = m;
	if (scarce)
		m->r->host.page_limit = FEW_PAGES;
	m->rnd = seed * 0x9e3779b97f4a7c15ull + 1;
	m->ad = ad;
	for (i = 0; i < EPTPS; i++) /* two of them to each table */
		m->eptp[i] = (uint64_t)(i % ROOT_TABLES) << 12 | 3 << 3 | (ad ? NVMX_EPTP_AD : 0) | (i < ROOT_TABLES ? 6 : 0);
	for (i = 0; i < TABLES; i++)
		for (s = 0; s < SLOTS; s++)
			m->r->host.ram[i][slot_index[s]] = random_entry(m, i);
	m->r->v12->eptp_list_addr = LIST_FRAME * 0x1000ull;
	for (i = 0; i < LIST_ENTRIES; i++)
		m->r->host.ram[LIST_FRAME][i] = m->eptp[i % EPTPS];
	for (m->now = 1; m->now <= steps; m->now++) {
		unsigned what = below(m, 100);

		if (what < 6)
			edit_randomly(m);
		else if (what < 8)
			below(m, 3) ? invept(m, below(m, EPTPS)) : go_in_order(m);
		else if (what < 9)
			below(m, 2) ? invept_range(m) : narrow_way(m);
		else if (what < 11)
			change_host(m);
		else if (what < 12)
			below(m, 4) ? protect(m) : move_vcpu(m);
		else if (what < 13 && below(m, 8) == 0)
			below(m, 32) ? arm(m) : watching && below(m, 2) ? toggle_dma(m) : nvmx_host_changed(&m->r->vm, &m->r->v);
		else if (what < 13 && below(m, 4) == 0)
			edit_list(m);
		else
			access_randomly(m);
	}
	print_message("  reached %u, to L1 %u, to the host %u, fills %llu, pages at most %u, flushes %u, "
		      "EPTP switches %u and %u by exit\n", m->reached,
		      m->to_l1, m->to_host, (unsigned long long)m->r->v.counters[NVMX_CNT_EPT_FILL],
		      m->r->host.pages_peak, m->r->host.flushes, m->switches, m->switch_exits);
	print_message("  watched %u times, %u writes seen, %u not; not now %u\n", m->r->host.watches, m->r->host.traps, m->unseen, m->not_now);
	assert_true(!watching || (m->r->host.watches > steps / 1000 && m->r->host.traps > steps / 1000));
	assert_true(m->switches > steps / 50 && m->switch_exits > steps / 50);
	assert_true(m->reached > steps / 20 && m->to_l1 > steps / 20 && m->to_host > steps / 1000);
	translating = NULL;
	rig_free(m->r);
	free(m);
}

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++)
		run(seed, seed % 2, seed % 3 == 0, seed % 4 < 2, STEPS / 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
