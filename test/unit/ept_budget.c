/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Sizes follow the budget, whatever runs out makes room by eviction, and what is done under one lock is bounded: 512 entries,
 * which the library's test build counts.  L1's memory is large here: its page tables are few, and shared.
 */
#include "lock_count.h" /* before the library's own */
#include "ept_mapped.h"
#include "ept/shadow.h"
#include <sys/mman.h>

#define MANY_TABLES 16000u
#define PT_OF_ALL 7 /* L1's page table that all its page directories lead to */

static struct nvmx_host_ops ops;

static int translate_all(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	lock_none_held();
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = 12, .memtype = 6 };
	return 0;
}

/* Pages for a shadow that is larger than what ept_host.h keeps account of; the system gives memory to those that are written to. */
static void *big_page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(page != MAP_FAILED);
	h->pages_live++;
	*hpa = (uintptr_t)page;
	return page;
}

static void big_page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	assert_int_equal(hpa, (uintptr_t)page);
	h->pages_live--;
	munmap(page, 4096);
}

/* An L1 that maps GiBs of L2 by directories that all lead to one page table, and its 512 entries to `frames` frames. */
static struct rig *wide_rig(uint32_t budget, unsigned frames)
{
	struct rig *r = rig_new(budget);

	ops = host_ops;
	ops.translate = translate_all;
	r->vm.ops = r->v.ops = &ops;
	r->role = EPTP;
	l1_set(r, PML4, 0, TABLE(PDPT));
	for (unsigned i = 0; i < 512; i++) {
		l1_set(r, PDPT, i, TABLE(PD));
		l1_set(r, PD, i, TABLE(PT_OF_ALL));
		l1_set(r, PT_OF_ALL, i, PAGE(DATA + i % frames));
	}
	return r;
}

static void use(struct rig *r, uint64_t gpa2)
{
	struct nvmx_ept_fault f;

	assert_int_equal(nvmx_ept_violation(&r->v, r->role, gpa2, QUAL(NVMX_ACCESS_W), &f), NVMX_EPT_RETRY);
}

static bool reaches(struct rig *r, uint64_t gpa2)
{
	uint64_t hpa;
	unsigned rights, shift;

	return !hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), gpa2, &hpa, &rights, &shift);
}

/* Every record of a table is in use: tables give way, though there are pages. */
static void test_records_run_out(void **state)
{
	struct rig *r = wide_rig(0, 512);
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);

	(void)state;
	e->home.slabs_max = 2;
	for (uint64_t i = 0; i < 1000; i++) {
		use(r, i << 21);
		assert_true(reaches(r, i << 21));
	}
	assert_int_equal(e->home.slabs, 2);
	assert_in_range(e->tables, 1, 2 * (NVMX_EPT_PER_SLAB - 1));
	assert_true(e->pages < 1000);
	rig_free(r);
}

/* More tables than one page of slabs can name: 16,384 and some more, each with one page of L2's. */
static void test_many_tables(void **state)
{
	struct rig *r = wide_rig(1u << 20, 512);
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);

	(void)state;
	r->host.page_limit = ~0u;
	r->vm.hw.maxphyaddr = 52; /* a page is where it is in this process */
	ops.page_alloc = big_page_alloc;
	ops.page_free = big_page_free;
	for (uint64_t i = 0; i < MANY_TABLES; i++)
		use(r, i << 21);
	assert_true(e->tables > MANY_TABLES && e->home.slabs > NVMX_EPT_SLABS_OF_DIR);
	nvmx_host_invalidate(&r->vm, NULL, (DATA + 3ull) << 12, 4096);
	for (uint32_t n = 1; n < e->home.slabs * NVMX_EPT_NUMBERS; n++) {
		const struct nvmx_ept_table *t = n % NVMX_EPT_NUMBERS && n % NVMX_EPT_NUMBERS < NVMX_EPT_PER_SLAB ? nvmx_ept_table(&e->home, n) : NULL;

		if (t && t->level == 1 && t->state == NVMX_EPT_T_LINKED)
			assert_true(t->hw[0] && !t->hw[3]);
	}
	rig_free(r);
}

/* A host that gives few pages, and L1 with as many EPT pointers as stay warm: roots that L2 is not in give way. */
static void test_roots_give_way(void **state)
{
	struct rig *r = wide_rig(0, 512);
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);
	unsigned roots = 0;

	(void)state;
	r->host.page_limit = 56;
	for (unsigned i = 0; i < 512; i++)
		for (unsigned top = 20; top < 40; top++)
			l1_set(r, top, i, TABLE(PDPT));
	for (unsigned n = 0; n < 200; n++) {
		r->role = (20 + n % 20) * 0x1000ull | 3 << 3 | 6;
		use(r, (uint64_t)n << 30);
		assert_true(reaches(r, (uint64_t)n << 30));
	}
	for (unsigned i = 0; i < e->roots_n; i++)
		roots += nvmx_ept_root_at(e, i)->role12 != 0;
	assert_in_range(roots, 1, 12);
	rig_free(r);
}

/* Chain heads go with the budget, a vCPU's share of it, and never keep it from its minimum. */
static void test_heads(void **state)
{
	static const struct { uint32_t budget, pages; } t[] = {
		{ 0, 16 }, { 64, 1 }, { 128, 2 }, { 1024, 16 }, { 2048, 32 }, { 8192, 128 }, { 65536, 1024 }, { 1u << 30, 2048 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct rig *r = wide_rig(t[i].budget, 512);
		struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);

		use(r, 0);
		assert_int_equal(e->home.heads_n, t[i].pages * 1024);
		nvmx_host_invalidate(&r->vm, NULL, (DATA + 9ull) << 12, 4096);
		assert_false(reaches(r, 9 << 12));
		assert_true(reaches(r, 0));
		rig_free(r);
	}
	{
		struct rig *r = wide_rig(2048, 512);

		nvmx_ept_of_vm(&r->vm)->pages = 2048; /* others have it all */
		for (uint64_t n = 0; n < 200; n++)
			use(r, n << 21);
		assert_int_equal(nvmx_ept_of(&r->v)->home.heads_n, 16 * 1024);
		assert_in_range(r->host.pages_peak, NVMX_EPT_MIN_PAGES, NVMX_EPT_MIN_PAGES + NVMX_EPT_HEADS);
		nvmx_ept_of_vm(&r->vm)->pages -= 2048;
		rig_free(r);
	}
}

/* Tables that go at once are not those that were made one after the other: L2 may go through them in that order. */
static void test_victims_are_apart(void **state)
{
	struct rig *r = wide_rig(2000, 512);
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);
	unsigned gone = 0, neighbours = 0;
	bool before = false;

	(void)state;
	for (uint64_t i = 0; i < 500; i++)
		use(r, i << 21);
	nvmx_ept_hold(e);
	assert_true(nvmx_ept_evict(e));
	nvmx_ept_release(e);
	for (uint32_t n = 1; n < e->home.slabs * NVMX_EPT_NUMBERS; n++) {
		bool is = n % NVMX_EPT_NUMBERS && n % NVMX_EPT_NUMBERS < NVMX_EPT_PER_SLAB && nvmx_ept_table(&e->home, n)->state == NVMX_EPT_T_DETACHED;

		gone += is;
		neighbours += is && before;
		before = is;
	}
	assert_in_range(gone, 8, 32);
	assert_in_range(neighbours, 0, 3);
	rig_free(r);
}

/* The host has no page at some point of the very first fault, and some later: what the vCPU has got by then it goes on with. */
static void test_a_short_start(void **state)
{
	enum nvmx_ept_answer answer = NVMX_EPT_NOMEM;
	struct nvmx_ept_fault f;

	(void)state;
	for (unsigned limit = 0; answer == NVMX_EPT_NOMEM; limit++) {
		struct rig *r = wide_rig(0, 512);

		r->host.page_limit = limit;
		answer = nvmx_ept_violation(&r->v, r->role, 0, QUAL(NVMX_ACCESS_W), &f);
		assert_int_equal(nvmx_ept_violation(&r->v, r->role, 0, QUAL(NVMX_ACCESS_W), &f), answer);
		r->host.page_limit = HOST_PAGES;
		use(r, 0);
		assert_true(reaches(r, 0));
		rig_free(r);
	}
	assert_int_equal(answer, NVMX_EPT_RETRY);
}

/* A frame that L1 maps 100,000 times, one that a revocation finds among as many others, and all of L1's memory. */
static void test_holds_of_a_revocation(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 6; n++) {
		struct rig *r = wide_rig(4000, n & 1 ? 2 : 512);
		uint64_t tables = n & 1 ? 200 : 40, i;

		for (i = 0; i < tables; i++)
			for (unsigned k = 0; k < 512; k++)
				if (!reaches(r, i << 21 | (uint64_t)k << 12))
					use(r, i << 21 | (uint64_t)k << 12);
		lock_most();
		if (n / 2 == 0)
			nvmx_host_invalidate(&r->vm, NULL, DATA << 12, 4096);
		else if (n / 2 == 1)
			nvmx_host_write_protect(&r->vm, NULL, DATA << 12, 4096);
		else
			nvmx_host_invalidate(&r->vm, NULL, 0, ~0ull);
		assert_in_range(lock_most(), n & 1 || n / 2 == 2 ? 512 : 1, 512);
		for (i = 0; i < tables; i++)
			assert_int_equal(reaches(r, i << 21), n / 2 == 1);
		rig_free(r);
	}
}

static struct {
	struct rig *r;
	unsigned n;
} meanwhile;

/* While a revocation has given the lock back, the vCPU takes tables apart in which it stands, and makes others. */
static void between(void)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&meanwhile.r->v);
	struct nvmx_ept_fault f;

	if (meanwhile.n++ % 2) {
		nvmx_ept_hold(e);
		for (unsigned i = 0; i < 3 && nvmx_ept_evict(e);)
			i += nvmx_ept_recycle(e);
		nvmx_ept_release(e);
	} else {
		nvmx_ept_violation(&meanwhile.r->v, meanwhile.r->role, (uint64_t)(300 + meanwhile.n) << 21, QUAL(NVMX_ACCESS_R), &f);
	}
}

static void test_cursor(void **state)
{
	struct rig *r = wide_rig(4000, 1);

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		for (unsigned k = 0; k < 512; k++)
			if (!reaches(r, i << 21 | (uint64_t)k << 12))
				use(r, i << 21 | (uint64_t)k << 12);
	meanwhile.r = r;
	meanwhile.n = 0;
	lock_between(between);
	nvmx_host_invalidate(&r->vm, NULL, DATA << 12, 4096);
	lock_between(NULL);
	assert_true(meanwhile.n > 2);
	for (uint64_t i = 0; i < 100; i++)
		for (unsigned k = 0; k < 512; k++)
			assert_false(reaches(r, i << 21 | (uint64_t)k << 12));
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_run_out), cmocka_unit_test(test_many_tables), cmocka_unit_test(test_roots_give_way),
		cmocka_unit_test(test_heads), cmocka_unit_test(test_a_short_start), cmocka_unit_test(test_victims_are_apart), cmocka_unit_test(test_holds_of_a_revocation), cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
