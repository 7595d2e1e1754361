/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* metal's write tracking: EPT01 of two processors, what of it is split and protected, when a batch is armed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A processor of the test's own in place of <vmx.h>. */
#define METAL_VMX_H
#define EXIT_REASONS 80
#define MSR_IA32_VMX_EPT_VPID_CAP 0x48c
enum { INVALIDATE_SINGLE = 1 };
static bool gib_pages;
static uint64_t flushed_eptp;
static unsigned flushes;

static uint64_t rdmsr(uint32_t msr)
{
	assert_int_equal(msr, MSR_IA32_VMX_EPT_VPID_CAP);
	return 1u << 16 | (gib_pages ? 1u << 17 : 0);
}

static bool invept(unsigned type, uint64_t eptp)
{
	assert_int_equal(type, INVALIDATE_SINGLE);
	flushed_eptp = eptp;
	flushes++;
	return true;
}

static void *phys(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static void cpu_relax(void)
{
}

/* What another processor does when this one has looked at the last of them. */
static void (*meanwhile)(void);
static const uint64_t *last_looked_at;

static void looked_at(const void *place)
{
	void (*then)(void) = meanwhile;

	if (!then || place != last_looked_at)
		return;
	meanwhile = NULL;
	then();
}
#define __atomic_load_n(place, order) ({ __typeof__(*(place)) value_ = __atomic_load_n(place, order); looked_at(place); value_; })

#include "../../adapters/metal/ept.c"
#include "../../adapters/metal/watch.c"

#define GIB (1ull << 30)
#define MIB2 (2ull << 20)
#define RAM_END (GIB * 7 / 2)
#define TABLE (GIB + 5 * MIB2 + 7 * PAGE)	/* a page of L1's */
#define ALL_MEMORY (~0ull)

struct machine machine;
static struct cpu cpu[2];
static _Alignas(4096) uint8_t pool[1200][PAGE];
static unsigned pages_left;
static uint64_t told[40], told_length, armed;
static unsigned told_n;

uint64_t page_try(void)
{
	if (!pages_left)
		return 0;
	return (uint64_t)(uintptr_t)memset(pool[--pages_left], 0, PAGE);
}

uint64_t page_alloc(void)
{
	uint64_t page = page_try();

	assert_true(page);
	return page;
}

uint8_t mtrr_type(uint64_t address)
{
	return address >= RAM_END ? 0 : 6;
}

bool mtrr_uniform(uint64_t address, uint64_t size)
{
	(void)address;
	(void)size;
	return true;
}

bool vtd_owns(uint64_t address)
{
	(void)address;
	return false;
}

const struct range *memory_ram(uint64_t address)
{
	static struct range all;

	return address < RAM_END && !is_own(address) ? &all : NULL;
}

void step_begin(struct cpu *c)
{
	(void)c;
}

void stop(const char *format, ...)
{
	(void)format;
	abort();
}

void nvmx_watch_written(struct nvmx_vm *of, uint64_t gpa, uint64_t length)
{
	assert_ptr_equal(of, &machine);
	told[told_n++ % 40] = gpa;
	told_length = length;
}

void nvmx_watch_armed(struct nvmx_vm *of, uint64_t number)
{
	assert_ptr_equal(of, &machine);
	armed = number;
}

static void boot(bool gib)
{
	gib_pages = gib;
	memset(&machine, 0, sizeof(machine));
	memset(cpu, 0, sizeof(cpu));
	machine.own_base = 512ull << 20;
	pages_left = sizeof(pool) / PAGE;
	ept_create();
	for (unsigned i = 0; i < 2; i++) {
		machine.cpu[i] = cpu + i;
		machine.cpus++;
		cpu[i].apic_base = 0xfee00900;
		ept_create_cpu(cpu + i);
	}
	cpu[0].started = 1;
	batch = 0;
	armed = told_n = flushes = 0;
	watch_create((struct nvmx_vm *)&machine);
}

/* What a processor finds: the entry that maps the address, and the size of its page. */
static uint64_t walk(const struct cpu *c, uint64_t address, uint64_t *size)
{
	uint64_t entry = c->eptp;

	for (*size = MAP_TOP;; ) {
		uint64_t lower = *size >> 9;

		entry = *((uint64_t *)phys(entry & EPT_ADDRESS) + (*size == MAP_TOP ? address / MAP_TOP : address / *size % 512));
		if (*size == PAGE || entry & EPT_LEAF)
			return entry;
		*size = lower;
	}
}

static bool writable(const struct cpu *c, uint64_t address)
{
	uint64_t size, entry = walk(c, address, &size);

	assert_int_equal(entry & EPT_ADDRESS & -size, address & -size);
	assert_int_equal(entry >> 3 & 7, mtrr_type(address));
	assert_int_equal(entry & 5, 5);
	return entry & EPT_WRITE;
}

static void one_page(bool gib)
{
	uint64_t page = TABLE;
	bool is;

	boot(gib);
	assert_int_equal(ept_page_shift(TABLE, &is), gib ? 30 : 21);
	assert_int_equal(watch_begin(cpu, &page, 1, 5), 0);
	assert_int_equal(flushes, 1);
	assert_int_equal(flushed_eptp, cpu->eptp);
	assert_int_equal(told_n, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_false(writable(cpu + i, TABLE));
		assert_true(writable(cpu + i, TABLE + PAGE));
		assert_true(writable(cpu + i, TABLE - PAGE));
		assert_true(writable(cpu + i, TABLE + MIB2));
		assert_true(writable(cpu + i, TABLE - MIB2));
		assert_true(writable(cpu + i, TABLE + GIB));
	}
	assert_int_equal(ept_page_shift(TABLE + 0x123, &is), 12);
	assert_true(is);
	assert_int_equal(ept_page_shift(TABLE + PAGE, &is), 12);
	assert_false(is);
	assert_int_equal(ept_page_shift(TABLE + MIB2, &is), 21);
	assert_false(is);
	assert_int_equal(watch_begin(cpu, &page, 1, 6), 0);	/* again */

	assert_true(watch_written(TABLE + 0xff8));
	assert_int_equal(told_n, 1);
	assert_int_equal(told[0] & -PAGE, TABLE);
	assert_int_equal(ept_page_shift(TABLE, &is), 21);
	assert_false(is);
	for (unsigned i = 0; i < 2; i++)
		assert_true(writable(cpu + i, TABLE));
	assert_true(watch_written(TABLE));	/* another processor was a little later: it tries again */
}

static void a_page_is_protected_and_given_back(void **state)
{
	(void)state;
	one_page(false);
	one_page(true);
}

static void a_page_is_forgotten(void **state)
{
	uint64_t pages[2] = { TABLE, TABLE + PAGE };
	bool is;

	(void)state;
	boot(false);
	assert_int_equal(watch_begin(cpu, pages, 2, 1), 0);
	watch_forget(TABLE);
	assert_true(writable(cpu + 1, TABLE));
	assert_false(writable(cpu + 1, TABLE + PAGE));
	assert_int_equal(ept_page_shift(TABLE, &is), 12);
	watch_forget(TABLE);	/* no error */
	watch_forget(TABLE + PAGE);
	assert_int_equal(ept_page_shift(TABLE, &is), 21);
	assert_int_equal(told_n, 0);
}

static void pages_that_cannot_be_watched(void **state)
{
	uint64_t pages[] = { machine.own_base, 0xfee00000, 3 * GIB, RAM_END + GIB, MAP_TOP };

	(void)state;
	boot(true);
	pages[0] = machine.own_base;
	assert_int_equal(watch_begin(cpu, pages, 5, 1), 0);
	assert_int_equal(told_n, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(told[i], pages[i]);
		assert_false(watch_written(pages[i]));	/* what forbids that is not the watch */
	}
	for (unsigned left = 0; left < 2; left++) {
		pages_left = left;
		pages[0] = TABLE;
		told_n = 0;
		assert_int_equal(watch_begin(cpu, pages, 1, 2 + left), 0);
		assert_int_equal(told_n, 1);
		assert_true(writable(cpu, TABLE));
	}
}

static void a_batch_is_armed_by_the_last_processor(void **state)
{
	uint64_t page = TABLE;

	(void)state;
	boot(false);
	cpu[1].started = 1;
	assert_int_equal(watch_begin(cpu, &page, 1, 7), NVMX_WATCH_BEGUN);
	assert_false(cpu[0].due);
	assert_true(cpu[1].due);
	watch_flush(cpu);
	assert_int_equal(armed, 0);
	watch_flush(cpu + 1);
	assert_int_equal(flushed_eptp, cpu[1].eptp);
	assert_int_equal(armed, 7);
	assert_false(cpu[1].due);

	assert_int_equal(watch_begin(cpu, &page, 1, 8), NVMX_WATCH_BEGUN);
	cpu[1].started = 0;	/* INIT */
	watch_arm();
	assert_int_equal(armed, 8);
	assert_int_equal(watch_begin(cpu, &page, 1, 9), 0);
	cpu[1].started = 1;	/* SIPI: it has old translations */
	assert_int_equal(watch_begin(cpu, &page, 1, 10), NVMX_WATCH_BEGUN);
	watch_flush(cpu + 1);
	assert_int_equal(armed, 10);
}

static void begin_the_next(void)
{
	uint64_t page = TABLE + PAGE;

	nvmx_watch_armed((struct nvmx_vm *)&machine, 7); /* the other processor has found the same */
	assert_int_equal(watch_begin(cpu, &page, 1, 8), NVMX_WATCH_BEGUN);
}

/* All have flushed for one batch, which says nothing of the batch that another processor begins right then. */
static void the_next_batch_is_not_armed_with_it(void **state)
{
	uint64_t page = TABLE;

	(void)state;
	boot(false);
	cpu[1].started = 1;
	assert_int_equal(watch_begin(cpu, &page, 1, 7), NVMX_WATCH_BEGUN);
	last_looked_at = &cpu[1].flushed;
	meanwhile = begin_the_next;
	watch_flush(cpu + 1);
	assert_null(meanwhile);
	assert_int_equal(armed, 7);
	assert_true(cpu[1].due);
	watch_flush(cpu + 1);
	assert_int_equal(armed, 8);
}

static void dma(void **state)
{
	uint64_t page = TABLE;

	(void)state;
	boot(false);
	assert_int_equal(watch_begin(cpu, &page, 1, 1), 0);
	machine.dma = 1;
	watch_end();
	assert_int_equal(told_n, 1);
	assert_int_equal(told[0], 0);
	assert_true(told_length == ALL_MEMORY);
	assert_int_equal(watch_begin(cpu, &page, 1, 2), -1);
	assert_true(watch_written(TABLE));
	assert_true(writable(cpu, TABLE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_protected_and_given_back),
		cmocka_unit_test(a_page_is_forgotten),
		cmocka_unit_test(pages_that_cannot_be_watched),
		cmocka_unit_test(a_batch_is_armed_by_the_last_processor),
		cmocka_unit_test(the_next_batch_is_not_armed_with_it),
		cmocka_unit_test(dma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
