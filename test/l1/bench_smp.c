/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Two processors whose L2s touch pages for the first time at the same time, through one EPT of L1's: the ticks of the one
 * that needs more.  Beside it what one needs while the other only waits.
 */
#include "bench.h"
#include "console.h"
#include "memory.h"
#include "second.h"

#define SECOND_WINDOW (WINDOW + PAGES * PAGE_SIZE)

extern const u8 l2_exit_2[], l2_exit_stack_top_2[];
int l2_enter_2(struct l2_regs *regs, int resume);

enum { LONG_ROUNDS = 14 };
static struct {
	struct l2 l2;
	u8 *vmxon_region;
	volatile u32 ordered, done;	/* steps: set up, touch, set up, touch, ... */
	volatile u64 ticks;
} second;
static u8 second_stack[4096] __attribute__((aligned(16)));

/*
 * Without PAUSE, which ends a processor's turn in the emulator and so makes the other's clock slower; with interrupts on, for a
 * host that has to take one from a waiting processor on Bochs 2.7 (docs/conformance.md).
 */
static void wait_for(volatile u32 *word, u32 value)
{
	asm volatile("sti" : : : "memory");
	while (*word != value)
		;
	asm volatile("cli" : : : "memory");
}

static void second_set_up(struct l2 *l2)
{
	l2_setup(l2, L2_LONG, (u64)l2_touch_loop, (u64)second_stack + sizeof(second_stack));
	vmwrite(HOST_RIP, (u64)l2_exit_2);
	vmwrite(HOST_RSP, (u64)l2_exit_stack_top_2);
	l2->regs.rsi = SECOND_WINDOW;
	l2->regs.rcx = PAGES;
}

static void second_touches(struct l2 *l2)
{
	if (l2_enter_2(&l2->regs, 0) || vmread(EXIT_REASON) != R_VMCALL)
		fatal("second processor: exit reason %lx", vmread(EXIT_REASON));
	second.ticks = (u32)l2->regs.rax;
}

static void second_works(void)
{
	vmx_enable_on(second.vmxon_region);
	for (u32 step = 1;; step++) {
		second.done = step;
		wait_for(&second.ordered, step);
		if (step & 1)
			second_set_up(&second.l2);
		else
			second_touches(&second.l2);
	}
}

static void start_second(void)
{
	second.vmxon_region = vmcs_alloc();
	second.l2.vmcs = vmcs_alloc();
	second_start(second_works);
	wait_for(&second.done, 1);
}

static void order(u32 step, bool wait)
{
	second.ordered = step;
	if (wait)
		wait_for(&second.done, step + 1);
}

static void map_windows(struct l2 *l2, u8 *frames)
{
	new_touching_l2(l2);
	for (unsigned i = 0; i < 2 * PAGES; i++)
		ept_map(l2->ept, WINDOW + i * PAGE_SIZE, phys(frames + i * PAGE_SIZE), 1, EPT_RWX | EPT_WB);
}

void bench_two_processors(struct l2 *l2)
{
	u8 *frames = page_alloc_n(2 * PAGES);
	u64 alone = ~0ull, both = ~0ull, t;
	u32 step = 1;

	mask_interrupts();
	start_second();
	for (unsigned round = 0; round <= LONG_ROUNDS; round++) { /* until both get their tables from older roots */
		map_windows(l2, frames);
		t = touch_pages(l2, WINDOW, PAGES);
		if (round && t < alone)
			alone = t;
		map_windows(l2, frames);
		second.l2.ept = l2->ept;
		order(step++, true);
		order(step++, false);
		t = touch_pages(l2, WINDOW, PAGES);
		wait_for(&second.done, step);
		t = t > second.ticks ? t : second.ticks;
		if (round && t < both)
			both = t;
	}
	row("ept_touch512_cold_1of2", alone);
	row("ept_touch512_cold_2cpu", both);
}
