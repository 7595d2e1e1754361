/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * No L1 but a guest of one, that of a hypervisor as people run it: what operations of an L2 cost there.  `bench <name> <ticks>` for
 * each, the mean of some turns after as many to warm up.  Around the turns, and around none at all, it writes ACPI's sleep type
 * without the bit that enables it: the metal host prints its counters there, if the write gets so far.
 *
 *	khz=N	ticks of the time-stamp counter to the millisecond
 */
#include "console.h"
#include "l1.h"
#include "second.h"
#include "trap.h"

enum { TURNS = 64, VECTOR = 0x40, IDLE_PORT = 0x3fd, POWER_PORT = 0xb004, SLEEP_TYPE = 0x1c00 };
enum { NS_TO_MS = 1000000, APIC_TIMER = 0x320, APIC_INITIAL = 0x380, APIC_DIVIDE = 0x3e0, DIVIDE_BY_1 = 0xb };
#define UNTOUCHED 0x2000000ul	/* memory that nothing has touched; start.S maps it one to one */

static volatile u64 taken;	/* interrupts */

static volatile u32 *apic(unsigned offset) { return (volatile u32 *)(0xfee00000ul + offset); }

static bool interrupt(struct trap_frame *f)
{
	if (f->vector != VECTOR)
		return false;
	taken++;
	apic_eoi();
	return true;
}

static void nothing(u64 turn) { (void)turn; }

static void op_cpuid(u64 turn)
{
	u32 a = 0, c = 0;

	(void)turn;
	asm volatile("cpuid" : "+a"(a), "+c"(c) : : "rbx", "rdx");
}

static void op_io(u64 turn)
{
	u8 v;

	(void)turn;
	asm volatile("inb %w1, %0" : "=a"(v) : "d"(IDLE_PORT));
}

static void op_ept_fault(u64 turn) { *(volatile u64 *)(UNTOUCHED + turn * PAGE_SIZE) = turn; }

/* The APIC's timer, for the shortest time; until its interrupt has been taken. */
static void op_timer(u64 turn)
{
	u64 before = taken;

	(void)turn;
	*apic(APIC_INITIAL) = 1;
	while (taken == before)
		asm volatile("" : : : "memory");
}

static void op_hlt_wake(u64 turn)
{
	u64 before = taken;

	(void)turn;
	asm volatile("cli");
	*apic(APIC_INITIAL) = NS_TO_MS;	/* KVM's counts nanoseconds */
	while (taken == before)
		asm volatile("sti; hlt; cli" : : : "memory");
	asm volatile("sti");
}

static void mark(void) { asm volatile("outw %w0, %w1" : : "a"(SLEEP_TYPE), "d"(POWER_PORT)); }

/* `less`: ticks of each turn that are no cost. */
static void measure(const char *name, void (*op)(u64 turn), u64 less)
{
	u64 t;

	for (u64 i = 0; i < TURNS; i++)
		op(i);
	mark();
	t = rdtsc();
	for (u64 i = 0; i < TURNS; i++)
		op(TURNS + i);
	t = rdtsc() - t;
	mark();
	if (*name)
		printf("bench %s %lu\n", name, t / TURNS - less);
}

void l1_main(void)
{
	trap_hook = interrupt;
	measure("", nothing, 0);
	measure("l1kvm_cpuid", op_cpuid, 0);
	measure("l1kvm_io", op_io, 0);
	measure("l1kvm_ept_fault", op_ept_fault, 0);
	apic_enable();
	*apic(APIC_DIVIDE) = DIVIDE_BY_1;
	*apic(APIC_TIMER) = VECTOR;
	asm volatile("sti");
	measure("l1kvm_timer", op_timer, 0);
	measure("l1kvm_hlt_wake", op_hlt_wake, l1_option("khz", 50000));
	printf("bench done\n");
}
