/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Values that a register of the processor takes: one rule each for the fields of a VMCS (SDM 26.3.1.1), for the MSR areas
 * (26.4, 27.6: as WRMSR) and for what the library executes.  Pure.
 */
#ifndef NVMX_SRC_VALUES_H
#define NVMX_SRC_VALUES_H

#include "vmcs.h"

/* Whether all bits of a linear address above the width equal the highest of the width: the processor's, or that of a paging mode. */
static inline bool nvmx_canonical_in(unsigned width, uint64_t address)
{
	return (uint64_t)((int64_t)(address << (64 - width)) >> (64 - width)) == address;
}

static inline bool nvmx_canonical(const struct nvmx_caps *caps, uint64_t address)
{
	return nvmx_canonical_in(caps->linear_width, address);
}

static inline unsigned nvmx_width_of_cr4(uint64_t cr4) { return cr4 & NVMX_CR4_LA57 ? 57 : 48; }

/* The bits of CR0 or CR4 with a value that VMX operation does not support (SDM 23.8, A.7, A.8).  fixed0: NVMX_MSR_VMX_CR0_FIXED0 or
 * that of CR4; FIXED1 is the MSR behind it. */
static inline uint64_t nvmx_cr_unsupported(const struct nvmx_caps *caps, uint32_t fixed0, uint64_t cr)
{
	return (~cr & nvmx_caps_get(caps, fixed0)) | (cr & ~nvmx_caps_get(caps, fixed0 + 1));
}

/* The width of the physical addresses that a VMCS, and a pointer to one, may hold (SDM A.1, IA32_VMX_BASIC[48]). */
static inline unsigned nvmx_address_width(const struct nvmx_caps *caps)
{
	return nvmx_caps_get(caps, NVMX_MSR_VMX_BASIC) & NVMX_BIT64(48) ? 32 : caps->maxphyaddr;
}

/* EPT pointer (SDM 24.6.11): each of its parts by IA32_VMX_EPT_VPID_CAP (26.2.1.1), and all of them, as a VM entry, an INVEPT and an
 * EPTP switch want it. */
static inline bool nvmx_eptp_type_ok(uint64_t cap, uint64_t eptp)
{
	return (eptp & 7) == 6 ? cap & NVMX_EPT_WB : !(eptp & 7) && cap & NVMX_EPT_UC;
}

static inline bool nvmx_eptp_walk_ok(uint64_t cap, uint64_t eptp)
{
	unsigned length = (eptp >> 3 & 7) + 1;

	return length == 4 ? cap & NVMX_EPT_WALK4 : length == 5 && cap & NVMX_EPT_WALK5;
}

static inline bool nvmx_eptp_ad_ok(uint64_t cap, uint64_t eptp) { return !(eptp & NVMX_BIT64(6)) || cap & NVMX_EPT_AD; }
static inline bool nvmx_eptp_reserved_ok(uint64_t cap, uint64_t eptp)
{
	return !(eptp & (cap & NVMX_EPT_SSS ? 0xf00 : 0xf80));
}

static inline bool nvmx_eptp_ok(const struct nvmx_caps *caps, uint64_t eptp)
{
	uint64_t cap = nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP);

	return nvmx_eptp_type_ok(cap, eptp) && nvmx_eptp_walk_ok(cap, eptp) && nvmx_eptp_ad_ok(cap, eptp) &&
	       nvmx_eptp_reserved_ok(cap, eptp) && !(eptp >> caps->maxphyaddr);
}

/* IA32_EFER, IA32_DEBUGCTL, IA32_PERF_GLOBAL_CTRL: the processor's reserved bits */
static inline bool nvmx_efer_ok(const struct nvmx_caps *caps, uint64_t efer) { return !(efer & ~caps->efer_valid); }
static inline bool nvmx_debugctl_ok(const struct nvmx_caps *caps, uint64_t debugctl)
{
	return !(debugctl & ~caps->debugctl_valid);
}

static inline bool nvmx_perf_global_ok(const struct nvmx_caps *caps, uint64_t perf)
{
	return !(perf & ~caps->perf_global_valid);
}

/* IA32_PAT: each byte is 0, 1, 4, 5, 6 or 7: no bit above 2, and bit 1 only with bit 2. */
static inline bool nvmx_pat_ok(uint64_t pat)
{
	return !(pat & 0xf8f8f8f8f8f8f8f8ull) && !(pat & 0x0202020202020202ull & ~(pat >> 1));
}

/* IA32_S_CET and IA32_U_CET: bits 9:6 are reserved; SUPPRESS (10) and TRACKER (11) are not both 1.  The rest is a linear
 * address (nvmx_canonical()), as the rest of IA32_BNDCFGS is, whose bits 11:2 are reserved. */
static inline bool nvmx_cet_bits_ok(uint64_t cet) { return !(cet & 0x3c0) && (cet & 0xc00) != 0xc00; }
static inline bool nvmx_bndcfgs_bits_ok(uint64_t bndcfgs) { return !(bndcfgs & 0xffc); }

/* IA32_PKRS, IA32_TSC_AUX, IA32_FMASK: bits 63:32 are reserved. */
static inline bool nvmx_low_half(uint64_t value) { return !(value >> 32); }

/* SSP and IA32_PLi_SSP: bits 1:0 are 0. */
static inline bool nvmx_ssp_aligned(uint64_t ssp) { return !(ssp & 3); }

/* Table 4-8: bits 2:1, 8:5 and those beyond the physical-address width are reserved in a present entry. */
static inline bool nvmx_pdpte_ok(const struct nvmx_caps *caps, uint64_t pdpte)
{
	return !(pdpte & 1) || !(pdpte & 0x1e6 || pdpte >> caps->maxphyaddr);
}

#endif
