/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the files of the bench share. */
#ifndef L1_BENCH_H
#define L1_BENCH_H

#include "l1.h"
#include "l2.h"

enum { ROUNDS = 5, REPEAT = 64, PAGES = 512 };
#define WINDOW 0x80000000ull	/* L2-physical address of the touched pages */

extern u8 l2_stack[4096];

void row(const char *name, u64 ticks);
void expect_exit(struct l2 *l2, u32 reason);

/* Ticks of one pass of a loop around `body`, which may change rax, rcx, rdx and rbx. */
#define LOOP_TICKS(body, ...) ({ \
	u64 best = ~0ull; \
	for (unsigned round = 0; round <= ROUNDS; round++) { \
		u64 n = REPEAT, t = rdtsc(); \
		asm volatile("1: " body "; decq %0; jnz 1b" : "+r"(n) : __VA_ARGS__ \
			     : "rax", "rbx", "rcx", "rdx", "cc", "memory"); \
		t = (rdtsc() - t) / REPEAT; \
		if (round && t < best) \
			best = t; \
	} \
	best; \
})

/* bench_ept.c */
/* L2 code that adds 1 to a word of each of rcx pages from rsi on; its ticks are in rax when it executes VMCALL. */
void l2_touch_loop(void);
/* A new EPT with everything in its place, and a VMCS for the loop. */
void new_touching_l2(struct l2 *l2);
/* Lets it touch; ticks. */
u64 touch_pages(struct l2 *l2, u64 gpa, u64 pages);
void bench_ept(struct l2 *l2);
void bench_large(struct l2 *l2);
void bench_many(struct l2 *l2);

/* bench_sets.c */
void bench_sets(struct l2 *l2);

/* bench_search.c: patterns made of a seed; the worst that were found */
void bench_search(struct l2 *l2, u64 seed);
void bench_worst(struct l2 *l2);

/* bench_switch.c, bench_smp.c */
void bench_eptp_switch(struct l2 *l2);
void bench_vmcs_switch(struct l2 *l2);
void bench_vmcs_reload(struct l2 *l2);
void bench_vmfunc(struct l2 *l2);
void bench_two_processors(struct l2 *l2);

#endif
