/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What nested VMX costs a guest hypervisor, in ticks of its own TSC: `bench <name> <ticks>`, each the minimum over
 * several rounds after a warm-up round.
 */
#include "console.h"
#include "l1.h"
#include "l2.h"
#include "memory.h"

enum { ROUNDS = 5, REPEAT = 64, PAGES = 512, CHANGED = 8 };
#define WINDOW 0x80000000ull	/* L2-physical address of the touched pages */

void l2_cpuid_loop(void);
void l2_touch_loop(void);
asm(".globl l2_cpuid_loop, l2_touch_loop\n"
    "l2_cpuid_loop:\n"
    "	xorl %eax, %eax\n"
    "	xorl %ecx, %ecx\n"
    "	cpuid\n"
    "	jmp l2_cpuid_loop\n"
    /* rsi: address, ecx: pages; rax: ticks on return */
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

static u8 l2_stack[4096] __attribute__((aligned(16)));

static void row(const char *name, u64 ticks) { printf("bench %s %lu\n", name, ticks); }

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

static void bench_l1_cpuid(void)
{
	row("l1_cpuid", LOOP_TICKS("xorl %%eax, %%eax; xorl %%ecx, %%ecx; cpuid", "i"(0)));
}

static void expect_exit(struct l2 *l2, u32 reason)
{
	enum vmx_result r = l2_run(l2);

	if (r != VMX_OK || vmread(EXIT_REASON) != reason)
		fatal("result %d error %lu exit reason %lx qualification %lx rip %lx", r,
		      vmread(VM_INSTRUCTION_ERROR), vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION),
		      vmread(GUEST_RIP));
}

static void bench_roundtrip(struct l2 *l2)
{
	u64 best = ~0ull;

	l2_setup(l2, L2_LONG, (u64)l2_cpuid_loop, (u64)l2_stack + sizeof(l2_stack));
	expect_exit(l2, R_CPUID);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		u64 t = rdtsc();

		for (unsigned i = 0; i < REPEAT; i++) {
			vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(EXIT_INSTRUCTION_LENGTH));
			expect_exit(l2, R_CPUID);
		}
		t = (rdtsc() - t) / REPEAT;
		if (round && t < best)
			best = t;
	}
	row("l2_cpuid_roundtrip", best);
}

/* Exit-information and guest RIP are what hosts shadow; HOST_RSP is outside what Linux's KVM does. */
static void bench_fields(void)
{
	u64 rsp = vmread(HOST_RSP), rip = vmread(GUEST_RIP);

	row("vmread_shadowed", LOOP_TICKS("vmread %1, %%rax", "r"((u64)EXIT_REASON)));
	row("vmread_unshadowed", LOOP_TICKS("vmread %1, %%rax", "r"((u64)HOST_RSP)));
	row("vmwrite_guest_rip", LOOP_TICKS("vmwrite %2, %1", "r"((u64)GUEST_RIP), "r"(rip)));
	row("vmwrite_unshadowed", LOOP_TICKS("vmwrite %2, %1", "r"((u64)HOST_RSP), "r"(rsp)));
}

static void bench_switch(struct l2 *l2)
{
	u64 other = phys(vmcs_alloc());

	vmclear(other);
	row("vmptrld_vmclear", LOOP_TICKS("vmptrld %1; vmclear %1", "m"(other)));
	if (vmptrld(phys(l2->vmcs)) != VMX_OK)
		fatal("VMPTRLD failed");
}

struct window { u8 *frames[2]; u64 touches; };

static u64 frame(struct window *w, unsigned page, bool second)
{
	return phys(w->frames[second] + page * PAGE_SIZE);
}

static void new_window(struct l2 *l2, struct window *w)
{
	l2->ept = ept_alloc();
	ept_identity(l2->ept, 1);
	for (unsigned i = 0; i < PAGES; i++)
		ept_map(l2->ept, WINDOW + i * PAGE_SIZE, frame(w, i, false), 1, EPT_RWX | EPT_WB);
	l2_setup(l2, L2_LONG, (u64)l2_touch_loop, (u64)l2_stack + sizeof(l2_stack));
}

static u64 touch(struct l2 *l2, struct window *w)
{
	vmwrite(GUEST_RIP, (u64)l2_touch_loop);
	l2->regs.rsi = WINDOW;
	l2->regs.rcx = PAGES;
	expect_exit(l2, R_VMCALL);
	w->touches += PAGES;
	return (u32)l2->regs.rax;
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

static void bench_ept(struct l2 *l2)
{
	struct { u64 eptp, zero; } d;
	struct window w = { { page_alloc_n(PAGES), page_alloc_n(PAGES) }, 0 };

	row("ept_touch512_cold", cold_ticks(l2, &w));
	row("ept_touch512_warm", touch_ticks(l2, &w, FLUSH_NONE));
	d.eptp = ept_pointer(l2->ept);
	d.zero = 0;
	row("invept_single", LOOP_TICKS("invept %1, %2", "m"(d), "r"(1ul)));
	row("ept_touch512_unchanged", touch_ticks(l2, &w, FLUSH_ONLY));
	row("ept_touch512_8changed", touch_ticks(l2, &w, FLUSH_CHANGED));
	check_touches(&w);
}

void l1_main(void)
{
	struct l2 l2 = { 0 };

	if (!vmx_init())
		fatal("no VMX");
	vmx_enable();
	bench_l1_cpuid();
	l2.ept = ept_alloc();
	ept_identity(l2.ept, 1);
	bench_roundtrip(&l2);
	bench_fields();
	bench_switch(&l2);
	bench_ept(&l2);
	vmclear(phys(l2.vmcs));
	vmxoff();
	printf("bench done\n");
}
