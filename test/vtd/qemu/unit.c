/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"

#define ROOT 0x01000000ull
#define CONTEXTS 0x01001000ull
#define QUEUE 0x01002000ull
#define QUEUE_BYTES 0x1000u
#define STATUS 0x01003000ull

#define ADDRESS 0x000ffffffffff000ull
#define LARGE 0x80ull

unsigned unit_waits, unit_items;

static struct {
	uint16_t free[POOL_PAGES];
	unsigned frees, fresh;
	bool live[POOL_PAGES];
} pool;

static struct {
	uint32_t tail, sequence;
	unsigned pending;
} queue;

static void die(const char *why)
{
	fprintf(stderr, "vtd-qemu: %s\n", why);
	exit(1);
}

void *pool_alloc(uint64_t *hpa)
{
	unsigned n;
	void *page;

	if (!pool.frees && pool.fresh == POOL_PAGES)
		return NULL;
	n = pool.frees ? pool.free[--pool.frees] : pool.fresh++;
	pool.live[n] = true;
	*hpa = POOL_BASE + (uint64_t)n * 0x1000;
	page = machine_memory(*hpa);
	memset(page, 0, 0x1000);
	return page;
}

void pool_free(uint64_t hpa)
{
	uint64_t n = (hpa - POOL_BASE) / 0x1000;

	if (n >= POOL_PAGES || !pool.live[n])
		die("a page is freed that is not in use");
	pool.live[n] = false;
	memset(machine_memory(hpa), 0xff, 0x1000);
	pool.free[pool.frees++] = (uint16_t)n;
}

bool pool_live(const void *p)
{
	uint64_t n = (uint64_t)((const char *)p - (const char *)machine_memory(POOL_BASE)) / 0x1000;

	return n < POOL_PAGES && pool.live[n];
}

unsigned pool_used(void)
{
	return pool.fresh - pool.frees;
}

static void ring(void)
{
	unit_write(0x88, 8, queue.tail);
	queue.pending = 0;
}

static void put(uint64_t lo, uint64_t hi)
{
	uint64_t *d = machine_memory(QUEUE + queue.tail);

	d[0] = lo;
	d[1] = hi;
	queue.tail = (queue.tail + 16) % QUEUE_BYTES;
	unit_items++;
	if (++queue.pending == QUEUE_BYTES / 32)
		ring();
}

void unit_flush_domain(uint16_t did)
{
	put((uint64_t)did << 16 | 2 << 4 | 2, 0);
}

void unit_flush_pages(uint16_t did, uint64_t iova, unsigned order, bool leaf_only)
{
	put((uint64_t)did << 16 | 3 << 4 | 2, iova | (leaf_only ? 0x40u : 0) | order);
}

void unit_wait(void)
{
	volatile uint32_t *status = machine_memory(STATUS);

	put((uint64_t)++queue.sequence << 32 | 1 << 5 | 5, STATUS);
	ring();
	unit_items--;
	unit_waits++;
	for (unsigned tries = 0; *status != queue.sequence; tries++)
		if (tries == 1000000)
			die("the physical unit does not finish its queue");
}

static void command(uint32_t bits)
{
	unit_write(0x18, 4, (unit_read(0x1c, 4) & 0x96ffffff) | bits);
	if ((unit_read(0x1c, 4) & bits) != bits)
		die("the physical unit does not take a command");
}

void unit_start(void)
{
	uint64_t *root = machine_memory(ROOT);

	memset(root, 0, 0x1000);
	memset(machine_memory(CONTEXTS), 0, 0x1000);
	root[0] = CONTEXTS | 1;
	unit_write(0x20, 8, ROOT);
	command(1u << 30);
	unit_write(0x90, 8, QUEUE);
	command(1u << 26);
	put(1 << 4 | 1, 0);
	put(1 << 4 | 2, 0);
	unit_wait();
	command(1u << 31);
	unit_waits = unit_items = 0;
}

void unit_context(uint16_t source_id, uint64_t lo, uint64_t hi)
{
	volatile uint64_t *e = machine_memory(CONTEXTS + source_id * 16u);

	if (e[0] & 1) {
		uint16_t old = (uint16_t)(e[1] >> 8);

		e[0] = 0;
		put((uint64_t)source_id << 32 | (uint64_t)old << 16 | 3 << 4 | 1, 0);
		unit_flush_domain(old);
		unit_wait();
	}
	e[1] = hi;
	e[0] = lo;
}

bool unit_fault(struct unit_fault *out)
{
	uint64_t lo, hi;

	if (!(unit_read(0x34, 4) & 3))
		return false;
	lo = unit_read(0x220, 8);
	hi = unit_read(0x228, 8);
	unit_write(0x22c, 4, 1u << 31);
	unit_write(0x34, 4, 1);
	*out = (struct unit_fault){ .address = lo & ~0xfffull, .source_id = (uint16_t)hi, .reason = (uint8_t)(hi >> 32),
				    .write = !(hi >> 62 & 1) };
	return hi >> 63;
}

static uint64_t *slot(uint64_t table, unsigned level, uint64_t iova)
{
	return (uint64_t *)machine_memory(table) + (iova >> (12 + 9 * (level - 1)) & 511);
}

/* A large leaf becomes a table of smaller ones where one of them is to differ. */
static uint64_t table_below(uint64_t *e, unsigned level)
{
	uint64_t old = *e, hpa;
	uint64_t *page;

	if (old & 3 && !(old & LARGE))
		return old & ADDRESS;
	page = pool_alloc(&hpa);
	if (!page)
		die("no page for the host's own tables");
	for (unsigned i = 0; old & 3 && i < 512; i++)
		page[i] = ((old & ~LARGE) | (level > 2 ? LARGE : 0)) + ((uint64_t)i << (12 + 9 * (level - 2)));
	*e = hpa | 3;
	return hpa;
}

static void free_below(uint64_t table, unsigned level)
{
	uint64_t *page = machine_memory(table);

	for (unsigned i = 0; level > 1 && i < 512; i++)
		if (page[i] & 3 && !(page[i] & LARGE))
			free_below(page[i] & ADDRESS, level - 1);
	pool_free(table);
}

void table_map(uint64_t root, unsigned levels, uint64_t iova, uint64_t hpa, unsigned shift, unsigned rights)
{
	unsigned level = levels;
	uint64_t *e = slot(root, level, iova), old;

	for (; 12 + 9 * (level - 1) > shift; e = slot(root, level, iova)) {
		root = table_below(e, level);
		level--;
	}
	old = *e;
	*e = rights ? hpa | rights | (level > 1 ? LARGE : 0) : 0;
	if (level > 1 && old & 3 && !(old & LARGE))
		free_below(old & ADDRESS, level - 1);
}

void table_free(uint64_t root, unsigned levels)
{
	free_below(root, levels);
}

unsigned table_look(uint64_t root, unsigned levels, uint64_t iova, uint64_t *entry)
{
	for (unsigned level = levels; level; level--) {
		*entry = *slot(root, level, iova);
		if (!(*entry & 3))
			return 0;
		if (level == 1 || *entry & LARGE)
			return 12 + 9 * (level - 1);
		root = *entry & ADDRESS;
	}
	return 0;
}
