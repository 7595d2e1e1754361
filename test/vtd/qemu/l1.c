/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's driver: tables in its own memory, and the unit's registers. */
#include "bed.h"

#define ROOT 0x1000ull
#define QUEUE 0x8000ull
#define STATUS 0x6000ull
#define LARGE 0x80u
#define TABLE_ADDRESS 0x000ffffffffff000ull

#define GCMD 0x18u
#define GSTS 0x1cu
#define ONE_SHOT 0x69000000u /* SRTP, SFL, WBF, SIRTP; and what is no status */

uint64_t *l1_word(uint64_t gpa)
{
	return host_gpa(&bed.host, gpa);
}

uint64_t l1_page(void)
{
	uint64_t gpa = bed.next_table;

	bed.next_table += 0x1000;
	memset(l1_word(gpa), 0, 0x1000);
	return gpa;
}

void l1_command(uint32_t set, uint32_t clear)
{
	l1_write(GCMD, 4, ((l1_read(GSTS, 4) & ~ONE_SHOT) | set) & ~clear);
}

void l1_queue_start(uint64_t base, unsigned order)
{
	l1_write(0x88, 8, 0);
	l1_write(0x90, 8, base | order);
	l1_command(1u << 26, 0);
	bed.queue_on = l1_read(GSTS, 4) >> 26 & 1;
	bed.queue_bytes = 0x1000u << order;
	bed.tail = 0;
	CHECK(bed.queue_on);
}

void l1_start(void)
{
	bed.root = ROOT;
	memset(l1_word(ROOT), 0, 0x1000);
	l1_write(0x20, 8, ROOT);
	l1_command(1u << 30, 0);
	CHECK(l1_read(GSTS, 4) >> 30 & 1);
	l1_queue_start(QUEUE, 0);
	l1_flush_all();
	l1_command(1u << 31, 0);
	CHECK(l1_read(GSTS, 4) >> 31 & 1);
}

void l1_context(unsigned device, uint64_t lo, uint64_t hi)
{
	uint16_t sid = bed.host.device[device].l1_source_id;
	uint64_t *root = l1_word(bed.root + (sid >> 8) * 16u), *e;

	if (!(*root & 1))
		*root = l1_page() | 1;
	e = l1_word((*root & TABLE_ADDRESS) + (sid & 0xff) * 16u);
	e[0] = 0;
	e[1] = hi;
	e[0] = lo;
}

void l1_flush_device(unsigned device, uint16_t old_domain)
{
	l1_put((uint64_t)bed.host.device[device].l1_source_id << 32 | (uint64_t)old_domain << 16 | 3 << 4 | 1, 0);
	l1_put((uint64_t)old_domain << 16 | 2 << 4 | 2, 0);
	CHECK(l1_wait());
}

void l1_assign(unsigned device, const struct l1_domain *d)
{
	l1_context(device, d->root | 1, (uint64_t)d->id << 8 | (d->levels - 2));
	if (bed.mode == BUFFERED)
		l1_write_buffer();
	else
		l1_flush_device(device, d->id);
}

struct l1_domain l1_domain_on(unsigned levels)
{
	struct l1_domain d;

	bed_start();
	give(0, 0x10);
	l1_start();
	d = l1_domain(5, levels);
	l1_assign(0, &d);
	return d;
}

struct l1_domain l1_domain(uint16_t id, unsigned levels)
{
	struct l1_domain d = { .root = l1_page(), .levels = levels, .id = id };

	for (unsigned i = 0; i < DEVICES; i++)
		l1_set(&d, SCRATCH + i * 0x1000u, 0x3f00000 + i * 0x1000u, 12, RW);
	return d;
}

uint64_t *l1_entry(const struct l1_domain *d, uint64_t iova, unsigned shift)
{
	uint64_t table = d->root;

	for (unsigned at = 12 + 9 * (d->levels - 1);; at -= 9) {
		uint64_t *e = l1_word(table + (iova >> at & 511) * 8);

		if (at == shift)
			return e;
		if (!(*e & RW) || *e & LARGE)
			*e = l1_page() | RW;
		table = *e & TABLE_ADDRESS;
	}
}

void l1_set(const struct l1_domain *d, uint64_t iova, uint64_t gpa, unsigned shift, unsigned rights)
{
	*l1_entry(d, iova, shift) = rights ? gpa | rights | (shift > 12 ? LARGE : 0) : 0;
}

void l1_map(const struct l1_domain *d, uint64_t iova, uint64_t gpa, unsigned shift, unsigned rights)
{
	l1_set(d, iova, gpa, shift, rights);
	if (bed.mode == BUFFERED)
		l1_write_buffer();
	else
		l1_flush_pages(d, iova, shift - 12);
}

void l1_unmap(const struct l1_domain *d, uint64_t iova, unsigned shift)
{
	l1_set(d, iova, 0, shift, 0);
	l1_flush_pages(d, iova, shift - 12);
}

void l1_put(uint64_t lo, uint64_t hi)
{
	uint64_t *e = l1_word((l1_read(0x90, 8) & TABLE_ADDRESS) + bed.tail);

	bed.exits--; /* a driver knows where its queue is */
	e[0] = lo;
	e[1] = hi;
	bed.tail = (bed.tail + 16) % bed.queue_bytes;
}

void l1_ring(void)
{
	l1_write(0x88, 8, bed.tail);
}

bool l1_wait(void)
{
	volatile uint32_t *status = host_gpa(&bed.host, STATUS);

	l1_put((uint64_t)++bed.sequence << 32 | 1 << 5 | 5, STATUS);
	l1_ring();
	return *status == bed.sequence;
}

static void by_register(uint64_t granularity, uint16_t id, uint64_t address)
{
	l1_write(0xf0, 8, address);
	l1_write(0xf8, 8, 1ull << 63 | granularity << 60 | (uint64_t)id << 32);
	CHECK(!(l1_read(0xf8, 8) >> 63));
}

void l1_flush_pages(const struct l1_domain *d, uint64_t iova, unsigned order)
{
	if (!bed.queue_on) {
		by_register(3, d->id, iova | order);
		return;
	}
	l1_put((uint64_t)d->id << 16 | 3 << 4 | 2, iova | order);
	CHECK(l1_wait());
}

void l1_flush_domain(uint16_t id)
{
	if (!bed.queue_on) {
		by_register(2, id, 0);
		return;
	}
	l1_put((uint64_t)id << 16 | 2 << 4 | 2, 0);
	CHECK(l1_wait());
}

void l1_flush_all(void)
{
	l1_put(1 << 4 | 1, 0);
	l1_put(1 << 4 | 2, 0);
	CHECK(l1_wait());
}

void l1_write_buffer(void)
{
	l1_command(1u << 27, 0);
	CHECK(!(l1_read(GSTS, 4) >> 27 & 1));
}

struct l1_fault l1_fault(void)
{
	uint32_t status = (uint32_t)l1_read(0x34, 4), n = status >> 8 & 0xff;
	uint64_t lo = l1_read(0x220 + n * 16, 8), hi = l1_read(0x228 + n * 16, 8);

	if (!(status & 2))
		return (struct l1_fault){ 0 };
	l1_write(0x22c + n * 16, 4, 1u << 31);
	return (struct l1_fault){ .any = hi >> 63, .address = lo & ~0xfffull, .source_id = (uint16_t)hi,
				  .reason = (uint8_t)(hi >> 32), .write = !(hi >> 62 & 1) };
}
