/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Invalidations: after each, what was is gone; and what was not named stays. */
#include "bed.h"

void case_unmap_by_pages(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	l1_map(&d, 0x11000, SPACE_4K + 0x1000, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K) && both(0, 0x11000, SPACE_4K + 0x1000));
	l1_unmap(&d, 0x10000, 12);
	CHECK(neither(0, 0x10000, SPACE_4K));
	CHECK(both(0, 0x11000, SPACE_4K + 0x1000));
}

void case_unmap_by_domain(void)
{
	struct l1_domain d = l1_domain_on(4);

	for (unsigned i = 0; i < 20; i++)
		l1_map(&d, 0x10000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	for (unsigned i = 0; i < 20; i += 2)
		l1_set(&d, 0x10000 + i * 0x1000u, 0, 12, 0);
	CHECK(both(0, 0x11000, SPACE_4K + 0x1000));
	l1_flush_domain(d.id);
	for (unsigned i = 0; i < 20; i += 5) {
		uint64_t iova = 0x10000 + i * 0x1000u, gpa = SPACE_4K + i * 0x1000u;

		CHECK(i % 2 ? both(0, iova, gpa) : neither(0, iova, gpa));
	}
}

void case_unmap_by_everything(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x40000000, SPACE_2M, 21, RW);
	CHECK(both(0, 0x40000000, SPACE_2M));
	*l1_entry(&d, 0x40000000, 39) = 0;
	l1_put(1 << 4 | 2, 0);
	CHECK(l1_wait());
	CHECK(no_write(0, 0x40000000, SPACE_2M));
	CHECK(l1_fault().reason == NVMX_VTD_FAULT_READ);
}

void case_remap_to_another_frame(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
	l1_set(&d, 0x10000, SPACE_4K + 0x5000, 12, RW);
	CHECK(writes(0, 0x10000, SPACE_4K) || writes(0, 0x10000, SPACE_4K + 0x5000)); /* stale or not: one of them */
	l1_flush_pages(&d, 0x10000, 0);
	CHECK(both(0, 0x10000, SPACE_4K + 0x5000));
	CHECK(no_write(0, 0x10000, SPACE_4K));
	l1_set(&d, 0x10000, SPACE_4K + 0x6000, 12, NVMX_VTD_R);
	l1_flush_pages(&d, 0x10000, 0);
	CHECK(reads(0, 0x10000, SPACE_4K + 0x6000));
	CHECK(no_write(0, 0x10000, SPACE_4K + 0x6000));
}

/* Address mask 3: eight pages, aligned to eight (6.5.2.3). */
void case_range_of_pages(void)
{
	struct l1_domain d = l1_domain_on(4);

	for (unsigned i = 0; i < 24; i++)
		l1_map(&d, 0x10000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	for (unsigned i = 8; i < 16; i++)
		l1_set(&d, 0x10000 + i * 0x1000u, 0, 12, 0);
	l1_flush_pages(&d, 0x18000, 3);
	for (unsigned i = 7; i < 17; i++) {
		uint64_t iova = 0x10000 + i * 0x1000u, gpa = SPACE_4K + i * 0x1000u;

		CHECK(i < 8 || i > 15 ? both(0, iova, gpa) : neither(0, iova, gpa));
	}
	for (unsigned i = 8; i < 16; i++)
		l1_set(&d, 0x10000 + i * 0x1000u, SPACE_4K + i * 0x2000u, 12, RW);
	if (bed.mode == BUFFERED)
		l1_write_buffer();
	else
		l1_flush_pages(&d, 0x18000, 3);
	for (unsigned i = 8; i < 16; i += 3)
		CHECK(both(0, 0x10000 + i * 0x1000u, SPACE_4K + i * 0x2000u));
}

void case_new_table_below(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t *upper, table = l1_page();

	l1_map(&d, 0x40003000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x40003000, SPACE_4K));
	l1_word(table)[4] = (SPACE_4K + 0x8000) | RW;
	upper = l1_entry(&d, 0x40000000, 21);
	*upper = table | RW;
	l1_flush_pages(&d, 0x40000000, 9);
	CHECK(both(0, 0x40004000, SPACE_4K + 0x8000));
	CHECK(neither(0, 0x40003000, SPACE_4K));
	*upper = 0;
	l1_flush_pages(&d, 0x40000000, 9);
	CHECK(neither(0, 0x40004000, SPACE_4K + 0x8000));
}

void case_large_becomes_small(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t table = l1_page();

	l1_map(&d, 0x40000000, SPACE_2M, 21, RW);
	CHECK(both(0, 0x40007000, SPACE_2M + 0x7000));
	for (unsigned i = 0; i < 512; i++)
		l1_word(table)[i] = (SPACE_4K + (511 - i) * 0x1000u) | RW;
	*l1_entry(&d, 0x40000000, 21) = table | RW;
	l1_flush_pages(&d, 0x40000000, 9);
	CHECK(both(0, 0x40007000, SPACE_4K + 504 * 0x1000u));
	CHECK(no_write(0, 0x40007000, SPACE_2M + 0x7000));
	CHECK(both(0, 0x401ff000, SPACE_4K));
}

void case_small_becomes_large(void)
{
	struct l1_domain d = l1_domain_on(4);

	for (unsigned i = 0; i < 512; i += 8)
		l1_set(&d, 0x40000000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	l1_flush_domain(d.id);
	CHECK(both(0, 0x40008000, SPACE_4K + 0x8000));
	CHECK(neither(0, 0x40009000, SPACE_4K + 0x9000));
	l1_set(&d, 0x40000000, SPACE_2M + 0x200000, 21, RW);
	l1_flush_pages(&d, 0x40000000, 9);
	CHECK(both(0, 0x40008000, SPACE_2M + 0x208000) && both(0, 0x40009000, SPACE_2M + 0x209000));
	CHECK(no_write(0, 0x40008000, SPACE_4K + 0x8000));
	l1_set(&d, 0x40000000, SPACE_1G, 30, RW);
	l1_flush_domain(d.id);
	CHECK(both(0, 0x40008000, SPACE_1G + 0x8000) && both(0, 0x7ffff000, SPACE_1G + 0x3ffff000));
}

/* 400 map and unmap operations of two descriptors each: the ring of 256 wraps, and each of them counts. */
void case_ring_wraps(void)
{
	struct l1_domain d = l1_domain_on(4);
	unsigned wraps = 0, odd = 0;

	for (unsigned i = 0; i < 400; i++) {
		uint32_t before = bed.tail;
		uint64_t gpa = SPACE_4K + (i % 64) * 0x1000u;

		l1_set(&d, 0x10000, gpa, 12, RW);
		l1_flush_pages(&d, 0x10000, 0);
		if (bed.tail < before || i % 50 == 0)
			odd += !both(0, 0x10000, gpa);
		wraps += bed.tail < before;
	}
	CHECK(wraps >= 3);
	CHECK(odd == 0);
	CHECK(l1_read(0x80, 8) == bed.tail);
}

/* 254 invalidations and a wait in one register write. */
void case_full_ring(void)
{
	struct l1_domain d = l1_domain_on(4);
	unsigned waits, odd = 0;

	for (unsigned i = 0; i < 254; i++)
		l1_set(&d, 0x100000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	l1_flush_domain(d.id);
	for (unsigned i = 0; i < 254; i++) {
		if (i % 2)
			l1_set(&d, 0x100000 + i * 0x1000u, 0, 12, 0);
		l1_put((uint64_t)d.id << 16 | 3 << 4 | 2, 0x100000 + i * 0x1000u);
	}
	waits = unit_waits;
	CHECK(l1_wait());
	if (bed.mode != CALLS)
		CHECK(unit_waits - waits <= 2);
	for (unsigned i = 0; i < 254; i += 17) {
		uint64_t iova = 0x100000 + i * 0x1000u, gpa = SPACE_4K + i * 0x1000u;

		odd += i % 2 ? !neither(0, iova, gpa) : !both(0, iova, gpa);
	}
	CHECK(odd == 0);
}

/* CCMD and IOTLB registers, the queue off, as FreeBSD does at first. */
void case_by_registers(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	l1_command(0, 1u << 26);
	CHECK(!(l1_read(0x1c, 4) >> 26 & 1));
	bed.queue_on = false;
	CHECK(both(0, 0x10000, SPACE_4K));
	l1_unmap(&d, 0x10000, 12);
	CHECK(neither(0, 0x10000, SPACE_4K));
	l1_map(&d, 0x11000, SPACE_4K + 0x1000, 12, RW);
	CHECK(both(0, 0x11000, SPACE_4K + 0x1000));
	l1_set(&d, 0x11000, SPACE_4K + 0x2000, 12, RW);
	l1_flush_domain(d.id);
	CHECK(both(0, 0x11000, SPACE_4K + 0x2000));
	l1_context(0, 0, 0);
	l1_write(0x28, 8, 1ull << 63 | 3ull << 61 | 0x10ull << 16 | d.id);
	CHECK(!(l1_read(0x28, 8) >> 63));
	CHECK(no_write(0, 0x11000, SPACE_4K + 0x2000));
	CHECK(bed.host.device[0].target.kind == NVMX_VTD_BLOCK);
	l1_context(0, d.root | 1, (uint64_t)d.id << 8 | 2);
	l1_write(0x28, 8, 1ull << 63 | 1ull << 61);
	l1_queue_start(0x8000, 1); /* and back, 8 KiB now */
	l1_set(&d, 0x11000, SPACE_4K + 0x3000, 12, RW);
	l1_flush_pages(&d, 0x11000, 0);
	CHECK(both(0, 0x11000, SPACE_4K + 0x3000));
}

void case_queue_error(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint32_t bad = bed.tail;

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	bad = bed.tail;
	l1_put(0xe, 0); /* no such type */
	l1_set(&d, 0x10000, 0, 12, 0);
	l1_put((uint64_t)d.id << 16 | 3 << 4 | 2, 0x10000);
	CHECK(!l1_wait());
	CHECK(l1_read(0x34, 4) & 0x10);
	CHECK(l1_read(0x80, 8) == bad);
	l1_word(0x8000 + bad)[0] = (uint64_t)bed.sequence << 32 | 5; /* a wait that does nothing in its place */
	l1_word(0x8000 + bad)[1] = 0;
	l1_write(0x34, 4, 0x10);
	l1_ring();
	CHECK(!(l1_read(0x34, 4) & 0x10));
	CHECK(l1_read(0x80, 8) == bed.tail);
	CHECK(neither(0, 0x10000, SPACE_4K));
}

/* Unmap without a flush, many times; then one flush of the domain and the pages are given to others. */
void case_lazy_unmap(void)
{
	struct l1_domain d = l1_domain_on(4);
	unsigned odd = 0;

	for (unsigned i = 0; i < 64; i++)
		l1_set(&d, 0x200000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	l1_flush_domain(d.id);
	for (unsigned i = 0; i < 64; i++) {
		odd += i % 16 == 3 && !both(0, 0x200000 + i * 0x1000u, SPACE_4K + i * 0x1000u);
		l1_set(&d, 0x200000 + i * 0x1000u, 0, 12, 0);
	}
	l1_flush_domain(d.id);
	for (unsigned i = 0; i < 64; i += 7)
		odd += !no_write(0, 0x200000 + i * 0x1000u, SPACE_4K + i * 0x1000u);
	CHECK(odd == 0);
}

/* What each operation costs: one register write of L1's, one wait of the physical unit's. */
void case_one_exit_one_wait(void)
{
	struct l1_domain d = l1_domain_on(4);
	unsigned exits, waits;

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	for (unsigned i = 0; i < 8; i++) {
		l1_set(&d, 0x10000, SPACE_4K, 12, RW);
		l1_flush_pages(&d, 0x10000, 0);
		exits = bed.exits;
		waits = unit_waits;
		l1_unmap(&d, 0x10000, 12);
		CHECK(bed.exits - exits == 1);
		CHECK(unit_waits - waits == 1);
	}
}

void case_same_flush_again(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t entries, leaves;

	for (unsigned i = 0; i < 512; i++)
		l1_set(&d, 0x40000000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	l1_flush_domain(d.id);
	entries = counter(NVMX_VTD_CNT_ENTRY);
	leaves = counter(NVMX_VTD_CNT_LEAF);
	for (unsigned i = 0; i < 10; i++)
		l1_flush_domain(d.id);
	CHECK(counter(NVMX_VTD_CNT_ENTRY) == entries);
	CHECK(counter(NVMX_VTD_CNT_LEAF) == leaves);
	CHECK(both(0, 0x40000000, SPACE_4K));
}
