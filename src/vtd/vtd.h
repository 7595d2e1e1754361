/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Constants of the VT-d specification that several parts need. */
#ifndef NVMX_SRC_VTD_VTD_H
#define NVMX_SRC_VTD_VTD_H

#include <nestvmx/vtd.h>
#include "../mem.h"

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

#define IRTA_EIME BIT64(11) /* 10.4.30: x2APIC destinations */
#define RTADDR_TTM (3ull << 10) /* 10.4.6: any other mode than legacy is invalid here */
#define IQA_DW BIT64(11)        /* 10.4.23: descriptors of 256 bits */
#define ADDRESS_BITS 0xfffffffffffff000ull

/* 3.14: what is written there is an interrupt, and nothing there is memory. */
#define INTERRUPT_RANGE 0xfee00000ull
#define INTERRUPT_RANGE_SIZE 0x100000ull

enum vtd_event { EVENT_FAULT, EVENT_INVALIDATION };

#endif
