/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * SDM 28.4.3: what stands in an EPT table counts after INVEPT, whoever has written it.  A table that has been quiet for long, which
 * a host may then take to be what it was, is written by each kind of writer.
 */
#include "exit.h"

CODE(w_read, "movq (%rdx), %rax");
CODE(w_write, "movq %rax, (%rdx)");
CODE(w_nop, "nop");
CODE(w_cr8, "movq %rax, %cr8");

#define GPA 0xa0000000ull	/* 2 MiB of L2's with a table of their own */
#define AT(i) (GPA + (i) * PAGE_SIZE)
#define TABLE_AT AT(40)		/* where L2 finds the table itself */
#define VTPR 0x80
#define APIC 0xfee00000ull
#define APIC_LVT_TIMER 0x320
#define APIC_INITIAL_COUNT 0x380

enum { QUIET = 64, OLD = 0x1111, NEW = 0x2222 };

static u64 *table, *page[2], entry[2];
static const char *id;

static const char *read_at(u64 gpa)
{
	struct exit_row row = { "", w_read, .rdx = gpa };

	exit_prepare(&row);
	return guest_run();
}

static void invalidate(void) { invept(1, ept_pointer(guest.ept), 0); }

/* Entry i leads to the old page, and L2 uses it for so long that a host sees nothing new. */
static void begin(const char *name, unsigned i)
{
	id = name;
	table[i] = entry[0];
	for (unsigned n = 0; n < QUIET; n++) {
		invalidate();
		read_at(AT(i));
	}
	check_number(text("%s.before", id), guest.regs.rax, OLD);
}

static void end(unsigned i)
{
	invalidate();
	check(id, read_at(AT(i)), RUNS);
	check_number(text("%s.read", id), guest.regs.rax, NEW);
}

static void stores(void)
{
	u64 expected, *from = &entry[1], n = 8;
	u64 *to = &table[2];

	begin("store", 0);
	*(volatile u64 *)&table[0] = entry[1];
	end(0);
	begin("cmpxchg", 1);
	expected = entry[0];
	asm volatile("lock cmpxchgq %2, %0" : "+m"(table[1]), "+a"(expected) : "r"(entry[1]) : "memory");
	end(1);
	begin("string", 2);
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	end(2);
	begin("twice", 3);
	table[3] = entry[1];
	end(3);
	table[3] = entry[0];
	invalidate();
	read_at(AT(3));
	check_number("twice.back", guest.regs.rax, OLD);
}

/* An instruction that a host may have to emulate: it reads the local APIC. */
static void emulated(void)
{
	volatile u32 *lvt = (u32 *)(APIC + APIC_LVT_TIMER), *count = (u32 *)(APIC + APIC_INITIAL_COUNT);
	u32 saved = *lvt;
	void *to = &table[4];
	const void *from = (const void *)count;

	*lvt = 0x10000;
	*count = (u32)entry[1];
	begin("emulated", 4);
	asm volatile("movsl" : "+D"(to), "+S"(from) : : "memory");
	end(4);
	*count = 0;
	*lvt = saved;
}

static void vmread_to(u64 *to, u64 field, u64 value)
{
	vmwrite(field, value);
	asm volatile("vmread %1, %0" : "=m"(*to) : "r"(field) : "cc");
}

/* Fields that a host may shadow, and that it may not. */
static void vmread_stores(void)
{
	begin("vmread", 5);
	vmread_to(&table[5], GUEST_RSP, entry[1]);
	end(5);
	begin("vmread_host", 6);
	vmread_to(&table[6], HOST_SYSENTER_EIP, entry[1]);
	end(6);
}

/* The list's entry is a pair of the table's, of which the second changes. */
static void msr_store(void)
{
	struct exit_row row = { "", w_nop };
	u64 before = rdmsr(MSR_KERNEL_GS_BASE);

	table[10] = MSR_KERNEL_GS_BASE;
	begin("msr_store", 11);
	exit_prepare(&row);
	wrmsr(MSR_KERNEL_GS_BASE, entry[1]);
	vmwrite(EXIT_MSR_STORE_ADDRESS, phys(&table[10]));
	vmwrite(EXIT_MSR_STORE_COUNT, 1);
	guest_run();
	vmwrite(EXIT_MSR_STORE_COUNT, 0);
	wrmsr(MSR_KERNEL_GS_BASE, before);
	end(11);
}

/* An L2 without EPT, whose physical addresses are L1's; and one with it, that L1 lets write there. */
static void l2_stores(void)
{
	struct exit_row row = { "", w_write, .rdx = phys(&table[12]), .rax = entry[1] };
	u64 *ept = guest.ept;

	begin("l2_without_ept", 12);
	guest.ept = NULL;
	exit_prepare(&row);
	check("l2_without_ept.run", guest_run(), RUNS);
	guest.ept = ept;
	end(12);

	table[40] = phys(table) | EPT_RWX | EPT_WB;
	begin("l2", 13);
	row.rdx = TABLE_AT + 13 * 8;
	exit_prepare(&row);
	check("l2.run", guest_run(), RUNS);
	end(13);
	begin("l2_again", 14);	/* as one that may write there already */
	row.rdx = TABLE_AT + 14 * 8;
	exit_prepare(&row);
	guest_run();
	end(14);
	table[40] = 0;
}

/* The processor's own write: the virtual TPR, as a table's entry, lets nothing pass (SDM 29.3). */
static void virtual_apic(void)
{
	struct exit_row row = { "", w_cr8, { .proc = PROC_TPR_SHADOW }, .rax = 8 };

	begin("virtual_apic", VTPR / 8);
	if (!exit_prepare(&row)) {
		skip("virtual_apic", "TPR shadow");
		return;
	}
	vmwrite(VIRTUAL_APIC_ADDRESS, phys(table));
	check("virtual_apic.run", guest_run(), RUNS);
	check_number("virtual_apic.entry", (u32)table[VTPR / 8], 0x80);
	invalidate();
	check("virtual_apic", text("exit %lu", (read_at(AT(VTPR / 8)), vmread(EXIT_REASON))), "exit 48");
}

void conform_writers(void)
{
	theme("writers");
	if (!guest.ept) {
		skip("all", "EPT");
		return;
	}
	exit_begin();
	for (unsigned i = 0; i < 2; i++) {
		page[i] = page_alloc();
		*page[i] = i ? NEW : OLD;
		entry[i] = phys(page[i]) | EPT_RWX | EPT_WB;
	}
	table = (u64 *)(phys(ept_entry(guest.ept, GPA, 1)) & EPT_ADDRESS);
	memset(table, 0, PAGE_SIZE);
	stores();
	emulated();
	vmread_stores();
	msr_store();
	l2_stores();
	virtual_apic();
}
