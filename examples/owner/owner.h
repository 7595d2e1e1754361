/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A host that owns interrupts, on the fake processor: what docs/embedding.md quotes.  ops.c answers the library, exits.c has the
 * exits that are the host's, loop.c the run loop and the events, move.c what moves a vCPU or takes its memory away.
 */
#ifndef EXAMPLE_OWNER_H
#define EXAMPLE_OWNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <nestvmx/checked.h>
#include <nestvmx/fake.h>
#include <nestvmx/nestvmx.h>
#include <cmocka.h>

#define KICK 0xf3u      /* the host's own vector, which makes a processor leave its guest */
#define VPID_L1 1u
#define VPID_L2 2u      /* and the seven behind it */
#define NOBODY (~0ull)

struct nvmx_host {
	struct fake_cpu cpu;            /* the processor that the vCPU runs on */
	struct fake_mem mem;
	struct nvmx_caps hw;
	struct nvmx_vm *vm;
	struct nvmx_vcpu *vcpu;
	uint64_t vmcs01;
	uint64_t pending[4];            /* external interrupts that L1 has not got yet */
	bool nmi;
	uint64_t away;                  /* a frame of L1 that the host has swapped out, or NOBODY */
	unsigned runs, interrupts, paged_in, hypercalls, kicks;
	void (*between)(struct nvmx_host *h); /* what the test does between two runs of the guest, or NULL */
	struct nvmx_ledger ledger;
	struct nvmx_ledger_page pages[2 * FAKE_HOST_FRAMES];
	_Alignas(64) unsigned char vm_memory[NVMX_VM_SIZE], vcpu_memory[NVMX_VCPU_SIZE];
};

/* ops.c */
extern const struct nvmx_host_ops owner_ops;

/* exits.c: an exit that the library left to the host */
enum nvmx_verdict exit_of_hosts(struct nvmx_host *h, struct nvmx_regs *regs);

/* loop.c */
void host_setup(struct nvmx_host *h, const struct fake_code *code, size_t codes, struct fake_trace *trace);
void host_start(struct nvmx_host *h);
enum fake_stop host_run(struct nvmx_host *h);
void host_end(struct nvmx_host *h);

/* move.c */
void page_in(struct nvmx_host *h);
void swap_out(struct nvmx_host *h, uint64_t gpa);
void other_processor(struct nvmx_host *h);
void other_machine(struct nvmx_host *h);

#endif
