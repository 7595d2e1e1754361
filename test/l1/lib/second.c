/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "second.h"
#include "memory.h"

enum { APIC_EOI = 0xb0, APIC_SVR = 0xf0, APIC_ICR_LOW = 0x300, APIC_ICR_HIGH = 0x310 };
#define SVR_ENABLE BIT(8)
#define ICR_PENDING BIT(12)
#define ICR_SELF 0x44000u	/* oneself, asserted */
#define ICR_OTHERS 0xc4000u	/* all but oneself, asserted */
#define ICR_ONE 0x4000u		/* asserted */
#define ICR_INIT 0x500u
#define ICR_STARTUP 0x600u
#define ENTRY_PAGE 0x8000ul	/* below 1 MiB */

extern const u8 second_entry[];
extern const u32 second_entry_size;
void second_main(void);

static struct {
	struct desc_ptr idtr;
	void (*code)(void);
	volatile bool begun;
} second;

static volatile u32 *apic(unsigned offset) { return (volatile u32 *)(0xfee00000ul + offset); }

static void send(u32 command)
{
	*apic(APIC_ICR_LOW) = command;
	while (*apic(APIC_ICR_LOW) & ICR_PENDING)
		;
}

void apic_enable(void) { *apic(APIC_SVR) |= SVR_ENABLE; }
void apic_send_self(u8 vector) { send(ICR_SELF | vector); }
void apic_send_other(u8 vector) { send(ICR_OTHERS | vector); }
void apic_eoi(void) { *apic(APIC_EOI) = 0; }

void mask_interrupts(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static void wait(u64 ticks)
{
	for (u64 start = rdtsc(); rdtsc() - start < ticks;)
		;
}

void second_main(void)
{
	asm volatile("lidt %0" : : "m"(second.idtr));
	second.begun = true;
	second.code();
}

/* `to`: ICR_OTHERS, or ICR_ONE for the one that APIC_ICR_HIGH names. */
static void start(u32 to, void (*code)(void))
{
	second.idtr = sidt();
	second.code = code;
	second.begun = false;
	memcpy((void *)ENTRY_PAGE, second_entry, second_entry_size);
	send(to | ICR_INIT);
	wait(1000000);
	send(to | ICR_STARTUP | ENTRY_PAGE >> 12);
	wait(1000000);
	if (!second.begun)
		send(to | ICR_STARTUP | ENTRY_PAGE >> 12);
	while (!second.begun)
		cpuid(0, 0);	/* a host with one processor for the two has its own turn */
}

void second_start(void (*code)(void))
{
	start(ICR_OTHERS, code);
}

void processor_start(unsigned id, void (*code)(void))
{
	apic_enable();	/* KVM finds by its ID what was there when an APIC was enabled last */
	*apic(APIC_ICR_HIGH) = id << 24;
	start(ICR_ONE, code);
}
