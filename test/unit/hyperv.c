/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Hyper-V's flush hypercalls: what they answer, and that no vCPU of the VM uses afterwards what was named. */
#include "ept_cpus.h"
#include <nestvmx/hyperv.h>

#define PARAMETERS 1500u /* L1's frame */
#define LIST(n) (NVMX_HV_FLUSH_LIST | (uint64_t)(n) << 32)
#define FAST NVMX_BIT64(16)
#define NO_FRAME ((uint64_t)FRAMES << 12)

static struct cpus cpus;
static void (*at_map)(void); /* once, at the next */
static unsigned refuse_maps; /* so many are "not now" */

static void *map_and_tell(struct nvmx_host *h, uint64_t gpa, bool write)
{
	void (*then)(void) = at_map;

	lock_none_held();
	if (refuse_maps) {
		refuse_maps--;
		return NVMX_MAP_NOT_NOW;
	}
	at_map = NULL;
	if (then)
		then();
	return map(h, gpa, write);
}

static void begin_calls(unsigned n)
{
	begin(&cpus, n, 0, 0);
	ops.map = map_and_tell;
	at_map = NULL;
	refuse_maps = 0;
	l1_set(cpus.r, PD, 1, TABLE(PT2));
	l1_set(cpus.r, PD, 2, TABLE(PT2));
	for (unsigned i = 0; i < 512; i++)
		l1_set(cpus.r, PT2, i, PAGE(DATA + i));
}

static uint64_t *words(void)
{
	return of_vm->ram[PARAMETERS];
}

static uint64_t call(unsigned i, uint64_t input, uint64_t first, uint64_t second)
{
	uint64_t result = ~0ull;

	assert_int_equal(nvmx_hv_flush_guest_mapping(cpus.v[i], input, first, second, &result), 0);
	return result;
}

static void flush_space(unsigned i, uint64_t space)
{
	assert_int_equal(call(i, NVMX_HV_FLUSH_SPACE | FAST, space, 0), NVMX_HV_SUCCESS);
}

static void flush_list(unsigned i, uint64_t space, unsigned n, const uint64_t *elements)
{
	words()[0] = space;
	words()[1] = 0;
	for (unsigned k = 0; k < n; k++)
		words()[2 + k] = elements[k];
	assert_int_equal(call(i, LIST(n), PARAMETERS << 12, 0), (uint64_t)n << 32 | NVMX_HV_SUCCESS);
}

static void flush_page(unsigned i, uint64_t gpa2)
{
	flush_list(i, EPTP & ~0xfffull, 1, &gpa2);
}

/* The frame that vCPU i's L2 comes to, and the violations that it takes. */
static uint64_t frame_of(unsigned i, uint64_t eptp, uint64_t gpa2, unsigned *faults)
{
	assert_int_equal(use(&cpus, i, eptp, gpa2, NVMX_ACCESS_R, faults), NVMX_EPT_RETRY);
	return reaches(&cpus, i, nvmx_ept_root(cpus.v[i], eptp), gpa2, NVMX_ACCESS_R) - HOST_RAM_FRAME;
}

static void all_use(uint64_t gpa2, uint64_t frame)
{
	unsigned faults = 0;

	for (unsigned i = 0; i < cpus.n; i++)
		assert_int_equal(frame_of(i, EPTP, gpa2, &faults), frame);
}

/* L1 does not execute INVEPT anywhere. */
static void all_vcpus_see_what_one_has_named(void **state)
{
	(void)state;
	for (unsigned list = 0; list < 2; list++) {
		uint64_t eptp02[4];

		begin_calls(4);
		all_use(0x5000, DATA + 5);
		l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
		all_use(0x5000, DATA + 5); /* as it was, until L1 says so */
		for (unsigned i = 0; i < 4; i++)
			eptp02[i] = nvmx_ept_root(cpus.v[i], EPTP);
		kicks = 0;
		list ? flush_page(2, 0x5000) : flush_space(2, EPTP & ~0xfffull);
		assert_int_equal(kicks, 1);
		assert_int_equal(cpus.v[2]->counters[NVMX_CNT_HV_FLUSH], 1);
		for (unsigned i = 0; i < 4; i++) { /* nvmx_before_l2() */
			nvmx_ept_root(cpus.v[i], EPTP);
			assert_int_not_equal(reaches(&cpus, i, eptp02[i], 0x5000, NVMX_ACCESS_R), HOST_RAM_FRAME + DATA + 5);
		}
		all_use(0x5000, DATA + 600);
		end(&cpus);
	}
}

/* What was not named is neither compared nor asked for again, on the vCPU that calls and on the others. */
static void what_was_not_named_stays(void **state)
{
	unsigned faults = 0, maps;

	(void)state;
	begin_calls(2);
	all_use(0x5000, DATA + 5);
	all_use(0x206000, DATA + 6);
	all_use(0x406000, DATA + 6);
	l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
	flush_page(0, 0x5000);
	maps = of_vm->maps_all;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(frame_of(i, EPTP, 0x206000, &faults), DATA + 6);
		assert_int_equal(frame_of(i, EPTP, 0x406000, &faults), DATA + 6);
	}
	assert_int_equal(faults, 0);
	assert_int_equal(of_vm->maps_all - maps, 2 * 4); /* the way to the page, for each */
	flush_space(0, EPTP);
	assert_int_equal(frame_of(1, EPTP, 0x206000, &faults), DATA + 6);
	assert_int_not_equal(faults, 0);
	all_use(0x5000, DATA + 600);
	end(&cpus);
}

/* Nobody is kicked for a space that it has not used; bits 11:0 of the address do not matter. */
static void other_spaces_are_left_alone(void **state)
{
	unsigned faults = 0;

	(void)state;
	begin_calls(3);
	frame_of(0, EPTP, 0x5000, &faults);
	frame_of(1, EPTP_B, 0x5000, &faults);
	l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
	flush_space(0, EPTP);
	assert_int_equal(kicks, 0);
	assert_int_equal(frame_of(0, EPTP, 0x5000, &faults), DATA + 600);
	faults = 0;
	frame_of(1, EPTP_B, 0x6000, &faults);
	assert_int_equal(faults, 0);
	for (unsigned i = 0; i < 9; i++)
		flush_space(2, (EPTP_B & ~0xfffull) | i); /* one space, however it is called */
	assert_int_equal(kicks, 9);
	assert_int_equal(frame_of(1, EPTP_B, 0x5000, &faults), DATA + 600);
	assert_int_equal(nvmx_ept_of(cpus.v[1])->invept_alls, 0);
	end(&cpus);
}

/* Up to eight ranges and 32 tables are compared; more are cut off with their space, on each vCPU alike. */
static void many_ranges_are_all(void **state)
{
	uint64_t elements[510];

	(void)state;
	for (unsigned n = 1; n <= 510; n += n < 12 ? 1 : 166) {
		begin_calls(2);
		for (unsigned k = 0; k < 510; k++)
			elements[k] = k << 13; /* every other page */
		all_use(0x2000, DATA + 2);
		all_use(((uint64_t)n - 1) << 13, DATA + (n - 1) * 2 % 512);
		l1_set(cpus.r, PT, 2, PAGE(DATA + 600));
		l1_set(cpus.r, (n - 1) / 256 ? PT2 : PT, (n - 1) * 2 % 512, PAGE(DATA + 601));
		flush_list(0, EPTP, n, elements);
		all_use(((uint64_t)n - 1) << 13, DATA + 601);
		if (n > 2)
			all_use(0x2000, DATA + 600);
		end(&cpus);
	}
}

/* Three times 20 tables: one of the ranges is compared, the others are cut off. */
static void work_is_bounded(void **state)
{
	unsigned maps, faults = 0;

	(void)state;
	begin_calls(1);
	for (unsigned k = 0; k < 512; k++)
		l1_set(cpus.r, PD, k, TABLE(PT2));
	frame_of(0, EPTP, 0x5000, &faults);
	for (unsigned n = 0; n < 3; n++) {
		uint64_t list[5];

		for (unsigned k = 0; k < 5; k++) /* four tables each, where the one before ends */
			list[k] = (((uint64_t)n << 26) + ((uint64_t)k << 23)) | 0x7ff;
		flush_list(0, EPTP, 5, list);
	}
	maps = of_vm->maps_all;
	nvmx_ept_root(cpus.v[0], EPTP);
	assert_in_range(of_vm->maps_all - maps, 1, 32 * 4);
	end(&cpus);
}

/* 2,048 pages an element; the large pages of bit 11 are the space. */
static void elements_have_lengths(void **state)
{
	static const struct { uint64_t element, gpa2; bool named; } rows[] = {
		{ 0, 0, true }, { 0, 0x1000, false }, { 1, 0x1000, true }, { 1, 0x2000, false }, { 0x1ff, 0x1ff000, true },
		{ 0x1ff, 0x200000, false }, { 0x200, 0x200000, true }, { 0x7ff, 0x5ff000, true }, { 0x1000, 0, false },
		{ 0x800, 0x5ff000, true }, { 0x40000800, 0x1000, true }, { ~0xfffull, 0x1000, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned index = (unsigned)(rows[i].gpa2 >> 12) % 512;

		begin_calls(2);
		all_use(rows[i].gpa2, DATA + index);
		l1_set(cpus.r, rows[i].gpa2 >> 21 ? PT2 : PT, index, PAGE(DATA + 600));
		flush_list(0, EPTP, 1, &rows[i].element);
		all_use(rows[i].gpa2, rows[i].named ? DATA + 600 : DATA + index);
		end(&cpus);
	}
}

static void each_status(void **state)
{
	static const uint64_t at = PARAMETERS << 12;
	static const struct { uint64_t input, first, second, words[4], result; } rows[] = {
		{ NVMX_HV_FLUSH_SPACE | FAST, EPTP, 0, { 0 }, 0 },
		{ NVMX_HV_FLUSH_SPACE, at, 0, { EPTP }, 0 },
		{ NVMX_HV_FLUSH_SPACE, at, ~0ull, { EPTP }, 0 }, /* there is no output */
		{ LIST(2), at, 0, { EPTP, 0, 0x5000, 0x6000 }, 2ull << 32 },
		{ LIST(2) | 1ull << 48, at, 0, { EPTP, 0, ~0ull, 0x6000 }, 2ull << 32 },
		{ 0x00ae, at, 0, { EPTP }, NVMX_HV_INVALID_CODE },
		{ 0x00b1, at, 0, { EPTP }, NVMX_HV_INVALID_CODE },
		{ NVMX_HV_FLUSH_SPACE | 1ull << 17, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ NVMX_HV_FLUSH_SPACE | 1ull << 26, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ NVMX_HV_FLUSH_SPACE | 1ull << 27, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ NVMX_HV_FLUSH_SPACE | 1ull << 31, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ NVMX_HV_FLUSH_SPACE | 1ull << 32, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ NVMX_HV_FLUSH_SPACE | 1ull << 48, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ LIST(1) | 1ull << 44, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ LIST(1) | 1ull << 60, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ LIST(0), at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ LIST(1) | 1ull << 48, at, 0, { EPTP }, NVMX_HV_INVALID_INPUT },
		{ LIST(1) | FAST, EPTP, 0, { 0 }, NVMX_HV_INVALID_INPUT },
		{ NVMX_HV_FLUSH_SPACE, at + 4, 0, { EPTP }, NVMX_HV_INVALID_ALIGNMENT },
		{ NVMX_HV_FLUSH_SPACE, at + 0xff8, 0, { EPTP }, NVMX_HV_INVALID_ALIGNMENT },
		{ NVMX_HV_FLUSH_SPACE, NO_FRAME, 0, { EPTP }, NVMX_HV_INVALID_ALIGNMENT },
		{ NVMX_HV_FLUSH_SPACE, ~7ull, 0, { EPTP }, NVMX_HV_INVALID_ALIGNMENT },
		{ LIST(511), at, 0, { EPTP }, NVMX_HV_INVALID_ALIGNMENT },
		{ LIST(4095), at, 0, { EPTP }, NVMX_HV_INVALID_ALIGNMENT },
		{ NVMX_HV_FLUSH_SPACE, at, 0, { EPTP, 1 }, NVMX_HV_INVALID_PARAMETER },
		{ NVMX_HV_FLUSH_SPACE, at, 0, { 1ull << 46 }, NVMX_HV_INVALID_PARAMETER },
		{ NVMX_HV_FLUSH_SPACE | FAST, 1ull << 46, 0, { 0 }, NVMX_HV_INVALID_PARAMETER },
		{ NVMX_HV_FLUSH_SPACE | FAST, EPTP, 1ull << 63, { 0 }, NVMX_HV_INVALID_PARAMETER },
		{ LIST(2), at, 0, { EPTP, 0, 0x5000, ~0x7feull }, 1ull << 32 | NVMX_HV_INVALID_PARAMETER },
		{ LIST(2), at, 0, { EPTP, 0, ~0x7feull, 0x5000 }, NVMX_HV_INVALID_PARAMETER },
	};

	(void)state;
	begin_calls(2);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t before = cpus.v[0]->counters[NVMX_CNT_HV_FLUSH];

		all_use(0x5000, DATA + 5);
		memcpy(words(), rows[i].words, sizeof(rows[i].words));
		if (call(0, rows[i].input, rows[i].first, rows[i].second) != rows[i].result)
			fail_msg("row %u", i);
		/* The valid elements before the invalid one are done. */
		assert_int_equal(cpus.v[0]->counters[NVMX_CNT_HV_FLUSH] - before, !(rows[i].result & 0xffff) || i == 28);
	}
	assert_int_equal(of_vm->maps_live, 0);
	end(&cpus);
}

/* An L2 makes no hypercall of L1's; a host that cannot kick has one vCPU; an L1 without EPT has nothing to flush. */
static void denied(void **state)
{
	unsigned faults = 0;

	(void)state;
	begin_calls(2);
	all_use(0x5000, DATA + 5);
	l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
	cpus.v[0]->in_l2 = true;
	assert_int_equal(call(0, NVMX_HV_FLUSH_SPACE | FAST, EPTP, 0), NVMX_HV_OPERATION_DENIED);
	cpus.v[0]->in_l2 = false;
	ops.kick_others = NULL;
	assert_int_equal(call(0, NVMX_HV_FLUSH_SPACE | FAST, EPTP, 0), NVMX_HV_OPERATION_DENIED);
	words()[0] = EPTP;
	words()[1] = 0;
	words()[3] = 0x5000;
	assert_int_equal(call(0, LIST(2) | 1ull << 48, PARAMETERS << 12, 0), 1ull << 32 | NVMX_HV_OPERATION_DENIED);
	all_use(0x5000, DATA + 5);
	go(&cpus, 1);
	flush_space(0, EPTP);
	assert_int_equal(frame_of(0, EPTP, 0x5000, &faults), DATA + 600);
	cpus.r->vm.caps.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = 0;
	assert_int_equal(call(0, NVMX_HV_FLUSH_SPACE | FAST, EPTP, 0), NVMX_HV_INVALID_CODE);
	end(&cpus);
}

/* The page of the parameters, and one of L1's tables when L2 is entered: that is taken for changed. */
static void not_now(void **state)
{
	uint64_t result = 7;
	unsigned faults = 0;

	(void)state;
	begin_calls(2);
	all_use(0x5000, DATA + 5);
	words()[0] = EPTP;
	words()[1] = 0;
	words()[2] = 0x5000;
	refuse_maps = 1;
	assert_int_equal(nvmx_hv_flush_guest_mapping(cpus.v[0], LIST(1), PARAMETERS << 12, 0, &result), 2);
	assert_int_equal(cpus.v[0]->awaited_gpa, PARAMETERS << 12);
	assert_true(result == 7 && !kicks && !cpus.v[0]->counters[NVMX_CNT_HV_FLUSH] && !cpus.v[0]->not_now);
	l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
	assert_int_equal(nvmx_hv_flush_guest_mapping(cpus.v[0], LIST(1), PARAMETERS << 12, 0, &result), 0);
	refuse_maps = 1;
	nvmx_ept_root(cpus.v[1], EPTP);
	assert_int_equal(refuse_maps, 0);
	assert_false(cpus.v[1]->not_now);
	all_use(0x5000, DATA + 600);

	/* A call that will be repeated is in no hurry, and forgets nothing. */
	l1_set(cpus.r, PT, 5, PAGE(DATA + 601));
	flush_page(0, 0x5000);
	cpus.v[1]->not_now = true;
	cpus.v[1]->awaited_gpa = 0x1234000;
	refuse_maps = 9;
	nvmx_ept_root(cpus.v[1], EPTP);
	assert_true(refuse_maps == 9 && cpus.v[1]->not_now && cpus.v[1]->awaited_gpa == 0x1234000);
	refuse_maps = 0;
	cpus.v[1]->not_now = false;
	assert_int_equal(frame_of(1, EPTP, 0x5000, &faults), DATA + 601);
	end(&cpus);
}

static void change_6_and_flush(void)
{
	l1_set(cpus.r, PT, 6, PAGE(DATA + 700));
	flush_page(0, 0x6000);
}

/* While vCPU 1 compares what was named, vCPU 0 names more: it is kicked again, and sees to that then. */
static void more_is_named_meanwhile(void **state)
{
	uint64_t eptp02;

	(void)state;
	begin_calls(2);
	all_use(0x5000, DATA + 5);
	all_use(0x6000, DATA + 6);
	eptp02 = nvmx_ept_root(cpus.v[1], EPTP);
	l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
	flush_page(0, 0x5000);
	assert_int_equal(kicks, 1);
	at_map = change_6_and_flush;
	assert_int_equal(nvmx_ept_root(cpus.v[1], EPTP), eptp02);
	assert_int_equal(kicks, 2);
	assert_int_equal(reaches(&cpus, 1, nvmx_ept_root(cpus.v[1], EPTP), 0x6000, NVMX_ACCESS_R), 0);
	all_use(0x5000, DATA + 600);
	all_use(0x6000, DATA + 700);
	end(&cpus);
}

static void name(struct nvmx_ept_named *to, uint64_t space, uint64_t gpa, uint64_t end)
{
	struct nvmx_ept_range r = { space, gpa, end };

	nvmx_ept_name(to, &r);
}

/* Ranges that touch become one; where there is no place, all of the space is named, and then all spaces. */
static void names_are_bounded(void **state)
{
	struct nvmx_ept_named n = { 0 };

	(void)state;
	name(&n, 1, 0x5000, 0x5fff);
	name(&n, 1, 0x6000, 0x6fff);
	name(&n, 1, 0x3000, 0x4fff);
	assert_true(n.n == 1 && n.range[0].gpa == 0x3000 && n.range[0].end == 0x6fff);
	name(&n, 2, 0x7000, 0x7fff);
	name(&n, 1, 0x8000, 0x8fff);
	assert_int_equal(n.n, 3);
	name(&n, 1, 0x4000, 0x9fff);
	assert_int_equal(n.n, 2);
	name(&n, 1, 0, ~0ull);
	name(&n, 1, ~0xfffull, ~0ull);
	assert_int_equal(n.n, 2);
	for (unsigned i = 0; i < 6; i++)
		name(&n, 2, (i + 10) * 0x2000, (i + 10) * 0x2000 + 0xfff);
	assert_int_equal(n.n, 8);
	name(&n, 2, 0x50000, 0x50fff);
	assert_int_equal(n.n, 2);
	assert_true(n.range[1].space == 2 && !n.range[1].gpa && n.range[1].end == ~0ull);
	for (unsigned i = 3; i < 9; i++)
		name(&n, i, 0x1000, 0x1fff);
	assert_true(n.n == 8 && !n.all);
	name(&n, 9, 0x1000, 0x1fff);
	assert_true(n.n == 8 && n.all);
}

/* More spaces than places wait for a vCPU: all of them are invalidated. */
static void too_many_spaces(void **state)
{
	unsigned faults = 0;

	(void)state;
	begin_calls(2);
	for (unsigned k = 0; k < 9; k++) {
		l1_set(cpus.r, 100 + k, 0, TABLE(PDPT));
		frame_of(1, (100 + k) * 0x1000ull | (EPTP & 0xfff), 0x5000, &faults);
	}
	l1_set(cpus.r, PT, 5, PAGE(DATA + 600));
	for (unsigned k = 0; k < 9; k++)
		flush_space(0, (100 + k) * 0x1000ull);
	assert_int_equal(kicks, 9);
	for (unsigned k = 9; k-- > 0;)
		assert_int_equal(frame_of(1, (100 + k) * 0x1000ull | (EPTP & 0xfff), 0x5000, &faults), DATA + 600);
	end(&cpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_vcpus_see_what_one_has_named),
		cmocka_unit_test(what_was_not_named_stays),
		cmocka_unit_test(other_spaces_are_left_alone),
		cmocka_unit_test(many_ranges_are_all),
		cmocka_unit_test(work_is_bounded),
		cmocka_unit_test(elements_have_lengths),
		cmocka_unit_test(each_status),
		cmocka_unit_test(denied),
		cmocka_unit_test(not_now),
		cmocka_unit_test(more_is_named_meanwhile),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(too_many_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
