/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include "compare.h"

struct fake_result fake_bare, fake_nested;

void fake_as(struct fake_machine *m, enum fake_kind kind)
{
	static const uint32_t flags[] = {
		[FAKE_OWNS_EVENTS] = NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS, [FAKE_EMULATES] = FAKE_LIKE_KVM,
		[FAKE_PAGES] = NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS,
	};

	m->flags = flags[kind];
	m->pageable = m->parks = kind == FAKE_PAGES;
}

static void explain(const struct fake_machine *m, long at, long byte)
{
	static struct fake_arch keep[2][FAKE_TRACE_MAX];
	struct fake_machine again = *m;
	size_t after;

	if (fake_nested.host_stopped)
		fprintf(stderr, "  the library stopped the VM: %d, detail %#llx, vmcs02 refused: %s\n",
			(int)fake_nested.library_stop, (unsigned long long)fake_nested.library_detail,
			fake_nested.refused ? fake_nested.refused : "no");
	if (fake_bare.stop != fake_nested.stop)
		fprintf(stderr, "  the runs ended differently: %d | %d, vmcs02 refused: %s\n", (int)fake_bare.stop,
			(int)fake_nested.stop, fake_nested.refused ? fake_nested.refused : "no");
	if (at < 0 && byte >= 0) {
		fprintf(stderr, "  RAM differs at %#lx: %02x | %02x\n", byte, fake_bare.ram[byte], fake_nested.ram[byte]);
		return;
	}
	if (at < 0)
		return;
	again.keep = keep[0];
	fake_run_bare(&again, &fake_bare);
	again.keep = keep[1];
	fake_run_nested(&again, &fake_nested);
	after = getenv("NVMX_AFTER") ? strtoul(getenv("NVMX_AFTER"), NULL, 0) : 1;
	fake_trace_print(&fake_bare.trace, "bare  ", at > 6 ? (size_t)at - 6 : 0, (size_t)at + after);
	fake_trace_print(&fake_nested.trace, "nested", (size_t)at, (size_t)at + after);
	fake_arch_differences(&keep[0][at], &keep[1][at]);
}

bool fake_same(const struct fake_machine *m, bool verbose)
{
	long at, byte;

	fake_run_bare(m, &fake_bare);
	fake_run_nested(m, &fake_nested);
	at = fake_trace_differs(&fake_bare.trace, &fake_nested.trace);
	byte = fake_ram_differs(&fake_bare, &fake_nested);
	if (at < 0 && byte < 0 && fake_bare.stop == fake_nested.stop)
		return true;
	if (verbose)
		explain(m, at, byte);
	return false;
}

uint64_t fake_seen(const struct fake_result *of, uint32_t field, unsigned n)
{
	uint64_t value = 0;

	FAKE_ASSERT(fake_trace_read(&of->trace, field, n, &value));
	return value;
}

unsigned fake_delivered(const struct fake_result *of, uint32_t info)
{
	unsigned n = 0;

	for (size_t i = 0; i < of->trace.n; i++)
		n += of->trace.record[i].seen == FAKE_SEEN_EVENT && of->trace.record[i].info == info;
	return n;
}
