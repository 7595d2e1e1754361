/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * An L1 that keeps two L2s at work, by turns, and checks at every exit that nothing is lost: for what moves, stops or
 * disturbs an L1 from below.  Each L2 keeps a pattern in its own pages, sleeps now and then, and says by CPUID how far it is.
 */
#include "console.h"
#include "l1.h"
#include "l2.h"
#include "memory.h"
#include "second.h"
#include "trap.h"

enum { PAGES = 64, WORKERS = 2, VECTOR = 0x40, MARKED = 4, TIMER = 4000 };
#define WINDOW 0x80000000ul	/* L2's pages, its linear and physical addresses; start.S maps 4 GiB one to one */
#define MARK(w, i) (0x1000000000ul + (w)->index * 0x100000 + (w)->round * 16 + (i))

static const u16 marked[MARKED] = { GUEST_SYSENTER_ESP, HOST_SYSENTER_EIP, TSC_OFFSET, CR0_READ_SHADOW };

struct worker {
	struct l2 l2;
	unsigned index;
	u64 *frame[PAGES];	/* L1's, by page of the window */
	u64 round;		/* the last that L2 told of; L1's */
	volatile u64 written;	/* rounds whose pattern is in all pages; L2's */
	volatile u64 turns;	/* L2's */
	u64 hole;		/* page that is not mapped; PAGES: none */
	u64 injected;
	volatile u64 taken;	/* interrupts that L2's handler saw */
	u64 timers, violations, naps;
	u8 stack[4096] __attribute__((aligned(16)));
};

static struct worker workers[WORKERS];
static struct worker *volatile current;
static u64 probe;	/* physical address of memory that may come and go; 0: none */
static u64 linger;	/* how often L2 writes to one word in each round */

static u64 pattern(const struct worker *w, u64 round, unsigned page)
{
	return (round * 0x9e3779b97f4a7c15ul) ^ (w->index << 8 | page);
}

static u64 answer(u64 round) { return round * 3 + 1; }

/* --- L2 */

static u64 ask(u64 what, u64 with)
{
	u32 b = (u32)with, a = (u32)what, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "=d"(d) : : "memory");
	return b;
}

static void l2_fail(u64 what, u64 got, u64 want)
{
	asm volatile("vmcall" : : "a"(what), "b"(got), "c"(want) : "memory");
}

static void l2_probe(u64 round)
{
	volatile u64 *p = (volatile u64 *)probe;

	for (unsigned i = 0; i < 8; i++) {
		u64 v = p[i * 512 + 1];

		if (v != ~0ull && v > round)
			l2_fail(3, v, round);
		p[i * 512 + 1] = round;
	}
}

/* Without an exit, if nothing from below is one.  The write comes first: Bochs takes interrupts at the loop's head. */
static void l2_linger(struct worker *w)
{
	for (u64 n = 0; n < linger; n++)
		asm volatile("incq %0" : "+m"(w->turns));
}

static void l2_round(struct worker *w, u64 round)
{
	volatile u64 *page = (volatile u64 *)WINDOW;

	for (unsigned i = 0; i < PAGES; i++, page += 512) {
		if (page[i] != pattern(w, round - 1, i))
			l2_fail(1, page[i], pattern(w, round - 1, i));
		page[i] = pattern(w, round, i);
	}
	if (probe)
		l2_probe(round);
	w->written = round;
}

static void l2_work(struct worker *w)
{
	for (u64 round = 1;; round++) {
		l2_round(w, round);
		l2_linger(w);
		if (ask(round, w->index) != (u32)answer(round))
			l2_fail(2, round, 0);
		if (round % 16 == 0)
			asm volatile("sti; hlt" : : : "memory");
	}
}

static bool interrupt(struct trap_frame *f)
{
	if (f->vector != VECTOR || !current)
		return false;
	current->taken++;
	return true;
}

/* --- L1 */

static void check_frames(const struct worker *w)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (w->frame[i][i] != pattern(w, w->written, i))
			fatal("worker %u round %lu: page %u holds %lx, not %lx", w->index, w->written, i, w->frame[i][i],
			      pattern(w, w->written, i));
}

static void mark(const struct worker *w)
{
	for (unsigned i = 0; i < MARKED; i++)
		vmwrite(marked[i], MARK(w, i));
}

static void check_marks(const struct worker *w)
{
	for (unsigned i = 0; i < MARKED; i++)
		if (vmread(marked[i]) != MARK(w, i))
			fatal("worker %u round %lu: field %x is %lx, not %lx", w->index, w->round, marked[i],
			      vmread(marked[i]), MARK(w, i));
}

static void map_page(struct worker *w, unsigned page)
{
	ept_map(w->l2.ept, WINDOW + page * PAGE_SIZE, phys(w->frame[page]), 1, EPT_RWX | EPT_WB);
}

static void flush(const struct worker *w)
{
	if (invept(1, ept_pointer(w->l2.ept), 0) != VMX_OK)
		fatal("INVEPT failed");
}

/* Two pages change places with spare ones, and another is not there until L2 asks for it. */
static void change_map(struct worker *w)
{
	static u64 *spare;
	unsigned page = w->round / 4 % PAGES;
	u64 *old = w->frame[page];

	if (!spare)
		spare = page_alloc();
	memcpy(spare, old, PAGE_SIZE);
	w->frame[page] = spare;
	spare = old;
	map_page(w, page);
	if (w->hole == PAGES) {
		w->hole = (page + 7) % PAGES;
		*ept_entry(w->l2.ept, WINDOW + w->hole * PAGE_SIZE, 1) = 0;
	}
	flush(w);
	memset(spare, 0xee, PAGE_SIZE);
}

static void told(struct worker *w)
{
	if (w->l2.regs.rax != w->round + 1 || w->l2.regs.rbx != w->index)
		fatal("worker %u round %lu: L2 says %lx %lx", w->index, w->round, w->l2.regs.rax, w->l2.regs.rbx);
	if (w->taken != w->injected)
		fatal("worker %u round %lu: %lu interrupts injected, %lu taken", w->index, w->round, w->injected, w->taken);
	check_marks(w);
	w->round++;
	check_frames(w);
	mark(w);
	w->l2.regs.rbx = answer(w->round);
	l2_skip();
	if (w->round % 4 == 0)
		change_map(w);
}

/* L2 gets an interrupt, unless it cannot take one now. */
static void inject(struct worker *w)
{
	if (!(vmread(GUEST_RFLAGS) & FLAGS_IF) || vmread(GUEST_INTERRUPTIBILITY) & (BLOCK_STI | BLOCK_MOV_SS))
		return;
	vmwrite(ENTRY_INTR_INFO, INTR_VALID | INTR_EXTERNAL | VECTOR);
	w->injected++;
}

/* Long enough for an L2 that lingers while a debugger looks on. */
static void set_timer(void) { vmwrite(PREEMPTION_TIMER_VALUE, linger ? 64 * TIMER : TIMER); }

static void timer(struct worker *w)
{
	w->timers++;
	w->naps += vmread(GUEST_ACTIVITY) == ACT_HLT;
	set_timer();
	if (vmread(IDT_VECTORING_INFO) & INTR_VALID)
		vmwrite(ENTRY_INTR_INFO, vmread(IDT_VECTORING_INFO));
	else
		inject(w);
}

static void violation(struct worker *w)
{
	u64 gpa = vmread(GUEST_PHYSICAL_ADDRESS);

	if (w->hole == PAGES || gpa >> 12 != (WINDOW >> 12) + w->hole)
		fatal("worker %u round %lu: EPT violation at %lx, hole %lu", w->index, w->round, gpa, w->hole);
	if (vmread(IDT_VECTORING_INFO) & INTR_VALID)
		vmwrite(ENTRY_INTR_INFO, vmread(IDT_VECTORING_INFO));
	w->violations++;
	map_page(w, (unsigned)w->hole);
	w->hole = PAGES;
}

static void run(struct worker *w)
{
	u64 cr3 = read_cr3(), cr4 = read_cr4();
	enum vmx_result r;

	current = w;
	r = l2_run(&w->l2);
	current = NULL;
	if (r != VMX_OK)
		fatal("worker %u round %lu: VM entry gives %d, error %lu", w->index, w->round, r,
		      vmread(VM_INSTRUCTION_ERROR));
	if (read_cr3() != cr3 || read_cr4() != cr4 || vmptrst() != phys(w->l2.vmcs))
		fatal("worker %u round %lu: L1 has changed", w->index, w->round);
	switch (vmread(EXIT_REASON)) {
	case R_CPUID:
		told(w);
		break;
	case R_PREEMPTION_TIMER:
		timer(w);
		break;
	case R_EPT_VIOLATION:
		violation(w);
		break;
	default:
		fatal("worker %u round %lu: exit %lx qualification %lx rip %lx: rax %lx rbx %lx rcx %lx", w->index,
		      w->round, vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION), vmread(GUEST_RIP), w->l2.regs.rax,
		      w->l2.regs.rbx, w->l2.regs.rcx);
	}
}

static void start(struct worker *w, unsigned index)
{
	w->index = index;
	w->hole = PAGES;
	w->l2.ept = ept_alloc();
	ept_identity(w->l2.ept, 1);
	for (unsigned i = 0; i < PAGES; i++) {
		w->frame[i] = page_alloc();
		w->frame[i][i] = pattern(w, 0, i);
		map_page(w, i);
	}
	l2_setup(&w->l2, L2_LONG, (u64)l2_work, (u64)w->stack + sizeof(w->stack) - 8);
	w->l2.regs.rdi = (u64)w;
	vmwrite(PIN_CONTROLS, fit(caps.pin, PIN_PREEMPTION_TIMER));
	vmwrite(PROC_CONTROLS, vmread(PROC_CONTROLS) | PROC_TSC_OFFSETTING);
	set_timer();
	mark(w);
}

static void report(const char *what, u64 rounds)
{
	u64 sum[4] = { 0 };

	for (unsigned i = 0; i < WORKERS; i++) {
		sum[0] += workers[i].timers;
		sum[1] += workers[i].naps;
		sum[2] += workers[i].violations;
		sum[3] += workers[i].injected;
	}
	printf("work %s %lu timers=%lu naps=%lu violations=%lu interrupts=%lu\n", what, rounds, sum[0], sum[1], sum[2],
	       sum[3]);
}

/* A worker's turn lasts until L2 has told of a round. */
static void turn(struct worker *w)
{
	u64 round = w->round;

	if (vmptrld(phys(w->l2.vmcs)) != VMX_OK)
		fatal("VMPTRLD failed");
	while (w->round == round)
		run(w);
}

void l1_main(void)
{
	u64 rounds = l1_option("rounds", 1000), every = l1_option("every", 100);

	probe = l1_option("probe", 0) << 20;
	linger = l1_option("linger", 0);
	mask_interrupts();
	if (!vmx_init())
		fatal("no VMX");
	vmx_enable();
	trap_hook = interrupt;
	for (unsigned i = 0; i < WORKERS; i++)
		start(&workers[i], i);
	for (u64 n = 1; n <= rounds; n++) {
		for (unsigned i = 0; i < WORKERS; i++)
			turn(&workers[i]);
		if (n % every == 0)
			report("at", n);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		vmclear(phys(workers[i].l2.vmcs));
	vmxoff();
	report("done", rounds);
}
