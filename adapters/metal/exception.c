/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions in metal itself: those of the *_safe instructions are expected, an NMI is L1's, any other ends.
 */
#include "metal.h"

struct fault {
	uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};

struct fixup {
	uint64_t from, to;
};
extern const struct fixup fixups_start[], fixups_end[];

static bool between(uint64_t rip, const char *start, const char *end)
{
	return rip >= (uint64_t)start && rip < (uint64_t)end;
}

/* In a processor that waits for SIPI an NMI is metal's own, sent by apic.c; else it is L1's (entry.S). */
static void nmi(struct fault *f)
{
	if (between(f->rip, wait_check, wait_end + 1)) {
		f->rip = (uint64_t)wait_check;
		return;
	}
	this_cpu()->nmi_pending = NMI_NOW;
	if (between(f->rip, entry_check, entry_end))
		f->rip = (uint64_t)entry_check;
}

void exception(struct fault *f)
{
	const struct fixup *x;

	if (f->vector == VECTOR_NMI) {
		nmi(f);
		return;
	}
	for (x = fixups_start; f->vector == VECTOR_GP && x < fixups_end; x++)
		if (x->from == f->rip) {
			f->rip = x->to;
			return;
		}
	stop("exception %lu in metal at %lx, error code %lx, cr2 %lx, rsp %lx", f->vector, f->rip, f->error_code,
	     read_cr2(), f->rsp);
}
