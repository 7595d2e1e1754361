/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Random edits of L1's tables, invalidations, context changes and host remaps, in both flavours.  After each invalidation a
 * DMA reaches what L1's tables and the host's map say; at any time, only what is L1's.  usage: [STEPS [SEED]]
 */
#include "vtd_hw.h"

#define DEVICES_N 3u
#define TREES 3u
#define TREE(n) (0x10000u + (n) * 0x100000u) /* each has 256 frames for its tables */

struct world {
	struct rig *r;
	uint64_t seed;
	uint64_t next[TREES];
	struct hw_device dev[DEVICES_N];
	bool dirty; /* L1 has not flushed yet */
	bool map;
	bool hasty; /* work is left lying about, and physical flushes are queued */
	bool working, edited;
};

static uint64_t rnd(struct world *w, uint64_t n)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return (w->seed >> 11) % n;
}

/* Few addresses, so that changes meet. */
static uint64_t address(struct world *w)
{
	static const uint64_t bases[] = { 0, 0x200000, 0x40000000, 0x7fc0000000, 0x8000000000, 0xffffff800000 };

	return bases[rnd(w, 6)] + (rnd(w, 4) << 21) * rnd(w, 2) + (rnd(w, 2) ? rnd(w, 512) << 12 : rnd(w, 4) << 12);
}

static uint64_t frame(struct world *w)
{
	return (1024 + rnd(w, FRAMES - 1024)) << 12;
}

/* The entry for iova at `level`; what is no table on the way to it becomes one. */
static uint64_t *slot(struct world *w, unsigned n, uint64_t iova, unsigned level)
{
	uint64_t table = TREE(n);

	for (unsigned l = 4;; l--) {
		uint64_t *e = word(w->r, table + vtd_index(iova, l) * 8u);

		if (l == level)
			return e;
		if (nvmx_vtd_classify(w->r->u, *e, l) != ENTRY_TABLE) {
			memset(w->r->host.ram[w->next[n] >> 12], 0, 4096);
			*e = w->next[n] | 3;
			w->next[n] += 0x1000;
		}
		table = *e & 0xffffff000;
	}
}

static void edit(struct world *w)
{
	unsigned n = (unsigned)rnd(w, TREES), level = (unsigned)(rnd(w, 8) ? 1 : rnd(w, 4) + 1);
	uint64_t *e;

	if (w->next[n] > TREE(n) + 0xe0000) { /* a new tree, now and then */
		memset(w->r->host.ram[TREE(n) >> 12], 0, 0x100000);
		w->next[n] = TREE(n) + 0x1000;
	}
	e = slot(w, n, address(w), level);
	switch (rnd(w, 8)) {
	case 0: *e = 0; break;
	case 1: *e = *e ^ 2; break;
	case 2: *e = *e ^ BIT64(55); break;
	case 3: *e = level == 1 ? 0x7000003 : *e; break;
	default:
		if (level == 1)
			*e = frame(w) | (rnd(w, 3) + 1);
		else if (level == 2)
			*e = (frame(w) & ~0x1fffffull) | SL_LARGE | (rnd(w, 3) + 1);
		else if (level == 3 && !rnd(w, 4) && !w->map)
			*e = (rnd(w, 2) ? HW_BIG : 0x800) | SL_LARGE | 3;
		else if (rnd(w, 8) == 0) {
			*e = w->next[n] | 3; /* another table, with something in it */
			memset(w->r->host.ram[w->next[n] >> 12], 0, 4096);
			*word(w->r, w->next[n] + 8 * rnd(w, 4)) = 0;
			w->next[n] += 0x1000;
		}
	}
	w->dirty = w->edited = true;
}

/* A piece of the work, or all.  What L1 has changed meanwhile may or may not be in it. */
static void work(struct world *w, unsigned calls)
{
	while (w->working && calls--)
		switch (nvmx_vtd_run(w->r->u)) {
		case NVMX_VTD_DONE:
			w->working = false;
			w->dirty = w->edited;
			break;
		case NVMX_VTD_WAITING: hw_answer_queued(w->r, NVMX_VTD_FLUSHED); break;
		default: break;
		}
}

static void flush_hastily(struct world *w)
{
	uint64_t tail = rd(w->r, 0x88, 8);

	work(w, rnd(w, 2) ? ~0u : 3);
	if (w->working)
		return;
	w->r->host.hw->queue = rnd(w, 2) && !w->map;
	queue_put(w->r, &tail, 1 | 1 << 4, 0);
	queue_put(w->r, &tail, 2 | 1 << 4, 0);
	w->working = true;
	w->edited = false;
	queue_go(w->r, tail);
	work(w, rnd(w, 2) ? ~0u : 1);
}

static void context(struct world *w)
{
	unsigned d = (unsigned)rnd(w, DEVICES_N), n = (unsigned)rnd(w, TREES);

	switch (rnd(w, 8)) {
	case 0: set_context(w->r, (uint16_t)d, 0, 0); break;
	case 1: set_context(w->r, (uint16_t)d, 1 | CONTEXT_TT_PASS << 2, DOMAIN(9) | AW(4)); break;
	default: set_context(w->r, (uint16_t)d, TREE(n) | 1, DOMAIN(n + 1) | AW(4)); break;
	}
	w->dirty = w->edited = true;
	if (w->hasty)
		return;
	hw_flush_context(w->r);
	hw_flush_iotlb(w->r, 1, 0, 0);
	w->dirty = false;
}

/* All that L1 has changed is named, one way or another. */
static void flush(struct world *w)
{
	uint64_t tail = rd(w->r, 0x88, 8);

	switch (rnd(w, 3)) {
	case 0: hw_flush_iotlb(w->r, 1, 0, 0); break;
	case 1:
		for (uint16_t n = 0; n < TREES; n++)
			hw_flush_iotlb(w->r, 2, (uint16_t)(n + 1), 0);
		break;
	default:
		for (unsigned n = 0; n < TREES; n++)
			queue_put(w->r, &tail, 2 | 2 << 4 | (uint64_t)(n + 1) << 16, 0);
		queue_put(w->r, &tail, 5 | 1 << 5 | 0x77ull << 32, 0x9000);
		*word(w->r, 0x9000) = 0;
		if (queue_go(w->r, tail) == NVMX_VTD_MORE)
			hw_run(w->r);
		assert_int_equal(*word(w->r, 0x9000), 0x77);
	}
	w->dirty = false;
}

/* One page changes, and is flushed alone. */
static void edit_page(struct world *w)
{
	unsigned n = (unsigned)rnd(w, TREES);
	uint64_t iova = address(w), table = TREE(n), e;

	if (w->dirty || w->next[n] > TREE(n) + 0xe0000)
		return;
	for (unsigned level = 4; level > 1; level--) {
		e = *word(w->r, table + vtd_index(iova, level) * 8u);
		if (e & 3 && nvmx_vtd_classify(w->r->u, e, level) != ENTRY_TABLE)
			return;
		if (!(e & 3))
			break;
		table = e & 0xffffff000;
	}
	*slot(w, n, iova, 1) = rnd(w, 3) ? frame(w) | 3 : 0;
	hw_flush_iotlb(w->r, 3, (uint16_t)(n + 1), iova | rnd(w, 3));
}

static void remap(struct world *w)
{
	struct hw *hw = w->r->host.hw;
	uint64_t gfn = frame(w) >> 12, n = rnd(w, 4) ? 1 : rnd(w, 600), kind = rnd(w, 4);

	if (gfn + n > FRAMES)
		n = FRAMES - gfn;
	for (uint64_t i = gfn; i < gfn + n; i++) {
		if (kind == 0)
			hw->map[i].rights = 0;
		else if (kind == 1)
			hw->map[i].hpa = hw->next_frame += 4096;
		else
			hw->map[i] = (__typeof__(hw->map[i])){ HW_RAM_HPA + i * 4096, (uint8_t)(kind == 2 && !w->map ? 1 : 3) };
	}
	if (nvmx_vtd_host_invalidate(w->r->u, gfn << 12, n << 12) == NVMX_VTD_WAITING)
		hw_answer_queued(w->r, NVMX_VTD_FLUSHED);
}

static bool is_dummy(struct world *w, uint64_t hpa)
{
	return w->map ? hpa >> 12 == 0xfffff : hpa >> 12 == w->r->u->flat.dummy_hpa >> 12;
}

static bool is_l1s(struct world *w, uint64_t hpa)
{
	const struct hw *hw = w->r->host.hw;

	if (is_dummy(w, hpa) || hpa - HW_BIG_HPA < 0x40000000)
		return true;
	for (unsigned i = 0; i < FRAMES; i++)
		if (hw->map[i].rights && hw->map[i].hpa == (hpa & ADDRESS_BITS))
			return true;
	return false;
}

static void check(struct world *w)
{
	unsigned d = (unsigned)rnd(w, DEVICES_N), right = (unsigned)rnd(w, 2) + 1;
	uint64_t iova = address(w), got = hw_dma(&w->r->host, &w->dev[d], iova, right);
	struct nvmx_vtd_frame f;
	struct nvmx_vtd_dma want;

	if (got != HW_FAULT && w->dev[d].target.kind == NVMX_VTD_DOMAIN)
		assert_true(is_l1s(w, got));
	if (w->dirty || w->working)
		return;
	if (nvmx_vtd_translate(w->r->u, (uint16_t)d, iova, 1,
			       right | NVMX_VTD_UNCACHED | NVMX_VTD_SILENT, &want)) {
		assert_int_equal(got, HW_FAULT);
		return;
	}
	if (hw_frame(&w->r->host, want.gpa, &f)) {
		if (w->dev[d].target.kind == NVMX_VTD_DOMAIN)
			assert_true(is_dummy(w, got));
		return;
	}
	assert_int_equal(got, f.rights & right ? f.hpa : HW_FAULT);
}

static void run(uint32_t flags, uint64_t seed, unsigned steps, bool hasty)
{
	struct rig *r = hw_config(NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER, flags);
	struct world w = { .r = r, .seed = seed, .map = flags == NVMX_VTD_ASSIGN_MAP };
	unsigned exact = 0;

	r->config.work = 1024;
	r->config.pages = 8192;
	rig_start(r);
	for (unsigned n = 0; n < TREES; n++)
		w.next[n] = TREE(n) + 0x1000;
	for (uint16_t d = 0; d < DEVICES_N; d++) {
		set_context(r, d, TREE(d) | 1, DOMAIN(d + 1) | AW(4));
		assert_int_equal(nvmx_vtd_device_add(r->u, d, &w.dev[d], 0), NVMX_OK);
	}
	hw_translation(r, true);
	queue_on(r);
	w.hasty = hasty;
	for (unsigned i = 0; i < steps; i++) {
		uint64_t what = rnd(&w, 100);

		exact += !w.dirty && !w.working;
		if (what < 20)
			edit(&w);
		else if (hasty && what < 42)
			flush_hastily(&w);
		else if (what < 32)
			flush(&w);
		else if (what < 42)
			edit_page(&w);
		else if (what < 46)
			remap(&w);
		else if (what < 48)
			context(&w);
		else
			check(&w);
	}
	assert_true(exact > steps / 50);
	work(&w, ~0u);
	hw_answer_queued(w.r, NVMX_VTD_FLUSHED);
	r->host.hw->queue = false;
	hw_free(r);
}

static unsigned steps = NVMX_TEST_FULL ? 3000 : 600;
static uint64_t seeds[] = { 1, 2, 3 };

static void test_tables(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		run(NVMX_VTD_ASSIGN_TABLES, seeds[i] * 0x9e3779b97f4a7c15, steps, false);
}

static void test_map(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		run(NVMX_VTD_ASSIGN_MAP, seeds[i] * 0x9e3779b97f4a7c15, steps, false);
}

/* L1 changes its tables, and the host moves frames, while earlier invalidations are half done. */
static void test_hasty_tables(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		run(NVMX_VTD_ASSIGN_TABLES, seeds[i] * 0x9e3779b97f4a7c15, steps, true);
}

static void test_hasty_map(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
		run(NVMX_VTD_ASSIGN_MAP, seeds[i] * 0x9e3779b97f4a7c15, steps, true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_hasty_tables),
		cmocka_unit_test(test_hasty_map),
	};

	if (argc > 1)
		steps = (unsigned)strtoul(argv[1], NULL, 0);
	for (unsigned i = 0; argc > 2 && i < 3; i++)
		seeds[i] = strtoull(argv[2], NULL, 0) + i;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
