/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Hosts at the points of a guest hypervisor's life in which its nested state has a different shape. */
#ifndef NVMX_FAKE_POINTS_H
#define NVMX_FAKE_POINTS_H

#include "host.h"

enum fake_point {
	FAKE_AT_START,       /* not in VMX operation */
	FAKE_AT_VMXON,       /* in VMX operation without a current VMCS */
	FAKE_AT_VMCS,        /* with one */
	FAKE_AT_ENTRY,       /* VMLAUNCH executed, L2 has not run */
	FAKE_AT_L2,          /* L2 runs */
	FAKE_AT_L2_SHADOW,   /* and has a shadow VMCS */
	FAKE_AT_SMM,         /* FAKE_AT_VMCS in SMM */
	FAKE_AT_SMM_L2,      /* FAKE_AT_L2 in SMM */
	FAKE_POINTS
};

/* A host whose guest has come to the point; *m and *r must live as long. */
struct nvmx_host *fake_host_at(enum fake_point point, struct fake_machine *m, struct fake_result *r);

#endif
