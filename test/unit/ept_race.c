/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What may happen while the library has called the host: revocations inside a revocation's kick, and inside a fill's translation. */
#include "ept_mapped.h"
#include "lock_count.h"

#define FRAME(n) ((DATA + (uint64_t)(n)) << 12)

static struct nvmx_host_ops ops;
static struct rig *rig;

/* The first revocation's kick is on its way, and L2 still runs, when another processor's revocation comes. */
static struct {
	unsigned kicks, depth;
	bool protect, in_l2;
	struct nvmx_vcpu *self;
	uint64_t gpa;
} race;

static bool l2_writes(uint64_t gpa2)
{
	uint64_t hpa, qual;
	unsigned rights;

	return !hw_access(&rig->host, ((struct nvmx_ept_hot *)rig->v.ept)->eptp02, 0, gpa2, NVMX_ACCESS_W, &hpa, &rights, &qual);
}

static void revoke(struct nvmx_vcpu *self, uint64_t gpa, uint64_t length)
{
	if (race.protect)
		nvmx_host_write_protect(&rig->vm, self, gpa, length);
	else
		nvmx_host_invalidate(&rig->vm, self, gpa, length);
}

static void kick_others(struct nvmx_host *h)
{
	assert_ptr_equal(h, &rig->host);
	lock_none_held();
	race.kicks++;
	if (!race.depth++) {
		assert_true(l2_writes(0x5000)); /* nobody has told its processor anything yet */
		revoke(race.self, race.gpa, 4096);
		if (race.gpa == FRAME(5))
			assert_false(race.in_l2); /* the second call has its answer: so L2 was made to leave */
	}
	race.depth--;
	race.in_l2 = false; /* it has left L2, and what its next entry does is this */
	nvmx_ept_root(&rig->v, EPTP);
}

static void race_begin(bool protect, uint64_t gpa)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	rig = mapped_rig(0);
	ops = host_ops;
	ops.kick_others = kick_others;
	rig->vm.ops = rig->v.ops = &ops;
	touch_all(rig);
	touch(rig, 0x5000, NVMX_ACCESS_W, &faults, &f); /* the TLB has it */
	memset(&race, 0, sizeof(race));
	race.protect = protect;
	race.in_l2 = true;
	race.gpa = gpa;
	for (unsigned i = 0; i < 512; i++)
		rig->host.map[DATA + i].rights = protect ? 5 : 0;
}

static void test_two_revocations_of_one_frame(void **state)
{
	(void)state;
	for (unsigned protect = 0; protect < 2; protect++) {
		race_begin(protect, FRAME(5));
		revoke(NULL, FRAME(5), 4096);
		assert_int_equal(race.kicks, 2);
		assert_false(l2_writes(0x5000));
		revoke(NULL, FRAME(5), 4096); /* when all is done, nobody is kicked */
		assert_int_equal(race.kicks, 2);
		rig_free(rig);
	}
}

/* The first takes a range, the second a page of it; and a second that is a vCPU of the VM which is out of L2: it flushes. */
static void test_second_of_a_range(void **state)
{
	struct nvmx_vcpu *other;

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		unsigned flushes;

		race_begin(n & 1, FRAME(5));
		other = aligned_alloc(64, (sizeof(*other) + 63) & ~63ul);
		memset(other, 0, sizeof(*other));
		other->vm = &rig->vm;
		other->ops = &ops;
		other->host = &rig->host;
		nvmx_ept_vcpu_init(other);
		assert_true(nvmx_ept_root(other, EPTP));
		race.self = n & 2 ? other : NULL;
		flushes = rig->host.flush_all;
		revoke(NULL, FRAME(0), 512 << 12);
		assert_int_equal(race.kicks, 2);
		assert_int_equal(rig->host.flush_all - flushes, n & 2 ? 1 : 0);
		nvmx_ept_vcpu_destroy(other);
		free(other);
		rig_free(rig);
	}
}

/* A revocation finds a page that an INVEPT has put out of reach: nobody has it, nobody is kicked. */
static void test_out_of_reach(void **state)
{
	(void)state;
	race_begin(false, FRAME(5));
	nvmx_ept_invept(&rig->v, NVMX_FLUSH_ALL, 0);
	nvmx_ept_root(&rig->v, EPTP);
	revoke(NULL, FRAME(7), 4096);
	assert_int_equal(race.kicks, 0);
	rig_free(rig);
}

/* While the host is asked, it takes something back, again and again. */
static struct {
	uint64_t gpa, length; /* 0: nothing */
	unsigned every, calls, revoked;
	bool only_first;
} storm;

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	int error = host_translate(h, gpa, access, out);

	lock_none_held();
	if (storm.length && storm.calls++ % storm.every == 0) {
		nvmx_host_invalidate(&rig->vm, NULL, storm.gpa, storm.length);
		storm.revoked++;
		if (storm.only_first)
			storm.length = 0;
	}
	return error;
}

static void storm_begin(uint64_t gpa, uint64_t length, unsigned every)
{
	rig = mapped_rig(0);
	ops = host_ops;
	ops.translate = translate;
	rig->vm.ops = rig->v.ops = &ops;
	memset(&storm, 0, sizeof(storm));
	storm.gpa = gpa;
	storm.length = length;
	storm.every = every;
}

static unsigned faults_of(uint64_t gpa2)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	assert_int_equal(touch(rig, gpa2, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	return faults;
}

/* Unrelated frames, near and far, one, many and all others: L2's access is served at once, whatever the size of its page. */
static void test_unrelated_revocations(void **state)
{
	static const struct { uint64_t gpa, length; } what[] = {
		{ 1ull << 45, 4096 }, { FRAME(6), 4096 }, { FRAME(4), 4096 }, { 0, FRAME(5) }, { FRAME(6), ~0ull },
		{ FRAME(512), 512 << 12 },
	};

	(void)state;
	for (unsigned i = 0; i < 3 * sizeof(what) / sizeof(*what); i++)
		for (unsigned every = 1; every < 3; every++) {
			unsigned kind = i % 3;

			if (kind == 2 && i / 3 && i / 3 != 5) /* would be frames of the large page */
				continue;
			storm_begin(what[i / 3].gpa, what[i / 3].length, every);
			if (kind)
				l1_set(rig, PD, 0, PAGE(DATA) | NVMX_EPTE_LARGE); /* 1: the host has it in small ones */
			for (unsigned k = DATA; kind == 2 && k < DATA + 512; k++)
				rig->host.map[k].shift = 21;
			assert_int_equal(faults_of(0x5000), 1);
			assert_true(storm.revoked > 0);
			rig_free(rig);
		}
}

/* The rest of the pages come in time, too, and more than one with each violation if the storm abates now and then. */
static void test_neighbours_in_a_storm(void **state)
{
	unsigned faults;

	(void)state;
	storm_begin(1ull << 45, 4096, 40);
	faults = touch_all(rig);
	assert_in_range(faults, 1, 100);
	assert_true(storm.revoked > 5);
	rig_free(rig);
}

/* The frame itself goes while it is asked for: what was translated before is not used. */
static void test_related_revocation(void **state)
{
	struct nvmx_ept_fault f;
	unsigned rights, shift;

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		uint64_t hpa;

		storm_begin(FRAME(5) & ~(n & 1 ? 0x1fffffull : 0), n & 1 ? 0x200000 : 4096, 1);
		if (n & 2)
			l1_set(rig, PD, 0, PAGE(DATA) | NVMX_EPTE_LARGE);
		assert_int_equal(nvmx_ept_violation(&rig->v, EPTP, 0x5000, QUAL(NVMX_ACCESS_W), &f), NVMX_EPT_RETRY);
		assert_int_equal(storm.revoked, 2); /* asked again once, in vain */
		assert_int_equal(hw_walk(&rig->host, nvmx_ept_root(&rig->v, EPTP), 0x5000, &hpa, &rights, &shift), -1);
		storm.only_first = true;
		assert_int_equal(nvmx_ept_violation(&rig->v, EPTP, 0x5000, QUAL(NVMX_ACCESS_W), &f), NVMX_EPT_RETRY);
		assert_int_equal(hw_walk(&rig->host, nvmx_ept_root(&rig->v, EPTP), 0x5000, &hpa, &rights, &shift), 0);
		rig_free(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_revocations_of_one_frame), cmocka_unit_test(test_second_of_a_range),
		cmocka_unit_test(test_out_of_reach), cmocka_unit_test(test_unrelated_revocations),
		cmocka_unit_test(test_neighbours_in_a_storm), cmocka_unit_test(test_related_revocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
