/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Runs a machine bare and nested and compares what the guests saw. */
#ifndef NVMX_FAKE_COMPARE_H
#define NVMX_FAKE_COMPARE_H

#include "host.h"

/* Whether the two runs are the same; prints the first difference with `verbose`. */
bool fake_same(const struct fake_machine *m, bool verbose);
/* The results of the last fake_same(). */
extern struct fake_result fake_bare, fake_nested;

#endif
