/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What L2's memory costs: pages touched for the first time, again, after INVEPT; INVEPT itself. */
#include "bench.h"
#include "console.h"
#include "memory.h"
#include <nestvmx/enlighten.h>

enum { CHANGED = 8, MANY = 512 * 512 };

asm(".globl l2_touch_loop\n"
    "l2_touch_loop:\n"
    "	rdtsc\n"
    "	movl %eax, %edi\n"
    "1:	movq (%rsi), %rax\n"
    "	addq $1, %rax\n"
    "	movq %rax, (%rsi)\n"
    "	addq $4096, %rsi\n"
    "	decl %ecx\n"
    "	jnz 1b\n"
    "	rdtsc\n"
    "	subl %edi, %eax\n"
    "	vmcall\n"
    "	ud2\n");

struct window { u8 *frames[2]; u64 touches; };

void new_touching_l2(struct l2 *l2)
{
	l2->ept = ept_alloc();
	ept_identity(l2->ept, 1);
	l2_setup(l2, L2_LONG, (u64)l2_touch_loop, (u64)l2_stack + sizeof(l2_stack));
}

u64 touch_pages(struct l2 *l2, u64 gpa, u64 pages)
{
	vmwrite(GUEST_RIP, (u64)l2_touch_loop);
	l2->regs.rsi = gpa;
	l2->regs.rcx = pages;
	expect_exit(l2, R_VMCALL);
	return (u32)l2->regs.rax;
}

static u64 frame(struct window *w, unsigned page, bool second)
{
	return phys(w->frames[second] + page * PAGE_SIZE);
}

static void new_window(struct l2 *l2, struct window *w)
{
	new_touching_l2(l2);
	for (unsigned i = 0; i < PAGES; i++)
		ept_map(l2->ept, WINDOW + i * PAGE_SIZE, frame(w, i, false), 1, EPT_RWX | EPT_WB);
}

static u64 touch(struct l2 *l2, struct window *w)
{
	w->touches += PAGES;
	return touch_pages(l2, WINDOW, PAGES);
}

static void flush(struct l2 *l2)
{
	if (invept(1, ept_pointer(l2->ept), 0) != VMX_OK)
		fatal("INVEPT failed");
}

static u64 cold_ticks(struct l2 *l2, struct window *w)
{
	u64 best = ~0ull, t;

	for (unsigned round = 0; round <= ROUNDS; round++) {
		new_window(l2, w);
		t = touch(l2, w);
		if (round && t < best)
			best = t;
	}
	return best;
}

/* Eight of the 512 entries, evenly spread, go to the other set of frames and back by turns. */
static void change_eight(struct l2 *l2, struct window *w, bool second)
{
	for (unsigned i = 3; i < PAGES; i += PAGES / CHANGED)
		*ept_entry(l2->ept, WINDOW + i * PAGE_SIZE, 1) = frame(w, i, second) | EPT_RWX | EPT_WB;
}

enum flush_kind { FLUSH_NONE, FLUSH_ONLY, FLUSH_CHANGED };

static u64 touch_ticks(struct l2 *l2, struct window *w, enum flush_kind kind)
{
	u64 best = ~0ull, t;

	for (unsigned round = 0; round <= ROUNDS; round++) {
		if (kind == FLUSH_CHANGED)
			change_eight(l2, w, !(round & 1));
		if (kind != FLUSH_NONE)
			flush(l2);
		t = touch(l2, w);
		if (round && t < best)
			best = t;
	}
	return best;
}

/* Every increment must have arrived in one of the two frames of its page. */
static void check_touches(struct window *w)
{
	u64 sum = 0, moved = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		sum += *(u64 *)frame(w, i, false) + *(u64 *)frame(w, i, true);
		moved += *(u64 *)frame(w, i, true);
	}
	if (sum != w->touches || moved != CHANGED * (ROUNDS + 1) / 2)
		fatal("L2 wrote %lu of %lu words, %lu to changed frames", sum, w->touches, moved);
}

/* INVEPT, VM entry, L2's touches and VM exit together, as L1's clock has them: the mean of REPEAT turns. */
static u64 flush_total_ticks(struct l2 *l2, u64 step, u64 tables, u64 pages)
{
	u64 best = ~0ull, table = 0;

	for (unsigned round = 0; round <= ROUNDS; round++) {
		u64 t = rdtsc();

		for (unsigned i = 0; i < REPEAT; i++) {
			flush(l2);
			touch_pages(l2, WINDOW + table * (PAGES * PAGE_SIZE), pages);
			table = (table + step) % tables;
		}
		t = (rdtsc() - t) / REPEAT;
		if (round && t < best)
			best = t;
	}
	return best;
}

static u64 invept_ticks(struct l2 *l2)
{
	struct { u64 eptp, zero; } d = { ept_pointer(l2->ept), 0 };

	return LOOP_TICKS("invept %1, %2", "m"(d), "r"(1ul));
}

void bench_ept(struct l2 *l2)
{
	struct window w = { { page_alloc_n(PAGES), page_alloc_n(PAGES) }, 0 };

	row("ept_touch512_cold", cold_ticks(l2, &w));
	row("ept_touch512_warm", touch_ticks(l2, &w, FLUSH_NONE));
	row("invept_single", invept_ticks(l2));
	row("ept_touch512_unchanged", touch_ticks(l2, &w, FLUSH_ONLY));
	row("ept_touch512_8changed", touch_ticks(l2, &w, FLUSH_CHANGED));
	check_touches(&w);
	row("ept_flush_touch512_total", flush_total_ticks(l2, 0, 1, PAGES));
	row("ept_flush_touch1_total", flush_total_ticks(l2, 0, 1, 1));
}

/* One page of 2 MiB in L1's EPT, of which L2 touches each 4 KiB. */
void bench_large(struct l2 *l2)
{
	u64 best = ~0ull, t, aligned;
	u8 *frames = page_alloc_n(2 * PAGES - 1);

	aligned = (phys(frames) + PAGES * PAGE_SIZE - 1) & -(PAGES * PAGE_SIZE);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		new_touching_l2(l2);
		ept_map(l2->ept, WINDOW, aligned, 2, EPT_RWX | EPT_WB);
		t = touch_pages(l2, WINDOW, PAGES);
		if (round && t < best)
			best = t;
	}
	row("ept_touch512_2m", best);
}

static bool enlightened(void)
{
	for (u32 base = 0x40000000; base <= 0x40000100; base += 0x100) { /* behind Hyper-V's leaves, if L1 finds these */
		struct cpuid c = cpuid(base, 0);

		if (c.ebx == NVMX_CPUID_EBX && c.ecx == NVMX_CPUID_ECX && c.edx == NVMX_CPUID_EDX)
			return cpuid(base + 1, 0).eax & NVMX_CPUID_INVEPT_RANGE;
	}
	return false;
}

/* Of so many pages 512 lead elsewhere, by another table.  The second time around L2 must see it. */
static void bench_one_table(struct l2 *l2, u64 *pd_entry, u64 table, u64 page, bool range)
{
	u64 old = *pd_entry, at = WINDOW + 5 * (PAGES * PAGE_SIZE), before, t;

	*pd_entry = table;
	if (range) {
		t = LOOP_TICKS("movl %1, %%eax; movq %2, %%rbx; movq %3, %%rcx; movl $0x200000, %%edx; vmcall",
			       "i"(NVMX_HC_INVEPT_RANGE), "r"(ept_pointer(l2->ept)), "r"(at));
		row("invept_range_2m", t);
	} else {
		flush(l2);
	}
	before = *(u64 *)page;
	t = touch_pages(l2, WINDOW, MANY);
	if (*(u64 *)page != before + PAGES)
		fatal("L2 wrote %lu of %u words", *(u64 *)page - before, PAGES);
	row(range ? "ept_touch262144_range" : "ept_touch262144_1table", t);
	*pd_entry = old;
	flush(l2);
	touch_pages(l2, WINDOW, MANY);
}

/* A GiB of 4-KiB pages, each 2 MiB of them by the same table. */
void bench_many(struct l2 *l2)
{
	u64 *table, *other = page_alloc(), page = phys(page_alloc());

	for (unsigned i = 0; i < PAGES; i++)
		other[i] = page | EPT_RWX | EPT_WB;
	new_touching_l2(l2);
	for (unsigned i = 0; i < PAGES; i++)
		ept_map(l2->ept, WINDOW + i * PAGE_SIZE, phys(page_alloc()), 1, EPT_RWX | EPT_WB);
	table = ept_entry(l2->ept, WINDOW, 2);
	for (unsigned i = 1; i < MANY / PAGES; i++)
		*ept_entry(l2->ept, WINDOW + i * (PAGES * PAGE_SIZE), 2) = *table;
	touch_pages(l2, WINDOW, MANY);
	row("ept_touch262144_warm", touch_pages(l2, WINDOW, MANY));
	row("invept_single_262144", invept_ticks(l2));
	row("ept_flush_stray_total", flush_total_ticks(l2, 37, MANY / PAGES, 1));
	table = ept_entry(l2->ept, WINDOW + 5 * (PAGES * PAGE_SIZE), 2);
	bench_one_table(l2, table, phys(other) | EPT_RWX, page, false);
	if (enlightened())
		bench_one_table(l2, table, phys(other) | EPT_RWX, page, true);
}
