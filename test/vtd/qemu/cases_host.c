/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the host does meanwhile: frames that move, budgets, flushes that take their time. */
#include "bed.h"

/* Migration of frames: the DMA after it reaches the new one, and the old one, which is another's now, stays as it is. */
void case_frame_moves(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t old = host_hpa(&bed.host, SPACE_4K);

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	l1_map(&d, 0x20000, SPACE_4K, 12, NVMX_VTD_R);
	CHECK(both(0, 0x10000, SPACE_4K));
	CHECK(host_move(&bed.host, SPACE_4K, SPARE, 1, RW) == NVMX_VTD_DONE);
	memset(machine_memory(old), 0x77, 64);
	CHECK(both(0, 0x10000, SPACE_4K));
	CHECK(writes_hpa(0, 0x10000, SPARE));
	CHECK(reads(0, 0x20000, SPACE_4K));
	CHECK(((uint8_t *)machine_memory(old))[5] == 0x77);
	CHECK(host_move(&bed.host, SPACE_4K, old, 1, RW) == NVMX_VTD_DONE);
	CHECK(writes_hpa(0, 0x10000, old));
}

void case_balloon(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t old = host_hpa(&bed.host, SPACE_4K + 0x3000);

	for (unsigned i = 0; i < 8; i++)
		l1_map(&d, 0x10000 + i * 0x1000u, SPACE_4K + i * 0x1000u, 12, RW);
	CHECK(both(0, 0x13000, SPACE_4K + 0x3000));
	host_move(&bed.host, SPACE_4K + 0x3000, 0, 1, 0);
	memset(machine_memory(old), 0x77, 0x1000);
	edu_read(0, SCRATCH, 64);
	edu_write(0, 0x13000, 64);
	host_faults(&bed.host);
	CHECK(((uint8_t *)machine_memory(old))[0] == 0x77);
	CHECK(both(0, 0x12000, SPACE_4K + 0x2000) && both(0, 0x14000, SPACE_4K + 0x4000));
	host_move(&bed.host, SPACE_4K + 0x3000, SPARE + 0x5000, 1, RW);
	CHECK(both(0, 0x13000, SPACE_4K + 0x3000));
	CHECK(writes_hpa(0, 0x13000, SPARE + 0x5000));
}

/* One frame of a block that was mapped as a whole. */
void case_block_broken_up(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t gpa = SPACE_1G + 0x12345000, old = host_hpa(&bed.host, gpa), two = SPACE_2M + 0x607000;

	l1_map(&d, 0x8000000000, SPACE_1G, 30, RW);
	l1_map(&d, 0x40000000, SPACE_2M + 0x600000, 21, RW);
	CHECK(both(0, 0x8012345000, gpa) && both(0, 0x40007000, two));
	host_move(&bed.host, gpa, SPARE + 0x9000, 1, RW);
	memset(machine_memory(old), 0x77, 64);
	CHECK(both(0, 0x8012345000, gpa));
	CHECK(writes_hpa(0, 0x8012345000, SPARE + 0x9000));
	CHECK(((uint8_t *)machine_memory(old))[0] == 0x77);
	CHECK(both(0, 0x8012346000, gpa + 0x1000) && both(0, 0x8000000000, SPACE_1G));
	CHECK(both(0, 0x803ffff000, SPACE_1G + 0x3ffff000));
	host_move(&bed.host, two, 0, 1, 0);
	CHECK(both(0, 0x40008000, two + 0x1000));
	host_move(&bed.host, two, SPARE + 0xa000, 1, RW);
	CHECK(both(0, 0x40007000, two));
	l1_unmap(&d, 0x8000000000, 30);
	CHECK(neither(0, 0x8012345000, gpa) && neither(0, 0x8012346000, gpa + 0x1000));
}

/* Dirty logging, and its end. */
void case_host_makes_read_only(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t hpa = host_hpa(&bed.host, SPACE_4K);

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
	host_move(&bed.host, SPACE_4K, hpa, 1, NVMX_VTD_R);
	CHECK(reads(0, 0x10000, SPACE_4K));
	CHECK(no_write(0, 0x10000, SPACE_4K));
	CHECK(!l1_fault().any);
	host_move(&bed.host, SPACE_4K, hpa, 1, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
}

/* The budget of pages ends within L1's tables: what is mapped is right, what is not is refused, and all of it is counted. */
void case_few_pages(void)
{
	struct l1_domain d;
	unsigned right = 0, refused = 0, odd = 0;

	bed.config.pages = 24;
	d = l1_domain_on(4);
	for (unsigned i = 0; i < 32; i++)
		l1_set(&d, 0x40000000 + i * 0x200000ull, SPACE_4K + i * 0x1000u, 12, RW);
	l1_flush_domain(d.id);
	for (unsigned i = 0; i < 32; i++) {
		uint64_t iova = 0x40000000 + i * 0x200000ull, gpa = SPACE_4K + i * 0x1000u;

		if (both(0, iova, gpa))
			right++;
		else if (no_write(0, iova, gpa))
			refused++;
		else
			odd++;
	}
	CHECK(odd == 0);
	CHECK(right > 0);
	CHECK(refused > 0);
	CHECK(counter(NVMX_VTD_CNT_UNMAPPED) > 0);
	for (unsigned i = 0; i < 32; i++)
		if (i != 30)
			*l1_entry(&d, 0x40000000 + i * 0x200000ull, 21) = 0;
	l1_flush_domain(d.id);
	CHECK(both(0, 0x40000000 + 30 * 0x200000ull, SPACE_4K + 30 * 0x1000u));
}

/* A table that is its own lower table names 2^36 leaves. */
void case_table_maps_itself(void)
{
	struct l1_domain d;

	bed.config.pages = 256;
	d = l1_domain_on(4);
	for (unsigned i = 1; i < 512; i++)
		l1_word(d.root)[i] = d.root | RW;
	bed.rounds = 0;
	l1_flush_domain(d.id);
	CHECK(bed.rounds < 1000);
	CHECK(counter(NVMX_VTD_CNT_UNMAPPED) > 0);
	memset(l1_word(d.root) + 1, 0, 511 * 8);
	l1_flush_domain(d.id);
	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
	CHECK(neither(0, 0x8000000000, SPACE_4K + 0x1000));
}

/* 64 MiB in single pages with the smallest piece of work per call: it takes several, and completes only then. */
void case_work_in_pieces(void)
{
	struct l1_domain d;
	unsigned odd = 0;

	bed.config.work = 1024;
	d = l1_domain_on(4);
	for (unsigned i = 0; i < 8192; i++)
		l1_set(&d, 0x40000000 + i * 0x1000u, SPACE_4K + (i ^ 0x1555) % 0x1f00 * 0x1000u, 12, RW);
	bed.rounds = 0;
	l1_flush_domain(d.id);
	CHECK(bed.rounds >= 8);
	for (unsigned i = 5; i < 8192; i += 499)
		odd += !both(0, 0x40000000 + i * 0x1000u, SPACE_4K + (i ^ 0x1555) % 0x1f00 * 0x1000u);
	CHECK(odd == 0);
}

/* The flush completes later: L1's wait does not before it. */
void case_flush_queued(void)
{
	struct l1_domain d = l1_domain_on(4);
	volatile uint32_t *status = host_gpa(&bed.host, 0x6000);
	enum nvmx_vtd_verdict v;

	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
	bed.host.queue_flushes = true;
	l1_set(&d, 0x10000, 0, 12, 0);
	l1_put((uint64_t)d.id << 16 | 3 << 4 | 2, 0x10000);
	l1_put((uint64_t)++bed.sequence << 32 | 1 << 5 | 5, 0x6000);
	v = nvmx_vtd_write(bed.u, 0x88, 8, bed.tail);
	CHECK(v == NVMX_VTD_WAITING);
	CHECK(*status != bed.sequence);
	CHECK(nvmx_vtd_run(bed.u) == NVMX_VTD_WAITING);
	CHECK(*status != bed.sequence);
	CHECK(nvmx_vtd_flush_done(bed.u, NVMX_VTD_FLUSHED) == NVMX_VTD_DONE);
	CHECK(*status == bed.sequence);
	bed.host.queue_flushes = false;
	CHECK(neither(0, 0x10000, SPACE_4K));
}
