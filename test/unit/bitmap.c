/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vmcs02's MSR bitmap: what may be opened, and what closes it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "vmx/merge.h"

#define TPR 0x808u
#define X2APIC_ID 0x802u
#define EOI 0x80bu
#define SELF_IPI 0x83fu
#define EFER 0xc0000080u

static uint8_t bitmap12[4096], bitmap01[4096], bitmap02[4096];
static struct nvmx_vmcs12 v12;
static struct nvmx_slot slot;
static struct nvmx_vm vm;
static struct nvmx_vcpu *v;

static unsigned maps;

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)h;
	(void)gpa;
	assert_false(write);
	maps++;
	return bitmap12;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h;
	(void)gpa;
	(void)page;
	assert_false(wrote);
}

static const struct nvmx_host_ops ops = { .map = map, .unmap = unmap };

/* Neither L1 nor, unless `intercepts`, the host wants to see any MSR. */
static void begin(uint32_t proc2, bool intercepts)
{
	memset(bitmap12, 0, sizeof(bitmap12));
	memset(bitmap01, intercepts ? 0xff : 0, sizeof(bitmap01));
	memset(bitmap02, 0xff, sizeof(bitmap02));
	memset(&v12, 0, sizeof(v12));
	memset(&slot, 0, sizeof(slot));
	memset(&vm, 0, sizeof(vm));
	memset(v, 0, sizeof(*v));
	v12.proc_ctls = NVMX_PROC_MSR_BITMAPS | NVMX_PROC_SECONDARY;
	v12.proc_ctls2 = proc2;
	slot.v12 = &v12;
	slot.msr.page.va = bitmap02;
	v->vm = &vm;
	v->ops = &ops;
	v->cur = &slot;
	v->config.msr_bitmap01 = bitmap01;
}

static bool exits(uint32_t msr, bool write)
{
	unsigned bit = msr >= 0xc0000000 ? 0x2000 + (msr & 0x1fff) : msr;

	bit += write ? 2048 * 8 : 0;
	return bitmap02[bit / 8] >> bit % 8 & 1;
}

static void hosts_change_closes(void **state)
{
	(void)state;
	begin(0, false);
	assert_true(nvmx_open_msr(v, EFER, false));
	vm.flags = NVMX_HOST_APIC_PASSTHROUGH;
	assert_true(nvmx_open_msr(v, X2APIC_ID, true));
	assert_false(exits(EFER, false) || exits(X2APIC_ID, true));
	nvmx_bitmaps_review(v, &slot);
	assert_false(exits(EFER, false) || exits(X2APIC_ID, true));
	memset(bitmap01, 0xff, sizeof(bitmap01));
	assert_false(nvmx_open_msr(v, EFER, true));
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(EFER, false) && exits(X2APIC_ID, true));
}

static void l1s_change_closes(void **state)
{
	(void)state;
	begin(0, false);
	maps = 0;
	nvmx_bitmaps_review(v, &slot);
	assert_int_equal(maps, 0); /* nothing is open: nothing is looked at */
	assert_true(nvmx_open_msr(v, EFER, false));
	memset(bitmap12, 0xff, sizeof(bitmap12));
	nvmx_bitmaps_review(v, &slot);
	assert_int_equal(maps, 1);
	assert_true(exits(EFER, false));
}

/* What the processor takes from L1's virtual-APIC page is not the host's, which intercepts its own APIC (SDM 29.5). */
static void virtual_x2apic_is_l1s(void **state)
{
	(void)state;
	begin(NVMX_PROC2_X2APIC_MODE, true);
	assert_true(nvmx_open_msr(v, TPR, false));
	assert_true(nvmx_open_msr(v, TPR, true));
	assert_false(nvmx_open_msr(v, X2APIC_ID, false));
	assert_false(nvmx_open_msr(v, EOI, true));
	assert_false(nvmx_open_msr(v, EFER, false));
	nvmx_bitmaps_review(v, &slot);
	assert_false(exits(TPR, false) || exits(TPR, true));
	v12.proc_ctls2 |= NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID;
	assert_true(nvmx_open_msr(v, X2APIC_ID, false));
	assert_true(nvmx_open_msr(v, 0x8ff, false));
	assert_false(nvmx_open_msr(v, 0x900, false));
	assert_true(nvmx_open_msr(v, EOI, true));
	assert_true(nvmx_open_msr(v, SELF_IPI, true));
	assert_false(nvmx_open_msr(v, X2APIC_ID, true));
	assert_false(nvmx_open_msr(v, 0x848, true));
	v12.proc_ctls2 = 0; /* now they would be the processor's own */
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(TPR, false) && exits(TPR, true) && exits(X2APIC_ID, false) && exits(EOI, true));
	begin(NVMX_PROC2_X2APIC_MODE, true);
	v->config.msr_bitmap01 = NULL;
	assert_true(nvmx_open_msr(v, TPR, false));
	assert_false(nvmx_open_msr(v, X2APIC_ID, false));
}

/* A host that virtualizes L1's x2APIC has 0s in its bitmap that are no permission: they hold with vmcs01's controls (29.5). */
static void hosts_apic_stays_closed(void **state)
{
	static const uint32_t others[] = { 0, NVMX_PROC2_X2APIC_MODE, NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS,
					   NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_VID };
	bool write, is_virtual;

	(void)state;
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++) {
		begin(others[i], false);
		for (uint32_t n = 0; n < 0x200; n++) {
			uint32_t msr = 0x800 + n / 2;

			write = n & 1;
			is_virtual = write ? (others[i] && msr == TPR) ||
						     (others[i] & NVMX_PROC2_VID && (msr == EOI || msr == SELF_IPI))
					   : (others[i] && msr == TPR) || others[i] & NVMX_PROC2_APIC_REGS;
			assert_int_equal(nvmx_open_msr(v, msr, write), is_virtual);
		}
		assert_false(nvmx_open_msr(v, NVMX_MSR_TSC_DEADLINE, true));
		assert_false(nvmx_open_msr(v, NVMX_MSR_APIC_BASE, false));
	}
	/* With its APIC passed through, what is not virtual operates normally, for L2 as for L1. */
	begin(NVMX_PROC2_X2APIC_MODE, false);
	vm.flags = NVMX_HOST_APIC_PASSTHROUGH;
	assert_true(nvmx_open_msr(v, 0x830, true) && nvmx_open_msr(v, NVMX_MSR_TSC_DEADLINE, true));
	vm.flags = 0;
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(0x830, true));
}

/* Granted under one vmcs12's controls, reviewed under others: word by word, with the host's bitmap open all the while. */
static void l1s_controls_close(void **state)
{
	(void)state;
	begin(NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID, false);
	assert_true(nvmx_open_msr(v, X2APIC_ID, false) && nvmx_open_msr(v, EOI, true) && nvmx_open_msr(v, TPR, true));
	v12.proc_ctls2 = NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS;
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(EOI, true));
	assert_false(exits(X2APIC_ID, false) || exits(TPR, true));
	v12.proc_ctls2 = NVMX_PROC2_X2APIC_MODE;
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(X2APIC_ID, false));
	assert_false(exits(TPR, true));
	v12.proc_ctls = NVMX_PROC_MSR_BITMAPS; /* no secondary controls */
	nvmx_bitmaps_review(v, &slot);
	assert_true(exits(TPR, true));
}

/* Without an entry between: the host's own call. */
static void hosts_call_closes(void **state)
{
	(void)state;
	begin(0, false);
	assert_true(nvmx_open_msr(v, EFER, true) && nvmx_open_msr(v, NVMX_MSR_PAT, true));
	bitmap01[3072 + 0x80 / 8] |= 1;
	nvmx_bitmaps_review_host(v, &slot);
	assert_true(exits(EFER, true));
	assert_false(exits(NVMX_MSR_PAT, true));
}

/* Ports of both bitmaps, a word of several: what the host closes now is closed, and nothing that it does not. */
static void hosts_ports_close(void **state)
{
	static uint8_t io01[8192], io02[2][4096];
	static const uint16_t ports[] = { 0x60, 0x64, 0x3f8, 0x7fff, 0x8000, 0xcfc };

	(void)state;
	begin(0, false);
	memset(io01, 0, sizeof(io01));
	memset(io02, 0xff, sizeof(io02));
	slot.io[0].page.va = io02[0];
	slot.io[1].page.va = io02[1];
	v->config.io_bitmap01 = io01;
	for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		assert_true(nvmx_open_io(v, (uint64_t)ports[i] << 16));
	nvmx_bitmaps_review_host(v, &slot);
	for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		assert_false(io02[ports[i] >> 15][(ports[i] & 0x7fff) / 8] >> ports[i] % 8 & 1);
	for (unsigned closed = 0; closed < sizeof(ports) / sizeof(*ports); closed++) {
		io01[ports[closed] / 8] |= (uint8_t)(1u << ports[closed] % 8);
		nvmx_bitmaps_review_host(v, &slot);
		for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports); i++)
			assert_int_equal(io02[ports[i] >> 15][(ports[i] & 0x7fff) / 8] >> ports[i] % 8 & 1, i <= closed);
	}
	v->config.io_bitmap01 = NULL; /* with io_passthrough the host has no say */
	v->config.io_passthrough = true;
	assert_true(nvmx_open_io(v, 0x60ull << 16));
	assert_int_equal(v->counters[NVMX_CNT_MSR_GRANT], sizeof(ports) / sizeof(*ports) + 1);
	nvmx_bitmaps_review_host(v, &slot);
	assert_false(io02[0][0x60 / 8] & 1);
}

/* What the table does not name exits, and a real L1's and L2's frequent ones are in it. */
static void only_the_table_opens(void **state)
{
	static const struct {
		uint32_t first, last;
		bool r, w;
	} opens[] = { /* with all of vmcs02's controls 0 */
		{ 0x10, 0x10, true, false }, { 0x48, 0x48, true, true }, { 0x49, 0x49, false, true },
		{ 0xe7, 0xe8, true, false }, { 0x10b, 0x10b, false, true }, { 0x174, 0x176, true, true },
		{ 0x277, 0x277, true, true }, { 0x38f, 0x38f, true, true }, { 0x6a0, 0x6a0, true, true },
		{ 0x6a2, 0x6a2, true, true }, { 0x6a4, 0x6a8, true, true }, { 0x6e1, 0x6e1, true, true },
		{ 0xd90, 0xd90, true, true }, { 0xc0000080, 0xc0000084, true, true },
		{ 0xc0000100, 0xc0000103, true, true },
	};
	unsigned opened = 0;
	uint32_t msr;

	(void)state;
	begin(0, false);
	for (uint32_t n = 0; n < 0x4000; n++) {
		bool r = false, w = false;

		msr = n < 0x2000 ? n : 0xc0000000 + n - 0x2000;
		for (unsigned i = 0; i < sizeof(opens) / sizeof(*opens); i++)
			if (msr >= opens[i].first && msr <= opens[i].last) {
				r = opens[i].r;
				w = opens[i].w;
			}
		assert_int_equal(nvmx_open_msr(v, msr, false), r);
		assert_int_equal(nvmx_open_msr(v, msr, true), w);
		opened += r + w;
	}
	assert_int_equal(v->counters[NVMX_CNT_MSR_GRANT], opened);
	assert_false(nvmx_open_msr(v, 0x2000, false) || nvmx_open_msr(v, 0x40000000, true));
}

/* A register that entries load or exits undo is L2's own only where vmcs02 does all of it (SDM 26.3.2.1, 27.3.1, 27.5.1). */
static void switched_registers(void **state)
{
	static const struct {
		uint32_t msr, load, undo, save;
	} rows[] = {
		{ 0x38f, NVMX_ENTRY_LOAD_PERF, NVMX_EXIT_LOAD_PERF, NVMX_EXIT_SAVE_PERF },
		{ NVMX_MSR_PAT, NVMX_ENTRY_LOAD_PAT, NVMX_EXIT_LOAD_PAT, NVMX_EXIT_SAVE_PAT },
		{ EFER, NVMX_ENTRY_LOAD_EFER, NVMX_EXIT_LOAD_EFER, NVMX_EXIT_SAVE_EFER },
		{ NVMX_MSR_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS, NVMX_EXIT_CLEAR_BNDCFGS, 0 },
		{ NVMX_MSR_S_CET, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET, 0 },
		{ NVMX_MSR_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET, 0 },
		{ NVMX_MSR_PKRS, NVMX_ENTRY_LOAD_PKRS, NVMX_EXIT_LOAD_PKRS, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < 8 * sizeof(rows) / sizeof(*rows); i++) {
		uint32_t load = i & 1 ? rows[i / 8].load : 0, undo = i & 2 ? rows[i / 8].undo : 0;
		uint32_t save = i & 4 ? rows[i / 8].save : 0;

		begin(0, false);
		slot.ctl02[NVMX_WORD_ENTRY] = load;
		slot.ctl02[NVMX_WORD_EXIT] = undo | save;
		assert_int_equal(nvmx_open_msr(v, rows[i / 8].msr, true), load ? !rows[i / 8].save || save : !undo);
	}
	begin(0, false); /* every exit clears IA32_DEBUGCTL */
	assert_false(nvmx_open_msr(v, NVMX_MSR_DEBUGCTL, true));
	slot.ctl02[NVMX_WORD_ENTRY] = NVMX_ENTRY_LOAD_DEBUG;
	assert_false(nvmx_open_msr(v, NVMX_MSR_DEBUGCTL, true));
	slot.ctl02[NVMX_WORD_EXIT] = NVMX_EXIT_SAVE_DEBUG;
	assert_true(nvmx_open_msr(v, NVMX_MSR_DEBUGCTL, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_change_closes),
		cmocka_unit_test(l1s_change_closes),
		cmocka_unit_test(virtual_x2apic_is_l1s),
		cmocka_unit_test(hosts_apic_stays_closed),
		cmocka_unit_test(l1s_controls_close),
		cmocka_unit_test(hosts_call_closes),
		cmocka_unit_test(hosts_ports_close),
		cmocka_unit_test(only_the_table_opens),
		cmocka_unit_test(switched_registers),
	};
	int failed;

	v = aligned_alloc(64, (sizeof(*v) + 63) & ~63ul);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(v);
	return failed;
}
