/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What an L1 program provides and gets. */
#ifndef L1_L1_H
#define L1_L1_H

#include "cpu.h"

/* The program; the machine is powered off when it returns. */
void l1_main(void);
/* The decimal value of `name=value` on the multiboot command line. */
u64 l1_option(const char *name, u64 otherwise);

#endif
