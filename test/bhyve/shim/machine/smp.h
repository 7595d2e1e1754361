/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_MACHINE_SMP_H
#define SHIM_MACHINE_SMP_H

#include <sys/cpuset.h>

#define IPI_AST 0xf4u
void ipi_cpu(int cpu, u_int ipi);
void ipi_selected(cpuset_t cpus, u_int ipi);

#endif
