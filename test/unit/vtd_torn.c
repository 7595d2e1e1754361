/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Entries of 16 bytes that another processor of L1's takes away, or exchanges for others, while the unit reads them: between any two
 * instructions of the unit's from the map call to the unmap call, which the processor traps one by one.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <ucontext.h>
#include "vtd_host.h"

#define SID 0x18u
#define OTHER 0x20u /* a device that has no business with the entry */
#define TABLE 0x20000u
#define RFLAGS_TF 0x100

static struct {
	uint64_t *at;      /* the entry */
	uint64_t lo, hi;   /* what it becomes */
	unsigned left;     /* instructions until then; 0: nothing is going to happen */
	bool endless;      /* instead something of it changes at each instruction */
} change;

static void trap(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	if (change.endless) {
		*change.at += 1ull << 32;
		return;
	}
	if (--change.left)
		return;
	__atomic_store_n(change.at, change.lo, __ATOMIC_RELEASE);
	__atomic_store_n(change.at + 1, change.hi, __ATOMIC_RELEASE);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~RFLAGS_TF;
}

static void single_step(bool on)
{
	uint64_t set = on ? RFLAGS_TF : 0;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq %1, (%%rsp)\n\torq %0, (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp"
			 : : "r"(set), "r"(~(uint64_t)RFLAGS_TF) : "memory", "cc");
}

static void *map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	void *page = host_map(h, gpa, write);

	if (change.left && (uint64_t *)page <= change.at && change.at < (uint64_t *)page + 512)
		single_step(true);
	return page;
}

static void unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	single_step(false);
	host_unmap(h, gpa, page, wrote);
}

static struct rig *start(void)
{
	struct rig *r = rig_config(NVMX_VTD_F_ALL);
	struct sigaction action = { .sa_sigaction = trap, .sa_flags = SA_SIGINFO };

	r->ops.map = map;
	r->ops.unmap = unmap;
	assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
	return rig_start(r);
}

static struct rig *start_remapping(void)
{
	struct rig *r = start();

	wr(r, 0xb8, 8, TABLE | 7);
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE);
	return r;
}

static enum nvmx_vtd_fault request(struct rig *r, uint16_t sid, struct nvmx_vtd_msi *m)
{
	return nvmx_vtd_interrupt(r->u, sid, 0xfee00010, 0, NVMX_VTD_UNCACHED | NVMX_VTD_SILENT, m);
}

#define IRTE_LO(vector) (1 | (uint64_t)(vector) << 16)
#define IRTE_HI(sid) (1ull << 18 | (sid))

/* The entry as it is at first, and what it is to be `after` instructions.  false: the unit was done before. */
static bool exchange(uint64_t lo, uint64_t hi, uint64_t lo_then, uint64_t hi_then, unsigned after)
{
	bool changes = after == 1 || !change.left;

	change.at[0] = lo;
	change.at[1] = hi;
	change.lo = lo_then;
	change.hi = hi_then;
	change.left = after;
	return changes;
}

/* 9.10: half of an entry verifies no requester, or another one. */
static void test_an_interrupt_entry(void **state)
{
	struct rig *r = start_remapping();
	struct nvmx_vtd_msi m;

	(void)state;
	change.at = word(r, TABLE);
	for (unsigned n = 1; exchange(IRTE_LO(0x31), IRTE_HI(SID), 0, 0, n); n++)
		assert_int_not_equal(request(r, OTHER, &m), NVMX_VTD_FAULT_NONE);
	for (unsigned n = 1; exchange(IRTE_LO(0x31), IRTE_HI(SID), IRTE_LO(0x32), IRTE_HI(OTHER), n); n++)
		if (request(r, OTHER, &m) == NVMX_VTD_FAULT_NONE)
			assert_int_equal(m.vector, 0x32);
	change.left = 0;
	rig_free(r);
}

/* 9.3: nor has it a width and a domain. */
static void test_a_context_entry(void **state)
{
	struct rig *r = start();
	struct nvmx_vtd_dma d;
	enum nvmx_vtd_fault fault;

	(void)state;
	set_context(r, SID, TABLES | 1, DOMAIN(5) | AW(4));
	translation_on(r);
	change.at = word(r, CONTEXTS + SID * 16);
	for (unsigned n = 1; exchange(TABLES | 1, DOMAIN(5) | AW(4), 0, 0, n); n++) {
		fault = nvmx_vtd_translate(r->u, SID, 0, 4, NVMX_VTD_READ | NVMX_VTD_UNCACHED | NVMX_VTD_SILENT, &d);
		assert_true(fault == NVMX_VTD_FAULT_READ || fault == NVMX_VTD_FAULT_CONTEXT_P);
	}
	change.left = 0;
	rig_free(r);
}

/* Somebody who never stops keeps the unit from this entry, and from nothing else. */
static void test_without_end(void **state)
{
	struct rig *r = start_remapping();
	struct nvmx_vtd_msi m;

	(void)state;
	change.at = word(r, TABLE);
	change.endless = true;
	exchange(IRTE_LO(0x31), IRTE_HI(SID), 0, 0, 1);
	assert_int_equal(request(r, SID, &m), NVMX_VTD_FAULT_IR_TABLE);
	change.endless = false;
	change.left = 0;
	change.at[0] = IRTE_LO(0x31);
	change.at[1] = IRTE_HI(SID);
	assert_int_equal(request(r, SID, &m), NVMX_VTD_FAULT_NONE);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_interrupt_entry),
		cmocka_unit_test(test_a_context_entry),
		cmocka_unit_test(test_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
