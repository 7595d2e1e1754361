/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Memory stress for a guest: maps, fills, remaps, gives back and unmaps memory, and forks at each round; parent and child
 * write to what they share by copy-on-write and check that neither sees the other. Every word that is read is checked.
 *
 *	memstress ROUNDS
 *
 * Prints "stress=ok rounds=N", or what was wrong and exits with 1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define SLOTS 8
#define MAX_PAGES 256u

struct area {
	uint64_t *words;
	unsigned int pages;
	uint64_t seed;
};

static uint64_t state = 88172645463325252ull;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* One word in each page and the last one say whose page it is: more would only test the cache. */
static void fill(struct area *a, uint64_t seed)
{
	a->seed = seed;
	for (unsigned int i = 0; i < a->pages; i++) {
		a->words[i * (PAGE / 8)] = seed + i;
		a->words[(i + 1) * (PAGE / 8) - 1] = ~(seed + i);
	}
}

static void check(const struct area *a, const char *who)
{
	for (unsigned int i = 0; i < a->pages; i++) {
		uint64_t first = a->words[i * (PAGE / 8)], last = a->words[(i + 1) * (PAGE / 8) - 1];

		if (first != a->seed + i || last != ~(a->seed + i))
			errx(1, "stress=FAILED %s: page %u has %llx %llx for %llx", who, i, (unsigned long long)first,
			     (unsigned long long)last, (unsigned long long)(a->seed + i));
	}
}

static void *map(unsigned int pages)
{
	void *p = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void replace(struct area *a)
{
	if (a->words)
		munmap(a->words, (size_t)a->pages * PAGE);
	a->pages = 1 + (unsigned int)(next() % MAX_PAGES);
	a->words = map(a->pages);
	fill(a, next());
}

static void grow(struct area *a)
{
	unsigned int pages = 1 + (unsigned int)(next() % MAX_PAGES);
	void *p = mremap(a->words, (size_t)a->pages * PAGE, (size_t)pages * PAGE, MREMAP_MAYMOVE);

	if (p == MAP_FAILED)
		err(1, "mremap");
	a->words = p;
	if (pages < a->pages)
		a->pages = pages;
	check(a, "moved");
	a->pages = pages;
	fill(a, a->seed);
}

static void give_back(struct area *a)
{
	if (madvise(a->words, (size_t)a->pages * PAGE, MADV_DONTNEED))
		err(1, "madvise");
	for (unsigned int i = 0; i < a->pages; i++)
		if (a->words[i * (PAGE / 8)])
			errx(1, "stress=FAILED given back: page %u is not zero", i);
	fill(a, a->seed + 1);
}

static void fork_and_check(struct area *areas)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (!child) {
		for (int i = 0; i < SLOTS; i++) {
			check(&areas[i], "child");
			fill(&areas[i], ~areas[i].seed);
		}
		for (int i = 0; i < SLOTS; i++)
			check(&areas[i], "child, own");
		_exit(0);
	}
	fill(&areas[0], next());
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "stress=FAILED child: status %x", status);
	for (int i = 0; i < SLOTS; i++)
		check(&areas[i], "parent");
}

int main(int argc, char **argv)
{
	static struct area areas[SLOTS];
	long rounds = argc == 2 ? atol(argv[1]) : 0;

	if (rounds <= 0)
		errx(1, "usage: memstress ROUNDS");
	for (int i = 0; i < SLOTS; i++)
		replace(&areas[i]);
	for (long n = 0; n < rounds; n++) {
		struct area *a = &areas[next() % SLOTS];

		switch (next() % 3) {
		case 0: replace(a); break;
		case 1: grow(a); break;
		default: give_back(a); break;
		}
		fork_and_check(areas);
	}
	printf("stress=ok rounds=%ld\n", rounds);
	return 0;
}
