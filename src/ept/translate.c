/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A guest-physical address of L2 for a host that emulates its instruction: EPT12 as the processor would use it. */
#include "walk.h"

#define WALKS 8 /* how often a walk starts again because L1 changed an entry under it */
#define QUAL_LINEAR 0x180ull

static int cause(struct nvmx_l2_exit *exit, uint32_t reason, uint64_t gpa2, uint64_t qualification)
{
	*exit = (struct nvmx_l2_exit){ .reason = reason, .qualification = qualification, .physical = gpa2 };
	return -1;
}

static uint64_t qualification_of(const struct nvmx_ept_rules *r, unsigned access, uint64_t rights)
{
	rights &= NVMX_EPTE_R | NVMX_EPTE_W | r->execute;
	return (access & 7) | (rights & 7) << 3 | (rights & NVMX_EPTE_XU ? NVMX_BIT64(6) : 0) | QUAL_LINEAR;
}

/* The rights that an access needs: of execution there are two with mode-based execute control (28.3.3.2). */
static uint64_t needed(const struct nvmx_ept_rules *r, unsigned access)
{
	uint64_t rights = access & (NVMX_ACCESS_R | NVMX_ACCESS_W);

	if (!(access & NVMX_ACCESS_X))
		return rights;
	return rights | (access & NVMX_ACCESS_USER && r->execute & NVMX_EPTE_XU ? NVMX_EPTE_XU : NVMX_EPTE_X);
}

static int use(struct nvmx_vcpu *v, const struct nvmx_ept_rules *r, struct nvmx_ept_walk *w, bool pml, uint64_t gpa2,
	       unsigned access, struct nvmx_l2_exit *exit)
{
	if (w->kind == NVMX_EPT_MISCONFIGURED)
		return cause(exit, NVMX_XR_EPT_MISCONFIG, gpa2, 0);
	if (w->kind == NVMX_EPT_ABSENT || needed(r, access) & ~w->rights)
		return cause(exit, NVMX_XR_EPT_VIOLATION, gpa2,
			     qualification_of(r, access, w->kind == NVMX_EPT_ABSENT ? 0 : w->rights));
	if (!r->ad)
		return 0;
	switch (nvmx_ept_walk_flags(v, w, gpa2, access & NVMX_ACCESS_W, pml)) {
	case NVMX_EPT_FLAGS_LOG_FULL:
		return cause(exit, NVMX_XR_PML_FULL, gpa2, 0);
	case NVMX_EPT_FLAGS_AGAIN:
		return 1;
	case NVMX_EPT_FLAGS_NOT_NOW:
		return 2;
	default:
		return 0;
	}
}

int nvmx_ept_use(struct nvmx_vcpu *v, uint64_t gpa2, unsigned access, uint64_t *gpa1, struct nvmx_l2_exit *exit)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	uint64_t role12 = nvmx_ept_role(v12);
	struct nvmx_ept_rules rules;
	struct nvmx_ept_walk w;
	int error = 1;

	*gpa1 = gpa2;
	if (!(nvmx_v12_proc2(v12) & NVMX_PROC2_EPT))
		return 0;
	nvmx_ept_rules_init(&rules, &v->vm->caps, role12 & NVMX_EPT_ROLE_MODE_EXEC, role12 & NVMX_EPTP_AD);
	if (NVMX_EPTP_WALK(role12) == 4 && gpa2 >> 48)
		return cause(exit, NVMX_XR_EPT_VIOLATION, gpa2, qualification_of(&rules, access, 0));
	for (unsigned i = 0; i < WALKS && error == 1; i++) {
		nvmx_ept_walk_begin(v, &rules, role12, gpa2, &w);
		error = v->not_now ? 2 : use(v, &rules, &w, role12 & NVMX_EPT_ROLE_PML, gpa2, access, exit);
		if (!error)
			*gpa1 = w.gpa1;
		nvmx_ept_walk_end(v, &w);
	}
	return error;
}

int nvmx_l2_translate(struct nvmx_vcpu *v, uint64_t gpa2, unsigned access, uint64_t *gpa1, struct nvmx_l2_exit *exit)
{
	int answer = nvmx_ept_use(v, gpa2, access, gpa1, exit);

	v->not_now = false; /* the host knows */
	return answer;
}
