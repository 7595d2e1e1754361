/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_X86_APICVAR_H
#define SHIM_X86_APICVAR_H

#include <sys/param.h>

#define APIC_IPI_DEST_SELF (-1)
void lapic_ipi_vectored(u_int vector, int destination);

#endif
