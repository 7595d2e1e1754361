/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * An instruction that loads CR0 or CR4, judged: pure functions of what it changes.
 */
#ifndef NVMX_SRC_CR_H
#define NVMX_SRC_CR_H

#include <stdbool.h>
#include <stdint.h>

/* Control registers before and after, and what else decides.  The instruction loads CR0 or, with `is4`, CR4. */
struct nvmx_cr_change {
	uint64_t cr0, cr4, cr0_now, cr4_now, cr3;
	uint32_t cs_ar, tr_ar;
	bool lme, ia32e; /* IA32_EFER.LME and LMA before */
	bool is4;
};

/* Whether it is #GP(0), beside values that VMX operation does not support (SDM volume 2, MOV to control registers). */
bool nvmx_cr_faults(const struct nvmx_cr_change *c);
/* Whether it loads the PDPTEs (SDM 4.4.1). */
bool nvmx_cr_loads_pdptes(const struct nvmx_cr_change *c);
/* Whether it invalidates all TLB entries, or all of the current PCID (SDM 4.10.4.1). */
bool nvmx_cr_flushes(const struct nvmx_cr_change *c);

#endif
