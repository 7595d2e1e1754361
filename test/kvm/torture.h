/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the modes of torture.c share: one guest, and how it is run for a while. */
#ifndef KVM_TORTURE_H
#define KVM_TORTURE_H

#include "snapshot.h"

#define MEMORY (20u << 20)	/* what work.elf needs */
#define PAGE 4096u

extern struct vm vm;
extern struct snapshot snapshot;
extern unsigned count, most;	/* COUNT and MILLISECONDS of the command line */

uint32_t random_up_to(uint32_t limit);
void wake_after(uint32_t ms);
/* Until the alarm or the guest's end. */
enum vm_end run(void);
enum vm_end run_for(uint32_t ms);
/* Until a random moment at which L2 runs; `snapshot` is taken there.  False: the guest has ended. */
bool run_to_l2(void);
/* snapshot.nested follows. */
bool in_l2_now(void);
/* The guest runs to its end.  The exit status of a mode that disturbed it `n` times. */
int finish(const char *what, unsigned n, unsigned in_l2);

/* log.c */
int dirty(void);
int dirty_beside(void);	/* with more than one virtual CPU */
int step(void);
int gap(const char *log);

/* nested_steps.c */
int nested_step(const char *name);

#endif
