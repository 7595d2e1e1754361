/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * An L1 with several processors whose L2s, one after the other, use the same pages through one EPT of many tables: what that costs
 * a host that has the shadow of these tables in common, and one that makes it for each.
 */
#include "console.h"
#include "l1.h"
#include "l2.h"
#include "memory.h"
#include "second.h"

enum { PROCESSORS = 4, TABLES = 1500, PAGES = 16 };
#define WINDOW 0x40000000ul	/* L2's linear and physical addresses; start.S maps 4 GiB one to one */
#define OF_TABLE (2ul << 20)

extern const u8 l2_exit_2[], l2_exit_stack_top_2[];
int l2_enter_2(struct l2_regs *regs, int resume);

static struct processor {
	struct l2 l2;
	u8 *vmxon_region;
	u8 stack[4096] __attribute__((aligned(16)));
} processors[PROCESSORS];
static volatile u32 begun, turn;	/* how many are in VMX operation; whose L2 is to run */

static void l2_uses(void)
{
	for (u64 table = 0; table < TABLES; table++)
		for (u64 page = 0; page < PAGES; page++)
			++*(volatile u64 *)(WINDOW + table * OF_TABLE + page * PAGE_SIZE);
	asm volatile("vmcall" : : : "memory");
}

/* As in bench_smp.c: with interrupts on, for a host that has to take one from a waiting processor. */
static void wait_for(const volatile u32 *word, u32 value)
{
	asm volatile("sti" : : : "memory");
	while (*word != value)
		;
	asm volatile("cli" : : : "memory");
}

static void run(u32 number)
{
	struct processor *p = &processors[number];
	int r;

	l2_setup(&p->l2, L2_LONG, (u64)l2_uses, (u64)p->stack + sizeof(p->stack) - 8);
	if (number) {	/* by turns: one way in and out serves them all */
		vmwrite(HOST_RIP, (u64)l2_exit_2);
		vmwrite(HOST_RSP, (u64)l2_exit_stack_top_2);
	}
	r = (number ? l2_enter_2 : l2_enter)(&p->l2.regs, 0);
	if (r || vmread(EXIT_REASON) != R_VMCALL)
		fatal("processor %u: %d, exit reason %lx", number, r, vmread(EXIT_REASON));
	turn = number + 1;
}

/* No processor's L2 runs before all are in VMX operation: a host then knows how many there will be. */
static void other_works(void)
{
	u32 number = begun;

	vmx_enable_on(processors[number].vmxon_region);
	begun = number + 1;
	wait_for(&turn, number);
	run(number);
	for (;;)
		asm volatile("cli; hlt");
}

static u64 *make_ept(const u8 *frames)
{
	u64 *ept = ept_alloc();

	ept_identity(ept, 1);
	for (u64 table = 0; table < TABLES; table++)
		for (u64 page = 0; page < PAGES; page++)
			ept_map(ept, WINDOW + table * OF_TABLE + page * PAGE_SIZE, phys(frames) + page * PAGE_SIZE, 1, EPT_RWX | EPT_WB);
	return ept;
}

void l1_main(void)
{
	u32 n = (u32)l1_option("cpus", 1);
	u8 *frames;
	u64 *ept;

	mask_interrupts();
	if (!vmx_init() || n > PROCESSORS)
		fatal("no VMX, or too many processors");
	frames = page_alloc_n(PAGES);
	ept = make_ept(frames);
	for (u32 i = 0; i < n; i++) {
		processors[i].vmxon_region = vmcs_alloc();
		processors[i].l2.vmcs = vmcs_alloc();
		processors[i].l2.ept = ept;
	}
	vmx_enable_on(processors[0].vmxon_region);
	begun = 1;
	for (u32 i = 1; i < n; i++) {
		processor_start(i, other_works);
		wait_for(&begun, i + 1);
	}
	run(0);
	wait_for(&turn, n);
	for (unsigned page = 0; page < PAGES; page++)
		if (*(u64 *)(frames + page * PAGE_SIZE) != (u64)n * TABLES)
			fatal("page %u was written %lu times", page, *(u64 *)(frames + page * PAGE_SIZE));
	printf("common done %u\n", n);
}
