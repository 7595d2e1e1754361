/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Interrupt remapping: formats, entries, source-id validation, faults, the cache. */
#include "vtd_host.h"

#define TABLE 0x20000u
#define SID 0x0218u
#define F(name) NVMX_VTD_FAULT_##name
#define P 1ull

struct world {
	struct rig *r;
	struct nvmx_vtd_msi msi;
};

static unsigned changed_index, changed_count, changes;
static void interrupts_changed(struct nvmx_vtd_host *h, uint32_t index, uint32_t count)
{
	(void)h;
	changed_index = index;
	changed_count = count;
	changes++;
}

/* A table of 256 entries. */
static struct world start(uint64_t irta_bits)
{
	struct world w = { .r = rig_config(NVMX_VTD_F_ALL) };

	w.r->ops.interrupts_changed = interrupts_changed;
	rig_start(w.r);
	queue_on(w.r);
	wr(w.r, 0xb8, 8, TABLE | 7 | irta_bits);
	command(w.r, GCMD_SIRTP);
	assert_true(rd(w.r, 0x1c, 4) & GCMD_SIRTP);
	command(w.r, GCMD_IRE);
	assert_true(rd(w.r, 0x1c, 4) & GCMD_IRE);
	return w;
}

static void entry(struct world *w, unsigned index, uint64_t lo, uint64_t hi)
{
	*word(w->r, TABLE + index * 16) = lo;
	*word(w->r, TABLE + index * 16 + 8) = hi;
}

static uint64_t handle(unsigned index)
{
	return 0xfee00010u | (index & 0x7fff) << 5 | (index >> 15 & 1) << 2;
}

static enum nvmx_vtd_fault request(struct world *w, uint64_t address, uint32_t data)
{
	return nvmx_vtd_interrupt(w->r->u, SID, address, data, 0, &w->msi);
}

static void refuses(struct world *w, uint64_t address, uint32_t data, enum nvmx_vtd_fault fault, unsigned index)
{
	assert_int_equal(request(w, address, data), fault);
	assert_int_equal(rd(w->r, 0x34, 4) & 2, 2);
	unsigned n = rd(w->r, 0x34, 4) >> 8 & 0xff;
	assert_int_equal(rd(w->r, 0x220 + 16 * n, 8), (uint64_t)index << 48);
	assert_int_equal(rd(w->r, 0x228 + 16 * n, 8), 1ull << 63 | (uint64_t)fault << 32 | SID);
	wr(w->r, 0x22c + 16 * n, 4, 1u << 31);
	assert_int_equal(nvmx_vtd_interrupt(w->r->u, SID, address, data, NVMX_VTD_SILENT, &w->msi), fault);
	assert_int_equal(rd(w->r, 0x34, 4), 0);
}

static void test_off(void **state)
{
	struct world w = { .r = rig_new(NVMX_VTD_F_ALL) };

	(void)state;
	assert_int_equal(request(&w, 0xfee2c00c, 0xc531), F(NONE));
	assert_int_equal(w.msi.destination, 0x2c);
	assert_true(w.msi.logical && w.msi.redirection_hint && w.msi.level && w.msi.assert);
	assert_int_equal(w.msi.vector, 0x31);
	assert_int_equal(w.msi.delivery_mode, 5);
	assert_int_equal(request(&w, 0xfee00010, 0x8031), F(NONE)); /* not remappable yet */
	assert_false(w.msi.assert);
	rig_free(w.r);
}

static void test_remapped(void **state)
{
	struct world w = start(0);

	(void)state;
	entry(&w, 5, P | 0x31 << 16 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 0x4c00ull << 32, 0);
	assert_int_equal(request(&w, handle(5), 0xffffffff), F(NONE)); /* without SHV the data says nothing */
	assert_int_equal(w.msi.vector, 0x31);
	assert_int_equal(w.msi.destination, 0x4c);
	assert_int_equal(w.msi.delivery_mode, 1);
	assert_true(w.msi.logical && w.msi.redirection_hint && w.msi.level && w.msi.assert);
	entry(&w, 7, P | 0x32 << 16 | 7 << 5, 0);
	assert_int_equal(request(&w, handle(5) | 8, 2), F(NONE)); /* subhandle */
	assert_int_equal(w.msi.vector, 0x32);
	assert_int_equal(w.msi.delivery_mode, 7);
	refuses(&w, handle(5) | 8, 0x10000, F(IR_RSVD), 5);
	rig_free(w.r);
}

static void test_extended_mode(void **state)
{
	struct world w = start(1 << 11);

	(void)state;
	entry(&w, 0, P | 0x12345678ull << 32, 0);
	assert_int_equal(request(&w, handle(0), 0), F(NONE));
	assert_int_equal(w.msi.destination, 0x12345678);
	refuses(&w, 0xfee00000, 0x31, F(IR_COMPATIBILITY), 0);
	command(w.r, GCMD_CFI);
	refuses(&w, 0xfee00000, 0x31, F(IR_COMPATIBILITY), 0);
	rig_free(w.r);
}

static void test_compatibility_format(void **state)
{
	struct world w = start(0);

	(void)state;
	refuses(&w, 0xfee01000, 0x31, F(IR_COMPATIBILITY), 0);
	command(w.r, GCMD_CFI);
	assert_true(rd(w.r, 0x1c, 4) & GCMD_CFI);
	assert_int_equal(request(&w, 0xfee01000, 0x31), F(NONE));
	assert_int_equal(w.msi.destination, 1);
	wr(w.r, 0x18, 4, GCMD_QIE | GCMD_IRE);
	refuses(&w, 0xfee01000, 0x31, F(IR_COMPATIBILITY), 0);
	rig_free(w.r);
}

static void test_entry_faults(void **state)
{
	static const struct { uint64_t lo, hi; enum nvmx_vtd_fault fault; } bad[] = {
		{ 0, 0, F(IR_P) }, { P | 1 << 12, 0, F(IR_ENTRY_RSVD) }, { P | 1 << 15, 0, F(IR_ENTRY_RSVD) },
		{ P | 1 << 24, 0, F(IR_ENTRY_RSVD) }, { P | 3 << 5, 0, F(IR_ENTRY_RSVD) }, { P | 6 << 5, 0, F(IR_ENTRY_RSVD) },
		{ P | 1ull << 32, 0, F(IR_ENTRY_RSVD) }, { P | 1ull << 48, 0, F(IR_ENTRY_RSVD) },
		{ P, 1 << 20, F(IR_ENTRY_RSVD) }, { P, BIT64(63), F(IR_ENTRY_RSVD) }, { P, 3 << 18, F(IR_ENTRY_RSVD) },
	};
	struct world w = start(0);

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		entry(&w, i, bad[i].lo, bad[i].hi);
		refuses(&w, handle(i), 0, bad[i].fault, i);
		entry(&w, i + 64, bad[i].lo | 2, bad[i].hi); /* FPD */
		assert_int_equal(request(&w, handle(i + 64), 0), bad[i].fault);
		assert_int_equal(rd(w.r, 0x34, 4), 0);
	}
	refuses(&w, handle(256), 0, F(IR_INDEX), 256);
	refuses(&w, handle(0xffff), 0, F(IR_INDEX), 0xffff);
	refuses(&w, handle(0xffff) | 8, 0xffff, F(IR_INDEX), 0xfffe);
	wr(w.r, 0xb8, 8, 0x70000000 | 7);
	command(w.r, GCMD_SIRTP);
	refuses(&w, handle(1), 0, F(IR_TABLE), 1);
	rig_free(w.r);
}

static void test_source_validation(void **state)
{
	static const struct { uint64_t hi; bool passes; } rows[] = {
		{ 0x1234, true }, { 1 << 18 | SID, true }, { 1 << 18 | (SID ^ 8), false }, { 1 << 18 | (SID ^ 1), false },
		{ 1 << 18 | 1 << 16 | (SID ^ 4), true }, { 1 << 18 | 1 << 16 | (SID ^ 2), false },
		{ 1 << 18 | 2 << 16 | (SID ^ 6), true }, { 1 << 18 | 2 << 16 | (SID ^ 1), false },
		{ 1 << 18 | 3 << 16 | (SID ^ 7), true }, { 1 << 18 | 3 << 16 | (SID ^ 0x100), false },
		{ 2 << 18 | 0x0203, true }, { 2 << 18 | 0x0002, true }, { 2 << 18 | 0x0304, false },
		{ 2 << 18 | 0x0001, false }, { 2 << 18 | 0x0301, false },
	};
	struct world w = start(0);

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		entry(&w, i, P | i << 16, rows[i].hi);
		for (unsigned pass = 0; pass < 2; pass++) /* warm as cold */
			if (rows[i].passes)
				assert_int_equal(request(&w, handle(i), 0), F(NONE));
			else
				refuses(&w, handle(i), 0, F(IR_SOURCE), i);
	}
	rig_free(w.r);
}

static void flush(struct world *w, uint64_t lo)
{
	uint64_t tail = rd(w->r, 0x88, 8);

	queue_put(w->r, &tail, lo, 0);
	queue_go(w->r, tail);
	assert_int_equal(rd(w->r, 0x34, 4), 0);
}

static void test_cache(void **state)
{
	static const struct { uint64_t lo; uint32_t index, count; bool gone; } rows[] = {
		{ 4, 0, 0x10000, true }, { 4 | 1 << 4 | 5ull << 32, 5, 1, true }, { 4 | 1 << 4 | 6ull << 32, 6, 1, false },
		{ 4 | 1 << 4 | 3 << 27 | 7ull << 32, 0, 8, true }, { 4 | 1 << 4 | 2 << 27 | 8ull << 32, 8, 4, false },
		{ 4 | 1 << 4 | 15u << 27, 0, 0x8000, true },
	};
	struct world w = start(0);

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		entry(&w, 5, P | 0x31 << 16, 0);
		flush(&w, 4);
		assert_int_equal(request(&w, handle(5), 0), F(NONE));
		entry(&w, 5, P | 0x32 << 16, 0);
		changes = 0;
		flush(&w, rows[i].lo);
		assert_int_equal(changes, 1);
		assert_int_equal(changed_index, rows[i].index);
		assert_int_equal(changed_count, rows[i].count);
		assert_int_equal(request(&w, handle(5), 0), F(NONE));
		assert_int_equal(w.msi.vector, rows[i].gone ? 0x32 : 0x31);
		assert_int_equal(nvmx_vtd_interrupt(w.r->u, SID, handle(5), 0, NVMX_VTD_UNCACHED, &w.msi), F(NONE));
		assert_int_equal(w.msi.vector, 0x32);
	}
	rig_free(w.r);
}

/* Without extended mode offered EIME is a reserved bit; without remapping there is no IRTA. */
static void test_withheld(void **state)
{
	struct rig *r = rig_new(NVMX_VTD_F_ALL & ~NVMX_VTD_F_EXTENDED);
	struct nvmx_vtd_msi msi;

	(void)state;
	wr(r, 0xb8, 8, TABLE | 0x800 | 3);
	assert_int_equal(rd(r, 0xb8, 8), TABLE | 3);
	command(r, GCMD_SIRTP);
	command(r, GCMD_IRE | GCMD_CFI);
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, 0xfee01000, 0x31, 0, &msi), F(NONE));
	*word(r, TABLE) = P | 0x100ull << 32;
	assert_int_equal(nvmx_vtd_interrupt(r->u, SID, handle(0), 0, 0, &msi), F(NONE));
	assert_int_equal(msi.destination, 1);
	rig_free(r);
	r = rig_new(0);
	command(r, GCMD_IRE | GCMD_CFI | GCMD_SIRTP | GCMD_QIE | GCMD_WBF);
	assert_int_equal(rd(r, 0x1c, 4), 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_remapped),
		cmocka_unit_test(test_extended_mode),
		cmocka_unit_test(test_compatibility_format),
		cmocka_unit_test(test_entry_faults),
		cmocka_unit_test(test_source_validation),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_withheld),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
