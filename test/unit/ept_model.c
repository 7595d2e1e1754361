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
#include "ept_model.h"
#include "ept/shadow.h"

#define STEPS (NVMX_TEST_FULL ? 1000000u : 180000u)
#define SEEDS 12u

/* L1 enters L2, which runs on its EPTP n. */
static uint64_t enter(struct model *m, unsigned n)
{
	uint64_t list = nvmx_ept_list(m->c->v, m->r->v12), eptp02;

	assert_in_range(list >> 12, HOST_PAGE_FRAME, HOST_PAGE_FRAME + HOST_PAGES - 1);
	m->c->hw_list = m->r->host.pages[(list >> 12) - HOST_PAGE_FRAME];
	memcpy(m->c->list_then, m->r->host.ram[LIST_FRAME], sizeof(m->c->list_then));
	m->c->entered = true;
	m->c->on = n;
	eptp02 = nvmx_ept_root(m->c->v, m->eptp[n]);
	m->may_race = true;
	nvmx_ept_ahead(m->c->v, m->eptp[n]);
	m->may_race = false;
	return eptp02;
}

/* VMFUNC of L2 towards EPTP n, of which it knows an index: by the processor, or by an exit.  0: L1's list has it not. */
static uint64_t switch_to(struct model *m, unsigned n)
{
	unsigned index = below(m, LIST_ENTRIES);
	uint64_t eptp02;

	for (unsigned i = 0; i < LIST_ENTRIES && m->c->list_then[index] != m->eptp[n]; i++)
		index = (index + 1) % LIST_ENTRIES;
	assert_true(nvmx_ept_root(m->c->v, m->eptp[m->c->on])); /* L2 is resumed where it was */
	eptp02 = m->c->hw_list[index];
	if (eptp02) {
		assert_int_equal(nvmx_ept_shadowed(m->c->v, eptp02), m->c->list_then[index]);
		m->switches += m->c->list_then[index] == m->eptp[n] && m->c->on != n;
	}
	if (m->c->list_then[index] != m->eptp[n])
		return 0;
	m->c->on = n;
	if (eptp02)
		return eptp02;
	m->switch_exits++;
	eptp02 = nvmx_ept_root(m->c->v, m->eptp[n]);
	nvmx_ept_list_add(m->c->v, index, m->eptp[n]);
	return eptp02;
}

/* L1 changes its list, between two entries. */
static void edit_list(struct model *m)
{
	m->r->host.ram[LIST_FRAME][below(m, LIST_ENTRIES)] = below(m, 8) ? m->eptp[below(m, EPTPS)] : rnd(m);
	m->c->entered = false;
}

/* Where another vCPU may write to a frame, the host is asked to watch it, but the library does not count on it. */
static bool is_counted_on(const struct model *m, unsigned gfn)
{
	const struct nvmx_ept_watches *w = &nvmx_ept_of(m->c->v)->vm->watches;
	uint32_t place;

	return nvmx_ept_watch_armed_word(w, w->armed, (uint64_t)gfn << 12, &place);
}

/* L2 cannot write to a frame that the host watches, unless another one is at the same place. */
static void check_watched(const struct model *m, uint64_t hpa, unsigned access)
{
	unsigned frames = 0, watched = 0;

	for (unsigned i = 0; i < FRAMES && access & NVMX_ACCESS_W; i++) {
		frames += m->r->host.map[i].frame == hpa >> 12;
		watched += m->r->host.map[i].frame == hpa >> 12 && m->r->host.watched[i] && (m->cpus == 1 || is_counted_on(m, i));
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
	if (m->c->entered && below(m, 4))
		eptp02 = switch_to(m, n);
	if (!eptp02)
		eptp02 = enter(m, n);
	m->raced = false;
	for (;; eptp02 = nvmx_ept_root(m->c->v, m->eptp[n])) {
		assert_true(eptp02);
		if (!hw_access(&m->r->host, eptp02, lin, gpa2, access, &hpa, &rights, &qual))
			break;
		assert_true(tries++ < 4 || m->raced);
		m->may_race = true;
		a = nvmx_ept_violation(m->c->v, m->eptp[n], gpa2, qual & ~0x38ull, &f);
		m->may_race = false;
		m->at_hand = a == NVMX_EPT_NOT_NOW;
		assert_true(m->c->v->not_now == m->at_hand);
		if (m->at_hand) {
			m->c->v->not_now = false;
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
	m->c->in_l2 = true;
	m->c->eptp02 = eptp02;
	m->c->on = n;
	m->reached++;
	m->recent[k].gpa2 = gpa2;
	m->recent[k].eptp = n;
	m->recent[k].hpa = hpa;
	check_watched(m, hpa, access);
	if (!legal(m, &rules, n, m->eptp[n] & NVMX_EPTE_ADDR, 4, gpa2, hpa, rights))
		fail_msg("step %llu: gpa2 %llx -> %llx rights %x is not legal", (unsigned long long)m->now,
			 (unsigned long long)gpa2, (unsigned long long)hpa, rights);
}

/* A turn of another vCPU. */
static void turn_to(struct model *m, struct cpu *c)
{
	memcpy(m->c->tlb, m->r->host.tlb, sizeof(c->tlb));
	memcpy(m->r->host.tlb, c->tlb, sizeof(c->tlb));
	m->c = c;
}

/* A vCPU that is in L2 goes on there. */
static void go_on(struct model *m)
{
	struct cpu *was = m->c, *c = &m->cpu[below(m, m->cpus)];
	unsigned rights, access = 1u << below(m, 3), k = below(m, RECENT);
	struct nvmx_ept_rules rules;
	uint64_t gpa2, hpa, qual;

	if (!c->in_l2)
		return;
	for (unsigned i = 0; i < RECENT && m->recent[k].eptp != c->on; i++)
		k = (k + 1) % RECENT;
	gpa2 = m->recent[k].gpa2;
	nvmx_ept_rules_init(&rules, &m->r->vm.caps, false, m->ad);
	turn_to(m, c);
	if (hw_access(&m->r->host, c->eptp02, below(m, 2), gpa2, access, &hpa, &rights, &qual)) {
		c->in_l2 = below(m, 4); /* else it is asked again by what it really needs */
	} else {
		m->others_reached++;
		check_watched(m, hpa, access);
		if (!legal(m, &rules, c->on, m->eptp[c->on] & NVMX_EPTE_ADDR, 4, gpa2, hpa, rights))
			fail_msg("step %llu: vCPU %u goes on at gpa2 %llx -> %llx rights %x, which is not legal", (unsigned long long)m->now,
				 (unsigned)(c - m->cpu), (unsigned long long)gpa2, (unsigned long long)hpa, rights);
	}
	turn_to(m, was);
}

/* A vCPU goes, and another one comes in its place, on the same processor. */
static void come_and_go(struct model *m)
{
	struct nvmx_vcpu *v = m->c->v;
	struct nvmx_slot *slot = v->cur;

	nvmx_ept_vcpu_destroy(v);
	memset(v, 0, sizeof(*v));
	v->vm = &m->r->vm;
	v->ops = &ops;
	v->host = &m->r->host;
	v->cur = slot;
	nvmx_ept_vcpu_init(v);
	m->c->entered = false;
	m->gone++;
	for (unsigned i = 0; i < EPTPS; i++) /* what it begins with is new */
		m->c->invept_at[i] = m->now - 1;
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
static void space_was_invalidated(struct model *m, unsigned n)
{
	for (unsigned i = 0; i < EPTPS; i++)
		if (!((m->eptp[i] ^ m->eptp[n]) & NVMX_EPTE_ADDR))
			m->c->invept_at[i] = m->now;
}

static void invept_here(struct model *m, unsigned n, bool all)
{
	m->c->in_l2 = false;
	nvmx_ept_invept(m->c->v, all ? NVMX_FLUSH_ALL : NVMX_FLUSH_SINGLE, m->eptp[n]);
	space_was_invalidated(m, n);
	for (unsigned i = 0; i < EPTPS && all; i++)
		m->c->invept_at[i] = m->now;
}

/* On this vCPU, or as L1's do, on all. */
static void invept(struct model *m, unsigned n)
{
	bool all = below(m, 4) == 0;
	struct cpu *was = m->c;

	if (m->cpus == 1 || below(m, 3) == 0) {
		invept_here(m, n, all);
		return;
	}
	for (unsigned i = 0; i < m->cpus; i++) {
		turn_to(m, &m->cpu[i]);
		invept_here(m, n, all);
	}
	turn_to(m, was);
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

/* What was named is legal no more, on any vCPU.  The hypercalls of <nestvmx/hyperv.h>: no INVEPT is executed. */
static void invept_everywhere(struct model *m)
{
	unsigned k = below(m, RECENT), n = below(m, 4) ? m->recent[k].eptp : below(m, EPTPS), ranges = 1 + below(m, 3);
	struct nvmx_ept_named named = { 0 };
	struct cpu *was = m->c;

	m->named++;
	for (unsigned i = 0; i < ranges; i++) {
		uint64_t gpa2 = (below(m, 4) ? m->recent[(k + i) % RECENT].gpa2 : random_gpa(m)) & ~0xfffull;
		struct nvmx_ept_range r = { m->eptp[n] & NVMX_EPTE_ADDR, gpa2, gpa2 + ((uint64_t)below(m, 600) << 12) + 0xfff };

		if (below(m, 4) == 0) {
			r.gpa = 0;
			r.end = ~0ull;
		}
		nvmx_ept_name(&named, &r);
	}
	assert_true(nvmx_ept_invept_everywhere(m->c->v, &named));
	for (m->c = m->cpu; m->c < m->cpu + m->cpus; m->c++)
		for (unsigned i = 0; i < named.n; i++) {
			if (named.range[i].end == ~0ull)
				space_was_invalidated(m, n);
			else
				range_was_invalidated(m, n, named.range[i].gpa, named.range[i].end);
		}
	m->c = was;
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
	nvmx_ept_invept_range(m->c->v, m->eptp[n], gpa2, gpa2 | 0xfff);
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
	nvmx_ept_invept_range(m->c->v, m->eptp[n], gpa2, end);
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

	memcpy(tlb, m->c->other_tlb, sizeof(tlb));
	memcpy(m->c->other_tlb, m->r->host.tlb, sizeof(tlb));
	memcpy(m->r->host.tlb, tlb, sizeof(tlb));
	nvmx_ept_moved(m->c->v);
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
	nvmx_host_write_protect(&m->r->vm, below(m, 2) ? m->c->v : NULL, (uint64_t)gfn << 12, (uint64_t)count << 12);
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
	nvmx_host_invalidate(&m->r->vm, m->c->v, (uint64_t)gfn << 12, (uint64_t)count << 12);
}

/* Eviction all the time on each vCPU. */
static bool few_pages;

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	return few_pages && nvmx_ept_of(translating->c->v)->pages >= FEW_PAGES ? NULL : host_page_alloc(h, hpa);
}

static void other_vcpus(struct model *m, unsigned cpus)
{
	m->cpus = cpus;
	m->c = m->cpu;
	m->c->v = &m->r->v;
	for (unsigned i = 1; i < cpus; i++) {
		struct nvmx_vcpu *v = m->cpu[i].v = aligned_alloc(64, (sizeof(*v) + 63) & ~63ul);

		memset(v, 0, sizeof(*v));
		v->vm = &m->r->vm;
		v->ops = &ops;
		v->host = &m->r->host;
		v->cur = &m->r->slot;
		nvmx_ept_vcpu_init(v);
	}
}

static uint32_t pages_of_vcpus(const struct model *m)
{
	uint32_t pages = 0;

	for (unsigned i = 0; i < m->cpus; i++)
		pages += nvmx_ept_of(m->cpu[i].v)->pages;
	return pages;
}

static void run(uint64_t seed, bool ad, bool scarce, bool watching, unsigned cpus, unsigned steps)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned i, s;

	print_message("seed %llu, %u vCPUs, accessed and dirty flags %s, %s, tables %s\n", (unsigned long long)seed, cpus,
		      ad ? "on" : "off", scarce ? "few pages" : "pages enough", watching ? "watched" : "compared");
	m->r = rig_watching(0, watching ? NVMX_WATCHES_MIN : 0);
	ops = host_ops;
	ops.translate = translate;
	ops.map = map;
	ops.watch = watch;
	m->r->vm.ops = m->r->v.ops = &ops;
	ops.page_alloc = page_alloc;
	ops.kick_others = kick_others;
	translating = m;
	few_pages = scarce;
	m->r->vm.flags = cpus > 1 ? NVMX_HOST_PAGES_OF_VM : 0;
	other_vcpus(m, cpus);
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

		if (cpus > 1) {
			if (below(m, 2))
				turn_to(m, &m->cpu[below(m, cpus)]);
			for (i = 0; i < cpus; i++)
				go_on(m);
		}
		m->c->in_l2 = false;
		m->no_dma += !m->dma;
		if (what < 6)
			edit_randomly(m);
		else if (what < 8)
			below(m, 3) ? invept(m, below(m, EPTPS)) : go_in_order(m);
		else if (what < 9)
			below(m, 3) ? below(m, 2) ? invept_range(m) : narrow_way(m) : invept_everywhere(m);
		else if (what < 11)
			change_host(m);
		else if (what < 12)
			below(m, 4) ? protect(m) : move_vcpu(m);
		else if (what < 13 && below(m, 8) == 0)
			below(m, 32) ? arm(m) : watching && below(m, 2) ? toggle_dma(m) : nvmx_host_changed(&m->r->vm, m->c->v);
		else if (what < 13 && below(m, 4) == 0)
			edit_list(m);
		else if (what < 13 && cpus > 1 && below(m, 8) == 0)
			come_and_go(m);
		else
			access_randomly(m);
	}
	print_message("  reached %u, to L1 %u, to the host %u, fills %llu, pages at most %u, flushes %u, "
		      "EPTP switches %u and %u by exit\n", m->reached,
		      m->to_l1, m->to_host, (unsigned long long)m->c->v->counters[NVMX_CNT_EPT_FILL],
		      m->r->host.pages_peak, m->r->host.flushes, m->switches, m->switch_exits);
	print_message("  watched %u times, %u writes seen, %u not; not now %u\n", m->r->host.watches, m->r->host.traps, m->unseen, m->not_now);
	assert_true(!watching || (m->r->host.watches > m->no_dma / 1000 && m->r->host.traps > m->no_dma / 1000));
	assert_true(m->switches > steps / 50 && m->switch_exits > steps / 50);
	assert_true(m->reached > steps / 20 && m->to_l1 > steps / 20 && m->to_host > steps / 1000);
	if (cpus > 1)
		print_message("  %u accesses of vCPUs that went on, %u vCPUs gone, %llu pages shared\n", m->others_reached, m->gone,
			      (unsigned long long)(nvmx_ept_of_vm(&m->r->vm)->pages - pages_of_vcpus(m)));
	assert_true(cpus == 1 || m->others_reached > steps / 20);
	assert_true(m->named > steps / 1000);
	for (i = 1; i < cpus; i++) {
		nvmx_ept_vcpu_destroy(m->cpu[i].v);
		free(m->cpu[i].v);
	}
	translating = NULL;
	rig_free(m->r);
	free(m);
}

static unsigned steps_of_seed = STEPS / SEEDS;
static uint64_t first_seed = 1;

static void test_random(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + SEEDS; seed++)
		run(seed, seed % 2, seed % 3 == 0, seed % 4 < 2, 1, steps_of_seed);
}

/* Tables that are shared: each vCPU's INVEPTs are its own. */
static void test_vcpus(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed; seed < first_seed + SEEDS; seed++)
		run(seed, seed % 2, seed % 3 == 0, seed % 4 < 2, 2 + seed / 2 % 3, steps_of_seed);
}

/* unit_ept_model [STEPS OF EACH RUN [FIRST SEED]] */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random), cmocka_unit_test(test_vcpus) };

	if (argc > 1)
		steps_of_seed = (unsigned)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
