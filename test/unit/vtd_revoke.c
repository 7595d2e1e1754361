/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* nvmx_vtd_host_invalidate: works from what is recorded, whatever L1's tables say by now, and costs what the range costs. */
#include "vtd_flat.h"

/* What the ops of a revocation do, beside their work. */
static unsigned maps;
static struct rig *hostile; /* L1 empties its tables at each of them */

static void scribble(void)
{
	if (hostile)
		memset(word(hostile, TABLES), 0, 0x8000);
}

static void *spy_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	maps++;
	return host_map(h, gpa, write);
}

static int spy_frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	scribble();
	return hw_frame(h, gpa, out);
}

static int spy_dma_map(struct nvmx_vtd_host *h, uint64_t domain, uint64_t iova, uint64_t gpa, uint64_t len, unsigned rights)
{
	scribble();
	return hw_dma_map(h, domain, iova, gpa, len, rights);
}

static struct world *spied(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);

	r->ops.map = spy_map;
	if (r->ops.frame)
		r->ops.frame = spy_frame;
	else
		r->ops.dma_map = spy_dma_map;
	return begin(r);
}

/* Revokes [gpa, gpa + len), and reads nothing of L1's meanwhile. */
static void revoke(struct world *w, uint64_t gpa, uint64_t len)
{
	maps = 0;
	assert_int_not_equal(nvmx_vtd_host_invalidate(w->r->u, gpa, len), NVMX_VTD_WAITING);
	assert_int_equal(maps, 0);
}

static uint64_t dummy(struct world *w)
{
	return w->r->config.flags & NVMX_VTD_ASSIGN_MAP ? 0xfffff000 : w->r->u->flat.dummy_hpa;
}

/* Four large pages lose a frame each, after L1 has emptied the entry above their table at `level` without a word. */
static void large_pages(uint32_t flags, unsigned level, uint64_t gpa, bool scribbles)
{
	struct world *w = spied(flags);
	struct hw *hw = w->r->host.hw;

	for (unsigned i = 0; i < 4; i++)
		*at(w, 0x40000000 + i * 0x200000ull, 2) = (0x200000ull * (i + 1)) | SL_LARGE | 3;
	assign(w);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(dma(w, 0x40000000 + i * 0x200000ull, 1), RAM(0x200000 * (i + 1)));
	if (level)
		*at(w, 0x40000000, level) = 0;
	for (unsigned i = 0; i < 4; i++)
		hw->map[(0x200000 * (i + 1) + 0x5000) >> 12].rights = 0;
	hostile = scribbles ? w->r : NULL;
	revoke(w, gpa, 0x1000000);
	hostile = NULL;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(dma(w, 0x40000000 + i * 0x200000ull + 0x5000, 1), dummy(w));
		assert_int_equal(dma(w, 0x40000000 + i * 0x200000ull + 0x6000, 1), RAM(0x200000 * (i + 1) + 0x6000));
	}
	dsi(w); /* now L1 says it */
	assert_int_equal(dma(w, 0x40000000, 1), level || scribbles ? HW_FAULT : RAM(0x200000));
	end(w);
}

static void tables_change(uint32_t flags)
{
	for (unsigned level = 0; level <= 4; level++)
		if (level != 1)
			for (unsigned from = 0; from < 4; from++)
				large_pages(flags, level, from & 1 ? 0 : 0x200000, from & 2);
}
BOTH_WAYS(test_tables_that_have_changed, tables_change)

/* Which table L1 has put above meanwhile, and how large that is, is nothing to the revocation. */
static void price(uint32_t flags)
{
	const uint64_t l2 = 0x700000, l1 = 0x701000;

	for (unsigned trick = 0; trick < 2; trick++) {
		struct world *w = spied(flags);
		struct hw *hw = w->r->host.hw;
		unsigned live;

		*at(w, 0x40000000, 2) = 0x200000 | SL_LARGE | 3;
		assign(w);
		for (unsigned i = 0; i < 512 && trick; i++) {
			*word(w->r, l2 + i * 8) = l1 | 3;
			*word(w->r, l1 + i * 8) = (0x300000 + i * 0x1000ull) | 3;
			*at(w, 0x40000000, 3) = l2 | 3;
		}
		hw->frame_calls = hw->dma_maps = 0;
		live = hw->live;
		hw->map[0x205].rights = 0;
		revoke(w, 0x205000, 0x1000);
		assert_true(hw->frame_calls <= 2);
		assert_true(hw->dma_maps <= 512);
		assert_true(hw->live <= live + 1);
		assert_int_equal(dma(w, 0x40005000, 1), dummy(w));
		for (uint64_t offset = 0; offset < 0x200000; offset += 0x1000) /* the rest stays */
			if (offset != 0x5000)
				assert_int_equal(dma(w, 0x40000000 + offset, 1), RAM(0x200000 + offset));
		end(w);
	}
}
BOTH_WAYS(test_the_price_of_a_page, price)

/* A gigabyte of which one page is lost, while the host can no longer map the rest in anything but 4-KiB frames: only what
 * is in the range is asked for, and the rest stays as it is. */
static void test_one_page_of_a_gigabyte(void **state)
{
	struct world *w = spied(NVMX_VTD_ASSIGN_TABLES);
	struct hw *hw = w->r->host.hw;

	(void)state;
	*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
	*at(w, 0x80000000, 3) = HW_BIG | SL_LARGE | 1; /* twice */
	assign(w);
	for (uint64_t iova = 0x40000000; iova <= 0x80000000; iova += 0x40000000)
		assert_int_equal(dma(w, iova, 1), HW_BIG_HPA);
	hw->big_broken = true;
	hw->frame_calls = 0;
	revoke(w, HW_BIG, 0x1000);
	assert_true(hw->frame_calls <= 2 * 3);
	for (uint64_t iova = 0x40000000; iova <= 0x80000000; iova += 0x40000000) {
		assert_int_equal(dma(w, iova, 1), dummy(w));
		assert_int_equal(dma(w, iova + 0x1000, 1), HW_BIG_HPA + 0x1000);
		assert_int_equal(dma(w, iova + 0x3fe01000, 1), HW_BIG_HPA + 0x3fe01000);
	}
	assert_int_equal(dma(w, 0x80001000, 2), HW_FAULT); /* L1's rights still hold */
	hw->big_broken = false;
	revoke(w, HW_BIG, 0x1000);
	assert_int_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
	end(w);
}

/* Frames of the gigabyte, of which some are lost; what has none of them is one block. */
static uint64_t lost[4];
static unsigned lost_n;

static int shrinking_frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	unsigned shift = 30;

	(void)h;
	for (unsigned i = 0; i < lost_n; i++) {
		if (lost[i] == (gpa & ADDRESS_BITS))
			return -1;
		while (shift > 12 && lost[i] >> shift == gpa >> shift)
			shift -= 9;
	}
	*out = (struct nvmx_vtd_frame){ HW_BIG_HPA + gpa - HW_BIG, 3, (uint8_t)shift };
	return 0;
}

/* One after the other, in parts that the first one made and in parts of parts: each is found again. */
static void test_page_after_page(void **state)
{
	static const uint64_t offsets[] = { 0x5000, 0x6000, 0x1234000, 0x3ffff000 };
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->ops.map = spy_map;
	r->ops.frame = shrinking_frame;
	w = begin(r);
	lost_n = 0;
	*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
	assign(w);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(dma(w, 0x40000000 + offsets[i], 1), HW_BIG_HPA + offsets[i]);
	for (unsigned n = 0; n < 4; n++) {
		lost[lost_n++] = HW_BIG + offsets[n];
		revoke(w, HW_BIG + offsets[n], 0x1000);
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(dma(w, 0x40000000 + offsets[i], 1), i <= n ? dummy(w) : HW_BIG_HPA + offsets[i]);
	}
	lost_n = 0;
	revoke(w, HW_BIG, 0x40000000);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(dma(w, 0x40000000 + offsets[i], 1), HW_BIG_HPA + offsets[i]);
	end(w);
}

/* A gigabyte that a table of 32 MiB in small pages is about to replace, half of it made. */
static struct world *half_replaced(uint64_t *table)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	r->config.work = 1024;
	r->ops.map = spy_map;
	w = begin(r);
	*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
	assign(w);
	assert_int_equal(dma(w, 0x40000000, 1), HW_BIG_HPA);
	*table = w->next;
	for (uint64_t i = 0; i < 16; i++) {
		*word(r, *table + i * 8) = (*table + 0x1000 + i * 0x1000) | 3;
		for (uint64_t k = 0; k < 512; k++)
			*word(r, *table + 0x1000 + i * 0x1000 + k * 8) = (HW_BIG + (i << 21) + (k << 12)) | 3;
	}
	w->next += 17 * 0x1000;
	*at(w, 0x40000000, 3) = *table | 3;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	for (unsigned i = 0; i < 4; i++)
		nvmx_vtd_run(r->u);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 1);
	return w;
}

static void test_while_a_table_replaces_the_page(void **state)
{
	for (unsigned pages = 0; pages < 2; pages++) {
		uint64_t table;
		struct world *w = half_replaced(&table);
		struct hw *hw = w->r->host.hw;

		(void)state;
		hw->big_broken = true;
		hw->limit = pages ? 0 : hw->live; /* without a page the old mapping goes, the new one comes all the same */
		revoke(w, HW_BIG, 0x1000);
		assert_int_equal(dma(w, 0x40000000, 1), pages ? dummy(w) : HW_FAULT);
		assert_int_equal(dma(w, 0x42000000, 1), pages ? HW_BIG_HPA + 0x2000000 : HW_FAULT);
		hw->limit = 0;
		hw_run(w->r);
		assert_int_equal(rd(w->r, 0xf8, 8) >> 63, 0);
		assert_int_equal(dma(w, 0x40000000, 1), dummy(w));
		assert_int_equal(dma(w, 0x41fff000, 1), HW_BIG_HPA + 0x1fff000);
		assert_int_equal(dma(w, 0x42000000, 1), HW_FAULT);
		end(w);
	}
}

/* The other way: L1 takes the new table back before it is complete, and keeps the parts that a revocation has made. */
static void test_and_then_it_does_not(void **state)
{
	uint64_t table;
	struct world *w = half_replaced(&table);

	(void)state;
	w->r->host.hw->big_broken = true;
	revoke(w, HW_BIG, 0x1000);
	*at(w, 0x40000000, 3) = HW_BIG | SL_LARGE | 3;
	hw_run(w->r);
	dsi(w);
	assert_int_equal(dma(w, 0x40000000, 1), dummy(w));
	assert_int_equal(dma(w, 0x7ffff000, 1), HW_BIG_HPA + 0x3ffff000);
	end(w);
}

/* ----------------------------------------------------------------------------------------------------- spaces of devices */

#define BIG_TABLE 0xc00000ull /* maps itself: more work than one call does */
static unsigned opened, peak, handles;

static int any_domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	(void)h;
	(void)d;
	*domain = ++handles;
	peak = ++opened > peak ? opened : peak;
	return 0;
}

static void any_domain_close(struct nvmx_vtd_host *h, uint64_t domain)
{
	(void)h;
	(void)domain;
	opened--;
}

static int any_attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	(void)h;
	*(struct nvmx_vtd_target *)device = *target;
	return 0;
}

static int any_flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	(void)h;
	(void)list;
	assert_true(n <= 256);
	return NVMX_VTD_FLUSHED;
}

static void table_of(struct rig *r, unsigned device, uint64_t table)
{
	set_context(r, (uint16_t)device, table | 1, DOMAIN(1 + (table >> 12 & 0xfff)) | AW(4));
}

/*
 * Every device has a space and wants another that takes long to make, and L1 changes its mind, again and again, through the
 * queue while a command by register is under way.  Each device holds two spaces at most, and each ends where L1 wants it.
 */
static void minds_change(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);
	static struct nvmx_vtd_target at_last[NVMX_VTD_DEVICES];
	uint64_t tail = 0, random = 1, table[NVMX_VTD_DEVICES];

	r->ops.domain_open = any_domain_open;
	r->ops.domain_close = any_domain_close;
	r->ops.attach = any_attach;
	r->ops.flush = any_flush;
	if (flags == NVMX_VTD_ASSIGN_MAP)
		r->config.pages = 1024;
	r->config.work = 1024;
	opened = peak = 0;
	rig_start(r);
	for (unsigned i = 0; i < NVMX_VTD_DEVICES; i++)
		table_of(r, i, 0x100000 + i * 0x1000ull);
	hw_translation(r, true);
	for (unsigned i = 0; i < NVMX_VTD_DEVICES; i++) {
		assert_int_equal(nvmx_vtd_device_add(r->u, (uint16_t)i, &at_last[i], 0), NVMX_OK);
		hw_run(r);
	}
	queue_on(r);
	for (unsigned i = 0; i < 512; i++)
		*word(r, BIG_TABLE + i * 8) = BIG_TABLE | 1;
	for (unsigned i = 0; i < NVMX_VTD_DEVICES; i++)
		table_of(r, i, i ? 0x200000 + i * 0x1000ull : BIG_TABLE);
	assert_int_equal(wr(r, 0x28, 8, BIT64(63) | 1ull << 61), NVMX_VTD_MORE);
	assert_int_equal(opened, SPACES);
	for (unsigned round = 0; round < 200; round++) {
		unsigned i = 1 + (unsigned)((random = random * 6364136223846793005 + 1442695040888963407) >> 40) % 63;

		table_of(r, i, 0x100000 + (random >> 33) % 0x300 * 0x1000);
		queue_put(r, &tail, 1 | (random >> 62 ? 3 << 4 | (uint64_t)i << 32 | 1 << 16 : 1 << 4), 0);
		queue_go(r, tail);
		assert_true(opened <= SPACES);
		if (round < 8) /* while there are pages, each gets what it wants */
			assert_int_equal(r->host.traces[NVMX_VTD_EV_NO_DOMAIN], 0);
	}
	set_context(r, 0, 0, 0);
	queue_put(r, &tail, 1 | 1 << 4, 0);
	queue_go(r, tail);
	hw_run(r);
	hw_flush_iotlb(r, 1, 0, 0); /* for which there was no page meanwhile */
	for (unsigned i = 0; i < NVMX_VTD_DEVICES; i++) {
		table[i] = *word(r, CONTEXTS + i * 16) & ADDRESS_BITS;
		assert_int_equal(at_last[i].kind, i ? NVMX_VTD_DOMAIN : NVMX_VTD_BLOCK);
		if (i)
			assert_int_equal(r->u->flat.spaces[r->u->flat.devices[i].now.space].table, table[i]);
	}
	assert_true(peak <= SPACES && opened < NVMX_VTD_DEVICES);
	nvmx_vtd_destroy(r->u);
	assert_int_equal(opened, 0);
	assert_int_equal(r->host.hw->live, 0);
	free(r->host.hw);
	rig_free(r);
}
BOTH_WAYS(test_devices_whose_domains_change_again, minds_change)

/* A device goes while another domain is being made for it: neither is left. */
static void goes(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);
	struct world *w;

	r->config.work = 1024;
	r->config.pages = 256;
	w = begin(r);
	assign(w);
	for (unsigned i = 0; i < 512; i++)
		*word(r, BIG_TABLE + i * 8) = BIG_TABLE | 1;
	context(w, SID, BIG_TABLE, 6, 0);
	assert_int_equal(wr(r, 0x28, 8, BIT64(63) | 1ull << 61), NVMX_VTD_MORE);
	assert_int_equal(r->host.hw->domains_open, 2);
	assert_int_equal(nvmx_vtd_device_remove(r->u, SID), NVMX_OK);
	assert_int_equal(r->host.hw->domains_open, 0);
	hw_run(r);
	end(w);
}
BOTH_WAYS(test_a_device_that_goes_before_its_domain_comes, goes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_that_have_changed),
		cmocka_unit_test(test_the_price_of_a_page),
		cmocka_unit_test(test_one_page_of_a_gigabyte),
		cmocka_unit_test(test_page_after_page),
		cmocka_unit_test(test_while_a_table_replaces_the_page),
		cmocka_unit_test(test_and_then_it_does_not),
		cmocka_unit_test(test_devices_whose_domains_change_again),
		cmocka_unit_test(test_a_device_that_goes_before_its_domain_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
