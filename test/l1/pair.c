/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * An L1 with two processors, each with an L2 at work, both L2s on one EPT: for hosts that run two virtual processors.  Pages
 * that both L2s use change their frames as a hypervisor does it: taken out of the EPT, INVEPT on both processors by an
 * interrupt that ends the other one's L2, contents moved, mapped anew.  Now and then the processors exchange their VMCSs.
 */
#include "console.h"
#include "l1.h"
#include "l2.h"
#include "memory.h"
#include "second.h"
#include "trap.h"

enum { PAGES = 32, SIDES = 2, PASSES = 64, EXCHANGE_EVERY = 8 };
enum { VTPR = 0x80, PRIORITIES = 15 };
enum { FLUSH_VECTOR = 0x40, WAKE_VECTOR = 0x50 };	/* plus the processor that gets it */
#define WINDOW 0x80000000ul	/* the shared pages, L2's linear and physical addresses; start.S maps 4 GiB one to one */
#define NAME(page) (0xfeed0000ul + (page))
#define POISON 0xeeeeeeeeeeeeeeeeul

/* A shared page. */
struct page {
	u64 name;
	volatile u64 passes[SIDES];	/* each L2's own; L2s write */
	u64 rest[512 - 1 - SIDES];
};

struct worker {
	struct l2 l2;
	unsigned index;
	u64 told;		/* passes; L1's */
	u8 *vapic;		/* its virtual-APIC page */
	u8 stack[4096] __attribute__((aligned(16)));
};

/* A processor of L1's. */
struct side {
	unsigned index;
	int (*enter)(struct l2_regs *regs, int resume);
	const u8 *exit, *exit_stack_top;
	u8 *vmxon_region;
	struct worker *worker;
	struct page *spare;
	bool ack;		/* interrupts are acknowledged by the exit */
	volatile u32 flushes_wanted, flushes_done, meetings;
	u64 interrupted, violations, remaps, exchanges;
};

extern const u8 l2_exit[], l2_exit_2[], l2_exit_stack_top[], l2_exit_stack_top_2[];
int l2_enter_2(struct l2_regs *regs, int resume);

static struct worker workers[SIDES];
static struct side sides[SIDES] = {
	{ .enter = l2_enter, .exit = l2_exit, .exit_stack_top = l2_exit_stack_top },
	{ .enter = l2_enter_2, .exit = l2_exit_2, .exit_stack_top = l2_exit_stack_top_2, .ack = true },
};
static struct page *volatile frames[PAGES];
static u64 *ept;
static u64 rounds, probe;	/* probe: physical address of memory that may come and go; 0: none */

/* --- L2 */

static void l2_fail(u64 what, u64 got, u64 want)
{
	asm volatile("vmcall" : : "a"(what), "b"(got), "c"(want) : "memory");
}

static void l2_pass(unsigned index, u64 pass)
{
	struct page *page = (struct page *)WINDOW;

	for (unsigned i = 0; i < PAGES; i++, page++) {
		if (*(volatile u64 *)&page->name != NAME(i))
			l2_fail(1, page->name, NAME(i));
		if (page->passes[index] != pass - 1)
			l2_fail(2, page->passes[index], pass - 1);
		page->passes[index] = pass;
	}
}

static void l2_probe(unsigned index, u64 pass)
{
	volatile u64 *p = (volatile u64 *)probe + index;

	for (unsigned i = 0; i < 8; i++, p += 512) {
		u64 v = *p;

		if (v != ~0ull && v > pass)
			l2_fail(3, v, pass);
		*p = pass;
	}
}

/* Tells of the pass, and gets the task priority that L1 has put into the virtual-APIC page; the answer is there too. */
static void l2_tell(u64 pass)
{
	u64 priority, cr8;

	asm volatile("cpuid" : "=b"(priority) : "a"(pass), "c"(0) : "rdx", "memory");
	asm volatile("mov %%cr8, %0" : "=r"(cr8));
	if (cr8 != priority)
		l2_fail(4, cr8, priority);
	asm volatile("mov %0, %%cr8" : : "r"(PRIORITIES - priority));
}

static void l2_work(struct worker *w)
{
	for (u64 pass = 1;; pass++) {
		l2_pass(w->index, pass);
		if (pass % PASSES)
			continue;
		if (probe)
			l2_probe(w->index, pass);
		l2_tell(pass);
	}
}

/* --- L1 */

static struct side *other(const struct side *s) { return &sides[!s->index]; }

static void flush(void)
{
	if (invept(1, ept_pointer(ept), 0) != VMX_OK)
		fatal("INVEPT failed");
}

/* On the processor that the vector names. */
static void take(u64 vector)
{
	struct side *s = &sides[vector & 1];
	u32 wanted = s->flushes_wanted;

	if ((vector & ~1ul) == FLUSH_VECTOR) {
		flush();
		s->flushes_done = wanted;
		apic_send_other(WAKE_VECTOR + !s->index);
	}
	apic_eoi();
}

static bool interrupt(struct trap_frame *f)
{
	if ((f->vector & ~1ul) != FLUSH_VECTOR && (f->vector & ~1ul) != WAKE_VECTOR)
		return false;
	take(f->vector);
	return true;
}

/* What is waited for comes with an interrupt. */
static void wait_for(const volatile u32 *word, u32 value)
{
	while ((s32)(*word - value) < 0)
		asm volatile("sti; hlt; cli" : : : "memory");
}

static void flush_both(struct side *s)
{
	struct side *o = other(s);
	u32 wanted = o->flushes_wanted + 1;

	o->flushes_wanted = wanted;
	flush();
	apic_send_other((u8)(FLUSH_VECTOR + o->index));
	wait_for(&o->flushes_done, wanted);
}

/* Each processor changes pages of its own parity. */
static void remap(struct side *s)
{
	unsigned i = (unsigned)(s->remaps++ % (PAGES / SIDES)) * SIDES + s->index;
	u64 *entry = ept_entry(ept, WINDOW + i * PAGE_SIZE, 1);
	struct page *old = frames[i];

	*(volatile u64 *)entry = 0;
	flush_both(s);
	if (old->name != NAME(i))
		fatal("page %u is called %lx", i, old->name);
	memcpy(s->spare, old, PAGE_SIZE);
	memset(old, (int)(POISON & 0xff), PAGE_SIZE);
	frames[i] = s->spare;
	*(volatile u64 *)entry = phys(s->spare) | EPT_RWX | EPT_WB;
	s->spare = old;
}

/* Nobody has written to a frame that is not mapped. */
static void check_spare(const struct side *s)
{
	const u64 *word = (const u64 *)s->spare;

	for (unsigned i = 0; s->remaps && i < 512; i++)
		if (word[i] != POISON)
			fatal("processor %u: a frame that was taken away holds %lx in word %u", s->index, word[i], i);
}

static void meet(struct side *s)
{
	u32 meeting = s->meetings + 1;

	s->meetings = meeting;
	apic_send_other((u8)(WAKE_VECTOR + !s->index));
	wait_for(&other(s)->meetings, meeting);
}

static void adopt(struct side *s, struct worker *w)
{
	s->worker = w;
	if (vmptrld(phys(w->l2.vmcs)) != VMX_OK)
		fatal("VMPTRLD failed");
	vmwrite(HOST_RIP, (u64)s->exit);
	vmwrite(HOST_RSP, (u64)s->exit_stack_top);
	vmwrite(EXIT_CONTROLS, (vmread(EXIT_CONTROLS) & ~EXIT_ACK_INTERRUPT) | (s->ack ? EXIT_ACK_INTERRUPT : 0));
}

static void exchange(struct side *s)
{
	struct worker *theirs;

	if (vmclear(phys(s->worker->l2.vmcs)) != VMX_OK)
		fatal("VMCLEAR failed");
	s->worker->l2.launched = false;
	meet(s);
	theirs = other(s)->worker;
	meet(s);
	adopt(s, theirs);
	s->exchanges++;
}

/* L2 has the other half of what it got, and gets another priority. */
static void check_priority(struct worker *w)
{
	volatile u8 *vtpr = w->vapic + VTPR;
	u64 round = w->told / PASSES;

	if (round > 1 && *vtpr >> 4 != PRIORITIES - (round - 1) % PRIORITIES)
		fatal("L2 %u: VTPR is %x in round %lu", w->index, *vtpr, round);
	w->l2.regs.rbx = round % PRIORITIES;
	*vtpr = (u8)(w->l2.regs.rbx << 4);
}

static void told(struct side *s)
{
	struct worker *w = s->worker;

	w->told += PASSES;
	if (w->l2.regs.rax != w->told)
		fatal("L2 %u on processor %u says %lu, not %lu", w->index, s->index, w->l2.regs.rax, w->told);
	check_priority(w);
	l2_skip();
	check_spare(s);
	if (w->told / PASSES % (s->index + 1) == 0)
		remap(s);
	if (w->told / PASSES % EXCHANGE_EVERY == 0)
		exchange(s);
}

static void interrupted(struct side *s)
{
	u64 info = vmread(EXIT_INTR_INFO);

	s->interrupted++;
	if (!s->ack)
		asm volatile("sti; nop; cli" : : : "memory");
	else if ((info & ~0xfful) == (INTR_VALID | INTR_EXTERNAL))
		take(info & 0xff);
	else
		fatal("processor %u: an interrupt without its vector: %lx", s->index, info);
}

/* The page is on its way from one frame to another. */
static void violation(struct side *s)
{
	u64 gpa = vmread(GUEST_PHYSICAL_ADDRESS);

	if (gpa - WINDOW >= PAGES * PAGE_SIZE)
		fatal("processor %u: EPT violation at %lx", s->index, gpa);
	s->violations++;
	asm volatile("sti; nop; cli" : : : "memory");
}

static void turn(struct side *s)
{
	struct worker *w = s->worker;
	int r = s->enter(&w->l2.regs, w->l2.launched);

	if (r)
		fatal("processor %u: VM entry gives %d, error %lu", s->index, r, vmread(VM_INSTRUCTION_ERROR));
	w->l2.launched = true;
	switch (vmread(EXIT_REASON)) {
	case R_CPUID:
		told(s);
		break;
	case R_EXTERNAL_INTERRUPT:
		interrupted(s);
		break;
	case R_EPT_VIOLATION:
		violation(s);
		break;
	default:
		fatal("processor %u: exit %lx qualification %lx rip %lx: rax %lx rbx %lx rcx %lx", s->index, vmread(EXIT_REASON),
		      vmread(EXIT_QUALIFICATION), vmread(GUEST_RIP), w->l2.regs.rax, w->l2.regs.rbx, w->l2.regs.rcx);
	}
}

static void set_up(struct side *s)
{
	struct worker *w = &workers[s->index];

	w->index = s->index;
	w->l2.ept = ept;
	vmx_enable_on(s->vmxon_region);
	apic_enable();
	l2_setup(&w->l2, L2_LONG, (u64)l2_work, (u64)w->stack + sizeof(w->stack) - 8);
	vmwrite(PIN_CONTROLS, fit(caps.pin, PIN_EXTINT_EXITING));
	vmwrite(PROC_CONTROLS, (vmread(PROC_CONTROLS) & ~(PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING)) | PROC_TPR_SHADOW);
	vmwrite(VIRTUAL_APIC_ADDRESS, phys(w->vapic));
	vmwrite(TPR_THRESHOLD, 0);
	w->l2.regs.rdi = (u64)w;
	adopt(s, w);
}

/* VMCLEAR of the two by those who have them last, and both are done. */
static void work(struct side *s)
{
	set_up(s);
	meet(s);
	while (s->worker->told < rounds * PASSES)
		turn(s);
	vmclear(phys(s->worker->l2.vmcs));
	meet(s);
	vmxoff();
}

static void second_works(void)
{
	work(&sides[1]);
	for (;;)
		asm volatile("cli; hlt");
}

static void prepare(void)
{
	for (unsigned i = 0; i < SIDES; i++) {
		sides[i].index = i;
		sides[i].vmxon_region = vmcs_alloc();
		sides[i].spare = page_alloc();
		workers[i].l2.vmcs = vmcs_alloc();
		workers[i].vapic = page_alloc();
	}
	ept = ept_alloc();
	ept_identity(ept, 1);
	for (unsigned i = 0; i < PAGES; i++) {
		frames[i] = page_alloc();
		frames[i]->name = NAME(i);
		ept_map(ept, WINDOW + i * PAGE_SIZE, phys(frames[i]), 1, EPT_RWX | EPT_WB);
	}
}

static void check_frames(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		for (unsigned w = 0; w < SIDES; w++)
			if (frames[i]->name != NAME(i) || frames[i]->passes[w] != rounds * PASSES)
				fatal("page %u is called %lx, L2 %u has passed it %lu times", i, frames[i]->name, w,
				      frames[i]->passes[w]);
}

void l1_main(void)
{
	rounds = l1_option("rounds", 1000) / EXCHANGE_EVERY * EXCHANGE_EVERY;
	probe = l1_option("probe", 0) << 20;
	mask_interrupts();
	if (!vmx_init())
		fatal("no VMX");
	trap_hook = interrupt;
	prepare();
	second_start(second_works);
	work(&sides[0]);
	check_frames();
	printf("pair done %lu interrupts=%lu,%lu violations=%lu,%lu remaps=%lu exchanges=%lu\n", rounds, sides[0].interrupted,
	       sides[1].interrupted, sides[0].violations, sides[1].violations, sides[0].remaps + sides[1].remaps,
	       sides[0].exchanges);
}
