/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * How the library tells an embedder what is wrong with what it was given.
 *
 * A call that can refuse something returns NVMX_OK or a negative enum nvmx_error: the kind of fault, for a program that decides
 * what to do.  It also fills a struct nvmx_error_info, whose `refusal` is the rule that was broken, for a program that wants to
 * know exactly, and of which nvmx_describe_error() makes one line for people: the value's name, what was found there, and what is
 * expected.  Nothing is done by halves: a call that refuses has changed nothing but the memory block that it was given.
 *
 * Every rule is a row of <nestvmx/refusals.def>; those for vmcs01 are in <nestvmx/vmcs01.def>, which is to be read as the list
 * of what vmcs01 must hold.  Numbers of errors and of rules are stable: a rule that goes leaves its number unused.
 */
#ifndef NESTVMX_ERROR_H
#define NESTVMX_ERROR_H

#include <nestvmx/version.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call returns. */
enum nvmx_error {
	NVMX_OK = 0,
	NVMX_ERR_ABI = -1,        /* a table or structure of another version of the headers, or of a size that none has */
	NVMX_ERR_OP_MISSING = -2, /* an op that this configuration needs is NULL */
	NVMX_ERR_CAPS = -3,       /* the processor's capabilities contradict themselves, or lack what nested VMX needs */
	NVMX_ERR_CONFIG = -4,     /* a value of a configuration is out of range, or contradicts another */
	NVMX_ERR_MEMORY = -5,     /* the host has no page; everything was right, and may be tried again */
	NVMX_ERR_VMCS01 = -6,     /* vmcs01 lacks what the library relies on, or has on what vmcs02 cannot keep */
	NVMX_ERR_ANSWER = -7,     /* an op answered what <nestvmx/host.h> rules out */
	NVMX_ERR_ARGUMENT = -8,   /* a block of memory, or an object, that was handed to the call itself */
	NVMX_ERR_GUEST = -9,      /* nothing of the host's: L1 has ended itself (nvmx_stop_info()) */
	NVMX_ERR_STATE = -10,     /* saved state that none can have, or of another configuration */
	NVMX_ERR_IN_L2 = -11,     /* nvmx_vmcs01_changed() while L2 is current, or waits for the end of SMM */
	NVMX_ERR_AGAIN = -12,     /* map, pin or translate has answered "not now": nothing has changed, the call is to be made again */
	NVMX_ERR_STOPPED = -13    /* the vCPU was stopped (nvmx_stop_info()) */
};

/* The rules: NVMX_REFUSED_<NAME>. */
enum nvmx_refusal {
	NVMX_REFUSED_NOTHING = 0,
#define NVMX_R(number, NAME, error, line) NVMX_REFUSED_##NAME = (number),
#include <nestvmx/refusals.def>
#define NVMX_V(number, NAME, FIELD, ones, when, why) NVMX_REFUSED_VMCS01_##NAME = (number),
#include <nestvmx/vmcs01.def>
	NVMX_REFUSALS_END = 1000
};

/* What a call refused, and why. */
struct nvmx_error_info {
	int error;             /* enum nvmx_error: what the call returned */
	unsigned refusal;      /* enum nvmx_refusal: the rule */
	const char *name;      /* which of several the rule is about (an op, a control, "hw" or "limit"), or NULL.  Static */
	uint32_t about;        /* likewise the number of an MSR */
	uint64_t found, expected; /* in the rule's terms: the line says which */
};

/*
 * Writes the line for *info, with a NUL, into buf[0..size), cut off where that is too short.  Returns its whole length without
 * the NUL, whatever `size` is; NVMX_DESCRIBE_MAX holds each.  `info` may be what any call filled, or one whose `refusal` is 0
 * ("no error").  Pure; any context.
 */
#define NVMX_DESCRIBE_MAX 256u
size_t nvmx_describe_error(char *buf, size_t size, const struct nvmx_error_info *info);
/* "SHADOW_EPT_PAGES": the rule's name in <nestvmx/refusals.def>, for a log that a program reads; NULL: no such rule.  Pure. */
const char *nvmx_refusal_name(unsigned refusal);

#ifdef __cplusplus
}
#endif

#endif
