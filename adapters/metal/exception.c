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

static struct cpu *this_cpu(void)
{
	return (struct cpu *)rdmsr(MSR_IA32_GS_BASE);
}

void exception(struct fault *f)
{
	const struct fixup *x;

	if (f->vector == VECTOR_NMI) {
		this_cpu()->nmi_pending = 1;
		if (f->rip >= (uint64_t)entry_check && f->rip < (uint64_t)entry_end)
			f->rip = (uint64_t)entry_check;
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
