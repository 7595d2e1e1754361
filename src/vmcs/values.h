/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Values that a register of the processor takes: one rule each for the fields of a VMCS (SDM 26.3.1.1), for the MSR areas
 * (26.4, 27.6: as WRMSR) and for what the library executes.  Pure.
 */
#ifndef NVMX_SRC_VALUES_H
#define NVMX_SRC_VALUES_H

#include "vmcs.h"

static inline bool nvmx_canonical(const struct nvmx_caps *caps, uint64_t address)
{
	unsigned unused = 64u - caps->linear_width;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
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
