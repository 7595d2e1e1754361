/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Primary fault logging (VT-d 7.2.1, 10.4.14). */
#include "state.h"

#define FRCD_F BIT64(63)
#define FRCD_SID 0xffffull

static uint64_t *record(struct nvmx_vtd *u, unsigned n)
{
	return &u->reg[REG_FRCD0_LO + 2 * n];
}

/* FRI names the oldest record that software has not cleared: they are filled in a ring. */
static void index_first(struct nvmx_vtd *u)
{
	uint64_t fsts = u->reg[REG_FSTS] & ~(uint64_t)(FSTS_PPF | 0xff00);

	for (unsigned i = 0; i < FRCDS; i++) {
		unsigned n = (u->frcd_next + i) % FRCDS;

		if (record(u, n)[1] & FRCD_F) {
			fsts |= FSTS_PPF | n << FSTS_FRI_SHIFT;
			break;
		}
	}
	u->reg[REG_FSTS] = fsts;
}

void nvmx_vtd_fault_update(struct nvmx_vtd *u)
{
	index_first(u);
	nvmx_vtd_event_update(u, EVENT_FAULT);
}

/* A pending record of the same source stands for its later faults, too. */
static bool collapses(struct nvmx_vtd *u, uint64_t high)
{
	for (unsigned n = 0; n < FRCDS; n++)
		if (record(u, n)[1] & FRCD_F && !((record(u, n)[1] ^ high) & FRCD_SID))
			return true;
	return false;
}

void nvmx_vtd_fault_record(struct nvmx_vtd *u, uint64_t info, uint64_t high)
{
	uint64_t *r = record(u, u->frcd_next);

	if (u->reg[REG_FSTS] & FSTS_PFO || collapses(u, high))
		return;
	if (r[1] & FRCD_F) {
		nvmx_vtd_event_status(u, EVENT_FAULT, FSTS_PFO);
		return;
	}
	r[0] = info;
	r[1] = high | FRCD_F;
	u->frcd_next = (uint8_t)((u->frcd_next + 1) % FRCDS);
	vtd_count(u, NVMX_VTD_CNT_FAULT_RECORD);
	if (u->reg[REG_FSTS] & FSTS_PPF)
		return;
	/* FRI is valid before the event is seen. */
	u->reg[REG_FSTS] |= (uint64_t)(r - record(u, 0)) / 2 << FSTS_FRI_SHIFT;
	nvmx_vtd_event_status(u, EVENT_FAULT, FSTS_PPF);
}

/* Faults that FPD of the entry suppresses (7.1.3, 5.1.4.1): those found after it was read. */
static bool qualified(enum nvmx_vtd_fault fault)
{
	switch (fault) {
	case NVMX_VTD_FAULT_ROOT_P:
	case NVMX_VTD_FAULT_ROOT:
	case NVMX_VTD_FAULT_CONTEXT:
	case NVMX_VTD_FAULT_ROOT_RSVD:
	case NVMX_VTD_FAULT_ROOT_ADDRESS:
	case NVMX_VTD_FAULT_IR_RSVD:
	case NVMX_VTD_FAULT_IR_INDEX:
	case NVMX_VTD_FAULT_IR_TABLE:
	case NVMX_VTD_FAULT_IR_COMPATIBILITY: return false;
	default: return true;
	}
}

void nvmx_vtd_fault(struct nvmx_vtd *u, uint16_t source_id, enum nvmx_vtd_fault fault, bool fpd, uint64_t info,
		    uint64_t type)
{
	vtd_count(u, NVMX_VTD_CNT_FAULT);
	nvmx_vtd_trace(u, NVMX_VTD_EV_FAULT, (uint64_t)source_id << 32 | fault, info);
	if (!fpd || !qualified(fault))
		nvmx_vtd_fault_record(u, info, type | (uint64_t)fault << 32 | source_id);
}
