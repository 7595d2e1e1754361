/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Frames of L1's that the host watches: batches, when they are armed, and what ends a watch. */
#include "lock_count.h" /* before the library's own */
#include "ept_mapped.h"
#include "ept/shadow.h"

#define WATCHES 64u
#define FIRST_PT 100u
#define TABLES 24u

static struct rig *watching_rig(void)
{
	return mapped_rig_watching(0, WATCHES);
}

/* Asks for the frames [first, first + n). */
static void ask(struct rig *r, uint64_t first, unsigned n)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(&r->v);

	for (e->want_n = 0; e->want_n < n; e->want_n++)
		e->want[e->want_n] = (first + e->want_n) << 12;
	nvmx_ept_watch_begin(&r->v);
}

static uint64_t armed_word(struct rig *r, uint64_t gfn, uint32_t *place)
{
	const struct nvmx_ept_watches *w = &nvmx_ept_of_vm(&r->vm)->watches;

	return nvmx_ept_watch_armed_word(w, w->armed, gfn << 12, place);
}

static bool armed(struct rig *r, uint64_t gfn)
{
	uint32_t place;

	return armed_word(r, gfn, &place);
}

static void test_armed_at_once(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	assert_false(armed(r, PT));
	ask(r, PT, 2);
	assert_int_equal(r->host.watches, 2);
	assert_true(armed(r, PT));
	assert_true(armed(r, PT + 1));
	assert_false(armed(r, PT + 2));
	ask(r, PT, 3); /* those that are watched are not asked for again */
	assert_int_equal(r->host.watches, 3);
	rig_free(r);
}

static void test_armed_later(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	r->host.watch_answer = NVMX_WATCH_BEGUN;
	ask(r, PT, 1);
	assert_false(armed(r, PT));
	ask(r, PT2, 1); /* one batch at a time */
	assert_int_equal(r->host.watches, 1);
	nvmx_watch_armed(&r->vm, r->host.watch_batch + 1);
	nvmx_watch_armed(&r->vm, r->host.watch_batch - 1);
	assert_false(armed(r, PT));
	nvmx_watch_armed(&r->vm, r->host.watch_batch);
	assert_true(armed(r, PT));
	ask(r, PT2, 1);
	assert_int_equal(r->host.watches, 2);
	assert_true(armed(r, PT));
	assert_false(armed(r, PT2));
	nvmx_watch_armed(&r->vm, r->host.watch_batch - 1); /* told of twice */
	assert_false(armed(r, PT2));
	rig_free(r);
}

static unsigned turns;

static void another_turn(void)
{
	turns++;
}

/* A frame that L1 has L2 write to at 100,000 addresses is not searched for in all of them: it is not watched. */
static void test_mapped_too_often(void **state)
{
	struct rig *r = rig_watching(1000, WATCHES);
	uint64_t hpa, gpa2 = 0;
	unsigned rights, shift;
	struct nvmx_ept_fault f;

	(void)state;
	r->role = EPTP;
	l1_set(r, PML4, 0, TABLE(PDPT));
	l1_set(r, PDPT, 0, TABLE(PD));
	for (unsigned i = 0; i < 512; i++) {
		l1_set(r, PD, i, TABLE(PT));
		l1_set(r, PT, i, i ? PAGE(PT) : PAGE(DATA));
	}
	for (; gpa2 < 200ull << 21; gpa2 += 4096)
		if (hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), gpa2, &hpa, &rights, &shift))
			assert_int_equal(nvmx_ept_violation(&r->v, r->role, gpa2, QUAL(NVMX_ACCESS_W), &f), NVMX_EPT_RETRY);
	turns = 0;
	lock_between(another_turn);
	ask(r, PT, 1);
	lock_between(NULL);
	assert_in_range(turns, 1, 10);
	assert_false(armed(r, PT));
	turns = 0;
	lock_between(another_turn);
	ask(r, DATA, 1); /* 200 */
	lock_between(NULL);
	assert_in_range(turns, 1, 2);
	assert_true(armed(r, DATA));
	for (gpa2 = 0; gpa2 < 200ull << 21; gpa2 += 1 << 21)
		assert_true(hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), gpa2, &hpa, &rights, &shift) || !(rights & 2));
	rig_free(r);
}

static void test_written_before_it_is_armed(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	r->host.watch_answer = NVMX_WATCH_BEGUN;
	ask(r, PT, 2);
	nvmx_watch_written(&r->vm, PT * 0x1000ull + 8, 8);
	nvmx_watch_armed(&r->vm, r->host.watch_batch);
	assert_false(armed(r, PT));
	assert_true(armed(r, PT + 1));
	rig_free(r);
}

static void test_refused(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	r->host.watch_answer = -1;
	ask(r, PT, 2);
	assert_false(armed(r, PT));
	r->host.watch_answer = 0;
	ask(r, PT, 1); /* one batch is left out, */
	assert_false(armed(r, PT));
	ask(r, PT, 1);
	assert_true(armed(r, PT));
	assert_false(armed(r, PT + 1));
	r->host.watch_answer = -1; /* and more of them each time that the host refuses again */
	for (unsigned i = 0, n; i < 4; i++) {
		uint64_t batch = r->host.watch_batch;

		ask(r, PT2, 1);
		assert_int_equal(r->host.watch_batch, batch + 1);
		for (n = 0; r->host.watch_batch == batch + 1; n++)
			ask(r, PT2, 1);
		assert_int_equal(n, (1u << i) + 1);
		i += 4 * (i == 3);
		nvmx_ept_of(&r->v)->want_pause = 0;
		nvmx_ept_of(&r->v)->want_pause_next = 2u << i;
	}
	rig_free(r);
}

/* The word that was read before a write is never the frame's word again. */
static void test_word_is_new_each_time(void **state)
{
	struct rig *r = watching_rig();
	struct nvmx_ept_watches *w = &nvmx_ept_of_vm(&r->vm)->watches;
	uint64_t first, word = 0, last = 0;
	uint32_t place;

	(void)state;
	ask(r, PT, 1);
	first = armed_word(r, PT, &place);
	for (unsigned i = 0; i < 5000; i++) {
		nvmx_watch_written(&r->vm, PT << 12, 4096);
		assert_false(armed(r, PT));
		ask(r, PT, 1);
		word = armed_word(r, PT, &place);
		assert_true(word && word != first && word != last);
		assert_int_equal(word & NVMX_EPTE_ADDR, PT << 12);
		last = word;
	}
	assert_int_equal(w->writes, 5000);
	rig_free(r);
}

static void test_written_ranges(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	ask(r, 100, 16);
	nvmx_watch_written(&r->vm, 102 * 0x1000ull + 0xfff, 2); /* the end of one, the start of another */
	assert_true(armed(r, 101));
	assert_false(armed(r, 102));
	assert_false(armed(r, 103));
	assert_true(armed(r, 104));
	nvmx_watch_written(&r->vm, 104 << 12, 0);
	assert_true(armed(r, 104));
	nvmx_watch_written(&r->vm, 110 * 0x1000ull, 1ull << 40); /* more frames than are watched */
	assert_true(armed(r, 109));
	assert_false(armed(r, 110));
	assert_false(armed(r, 115));
	nvmx_watch_written(&r->vm, 0, ~0ull);
	assert_false(armed(r, 100));
	nvmx_watch_written(&r->vm, ~0ull, ~0ull);
	rig_free(r);
}

static void test_host_takes_the_frame(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	ask(r, PT, 3);
	nvmx_host_write_protect(&r->vm, NULL, PT << 12, 4096); /* it holds what it held */
	assert_true(armed(r, PT));
	nvmx_host_invalidate(&r->vm, NULL, PT << 12, 4096);
	assert_false(armed(r, PT));
	assert_true(armed(r, PT + 1));
	nvmx_host_changed(&r->vm, NULL);
	assert_false(armed(r, PT + 1));
	ask(r, PT + 1, 1);
	assert_true(armed(r, PT + 1));
	assert_false(armed(r, PT + 2));
	rig_free(r);
}

/* L2 has the right to write to the frame already, and may have it cached: it loses it.  Where that is another vCPU's L2, which
 * nobody kicks, the frame is not watched, and nothing changes there. */
static void test_frame_that_l2_may_write(void **state)
{
	struct rig *r = watching_rig();
	struct nvmx_vcpu *other = aligned_alloc(64, sizeof(*other));
	struct nvmx_host host2 = r->host;
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift, flushes;
	uint64_t hpa;

	(void)state;
	assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	flushes = r->host.flushes;
	ask(r, DATA + 7, 2);
	assert_true(armed(r, DATA + 7));
	where(r, 7 << 12, &rights, &shift);
	assert_int_equal(rights & NVMX_ACCESS_W, 0);
	assert_int_equal(r->host.flushes, flushes + 1);
	/* L2's write is the host's, to be told of. */
	assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_TO_HOST);
	assert_int_equal(f.gpa1, (DATA + 7) << 12);
	host_before_write(&r->host, DATA + 7);
	assert_int_equal(touch(r, 7 << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
	assert_false(armed(r, DATA + 7));

	memset(other, 0, sizeof(*other));
	memset(host2.pages, 0, sizeof(host2.pages));
	host2.pages_live = 0;
	other->vm = &r->vm;
	other->ops = &host_ops;
	other->host = &host2;
	nvmx_ept_vcpu_init(other);
	assert_int_equal(nvmx_ept_violation(other, r->role, 9 << 12, QUAL(NVMX_ACCESS_W), &f), NVMX_EPT_RETRY);
	ask(r, DATA + 9, 1);
	assert_false(armed(r, DATA + 9));
	assert_int_equal(hw_walk(&host2, nvmx_ept_root(other, r->role), 9 << 12, &hpa, &rights, &shift), 0);
	assert_int_equal(rights, 7);
	nvmx_host_write_protect(&r->vm, other, (DATA + 9) << 12, 4096);
	ask(r, DATA + 9, 1);
	assert_true(armed(r, DATA + 9));
	nvmx_ept_vcpu_destroy(other);
	free(other);
	rig_free(r);
}

/* The host says that a batch is armed while the vCPU that asked is not done with it. */
static struct rig *asking;
static struct nvmx_host_ops asking_ops;
static int watch_and_arm(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	int answer = host_watch(h, gpas, n, batch);

	nvmx_watch_armed(&asking->vm, batch);
	nvmx_watch_armed(&asking->vm, batch);
	assert_false(armed(asking, gpas[0] >> 12)); /* the shadows may still give the right to write */
	assert_int_equal(nvmx_ept_of_vm(&asking->vm)->watches.busy, 1);
	return answer;
}

static void test_armed_early(void **state)
{
	struct rig *r = asking = watching_rig();

	(void)state;
	asking_ops = host_ops;
	asking_ops.watch = watch_and_arm;
	r->vm.ops = r->v.ops = &asking_ops;
	r->host.watch_answer = NVMX_WATCH_BEGUN;
	ask(r, PT, 2);
	assert_true(armed(r, PT));
	assert_int_equal(nvmx_ept_of_vm(&r->vm)->watches.busy, 0);
	ask(r, PT2, 1);
	assert_true(armed(r, PT2));
	rig_free(r);
}

static void test_pinned_frame(void **state)
{
	struct rig *r = watching_rig();

	(void)state;
	ask(r, PT, 1);
	nvmx_ept_watch_pin(&r->vm, PT << 12);
	assert_false(armed(r, PT));
	ask(r, PT, 1);
	assert_false(armed(r, PT));
	nvmx_ept_watch_unpin(&r->vm, PT << 12);
	ask(r, PT, 1);
	assert_true(armed(r, PT));
	rig_free(r);
}

/* More than there are places for: some are let go, and the host hears of it. */
static void test_more_than_places(void **state)
{
	struct rig *r = watching_rig();
	unsigned n = 0;

	(void)state;
	for (unsigned gfn = 0; gfn < 4 * WATCHES; gfn += NVMX_WATCH_BATCH)
		ask(r, gfn, NVMX_WATCH_BATCH);
	for (unsigned gfn = 0; gfn < 4 * WATCHES; gfn++) {
		n += armed(r, gfn);
		assert_int_equal(armed(r, gfn), r->host.watched[gfn]);
	}
	assert_int_equal(n, WATCHES);
	assert_int_equal(r->host.watches - r->host.unwatches, WATCHES);
	/* in one batch, for one line of places */
	for (unsigned i = 0; i < 2 * NVMX_EPT_WATCH_WAYS; i++)
		nvmx_ept_of(&r->v)->want[i] = (uint64_t)(512 + i * (WATCHES / NVMX_EPT_WATCH_WAYS)) << 12;
	nvmx_ept_of(&r->v)->want_n = 2 * NVMX_EPT_WATCH_WAYS;
	nvmx_ept_watch_begin(&r->v);
	for (unsigned i = n = 0; i < 2 * NVMX_EPT_WATCH_WAYS; i++)
		n += armed(r, 512 + i * (WATCHES / NVMX_EPT_WATCH_WAYS));
	assert_int_equal(n, NVMX_EPT_WATCH_WAYS);
	rig_free(r);
}

static void test_no_watch(void **state)
{
	struct rig *r = mapped_rig(0);

	(void)state;
	nvmx_watch_written(&r->vm, 0, ~0ull);
	nvmx_watch_armed(&r->vm, 0);
	nvmx_watch_armed(&r->vm, 1);
	nvmx_host_changed(&r->vm, NULL);
	rig_free(r);
}

/* L1's INVEPT, and its VM entry. */
static void flush(struct rig *r)
{
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	assert_true(nvmx_ept_root(&r->v, r->role));
	nvmx_ept_ahead(&r->v, r->role);
}

/* The violations of one access to each of the first n tables, which must lead where L1's tables lead. */
static unsigned use_tables(struct rig *r, unsigned n, unsigned page)
{
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;

	for (unsigned k = 0; k < n; k++) {
		uint64_t gpa2 = (uint64_t)k << 21 | (uint64_t)page << 12;

		assert_int_equal(touch(r, gpa2, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		assert_int_equal(where(r, gpa2, &rights, &shift), (r->host.ram[FIRST_PT + k][page] & NVMX_EPTE_ADDR) + (HOST_RAM_FRAME * 0x1000ull));
	}
	return faults;
}

/* n tables of 4-KiB pages, of which L2 uses one page after each INVEPT until all tables are watched. */
static struct rig *quiet_rig(unsigned n)
{
	struct rig *r = mapped_rig_watching(0, 256);

	for (unsigned k = 0; k < n; k++) {
		l1_set(r, PD, k, TABLE(FIRST_PT + k));
		for (unsigned i = 0; i < 512; i++)
			l1_set(r, FIRST_PT + k, i, PAGE(DATA + (k + i) % 512));
	}
	for (unsigned i = 0; i < 40; i++) {
		flush(r);
		use_tables(r, n, 40);
	}
	return r;
}

static void test_quiet_tables_cost_nothing(void **state)
{
	struct rig *r = quiet_rig(TABLES);
	unsigned maps;

	(void)state;
	assert_int_equal(r->host.watches, TABLES + 3);
	assert_int_equal(r->host.traps, 0);
	maps = r->host.maps_all;
	for (unsigned i = 0; i < 8; i++) {
		flush(r);
		assert_int_equal(use_tables(r, TABLES, 40), 0);
	}
	assert_int_equal(r->host.maps_all, maps); /* nobody has looked at L1's tables */
	rig_free(r);
}

/* L1 changes an entry: L2 sees the change after the INVEPT, whichever level it is of. */
static void test_change_is_seen(void **state)
{
	struct rig *r = quiet_rig(TABLES);
	uint64_t hpa;
	unsigned rights, shift;

	(void)state;
	l1_set(r, FIRST_PT + 3, 40, PAGE(DATA + 500));
	assert_int_equal(r->host.traps, 1);
	flush(r);
	assert_in_range(use_tables(r, TABLES, 40), 1, 2);
	l1_set(r, PD, 5, TABLE(FIRST_PT + 6));
	flush(r);
	where(r, 4ull << 21 | 40 << 12, &rights, &shift);
	if (!hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), 5ull << 21 | 40 << 12, &hpa, &rights, &shift))
		assert_int_equal(hpa >> 12, HOST_RAM_FRAME + DATA + 6 + 40);
	l1_set(r, PD, 5, TABLE(FIRST_PT + 5));
	l1_set(r, PML4, 0, 0);
	flush(r);
	assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), 40 << 12, &hpa, &rights, &shift), -1);
	l1_set(r, PML4, 0, TABLE(PDPT));
	assert_in_range(use_tables(r, TABLES, 40), 1, TABLES);
	rig_free(r);
}

#define FIRST_PD 60u
#define SHARED 150u /* a table that most entries of L1's directories lead to, and two others */
#define OFTEN 151u
#define ONCE 152u
#define AT(directory, entry) ((uint64_t)(directory) << 30 | (uint64_t)(entry) << 21 | 40u << 12)

static void use_directories(struct rig *r)
{
	static const uint16_t entries[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 511 };
	struct nvmx_ept_fault f;
	unsigned faults = 0;

	for (unsigned d = 0; d < 3; d++)
		for (unsigned i = 0; i < sizeof(entries) / sizeof(*entries); i++)
			assert_int_equal(touch(r, AT(d, entries[i]), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
}

/* The links below the top are more than are looked at: directories that were left out are compared before anything below is in use. */
static void test_more_links_than_are_kept(void **state)
{
	struct rig *r = mapped_rig_watching(0, 256);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;

	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		l1_set(r, PDPT, d, TABLE(FIRST_PD + d));
		for (unsigned i = 0; i < 512; i++)
			l1_set(r, FIRST_PD + d, i, TABLE(d == 2 && i == 8 ? OFTEN : d == 0 && i == 8 ? ONCE : SHARED));
	}
	for (unsigned i = 0; i < 512; i++)
		for (unsigned t = SHARED; t <= ONCE; t++)
			l1_set(r, t, i, PAGE(DATA + i));
	for (unsigned i = 0; i < 60; i++) {
		l1_set(r, OFTEN, 511, PAGE(DATA + i));
		flush(r);
		use_directories(r);
	}
	assert_true(armed(r, FIRST_PD + 2) && armed(r, ONCE));
	assert_false(armed(r, OFTEN));
	l1_set(r, ONCE, 511, PAGE(DATA));
	l1_set(r, OFTEN, 40, PAGE(DATA + 500));
	flush(r);
	assert_int_equal(touch(r, AT(2, 0), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY); /* links the directory again */
	assert_int_equal(touch(r, AT(2, 8), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(where(r, AT(2, 8), &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 500);
	rig_free(r);
}

/* More links stay than a byte counts, and are all looked at the next time: not only the few that could be listed. */
static void test_more_links_stay_than_a_byte_counts(void **state)
{
	struct rig *r = mapped_rig_watching(0, 256);
	struct nvmx_ept_fault f;
	unsigned faults = 0, rights, shift;

	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		l1_set(r, PD, i, TABLE(i == 100 ? OFTEN : i == 257 ? ONCE : SHARED));
		for (unsigned t = SHARED; t <= ONCE; t++)
			l1_set(r, t, i, PAGE(DATA + i));
	}
	for (unsigned n = 0; n < 60; n++) {
		flush(r);
		for (unsigned i = 0; i < 258; i++)
			assert_int_equal(touch(r, AT(0, i), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	}
	assert_true(armed(r, PD) && armed(r, SHARED) && armed(r, OFTEN) && armed(r, ONCE));
	l1_set(r, ONCE, 511, PAGE(DATA));
	flush(r);
	l1_set(r, OFTEN, 40, PAGE(DATA + 500));
	flush(r);
	assert_int_equal(touch(r, AT(0, 100), NVMX_ACCESS_R, &faults, &f), NVMX_EPT_RETRY);
	assert_int_equal(where(r, AT(0, 100), &rights, &shift) >> 12, HOST_RAM_FRAME + DATA + 500);
	rig_free(r);
}

/* A table that L1 writes before each INVEPT is compared, and traps ever more rarely; the others stay. */
static void test_written_often(void **state)
{
	struct rig *r = quiet_rig(TABLES);
	unsigned traps, faults = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		if (i == 500)
			traps = r->host.traps;
		l1_set(r, FIRST_PT + 3, 511, PAGE(DATA + i % 300));
		flush(r);
		faults += use_tables(r, TABLES, 40);
	}
	assert_in_range(traps, 4, 9);
	assert_in_range(r->host.traps - traps, 1, 3);
	assert_in_range(faults, 0, 1200);
	rig_free(r);
}

/* L1 writes in the middle of a violation, before the frame is armed and so unseen; then it is armed.  What the violation had read of
 * the table before is not taken for watched. */
static struct rig *racing;
static struct nvmx_host_ops racing_ops;
static void *map_and_race(struct nvmx_host *h, uint64_t gpa, bool write)
{
	if (racing && gpa == PD * 0x1000ull) {
		racing->host.ram[PDPT][0] = TABLE(PT2); /* unseen: a processor of L1's had the right cached */
		nvmx_watch_armed(&racing->vm, racing->host.watch_batch);
		racing = NULL;
	}
	return host_map(h, gpa, write);
}

static void test_armed_in_a_violation(void **state)
{
	struct rig *r = mapped_rig_watching(0, 256);
	struct nvmx_ept_fault f;
	uint64_t hpa;
	unsigned rights, shift;

	(void)state;
	racing_ops = host_ops;
	racing_ops.map = map_and_race;
	r->vm.ops = r->v.ops = &racing_ops;
	r->host.watch_answer = NVMX_WATCH_BEGUN;
	touch_all(r);
	while (!r->host.watched[PDPT]) {
		flush(r);
		touch_all(r);
	}
	nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
	nvmx_ept_root(&r->v, r->role);
	racing = r;
	nvmx_ept_violation(&r->v, r->role, 40 << 12, QUAL(NVMX_ACCESS_R), &f);
	assert_null(racing);
	for (unsigned i = 0; i < 4; i++) {
		flush(r);
		assert_int_equal(hw_walk(&r->host, nvmx_ept_root(&r->v, r->role), 40 << 12, &hpa, &rights, &shift), -1);
	}
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_armed_at_once),
		cmocka_unit_test(test_armed_later), cmocka_unit_test(test_mapped_too_often),
		cmocka_unit_test(test_written_before_it_is_armed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_word_is_new_each_time),
		cmocka_unit_test(test_written_ranges),
		cmocka_unit_test(test_host_takes_the_frame),
		cmocka_unit_test(test_frame_that_l2_may_write),
		cmocka_unit_test(test_armed_early),
		cmocka_unit_test(test_pinned_frame),
		cmocka_unit_test(test_more_than_places),
		cmocka_unit_test(test_no_watch),
		cmocka_unit_test(test_quiet_tables_cost_nothing),
		cmocka_unit_test(test_change_is_seen),
		cmocka_unit_test(test_more_links_than_are_kept), cmocka_unit_test(test_more_links_stay_than_a_byte_counts),
		cmocka_unit_test(test_written_often),
		cmocka_unit_test(test_armed_in_a_violation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
