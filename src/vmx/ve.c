/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * EPT violations of L2 that L1 wants L2 to get as virtualization exceptions (SDM 25.5.7).
 */
#include "port.h"

struct ve_info {
	uint32_t reason;
	uint32_t busy; /* all ones until L2 has handled the exception */
	uint64_t qualification;
	uint64_t linear;
	uint64_t physical;
	uint16_t eptp_index;
} __attribute__((packed));

bool nvmx_ve(struct nvmx_vcpu *v, const struct nvmx_exit_info *exit)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	uint64_t at = v12->ve_info_addr;
	struct ve_info info = { NVMX_XR_EPT_VIOLATION, ~0u, exit->qualification, exit->linear, exit->physical,
				v12->eptp_index };
	uint32_t busy;

	/* Convertible (25.5.7.1), and the area is free (25.5.7.2). */
	if (!(nvmx_v12_proc2(v12) & NVMX_PROC2_VE) || exit->reason != NVMX_XR_EPT_VIOLATION ||
	    exit->idt_info & NVMX_INTR_VALID || !(nvmx_vmread(v, NVMX_GUEST_CR0) & NVMX_CR0_PE))
		return false;
	return !nvmx_gpa_read(v, at + offsetof(struct ve_info, busy), &busy, sizeof(busy)) && !busy &&
	       !nvmx_gpa_write(v, at, &info, sizeof(info));
}
