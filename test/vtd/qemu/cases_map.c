/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Mappings of every size, rights, and what is not RAM. */
#include "bed.h"

void case_untranslated(void)
{
	bed_start();
	for (unsigned i = 0; i < DEVICES; i++) {
		give(i, (uint16_t)(8 + 8 * i));
		CHECK(both(i, SPACE_4K + i * 0x3000u, SPACE_4K + i * 0x3000u));
		CHECK(both(i, SPACE_2M + 0x212340, SPACE_2M + 0x212340));
	}
	CHECK(writes(0, SPACE_4K + 0xfe0, SPACE_4K + 0xfe0) == false); /* it crosses into a frame that is elsewhere */
	CHECK(bed.host.faults == 0);
}

void case_pages_4k(void)
{
	struct l1_domain d = l1_domain_on(4);

	for (unsigned i = 0; i < 16; i++) {
		uint64_t iova = 0x10000 + i * 0x1000u, gpa = SPACE_4K + (i * 7 % 16) * 0x1000u;

		l1_map(&d, iova, gpa, 12, RW);
		CHECK(both(0, iova + i * 0x40u, gpa + i * 0x40u));
	}
	l1_map(&d, 0x7fffff000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x7fffff080, SPACE_4K + 0x80));
	CHECK(bed.host.faults == 0);
}

/* One DMA over the boundary of two pages whose frames are far apart. */
void case_pages_across(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint8_t *first = host_gpa(&bed.host, SPACE_4K), *second = host_gpa(&bed.host, SPACE_4K + 0x9000);
	uint8_t *scratch = host_gpa(&bed.host, 0x3f00000);

	l1_map(&d, 0x20000, SPACE_4K, 12, RW);
	l1_map(&d, 0x21000, SPACE_4K + 0x9000, 12, RW);
	for (unsigned i = 0; i < 4000; i++)
		scratch[i] = (uint8_t)(i * 31 + 7);
	edu_read(0, SCRATCH, 4000);
	edu_write(0, 0x20000 + 96 + 16, 4000);
	CHECK(!memcmp(first + 112, scratch, 4096 - 112));
	CHECK(!memcmp(second, scratch + (4096 - 112), 4000 - (4096 - 112)));
	host_faults(&bed.host);
	CHECK(bed.host.faults == 0);
}

static unsigned flattened_shift(unsigned device, uint64_t iova)
{
	const struct host_domain *d = &bed.host.domain[bed.host.device[device].target.domain - 0x1000];
	uint64_t entry;

	return table_look(d->root, d->levels, iova, &entry);
}

void case_pages_2m(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x40000000, SPACE_2M + 0x400000, 21, RW); /* one block in the host's memory, too */
	CHECK(both(0, 0x40000000, SPACE_2M + 0x400000));
	CHECK(both(0, 0x401fffc0, SPACE_2M + 0x5fffc0));
	CHECK(flattened_shift(0, 0x40000000) == 21);
	l1_map(&d, 0x40200000, SPACE_4K, 21, RW); /* single frames */
	for (unsigned i = 0; i < 512; i += 73)
		CHECK(both(0, 0x40200000 + i * 0x1000u + 0x300, SPACE_4K + i * 0x1000u + 0x300));
	CHECK(flattened_shift(0, 0x40200000) == 12);
	CHECK(both(0, 0x40000000, SPACE_2M + 0x400000));
	l1_unmap(&d, 0x40200000, 21);
	CHECK(neither(0, 0x40200000, SPACE_4K));
	CHECK(neither(0, 0x403ff000, SPACE_4K + 0x1ff000));
	CHECK(both(0, 0x401ff000, SPACE_2M + 0x5ff000));
}

void case_pages_1g(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x8000000000, SPACE_1G, 30, RW);
	CHECK(both(0, 0x8000000000, SPACE_1G));
	CHECK(both(0, 0x8023456000, SPACE_1G + 0x23456000));
	CHECK(both(0, 0x803fffffc0, SPACE_1G + 0x3fffffc0));
	CHECK(flattened_shift(0, 0x8000000000) == 30);
	l1_map(&d, 0x8040000000, 0, 30, RW); /* 64 MiB of single frames, 64 MiB of 2-MiB blocks, and nothing */
	CHECK(both(0, 0x8040000000 + SPACE_4K + 0x5040, SPACE_4K + 0x5040));
	CHECK(both(0, 0x8040000000 + SPACE_2M + 0x2005000, SPACE_2M + 0x2005000));
	CHECK(flattened_shift(0, 0x8040000000 + SPACE_4K) == 12);
	CHECK(counter(NVMX_VTD_CNT_DUMMY) > 0);
	l1_unmap(&d, 0x8000000000, 30);
	CHECK(neither(0, 0x8023456000, SPACE_1G + 0x23456000));
	CHECK(both(0, 0x8040000000 + SPACE_4K + 0x5040, SPACE_4K + 0x5040));
}

void case_three_levels(void)
{
	struct l1_domain d = l1_domain_on(3);

	l1_map(&d, 0x7fc0000000, SPACE_1G, 30, RW); /* the last that 39 bits reach */
	l1_map(&d, 0x3000, SPACE_4K + 0x3000, 12, RW);
	l1_map(&d, 0x600000, SPACE_2M, 21, RW);
	CHECK(both(0, 0x7fffffffc0, SPACE_1G + 0x3fffffc0));
	CHECK(both(0, 0x3000, SPACE_4K + 0x3000));
	CHECK(both(0, 0x600000, SPACE_2M));
	CHECK(neither(0, 0x8000003000, SPACE_4K + 0x3000));
	CHECK(l1_fault().reason == NVMX_VTD_FAULT_WIDTH);
}

void case_top_of_space(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0xfffffffff000, SPACE_4K, 12, RW);
	CHECK(both(0, 0xffffffffffc0, SPACE_4K + 0xfc0));
	l1_unmap(&d, 0xfffffffff000, 12);
	CHECK(neither(0, 0xffffffffffc0, SPACE_4K + 0xfc0));
	CHECK(neither(0, 0x1000000000000, SPACE_4K));
}

void case_three_devices_two_domains(void)
{
	struct l1_domain a, b;

	bed_start();
	give(0, 0x08);
	give(1, 0x108); /* another bus, so another context table */
	give(2, 0x109);
	l1_start();
	a = l1_domain(1, 4);
	b = l1_domain(2, 3);
	l1_assign(0, &a);
	l1_assign(1, &a);
	l1_assign(2, &b);
	l1_map(&a, 0x10000, SPACE_4K, 12, RW);
	l1_map(&b, 0x10000, SPACE_4K + 0x1000, 12, RW);
	CHECK(bed.host.device[0].target.domain == bed.host.device[1].target.domain);
	CHECK(bed.host.device[0].target.domain != bed.host.device[2].target.domain);
	CHECK(both(0, 0x10000, SPACE_4K) && both(1, 0x10000, SPACE_4K) && both(2, 0x10000, SPACE_4K + 0x1000));
	l1_unmap(&a, 0x10000, 12);
	CHECK(neither(0, 0x10000, SPACE_4K) && neither(1, 0x10000, SPACE_4K));
	CHECK(both(2, 0x10000, SPACE_4K + 0x1000));
	l1_map(&a, 0x10000, SPACE_4K + 0x2000, 12, RW);
	l1_unmap(&b, 0x10000, 12);
	CHECK(both(0, 0x10000, SPACE_4K + 0x2000) && both(1, 0x10000, SPACE_4K + 0x2000));
	CHECK(neither(2, 0x10000, SPACE_4K + 0x1000));
	for (struct l1_fault f = l1_fault(); f.any; f = l1_fault())
		CHECK(f.address == 0x10000 && (f.source_id == 0x08 || f.source_id == 0x108 || f.source_id == 0x109));
}

/* QEMU's unit reports a fault only of a request that missed its IOTLB: what is refused comes first. */
void case_rights(void)
{
	static const unsigned shift[] = { 12, 21, 30 };
	static const uint64_t gpa[] = { SPACE_4K, SPACE_2M, SPACE_1G };
	struct l1_domain d = l1_domain_on(4);

	for (unsigned i = 0; i < 3; i++) {
		uint64_t iova = 0x40000000ull * (i + 2);
		struct l1_fault f;

		l1_map(&d, iova, gpa[i], shift[i], NVMX_VTD_R);
		CHECK(no_write(0, iova, gpa[i]));
		f = l1_fault();
		CHECK(f.any && f.reason == NVMX_VTD_FAULT_WRITE && f.write && f.address == iova && f.source_id == 0x10);
		CHECK(reads(0, iova, gpa[i]));
		CHECK(no_write(0, iova, gpa[i]));
		l1_unmap(&d, iova, shift[i]);
		l1_map(&d, iova, gpa[i], shift[i], NVMX_VTD_W);
		CHECK(no_read(0, iova, gpa[i]));
		f = l1_fault();
		CHECK(f.any && f.reason == NVMX_VTD_FAULT_READ && !f.write && f.address == iova);
		CHECK(writes(0, iova, gpa[i]));
		CHECK(no_read(0, iova, gpa[i]));
		l1_unmap(&d, iova, shift[i]);
		CHECK(neither(0, iova, gpa[i]));
		f = l1_fault();
		CHECK(f.any && f.reason == NVMX_VTD_FAULT_READ);
		while (l1_fault().any)
			;
	}
}

/* The rights of a page are those that every entry of its walk gives (9.8). */
void case_rights_of_upper_entries(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_set(&d, 0x40000000, SPACE_4K, 12, RW);
	*l1_entry(&d, 0x40000000, 21) &= ~2ull;
	l1_flush_domain(d.id);
	CHECK(no_write(0, 0x40000000, SPACE_4K));
	CHECK(l1_fault().reason == NVMX_VTD_FAULT_WRITE);
	CHECK(reads(0, 0x40000000, SPACE_4K));
	*l1_entry(&d, 0x40000000, 21) |= 2;
	*l1_entry(&d, 0x40000000, 30) &= ~1ull;
	l1_flush_domain(d.id);
	CHECK(writes(0, 0x40000000, SPACE_4K));
	CHECK(no_read(0, 0x40000000, SPACE_4K));
	*l1_entry(&d, 0x40000000, 30) |= 1;
	l1_flush_domain(d.id);
	CHECK(both(0, 0x40000000, SPACE_4K));
}

void case_not_ram_goes_to_the_dummy(void)
{
	struct l1_domain d = l1_domain_on(4);
	uint64_t dummies;

	l1_map(&d, 0x10000, NO_RAM, 12, RW);
	l1_map(&d, 0x11000, 0xfed90000, 12, RW);   /* the physical unit's registers, were it taken as it is */
	l1_map(&d, 0x12000, 0x01000000, 12, RW);   /* RAM of L1's, and the host's root table at that address */
	l1_map(&d, 0x13000, 0xff00000000, 12, RW);
	dummies = counter(NVMX_VTD_CNT_DUMMY);
	CHECK(dummies >= 3);
	for (uint64_t iova = 0x10000; iova < 0x14000; iova += 0x1000)
		if (iova != 0x12000) {
			edu_read(0, SCRATCH, 64);
			edu_write(0, iova, 64);
			edu_read(0, iova, 64);
			host_faults(&bed.host);
		}
	CHECK(bed.host.faults == 0);
	CHECK(both(0, 0x12000, 0x01000000));
	CHECK(unit_read(0, 4) == 0x10);
	CHECK(!l1_fault().any);
	l1_unmap(&d, 0x10000, 12);
	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	CHECK(both(0, 0x10000, SPACE_4K));
}

void case_hole_in_a_large_page(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x80000000, NO_RAM - 0x200000, 21, RW);
	l1_map(&d, 0x80200000, NO_RAM, 21, RW);
	CHECK(both(0, 0x801ff000, NO_RAM - 0x1000));
	edu_read(0, SCRATCH, 64);
	edu_write(0, 0x80200000, 64);
	host_faults(&bed.host);
	CHECK(bed.host.faults == 0);
	CHECK(counter(NVMX_VTD_CNT_DUMMY) > 0);
}
