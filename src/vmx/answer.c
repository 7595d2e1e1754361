/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Answers of ops that cost nothing to check: those that <nestvmx/host.h> rules out stop the vCPU. */
#include "../ept/ept.h"
#include "../refuse.h"
#include "trace.h"

#define PAGE 4096u

void nvmx_stop_refused(struct nvmx_vcpu *v, enum nvmx_stop why, const struct nvmx_error_info *info)
{
	if (v->stop) /* the first one counts */
		return;
	v->stop = why;
	v->stop_detail = why == NVMX_STOP_CONTROL ? info->refusal : info->found;
	v->stop_info = *info;
	NVMX_TRACE(v, STOP, why, v->stop_detail, 0);
}

static void refuse_answer(struct nvmx_vcpu *v, unsigned rule, uint64_t found, uint64_t expected)
{
	struct nvmx_error_info info;

	nvmx_refuse(&info, rule, found, expected);
	nvmx_stop_refused(v, NVMX_STOP_HOST_OP, &info);
}

bool nvmx_vector_sound(struct nvmx_vcpu *v, const char *op, int vector)
{
	struct nvmx_error_info info;

	if (vector >= 0 && vector <= 255)
		return true;
	nvmx_refuse_named(&info, NVMX_REFUSED_VECTOR, op, (unsigned)vector, 255);
	nvmx_stop_refused(v, NVMX_STOP_HOST_OP, &info);
	return false;
}

/* The last frame of the processor's physical addresses. */
static uint64_t last_frame(const struct nvmx_vcpu *v)
{
	return ((1ull << v->vm->hw.maxphyaddr) - 1) & ~(uint64_t)(PAGE - 1);
}

static bool bad_frame(const struct nvmx_vcpu *v, uint64_t hpa)
{
	return hpa & (PAGE - 1) || hpa > last_frame(v);
}

void *nvmx_page_alloc(struct nvmx_vcpu *v, uint64_t *hpa)
{
	void *page = v->ops->page_alloc(v->host, hpa);

	if (!page)
		return NULL;
	if (!((uintptr_t)page & (PAGE - 1)) && !bad_frame(v, *hpa))
		return page;
	if ((uintptr_t)page & (PAGE - 1))
		refuse_answer(v, NVMX_REFUSED_PAGE_POINTER, (uintptr_t)page, PAGE);
	else
		refuse_answer(v, NVMX_REFUSED_PAGE_ADDRESS, *hpa, last_frame(v));
	v->ops->page_free(v->host, page, *hpa);
	return NULL;
}

int nvmx_pin_frame(struct nvmx_vcpu *v, uint64_t gpa, uint64_t *hpa)
{
	int answer = v->ops->pin(v->host, gpa, hpa);

	if (answer)
		return answer;
	if (!bad_frame(v, *hpa)) {
		nvmx_ept_watch_pin(v->vm, gpa);
		return 0;
	}
	refuse_answer(v, NVMX_REFUSED_PIN_ADDRESS, *hpa, last_frame(v));
	v->ops->unpin(v->host, gpa, *hpa);
	return -1;
}

bool nvmx_xlate_sound(struct nvmx_vcpu *v, uint64_t gpa, unsigned access, const struct nvmx_xlate *x)
{
	uint64_t last = last_frame(v) | (PAGE - 1);
	unsigned asked = access & NVMX_ACCESS_RWX;

	if (x->page_shift != 12 && x->page_shift != 21 && x->page_shift != 30)
		refuse_answer(v, NVMX_REFUSED_XLATE_SHIFT, x->page_shift, 12);
	else if (x->hpa > last)
		refuse_answer(v, NVMX_REFUSED_XLATE_ADDRESS, x->hpa, last);
	else if ((x->hpa ^ gpa) & (PAGE - 1))
		refuse_answer(v, NVMX_REFUSED_XLATE_OFFSET, x->hpa, gpa);
	else if (asked & ~x->rights)
		refuse_answer(v, NVMX_REFUSED_XLATE_RIGHTS, x->rights, asked);
	else if (x->memtype > 6 || x->memtype == 2 || x->memtype == 3)
		refuse_answer(v, NVMX_REFUSED_XLATE_MEMTYPE, x->memtype, 6);
	else
		return true;
	return false;
}
