/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Write tracking for the library: pages of L1's that hold tables of its EPT lose the right to be written in EPT01, until they are.
 * A processor flushes what it has cached of EPT01 when it happens to exit; the last one to do so arms the batch.
 */
#include "metal.h"

static struct nvmx_vm *vm;
static volatile uint8_t lock;
static uint64_t batch;			/* the last that was begun */

void watch_create(struct nvmx_vm *of)
{
	vm = of;
}

static void take(void)
{
	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void release(void)
{
	__atomic_clear(&lock, __ATOMIC_RELEASE);
}

static bool all_flushed(uint64_t last)
{
	uint32_t i;

	for (i = 0; i < machine.cpus; i++)
		if (machine.cpu[i]->started && __atomic_load_n(&machine.cpu[i]->flushed, __ATOMIC_SEQ_CST) != last)
			return false;
	return true;
}

static void flush(struct cpu *cpu)
{
	uint64_t last;

	__atomic_fetch_and(&cpu->due, (uint8_t)~DUE_FLUSH, __ATOMIC_SEQ_CST);
	last = __atomic_load_n(&batch, __ATOMIC_SEQ_CST);
	invept(INVALIDATE_SINGLE, cpu->eptp);
	__atomic_store_n(&cpu->flushed, last, __ATOMIC_SEQ_CST);
}

/* A processor that begins to run L1 was `started` before it comes here: it has cached nothing older than this. */
void watch_flush(struct cpu *cpu)
{
	flush(cpu);
	watch_arm();
}

/* A processor has flushed, or does not run L1 any more. */
void watch_arm(void)
{
	uint64_t last = __atomic_load_n(&batch, __ATOMIC_SEQ_CST); /* another processor may arm it, and begin the next */

	if (last && all_flushed(last))
		nvmx_watch_armed(vm, last);
}

int watch_begin(struct cpu *cpu, const uint64_t *pages, size_t n, uint64_t number)
{
	size_t i;

	take();
	if (machine.dma) {
		release();
		return -1;
	}
	for (i = 0; i < n; i++)
		if (!ept_protect(pages[i]))
			nvmx_watch_written(vm, pages[i], 1);
	__atomic_store_n(&batch, number, __ATOMIC_SEQ_CST);
	for (i = 0; i < machine.cpus; i++)
		__atomic_fetch_or(&machine.cpu[i]->due, DUE_FLUSH, __ATOMIC_SEQ_CST);
	release();
	flush(cpu);
	return all_flushed(number) ? 0 : NVMX_WATCH_BEGUN;
}

void watch_forget(uint64_t page)
{
	take();
	ept_unprotect(page);
	release();
}

/* The page is about to be written. False: not a page that metal has ever protected, so that is not why L1 could not. */
bool watch_written(uint64_t address)
{
	bool known;

	take();
	nvmx_watch_written(vm, address, 1);
	known = ept_unprotect(address & -PAGE);
	release();
	return known;
}

/* Nothing that is written from now on need be seen. */
void watch_end(void)
{
	take();
	nvmx_watch_written(vm, 0, ~0ull);
	release();
}
