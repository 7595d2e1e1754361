/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What a host needs that looks at L1's tables when L2 comes to need them: many tables after an INVEPT, none of which has changed, and
 * many EPT pointers in turn.
 */
#include "bench.h"
#include "console.h"
#include "memory.h"
#include <nestvmx/hyperv.h>

enum {
	TABLES = 256, SPREAD = 2 * PAGES * PAGE_SIZE,	/* no two tables are neighbours */
	ENTRIES = 64,					/* of each table are present */
	VIEWS = 64, VIEW_PAGES = 64
};

#define CHANGED (WINDOW + (PAGES - 1) * PAGE_SIZE)	/* the first table's last page */

void l2_stride_loop(void);
asm(".globl l2_stride_loop\n"
    "l2_stride_loop:\n"
    "1:	movq (%rsi), %rax\n"
    "	addq $1, %rax\n"
    "	movq %rax, (%rsi)\n"
    "	addq %rbx, %rsi\n"
    "	decl %ecx\n"
    "	jnz 1b\n"
    "	vmcall\n"
    "	ud2\n");

/* L2 adds 1 to a word of the first page of each of so many tables. */
static void touch_tables(struct l2 *l2, u64 tables)
{
	vmwrite(GUEST_RIP, (u64)l2_stride_loop);
	l2->regs.rsi = WINDOW;
	l2->regs.rcx = tables;
	l2->regs.rbx = SPREAD;
	expect_exit(l2, R_VMCALL);
}

/* The tables' pages are all the same one, but for the first table's last entry, which L2 does not use. */
static u64 *map_tables(struct l2 *l2, u64 page)
{
	for (u64 k = 0; k < TABLES; k++)
		for (u64 i = 0; i < ENTRIES; i++)
			ept_map(l2->ept, WINDOW + k * SPREAD + i * PAGE_SIZE, page, 1, EPT_RWX | EPT_WB);
	ept_map(l2->ept, CHANGED, page, 1, EPT_RWX | EPT_WB);
	return ept_entry(l2->ept, CHANGED, 1);
}

/* Hyper-V's hypercall page, and a page for parameters; NULL: L1 does not find Hyper-V's interface. */
struct hyperv { u8 *code; u64 *parameters; };

static struct hyperv find_hyperv(void)
{
	struct cpuid c = cpuid(0x40000000, 0);
	struct hyperv hv = { 0 };

	if (c.ebx != 0x7263694d || c.eax < 0x4000000a || !(cpuid(0x4000000a, 0).eax & NVMX_HV_CPUID_FLUSH))
		return hv;
	hv.code = (u8 *)page_alloc();
	hv.parameters = page_alloc();
	wrmsr(0x40000000, 1);
	wrmsr(0x40000001, phys(hv.code) | 1);
	return hv;
}

/* Names the page that has changed, and no other. */
static void flush_named(const struct hyperv *hv, u64 eptp, u64 gpa2)
{
	u64 result;

	hv->parameters[0] = eptp & -PAGE_SIZE;
	hv->parameters[1] = 0;
	hv->parameters[2] = gpa2;
	asm volatile("xor %%r8d, %%r8d\n\tcall *%3" : "=a"(result)
		     : "c"(NVMX_HV_FLUSH_LIST | 1ull << 32), "d"(phys(hv->parameters)), "r"(hv->code) : "r8", "memory", "cc");
	if (result != 1ull << 32)
		fatal("hypercall: %lx", result);
}

/* INVEPT, VM entry, L2's touches and VM exit.  Before each INVEPT `change`, if there is one, leads elsewhere; with hv that alone is
 * named, and there is no INVEPT. */
static u64 set_ticks(struct l2 *l2, u64 tables, u64 *change, const u64 *page, const struct hyperv *hv)
{
	u64 best = ~0ull, turns = tables > 32 ? 4 : 16;

	for (unsigned round = 0; round < 7; round++) {
		u64 t = rdtsc();

		for (u64 i = 0; i < turns; i++) {
			if (change)
				*change = page[i & 1] | EPT_RWX | EPT_WB;
			if (hv)
				flush_named(hv, ept_pointer(l2->ept), CHANGED);
			else if (invept(1, ept_pointer(l2->ept), 0) != VMX_OK)
				fatal("INVEPT failed");
			touch_tables(l2, tables);
		}
		t = (rdtsc() - t) / turns;
		if (round > 2 && t < best)
			best = t;
	}
	return best;
}

static void numbered_row(const char *name, u64 n, const char *suffix, u64 ticks)
{
	printf("bench %s_%lu%s %lu\n", name, n, suffix, ticks);
}

static void bench_working_sets(struct l2 *l2)
{
	static const u64 sizes[] = { 1, 4, 8, 16, 64, 256 };
	u64 page[2] = { phys(page_alloc()), phys(page_alloc()) }, *change;
	struct hyperv hv = find_hyperv();

	new_touching_l2(l2);
	change = map_tables(l2, page[0]);
	touch_tables(l2, TABLES);
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
		numbered_row("ws", sizes[s], "", set_ticks(l2, sizes[s], NULL, NULL, NULL));
	numbered_row("ws", 64, "_1changed", set_ticks(l2, 64, change, page, NULL));
	if (hv.code)
		numbered_row("ws", 64, "_1named", set_ticks(l2, 64, change, page, &hv));
}

/* A VM entry with each of n EPT pointers in turn, L2's touches and VM exit; nothing changes, nothing is invalidated. */
static u64 view_ticks(struct l2 *l2, const u64 *eptp, u64 n)
{
	u64 best = ~0ull;

	for (unsigned round = 0; round < 5; round++) {
		u64 t = rdtsc();

		for (u64 i = 0; i < 2 * n; i++) {
			vmwrite(EPT_POINTER, eptp[i % n]);
			touch_pages(l2, WINDOW, VIEW_PAGES);
		}
		t = (rdtsc() - t) / (2 * n);
		if (round > 1 && t < best)
			best = t;
	}
	return best;
}

static void bench_views(struct l2 *l2)
{
	static const u64 sizes[] = { 8, 9, 16, VIEWS };
	u64 eptp[VIEWS], page = phys(page_alloc());

	for (unsigned k = 0; k < VIEWS; k++) {
		new_touching_l2(l2);
		for (unsigned i = 0; i < VIEW_PAGES; i++)
			ept_map(l2->ept, WINDOW + i * PAGE_SIZE, page, 1, EPT_RWX | EPT_WB);
		eptp[k] = ept_pointer(l2->ept);
		touch_pages(l2, WINDOW, VIEW_PAGES);
	}
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
		numbered_row("views", sizes[s], "", view_ticks(l2, eptp, sizes[s]));
}

void bench_sets(struct l2 *l2)
{
	bench_working_sets(l2);
	bench_views(l2);
}
