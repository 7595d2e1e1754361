/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../lock_count.h"
#include <stdio.h>
#include <stdlib.h>

#define FLAGS 0x5a17ul
#define MOST 512u /* docs/ept.md */

static _Thread_local unsigned depth, entries, most;
static _Thread_local unsigned long looked;
static _Thread_local void (*between)(void);

static void must(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "lock_count: %s\n", what);
	abort();
}

void lock_begin(unsigned long *flags)
{
	must(depth++ < 2, "a third lock is taken"); /* a vCPU's, and of shared tables */
	if (depth == 1)
		entries = 0;
	*flags = FLAGS;
}

void lock_end(unsigned long flags)
{
	must(flags == FLAGS, "the flags of another lock");
	must(depth--, "a lock is given back that was not held");
	if (entries > most)
		most = entries;
	must(entries <= MOST, "too many entries under one lock");
	if (between && !depth) {
		void (*meanwhile)(void) = between;

		between = NULL;
		meanwhile();
		between = meanwhile;
	}
}

void lock_visit(unsigned n)
{
	must(depth, "an entry is looked at without the lock");
	entries += n;
	looked += n;
}

unsigned lock_most(void)
{
	unsigned was = most;

	most = 0;
	return was;
}

unsigned long lock_looked(void)
{
	unsigned long was = looked;

	looked = 0;
	return was;
}

void lock_between(void (*meanwhile)(void))
{
	between = meanwhile;
}

void lock_none_held(void)
{
	must(!depth, "a callback under a lock");
}
