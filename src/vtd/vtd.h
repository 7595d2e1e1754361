/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The virtual VT-d unit's state, and what its parts offer each other.  docs/vtd.md tells how they work together. */
#ifndef NVMX_SRC_VTD_VTD_H
#define NVMX_SRC_VTD_VTD_H

#include <nestvmx/vtd.h>
#include <string.h>

#define BIT(n) (1u << (n))
#define BIT64(n) (1ull << (n))

/* Rows of regs.def. */
enum vtd_reg {
#define R(name, offset, bytes, needs, writable, w1c, reset, after) REG_##name,
#include "regs.def"
	REGS
};
#define FRCDS 8u

/* CAP (10.4.2) and ECAP (10.4.3). */
#define CAP_RWBF BIT64(4)
#define CAP_CM BIT64(7)
#define CAP_SAGAW_SHIFT 8
#define CAP_MGAW(cap) (((cap) >> 16 & 0x3f) + 1)
#define CAP_ZLR BIT64(22)
#define CAP_SLLPS_2M BIT64(34)
#define CAP_SLLPS_1G BIT64(35)
#define CAP_PSI BIT64(39)
#define CAP_MAMV(cap) ((unsigned)((cap) >> 48 & 0x3f))
#define CAP_DRAIN (3ull << 54)
#define ECAP_C BIT64(0)
#define ECAP_QI BIT64(1)
#define ECAP_DT BIT64(2)
#define ECAP_IR BIT64(3)
#define ECAP_EIM BIT64(4)
#define ECAP_PT BIT64(6)
#define ECAP_SC BIT64(7)
#define MAMV 18u
#define MHMV 15u

/* GCMD and GSTS (10.4.4, 10.4.5): a command and its status are the same bit. */
#define GCMD_TE BIT(31)
#define GCMD_SRTP BIT(30)
#define GCMD_WBF BIT(27)
#define GCMD_QIE BIT(26)
#define GCMD_IRE BIT(25)
#define GCMD_SIRTP BIT(24)
#define GCMD_CFI BIT(23)

/* FSTS (10.4.9), ICS (10.4.26), FECTL and IECTL (10.4.10, 10.4.27). */
#define FSTS_PFO BIT(0)
#define FSTS_PPF BIT(1)
#define FSTS_IQE BIT(4)
#define FSTS_ICE BIT(5)
#define FSTS_ITE BIT(6)
#define FSTS_FRI_SHIFT 8
#define ICS_IWC BIT(0)
#define EVENT_IM BIT(31)
#define EVENT_IP BIT(30)

#define ADDRESS_BITS 0xfffffffffffff000ull

enum vtd_event { EVENT_FAULT, EVENT_INVALIDATION };

struct nvmx_vtd {
	const struct nvmx_vtd_ops *ops;
	struct nvmx_vtd_host *host;
	struct nvmx_vtd_config config;
	uint64_t reg[REGS];
	uint64_t address_mask;   /* bits of L1's physical addresses */
	uint8_t frcd_next;       /* the fault recording register for the next fault */
	uint64_t counter[NVMX_VTD_CNT_COUNT];
};
_Static_assert(sizeof(struct nvmx_vtd) <= NVMX_VTD_SIZE, "NVMX_VTD_SIZE");

static inline void vtd_count(struct nvmx_vtd *u, enum nvmx_vtd_counter c)
{
	u->counter[c]++;
}

static inline bool vtd_has(const struct nvmx_vtd *u, uint32_t features)
{
	return (u->config.features & features) == features;
}

void nvmx_vtd_trace(struct nvmx_vtd *u, enum nvmx_vtd_event event, uint64_t a, uint64_t b);

/* caps.c */
int nvmx_vtd_check_caps(const struct nvmx_vtd_config *c, uint32_t *detail);
uint64_t nvmx_vtd_make_cap(const struct nvmx_vtd_config *c);
uint64_t nvmx_vtd_make_ecap(const struct nvmx_vtd_config *c);

/* regs.c */
void nvmx_vtd_regs_reset(struct nvmx_vtd *u);

/* event.c: the two interrupts of the unit itself (7.3, 6.5.2.8). */
/* A status bit that makes the event pending has been set; `before`: one was set already. */
void nvmx_vtd_event_raise(struct nvmx_vtd *u, enum vtd_event event, bool before);
/* The control register or the status was written by software. */
void nvmx_vtd_event_update(struct nvmx_vtd *u, enum vtd_event event);
/* Sets bits of FSTS or ICS, and raises the event. */
void nvmx_vtd_event_status(struct nvmx_vtd *u, enum vtd_event event, uint32_t bits);

/* fault.c */
/* Records a fault (7.2.1).  info: the record's low half; high: its high half without the F bit. */
void nvmx_vtd_fault_record(struct nvmx_vtd *u, uint64_t info, uint64_t high);
/* Software cleared an F bit: PPF and FRI follow. */
void nvmx_vtd_fault_update(struct nvmx_vtd *u);

#endif
