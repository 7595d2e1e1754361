/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MOV by which L1 reads or writes a register that metal stands in for (SDM vol. 2, chapter 2 and MOV, MOVZX). The
 * address is the VM exit's to tell; what is left is the length of the instruction, the register or immediate, the size.
 */
#include "metal.h"

#define MAX_LENGTH 15
#define ACCESS_LONG 0x2000u
#define ACCESS_DEFAULT_32 0x4000u
#define EFER_LMA 0x400ull
#define CR4_PSE 0x10ull
#define CR4_LA57 0x1000ull
#define ENTRY_PRESENT 1ull
#define ENTRY_LARGE 0x80ull
#define ENTRY_ADDRESS 0xffffffffff000ull
#define GUEST_PDPTE0 0x280a
#define RFLAGS_RF 0x10000ull

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, REX = 0x40 };

struct code {
	uint8_t byte[MAX_LENGTH];
	uint32_t have, at;
	bool long_mode, wide;		/* 64-bit code; 32-bit operands and addresses if no prefix says otherwise */
	bool operand_prefix, address_prefix;
	uint8_t rex;
};

static bool read_table(uint64_t address, uint32_t size, uint64_t *entry)
{
	*entry = 0;
	if (!memory_ram(address))
		return false;
	memcpy(entry, phys(address), size);
	return *entry & ENTRY_PRESENT;
}

/* Tables of 512 entries from `level` down; as the processor has just fetched from there, no right is missing. */
static bool walk(uint64_t table, uint32_t level, uint64_t linear, uint64_t *physical)
{
	uint64_t entry = table, page;

	for (; level; level--) {
		page = 1ull << (12 + 9 * (level - 1));
		if (!read_table((entry & ENTRY_ADDRESS) + linear / page % 512 * 8, 8, &entry))
			return false;
		if (level == 1 || (level < 4 && entry & ENTRY_LARGE)) {
			*physical = (entry & ENTRY_ADDRESS & -page) | (linear & (page - 1));
			return true;
		}
	}
	return false;
}

static bool walk_32(uint64_t linear, uint64_t *physical)
{
	uint64_t entry;

	if (!read_table((vmread(GUEST_CR3) & 0xfffff000) + (linear >> 22) * 4, 4, &entry))
		return false;
	if (entry & ENTRY_LARGE && vmread(GUEST_CR4) & CR4_PSE) {
		*physical = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32 | (linear & 0x3fffff);
		return true;
	}
	if (!read_table((entry & 0xfffff000) + (linear >> 12 & 0x3ff) * 4, 4, &entry))
		return false;
	*physical = (entry & 0xfffff000) | (linear & 0xfff);
	return true;
}

static bool translate(uint64_t linear, uint64_t *physical)
{
	uint64_t pdpte;

	*physical = linear;
	if (!(vmread(GUEST_CR0) & CR0_PG))
		return true;
	if (vmread(GUEST_IA32_EFER) & EFER_LMA)
		return walk(vmread(GUEST_CR3), vmread(GUEST_CR4) & CR4_LA57 ? 5 : 4, linear, physical);
	if (!(vmread(GUEST_CR4) & CR4_PAE))
		return walk_32(linear, physical);
	pdpte = vmread((enum vmcs_field)(GUEST_PDPTE0 + 2 * (linear >> 30 & 3)));
	return pdpte & ENTRY_PRESENT && walk(pdpte, 2, linear, physical);
}

static void fetch(struct code *c)
{
	uint64_t linear = vmread(GUEST_CS_BASE) * !c->long_mode + vmread(GUEST_RIP), physical = 0;

	if (!c->long_mode)
		linear = (uint32_t)linear;
	for (; c->have < MAX_LENGTH; c->have++, linear++, physical++) {
		if ((!c->have || !(linear % PAGE)) && !translate(linear, &physical))
			return;
		if (!memory_ram(physical))
			return;
		memcpy(&c->byte[c->have], phys(physical), 1);
	}
}

/* Behind the end of what could be read come zeros, and `at` is beyond `have`. */
static uint8_t next(struct code *c)
{
	uint8_t byte = c->at < c->have ? c->byte[c->at] : 0;

	c->at++;
	return byte;
}

static uint64_t next_number(struct code *c, uint32_t size)
{
	uint64_t value = 0;
	uint32_t i;

	for (i = 0; i < size; i++)
		value |= (uint64_t)next(c) << 8 * i;
	return value;
}

/* REX is one only right before the opcode. */
static uint8_t prefixes(struct code *c)
{
	for (;;) {
		uint8_t byte = next(c);

		switch (byte) {
		case 0x66: c->operand_prefix = true; break;
		case 0x67: c->address_prefix = true; break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: break;
		default:
			if (!c->long_mode || (byte & 0xf0) != REX)
				return byte;
			c->rex = byte;
			return next(c);
		}
		if (c->at > c->have)
			return byte;
	}
}

static uint32_t operand_size(const struct code *c)
{
	if (c->rex & REX_W)
		return 8;
	return c->operand_prefix == c->wide ? 2 : 4;
}

static uint32_t address_size(const struct code *c)
{
	if (c->long_mode)
		return c->address_prefix ? 4 : 8;
	return c->address_prefix == c->wide ? 2 : 4;
}

/* Passes over ModRM, SIB and displacement; false: the operand is a register. */
static bool skip_operand(struct code *c, uint8_t *modrm)
{
	uint32_t mod, rm, bytes;

	*modrm = next(c);
	mod = *modrm >> 6;
	rm = *modrm & 7;
	bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	if (address_size(c) == 2) {
		bytes = mod == 1 ? 1 : mod == 2 || (mod == 0 && rm == 6) ? 2 : 0;
	} else {
		if (rm == 4)
			rm = next(c) & 7;
		if (mod == 0 && rm == 5)
			bytes = 4;
	}
	next_number(c, bytes);
	return mod != 3;
}

static bool moves(struct code *c, struct mmio *m)
{
	uint8_t opcode = prefixes(c), modrm = 0;
	bool extend = opcode == 0x0f;

	if (extend)
		opcode = next(c);
	m->extended = operand_size(c);
	m->size = opcode & 1 ? m->extended : 1;
	if (!extend && opcode >= 0xa0 && opcode <= 0xa3) {	/* AL, eAX and an address */
		next_number(c, address_size(c));
		m->extended = m->size;
		m->write = opcode & 2;
		return true;
	}
	if (!skip_operand(c, &modrm))
		return false;
	m->reg = (uint8_t)((modrm >> 3 & 7) | (c->rex & REX_R ? 8 : 0));
	m->high = m->size == 1 && !c->rex && m->reg >= 4;
	if (extend) {						/* MOVZX */
		m->size = opcode & 1 ? 2 : 1;
		m->high = false;
		return opcode == 0xb6 || opcode == 0xb7;
	}
	m->extended = m->size == 4 ? 8 : m->size;
	m->write = !(opcode & 2);
	if (opcode >= 0x88 && opcode <= 0x8b)
		return true;
	if ((opcode != 0xc6 && opcode != 0xc7) || modrm & 0x38)
		return false;
	m->immediate = m->write = true;
	m->value = next_number(c, m->size == 8 ? 4 : m->size);
	if (m->size == 8)
		m->value = (uint64_t)(int64_t)(int32_t)m->value;
	return true;
}

static uint64_t *gpr(struct cpu *cpu, uint8_t reg, uint64_t *rsp)
{
	*rsp = reg == RSP ? vmread(GUEST_RSP) : 0;
	return reg == RSP ? rsp : &cpu->regs[reg];
}

/* The instruction at L1's RIP. false: it is none of these. */
bool mmio_decode(struct cpu *cpu, struct mmio *m)
{
	uint64_t rights = vmread(GUEST_CS_ACCESS_RIGHTS), rsp;
	struct code c = {
		.long_mode = vmread(GUEST_IA32_EFER) & EFER_LMA && rights & ACCESS_LONG,
	};

	*m = (struct mmio){ 0 };
	c.wide = c.long_mode || rights & ACCESS_DEFAULT_32;
	fetch(&c);
	if (!moves(&c, m) || c.at > c.have)
		return false;
	m->length = (uint8_t)c.at;
	if (m->write && !m->immediate) {
		m->value = *gpr(cpu, m->high ? m->reg - 4 : m->reg, &rsp);
		m->value >>= m->high ? 8 : 0;
	}
	if (m->write && m->size < 8)
		m->value &= (1ull << 8 * m->size) - 1;
	return true;
}

/* The instruction is done; a read has found `value`. */
void mmio_complete(struct cpu *cpu, const struct mmio *m, uint64_t value)
{
	uint64_t rsp, *to, mask;
	uint32_t shift = m->high ? 8 : 0;

	if (!m->write) {
		to = gpr(cpu, m->high ? m->reg - 4 : m->reg, &rsp);
		mask = m->extended >= 4 ? ~0ull : ((1ull << 8 * m->extended) - 1) << shift;
		value = m->size < 8 ? value & ((1ull << 8 * m->size) - 1) : value;
		*to = (*to & ~mask) | (value << shift & mask);
		if (to == &rsp)
			vmwrite(GUEST_RSP, rsp);
	}
	vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) & ~RFLAGS_RF);
	skip_bytes(m->length);
}
