/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Included before each source of the library in the unit tests: holds of its locks are counted, and checked where they end. */
#ifndef LOCK_COUNT_H
#define LOCK_COUNT_H

/* Interrupts off and on, so to say: what BEGIN put into `flags` comes to END. */
void lock_begin(unsigned long *flags);
void lock_end(unsigned long flags);
void lock_visit(unsigned entries);
/* The largest number of entries that this thread looked at while it held a lock, since it was asked last. */
unsigned lock_most(void);
/* And how many it has looked at in all since then. */
unsigned long lock_looked(void);
/* `meanwhile` is called each time that a lock was given back, but not in what it does itself; NULL: no more. */
void lock_between(void (*meanwhile)(void));
/* A callback must not be called with a lock held. */
void lock_none_held(void);

#define NVMX_PORT_LOCK_BEGIN(flags) lock_begin(&(flags))
#define NVMX_PORT_LOCK_END(flags) lock_end(flags)
#define NVMX_LOCK_VISIT(n) lock_visit(n)

#endif
