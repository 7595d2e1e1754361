/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the programs have in common whose scripts enter an L2 several times: the scripts, and the runs bare and nested. */
#ifndef NVMX_FAKE_ENTRIES_H
#define NVMX_FAKE_ENTRIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "compare.h"

static struct script l1, l2;
static struct fake_code code[2];

#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)
#define EXIT_MUST (0x36dfbu | NVMX_EXIT_HOST_64)
#define ENTRY_MUST 0x11fbu
#define CD_NW (NVMX_CR0_CD | NVMX_CR0_NW)
#define L1_CR0 0x80050033ull

static inline void begin(void)
{
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
}

/* Both ways, under each kind of host, with what `like` says of the host. */
static inline void check_on(const struct fake_machine *like, enum fake_stop stop)
{
	static const uint32_t flags[] = { 0, NVMX_HOST_OWNS_INTERRUPTS, FAKE_LIKE_KVM };
	struct fake_machine m = *like;

	script_op(&l1, FAKE_END);
	code[0] = l1.code;
	code[1] = l2.code;
	m.code = code;
	m.codes = 2;
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		m.flags = flags[i];
		assert_true(fake_same(&m, true));
		assert_int_equal(fake_bare.stop, stop);
		assert_null(fake_nested.refused);
	}
}

/* Once more, as the script is, in another host. */
static inline void check_one(const struct fake_machine *like)
{
	struct fake_machine m = *like;

	m.code = code;
	m.codes = 2;
	assert_true(fake_same(&m, true));
}

static inline void check_with(uint64_t cr0_mask, enum fake_stop stop)
{
	check_on(&(struct fake_machine){ .cr0_mask = cr0_mask }, stop);
}

static inline void check(void)
{
	check_with(0, FAKE_STOP_END);
}

static inline void run(enum fake_op op)
{
	script_run(&l1, op);
	script_vmread(&l1, NVMX_EXIT_REASON);
}

static inline void run_again(void)
{
	script_advance(&l1);
	run(FAKE_VMRESUME);
}

#endif
