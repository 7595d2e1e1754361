/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A port whose interrupts are signals: the library's locks keep them out. */
#ifndef IRQ_PORT_H
#define IRQ_PORT_H

unsigned long irq_off(void);
void irq_restore(unsigned long flags);

#define NVMX_PORT_LOCK_BEGIN(flags) ((flags) = irq_off())
#define NVMX_PORT_LOCK_END(flags) irq_restore(flags)

#endif
