/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What the model of FreeBSD's kernel needs of the C library, whose headers and the kernel's do not go together: memory, output, and
 * threads of which one runs at a time, each until it waits.  So a run with several vCPUs is the same each time.
 */
#ifndef BHYVE_SIM_H
#define BHYVE_SIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program: with a line, or behind one that was printed. */
__attribute__((noreturn)) void sim_die(const char *why);
void sim_complain(const char *format, va_list list);
__attribute__((noreturn)) void sim_abort(void);

void *sim_alloc(size_t size, size_t align); /* zeroed */
void sim_free(void *p);

/* The caller is a thread from here on, with this value of its own. */
void sim_begin(void *own);
void sim_end(void);
void *sim_own(void);
void sim_become(void *own); /* from now on its value is another, which no other thread has */
/* Starts `run(arg)` as another thread with this value of its own; it runs when the others wait. */
void sim_start(void (*run)(void *arg), void *arg, void *own);
/* Lets the others run, each until it waits or ends.  False: there is no other. */
bool sim_others(void);
/* Until all threads that were started have ended. */
void sim_join(void);

#endif
