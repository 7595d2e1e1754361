/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of metal's own memory: those never used are taken in a row, those given back are a list.
 */
#include "metal.h"

static uint64_t next_page, last_page, free_list;
static volatile uint8_t lock;

void pages_init(uint64_t first, uint64_t last)
{
	next_page = first;
	last_page = last;
}

/* A page of zeros, or 0. Its address is physical and, metal's map being one to one, the pointer to it. */
uint64_t page_try(void)
{
	uint64_t page = 0;

	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax();
	if (free_list) {
		page = free_list;
		memcpy(&free_list, phys(page), sizeof(free_list));
	} else if (next_page < last_page) {
		page = next_page;
		next_page += PAGE;
	}
	__atomic_clear(&lock, __ATOMIC_RELEASE);
	if (page)
		memset(phys(page), 0, PAGE);
	return page;
}

uint64_t page_alloc(void)
{
	uint64_t page = page_try();

	if (!page)
		stop("metal's memory is used up");
	return page;
}

/* While metal starts, pages come in a row. */
void *pages_alloc(size_t size)
{
	uint64_t first = page_alloc(), n;

	for (n = PAGE; n < size; n += PAGE)
		if (page_alloc() != first + n)
			stop("metal's pages are not contiguous");
	return phys(first);
}

void page_free(uint64_t page)
{
	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax();
	memcpy(phys(page), &free_list, sizeof(free_list));
	free_list = page;
	__atomic_clear(&lock, __ATOMIC_RELEASE);
}
