/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_SMP_H
#define SHIM_SYS_SMP_H

#include <sys/cpuset.h>
#include <machine/smp.h>

extern u_int mp_maxid;
extern cpuset_t all_cpus;
#define CPU_ABSENT(n) (!CPU_ISSET(n, &all_cpus))
#define CPU_FOREACH(n) for ((n) = 0; (n) <= mp_maxid; (n)++) if (!CPU_ABSENT(n))
void smp_rendezvous_cpus(cpuset_t cpus, void (*setup)(void *), void (*action)(void *), void (*teardown)(void *), void *arg);
#define smp_no_rendezvous_barrier ((void (*)(void *))0)

#endif
