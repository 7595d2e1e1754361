/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The register file: accesses by L1 (VT-d 10.2, 10.4). */
#include "state.h"

enum after { NONE, GCMD, CCMD, FSTS, FECTL, IQT, ICS, IECTL, IVA, IOTLB, FRCD };

#define QUEUE NVMX_VTD_F_QUEUE
#define REMAP NVMX_VTD_F_REMAP
#define ADDRESS ADDRESS_BITS
static const struct reg_row {
	uint64_t writable, w1c, reset;
	uint16_t offset, needs;
	uint8_t bytes, after;
} rows[REGS] = {
#define R(name, offset, bytes, needs, writable, w1c, reset, after) { writable, w1c, reset, offset, needs, bytes, after },
#include "regs.def"
};

void nvmx_vtd_regs_reset(struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < REGS; i++)
		u->reg[i] = rows[i].reset;
	u->reg[REG_CAP] = nvmx_vtd_make_cap(&u->config);
	u->reg[REG_ECAP] = nvmx_vtd_make_ecap(&u->config);
	u->frcd_next = 0;
}

bool nvmx_vtd_reg_exists(const struct nvmx_vtd *u, enum vtd_reg i)
{
	return vtd_has(u, rows[i].needs);
}

uint64_t nvmx_vtd_reg_reset(enum vtd_reg i)
{
	return rows[i].reset;
}

static bool exists(const struct nvmx_vtd *u, const struct reg_row *row)
{
	return vtd_has(u, row->needs);
}

static bool allowed(struct nvmx_vtd *u, uint32_t offset, unsigned size)
{
	if ((size == 4 || size == 8) && !(offset & (size - 1)))
		return true;
	vtd_count(u, NVMX_VTD_CNT_BAD_ACCESS);
	nvmx_vtd_trace(u, NVMX_VTD_EV_BAD_ACCESS, offset, size);
	return false;
}

/* The bytes [offset, offset + size) that lie in the row, as shifts: of the register and of the access. */
static bool overlap(const struct reg_row *row, uint32_t offset, unsigned size, unsigned *reg_shift,
		    unsigned *value_shift, uint64_t *mask)
{
	uint32_t from = offset > row->offset ? offset : row->offset;
	uint32_t end = offset + size < row->offset + row->bytes ? offset + size : row->offset + row->bytes;

	if (from >= end)
		return false;
	*reg_shift = (from - row->offset) * 8;
	*value_shift = (from - offset) * 8;
	*mask = end - from == 8 ? ~0ull : BIT64(8 * (end - from)) - 1;
	return true;
}

uint64_t nvmx_vtd_read(struct nvmx_vtd *u, uint32_t offset, unsigned size)
{
	unsigned reg_shift, value_shift;
	uint64_t value = 0, mask;

	vtd_count(u, NVMX_VTD_CNT_READ);
	if (!allowed(u, offset, size) || offset > 0xfff)
		return 0;
	for (unsigned i = 0; i < REGS && rows[i].offset < offset + size; i++)
		if (overlap(&rows[i], offset, size, &reg_shift, &value_shift, &mask) && exists(u, &rows[i]))
			value |= (u->reg[i] >> reg_shift & mask) << value_shift;
	return value;
}

static void after_write(struct nvmx_vtd *u, enum after after, uint64_t written, uint64_t before)
{
	switch (after) {
	case GCMD: nvmx_vtd_gcmd(u, (uint32_t)written); break;
	case CCMD: nvmx_vtd_ccmd(u, written, before); break;
	case IOTLB: nvmx_vtd_iotlb(u, written, before); break;
	case FSTS:
	case FECTL: nvmx_vtd_event_update(u, EVENT_FAULT); break;
	case ICS:
	case IECTL: nvmx_vtd_event_update(u, EVENT_INVALIDATION); break;
	case FRCD: nvmx_vtd_fault_update(u); break;
	default: break;
	}
}

/* The bits of a register that keep what is written. */
uint64_t nvmx_vtd_reg_writable(const struct nvmx_vtd *u, enum vtd_reg i)
{
	uint64_t writable = exists(u, &rows[i]) ? rows[i].writable : 0;

	if ((writable & ADDRESS_BITS) == ADDRESS_BITS)
		writable &= u->address_mask | ~ADDRESS_BITS;
	if (i == REG_IRTA && !vtd_has(u, NVMX_VTD_F_EXTENDED))
		writable &= ~(uint64_t)IRTA_EIME;
	return writable;
}

/* `value` holds the bytes written, in place; `covered` which they are. */
static void write_row(struct nvmx_vtd *u, unsigned i, uint64_t value, uint64_t covered)
{
	const struct reg_row *row = &rows[i];
	uint64_t before = u->reg[i], writable = nvmx_vtd_reg_writable(u, i) & covered;

	u->reg[i] = ((before & ~writable) | (value & writable)) & ~(value & row->w1c & covered);
	if (row->after == IVA)
		u->iva = (u->iva & ~covered) | value;
	after_write(u, row->after, value & covered, before);
}

enum nvmx_vtd_verdict nvmx_vtd_write(struct nvmx_vtd *u, uint32_t offset, unsigned size, uint64_t value)
{
	unsigned reg_shift, value_shift;
	uint64_t mask;

	vtd_count(u, NVMX_VTD_CNT_WRITE);
	if (!allowed(u, offset, size) || offset > 0xfff)
		return nvmx_vtd_left(u);
	for (unsigned i = 0; i < REGS && rows[i].offset < offset + size; i++)
		if (overlap(&rows[i], offset, size, &reg_shift, &value_shift, &mask) && exists(u, &rows[i]))
			write_row(u, i, (value >> value_shift & mask) << reg_shift, mask << reg_shift);
	return nvmx_vtd_work(u);
}
