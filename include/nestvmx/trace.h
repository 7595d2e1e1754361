/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What the library does and why: records for the op `trace`, and the reason why an exit of L2 is whose it is.
 */
#ifndef NESTVMX_TRACE_H
#define NESTVMX_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nvmx_vcpu;
struct nvmx_regs;

/*
 * Records of the op `trace`: what happened, and three values a, b and c, 0 where a record has none.  "vmcs12" is the
 * L1-physical address of L1's current VMCS.  In the order in which they come for an exit of L2 that is L1's, and L1's next
 * VMRESUME: EXIT, ROUTE, MSR_LIST, LEAVE; EXIT, CHECK or ENTER.
 */
enum nvmx_trace {
	/* nvmx_entry_refused().  a: VM-instruction error; b: vmcs12. */
	NVMX_TRACE_ENTRY_REFUSED = 1,
	/* vmcs02 exited for a VM-entry failure.  a: basic exit reason; b: exit qualification; c: vmcs12. */
	NVMX_TRACE_ENTRY_FAILED,
	/* nvmx_handle_exit() begins.  a: exit reason; b: 1 or 2, the level of the guest that exited; c: its RIP. */
	NVMX_TRACE_EXIT,
	/* An exit of L2 was routed.  a: basic exit reason; b: enum nvmx_owner, with bit 8 set if `shared`; c: enum nvmx_cause in
	 * bits 63:32, its detail in bits 31:0 (struct nvmx_why). */
	NVMX_TRACE_ROUTE,
	/* A check of VMLAUNCH or VMRESUME failed.  a: the row's place in nvmx_check_rows(); b: enum nvmx_consequence; c: vmcs12. */
	NVMX_TRACE_CHECK,
	/* L2 is about to run: by VMLAUNCH, VMRESUME, RSM or restored state.  a: vmcs12; b: L2's RIP; c: L2's CR3. */
	NVMX_TRACE_ENTER,
	/* A VM exit to L1, or a VM entry of L1's that failed like one (bit 31 of the reason).  a: exit reason; b: exit
	 * qualification; c: vmcs12.  vmcs12's exit information is complete, but not all of L1's state is loaded. */
	NVMX_TRACE_LEAVE,
	/* An EPT violation or misconfiguration of L2.  a: L2-physical address; b: exit qualification; c: 0: the shadow EPT has it
	 * now, 1: it is L1's, 2: the host's (nvmx_host_fault()), 3: no memory. */
	NVMX_TRACE_FILL,
	/* INVEPT of L1, past its checks.  a: type; b: EPT pointer. */
	NVMX_TRACE_INVEPT,
	/* INVVPID of L1, past its checks.  a: type; b: VPID; c: linear address. */
	NVMX_TRACE_INVVPID,
	/* An MSR area of L1's was gone through.  a: 0 VM-entry load, 1 VM-exit store, 2 VM-exit load; b: its count; c: the number of
	 * the entry that failed, from 1 on, or 0. */
	NVMX_TRACE_MSR_LIST,
	/* L1 cannot go on: NVMX_STOP.  a: enum nvmx_stop; b: nvmx_stop_detail(). */
	NVMX_TRACE_STOP,
	/* The host's own, which the library never makes: right before a VM entry of the current VMCS.  a: 1 or 2, the level of the guest
	 * that is entered.  nvmx-trace knows by it when the guest began to run. */
	NVMX_TRACE_RESUME,
	NVMX_TRACE_COUNT
};
/* "route"; NULL: no such record.  What its values are, i from 0 to 2: "cause"; NULL: not used.  Pure. */
const char *nvmx_trace_name(unsigned what);
const char *nvmx_trace_value_name(unsigned what, unsigned i);
/*
 * Writes the record as the line "trace CPU TIME NAME A B C" that nvmx-trace reads, CPU in decimal, TIME and the values in
 * hexadecimal, without values at the end that are 0; with a NUL and without an end of line, into buf[0..size), cut off where that is too
 * short.  Returns its whole length without the NUL, whatever `size` is;
 * NVMX_RECORD_MAX holds each.  `time` is of a clock that all processors share.  Pure; any context.
 */
#define NVMX_RECORD_MAX 128u
size_t nvmx_describe_record(char *buf, size_t size, unsigned cpu, uint64_t time, unsigned what, uint64_t a, uint64_t b, uint64_t c);

/* A record in a set of records. */
#define NVMX_TRACE_BIT(what) (1u << (what))
#define NVMX_TRACE_ALL (~0u)
/*
 * The records that the op `trace` gets from now on; after nvmx_vcpu_init() all of them.  Those that nobody wants cost the test
 * of a bit.  Nothing where the host has no such op.  The vCPU's own thread, between its calls.
 */
void nvmx_trace_select(struct nvmx_vcpu *v, uint32_t records);

/* Whose an exit of L2 is. */
enum nvmx_owner {
	NVMX_OWNER_L1,      /* it exits to L1 */
	NVMX_OWNER_LIBRARY, /* the library has dealt with it, and L2 goes on */
	NVMX_OWNER_HOST     /* NVMX_HOST */
};

/* Why: what its owner asked for.  L1 asks with vmcs12; the host, for whom the library acts too, with vmcs01. */
enum nvmx_cause {
	NVMX_CAUSE_NONE,             /* nothing of what the library knows: an exit that only a control causes which it knows not of */
	NVMX_CAUSE_ALWAYS,           /* nothing has to ask for it (SDM 25.1.2, 25.2) */
	NVMX_CAUSE_CONTROL,          /* a control; detail: bits 15:8 the word, bits 7:0 the bit, as with NVMX_ERR_CONTROL */
	NVMX_CAUSE_CONTROL_02,       /* the same, set by the host in vmcs02 itself (windows, MTF) */
	NVMX_CAUSE_EXCEPTION_BITMAP, /* detail: the vector */
	NVMX_CAUSE_PF_MATCH,         /* page-fault error-code mask and match (SDM 25.2); detail: the error code */
	NVMX_CAUSE_CR_MASK,          /* CR0's or CR4's guest/host mask; detail: 0 or 4 */
	NVMX_CAUSE_IO_BITMAP,        /* an I/O bitmap, or that there is none; detail: the port */
	NVMX_CAUSE_MSR_BITMAP,       /* the MSR bitmap, or that there is none; detail: the MSR */
	NVMX_CAUSE_MSR_CLOSED,       /* neither's bitmap: an MSR that may not mean the same to L2 as to L1; detail: the MSR */
	NVMX_CAUSE_VMCS_BITMAP,      /* the VMREAD or VMWRITE bitmap */
	NVMX_CAUSE_XSS_BITMAP,
	NVMX_CAUSE_ENCLS_BITMAP,
	NVMX_CAUSE_EPT,              /* L1's EPT; the host's map of L1's memory (nvmx_host_fault()) */
	NVMX_CAUSE_EVENT,            /* an MTF VM exit that a VM entry of L1's made pending */
	NVMX_CAUSE_HOST_EVENTS,      /* NVMX_HOST_OWNS_INTERRUPTS: interrupts, NMIs, INIT, SIPI, machine checks */
	NVMX_CAUSE_HOST_TIMER,       /* NVMX_HOST_OWNS_TIMER */
	NVMX_CAUSE_L1,               /* it is an exit of L1, not of L2: the host's as ever */
	NVMX_CAUSE_COUNT
};
const char *nvmx_cause_name(unsigned cause);

/* Why an exit is the host's. */
struct nvmx_why {
	uint8_t owner;   /* enum nvmx_owner */
	uint8_t cause;   /* enum nvmx_cause */
	bool shared;     /* L1 asked for it, too: not found to be the host's, it goes to nvmx_reflect() */
	uint32_t detail; /* what the cause says it is */
};
/*
 * After NVMX_HOST of nvmx_handle_exit(): why the exit is the host's.  The current VMCS, with its exit information, and
 * `regs` are unchanged since.  Reads a few fields; changes nothing.
 */
void nvmx_why_host(struct nvmx_vcpu *v, const struct nvmx_regs *regs, struct nvmx_why *why);

#ifdef __cplusplus
}
#endif

#endif
