/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A second processor, or more of them, and what two tell each other by their local APICs (in xAPIC mode, at their usual address). */
#ifndef L1_SECOND_H
#define L1_SECOND_H

#include "cpu.h"

/* Runs `code` on the other processor, with this one's IDT and interrupts off; once.  Back when `code` has begun. */
void second_start(void (*code)(void));
/* The same on the one whose local APIC has this ID, 1 to 3. */
void processor_start(unsigned id, void (*code)(void));

/* This processor's local APIC takes interrupts from now on. */
void apic_enable(void);
/* A fixed interrupt to this processor. */
void apic_send_self(u8 vector);
/* A fixed interrupt to the other processor. */
void apic_send_other(u8 vector);
void apic_eoi(void);
/* The firmware's timers are no event of ours. */
void mask_interrupts(void);

#endif
