/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Memory operands: address sizes, registers, segments, limits, canonical addresses (SDM 3.7.5, 5.3, 27.2.5). */
#include "minihost.h"

enum { ES, CS, SS, DS, FS, GS };
#define NO_INDEX NVMX_BIT(22)
#define NO_BASE NVMX_BIT(27)
#define SIZE(n) ((uint32_t)(n) << 7)
#define SEG(n) ((uint32_t)(n) << 15)
#define INDEX(n, scale) ((uint32_t)(n) << 18 | (scale))
#define BASE(n) ((uint32_t)(n) << 23)

struct result {
	int status;
	uint64_t linear;
	struct nvmx_fault fault;
};

static struct result operand(struct mini *m, uint32_t info, uint64_t displacement, uint32_t len, bool write)
{
	struct result r = { 0 };
	struct nvmx_l1 l1;

	F01(EXIT_INSTR_INFO) = info;
	F01(EXIT_QUALIFICATION) = displacement;
	nvmx_l1_mode(m->v, &l1);
	r.status = nvmx_operand_address(m->v, &m->regs, &l1, len, write, &r.linear, &r.fault);
	return r;
}

static void is(struct result r, uint64_t linear)
{
	assert_int_equal(r.status, 0);
	assert_true(r.linear == linear);
}

static void faults(struct result r, unsigned vector)
{
	assert_int_equal(r.status, -1);
	assert_int_equal(r.fault.vector, vector);
	assert_int_equal(r.fault.error, 0);
}

static void mode32(struct mini *m)
{
	F01(ENTRY_CTLS) = 0;
	F01(GUEST_CS_AR) = 0xc09b;
}

static void registers_and_displacement(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < 16; i++)
		m->regs.gpr[i] = 0x1000u * (i + 1);
	F01(GUEST_RSP) = 0x99000;
	is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0x12345678, 8, false), 0x12345678);
	for (unsigned i = 0; i < 16; i++) {
		uint64_t value = i == 4 ? 0x99000 : 0x1000u * (i + 1);

		is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | BASE(i), 8, 8, false), value + 8);
		for (unsigned scale = 0; scale < 4; scale++)
			is(operand(m, SIZE(2) | SEG(DS) | NO_BASE | INDEX(i, scale), ~7ull, 8, false), (value << scale) - 8);
	}
	is(operand(m, SIZE(2) | SEG(DS) | BASE(1) | INDEX(2, 3), 5, 8, false), 0x2000 + 0x18000 + 5);
}

static void address_size_truncates(void **state)
{
	struct mini *m = *state;

	m->regs.gpr[RBX] = 0x1ffffffffull;
	is(operand(m, SIZE(1) | SEG(DS) | NO_INDEX | BASE(RBX), 2, 8, false), 1);
	is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | BASE(RBX), 2, 8, false), 0x200000001ull);
	mode32(m);
	m->regs.gpr[RBX] = 0x1ffff;
	is(operand(m, SIZE(0) | SEG(DS) | NO_INDEX | BASE(RBX), 0xabcd0002, 8, false), 1);
	is(operand(m, SIZE(1) | SEG(DS) | NO_INDEX | BASE(RBX), 2, 8, false), 0x20001);
}

static void segment_bases(void **state)
{
	struct mini *m = *state;

	for (unsigned s = ES; s <= GS; s++)
		*mini01(m, NVMX_I_GUEST_ES_BASE + s) = 0x100000000ull * (s + 1) + 0x10000 * (s + 1);
	for (unsigned s = ES; s <= DS; s++)
		is(operand(m, SIZE(2) | SEG(s) | NO_INDEX | NO_BASE, 0x10, 8, false), 0x10);
	is(operand(m, SIZE(2) | SEG(FS) | NO_INDEX | NO_BASE, 0x10, 8, false), 0x500050010ull);
	is(operand(m, SIZE(2) | SEG(GS) | NO_INDEX | NO_BASE, 0x10, 8, false), 0x600060010ull);
	mode32(m);
	for (unsigned s = ES; s <= GS; s++)
		is(operand(m, SIZE(1) | SEG(s) | NO_INDEX | NO_BASE, 0x10, 8, false), 0x10000u * (s + 1) + 0x10);
	F01(GUEST_DS_BASE) = 0xfffffff0; /* wraps */
	is(operand(m, SIZE(1) | SEG(DS) | NO_INDEX | NO_BASE, 0x20, 8, false), 0x10);
}

static void canonical_addresses(void **state)
{
	struct mini *m = *state;

	is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0x7ffffffffff8, 8, false), 0x7ffffffffff8);
	faults(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0x7ffffffffff9, 8, false), NVMX_VECTOR_GP);
	faults(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0x800000000000, 8, false), NVMX_VECTOR_GP);
	faults(operand(m, SIZE(2) | SEG(SS) | NO_INDEX | NO_BASE, 0x800000000000, 8, false), NVMX_VECTOR_SS);
	faults(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0xffff7fffffffffff, 8, false), NVMX_VECTOR_GP);
	is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0xffff800000000000, 8, false), 0xffff800000000000);
	F01(GUEST_FS_BASE) = 0x7ffffffff000;
	faults(operand(m, SIZE(2) | SEG(FS) | NO_INDEX | NO_BASE, 0x1000, 8, false), NVMX_VECTOR_GP);
	F01(GUEST_CR4) |= NVMX_CR4_LA57;
	is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0x800000000000, 8, false), 0x800000000000);
	faults(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 1ull << 56, 8, false), NVMX_VECTOR_GP);
}

static void no_limits_in_64bit_mode(void **state)
{
	struct mini *m = *state;

	F01(GUEST_DS_LIMIT) = 0;
	F01(GUEST_DS_AR) = NVMX_AR_UNUSABLE;
	is(operand(m, SIZE(2) | SEG(DS) | NO_INDEX | NO_BASE, 0x5000, 8, true), 0x5000);
}

static void limits(void **state)
{
	struct mini *m = *state;
	const uint32_t info = SIZE(1) | NO_INDEX | NO_BASE;

	mode32(m);
	for (unsigned s = ES; s <= GS; s++) {
		unsigned vector = s == SS ? NVMX_VECTOR_SS : NVMX_VECTOR_GP;

		*mini01(m, NVMX_I_GUEST_ES_LIMIT + s) = 0xfff;
		is(operand(m, info | SEG(s), 0xff8, 8, false), 0xff8);
		faults(operand(m, info | SEG(s), 0xff9, 8, false), vector);
		is(operand(m, info | SEG(s), 0xffc, 4, false), 0xffc);
		faults(operand(m, info | SEG(s), 0x1000, 1, false), vector);
	}
	F01(GUEST_DS_LIMIT) = 0xffffffff;
	is(operand(m, info | SEG(DS), 0xfffffff8, 8, false), 0xfffffff8);
	faults(operand(m, info | SEG(DS), 0xfffffff9, 8, false), NVMX_VECTOR_GP); /* beyond 4 GiB */
}

static void expand_down_limits(void **state)
{
	struct mini *m = *state;
	const uint32_t info = SIZE(1) | SEG(ES) | NO_INDEX | NO_BASE;

	mode32(m);
	F01(GUEST_ES_AR) = 0xc097;
	F01(GUEST_ES_LIMIT) = 0xfff;
	faults(operand(m, info, 0, 8, false), NVMX_VECTOR_GP);
	faults(operand(m, info, 0xfff, 8, false), NVMX_VECTOR_GP);
	is(operand(m, info, 0x1000, 8, true), 0x1000);
	is(operand(m, info, 0xfffffff8, 8, false), 0xfffffff8);
	faults(operand(m, info, 0xfffffffc, 8, false), NVMX_VECTOR_GP);
	F01(GUEST_ES_AR) = 0x8097; /* 16-bit: up to FFFFH */
	is(operand(m, info, 0xfff8, 8, false), 0xfff8);
	faults(operand(m, info, 0xfff9, 8, false), NVMX_VECTOR_GP);
	faults(operand(m, info, 0x20000, 8, false), NVMX_VECTOR_GP);
}

static void types(void **state)
{
	static const struct {
		uint32_t type;
		bool read, write;
	} table[] = {
		{ 0x1, true, false }, { 0x3, true, true }, { 0x5, true, false }, { 0x7, true, true },
		{ 0x9, false, false }, { 0xb, true, false }, { 0xd, false, false }, { 0xf, true, false },
	};
	struct mini *m = *state;

	mode32(m);
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		bool down = (table[i].type & 0xc) == 4;

		F01(GUEST_DS_AR) = 0xc090 | table[i].type;
		F01(GUEST_DS_LIMIT) = down ? 0 : 0xffffffff;
		for (unsigned write = 0; write < 2; write++) {
			struct result r = operand(m, SIZE(1) | SEG(DS) | NO_INDEX | NO_BASE, 0x100, 8, write);

			if (write ? table[i].write : table[i].read)
				is(r, 0x100);
			else
				faults(r, NVMX_VECTOR_GP);
		}
	}
	F01(GUEST_SS_AR) = NVMX_AR_UNUSABLE;
	faults(operand(m, SIZE(1) | SEG(SS) | NO_INDEX | NO_BASE, 0x100, 8, false), NVMX_VECTOR_SS);
	F01(GUEST_GS_AR) = NVMX_AR_UNUSABLE | 0xc093;
	faults(operand(m, SIZE(1) | SEG(GS) | NO_INDEX | NO_BASE, 0x100, 8, false), NVMX_VECTOR_GP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(registers_and_displacement),
		MINI_TEST(address_size_truncates),
		MINI_TEST(segment_bases),
		MINI_TEST(canonical_addresses),
		MINI_TEST(no_limits_in_64bit_mode),
		MINI_TEST(limits),
		MINI_TEST(expand_down_limits),
		MINI_TEST(types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
