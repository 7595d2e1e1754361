/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef NVMX_SRC_WHY_H
#define NVMX_SRC_WHY_H

#include "route.h"
#include "../vmcs/controls.h"
#include <nestvmx/trace.h>

/* What one of the two, L1 by vmcs12 or the host by vmcs01, asks for. */
struct nvmx_asker {
	uint32_t ctl[NVMX_WORD_PROC2 + 1]; /* pin-based, primary, secondary */
	uint64_t proc3;
	uint32_t exceptions;
	bool pf_match;           /* the error-code mask and match decide, and not the bitmap's bit */
	bool mtf_event;          /* an MTF VM exit was injected */
	uint64_t cr0_mask, cr4_mask;
};

/*
 * What of the asker's makes the exit happen; `operand` is the MSR or port.  False: nothing of his.  Where a bitmap decides, it is
 * the bitmap that he uses; whether its bit is set is the caller's to know.
 */
bool nvmx_cause_of(const struct nvmx_asker *a, const struct nvmx_route_in *in, uint32_t operand, struct nvmx_why *why);
void nvmx_asker_of_vmcs12(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in, struct nvmx_asker *a);
/* A control that neither has: vmcs02's own. */
bool nvmx_cause_in_vmcs02(const struct nvmx_route_in *in, struct nvmx_why *why);

#endif
