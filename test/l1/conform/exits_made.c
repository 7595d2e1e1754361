/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 27.2.1, 27.2.5: which register an instruction names, for each of the sixteen, from code made here. */
#include "exit.h"

CODE(made_end, "");
static u8 made[64];

/* Prefix REX where a number is above 7, opcode of two bytes, ModR/M of two registers. */
static unsigned encode(u8 opcode, unsigned reg, unsigned rm, bool wide)
{
	u8 rex = (u8)((wide ? 8 : 0) | reg >> 3 << 2 | rm >> 3), *p = made;

	if (rex)
		*p++ = 0x40 | rex;
	*p++ = 0x0f;
	*p++ = opcode;
	*p++ = (u8)(0xc0 | (reg & 7) << 3 | (rm & 7));
	memcpy(p, made_end, 16);
	return (unsigned)(p - made);
}

static void give(unsigned number, u64 value)
{
	if (number == RSP)
		vmwrite(GUEST_RSP, value);
	else
		((u64 *)&guest.regs)[number] = value;
}

static void made_row(const char *id, struct exit_row *row, unsigned number, u64 value)
{
	row->code = made;
	if (!exit_prepare(row)) {
		skip(id, "not offered");
		return;
	}
	give(number, value);
	check(id, exit_text(row), exit_want(row));
}

enum { MOV_FROM_CR = 0x20, MOV_FROM_DR, MOV_TO_CR, MOV_TO_DR, GROUP9 = 0xc7, RDRAND_OF_GROUP9 = 6, RDSEED_OF_GROUP9 };

static const struct { const char *name; u8 cr, opcode; u32 proc; struct change change[2]; u64 value; } cr_moves[] = {
	{ "to_cr0", 0, MOV_TO_CR, .change = { { CR0_MASK, SET, CR0_TS } },
	  .value = CR0_PG | CR0_NE | CR0_ET | CR0_PE | CR0_TS },
	{ "to_cr3", 3, MOV_TO_CR, PROC_CR3_LOAD_EXITING, .value = 0x1000 },
	{ "from_cr3", 3, MOV_FROM_CR, PROC_CR3_STORE_EXITING },
	{ "to_cr4", 4, MOV_TO_CR, .change = { { CR4_MASK, SET, CR4_DE } }, .value = CR4_PAE | CR4_VMXE | CR4_DE },
	{ "to_cr8", 8, MOV_TO_CR, PROC_CR8_LOAD_EXITING, .value = 5 },
	{ "from_cr8", 8, MOV_FROM_CR, PROC_CR8_STORE_EXITING },
};

static void control_registers(void)
{
	for (unsigned i = 0; i < 16 * ARRAY_SIZE(cr_moves); i++) {
		unsigned k = i / 16, number = i % 16;
		u64 from = cr_moves[k].opcode == MOV_FROM_CR;
		struct exit_row row = { .on = { .proc = cr_moves[k].proc, .change = { cr_moves[k].change[0] } }, .reason = R_CR_ACCESS,
			.qualification = cr_moves[k].cr | from << 4 | (u64)number << 8 };

		row.length = encode(cr_moves[k].opcode, cr_moves[k].cr, number, false);
		made_row(text("%s.r%u", cr_moves[k].name, number), &row, number, cr_moves[k].value);
	}
}

/* DR4 and DR5 are others' names (volume 3, 17.2.2). */
static void debug_registers(void)
{
	static const u8 numbers[] = { 0, 1, 2, 3, 6, 7 };

	for (unsigned i = 0; i < 2 * 16 * ARRAY_SIZE(numbers); i++) {
		unsigned dr = numbers[i / 32], number = i % 16;
		bool from = i & 16;
		struct exit_row row = { .on = { .proc = PROC_MOV_DR_EXITING }, .reason = R_MOV_DR,
			.qualification = dr | (u64)from << 4 | (u64)number << 8 };

		row.length = encode(from ? MOV_FROM_DR : MOV_TO_DR, dr, number, false);
		made_row(text("%s_dr%u.r%u", from ? "from" : "to", dr, number), &row, number, 0x400);
	}
}

/* The operand sizes of 32 and 64 bits (27.2.5, table 27-12). */
static void random_numbers(void)
{
	for (unsigned i = 0; i < 2 * 2 * 16; i++) {
		unsigned number = i % 16;
		bool wide = i & 16, seed = i & 32;
		struct exit_row row = { .on = { .proc2 = seed ? PROC2_RDSEED_EXITING : PROC2_RDRAND_EXITING },
			.reason = seed ? R_RDSEED : R_RDRAND, .info = INFO_REG1(number) | (wide ? 2u : 1u) << 11,
			.info_mask = MASK_REG1 | 3u << 11 };

		row.length = encode(GROUP9, seed ? RDSEED_OF_GROUP9 : RDRAND_OF_GROUP9, number, wide);
		made_row(text("%s%s.r%u", seed ? "rdseed" : "rdrand", wide ? "64" : "32", number), &row, number, 0);
	}
}

void conform_exits_made(void)
{
	theme("made");
	exit_begin();
	control_registers();
	debug_registers();
	random_numbers();
}
