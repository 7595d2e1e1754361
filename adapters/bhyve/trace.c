/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be watched: DTrace probes vmm:nested:trace:NAME of the library's records (<nestvmx/trace.h>), and its counters among the
 * statistics of a vCPU (bhyvectl --get-stats).
 */
#include "bhyve.h"

#define RECORDS(R) \
	R(ENTRY_REFUSED, entry_refused) R(ENTRY_FAILED, entry_failed) R(EXIT, exit) R(ROUTE, route) R(CHECK, check) \
	R(ENTER, enter) R(LEAVE, leave) R(FILL, fill) R(INVEPT, invept) R(INVVPID, invvpid) R(MSR_LIST, msr_list) R(STOP, stop)

#define DEFINE(NAME, name) \
	SDT_PROBE_DEFINE5(vmm, nested, trace, name, "struct vm *", "int", "uint64_t", "uint64_t", "uint64_t");
RECORDS(DEFINE)

void nest_op_trace(struct nvmx_host *h, unsigned what, uint64_t a, uint64_t b, uint64_t c)
{
	struct vmx_vcpu *vcpu __unused = nest_of_host(h)->vcpu;

	switch (what) {
#define FIRE(NAME, name) \
	case NVMX_TRACE_##NAME: \
		SDT_PROBE5(vmm, nested, trace, name, vcpu->vmx->vm, vcpu->vcpuid, a, b, c); \
		break;
	RECORDS(FIRE)
	default:
		break;
	}
}

/* Records cost nothing while nobody has a probe on. */
void nest_trace_follow(struct nest *n)
{
	nvmx_trace_select(n->v, SDT_PROBES_ENABLED() ? NVMX_TRACE_ALL : 0);
}

#define COUNTERS(C) \
	C(ENTRY, "nested: vm entries of L1 into L2") C(ENTRY_FAIL, "nested: vm entries that failed a check") \
	C(EXIT_TO_L1, "nested: vm exits of L2 to L1") C(EXIT_L0, "nested: vm exits of L2 handled without L1") \
	C(EXIT_HOST, "nested: vm exits of L2 handled by bhyve") C(INSTR, "nested: vmx instructions emulated") \
	C(EPT_PAGES, "nested: pages of the shadow ept") C(EPT_FILL, "nested: shadow ept entries made") \
	C(EPT_FAULT, "nested: ept violations of L2 answered") C(AGAIN, "nested: waits for a page of L1's")

static void count(struct vcpu *vcpu, struct vmm_stat_type *stat);

#define DEFINE_STAT(NAME, text) static VMM_STAT_FUNC(NESTED_##NAME, text, count);
COUNTERS(DEFINE_STAT)

/* vmm_stat_copy(), for whoever reads the statistics. */
static void count(struct vcpu *vcpu, struct vmm_stat_type *stat)
{
	static const struct {
		struct vmm_stat_type *stat;
		enum nvmx_counter counter;
	} all[] = {
#define ROW(NAME, text) { NESTED_##NAME, NVMX_CNT_##NAME },
		COUNTERS(ROW)
	};
	struct vmx_vcpu *v = vmm_is_intel() ? nest_cookie(vcpu) : NULL;
	u_int i;

	if (v == NULL || v->nest == NULL)
		return;
	for (i = 0; i < nitems(all); i++)
		if (all[i].stat == stat)
			vmm_stat_set(vcpu, stat, nvmx_counter(v->nest->v, all[i].counter));
}
