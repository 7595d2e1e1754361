/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The shadow EPT: what L1 and the host are told, how many faults it takes, what it keeps and gives back. */
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

static void test_unchanged_is_kept(void **state)
{
	struct rig *r = mapped_rig(0);
	uint64_t fills;

	(void)state;
	touch_all(r);
	fills = r->v.counters[NVMX_CNT_EPT_FILL];
	for (unsigned type = NVMX_FLUSH_SINGLE; type <= NVMX_FLUSH_ALL; type++) {
		nvmx_ept_invept(&r->v, type, EPTP);
		assert_int_equal(touch_all(r), 1);
		assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL], fills);
	}
	rig_free(r);
}

static void test_only_changed_is_dropped(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned rights, shift;
	uint64_t fills;

	(void)state;
	touch_all(r);
	fills = r->v.counters[NVMX_CNT_EPT_FILL];
	for (unsigned i = 0; i < 512; i += 64)
		l1_set(r, PT, i, PAGE(DATA + 512 + i));
	l1_set(r, PT, 5, PAGE(DATA + 5) | NVMX_BIT64(56)); /* an ignored bit */
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_int_equal(touch_all(r), 1);
	assert_int_equal(r->v.counters[NVMX_CNT_EPT_FILL], fills + 8);
	assert_int_equal(where(r, 64 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 512 + 64ull) << 12);
	assert_int_equal(where(r, 5 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 5ull) << 12);
	rig_free(r);
}

static void test_upper_entry_changed(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned rights, shift;

	(void)state;
	touch_all(r);
	for (unsigned i = 0; i < 512; i++)
		l1_set(r, PT2, i, PAGE(DATA + 511 - i));
	l1_set(r, PD, 0, TABLE(PT2));
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	touch_all(r);
	assert_int_equal(where(r, 0, &rights, &shift), (HOST_RAM_FRAME + DATA + 511ull) << 12);
	l1_set(r, PD, 0, TABLE(PT2) & ~2ull); /* fewer rights, the same table */
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	{
		struct nvmx_ept_fault f;
		unsigned faults = 0;

		assert_int_equal(touch(r, 0x7000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
		where(r, 0x9000, &rights, &shift);
		assert_int_equal(rights, 5);
		assert_int_equal(touch(r, 0x7000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_L1);
	}
	rig_free(r);
}

/* INVEPT of a range: what changed in it is seen, and nothing else costs a fault. */
static void test_invept_of_a_range(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned rights, shift, flushes, i, faults = 0;

	(void)state;
	touch_all(r);
	flushes = r->host.flushes;
	nvmx_ept_invept_range(&r->v, EPTP, 0, 511 << 12);
	assert_int_equal(touch_all(r), 0);
	assert_int_equal(r->host.flushes, flushes); /* nothing was dropped */
	for (i = 0; i < 512; i += 64)
		l1_set(r, PT, i, PAGE(DATA + 512 + i));
	nvmx_ept_invept_range(&r->v, EPTP, 64 << 12, (129 << 12) - 1);
	assert_int_equal(where(r, 0, &rights, &shift), (HOST_RAM_FRAME + DATA + 0ull) << 12); /* outside: may stay */
	assert_in_range(touch_all(r), 1, 2);
	assert_int_equal(where(r, 64 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 576ull) << 12);
	assert_int_equal(where(r, 128 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 640ull) << 12);
	assert_int_equal(r->host.flushes, flushes + 1);
	l1_set(r, PT2, 0, PAGE(DATA + 800));
	l1_set(r, PD, 1, TABLE(PT2));
	assert_int_equal(touch(r, 1 << 21, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PT2, 0, PAGE(DATA + 801));
	nvmx_ept_invept_range(&r->v, EPTP, 500 << 12, (1 << 21) + 0xfff); /* over the end of a table */
	assert_int_equal(touch(r, 1 << 21, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(where(r, 1 << 21, &rights, &shift), (HOST_RAM_FRAME + DATA + 801ull) << 12);
	nvmx_ept_invept_range(&r->v, EPTP_B, 0, 511 << 12); /* another EPTP */
	assert_int_equal(where(r, 0, &rights, &shift), (HOST_RAM_FRAME + DATA + 0ull) << 12);
	nvmx_ept_invept_range(&r->v, EPTP ^ 6, 0, ~0ull); /* too long: all */
	assert_int_equal(touch_all(r), 1);
	assert_int_equal(where(r, 0, &rights, &shift), (HOST_RAM_FRAME + DATA + 512ull) << 12);
	rig_free(r);
}

/* A table on the way changed: all below it on the way is looked at again when it is used. */
static void test_invept_of_a_range_upper(void **state)
{
	static const unsigned upper[] = { PML4, PDPT, PD };

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;
		unsigned rights, shift, faults = 0;

		touch_all(r);
		l1_set(r, upper[n], 0, r->host.ram[upper[n]][0] & ~2ull);
		l1_set(r, PT, 7, PAGE(DATA + 700));
		l1_set(r, PT, 9, PAGE(DATA + 709));
		nvmx_ept_invept_range(&r->v, EPTP, 7 << 12, (10 << 12) - 1);
		assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(touch(r, 9 << 12, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY); /* by the way that 7 made */
		assert_int_equal(where(r, 9 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 709ull) << 12);
		assert_int_equal(where(r, 7 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 700ull) << 12);
		assert_int_equal(rights, 5);
		assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_L1);
		/* Again, with the way there cut already. */
		l1_set(r, PT, 7, PAGE(DATA + 701));
		nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
		nvmx_ept_root(&r->v, EPTP);
		l1_set(r, PT, 7, PAGE(DATA + 702));
		nvmx_ept_invept_range(&r->v, EPTP, 7 << 12, (8 << 12) - 1);
		assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(where(r, 7 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 702ull) << 12);
		rig_free(r);
	}
}

static void test_invept_of_a_range_large(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned rights, shift, flushes;

	(void)state;
	for (unsigned i = DATA; i < DATA + 1024; i++)
		r->host.map[i].shift = 21;
	l1_set(r, PD, 0, PAGE(DATA) | NVMX_EPTE_LARGE);
	touch_all(r);
	flushes = r->host.flushes;
	nvmx_ept_invept_range(&r->v, EPTP, 5 << 12, (6 << 12) - 1);
	assert_int_equal(touch_all(r), 0);
	assert_int_equal(r->host.flushes, flushes);
	l1_set(r, PD, 0, PAGE(DATA + 512) | NVMX_EPTE_LARGE);
	nvmx_ept_invept_range(&r->v, EPTP, 5 << 12, (6 << 12) - 1);
	touch_all(r);
	assert_int_equal(where(r, 5 << 12, &rights, &shift), (HOST_RAM_FRAME + DATA + 517ull) << 12);
	assert_int_equal(shift, 21);
	rig_free(r);
}

static void test_invept_scope(void **state)
{
	struct rig *r = mapped_rig(0);

	(void)state;
	touch_all(r);
	r->role = EPTP_B;
	touch_all(r);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_int_equal(touch_all(r), 0);
	r->role = EPTP;
	assert_int_equal(touch_all(r), 1);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP_B ^ 6); /* bits 11:0 do not count */
	assert_int_equal(touch_all(r), 0);
	r->role = EPTP_B;
	assert_int_equal(touch_all(r), 1);
	nvmx_ept_invept(&r->v, NVMX_FLUSH_ALL, 0);
	assert_int_equal(touch_all(r), 1);
	r->role = EPTP;
	assert_int_equal(touch_all(r), 1);
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

static void test_entry_without_vpid(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	r->role = EPTP | NVMX_EPTP_AD;
	r->v12->ept_pointer = r->role;
	r->v12->proc_ctls = NVMX_PROC_SECONDARY;
	for (unsigned vpid = 0; vpid < 2; vpid++) {
		r->v12->proc_ctls2 = NVMX_PROC2_EPT | (vpid ? NVMX_PROC2_VPID : 0);
		assert_int_equal(touch(r, 0x1000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		l1_set(r, PT, 1, PAGE(DATA + 1));
		nvmx_ept_enter(&r->v, r->v12);
		assert_int_equal(touch(r, 0x1000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(!(r->host.ram[PT][1] & NVMX_EPTE_D), vpid);
	}
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
	assert_int_equal(r->host.ram[PT][9], PAGE(DATA + 9));
	r->v12->pml_index = 511;
	assert_int_equal(touch(r, 0x9000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->v12->pml_index, 511);
	rig_free(r);
}

static void test_host_takes_frame(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, flushes, rights, shift;
	uint64_t hpa;

	(void)state;
	touch_all(r);
	flushes = r->host.flushes;
	nvmx_host_invalidate(&r->vm, &r->v, (DATA + 512ull) << 12, 512 << 12);
	assert_int_equal(r->host.flushes, flushes); /* nothing is mapped from there */
	r->host.map[DATA + 3].rights = 0;
	nvmx_host_invalidate(&r->vm, &r->v, (DATA + 3ull) << 12, 1);
	assert_true(r->host.flushes > flushes);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), 0x3000, &hpa, &rights, &shift), -1);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), 0x4000, &hpa, &rights, &shift), 0);
	assert_int_equal(touch(r, 0x3000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	assert_int_equal(f.gpa1, (DATA + 3ull) << 12);
	assert_int_equal(f.access, NVMX_ACCESS_W);
	r->host.map[DATA + 3].rights = 5;
	assert_int_equal(touch(r, 0x3000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(r, 0x3000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	nvmx_host_invalidate(&r->vm, &r->v, 0, ~0ull);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), (uint64_t)i << 12, &hpa, &rights, &shift), -1);
	rig_free(r);
}

/* Neighbours that all map one frame that the host has not, or has with fewer rights, than the one that faulted. */
static void test_neighbours_of_one_frame(void **state)
{
	static const uint8_t host_rights[] = { 0, 5, 1 };

	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;
		unsigned faults = 0, rights, shift;
		uint64_t hpa;

		r->host.map[DATA + 600].rights = host_rights[n];
		for (unsigned i = 1; i < 8; i++)
			l1_set(r, PT, i, PAGE(DATA + 600));
		assert_int_equal(touch(r, 0, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		for (uint64_t i = 1; i < 8; i++) {
			if (hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), i << 12, &hpa, &rights, &shift))
				continue;
			assert_int_equal(rights, host_rights[n]);
			assert_int_equal(hpa, (HOST_RAM_FRAME + DATA + 600ull) << 12);
		}
		rig_free(r);
	}
}

/* Two of L1's frames in one of the host's: L1 goes from one to the other, then the host moves the second. */
static void test_aliased_frames(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;
	uint64_t hpa;

	(void)state;
	r->host.map[DATA + 600].frame = HOST_RAM_FRAME + DATA;
	l1_set(r, PT, 0, PAGE(DATA) & ~2ull);
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PT, 0, PAGE(DATA + 600));
	assert_int_equal(touch(r, 0, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	r->host.map[DATA + 600].rights = 0;
	nvmx_host_invalidate(&r->vm, &r->v, (DATA + 600ull) << 12, 4096);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, EPTP), 0, &hpa, &rights, &shift), -1);
	rig_free(r);
}

/* A leaf that gives way without an INVEPT may still be in the TLB for another linear address. */
static void test_replaced_leaf_is_flushed(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, flushes;

	(void)state;
	l1_set(r, PT, 0, PAGE(DATA) & ~2ull);
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PT, 0, PAGE(DATA + 600));
	flushes = r->host.flushes;
	assert_int_equal(touch(r, 0, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.flushes, flushes + 1);
	rig_free(r);
}

/* The same for a whole table: its leaves are forgotten when its pages are needed, and the host must not miss them. */
static void test_replaced_link_is_flushed(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, flushes;

	(void)state;
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	l1_set(r, PT2, 511, PAGE(DATA + 600));
	l1_set(r, PD, 0, TABLE(PT2));
	flushes = r->host.flushes;
	assert_int_equal(touch(r, 511 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(r->host.flushes, flushes + 1);
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

static void test_more_roots_than_slots(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned round, i;

	(void)state;
	for (i = 0; i < 12; i++)
		l1_set(r, 100 + i, 0, TABLE(PDPT));
	for (round = 0; round < 3; round++)
		for (i = 0; i < 12; i++) {
			r->role = (100ull + i) << 12 | 3 << 3 | 6;
			touch_all(r);
			assert_int_equal(touch_all(r), 0);
		}
	rig_free(r);
}

/* Tables that are all the same page. */
static void test_self_map(void **state)
{
	struct rig *r = rig_new(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	(void)state;
	for (unsigned i = 0; i < 512; i++)
		l1_set(r, PML4, i, TABLE(PML4));
	r->role = EPTP;
	for (uint64_t i = 0; i < 3000; i++) {
		enum nvmx_ept_answer a = touch(r, i * 0x20304050 % (1ull << 48), NVMX_ACCESS_R, &faults, &f);

		assert_int_equal(a, NVMX_EPT_RETRY); /* memory type 0 */
		if (i % 7 == 0)
			nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	}
	assert_in_range(r->host.pages_peak, 1, 1024);
	rig_free(r);
}

static void test_budget(void **state)
{
	struct rig *r = mapped_rig(300);

	(void)state;
	for (unsigned pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < 400; i++) {
			l1_set(r, PD, i, TABLE(PT));
			assert_int_equal(nvmx_ept_violation(&r->v, EPTP, (uint64_t)i << 21, QUAL(2), &(struct nvmx_ept_fault){ 0 }),
					 NVMX_EPT_RETRY);
		}
	assert_in_range(r->host.pages_peak, 256, 300);
	rig_free(r);
}

/* page_alloc fails at each point in turn: the answer is NOMEM or success, and nothing leaks. */
static void test_allocation_fails(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (unsigned limit = 0; limit < 60; limit++) {
		struct rig *r = mapped_rig(0);
		struct nvmx_ept_fault f;
		enum nvmx_ept_answer a;

		r->host.page_limit = limit;
		a = nvmx_ept_violation(&r->v, EPTP, 0, QUAL(1), &f);
		assert_true(a == NVMX_EPT_RETRY || a == NVMX_EPT_NOMEM);
		refused += a == NVMX_EPT_NOMEM;
		if (a == NVMX_EPT_RETRY)
			assert_true(nvmx_ept_root(&r->v, EPTP));
		rig_free(r);
	}
	assert_in_range(refused, 20, 59);
}

static void test_moved(void **state)
{
	struct rig *r = mapped_rig(0);
	unsigned flushes;

	(void)state;
	touch_all(r);
	flushes = r->host.flushes;
	nvmx_ept_root(&r->v, EPTP);
	assert_int_equal(r->host.flushes, flushes);
	nvmx_ept_moved(&r->v);
	nvmx_ept_root(&r->v, EPTP);
	assert_int_equal(r->host.flushes, flushes + 1);
	assert_int_equal(touch_all(r), 0);
	rig_free(r);
}

static void test_host_memory_type(void **state)
{
	struct rig *r = mapped_rig(0);
	struct nvmx_ept_fault f;
	unsigned faults = 0, n;
	uint64_t table = 0, e = 0;

	(void)state;
	l1_set(r, PT, 0, (PAGE(DATA) & ~(7ull << 3)) | 1 << 3 | NVMX_EPTE_IPAT); /* WC */
	assert_int_equal(touch(r, 0, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	table = nvmx_ept_root(&r->v, EPTP) & NVMX_EPTE_ADDR;
	for (unsigned level = 4; level >= 1; level--) {
		n = (unsigned)(table >> 12) - HOST_PAGE_FRAME;
		e = ((uint64_t *)r->host.pages[n])[0];
		table = e & NVMX_EPTE_ADDR;
	}
	assert_int_equal(e & 0xff, 1 << 3 | NVMX_EPTE_IPAT | 7);
	rig_free(r);
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
		cmocka_unit_test(test_fault_around), cmocka_unit_test(test_unchanged_is_kept),
		cmocka_unit_test(test_only_changed_is_dropped), cmocka_unit_test(test_upper_entry_changed),
		cmocka_unit_test(test_walk_lengths), cmocka_unit_test(test_invept_of_a_range),
		cmocka_unit_test(test_invept_of_a_range_upper), cmocka_unit_test(test_invept_of_a_range_large),
		cmocka_unit_test(test_invept_scope), cmocka_unit_test(test_tellings), cmocka_unit_test(test_wide_address),
		cmocka_unit_test(test_five_levels), cmocka_unit_test(test_user_execute), cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_parts_follow_rights), cmocka_unit_test(test_dirty_flag),
		cmocka_unit_test(test_page_walk_is_a_write), cmocka_unit_test(test_entry_without_vpid),
		cmocka_unit_test(test_modification_log), cmocka_unit_test(test_host_takes_frame),
		cmocka_unit_test(test_neighbours_of_one_frame),
		cmocka_unit_test(test_aliased_frames), cmocka_unit_test(test_replaced_leaf_is_flushed),
		cmocka_unit_test(test_replaced_link_is_flushed), cmocka_unit_test(test_accessed_flag_of_a_table),
		cmocka_unit_test(test_more_roots_than_slots), cmocka_unit_test(test_self_map), cmocka_unit_test(test_budget),
		cmocka_unit_test(test_allocation_fails), cmocka_unit_test(test_moved),
		cmocka_unit_test(test_host_memory_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
