/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The host takes frames, or the right to write to them, from shadows of several vCPUs. */
#include "lock_count.h" /* before the library's own */
#include "ept_mapped.h"

static unsigned kicks;
static struct nvmx_host *kicked_for;

static void kick_others(struct nvmx_host *h)
{
	kicks++;
	kicked_for = h;
}

static struct nvmx_host_ops ops;

/* A VM of two vCPUs, `r` and one more, which has its own host and TLB and the same L1 memory. */
struct two {
	struct rig *r;
	struct nvmx_host host;
	struct nvmx_vcpu *v;
};

static void two_init(struct two *t)
{
	t->r = mapped_rig(0);
	ops = host_ops;
	ops.kick_others = kick_others;
	t->r->vm.ops = t->r->v.ops = &ops;
	t->host = t->r->host;
	t->v = aligned_alloc(64, (sizeof(*t->v) + 63) & ~63ul);
	memset(t->v, 0, sizeof(*t->v));
	t->v->vm = &t->r->vm;
	t->v->ops = &ops;
	t->v->host = &t->host;
	nvmx_ept_vcpu_init(t->v);
	kicks = 0;
	kicked_for = NULL;
}

static void two_free(struct two *t)
{
	nvmx_ept_vcpu_destroy(t->v);
	assert_int_equal(t->host.pages_live, 0);
	free(t->v);
	rig_free(t->r);
}

/* The second vCPU writes to the page at gpa2. */
static void second_touches(struct two *t, uint64_t gpa2)
{
	struct nvmx_ept_fault f;

	assert_int_equal(nvmx_ept_violation(t->v, EPTP, gpa2, QUAL(2), &f), NVMX_EPT_RETRY);
}

static bool second_reaches(struct two *t, uint64_t gpa2, unsigned *rights)
{
	uint64_t hpa;
	unsigned shift;

	return !hw_walk(&t->host, nvmx_ept_root(t->v, EPTP), gpa2, &hpa, rights, &shift);
}

/* Which memory L2 uses, of whichever vCPU; that it is asked changes nothing. */
static void test_used(void **state)
{
	struct two t;
	unsigned rights;

	(void)state;
	two_init(&t);
	assert_false(nvmx_host_uses(&t.r->vm, 0, ~0ull));
	second_touches(&t, 0x1000);
	assert_true(nvmx_host_uses(&t.r->vm, (DATA + 1ull) << 12, 1));
	assert_true(nvmx_host_uses(&t.r->vm, 0, ~0ull));
	assert_false(nvmx_host_uses(&t.r->vm, (DATA + 1ull) << 12, 0));
	assert_true(second_reaches(&t, 0x1000, &rights) && rights & 2);
	nvmx_host_invalidate(&t.r->vm, NULL, (DATA + 1ull) << 12, 4096);
	assert_false(nvmx_host_uses(&t.r->vm, (DATA + 1ull) << 12, 4096));
	second_touches(&t, 0x1000);
	assert_true(nvmx_host_uses(&t.r->vm, (DATA + 1ull) << 12, 4096));
	assert_int_equal(kicks, 1);
	two_free(&t);
}

static void test_kick(void **state)
{
	struct two t;
	unsigned rights, flushes;

	(void)state;
	two_init(&t);
	touch_all(t.r);
	flushes = t.r->host.flushes;
	nvmx_host_invalidate(&t.r->vm, &t.r->v, DATA << 12, 4096); /* only the caller had it: flushed at once */
	assert_int_equal(kicks, 0);
	assert_int_equal(t.r->host.flushes, flushes + 1);
	second_touches(&t, 0x1000);
	nvmx_host_invalidate(&t.r->vm, &t.r->v, (DATA + 1ull) << 12, 4096); /* both */
	assert_int_equal(kicks, 1);
	assert_ptr_equal(kicked_for, &t.r->host);
	assert_false(second_reaches(&t, 0x1000, &rights));
	second_touches(&t, 0x1000);
	flushes = t.host.flushes;
	nvmx_host_invalidate(&t.r->vm, NULL, (DATA + 1ull) << 12, 4096); /* from outside, only the second has it */
	assert_int_equal(kicks, 2);
	assert_ptr_equal(kicked_for, &t.host);
	assert_int_equal(t.host.flushes, flushes);
	nvmx_ept_root(t.v, EPTP); /* as nvmx_before_l2() does */
	assert_int_equal(t.host.flushes, flushes + 1);
	nvmx_host_invalidate(&t.r->vm, &t.r->v, (DATA + 600ull) << 12, 100 << 12); /* nobody */
	nvmx_host_invalidate(&t.r->vm, NULL, (DATA + 1ull) << 12, 4096);
	nvmx_host_invalidate(&t.r->vm, NULL, DATA << 12, 0);
	assert_int_equal(kicks, 2);
	two_free(&t);
}

static void protect(struct two *t, unsigned first, unsigned n, bool self)
{
	for (unsigned i = first; i < first + n; i++)
		t->r->host.map[DATA + i].rights = t->host.map[DATA + i].rights = 5;
	nvmx_host_write_protect(&t->r->vm, self ? &t->r->v : NULL, (DATA + (uint64_t)first) << 12, (uint64_t)n << 12);
}

static void test_write_protect(void **state)
{
	struct two t;
	struct nvmx_ept_fault f;
	unsigned rights, shift, faults = 0, flushes;
	uint64_t fills;

	(void)state;
	two_init(&t);
	touch_all(t.r);
	second_touches(&t, 0x7000);
	fills = t.r->v.counters[NVMX_CNT_EPT_FILL];
	flushes = t.r->host.flushes;
	protect(&t, 4, 8, true);
	assert_int_equal(kicks, 1);
	assert_int_equal(t.r->host.flushes, flushes + 1);
	for (uint64_t i = 0; i < 512; i++) { /* readable still, without a fault */
		where(t.r, i << 12, &rights, &shift);
		assert_int_equal(rights, i >= 4 && i < 12 ? 5 : 7);
	}
	assert_true(second_reaches(&t, 0x7000, &rights));
	assert_int_equal(rights, 5);
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(faults, 0);
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	assert_int_equal(f.gpa1, (DATA + 5ull) << 12);
	assert_int_equal(f.access, NVMX_ACCESS_W);
	t.r->host.map[DATA + 5].rights = 7; /* the host has noted it */
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(t.r, 0x6000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST); /* its neighbours are not open */
	assert_int_equal(t.r->v.counters[NVMX_CNT_EPT_FILL], fills);
	nvmx_host_invalidate(&t.r->vm, NULL, (DATA + 5ull) << 12, 1); /* the entry is still known by its frame */
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(t.r->v.counters[NVMX_CNT_EPT_FILL], fills + 1);
	flushes = t.r->host.flushes;
	kicks = 0;
	protect(&t, 6, 1, true); /* protected already */
	assert_int_equal(t.r->host.flushes, flushes);
	assert_int_equal(kicks, 0);
	two_free(&t);
}

/* Of a 2-MiB page one frame is protected: then the page is in parts, and only that one refuses. */
static void test_write_protect_large(void **state)
{
	struct two t;
	struct nvmx_ept_fault f;
	unsigned rights, shift, faults = 0;

	(void)state;
	two_init(&t);
	for (unsigned i = DATA; i < DATA + 512; i++)
		t.r->host.map[i].shift = 21;
	l1_set(t.r, PD, 0, PAGE(DATA) | NVMX_EPTE_LARGE);
	assert_int_equal(touch(t.r, 0x3000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	where(t.r, 0x5000, &rights, &shift);
	assert_int_equal(shift, 21);
	for (unsigned i = DATA; i < DATA + 512; i++)
		t.r->host.map[i].shift = 12;
	protect(&t, 5, 1, true);
	where(t.r, 0x9000, &rights, &shift);
	assert_int_equal(rights, 5);
	assert_int_equal(shift, 21);
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	assert_int_equal(touch(t.r, 0x9000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	where(t.r, 0x9000, &rights, &shift);
	assert_int_equal(rights, 7);
	assert_int_equal(shift, 12);
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(touch(t.r, 0x5000, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	two_free(&t);
}

static bool reaches(struct two *t, uint64_t gpa2)
{
	uint64_t hpa;
	unsigned rights, shift;

	return !hw_walk(&t->r->host, nvmx_ept_root(&t->r->v, EPTP), gpa2, &hpa, &rights, &shift);
}

/* Ranges that end with the address space, or beyond it; the pages before them stay. */
static void test_long_ranges(void **state)
{
	static const uint64_t lengths[] = { 0ull - ((DATA + 256) << 12), ~0ull, 1ull << 40, 1ull << 52 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct two t;

		two_init(&t);
		touch_all(t.r);
		nvmx_host_invalidate(&t.r->vm, &t.r->v, (DATA + 256) << 12, lengths[i]);
		assert_true(reaches(&t, 255 << 12));
		assert_false(reaches(&t, 256 << 12));
		assert_false(reaches(&t, 511 << 12));
		two_free(&t);
	}
}

static unsigned long looks_of(struct two *t, uint64_t gpa, uint64_t length)
{
	lock_looked();
	nvmx_host_invalidate(&t->r->vm, NULL, gpa, length);
	return lock_looked();
}

/* Memory of which L2 has nothing costs one look for each 2 MiB, or for each 512 chains if they are fewer; so does what the host has
 * taken already, and what has come since then is found. */
static void test_what_nobody_maps(void **state)
{
	const uint64_t mib2 = 2u << 20, data = DATA << 12;
	unsigned rights;
	struct two t;

	(void)state;
	two_init(&t);
	l1_set(t.r, PD, 1, TABLE(PT2)); /* a page of L2's elsewhere */
	l1_set(t.r, PT2, 88, PAGE(DATA + 600));
	touch_all(t.r);
	assert_true(looks_of(&t, 32u << 20, 16 * mib2) <= 16);
	assert_true(looks_of(&t, 1ull << 40, 1ull << 40) <= 32 + 256 + 1024);
	assert_true(reaches(&t, 0) && reaches(&t, 511 << 12));
	second_touches(&t, 7 << 12);
	assert_true(looks_of(&t, data, mib2) >= 512);
	assert_false(reaches(&t, 0) || reaches(&t, 511 << 12) || second_reaches(&t, 7 << 12, &rights));
	second_touches(&t, 5 << 12);
	second_touches(&t, 500 << 12);
	looks_of(&t, data, mib2 / 2);
	assert_false(second_reaches(&t, 5 << 12, &rights));
	assert_true(second_reaches(&t, 500 << 12, &rights));
	looks_of(&t, data, mib2);
	assert_false(second_reaches(&t, 500 << 12, &rights));
	second_touches(&t, 600 << 12);
	looks_of(&t, data, mib2); /* finds that nothing is left, */
	assert_true(looks_of(&t, data, mib2) <= 2); /* and need not look again */
	second_touches(&t, 9 << 12);
	looks_of(&t, 0, 32u << 20);
	assert_false(second_reaches(&t, 9 << 12, &rights));
	touch_all(t.r);
	nvmx_host_invalidate(&t.r->vm, NULL, data, mib2 - 4096);
	assert_true(reaches(&t, 511 << 12));
	assert_true(looks_of(&t, data, 2 * mib2) < 2 * 512);
	assert_false(reaches(&t, 511 << 12));
	two_free(&t);
}

/* L1 invalidates a range on one of its processors: the other may use what it has, until it does the same. */
static void test_range_on_each_vcpu(void **state)
{
	struct two t;
	struct nvmx_ept_fault f;
	unsigned rights, shift, faults = 0;
	uint64_t hpa;

	(void)state;
	two_init(&t);
	touch_all(t.r);
	second_touches(&t, 7 << 12);
	l1_set(t.r, PT, 7, PAGE(DATA + 300));
	l1_set(t.r, PT, 8, PAGE(DATA + 301));
	nvmx_ept_invept_range(&t.r->v, EPTP, 7 << 12, (8 << 12) - 1);
	assert_int_equal(touch(t.r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(where(t.r, 7 << 12, &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 300);
	assert_int_equal(where(t.r, 8 << 12, &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 8); /* not in the range */
	assert_int_equal(hw_walk(&t.host, nvmx_ept_root(t.v, EPTP), 7 << 12, &hpa, &rights, &shift), 0);
	assert_int_equal(hpa >> 12, HOST_RAM_FRAME + DATA + 7);
	nvmx_ept_invept_range(t.v, EPTP, 7 << 12, (8 << 12) - 1);
	assert_false(second_reaches(&t, 7 << 12, &rights));
	second_touches(&t, 7 << 12);
	assert_int_equal(hw_walk(&t.host, nvmx_ept_root(t.v, EPTP), 7 << 12, &hpa, &rights, &shift), 0);
	assert_int_equal(hpa >> 12, HOST_RAM_FRAME + DATA + 300);
	assert_int_equal(kicks, 0);
	two_free(&t);
}

/* Every frame of L1's has moved in the host. */
static void move_all(struct two *t)
{
	for (unsigned i = DATA; i < FRAMES; i++)
		t->r->host.map[i].frame = t->host.map[i].frame += FRAMES;
}

/* "The map has changed somewhere": nothing of before is reachable by a vCPU that comes by nvmx_ept_root(), and all of it anew. */
static void test_changed(void **state)
{
	struct two t;
	struct nvmx_ept_fault f;
	unsigned rights, shift, faults = 0;
	uint64_t before, hpa;

	(void)state;
	two_init(&t);
	t.r->host.page_limit = 400;
	for (unsigned round = 1; round <= 40; round++) {
		touch_all(t.r);
		second_touches(&t, 0x1000);
		before = nvmx_ept_root(&t.r->v, EPTP);
		move_all(&t);
		nvmx_host_changed(&t.r->vm, round % 2 ? &t.r->v : NULL);
		assert_int_equal(kicks, round);
		assert_ptr_equal(kicked_for, round % 2 || kicked_for == &t.r->host ? &t.r->host : &t.host);
		assert_true(nvmx_ept_root(&t.r->v, EPTP) != before);
		assert_false(reaches(&t, 0));
		assert_false(reaches(&t, 511 << 12));
		assert_false(second_reaches(&t, 0x1000, &rights));
		assert_int_equal(touch(t.r, 5 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(where(t.r, 5 << 12, &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 5 + round * FRAMES);
		second_touches(&t, 0x1000);
		assert_int_equal(hw_walk(&t.host, nvmx_ept_root(t.v, EPTP), 0x1000, &hpa, &rights, &shift), 0);
		assert_int_equal(hpa >> 12, HOST_RAM_FRAME + DATA + 1 + round * FRAMES);
	}
	two_free(&t);
}

/* Nobody's L2 has anything since the last time: nobody is kicked. */
static void test_changed_for_nobody(void **state)
{
	struct two t;
	unsigned rights;

	(void)state;
	two_init(&t);
	nvmx_host_changed(&t.r->vm, NULL);
	assert_int_equal(kicks, 0);
	touch_all(t.r);
	nvmx_host_changed(&t.r->vm, &t.r->v); /* the caller alone */
	assert_int_equal(kicks, 0);
	assert_false(second_reaches(&t, 0x1000, &rights));
	two_free(&t);
}

/* The map changes while the host is asked: the leaf is not made from what it said before. */
static struct two *changing;
static unsigned changes_left;

static int translate_and_change(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	int answer = host_translate(h, gpa, access, out);

	if (changes_left && !(access & NVMX_ACCESS_PEEK)) {
		changes_left--;
		move_all(changing);
		nvmx_host_changed(&changing->r->vm, NULL);
	}
	return answer;
}

static void test_changed_meanwhile(void **state)
{
	struct two t;
	struct nvmx_ept_fault f;
	unsigned rights, shift, faults = 0;

	(void)state;
	for (unsigned n = 1; n < 6; n++) {
		two_init(&t);
		changing = &t;
		changes_left = n;
		ops.translate = translate_and_change;
		assert_int_equal(touch(t.r, 5 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(changes_left, 0);
		assert_int_equal(where(t.r, 5 << 12, &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 5 + n * FRAMES);
		assert_true(!reaches(&t, 6 << 12) || where(t.r, 6 << 12, &rights, &shift) >> 12 == HOST_RAM_FRAME + DATA + 6 + n * FRAMES);
		two_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_long_ranges), cmocka_unit_test(test_what_nobody_maps), cmocka_unit_test(test_range_on_each_vcpu),
					    cmocka_unit_test(test_used),
		cmocka_unit_test(test_kick), cmocka_unit_test(test_write_protect),
					    cmocka_unit_test(test_write_protect_large), cmocka_unit_test(test_changed),
					    cmocka_unit_test(test_changed_for_nobody), cmocka_unit_test(test_changed_meanwhile) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
