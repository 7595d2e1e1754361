/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The callbacks of a host on the fake processor, ready made (libnestvmx-fake.a, with <nestvmx/fake.h>): for tests that are about an exit
 * loop, or about some of the callbacks, and want the others to work.
 *
 *	struct nvmx_host {
 *		struct fake_host on; // the first member
 *		...
 *	};
 *	struct nvmx_host_ops ops = fake_ready_ops;
 *
 *	ops.translate = my_translate; // what the test is about
 *
 * All of L1's RAM is there, its own, write-back memory in frames of 4 KiB; elsewhere is nothing.  MSRs are the processor's.  A VMX
 * operation that fails ends the program.  Ops that a host may leave out are NULL.
 */
#ifndef NESTVMX_FAKE_OPS_H
#define NESTVMX_FAKE_OPS_H

#include <nestvmx/fake.h>
#include <nestvmx/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What these callbacks work on: the pointer that they get as their `struct nvmx_host *`, nvmx_vcpu_config.host, points at one. */
struct fake_host {
	struct fake_cpu cpu;
	struct fake_mem mem;
};

/* The table; `abi` and `size` are those of this header. */
extern const struct nvmx_host_ops fake_ready_ops;

#ifdef __cplusplus
}
#endif

#endif
