/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Which control or bitmap of vmcs01 or vmcs12 makes L2 exit: pure functions over the rows of routes.def.
 */
#include "why.h"

static void set(struct nvmx_why *why, enum nvmx_cause cause, uint32_t detail)
{
	why->cause = (uint8_t)cause;
	why->detail = detail;
}

/* The lowest of `bits` that is on in the asker's word. */
static bool control(const struct nvmx_asker *a, enum nvmx_word w, uint64_t bits, struct nvmx_why *why)
{
	uint64_t on = (w == NVMX_WORD_PROC3 ? a->proc3 : a->ctl[w]) & bits;

	if (!on)
		return false;
	set(why, NVMX_CAUSE_CONTROL, (uint32_t)w << 8 | (uint32_t)__builtin_ctzll(on));
	return true;
}

/* Exits of rule NEVER: the control of the host's behind each.  Those that are not here have none (SDM 34.15, 26.9). */
static const struct {
	uint8_t reason, word;
	uint64_t bit;
} hosts_controls[] = {
	{ NVMX_XR_PML_FULL, NVMX_WORD_PROC2, NVMX_PROC2_PML },
	{ NVMX_XR_PCONFIG, NVMX_WORD_PROC2, NVMX_PROC2_PCONFIG },
	{ NVMX_XR_SPP, NVMX_WORD_PROC2, NVMX_PROC2_SPP },
	{ NVMX_XR_LOADIWKEY, NVMX_WORD_PROC3, NVMX_PROC3_LOADIWKEY },
	{ NVMX_XR_ENCLV, NVMX_WORD_PROC2, NVMX_PROC2_ENCLV },
	{ NVMX_XR_ENQCMD, NVMX_WORD_PROC2, NVMX_PROC2_PASID },
	{ NVMX_XR_ENQCMDS, NVMX_WORD_PROC2, NVMX_PROC2_PASID },
	{ NVMX_XR_BUS_LOCK, NVMX_WORD_PROC2, NVMX_PROC2_BUS_LOCK },
	{ NVMX_XR_NOTIFY, NVMX_WORD_PROC2, NVMX_PROC2_NOTIFY },
	{ NVMX_XR_RDMSRLIST, NVMX_WORD_PROC3, NVMX_PROC3_MSR_LISTS },
	{ NVMX_XR_WRMSRLIST, NVMX_WORD_PROC3, NVMX_PROC3_MSR_LISTS },
};

static bool never(const struct nvmx_asker *a, uint32_t reason, struct nvmx_why *why)
{
	for (unsigned i = 0; i < sizeof(hosts_controls) / sizeof(*hosts_controls); i++)
		if (hosts_controls[i].reason == reason)
			return control(a, (enum nvmx_word)hosts_controls[i].word, hosts_controls[i].bit, why);
	return false;
}

static bool exception(const struct nvmx_asker *a, const struct nvmx_route_in *in, struct nvmx_why *why)
{
	unsigned vector = in->intr_info & 31u;

	if (NVMX_INTR_TYPE(in->intr_info) == NVMX_EVENT_NMI)
		return control(a, NVMX_WORD_PIN, NVMX_PIN_NMI, why);
	if (vector == NVMX_VECTOR_PF && a->pf_match) {
		set(why, NVMX_CAUSE_PF_MATCH, in->intr_error);
		return true;
	}
	set(why, NVMX_CAUSE_EXCEPTION_BITMAP, vector);
	return a->exceptions >> vector & 1;
}

/* A TPR that is virtual for L1 and not for L2 makes the accesses of L2 exit, too. */
static bool cr8(const struct nvmx_asker *a, uint32_t exiting, struct nvmx_why *why)
{
	return control(a, NVMX_WORD_PROC, exiting, why) || control(a, NVMX_WORD_PROC, NVMX_PROC_TPR_SHADOW, why);
}

static bool cr(const struct nvmx_asker *a, const struct nvmx_route_in *in, struct nvmx_why *why)
{
	unsigned number = in->qualification & 15, type = in->qualification >> 4 & 3;

	if (type < 2 && number == 3)
		return control(a, NVMX_WORD_PROC, type ? NVMX_PROC_CR3_STORE : NVMX_PROC_CR3_LOAD, why);
	if (type < 2 && number == 8)
		return cr8(a, type ? NVMX_PROC_CR8_STORE : NVMX_PROC_CR8_LOAD, why);
	set(why, NVMX_CAUSE_CR_MASK, type < 2 ? number : 0);
	return number == 4 && type < 2 ? a->cr4_mask : a->cr0_mask;
}

static bool bitmap(struct nvmx_why *why, enum nvmx_cause cause, uint32_t detail)
{
	set(why, cause, detail);
	return true;
}

bool nvmx_cause_of(const struct nvmx_asker *a, const struct nvmx_route_in *in, uint32_t operand, struct nvmx_why *why)
{
	const struct nvmx_route_row *row = nvmx_route_row(in->reason);

	set(why, NVMX_CAUSE_NONE, 0);
	switch (row->rule) {
	case NVMX_RULE_ALWAYS:
	case NVMX_RULE_EVENT: return bitmap(why, NVMX_CAUSE_ALWAYS, 0);
	case NVMX_RULE_NEVER: return never(a, in->reason, why);
	case NVMX_RULE_PIN: return control(a, NVMX_WORD_PIN, row->bits, why);
	case NVMX_RULE_PROC: return control(a, NVMX_WORD_PROC, row->bits, why);
	case NVMX_RULE_PROC2: return control(a, NVMX_WORD_PROC2, row->bits, why);
	case NVMX_RULE_EXCEPTION: return exception(a, in, why);
	case NVMX_RULE_CR: return cr(a, in, why);
	case NVMX_RULE_IO:
		return a->ctl[NVMX_WORD_PROC] & NVMX_PROC_IO_BITMAPS ? bitmap(why, NVMX_CAUSE_IO_BITMAP, operand)
								     : control(a, NVMX_WORD_PROC, NVMX_PROC_UNCOND_IO, why);
	case NVMX_RULE_MSR: return bitmap(why, NVMX_CAUSE_MSR_BITMAP, operand);
	case NVMX_RULE_VMCS:
		return bitmap(why, a->ctl[NVMX_WORD_PROC2] & NVMX_PROC2_SHADOW_VMCS ? NVMX_CAUSE_VMCS_BITMAP : NVMX_CAUSE_ALWAYS, 0);
	case NVMX_RULE_MTF:
		return control(a, NVMX_WORD_PROC, NVMX_PROC_MTF, why) || (a->mtf_event && bitmap(why, NVMX_CAUSE_EVENT, 0));
	case NVMX_RULE_PAUSE:
		return control(a, NVMX_WORD_PROC, NVMX_PROC_PAUSE, why) ||
		       control(a, NVMX_WORD_PROC2, NVMX_PROC2_PAUSE_LOOP, why);
	case NVMX_RULE_EPT: return bitmap(why, NVMX_CAUSE_EPT, 0);
	case NVMX_RULE_XSS:
		return a->ctl[NVMX_WORD_PROC2] & NVMX_PROC2_XSAVES && bitmap(why, NVMX_CAUSE_XSS_BITMAP, 0);
	case NVMX_RULE_ENCLS:
		return a->ctl[NVMX_WORD_PROC2] & NVMX_PROC2_ENCLS && bitmap(why, NVMX_CAUSE_ENCLS_BITMAP, 0);
	case NVMX_RULE_VMFUNC: return control(a, NVMX_WORD_PROC2, NVMX_PROC2_VMFUNC, why);
	default: return false;
	}
}

void nvmx_asker_of_vmcs12(const struct nvmx_vmcs12 *v12, const struct nvmx_route_in *in, struct nvmx_asker *a)
{
	*a = (struct nvmx_asker){
		.ctl = { v12->pin_ctls, v12->proc_ctls, nvmx_v12_proc2(v12) },
		.exceptions = v12->exception_bitmap,
		.pf_match = (in->intr_error & v12->pf_ec_mask) != v12->pf_ec_match,
		.mtf_event = v12->entry_intr_info & NVMX_INTR_VALID,
		.cr0_mask = v12->cr0_mask, .cr4_mask = v12->cr4_mask,
	};
}

bool nvmx_cause_in_vmcs02(const struct nvmx_route_in *in, struct nvmx_why *why)
{
	static const uint8_t word[] = {
		[NVMX_RULE_PIN] = NVMX_WORD_PIN, [NVMX_RULE_PROC] = NVMX_WORD_PROC, [NVMX_RULE_PROC2] = NVMX_WORD_PROC2,
		[NVMX_RULE_MTF] = NVMX_WORD_PROC,
	};
	const struct nvmx_route_row *row = nvmx_route_row(in->reason);
	uint32_t bits = row->rule == NVMX_RULE_MTF ? NVMX_PROC_MTF : row->bits;

	if (!bits)
		return false;
	set(why, NVMX_CAUSE_CONTROL_02, (uint32_t)word[row->rule] << 8 | (uint32_t)__builtin_ctz(bits));
	return true;
}

const char *nvmx_cause_name(unsigned cause)
{
	static const char *const names[NVMX_CAUSE_COUNT] = {
		[NVMX_CAUSE_NONE] = "unknown",
		[NVMX_CAUSE_ALWAYS] = "unconditional",
		[NVMX_CAUSE_CONTROL] = "control",
		[NVMX_CAUSE_CONTROL_02] = "control of vmcs02's own",
		[NVMX_CAUSE_EXCEPTION_BITMAP] = "exception bitmap",
		[NVMX_CAUSE_PF_MATCH] = "page-fault mask and match",
		[NVMX_CAUSE_CR_MASK] = "guest/host mask",
		[NVMX_CAUSE_IO_BITMAP] = "I/O bitmap",
		[NVMX_CAUSE_MSR_BITMAP] = "MSR bitmap",
		[NVMX_CAUSE_MSR_CLOSED] = "MSR not open to L2",
		[NVMX_CAUSE_VMCS_BITMAP] = "VMREAD or VMWRITE bitmap",
		[NVMX_CAUSE_XSS_BITMAP] = "XSS-exiting bitmap",
		[NVMX_CAUSE_ENCLS_BITMAP] = "ENCLS-exiting bitmap",
		[NVMX_CAUSE_EPT] = "EPT",
		[NVMX_CAUSE_EVENT] = "injected MTF",
		[NVMX_CAUSE_HOST_EVENTS] = "host owns interrupts",
		[NVMX_CAUSE_HOST_TIMER] = "host owns the timer",
		[NVMX_CAUSE_L1] = "exit of L1",
	};

	return cause < NVMX_CAUSE_COUNT ? names[cause] : (const char *)0;
}
