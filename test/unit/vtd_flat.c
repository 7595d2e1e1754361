/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Flattening for assigned devices: what a DMA reaches through the physical unit, and what it costs to follow L1. */
#include "vtd_flat.h"

static void identity(uint32_t flags)
{
	struct world *w = begin(hw_config(CM, flags));

	hw_add(w->r, SID, &w->dev, 0);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_IDENTITY);
	assert_int_equal(dma(w, 0x5678, 1), RAM(0x5678));
	context(w, SID, 0, 1, CONTEXT_TT_PASS);
	hw_translation(w->r, true);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_IDENTITY);
	set_context(w->r, SID, 0, 0);
	hw_flush_context(w->r);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(dma(w, 0x5678, 1), HW_FAULT);
	hw_translation(w->r, false);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_IDENTITY);
	assert_int_equal(nvmx_vtd_device_remove(w->r->u, SID), NVMX_OK);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_BLOCK);
	assert_int_equal(nvmx_vtd_device_remove(w->r->u, SID), NVMX_ERR_CONFIG);
	end(w);
}
BOTH_WAYS(test_devices_without_translation, identity)

static void mapped(uint32_t flags)
{
	struct world *w = begin(hw_config(CM, flags));

	*at(w, IOVA, 1) = 0x123003;
	*at(w, IOVA + 0x1000, 1) = 0x124001;
	*at(w, IOVA + 0x2000, 1) = 0x125002;
	*at(w, 0x600000, 2) = 0x800000 | SL_LARGE | 3;
	assign(w); /* all of it is there before the device is moved to it */
	assert_int_equal(dma(w, IOVA + 0x123, 1), RAM(0x123123));
	assert_int_equal(dma(w, IOVA + 0x123, 2), RAM(0x123123));
	assert_int_equal(dma(w, IOVA + 0x1000, 1), RAM(0x124000));
	assert_int_equal(dma(w, IOVA + 0x1000, 2), HW_FAULT);
	assert_int_equal(dma(w, IOVA + 0x2000, 1), HW_FAULT);
	assert_int_equal(dma(w, IOVA + 0x2000, 2), RAM(0x125000));
	assert_int_equal(dma(w, 0x7fffff, 2), RAM(0x9fffff));
	assert_int_equal(dma(w, IOVA + 0x3000, 1), HW_FAULT);
	end(w);
}
BOTH_WAYS(test_mapped_before_attached, mapped)

static void followed(uint32_t flags)
{
	struct world *w = start(flags);

	*at(w, IOVA, 1) = 0x123003; /* new tables, too */
	psi(w, IOVA, 0);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	*at(w, IOVA, 1) = 0x223003;
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	psi(w, IOVA, 0);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x223000));
	*at(w, IOVA, 1) = 0x223001;
	psi(w, IOVA, 0);
	assert_int_equal(dma(w, IOVA, 2), HW_FAULT);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x223000));
	*at(w, IOVA, 1) = 0;
	psi(w, IOVA, 0);
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	*at(w, IOVA, 2) = 0x400000 | SL_LARGE | 3; /* a page where a table was */
	psi(w, 0x40200000, 9);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x401000));
	*at(w, IOVA, 2) = w->next | 3; /* and a table where a page was */
	w->next += 0x1000;
	*at(w, IOVA + 0x3000, 1) = 0x333003;
	psi(w, 0x40200000, 9);
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	assert_int_equal(dma(w, IOVA + 0x3000, 2), RAM(0x333000));
	*at(w, IOVA, 3) &= ~2ull; /* rights of a whole gigabyte */
	dsi(w);
	assert_int_equal(dma(w, IOVA + 0x3000, 2), HW_FAULT);
	assert_int_equal(dma(w, IOVA + 0x3000, 1), RAM(0x333000));
	*at(w, IOVA, 4) = 0;
	dsi(w);
	assert_int_equal(dma(w, IOVA + 0x3000, 1), HW_FAULT);
	end(w);
}
BOTH_WAYS(test_changes_are_followed, followed)

/* What an entry above keeps out of reach may change without a word.  When that entry gives the right back, and another page
 * of its is named, the device reaches what the tables say by then. */
static void rights_regained(uint32_t flags)
{
	for (unsigned level = 2; level <= 4; level++)
		for (unsigned right = 1; right <= 2; right++) {
			struct world *w = start(flags);

			*at(w, IOVA, 1) = 0x123003;
			*at(w, IOVA + 0x1000, 1) = 0x124003;
			*at(w, IOVA, level) &= ~(uint64_t)right;
			dsi(w);
			assert_int_equal(dma(w, IOVA, right), HW_FAULT);
			*at(w, IOVA, 1) &= ~(uint64_t)right;
			*at(w, IOVA, level) |= right;
			psi(w, IOVA + 0x1000, 0);
			assert_int_equal(dma(w, IOVA + 0x1000, right), RAM(0x124000));
			assert_int_equal(dma(w, IOVA, right), HW_FAULT);
			assert_int_equal(dma(w, IOVA, right ^ 3), RAM(0x123000));
			end(w);
		}
}
BOTH_WAYS(test_rights_regained_above_what_has_changed, rights_regained)

/* Reserved bits, unreadable tables: the device faults, whatever was there. */
static void bad(uint32_t flags)
{
	static const struct { unsigned level; uint64_t entry; } entries[] = {
		{ 4, 0x83 }, { 3, 0x7000003 }, { 2, 0x7000003 }, { 1, 1ull << 41 | 3 }, { 2, 0x1083 }, { 3, 0x800 | 3 },
	};
	struct world *w = start(flags);

	for (unsigned i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		uint64_t *e = at(w, IOVA, 1), good;

		*e = 0x123003;
		dsi(w);
		assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
		e = at(w, IOVA, entries[i].level);
		good = *e;
		*e = entries[i].entry;
		dsi(w);
		assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
		*e = good;
	}
	end(w);
}
BOTH_WAYS(test_bad_entries, bad)

/* What L1 does not own goes to a page that is nobody's, and is counted. */
static void dummy(uint32_t flags)
{
	struct world *w = start(flags);
	uint64_t hpa;

	*at(w, IOVA, 1) = 0x7000003;
	psi(w, IOVA, 0);
	hpa = dma(w, IOVA, 2);
	assert_true(hpa != HW_FAULT && (hpa < HW_RAM_HPA || hpa >= HW_PAGE_HPA));
	assert_true(flags & NVMX_VTD_ASSIGN_MAP || hpa >= HW_PAGE_HPA); /* a page that the host has given, and no other */
	assert_int_equal(counter(w, NVMX_VTD_CNT_DUMMY), 1);
	w->r->host.hw->map[600].rights = 0;
	*at(w, 0x200000, 2) = 0x200000 | SL_LARGE | 3; /* one frame of a large page */
	psi(w, 0x200000, 9);
	assert_int_equal(dma(w, 0x200000 + (88 << 12), 1), hpa);
	assert_int_equal(dma(w, 0x200000 + (89 << 12), 1), RAM(601 << 12));
	assert_int_equal(counter(w, NVMX_VTD_CNT_DUMMY), 2);
	end(w);
}
BOTH_WAYS(test_foreign_frames, dummy)

static uint64_t hardware_leaf(struct world *w, uint64_t iova)
{
	struct hw *hw = w->r->host.hw;
	uint64_t domain = w->dev.target.domain, e = hw->domains[domain].root;

	for (unsigned level = hw->domains[domain].levels;; level--) {
		e = hw_table(hw, e & ~0xfffull)[vtd_index(iova, level)];
		if (level == 1 || e & SL_LARGE)
			return e;
	}
}

/* L1's snoop control of a page is that of the hardware's, also where the host has no large page (9.8). */
static void test_snoop_control(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);

	(void)state;
	*at(w, IOVA, 1) = 0x123003 | SL_SNOOP;
	*at(w, IOVA + 0x1000, 1) = 0x124003;
	*at(w, 0x200000, 2) = 0x600000 | SL_LARGE | SL_SNOOP | 3;
	*at(w, 0x400000, 2) = 0x200000 | SL_LARGE | SL_SNOOP | 3;
	w->r->host.hw->map[0x2ff].rights = 0;
	dsi(w);
	assert_int_equal(hardware_leaf(w, IOVA) & 0xfff, SL_SNOOP | 3);
	assert_int_equal(hardware_leaf(w, IOVA + 0x1000) & 0xfff, 3);
	assert_int_equal(hardware_leaf(w, 0x200000) & 0xfff, SL_LARGE | SL_SNOOP | 3);
	assert_int_equal(hardware_leaf(w, 0x401000) & 0xfff, SL_SNOOP | 3);
	end(w);
}

static void test_large_pages(void **state)
{
	struct world *w = start(NVMX_VTD_ASSIGN_TABLES);
	struct hw *hw = w->r->host.hw;

	(void)state;
	*at(w, 1ull << 39, 3) = HW_BIG | SL_LARGE | 3;
	dsi(w);
	assert_int_equal(counter(w, NVMX_VTD_CNT_LEAF), 1);
	assert_int_equal(dma(w, (1ull << 39) + 0x12345678, 1), HW_BIG_HPA + 0x12345678);
	*at(w, 0x200000, 2) = 0x600000 | SL_LARGE | SL_SNOOP | 3;
	psi(w, 0x200000, 9);
	assert_int_equal(counter(w, NVMX_VTD_CNT_LEAF), 2);
	hw->map[0x700].hpa += 0x1000000; /* no longer in one piece */
	assert_int_equal(nvmx_vtd_host_invalidate(w->r->u, 0x700000, 0x1000), NVMX_VTD_DONE);
	assert_int_equal(dma(w, 0x300000, 1), RAM(0x1700000));
	assert_int_equal(dma(w, 0x301000, 1), RAM(0x701000));
	end(w);
}

/* A gigabyte in 4-KiB frames: 262,144 leaves, in bounded calls. */
static void test_large_page_in_parts(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w = begin(r);
	unsigned calls = 0;

	(void)state;
	r->host.hw->big_broken = true;
	assign(w);
	*at(w, 1ull << 39, 3) = HW_BIG | SL_LARGE | 3;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	while (rd(r, 0xf8, 8) >> 63) {
		unsigned before = r->host.hw->frame_calls;

		nvmx_vtd_run(r->u);
		calls++;
		assert_true(r->host.hw->frame_calls - before < 65536);
	}
	assert_true(calls > 10);
	assert_int_equal(counter(w, NVMX_VTD_CNT_LEAF), 262144);
	assert_int_equal(counter(w, NVMX_VTD_CNT_DUMMY), 1);
	assert_int_equal(dma(w, (1ull << 39) + 0x12345678, 1), HW_BIG_HPA + 0x12345678);
	end(w);
}

/* A table that is its own lower table names 2^36 leaves: calls stay short, and pages within the budget. */
static void self_map(uint32_t flags)
{
	struct rig *r = hw_config(CM, flags);
	struct world *w;
	unsigned calls = 0;

	r->config.pages = 200;
	w = begin(r);
	assign(w);
	for (unsigned i = 0; i < 512; i++)
		*word(r, TABLES + i * 8) = TABLES | 3;
	wr(r, 0xf8, 8, BIT64(63) | 1ull << 60);
	while (rd(r, 0xf8, 8) >> 63 && calls < 100000) {
		nvmx_vtd_run(r->u);
		calls++;
	}
	assert_true(calls < 1000);
	assert_true(r->host.hw->peak <= 200);
	assert_true(counter(w, NVMX_VTD_CNT_UNMAPPED) > 0);
	assert_true(r->host.traces[NVMX_VTD_EV_NO_PAGE] > 0);
	memset(r->host.ram[TABLES >> 12], 0, 4096);
	*at(w, IOVA, 1) = 0x123003; /* once L1 behaves, there is room again */
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	assert_int_equal(dma(w, 0, 1), HW_FAULT);
	end(w);
}
BOTH_WAYS(test_self_mapping, self_map)

/* The same flush again compares, and neither walks an entry, nor asks the host, nor flushes the hardware. */
static void test_an_unchanged_flush(void **state)
{
	struct world *w = begin(hw_config(CM, NVMX_VTD_ASSIGN_TABLES));
	struct hw *hw = w->r->host.hw;
	uint64_t entries, leaves, flushes, compares;
	unsigned frames;

	(void)state;
	for (uint64_t i = 0; i < 1024; i++)
		*at(w, IOVA + i * 0x1000, 1) = (i + 256) << 12 | 3;
	assign(w);
	assert_int_equal(counter(w, NVMX_VTD_CNT_FLUSH), 0); /* the hardware could not hold anything yet */
	dma(w, IOVA, 1);
	entries = counter(w, NVMX_VTD_CNT_ENTRY);
	leaves = counter(w, NVMX_VTD_CNT_LEAF);
	flushes = counter(w, NVMX_VTD_CNT_FLUSH);
	compares = counter(w, NVMX_VTD_CNT_COMPARE);
	frames = hw->frame_calls;
	dsi(w);
	assert_int_equal(counter(w, NVMX_VTD_CNT_COMPARE) - compares, 6);
	psi(w, IOVA, 0);
	assert_int_equal(counter(w, NVMX_VTD_CNT_COMPARE) - compares, 10); /* O(pages named) */
	assert_int_equal(counter(w, NVMX_VTD_CNT_ENTRY), entries);
	assert_int_equal(counter(w, NVMX_VTD_CNT_LEAF), leaves);
	assert_int_equal(counter(w, NVMX_VTD_CNT_FLUSH), flushes);
	assert_int_equal(hw->frame_calls, frames);
	*at(w, IOVA + 0x5000, 1) = 0x333003; /* and one that changed costs one */
	dsi(w);
	assert_int_equal(counter(w, NVMX_VTD_CNT_ENTRY), entries + 1);
	assert_int_equal(hw->frame_calls, frames + 1);
	assert_int_equal(hw->last_n, 1);
	assert_int_equal(hw->last[0].kind, NVMX_VTD_FLUSH_PAGES);
	assert_int_equal(hw->last[0].order, 0);
	assert_int_equal(hw->last[0].iova, IOVA + 0x5000);
	assert_true(hw->last[0].leaf_only);
	end(w);
}

/* Not-present to present is no flush, unless the physical unit caches what is not present. */
static void test_flush_of_new_pages(void **state)
{
	(void)state;
	for (unsigned cm = 0; cm < 2; cm++) {
		struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
		struct world *w;

		r->config.hw_cap |= cm ? CAP_CM : 0;
		w = begin(r);
		assign(w);
		*at(w, IOVA, 1) = 0x123003;
		psi(w, IOVA, 0);
		assert_int_equal(r->host.hw->flush_calls, cm);
		end(w);
	}
}

/* Without caching mode L1 does not flush what it maps: the write buffer flush tells. */
static void write_buffer(uint32_t flags)
{
	struct world *w = begin(hw_config(CM & ~NVMX_VTD_F_CACHING_MODE, flags));

	assert_true(nvmx_vtd_cap(w->r->u) & CAP_RWBF);
	*at(w, IOVA, 1) = 0x123003;
	assign(w);
	*at(w, IOVA + 0x1000, 1) = 0x124003;
	*at(w, 1ull << 40, 1) = 0x125003;
	command(w->r, GCMD_WBF);
	hw_run(w->r);
	assert_int_equal(rd(w->r, 0x1c, 4) & GCMD_WBF, 0);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	assert_int_equal(dma(w, IOVA + 0x1000, 1), RAM(0x124000));
	assert_int_equal(dma(w, 1ull << 40, 1), RAM(0x125000));
	assert_int_equal(nvmx_vtd_device_add(w->r->u, SID + 1, &w->dev2, 0), NVMX_OK);
	hw_run(w->r);
	assert_int_equal(w->dev2.target.kind, NVMX_VTD_BLOCK);
	context(w, SID + 1, TABLES, 5, 0); /* a context-entry, too */
	command(w->r, GCMD_WBF);
	hw_run(w->r);
	assert_int_equal(hw_dma(&w->r->host, &w->dev2, IOVA, 1), RAM(0x123000));
	end(w);
}
BOTH_WAYS(test_without_caching_mode, write_buffer)

static void domains(uint32_t flags)
{
	struct world *w = start(flags);
	struct rig *r = w->r;
	uint64_t other = 0x300000, next = 0x301000;

	*at(w, IOVA, 1) = 0x123003;
	*entry_of(r, other, 4, IOVA, 1, &next) = 0x223003;
	dsi(w);
	context(w, SID + 1, TABLES, 5, 0);
	hw_add(r, SID + 1, &w->dev2, 0);
	assert_int_equal(r->host.hw->domains_open, 1); /* one domain for both */
	assert_int_equal(hw_dma(&r->host, &w->dev2, IOVA, 1), RAM(0x123000));
	context(w, SID + 1, other, 6, 0);
	assert_int_equal(hw_dma(&r->host, &w->dev2, IOVA, 1), RAM(0x123000));
	wr(r, 0x28, 8, BIT64(63) | 3ull << 61 | (uint64_t)(SID + 1) << 16 | 5);
	hw_run(r);
	assert_int_equal(r->host.hw->domains_open, 2);
	assert_int_equal(hw_dma(&r->host, &w->dev2, IOVA, 1), RAM(0x223000));
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	*at(w, IOVA, 1) = 0;
	*entry_of(r, other, 4, IOVA, 1, &next) = 0;
	hw_flush_iotlb(r, 2, 6, 0); /* the other one only */
	assert_int_equal(hw_dma(&r->host, &w->dev2, IOVA, 1), HW_FAULT);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), HW_FAULT);
	context(w, SID, other, 5, 0); /* re-assignment of a domain id */
	*entry_of(r, other, 4, IOVA, 1, &next) = 0x323003;
	hw_flush_context(r);
	hw_flush_iotlb(r, 1, 0, 0);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x323000));
	hw_translation(r, false);
	assert_int_equal(r->host.hw->domains_open, 0);
	end(w);
}
BOTH_WAYS(test_domains, domains)

/* L1's three levels on hardware with four only. */
static void test_shallow_tables(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->config.hw_cap &= ~(2ull << CAP_SAGAW_SHIFT);
	w = begin(r);
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(3));
	*entry_of(r, TABLES, 3, IOVA, 1, &w->next) = 0x123003;
	hw_translation(r, true);
	hw_add(r, SID, &w->dev, 0);
	assert_int_equal(r->host.hw->domains[w->dev.target.domain].levels, 4);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	assert_int_equal(dma(w, IOVA + (1ull << 39), 1), HW_FAULT);
	end(w);
}

static void test_hardware_limits(void **state)
{
	static const struct { uint64_t cap, ecap; unsigned rule; } lacks[] = {
		{ 4ull << CAP_SAGAW_SHIFT, 0, NVMX_REFUSED_VTD_LEVELS_LACKING }, { 32ull << 16, 0, NVMX_REFUSED_VTD_WIDTH_LACKING },
		{ CAP_ZLR, 0, NVMX_REFUSED_VTD_FEATURES_LACKING }, { BIT64(54), 0, NVMX_REFUSED_VTD_FEATURES_LACKING },
		{ 0, ECAP_DT, NVMX_REFUSED_VTD_FEATURES_LACKING }, { 0, ECAP_SC, NVMX_REFUSED_VTD_FEATURES_LACKING },
	};
	struct nvmx_error_info info;

	(void)state;
	for (unsigned i = 0; i < sizeof(lacks) / sizeof(*lacks); i++) {
		struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);

		r->config.hw_cap &= ~lacks[i].cap;
		r->config.hw_ecap &= ~lacks[i].ecap;
		assert_int_equal(nvmx_vtd_init(r->memory, NVMX_VTD_SIZE, &r->config, &r->u, &info), NVMX_ERR_CAPS);
		assert_int_equal(info.refusal, lacks[i].rule);
		free(r->host.hw);
		rig_free(r);
	}
}

/* Hardware without large pages or page-selective flushes is used without them. */
static void test_plain_hardware(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->config.hw_cap &= ~(CAP_SLLPS_2M | CAP_SLLPS_1G | CAP_PSI);
	w = begin(r);
	*at(w, 0x400000, 2) = 0x200000 | SL_LARGE | 3;
	assign(w);
	assert_int_equal(dma(w, 0x4ff000, 1), RAM(0x2ff000));
	assert_int_equal(counter(w, NVMX_VTD_CNT_LEAF), 512);
	*at(w, 0x400000, 2) = 0;
	psi(w, 0x400000, 9);
	assert_int_equal(r->host.hw->last[0].kind, NVMX_VTD_FLUSH_DOMAIN);
	assert_int_equal(dma(w, 0x4ff000, 1), HW_FAULT);
	end(w);
}

static void test_physical_faults(void **state)
{
	struct rig *r = hw_config(CM, NVMX_VTD_ASSIGN_TABLES);
	struct world *w;

	(void)state;
	r->config.fault_burst = 3;
	w = begin(r);
	*at(w, IOVA, 1) = 0x123001;
	assign(w);
	assert_true(nvmx_vtd_physical_fault(r->u, SID, IOVA, NVMX_VTD_READ)); /* L1 allows it */
	assert_int_equal(rd(r, 0x34, 4), 0);
	assert_int_equal(counter(w, NVMX_VTD_CNT_SPURIOUS_FAULT), 1);
	assert_true(nvmx_vtd_physical_fault(r->u, SID, IOVA, NVMX_VTD_WRITE));
	assert_int_equal(rd(r, 0x34, 4), FSTS_PPF);
	assert_int_equal(rd(r, 0x228, 8), BIT64(63) | 5ull << 32 | SID);
	assert_true(nvmx_vtd_physical_fault(r->u, SID, IOVA, NVMX_VTD_WRITE));
	assert_false(nvmx_vtd_physical_fault(r->u, SID, IOVA, NVMX_VTD_WRITE));
	assert_int_equal(r->host.traces[NVMX_VTD_EV_STORM], 1);
	nvmx_vtd_tick(r->u);
	assert_true(nvmx_vtd_physical_fault(r->u, SID, IOVA, NVMX_VTD_WRITE));
	end(w);
}

static void reset(uint32_t flags)
{
	struct world *w = start(flags);

	*at(w, IOVA, 1) = 0x123003;
	dsi(w);
	assert_int_equal(dma(w, IOVA, 1), RAM(0x123000));
	if (nvmx_vtd_reset(w->r->u) == NVMX_VTD_MORE)
		hw_run(w->r);
	assert_int_equal(w->dev.target.kind, NVMX_VTD_IDENTITY);
	assert_int_equal(rd(w->r, 0x1c, 4), 0);
	assert_int_equal(w->r->host.hw->domains_open, 0);
	end(w);
}
BOTH_WAYS(test_reset, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices_without_translation),
		cmocka_unit_test(test_mapped_before_attached),
		cmocka_unit_test(test_changes_are_followed),
		cmocka_unit_test(test_rights_regained_above_what_has_changed),
		cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_foreign_frames),
		cmocka_unit_test(test_snoop_control),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_large_page_in_parts),
		cmocka_unit_test(test_self_mapping),
		cmocka_unit_test(test_an_unchanged_flush),
		cmocka_unit_test(test_flush_of_new_pages),
		cmocka_unit_test(test_without_caching_mode),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_shallow_tables),
		cmocka_unit_test(test_hardware_limits),
		cmocka_unit_test(test_plain_hardware),
		cmocka_unit_test(test_physical_faults),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
