/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The neighbours of a page that faults: tables of L1's with runs of frames that follow each other, broken in every way, on hosts with
 * large and small pages.  What is filled is what EPT12 and the host say, and the host finds each leaf when it takes the frame back.
 */
#include "ept_cpus.h"

#define ROUNDS 400u

static uint64_t rnd;

static unsigned below(unsigned n)
{
	rnd ^= rnd << 13;
	rnd ^= rnd >> 7;
	rnd ^= rnd << 17;
	return (unsigned)(rnd >> 20) % n;
}

/* L1's table: runs of 1 to 200 entries, in which now and then one is absent, read-only, uncacheable, has an ignored bit or leads back. */
static void new_table(struct rig *r)
{
	unsigned frame = 0, left = 0;

	for (unsigned i = 0; i < 512; i++, left--) {
		uint64_t bits = 7 | WB_LEAF;

		if (!left) {
			left = below(3) ? 1 + below(200) : 1 + below(4);
			frame = below(1024);
		}
		switch (below(60)) {
		case 0: bits = 0; break;
		case 1: bits = 5 | WB_LEAF; break;
		case 2: bits = 7; break;
		case 3: bits |= NVMX_BIT64(55); break;
		case 4: frame = frame ? frame - 1 : 0; break;
		default: break;
		}
		l1_set(r, PT, i, bits ? (uint64_t)(DATA + frame) << 12 | bits : 0);
		frame = (frame + 1) % 1024;
	}
}

/* The host has L1's memory in pages of 2 MiB or in small ones, at other places than before. */
static void new_host(struct nvmx_host *h)
{
	for (unsigned block = 0; block < FRAMES; block += 512) {
		unsigned shift = below(3) ? 21 : 12, move = FRAMES * below(3);

		for (unsigned i = block; i < block + 512; i++) {
			h->map[i].rights = shift == 12 && i >= DATA && below(100) == 0 ? 5 : 7;
			h->map[i].shift = (uint8_t)shift;
			h->map[i].frame = HOST_RAM_FRAME + move + i;
		}
	}
}

/* Whether what the shadow has is right; how many leaves there are. */
static unsigned check(struct cpus *c, unsigned cpu)
{
	uint64_t eptp02 = nvmx_ept_root(c->v[cpu], EPTP), hpa, e;
	unsigned n = 0, rights, shift;

	for (uint64_t i = 0; i < 512; i++) {
		if (hw_walk(&c->host[cpu], eptp02, i << 12, &hpa, &rights, &shift))
			continue;
		e = c->r->host.ram[PT][i];
		assert_int_equal(hpa >> 12, of_vm->map[(e & NVMX_EPTE_ADDR) >> 12].frame);
		assert_int_equal(rights, e & 7 & of_vm->map[(e & NVMX_EPTE_ADDR) >> 12].rights);
		n++;
	}
	return n;
}

/* The host takes some frames back, or 2 MiB, perhaps twice: no leaf leads there any more.  Then L1 has them again. */
static void revoke(struct cpus *c, unsigned cpus)
{
	unsigned first = DATA + below(1024), count = 1 + below(40), rights, shift;
	uint64_t hpa;

	if (below(2)) {
		first &= ~511u;
		count = 512;
		nvmx_host_invalidate(&c->r->vm, NULL, (uint64_t)first << 12, (uint64_t)count << 12);
	}
	count = first + count > FRAMES ? FRAMES - first : count;
	nvmx_host_invalidate(&c->r->vm, NULL, (uint64_t)first << 12, (uint64_t)count << 12);
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		for (uint64_t i = 0; i < 512; i++)
			if (!hw_walk(&c->host[cpu], nvmx_ept_root(c->v[cpu], EPTP), i << 12, &hpa, &rights, &shift))
				assert_true(((c->r->host.ram[PT][i] & NVMX_EPTE_ADDR) >> 12) - first >= count);
}

static void run(unsigned cpus)
{
	unsigned filled = 0, faults = 0, cpu;
	struct cpus c;

	rnd = 0x9e3779b97f4a7c15ull + cpus;
	begin(&c, cpus, 0, 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		new_table(c.r);
		if (below(4) == 0) {
			new_host(of_vm);
			nvmx_host_changed(&c.r->vm, NULL);
		}
		for (cpu = 0; cpu < cpus; cpu++)
			nvmx_ept_invept(c.v[cpu], NVMX_FLUSH_SINGLE, EPTP);
		for (unsigned k = 0; k < 20; k++) {
			cpu = below(cpus);
			use(&c, cpu, EPTP, (uint64_t)below(512) << 12, 1u << below(2), &faults);
			filled += check(&c, cpu);
			if (below(4) == 0)
				revoke(&c, cpus);
		}
	}
	assert_true(filled > 20 * ROUNDS * 100);
	nvmx_host_invalidate(&c.r->vm, NULL, 0, ~0ull);
	for (cpu = 0; cpu < cpus; cpu++)
		assert_int_equal(check(&c, cpu), 0);
	end(&c);
}

static void test_one(void **state)
{
	(void)state;
	run(1);
}

static void test_two(void **state)
{
	(void)state;
	run(2);
}

/* Nothing but a run leads to these 2 MiB of L1's. */
static void test_run_alone(void **state)
{
	unsigned faults = 0;
	struct cpus c;

	(void)state;
	begin(&c, 1, 0, 0);
	for (unsigned i = 0; i < FRAMES; i++)
		of_vm->map[i].shift = 30;
	for (unsigned i = 0; i < 512; i++)
		l1_set(c.r, PT, i, PAGE(i < 17 ? DATA + i : DATA + 512 + i - 17));
	use(&c, 0, EPTP, 0, NVMX_ACCESS_R, &faults);
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 17 << 12, 1), 0);
	use(&c, 0, EPTP, 16 << 12, NVMX_ACCESS_R, &faults);
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 17 << 12, 1), HOST_RAM_FRAME + DATA + 512);
	assert_int_equal(faults, 2);
	nvmx_host_invalidate(&c.r->vm, NULL, (DATA + 512) * 0x1000ull, 0x200000);
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 17 << 12, 1), 0);
	assert_int_equal(reaches(&c, 0, nvmx_ept_root(c.v[0], EPTP), 16 << 12, 1), HOST_RAM_FRAME + DATA + 16);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one), cmocka_unit_test(test_two), cmocka_unit_test(test_run_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
