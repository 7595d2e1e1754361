/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The checks of a VM entry (SDM 26.2, 26.3), written from the manual's text alone: the library's rows are judged by them, so neither
 * may be made from the other.  Each function returns the first rule that does not hold, with its section, or NULL.
 */
#ifndef NVMX_FAKE_CHECK_H
#define NVMX_FAKE_CHECK_H

#include "cpu.h"

#define MUST(section, rule)                        \
	do {                                       \
		if (!(rule))                       \
			return section ": " #rule; \
	} while (0)
/* In words: where the expression would not say what it means. */
#define MUST_BE(section, words, rule)              \
	do {                                       \
		if (!(rule))                       \
			return section ": " words; \
	} while (0)

/* What most rules are about. */
struct entry {
	const struct fake_cpu *c;
	uint32_t pin, proc, proc2, exit, entry; /* secondary controls as they count */
	uint64_t misc;
	uint32_t event;                         /* VM-entry interruption information */
	bool injects;                           /* it is valid */
	unsigned type, vector;                  /* of it */
	bool ia32e;                             /* "IA-32e mode guest" */
	uint64_t cr0, cr3, cr4, rflags;         /* the guest's */
};

static inline uint64_t field(const struct entry *e, uint32_t encoding)
{
	return fake_field(e->c, encoding);
}

static inline bool implies(bool condition, bool then)
{
	return !condition || then;
}

bool fake_check_canonical(const struct entry *e, uint64_t linear);
/* A physical address within the processor's width whose low bits are 0. */
bool fake_check_address(const struct entry *e, uint64_t address, uint64_t low);
bool fake_check_pat(uint64_t pat);
/* IA32_S_CET: no reserved bit, SUPPRESS and TRACKER not both, canonical. */
bool fake_check_s_cet(const struct entry *e, uint64_t value);

const char *fake_check_controls(const struct entry *e);    /* 26.2.1 */
const char *fake_check_host(const struct entry *e);        /* 26.2.2, 26.2.3, 26.2.4 */
const char *fake_check_registers(const struct entry *e);   /* 26.3.1.1, 26.3.1.3, 26.3.1.4 */
const char *fake_check_segments(const struct entry *e);    /* 26.3.1.2 */
const char *fake_check_link(const struct entry *e);        /* 26.3.1.5: the VMCS link pointer */
const char *fake_check_activity(const struct entry *e);    /* 26.3.1.5: activity and interruptibility */
/* An NMI that meets blocking by STI, which a processor may refuse (26.3.1.5); this one does, as the library has L1's processor do. */
const char *fake_check_nmi(const struct entry *e);
const char *fake_check_pending(const struct entry *e);     /* 26.3.1.5: what is left of it */
const char *fake_check_pdptes(const struct entry *e);      /* 26.3.1.6 */

#endif
