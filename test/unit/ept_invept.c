/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* INVEPT: what stays, what is dropped, and what the processor must forget. */
#include "ept_mapped.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unchanged_is_kept),
		cmocka_unit_test(test_only_changed_is_dropped),
		cmocka_unit_test(test_upper_entry_changed),
		cmocka_unit_test(test_invept_of_a_range),
		cmocka_unit_test(test_invept_of_a_range_upper),
		cmocka_unit_test(test_invept_of_a_range_large),
		cmocka_unit_test(test_invept_scope),
		cmocka_unit_test(test_entry_without_vpid),
		cmocka_unit_test(test_replaced_leaf_is_flushed),
		cmocka_unit_test(test_replaced_link_is_flushed),
		cmocka_unit_test(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
