/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_CALLOUT_H
#define SHIM_SYS_CALLOUT_H

#include <sys/time.h>

/* Fires when time passes: clock_passes() in the model. */
struct callout {
	void (*c_func)(void *arg);
	void *c_arg;
	sbintime_t c_time;
	bool pending;
	struct callout *next;
};

#define C_PREL(x) 0
#define C_DIRECT_EXEC 1
#define C_ABSOLUTE 2
#define C_HARDCLOCK 0x100
void callout_init(struct callout *c, int mpsafe);
int callout_reset_sbt_on(struct callout *c, sbintime_t in, sbintime_t precision, void (*f)(void *), void *arg, int cpu, int flags);
#define callout_reset_sbt(c, in, precision, f, arg, flags) callout_reset_sbt_on(c, in, precision, f, arg, -1, flags)
#define callout_reset(c, ticks, f, arg) callout_reset_sbt_on(c, SBT_1MS * (ticks), 0, f, arg, -1, C_HARDCLOCK)
int callout_stop(struct callout *c);
int callout_drain(struct callout *c);

#endif
