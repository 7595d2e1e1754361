/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* DMA that is refused, and what L1 learns of it. */
#include "bed.h"

static bool faulted(uint8_t reason, uint64_t address)
{
	struct l1_fault f = l1_fault();

	return f.any && f.reason == reason && f.address == address && f.source_id == 0x10;
}

void case_entries_that_fault(void)
{
	struct l1_domain d = l1_domain_on(4);

	l1_map(&d, 0x40000000, SPACE_4K, 12, RW);
	*l1_entry(&d, 0x40000000, 12) |= 1ull << 45; /* beyond L1's address width */
	l1_flush_pages(&d, 0x40000000, 0);
	CHECK(neither(0, 0x40000000, SPACE_4K));
	CHECK(faulted(NVMX_VTD_FAULT_ENTRY_RSVD, 0x40000000));
	*l1_entry(&d, 0x40000000, 12) = SPACE_4K | RW;
	l1_flush_pages(&d, 0x40000000, 0);
	while (l1_fault().any)
		;
	CHECK(both(0, 0x40000000, SPACE_4K));
	l1_set(&d, 0x80000000, SPACE_1G, 30, RW);
	*l1_entry(&d, 0x80000000, 30) |= 0x1000; /* not aligned to its size */
	l1_flush_domain(d.id);
	CHECK(neither(0, 0x80000000, SPACE_1G));
	CHECK(faulted(NVMX_VTD_FAULT_ENTRY_RSVD, 0x80000000));
	*l1_entry(&d, 0x80000000, 30) = NO_RAM | RW; /* a table that is not RAM */
	l1_flush_domain(d.id);
	while (l1_fault().any)
		;
	CHECK(neither(0, 0x80000000, SPACE_1G));
	CHECK(faulted(NVMX_VTD_FAULT_TABLE, 0x80000000));
}

/* Nothing of the device's passes, neither way. */
static bool blocked(void)
{
	return no_write(0, SPACE_4K, SPACE_4K) && no_write(0, SCRATCH, 0x3f00000);
}

void case_contexts_that_fault(void)
{
	struct l1_domain d = l1_domain_on(4);
	static const struct { uint64_t lo, hi; uint8_t reason; } rows[] = {
		{ 0, 0, NVMX_VTD_FAULT_CONTEXT_P },
		{ 1, 0x503, NVMX_VTD_FAULT_CONTEXT_INVALID },        /* AW of 5 levels */
		{ 1 | 3 << 2, 0x502, NVMX_VTD_FAULT_CONTEXT_INVALID }, /* TT=3 */
		{ 1 | 1ull << 45, 0x502, NVMX_VTD_FAULT_CONTEXT_RSVD },
		{ 1, 0x502 | 1ull << 40, NVMX_VTD_FAULT_CONTEXT_RSVD },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		l1_context(0, rows[i].lo ? rows[i].lo | d.root : 0, rows[i].hi);
		l1_flush_device(0, 5);
		CHECK(bed.host.device[0].target.kind == NVMX_VTD_BLOCK);
		CHECK(blocked());
		CHECK(l1_fault().reason == rows[i].reason);
		while (l1_fault().any)
			;
	}
	*l1_word(bed.root) = 0;
	l1_flush_all();
	CHECK(blocked());
	CHECK(l1_fault().reason == NVMX_VTD_FAULT_ROOT_P);
	while (l1_fault().any)
		;
	*l1_word(bed.root) = NO_RAM | 1;
	l1_flush_all();
	CHECK(blocked());
	CHECK(l1_fault().reason == NVMX_VTD_FAULT_CONTEXT);
	while (l1_fault().any)
		;
	*l1_word(bed.root) = 0;
	l1_assign(0, &d);
	l1_map(&d, SPACE_4K, SPACE_4K + 0x1000, 12, RW);
	CHECK(both(0, SPACE_4K, SPACE_4K + 0x1000));
}

void case_fault_interrupt(void)
{
	l1_domain_on(4);
	l1_write(0x3c, 4, 0x51);
	l1_write(0x40, 4, 0xfee01000);
	CHECK(no_write(0, 0x123000, SPACE_4K));
	CHECK(bed.host.interrupts == 0);
	l1_write(0x38, 4, 0);
	CHECK(bed.host.interrupts == 1);
	CHECK(bed.host.interrupt_address == 0xfee01000 && bed.host.interrupt_data == 0x51);
	CHECK(faulted(NVMX_VTD_FAULT_WRITE, 0x123000));
	CHECK(no_write(0, 0x124000, SPACE_4K));
	CHECK(bed.host.interrupts == 2);
	CHECK(faulted(NVMX_VTD_FAULT_WRITE, 0x124000));
}

void case_fault_storm(void)
{
	bed.config.fault_burst = 3;
	l1_domain_on(4);
	for (unsigned i = 0; i < 3; i++) {
		edu_write(0, 0x200000 + i * 0x1000u, 8);
		host_faults(&bed.host);
		CHECK(!bed.host.storm);
	}
	edu_write(0, 0x204000, 8);
	host_faults(&bed.host);
	CHECK(bed.host.storm);
	nvmx_vtd_tick(bed.u);
	edu_write(0, 0x205000, 8);
	host_faults(&bed.host);
	CHECK(!bed.host.storm);
}

/* What the host refuses and L1's tables allow is no fault of L1's. */
void case_host_rights(void)
{
	struct l1_domain d;

	host_move(&bed.host, SPACE_4K, host_hpa(&bed.host, SPACE_4K), 1, NVMX_VTD_R);
	d = l1_domain_on(4);
	l1_map(&d, 0x10000, SPACE_4K, 12, RW);
	CHECK(no_write(0, 0x10000, SPACE_4K));
	CHECK(reads(0, 0x10000, SPACE_4K));
	CHECK(!l1_fault().any);
	CHECK(counter(NVMX_VTD_CNT_SPURIOUS_FAULT) > 0);
}
