/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Random scripts: a hypervisor that sets its guest up, runs it, looks, changes something, runs it again. */
#ifndef NVMX_FAKE_GEN_H
#define NVMX_FAKE_GEN_H

#include "host.h"

struct gen {
	uint64_t random;
	bool switching; /* L2 may switch EPT pointers */
	bool shadowing; /* L1 may give L2 a shadow VMCS */
	bool apic;      /* L1 may virtualize L2's APIC */
	struct script l1, l2, l2b;
	struct fake_code code[3];
	struct fake_outside outside[FAKE_OUTSIDE_MAX];
	size_t outsides;
	struct fake_machine machine;
};

/* The machine for a seed with at most `rounds` VM entries by L1. */
void gen_make(struct gen *g, uint64_t seed, unsigned rounds);
/* A number from the environment by which whoever runs a program of random scripts chooses what it runs. */
uint64_t gen_setting(const char *name, uint64_t otherwise);

#endif
