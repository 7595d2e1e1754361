/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Hyper-V's flush hypercalls: <nestvmx/hyperv.h>.  TLFS is Hyper-V's Top Level Functional Specification.  The parameters are in memory
 * that L1 may change meanwhile: each word is read once, and judged then.
 */
#include "../ept/ept.h"
#include "../vmcs/values.h"
#include "invept.h"
#include <nestvmx/hyperv.h>

/* The hypercall input value (TLFS, Hypercall Interface). */
#define CODE(input) ((input) & 0xffff)
#define FAST NVMX_BIT64(16)
#define REPS(input) ((unsigned)((input) >> 32) & 0xfff)
#define START(input) ((unsigned)((input) >> 48) & 0xfff)
#define REPS_AND_START 0x0fff0fff00000000ull
#define RESERVED (~(0xffffull | FAST | REPS_AND_START)) /* with the variable header size, which neither call has */

#define HEADER 16u   /* bytes: address space, flags */
#define ELEMENT 8u

/* An element of the list (TLFS, HV_GPA_PAGE_RANGE). */
#define MORE_PAGES(element) ((element) & 0x7ff)
#define IS_LARGE NVMX_BIT64(11)

struct call {
	uint64_t input, space, flags;
	const uint64_t *page; /* with the parameters, or NULL */
	uint64_t gpa;
	unsigned done;        /* elements, those before the start index included */
};

static bool is_list(uint64_t input)
{
	return CODE(input) == NVMX_HV_FLUSH_LIST;
}

static unsigned judge_input(const struct nvmx_caps *caps, uint64_t input)
{
	if ((CODE(input) != NVMX_HV_FLUSH_SPACE && !is_list(input)) || !(nvmx_caps_get(caps, NVMX_MSR_VMX_EPT_VPID_CAP) & NVMX_EPT_INVEPT))
		return NVMX_HV_INVALID_CODE;
	if (input & RESERVED)
		return NVMX_HV_INVALID_INPUT;
	if (is_list(input))
		return input & FAST || START(input) >= REPS(input) ? NVMX_HV_INVALID_INPUT : NVMX_HV_SUCCESS;
	return input & REPS_AND_START ? NVMX_HV_INVALID_INPUT : NVMX_HV_SUCCESS;
}

static bool is_aligned(uint64_t input, uint64_t gpa)
{
	uint64_t size = HEADER + (is_list(input) ? ELEMENT * REPS(input) : 0u);

	return !(gpa & 7) && (gpa & 0xfff) + size <= 0x1000;
}

static uint64_t parameter(const struct call *c, unsigned at)
{
	return __atomic_load_n(c->page + ((c->gpa & 0xfff) + at) / 8, __ATOMIC_RELAXED);
}

/* The elements from the start index on, up to the first that is invalid. */
static unsigned name_list(struct call *c, struct nvmx_ept_named *named)
{
	unsigned n = REPS(c->input);

	for (c->done = START(c->input); c->done < n; c->done++) {
		uint64_t element = parameter(c, HEADER + ELEMENT * c->done);
		struct nvmx_ept_range r = { c->space, element & ~0xfffull, (element | 0xfff) + (MORE_PAGES(element) << 12) };

		if (r.end < r.gpa)
			return NVMX_HV_INVALID_PARAMETER;
		if (element & IS_LARGE) {
			r.gpa = 0;
			r.end = ~0ull;
		}
		nvmx_ept_name(named, &r);
	}
	return NVMX_HV_SUCCESS;
}

static unsigned name(const struct nvmx_caps *caps, struct call *c, struct nvmx_ept_named *named)
{
	struct nvmx_ept_range all = { .end = ~0ull };

	if (c->page) {
		c->space = parameter(c, 0);
		c->flags = parameter(c, 8);
	}
	if (c->space >> caps->maxphyaddr || c->flags)
		return NVMX_HV_INVALID_PARAMETER;
	c->space &= ~0xfffull;
	if (is_list(c->input))
		return name_list(c, named);
	all.space = c->space;
	nvmx_ept_name(named, &all);
	return NVMX_HV_SUCCESS;
}

/* The parameters, in registers or in memory.  False: they are not at hand. */
static bool read_parameters(struct nvmx_vcpu *v, struct call *c, struct nvmx_ept_named *named, unsigned *status)
{
	uint64_t frame = c->gpa & ~0xfffull, *page = NULL;

	if (!(c->input & FAST)) {
		if (is_aligned(c->input, c->gpa))
			page = nvmx_map(v, frame, false);
		if (v->not_now) {
			v->not_now = false; /* the host knows */
			return false;
		}
		if (!page) {
			*status = NVMX_HV_INVALID_ALIGNMENT;
			return true;
		}
	}
	c->page = page;
	*status = name(&v->vm->caps, c, named);
	if (page)
		nvmx_unmap(v, frame, page, false);
	return true;
}

int nvmx_hv_flush_guest_mapping(struct nvmx_vcpu *v, uint64_t input, uint64_t first, uint64_t second, uint64_t *result)
{
	struct call c = { .input = input, .space = first, .flags = second, .gpa = first };
	unsigned status = v->in_l2 ? NVMX_HV_OPERATION_DENIED : judge_input(&v->vm->caps, input);
	struct nvmx_ept_named named = { 0 };

	if (!status && !read_parameters(v, &c, &named, &status))
		return 2;
	if (named.n && !nvmx_ept_invept_everywhere(v, &named)) {
		c.done = START(input);
		status = NVMX_HV_OPERATION_DENIED;
	} else {
		v->counters[NVMX_CNT_HV_FLUSH] += named.n != 0;
	}
	*result = status | (uint64_t)c.done << 32;
	return 0;
}
