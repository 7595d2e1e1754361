/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Tables that the vCPUs of a VM have in common: what they cost, and what one of them does to the others. */
#include "ept_cpus.h"
#include <nestvmx/checked.h>
#include <sys/mman.h>

#define LARGE_FRAMES (1ull << 40) /* a host that has all frames has them from here on in pages of 1 GiB */

static unsigned use_each(struct cpus *c, unsigned i, uint64_t gpa2, uint64_t size)
{
	unsigned faults = 0;

	for (uint64_t page = 0; page < 512; page++)
		assert_int_equal(use(c, i, EPTP, gpa2 + page * size, NVMX_ACCESS_W, &faults), NVMX_EPT_RETRY);
	return faults;
}

static unsigned use_all(struct cpus *c, unsigned i)
{
	return use_each(c, i, 0, 4096);
}

/* A GiB of L2's in pages of 2 MiB, which lead to the two of L1's by turns. */
enum { PD_LARGE = PML4_B + 2, FRAMES_OF_LARGE = 512 };
#define LARGE(i) (1ull << 30 | (uint64_t)(i) << 21)
#define LARGE_PAGE(k) (PAGE(DATA + (k) * FRAMES_OF_LARGE) | NVMX_EPTE_LARGE)

static void begin_large(struct cpus *c, unsigned n)
{
	begin(c, n, 0, 0);
	for (unsigned i = DATA; i < DATA + 2 * FRAMES_OF_LARGE; i++)
		of_vm->map[i].shift = 21;
	l1_set(c->r, PDPT, 1, TABLE(PD_LARGE));
	for (unsigned i = 0; i < 512; i++)
		l1_set(c->r, PD_LARGE, i, LARGE_PAGE(i & 1));
}

static unsigned use_large(struct cpus *c, unsigned i)
{
	return use_each(c, i, LARGE(0), 0x200000);
}

/* The frame that vCPU i comes to, with the violations that it takes. */
static uint64_t comes_to(struct cpus *c, unsigned i, uint64_t gpa2)
{
	unsigned faults = 0;

	use(c, i, EPTP, gpa2, NVMX_ACCESS_W, &faults);
	return reaches(c, i, nvmx_ept_root(c->v[i], EPTP), gpa2, NVMX_ACCESS_W);
}

static uint64_t fills(const struct cpus *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < c->n; i++)
		sum += c->v[i] ? c->v[i]->counters[NVMX_CNT_EPT_FILL] : 0;
	return sum;
}

/* L1's tables for 4 GiB of L2's in pages of 4 KiB, or for 1 TiB in pages of 2 MiB, whose frames the host has all. */
enum { FIRST = 16, UPPER_OF_2 = PML4_B + 2 };
struct map {
	unsigned level, tables;
	uint64_t frames; /* from here on */
	unsigned upper, above; /* L1's first table of the level above, and where that is */
};
static const struct map small_pages = { 1, 2000, 1ull << 32, PD, PDPT }, large_pages = { 2, 1024, LARGE_FRAMES, PDPT, PML4 };

static int translate_all(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = gpa < LARGE_FRAMES ? 12 : 30, .memtype = 6 };
	return 0;
}

static void *big_page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)h;
	assert_true(page != MAP_FAILED);
	of_vm->pages_live++;
	*hpa = (uintptr_t)page;
	return page;
}

static void big_page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)h;
	assert_int_equal(hpa, (uintptr_t)page);
	of_vm->pages_live--;
	munmap(page, 4096);
}

/* Where the shadow leads, by which L2 may write there; 0: nowhere. */
static uint64_t leads_to(uint64_t eptp02, uint64_t gpa2)
{
	uint64_t e = eptp02;
	unsigned level = 5;

	do {
		level--;
		e = ((const uint64_t *)(uintptr_t)(e & NVMX_EPTE_ADDR))[nvmx_ept_index(gpa2, level)];
		if (!(e & 2))
			return 0;
	} while (level > 1 && !(e & NVMX_EPTE_LARGE));
	return (e & NVMX_EPTE_ADDR) | (gpa2 & (nvmx_ept_size(level) - 1));
}

static uint64_t gpa2_of(const struct map *m, uint64_t table, uint64_t page)
{
	return table << nvmx_ept_shift(m->level + 1) | page << nvmx_ept_shift(m->level);
}

static void l1_maps(struct rig *r, const struct map *m)
{
	uint64_t leaf = WB_LEAF | 7 | (m->level > 1 ? NVMX_EPTE_LARGE : 0);

	for (unsigned t = 0; t < m->tables; t++) {
		unsigned upper = t < 512 ? m->upper : UPPER_OF_2 + t / 512 - 1;

		l1_set(r, m->above, t / 512, TABLE(upper));
		l1_set(r, upper, t % 512, TABLE(FIRST + t));
		for (unsigned i = 0; i < 512; i++)
			r->host.ram[FIRST + t][i] = (m->frames + gpa2_of(m, t, i)) | leaf;
	}
}

/* n vCPUs use the same tables, in different orders. */
static void cost(const struct map *m, unsigned n, uint64_t *filled, unsigned *pages)
{
	struct nvmx_ept_fault f;
	struct cpus c;

	begin(&c, n, 16384, 0);
	ops.translate = translate_all;
	ops.page_alloc = big_page_alloc;
	ops.page_free = big_page_free;
	c.r->vm.hw.maxphyaddr = 52;
	l1_maps(c.r, m);
	for (unsigned t = 0; t < m->tables; t++)
		for (unsigned i = 0; i < n; i++)
			for (uint64_t page = 0; page < 512; page += 16) {
				uint64_t gpa2 = gpa2_of(m, (t + i * 37) % m->tables, page);

				while (!leads_to(nvmx_ept_root(c.v[i], EPTP), gpa2))
					assert_int_equal(nvmx_ept_violation(c.v[i], EPTP, gpa2, QUAL(2), &f), NVMX_EPT_RETRY);
			}
	for (uint64_t page = 0; page < m->tables * 512; page += 7)
		assert_int_equal(leads_to(nvmx_ept_root(c.v[n - 1], EPTP), gpa2_of(m, 0, page)), m->frames + gpa2_of(m, 0, page));
	*filled = fills(&c);
	*pages = of_vm->pages_live;
	for (uint64_t page = 3; page < m->tables * 512; page += 997) {
		nvmx_host_invalidate(&c.r->vm, c.v[0], m->frames + gpa2_of(m, 0, page), 4096);
		assert_int_equal(leads_to(nvmx_ept_root(c.v[n - 1], EPTP), gpa2_of(m, 0, page)), 0);
	}
	print_message("%u vCPUs, pages of %llu KiB: %llu leaves made, %u pages\n", n, (unsigned long long)nvmx_ept_size(m->level) >> 10,
		      (unsigned long long)*filled, *pages);
	end(&c);
}

static void costs(const struct map *m)
{
	uint64_t one, all;
	unsigned pages_one, pages;

	cost(m, 1, &one, &pages_one);
	assert_int_equal(one, m->tables * 512);
	for (unsigned n = 2; n <= 8; n *= 2) {
		cost(m, n, &all, &pages);
		assert_true(10 * all <= 12 * one);
		assert_true(10 * pages <= 12 * pages_one);
	}
}

static void test_cost(void **state)
{
	(void)state;
	costs(&small_pages);
}

static void test_cost_large(void **state)
{
	(void)state;
	costs(&large_pages);
}

/* The second vCPU comes to what the first one has filled; a host whose pages are a vCPU's has each fill its own. */
static void test_second(void **state)
{
	struct cpus c;

	(void)state;
	begin(&c, 2, 0, 0);
	use_all(&c, 0);
	assert_int_equal(fills(&c), 512);
	assert_int_equal(use_all(&c, 1), 1);
	assert_int_equal(fills(&c), 512);
	end(&c);
	begin(&c, 2, 0, 0);
	c.r->vm.flags = 0;
	use_all(&c, 0);
	use_all(&c, 1);
	assert_int_equal(fills(&c), 1024);
	end(&c);
}

static void test_second_large(void **state)
{
	struct cpus c;

	(void)state;
	begin_large(&c, 2);
	use_large(&c, 0);
	assert_int_equal(fills(&c), 512);
	assert_int_equal(use_large(&c, 1), 1);
	assert_int_equal(fills(&c), 512);
	end(&c);
}

/* L1 puts a table where a page was: who comes there needs a link, and goes on with a table of its own; the others' stays. */
static void test_link_among_large(void **state)
{
	struct cpus c;
	uint64_t eptp;

	(void)state;
	begin_large(&c, 2);
	use_large(&c, 0);
	use_large(&c, 1);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	l1_set(c.r, PD_LARGE, 9, TABLE(PT));
	nvmx_ept_invept(c.v[0], NVMX_FLUSH_SINGLE, EPTP);
	assert_int_equal(comes_to(&c, 0, LARGE(9) | 7 << 12), HOST_RAM_FRAME + DATA + 7);
	assert_int_equal(comes_to(&c, 0, LARGE(8)), HOST_RAM_FRAME + DATA);
	assert_int_equal(reaches(&c, 1, eptp, LARGE(8), 2), HOST_RAM_FRAME + DATA);
	l1_set(c.r, PD_LARGE, 8, LARGE_PAGE(1));
	nvmx_ept_invept(c.v[1], NVMX_FLUSH_SINGLE, EPTP);
	assert_int_equal(comes_to(&c, 1, LARGE(9) | 6 << 12), HOST_RAM_FRAME + DATA + 6);
	assert_int_equal(comes_to(&c, 1, LARGE(8)), HOST_RAM_FRAME + DATA + FRAMES_OF_LARGE);
	nvmx_host_invalidate(&c.r->vm, NULL, DATA * 0x1000ull, 0x200000);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned page = 0; page < 512; page += 2)
			assert_int_equal(reaches(&c, i, nvmx_ept_root(c.v[i], EPTP), LARGE(page) | 7 << 12, 1),
					 i && page == 8 ? HOST_RAM_FRAME + DATA + FRAMES_OF_LARGE + 7 : 0);
	end(&c);
}

/* The host takes a frame of a large page: from all; who comes there again has the rest of the page in parts. */
static void test_revoke_of_large(void **state)
{
	struct cpus c;
	uint64_t eptp;

	(void)state;
	begin_large(&c, 2);
	use_large(&c, 0);
	use_large(&c, 1);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	for (unsigned i = DATA; i < DATA + FRAMES_OF_LARGE; i++)
		of_vm->map[i].shift = 12;
	of_vm->map[DATA + 5].rights = 0;
	nvmx_host_invalidate(&c.r->vm, c.v[0], DATA * 0x1000ull, 0x200000);
	assert_int_equal(kicks, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(reaches(&c, i, nvmx_ept_root(c.v[i], EPTP), LARGE(2), 1), 0);
	assert_int_equal(comes_to(&c, 0, LARGE(2) | 6 << 12), HOST_RAM_FRAME + DATA + 6);
	assert_int_equal(comes_to(&c, 0, LARGE(2) | 5 << 12), 0);
	assert_int_equal(reaches(&c, 1, eptp, LARGE(3), 2), HOST_RAM_FRAME + DATA + FRAMES_OF_LARGE);
	end(&c);
}

/* The host takes a frame, and the right to write to another one: from each that may have cached it, and nobody else is disturbed. */
static void test_revoke(void **state)
{
	uint64_t eptp[3];
	struct cpus c;

	(void)state;
	begin(&c, 3, 0, 0);
	for (unsigned i = 0; i < 2; i++)
		use_all(&c, i);
	nvmx_ept_root(c.v[2], EPTP);
	for (unsigned i = 0; i < 3; i++)
		eptp[i] = nvmx_ept_root(c.v[i], EPTP);
	of_vm->map[DATA + 5].rights = 0;
	nvmx_host_invalidate(&c.r->vm, c.v[0], (DATA + 5) * 0x1000ull, 4096);
	assert_int_equal(kicks, 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(reaches(&c, i, nvmx_ept_root(c.v[i], EPTP), 5 << 12, 1), 0);
		assert_int_equal(reaches(&c, i, eptp[i], 6 << 12, 2), HOST_RAM_FRAME + DATA + 6);
	}
	of_vm->map[DATA + 6].rights = 5;
	nvmx_host_write_protect(&c.r->vm, NULL, (DATA + 6) * 0x1000ull, 4096);
	assert_int_equal(kicks, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(reaches(&c, i, nvmx_ept_root(c.v[i], EPTP), 6 << 12, 2), 0);
		assert_int_equal(reaches(&c, i, eptp[i], 6 << 12, 1), HOST_RAM_FRAME + DATA + 6);
	}
	assert_int_equal(c.host[2].flushes, 1); /* that of its new root */
	nvmx_host_invalidate(&c.r->vm, NULL, (DATA + 600) * 0x1000ull, 4096); /* which nobody maps */
	assert_int_equal(kicks, 2);
	end(&c);
}

/* L1 changes an entry and executes INVEPT on one vCPU, which drops the leaf.  The other one may go on with what it has cached, until
 * the host takes the frame: that it is in no table any more must not hide that. */
static void test_revoke_what_another_dropped(void **state)
{
	unsigned faults = 0;
	struct cpus c;
	uint64_t eptp;

	(void)state;
	begin(&c, 2, 0, 0);
	use_all(&c, 0);
	use_all(&c, 1);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	assert_int_equal(reaches(&c, 1, eptp, 9 << 12, 1), HOST_RAM_FRAME + DATA + 9);
	l1_set(c.r, PT, 9, PAGE(DATA + 600));
	nvmx_ept_invept(c.v[0], NVMX_FLUSH_SINGLE, EPTP);
	use(&c, 0, EPTP, 9 << 12, NVMX_ACCESS_R, &faults);
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 9 << 12, 1), HOST_RAM_FRAME + DATA + 600);
	assert_int_equal(reaches(&c, 1, eptp, 9 << 12, 1), HOST_RAM_FRAME + DATA + 9); /* legal: no INVEPT here */
	assert_int_equal(kicks, 0);
	nvmx_host_invalidate(&c.r->vm, c.v[0], (DATA + 9) * 0x1000ull, 4096);
	assert_int_equal(kicks, 1);
	assert_int_equal(reaches(&c, 1, nvmx_ept_root(c.v[1], EPTP), 9 << 12, 1), HOST_RAM_FRAME + DATA + 600);
	nvmx_host_invalidate(&c.r->vm, c.v[0], (DATA + 9) * 0x1000ull, 4096); /* it has heard by now */
	assert_int_equal(kicks, 1);
	end(&c);
}

/* The same of a large page, which the first one's INVEPT names by its range. */
static void test_range_of_large(void **state)
{
	struct cpus c;
	uint64_t eptp;

	(void)state;
	begin_large(&c, 2);
	use_large(&c, 0);
	use_large(&c, 1);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	assert_int_equal(reaches(&c, 1, eptp, LARGE(2), 1), HOST_RAM_FRAME + DATA);
	l1_set(c.r, PD_LARGE, 2, LARGE_PAGE(1));
	nvmx_ept_invept_range(c.v[0], EPTP, LARGE(2), LARGE(3) - 1);
	assert_int_equal(comes_to(&c, 0, LARGE(2)), HOST_RAM_FRAME + DATA + FRAMES_OF_LARGE);
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), LARGE(4), 1), HOST_RAM_FRAME + DATA);
	assert_int_equal(reaches(&c, 1, eptp, LARGE(2), 1), HOST_RAM_FRAME + DATA); /* it has executed none */
	nvmx_host_invalidate(&c.r->vm, c.v[0], DATA * 0x1000ull, 0x200000);
	assert_int_equal(kicks, 1);
	assert_int_equal(reaches(&c, 1, nvmx_ept_root(c.v[1], EPTP), LARGE(2), 1), HOST_RAM_FRAME + DATA + FRAMES_OF_LARGE);
	end(&c);
}

/* Each vCPU's INVEPT is its own: what another has compared before it is not good enough, what it has compared after it is. */
static void test_clocks(void **state)
{
	unsigned faults = 0;
	uint64_t eptp;
	struct cpus c;

	(void)state;
	begin(&c, 2, 0, 0);
	use_all(&c, 0);
	use_all(&c, 1);
	nvmx_ept_invept(c.v[0], NVMX_FLUSH_SINGLE, EPTP);
	use(&c, 0, EPTP, 0, NVMX_ACCESS_R, &faults);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	l1_set(c.r, PT, 3, PAGE(DATA + 601));
	assert_int_equal(reaches(&c, 1, eptp, 3 << 12, 1), HOST_RAM_FRAME + DATA + 3);
	nvmx_ept_invept(c.v[1], NVMX_FLUSH_SINGLE, EPTP);
	use(&c, 1, EPTP, 5 << 12, NVMX_ACCESS_R, &faults);
	assert_int_not_equal(reaches(&c, 1, nvmx_ept_root(c.v[1], EPTP), 3 << 12, 1), HOST_RAM_FRAME + DATA + 3);
	/* of a range, and of a table that this vCPU has no more */
	nvmx_ept_invept(c.v[0], NVMX_FLUSH_SINGLE, EPTP);
	use(&c, 0, EPTP, 4 << 12, NVMX_ACCESS_R, &faults);
	use_all(&c, 0);
	nvmx_give_pages(c.v[0], 10000);
	l1_set(c.r, PT, 4, PAGE(DATA + 602));
	nvmx_ept_invept_range(c.v[0], EPTP, 4 << 12, (5 << 12) - 1);
	use(&c, 0, EPTP, 5 << 12, NVMX_ACCESS_R, &faults);
	assert_int_not_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 4 << 12, 1), HOST_RAM_FRAME + DATA + 4);
	end(&c);
}

/* While a violation of the first vCPU is on its way with an old entry, L1 changes that, and the second one executes INVEPT, compares
 * and uses the table: it must not be given the old one. */
static struct cpus *racing;
static const struct changed {
	unsigned table, index;
	uint64_t entry, gpa2, size; /* where the table begins, what an entry maps */
	uint64_t frame; /* of the host, that is right then */
} small_changed = { PT, 200, PAGE(DATA + 603), 0, 4096, HOST_RAM_FRAME + DATA + 603 },
  large_changed = { PD_LARGE, 200, LARGE_PAGE(1), LARGE(0), 0x200000, HOST_RAM_FRAME + DATA + FRAMES_OF_LARGE }, *changed;

static void change_and_compare(void)
{
	unsigned faults = 0;

	l1_set(racing->r, changed->table, changed->index, changed->entry);
	nvmx_ept_invept(racing->v[1], NVMX_FLUSH_SINGLE, EPTP);
	use(racing, 1, EPTP, changed->gpa2, NVMX_ACCESS_R, &faults);
}

/* A violation at `page`, whose host is asked for so many frames before that. */
static void come_late(const struct changed *what, uint64_t page, unsigned asked)
{
	uint64_t gpa2 = what->gpa2 + what->index * what->size;
	struct nvmx_ept_fault f;
	unsigned faults = 0;
	struct cpus c;

	if (what->size > 4096)
		begin_large(&c, 2);
	else
		begin(&c, 2, 0, 0);
	changed = what;
	use(&c, 0, EPTP, what->gpa2, NVMX_ACCESS_R, &faults);
	use(&c, 1, EPTP, what->gpa2, NVMX_ACCESS_R, &faults);
	racing = &c;
	meanwhile = change_and_compare;
	asked_before = asked;
	assert_int_equal(nvmx_ept_violation(c.v[0], EPTP, what->gpa2 + page * what->size, QUAL(1), &f), NVMX_EPT_RETRY);
	assert_null(meanwhile);
	faults = 0;
	use(&c, 1, EPTP, gpa2, NVMX_ACCESS_R, &faults);
	assert_int_equal(reaches(&c, 1, nvmx_ept_root(c.v[1], EPTP), gpa2, 1), what->frame);
	end(&c);
}

static void test_late_fill(void **state)
{
	(void)state;
	come_late(&small_changed, 200, 0);
	come_late(&large_changed, 200, 0);
}

/* Of a neighbour, which was read before the second vCPU compared the table, and would be put there after it. */
static void test_late_neighbour(void **state)
{
	(void)state;
	come_late(&small_changed, 196, 20); /* the one that faults, and those in front of it and behind it */
	come_late(&large_changed, 196, 20);
}

/* The vCPU that made the tables goes while the other uses them; and another comes. */
static void test_gone(void **state)
{
	struct cpus c;
	uint64_t eptp;

	(void)state;
	begin(&c, 3, 0, 0);
	use_all(&c, 0);
	use_all(&c, 1);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	go(&c, 0);
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(reaches(&c, 1, eptp, i << 12, 2), HOST_RAM_FRAME + DATA + i);
	nvmx_host_invalidate(&c.r->vm, NULL, (DATA + 1) * 0x1000ull, 4096);
	assert_int_equal(kicks, 1);
	assert_int_equal(reaches(&c, 1, nvmx_ept_root(c.v[1], EPTP), 1 << 12, 1), 0);
	come(&c, 0);
	assert_in_range(use_all(&c, 0), 1, 2);
	end(&c);
}

static struct nvmx_vm *shared_vm;
static unsigned left_for_later;
static void nobody_is_left(void)
{
	const struct nvmx_ept *ve = nvmx_ept_of_vm(shared_vm);

	left_for_later += !ve->attached && ve->shared[0].heads[0].va;
}

/* The last vCPU takes the pages of what was shared, as many as there are: not under the VM's lock, for which a vCPU that comes waits,
 * perhaps with interrupts off. */
static void test_the_last_one_takes_its_time(void **state)
{
	struct cpus c;

	(void)state;
	begin(&c, 2, 0, 0);
	use_all(&c, 0);
	use_all(&c, 1);
	go(&c, 0);
	shared_vm = &c.r->vm;
	left_for_later = 0;
	lock_between(nobody_is_left);
	go(&c, 1);
	lock_between(NULL);
	assert_int_equal(left_for_later, 1);
	come(&c, 1); /* and sharing begins anew */
	come(&c, 0);
	use_all(&c, 1);
	assert_in_range(use_all(&c, 0), 1, 2);
	end(&c);
}

/* The host has no page while the first vCPU gets what sharing needs: what it has got by then serves for tables, as pages that are zero. */
static void test_a_short_start(void **state)
{
	unsigned roots = 0;
	struct cpus c;

	(void)state;
	for (unsigned limit = 20; limit < 80; limit++) {
		begin(&c, 2, 0, 0);
		of_vm->page_limit = limit;
		roots += nvmx_ept_root(c.v[0], EPTP) != 0;
		for (const uint64_t *page = nvmx_ept_of(c.v[0])->pool; page; page = (const uint64_t *)(uintptr_t)page[0])
			for (unsigned i = 2; i < 512; i++)
				assert_int_equal(page[i], 0);
		of_vm->page_limit = HOST_PAGES;
		for (unsigned i = 0; i < 2; i++)
			use_all(&c, i);
		end(&c);
	}
	assert_in_range(roots, 1, 59);
}

/* One vCPU gives all its pages back: the other goes on, and what it alone uses then is given by it. */
static void test_give_pages(void **state)
{
	uint64_t eptp, filled;
	struct cpus c;

	(void)state;
	begin(&c, 2, 0, 0);
	use_all(&c, 0);
	use_all(&c, 1);
	eptp = nvmx_ept_root(c.v[1], EPTP);
	nvmx_give_pages(c.v[0], 10000);
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(reaches(&c, 1, eptp, i << 12, 2), HOST_RAM_FRAME + DATA + i);
	assert_int_equal(use_all(&c, 0), 1);
	nvmx_give_pages(c.v[0], 10000);
	nvmx_give_pages(c.v[1], 10000);
	filled = fills(&c);
	use_all(&c, 1);
	assert_int_equal(use_all(&c, 0), 1);
	assert_int_equal(fills(&c), filled + 512);
	end(&c);
}

/* The host's map is another one: what was made before is not found again, though one vCPU has it still. */
static void test_changed(void **state)
{
	struct cpus c;

	(void)state;
	begin(&c, 2, 0, 0);
	use_all(&c, 0);
	use_all(&c, 1);
	for (unsigned i = 0; i < 512; i++)
		of_vm->map[DATA + i].frame += FRAMES;
	nvmx_host_changed(&c.r->vm, NULL);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		use_all(&c, cpu);
		for (uint64_t i = 0; i < 512; i++)
			assert_int_equal(reaches(&c, cpu, nvmx_ept_root(c.v[cpu], EPTP), i << 12, 1), HOST_RAM_FRAME + DATA + i + FRAMES);
	}
	end(&c);
}

/* A frame that L2s of two vCPUs may write to by a table of both is not watched; one that a single vCPU has is taken from it. */
static void test_watch(void **state)
{
	unsigned faults = 0;
	struct cpus c;

	(void)state;
	begin(&c, 2, 0, NVMX_WATCHES_MIN);
	use(&c, 0, EPTP, 0, NVMX_ACCESS_W, &faults);
	assert_true(nvmx_ept_protect(c.v[0], DATA * 0x1000ull, true));
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 0, 2), 0);
	use(&c, 0, EPTP, 0, NVMX_ACCESS_W, &faults);
	use(&c, 1, EPTP, 0, NVMX_ACCESS_W, &faults);
	assert_false(nvmx_ept_protect(c.v[0], DATA * 0x1000ull, true));
	assert_int_equal(reaches(&c, 1, nvmx_ept_root(c.v[1], EPTP), 0, 2), HOST_RAM_FRAME + DATA);
	end(&c);
}

/* The books of nvmx_checked_ops(): what one vCPU got another one gives back, and that is right if they are the VM's. */
static uint64_t with_books(bool of_all)
{
	static struct nvmx_ledger_page pages[3][4096];
	static struct nvmx_ledger books[3];
	uint64_t broken = 0;
	unsigned faults = 0;
	struct cpus c;

	memset(pages, 0, sizeof(pages));
	begin(&c, 0, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		books[i] = (struct nvmx_ledger){
			.size = sizeof(books[i]), .host = &c.host[i % 2], .maxphyaddr = 52, .pages = pages[i], .pages_n = 4096,
			.vm = of_all && i ? &books[0] : NULL,
		};
		assert_non_null(nvmx_checked_ops(&ops, &books[i]));
	}
	c.r->vm.ops = &books[0].table;
	for (c.n = 0; c.n < 2; c.n++) {
		come(&c, c.n);
		c.v[c.n]->host = nvmx_checked_host(&books[1 + c.n]);
		books[1 + c.n].host = &c.host[c.n];
	}
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 2; i++)
			use(&c, i, EPTP, 0, NVMX_ACCESS_W, &faults);
	go(&c, 0);
	broken += nvmx_ledger_end(&books[1]);
	use(&c, 1, EPTP, 0, NVMX_ACCESS_W, &faults);
	end(&c);
	return broken + nvmx_ledger_end(&books[2]) + nvmx_ledger_end(&books[0]);
}

static void test_books(void **state)
{
	(void)state;
	assert_int_equal(with_books(true), 0);
	assert_int_not_equal(with_books(false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cost), cmocka_unit_test(test_cost_large), cmocka_unit_test(test_second),
		cmocka_unit_test(test_second_large), cmocka_unit_test(test_link_among_large), cmocka_unit_test(test_revoke),
		cmocka_unit_test(test_revoke_of_large), cmocka_unit_test(test_range_of_large),
		cmocka_unit_test(test_revoke_what_another_dropped), cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_late_fill), cmocka_unit_test(test_late_neighbour), cmocka_unit_test(test_gone),
		cmocka_unit_test(test_the_last_one_takes_its_time),
		cmocka_unit_test(test_a_short_start), cmocka_unit_test(test_give_pages), cmocka_unit_test(test_changed), cmocka_unit_test(test_watch),
		cmocka_unit_test(test_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
