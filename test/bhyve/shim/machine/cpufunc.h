/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Instructions of the processor: the fake's. */
#ifndef SHIM_MACHINE_CPUFUNC_H
#define SHIM_MACHINE_CPUFUNC_H

#include <sys/types.h>

uint64_t rdmsr(u_int msr);
int rdmsr_safe(u_int msr, uint64_t *value);
void wrmsr(u_int msr, uint64_t value);
int wrmsr_safe(u_int msr, uint64_t value);
uint64_t rdtsc(void);
u_long rcr2(void);
void load_cr2(u_long value);
uint64_t rcr3(void);
u_long rcr4(void);
void disable_intr(void);
void enable_intr(void);
register_t intr_disable(void);
void intr_restore(register_t flags);
void ia32_pause(void);
void cpuid_count(u_int leaf, u_int sub, u_int *regs);
void do_cpuid(u_int leaf, u_int *regs);

#endif
