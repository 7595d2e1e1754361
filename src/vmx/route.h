/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Who gets an event of L2: pure functions of vmcs12 and of the event.  Hardware exits and a host's instruction emulator
 * ask the same function.  Where the answer lies in a bitmap in L1's memory, the caller is told which one to read.
 */
#ifndef NVMX_SRC_ROUTE_H
#define NVMX_SRC_ROUTE_H

#include "../vmcs/vmcs.h"

struct nvmx_route_in {
	uint32_t reason;        /* basic exit reason */
	uint32_t intr_info;     /* for exceptions and NMIs */
	uint32_t intr_error;
	uint64_t qualification;
	uint64_t operand;       /* CR access by MOV: the value of the register; XSAVES, XRSTORS: EDX:EAX & IA32_XSS */
	uint8_t cpl;            /* PAUSE */
	bool hosts_unknown;     /* a reason without a row: vmcs02 has controls of the host's that may cause such */
};

enum nvmx_route {
	NVMX_ROUTE_L1,
	NVMX_ROUTE_L0,           /* L1 did not ask for it: the library or the host handles it */
	NVMX_ROUTE_HOST_FIRST,   /* L1 asked for it; the host, if it did so too, says first whether it is its own */
	NVMX_ROUTE_MSR_BITMAP,   /* ask L1's MSR bitmap: nvmx_msr_bit() */
	NVMX_ROUTE_IO_BITMAP,    /* ask L1's I/O bitmaps for each port of the access */
	NVMX_ROUTE_VMCS_BITMAP,  /* ask L1's VMREAD or VMWRITE bitmap */
	NVMX_ROUTE_ENCLS_BITMAP, /* ask vmcs12's ENCLS-exiting bitmap with EAX */
	NVMX_ROUTE_EPT,          /* the shadow EPT decides */
	NVMX_ROUTE_VMFUNC        /* emulate the VM function */
};

enum nvmx_route nvmx_route(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in);

/* An MTF VM exit that is pending, in a VM-entry event field (SDM 26.6.2). */
static inline bool nvmx_is_mtf(uint32_t event)
{
	return event & NVMX_INTR_VALID && NVMX_INTR_TYPE(event) == NVMX_EVENT_OTHER;
}

/* L2 has run, and vmcs12's event was delivered; but it may be an MTF VM exit that an SMI has put off, and which `waits` in vmcs02: then
 * it still tells that the exit is L1's. */
static inline bool nvmx_event_is_over(const struct nvmx_vmcs12 *v12, uint32_t waits)
{
	return !nvmx_is_mtf(v12->entry_intr_info) || !nvmx_is_mtf(waits);
}

/* Those of routes.def. */
enum nvmx_route_rule {
	NVMX_RULE_UNKNOWN, NVMX_RULE_ALWAYS, NVMX_RULE_EVENT, NVMX_RULE_NEVER, NVMX_RULE_PIN, NVMX_RULE_PROC, NVMX_RULE_PROC2,
	NVMX_RULE_EXCEPTION, NVMX_RULE_CR, NVMX_RULE_IO, NVMX_RULE_MSR, NVMX_RULE_VMCS, NVMX_RULE_MTF, NVMX_RULE_PAUSE,
	NVMX_RULE_EPT, NVMX_RULE_XSS, NVMX_RULE_ENCLS, NVMX_RULE_VMFUNC
};

/* Whether the exit is L1's, whatever else may be known of it: the frequent ones of rule ALWAYS, without a look at the table. */
static inline bool nvmx_route_always(uint32_t reason)
{
	const uint64_t always = 0
#define R(NAME, rule, bits, asks) \
		| (uint64_t)(NVMX_XR_##NAME < 64 && NVMX_RULE_##rule == NVMX_RULE_ALWAYS) << (NVMX_XR_##NAME & 63)
#include "routes.def"
	;

	return reason < 64 && always >> reason & 1;
}

/* Rule EPT. */
static inline bool nvmx_route_ept(const struct nvmx_vmcs12 *v12)
{
	return nvmx_v12_proc2(v12) & NVMX_PROC2_EPT;
}

/* routes.def, for the documentation and the tests; a reason without a row has no name. */
struct nvmx_route_row {
	const char *name; /* as in enum nvmx_exit_reason */
	const char *asks;
	uint8_t rule;
	uint32_t bits;
};
const struct nvmx_route_row *nvmx_route_row(uint32_t reason);
/* Whether the exit cannot be asked for by what L1 is offered. */
bool nvmx_route_never(const struct nvmx_route_row *row);

/* asked.c: who gets the exit of L2 that vmcs02 (current) tells of; in->reason is set, the rest is read.  Never HOST_FIRST: that is
 * decided too, and L0 is the host in that case. */
struct nvmx_vcpu;
struct nvmx_regs;
enum nvmx_route nvmx_route_exit(struct nvmx_vcpu *v, const struct nvmx_regs *regs, struct nvmx_route_in *in);

/* Position of an MSR in the 4-KiB MSR bitmap (SDM 24.6.9): its bit number, or -1 if it has none (always exits). */
int nvmx_msr_bit(uint32_t msr, bool write);

/* The I/O exit qualification (SDM 27.2.1): port and number of bytes. */
static inline uint32_t nvmx_io_port(uint64_t qualification)
{
	return (uint32_t)(qualification >> 16) & 0xffffu;
}

static inline uint32_t nvmx_io_size(uint64_t qualification)
{
	return ((uint32_t)qualification & 7u) + 1;
}

#endif
