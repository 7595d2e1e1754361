/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The shadow EPT: what L1 is told of a violation, which rights and page sizes L2 gets, the flags that L1 sees. */
#include "ept_mapped.h"

static void test_fault_around(void **state)
{
	struct rig *r = mapped_rig(0);

	(void)state;
	assert_in_range(touch_all(r), 1, 8);
	assert_int_equal(touch_all(r), 0);
	assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL], 512);
	rig_free(r);
}

/* L1 maps a page when L2 comes to it: there is nothing behind the last one, and the next look around is a short one. */
static void test_page_by_page(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, i;
	uint64_t filled;

	(void)state;
	for (i = 0; i < 512; i++)
		r->host.ram[PT][i] = 0;
	for (i = 0; i < 64; i++) {
		r->host.ram[PT][i] = PAGE(DATA + i);
		assert_int_equal(touch(r, i * 0x1000ul, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	}
	assert_int_equal(faults, 64);
	for (; i < 512; i++)
		r->host.ram[PT][i] = PAGE(DATA + i);
	filled = r->v.counters[NVMX_CNT_EPT_FILL];
	assert_int_equal(touch(r, 64 * 0x1000ul, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL] - filled, 1 + 16);
	rig_free(r);
}

/* What L1 is told: an entry changed at one level, an access, the exit. */
static const struct {
	unsigned table;
	uint64_t entry;
	uint64_t qual;
	enum nvmx_ept_answer answer;
	uint32_t reason;
	uint64_t l1_qual;
} tellings[] = {
	{ PT, PAGE(DATA), QUAL(1), NVMX_EPT_RETRY, 0, 0 },
	{ PT, 0, QUAL(1), NVMX_EPT_TO_L1, 48, QUAL(1) },
	{ PT, 0, QUAL(2) | 0x38, NVMX_EPT_TO_L1, 48, QUAL(2) },              /* the shadow's rights are not L1's business */
	{ PT, PAGE(DATA) & ~2ull, QUAL(2), NVMX_EPT_TO_L1, 48, QUAL(2) | 5 << 3 },
	{ PT, PAGE(DATA) & ~4ull, QUAL(4), NVMX_EPT_TO_L1, 48, QUAL(4) | 3 << 3 },
	{ PT, (PAGE(DATA) & ~7ull) | 4, QUAL(1), NVMX_EPT_TO_L1, 48, QUAL(1) | 4 << 3 },
	{ PT, (PAGE(DATA) & ~7ull) | 4, QUAL(4), NVMX_EPT_RETRY, 0, 0 },
	{ PD, TABLE(PT) & ~2ull, QUAL(3), NVMX_EPT_TO_L1, 48, QUAL(3) | 5 << 3 },
	{ PML4, TABLE(PDPT) & ~4ull, QUAL(4), NVMX_EPT_TO_L1, 48, QUAL(4) | 3 << 3 },
	{ PML4, 0, QUAL(4), NVMX_EPT_TO_L1, 48, QUAL(4) },
	{ PDPT, 0, 1, NVMX_EPT_TO_L1, 48, 1 },                               /* no linear address */
	{ PT, 0, 0x81 | 0xe00, NVMX_EPT_TO_L1, 48, 0x81 | 0xe00 },           /* a paging-structure entry */
	{ PT, 0, QUAL(1) | NVMX_BIT64(12), NVMX_EPT_TO_L1, 48, QUAL(1) | NVMX_BIT64(12) },
	{ PT, 0, QUAL(1) | NVMX_BIT64(16), NVMX_EPT_TO_L1, 48, QUAL(1) | NVMX_BIT64(16) }, /* asynchronous to the instruction */
	{ PT, 0, QUAL(1) | NVMX_BIT64(40), NVMX_EPT_TO_L1, 48, QUAL(1) },
	{ PT, 2, QUAL(1), NVMX_EPT_TO_L1, 49, 0 },
	{ PT, PAGE(DATA) | 3 << 3, QUAL(1), NVMX_EPT_TO_L1, 49, 0 },
	{ PD, TABLE(PT) | NVMX_BIT64(46), QUAL(1), NVMX_EPT_TO_L1, 49, 0 },
	{ PD, TABLE(FRAMES), QUAL(1), NVMX_EPT_TO_L1, 49, 0 },               /* a table where no RAM is */
	{ PT, PAGE(FRAMES), QUAL(1), NVMX_EPT_TO_HOST, 0, 0 },
};

static void test_tellings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tellings) / sizeof(tellings[0]); i++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;

		l1_set(r, tellings[i].table, 0, tellings[i].entry);
		if (nvmx_ept_violation(&r->v, EPTP, 0, tellings[i].qual, &f) != tellings[i].answer ||
		    f.reason != tellings[i].reason || f.qualification != tellings[i].l1_qual)
			fail_msg("case %zu: reason %u qualification %llx", i, f.reason,
				 (unsigned long long)f.qualification);
		rig_free(r);
	}
}

static void test_wide_address(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;

	(void)state;
	assert_int_equal(nvmx_ept_violation(&r->v, EPTP, 1ull << 48, QUAL(1), &f), NVMX_EPT_TO_L1);
	assert_int_equal(f.reason, NVMX_XR_EPT_VIOLATION);
	assert_int_equal(f.qualification, QUAL(1));
	rig_free(r);
}

static void test_five_levels(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;

	(void)state;
	l1_set(r, PT2, 2, TABLE(PML4));
	r->role = PT2 * 0x1000ull | 4 << 3 | 6;
	assert_int_equal(touch(r, 1ull << 49 | 0x3000, NVMX_ACCESS_X, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(where(r, 1ull << 49 | 0x3000, &rights, &shift), (HOST_RAM_FRAME + DATA + 3ull) << 12);
	assert_int_equal(touch(r, 1ull << 48, NVMX_ACCESS_X, &faults, &f), NVMX_EPT_TO_L1);
	rig_free(r);
}

static void test_user_execute(void **state)
{
	struct rig *r = mapped_rig(0);
	const uint64_t role = EPTP | NVMX_EPT_ROLE_MODE_EXEC, xu = NVMX_BIT64(10), user = NVMX_BIT64(9);
	struct nvmx_ept_fault f;

	(void)state;
	l1_set(r, PML4, 0, TABLE(PDPT) | xu);
	l1_set(r, PDPT, 0, TABLE(PD) | xu);
	l1_set(r, PD, 0, TABLE(PT) | xu);
	l1_set(r, PT, 0, (PAGE(DATA) | xu) & ~4ull);
	l1_set(r, PT, 1, PAGE(DATA + 1));
	assert_int_equal(nvmx_ept_violation(&r->v, role, 0, QUAL(4) | user, &f), NVMX_EPT_RETRY);
	assert_int_equal(nvmx_ept_violation(&r->v, role, 0, QUAL(4), &f), NVMX_EPT_TO_L1);
	assert_int_equal(f.qualification, QUAL(4) | 3 << 3 | 1 << 6);
	assert_int_equal(nvmx_ept_violation(&r->v, role, 0x1000, QUAL(4), &f), NVMX_EPT_RETRY);
	assert_int_equal(nvmx_ept_violation(&r->v, role, 0x1000, QUAL(4) | user, &f), NVMX_EPT_TO_L1);
	assert_int_equal(f.qualification, QUAL(4) | user | 7 << 3);
	assert_int_equal(nvmx_ept_violation(&r->v, EPTP, 0x1000, QUAL(4) | user, &f), NVMX_EPT_RETRY);
	rig_free(r);
}

static void set_block(struct rig *r, unsigned gfn, unsigned shift)
{
	for (unsigned i = gfn & ~511u; i <= (gfn | 511u); i++)
		r->host.map[i].shift = (uint8_t)shift;
}

static void test_large_pages(void **state)
{
	static const struct { unsigned host_shift; uint64_t pde; unsigned shift; } cases[] = {
		{ 21, PAGE(DATA) | NVMX_EPTE_LARGE, 21 },
		{ 12, PAGE(DATA) | NVMX_EPTE_LARGE, 12 },
		{ 30, PAGE(DATA) | NVMX_EPTE_LARGE, 21 },
		{ 21, TABLE(PT), 12 },
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rig *r = mapped_rig(0);
		unsigned rights, shift, faults;

		set_block(r, DATA, cases[i].host_shift);
		l1_set(r, PD, 0, cases[i].pde);
		faults = touch_all(r);
		assert_in_range(faults, 1, cases[i].shift == 21 ? 1 : 8);
		assert_int_equal(where(r, 0x7123, &rights, &shift), (HOST_RAM_FRAME + DATA + 7ull) << 12 | 0x123);
		assert_int_equal(shift, cases[i].shift);
		nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
		assert_int_equal(touch_all(r), 1);
		rig_free(r);
	}
}

static void test_parts_follow_rights(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;
	uint64_t fills;

	(void)state;
	l1_set(r, PD, 0, PAGE(DATA) | NVMX_EPTE_LARGE);
	touch_all(r);
	fills = r->v.counters[NVMX_CNT_EPT_FILL];
	l1_set(r, PD, 0, (PAGE(DATA) | NVMX_EPTE_LARGE) & ~2ull);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	where(r, 0x5000, &rights, &shift);
	assert_int_equal(rights, 5);
	assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL], fills);
	l1_set(r, PD, 0, (PAGE(DATA) | NVMX_EPTE_LARGE) & ~(7ull << 3)); /* UC: every leaf is another */
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	touch_all(r);
	assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL], fills + 512);
	l1_set(r, PD, 0, ((PAGE(DATA) | NVMX_EPTE_LARGE) & ~(7ull << 3)) | NVMX_EPTE_IPAT);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	touch_all(r);
	assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL], fills + 1024);
	rig_free(r);
}

static void test_dirty_flag(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;

	(void)state;
	r->role = EPTP | NVMX_EPTP_AD;
	assert_int_equal(touch(r, 0x1000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.ram[PT][1], PAGE(DATA + 1) | NVMX_EPTE_A);
	assert_int_equal(r->host.ram[PD][0], TABLE(PT) | NVMX_EPTE_A);
	assert_int_equal(r->host.ram[PML4][0], TABLE(PDPT) | NVMX_EPTE_A);
	assert_int_equal(r->host.ram[PT][2], PAGE(DATA + 2)); /* a neighbour is neither marked nor mapped */
	where(r, 0x1000, &rights, &shift);
	assert_int_equal(rights, 5);
	assert_int_equal(touch(r, 0x1000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.ram[PT][1], PAGE(DATA + 1) | NVMX_EPTE_A | NVMX_EPTE_D);
	assert_int_equal(faults, 2);
	l1_set(r, PT, 1, PAGE(DATA + 1) | NVMX_EPTE_A); /* L1 takes the dirty flag */
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_int_equal(touch(r, 0x1000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(faults, 3);
	assert_true(r->host.ram[PT][1] & NVMX_EPTE_D);
	assert_true(nvmx_ept_root(&r->v, r->role) & NVMX_EPTP_AD); /* page walks count as writes (SDM 28.3.3.2) */
	rig_free(r);
}

/* L2's page walk reads a table of its own: a write, with the flags on, whatever the processor reports. */
static void test_page_walk_is_a_write(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;

	(void)state;
	assert_int_equal(nvmx_ept_violation(&r->v, EPTP | NVMX_EPTP_AD, 0x1000, 0x81, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.ram[PT][1], PAGE(DATA + 1) | NVMX_EPTE_A | NVMX_EPTE_D);
	l1_set(r, PT, 2, PAGE(DATA + 2) & ~2ull);
	assert_int_equal(nvmx_ept_violation(&r->v, EPTP | NVMX_EPTP_AD, 0x2000, 0x81, &f), NVMX_EPT_TO_L1);
	assert_int_equal(f.qualification, 0x83 | 5 << 3);
	assert_int_equal(nvmx_ept_violation(&r->v, EPTP, 0x2000, 0x81, &f), NVMX_EPT_RETRY);
	rig_free(r);
}

static void test_modification_log(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	r->role = EPTP | NVMX_EPTP_AD | NVMX_EPT_ROLE_PML;
	r->v12->pml_address = LOG << 12;
	r->v12->pml_index = 1;
	assert_int_equal(touch(r, 0x1234, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(r, 0x5678, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.ram[LOG][1], 0x1000);
	assert_int_equal(r->host.ram[LOG][0], 0x5000);
	assert_int_equal(r->v12->pml_index, 0xffff);
	assert_int_equal(touch(r, 0x5000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY); /* nothing to log */
	assert_int_equal(touch(r, 0x9000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_TO_L1); /* an accessed flag to set */
	assert_int_equal(f.reason, NVMX_XR_PML_FULL);
	assert_int_equal(f.qualification, 0);
	assert_int_equal(nvmx_ept_violation(&r->v, r->role, 0x9000, QUAL(1) | NVMX_BIT64(12), &f), NVMX_EPT_TO_L1);
	assert_int_equal(f.qualification, NVMX_BIT64(12)); /* an IRET unblocked NMIs (SDM 27.2.1) */
	assert_int_equal(r->host.ram[PT][9], PAGE(DATA + 9));
	r->v12->pml_index = 511;
	assert_int_equal(touch(r, 0x9000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->v12->pml_index, 511);
	rig_free(r);
}

/* Only a table's entry lacks the flag. */
static void test_accessed_flag_of_a_table(void **state)
{
	(void)state;
	for (unsigned table = PML4; table <= PD; table++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;
		unsigned faults = 0;

		r->role = EPTP | NVMX_EPTP_AD;
		for (unsigned t = PML4; t <= PT; t++)
			r->host.ram[t][0] |= t == table ? 0 : NVMX_EPTE_A | NVMX_EPTE_D;
		assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
		assert_true(r->host.ram[table][0] & NVMX_EPTE_A);
		rig_free(r);
	}
}

/* No root for a walk that no processor does. */
static void test_walk_lengths(void **state)
{
	struct rig *r = rig_new(0);

	(void)state;
	for (uint64_t levels = 1; levels <= 8; levels++)
		assert_int_equal(nvmx_ept_root(&r->v, 0x1000 | (levels - 1) << 3 | 6) != 0, levels == 4 || levels == 5);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fault_around),
		cmocka_unit_test(test_page_by_page),
		cmocka_unit_test(test_tellings),
		cmocka_unit_test(test_wide_address),
		cmocka_unit_test(test_five_levels),
		cmocka_unit_test(test_user_execute),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_parts_follow_rights),
		cmocka_unit_test(test_dirty_flag),
		cmocka_unit_test(test_page_walk_is_a_write),
		cmocka_unit_test(test_modification_log),
		cmocka_unit_test(test_accessed_flag_of_a_table),
		cmocka_unit_test(test_walk_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
